"""The command demo: the log-sigmoid loss on a screenful, its picture as a file, and the player where there is a display."""

from __future__ import annotations

import math
import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from graphc.analysis.bench import format_time, interleaved
from graphc.api.compile import compile as compile_
from graphc.api.draw import draw
from graphc.api.functions import explain, value_and_grad
from graphc.cli.output import free_name, without_noise, write_file
from graphc.cli.shell import Command, force_option, show
from graphc.frontend.parse import parse
from graphc.ir.expr import symbols
from graphc.viz.diagram import form_of

LOG_SIGMOID = "log(1/(exp(-(x*w + b)) + 1))"
POINT = {"x": 2.0, "w": -3.0, "b": 6.0}
SAMPLES = 100_000


def display(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a page that is opened would be seen: there is a screen, and who started this sits before it.

    >>> display({"DISPLAY": ":0"}, "linux"), display({}, "linux"), display({"DISPLAY": ":0", "CI": "true"}, "linux")
    (True, False, False)
    """
    if any(environment.get(name) for name in ("CI", "SSH_CONNECTION", "SSH_TTY")):
        return False
    return platform in ("darwin", "win32") or bool(
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    )


@click.command(cls=Command)
@click.option(
    "-o", "--output", metavar="FILE",
    help="The file of the diagram.  [default: logsigmoid.svg, or the next such name that is free]",
)  # fmt: skip
@force_option
@click.option(
    "--open/--no-open", "opened", default=None,
    help="Whether the player is opened in a browser.  [default: where there is a display]",
)  # fmt: skip
def demo(output: str | None, force: bool, opened: bool | None) -> None:
    """The log-sigmoid loss from formula to machine code: its diagram as a file, its player opened."""
    inputs = list(symbols(" ".join(POINT)))
    loss = parse(LOG_SIGMOID, inputs)
    diagram = draw(loss, at=POINT, name="L")
    explanation = explain(loss, at=POINT)
    click.echo(f"{explanation.heading.text}\n\n  forward{' ' * 17}backward")
    for line, step in zip(explanation.forward, reversed(explanation.steps), strict=True):
        click.echo(f"  {line.text:<24}{step.receives.text}")
    click.echo(f"\n  {explanation.gradient[-1].text}")
    with without_noise():
        picture = diagram.render(form_of(output or "logsigmoid.svg"))
    path = output or free_name("logsigmoid.svg", picture)
    write_file(path, picture, force)
    click.echo(f"\ndiagram:  {Path(path).resolve()}")
    if opened or (opened is None and sys.stdout.isatty() and display(os.environ, sys.platform)):
        page = diagram.render("html")
        player = free_name("logsigmoid.html", page)
        write_file(player, page, force)
        click.echo(f"player:   {Path(player).resolve()}")
        if not webbrowser.open(Path(player).resolve().as_uri()):
            click.echo("no browser was found; open it by hand", err=True)
    else:
        click.echo(
            f'player:   graphc play "{loss}" --at {",".join(f"{n}={show(v)}" for n, v in POINT.items())} --open'
        )

    compiled: Any = compile_(value_and_grad(loss, inputs), inputs)
    value, gradient = compiled(**POINT)
    click.echo(f"compiled: L = {show(value)}, ∇L = ({', '.join(show(part) for part in gradient)})")
    numbers = tuple(POINT.values())
    _compare("one call", interleaved({"graphc": (compiled, numbers), "Python": (_by_hand, numbers)}))
    columns = [np.full(SAMPLES, number) for number in numbers]
    lists = [column.tolist() for column in columns]
    calls = {"graphc": (compiled, columns), "Python": (lambda *lists: [*map(_by_hand, *lists)], lists)}
    _compare(f"{SAMPLES:,} samples", interleaved(calls, rounds=5))


def _compare(what: str, medians: dict[str, float]) -> None:
    ours, plain = medians["graphc"], medians["Python"]
    times = f"{format_time(ours)} compiled, {format_time(plain)} in plain Python"
    click.echo(f"{what}: value and gradient in {times} (× {plain / ours:.1f})")


def _by_hand(x: float, w: float, b: float) -> tuple[float, tuple[float, float, float]]:
    """Value and gradient as a careful Python programmer writes them: what `demo` compares with."""
    u = math.exp(-(x * w + b))
    v = u + 1
    slope = u / v
    return math.log(1 / v), (slope * w, slope * x, slope)


COMMANDS = (demo,)
