"""Bits of error of formulas of the collection: as written, compiled by default, in the form made by hand, and improved by search.

An error is counted in bits, log₂(1 + the number of floats between a value and the exact one), at points uniform over the
floats for which a formula is meant and at points uniform over its physical ranges; exact values are the formula's, in rising
mpmath precision. Searches have a budget of processor time, so that they find the same however busy the machine is; times of forms
are those of machine code on arrays of the points, by turns, as quotients by that of the formula as written.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphc as g
import graphc.search.clock
from graphc.errors import GradientError, InputError
from graphc.frontend.json_nodes import from_rows, to_rows
from graphc.ir.graph import Dag
from graphc.ir.ulp import bits_of_error
from graphc.search.result import SLACK, SearchedPart
from graphc.search.sampling import drawn, exact_value
from tests.benchmarks.collection import Entry

BUDGET = 10.0


@dataclass
class Row:
    """The mean errors of one output of an entry, by form, and at each point.

    ratios : form → its time by that of the formula as written; seconds : of the search, of processor time
    worst : by how many bits the form found is worse at a point, at most; up to a unit in the last place is none
    forms : the forms that were found, as rows of plain data; front : those that were chosen from, as lines of text
    """

    name: str
    by: str
    means: dict[str, float] = field(default_factory=dict)
    bits: dict[str, np.ndarray] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    points: list[dict[str, float]] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    worst: float | None = None
    forms: dict[str, Any] = field(default_factory=dict)
    front: list[str] = field(default_factory=list)

    def kept(self) -> str:
        """What the figures are made of, as a line of JSON."""
        names = ("name", "by", "means", "ratios", "seconds", "worst", "forms", "front")
        return json.dumps({name: getattr(self, name) for name in names})


def sample(entry: Entry, count: int, seed: int) -> tuple[list[dict[str, float]], list[str]]:
    """Fresh points: half uniform over the floats of the domain, half uniform over the physical ranges."""
    graph = g.Graph(entry.formula, entry.symbols)
    points: list[dict[str, float]] = []
    kinds: list[str] = []
    for number, (kind, ranges) in enumerate((("floats", entry.domain), ("range", entry.range))):
        rng = np.random.default_rng((zlib.crc32(entry.name.encode()), seed, number))
        intervals = [ranges[symbol.name] for symbol in graph.symbols]
        try:
            found = drawn(graph, entry.formula, intervals, count // 2, kind, rng)
        except InputError:  # none was found
            continue
        points += found.points
        kinds += [kind] * len(found.points)
    return points, kinds


def truths(target: g.Expr, points: Sequence[dict[str, float]]) -> np.ndarray:
    """The exact values, rounded; NaN where there is none, or one beyond the largest float."""
    names = {symbol.name for symbol in g.free_symbols(target)}
    values = []
    for at in points:
        found = exact_value(target, {name: x for name, x in at.items() if name in names})
        values.append(math.nan if found is None or not math.isfinite(found[0]) else found[0])
    return np.array(values)


def errors(
    form: g.Expr, entry: Entry, points: Sequence[dict[str, float]], exact: np.ndarray, level: Any
) -> np.ndarray:
    """Bits of error of a form at points."""
    columns = [np.array([at[s.name] for at in points]) for s in entry.symbols]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function: Any = g.compile(form, entry.symbols, rewrite=level, cache=False)
        values = function(*columns)
    return np.asarray(
        bits_of_error(np.broadcast_to(values, exact.shape).astype(float), exact, np.dtype("float64"))
    )


def measured(
    entry: Entry,
    count: int,
    seed: int,
    gradients: bool = False,
    improved: bool = False,
    budget: float = BUDGET,
) -> list[Row]:
    """The row of an entry, or one for each of its partial derivatives.

    budget : seconds of a search, for each output
    """
    points, kinds = sample(entry, count, seed)
    outputs: Iterable[g.Expr | None] = differentiable(entry) if gradients else (None,)
    better, seconds = search(entry, gradients, budget) if improved else (None, None)
    rows = []
    for number, by in enumerate(outputs):
        target = entry.formula if by is None else g.grad(entry.formula, by)
        exact = truths(target, points)
        known = np.isfinite(exact)
        row = Row(entry.name, "" if by is None else by.name)
        row.kinds = [kind for kind, ok in zip(kinds, known, strict=True) if ok]
        row.points = [at for at, ok in zip(points, known, strict=True) if ok]
        if not row.points:
            continue
        forms: dict[str, tuple[g.Expr, Any]] = {
            "written": (target, None),
            "default": (target, "stable"),
            "by hand": (entry.by_hand if by is None else g.grad(entry.by_hand, by), None),
        }
        if better is not None:
            forms["improved"] = (better[number].chosen.expr, None)
            forms["fast"] = (better[number].fast.expr, None)
        for form, (expr, level) in forms.items():
            row.bits[form] = errors(expr, entry, row.points, exact[known], level)
            row.means[form] = mean_of_kinds(row.bits[form], row.kinds)
        if better is not None:
            row.seconds = seconds
            row.ratios = ratios(
                {form: forms[form][0] for form in forms if form != "default"}, entry, row.points
            )
            harm = np.maximum(row.bits["improved"], 1.0) - np.maximum(row.bits["written"], 1.0)
            row.worst = float(harm.max())
            others = {f"front {place}": each.expr for place, each in enumerate(better[number].alternatives)}
            row.forms = plain({**{name: forms[name][0] for name in ("improved", "fast")}, **others})
            row.front = better[number].lines()
        rows.append(row)
    return rows


def differentiable(entry: Entry) -> list[g.Expr]:
    """The inputs that a formula has a derivative by: the incomplete gamma function has none by its first operand."""
    found = []
    for symbol in entry.symbols:
        try:
            g.grad(entry.formula, symbol)
        except GradientError as error:
            print(f"left out: {entry.name} by {symbol.name}: {str(error).splitlines()[0]}", file=sys.stderr)
        else:
            found.append(symbol)
    return found


def plain(forms: Mapping[str, g.Expr]) -> dict[str, Any]:
    """Forms as rows of plain data."""
    dag = Dag(tuple(forms.values()))
    return {
        "names": list(forms),
        "nodes": to_rows(dag.exprs, dag.operands),
        "outputs": [dag.exprs.index(form) for form in forms.values()],
    }


def from_plain(forms: Mapping[str, Any]) -> dict[str, g.Expr]:
    """What `plain` was made of."""
    nodes = from_rows(forms["nodes"], "node")
    return {name: nodes[place] for name, place in zip(forms["names"], forms["outputs"], strict=True)}


def mean_of_kinds(bits: np.ndarray, kinds: Sequence[str]) -> float:
    """The mean over floats and the mean over ranges count alike, however many points either has."""
    parts = [
        statistics.fmean(b for b, k in zip(bits.tolist(), kinds, strict=True) if k == kind)
        for kind in sorted(set(kinds))
    ]
    return statistics.fmean(parts)


def search(entry: Entry, gradients: bool, budget: float) -> tuple[list[SearchedPart], float]:
    """What `g.improve` makes of the formula, or, with the formula beside them, of its partial derivatives; seconds it took."""
    derivatives = [g.grad(entry.formula, s) for s in differentiable(entry)] if gradients else []
    outputs = [entry.formula, *derivatives]
    graphc.search.clock.NOW = time.process_time
    began = time.process_time()
    found = g.improve(outputs, entry.domain, focus=entry.focus, budget=budget * len(outputs))
    return list(found.parts[1:] if gradients else found.parts), time.process_time() - began


def ratios(
    forms: dict[str, g.Expr], entry: Entry, points: Sequence[dict[str, float]], rounds: int = 9
) -> dict[str, float]:
    """Form → its time for arrays of points by that of the formula as written, the least of some rounds by turns."""
    columns = [np.tile([at[s.name] for at in points], 80) for s in entry.symbols]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        functions: dict[g.Expr, Any] = {
            expr: g.compile(expr, entry.symbols, rewrite=None, cache=False) for expr in forms.values()
        }
        least = dict.fromkeys(functions, math.inf)
        for _ in range(rounds):
            for expr, function in functions.items():
                began = time.perf_counter()
                function(*columns)
                least[expr] = min(least[expr], time.perf_counter() - began)
    return {form: least[expr] / least[forms["written"]] for form, expr in forms.items()}


def summary(rows: Sequence[Row]) -> list[str]:
    """The figures by which forms are judged."""
    lines = []
    forms = list(rows[0].means)
    for form in forms:
        means = [row.means[form] for row in rows]
        lines.append(
            f"{form:9} mean {statistics.fmean(means):6.2f} bits, median {statistics.median(means):5.2f}"
        )
    for form in forms:
        if form in ("by hand", "fast"):
            continue
        near = sum(row.means[form] <= row.means["by hand"] + 1 for row in rows)
        better = sum(row.means[form] < row.means["by hand"] - 1 for row in rows)
        lines.append(
            f"{form:9} within 1 bit of the form made by hand: {near} of {len(rows)} ({near / len(rows):.0%}); "
            f"better by more than 1 bit: {better} ({better / len(rows):.0%})"
        )
        if form != "written":
            worse = [_named(row) for row in rows if row.means[form] > row.means["written"] + 0.1]
            lines.append(f"{form:9} worse than as written by more than 0.1 bit: {', '.join(worse) or 'none'}")
    for form in ("by hand", "improved", "fast"):
        times = [row.ratios[form] for row in rows if form in row.ratios]
        if times:
            lines.append(
                f"{form:9} time by that as written: median {statistics.median(times):.2f}, longest {max(times):.2f}"
            )
    seconds = [row.seconds for row in rows if row.seconds is not None]
    if seconds:
        lines.append(
            f"searches: median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s of processor time"
        )
        harmed = sum(row.worst is not None and row.worst > SLACK for row in rows)
        lines.append(
            f"improved  worse at some point by more than a unit in the last place: {harmed} of {len(rows)}"
        )
    return lines


def _named(row: Row) -> str:
    return f"{row.name} by {row.by}" if row.by else row.name


__all__ = [
    "BUDGET", "Row", "errors", "mean_of_kinds", "measured", "ratios", "sample", "search", "summary", "truths",
]  # fmt: skip
