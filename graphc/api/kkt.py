"""The last digits of a constrained minimum: Newton steps on the conditions of Karush, Kuhn and Tucker.

A solver stops where its barrier or its line search does, some 5 to 8 digits from the optimum. Which constraints hold with
equality there is read off the multipliers: the non-negative combination of their gradients that comes nearest to the objective's.
With these held, the optimum is the root of smooth equations (Nocedal and Wright, "Numerical Optimization", §18.1), and Newton's
method with exact second derivatives finds the rest of its digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ops.support.sparse_arrays import scipy_linear, scipy_optimize, scipy_sparse
from graphc.util.records import dataclass

MOST_CANDIDATES = 2000
"""Constraints that may be active up to which the multipliers are found."""

STEPS = 60

NEAR = 1e-3
"""Times the size of a constraint's terms: what is nearer to equality may be active."""


@dataclass(frozen=True)
class Constraint:
    """c(x) = 0, or c(x) ≥ 0, of an array of values.

    fun, jac : the values in a vector, and their Jacobian
    hess : (x, multipliers) → the Hessian of the values times their multipliers
    """

    equality: bool
    shape: tuple[int, ...]
    fun: Callable[[np.ndarray], np.ndarray]
    jac: Callable[[np.ndarray], Any]
    hess: Callable[[np.ndarray, np.ndarray], Any]


@dataclass(frozen=True)
class Objective:
    """What is made least: its value, gradient and Hessian as functions of the vector, and whether the last is sparse."""

    fun: Callable[[np.ndarray], float]
    jac: Callable[[np.ndarray], np.ndarray]
    hess: Callable[[np.ndarray], Any]
    sparse: bool


@dataclass(frozen=True)
class Optimum:
    """A point with its multipliers: one for each value of the constraints and, by unknown, of the bounds.

    left : the largest of what is left of the gradient and of the active constraints
    """

    x: np.ndarray
    multipliers: list[np.ndarray]
    of_bounds: np.ndarray
    left: float


