"""The error function and its complement.

erf: up to 1 an odd polynomial; above 1 − e^q(t) with a polynomial q for log erfc t, whose error counts by erfc alone.
erfc: up to 0.8 the same odd polynomial taken from 1; above

    erfc t = exp(−t²)·(5/8 + p((t − c)/(t + c)))/(t + 1/2)

where p stays within 0.06 of 0, so that neither it nor the reciprocal costs digits, and t² is carried in two floats: its rounding
would be multiplied by up to t². float32 is computed in float64. The mapping of the half line is that of M. M. Shepherd and
J. G. Laframboise, Chebyshev approximation of (1 + 2x)·exp(x²)·erfc x in 0 ≤ x < ∞, Mathematics of Computation 36 (1981).
"""

from __future__ import annotations

from graphc.compiler.targets.llvm.libm.exponential import Reduced, clamped, reduce, scale, tail
from graphc.compiler.targets.llvm.libm.pairs import fast_two_sum, two_product
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.tables import (
    ERF,
    ERF_SINGLE,
    ERFCX,
    ERFCX_SINGLE,
    EXP_SINGLE,
    LOG_ERFC,
    LOG_ERFC_SINGLE,
)
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter


@function("erf", only=64)
def erf(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.at_most(m.abs(x), 6.0)  # erfc 6 is below a quarter of an ULP of 1
    near = m.fma(size, m.estrin(size * size, ERF), size)
    beyond = size - 1.0
    log = fast_two_sum(LOG_ERFC[0], m.at_most(beyond * m.estrin(beyond, LOG_ERFC[1:]), 0.0))
    reduced = reduce(m, log.high)
    share = m.power_of_two(reduced.whole)
    power = reduced.high + tail(m, reduced.high, reduced.low + log.low)
    far = m.fma(-power, share, 1.0 - share)
    return m.copysign(m.select(size < 1.0, near, far), x)


@function("erfc", only=64)
def erfc(m: LibmWriter, x: LibmValue) -> LibmValue:
    size = m.abs(x)
    one = fast_two_sum(1.0, -x)
    near = one.high + m.fma(-x, m.estrin(x * x, ERF), one.low)

    # e^(−t²) as high + low, with 2ⁿ apart; exp(−x·x) beside it in a loop, the density, takes the same steps, which are done once
    square = two_product(m, size, size)
    reduced = reduce(m, clamped(m, -square.high))
    first = fast_two_sum(1.0, reduced.high)
    low = tail(m, reduced.high, first.low + reduced.low)
    low = m.fma(-square.low, first.high + low, low)

    # 1/(t + 1/2) as high + low, by the division that the mapping needs as well
    below = fast_two_sum(size, m.number(0.5))
    far = size + 3.5
    inverse = 1.0 / (below.high * far)
    r = inverse * far
    rest = r * m.fma(-r, below.low, m.fma(-r, below.high, 1.0))
    p = m.estrin((size - 3.5) * (inverse * below.high), ERFCX)
    main = two_product(m, r, 0.625)
    factor = fast_two_sum(main.high, m.fma(r, p, m.fma(rest, p + 0.625, main.low)))

    product = two_product(m, first.high, factor.high)
    more = product.low + m.fma(first.high, factor.low, low * factor.high)
    value = scale(m, Reduced(reduced.n, reduced.whole, reduced.high, reduced.low)).times(product.high + more)
    value = m.select(size > 27.3, 0.0, value)
    return m.select(size < 0.8, near, m.select(x < 0.0, 2.0 - value, value))


# --- float32, in float64 ------------------------------------------------------------------------------------------------


def _exp(m: LibmWriter, x: LibmValue) -> LibmValue:
    """eˣ to 28 bits, for |x| < 700."""
    reduced = reduce(m, x)
    r = reduced.high
    power = m.fma(r * r, m.horner(r, EXP_SINGLE), r + 1.0)
    return power * m.power_of_two(reduced.whole)


@function("erf", only=32)
def erf_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y = m.widen(x)
    size = m.at_most(m.abs(y), 4.1)
    near = m.fma(size, m.horner(size * size, ERF_SINGLE), size)
    far = 1.0 - _exp(m, m.horner(size, LOG_ERFC_SINGLE))
    return m.narrow(m.copysign(m.select(size < 1.0, near, far), y))


@function("erfc", only=32)
def erfc_single(m: LibmWriter, x: LibmValue) -> LibmValue:
    m = m.as_double()
    y = m.widen(x)
    size = m.at_most(m.abs(y), 10.4)  # beyond it is 0
    near = 1.0 - m.fma(y, m.horner(y * y, ERF_SINGLE), y)
    below, far = size + 0.5, size + 2.0
    inverse = 1.0 / (below * far)
    p = m.horner((size - 2.0) * (inverse * below), ERFCX_SINGLE)
    value = _exp(m, -(size * size)) * ((inverse * far) * (p + 0.625))
    return m.narrow(m.select(m.abs(y) < 0.8, near, m.select(y < 0.0, 2.0 - value, value)))
