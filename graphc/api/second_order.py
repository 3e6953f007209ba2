"""Whether a point where the gradient is 0 is a minimum, and where to go on from one that is none.

Solvers end where the gradient is 0, also on a saddle or a maximum that they began at, or that they reached along a line of
symmetry. There the Hessian (of the Lagrangian, along what the active constraints leave free) bends down somewhere, and a step
that way leads to lower values (Nocedal and Wright, "Numerical Optimization", §2.1 and theorem 12.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.api.kkt import Constraint, Objective

BENT = 1e-8
"""Curvature beside the largest one from which it is no rounding error."""

MOST_LEVEL = 8
"""Directions without curvature along which lower values are looked for."""

ACTIVE = 1e-8
"""What is left of an inequality, beside 1 and the size of the unknowns, up to which it holds with equality."""


def way_down(
    objective: Objective, constraints: Sequence[Constraint], bounds: Any, x: np.ndarray, multipliers: Any
) -> np.ndarray | None:
    """A point from which a solver reaches lower values than at one where the first derivatives balance; None at a minimum."""
    with np.errstate(all="ignore"):
        bent = objective.hess(x)
        bent = bent.toarray() if hasattr(bent, "toarray") else bent
        rows = []
        near = ACTIVE * (1 + np.abs(x).max(initial=0.0))
        for each, part in zip(constraints, multipliers, strict=True):
            values = each.fun(x)
            active = np.full(values.shape, each.equality) | (np.abs(values) <= near)
            jac = each.jac(x)
            rows.append((jac.toarray() if hasattr(jac, "toarray") else jac)[active])
            if np.any(part):
                curved = each.hess(x, np.ravel(part))
                bent = bent - (curved.toarray() if hasattr(curved, "toarray") else curved)
        held = np.zeros(len(x), bool)
        if bounds is not None:
            held = (x <= bounds[0] + near) | (x >= bounds[1] - near)
            rows.append(np.eye(len(x))[held])
        if not np.isfinite(bent).all():
            return None
        free = _null_space(np.vstack(rows), len(x)) if rows else np.eye(len(x))
        if not free.shape[1]:
            return None
        values, vectors = np.linalg.eigh(free.T @ bent @ free)
        flat = BENT * np.abs(bent).max()
        if values[0] < -flat:
            return _lower(objective, bounds, x, free @ vectors[:, 0], bool(constraints))
        if constraints:
            return None
        level = free @ vectors[:, values <= flat]  # higher derivatives say what is lower there
        down = (_lower(objective, bounds, x, along, False) for along in level.T[:MOST_LEVEL])
        return next((each for each in down if each is not None), None)


def _null_space(rows: np.ndarray, count: int) -> np.ndarray:
    """What a change of x may be that changes none of the rows' products with it."""
    if not len(rows):
        return np.eye(count)
    _, sizes, right = np.linalg.svd(rows)
    return right[int((sizes > 1e-10 * sizes.max(initial=1e-300)).sum()) :].T


def _lower(
    objective: Objective, bounds: Any, x: np.ndarray, along: np.ndarray, curved: bool
) -> np.ndarray | None:
    """The lowest of some points along a direction and against it, near first where constraints bend away."""
    along = along / np.abs(along).max()
    size = 1 + float(np.abs(x).max(initial=0.0))
    found = []
    for step in (size * np.array([1e-3] if curved else [1.0, 0.1, 1e-2, 1e-3, 1e-4])).tolist():
        for sign in (1.0, -1.0):
            moved = x + sign * step * along
            moved = moved if bounds is None else np.clip(moved, *bounds)
            found.append((objective.fun(moved), moved))
    finite = [each for each in found if np.isfinite(each[0])]
    if not finite:
        return None
    value, moved = min(finite, key=lambda each: each[0])
    before = objective.fun(x)
    return moved if curved or value < before - 1e-10 * (1 + abs(before)) else None


__all__ = ["way_down"]
