"""The search: forms of a formula proposed, measured and put together, until none is better or the time is up.

What is proposed comes from the rules of `rewrite`, from differences written by their steps, from e-graphs over the parts that
lose most, from the rounding errors of sums and products added back, and from polynomials where a subformula depends on one
value; piecewise forms are made of what is good in different places. Only measured bits decide what stays.
"""

from __future__ import annotations

import contextlib

import numpy as np

from graphc.autodiff.rounding import low_parts
from graphc.errors import GraphcError
from graphc.ir.expr import Expr, constant, substitute, symbol, walk
from graphc.ir.types import FLOAT64
from graphc.ops.comparison import where
from graphc.rewrite import tables
from graphc.rewrite.rational.real_form import RealForms
from graphc.search.alternatives import Form, Forms, harm, merged, sides, worst_places
from graphc.search.cheaper import SHORTER, written_shorter
from graphc.search.clock import Clock, OutOfTime
from graphc.search.columns import WORST, Columns, cost, within
from graphc.search.egraph import EGraph
from graphc.search.exact import Exact
from graphc.search.extraction import PRICE, Extraction, spread
from graphc.search.factors import take_apart
from graphc.search.fits import fitted
from graphc.search.homogeneous import normalised
from graphc.search.honesty import is_worse
from graphc.search.identities import fitting
from graphc.search.regimes import WORTH, Boundaries, branch_values, cut, cut_again
from graphc.search.result import SLACK
from graphc.search.saturation import saturate
from graphc.search.steps import stepped
from graphc.search.taylor import expanded
from graphc.search.truth import Points, Truth

FLOOR = 0.35
"""Mean bits of error that are rounding alone: a form with fewer is not improved further."""

DEAR = 1.5
"""Forms that take so many times as long as the formula as written are worth a search for a cheaper one."""

SHORTENING = 0.97
"""Of the time of a search: by when nothing new is sought, so that what it found is written shorter."""

EXPANDING = 0.85
"""Of the time of a search: by when no e-graph grows further, so that what it found is put together."""

FITTING = 0.12
"""Of the time that is left: how long polynomials are sought in a round, and how long series are."""

ROUNDS = 6
LOOKED_AT = 24
"""Points of an e-graph."""

KEYS = 1400
"""Keys of an e-graph."""

WHOLE = 60
"""Formulas of so many nodes are looked at as a whole, larger ones in parts."""

LEAVES = 5
"""Inputs of a part that terms are made of."""

DEEP = 5
"""How far a part reaches below its root."""

PARTS = 3
"""Parts that are looked at in a round."""

TAKEN = 24
"""Forms taken from one e-graph."""

CUT = 4
"""Piecewise forms that are made in a round: along the values where runs of the points have the fewest wrong bits."""

CUT_AGAIN = 2
"""How many of them are tried with their pieces cut along another value."""

HARM, STRICT = 2.0, 20.0
"""How much more a bit counts by which a piece is worse than the formula as written: what is worse somewhere is not offered. The
second where the best form is."""

RIGHT = 2.0
"""Bits of error of a series at a point where it is the formula, up to rounding."""

LARGE = 400
"""Formulas of more nodes are not simplified as a whole."""

REWRITTEN = 3e-4
"""Seconds that rules take for a node of a large formula, about."""

OPAQUE_OPS = frozenset(("held", "add_error", "multiply_error", "astype"))


