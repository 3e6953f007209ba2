"""The commands: formulas drawn, evaluated, differentiated, explained, compiled and measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click

from graphc.analysis.accuracy import accuracy as accuracy_
from graphc.analysis.bench import bench as bench_
from graphc.api.compile import compile as compile_
from graphc.api.compile import loops, passes
from graphc.api.draw import diagnose as diagnose_
from graphc.api.draw import draw as draw_
from graphc.api.functions import explain as explain_
from graphc.api.functions import grad as grad_
from graphc.api.functions import value_and_grad
from graphc.cli.group import CommandGroup
from graphc.cli.output import claim, free_name, without_noise, write_bytes, write_file, write_text
from graphc.cli.points import RangeOption, merge_points, shorten
from graphc.cli.shell import Command, at_option, force_option, formula_argument, output_option, show
from graphc.cli.terminal import TERMINAL_FORMS, chosen, show_picture
from graphc.compiler.engine import jit
from graphc.compiler.engine import object_cache as cache_
from graphc.errors import UnknownNameError
from graphc.interpret.numpy_eval import evaluate
from graphc.ir.expr import Expr, free_symbols
from graphc.version import __version__
from graphc.viz import DEFAULT, MAX_NODES, SHOW, STYLES
from graphc.viz.diagram import FORMS, Diagram, form_of
from graphc.viz.graphviz_engine import engine
from graphc.viz.page_fit import PAGES
from graphc.viz.writers.terminal import PROTOCOLS

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "sympy", "networkx", "graphviz", "pygraphviz")


@click.command(cls=Command)
@formula_argument
@at_option
@output_option
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS, *PROTOCOLS]),
    help="What standard output gets; if not given svg, or on a terminal what it can show.",
)
@click.option("--no-backward", is_flag=True, help="Leave out what flows back.")
@click.option("--digits", default=3, show_default=True, help="Significant digits of the values.")
@click.option(
    "--show", multiple=True, type=click.Choice(SHOW), help="What is drawn; may be given several times."
)
@click.option("--style", type=click.Choice(list(STYLES)), default="slides", show_default=True)
@click.option("--layout", type=click.Choice(["right", "down"]), default="right", show_default=True)
@click.option(
    "--max-nodes", type=click.IntRange(0), default=MAX_NODES, show_default=True,
    help="More nodes than this are grouped; 0 draws all.",
)  # fmt: skip
@click.option("--page", metavar="PAGE", help=f"Fit it to a page: {', '.join(PAGES)}, or inches as 6.5x4.")
def draw(
    formula: Expr, at: Any, output: str, force: bool, form: str | None, no_backward: bool, digits: int,
    show: tuple[str, ...], style: str, layout: str, max_nodes: int, page: str | None,
) -> None:  # fmt: skip
    """Draw the graph; with --at, values stand over its edges and derivatives under them."""

    def drawn(direction: str) -> Diagram:
        with without_noise():  # a page is fitted by measuring texts
            return draw_(
                formula, at, not no_backward, digits=digits, show=show or DEFAULT, style=style, layout=direction,
                max_nodes=max_nodes or None, page=_page(page),
            )  # fmt: skip

    diagram = drawn(layout)
    if output != "-":
        if form in PROTOCOLS:
            raise click.UsageError(f"{form} is drawn by a terminal; leave -o out")
        if form is not None and Path(output).suffix != f".{form}":
            raise click.UsageError(f"{output} does not end in .{form}")
        _save(diagram, output, force)
        return
    if form is None:
        form = chosen() if sys.stdout is not None and sys.stdout.isatty() else "svg"
    if form in TERMINAL_FORMS:
        show_picture(diagram, drawn("down" if layout == "right" else "right"), form)
        return
    with without_noise():
        content = diagram.render(form)
    write_bytes(content)


def _save(diagram: Diagram, path: str, force: bool) -> None:
    with without_noise():
        content = diagram.render(form_of(path))
    write_file(path, content, force)
    click.echo(f"wrote {path}", err=True)


def _page(text: str | None) -> str | tuple[float, float] | None:
    """A page as it is written on the command line; what is no size is a name, and `g.draw` says whether there is one."""
    width, cross, height = (text or "").partition("x")
    try:
        return (float(width), float(height)) if cross else text
    except ValueError:
        return text


@click.command(cls=Command)
@formula_argument
@at_option
@click.option("--no-backward", is_flag=True, help="Leave the derivative out.")
def diagnose(formula: Expr, at: Any, no_backward: bool) -> None:
    """Tell where NaN and infinity begin at a point."""
    click.echo(diagnose_(formula, at or {}, not no_backward))


@click.command(cls=Command)
@formula_argument
@at_option
@click.option(
    "-o",
    "--output",
    help="A file; - is standard output.  [default: player.html, or the next such name that is free]",
    metavar="FILE",
)
@force_option
@click.option("--exercise", is_flag=True, help="Ask the reader for the values.")
@click.option("--no-backward", is_flag=True, help="Leave out what flows back.")
@click.option("--digits", default=3, show_default=True, help="Significant digits of the values.")
@click.option("--open", "opened", is_flag=True, help="Open the page in a browser.")
def play(
    formula: Expr, at: Any, output: str | None, force: bool, exercise: bool, no_backward: bool, digits: int, opened: bool
) -> None:  # fmt: skip
    """Write a page that steps through the graph, with inputs to drag."""
    if output is not None and output != "-" and Path(output).suffix != ".html":
        raise click.UsageError(f"{output} does not end in .html")
    if output == "-" and opened:
        raise click.UsageError("--open needs a file: leave -o - out")
    content = draw_(formula, at, not no_backward, digits=digits, exercise=exercise).render("html")
    if output == "-":
        write_bytes(content)
        return
    path = free_name("player.html", content) if output is None else output
    write_file(path, content, force)
    click.echo(f"wrote {path}", err=True)
    if opened and not webbrowser.open(Path(path).resolve().as_uri()):
        raise click.ClickException(f"no browser was found; open {path} by hand")


@click.command(cls=Command)
@formula_argument
@at_option
@click.option("--wrt", help="The names to differentiate by, separated by commas.  [default: all]")
def grad(formula: Expr, at: Any, wrt: str | None) -> None:
    """Print the partial derivatives: as formulas, or as numbers at the point --at."""
    targets = _targets(formula, wrt)
    derivatives = grad_(formula, targets)
    if at is None:
        shown = [str(derivative) for derivative in derivatives]
    else:
        # with the formula among the outputs the point is checked against all of its symbols
        shown = [show(value) for value in evaluate([formula, *derivatives], at)[1:]]
    for symbol, text in zip(targets, shown, strict=True):
        click.echo(f"∂/∂{symbol.name} = {text}")


def _targets(formula: Expr, wrt: str | None) -> list[Expr]:
    inputs = free_symbols(formula)
    if wrt is None:
        return list(inputs)
    known = {symbol.name: symbol for symbol in inputs}
    names = [name.strip() for name in wrt.split(",")]
    for name in names:
        if name not in known:
            raise UnknownNameError(
                f"the formula has no symbol {shorten(name)!r}", hint=f"it has {', '.join(known) or 'none'}"
            )
    return [known[name] for name in names]


@click.command(cls=Command)
@formula_argument
@at_option
@output_option
@click.option("--format", "form", type=click.Choice(("text", "markdown", "latex")), default="text")
def explain(formula: Expr, at: Any, output: str, force: bool, form: str) -> None:
    """Explain backpropagation node by node: what each receives, computes and returns."""
    explanation = explain_(formula, at=at)
    if form == "text":
        text = str(explanation)
    else:
        text = explanation.markdown() if form == "markdown" else explanation.latex()
    write_text(output, text.rstrip("\n"), force)


@click.command("compile", cls=Command)
@formula_argument
@output_option
@click.option(
    "--show",
    type=click.Choice(("llvm", "asm", "passes", "loops")),
    help="Print LLVM IR after optimisation, assembly, what each pass of the compiler makes of the formula, or its loops.",
)
@click.option("--grad", "gradient", is_flag=True, help="Compile the gradient together with the value.")
@click.option("--dtype", type=click.Choice(("float32", "float64")), default="float64", show_default=True)
def compile_command(
    formula: Expr, output: str, force: bool, show: str | None, gradient: bool, dtype: str
) -> None:
    """Compile a formula and show what was made."""
    inputs = list(free_symbols(formula))
    outputs = value_and_grad(formula, inputs) if gradient else formula
    if show in ("passes", "loops"):
        write_text(output, (passes if show == "passes" else loops)(outputs, inputs, dtype=dtype), force)
        return
    compiled = compile_(outputs, inputs, dtype=dtype)
    texts = {None: lambda: repr(compiled), "llvm": lambda: compiled.llvm, "asm": lambda: compiled.asm}
    write_text(output, texts[show](), force)


@click.command(cls=Command)
@formula_argument
@click.option(
    "--range",
    "ranges",
    type=RangeOption(),
    multiple=True,
    callback=merge_points,
    help="Where a symbol's values are drawn from, as in --range x=-50,50; by default all floats.",
)
@click.option("--samples", type=click.IntRange(1, 10**5), help="How many points are drawn.  [default: 256]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random numbers.")
@click.option("--plot", help="Plot the error over one input: a .png, .svg or .pdf file.", metavar="FILE")
@click.option("--against", help="The input to plot over.  [default: the first]", metavar="NAME")
@force_option
def accuracy(
    formula: Expr, ranges: Any, samples: int | None, seed: int, plot: str | None, against: str | None, force: bool
) -> None:  # fmt: skip
    """Report the bits of error of a formula, as written and rewritten, and where they are lost."""
    if plot is not None:
        claim(plot, force)
    report = accuracy_(formula, ranges, samples=samples, seed=seed)
    click.echo(str(report))
    if plot is not None:
        report.plot(plot, against)
        click.echo(f"wrote {plot}", err=True)


@click.command(cls=Command)
@formula_argument
@at_option
@click.option(
    "--size", type=click.IntRange(0, 10**8), default=10**6, show_default=True, help="Length of the arrays."
)
@click.option(
    "--rounds", type=click.IntRange(1, 1000), default=15, show_default=True, help="Rounds of measurement."
)
def bench(formula: Expr, at: Any, size: int, rounds: int) -> None:
    """Measure compilation, a scalar call and arrays beside SymPy's lambdify and NumPy."""
    click.echo(str(bench_(formula, at, size=size, rounds=rounds)))


