"""Power series of differences that vanish at 0 and of quotients that are defined there, with coefficients in exact arithmetic.

x − sin x, x − tan x and 1/x − cot x lose all digits near 0, where their first terms cancel; sin x/x is 0/0 at 0, and its
derivatives cancel around it. Each is a power of x times a series in x or x², whose coefficients are rational; near 0 the series
is used, further out the formula itself, at a crossover where the formula loses less than two bits beside its condition and the
series needs few terms. There are some terms more than the value needs: a series is differentiated term by term.

Source: the expansions in Bernoulli numbers, Abramowitz and Stegun (1964), 4.3.65 to 4.3.70, 4.5.62 to 4.5.67.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import comb, factorial, pi, sqrt

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.rewrite.forms.series_node import series_node
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass


@cache
def bernoulli(n: int) -> Fraction:
    """The n-th Bernoulli number, B₁ = −½.

    >>> [str(bernoulli(n)) for n in (0, 1, 2, 4, 6)]
    ['1', '-1/2', '1/6', '-1/30', '1/42']
    """
    if n == 0:
        return Fraction(1)
    return -sum((comb(n + 1, k) * bernoulli(k) for k in range(n)), Fraction(0)) / (n + 1)


def _sine(k: int) -> Fraction:
    return Fraction((-1) ** k, factorial(2 * k + 1))


def _hyperbolic_sine(k: int) -> Fraction:
    return Fraction(1, factorial(2 * k + 1))


def _tangent(k: int) -> Fraction:
    n = 2 * k + 2
    return 2**n * (2**n - 1) * abs(bernoulli(n)) / factorial(n)


def _hyperbolic_tangent(k: int) -> Fraction:
    return (-1) ** k * _tangent(k)


def _arctangent(k: int) -> Fraction:
    return Fraction((-1) ** k, 2 * k + 1)


def _area_tangent(k: int) -> Fraction:
    return Fraction(1, 2 * k + 1)


def _arcsine(k: int) -> Fraction:
    return Fraction(comb(2 * k, k), 4**k * (2 * k + 1))


def _area_sine(k: int) -> Fraction:
    return (-1) ** k * _arcsine(k)


def _cotangent(k: int) -> Fraction:
    n = 2 * k + 2
    return 2**n * abs(bernoulli(n)) / factorial(n)


def _hyperbolic_cotangent(k: int) -> Fraction:
    return (-1) ** k * _cotangent(k)


def _cosecant(k: int) -> Fraction:
    n = 2 * k + 2
    return (2**n - 2) * abs(bernoulli(n)) / factorial(n)


def _bernoulli(k: int) -> Fraction:
    return bernoulli(2 * k) / factorial(2 * k)


def _error_function(k: int) -> Fraction:
    return Fraction(2 / sqrt(pi)) * Fraction((-1) ** k, factorial(k) * (2 * k + 1))


def _after_first(coefficient: Callable[[int], Fraction], sign: int) -> Callable[[int], Fraction]:
    """The coefficients of ±(f(x) − x), of an f that begins with x."""
    return lambda k: sign * coefficient(k + 1)


PI = Fraction(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
)


def square_of(x: Expr) -> Expr:
    """x², of a root what it is the root of: where x is a number that has no rounding and no root in its derivatives."""
    return x.operands[0] if x.op.name == "sqrt" else x * x


@dataclass(frozen=True)
class Pole:
    """residue/(x² + place): the poles of a series that are nearest to 0, which bound where it converges."""

    residue: Fraction
    place: Fraction

    def coefficient(self, k: int) -> Fraction:
        return self.residue * (-1) ** k / self.place ** (k + 1)

    def value(self, x: Expr) -> Expr:
        return float(self.residue) / (square_of(x) + float(self.place))

    @property
    def rest(self) -> Pole:
        """Without its value at 0, over x²."""
        return Pole(-self.residue / self.place, self.place)


@dataclass(frozen=True)
class Series:
    """x**power · Σ coefficient(k)·x**(step·k) for |x| < limit, to so many terms that three derivatives keep their digits.

    poles : are taken out of the sum, so that its terms decrease faster
    over_power : the limit where the power of x is divided by: there the series is needed further out
    """

    coefficient: Callable[[int], Fraction]
    power: int
    limit: float
    step: int = 2
    poles: tuple[Pole, ...] = ()
    over_power: float | None = None

    def _without_pole(self, k: int) -> Fraction:
        return self.coefficient(k) - sum((pole.coefficient(k) for pole in self.poles), Fraction(0))

    @cached_property
    def coefficients(self) -> tuple[float, ...]:
        found = [float(self._without_pole(0))]
        least = abs(found[0]) * 2.0**-54
        while True:
            k = len(found)
            found.append(float(self._without_pole(k)))
            if abs(found[-1]) * self.limit ** (self.step * k) * (self.step * k) ** 3 < least:
                return tuple(found)

    def sum_to_differentiate(self, x: Expr) -> Expr:
        """The series without the power of x as one operation, whose derivatives are series again."""
        total = series_node(x, 0, self.step, self.coefficients)
        for pole in self.poles:
            total = total + pole.value(x)
        return total

    def sum(self, x: Expr) -> Expr:
        """The series without the power of x, by Horner's rule."""
        variable = square_of(x) if self.step == 2 else x
        total = constant(self.coefficients[-1], x.dtype)
        for coefficient in reversed(self.coefficients[:-1]):
            total = total * variable + coefficient
        for pole in self.poles:
            total = total + pole.value(x)
        return total

    def rest(self, x: Expr) -> Expr:
        """The series without the power of x and its first term, over x or x²."""
        poles = tuple([pole.rest for pole in self.poles])
        return Series(lambda k: self.coefficient(k + 1), 0, self.limit, self.step, poles).sum(x)

    @property
    def wide(self) -> Series:
        """The series as it stands where its power of x is divided by."""
        return self if self.over_power is None else replace(self, limit=self.over_power)

    def near(self, x: Expr) -> Expr:
        """The condition under which the series holds."""
        return abs(x) < self.limit

    def times_power(self, x: Expr, without: int = 0) -> Expr:
        """The series with the power of x, or with a lower one."""
        total = self.sum(x)
        if self.power == without:
            return total
        power = x
        for _ in range(self.power - without - 1):
            power = power * x
        return power * total

    def value(self, x: Expr) -> Expr:
        """The series near 0: 0 as a difference is 0, never −0."""
        return self.times_power(x) + 0.0

    def of(self, x: Expr, beyond: Expr) -> Expr:
        """The series near 0, and the difference itself further out."""
        return where(self.near(x), self.value(x), beyond)


