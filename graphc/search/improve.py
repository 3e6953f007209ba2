"""A search from its question to its answer: points, forms, and what of these may be offered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphcError, InputError
from graphc.ir.expr import Expr, current_site, walk
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64
from graphc.rewrite import tables
from graphc.search.alternatives import Form
from graphc.search.cheaper import ALIKE, RIGHT, SHORTER
from graphc.search.clock import Clock, OutOfTime
from graphc.search.columns import Columns, bits_wrong, cost
from graphc.search.counterexamples import Counterexamples, many
from graphc.search.engine import LARGE, FormSearch
from graphc.search.exact import Exact
from graphc.search.honesty import agreement, as_compiled, is_worse
from graphc.search.lineage import handed_on, in_order, lineage
from graphc.search.result import Alternative, SearchedPart
from graphc.search.sampling import intervals
from graphc.search.timing import fastest
from graphc.search.truth import Points, Truth, is_wide

TRAIN = 512
"""Points that a search works with."""

FRESH = 1024
"""Points that it is held to account at."""

DRAW_SHARE, FRESH_SHARE, SEARCH_SHARE = 0.15, 0.3, 0.9
"""Of the budget: by when the points are drawn, by when those are that the search does not see, and by when it has ended. What is
left is for holding to account."""

AGAIN_SHARE = 0.7
"""Of the budget: by when a search goes on with the points at which its forms were refused, to be held to account at others."""

GUARD_SHARE = 0.7
"""Of the time that is left then: by when forms have been given tests against points at which they are worse."""

LOST = 1.0
"""Mean bits that a form has to gain for that."""

OFFERED = 6
"""Forms of the front that are offered."""

SHORT = 3
"""Of them, how many that were written shorter: beside the cheapest of these the most accurate forms are to be seen."""

TRIED = 30
"""Forms that are held to account."""

DOUBLED = 0.2
"""Mean bits of error that may be lost beyond what counts as none for each time that a form takes half as long as a more accurate
one: forms with their rounding errors added back take ten times as long for the last tenths of a bit."""

SMALL = 4.0
"""Largest bits of error of a form that is as good as right."""

BEYOND = 1.1
"""Of the budget: by when the losses of single operations are measured, which come last."""

TOLD = 24
"""Points at which the losses of single operations are measured, for pictures."""

WORD = 53


@dataclass(frozen=True)
class Question:
    """What is asked of a search.

    outputs : scalar float64 formulas; symbols : their inputs; ends : the range of each
    focus : the interval in which most values of each input lie, None where that is not known
    goal : "accurate", "fast" or "pareto"; digits : how many are enough, None for as many as there are
    """

    outputs: tuple[Expr, ...]
    symbols: tuple[Expr, ...]
    ends: tuple[tuple[float, float], ...]
    narrowed: frozenset[Expr]
    focus: tuple[tuple[float, float] | None, ...] | None
    budget: float
    goal: str
    seed: int
    digits: float | None

    @classmethod
    def of(
        cls, outputs: Sequence[Expr], ranges: Mapping[Any, Any] | None, budget: float, goal: str, seed: int,
        digits: float | None, inputs: Sequence[Expr] | None = None, focus: Mapping[Any, Any] | None = None,
    ) -> Question:  # fmt: skip
        """A question with its ranges checked. Raises `InputError` for those that fit no input or hold nothing.

        inputs : symbols that ranges may be given for, of which the outputs may need some alone
        """
        dag = Dag(outputs)
        if inputs is not None and isinstance(ranges, Mapping):
            intervals(Dag(outputs, inputs), ranges)
            needed = {symbol.name for symbol in dag.symbols}
            named = {key.name if isinstance(key, Expr) else key: ends for key, ends in ranges.items()}
            ranges = {name: ends for name, ends in named.items() if name in needed}
        whole, ends = intervals(dag, None), intervals(dag, ranges)
        narrowed = frozenset(
            s for s, one, other in zip(dag.symbols, whole, ends, strict=True) if one != other
        )
        middle = None if not focus else _focus(dag, focus, ends)
        return cls(tuple(outputs), dag.symbols, tuple(ends), narrowed, middle, budget, goal, seed, digits)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Name → interval, of all inputs."""
        return {symbol.name: ends for symbol, ends in zip(self.symbols, self.ends, strict=True)}

    @property
    def enough(self) -> float:
        """Mean bits of error of as many digits as are enough; −∞ where as many as there are."""
        return -math.inf if self.digits is None else WORD - self.digits * math.log2(10)


