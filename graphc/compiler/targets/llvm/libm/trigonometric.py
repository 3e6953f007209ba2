"""The trigonometric functions sin, cos and tan.

x = q·π/2 + r with |r| ≤ π/4 and a little, r as a sum of two floats; sin and cos of r by polynomials in r², exchanged and
negated by the quadrant q. Up to `LIMIT` the multiple of π/2 is subtracted in three parts (Cody and Waite's reduction; with fused
multiplication and addition each part has a full significand). Beyond it the bits of 2/π that matter for the exponent of x are
looked up and multiplied as integers (Payne and Hanek's reduction), in functions of their own that few elements ever need.
Source: Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, quotient, two_sum
from graphc.compiler.targets.llvm.libm.registry import Rest, function
from graphc.compiler.targets.llvm.libm.tables import COS, COS_SINGLE, SIN, SIN_SINGLE
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
"""π/2 as a sum of three floats."""

LIMIT = 2.0**30
"""Up to here the reduction without a table is exact to some 2⁻¹³⁰; |x| closest to a multiple of π/2 misses it by 2⁻⁶¹."""

SIGN = -(2**63)


class Angle(NamedTuple):
    """|x| = quadrant·π/2 + high + low; `quadrant` holds it in its low bits."""

    quadrant: LibmValue
    high: LibmValue
    low: LibmValue


def near(m: LibmWriter, x: LibmValue) -> Angle:
    """The reduction for |x| ≤ `LIMIT`."""
    size = m.abs(x)
    n, quadrant = m.nearest(size, TWO_OVER_PI)
    first = m.fma(-n, HALF_PI[0], size)  # exact: a multiple of 2⁻⁵² (or of x's last bit) below 1
    product = n * HALF_PI[1]
    rest = m.fma(n, HALF_PI[2], m.fma(n, HALF_PI[1], -product))
    high, low = two_sum(first, -product)
    return Angle(quadrant, *fast_two_sum(high, low - rest))


PREFIX = 64
"""So many zeros stand before the bits of 2/π in the table."""


def _two_over_pi_words() -> list[int]:
    """2/π in words of 64 bits after `PREFIX` zeros, from Machin's formula for π in integers."""
    bits = 64 * 21
    one = 1 << (bits + 64)

    def arc_cotangent(n: int) -> int:
        term = total = one // n
        k, sign = 1, 1
        while term:
            term //= n * n
            k, sign = k + 2, -sign
            total += sign * (term // k)
        return total

    pi = 4 * (4 * arc_cotangent(5) - arc_cotangent(239))
    digits = (2 * one << (bits - PREFIX)) // pi
    return [digits >> (bits - 64 * (k + 1)) & (2**64 - 1) for k in range(20)]


def _table() -> str:
    words = _two_over_pi_words()
    listed = ", ".join(f"i64 {word}" for word in words)
    return f"@graphc_two_over_pi = internal unnamed_addr constant [{len(words)} x i64] [{listed}]"


FUNNEL = "declare i64 @llvm.fshl.i64(i64, i64, i64)"
LEADING = "declare i64 @llvm.ctlz.i64(i64, i1)"


def far(m: LibmWriter, x: LibmValue) -> Angle:
    """The reduction for any finite |x| ≥ 2²⁹.

    |x| = M·2^E with a whole M below 2⁵³, and |x|·2/π modulo 4 needs of 2/π only the bits from place E − 2 on: 192 of them leave
    an error below 2⁻¹³⁷ quadrants.
    """
    m.declarations |= {FUNNEL, LEADING, _table()}
    emit = m.instruction
    pattern = m.bits(m.abs(x))
    exponent = pattern >> 52  # E + 1075
    whole = (pattern & (2**52 - 1)) | 2**52
    place = exponent - (1075 + 2 - PREFIX)
    first = place >> 6
    count = place & 63

    def word(k: int) -> LibmValue:
        index = first + k
        address = f"getelementptr [20 x i64], ptr @graphc_two_over_pi, i64 0, i64 {index.text}"
        return emit(f"load i64, ptr {emit(address, 'ptr').text}", "i64")

    def funnel(high: LibmValue, low: LibmValue, by: LibmValue | int) -> LibmValue:
        """The upper word of high:low, shifted left."""
        amount = by.text if isinstance(by, LibmValue) else str(by)
        return emit(f"call i64 @llvm.fshl.i64(i64 {high.text}, i64 {low.text}, i64 {amount})", "i64")

    def wide(y: LibmValue) -> LibmValue:
        return emit(f"zext i64 {y.text} to i128", "i128")

    def low_word(y: LibmValue) -> LibmValue:
        return emit(f"trunc i128 {y.text} to i64", "i64")

    def real(y: LibmValue) -> LibmValue:
        return emit(f"uitofp i64 {y.text} to double", "double")

    words = [word(k) for k in range(4)]
    upper, middle, lower = (funnel(words[k], words[k + 1], count) for k in range(3))
    product0 = wide(whole) * wide(lower)
    product1 = wide(whole) * wide(middle) + (product0 >> 64)
    top = whole * upper + low_word(product1 >> 64)
    next_, last = low_word(product1), low_word(product0)

    quadrant = (top >> 62) + ((top >> 61) & 1)
    # what is left of the quadrant, as a signed fraction in [−1/2, 1/2)
    fraction = [funnel(top, next_, 2), funnel(next_, last, 2), last << 2]
    negative = fraction[0] >> 63
    mask = 0 - negative
    size = [part ^ mask for part in fraction]  # off by 2⁻¹⁹⁰
    zeros = emit(f"call i64 @llvm.ctlz.i64(i64 {size[0].text}, i1 false)", "i64")
    head, following = funnel(size[0], size[1], zeros), funnel(size[1], size[2], zeros)
    scale = m.from_bits(((1023 - zeros) << 52) | (negative << 63))
    high = real(head >> 11) * 2.0**-53
    low = real(((head & 2047) << 53) | (following >> 11)) * 2.0**-117
    product = high * HALF_PI[0]
    rest = m.fma(high, HALF_PI[0], -product) + m.fma(high, HALF_PI[1], low * HALF_PI[0])
    total = fast_two_sum(product, rest)
    return Angle(quadrant, total.high * scale, total.low * scale)


def sine_and_cosine(m: LibmWriter, angle: Angle) -> tuple[Pair, Pair]:
    """sin and cos of high + low, each as a float and what is to be added to it."""
    high, low = angle.high, angle.low
    square = high * high
    sine = m.fma(high * square, m.estrin(square, SIN), m.fma(square * -0.5, low, low))
    half = square * 0.5
    first = 1.0 - half
    cosine = ((1.0 - first) - half) + m.fma(square * square, m.estrin(square, COS), -(high * low))
    return Pair(high, sine), Pair(first, cosine)


def is_odd(quadrant: LibmValue) -> LibmValue:
    return ~(quadrant & 1).equals(0)


def negate(m: LibmWriter, y: LibmValue, sign: LibmValue) -> LibmValue:
    """y, its sign turned where the first bit of the integer `sign` is set."""
    return m.from_bits(m.bits(y) ^ (sign & SIGN))


def sine_of(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    sine, cosine = sine_and_cosine(m, angle)
    size = m.select(is_odd(angle.quadrant), cosine.high + cosine.low, sine.high + sine.low)
    return negate(m, size, (angle.quadrant << 62) ^ m.bits(x))


def cosine_of(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    del x  # an even function
    sine, cosine = sine_and_cosine(m, angle)
    size = m.select(is_odd(angle.quadrant), sine.high + sine.low, cosine.high + cosine.low)
    return negate(m, size, (angle.quadrant + 1) << 62)


def tangent_of(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    sine, cosine = (fast_two_sum(*pair) for pair in sine_and_cosine(m, angle))
    odd = is_odd(angle.quadrant)
    above = Pair(m.select(odd, cosine.high, sine.high), m.select(odd, cosine.low, sine.low))
    below = Pair(m.select(odd, sine.high, cosine.high), m.select(odd, sine.low, cosine.low))
    ratio = quotient(m, above, below)
    return negate(m, ratio.high + ratio.low, (angle.quadrant << 63) ^ m.bits(x))


# --- float32, in float64 ------------------------------------------------------------------------------------------------


def near_single(m: LibmWriter, x: LibmValue) -> Angle:
    """The reduction of a float32 (as a float64) with |x| ≤ `LIMIT`: two parts of π/2 are more than it needs."""
    size = m.abs(x)
    n, quadrant = m.nearest(size, TWO_OVER_PI)
    rest = m.fma(-n, HALF_PI[1], m.fma(-n, HALF_PI[0], size))
    return Angle(quadrant, rest, rest)


def _single(m: LibmWriter, angle: Angle) -> tuple[LibmValue, LibmValue]:
    """(sin, cos) of `high` to some 30 bits."""
    square = angle.high * angle.high
    sine = m.fma(angle.high * square, m.horner(square, SIN_SINGLE), angle.high)
    return sine, m.fma(square, m.horner(square, COS_SINGLE), 1.0)


def sine_of_single(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    sine, cosine = _single(m, angle)
    return negate(m, m.select(is_odd(angle.quadrant), cosine, sine), (angle.quadrant << 62) ^ m.bits(x))


def cosine_of_single(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    del x
    sine, cosine = _single(m, angle)
    return negate(m, m.select(is_odd(angle.quadrant), sine, cosine), (angle.quadrant + 1) << 62)


def tangent_of_single(m: LibmWriter, x: LibmValue, angle: Angle) -> LibmValue:
    sine, cosine = _single(m, angle)
    odd = is_odd(angle.quadrant)
    ratio = m.select(odd, cosine, sine) / m.select(odd, sine, cosine)
    return negate(m, ratio, (angle.quadrant << 63) ^ m.bits(x))


# --- the functions ------------------------------------------------------------------------------------------------------


Result = Callable[[LibmWriter, LibmValue, Angle], LibmValue]


def _register(name: str, double: Result, single: Result) -> None:
    """`name` for both formats, with another reduction beyond `LIMIT` (∞ takes the same way)."""

    def beyond(m: LibmWriter, x: LibmValue) -> LibmValue:
        return m.select(x - x <= 0.0, double(m, x, far(m, x)), x - x)  # ∞ − ∞ and NaN are NaN

    def beyond_single(m: LibmWriter, x: LibmValue) -> LibmValue:
        m = m.as_double()
        y = m.widen(x)
        return m.narrow(m.select(y - y <= 0.0, single(m, y, far(m, y)), y - y))

    @function(name, only=64, rest=Rest(LIMIT, beyond))
    def within(m: LibmWriter, x: LibmValue) -> LibmValue:
        return double(m, x, near(m, x))

    @function(name, only=32, rest=Rest(LIMIT, beyond_single))
    def within_single(m: LibmWriter, x: LibmValue) -> LibmValue:
        m = m.as_double()
        y = m.widen(x)
        return m.narrow(single(m, y, near_single(m, y)))


_register("sin", sine_of, sine_of_single)
_register("cos", cosine_of, cosine_of_single)
_register("tan", tangent_of, tangent_of_single)
