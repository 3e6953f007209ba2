"""Laurent series around 0 in fixed-point arithmetic: z**v · Σ cₖ·zᵏ with some 1,000 bits behind the point.

What a formula of one variable is near 0 is found here term by term, by the recurrences of its operations: y = eᵘ has y′ = u′·y,
so k·yₖ = Σ j·uⱼ·yₖ₋ⱼ, and likewise for the others. A coefficient that is less than 2⁻¹⁶⁰ of the terms that it is a sum of is
0: so many digits cancel in no formula by chance.

Source: D. E. Knuth, The Art of Computer Programming, volume 2 (3rd edition, 1997), section 4.7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import add as plus
from operator import mul
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


def _settled(total: int, bits: int) -> int:
    """A sum without what is noise beside the terms that it is of, the largest of which has so many bits."""
    size = total.bit_length()
    return 0 if size + _NOISE < bits or size <= BITS // 8 else total


def bit_lengths(u: Iterable[Fixed]) -> list[int]:
    """The bits of some numbers; of 0 so few that no product with it is the largest of several."""
    return [c.bit_length() or -(4 * BITS) for c in u]


def add(a: Laurent, b: Laurent, sign: int = 1) -> Laurent:
    if a.is_zero or b.is_zero:
        other = a if b.is_zero else b if sign == 1 else negative(b)
        known = (b if b.is_zero else a).order - other.valuation
        return Laurent(other.valuation, other.coefficients[: max(known, 0)])
    low, order = min(a.valuation, b.valuation), min(a.order, b.order)
    ours, theirs = [a[k] for k in range(low, order)], [sign * b[k] for k in range(low, order)]
    sums = zip(ours, theirs, strict=True)
    return series(low, [_settled(x + y, max(x.bit_length(), y.bit_length())) for x, y in sums])


def negative(a: Laurent) -> Laurent:
    return Laurent(a.valuation, tuple([-c for c in a.coefficients]))


def product(a: Sequence[Fixed], b: Sequence[Fixed], count: int) -> list[Fixed]:
    """The first coefficients of a product."""
    a, b = a[:count], b[:count]
    if sum(map(bool, a)) > sum(map(bool, b)):
        a, b = b, a
    places = [j for j, c in enumerate(a) if c]
    if 4 * len(places) > len(a):  # most of them are there
        return _dense_product(a, b, count)
    present = [(j, a[j], a[j].bit_length()) for j in places]
    sizes = bit_lengths(b)
    found = []
    for k in range(count):
        parts = [(c * b[k - j], size + sizes[k - j]) for j, c, size in present if 0 <= k - j < len(b)]
        total = sum([part for part, _ in parts])
        found.append(_settled(total >> BITS, max([bits for _, bits in parts], default=0) - BITS))
    return found


def _dense_product(a: Sequence[Fixed], b: Sequence[Fixed], count: int) -> list[Fixed]:
    """The same by sums over slices: coefficient k is Σ aⱼ·bₖ₋ⱼ, the first k + 1 of a against the last of b turned round."""
    step = math.gcd(*[k for u in (a, b) for k, c in enumerate(u) if c]) or 1
    if step > 1:  # both in z**step
        found = [0] * count
        found[::step] = _dense_product(a[::step], b[::step], len(range(0, count, step)))
        return found
    a, b = [*a, *[0] * (count - len(a))], [*b, *[0] * (count - len(b))]
    turned, of_a = b[::-1], bit_lengths(a)
    of_b = bit_lengths(turned)
    found = []
    for k in range(count):
        first = count - 1 - k
        total = sum(map(mul, a, turned[first:]))
        found.append(_settled(total >> BITS, max(map(plus, of_a, of_b[first:])) - BITS))
    return found


def multiply(a: Laurent, b: Laurent) -> Laurent:
    count = min(len(a.coefficients), len(b.coefficients))
    return series(a.valuation + b.valuation, product(a.coefficients, b.coefficients, count))


def divide(a: Laurent, b: Laurent) -> Laurent:
    if b.is_zero:
        raise NoSeriesError
    if a.is_zero:
        return a
    count = min(len(a.coefficients), len(b.coefficients))
    return series(a.valuation - b.valuation, _quotient(a.coefficients[:count], b.coefficients[:count]))


def _quotient(a: Sequence[Fixed], b: Sequence[Fixed]) -> list[Fixed]:
    """As many coefficients of a/b as both have: bₖ₋ⱼ·qⱼ, j < k, is taken from aₖ, and what is left divided by b₀."""
    count, first = len(a), b[0]
    step = math.gcd(*[k for u in (a, b) for k, c in enumerate(u) if c]) or 1
    if step > 1:  # both in z**step
        found = [0] * count
        found[::step] = _quotient(a[::step], b[::step])
        return found
    turned, of_b = b[:0:-1], bit_lengths(b[:0:-1])
    sizes: list[int] = []
    found = []
    for k in range(count):
        start = len(turned) - k
        taken = sum(map(mul, found, turned[start:])) >> BITS if k else 0
        bits = max(map(plus, sizes, of_b[start:])) - BITS if k else 0
        rest = _settled(a[k] - taken, max(a[k].bit_length(), bits))
        found.append((rest << BITS) // first)
        sizes.append(found[-1].bit_length() or -(4 * BITS))
    return found


__all__ = [
    "BITS", "TERMS", "Fixed", "Laurent", "NoSeriesError", "add", "divide", "fixed", "multiply", "negative", "number", "of_number",
    "product", "series", "variable",
]  # fmt: skip
