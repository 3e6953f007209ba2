"""Sums, products and powers of SymPy's, of any number of terms, as the operators that a person would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any, NoReturn

from graphc.errors import ConversionError, brief_text
from graphc.frontend.interop.sympy import is_long, sympy
from graphc.ir.expr import Expr, apply, constant, current_site
from graphc.ir.op import lookup
from graphc.ops.comparison import where

Build = Callable[[list[Expr]], Expr]
"""Converted parts → the node made of them."""

Plan = tuple[Sequence[Any], Build]
"""The SymPy expressions a node is made of, and how."""


def unsupported(node: Any, why: str, hint: str | None = None) -> NoReturn:
    raise ConversionError(
        f"SymPy's {show(node)} cannot become an expression: {why}", site=current_site(), hint=hint
    )


def show(node: Any) -> str:
    """A SymPy expression in a message: short ones as they print, long ones by their kind."""
    count, stack = 0, [node]
    while stack:
        count, item = count + 1, stack.pop()
        if count > 60 or is_long(item):  # too large to print, or to be of help
            return type(node).__name__
        stack.extend(getattr(item, "args", ()))
    shown = brief_text(node, 100)  # not all that SymPy builds can be printed
    return shown if len(shown) <= 80 else shown[:79] + "…"


def plan_of_sum(node: Any) -> Plan:
    """Positive terms first, then the negative ones subtracted; of each kind the number last."""
    S = sympy()
    ordered = sorted(node.args, key=lambda term: term.is_Number)  # stable: terms keep SymPy's order
    terms = [_factors(term) if isinstance(term, S.Mul) else _signed(term) for term in ordered]
    terms.sort(key=lambda term: term[0])
    parts = [part for _, above, below in terms for part in (*above, *below)]

    def build(operands: list[Expr]) -> Expr:
        rest = iter(operands)
        total: Any = None
        for negative, above, below in terms:
            term = _quotient([next(rest) for _ in above], [next(rest) for _ in below])
            total = (
                (-term if negative else term) if total is None else total - term if negative else total + term
            )
        return total

    return parts, build


Factors = tuple[bool, list[Any], list[Any]]
"""A product as (whether it is negated, numerators, denominators)."""


def _signed(term: Any) -> Factors:
    return (True, [-term], []) if term.is_Number and term.is_negative else (False, [term], [])


def _factors(node: Any) -> Factors:
    S = sympy()
    negative, above, below = False, [], []
    for factor in node.args:
        if isinstance(factor, S.Rational):
            negative ^= factor.p < 0
            above_it, below_it = abs(factor.p), factor.q
            if above_it != 1 and below_it & (below_it - 1) == 0:  # a float, exactly: 1.5·x rather than 3·x/2
                above_it, below_it = abs(factor), 1
            if above_it != 1:
                above.append(S.Rational(above_it))
            if below_it != 1:
                below.append(S.Integer(below_it))
        elif factor.is_Number and factor.is_negative:
            negative = not negative
            above.append(-factor)
        elif isinstance(factor, S.Pow) and factor.exp.is_Number and factor.exp.is_negative:
            below.append(factor.base if factor.exp == -1 else S.Pow(factor.base, -factor.exp, evaluate=False))
        else:
            above.append(factor)
    return negative, above, below


def plan_of_product(node: Any) -> Plan:
    negative, above, below = _factors(node)
    if negative and (not above or above[0].is_Number):  # −2·x rather than −(2·x)
        above = [-above[0], *above[1:]] if above else [sympy().Integer(-1)]
        negative = False

    def build(operands: list[Expr]) -> Expr:
        value = _quotient(operands[: len(above)], operands[len(above) :])
        return -value if negative else value

    return [*above, *below], build


def _quotient(above: list[Expr], below: list[Expr]) -> Expr:
    if not below:
        return reduce(lambda a, b: a * b, above) if above else constant(1.0)
    denominator = reduce(lambda a, b: a * b, below)
    return (reduce(lambda a, b: a * b, above) if above else 1) / denominator


def plan_of_power(node: Any) -> Plan:
    S = sympy()
    base, exponent = node.args
    if base is S.E:
        return [exponent], lambda parts: apply(lookup("exp"), *parts)
    if exponent.is_Number and exponent.is_negative:
        if exponent == -1:
            return [base], lambda parts: 1 / parts[0]
        return [S.Pow(base, -exponent, evaluate=False)], lambda parts: 1 / parts[0]
    if exponent == S.Rational(1, 2):
        return [base], lambda parts: apply(lookup("sqrt"), *parts)
    if exponent == S.Rational(1, 3) and isinstance(base, S.Abs):
        return [base], lambda parts: apply(lookup("cbrt"), *parts)
    return [base, exponent], lambda parts: apply(lookup("pow"), *parts)


def plan_of_polygamma(node: Any) -> Plan:
    order, x = node.args
    if not order.is_Integer:
        return node.args, lambda parts: apply(lookup("polygamma"), *parts)
    if order.p == 0:
        return [x], lambda parts: apply(lookup("digamma"), *parts)
    if not 0 < order.p < 2**31:
        unsupported(node, "its order is not a whole number from 0 on")
    return [x], lambda parts: apply(lookup("polygamma"), constant(order.p), *parts)


MOST_TERMS = 10_000
"""Terms of a finite sum or product that are written out."""


SCIPY_NAMES = {
    "besselj": "jv", "bessely": "yv", "besseli": "iv", "besselk": "kv", "Ei": "expi", "LambertW": "lambertw",
    "elliptic_k": "ellipk", "elliptic_e": "ellipe", "binomial": "binom", "RisingFactorial": "poch", "zeta": "zeta",
    "beta": "beta", "erfinv": "erfinv",
}  # fmt: skip
"""SymPy's functions by SciPy's names, with the same arguments; they convert where an operation of that name is declared."""


def called(node: Any, function: Any, parts: list[Expr]) -> Expr:
    """What a Python function gives for expressions; it is called once, as `g.function` calls one."""
    try:
        return constant(function(*parts))
    except Exception as error:
        unsupported(
            node,
            f"its Python function does not work on expressions: {brief_text(error, 100) or type(error).__name__}",
            "write it with NumPy's functions and operators, or give it a formula by g.define_op",
        )


@cache
def named_kinds() -> tuple[type, ...]:
    """What a key of `symbols=` may be beside a name: symbols, functions of others, their derivatives, elements."""
    S = sympy()
    return (S.Symbol, S.MatrixSymbol, S.core.function.AppliedUndef, S.Derivative, element_kind(), S.Indexed)


def element_kind() -> type:
    """The class of elements of matrix symbols."""
    return sympy().matrices.expressions.matexpr.MatrixElement


def step(parts: list[Expr]) -> Expr:
    x, middle = parts
    return where(x > 0, 1.0, where(x < 0, 0.0, middle))


def sinc(parts: list[Expr]) -> Expr:
    (x,) = parts
    return where(apply(lookup("equal"), x, 0.0), 1.0, apply(lookup("sin"), x) / x)


WHY = {
    "ImaginaryUnit": "graphc computes with real numbers",
    "ComplexInfinity": "graphc computes with real numbers: its infinities have a sign",
    "re": "graphc computes with real numbers", "im": "graphc computes with real numbers",
    "conjugate": "graphc computes with real numbers", "arg": "graphc computes with real numbers",
    "Derivative": "SymPy has left a derivative unevaluated", "Subs": "SymPy has left a derivative unevaluated",
}  # fmt: skip

HINTS = {
    "ImaginaryUnit": "take real and imaginary parts apart first: e.as_real_imag() with real symbols",
    "re": "declare the symbols real, as in sympy.symbols('x', real=True)",
    "im": "declare the symbols real, as in sympy.symbols('x', real=True)",
    "conjugate": "declare the symbols real, as in sympy.symbols('x', real=True)",
    "Derivative": "g.grad differentiates the converted expression; symbols={f(t).diff(t): v} says what it stands for",
    "Integral": "evaluate it first, with .doit()", "ComplexInfinity": "write oo or -oo, the infinities of real numbers",
}  # fmt: skip


__all__ = [
    "HINTS", "SCIPY_NAMES", "WHY", "Build", "Plan", "called", "element_kind", "named_kinds", "plan_of_polygamma", "plan_of_power",
    "plan_of_product", "plan_of_sum", "show", "sinc", "step", "unsupported",
]  # fmt: skip
