"""Series in the tangent of half an angle: power series of inverse functions that hold far beyond their radius of convergence.

atan x, asinh x and their kind have singularities at distance 1, so their power series end at about ½. Further out the
derivatives of a quotient like (x − atan x)/x³ still cancel: the second loses x⁻⁴. In u = x/(1 + √(1 ± x²)), the tangent of half
the angle (or its hyperbolic counterpart), the nearest singularity is at |u| = 1, where x is infinite or ±1:

    atan x = 2 atan u,  asinh x = 2 artanh u  with x = 2u/(1 − u²),
    asin x = 2 atan u,  artanh x = 2 artanh u  with x = 2u/(1 + u²).

So what the function is, divided by a power of x, is a power of 1 ∓ u² times a power series in u², whose coefficients are
rational. It needs many terms; its economised form has fewer, the same polynomial but for the Chebyshev polynomials of higher
degree than the digits need.

Source: C. Lanczos, Applied Analysis (1956), chapter VII, on economised power series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import comb

from graphc.ir.expr import Expr, constant
from graphc.ops.elementary import sqrt
from graphc.rewrite.forms.series import AREA_TANGENT, DIFFERENCES, QUARTER, Pole, Series
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass

BITS = 256
"""Of the fixed point numbers that polynomials are economised in."""

MARGIN = 2.0**-76
"""Coefficients of Chebyshev polynomials beside the first that are left out: two derivatives make them larger."""


@cache
def economised(coefficient: Callable[[int], Fraction], high: float) -> tuple[float, ...]:
    """The coefficients of the polynomial that a power series is between 0 and a number, where it converges as a geometric one."""
    one, size = 1 << BITS, Fraction(high)
    taylor: list[int] = []
    while len(taylor) < 8 or abs(taylor[-1]) >= one >> 90:
        taylor.append(int(coefficient(len(taylor)) * size ** len(taylor) * one))
    halves = [value >> place for place, value in enumerate(_shifted(taylor, one >> 1, one))]
    chebyshev = [0]  # w = high·(1 + y)/2
    for value in reversed(halves):
        chebyshev = _times_variable(chebyshev)
        chebyshev[0] += value
    largest = max(map(abs, chebyshev))
    count = 1 + max(n for n, c in enumerate(chebyshev) if abs(c) > MARGIN * largest)
    total = [0] * count
    before, now = [1], [0, 1]
    for number in chebyshev[:count]:
        for power, c in enumerate(before):
            total[power] += number * c
        following = [0, *[2 * c for c in now]]
        for power, c in enumerate(before):
            following[power] -= c
        before, now = now, following
    doubled = [value << place for place, value in enumerate(total)]  # y = 2·(w/high − ½)
    return tuple([float(Fraction(c, one) / size**k) for k, c in enumerate(_shifted(doubled, -one >> 1, one))])


def _shifted(coefficients: Sequence[int], step: int, one: int) -> list[int]:
    """The polynomial in the distance to a step."""
    found = list(coefficients)
    for start in range(len(found) - 1):
        for place in range(len(found) - 2, start - 1, -1):
            found[place] += found[place + 1] * step // one
    return found


def _times_variable(chebyshev: Sequence[int]) -> list[int]:
    """y·Σ cₙTₙ(y), by y·T₀ = T₁ and y·Tₙ = (Tₙ₋₁ + Tₙ₊₁)/2"""
    found = [0] * (len(chebyshev) + 1)
    found[1] = chebyshev[0]
    for n, c in enumerate(chebyshev[1:], start=1):
        found[n - 1] += c >> 1
        found[n + 1] += c >> 1
    return found


def polynomial(coefficients: tuple[float, ...], variable: Expr) -> Expr:
    """A polynomial by Horner's rule, the constant first."""
    total = constant(coefficients[-1], variable.dtype)
    for coefficient in reversed(coefficients[:-1]):
        total = total * variable + coefficient
    return total


