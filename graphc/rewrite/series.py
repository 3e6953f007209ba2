"""Power series of differences that vanish at 0, with coefficients in exact arithmetic.

x − sin x, x − tan x and 1/x − cot x lose all digits near 0, where their first terms cancel. Each is a power of x times a
series in x², whose coefficients are rational; near 0 the series is used, further out the difference itself, at a
crossover where the difference loses less than two bits and the series needs few terms.

Source: the expansions in Bernoulli numbers, Abramowitz and Stegun (1964), 4.3.65, 4.3.67 and 4.3.70.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import comb, factorial

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where


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
    return Fraction((-1) ** k, factorial(2 * k + 3))


def _tangent(k: int) -> Fraction:
    n = 2 * k + 4
    return -(2**n) * (2**n - 1) * abs(bernoulli(n)) / factorial(n)


def _cotangent(k: int) -> Fraction:
    n = 2 * k + 2
    return 2**n * abs(bernoulli(n)) / factorial(n)


@dataclass(frozen=True)
class Series:
    """x**power · Σ coefficient(k)·x**(2k) for |x| < limit, to `terms` terms."""

    coefficient: Callable[[int], Fraction]
    power: int
    limit: float
    terms: int

    def sum(self, x: Expr) -> Expr:
        """The series without the power of x, by Horner's rule."""
        square = x * x
        coefficients = [float(self.coefficient(k)) for k in range(self.terms)]
        total = constant(coefficients[-1], x.dtype)
        for coefficient in reversed(coefficients[:-1]):
            total = total * square + coefficient
        return total

    def near(self, x: Expr) -> Expr:
        """The condition under which the series holds."""
        return abs(x) < self.limit

    def of(self, x: Expr, beyond: Expr) -> Expr:
        """The series near 0, and the difference itself further out."""
        power = x
        for _ in range(self.power - 1):
            power = power * x
        return where(self.near(x), power * self.sum(x) + 0.0, beyond)  # 0 as a difference is 0: never −0


SINE = Series(_sine, 3, 1.5, 12)
"""x − sin x"""

TANGENT = Series(_tangent, 3, 0.6, 18)
"""x − tan x"""

COTANGENT = Series(_cotangent, 1, 1.0, 15)
"""1/x − cot x"""
