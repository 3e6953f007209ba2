"""The logistic function and the logarithms of sums of exponentials.

All go through t = exp(−|x|) ≤ 1, as a sum of two floats: what several of them share in a loop, LLVM computes once.
"""

from __future__ import annotations

import math

from graphc.compiler.targets.llvm.libm.coefficients import LOG_WIDE
from graphc.compiler.targets.llvm.libm.exponential import LEAST, LOG_2, Reduced, power, reduce, scale
from graphc.compiler.targets.llvm.libm.logarithm import beyond_f
from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, quotient, two_sum
from graphc.compiler.targets.llvm.libm.registry import function
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter


def decay(m: LibmWriter, x: LibmValue, low: LibmValue | None = None) -> Pair:
    """exp(x + low) for x ≤ 0."""
    reduced = reduce(m, m.at_least(x, LEAST[m.format.bits]))
    if low is not None:
        reduced = Reduced(reduced.n, reduced.whole, reduced.high, reduced.low + low)
    factor = scale(m, reduced)
    y = power(m, reduced)
    high, rest = fast_two_sum(y.high, y.low)
    return Pair(factor.times(high), factor.times(rest))


def _log_one_plus(m: LibmWriter, t: Pair) -> Pair:
    """log(1 + t) for t in [0, 1]; above ½ as log 2 + log(1 + (t − 1)/2)."""
    upper, lower = LOG_2[m.format.bits]
    above = t.high > 0.5
    f = m.select(above, (t.high - 1.0) * 0.5, t.high)
    low = m.select(above, t.low * 0.5, t.low)
    base = fast_two_sum(m.select(above, upper, 0.0), f)
    extra = (base.low + m.select(above, lower, 0.0)) + m.fma(-low, f, low)
    return Pair(base.high, beyond_f(m, f, extra, LOG_WIDE))


@function("sigmoid")
def sigmoid(m: LibmWriter, x: LibmValue) -> LibmValue:
    t = decay(m, -m.abs(x))
    positive = x >= 0.0
    above = Pair(m.select(positive, 1.0, t.high), m.select(positive, 0.0, t.low))
    below = fast_two_sum(1.0, t.high)
    result = quotient(m, above, Pair(below.high, below.low + t.low))
    return result.high


def _softplus(m: LibmWriter, x: LibmValue) -> LibmValue:
    logarithm = _log_one_plus(m, decay(m, -m.abs(x)))
    most = m.at_least(x, 0.0)
    total = two_sum(most, logarithm.high)
    return m.select(total.high.equals(math.inf), math.inf, total.high + (total.low + logarithm.low))


@function("softplus")
def softplus(m: LibmWriter, x: LibmValue) -> LibmValue:
    return _softplus(m, x)


@function("log_sigmoid")
def log_sigmoid(m: LibmWriter, x: LibmValue) -> LibmValue:
    return -_softplus(m, -x)


@function("logaddexp")
def logaddexp(m: LibmWriter, x: LibmValue, y: LibmValue) -> LibmValue:
    """max + log(1 + exp(−|x − y|)), the difference as a sum of two floats."""
    first = x > y
    most, least = m.select(first, x, y), m.select(first, y, x)
    difference = two_sum(least, -most)
    finite = difference.high > -math.inf  # ∞ and −∞ do not meet themselves
    high = m.select(x.equals(y), 0.0, difference.high)
    low = m.select(finite, difference.low, 0.0)
    logarithm = _log_one_plus(m, decay(m, high, low))
    total = two_sum(most, logarithm.high)
    result = total.high + (total.low + logarithm.low)
    return m.select(m.abs(total.high).equals(math.inf), total.high, result)