def _focus(
    dag: Dag, focus: Mapping[Any, Any], ends: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float] | None, ...]:
    """The part of each input's range in which most of its values lie; None where nothing is said."""
    given = (
        {key.name if isinstance(key, Expr) else key for key in focus} if isinstance(focus, Mapping) else ()
    )
    found: list[tuple[float, float] | None] = []
    for symbol, inner, outer in zip(dag.symbols, intervals(dag, focus, "focus"), ends, strict=True):
        low, high = max(inner[0], outer[0]), min(inner[1], outer[1])
        if symbol.name not in given:
            found.append(None)
            continue
        if low > high:
            raise InputError(
                f"the focus of {symbol.name!r}, from {inner[0]:g} to {inner[1]:g}, is outside of its range, "
                f"from {outer[0]:g} to {outer[1]:g}",
                site=current_site(),
                hint="a focus is a part of the range, where most values lie",
            )
        found.append((low, high))
    return tuple(found)


def answered(question: Question, tell: Callable[[float], None] | None = None) -> tuple[SearchedPart, ...]:
    """The search for each output, in their order; the time is divided among those that are left.

    tell : is told the share of the budget that is spent, now and then
    """
    clock = Clock(question.budget, tell)
    wide = [is_wide(*ends) for ends in question.ends]
    truth = Truth(question.outputs, question.symbols, clock)
    rng = np.random.default_rng((question.seed, 1))
    points = truth.draw(question.ends, wide, TRAIN, rng, clock, DRAW_SHARE, question.focus)
    rng = np.random.default_rng((question.seed, 3))
    fresh = truth.draw(question.ends, wide, FRESH, rng, clock, FRESH_SHARE, question.focus)
    promised = {
        symbol: ends
        for symbol, ends in zip(question.symbols, question.ends, strict=True)
        if symbol in question.narrowed
    }
    searches: dict[Expr, FormSearch] = {}
    parents = lineage(truth.outputs, question.symbols)
    order = in_order(truth.outputs, parents)
    for number, output in enumerate(order):
        share = FRESH_SHARE + (SEARCH_SHARE - FRESH_SHARE) * (number + 1) / len(order)
        own = np.random.default_rng((question.seed, 2, truth.outputs.index(output)))
        search = FormSearch(output, truth, points, promised, own, clock, share)
        if output in parents:
            primal, symbol = parents[output]
            search.inherited += handed_on(searches[primal].forms.heirs(), symbol)
        searches[output] = search
        search.run()
    inputs = many(question.symbols, question.ends, question.focus, np.random.default_rng((question.seed, 5)))
    chosen: list[Expr] = []
    parts: dict[Expr, SearchedPart] = {}
    again: Points | None = None
    for output in order:
        search = searches[output]
        part = _held_to_account(search, question, fresh, inputs, clock, chosen)
        if _is_lost(part, search) and not clock.over(AGAIN_SHARE):
            if again is None:
                rng = np.random.default_rng((question.seed, 4))
                share = clock.share_from_now(0.5, SEARCH_SHARE)
                again = truth.draw(question.ends, wide, FRESH, rng, clock, share, question.focus)
            search.learn(fresh, clock.share_from_now(0.7))
            part = _held_to_account(search, question, again, inputs, clock, chosen)
        parts[output] = part
        chosen.append(part.chosen.expr)
    return tuple([parts[output] for output in question.outputs])


def _is_lost(part: SearchedPart, search: FormSearch) -> bool:
    """Whether the formula stays as it is though forms are better on the whole: each was worse somewhere."""
    found = search.forms.best.error
    return part.refused > 0 and part.chosen is part.written and found < part.written.bits - LOST


