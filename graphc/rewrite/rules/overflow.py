"""Quotients whose parts over- or underflow before they do: squares, complex quotients, gamma functions."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, hypot, sqrt
from graphc.ops.special import lgamma
from graphc.rewrite.engine.pattern import Kind, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import factors_of, is_number, product, terms_of, without
from graphc.rewrite.rules.differences import difference
from graphc.rewrite.rules.gamma_differences import gamma_ratio
from graphc.rewrite.rules.growth import share_to_differentiate
from graphc.rewrite.rules.logarithms import plus_zero, side
from graphc.util.records import dataclass


def _moderate(x: Expr) -> Expr:
    """Whether a positive number is so far from over- and underflow that its square and its reciprocal's square are as well."""
    bound = 2.0**30 if x.dtype.itemsize == 4 else 2.0**300
    return (x > 1 / bound) & (x < bound)


@dataclass(frozen=True)
class ComplexQuotient:
    """(a·x + b·y)/(x² + y²) → (a·(x/r) + b·(y/r))/r with r = hypot(x, y), where x² + y² may over- or underflow

    wide : x²/(x² + y²) as a share everywhere, of which no derivative cancels
    """

    name: str = "complex-quotient"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = (
        "x/(x*x + y*y)",
        "-y/(x*x + square(y))",
        "(a*x + b*y)/(x*x + y*y)",
        "x/(1 + x*x)",
        "a*x*x/(x*x + y*y)",
    )

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if below.op.name != "add" or below.dtype != node.dtype or above.dtype != node.dtype:
            return None
        sides = [constant(1.0, node.dtype) if _is_one(part) else side(part) for part in below.operands]
        x, y = sides
        if x is None or y is None or (x.is_constant and y.is_constant):
            return None
        terms = terms_of(above)
        if terms is None:
            return None
        r = hypot(x, y)
        total: Expr | None = None
        for term in terms:
            number, factors = factors_of(term.node)
            found = next((s for s in (x, y) if s in factors), None)
            if found is None:
                return None
            rest = without(factors, [found]) or ()
            second = (
                next((s for s in (x, y) if s in rest and not s.is_constant), None)
                if len(terms) == 1
                else None
            )
            if second is found and self.wide:
                other, factor = y if found is x else x, product(without(rest, [found]) or [])
                value = share_to_differentiate((other / found) ** 2, (found / other) ** 2, factor)
                value = value if abs(number) == 1 else abs(number) * value
                value = value if term.coefficient > 0 else -value
                return value if value.shape == node.shape else None
            if second is not None:  # x·y/(x² + y²): each factor by the norm
                both = product([*(without(rest, [second]) or ()), found / r, second / r])
                assert both is not None
                both = both if abs(number) == 1 else abs(number) * both
                both = both if term.coefficient > 0 else -both
                result = where(_moderate(below), node, both)
                return result if result.shape == node.shape else None
            part = product([*rest, found / r])
            assert part is not None
            part = part if abs(number) == 1 else abs(number) * part
            part = part if term.coefficient > 0 else -part
            total = part if total is None else total + part
        if total is None:
            return None
        result = where(_moderate(below), node, total / r)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _is_one(node: Expr) -> bool:
    return is_number(node) and node.value == 1


@dataclass(frozen=True)
class RootOfDifferenceOfSquares:
    """√((x − y)(x + y)) → √|x − y|·√|x + y|, where the product over- or underflows"""

    name: str = "root-of-difference-of-squares"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("sqrt((x - y)*(x + y))",)

    def roots(self) -> tuple[str, ...]:
        return ("sqrt",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] in ("multiply", "add")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        inner = plus_zero(node.operands[0])
        if inner.op.name != "multiply" or inner.dtype != node.dtype:
            return None
        one, other = inner.operands
        if one.op.name != "subtract":
            one, other = other, one
        if one.op.name != "subtract" or other.op.name != "add" or set(one.operands) != set(other.operands):
            return None
        if all(max(-r.lo, r.hi) <= 1e18 for r in map(ranges, one.operands)) and any(
            map(is_number, one.operands)
        ):
            return None
        apart = sqrt(abs(one)) * sqrt(abs(other))
        return where(_moderate(inner) | (inner < 0), node, apart)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


# --- gamma functions --------------------------------------------------------------------------------------------

LARGEST_GAMMA = {8: 169.0, 4: 34.0}
"""Up to here Γ and its derivatives do not overflow, by the size of the type."""


@dataclass(frozen=True)
class GammaQuotient:
    """Γ(x + n)/Γ(x) → x(x + 1)…, Γ(x + a)/Γ(x + b) by its asymptotic series, others by the logarithms, where Γ overflows"""

    name: str = "gamma-quotient"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "gamma(x + 1)/gamma(x)", "gamma(x)/gamma(x + 0.5)", "gamma(x)/gamma(y)", "gamma(x)*gamma(y)/gamma(x + y)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if above.dtype != node.dtype or below.dtype != node.dtype:
            return None
        (one, over), (other, under) = factors_of(above), factors_of(below)
        top = [f.operands[0] for f in over if f.op.name == "gamma"]
        bottom = [f.operands[0] for f in under if f.op.name == "gamma"]
        if not top or not bottom or abs(other) != 1:
            return None
        if len(top) == len(bottom) == 1 and len(over) == len(under) == 1 and one == other:
            step = difference(top[0], bottom[0])
            if step is not None and is_number(step):
                return _shifted(node, top[0], bottom[0], float(step.value))
        inside = reduce(
            lambda p, q: p & q, [(a > 0) & (a < LARGEST_GAMMA[node.dtype.itemsize]) for a in (*top, *bottom)]
        )
        outside = reduce(lambda p, q: p | q, [a <= 0 for a in (*top, *bottom)])
        logs = reduce(lambda p, q: p + q, map(lgamma, top)) - reduce(lambda p, q: p + q, map(lgamma, bottom))
        value = exp(logs)
        rest_above = product(f for f in over if f.op.name != "gamma")
        rest_below = product(f for f in under if f.op.name != "gamma")
        value = value if rest_above is None else value * rest_above
        value = value if rest_below is None else value / rest_below
        value = value if one * other == 1 else one * other * value
        result = where(inside | outside, node, value)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _shifted(node: Expr, top: Expr, bottom: Expr, step: float) -> Expr | None:
    """Γ(b + step)/Γ(b)"""
    if step == int(step) and 1 <= abs(step) <= 4:
        low = bottom if step > 0 else top
        result = _rising(low, int(abs(step)))
        most = 2.0 ** (52 if node.dtype.itemsize == 8 else 23)  # below −most there are poles alone
        return where(low > -most, result if step > 0 else 1 / result, node)
    if not 0 < abs(step) <= 8:
        return None
    if step > 0:
        return gamma_ratio(bottom, Fraction(step), node)
    condition, value, _ = gamma_ratio(top, Fraction(-step), node).operands
    return where(condition, 1 / value, node)


def _rising(x: Expr, count: int) -> Expr:
    return reduce(lambda p, q: p * q, [x if k == 0 else x + k for k in range(count)])


def _squared_quotient(quotient: Expr) -> Expr:
    return quotient * quotient


ROWS = (
    Rule("quotient-of-squares", "x*x/(y*y)", lambda m: _squared_quotient(m["x"] / m["y"]), "stable",
         "(x/y)², without over- or underflow on the way", when=lambda m: not m["x"].is_constant and not m["y"].is_constant),
)  # fmt: skip

RULES = (*ROWS, ComplexQuotient(), RootOfDifferenceOfSquares(), GammaQuotient())

__all__ = ["RULES"]
