"""The inverse trigonometric functions asin, acos, atan and atan2.

atan: t in (1/2, 2] goes to (t − 1)/(t + 1) and above to −1/t, with π/4 and π/2 added: the rest is an odd polynomial up to 1/2.
asin: above 1/2 it is π/2 − 2·asin √((1 − t)/2), below an odd polynomial; acos is π/2 less asin, without the cancellation near 1.
float32 is computed in float64. Source: Muller, Elementary Functions, 3rd ed., 2016, chapters 10 and 11.
"""

from __future__ import annotations

import math

from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, two_sum
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.tables import ASIN, ASIN_SINGLE, ATAN, ATAN_SINGLE
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

HALF_PI = (float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54"))
"""π/2 as a sum of two floats."""

QUARTER_PI = (HALF_PI[0] / 2, HALF_PI[1] / 2)

SHORT_QUARTER_PI = (float.fromhex("0x1.921fb54442d00p-1"), float.fromhex("0x1.8469898cc5170p-49"))
"""π/4 as a sum whose first term can be taken four times without rounding."""


# --- asin and acos ------------------------------------------------------------------------------------------------------


def _halved(m: LibmWriter, x: LibmValue) -> tuple[LibmValue, LibmValue, LibmValue]:
    """(whether |x| ≤ 1/2, s, asin(s) − s to float32) with s = |x| there, else √((1 − |x|)/2): NaN beyond 1."""
    size = m.abs(x)
    small = size <= 0.5
    square = m.select(small, size * size, (1.0 - size) * 0.5)
    s = m.select(small, size, m.sqrt(square))
    return small, s, (s * square) * m.horner(square, ASIN_SINGLE)


RECIPROCAL_ROOT = 0x5FE6EB50C7B537A9
"""Less half a number's pattern it is that of its reciprocal root, within 4 % (C. Lomont, Fast inverse square root, 2003)."""


def _halved_pair(m: LibmWriter, x: LibmValue) -> tuple[LibmValue, LibmValue, LibmValue]:
    """As `_halved`, with what the root's rounding lost in the last part: half an ULP of it would double."""
    size = m.abs(x)
    small = size <= 0.5
    square = m.select(small, size * size, (1.0 - size) * 0.5)
    root = m.sqrt(square)
    inverse = m.from_bits(m.literal(RECIPROCAL_ROOT, "i64") - (m.bits(square) >> 1))
    lost = m.fma(-root, root, square) * (inverse * 0.5)
    s = m.select(small, size, root)
    return small, s, m.fma(s * square, m.estrin(square, ASIN), m.select(small, 0.0, lost))


@function("asin", only=64)
def asin(m: LibmWriter, x: LibmValue) -> LibmValue:
    small, s, more = _halved_pair(m, x)
    upper = fast_two_sum(HALF_PI[0], s * -2.0)
    large = upper.high + (upper.low + m.fma(more, -2.0, HALF_PI[1]))
    return m.copysign(m.select(small, s + more, large), x)


@function("acos", only=64)
def acos(m: LibmWriter, x: LibmValue) -> LibmValue:
    small, s, more = _halved_pair(m, x)
    positive = x > 0.0
    base = m.select(small, HALF_PI[0], m.select(positive, 0.0, 2 * HALF_PI[0]))
    end = m.select(small, HALF_PI[1], m.select(positive, 0.0, 2 * HALF_PI[1]))
    # ±1 or ±2: what s counts for
    factor = m.select(small, -1.0, 2.0)
    factor = m.select(positive, factor, -factor)
    upper = fast_two_sum(base, s * factor)
    return upper.high + (upper.low + m.fma(more, factor, end))


@function("asin", only=32)
def asin_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y = m.widen(x)
    small, s, more = _halved(m, y)
    angle = s + more
    return m.narrow(m.copysign(m.select(small, angle, m.fma(angle, -2.0, HALF_PI[0])), y))


@function("acos", only=32)
def acos_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y = m.widen(x)
    small, s, more = _halved(m, y)
    angle = m.copysign(s + more, y)
    large = m.fma(angle, 2.0, m.select(y > 0.0, 0.0, 2 * HALF_PI[0]))
    return m.narrow(m.select(small, HALF_PI[0] - angle, large))


# --- atan and atan2 -----------------------------------------------------------------------------------------------------


def _turned(
    m: LibmWriter, above: LibmValue, below: LibmValue
) -> tuple[LibmValue, LibmValue, LibmValue, Pair]:
    """(below 1/2, above 2, n, d): atan(above/below) = base + atan(n/d), |n/d| ≤ 1/2, for what is not negative. n is exact."""
    low, high = above + above <= below, above > below + below
    total = two_sum(above, below)
    n = m.select(low, above, m.select(high, -below, above - below))
    d = m.select(low, below, m.select(high, above, total.high))
    return low, high, n, Pair(d, m.select(low | high, 0.0, total.low))


def _ratio(m: LibmWriter, n: LibmValue, d: Pair) -> Pair:
    """n/d as high + low."""
    inverse = 1.0 / d.high
    first = n * inverse
    rest = m.fma(-first, d.low, m.fma(-first, d.high, n))
    return Pair(first, rest * inverse)


def _beyond(m: LibmWriter, z: Pair) -> LibmValue:
    """atan(high + low) − high."""
    square = z.high * z.high
    return m.fma(z.high * square, m.estrin(square, ATAN), z.low)


@function("atan", only=64)
def atan(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.at_most(m.abs(x), 2.0**100)  # beyond it is π/2
    low, high, n, d = _turned(m, size, m.number(1.0))
    z = _ratio(m, n, d)
    base, end = (
        m.select(low, 0.0, m.select(high, half, quarter))
        for half, quarter in zip(HALF_PI, QUARTER_PI, strict=True)
    )
    upper = fast_two_sum(base, z.high)
    return m.copysign(upper.high + (upper.low + (end + _beyond(m, z))), x)


@function("atan", only=32)
def atan_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y = m.widen(x)
    size = m.at_most(m.abs(y), 2.0**100)
    low, high, n, d = _turned(m, size, m.number(1.0))
    base = m.select(low, 0.0, m.select(high, HALF_PI[0], QUARTER_PI[0]))
    return m.narrow(m.copysign(base + _arc_single(m, n / d.high), y))


def _arc_single(m: LibmWriter, z: LibmValue) -> LibmValue:
    square = z * z
    return m.fma(z * square, m.horner(square, ATAN_SINGLE), z)


def _finite(m: LibmWriter, y: LibmValue, x: LibmValue) -> tuple[LibmValue, LibmValue]:
    """|y| and |x|, infinities replaced by numbers with the same angle, 0/0 by 0/1."""
    above, below = m.abs(y), m.abs(x)
    most = m.select(above > below, above, below)
    endless = most.equals(math.inf)
    a = m.select(endless, m.select(above.equals(math.inf), 1.0, 0.0), above)
    b = m.select(endless, m.select(below.equals(math.inf), 1.0, 0.0), below)
    return a, m.select(most.equals(0.0), 1.0, b)


def _eighths(m: LibmWriter, x: LibmValue, low: LibmValue, high: LibmValue) -> tuple[LibmValue, LibmValue]:
    """(multiples of π/4 to add, +0.0 or −0.0: whether the angle is turned over for negative x)."""
    count = m.select(low, 0.0, m.select(high, 2.0, 1.0))
    negative = m.bits(x) < 0
    sign = m.select(negative, -0.0, 0.0)
    return m.select(negative, 4.0 - count, count), sign


@function("atan2", only=64)
def atan2(m: LibmWriter, y: LibmValue, x: LibmValue) -> LibmValue:
    above, below = _finite(m, y, x)
    most = m.select(above > below, above, below)
    # so that nothing overflows, and remainders keep their bits; what underflows then is 0 beside the other
    scale = m.select(most < 2.0**-300, 2.0**600, m.select(most < 2.0**300, 2.0**400, 2.0**-60))
    low, high, n, d = _turned(m, above * scale, below * scale)
    z = _ratio(m, n, d)
    more = _beyond(m, z)
    count, sign = _eighths(m, x, low, high)
    turn = m.bits(sign)
    z_high, more = (m.from_bits(m.bits(part) ^ turn) for part in (z.high, more))
    upper = fast_two_sum(count * SHORT_QUARTER_PI[0], z_high)
    angle = upper.high + (upper.low + m.fma(count, SHORT_QUARTER_PI[1], more))
    return m.select((x + y).is_nan() & (x.is_nan() | y.is_nan()), x + y, m.copysign(angle, y))


@function("atan2", only=32)
def atan2_single(m: LibmWriter, y: LibmValue, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y, x = m.widen(y), m.widen(x)
    low, high, n, d = _turned(m, *_finite(m, y, x))
    count, sign = _eighths(m, x, low, high)
    arc = m.from_bits(m.bits(_arc_single(m, n / d.high)) ^ m.bits(sign))
    angle = m.copysign(m.fma(count, QUARTER_PI[0], arc), y)
    return m.narrow(m.select(x.is_nan() | y.is_nan(), x + y, angle))