class _Stacked:
    """All constraints of a problem, bounds last, as one vector at a point."""

    def __init__(self, constraints: Sequence[Constraint], bounds: Any, count: int, sparse: bool) -> None:
        self.constraints, self.sparse = constraints, sparse
        least, greatest = bounds if bounds is not None else (np.full(count, -np.inf), np.full(count, np.inf))
        self.least, self.greatest = least, greatest
        self.low, self.high = np.flatnonzero(np.isfinite(least)), np.flatnonzero(np.isfinite(greatest))
        eye = scipy_sparse().eye_array(count, format="csr") if sparse else np.eye(count)
        self._of_bounds = [eye[self.low], -eye[self.high]]

    def values(self, x: np.ndarray) -> np.ndarray:
        general = [each.fun(x) for each in self.constraints]
        return np.concatenate(
            [*general, x[self.low] - self.least[self.low], self.greatest[self.high] - x[self.high]]
        )

    def rows(self, x: np.ndarray) -> Any:
        blocks = [*[each.jac(x) for each in self.constraints], *self._of_bounds]
        return scipy_sparse().vstack(blocks, format="csr") if self.sparse else np.vstack(blocks)

    def equalities(self, x: np.ndarray) -> np.ndarray:
        flags = [np.full(each.fun(x).size, each.equality) for each in self.constraints]
        return np.concatenate([*flags, np.zeros(len(self.low) + len(self.high), bool)])

    def curvature(self, x: np.ndarray, weights: np.ndarray) -> Any:
        """The Hessian of the constraints times their weights; 0 for none."""
        total: Any = 0.0
        for each, part in zip(self.constraints, self.parted(x, weights), strict=True):
            if np.any(part):
                total = total + each.hess(x, part)
        return total

    def parted(self, x: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([each.fun(x).size for each in self.constraints])
        return np.split(weights, ends)[: len(self.constraints)]

    def of_bounds(self, weights: np.ndarray) -> np.ndarray:
        result = np.zeros(len(self.least))
        start = len(weights) - len(self.low) - len(self.high)
        result[self.low] += weights[start : start + len(self.low)]
        result[self.high] -= weights[start + len(self.low) :]
        return result


def optimum(
    objective: Objective, constraints: Sequence[Constraint], bounds: Any, x: np.ndarray
) -> Optimum | None:
    """The optimum near a point that a solver found; None where derivatives there are no numbers, or multipliers too many."""
    stacked = _Stacked(constraints, bounds, len(x), objective.sparse)
    with np.errstate(all="ignore"):
        values, slope = stacked.values(x), objective.jac(x)
        if not (np.isfinite(values).all() and np.isfinite(slope).all()):
            return None
        rows = stacked.rows(x)
        size = 1 + np.abs(rows) @ np.abs(x)
        candidates = stacked.equalities(x) | (values <= NEAR * size)
        if candidates.sum() > MOST_CANDIDATES:
            return None
        weights = _multipliers(rows, slope, candidates, stacked.equalities(x))
        if weights is None:
            return None
        first = _optimum(stacked, objective, x, weights)
        active = stacked.equalities(x) | (weights > 1e-7 * np.abs(weights).max(initial=0.0))
        better = _newton(stacked, objective, x, weights, active)
    if better is None or not _holds(objective, stacked, first, better):
        return first
    return better


def _multipliers(
    rows: Any, slope: np.ndarray, candidates: np.ndarray, equal: np.ndarray
) -> np.ndarray | None:
    """The weights, ≥ 0 of inequalities, whose combination of the constraints' gradients is nearest to a slope."""
    weights = np.zeros(len(candidates))
    places = np.flatnonzero(candidates)
    if not len(places):
        return weights
    matrix = rows[places]
    matrix = (matrix.toarray() if hasattr(matrix, "toarray") else matrix).T
    both = np.flatnonzero(equal[places])
    optimize: Any = scipy_optimize()
    try:
        found, _ = optimize.nnls(np.hstack([matrix, -matrix[:, both]]), slope)
    except RuntimeError:  # no end within its iterations
        return None
    weights[places] = found[: len(places)]
    weights[places[both]] -= found[len(places) :]
    return weights


def _optimum(stacked: _Stacked, objective: Objective, x: np.ndarray, weights: np.ndarray) -> Optimum:
    rows, values = stacked.rows(x), stacked.values(x)
    slope = objective.jac(x)
    size = 1 + np.abs(rows) @ np.abs(x)
    violated = (
        np.where(stacked.equalities(x) | (weights > 0), np.abs(values), np.maximum(-values, 0.0)) / size
    )
    rest = np.abs(slope - rows.T @ weights) / (1 + np.abs(slope).max())
    left = float(max(rest.max(initial=0.0), violated.max(initial=0.0)))
    shaped = [
        np.reshape(part, each.shape)
        for each, part in zip(stacked.constraints, stacked.parted(x, weights), strict=True)
    ]
    return Optimum(x, shaped, stacked.of_bounds(weights), left)


def _newton(
    stacked: _Stacked, objective: Objective, x: np.ndarray, weights: np.ndarray, active: np.ndarray
) -> Optimum | None:
    """Newton's method with the active constraints held; the point with the least that is left of the conditions."""
    best: Optimum | None = None
    for _ in range(STEPS):
        rows, values = stacked.rows(x)[active], stacked.values(x)[active]
        bent = objective.hess(x) - stacked.curvature(x, weights)
        slope = objective.jac(x)
        if not (np.isfinite(values).all() and np.isfinite(slope).all()):
            return best
        now = _optimum(stacked, objective, x, weights)
        if best is not None and not now.left < best.left:
            return best
        best = now
        step = _solved(bent, rows, np.concatenate([-slope, -values]), objective.sparse)
        if step is None:
            return best
        x = np.clip(x + step[: len(x)], stacked.least, stacked.greatest)
        weights = np.zeros_like(weights)
        weights[active] = step[len(x) :]
    return best


def _solved(bent: Any, rows: Any, right: np.ndarray, sparse: bool) -> np.ndarray | None:
    """The step and the multipliers at its end from the linear equations of one step; None where they have no solution."""
    count = rows.shape[0]
    if sparse:
        system = (
            scipy_sparse().block_array([[bent, -rows.T], [rows, None]], format="csc")
            if count
            else bent.tocsc()
        )
        try:
            found = scipy_linear().splu(system).solve(right)
        except RuntimeError:  # exactly singular
            return None
    else:
        system = np.block([[bent, -rows.T], [rows, np.zeros((count, count))]])
        if not np.isfinite(system).all():
            return None
        try:
            found = np.linalg.lstsq(system, right, rcond=1e-15)[0]
        except np.linalg.LinAlgError:
            return None
    return found if np.isfinite(found).all() else None


def _holds(objective: Objective, stacked: _Stacked, first: Optimum, better: Optimum) -> bool:
    """Whether a polished point is one: nothing violated, no inequality that pulls, and the objective no larger than it was."""
    signs = [
        part.min(initial=0.0)
        for each, part in zip(stacked.constraints, better.multipliers, strict=True)
        if not each.equality
    ]
    pulls = min(signs, default=0.0) < -1e-8 * (1 + np.abs(objective.jac(better.x)).max())
    before, after = objective.fun(first.x), objective.fun(better.x)
    rises = (
        after > before + 1e-6 * (1 + abs(before))
        if len(first.multipliers)
        else after > before + 1e-12 * (1 + abs(before))
    )
    return better.left <= first.left and not pulls and not rises


__all__ = ["Constraint", "Objective", "Optimum", "optimum"]
