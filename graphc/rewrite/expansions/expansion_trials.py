"""Forms of a formula of one number held against its series near 0, in value and two derivatives, at points of all sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.interpret.numpy_eval import run_arrays
from graphc.interpret.truncated_series import TruncatedSeries
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

Forms = Sequence[Expr]
"""A formula, and its derivatives where these are wanted"""

OFF = (0.713, 0.877)
"""Beside each size: what a form loses at one point another does not show."""

LIMITS = (6.0, 10.0, 20.0)
"""By so many roundings of the formula and of its argument may the value and each derivative be off."""

SIZES = {
    8: (1e-200, 1e-120, 1e-70, 1e-35, 1e-20, 1e-15, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3),
    4: (1e-30, 1e-18, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3),
}
LEAST_ONE_SIDED = 0.5
"""Derivatives by x of what is even in √x lose less than a trial asks for a while further out."""

PARTS = (0.01, 0.03, 0.06, 0.1, 0.17, 0.25, 0.35, 0.5, 0.62, 0.75, 0.87, 0.99)
"""Of the reach of a series"""


class SeriesTrial:
    """What forms are held against."""

    def __init__(
        self, series: TruncatedSeries, dtype: Any, one_sided: bool = False, number: float = 0.0
    ) -> None:
        """one_sided : whether it is the series of what is NaN for negative numbers
        number : what the argument is the difference to, of a variable that is rounded
        """
        self.series = series
        self._number = number
        self._one_sided = one_sided
        self._dtype = np.dtype(dtype)
        sizes = sorted({s for s in SIZES[self._dtype.itemsize] if s < series.reach}
                       | {series.reach * part for part in PARTS})  # fmt: skip
        sizes = sorted({size * part for size in sizes for part in (1.0, *OFF)})
        self._points = np.array(
            [x for size in sizes for x in ((size,) if one_sided else (size, -size))], self._dtype
        )
        if number:
            with np.errstate(all="ignore"):
                step = 2 * np.spacing(self._dtype.type(abs(number)))
                points = np.unique(np.rint(self._points / step) * step)
            self._points = points[(points != 0) & np.isfinite(points)].astype(self._dtype)
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
        if worst and self._one_sided:
            return (
                self.series.reach
            )  # derivatives by x of what is even in √x cancel as far as there are terms
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
                size = np.abs(true) + np.abs((self._points + self._number) * self._true(order + 1))
                asked = (size > least) & (size < most)
                errors = np.where(np.isfinite(ours), np.abs(ours - true) / (size * limits.eps), np.inf)
            found.append(np.minimum(np.where(asked, errors, 0.0), 1e300).astype(np.float64))
        return found


__all__ = ["Forms", "SeriesTrial"]
