"""The command eval: a value by NumPy, which needs neither the compiler nor pictures."""

from __future__ import annotations

from typing import Any

import click

from graphc.cli.shell import Command, at_option, formula_argument, show
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag


@click.command("eval", cls=Command)
@formula_argument
@at_option
def eval_command(formula: Expr, at: Any) -> None:
    """Print the value of a formula at a point."""
    graph = Dag([formula])
    click.echo(show(run(graph, at or {})[graph.outputs[0]]))


COMMANDS = (eval_command,)
