"""The logarithms.

x = 2ᵏ·(1 + f) with √½ ≤ 1 + f < √2, and with s = f/(2 + f): log(1 + f) = 2·artanh s = f − f²/2 + s·(f²/2 + s²·P(s²)).
Source: Muller, Elementary Functions, 3rd ed., 2016, chapter 11; the last form is K. C. Ng's, of 4.3BSD.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.coefficients import LOG
from graphc.compiler.targets.llvm.libm.pairs import fast_two_sum, two_product, two_sum
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

SHORT_LOG_2 = {
    64: (float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45")),
    32: (float.fromhex("0x1.62e4p-1"), float.fromhex("0x1.7f7d1cp-20")),
}
"""log 2 as a sum whose first term has zeros enough at its end that its product with any exponent is exact."""

LOG2_E = {
    64: (float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
    32: (float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0cp-26")),
}
LOG10_E = {
    64: (float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
    32: (float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
}
"""1/log 2 and 1/log 10 as sums of two floats."""

SHORT_LOG10_2 = {
    64: (float.fromhex("0x1.34413509f78p-2"), float.fromhex("0x1.fef311f12b358p-46")),
    32: (float.fromhex("0x1.344p-2"), float.fromhex("0x1.3509f8p-18")),
}
"""log₁₀ 2 in the manner of SHORT_LOG_2."""


class Split(NamedTuple):
    """x = 2ᵏ·(1 + f), exactly; `exponent` is k and the bias, as an integer; `whole` is 1 + f."""

    k: LibmValue
    f: LibmValue
    exponent: LibmValue
    whole: LibmValue


def split(m: LibmWriter, x: LibmValue, subnormal: bool = True) -> Split:
    """The parts of a positive number: √½ ≤ 1 + f < √2. Without `subnormal` x must be normal."""
    form = m.format
    lift = float(form.digits + 1)
    root = form.pattern(form.round(math.sqrt(0.5)))
    mantissa = (1 << (form.digits - 1)) - 1
    bias = m.number(float(form.bias))
    if subnormal:
        small = x < 2.0 ** (1 - form.bias)
        x = m.select(small, x * 2.0**lift, x)
        bias = m.select(small, float(form.bias) + lift, float(form.bias))
    moved = m.bits(x) + (form.pattern(1.0) - root)
    exponent = moved >> (form.digits - 1)
    k = m.to_real(exponent) - bias
    whole = m.from_bits((moved & mantissa) + root)
    return Split(k, whole - 1.0, exponent, whole)


def beyond_f(
    m: LibmWriter,
    f: LibmValue,
    extra: LibmValue | None = None,
    table: dict[int, tuple[float, ...]] = LOG,
    whole: LibmValue | None = None,
) -> LibmValue:
    """log(1 + f) − f + extra. Where `whole` is 1 + f exactly, a link less stands before the division, with the same bits."""
    s = f / (f + 2.0 if whole is None else whole + 1.0)
    z = s * s
    half = f * 0.5
    square = two_product(m, half, f)
    inner = m.fma(z, m.estrin(z, table[m.format.bits]), square.high)
    return m.fma(s, inner, -square.high) + (-square.low if extra is None else extra - square.low)


def special(m: LibmWriter, x: LibmValue, pole: float, result: LibmValue) -> LibmValue:
    """The result for x between the pole and ∞; −∞ at the pole, NaN below, and x itself for ∞ and NaN."""
    outside = m.select(x < pole, math.nan, x)
    outside = m.select(x.equals(pole), -math.inf, outside)
    return m.select((x > pole) & (x < math.inf), result, outside)


@function("log")
def log(m: LibmWriter, x: LibmValue) -> LibmValue:
    k, f, _, whole = split(m, x)
    upper, lower = SHORT_LOG_2[m.format.bits]
    total = fast_two_sum(k * upper, f)  # k = 0, or |k·log 2| > |f|
    return special(m, x, 0.0, total.high + beyond_f(m, f, m.fma(k, lower, total.low), whole=whole))


def _other_base(
    m: LibmWriter, x: LibmValue, factor: tuple[float, float], unit: tuple[float, float]
) -> LibmValue:
    """k·unit + log(1 + f)·factor."""
    k, f, _, whole = split(m, x)
    high, low = fast_two_sum(f, beyond_f(m, f, whole=whole))
    product = two_product(m, high, factor[0])
    rest = m.fma(high, factor[1], m.fma(low, factor[0], product.low))
    total = fast_two_sum(k * unit[0], product.high)
    if unit[1]:
        rest = m.fma(k, unit[1], rest)
    return special(m, x, 0.0, total.high + (total.low + rest))


@function("log2")
def log2(m: LibmWriter, x: LibmValue) -> LibmValue:
    return _other_base(m, x, LOG2_E[m.format.bits], (1.0, 0.0))


@function("log10")
def log10(m: LibmWriter, x: LibmValue) -> LibmValue:
    return _other_base(m, x, LOG10_E[m.format.bits], SHORT_LOG10_2[m.format.bits])


@function("log1p")
def log1p(m: LibmWriter, x: LibmValue) -> LibmValue:
    """The logarithm of 1 + x as a sum of two floats; for k = 0 the sum of f and its low part is x itself."""
    form = m.format
    u = two_sum(x, m.number(1.0))
    k, f, exponent, _ = split(m, u.high, subnormal=False)
    # 2^(1 − k), which is 0 where the low part is of no account
    inverse = m.from_bits((2 * form.bias + 1 - exponent) << (form.digits - 1))
    f, low = fast_two_sum(f, (u.low * inverse) * 0.5)
    upper, lower = SHORT_LOG_2[form.bits]
    total = fast_two_sum(k * upper, f)
    rest = beyond_f(m, f, m.fma(k, lower, total.low) + m.fma(-low, f, low))
    return special(m, x, -1.0, m.copysign(total.high + rest, x))
