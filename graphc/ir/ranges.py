"""Intervals of floating-point values, and what arithmetic makes of them: the bounds that operations declare.

The arithmetic of the ends relies on rounding being monotone: the rounded sum of two ends bounds every rounded sum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

INF = math.inf


class Range(NamedTuple):
    """An interval with its ends, which may be infinite; `nan` tells whether NaN is possible as well."""

    lo: float = -INF
    hi: float = INF
    nan: bool = True

    @property
    def positive(self) -> bool:
        return self.lo > 0

    @property
    def nonnegative(self) -> bool:
        return self.lo >= 0

    @property
    def negative(self) -> bool:
        return self.hi < 0

    @property
    def nonzero(self) -> bool:
        return self.lo > 0 or self.hi < 0

    @property
    def finite(self) -> bool:
        return self.lo > -INF and self.hi < INF and not self.nan

    def holds(self, value: float) -> bool:
        return self.nan if math.isnan(value) else self.lo <= value <= self.hi


ANYTHING = Range()


def add(x: Range, y: Range) -> Range:
    clash = (x.hi == INF and y.lo == -INF) or (x.lo == -INF and y.hi == INF)
    lo = -INF if -INF in (x.lo, y.lo) else x.lo + y.lo
    hi = INF if INF in (x.hi, y.hi) else x.hi + y.hi
    return Range(lo, hi, x.nan or y.nan or clash)


def negative(x: Range) -> Range:
    return Range(-x.hi, -x.lo, x.nan)


def multiply(x: Range, y: Range) -> Range:
    def product(a: float, b: float) -> float:
        return 0.0 if a == 0 or b == 0 else a * b

    ends = [product(a, b) for a in (x.lo, x.hi) for b in (y.lo, y.hi)]
    infinite_x, infinite_y = INF in (-x.lo, x.hi), INF in (-y.lo, y.hi)
    clash = (infinite_x and y.lo <= 0 <= y.hi) or (infinite_y and x.lo <= 0 <= x.hi)
    return Range(min(ends), max(ends), x.nan or y.nan or clash)


def divide(x: Range, y: Range) -> Range:
    if y.lo <= 0 <= y.hi:
        # by a zero of either sign; of one sign when both operands' signs are known, but -0 is not told from 0
        zero = x.lo <= 0 <= x.hi
        return Range(nan=x.nan or y.nan or zero or (INF in (-x.lo, x.hi) and INF in (-y.lo, y.hi)))

    def quotient(a: float, b: float) -> float:
        if math.isinf(b):
            return 0.0
        return (
            a / b
            if math.isinf(a) or abs(b) >= 1 or abs(a) <= abs(b) * 1.7e308
            else math.copysign(INF, a) * math.copysign(1, b)
        )

    ends = [quotient(a, b) for a in (x.lo, x.hi) for b in (y.lo, y.hi)]
    if math.isinf(y.lo) or math.isinf(y.hi):
        ends.append(0.0)
    clash = INF in (-x.lo, x.hi) and INF in (-y.lo, y.hi)
    return Range(min(ends), max(ends), x.nan or y.nan or clash)


def absolute(x: Range) -> Range:
    if x.lo >= 0:
        return x
    if x.hi <= 0:
        return negative(x)
    return Range(0.0, max(-x.lo, x.hi), x.nan)


def square(x: Range) -> Range:
    size = absolute(x)
    return Range(size.lo * size.lo, size.hi * size.hi, x.nan)


def union(*ranges: Range) -> Range:
    return Range(min(r.lo for r in ranges), max(r.hi for r in ranges), any(r.nan for r in ranges))
