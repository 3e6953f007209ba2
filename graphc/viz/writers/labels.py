"""What stands in a diagram, as the HTML-like labels of Graphviz: nodes, entrances, and the values on either side of an edge.

The forward value stands over an edge and the contribution under it: the edge is split by a small plain node whose label is a
table with a rule in it, drawn as the line itself. Every text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any, TypeAlias

import numpy as np

from graphc.ir.formatting import LARGEST_SHOWN, show_value, visible
from graphc.ir.types import format_shape
from graphc.viz.annotations import duration, histogram
from graphc.viz.diagnose import not_finite
from graphc.viz.model import ViewEdge, ViewNode
from graphc.viz.style import Style
from graphc.viz.writers import images
from graphc.viz.writers.images import mixed
from graphc.viz.writers.markup import font, html, name, plain
from graphc.viz.writers.matrices import matrix, text_width
from graphc.viz.writers.signs import signed


def graphviz() -> Any:
    import graphviz

    return graphviz


_ROUND = 4
"""An operation whose label has at most so many characters is a circle; a longer one is a box with round ends."""

_SHOWN_LOSS = 0.5
"""Mean bits of error below which an operation's loss is not written."""

_ALL_LOST = 24.0
"""Mean bits of error from which the colour of a loss is full."""

_LETTER = 0.64
"""About how wide a letter is, as a part of its size, and rather more than less."""

_BESIDE = 0.25
"""Inches beside what stands below a picture: its margins, and what letters are wider than expected."""

_NAMED = ("symbol", "output", "reference", "port", "end")
"""The kinds of nodes whose label is a name."""

_TABLE_WIDTH = re.compile(r'FIXEDSIZE="TRUE" WIDTH="(\d+)"')
"""How wide a ready table is."""

Row: TypeAlias = tuple[str, str]
"""(text, name of the style's colour); the colour 'image' stands for a ready table, 'cells' for an image as images.py writes it"""

Rows: TypeAlias = tuple[list[Row], list[Row]]
"""over an edge, under it"""


# --- edges ----------------------------------------------------------------------------------------------------


def rows(
    edge: ViewEdge, show: frozenset[str], style: Style, digits: int, decimals: int | None = None
) -> Rows:
    """What stands over and under an edge, from top to bottom."""
    over: list[Row] = []
    under: list[Row] = []

    def given(value: Any, colour: str) -> list[Row]:
        return _given(value, colour, style, digits, decimals, edge.watch)

    if edge.note:
        return [(edge.note, "note")], given(edge.contribution, "backward")
    about = [format_shape(edge.shape)] if edge.shape and ("shape" in show or edge.value is None) else []
    about += [edge.dtype] if "dtype" in show else []
    if edge.value is not None and "image" in show:
        over += [(text, "cells") for text in [images.image(edge.value, style)] if text]
    if edge.value is not None and "histogram" in show:
        over += [(text, "forward") for text in [histogram(edge.value)] if text]
    over += [(" ".join(about), "note")] if about else []
    if "value" in show:
        over += given(edge.value, "forward")
    if "adjoint" in show:
        under += given(edge.contribution, "backward")
    if "local" in show and edge.local is not None:
        under += [
            (text if colour in ("image", "cells") else f"∂ {text}", colour)
            for text, colour in given(edge.local, "note")
        ]
    return over, under


def _given(
    value: Any,
    colour: str,
    style: Style,
    digits: int,
    decimals: int | None,
    watch: tuple[tuple[int, ...], ...],
) -> list[Row]:
    """A value as lines of text, or as a ready table where it is a small matrix; of watched elements each has a line."""
    if value is None:
        return []
    array = np.asarray(value)
    chosen = [index for index in watch if _within(index, array.shape)]
    if chosen:
        return [
            (f"[{', '.join(map(str, index))}] {text}", ink)
            for index in chosen
            for text, ink in _given(array[index], colour, style, digits, decimals, ())
        ]
    table = matrix(value, getattr(style, colour), style, digits, decimals)
    if table:
        return [(table, "image")]
    ink = "alarm" if not_finite(value) is not None else colour
    picture: list[Row] = [(images.small(value, style), "cells")] if images.is_large(value, style) else []
    text = show_value(value, digits, decimals)
    if array.ndim and style.matrix < LARGEST_SHOWN:  # room is scarce: the range stands below the shape
        return [(line, ink) for line in text.replace(") ", ")\n", 1).split("\n")]
    return [*picture, (text, ink)]


