"""The order in which the fewest lines cross, of what is small enough: a program in whole numbers (HiGHS, by SciPy).

For every two neighbours in a frame that share a column a variable says whether the first stands above the second, and for every
two links that may cross another says whether they do. That nothing stands above itself in a circle is asked for only where a
solution has such a circle. Source: Jünger, Mutzel, "2-layer straightline crossing minimization", 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from graphc.ir.scopes import Block
from graphc.viz.layered.parts import Filled
from graphc.viz.layered.sifting import Children, Sifting

_LARGEST = 310
"""Programs of more variables are left to the search."""

_NODES, _ROUNDS = 8, 8
"""So many branches at most are looked at, and so often circles are forbidden."""


@dataclass(frozen=True)
class SolvedOrder:
    """An order, and whether it is known that none is better."""

    children: Children
    proved: bool


def fewest_crossings(sifting: Sifting) -> SolvedOrder | None:
    """The order with the least cost; None where the program is too large, or has no solution within its limits."""
    program = _OrderProgram(sifting)
    if len(program.costs) > _LARGEST:
        return None
    for _ in range(_ROUNDS):
        x = program.solve()
        if x is None:
            return None
        if program.forbid_triangles(x):
            continue
        children = program.order(x)
        if children is not None:
            return SolvedOrder(children, program.proved)
    return None


class _OrderProgram:
    """The variables, their costs, and rows of what is asked for."""

    def __init__(self, sifting: Sifting) -> None:
        self.sifting, self.filled = sifting, sifting.filled
        self.columns = _columns(self.filled, sifting.children, sifting.gaps)
        pairs: dict[tuple[int, int], None] = {}
        for block in self.columns.values():
            for column in block:
                pairs.update(dict.fromkeys(combinations(column, 2)))
        fixed = [
            pair for some in sifting.children.values() for pair in combinations(filter(self._stays, some), 2)
        ]
        pairs.update(dict.fromkeys(pair for pair in fixed if pair[::-1] not in pairs))
        self.numbers: dict[tuple[int, int], int] = {pair: at for at, pair in enumerate(pairs)}
        self.costs: list[float] = [0.0] * len(pairs)
        self.entries: tuple[list[int], list[int], list[float]] = [], [], []
        self.low: list[float] = []
        self.high: list[float] = []
        self.binary: int = len(pairs)
        self.proved: bool = True
        self._write()
        for pair in fixed:
            at, factor, constant = self._between(*pair)
            self._row([(at, factor)], 1 - constant, 1 - constant)

    def _stays(self, child: int) -> bool:
        """Whether a part is the edge of a frame that keeps its place among its neighbours."""
        return self.sifting.uppers.get(child) in self.sifting.network.fixed

    def above(self, one: int, other: int) -> tuple[int, float, float] | None:
        """Whether the first part stands above the second: a variable, its factor and a constant.

        None where both are, or are in, the same frame of their common one.
        """
        parts, uppers = self.filled.parts, self.filled.borders
        a, b = parts[one].block, parts[other].block
        depth = 0
        while depth < min(len(a), len(b)) and a[depth] == b[depth]:
            depth += 1
        if len(a) > depth:
            one = uppers[a[: depth + 1]][0]
        if len(b) > depth:
            other = uppers[b[: depth + 1]][0]
        if one == other:
            return None
        return self._between(one, other)

    def _between(self, one: int, other: int) -> tuple[int, float, float]:
        at = self.numbers.get((one, other))
        return (at, 1.0, 0.0) if at is not None else (self.numbers[other, one], -1.0, 1.0)

    def _row(self, terms: Sequence[tuple[int, float]], low: float, high: float) -> None:
        for at, factor in terms:
            for some, entry in zip(self.entries, (len(self.low), at, factor), strict=True):
                some.append(entry)  # type: ignore[arg-type]
        self.low.append(low)
        self.high.append(high)

    def _write(self) -> None:
        """Links that cross, and operands that do not stand in their order."""
        crossings: dict[tuple[int, int, int, int], int] = {}
        for cost, left, right, other_left, other_right in self.sifting.pairs():
            if self.filled.parts[left].edge or self.filled.parts[other_left].edge:
                continue
            first, second = self.above(left, other_left), self.above(right, other_right)
            if first is None or second is None:
                continue
            if first[0] == second[0]:
                continue
            key = (first[0], int(first[1]), second[0], int(second[1]))
            if key in crossings:
                self.costs[crossings[key]] += cost
                continue
            crossings[key] = at = len(self.costs)
            self.costs.append(float(cost))
            for sign in (1.0, -1.0):
                constant = sign * (first[2] - second[2])
                self._row(
                    [(first[0], sign * first[1]), (second[0], -sign * second[1]), (at, -1.0)], -3, -constant
                )
        for one, other, by in self.sifting.ties():
            above = self.above(one, other)
            if above is not None:
                self.costs[above[0]] -= by * above[1]

    def solve(self) -> np.ndarray | None:
        """The cheapest solution; None where there is none within the limits."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_matrix

        whole = np.zeros(len(self.costs))
        whole[: self.binary] = 1
        rows, columns, factors = self.entries
        matrix = csr_matrix((factors, (rows, columns)), shape=(len(self.low), len(self.costs)))
        found = milp(
            self.costs,
            integrality=whole,
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, self.low, self.high),  # type: ignore[arg-type]
            options={"node_limit": _NODES},
        )
        self.proved = self.proved and found.status == 0
        return None if found.x is None else found.x[: self.binary] > 0.5

    def forbid_triangles(self, x: np.ndarray) -> bool:
        """Forbid what stands in a circle of three in a column; whether there was any."""
        found: set[tuple[int, int, int]] = set()
        for block in self.columns.values():
            for column in block:
                over = np.zeros((len(column), len(column)), dtype=np.int32)
                for (i, one), (j, other) in combinations(enumerate(column), 2):
                    at, factor, _ = self._between(one, other)
                    over[(i, j) if bool(x[at]) == (factor > 0) else (j, i)] = 1
                for k, i in np.argwhere((over > 0) & (over @ over > 0).T).tolist():
                    for j in np.nonzero((over[i] > 0) & (over[:, k] > 0))[0].tolist():
                        a, b, c = sorted((column[i], column[j], column[k]))
                        found.add((a, b, c))
        for triple in sorted(found):
            a, b, c = triple
            self._circle(((a, b), (b, c), (c, a)))
            self._circle(((a, c), (c, b), (b, a)))
        return bool(found)

    def _circle(self, pairs: Sequence[tuple[int, int]]) -> None:
        terms = [self._between(*pair) for pair in pairs]
        self._row([term[:2] for term in terms], -9, len(pairs) - 1 - sum(term[2] for term in terms))

    def order(self, x: np.ndarray) -> Children | None:
        """The order that a solution says; None, and a row more, where something stands above itself."""
        below: dict[int, list[int]] = {child: [] for some in self.sifting.children.values() for child in some}
        count = dict.fromkeys(below, 0)
        for (one, other), at in self.numbers.items():
            upper, lower = (one, other) if x[at] else (other, one)
            below[upper].append(lower)
            count[lower] += 1
        ordered: Children = {}
        for block, some in self.sifting.children.items():
            waiting, done = list(some), []
            while waiting:
                child = next((child for child in waiting if not count[child]), None)
                if child is None:
                    self._circle(_around(waiting, below))
                    return None
                waiting.remove(child)
                done.append(child)
                for other in below[child]:
                    count[other] -= 1
            ordered[block] = done
        return ordered


def _columns(filled: Filled, children: Children, gaps: int) -> dict[Block, list[list[int]]]:
    """What stands in each column of each frame, frames in it as wholes."""
    return {
        block: [
            [child for child in some if filled.parts[child].first <= column <= filled.parts[child].last]
            for column in range(gaps)
        ]
        for block, some in children.items()
    }


def _around(waiting: Sequence[int], below: dict[int, list[int]]) -> list[tuple[int, int]]:
    """A circle among parts each of which stands below another of them."""
    above = {lower: upper for upper in waiting for lower in below[upper] if lower in set(waiting)}
    path = [waiting[0]]
    while path[-1] not in path[:-1]:
        path.append(above[path[-1]])
    path = path[path.index(path[-1]) :][::-1]
    return list(pairwise(path))


__all__ = ["SolvedOrder", "fewest_crossings"]
