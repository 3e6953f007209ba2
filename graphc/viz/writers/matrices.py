"""Matrices as matrices: rows and columns in brackets, as a table of Graphviz."""

from __future__ import annotations

from html import escape
from math import ceil
from typing import Any

import numpy as np

from graphc.ir.formatting import matrix_cells
from graphc.viz.style import Style

_BRACKET, _PAD = 3, 2
"""Points that the ends of a bracket are wide, and between an element and what is beside it."""


_SHORT = 3
"""A vector of so many elements is no larger than its range in words."""


def matrix(value: Any, colour: str, style: Style, digits: int, decimals: int | None) -> str:
    """A small matrix, or a vector as a column, as an HTML-like table with elements that are not finite marked; empty for any
    other value."""
    value = np.asarray(value)
    largest = style.matrix
    if value.ndim == 1 and value.size > 1:
        value, largest = value[:, None], max(style.matrix, _SHORT)
    cells = matrix_cells(value, digits, decimals, largest)
    if cells is None:
        return ""
    array: Any = value
    lines = []
    for number, row in enumerate(cells):
        inside = [
            _element(text, bool(np.isfinite(array[number, place])), colour, style)
            for place, text in enumerate(row)
        ]
        if number == 0:
            inside = [_bracket("LTB", len(cells), colour), *inside, _bracket("TRB", len(cells), colour)]
        lines.append(f"<TR>{''.join(inside)}</TR>")
    columns = zip(*cells, strict=True)
    wide = sum(max(text_width(text, style.value_size) for text in column) + 2 * _PAD for column in columns)
    high = len(cells) * (1.25 * style.value_size + 2 * _PAD) + 2
    # of a fixed size, or it would be stretched to that of the values on the other side of the line
    size = f'FIXEDSIZE="TRUE" WIDTH="{ceil(wide + 2 * _BRACKET + 4)}" HEIGHT="{ceil(high)}"'
    frame = f'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" COLOR="{colour}"'
    return f"<TABLE {frame} {size}>{''.join(lines)}</TABLE>"


def text_width(text: str, size: float) -> float:
    """About how many points a text is wide in a font with wide figures, and rather more than less."""
    return size * sum(0.9 if character in "−×…=" else 0.64 for character in text)


def _bracket(sides: str, rows: int, colour: str) -> str:
    """One bracket, as high as all rows: a cell with three of its sides drawn."""
    return f'<TD ROWSPAN="{rows}" BORDER="1" SIDES="{sides}" COLOR="{colour}" WIDTH="{_BRACKET}"></TD>'


def _element(text: str, finite: bool, colour: str, style: Style) -> str:
    ink, behind = (colour, "") if finite else (style.on_alarm, f' BGCOLOR="{style.alarm}"')
    inside = f'<FONT COLOR="{ink}" POINT-SIZE="{style.value_size}">{escape(text)}</FONT>'
    return f'<TD ALIGN="RIGHT" CELLPADDING="{_PAD}"{behind}>{inside}</TD>'
