"""Numbers as unevaluated sums of two floats: the high part is the nearest float, the low one what it misses.

The exact transformations are Dekker's and Knuth's, with the product by fused multiplication and addition.
Source: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 2018, chapters 4 and 14.
"""

from __future__ import annotations

from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter, Operand


class Pair(NamedTuple):
    """The sum high + low."""

    high: LibmValue
    low: LibmValue


def two_sum(x: Operand, y: LibmValue) -> Pair:
    """x + y exactly (Knuth), for operands of any size."""
    total = x + y
    other = total - x
    return Pair(total, (x - (total - other)) + (y - other))


def fast_two_sum(x: Operand, y: LibmValue) -> Pair:
    """x + y exactly (Dekker), for x = 0 or |x| ≥ |y|."""
    total = x + y
    return Pair(total, y - (total - x))


def two_product(m: LibmWriter, x: LibmValue, y: Operand) -> Pair:
    """x·y exactly."""
    product = x * y
    return Pair(product, m.fma(x, y, -product))


def quotient(m: LibmWriter, above: Pair, below: Pair) -> Pair:
    """above/below with a relative error of a few 2^(−2·digits): one division, two corrections by its reciprocal."""
    inverse = 1.0 / below.high
    first = above.high * inverse
    rest = m.fma(-first, below.high, above.high) + m.fma(-first, below.low, above.low)
    return fast_two_sum(first, rest * inverse)