@click.command(cls=Command)
def info() -> None:
    """Print the versions, the rendering engine and the processor that code is made for."""
    click.echo(f"graphc {__version__}, Python {platform.python_version()} on {platform.platform()}")
    for name in _PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        click.echo(f"  {name:<12}{version}")
    click.echo(f"diagrams: {engine() or 'no engine: only .dot files can be written'}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    click.echo(f"processor: {jit.cpu()} ({platform.machine()}), {cores} cores usable")


@click.group("cache", cls=CommandGroup)
def cache_group() -> None:
    """The machine code that is kept on disk, so that it is compiled once.

    GRAPHC_CACHE_DIR names the directory, GRAPHC_CACHE_SIZE how much it may hold (500M; 0 switches the cache off).
    """


@cache_group.command(cls=Command, name="info")
def cache_info() -> None:
    """Print where the cache is, whether it is used, and what it holds."""
    store = cache_.store()
    entries = store.entries()
    click.echo(f"directory: {store.path}")
    click.echo("used: yes" if store.refusal is None else f"used: no; {store.refusal}")
    held = sum(entry.size for entry in entries)
    click.echo(f"entries: {len(entries)}, {_bytes(held)} of at most {_bytes(max(store.limit, 0))}")


@cache_group.command(cls=Command, name="clear")
def cache_clear() -> None:
    """Remove what is kept on disk; programs that run keep theirs."""
    count, size = cache_.store().clear()
    click.echo(f"removed: {count} entries, {_bytes(size)}")


def _bytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MB"


COMMANDS = (draw, diagnose, play, grad, explain, compile_command, accuracy, bench, info, cache_group)
