"""A problem in units that suit a solver: unknowns, objective and constraints divided by their sizes where these are not ordinary.

A solver's tolerances, its first step and its measure of an optimum are numbers, and take a problem whose numbers are around 1.
An objective of 1e-20 has no gradient that they see, and an unknown of 1e12 beside one of 1e-12 no step that fits both (Gill,
Murray and Wright, "Practical Optimization", §8.7). Sizes within `ORDINARY` are left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.api.kkt import Constraint, Objective
from graphc.ops.support.sparse_arrays import scipy_sparse
from graphc.util.records import dataclass

ORDINARY = 1e-5, 1e5
"""Sizes of unknowns and of derivatives that need no other units."""


@dataclass(frozen=True)
class Problem:
    """An objective and constraints of a vector, its bounds, and where it begins.

    sizes, height, heights : of the unknowns, the objective and the constraints, which were divided by them
    """

    objective: Objective
    constraints: Sequence[Constraint]
    bounds: Any
    start: np.ndarray
    sizes: np.ndarray
    height: float
    heights: Sequence[float]

    def back(self, result: Any) -> Any:
        """A result of the problem, in the units as they were given."""
        result.x = result.x * self.sizes
        result.fun = result.fun * self.height
        if result.get("jac") is not None and np.shape(result.jac) == np.shape(self.sizes):
            result.jac = result.jac * self.height / self.sizes
        if result.get("multipliers") is not None:
            pairs = zip(result.multipliers, self.heights, strict=True)
            result.multipliers = [part * (self.height / height) for part, height in pairs]
        if result.get("bound_multipliers") is not None:
            result.bound_multipliers = result.bound_multipliers * self.height / self.sizes
        return result


def in_units(
    objective: Objective, constraints: Sequence[Constraint], bounds: Any, start: np.ndarray
) -> Problem:
    """The problem in units in which its sizes at the start are ordinary ones."""
    with np.errstate(all="ignore"):
        sizes = _ordinary(np.abs(start))
        height = float(_ordinary(np.abs(objective.jac(start) * sizes).max(initial=0.0)))
        bent = np.abs(objective.hess(start).diagonal()) * sizes**2 / height
        sizes = sizes / np.sqrt(_ordinary(bent, 2))
        height = float(_ordinary(np.abs(objective.jac(start) * sizes).max(initial=0.0)))
        heights = [float(_ordinary(np.abs(_columns(each.jac(start), sizes)).max())) for each in constraints]
    if (sizes == 1).all() and height == 1 and all(each == 1 for each in heights):
        return Problem(objective, constraints, bounds, start, sizes, 1.0, heights)
    return Problem(
        Objective(
            lambda z: objective.fun(z * sizes) / height,
            lambda z: objective.jac(z * sizes) * sizes / height,
            lambda z: _both(objective.hess(z * sizes), sizes) / height,
            objective.sparse,
        ),
        [_divided(each, sizes, high) for each, high in zip(constraints, heights, strict=True)],
        None if bounds is None else tuple([side / sizes for side in bounds]),
        start / sizes,
        sizes,
        height,
        heights,
    )


def _ordinary(size: Any, power: int = 1) -> Any:
    """1 in the place of sizes that are ordinary, 0, or no numbers; the others as powers of 2, which leave all digits."""
    low, high = ORDINARY[0] ** power, ORDINARY[1] ** power
    fits = (size == 0) | ~np.isfinite(size) | ((low <= size) & (size <= high))
    return np.where(
        fits, 1.0, np.exp2(np.clip(np.round(np.log2(np.where(fits, 1.0, size)) / 2) * 2, -600, 600))
    )


def _columns(matrix: Any, sizes: np.ndarray) -> Any:
    return matrix @ scipy_sparse().diags_array(sizes) if hasattr(matrix, "toarray") else matrix * sizes


def _both(matrix: Any, sizes: np.ndarray) -> Any:
    if hasattr(matrix, "toarray"):
        scale = scipy_sparse().diags_array(sizes)
        return (scale @ matrix @ scale).tocsr()
    return matrix * np.outer(sizes, sizes)


def _divided(constraint: Constraint, sizes: np.ndarray, height: float) -> Constraint:
    return Constraint(
        constraint.equality,
        constraint.shape,
        lambda z: constraint.fun(z * sizes) / height,
        lambda z: _columns(constraint.jac(z * sizes), sizes) / height,
        lambda z, multipliers: _both(constraint.hess(z * sizes, multipliers), sizes) / height,
    )


__all__ = ["Problem", "in_units"]