@dataclass(frozen=True)
class HalfAngle(Series):
    """x**power · (1 ∓ w)**order · Σ coefficient(k)·wᵏ for |x| < limit, with w = (x/(1 + √(1 ± x²)))²

    sign : that under the root
    """

    sign: int = 1
    order: int = 1

    def sum(self, x: Expr) -> Expr:
        edge = 1 + (1 + self.sign * self.limit**2) ** 0.5
        coefficients = economised(self._whole, (self.limit / edge) ** 2)
        u = x / (1 + sqrt(1 + x * x if self.sign > 0 else 1 - x * x))
        return polynomial(coefficients, u * u)

    def sum_to_differentiate(self, x: Expr) -> Expr:
        """The same: it is a polynomial of what is none, and short."""
        return self.sum(x)

    @cached_property
    def _whole(self) -> Callable[[int], Fraction]:
        """The coefficients of the series with the factor before it: a pole at w = 1 is none of theirs."""

        def coefficient(k: int) -> Fraction:
            return sum(
                (
                    comb(self.order, j) * (-self.sign) ** j * self.coefficient(k - j)
                    for j in range(min(k, self.order) + 1)
                ),
                Fraction(0),
            )

        return coefficient


def _tangent(k: int) -> Fraction:
    return Fraction((-1) ** k, 2 * k + 1)


def _hyperbolic(k: int) -> Fraction:
    return Fraction(1, 2 * k + 1)


def _quarter(k: int, sign: int, other: int) -> Fraction:
    """¼(signᵏ + other/(2k + 3))"""
    return Fraction((2 * k + 3) * sign**k + other, 4 * (2 * k + 3))


WIDE_QUOTIENTS: dict[str, Series] = {
    "atan": HalfAngle(_tangent, 0, 2.4, sign=1),
    "asinh": HalfAngle(_hyperbolic, 0, 3.2, sign=1),
    "asin": HalfAngle(_tangent, 0, 0.75, sign=-1),
    "atanh": HalfAngle(_hyperbolic, 0, 0.7, sign=-1),
}
"""function f → f(x)/x as its derivatives are written from"""

_TANH = DIFFERENCES["tanh"][1]

WIDE_DIFFERENCES: dict[Series, Series] = {
    DIFFERENCES["atan"][1]: HalfAngle(lambda k: _quarter(k, 1, (-1) ** k), 3, 3.8, sign=1, order=3),
    DIFFERENCES["asinh"][1]: HalfAngle(lambda k: _quarter(k, 1, -1), 3, 4.0, sign=1, order=3),
    DIFFERENCES["asin"][1]: HalfAngle(lambda k: _quarter(k, -1, -((-1) ** k)), 3, 0.82, sign=-1, order=3),
    DIFFERENCES["atanh"][1]: HalfAngle(lambda k: _quarter(k, -1, 1), 3, 0.77, sign=-1, order=3),
    _TANH: replace(_TANH, limit=3.6, poles=(*_TANH.poles, Pole(2 / (9 * QUARTER), 9 * QUARTER))),
}
"""series of f(x) − x → the one for where its power of x is divided by, from which derivatives keep their digits further out"""

OVER_POWER: dict[Series, Series] = {
    DIFFERENCES[name][1]: replace(WIDE_DIFFERENCES[DIFFERENCES[name][1]], limit=limit)
    for name, limit in (("atan", 1.0), ("asinh", 1.2), ("asin", 0.75), ("atanh", 0.65))
}
"""the same for values, which lose less"""

HIGHEST = 0.58
LOWEST = 0.45
"""The largest z, and −z, of that: a from −0.62 to 2.76."""


def logarithm_over(a: Expr) -> tuple[Expr, Expr]:
    """(condition, log(1 + a)/a) as derivatives are written from it: 2 artanh z/a with z = a/(2 + a)."""
    z = a / (2 + a)
    coefficients = economised(_hyperbolic, HIGHEST**2)
    near = (a > -2 * LOWEST / (1 + LOWEST)) & (a < 2 * HIGHEST / (1 - HIGHEST))
    return near, 2 * polynomial(coefficients, z * z) / (2 + a)


def narrow_logarithm_over(a: Expr) -> tuple[Expr, Expr]:
    """The same as values are written."""
    return abs(a) < 0.6, 2 * AREA_TANGENT.sum(a / (2 + a)) / (2 + a)


__all__ = [
    "OVER_POWER", "WIDE_DIFFERENCES", "WIDE_QUOTIENTS", "HalfAngle", "economised", "logarithm_over",
    "narrow_logarithm_over", "polynomial",
]  # fmt: skip
