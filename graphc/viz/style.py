"""How diagrams look: every colour, size and font in one frozen record, so that a look is data and can be replaced."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from graphc.errors import InputError, brief, brief_text
from graphc.ir.formatting import LARGEST_SHOWN


@dataclass(frozen=True)
class Style:
    """The look of a diagram.

    Colours are `#rrggbb`. Forward values and what flows back differ on the blue-yellow axis, which the common forms of colour
    blindness keep, and in lightness, so that they stay apart in print; both reach a contrast of 4.5 : 1 on the background.

    name : of the style
    drawing : "graph", or "network" for layers of neurons and blocks of feature maps
    font : font families in order of preference
    size, value_size, note_size : of labels, of values at edges, of the names of argument places, in points
    forward, backward : colours of forward values and of what flows back
    line, text, note : colours of lines, of labels, and of the names of argument places
    operation, symbol, constant, adjoint : fill colours by role; `adjoint` is for nodes of a backward graph
    lost : the fill of an operation that loses all its digits; what loses some is between it and `operation`
    frame, rule : inside a frame around a block, and its line
    alarm, on_alarm : what marks NaN and infinity, and text on it
    background : behind everything
    line_width : in points
    node_size : least diameter of an operation, in inches
    node_gap, rank_gap : between neighbours in a column and between columns, in inches
    page : width and height in inches that a diagram is scaled down to fit
    dpi : pixels per inch of PNG
    matrix : vectors and matrices of at most so many rows and columns, 6 at most, are written out; of larger ones the shape and
        the range
    images : over those stands an image of a larger matrix, of at most so many cells in a row or column; 0 for none
    """

    name: str = "slides"
    drawing: str = "graph"
    font: str = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif"
    size: float = 15.0
    value_size: float = 12.0
    note_size: float = 9.0
    forward: str = "#0A4F94"
    backward: str = "#B34400"
    line: str = "#44546A"
    text: str = "#14202E"
    note: str = "#5B6775"
    operation: str = "#EEF3F9"
    symbol: str = "#FFF6DF"
    constant: str = "#F3F3F1"
    adjoint: str = "#FCEBE0"
    lost: str = "#F7A48F"
    frame: str = "#F7F8FA"
    rule: str = "#9AA5B4"
    alarm: str = "#B3001B"
    on_alarm: str = "#FFFFFF"
    background: str = "#FFFFFF"
    line_width: float = 1.2
    node_size: float = 0.6
    node_gap: float = 0.16
    rank_gap: float = 0.2
    page: tuple[float, float] = (13.33, 7.5)
    dpi: int = 192
    matrix: int = LARGEST_SHOWN
    images: int = 12

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))


DRAWINGS = ("graph", "network")
"""What a picture can be of: every operation, or layers as books draw them."""

_FONT = re.compile(r"[\w ,.'-]{1,200}")

_CELLS = 48
"""Cells of an image in a row or column at most."""

_LARGEST = 10_000
"""Nothing in a style is larger: a page of so many inches is no page."""


def _check(name: str, value: Any) -> None:
    """Raises `InputError` for a value that a field of a style cannot have."""
    kind = type(getattr(Style, name))
    if name == "page":
        good = isinstance(value, tuple) and len(value) == 2 and all(_is_number(side, 0.5) for side in value)
        what = "two lengths in inches, as (13.33, 7.5)"
    elif name == "drawing":
        good, what = value in DRAWINGS, " or ".join(map(repr, DRAWINGS))
    elif name in ("name", "font"):
        good, what = (
            isinstance(value, str) and bool(_FONT.fullmatch(value)),
            "a text of letters, spaces and commas",
        )
    elif kind is str:
        good = isinstance(value, str) and bool(re.fullmatch(r"#[0-9a-fA-F]{6}", value))
        what = "a colour as #rrggbb"
    elif name == "matrix":
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SHOWN
        what = f"a whole number from 0 to {LARGEST_SHOWN}"
    elif name == "images":
        good = isinstance(value, int) and not isinstance(value, bool) and (value == 0 or 2 <= value <= _CELLS)
        what = f"a whole number from 2 to {_CELLS}, or 0 for none"
    elif kind is int:
        good, what = isinstance(value, int) and _is_number(value, 10), "a whole number of at least 10"
    else:
        good, what = _is_number(value, 0.01), "a positive number"
    if not good:
        raise InputError(f"a style's {name} is {brief(value)}", hint=f"it is {what}")


def _is_number(value: Any, least: float) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return number and least <= value <= _LARGEST


SLIDES = Style()
"""The default: made for a slide of 13.33 by 7.5 inches on white."""

PAPER = Style(
    name="paper",
    forward="#000000",
    backward="#5A5A5A",
    line="#000000",
    text="#000000",
    note="#4A4A4A",
    operation="#FFFFFF",
    symbol="#FFFFFF",
    constant="#FFFFFF",
    adjoint="#EDEDED",
    lost="#BDBDBD",
    frame="#F7F7F7",
    rule="#8A8A8A",
    alarm="#000000",
    line_width=0.9,
    node_size=0.5,
    size=12.0,
    value_size=10.0,
    note_size=8.0,
    page=(6.5, 9.0),
    dpi=300,
)
"""Black on white and thin, as wide as the text of a page."""

DARK = Style(
    name="dark",
    forward="#7CC4FF",
    backward="#FFA95C",
    line="#A9B7C9",
    text="#F2F5F9",
    note="#B4C0CE",
    operation="#22303F",
    symbol="#3A3420",
    constant="#2B2F35",
    adjoint="#3F2C1E",
    lost="#8A2F1B",
    frame="#18212B",
    rule="#55657A",
    alarm="#FF5A6E",
    on_alarm="#1A0004",
    background="#10161D",
)
"""Light on dark, for a projector in a dark room."""

MONO = Style(
    name="mono",
    font="DejaVu Sans Mono,Menlo,Consolas,monospace",
    forward="#000000",
    backward="#5C5C5C",
    line="#2B2B2B",
    text="#000000",
    note="#4F4F4F",
    operation="#F4F4F4",
    symbol="#E4E4E4",
    constant="#FFFFFF",
    adjoint="#DADADA",
    lost="#B5B5B5",
    frame="#FAFAFA",
    rule="#8E8E8E",
    alarm="#000000",
)
"""Greys alone, and letters of one width."""

NETWORK = Style(name="network", drawing="network")
"""Layers as books draw them, in the colours of `SLIDES`; `{"base": "dark", "drawing": "network"}` has those of another style."""

STYLES = {style.name: style for style in (SLIDES, PAPER, DARK, MONO)}
"""What every graph can be drawn in."""

_NAMED = {**STYLES, NETWORK.name: NETWORK}


def as_style(style: Any) -> Style:
    """A style: as it is, by its name, or from a dict of what differs from that whose name is under "base" (by default slides).

    Raises `InputError` for what is none of these, for a name that no style and no field of one has, and for a value that a field
    cannot have.

    >>> as_style({"base": "dark", "size": 20}).size, as_style("paper").name
    (20, 'paper')
    """
    if isinstance(style, Style):
        return style
    if isinstance(style, str):
        return _NAMED[_known(style, list(_NAMED), "there is no style")]
    if not isinstance(style, Mapping):
        raise InputError(
            f"a style is a name, a dict or a graphc.viz.Style, not {brief(style)}",
            hint=f"write style={'|'.join(map(repr, STYLES))}, or style={{'base': 'dark', 'size': 18}}",
        )
    base = as_style(style.get("base", "slides"))
    known = list(asdict(base))
    changes = {
        _known(name, known, "a style has no"): value for name, value in style.items() if name != "base"
    }
    if isinstance(changes.get("page"), list):
        changes["page"] = tuple(changes["page"])  # as JSON writes it
    return replace(base, **{"name": "custom", **changes})


def _known(name: Any, known: list[str], what: str) -> str:
    if name in known:
        return name
    near = get_close_matches(str(name), known, 1)
    hint = f"{near[0]!r}?" if near else f"choose among {', '.join(known)}"
    raise InputError(f"{what} {brief_text(name, 60)!r}", hint=hint)
