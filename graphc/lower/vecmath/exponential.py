"""The exponential functions.

x = n·log 2 + r with |r| ≤ log(2)/2, and eˣ = 2ⁿ·(1 + r + r²·p(r)).
Source: Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

from typing import NamedTuple

from graphc.lower.vecmath.coefficients import EXP
from graphc.lower.vecmath.pairs import Pair, fast_two_sum
from graphc.lower.vecmath.registry import function
from graphc.lower.vecmath.writer import Value, Writer

LOG2_E = 1.4426950408889634074
LOG_2 = {
    64: (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56")),
    32: (float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29")),
}
"""log 2 as a sum of two floats of the format."""

LEAST = {64: -746.0, 32: -104.5}
MOST = {64: 710.0, 32: 89.0}
"""Beyond these the exponential is 0 and ∞, and so is what is computed at the limit."""

LEAST_NORMAL = {64: -707.0, 32: -86.0}
"""Above this half the exponential is no subnormal number."""


class Reduced(NamedTuple):
    """x = n·log 2 + high + low; `whole` has n's low bits."""

    n: Value
    whole: Value
    high: Value
    low: Value


def reduce(m: Writer, x: Value) -> Reduced:
    """The multiple of log 2 nearest to x, and the rest: |high| ≤ log(2)/2 and a little."""
    upper, lower = LOG_2[m.format.bits]
    n, whole = m.nearest(x, LOG2_E)
    first = m.fma(-n, upper, x)  # exact: a multiple of the last bit of log 2, of at most that many bits
    high = m.fma(-n, lower, first)
    return Reduced(n, whole, high, m.fma(-n, lower, first - high))


def tail(m: Writer, high: Value, low: Value) -> Value:
    """e^(high + low) − 1 − high."""
    return m.fma(high * high, m.estrin(high, EXP[m.format.bits]), low)


def exp_pair(m: Writer, x: Value) -> tuple[Pair, Value]:
    """(e^r as high + low, n's low bits) with eˣ = 2ⁿ·e^r; |low| is below an ULP of high, but high + low may round differently."""
    _, whole, high, low = reduce(m, x)
    first = fast_two_sum(1.0, high)
    return Pair(first.high, first.low + tail(m, high, low)), whole


def scaled(m: Writer, y: Value, whole: Value, x: Value) -> Value:
    """y·2ⁿ, rounded once, for y near 1, n near x/log 2, `LEAST` ≤ x ≤ `MOST`, n's low bits in `whole`."""
    lift = 64 if m.is_double else 32
    f = m.format
    small = x < LEAST_NORMAL[f.bits]
    bias = m.select(
        small,
        m.literal(f.bias - 1 + lift << f.digits - 1, f.whole),
        m.literal(f.bias - 1 << f.digits - 1, f.whole),
    )
    power = m.from_bits((whole << (f.digits - 1)) + bias)
    return (y + y) * power * m.select(small, 0.5**lift, 1.0)  # 2^(n − 1), as 2¹⁰²⁴ is no float


def clamped(m: Writer, x: Value) -> Value:
    """x, no further out than the exponential changes."""
    return m.at_most(m.at_least(x, LEAST[m.format.bits]), MOST[m.format.bits])


@function("exp")
def exp(m: Writer, x: Value) -> Value:
    x = clamped(m, x)
    power, whole = exp_pair(m, x)
    return scaled(m, power.high + power.low, whole, x)
