"""Laurent series around 0 in fixed-point arithmetic: z**v · Σ cₖ·zᵏ with some 1,000 bits behind the point.

What a formula of one variable is near 0 is found here term by term, by the recurrences of its operations: y = eᵘ has y′ = u′·y,
so k·yₖ = Σ j·uⱼ·yₖ₋ⱼ, and likewise for the others. A coefficient that is less than 2⁻¹⁶⁰ of the terms that it is a sum of is
0: so many digits cancel in no formula by chance.

Source: D. E. Knuth, The Art of Computer Programming, volume 2 (3rd edition, 1997), section 4.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

BITS = 1024
TERMS = 96
"""Coefficients of a series that nothing has cancelled in."""

ONE = 1 << BITS
_NOISE = 160

Fixed = int
"""A number times 2**BITS, rounded"""


class NoSeriesError(Exception):
    """Around 0 there is none: a branch point, an essential singularity, a function without a recurrence."""


def fixed(value: Any) -> Fixed:
    """A float, a fraction or a number of mpmath."""
    if not isinstance(value, (int, float, Fraction)):
        import mpmath

        if not mpmath.isfinite(value):
            raise NoSeriesError
        return int(mpmath.nint(mpmath.ldexp(value, BITS)))
    exact = Fraction(value)
    return (exact.numerator << BITS) // exact.denominator


def number(value: Fixed) -> Any:
    """The number of mpmath."""
    import mpmath

    return mpmath.ldexp(mpmath.mpf(value), -BITS)


@dataclass(frozen=True)
class Laurent:
    """z**valuation · Σ coefficients[k]·zᵏ up to terms that are not known; the first coefficient is not 0, none at all is 0"""

    valuation: int
    coefficients: tuple[Fixed, ...]

    def __getitem__(self, power: int) -> Fixed:
        """The coefficient of z**power among the known ones."""
        k = power - self.valuation
        return self.coefficients[k] if 0 <= k < len(self.coefficients) else 0

    @property
    def order(self) -> int:
        """The first power whose coefficient is not known."""
        return self.valuation + len(self.coefficients)

    @property
    def is_zero(self) -> bool:
        return not self.coefficients

    def taylor(self) -> list[Fixed]:
        """From the constant term on; raises `NoSeriesError` at a pole."""
        if self.valuation < 0:
            raise NoSeriesError
        return [0] * self.valuation + list(self.coefficients)


def series(valuation: int, coefficients: Sequence[Fixed]) -> Laurent:
    """A series of its coefficients, zeros in front of them taken away."""
    first = next((k for k, c in enumerate(coefficients) if c), len(coefficients))
    return Laurent(valuation + first, tuple(coefficients[first : first + TERMS]))


def of_number(value: float, terms: int = TERMS) -> Laurent:
    return series(0, [fixed(value)] + [0] * (terms - 1))


def variable(terms: int = TERMS) -> Laurent:
    return series(1, [ONE] + [0] * (terms - 1))


def _settled(total: int, size: int) -> int:
    """A sum without what is noise beside the terms that it is of."""
    return 0 if abs(total) << _NOISE < size or abs(total) < 1 << (BITS // 8) else total


def add(a: Laurent, b: Laurent, sign: int = 1) -> Laurent:
    if a.is_zero or b.is_zero:
        other = a if b.is_zero else b if sign == 1 else negative(b)
        known = (b if b.is_zero else a).order - other.valuation
        return Laurent(other.valuation, other.coefficients[: max(known, 0)])
    low, order = min(a.valuation, b.valuation), min(a.order, b.order)
    return series(low, [_settled(a[k] + sign * b[k], max(abs(a[k]), abs(b[k]))) for k in range(low, order)])


def negative(a: Laurent) -> Laurent:
    return Laurent(a.valuation, tuple([-c for c in a.coefficients]))


def product(a: Sequence[Fixed], b: Sequence[Fixed], count: int) -> list[Fixed]:
    """The first coefficients of a product."""
    present, others = ([(k, c) for k, c in enumerate(u[:count]) if c] for u in (a, b))
    if len(present) > len(others):
        present, b = others, a
    found = []
    for k in range(count):
        parts = [c * b[k - j] for j, c in present if j <= k and b[k - j]]
        found.append(_settled(sum(parts) >> BITS, max(map(abs, parts), default=0) >> BITS))
    return found


def multiply(a: Laurent, b: Laurent) -> Laurent:
    count = min(len(a.coefficients), len(b.coefficients))
    return series(a.valuation + b.valuation, product(a.coefficients, b.coefficients, count))


def divide(a: Laurent, b: Laurent) -> Laurent:
    if b.is_zero:
        raise NoSeriesError
    if a.is_zero:
        return a
    first, count = b.coefficients[0], min(len(a.coefficients), len(b.coefficients))
    present = [(j, c) for j, c in enumerate(b.coefficients[:count]) if c and j]
    found: list[Fixed] = []
    for k in range(count):
        parts = [c * found[k - j] for j, c in present if j <= k and found[k - j]]
        rest = a.coefficients[k] - (sum(parts) >> BITS)
        size = max(abs(a.coefficients[k]), max(map(abs, parts), default=0) >> BITS)
        found.append((_settled(rest, size) << BITS) // first)
    return series(a.valuation - b.valuation, found)


__all__ = [
    "BITS", "TERMS", "Fixed", "Laurent", "NoSeriesError", "add", "divide", "fixed", "multiply", "negative", "number", "of_number",
    "product", "series", "variable",
]  # fmt: skip