QUARTER = (PI / 2) ** 2
"""The square of the first pole of tan."""

SINE = Series(_after_first(_sine, -1), 3, 1.5, over_power=4.5)
"""x − sin x"""

TANGENT = Series(_after_first(_tangent, -1), 3, 1.0, poles=(Pole(2 / QUARTER, -QUARTER),))
"""x − tan x"""

COTANGENT = Series(_cotangent, 1, 2.0, poles=(Pole(Fraction(-2), -(PI**2)),))
"""1/x − cot x"""

TWO_POLES = (Pole(2 / QUARTER, QUARTER), Pole(2 / (9 * QUARTER), 9 * QUARTER))
"""Those of x − tanh x: a second division spares the half of its terms."""

DIFFERENCES: dict[str, tuple[int, Series]] = {
    "sin": (-1, SINE),
    "tan": (-1, TANGENT),
    "sinh": (1, Series(_after_first(_hyperbolic_sine, 1), 3, 1.5, over_power=4.0)),
    "tanh": (-1, Series(_after_first(_hyperbolic_tangent, -1), 3, 1.6, poles=TWO_POLES, over_power=2.0)),
    "atan": (-1, Series(_after_first(_arctangent, -1), 3, 0.55)),
    "asin": (1, Series(_after_first(_arcsine, 1), 3, 0.55)),
    "asinh": (-1, Series(_after_first(_area_sine, -1), 3, 0.55)),
    "atanh": (1, Series(_after_first(_area_tangent, 1), 3, 0.55)),
    "expm1": (1, Series(lambda k: Fraction(1, factorial(k + 2)), 2, 1.0, 1, over_power=3.0)),
}
"""function f → (s, the series of s·(f(x) − x))"""

RECIPROCALS: dict[str, tuple[int, Series]] = {
    "tan": (-1, COTANGENT),
    "tanh": (1, Series(_hyperbolic_cotangent, 1, 2.5, poles=(Pole(Fraction(2), PI**2),))),
    "sin": (1, Series(_cosecant, 1, 2.0, poles=(Pole(Fraction(-2), -(PI**2)),))),
    "sinh": (-1, Series(lambda k: (-1) ** k * _cosecant(k), 1, 2.5, poles=(Pole(Fraction(2), PI**2),))),
}
"""function f → (s, the series of s·(1/f(x) − 1/x))"""

QUOTIENTS: dict[str, Series] = {
    "sin": Series(_sine, 0, 2.0),
    "sinh": Series(_hyperbolic_sine, 0, 2.0),
    "tan": Series(_tangent, 0, 1.0, poles=(Pole(Fraction(-2), -QUARTER),)),
    "erf": Series(_error_function, 0, 1.0),
    "tanh": Series(_hyperbolic_tangent, 0, 1.5, poles=(Pole(Fraction(2), QUARTER),)),
    "atan": Series(_arctangent, 0, 0.55),
    "asin": Series(_arcsine, 0, 0.55),
    "asinh": Series(_area_sine, 0, 0.55),
    "atanh": Series(_area_tangent, 0, 0.55),
}
"""function f → the series of f(x)/x"""

AREA_TANGENT = Series(_area_tangent, 0, 0.55)
"""artanh z/z; log(1 + x) is 2 artanh z with z = x/(2 + x), which is smaller than x"""

BERNOULLI = Series(_bernoulli, 0, 2.0)
"""x/(eˣ − 1) + x/2"""

OVER_EXPONENTIAL = Series(lambda k: bernoulli(2 * k + 2) / factorial(2 * k + 2), 1, 2.0)
"""1/(eˣ − 1) − 1/x + ½"""

SINE_MINUS_COSINE = Series(lambda k: Fraction((-1) ** k * (2 * k + 2), factorial(2 * k + 3)), 3, 1.5)
"""sin x − x·cos x"""
