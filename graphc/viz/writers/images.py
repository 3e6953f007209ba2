"""Matrices as small images: cells coloured by sign and size, in as many levels as an eye tells apart.

Graphviz lays out one empty table of the image's size. What is in it is written beside it as text, and `layout_scene` draws that:
a table of a hundred cells takes Graphviz and its reader thirty times as long as one of one cell.
"""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from graphc.ir.formatting import LARGEST_SHOWN
from graphc.viz.annotations import cells
from graphc.viz.layout_scene import IMAGE
from graphc.viz.style import Style

_LEVELS = 4
"""So many steps of colour lie between zero and the largest magnitude."""

_NONE = 2 * _LEVELS + 1
"""The level of what is not finite."""

ASKED, UNASKED = 5, 3
"""Points that a cell is wide and high in an image that was asked for, and in one that stands for the elements of a matrix."""


def is_large(value: Any, style: Style) -> bool:
    """Whether a value is a matrix that is too large to be written out, so that an image stands for its elements."""
    array = np.asarray(value)
    square = array.ndim == 2 and min(array.shape) > 1 and array.dtype.kind in "biuf"
    return square and bool(style.images) and max(array.shape) > min(style.matrix, LARGEST_SHOWN)


def small(value: Any, style: Style) -> str:
    """The image of a large matrix, no more cells in its longer direction than the style has."""
    rows, columns = np.shape(value)
    part = min(1.0, style.images / max(rows, columns))
    return image(value, style, UNASKED, (max(2, round(part * rows)), max(2, round(part * columns))))


def image(value: Any, style: Style, cell: int = ASKED, most: tuple[int, int] | None = None) -> str:
    """An array as text: columns and rows, points of a cell, the colour of each level, the level of each cell.

    most : rows and columns at most; blocks of what has more are averaged
    """
    grid = cells(value) if most is None else cells(value, most)
    if not grid:
        return ""
    levels = "".join(chr(ord("a") + _level(number)) for row in grid for number in row)
    colours = ",".join(_colours(style))
    return f"{len(grid[0])};{len(grid)};{cell};{colours};{levels}"


def _level(number: float) -> int:
    return _NONE if isnan(number) else _LEVELS + round(_LEVELS * number)


def _colours(style: Style) -> list[str]:
    """From the most negative level to the most positive one, and of what is not finite."""
    shares = [number / _LEVELS for number in range(-_LEVELS, _LEVELS + 1)]
    return [
        *(mixed(style.background, style.forward if at > 0 else style.backward, abs(at)) for at in shares),
        style.alarm,
    ]


def frame(text: str, style: Style) -> str:
    """The table of an image with nothing in it."""
    columns, rows, cell = map(int, text.split(";")[:3])
    inner = f'<TD FIXEDSIZE="TRUE" WIDTH="{columns * cell}" HEIGHT="{rows * cell}" BGCOLOR="{IMAGE}"></TD>'
    return _table(f"<TR>{inner}</TR>", columns * cell, rows * cell, style)


def table(text: str, style: Style) -> str:
    """An image as a table of its cells, for DOT text that others draw."""
    columns, rows, cell = map(int, text.split(";")[:3])
    colours, levels = text.split(";")[3].split(","), text.split(";")[4]
    inks = [colours[ord(level) - ord("a")] for level in levels]
    lines = [
        "".join(
            f'<TD FIXEDSIZE="TRUE" WIDTH="{cell}" HEIGHT="{cell}" BGCOLOR="{ink}"></TD>'
            for ink in inks[row * columns : (row + 1) * columns]
        )
        for row in range(rows)
    ]
    return _table("".join(f"<TR>{line}</TR>" for line in lines), columns * cell, rows * cell, style)


def _table(body: str, wide: int, high: int, style: Style) -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{wide + 2}" HEIGHT="{high + 2}"'
    border = f'BORDER="1" COLOR="{style.rule}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
    return f"<TABLE {border} {size}>{body}</TABLE>"


def mixed(one: str, other: str, share: float) -> str:
    """The colour between two.

    >>> mixed("#000000", "#FF8000", 0.5)
    '#804000'
    """
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


__all__ = ["frame", "image", "is_large", "mixed", "small", "table"]
