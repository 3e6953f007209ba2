"""What cancels where a number is near 1: (1 + x)ᵖ − 1 and its quotient by x.

Compound interest is e^(p log(1 + x)) − 1 without the rounding of 1 + x, which a power makes p times as large.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import expm1, log1p
from graphc.ops.quotients import exprel
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import POWER, TermMarks
from graphc.rewrite.forms.half_angle import economised, logarithm_over, narrow_logarithm_over, polynomial
from graphc.rewrite.forms.linear import (
    COMPOSED,
    Sums,
    factors_of,
    is_number,
    product,
    same,
    scaled,
    without,
)
from graphc.rewrite.forms.series import Series
from graphc.util.records import dataclass

NEAR = 0.4
"""Up to this size of x the logarithm of 1 + x loses less in a power than the rounding of 1 + x."""

LARGEST_EXPONENT = 2.0
"""Up to this size of p log(1 + x) a power may be close to 1. Further out it is not, and e^(p log(1 + x)) would have as many units
of error as its exponent is large: a power beside it, of the unrounded 1 + x, has not, and (1 + x)ᵖ/((1 + x)ᵖ − 1) is 1 there."""

NEAR_ZERO = 0.5
"""Up to this size of x a quotient by x is written so that it has a value at 0."""

LARGEST_SERIES = 16
"""Up to this power the quotient is a series near 0."""


def _beside_one(node: Expr) -> Expr | None:
    """x of 1 + x, and −x of 1 − x."""
    if node.op.name not in ("add", "subtract"):
        return None
    left, right = node.operands
    if is_number(left) and left.value == 1 and not right.is_constant:
        return right if node.op.name == "add" else -right
    if node.op.name == "add" and is_number(right) and right.value == 1 and not left.is_constant:
        return left
    return None


def _power(node: Expr) -> tuple[Expr, Expr] | None:
    """(x, p) of (1 + x)ᵖ or of 1/(1 + x)⁻ᵖ"""
    inverse = node.op.name == "divide" and is_number(node.operands[0]) and node.operands[0].value == 1
    base = node.operands[1] if inverse else node
    if base.op.name != "pow" or base.dtype != node.dtype:
        return None
    u, p = base.operands
    x = _beside_one(u)
    if x is None or x.dtype != node.dtype or p.dtype != node.dtype:
        return None
    if inverse:
        p = constant(-float(p.value), p.dtype) if is_number(p) else -p
    return x, p


def _whole_power_minus_one(x: Expr, n: int) -> Expr:
    """(1 + x)ⁿ − 1 as a product with x"""
    total = x
    for k in range(n - 1, 0, -1):
        total = total + math.comb(n, k)
        total = total * x
    return total


@dataclass(frozen=True)
class PowerMinusOne:
    """c·(1 + x)ᵖ − c → c·(e^(p log(1 + x)) − 1) where x is small"""

    name: str = "power-minus-one"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (frozenset(("pow",)),)
    examples: tuple[str, ...] = (
        "(1 + x)**y - 1", "(1 + x)**5 - 1", "2 - 2*(1 - x)**3", "1 - (1 + x)**(-10)", "y - y*(1 + x)**3", "1 - 1/(1 + x)**5",
        "2*(x + 1)**2.5 - 2", "(1 - x)**0.3 - 1",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "pow" in operands or not COMPOSED.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(TermMarks)[node] & POWER:
            return None
        terms = ranges.table(Sums)[node]
        if terms is None or len(terms) != 2 or terms[0].coefficient != -terms[1].coefficient:
            return None
        for term, other in (terms, terms[::-1]):
            for factor in dict.fromkeys(term.factors):
                count = term.factors.count(factor)
                x = _beside_one(factor) if count > 1 else None  # whole powers are factors
                found = _power(factor) if x is None else None
                rest = without(term.factors, [factor] * count if found is None else [factor])
                if (found is None and x is None) or rest is None or not same(rest, other.factors):
                    continue
                if found is not None:
                    x, p = found
                    exponent = p * log1p(x)  # NaN where 1ᵖ is 1, for p = ∞ and NaN
                    value, near = expm1(exponent), abs(exponent) < LARGEST_EXPONENT
                    if is_number(p):  # as a rule no large one
                        near = near | (abs(x) < NEAR)
                elif x is not None and x.dtype == node.dtype:
                    value, near = _whole_power_minus_one(x, count), abs(x) < 0.5 / count
                else:
                    continue
                factors = product(rest)
                value = scaled(term.coefficient, value if factors is None else factors * value)
                result = where(near, value, node)
                return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


@dataclass(frozen=True)
class PowerQuotient:
    """((1 + x)ᵖ − 1)/x, as e^(p log(1 + x)) − 1 over x, → p·(log(1 + x)/x)·exprel(p log(1 + x)), which has a value at 0

    wide : where p is a number, in a form whose derivatives do not cancel, as far as those of the quotient do
    """

    name: str = "power-quotient"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = (
        "expm1(y*log1p(x))/x",
        "3*expm1(-10*log1p(x))*z/(x*y)",
        "x*y/expm1(5*log1p(x))",
        "2*x*y/expm1(0.5*log1p(2*x))",
        "where(abs(x) < 0.4, expm1(3*log1p(x)), y)/x",
    )

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if below.op.name in _ABOVE and _small(below) is not None and below.dtype == node.dtype == above.dtype:
            return self._inverse(node, above, below, ranges)
        found = self._quotient(node, ranges)
        if found is None:
            return None
        near, _, result = found
        result = where(near, result, node)
        return result if result.shape == node.shape else None

    def _quotient(self, node: Expr, ranges: Ranges) -> tuple[Expr, Expr, Expr] | None:
        """(condition, x, the quotient near 0), where the power stands in a branch by a condition"""
        above, below = node.operands
        if above.op.name not in _ABOVE or above.dtype != node.dtype or below.dtype != node.dtype:
            return None
        guard: Expr | None = None
        number, over = factors_of(above)
        guarded = next((factor for factor in over if factor.op.name == "where"), None)
        if guarded is not None:
            guard, value, _ = guarded.operands
            more, inner = factors_of(value)
            number, over = number * more, (*(without(over, [guarded]) or ()), *inner)
        f = next((factor for factor in over if factor.op.name == "expm1"), None)
        scale, under = factors_of(below)
        if f is None or not under or scale == 0:
            return None
        (a,) = f.operands
        coefficient, parts = factors_of(a)
        log = next((part for part in parts if part.op.name == "log1p"), None)
        if log is None:
            return None
        (x,) = log.operands
        sign, factors = factors_of(x)
        left, rest, others = without(under, factors), without(over, [f]), without(parts, [log])
        if left is None or rest is None or others is None or abs(sign) != 1:
            return None
        near = abs(x) < NEAR_ZERO if guard is None else guard & (abs(x) < NEAR_ZERO)
        if others:  # of an infinite exponent both factors are a limit, 0 and ∞
            near = near & (abs(a) < constant(math.inf, a.dtype))
        close, series_over_x = logarithm_over(x) if self.wide else narrow_logarithm_over(x)
        over_x = where(close, series_over_x, log / x)  # as the quotient by itself becomes
        result = exprel(a) * over_x
        if self.wide and not others and 0 < coefficient <= LARGEST_SERIES:
            result = _by_odd_part(coefficient, x)
            if guarded is None or PowerMinusOne().apply(guarded.operands[2], ranges) is guarded:
                near = (x > -0.75) & (x < 6)  # the branch further out is the power as well
        elif not others and 0 < abs(coefficient) <= LARGEST_SERIES:
            series = _binomial(coefficient)
            result = where(series.near(x), _sum_of(series, x), result)
        for factor in (*others, *rest):
            result = factor * result
        divisor = product(left)
        if divisor is not None:
            if rest:  # as written they are beside something small: here the largest float overflows over an infinite divisor
                near = near & (abs(result) < constant(math.inf, result.dtype))
            result = result / divisor
        total = number * coefficient * sign / scale
        result = scaled(total, result) if abs(total) != 1 else result if total > 0 else -result
        return near, x, result

    def _inverse(self, node: Expr, above: Expr, below: Expr, ranges: Ranges) -> Expr | None:
        """u·x/((1 + x)ᵖ − 1) → u/(((1 + x)ᵖ − 1)/x) where x is small"""
        small, (number, over) = _small(below), factors_of(above)
        if small is None:
            return None
        guard, value, x = small
        size, factors = factors_of(x)
        rest = without(over, factors)
        if rest is None or not factors or not number or abs(number) != abs(size):
            return None
        inner = product(rest)
        quotient = value / x
        known = self._quotient(quotient, ranges)
        quotient = quotient if known is None else known[2]
        result = (constant(1.0, node.dtype) if inner is None else inner) / quotient
        result = result if (number > 0) == (size > 0) else -result
        near = abs(x) < NEAR_ZERO
        result = where(near if guard is None else guard & near, result, node)
        return result if result.shape == node.shape and result is not node else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _small(node: Expr) -> tuple[Expr | None, Expr, Expr] | None:
    """(condition, e^(p log(1 + x)) − 1 as a product, x) of one, in a branch or not"""
    guard: Expr | None = None
    _, factors = factors_of(node)
    if len(factors) == 1 and factors[0].op.name == "where" and node is factors[0]:
        guard, node, _ = node.operands
    _, factors = factors_of(node)
    f = next((factor for factor in factors if factor.op.name == "expm1"), None)
    if f is None:
        return None
    log = next((part for part in factors_of(f.operands[0])[1] if part.op.name == "log1p"), None)
    return None if log is None else (guard, node, log.operands[0])


def _binomial(p: float) -> Series:
    """((1 + x)ᵖ − 1)/(p·x), whose derivatives are differences as a product of functions"""

    def coefficient(k: int) -> Fraction:
        return math.prod((Fraction(p) - j) / j for j in range(1, k + 1)) / Fraction(k + 1)

    return Series(coefficient, 0, min(NEAR, 1 / p if p > 0 else -0.25 / p), 1)


def _by_odd_part(p: float, x: Expr) -> Expr:
    """((1 + x)ᵖ − 1)/(p·x) with z = x/(2 + x), where 1 + x = (1 + z)/(1 − z): (1 + x/2)ᵖ⁻¹·((1 + z)ᵖ − (1 − z)ᵖ)/(2pz), the last
    a series in z². The factors change in one direction, and so do their derivatives."""
    z = x / (2 + x)
    return (1 + 0.5 * x) ** (p - 1) * polynomial(_odd_part(p), z * z)


@lru_cache(maxsize=64)
def _odd_part(p: float) -> tuple[float, ...]:
    binomials = [Fraction(1)]  # over p
    for j in range(1, 2 * MOST_BINOMIALS):
        binomials.append(binomials[-1] * (Fraction(p) - j) / (j + 1))
    return economised.__wrapped__(lambda k: binomials[2 * k], 0.5625)


MOST_BINOMIALS = 200


def _sum_of(series: Series, x: Expr) -> Expr:
    """A series that ends where the power is a whole number."""
    coefficients = list(series.coefficients)
    while len(coefficients) > 1 and not coefficients[-1]:
        coefficients.pop()
    total = constant(coefficients.pop(), x.dtype)
    for value in reversed(coefficients):
        total = total * x + value
    return total


_ABOVE = frozenset(("expm1", "where", "multiply", "negative", "subtract"))

RULES = (PowerMinusOne(), PowerQuotient())

__all__ = ["RULES"]
