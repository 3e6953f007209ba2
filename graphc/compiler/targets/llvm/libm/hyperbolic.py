"""Hyperbolic functions.

With x = n·log 2 + r, n ≥ 0, and P = 2ⁿ⁻¹, N = 2⁻ⁿ⁻¹:

    sinh x = (P − N)·cosh r + (P + N)·sinh r        cosh x = (P + N)·cosh r + (P − N)·sinh r

Polynomials give cosh r − 1 and sinh r − r; for n = 0 the first factor vanishes and sinh keeps its relative accuracy.
"""

from __future__ import annotations

from graphc.compiler.targets.llvm.libm.coefficients import COSH, EXP_CUBIC, SINH
from graphc.compiler.targets.llvm.libm.exponential import reduce
from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, quotient
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter


def _combined(m: LibmWriter, size: LibmValue, odd: bool) -> LibmValue:
    """sinh or cosh of |x|, given `size` = |x|."""
    f = m.format
    bits = f.bits
    size = m.at_most(size, m.pick(712.0, 91.0))
    large = size > m.pick(600.0, 60.0)
    reduced = reduce(m, size)
    lift = 64 if m.is_double else 32
    shift = f.digits - 1
    bias = m.select(
        large, m.literal((f.bias - 1 - lift) << shift, f.whole), m.literal((f.bias - 1) << shift, f.whole)
    )
    up = m.from_bits((reduced.whole << shift) + bias)
    down = m.from_bits(m.literal((f.bias - 1) << shift, f.whole) - (reduced.whole << shift))
    down = m.select(large, 0.0, down)
    plus, minus = fast_two_sum(up, down), fast_two_sum(up, -down)
    near, far = (minus, plus) if odd else (plus, minus)  # of cosh r, of sinh r
    square = reduced.high * reduced.high
    even_part = square * m.estrin(square, COSH[bits])
    odd_part = m.fma(square * reduced.high, m.estrin(square, SINH[bits]), reduced.low)
    total = m.fma(far.high, reduced.high, near.high)
    lost = m.fma(far.high, reduced.high, near.high - total) + m.fma(far.low, reduced.high, near.low)
    result = total + m.fma(near.high, even_part, m.fma(far.high, odd_part, lost))
    return result * m.select(large, 2.0**lift, 1.0)


@function("sinh")
def sinh(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    result = m.copysign(_combined(m, size, odd=True), x)
    return m.select(size < m.pick(2.0**-30, 2.0**-15), x, result)  # x³/6 is below a quarter of an ULP


@function("cosh")
def cosh(m: LibmWriter, x: LibmValue) -> LibmValue:
    return _combined(m, m.abs(x), odd=False)


def _half_expm1(m: LibmWriter, x: LibmValue) -> Pair:
    """(eˣ − 1)/2 for −50 ≤ x ≤ 0, with a relative error of some hundredths of an ULP; `expm1` has more."""
    f = m.format
    reduced = reduce(m, x)
    half = m.from_bits((reduced.whole << (f.digits - 1)) + ((f.bias - 1) << (f.digits - 1)))  # 2^(n − 1)
    below = fast_two_sum(-0.5, half)
    total = fast_two_sum(below.high, half * reduced.high)
    second = m.fma(reduced.high, m.estrin(reduced.high, EXP_CUBIC[f.bits]), 0.5)
    tail = m.fma(reduced.high * reduced.high, second, reduced.low)
    return fast_two_sum(total.high, m.fma(half, tail, total.low + below.low))


@function("tanh")
def tanh(m: LibmWriter, x: LibmValue) -> LibmValue:
    """−E/(2 + E) with E = exp(−2·|x|) − 1, both as sums of two floats."""
    size = m.at_most(m.abs(x), m.pick(22.0, 10.0))
    above = _half_expm1(m, size * -2.0)
    one = fast_two_sum(1.0, above.high)
    result = quotient(m, above, Pair(one.high, one.low + above.low))
    answer = m.copysign(result.high, x)
    return m.select(size < m.pick(2.0**-30, 2.0**-15), x, answer)