def _within(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(
        -length <= place < length for place, length in zip(index, shape, strict=True)
    )


def width(texts: Rows, style: Style) -> int:
    """About how many points the widest row is wide in a font with wide figures."""
    return max(
        (_width(text, style) for side in texts for text, colour in side if colour != "image"), default=0
    )


def _width(text: str, style: Style) -> int:
    return ceil(text_width(text, style.value_size))


def port(texts: Rows, down: bool) -> str:
    """Where the lines meet the table of an edge: in its middle, or at its rule where its sides differ."""
    over, under = texts
    return (
        ""
        if down or (len(over) <= 1 and len(under) <= 1 and all(colour != "image" for _, colour in over))
        else "r:"
    )


def table(texts: Rows, wide: int, down: bool, style: Style) -> dict[str, str]:
    """The attributes of the node that splits an edge."""
    over, under = (side or [("", "note")] for side in texts)
    if down:  # beside a line from top to bottom: the value at its left, in columns of one width
        ready = [text for side in (over, under) for text, colour in side if colour == "image"]
        wide = max(wide, *(int(found[1]) + 2 for text in ready if (found := _TABLE_WIDTH.search(text))), 0)
        columns = "<VR/>".join(
            f'<TD BORDER="0" WIDTH="{wide}"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
            f"{''.join(f'<TR>{_cell(row, wide, style, align)}</TR>' for row in side)}</TABLE></TD>"
            for side, align in ((over, ' ALIGN="RIGHT"'), (under, ' ALIGN="LEFT"'))
        )
        inside = f"<TR>{columns}</TR>"
    else:
        lines = ["".join(f"<TR>{_cell(row, wide, style)}</TR>" for row in side) for side in (over, under)]
        rule = f'<TR><TD PORT="r" BORDER="0" HEIGHT="1" CELLPADDING="0" BGCOLOR="{style.line}"></TD></TR>'
        inside = (rule if port(texts, down) else "<HR/>").join(lines)
    label = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" COLOR="{style.line}">{inside}</TABLE>'
    return {"label": html(label), "shape": "plain", "style": "", "penwidth": "0", "tooltip": " "}


def ready(texts: Rows, style: Style) -> Rows:
    """What stands over and under an edge with its images as tables of their cells, as DOT text has them."""
    over, under = (
        [
            (images.table(text, style), "image") if colour == "cells" else (text, colour)
            for text, colour in side_
        ]
        for side_ in texts
    )
    return over, under


def side(rows: Sequence[Row], style: Style, align: str = "") -> dict[str, str]:
    """The attributes of what stands on one side of a line alone; `align` is where lines of text end, "LEFT" or "RIGHT"."""
    where = f' ALIGN="{align}"' if align else ""
    pictures = [text for text, colour in rows if colour == "cells"]
    about = {"comment": " ".join(pictures)} if pictures else {}
    framed = [
        (images.frame(text, style), "image") if colour == "cells" else (text, colour) for text, colour in rows
    ]
    lines = "".join(f"<TR>{_cell(row, 0, style, where)}</TR>" for row in framed)
    label = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{lines}</TABLE>'
    return {"label": html(label), "shape": "plain", "style": "", "penwidth": "0", "tooltip": " ", **about}


def caption(lines: Sequence[str], style: Style) -> str:
    """The label that says what is wrong in a picture, in lines that are no wider than its page."""
    size = style.value_size
    most = max(16 * _LETTER * size, 72 * (style.page[0] - _BESIDE))
    pieces = [piece for line in lines for piece in _wrapped(visible(line, 160), size, most)]
    return html("<BR/>".join(font(piece, style.alarm, style.value_size, 200) for piece in pieces))


def _wrapped(text: str, size: float, most: float) -> list[str]:
    """Text in lines of so many points at most, broken between words, and within those that are longer than a line."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size) <= most:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            if text_width(lines[-1] + letter, size) > most:
                lines.append("")
            lines[-1] += letter
    return lines


def _cell(row: Row, wide: int, style: Style, align: str = "") -> str:
    text, colour = row
    about = f' BORDER="0" WIDTH="{wide}"{align}'
    if colour == "image":
        return f"<TD{about}>{text}</TD>"
    if colour == "alarm":
        return f'<TD{about} BGCOLOR="{style.alarm}">{font(text, style.on_alarm, style.value_size)}</TD>'
    size = style.note_size if colour == "note" and text.startswith("∂") else style.value_size
    return f"<TD{about}>{font(text, getattr(style, colour), size)}</TD>"


# --- nodes ----------------------------------------------------------------------------------------------------


def node(
    shown: ViewNode,
    places: Sequence[tuple[int, str]],
    down: bool,
    style: Style,
    digits: int,
    dearest: float,
    decimals: int | None = None,
) -> dict[str, str]:
    """The DOT attributes of a node; `places` are the argument places that it names, `dearest` is the largest cost of any."""
    coloured = shown.lost is not None or shown.cost > 0 or shown.alarm
    small = style.text if coloured else style.note  # on a coloured node only the darkest can be read
    text = name(shown.label) if shown.kind in _NAMED else signed(shown.label)
    if shown.kind in ("port", "end"):  # an index below the line would meet what stands there
        text = f"<I>{plain(shown.label.replace('_', ' '))}</I>" if shown.lines else text
    if shown.name and shown.kind == "operation":
        text = (
            f'{text}<BR/><FONT COLOR="{style.text}" POINT-SIZE="{style.value_size}">{name(shown.name)}</FONT>'
        )
    for line in (*shown.lines, *([duration(shown.cost)] if shown.cost else [])):
        text = _below(text, font(line, small, style.note_size), style.note_size, style)
    if shown.adjoint is not None:
        small_size = max(style.value_size - 1, style.note_size)
        alarming = not_finite(shown.adjoint) is not None
        ink = style.alarm if alarming and not coloured else style.text if coloured else style.backward
        total = show_value(shown.adjoint, digits, decimals)
        for line in f"Σ {total}".replace(") ", ")\n", 1).split("\n"):  # a range below its shape
            text = _below(text, font(line, ink, small_size), small_size, style)
    lossy = shown.lost is not None and shown.lost[0] >= _SHOWN_LOSS
    if lossy and shown.lost is not None:
        bits = font(f"−{shown.lost[0]:.1f} bits", style.text, style.note_size)
        text = _below(text, bits, style.note_size, style)
    attributes = {"label": html(text), "tooltip": quoted(shown.detail or shown.label)}
    if shown.alarm:
        attributes |= {"color": style.alarm, "penwidth": f"{2.5 * style.line_width:g}"}
    colour = _fill(shown, shown.cost / dearest if dearest else 0.0, style)
    line, width = mark(shown.mark, style)
    if shown.mark:
        colour = mixed(style.background, line, 0.12)
    if shown.kind == "operation" and places:
        label = _ports(
            text, places, colour, small, down, style, style.alarm if shown.alarm else line, shown.mark
        )
        return {**attributes, "label": html(label), "shape": "plain", "style": ""}
    attributes |= _shape(shown, colour, lossy, style)
    if shown.mark and shown.kind != "output":
        dashed = ",dashed" if shown.mark == "removed" else ""
        attributes |= {
            "color": line,
            "penwidth": f"{width:g}",
            "style": attributes.get("style", "filled") + dashed,
        }
    return attributes


def _below(text: str, line: str, size: float, style: Style) -> str:
    """A line of a label below what stands there: lower by a hair space of larger letters where an index would hang into it."""
    index = re.search(r"<SUB>([^<]*)</SUB>(?:</FONT>)?$", text)
    if index is None:
        return f"{text}<BR/>{line}"
    larger = size + (_HANGING if re.search("[gjpqyQ,;()_]", index[1]) else _INDEX) * style.size
    return f'{text}<BR/>{line}<FONT POINT-SIZE="{larger:g}">&#8202;</FONT>'


_INDEX, _HANGING = 0.17, 0.3
"""How much larger letters make room for an index, as a part of its letter's size: it stands below the line, and
letters that hang reach further down."""


def mark(name: str, style: Style) -> tuple[str, float]:
    """The colour and the width of what stands out: what is removed is dashed as well."""
    if name == "removed":
        return style.backward, 1.2 * style.line_width
    return (style.forward, 2.2 * style.line_width) if name else (style.line, style.line_width)


def _shape(shown: ViewNode, colour: str, lossy: bool, style: Style) -> dict[str, str]:
    kind, box = shown.kind, {"shape": "box", "style": "filled,rounded"}
    if kind == "output":
        return {"shape": "plaintext", "style": "", "margin": "0.04,0", "width": "0", "height": "0"}
    if kind == "reference":
        small = {"fontsize": f"{style.value_size}", "height": "0.26", "width": "0.26", "margin": "0.06,0.02"}
        return {**small, **box, "color": style.symbol, "fillcolor": colour}
    if kind == "constant":
        small = {"fillcolor": colour, "fontsize": f"{style.value_size}", "height": "0.3", "width": "0.3"}
        return {**small, **box, "margin": "0.06,0.03"}
    if kind == "symbol":
        size = f"{style.node_size * 0.8:g}"
        return {"fillcolor": colour, "height": size, "width": size, **box, "margin": "0.1,0.04"}
    if kind in ("port", "end"):
        small = {"fontsize": f"{style.value_size}", "height": "0.3", "width": "0.3", "margin": "0.07,0.03"}
        ink = style.alarm if shown.alarm else style.rule
        return {**small, **box, "fillcolor": colour if shown.alarm else style.background, "color": ink}
    if kind == "block":
        return {
            "peripheries": "2",
            "fillcolor": colour,
            "shape": "box",
            "style": "filled",
            "margin": "0.14,0.08",
        }
    short = len(shown.label) <= _ROUND and all(len(line) <= _ROUND for line in (*shown.lines, shown.name))
    if short and shown.adjoint is None and not lossy and not shown.cost:
        return {"fillcolor": colour, "shape": "circle", "margin": "0.02"}
    return {"fillcolor": colour, **box, "margin": "0.1,0.06"}


def _fill(shown: ViewNode, heat: float, style: Style) -> str:
    by_kind = {"symbol": style.symbol, "reference": style.symbol, "constant": style.constant}
    colour = by_kind.get(shown.kind) or (style.adjoint if shown.role == "backward" else style.operation)
    if shown.alarm:
        return mixed(style.background, style.alarm, 0.15)
    if shown.lost is not None:
        return mixed(style.operation, style.lost, min(1.0, sqrt(shown.lost[0] / _ALL_LOST)))
    if heat:
        return mixed(style.operation, style.lost, sqrt(heat))
    return colour


def _ports(
    text: str,
    places: Sequence[tuple[int, str]],
    colour: str,
    ink: str,
    down: bool,
    style: Style,
    line: str,
    mark: str = "",
) -> str:
    """A box with a named entrance for every argument, in their order: from top to bottom, or from left to right."""
    height = round(72 * style.node_size / len(places))
    entrances = [
        f'<TD PORT="s{slot}" HEIGHT="{height}" ALIGN="LEFT">{font(place, ink, style.note_size)}</TD>'
        for slot, place in places
    ]
    if down:
        rows = [
            f"<TR>{''.join(entrances)}</TR>",
            f'<TR><TD COLSPAN="{len(places)}" CELLPADDING="5">{text}</TD></TR>',
        ]
    else:
        label = f'<TD ROWSPAN="{len(places)}" CELLPADDING="5">{text}</TD>'
        rows = [
            f"<TR>{entrance}{label if number == 0 else ''}</TR>" for number, entrance in enumerate(entrances)
        ]
    dashed, border = (",DASHED" if mark == "removed" else ""), (2 if mark else 1)
    return (
        f'<TABLE STYLE="ROUNDED{dashed}" BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{line}"'
        f' BGCOLOR="{colour}">{"".join(rows)}</TABLE>'
    )


# --- text -----------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Text as the value of a quoted attribute: no backslash sequence, no HTML."""
    return graphviz().escape(visible(text, 400))
