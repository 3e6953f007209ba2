"""Networks whose feature maps become smaller and larger again, as a U: each size on its level, what skips straight across."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from graphc.viz.layered.drawn import bounds
from graphc.viz.layered.wires import ARROW, HALF
from graphc.viz.layout_scene import Item, Scene, Stroke
from graphc.viz.networks.boxes import HIGHEST, Box, apart, boxes, rows_of
from graphc.viz.networks.stages import NetworkStage
from graphc.viz.style import Style

_TURN = 15.0
"""Points beside a box where lines turn to another level."""

_GAP = 16.0
"""Points between what stands on two levels."""


def is_u(stages: Sequence[NetworkStage]) -> bool:
    """Whether sizes fall and rise along one row of stages, and all that skips does so between equal sizes, over smaller ones."""
    rows = [rows_of(stage) for stage in stages]
    if len(stages) < 4 or not all(rows) or sum(len(stage.before) > 1 for stage in stages) < 1:
        return False
    low = rows.index(min(rows))
    falls = all(a >= b for a, b in pairwise(rows[: low + 1]))
    rises = all(a <= b for a, b in pairwise(rows[low:]))
    if not falls or not rises or rows[-1] <= rows[low]:
        return False
    for number, stage in enumerate(stages):
        if stage.before and max(stage.before) != number - 1:
            return False
        for before in sorted(stage.before)[:-1]:
            if rows[before] != rows[number] or any(
                rows[n] >= rows[number] for n in range(before + 1, number)
            ):
                return False
    return True


def u_shape(stages: Sequence[NetworkStage], style: Style, high: float = HIGHEST) -> Scene:
    """The scene of stages as a U."""
    made = boxes(stages, style, False, high)
    rows = [rows_of(stage) for stage in stages]
    middle = _heights(made, rows)
    x = _places(made, rows)
    nodes = [box.part.at(x[n], middle[rows[n]]) for n, box in enumerate(made)]
    lines = []
    for number, stage in enumerate(stages):
        for before in stage.before:
            level = rows[before] == rows[number]
            share = (
                0.0 if level or len(stage.before) == 1 else -0.25 * made[number].ends[1]
            )  # below what skips
            start = (x[before] + made[before].ends[2], middle[rows[before]])
            end = (x[number] - made[number].ends[0], middle[rows[number]] + share)
            turn = (
                x[before] + made[before].part.bounds[2] + _TURN / 2
            )  # beside the sizes, as it leads down past them
            if rows[before] < rows[number]:  # up, right before the sizes of where it leads
                turn = x[number] + made[number].part.bounds[0] - _TURN / 2
            lines.append(_line(f"s{before}-s{number}", start, end, turn, style))
    items = [*lines, *(piece for node in nodes for piece in apart(node))]
    left, low, right, top = bounds([part for item in items for part in item.parts])
    pad = 0.12 * 72
    box = (left - pad, low - pad, right + pad, top + pad)
    width, height = (72 * length for length in style.page)
    return Scene(
        box, min(1.0, width / (box[2] - box[0]), height / (box[3] - box[1])), style.background, tuple(items)
    )


def _heights(made: Sequence[Box], rows: Sequence[int]) -> dict[int, float]:
    """Rows of feature maps → the middle of their level, from the largest at the top."""
    middle: dict[int, float] = {}
    below = 0.0
    for size in sorted(set(rows), reverse=True):
        level = [made[n].part.bounds for n in range(len(made)) if rows[n] == size]
        up, down = max(box[3] for box in level), max(-box[1] for box in level)
        middle[size] = below - up
        below = middle[size] - down - _GAP
    return middle


def _places(made: Sequence[Box], rows: Sequence[int]) -> list[float]:
    """Where each stage stands from left to right: what is below begins behind the line that leads down to it."""
    x = [0.0]
    for number in range(1, len(made)):
        before, here = made[number - 1], made[number]
        if rows[number] < rows[number - 1]:
            apart = before.part.bounds[2] + _TURN / 2 + 2 * ARROW + here.ends[0]
        elif rows[number] > rows[number - 1]:
            apart = before.ends[2] + _TURN - here.part.bounds[0]
        else:
            apart = max(
                before.part.bounds[2] + 8 - here.part.bounds[0], before.ends[2] + here.ends[0] + 3 * ARROW
            )
        x.append(x[-1] + apart)
    return x


def _line(key: str, start: tuple[float, float], end: tuple[float, float], turn: float, style: Style) -> Item:
    """A line that leads on level, turns to another level once, and arrives level."""
    (x, y), (u, v) = start, end
    foot = u - ARROW
    points = [(x, y)]
    if abs(y - v) > 0.5:
        r = 6.0 if v < y else -6.0
        points += [*_third((x, y), (turn - abs(r), y)), (turn, y), (turn, y), (turn, y - r)]
        points += [*_third((turn, y - r), (turn, v + r)), (turn, v), (turn, v), (turn + abs(r), v)]
        points += _third((turn + abs(r), v), (foot, v))
    else:
        points += _third((x, y), (foot, v))
    line = style.line.lower()
    arrow = ((foot, v + HALF), (u, v), (foot, v - HALF))
    parts = (
        Stroke("curve", tuple(points), line, None, style.line_width),
        Stroke("polygon", arrow, line, line, style.line_width),
    )
    return Item("edge", key, "", parts)


def _third(one: tuple[float, float], other: tuple[float, float]) -> list[tuple[float, float]]:
    (x, y), (u, v) = one, other
    return [(x + (u - x) / 3, y + (v - y) / 3), (x + 2 * (u - x) / 3, y + 2 * (v - y) / 3), other]


__all__ = ["is_u", "u_shape"]
