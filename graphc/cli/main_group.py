"""The command `graphc`: what there is to do, in a line each."""

from __future__ import annotations

import sys

import click

from graphc.cli.group import CommandGroup
from graphc.cli.transliteration import transliterate
from graphc.version import __version__

_MOST = "graphc.cli.commands"
COMMANDS = {
    "accuracy": (
        _MOST,
        "Report the bits of error of a formula, as written and rewritten, and where they are lost.",
    ),
    "bench": (_MOST, "Measure compilation, a scalar call and arrays beside SymPy's lambdify and NumPy."),
    "cache": (_MOST, "The machine code that is kept on disk, so that it is compiled once."),
    "compile": (_MOST, "Compile a formula and show what was made."),
    "demo": (
        "graphc.cli.demo_command",
        "The log-sigmoid loss from formula to machine code: its diagram as a file, its player opened.",
    ),
    "diagnose": (_MOST, "Tell where NaN and infinity begin at a point."),
    "draw": (_MOST, "Draw the graph; with --at, values stand over its edges and derivatives under them."),
    "eval": ("graphc.cli.eval_command", "Print the value of a formula at a point."),
    "explain": (_MOST, "Explain backpropagation node by node: what each receives, computes and returns."),
    "grad": (_MOST, "Print the partial derivatives: as formulas, or as numbers at the point --at."),
    "improve": (
        "graphc.cli.improve_command",
        "Search for a form of a formula that loses fewer digits, and report how it was held to account.",
    ),
    "info": (_MOST, "Print the versions, the rendering engine and the processor that code is made for."),
    "play": (_MOST, "Write a page that steps through the graph, with inputs to drag."),
}
"""Command → its module and its line in the list; a test holds the lines against the commands."""


@click.group(cls=CommandGroup, lazily=COMMANDS, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="graphc")
def main() -> None:
    """Write a formula; see its graph, its exact derivative and its machine code.

    FORMULA is an expression such as "log(1/(exp(-(x*w + b)) + 1))"; its names become inputs, and - reads it
    from standard input.
    """
    for stream in (sys.stdout, sys.stderr):
        transliterate(stream)
