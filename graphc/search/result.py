"""What a search hands out: a formula, the others that it chose from, and the report of how they were held to account."""

from __future__ import annotations

import html
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import InputError, brief_text
from graphc.ir.expr import Expr, current_site, walk
from graphc.ir.formatting import visible
from graphc.ir.printer import render
from graphc.search.columns import Columns
from graphc.search.truth import Points
from graphc.viz.plot import scatter

TEXT = 400
"""Characters of a formula in a report."""

FEW = 40
"""Points drawn without a value from which it is likely that there is none."""

WIDE = 1e9
"""Plots over ranges that reach further show every power of ten."""


@dataclass(frozen=True)
class Agreement:
    """A form beside the formula as written, over the real numbers, by ball arithmetic at fresh points.

    equal : at how many points they are the same number to 18 digits
    near : at how many they differ, by less than a unit in the last place of a float64: a polynomial does
    undecided : at how many no precision within reach tells
    """

    equal: int = 0
    near: int = 0
    undecided: int = 0

    def __str__(self) -> str:
        total = self.equal + self.near + self.undecided
        if not total:
            return "not compared"
        said = [f"the same number to 18 digits at {self.equal} of {total} points"]
        if self.near:
            said.append(f"within a unit in the last place at {self.near}")
        if self.undecided:
            said.append(f"undecided at {self.undecided}")
        return ", ".join(said)


@dataclass(frozen=True)
class Alternative:
    """A form of a formula.

    expr : the form
    bits, worst : mean and largest bits of error at points that the search has not seen
    cost : what the compiler's cost model takes it to need for one point, in nanoseconds
    origin : what it came from
    agreement : how it was held against the formula over the real numbers
    """

    expr: Any
    bits: float
    worst: float
    cost: float
    origin: str
    agreement: Agreement = Agreement()

    def __str__(self) -> str:
        bits, worst = _bits(self.bits), _bits(self.worst)
        return f"{bits:>8}{worst:>8}{self.cost:9.1f}  {visible(render(self.expr, budget=TEXT), TEXT)}"


@dataclass(frozen=True)
class SearchedPart:
    """The search for one output.

    written : as it was given; chosen : what took its place
    fast : the cheapest form that is no less accurate and was found to be faster, by the cost model and by machine code side by
        side; that as written where there is none
    alternatives : the front of error against time, that among them
    compiled : mean bits of error of the chosen form as `g.compile` makes it, whose rules rewrite it again; None where that was
        not measured
    fresh : points that the search has not seen, with the truth; seen : how many it worked with
    forms, rounds, stopped : how many forms were measured, in how many rounds, and why the search ended
    refused : forms that were better on the whole and worse somewhere, or differ over the real numbers
    losses : operation → mean and largest bits that it loses, of both forms
    """

    written: Alternative
    chosen: Alternative
    fast: Alternative
    alternatives: tuple[Alternative, ...]
    compiled: float | None
    fresh: Points = field(repr=False)
    seen: int
    forms: int
    rounds: int
    stopped: str
    refused: int
    losses: dict[Expr, tuple[float, float]] = field(repr=False)

    def lines(self) -> list[str]:
        """Its part of a report."""
        lines = [f"{'bits':>8}{'worst':>8}{'ns':>9}"]
        marks = {id(self.fast): "fast", id(self.written): "as written", id(self.chosen): "chosen"}
        for each in (self.written, *(a for a in self.alternatives if a.expr is not self.written.expr)):
            mark = marks.get(id(each), each.origin)
            lines.append(f"{each}  ({mark})")
        lines += [
            f"measured at {len(self.fresh)} points that the search has not seen; it worked with {self.seen}",
            f"over the real numbers, by ball arithmetic: {self.chosen.agreement}",
            f"{self.forms} forms in {self.rounds} round{'s' * (self.rounds != 1)}; ended because {self.stopped}",
        ]
        if self.refused:
            lines.append(f"refused, for being worse somewhere or another function: {self.refused}")
        if self.compiled is not None and self.compiled > self.chosen.bits + SLACK:
            lines.append(
                f"the rules of rewrite='stable' would make it {self.compiled:.2f} bits: compile it with rewrite=None"
            )
        return lines


SLACK = 0.1
"""Mean bits of error by which no form that is offered may be worse than the formula as written."""


