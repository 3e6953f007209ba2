"""Forms of a formula of one number held against its series near 0, in value and two derivatives, at points of all sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from graphc.autodiff.reverse import reverse
from graphc.errors import GraphcError
from graphc.interpret.mpmath_eval import evaluate
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.rewrite.laurent import Laurent, number

Forms = Sequence[Expr]
"""A formula, and its derivatives where these are wanted"""

LIMITS = (6.0, 10.0, 20.0)
"""By so many roundings of the formula and of its argument may the value and each derivative be off."""

SIZES = {
    8: (1e-200, 1e-120, 1e-70, 1e-35, 1e-20, 1e-15, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3),
    4: (1e-30, 1e-18, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3),
}
PARTS = (0.01, 0.03, 0.06, 0.1, 0.17, 0.25, 0.35, 0.5, 0.62, 0.75, 0.87, 0.99)
"""Of the reach of a series"""

REACHES = (
    4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.875, 0.75, 0.625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125, 0.0625,
    2.0**-5, 2.0**-6, 2.0**-7, 2.0**-9, 2.0**-11, 2.0**-14,
)  # fmt: skip

MOST_TERMS = 36
LEAST_TERMS = 5

DIGITS = 200
"""Bits in which a series is summed."""


@dataclass(frozen=True)
class Polynomial:
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
    least = abs(coefficients[0]) * mpmath.mpf(2) ** -(bits + 1)
    count = len(coefficients)
    while count > 1:
        k = count - 1
        if abs(coefficients[k]) * mpmath.mpf(limit) ** (step * k) * (1 + step * k) ** 2 > least:
            break
        count -= 1
    return count if count + 1 < len(coefficients) else len(coefficients) + 1


def polynomial(series: Laurent, dtype: Any) -> Polynomial | None:
    """A series as a polynomial for as large arguments as its terms allow; None where they allow none."""
    step = math.gcd(*[k for k, c in enumerate(series.coefficients) if c])
    if step == 0 and len(series.coefficients) > MOST_TERMS:  # a constant, written so that one does not see it
        with mp.workprec(DIGITS):
            return Polynomial(
                series.valuation, (+number(series.coefficients[0]),), 1, 1.0, np.finfo(dtype).nmant + 1
            )
    if step == 0 or len(series.coefficients) < LEAST_TERMS * step:
        return None
    with mp.workprec(DIGITS):
        coefficients = tuple([+number(c) for c in series.coefficients[::step]])
        found = Polynomial(series.valuation, coefficients, step, 0.0, np.finfo(dtype).nmant + 1)
        for reach in REACHES:
            count = _count(coefficients, reach, step, found.bits)
            if count <= min(MOST_TERMS, len(coefficients)) and _is_steady(coefficients, reach, step):
                return replace(found, reach=reach)
    return None


def _is_steady(coefficients: Sequence[Any], reach: float, step: int) -> bool:
    """Whether the terms of a sum are not much larger than the sum, at either side."""
    for x in (reach, -reach, reach / 2, -reach / 2):
        terms = [c * mpmath.mpf(x) ** (step * k) for k, c in enumerate(coefficients)]
        if sum(map(abs, terms)) > 3 * abs(sum(terms)):
            return False
    return True


class Trial:
    """What forms are held against."""

    def __init__(self, series: Polynomial, dtype: Any) -> None:
        self.series = series
        self._dtype = np.dtype(dtype)
        sizes = sorted({s for s in SIZES[self._dtype.itemsize] if s < series.reach}
                       | {series.reach * part for part in PARTS})  # fmt: skip
        self._points = np.array([x for size in sizes for x in (size, -size)], self._dtype)
        self._truth: list[np.ndarray] = []

    def _true(self, order: int) -> np.ndarray:
        if len(self._truth) <= order:
            self._truth = self.series.values(self._points, order)
        return self._truth[order]

    def failing(self, forms: Forms) -> float | None:
        """Up to which size of its argument a form is to be replaced; None where it holds."""
        worst = 0.0
        for errors, limit in zip(self._errors(forms), LIMITS, strict=False):
            bad = errors > limit
            if bad.any():
                worst = max(worst, float(np.abs(self._points[bad]).max()))
        return min(self.series.reach, 1.5 * worst) if worst else None

    def keeps_zero(self, forms: Forms) -> bool:
        """Whether a form is right at 0 itself, where it has the sign of an infinity, or of a zero."""
        if self.series.valuation == 0:
            return False
        dag = Dag(list(forms))
        values = run_arrays(dag, [np.zeros((), self._dtype) for _ in dag.symbols])
        for order, output in enumerate(dag.outputs):
            ours, true = float(np.asarray(values[output])), self.series.at_zero(order)
            if math.isnan(ours) or (math.isinf(true) != math.isinf(ours)):
                return False
            if math.isfinite(true) and abs(ours - true) > LIMITS[order] * np.finfo(self._dtype).eps * abs(
                true
            ):
                return False
        return True

    def is_better(self, one: Forms, other: Forms) -> bool:
        """Whether the first form loses fewer bits."""
        ours, theirs = self._lost(one), self._lost(other)
        return ours < theirs

    def _lost(self, forms: Forms) -> float:
        return sum(float(np.log2(np.minimum(e, 2.0**60) + 1).sum()) for e in self._errors(forms))

    def _errors(self, forms: Forms) -> list[np.ndarray]:
        """For each form its errors, in roundings of it and of its argument; 0 where it is too large or too small for its type."""
        dag = Dag(list(forms))
        values = run_arrays(dag, [self._points for _ in dag.symbols])
        limits = np.finfo(self._dtype)
        least, most = float(limits.tiny) * 2.0**60, float(limits.max) / 2.0**60
        self._true(len(forms))
        found = []
        for order, output in enumerate(dag.outputs):
            ours = np.broadcast_to(np.asarray(values[output]), self._points.shape).astype(np.longdouble)
            true = self._true(order)
            with np.errstate(all="ignore"):
                size = np.abs(true) + np.abs(self._points * self._true(order + 1))
                asked = (size > least) & (size < most)
                errors = np.where(np.isfinite(ours), np.abs(ours - true) / (size * limits.eps), np.inf)
            found.append(np.minimum(np.where(asked, errors, 0.0), 1e300).astype(np.float64))
        return found


SAMPLES = (1e-15, 1e-9, 1e-6, 1e-3, 0.02)


def holds(formula: Expr, forms: Forms) -> bool:
    """Whether forms of a formula that has no series at 0 are right at some points beside it."""
    dag, written = Dag(list(forms)), [formula]
    (x,) = dag.symbols or (None,)
    if x is None:
        return True
    for _ in forms:
        written.append(reverse([written[-1]], None, [x]).adjoint(x))
    points = np.array([sign * size for size in SAMPLES for sign in (1, -1)], x.dtype)
    values = run_arrays(dag, [points])
    ours = [np.broadcast_to(np.asarray(values[output]), points.shape) for output in dag.outputs]
    eps = float(np.finfo(x.dtype).eps)
    for place, point in enumerate(points):
        try:
            true = [float(v) for v in evaluate(written, {x.name: float(point)}, digits=20)]
        except (GraphcError, ArithmeticError, ValueError, TypeError):
            continue
        for order, value in enumerate(ours):
            size = abs(true[order]) + abs(float(point) * true[order + 1])
            if (
                math.isfinite(size)
                and not abs(float(value[place]) - true[order]) <= LIMITS[order] * eps * size
            ):
                return False
    return True


__all__ = ["Forms", "Polynomial", "Trial", "holds", "polynomial"]
