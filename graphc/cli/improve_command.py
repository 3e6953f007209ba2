"""The command improve: a search for digits."""

from __future__ import annotations

from typing import Any

import click

from graphc.api.improve import GOALS
from graphc.api.improve import improve as improve_
from graphc.cli.formula import Formula
from graphc.cli.output import claim, write_text
from graphc.cli.points import RangeOption, merge_points
from graphc.cli.shell import Command, output_option
from graphc.ir.expr import Expr


@click.command(cls=Command)
@click.argument("formula", type=Formula())
@output_option
@click.option(
    "--range",
    "ranges",
    type=RangeOption(),
    multiple=True,
    callback=merge_points,
    help="Where a symbol's values lie, as in --range x=1e-300,1e300; by default all floats.",
)
@click.option(
    "--focus",
    type=RangeOption(),
    multiple=True,
    callback=merge_points,
    help="Where most of a symbol's values lie, within its range.",
)
@click.option("--budget", type=click.FloatRange(0, 86_400), default=10.0, show_default=True, help="Seconds.")
@click.option("--goal", type=click.Choice(GOALS), default="accurate", show_default=True)
@click.option("--digits", type=click.FloatRange(1, 17), help="How many decimal digits are enough.")
@click.option(
    "--derivatives",
    type=click.IntRange(0, 2),
    default=0,
    show_default=True,
    help="1: with the gradient, 2: with the Hessian as well.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random numbers.")
@click.option(
    "--format", "form", type=click.Choice(("text", "html", "latex")), default="text", show_default=True
)
@click.option(
    "--plot",
    help="Plot the error before and after over one input: a .png, .svg or .pdf file.",
    metavar="FILE",
)
@click.option("--against", help="The input to plot over.  [default: the first]", metavar="NAME")
def improve(
    formula: Expr, output: str, force: bool, ranges: Any, focus: Any, budget: float, goal: str,
    digits: float | None, derivatives: int, seed: int, form: str, plot: str | None, against: str | None,
) -> None:  # fmt: skip
    """Search for a form of a formula that loses fewer digits, and report how it was held to account."""
    for path in (output, plot):  # before the search, which takes its time
        if path not in (None, "-"):
            claim(path, force)
    found = improve_(
        formula,
        ranges,
        focus=focus,
        budget=budget,
        goal=goal,
        seed=seed,
        digits=digits,
        derivatives=derivatives,
    )
    texts = {"text": lambda: found.report, "html": found.to_html, "latex": found.to_latex}
    write_text(output, texts[form](), force=True)
    if plot is not None:
        found.plot(plot, against)
        click.echo(f"wrote {plot}", err=True)


COMMANDS = (improve,)