@dataclass(frozen=True)
class Improvement:
    """What `improve` found; `print` shows the report, notebooks show it as a table.

    expr : the formula, in the structure that was given
    parts : the search for each output, in their order
    ranges : name → interval; goal, seed, budget : as asked for; seconds : what it took
    """

    expr: Any
    parts: tuple[SearchedPart, ...]
    ranges: dict[str, tuple[float, float]]
    goal: str
    seed: int
    budget: float
    seconds: float

    @property
    def bits(self) -> tuple[float, float]:
        """Mean bits of error as written and of what was chosen, over all outputs, at points that the search has not seen."""
        count = len(self.parts)
        before, after = (
            sum(bits) / count
            for bits in zip(*((p.written.bits, p.chosen.bits) for p in self.parts), strict=True)
        )
        return before, after

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The front of error against time of the output; of several outputs of all of them, one after the other."""
        return tuple([each for part in self.parts for each in part.alternatives])

    @property
    def report(self) -> str:
        """The report as text."""
        over = ", ".join(f"{name} in [{low:g}, {high:g}]" for name, (low, high) in self.ranges.items())
        lines = [
            f"{self._said()}{f'; {over}' if over else ''}",
            f"goal {self.goal!r}, seed {self.seed}, {self.seconds:.1f} of {self.budget:g} seconds",
        ]
        for number, part in enumerate(self.parts):
            lines.append("" if len(self.parts) == 1 else f"\noutput {number}")
            lines += part.lines()
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report

    def __repr__(self) -> str:
        return f"<Improvement: {self._said()}; print it>"

    def _said(self) -> str:
        """The errors in words."""
        before, after = self.bits
        if math.isfinite(before):
            return f"{before:.2f} bits of error as written, {after:.2f} found"
        if self.budget == 0:
            return "not searched: a budget of 0 seconds leaves no time for a single point"
        if any(part.fresh.hurried and part.fresh.drawn < FEW for part in self.parts):
            return (
                f"not searched: the {self.budget:g} seconds were spent before a point was found at which the formula "
                "has a finite value; give it more"
            )
        for part in self.parts:
            if any(
                node.is_constant and node.dtype.kind == "f" and np.isnan(node.value)
                for node in walk([part.written.expr])
            ):
                return "not searched: the formula has a NaN constant, and no value anywhere"
        return "not searched: no point was found at which the formula has a finite value"

    def to_latex(self) -> str:
        """The formulas as written and as found, with their bits of error: rows of an aligned display.

        >>> from graphc.api.improve import improve
        >>> from graphc.frontend.parse import parse
        >>> print(improve(parse("exp(x) - 1"), {"x": (-1, 1)}, budget=5).to_latex().splitlines()[0])
        \\begin{aligned}
        """
        rows = []
        for part in self.parts:
            for name, each in (("written", part.written), ("found", part.chosen)):
                rows.append(
                    f"\\text{{{name}}} &: {render(each.expr, latex=True, budget=4 * TEXT)} "
                    f"&& \\text{{{_bits(each.bits)} bits}} \\\\"
                )
        return "\n".join(["\\begin{aligned}", *rows, "\\end{aligned}"])

    def to_html(self) -> str:
        """The report as a table in HTML."""
        rows = []
        for part in self.parts:
            for each in (part.written, *(a for a in part.alternatives if a.expr is not part.written.expr)):
                marks = {id(part.fast): "fast", id(part.chosen): "chosen", id(part.written): "as written"}
                name = marks.get(id(each), each.origin)
                formula = html.escape(visible(render(each.expr, budget=TEXT), TEXT))
                rows.append(
                    f"<tr><td>{html.escape(name)}</td><td>{_bits(each.bits)}</td><td>{_bits(each.worst)}</td>"
                    f"<td>{each.cost:.1f}</td><td><code>{formula}</code></td></tr>"
                )
        head = "<tr><th>form</th><th>mean bits</th><th>worst</th><th>ns</th><th>formula</th></tr>"
        checks = "<br>".join(
            html.escape(line) for part in self.parts for line in part.lines() if not line.startswith(" ")
        )
        return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table><p>{checks}</p>"

    def _repr_html_(self) -> str:
        return self.to_html()

    def plot(self, path: str | os.PathLike[str], against: str | None = None, part: int = 0) -> Path:
        """Write a plot of the bits of error over one input, as written and found: .png, .svg or .pdf.

        against : its name; by default the first. Where the form that was found is piecewise in that input, its pieces are shaded.
        part : the number of the output. Needs matplotlib. Raises `RenderError`, and `InputError` for a name that no input has.
        """
        if isinstance(part, bool) or not isinstance(part, int) or not 0 <= part < len(self.parts):
            raise InputError(
                f"there is no output {brief_text(part, 20)}",
                site=current_site(),
                hint=f"part=0 to {len(self.parts) - 1}",
            )
        searched = self.parts[part]
        inputs = {symbol.name: symbol for symbol in searched.fresh.columns}
        name = next(iter(inputs), None) if against is None else against
        if name not in inputs:
            raise InputError(
                f"there is no input {brief_text(name, 60)!r} to plot against",
                site=current_site(),
                hint=f"the inputs are {', '.join(inputs) or 'none'}",
            )
        fresh, written = searched.fresh, searched.written.expr
        columns = Columns(fresh.columns, len(fresh))
        series = {
            label: columns.bits(each.expr, fresh.exact[written])
            for label, each in (("as written", searched.written), ("found", searched.chosen))
        }
        over = fresh.columns[inputs[name]]
        return scatter(
            path,
            [float(value) for value in over],
            {label: bits.tolist() for label, bits in series.items()},
            title=visible(render(written, budget=90), 90),
            xlabel=visible(name),
            ylabel="bits of error",
            wide=bool(np.max(np.abs(over)) > WIDE),
            bounds=bounds_of(searched.chosen.expr, inputs[name]),
        )


def _bits(number: float) -> str:
    return f"{number:.2f}" if math.isfinite(number) else "unknown"


def bounds_of(expr: Expr, value: Expr) -> list[float]:
    """Where a piecewise form changes along an input: the bounds of the choices that it begins with."""
    found: list[float] = []
    pending = [expr]
    while pending:
        node = pending.pop()
        if node.op.name != "where":
            continue
        condition = node.operands[0]
        if (
            condition.op.name == "less"
            and condition.operands[0] is value
            and condition.operands[1].is_constant
        ):
            found.append(float(condition.operands[1].value))
            pending += node.operands[1:]
    return sorted(found)


__all__ = ["SLACK", "Agreement", "Alternative", "Improvement", "SearchedPart", "bounds_of"]
