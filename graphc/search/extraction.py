"""Formulas taken out of an e-graph by what they are for: few wrong bits, at what cost.

What a class should be is known at every point, so each way to write it is computed in float64 from the best ways to write its
operands, held against that, and kept if none is both better and cheaper. It is the dynamic programme of extraction with a
measured error in place of a size.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Op
from graphc.ir.types import FLOAT64
from graphc.search.clock import Clock
from graphc.search.columns import Columns, bits_wrong, cost_of
from graphc.search.egraph import EGraph, Key
from graphc.search.exact import as_floats

KEPT = 4
"""Ways to write a class that are kept."""

COMBINED = 9
"""Combinations of ways to write the operands that are tried for one key."""

PRICE = 0.02
"""Bits of error that a nanosecond is worth where one way must be called the best."""

POOL = 300
"""Ways to write the class that is asked for."""


class Way:
    """A way to write a class: an operation on ways, or a formula as it is."""

    __slots__ = ("_expr", "column", "cost", "error", "op", "ways", "wrong")

    def __init__(
        self, op: Op | None, ways: tuple[Way, ...], column: np.ndarray, wrong: np.ndarray, cost: float,
        expr: Expr | None, error: float | None = None,
    ) -> None:  # fmt: skip
        self.op: Op | None = op
        self.ways: tuple[Way, ...] = ways
        self.column: np.ndarray = column
        self.wrong: np.ndarray = wrong
        self.cost: float = cost
        self.error: float = float(wrong.mean()) if error is None else error
        self._expr = expr

    @property
    def score(self) -> float:
        return self.error + PRICE * self.cost

    @property
    def number(self) -> Expr | None:
        """It as a formula where it is a leaf."""
        return self._expr if self.op is None else None

    @property
    def expr(self) -> Expr:
        """It as a formula."""
        stack = [self]
        while stack:
            way = stack[-1]
            if way._expr is not None:
                stack.pop()
                continue
            waiting = [each for each in way.ways if each._expr is None]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            assert way.op is not None
            way._expr = apply(way.op, *[each._expr for each in way.ways])
        assert self._expr is not None
        return self._expr


class Extraction:
    """The best ways to write each class of an e-graph.

    columns : values of what is not looked into, at the points of the e-graph
    """

    def __init__(self, graph: EGraph, columns: Columns) -> None:
        self._graph = graph
        self._columns = columns
        self._ways: dict[int, list[Way]] = {}
        self._exact: dict[int, np.ndarray] = {}
        self._tried: set[Any] = set()
        self._root = -1
        self.pool: list[Way] = []

    def run(self, root: int, clock: Clock, share: float, rounds: int = 5) -> list[Way]:
        """Ways to write the class `root`, the best first."""
        graph = self._graph
        self._root = graph.find(root)
        with np.errstate(all="ignore"):
            for _ in range(rounds):
                changed = False
                for number in list(graph.classes):
                    if clock.over(share):
                        break
                    for key in list(graph.classes[number].keys):
                        changed |= self._try(number, key)
                if not changed or clock.over(share):
                    break
        return sorted(self.pool, key=lambda way: way.score)

    def _target(self, number: int) -> np.ndarray:
        exact = self._exact.get(number)
        if exact is None:
            exact = self._exact[number] = as_floats(self._graph.classes[number].row)
        return exact

    def _try(self, number: int, key: Key) -> bool:
        """Try the ways to write a class by a key; whether one was kept."""
        first = key[0]
        if type(first) is not Op:
            if key in self._tried:
                return False
            self._tried.add(key)
            expr = constant(key[1], FLOAT64) if first == "number" else first
            column = self._columns(expr)
            return self._keep(number, Way(None, (), column, self._wrong(number, column), 0.0, expr))
        lists = []
        for operand in key[1:]:
            ways = self._ways.get(self._graph.find(operand))
            if not ways:
                return False
            lists.append(ways[:KEPT] if len(key) == 2 else ways[:3])
        new = []
        for ways in itertools.islice(itertools.product(*lists), COMBINED):
            sign = (first, *map(id, ways))
            if sign not in self._tried:
                self._tried.add(sign)
                new.append(ways)
        if not new:
            return False
        shape = (len(new), *self._target(number).shape)
        operands = [np.array([way.column for way in each]) for each in zip(*new, strict=True)]
        columns = np.asarray(
            first.reference(*operands)
        )  # all of them at once: most of the time is that of calls
        if columns.shape != shape:
            return False
        wrong = self._wrong(number, columns)
        errors = wrong.mean(axis=1).tolist()
        changed = False
        for ways, column, bits, error in zip(new, columns, wrong, errors, strict=True):
            cost = cost_of(first, ways[-1].number) + sum([way.cost for way in ways])
            changed |= self._keep(number, Way(first, ways, column, bits, cost, None, error))
        return changed

    def _wrong(self, number: int, column: np.ndarray) -> np.ndarray:
        """Bits of error of columns; 0 where nothing is known."""
        exact = self._target(number)
        if exact.dtype == bool or column.dtype != FLOAT64:
            return np.where(column == exact, 0.0, 64.0)
        known = np.isfinite(exact)
        return np.where(known, bits_wrong(column, exact), 0.0)

    def _keep(self, number: int, way: Way) -> bool:
        if number == self._root:
            self.pool.append(way)
            if len(self.pool) > 2 * POOL:
                self.pool = sorted(self.pool, key=lambda each: each.score)[:POOL]
        ways = self._ways.setdefault(number, [])
        beaten = any(other.error <= way.error and other.cost <= way.cost for other in ways)
        if beaten and (len(ways) < 2 or not _complements(way, ways)):
            return False
        ways.append(way)
        ways.sort(key=lambda each: each.score)
        if len(ways) > KEPT:
            cheapest = min(ways, key=lambda each: (each.cost, each.error))
            best = min(ways, key=lambda each: (each.error, each.cost))
            kept = list(dict.fromkeys([best, *ways[: KEPT - 1], cheapest]))[: KEPT + 1]
            dropped = way not in kept
            self._ways[number] = sorted(kept, key=lambda each: each.score)[: KEPT + 1]
            return not dropped
        return True


def _complements(way: Way, ways: Sequence[Way]) -> bool:
    """Whether a way is much better than all others where the best of them is worst."""
    least = np.min([other.wrong for other in ways], axis=0)
    return bool((np.minimum(least, way.wrong) < least - 8.0).sum() * 8 > len(least))


def spread(ways: list, count: int) -> list:
    """A few ways: the best, and those that are best at some point."""
    if len(ways) <= count:
        return ways
    chosen = list(ways[: count // 2])
    table = np.array([way.wrong for way in ways])
    least = np.min([way.wrong for way in chosen], axis=0)
    while len(chosen) < count:
        gains = np.minimum(table, least).mean(axis=1)
        place = int(gains.argmin())
        if gains[place] > least.mean() - 0.01:
            break
        chosen.append(ways[place])
        least = np.minimum(least, table[place])
    return chosen


__all__ = ["Extraction", "Way", "spread"]
