"""The inverse hyperbolic functions asinh, acosh and atanh.

    asinh t = log(t + √(t² + 1))        acosh t = log(t + √(t² − 1))        atanh t = log((1 + t)/(1 − t))/2

The argument of the logarithm is made as a sum of three floats, so that what it exceeds 1 by keeps its digits where it is small.
float32 is computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.coefficients import LOG
from graphc.compiler.targets.llvm.libm.logarithm import SHORT_LOG_2, beyond_f, split
from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, quotient, two_product, two_sum
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

LARGE = 2.0**28
"""Above this the root is t to the last bit, and the logarithm log(2t), where 2t may be beyond the largest float."""

SMALL = 2.0**-27
"""Below this asinh t and atanh t are t to within a quarter of an ULP."""


class Sum(NamedTuple):
    """high + middle + low, each below an ULP of the one before."""

    high: LibmValue
    middle: LibmValue
    low: LibmValue


def log_of_sum(m: LibmWriter, w: Sum, doubled: LibmValue | None = None) -> LibmValue:
    """log w, of w ≥ 1; of 2w where `doubled` is set."""
    form = m.format
    k, f, exponent, _ = split(m, w.high, subnormal=False)
    # 2^(1 − k) and not 2⁻ᵏ, which is subnormal at the end of the range
    inverse = m.from_bits((2 * form.bias + 1 - exponent) << (form.digits - 1))
    head = fast_two_sum(f, (w.middle * inverse) * 0.5)
    low = m.fma(w.low * inverse, 0.5, head.low)
    if doubled is not None:
        k = m.select(doubled, k + 1.0, k)
    upper, lower = SHORT_LOG_2[form.bits]
    total = fast_two_sum(k * upper, head.high)
    more = m.fma(-low, head.high, low)  # low/(1 + f), nearly
    return total.high + beyond_f(m, head.high, m.fma(k, lower, total.low) + more)


def root(m: LibmWriter, x: Pair) -> Pair:
    """√(high + low) as a sum of two floats; 0 of 0."""
    first = m.sqrt(x.high)
    inverse = 0.5 / m.at_least(first, 2.0**-500)
    return Pair(first, (m.fma(-first, first, x.high) + x.low) * inverse)


def _with_root(m: LibmWriter, t: LibmValue, sign: float) -> LibmValue:
    """log(t + √(t² + sign)) for t ≥ 0."""
    large = t > LARGE
    near = m.select(large, 2.0, t)
    square = two_product(m, near, near)
    moved = two_sum(square.high, m.number(sign))
    under = fast_two_sum(moved.high, moved.low + square.low)
    high, low = root(m, under)
    w = two_sum(near, high)
    return log_of_sum(m, Sum(m.select(large, t, w.high), m.select(large, 0.0, w.low), low), large)


@function("asinh", only=64)
def asinh(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    result = m.copysign(_with_root(m, size, 1.0), x)
    return m.select((size > SMALL) & (size < math.inf), result, x)


@function("acosh", only=64)
def acosh(m: LibmWriter, x: LibmValue) -> LibmValue:
    result = m.select(x >= 1.0, _with_root(m, x, -1.0), math.nan)
    return m.select(x < math.inf, result, x)


@function("atanh", only=64)
def atanh(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    below = fast_two_sum(1.0, -size)
    excess = quotient(m, Pair(size + size, m.number(0.0)), below)
    w = two_sum(excess.high, m.number(1.0))
    result = log_of_sum(m, Sum(w.high, w.low, excess.low)) * 0.5
    result = m.select(size < 1.0, result, m.select(size.equals(1.0), math.inf, math.nan))
    return m.select(size > SMALL, m.copysign(result, x), x)


# --- float32, in float64 ------------------------------------------------------------------------------------------------

SMALL_SINGLE = 2.0**-13


def _log(m: LibmWriter, x: LibmValue) -> LibmValue:
    """log x, accurate to 2⁻⁵⁰ absolutely, for x ≥ 1."""
    k, f, _, _ = split(m, x, subnormal=False)
    s = f / (f + 2.0)
    square = s * s
    return m.fma(s * square, m.horner(square, LOG[32]), m.fma(k, math.log(2), s + s))


def _single(name: str, rule: Callable[[LibmWriter, LibmValue], LibmValue]) -> None:
    @function(name, only=32)
    def in_double(m: LibmWriter, x: LibmValue) -> LibmValue:
        m = m.as_double()
        return m.narrow(rule(m, m.widen(x)))


def _asinh_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    result = m.copysign(_log(m, size + m.sqrt(m.fma(size, size, 1.0))), x)
    return m.select((size > SMALL_SINGLE) & (size < math.inf), result, x)


def _acosh_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    result = _log(m, x + m.sqrt(m.fma(x, x, -1.0)))
    return m.select(x < math.inf, m.select(x >= 1.0, result, math.nan), x)


def _atanh_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    result = _log(m, (1.0 + size) / (1.0 - size)) * 0.5
    result = m.select(size < 1.0, result, m.select(size.equals(1.0), math.inf, math.nan))
    return m.select(size > SMALL_SINGLE, m.copysign(result, x), x)


_single("asinh", _asinh_single)
_single("acosh", _acosh_single)
_single("atanh", _atanh_single)