def _held_to_account(
    search: FormSearch,
    question: Question,
    fresh: Points,
    inputs: dict[Expr, np.ndarray],
    clock: Clock,
    beside: Sequence[Expr],
) -> SearchedPart:
    """What of the forms of an output may be offered, and which is chosen.

    inputs : points without the truth at them, at which forms are held against the formula too
    beside : the forms that were chosen for other outputs, with which work may be shared
    """
    output = search.output
    known = fresh.of(np.flatnonzero(np.isfinite(fresh.exact[output])))
    columns = Columns(known.columns, len(known))
    before = columns.bits(output, known.exact[output])
    if not len(search.forms):
        search.forms.add(output, "as written")
    written = _alternative(search.forms.add(output, "as written"), before)
    offered, refused = [written], 0
    for form in _candidates(search):
        if form.expr is output or len(offered) > OFFERED + 1 or len(known) < 2:
            continue
        if form.origin == SHORTER and sum(each.origin == SHORTER for each in offered) >= SHORT:
            continue
        if clock.over(1.0) and len(offered) > 1:
            break
        after = columns.bits(form.expr, known.exact[output])
        if is_worse(before, after, known):
            refused += 1
            continue
        agrees = agreement(output, form.expr, question.symbols, known, clock)
        if agrees is None:
            refused += 1
            continue
        offered.append(_alternative(form, after, agrees))
    offered = _guarded(offered, search, known, columns, inputs, clock)
    if len(offered) > 1 and not clock.over():
        offered, worse = _by_machine_code(offered, question, known, output)
        refused += worse
        written = offered[0]
    front = _front(offered)
    fast = fastest(
        front, written, question.enough, lambda each: cost(each.expr, *beside), question.symbols, known, clock
    )
    chosen = fast if question.goal == "fast" else _chosen(front, written, question, beside)
    return SearchedPart(
        written, chosen, fast, tuple(front), _compiled(chosen, columns, known.exact[output], clock), known,
        len(search.points), len(search.forms), search.rounds, search.stopped, refused,
        _losses(output, chosen.expr, known, clock),
    )  # fmt: skip


def _guarded(
    offered: list[Alternative], search: FormSearch, known: Points, columns: Columns, inputs: dict[Expr, np.ndarray], clock: Clock
) -> list[Alternative]:  # fmt: skip
    """The forms with tests that keep them from points at which more than rounding is lost, that as written first."""
    written, *others = offered
    if not others or not inputs or clock.over() or len(walk([each.expr for each in offered])) > LARGE:
        return offered
    share = clock.share_from_now(GUARD_SHARE)
    points = Counterexamples(search.output, search.truth, known, inputs, clock, share)
    forms = [each.expr for each in offered]
    result = [written]
    for each in others:
        expr = points.guarded(each.expr, forms)
        if expr is not each.expr:
            bits = columns.bits(expr, known.exact[search.output])
            mean, worst = float(bits.mean()), float(bits.max())
            each = replace(each, expr=expr, bits=mean, worst=worst, cost=cost(expr))
        result.append(each)
    return result


def _by_machine_code(
    offered: list[Alternative], question: Question, known: Points, output: Expr
) -> tuple[list[Alternative], int]:
    """The forms as machine code computes them, that as written first, without those that are worse so; how many these were."""
    values = as_compiled([each.expr for each in offered], question.symbols, known)
    if values is None:
        return offered, 0
    bits = [bits_wrong(each, known.exact[output]) for each in values]
    kept = [
        replace(each, bits=float(own.mean()), worst=float(own.max()))
        for place, (each, own) in enumerate(zip(offered, bits, strict=True))
        if not place or not is_worse(bits[0], own, known)
    ]
    return kept, len(offered) - len(kept)


