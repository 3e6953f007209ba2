"""A notebook's `%load_ext graphc`: the cell magic `%%graphc`, whose cell is a formula and whose line is a point."""

from __future__ import annotations

from typing import Any

from graphc.api.draw import draw
from graphc.cli.points import parse_point
from graphc.errors import ParseError
from graphc.frontend.parse import parse
from graphc.viz.diagram import Diagram


def graphc_cell(line: str, cell: str) -> Diagram:
    """The graph of the formula in a cell, drawn; values and derivatives stand in it where the line names a point.

        %%graphc x=2, w=-3, b=6
        log(1/(exp(-(x*w + b)) + 1))

    Nothing of either is evaluated as Python. Raises `ParseError` for what is no formula or no point.

    >>> "3.14" in graphc_cell("x=2, w=pi", "x*w + 1").svg()
    True
    """
    try:
        point = parse_point(line) if line.strip() else None
    except ValueError as error:
        raise ParseError(str(error), hint="write %%graphc x=2, w=-3") from error
    formula = parse(" ".join(cell.split()))
    return draw(formula, point)


def load(shell: Any) -> None:
    """Give IPython the cell magic."""
    shell.register_magic_function(graphc_cell, magic_kind="cell", magic_name="graphc")
