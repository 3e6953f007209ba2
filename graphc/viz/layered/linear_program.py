"""Linear programs of differences: positions that keep their distances and cost least (HiGHS, by SciPy)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class DifferenceProgram:
    """Variables x with x[j] − x[i] ≥ gap for pairs, and a linear cost; all are at least 0.

    Such a program is the dual of a flow, so whole gaps have a solution in whole numbers, and a simplex method finds one. Source:
    Gansner, Koutsofios, North, Vo, "A technique for drawing directed graphs", 1993, §2.3 and §4.2.
    """

    count: int = 0
    lower: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    costs: dict[int, float] = field(default_factory=dict)

    def variables(self, count: int) -> int:
        """The number of the first of so many new variables."""
        self.count += count
        return self.count - count

    def apart(self, lower: int, upper: int, gap: float) -> None:
        """x[upper] is at least so much larger than x[lower]."""
        self.lower.append(lower)
        self.upper.append(upper)
        self.gaps.append(gap)

    def pull(self, lower: int, upper: int, weight: float) -> None:
        """The distance x[upper] − x[lower] costs; it must be bounded by `apart`."""
        self.costs[upper] = self.costs.get(upper, 0.0) + weight
        self.costs[lower] = self.costs.get(lower, 0.0) - weight

    def align(self, one: int, other: int, shift: float, weight: float) -> None:
        """The distance |x[one] + shift − x[other]| costs."""
        middle = self.variables(1)
        base = max(0.0, -shift)  # keeps the new variable at 0 or more wherever the others are
        self.apart(middle, one, -shift - base)
        self.apart(middle, other, -base)
        self.pull(middle, one, weight)
        self.pull(middle, other, weight)

    def solve(self) -> Sequence[float] | None:
        """The cheapest positions; None where the distances contradict each other."""
        cost = np.zeros(self.count)
        cost[list(self.costs)] = list(self.costs.values())
        pairs = np.array([self.lower, self.upper], dtype=np.int32).T.reshape(-1)
        return _cheapest(cost, pairs, -np.array(self.gaps, dtype=float))


def _cheapest(cost: np.ndarray, pairs: np.ndarray, bounds: np.ndarray) -> Sequence[float] | None:
    """The x ≥ 0 of least cost whose differences of pairs are within bounds."""
    from scipy.optimize import LinearConstraint, milp  # of small programs `linprog` takes 1 ms more to check
    from scipy.sparse import csr_matrix

    rows = len(bounds)
    signs, starts = np.tile([1.0, -1.0], rows), np.arange(0, 2 * rows + 1, 2, dtype=np.int32)
    matrix = csr_matrix((signs, pairs, starts), shape=(rows, len(cost)))
    found = milp(cost, constraints=LinearConstraint(matrix, -np.inf, bounds))  # type: ignore[arg-type]
    return found.x.tolist() if found.status == 0 else None


__all__ = ["DifferenceProgram"]
