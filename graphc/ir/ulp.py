"""Floating-point numbers as whole numbers: their order, their distance in steps, and rounding to them.

The floats of a type, in order, are numbered: 0 is 0, the smallest positive subnormal is 1, its negative −1. The distance
of two floats in this numbering is what errors are measured by, and a number drawn from it is a float whose exponent is as
likely as any other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.types import FLOAT64, DType

WORDS: dict[DType, tuple[type, type]] = {
    np.dtype(np.float32): (np.int32, np.uint32),
    np.dtype(np.float64): (np.int64, np.uint64),
}
"""Float type → signed and unsigned integers of its width."""


def ordinals(values: Any, dtype: DType = FLOAT64) -> np.ndarray:
    """The numbers of floats in the order of their type; both zeros are 0. NaNs have numbers beyond infinity.

    >>> ordinals([0.0, 5e-324, -5e-324])
    array([ 0,  1, -1])
    """
    signed = WORDS[dtype][0]
    bits = np.ascontiguousarray(values, dtype=dtype).view(signed)
    return np.where(bits >= 0, bits, np.iinfo(signed).min - bits)


def from_ordinals(numbers: Any, dtype: DType = FLOAT64) -> np.ndarray:
    """The floats of these numbers."""
    signed = WORDS[dtype][0]
    numbers = np.ascontiguousarray(numbers, dtype=signed)
    return np.where(numbers >= 0, numbers, np.iinfo(signed).min - numbers).view(dtype)


def bits_of_error(computed: Any, exact: Any, dtype: DType = FLOAT64) -> np.ndarray:
    """log₂(1 + the number of steps between two floats): 0 is the same float, 1 its neighbour, the type's width NaN.

    About as many of the leading digits' bits are wrong. Source: Panchekha et al., Automatically improving accuracy for
    floating point expressions (PLDI 2015).

    >>> bits_of_error([1.0, 1.0, float("nan")], [1.0, 1.0000000000000002, 1.0])
    array([ 0.,  1., 64.])
    """
    computed, exact = np.atleast_1d(np.asarray(computed, dtype)), np.atleast_1d(np.asarray(exact, dtype))
    one, other = ordinals(computed, dtype), ordinals(exact, dtype)
    unsigned = WORDS[dtype][1]
    # two signed numbers may lie further apart than their type reaches, but not than the unsigned one does
    steps = np.maximum(one, other).view(unsigned) - np.minimum(one, other).view(unsigned)
    error = np.log2(1 + steps.astype(np.float64))
    return np.where(np.isnan(computed) | np.isnan(exact), 8.0 * dtype.itemsize, error)


def rounded(value: Any, dtype: DType = FLOAT64) -> float:
    """The nearest float of a type to an mpmath number, ties to even, subnormals and overflow included."""
    sign, mantissa, exponent, count = value._mpf_
    if not mantissa:
        return float(value)  # 0, ±inf and NaN
    info = np.finfo(dtype)
    digits = info.nmant + 1
    last = max(exponent + count - digits, int(info.minexp) - info.nmant)  # the exponent of the last place
    if exponent + count > info.maxexp + 1:
        size = np.inf
    elif exponent + count < last - 1:
        size = 0.0
    else:
        shift = exponent - last
        whole = mantissa << shift if shift >= 0 else _shifted(mantissa, -shift)
        too_large = whole.bit_length() + last > info.maxexp
        size = np.inf if too_large else math.ldexp(whole, last)
    return -size if sign else size


def _shifted(whole: int, places: int) -> int:
    """whole/2**places, rounded to even."""
    down, rest = whole >> places, whole & ((1 << places) - 1)
    half = 1 << (places - 1)
    return down + (rest > half or (rest == half and down & 1))


__all__ = ["bits_of_error", "from_ordinals", "ordinals", "rounded"]
