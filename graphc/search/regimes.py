"""Piecewise forms: which of some formulas is to be taken where, along one value, and at which floats to change. The value is an
input or what is computed from inputs.

The points are sorted by the value and cut into a few runs, each with the formula of the least error, by dynamic programming. A
boundary then lies between two points; it is found by bisection over the floats between them, with both formulas held against the
truth at each step. A run has to gain more than a branch is worth. Where no formula is good in the whole of a run, the run is cut
again, along another value.

Source: Panchekha et al., Automatically improving accuracy for floating point expressions (PLDI 2015), section 4.8.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.ir.expr import Expr, apply, constant, walk
from graphc.ir.op import lookup
from graphc.ir.types import FLOAT64
from graphc.ir.ulp import from_ordinals, ordinals
from graphc.ops.comparison import where
from graphc.search.clock import Clock
from graphc.search.columns import Columns, bits_wrong, size_within
from graphc.search.truth import Points, Truth

WORTH = 0.25
"""Mean bits of error that each branch more has to gain."""

MOST = 4
"""Runs."""

STEPS = 7
"""Of bisection: the truth is asked for at a few points in each."""

BESIDE = 4
"""Points at which two formulas are compared in a step of bisection."""

FEWEST = 3
"""Points in a run."""


@dataclass(frozen=True)
class Runs:
    """The points in the order of a value, cut: run k ends before place cuts[k] and takes formula chosen[k].

    error : mean bits over all points
    """

    value: Expr
    order: np.ndarray
    cuts: tuple[int, ...]
    chosen: tuple[int, ...]
    error: float


def cut(value: Expr, column: np.ndarray, wrong: np.ndarray, most: int = MOST, worth: float = WORTH) -> Runs:
    """The best runs along a value.

    column : the value at each point; wrong : bits of error, a row for each formula and a column for each point
    worth : mean bits over these points that each branch more has to gain
    """
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    count = len(order)
    sums = np.concatenate([np.zeros((len(wrong), 1)), np.cumsum(wrong[:, order], axis=1)], axis=1)
    may_end = np.concatenate([[True], ordered[1:] > ordered[:-1], [True]])
    may_end[1:FEWEST] = may_end[count - FEWEST + 1 : count] = False
    best = sums.min(axis=0)  # of the points before a place, in one run
    ways = [(best, np.zeros(count + 1, dtype=int), sums.argmin(axis=0))]
    for _ in range(1, most):
        reached = np.where(may_end, ways[-1][0], np.inf)
        reached[0] = np.inf
        gained = reached - sums
        least = np.minimum.accumulate(gained, axis=1)
        last = np.zeros_like(least, dtype=int)
        for row in range(len(sums)):  # where the least so far was reached
            new = np.concatenate([[True], gained[row, 1:] < least[row, :-1]])
            last[row] = np.maximum.accumulate(np.where(new, np.arange(count + 1), 0))
        totals = sums[:, :] + least
        which = totals.argmin(axis=0)
        places = np.arange(count + 1)
        ways.append((totals[which, places], last[which, places], which))
    prices = [way[0][count] + worth * count * number for number, way in enumerate(ways)]
    number = int(np.argmin(prices))
    error, cuts, chosen, place = float(ways[number][0][count]) / count, [], [], count
    for step in range(number, -1, -1):
        _, begins, which = ways[step]
        chosen.append(int(which[place]))
        if step:
            place = int(begins[place])
            cuts.append(place)
    return Runs(value, order, tuple(reversed(cuts)), tuple(reversed(chosen)), error)


INNER = 3
"""Runs within a run."""

GAIN = 0.1
"""Mean bits over all points that the best formula at each point has to be better by than one for a whole run, before the run is
cut along another value."""


def cut_again(runs: Runs, values: Sequence[tuple[Expr, np.ndarray]], wrong: np.ndarray) -> dict[int, Runs]:
    """Number of a run → the runs that it is cut into along another value, for those that gain from it.

    values : value and what it is at each point; wrong : as for `cut`
    """
    count = len(runs.order)
    least = wrong.min(axis=0)
    found: dict[int, Runs] = {}
    for number, (first, last) in enumerate(itertools.pairwise((0, *runs.cuts, count))):
        places = np.sort(runs.order[first:last])
        now = wrong[runs.chosen[number], places]
        if len(places) < 2 * FEWEST or (now - least[places]).sum() < GAIN * count:
            continue
        worth = WORTH * count / len(places)
        best, table = float(now.mean()), wrong[:, places]
        for value, column in values:
            inner = cut(value, column[places], table, INNER, worth)
            if inner.cuts and inner.error + worth * len(inner.cuts) < best:
                best = inner.error + worth * len(inner.cuts)
                found[number] = Runs(value, places[inner.order], inner.cuts, inner.chosen, inner.error)
    return found


VALUES = 40
"""Values along which runs are sought."""


def branch_values(symbols: Sequence[Expr], forms: Sequence[Expr]) -> list[Expr]:
    """What pieces may be chosen by: inputs, their sizes, differences, quotients and the larger size of two, and what the forms
    compute."""
    inputs = [symbol for symbol in symbols if symbol.dtype == FLOAT64]
    values: list[Expr] = [*inputs, *[apply(lookup("abs"), symbol) for symbol in inputs]]
    for x, y in itertools.combinations(inputs, 2):
        values += [apply(lookup(name), x, y) for name in ("subtract", "divide")]
        values.append(apply(lookup("maximum"), *[apply(lookup("abs"), each) for each in (x, y)]))
    shared: dict[Expr, int] = {}
    for node in walk(forms):
        if node.operands and node.dtype == FLOAT64 and node not in forms:
            shared[node] = size_within(node, SIZE)
    values += sorted([node for node in shared if shared[node] <= SIZE], key=lambda node: shared[node])
    return list(dict.fromkeys(values))[:VALUES]


SIZE = 8
"""Nodes of a value that pieces are chosen by."""


def shortest(low: float, high: float) -> float:
    """The number of fewest decimal digits from `low` on and below or at `high`."""
    if low <= 0 <= high:
        return 0.0
    for digits in range(17):
        for end in (low, high):
            number = float(f"{end:.{digits}e}")
            if low <= number <= high and math.isfinite(number):
                return number
    return high


class Boundaries:
    """Where to change from one formula to another.

    output : the formula as written; points, columns : those of the search
    """

    def __init__(
        self, output: Expr, truth: Truth, points: Points, columns: Columns, rng: np.random.Generator, clock: Clock
    ) -> None:  # fmt: skip
        self._output, self._truth, self._points, self._columns = output, truth, points, columns
        self._rng, self._clock = rng, clock
        self._place = truth.outputs.index(output)

    def written(self, runs: Runs, formulas: Sequence[Expr], inner: Mapping[int, Runs] | None = None) -> Expr:
        """The piecewise form.

        inner : number of a run → the runs that it is cut into
        """
        column = self._columns(runs.value)[runs.order]
        pieces = [
            self.written(inner[place], formulas) if inner and place in inner else formulas[chosen]
            for place, chosen in enumerate(runs.chosen)
        ]
        result = pieces[-1]
        for place, number in reversed(list(enumerate(runs.cuts))):
            left, right = pieces[place], pieces[place + 1]
            bound = self._between(runs, number, float(column[number - 1]), float(column[number]), left, right)
            result = where(runs.value < constant(bound, FLOAT64), left, result)
        return result

    def _between(self, runs: Runs, number: int, low: float, high: float, left: Expr, right: Expr) -> float:
        """A bound above `low` and at `high` at most."""
        first, last = (int(place) for place in ordinals([low, high]))
        if runs.value.is_symbol:
            beside = runs.order[max(0, number - BESIDE) : number + BESIDE]
            for _ in range(STEPS):
                if last - first < 4 or self._clock.over():
                    break
                middle = (first + last) // 2
                if self._left_is_better(runs.value, middle, (last - first) // 8, beside, left, right):
                    first = middle
                else:
                    last = middle
        low, high = (float(end) for end in from_ordinals([first + 1, last]))
        return shortest(low, high)

    def _left_is_better(
        self, value: Expr, middle: int, spread: int, beside: np.ndarray, left: Expr, right: Expr
    ) -> bool:
        """Which of two formulas has fewer wrong bits around a float, at other inputs as beside the boundary."""
        symbols = self._truth.symbols
        rows = []
        for _ in range(BESIDE):
            like = int(self._rng.choice(beside))
            row = [float(self._points.columns[symbol][like]) for symbol in symbols]
            moved = middle + int(self._rng.integers(-spread, spread + 1)) if spread else middle
            row[symbols.index(value)] = float(from_ordinals([moved])[0])
            rows.append(row)
        exact = np.array([self._truth.at(row)[0][self._place] for row in rows])
        known = np.isfinite(exact)
        if not known.any():
            return True
        table = np.array(rows)
        inputs = {symbol: table[:, k].astype(symbol.dtype) for k, symbol in enumerate(symbols)}
        columns = Columns(inputs, len(rows))
        one, other = (bits_wrong(columns(each), exact)[known].sum() for each in (left, right))
        return bool(one <= other)


__all__ = ["MOST", "WORTH", "Boundaries", "Runs", "branch_values", "cut", "cut_again", "shortest"]
