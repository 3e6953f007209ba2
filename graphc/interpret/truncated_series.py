"""Laurent series cut off: how far they reach, how many terms it takes, and their values in a dozen bits more than a float has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.interpret.laurent import Laurent, number
from graphc.util.records import dataclass

REACHES = (
    4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.875, 0.75, 0.625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125, 0.0625,
    2.0**-5, 2.0**-6, 2.0**-7, 2.0**-9, 2.0**-11, 2.0**-14,
)  # fmt: skip

MOST_TERMS = 44
LEAST_TERMS = 5

DIGITS = 200
"""Bits in which a series is summed."""


@dataclass(frozen=True)
class TruncatedSeries:
    """x**valuation · Σ coefficients[k]·x**(step·k) for |x| ≤ reach, in many digits"""

    valuation: int
    coefficients: tuple[Any, ...]
    step: int
    reach: float
    bits: int

    def up_to(self, limit: float) -> list[float]:
        """As many coefficients as it takes for values and three derivatives up to a limit."""
        return [float(c) for c in self.coefficients[: _count(self.coefficients, limit, self.step, self.bits)]]

    def at_zero(self, order: int) -> float:
        """The value or a derivative at 0; an infinity at a pole."""
        if self.valuation < 0:
            return math.inf
        k, rest = divmod(order - self.valuation, self.step)
        if k < 0 or rest or k >= len(self.coefficients):
            return 0.0
        return float(self.coefficients[k] * math.factorial(order))

    def values(self, points: np.ndarray, orders: int) -> list[np.ndarray]:
        """The value and so many derivatives at some points, with a dozen bits more than a float."""
        at = points.astype(np.longdouble)
        variable = at**self.step
        found = []
        powers = [self.valuation + self.step * k for k in range(len(self.coefficients))]
        factors = list(self.coefficients)
        with np.errstate(all="ignore"):
            for _ in range(orders + 1):
                total = np.zeros_like(at)
                for factor in reversed(_extended(factors)):
                    total = total * variable + factor
                found.append(total * at ** powers[0])
                factors = [c * power for c, power in zip(factors, powers, strict=True)]
                powers = [power - 1 for power in powers]
        return found


def _extended(values: Sequence[Any]) -> list[np.longdouble]:
    """Numbers of many digits as the widest that NumPy has, of two floats each."""
    found = []
    for value in values:
        first = float(value)
        found.append(np.longdouble(first) + np.longdouble(float(value - first)))
    return found


def _count(coefficients: Sequence[Any], limit: float, step: int, bits: int) -> int:
    """How many terms matter up to a limit, with a power of k more for each of two derivatives; the number of all of them and one
    more where these are not enough."""
    least = abs(coefficients[0]) * 2.0 ** -(bits + 1)
    count = len(coefficients)
    while count > 1:
        k = count - 1
        if _term(coefficients[k], limit, step * k) * (1 + step * k) ** 2 > least:
            break
        count -= 1
    return count if count + 1 < len(coefficients) else len(coefficients) + 1


def _term(coefficient: Any, x: float, power: int) -> Any:
    """|coefficient·xⁿ|, to a float's digits: nothing is decided by more of them."""
    size = abs(float(coefficient)) * abs(x) ** power
    if 0.0 < size < math.inf or not coefficient:
        return size
    import mpmath

    return abs(coefficient * mpmath.mpf(x) ** power)


def truncated(series: Laurent, dtype: Any) -> TruncatedSeries | None:
    """A series as a polynomial for as large arguments as its terms allow; None where they allow none."""
    import mpmath

    step = math.gcd(*[k for k, c in enumerate(series.coefficients) if c])
    if step == 0 and len(series.coefficients) > MOST_TERMS:  # a constant, written so that one does not see it
        with mpmath.workprec(DIGITS):
            return TruncatedSeries(
                series.valuation, (+number(series.coefficients[0]),), 1, 1.0, np.finfo(dtype).nmant + 1
            )
    if step == 0 or len(series.coefficients) < LEAST_TERMS * step:
        return None
    with mpmath.workprec(DIGITS):
        coefficients = tuple([+number(c) for c in series.coefficients[::step]])
        found = TruncatedSeries(series.valuation, coefficients, step, 0.0, np.finfo(dtype).nmant + 1)
        for reach in REACHES:
            count = _count(coefficients, reach, step, found.bits)
            if count <= min(MOST_TERMS, len(coefficients)) and _is_steady(
                coefficients, reach, step, found.valuation
            ):
                return replace(found, reach=reach)
    return None


def _is_steady(coefficients: Sequence[Any], reach: float, step: int, valuation: int) -> bool:
    """Whether the terms of a sum are not much larger than the sum, or what it changes with its argument, at either side."""
    parts = [float(c) for c in coefficients]
    for x in (reach, -reach, reach / 2, -reach / 2):
        terms: list[Any] = [c * x ** (step * k) for k, c in enumerate(parts)]
        if not all(map(math.isfinite, terms)):
            import mpmath

            terms = [c * mpmath.mpf(x) ** (step * k) for k, c in enumerate(coefficients)]
        change = sum([(valuation + step * k) * term for k, term in enumerate(terms)])
        if sum(map(abs, terms)) > 3 * (abs(sum(terms)) + abs(change)):
            return False
    return True


__all__ = ["TruncatedSeries", "truncated"]
