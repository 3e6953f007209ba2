"""Powers and roots: pow, cbrt, rsqrt, hypot."""

from __future__ import annotations

import math

from graphc.compiler.targets.llvm.libm.coefficients import CBRT, EXP2_SHORT, LOG2_SHORT, LOG_TAIL
from graphc.compiler.targets.llvm.libm.exponential import LEAST_2, MOST_2, finish, reduce_2
from graphc.compiler.targets.llvm.libm.logarithm import LOG2_E, split
from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, quotient, two_product
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

TWO_THIRDS = (float.fromhex("0x1.5555555555555p-1"), float.fromhex("0x1.5555555555555p-55"))


def product(m: LibmWriter, x: Pair, y: Pair) -> Pair:
    """The product of two sums, but for the product of their low parts."""
    high, low = two_product(m, x.high, y.high)
    return Pair(high, low + m.fma(x.high, y.low, x.low * y.high))


def log2_pair(m: LibmWriter, x: LibmValue) -> Pair:
    """log₂ x for x > 0 in float64, with a relative error below 2⁻⁶⁵.

    2·s + s³·(2/3 + s²·Q(s²)), where s = f/(2 + f), s² and the first two terms are sums of two floats.
    """
    k, f, _, _ = split(m, x)
    s = quotient(m, Pair(f, m.number(0.0)), fast_two_sum(2.0, f))
    z = product(m, s, s)
    above = z.high * m.estrin(z.high, LOG_TAIL[64])
    series = fast_two_sum(TWO_THIRDS[0], above)
    series = Pair(series.high, series.low + TWO_THIRDS[1])
    cubic = product(m, product(m, s, z), series)
    total = fast_two_sum(s.high * 2.0, cubic.high)
    natural = Pair(total.high, total.low + m.fma(s.low, 2.0, cubic.low))
    unit = Pair(m.number(LOG2_E[64][0]), m.number(LOG2_E[64][1]))
    binary = product(m, natural, unit)
    whole = fast_two_sum(k, binary.high)
    return fast_two_sum(whole.high, whole.low + binary.low)


def _special_powers(
    m: LibmWriter, x: LibmValue, y: LibmValue, size: LibmValue, result: LibmValue
) -> LibmValue:
    """Signs and exceptions of x**y, given |x| and |x|**y for positive finite |x| ≠ 1."""
    half = y * 0.5
    integer = m.floor(y).equals(y)
    odd = integer & ~m.floor(half).equals(half)
    result = m.select(size.equals(1.0), 1.0, result)  # also to the power ∞
    result = m.select(m.copysign(m.number(1.0), x).equals(-1.0) & odd, -result, result)
    below = (x < 0.0) & (x > -math.inf) & ~integer
    result = m.select(below, math.nan, result)
    result = m.select(x.is_nan() | y.is_nan(), math.nan, result)
    return m.select(x.equals(1.0) | y.equals(0.0), 1.0, result)


@function("pow", only=64)
def pow_double(m: LibmWriter, x: LibmValue, y: LibmValue) -> LibmValue:
    size = m.abs(x)
    logarithm = log2_pair(m, size)
    main = m.select(size.equals(math.inf), math.inf, m.select(size.equals(0.0), -math.inf, logarithm.high))
    exponent = two_product(m, main, y)
    inside = m.abs(exponent.high) < 1100.0
    low = m.select(inside, m.fma(logarithm.low, y, exponent.low), 0.0)
    limited = m.at_most(m.at_least(exponent.high, LEAST_2[64]), MOST_2[64])
    result = finish(m, reduce_2(m, limited, low))
    return _special_powers(m, x, y, size, result)


@function("pow", only=32)
def pow_single(m: LibmWriter, x: LibmValue, y: LibmValue) -> LibmValue:
    """Through float64, with polynomials to 2⁻³⁴: the exponent, 150 at most, keeps 2⁻³⁰."""
    wide = m.as_double()
    size = m.abs(x)
    k, f, *_ = split(wide, wide.widen(size), subnormal=False)
    s = f / (f + 2.0)
    logarithm = wide.fma(s, wide.estrin(s * s, LOG2_SHORT[64]), k)
    main = wide.select(size.equals(math.inf), math.inf, wide.select(size.equals(0.0), -math.inf, logarithm))
    limited = wide.at_most(wide.at_least(main * wide.widen(y), -160.0), 130.0)
    n, whole = wide.nearest(limited)
    raised = wide.estrin(limited - n, EXP2_SHORT[64]) * wide.power_of_two(whole)
    return _special_powers(m, x, y, size, m.narrow(raised))


