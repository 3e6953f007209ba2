"""The lines: level within columns, curved in the channels between them; each is one curve from its tail to its arrow."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

from graphc.viz.layered.coordinates import TURN, Placed
from graphc.viz.layered.layers import Layers
from graphc.viz.layered.network import Network
from graphc.viz.layered.parts import Filled

Point = tuple[float, float]

ARROW, HALF = 7.0, 2.45
"""Length and half the width of the head of an arrow, in points, where lines are as wide as in `SLIDES`."""


def middle(network: Network, columns: Layers, placed: Placed, number: int) -> Point:
    """The middle of a vertex."""
    start, end = placed.columns[columns.vertices[number]]
    back, _, forth, _ = network.vertices[number].box
    return (start + end - forth + back) / 2, placed.y[number]


def wire(
    network: Network, columns: Layers, filled: Filled, placed: Placed, number: int, enter: float, arrow: float
) -> tuple[list[Point], list[Point]]:
    """The curve of a line, as a first point and three for each piece, and the corners of the head of its arrow.

    enter : how far below the middle of its head it arrives
    arrow : the scale of the arrow's head
    """
    line = network.lines[number]
    x, y = middle(network, columns, placed, line.tail)
    curve: list[Point] = [(x + network.vertices[line.tail].box[2], y)]
    hx, hy = middle(network, columns, placed, line.head)
    head = network.vertices[line.head]
    share = min(1.0, abs(enter) / max(head.box[1], 1e-9)) if head.round else 0.0
    tip = (hx - head.box[0] * sqrt(1 - share**2), hy + enter)
    chain = filled.chains[number]
    if line.back:
        (right,) = (placed.columns[columns.vertices[line.tail]][1],)
        left = placed.columns[columns.vertices[line.head]][0]
        below = placed.y[chain[1]]
        _level(curve, right)
        curve += [(right + TURN, curve[-1][1]), (right + TURN, below), (right, below)]
        _level(curve, left)
        curve += [(left - TURN, below), (left - TURN, tip[1]), (left, tip[1])]
    else:
        for part, following in pairwise(chain):
            to = placed.y[following] + (enter if following == line.head else 0.0)
            if abs(to - curve[-1][1]) > 0.01:
                start, end = placed.channels[filled.parts[part].last]
                _level(curve, start)
                half = (end - start) / 2
                curve += [(start + half, curve[-1][1]), (end - half, to), (end, to)]
            else:
                curve[-1] = (curve[-1][0], curve[-1][1])
    foot = tip[0] - ARROW * arrow
    _level(curve, foot)
    return curve, [(foot, tip[1] - HALF * arrow), tip, (foot, tip[1] + HALF * arrow)]


def _level(curve: list[Point], to: float) -> None:
    x, y = curve[-1]
    if abs(to - x) > 0.01:
        curve += [(x + (to - x) / 3, y), (x + 2 * (to - x) / 3, y), (to, y)]


__all__ = ["ARROW", "middle", "wire"]
