"""What an accuracy report holds, and how it is shown: text, Markdown, a plot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import InputError, brief_text
from graphc.ir.expr import Expr, current_site
from graphc.ir.formatting import show_number, show_value, visible
from graphc.ir.printer import format_number, render
from graphc.util.notebook import ShownAsText
from graphc.viz.plot import scatter

WIDE = 1e9
"""Plots over ranges that reach further show every power of ten."""


@dataclass(frozen=True)
class Errors:
    """Bits of error over the samples.

    bits : for each sample; 0 is the correctly rounded value, 64 is NaN
    mean, worst : of these
    at : the input of the worst
    """

    bits: tuple[float, ...]
    mean: float
    worst: float
    at: dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One point: how it was drawn ('floats' or 'range'), the exact value rounded, and what the codes answer."""

    at: dict[str, Any]
    drawn: str
    exact: float
    before: float
    after: float


@dataclass(frozen=True)
class NodeAccuracy:
    """What one operation of the formula as written does to digits.

    node, expr : its number in the graph, and the operation
    condition : the geometric mean over the samples of Σᵢ |xᵢ·∂f/∂xᵢ/f|, by which it magnifies its operands' relative
        errors; NaN where it has no derivative
    worst_condition : the largest
    loss : mean bits of error of the operation computed in floating point from its operands' exact values, rounded
    worst_loss : the largest
    at : the input of the largest loss
    """

    node: int
    expr: Expr
    condition: float
    worst_condition: float
    loss: float
    worst_loss: float
    at: dict[str, Any]


@dataclass(frozen=True)
class Accuracy(ShownAsText):
    """An accuracy report, made by `accuracy`; `print` shows it, `g.draw(expr, accuracy=report)` colours the graph by it.

    expr, rewritten : the formula as written, and as the rules make it
    ranges : name → interval that its values were drawn from
    samples : the points with their values
    before, after : bits of error of the compiled code, as written and rewritten
    nodes : what each operation of the formula as written does to digits, in topological order
    drawn : how many points were drawn
    undefined : at how many of them the formula has no value over the reals, or none that can be determined
    too_large : at how many of them the value is beyond the largest float
    """

    expr: Expr
    rewritten: Expr
    ranges: dict[str, tuple[float, float]]
    samples: tuple[Sample, ...]
    before: Errors
    after: Errors
    nodes: tuple[NodeAccuracy, ...]
    drawn: int
    undefined: int
    too_large: int
    losses: dict[Expr, tuple[float, float]] = field(repr=False)
    """operation → mean and largest loss, for diagrams"""

    def __str__(self) -> str:
        lines = [f"{visible(render(self.expr, budget=90), 90)}"]
        if self.rewritten is not self.expr:
            lines.append(f"  rewritten: {visible(render(self.rewritten, budget=110), 110)}")
        over = ", ".join(f"{name} in [{low:g}, {high:g}]" for name, (low, high) in self.ranges.items())
        lines.append(f"  {len(self.samples)} samples{f', {over}' if over else ''}{self._left_out()}")
        lines += ["", f"{'bits of error':<14}{'mean':>8}{'worst':>8}  at"]
        for what, errors in (("as written", self.before), ("rewritten", self.after)):
            lines.append(f"{what:<14}{errors.mean:>8.2f}{errors.worst:>8.2f}  {_point(errors.at)}")
        if self.nodes:
            lines += ["", f"{'condition':>12}{'worst':>13}{'bits lost':>11}{'worst':>8}  operation"]
        for node in self.nodes:
            lines.append(
                f"{show_number(node.condition):>12}{show_number(node.worst_condition):>13}"
                f"{node.loss:>11.2f}{node.worst_loss:>8.2f}  {visible(render(node.expr, budget=60), 60)}"
            )
        return "\n".join(lines)

    def _left_out(self) -> str:
        reasons = [(self.undefined, "undefined"), (self.too_large, "beyond the largest float")]
        named = ", ".join(f"{count} {why}" for count, why in reasons if count)
        return f"; of {self.drawn} points drawn were left out: {named}" if named else ""

    def __repr__(self) -> str:
        return (
            f"<Accuracy of {visible(render(self.expr, budget=60), 60)}: {self.before.mean:.2f} bits of error as written, "
            f"{self.after.mean:.2f} rewritten; print it>"
        )

    def markdown(self) -> str:
        """The figures as a table in Markdown."""
        lines = ["| bits of error | mean | worst | at |", "| --- | --- | --- | --- |"]
        for what, errors in (("as written", self.before), ("rewritten", self.after)):
            lines.append(f"| {what} | {errors.mean:.2f} | {errors.worst:.2f} | {_code(_point(errors.at))} |")
        lines += [
            "",
            "| operation | condition | worst | bits lost | worst |",
            "| --- | --- | --- | --- | --- |",
        ]
        for node in self.nodes:
            text = _code(visible(render(node.expr, budget=60), 60))
            condition = f"{show_number(node.condition)} | {show_number(node.worst_condition)}"
            lines.append(f"| {text} | {condition} | {node.loss:.2f} | {node.worst_loss:.2f} |")
        return "\n".join(lines)

    def plot(self, path: str | os.PathLike[str], against: str | None = None) -> Path:
        """Write a plot of the bits of error over one input: .png, .svg or .pdf.

        against : its name; by default the first. Needs matplotlib. Raises `RenderError`, and `InputError` for a name that no
        input has.
        """
        name = next(iter(self.ranges), None) if against is None else against
        if name not in self.ranges:
            raise InputError(
                f"there is no input {brief_text(name, 60)!r} to plot against",
                site=current_site(),
                hint=f"the inputs are {', '.join(self.ranges) or 'none'}",
            )
        if any(np.ndim(sample.at[name]) for sample in self.samples):
            raise InputError(
                f"{name!r} is an array: a plot is over one number",
                site=current_site(),
                hint="name a scalar input, as in against='c'",
            )
        return scatter(
            path,
            [float(sample.at[name]) for sample in self.samples],
            {"as written": self.before.bits, "rewritten": self.after.bits},
            title=visible(render(self.expr, budget=90), 90),
            xlabel=visible(name),
            ylabel="bits of error",
            wide=max(map(abs, self.ranges[name])) > WIDE,
        )

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _code(text: str) -> str:
    """Text as code inside a table of Markdown."""
    return f"`{text.replace('`', chr(39))}`".replace("|", "\\|")


def _point(at: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{visible(name)} = {show_value(value) if np.ndim(value) else format_number(value)}"
        for name, value in at.items()
    )


__all__ = ["Accuracy", "Errors", "NodeAccuracy", "Sample"]