@function("cbrt")
def cbrt(m: LibmWriter, x: LibmValue) -> LibmValue:
    """z ≈ M^(−1/3) by a polynomial and one step of Halley's kind; M·z² with the residual's correction."""
    f = m.format
    size = m.abs(x)
    small = size < 2.0 ** (1 - f.bias)
    lift = m.pick(18.0, 8.0)  # cubed, it makes the least subnormal normal
    moved = m.bits(m.select(small, size * 2.0 ** (3 * lift), size))
    exponent = m.to_real(moved >> (f.digits - 1))
    shifted = exponent - float(f.bias % 3)  # then 2^(e − bias) = 8^q·2^j
    third, whole = m.nearest(shifted * f.round(1 / 3) - f.round(1 / 3))
    j = shifted - third * 3.0
    mantissa = (1 << (f.digits - 1)) - 1
    fraction = m.from_bits((moved & mantissa) | f.pattern(1.0))
    scale = m.select(j.equals(0.0), 1.0, m.select(j.equals(1.0), 2.0, 4.0))
    start = m.select(
        j.equals(0.0),
        m.number(1.0),
        m.select(j.equals(1.0), f.round(2 ** (-1 / 3)), f.round(2 ** (-2 / 3))),
    )
    number = fraction * scale
    z = m.estrin(fraction - 1.0, CBRT[f.bits]) * start
    error = m.fma(-(z * z), z * number, 1.0)
    z = m.fma(z * error, m.fma(error, f.round(2 / 9), f.round(1 / 3)), z)
    square = z * z
    root = number * square
    cubed = two_product(m, root, root)
    residual = m.fma(-cubed.low, root, m.fma(-cubed.high, root, number))
    root = m.fma(residual, square * f.round(1 / 3), root)
    third_bias = f.bias // 3
    power = m.from_bits((whole << (f.digits - 1)) + ((f.bias - third_bias) << (f.digits - 1)))
    result = root * power * m.select(small, 2.0**-lift, 1.0)
    inside = (size > 0.0) & (size < math.inf)
    return m.select(inside, m.copysign(result, x), x)


@function("rsqrt")
def rsqrt(m: LibmWriter, x: LibmValue) -> LibmValue:
    """1/√x, with the residuals of root and quotient, which are exact for numbers that are not too small."""
    small = x < m.pick(2.0**-960, 2.0**-100)
    lifted = m.select(small, x * m.pick(2.0**120, 2.0**60), x)
    root = m.sqrt(lifted)
    inverse = 1.0 / root
    under = m.fma(-root, root, lifted)
    over = m.fma(-inverse, root, 1.0)
    result = m.fma(inverse, m.fma(under * inverse, inverse * -0.5, over), inverse)
    result = result * m.select(small, m.pick(2.0**60, 2.0**30), 1.0)
    return m.select((x > 0.0) & (x < math.inf), result, inverse)


@function("hypot", only=64)
def hypot_double(m: LibmWriter, x: LibmValue, y: LibmValue) -> LibmValue:
    first, second = m.abs(x), m.abs(y)
    larger = first > second
    most, least = m.select(larger, first, second), m.select(larger, second, first)
    huge, tiny = most > 2.0**500, most < 2.0**-400
    down = m.select(huge, 2.0**-600, m.select(tiny, 2.0**600, 1.0))
    up = m.select(huge, 2.0**600, m.select(tiny, 2.0**-600, 1.0))
    most, least = most * down, least * down
    square, other = two_product(m, most, most), two_product(m, least, least)
    total = fast_two_sum(square.high, other.high)
    result = m.sqrt(total.high + (total.low + (square.low + other.low))) * up
    return m.select(first.equals(math.inf) | second.equals(math.inf), math.inf, result)


@function("hypot", only=32)
def hypot_single(m: LibmWriter, x: LibmValue, y: LibmValue) -> LibmValue:
    first, second = m.widen(x), m.widen(y)
    infinite = m.abs(first).equals(math.inf) | m.abs(second).equals(math.inf)
    result = m.narrow(m.sqrt(m.fma(first, first, second * second)))
    return m.select(infinite, math.inf, result)
