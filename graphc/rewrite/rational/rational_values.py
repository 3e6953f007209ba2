"""Rational functions evaluated at floats to many digits, by whole numbers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from graphc.rewrite.forms.univariate import Number, Poly
from graphc.rewrite.rational.rational_reader import Univariate
from graphc.util.records import dataclass

BITS = 320
"""Of values and of square roots: numerators near a zero use up some."""

STEP = 80
"""A derivative is taken over 2⁻⁸⁰ of its point."""


@dataclass(frozen=True)
class Scaled:
    """digits·2**exponent, exact"""

    digits: int
    exponent: int

    def times(self, other: Scaled) -> Scaled:
        return Scaled(self.digits * other.digits, self.exponent + other.exponent)

    def over(self, other: Scaled) -> Scaled:
        """The quotient to so many bits."""
        shift = max(BITS + other.digits.bit_length() - self.digits.bit_length(), 0)
        return Scaled((self.digits << shift) // other.digits, self.exponent - other.exponent - shift)

    def minus(self, other: Scaled) -> Scaled:
        least = min(self.exponent, other.exponent)
        one, two = self.digits << (self.exponent - least), other.digits << (other.exponent - least)
        return Scaled(one - two, least)

    def root(self) -> Scaled:
        shift = max(2 * BITS - self.digits.bit_length(), 0)
        shift += (self.exponent - shift) % 2
        return Scaled(math.isqrt(self.digits << shift), (self.exponent - shift) // 2)

    @property
    def magnitude(self) -> int:
        """e of 2**(e − 1) ≤ |number| < 2**e"""
        return self.digits.bit_length() + self.exponent

    def ratio(self, other: Scaled) -> float:
        """|self|/|other| as a float, infinite where it is larger than any."""
        if not self.digits:
            return 0.0
        found = self.over(other)
        digits, shift = abs(found.digits), max(found.digits.bit_length() - 64, 0)
        try:
            return math.ldexp(float(digits >> shift), found.exponent + shift)
        except OverflowError:
            return math.inf


def scaled(x: float) -> Scaled:
    """A float, exactly."""
    top, bottom = x.as_integer_ratio()
    return Scaled(top, 1 - bottom.bit_length())


ZERO = Scaled(0, 0)


def beside(x: Scaled) -> Scaled:
    """x·(1 + 2⁻⁸⁰)"""
    return Scaled(x.digits * (2**STEP + 1), x.exponent - STEP)


def polynomial(a: Sequence[Number], x: Scaled) -> Scaled:
    """A polynomial at a number; its coefficients are brought to whole numbers, what is rounded there is of no account."""
    bottom = math.lcm(*[Fraction(c).denominator for c in a]) if a else 1
    whole = [int(c * bottom) for c in a]
    digits, shift = (x.digits << x.exponent, 0) if x.exponent >= 0 else (x.digits, -x.exponent)
    total, size = 0, len(whole) - 1
    for k in range(size, -1, -1):
        total = total * digits + (whole[k] << (shift * (size - k)))
    result = Scaled(total, -shift * max(size, 0))
    return result if bottom == 1 else result.over(Scaled(bottom, 0))


def value(form: Univariate, x: Scaled) -> Scaled | float | None:
    """A function at a point; infinity at a pole, None outside of its domain."""
    v = x
    if form.shift is not None:
        p, q = form.shift
        square = polynomial((q, p), x)
        if square.digits < 0:
            return None
        v = square.root()
    over, below = polynomial(form.above, v), _product(form.below, v)
    if form.root is not None and form.exponent:
        square = polynomial(form.root.square, x)
        if square.digits < 0:
            return None
        if form.exponent > 0:
            over = over.times(square.root())
        else:
            below = below.times(square.root())
    return math.inf if below.digits == 0 else over.over(below)


def _product(factors: Mapping[Poly, int], v: Scaled) -> Scaled:
    total = Scaled(1, 0)
    for p, exponent in factors.items():
        part = polynomial(p, v)
        for _ in range(exponent):
            total = total.times(part)
    return total


__all__ = ["STEP", "ZERO", "Scaled", "beside", "scaled", "value"]