class FormSearch:
    """The search for forms of one output.

    output : as written; points : with the truth at them; intervals : symbol → its range
    inherited : derivatives of forms of what the output is the derivative of
    """

    def __init__(
        self, output: Expr, truth: Truth, points: Points, intervals: dict[Expr, tuple[float, float]],
        rng: np.random.Generator, clock: Clock, share: float = 1.0,
    ) -> None:  # fmt: skip
        self.output: Expr = output
        self.truth: Truth = truth
        self.rng: np.random.Generator = rng
        self.clock: Clock = clock
        self.share: float = share
        self.intervals = intervals
        known = np.isfinite(points.exact[output])
        self.points: Points = points.of(np.flatnonzero(known))
        self.columns: Columns = Columns(self.points.columns, len(self.points))
        self.forms: Forms = Forms(self.columns, self.points.exact[output])
        self.used: set[str] = set()
        self.inherited: list[Expr] = []
        self.rounds = 0
        self.stopped = ""
        self._expanded: set[Expr] = set()
        self._expanding: float = EXPANDING * share

    def over(self) -> bool:
        return self.clock.over(self.share)

    def _in_time(self) -> None:
        """Raises `OutOfTime` when it is up."""
        if self.over():
            raise OutOfTime

    def run(self) -> Forms:
        """All forms that were found."""
        whole, self.share = self.share, SHORTENING * self.share
        with contextlib.suppress(OutOfTime):
            self._run()
        if self.over() and not self.stopped:
            self.stopped = "the time was up"
        self.share = whole
        self._shorten()
        return self.forms

    def _run(self) -> None:
        """The seeds, then rounds."""
        original = self.forms.add(self.output, "as written")
        if not len(self.points):
            self.stopped = "no point was found at which the formula has a value"
            return
        if original.error <= FLOOR:
            self.stopped = "nothing is lost as it is written"
            return
        self._seeds()
        best = self.forms.best
        if best.error > FLOOR:  # what takes little time comes before e-graphs
            self._finish_round()
            best = self.forms.best
        if best.error <= FLOOR and best.cost <= DEAR * original.cost:
            self.stopped = "the rules left nothing to gain"
            return
        last = best.error
        for number in range(ROUNDS):
            if self.over():
                break
            self.rounds += 1
            self._round()
            best = self.forms.best.error
            if best <= FLOOR or (number >= 1 and best > last - 0.05):
                self.stopped = "no further form was better"
                break
            last = best
        else:
            self.stopped = "no further form was better"
        if self.over():
            self.stopped = "the time was up"

    def learn(self, points: Points, share: float) -> None:
        """Piecewise forms again, at more points: those at which forms turned out to be worse than the formula as written.

        share : of the budget, by when to end
        """
        self.share = share
        known = points.of(np.flatnonzero(np.isfinite(points.exact[self.output])))
        before, count = self.forms, len(self.points)
        self.points = self.points.joined(known)
        self.columns = Columns(self.points.columns, len(self.points))
        self.forms = Forms(self.columns, self.points.exact[self.output])
        self.forms.add(self.output, "as written")
        for form in before.ranked():
            if self.over():
                return
            good = None
            if not form.everywhere:  # where it is right it may be taken for the formula
                wrong = self.columns.bits(form.expr, self.points.exact[self.output])
                good = np.concatenate([form.wrong < WORST, wrong[count:] <= RIGHT])
            self.forms.add(form.expr, form.origin, good)
        self._piecewise()
        self._shorten()

    def _shorten(self) -> None:
        """The forms that may be chosen, in less time."""
        found = written_shorter(self.output, self.forms, self.points, self.clock, self.share)
        self.forms.add_all(found, SHORTER)

    # --- where forms come from --------------------------------------------------------------------------------------

    def _seeds(self) -> None:
        """What the rules make of the formula, and its shortest forms, with the ranges as promises."""
        promised = {
            s: symbol(s.name, dtype=s.dtype, range=self.intervals[s])
            for s in self.truth.symbols
            if s in self.intervals and s.bounds is None
        }
        back = {new: old for old, new in promised.items()}
        starts = [self.output]
        if promised:
            starts.append(substitute(self.output, promised))
        for start in starts:
            if self.over() or self._is_long(start):
                return
            found = [start]
            try:
                found += tables.run([start], "stable").outputs
                if len(walk([start])) <= LARGE and not self.over():
                    short = RealForms(self._in_time).shortest([start])
                    found += [*short, *tables.run(short, "stable").outputs]
            except GraphcError:
                pass
            for expr in found:
                form = substitute(expr, back) if start is not self.output else expr
                self.forms.add(form, "rules")
                self.forms.add_all(sides(form), "rules")
        for expr in self.inherited:
            if self.over() or self._is_long(expr):
                return
            self.forms.add(expr, "derivatives")
            with contextlib.suppress(GraphcError):
                self.forms.add_all(tables.run([expr], "stable").outputs, "derivatives")
        for start in dict.fromkeys((self.output, self.forms.best.expr)):
            for expr in stepped(start):
                if self.over():
                    return
                self.forms.add(expr, "steps")
                with contextlib.suppress(GraphcError):
                    short = RealForms(self._in_time).shortest([expr]) if len(walk([expr])) <= WHOLE else []
                    self.forms.add_all([*short, *tables.run([expr, *short], "stable").outputs], "steps")
        for form in (self.forms.best.expr, self.output):
            for expr in normalised(form, self.points):
                if not self.over():
                    self.forms.add(expr, "quotients of inputs")

    def _is_long(self, expr: Expr) -> bool:
        """Whether rules would take more time on a formula than is left: nothing ends them in their middle."""
        size = len(walk([expr]))
        return size > LARGE and 2 * size * REWRITTEN > self.clock.left(self.share)

    def _round(self) -> None:
        cover = self.forms.cover(6)
        wrong = merged(cover)
        ranked = [self.forms.best, *cover, *self.forms.ranked()]
        if (
            self.rounds == 1
        ):  # the formula as written is the shortest way to most others: before what is pieced together
            ranked.insert(0, self.forms.add(self.output, "as written"))
        new = [form for form in ranked if form.everywhere and form.expr not in self._expanded]
        waiting = list({form.expr: form for form in new}.values())
        for form in waiting[:2]:
            if self.clock.over(self._expanding):
                break
            self._expanded.add(form.expr)
            best = form.expr in (self.forms.best.expr, self.output)
            self._expand(form, form.wrong if best else np.maximum(wrong, 0.5 * form.wrong))
        self._finish_round()

    def _finish_round(self) -> None:
        self._compensate()
        self._fit()
        self._piecewise()

    def _expand(self, form: Form, wrong: np.ndarray) -> None:
        """Forms that e-graphs make of one."""
        looked_at = worst_places(wrong, min(LOOKED_AT, len(self.points)), self.rng)
        points = self.points.of(looked_at)
        exact = Exact(points, self.over)
        columns = Columns(points.columns, len(points))
        size = len(walk([form.expr]))
        losses = exact.losses([form.expr])
        if size <= WHOLE:
            self._saturate(form.expr, form.expr, exact, columns)
        worst = sorted((node for node in losses if losses[node] > 0.5), key=lambda node: -losses[node])
        for node in worst[:PARTS]:
            if self.clock.over(self._expanding):
                return
            if node is form.expr and size <= WHOLE:
                continue
            self._saturate(form.expr, node, exact, columns)

    def _saturate(self, whole: Expr, root: Expr, exact: Exact, columns: Columns) -> None:
        """Forms with another way to write one part."""
        near = within(root, DEEP if len(walk([root])) > WHOLE else 10**6)

        def opaque(node: Expr) -> bool:
            return (
                node not in near or bool(node.attrs and node.operands) or node.op.name in OPAQUE_OPS
                or node.op.control is not None or (node.dtype != FLOAT64 and node.dtype.kind != "b")
                or (node.is_constant and node.dtype != FLOAT64)
            )  # fmt: skip

        graph = EGraph(exact.fields, KEYS)
        place = graph.formula(root, exact.row, opaque)
        proposals = fitting(root)
        self.used |= saturate(graph, proposals, 2, self.clock, self._expanding, KEYS // 2)
        leaves = [
            node for node in walk([root]) if node.dtype == FLOAT64 and (node.is_symbol or opaque(node))
        ][:LEAVES]
        if take_apart(
            graph, place, [graph.leaf(node, exact.row(node)) for node in leaves], self.clock, self._expanding
        ):
            self.used.add("values taken apart")
        self.used |= saturate(graph, proposals, 3, self.clock, self._expanding)
        ways = Extraction(graph, columns).run(place, self.clock, self.share)
        for way in spread(ways, TAKEN):
            part = way.expr
            self.forms.add(part if root is whole else substitute(whole, {root: part}), "identities")

    def _compensate(self) -> None:
        """Forms with what rounding takes from sums and products added back."""
        for form in self.forms.ranked()[:3]:
            if self.over() or len(walk([form.expr])) > WHOLE:
                return
            try:
                (low,) = low_parts([form.expr], {})
            except GraphcError:
                continue
            if low is not None:
                sum_ = form.expr + low
                self.forms.add(sum_, "rounding errors added back")
                if not np.isfinite(
                    self.columns(low)
                ).all():  # products of large numbers have no error that is a float
                    finite = abs(low) < constant(np.finfo(FLOAT64).max, FLOAT64)
                    self.forms.add(where(finite, sum_, form.expr), "rounding errors added back")

    def _fit(self) -> None:
        """Forms with a polynomial for a part that depends on one value."""
        best = self.forms.best
        if best.error <= 2 * FLOOR or self.over():
            return
        share = self.clock.share_from_now(FITTING, self.share)
        looked_at = worst_places(best.wrong, min(LOOKED_AT, len(self.points)), self.rng)
        exact = Exact(self.points.of(looked_at), self.over)
        scaled = [form.expr for form in self.forms.ranked() if form.origin == "quotients of inputs"][:1]
        for form in dict.fromkeys((best.expr, self.output, *scaled)):
            for part, near, good in fitted(form, exact, self.columns, self.clock, share):
                self.forms.add(substitute(form, {part: near}), "polynomial", good)
        if self.rounds:
            return
        share = self.clock.share_from_now(FITTING, self.share)
        for part, near, good in expanded(self.output, exact, self.points, self.columns, self.clock, share):
            self.forms.add(substitute(self.output, {part: near}), "Taylor series", good)

    def _piecewise(self) -> None:
        """Piecewise forms of those that are good in different places; of cheap ones alone too, where the best form is dear."""
        original = self.forms.add(self.output, "as written")
        strict = is_worse(original.wrong, self.forms.best.wrong, self.points, SLACK / 2)
        self._pieces(self.forms.cover(10), original, STRICT if strict else HARM)
        if self.forms.best.cost > DEAR * original.cost:
            self._pieces(self.forms.cover(10, DEAR * original.cost), original, STRICT)

    def _pieces(self, pieces: list[Form], original: Form, price: float) -> None:
        """Piecewise forms of some and of the formula as written."""
        forms = list({form.expr: form for form in (*pieces, original)}.values())
        if len(forms) < 2 or len(self.points) < 16:
            return
        table = np.array([form.wrong + price * harm(form.wrong, original.wrong) for form in forms])
        exprs = [form.expr for form in forms]
        found, values = [], []
        for value in branch_values(self.truth.symbols, exprs):
            if self.over():
                break
            column = self.columns(value)
            if not np.isnan(column).any():
                values.append((value, column))
                runs = cut(value, column, table)
                if runs.cuts:
                    dear = PRICE * (0.0 if value.is_symbol else cost(value))
                    found.append((runs.error + WORTH * len(runs.cuts) + dear, len(found), runs))
        bounds = Boundaries(self.output, self.truth, self.points, self.columns, self.rng, self.clock)
        for number, (_, _, runs) in enumerate(sorted(found, key=lambda each: each[:2])[:CUT]):
            if self.over():
                return
            self.forms.add(bounds.written(runs, exprs), "piecewise")
            inner = cut_again(runs, values, table) if number < CUT_AGAIN else {}
            if inner:
                self.forms.add(bounds.written(runs, exprs, inner), "piecewise")


__all__ = ["FLOOR", "FormSearch"]