def _candidates(search: FormSearch) -> list[Form]:
    """The forms worth holding to account: the front, and the best of all by their scores; first those that were nowhere worse
    at the points of the search, and of these what was written shorter, which is what will be chosen if it passes."""
    front = search.forms.front()
    found = {id(form): form for form in (*front[: TRIED // 2], *search.forms.ranked()[: 4 * TRIED], *front)}
    written = search.forms.add(search.output, "as written")
    worse = {key: is_worse(written.wrong, form.wrong, search.points) for key, form in found.items()}
    return sorted(
        found.values(),
        key=lambda form: (worse[id(form)], *((0, form.cost) if form.origin == SHORTER else (1, 0.0))),
    )


def _alternative(form: Form, bits: np.ndarray, agrees: Any = None) -> Alternative:
    mean, worst = (float(bits.mean()), float(bits.max())) if len(bits) else (math.nan, math.nan)
    return Alternative(form.expr, mean, worst, form.cost, form.origin, *([agrees] if agrees else []))


def _front(offered: Sequence[Alternative]) -> list[Alternative]:
    """Those that none is both better and cheaper than, the most accurate first."""
    front: list[Alternative] = []
    for each in sorted(offered, key=lambda a: (a.bits, a.cost)):
        if not front or each.cost < min(other.cost for other in front):
            front.append(each)
    return front


def _chosen(
    front: Sequence[Alternative], written: Alternative, question: Question, beside: Sequence[Expr]
) -> Alternative:
    """The form that the goal "accurate" or "pareto" asks for; that as written where none is better."""
    if not front:
        return written

    def price(each: Alternative) -> float:
        return cost(each.expr, *beside)

    if question.goal == "pareto":
        return min(front, key=lambda each: each.bits + PARETO * each.cost)
    right = max(min(each.bits for each in front) + ALIKE, question.enough)

    def lacks(each: Alternative) -> float:
        return 0.0 if each.bits <= RIGHT and each.worst <= SMALL else max(0.0, each.bits - right)

    def is_worth(each: Alternative, other: Alternative) -> bool:
        quicker = other.cost / each.cost if 0 < each.cost < other.cost else 1.0
        return lacks(each) - lacks(other) <= DOUBLED * math.log2(quicker)

    # beside each form that is more accurate: what a dear one would take is no reason to lose bits for nothing
    good = [each for each in front if all(is_worth(each, other) for other in front if other.bits < each.bits)]
    best = min(good, key=price, default=written)
    return best if best.bits < written.bits or best.cost < written.cost else written


PARETO = 0.25
"""Mean bits of error that a nanosecond is worth under the goal "pareto"."""


def _compiled(chosen: Alternative, columns: Columns, exact: np.ndarray, clock: Clock) -> float | None:
    """Mean bits of error of what the rules make of a form: beside its own, by as much as NumPy's values differ."""
    if not len(exact) or clock.over() or len(walk([chosen.expr])) > LARGE:
        return None
    try:
        (again,) = tables.run([chosen.expr], "stable").outputs
    except GraphcError:
        return None
    one, other = (float(columns.bits(each, exact).mean()) for each in (chosen.expr, again))
    return chosen.bits + other - one


def _losses(written: Expr, chosen: Expr, points: Points, clock: Clock) -> dict[Expr, tuple[float, float]]:
    """What single operations of both forms lose; nothing where that takes longer than a little beyond the budget."""
    if not len(points) or len(walk([written, chosen])) > LARGE:
        return {}
    few = points.of(np.linspace(0, len(points) - 1, min(TOLD, len(points))).astype(int))
    exact = Exact(few, partial(clock.over, BEYOND))
    try:
        return {node: (lost, lost) for node, lost in exact.losses([written, chosen]).items()}
    except OutOfTime:
        return {}


def is_searched(expr: Expr) -> bool:
    """Whether a formula can be searched: scalar, of float64, of operations that work element by element."""
    return (
        expr.dtype == FLOAT64
        and not any(node.shape or node.op.on_arrays for node in walk([expr]))
        and not any(
            node.op.control is not None and node.op.name not in ("held", "multiply_error")
            for node in walk([expr])
        )
    )


__all__ = ["Question", "answered", "is_searched"]
