"""The exponential functions.

x = n·log 2 + r with |r| ≤ log(2)/2, and eˣ = 2ⁿ·(1 + r + r²·p(r)).
Source: Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.coefficients import EXP, EXP_CUBIC
from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, two_product, two_sum
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

LOG2_E = 1.4426950408889634074
LOG_2 = {
    64: (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56")),
    32: (float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29")),
}
"""log 2 as a sum of two floats of the format."""

LEAST = {64: -746.0, 32: -104.5}
MOST = {64: 710.0, 32: 89.0}
"""Beyond these the exponential is 0 and ∞, and so is what is computed at the limit."""

LEAST_2 = {64: -1076.0, 32: -151.0}
MOST_2 = {64: 1024.25, 32: 128.25}
"""The same for powers of two, with room for a low part."""


class Reduced(NamedTuple):
    """x = n·log 2 + high + low; `whole` has n's low bits."""

    n: LibmValue
    whole: LibmValue
    high: LibmValue
    low: LibmValue


def reduce(m: LibmWriter, x: LibmValue) -> Reduced:
    """The multiple of log 2 nearest to x, and the rest: |high| ≤ log(2)/2 and a little."""
    upper, lower = LOG_2[m.format.bits]
    n, whole = m.nearest(x, LOG2_E)
    first = m.fma(-n, upper, x)  # exact: a multiple of the last bit of log 2, of at most that many bits
    high = m.fma(-n, lower, first)
    return Reduced(n, whole, high, m.fma(-n, lower, first - high))


def reduce_2(m: LibmWriter, x: LibmValue, low: LibmValue | None = None) -> Reduced:
    """x + low = n + r: as `reduce`, with (x + low)·log 2 in place of x."""
    upper, lower = LOG_2[m.format.bits]
    n, whole = m.nearest(x)
    rest = fast_two_sum(x - n, low) if low is not None else Pair(x - n, m.number(0.0))
    product = two_product(m, rest.high, upper)
    end = m.fma(rest.high, lower, product.low)
    return Reduced(n, whole, product.high, end if low is None else m.fma(rest.low, upper, end))


def tail(m: LibmWriter, high: LibmValue, low: LibmValue) -> LibmValue:
    """e^(high + low) − 1 − high."""
    return m.fma(high * high, m.estrin(high, EXP[m.format.bits]), low)


def power(m: LibmWriter, reduced: Reduced) -> Pair:
    """e^r for the rest r, as high + low; |low| may exceed half an ULP of high."""
    first = fast_two_sum(1.0, reduced.high)
    return Pair(first.high, tail(m, reduced.high, first.low + reduced.low))


class Scale(NamedTuple):
    """2ⁿ in two factors, so that what it multiplies is rounded once where that is subnormal."""

    main: LibmValue
    rest: LibmValue

    def times(self, y: LibmValue) -> LibmValue:
        return y * self.main * self.rest


def scale(m: LibmWriter, reduced: Reduced, shift: int = 0, double: bool = False) -> Scale:
    """2^(n + shift), or twice that, for n down to twice the least exponent. Where n may be bias + 1, `shift` is −1."""
    f = m.format
    lift = 64 if m.is_double else 32
    small = reduced.n < float(2 - f.bias - shift)
    normal, lifted = ((f.bias + shift + more) << (f.digits - 1) for more in (0, lift))
    bias = m.select(small, m.literal(lifted, f.whole), m.literal(normal, f.whole))
    main = m.from_bits((reduced.whole << (f.digits - 1)) + bias)
    once = 2.0 if double else 1.0
    return Scale(main, m.select(small, once * 0.5**lift, once))


def clamped(
    m: LibmWriter, x: LibmValue, least: dict[int, float] = LEAST, most: dict[int, float] = MOST
) -> LibmValue:
    """x, no further out than the exponential changes."""
    return m.at_most(m.at_least(x, least[m.format.bits]), most[m.format.bits])


def finish(m: LibmWriter, reduced: Reduced) -> LibmValue:
    """2ⁿ·e^r."""
    high, low = power(m, reduced)
    factor = scale(m, reduced, -1, double=True)  # 2¹⁰²⁴ is no float
    result = m.fma(low, factor.main, high * factor.main) * factor.rest
    if m.waits:  # a link less where 2ⁿ is a normal number, with the same bits
        bias = float(m.format.bias)
        power_of_two = m.power_of_two(reduced.whole)
        usual = m.fma(low, power_of_two, high * power_of_two)
        result = m.select((reduced.n < 3.0 - bias) | (reduced.n > bias), result, usual)
    return result


@function("exp")
def exp(m: LibmWriter, x: LibmValue) -> LibmValue:
    return finish(m, reduce(m, clamped(m, x)))


@function("exp2")
def exp2(m: LibmWriter, x: LibmValue) -> LibmValue:
    return finish(m, reduce_2(m, clamped(m, x, LEAST_2, MOST_2)))


def half_expm1(m: LibmWriter, x: LibmValue) -> Pair:
    """(eˣ − 1)/2 for x from −60 to `MOST`; not exact where it is subnormal."""
    reduced = reduce(m, x)
    f = m.format
    # 2^(n − 1), so that n may be 1024; n is above −1022
    half = m.from_bits((reduced.whole << (f.digits - 1)) + ((f.bias - 1) << (f.digits - 1)))
    below = two_sum(half, m.number(-0.5))
    total = fast_two_sum(below.high, half * reduced.high)  # n = 0: 0 + r/2; else |2ⁿ − 1| > |2ⁿ·r|
    # where the two nearly cancel (n = 1, r < 0) the square needs more digits than one float has
    square = two_product(m, reduced.high * 0.5, reduced.high)
    cubic = (square.high + square.high) * reduced.high
    end = m.fma(cubic, m.estrin(reduced.high, EXP_CUBIC[f.bits]), square.low + reduced.low)
    middle = fast_two_sum(total.high, half * square.high)
    rest = m.fma(half, end, total.low + below.low) + middle.low
    total = middle
    return Pair(total.high, rest)


@function("expm1")
def expm1(m: LibmWriter, x: LibmValue) -> LibmValue:
    """2ⁿ·(e^r − 1) + (2ⁿ − 1): the second is exact, the first as accurate as it is small."""
    limited = m.at_most(m.at_least(x, m.pick(-60.0, -30.0)), MOST[m.format.bits])
    high, low = half_expm1(m, limited)
    result = m.copysign((high + low) * 2.0, x)
    return m.select(m.abs(x) < m.pick(2.0**-60, 2.0**-30), x, result)  # where half of x may lose its last bit
