"""Products of an exponential and a quotient that is half of it: eˣ/(eˣ − 1)² = 1/(4 sinh²(x/2)), eˣ·σ(−2x) = 1/(2 cosh x).

As written they overflow where the whole does not, and their derivatives are differences that cancel near 0, where the whole is
even or odd.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import mul

from graphc.ir.expr import Expr, constant
from graphc.ops.elementary import cosh, sinh
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import factors_of, product, same
from graphc.rewrite.rules.factors import MOST_FACTORS, all_factors_of, one_plus_exp
from graphc.util.records import dataclass

_Multiple = tuple[float, tuple[Expr, ...]]
"""(number, factors) of an argument."""


@dataclass(frozen=True)
class SymmetricExponential:
    """u·e^(n·a/2)/(eᵃ − 1)ⁿ → u/(2 sinh(a/2))ⁿ and u·e^(a/2)·σ(−a) → u/(2 cosh(a/2)), in any place"""

    name: str = "symmetric-exponential"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "exp(x)/expm1(x)/expm1(x)", "y*exp(x)/square(expm1(x))", "x*exp(x)*x/(expm1(x)*expm1(x))", "exp(x/2)/expm1(x)",
        "exp(-x)/(0 - expm1(-2*x))", "exp(x)*sigmoid(-2*x)", "exp(-x)*(2*sigmoid(2*x))", "y*exp(x*z)/(1 + exp(2*x*z))",
        "exp(3*x)/expm1(2*x)/expm1(2*x)/expm1(2*x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "exp" in operands or not _PRODUCTS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not _looks_worth(node):
            return None
        factors = list(all_factors_of(node))
        if len(factors) > MOST_FACTORS or any(factor.dtype != node.dtype for factor, _ in factors):
            return None
        powers = [n for n, (factor, _) in enumerate(factors) if factor.op.name == "exp"]
        for n in powers:
            factor, exponent = factors[n]
            number, rest = factors_of(factor.operands[0])
            result = _balanced(node, factors, n, (number * exponent, rest))
            if result is not None:
                return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_PRODUCTS = frozenset(("multiply", "divide", "negative", "square"))


def _looks_worth(node: Expr) -> bool:
    """Whether an exponential and what may balance it are among the first factors."""
    pending, looked, power, other = list(node.operands), 0, False, False
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        name = factor.op.name
        if name in _PRODUCTS:
            pending += factor.operands
        elif name == "exp":
            power = True
        else:
            other = other or name in ("expm1", "sigmoid") or name in ("add", "subtract")
        if power and other:
            return True
    return False


def _balanced(node: Expr, factors: list[tuple[Expr, int]], place: int, power: _Multiple) -> Expr | None:
    """The product with the exponential at a place and what it is half of in one; None where nothing balances it."""
    number, rest = power
    for name, function in (("expm1", sinh), ("sigmoid", cosh)):
        gone, sign, argument = [place], 1.0, 0.0
        for n, (factor, exponent) in enumerate(factors):
            found = _partner(factor, exponent, name)
            if found is None or n == place or not same(found[1], rest):
                continue
            if argument not in (0.0, found[0]):
                return None
            argument = found[0]
            sign *= found[2]
            gone.append(n)
        count = len(gone) - 1
        if not count or (name == "sigmoid" and count > 1) or number != count * argument / 2:
            continue
        half = product(rest)
        if half is None:
            return None
        if (
            len(rest) > 1
        ):  # the rounding of the exponent leaves a sum of such quotients together, as it is written
            whole = factors[gone[1]][0]
            half = constant(math.copysign(0.5, argument), node.dtype) * _exponent_of(whole)
        elif abs(argument) != 2:
            half = constant(abs(argument) / 2, node.dtype) * half
        if argument < 0 and name == "expm1" and count % 2:
            sign = -sign
        scale = sign * 0.5**count
        put = function(half)
        result: Expr | None = None
        left = [pair for n, pair in enumerate(factors) if n not in gone]
        for factor, exponent in left:
            if factor.is_constant and not factor.shape and abs(float(factor.value)) in (1.0, 2.0, 4.0, 0.5):
                scale *= float(factor.value) ** exponent
            elif result is None:
                result = factor if exponent > 0 else constant(1.0, node.dtype) / factor
            else:
                result = result * factor if exponent > 0 else result / factor
        above = [_base(factor) for factor, exponent in left if exponent > 0]
        apart = count > 1 and not any(factor in above for factor in rest)
        if apart:  # squares of what is small underflow
            scale /= 0.5**count
        first = (
            constant(abs(scale), node.dtype) if abs(scale) != 1 or (result is None and not apart) else None
        )
        if result is None:
            result = first
        elif first is not None:
            result = first * result
        if apart:
            result = reduce(mul, [part for part in (result, *[0.5 / put] * count) if part is not None])
        else:  # in one: its quotient may be removable
            assert result is not None
            result = result / reduce(mul, [put] * count)
        return result if scale > 0 else -result
    return None


def _exponent_of(partner: Expr) -> Expr:
    """The exponent, as it stands, of what `_partner` knows; that of a logistic function with the other sign."""
    if partner.op.name == "subtract":
        partner = partner.operands[1]
    if partner.op.name == "add":
        partner = next(operand for operand in partner.operands if operand.op.name == "exp")
    (argument,) = partner.operands
    return -argument if partner.op.name == "sigmoid" else argument


def _base(factor: Expr) -> Expr:
    return factor.operands[0] if factor.op.name in ("pow", "square") else factor


def _partner(factor: Expr, exponent: int, name: str) -> tuple[float, tuple[Expr, ...], float] | None:
    """(d, a, ±1) of 1/(e^(d·a) − 1) up to its sign, or of σ(−d·a)."""
    if name == "expm1":
        sign = 1.0
        if factor.op.name == "subtract":
            zero, factor = factor.operands
            if not (zero.is_constant and not zero.shape and zero.value == 0):
                return None
            sign = -1.0
        if exponent > 0 or factor.op.name != "expm1":
            return None
        number, rest = factors_of(factor.operands[0])
        return number, rest, sign
    if factor.op.name == "sigmoid" and exponent > 0:
        number, rest = factors_of(factor.operands[0])
        return -number, rest, 1.0
    if factor.op.name == "add" and exponent < 0:
        inner = one_plus_exp(factor)
        if inner is not None:
            return *factors_of(inner), 1.0
    return None


RULES = (SymmetricExponential(),)

__all__ = ["RULES"]
