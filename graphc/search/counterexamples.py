"""Points at which a form is worse than the formula as written: sought among many, and kept out of the form by a test.

A thousand points show what a form loses on the whole, and seldom the one in a thousand at which a step of it over- or underflows.
So both are computed at many more, which takes little. The truth is asked for where the formula stays what it is with more digits
and the form is further from that, where a step of the form is lost, and at a few of the other points at which the two differ. A
size of an input or of a step that tells these points from those at which the form is needed becomes a test: on its other side the
formula stands as it is written, or another form does.

Source: counterexample-guided inductive synthesis, Solar-Lezama, Program synthesis by sketching (thesis, Berkeley 2008), 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, constant, walk
from graphc.ir.types import FLOAT64
from graphc.ir.ulp import from_ordinals, ordinals
from graphc.ops.comparison import where
from graphc.search.clock import Clock
from graphc.search.columns import Columns, applied, bits_wrong, cost, steps_apart
from graphc.search.honesty import UNIT
from graphc.search.regimes import shortest
from graphc.search.result import SLACK
from graphc.search.sampling import number
from graphc.search.truth import MODERATE, Points, Truth, is_wide

MANY = 12_000
"""Points at which a form is computed beside the formula."""

ASKED = 100
"""Points of each kind of suspicion for which the truth is asked in a round."""

TESTS = 4
"""Tests that a form is given at most."""

HALVED = 10
"""Points asked for where a test is to lie."""

CLOSE = 16.0
"""A bound lies within this factor of the points at which the form is worse: they are where steps end."""

CHANCE = math.log(1e-4)
"""Logarithm of how likely a gap between the points at which a form is needed may be by chance, to be taken for a reason."""

OFTEN, DEARER = 0.001, 1.3
"""Of the points: how many a test has to save that makes a form so much dearer, for what is computed on its other side."""

WORTHLESS = 48.0
"""Bits of error of a value of which hardly a bit is right."""

FEW = 8
"""Points that are too few to go by."""

MOST_OF = 0.6
"""Of all harm: what a gap between two needed sizes has to tell. A gap below or above all of them is where a step ends."""

NEEDED = 1.0
"""Bits by which a form is better where it is needed."""

HEAVY = 2.5
"""Bits by which a form is worse where more than rounding is lost: a test for less would take more time than it is worth."""

LARGEST = float(np.finfo(np.float64).max)
TINY = float(np.finfo(np.float64).tiny)


def many(
    symbols: Sequence[Expr],
    intervals: Sequence[tuple[float, float]],
    focus: Sequence[tuple[float, float] | None] | None,
    rng: np.random.Generator,
    count: int = MANY,
) -> dict[Expr, np.ndarray]:
    """Columns of points: half of them uniform over the floats of the ranges, half even over the ranges and the focus."""
    half = count // 2
    columns: dict[Expr, np.ndarray] = {}
    for place, symbol in enumerate(symbols):
        low, high = intervals[place]
        near = None if focus is None else focus[place]
        parts = [_floats(symbol, low, high, half, rng)]
        parts.append(_evenly(symbol, low, high, half // 2, rng))
        parts.append(_evenly(symbol, *(near or (low, high)), half - half // 2, rng))
        columns[symbol] = np.concatenate(parts).astype(symbol.dtype)
    return columns


def _floats(symbol: Expr, low: float, high: float, count: int, rng: np.random.Generator) -> np.ndarray:
    if symbol.dtype != FLOAT64:
        return np.array([number(symbol, low, high, False, rng) for _ in range(count)])
    first, last = (int(end) for end in ordinals([low, high]))
    return from_ordinals(rng.integers(first, last, size=count, endpoint=True))


def _evenly(symbol: Expr, low: float, high: float, count: int, rng: np.random.Generator) -> np.ndarray:
    if symbol.dtype != FLOAT64:
        return np.array([number(symbol, low, high, True, rng) for _ in range(count)])
    if is_wide(low, high):  # nearly all that is even there is as large as can be
        sizes = 10.0 ** rng.uniform(-MODERATE, MODERATE, count) * rng.choice((-1.0, 1.0), count)
        sizes = np.where((sizes >= low) & (sizes <= high), sizes, -sizes)
        return np.where((sizes >= low) & (sizes <= high), sizes, _floats(symbol, low, high, count, rng))
    share = rng.random(count)
    return np.clip(low * (1 - share) + high * share, low, high)


@dataclass(frozen=True)
class SizeTest:
    """The size of a value is not to be from `low` to `high`, of which one may be an end of all floats."""

    value: Expr
    low: float
    high: float

    def expr(self) -> Expr:
        """The condition, which NaN does not meet."""
        size = abs(self.value)
        below, above = (constant(end, FLOAT64) for end in (self.low, self.high))
        if self.low <= 0:
            return size > above
        return size < below if self.high == math.inf else (size < below) | (size > above)

    def holds(self, sizes: np.ndarray) -> np.ndarray:
        return (sizes < self.low) | (sizes > self.high)


class Counterexamples:
    """The formula at points that are known and at many more, with the truth of those that were asked for.

    known : points with the truth; inputs : symbol → its values at the others
    share : of the clock's budget, by when nothing is asked any more
    """

    def __init__(
        self, output: Expr, truth: Truth, known: Points, inputs: dict[Expr, np.ndarray], clock: Clock, share: float
    ) -> None:  # fmt: skip
        self.output, self._truth, self._clock, self._share = output, truth, clock, share
        self._place = truth.outputs.index(output)
        joined = {s: np.concatenate([known.columns[s], inputs[s]]) for s in truth.symbols}
        count = len(known) + len(next(iter(inputs.values()), ()))
        self.columns = Columns(joined, count)
        self.exact = np.full(count, np.nan)
        self.exact[: len(known)] = known.exact[output]
        self._asked = np.arange(count) < len(known)
        self.written = self.columns(output)
        self._more: np.ndarray | None = None

    def over(self) -> bool:
        return self._clock.over(self._share)

    def ask(self, places: Sequence[int]) -> None:
        """Ask for the truth at some places, as long as there is time."""
        for place in places:
            if self._asked[place]:
                continue
            if self.over():
                return
            row = [float(self.columns.inputs[symbol][place]) for symbol in self._truth.symbols]
            self.exact[place] = self._truth.at(row)[0][self._place]
            self._asked[place] = True

    def differing(self, form: Expr) -> np.ndarray:
        """Where a form is more than a unit away from the formula, which has a value there."""
        values = self.columns(form)
        with np.errstate(all="ignore"):
            apart = (steps_apart(values, self.written) > 1) | ~np.isfinite(values)
        return apart & np.isfinite(self.written)

    def suspects(self, form: Expr) -> list[int]:
        """Places to ask for: where the formula keeps its value with more digits, which the form is further from, the furthest
        first; where a step of the form is lost; and a few of those where the two differ."""
        apart = self.differing(form) & ~self._asked
        values = self.columns(form)
        lost = ~np.isfinite(values) | ((abs(values) < TINY) & (abs(self.written) >= TINY))
        if self._more is None:
            self._more = extended(self.output, self.columns.inputs)
        after, before = (bits_wrong(each, self._more) for each in (values, self.written))
        harm = np.maximum(after, UNIT) - np.maximum(before, UNIT)
        shuffled = np.random.default_rng(len(values)).permutation(np.flatnonzero(apart))
        likely = shuffled[harm[shuffled] > SLACK]
        furthest = likely[np.argsort(-harm[likely], kind="stable")]
        found: dict[int, None] = {}
        for places in (furthest[:ASKED], likely[:ASKED], shuffled[lost[shuffled]][:ASKED], shuffled[:ASKED]):
            found.update(dict.fromkeys(places.tolist()))
        return list(found)

    def harm(self, form: Expr) -> np.ndarray:
        """By how many bits beyond a unit in the last place a form is worse, below 0 where it is better; 0 where that is unknown,
        and where the formula has hardly a right bit that could be lost."""
        known = np.isfinite(self.exact)
        harm = np.zeros(len(known))
        after, before = (
            bits_wrong(each[known], self.exact[known]) for each in (self.columns(form), self.written)
        )
        gained = np.maximum(after, UNIT) - np.maximum(before, UNIT)
        harm[known] = np.where(before > WORTHLESS, np.minimum(gained, 0.0), gained)
        return harm

    @np.errstate(all="ignore")
    def guarded(self, form: Expr, others: Sequence[Expr]) -> Expr:
        """A form with tests that keep it from the points at which it is worse, as far as sizes tell them.

        others : forms that may stand on the other side of a test, beside the formula as written
        """
        tests: list[SizeTest] = []
        current = form
        while not self.over():
            self.ask(self.suspects(current))
            test = self._test(form, current) if len(tests) < TESTS else None
            if test is None:
                break
            tests.append(test)
            mended = self._beside(form, tests, others)
            if mended is None:
                break
            saved = np.count_nonzero(self.harm(current) > HEAVY) - np.count_nonzero(self.harm(mended) > HEAVY)
            if saved < OFTEN * len(self.written) and cost(mended) > DEARER * cost(current):
                break
            current = mended
        return current

    def _test(self, form: Expr, current: Expr) -> SizeTest | None:
        """The size that tells the most of the counterexamples from the points at which the form is needed."""
        harm = self.harm(current)
        worse = np.flatnonzero(harm > HEAVY)
        if not len(worse):
            return None
        needed = self._needed(form)
        best: tuple[float, Expr] | None = None
        for value in walk([form, self.output]):
            if value.dtype != FLOAT64 or value.is_constant:
                continue
            sizes = abs(self.columns(value))
            told = _apart(sizes[worse], sizes[needed], harm[worse])
            gain = float(harm[worse][told].sum()) - (0.0 if value.is_symbol else 0.05)
            if gain > (best[0] if best else 0.0):
                best = gain, value
        return None if best is None else self._placed(form, current, best[1])

    def _needed(self, form: Expr) -> np.ndarray:
        """The places at which a form is better; where it is hardly anywhere, for its time, those at which it is not worse."""
        harm = self.harm(form)
        needed = np.flatnonzero(harm < -NEEDED)
        return needed if len(needed) >= FEW else np.flatnonzero(np.isfinite(self.exact) & (harm <= SLACK))

    def _placed(self, form: Expr, current: Expr, value: Expr) -> SizeTest | None:
        """The test with its bounds between the points at which the form is needed and those at which it is worse, by halves."""
        sizes = abs(self.columns(value))
        needed = np.array([])
        first, least, most, last = 0.0, math.inf, 0.0, math.inf
        for step in range(2 * HALVED):
            harm = self.harm(current)
            needed = np.sort(sizes[self._needed(form)])
            worse = np.flatnonzero(harm > HEAVY)
            told = worse[_apart(sizes[worse], needed, harm[worse])]
            if not len(told):
                return None
            within = sizes[told][~np.isnan(sizes[told])]
            least, most = within.min(initial=math.inf), within.max(initial=0.0)
            first = needed[needed < least].max(initial=0.0) if len(within) else needed.max(initial=0.0)
            last = needed[needed > most].min(initial=math.inf) if len(within) else math.inf
            ends = ((first, least), (most, last))
            low, high = ends[step % 2] if len(within) else (first, math.inf)
            places = np.flatnonzero(self.differing(form) & ~self._asked & (sizes > low) & (sizes < high))
            if self.over():
                break
            if len(places):
                order = places[np.argsort(sizes[places], kind="stable")]
                self.ask(order[[len(order) // 2]].tolist())
        low, high = 0.0, math.inf
        if first > 0 or (needed == 0).any():
            start, end = np.nextafter(first, math.inf), min(least, LARGEST)
            low = shortest(float(min(max(start, end / CLOSE), end)), float(end))
        if last < math.inf:
            start, end = max(most, 0.0), np.nextafter(last, 0.0)
            high = shortest(float(start), float(max(start, min(end, most * CLOSE))))
        return SizeTest(value, low, high) if low > 0 or high < math.inf else None

    def _beside(self, form: Expr, tests: Sequence[SizeTest], others: Sequence[Expr]) -> Expr | None:
        """The form where its tests hold, and what takes the least time beside it and is right where they do not; None where that
        saves nothing."""
        condition, inside = None, np.ones(len(self.exact), dtype=bool)
        for test in tests:
            each = test.expr()
            condition = each if condition is None else condition & each
            inside &= test.holds(abs(self.columns(test.value)))
        assert condition is not None
        outside = ~inside & np.isfinite(self.exact)
        fit = [
            other
            for other in dict.fromkeys((self.output, *others))
            if other is not form and (self.harm(other)[outside] <= SLACK).all()
        ]
        ways = [where(condition, form, other) for other in fit]
        return min(ways, key=cost, default=None)


@np.errstate(all="ignore")
def extended(expr: Expr, inputs: Mapping[Expr, np.ndarray]) -> np.ndarray:
    """A formula computed with the digits and the exponents of a long double where an operation has these, and rounded."""
    known: dict[Expr, Any] = {}
    for node in walk([expr]):
        if node in inputs:
            known[node] = _wider(inputs[node])
        elif node.op.is_leaf:
            known[node] = _wider(np.asarray(node.value))
        else:
            operands = [known[operand] for operand in node.operands]
            try:
                known[node] = node.op.reference(*operands, *node.attrs)
            except TypeError:  # a function that there is for floats alone
                known[node] = applied(
                    node, [np.asarray(each, o.dtype) for each, o in zip(operands, node.operands, strict=True)]
                )
    found = np.broadcast_to(np.asarray(known[expr], FLOAT64), next(iter(inputs.values())).shape)
    return np.ascontiguousarray(found)


def _wider(values: np.ndarray) -> np.ndarray:
    return values.astype(np.longdouble) if values.dtype == FLOAT64 else values


def _apart(sizes: np.ndarray, needed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Which sizes lie in the gap between needed ones that holds the most weight, if chance does not put so many there; NaN, which
    meets no test, lies in each."""
    odd = np.isnan(sizes)
    if np.isnan(needed).any():
        return np.zeros(len(sizes), dtype=bool)
    ordered = np.unique(needed)
    gaps = np.searchsorted(ordered, sizes, side="left")
    free = ~odd & ~np.isin(sizes, ordered)
    totals = np.bincount(gaps[free], weights[free], minlength=len(ordered) + 1)
    counts = np.bincount(gaps[free], minlength=len(ordered) + 1)
    share = math.log(len(sizes) / (len(sizes) + len(needed))) if len(needed) else -math.inf
    chance = counts * share if len(needed) else np.where(counts > 0, -math.inf, 0.0)
    totals[chance > CHANCE] = 0.0
    totals[1:-1][counts[1:-1] < FEW] = 0.0
    totals[1:-1][totals[1:-1] < MOST_OF * weights.sum()] = 0.0
    return odd | (free & (gaps == totals.argmax()) & (totals.max() > 0))


__all__ = ["Counterexamples", "many"]
