"""How diagrams look: every colour, size and font in one frozen record, so that a look is data and can be replaced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """The look of a diagram.

    Colours are `#rrggbb`. Forward values and what flows back differ on the blue-yellow axis, which the common forms of colour
    blindness keep, and in lightness, so that they stay apart in print; both reach a contrast of 4.5 : 1 on the background.

    name : of the style
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
    """

    name: str = "slides"
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


SLIDES = Style()
"""The default: made for a slide of 13.33 by 7.5 inches on white."""
