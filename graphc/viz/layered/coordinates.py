"""Where everything stands: as straight as can be from top to bottom, column after column from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from graphc.ir.scopes import Block
from graphc.viz.layered.layers import Layers
from graphc.viz.layered.linear_program import DifferenceProgram
from graphc.viz.layered.network import Network, shared
from graphc.viz.layered.ordering import Ordering
from graphc.viz.layered.parts import Filled

PAD = 9.0
"""Points between a frame and what is in it, and what is beside it."""

_TIGHT = 0.02
"""What a point of height costs, against 1 for a point that a line is not straight."""

TURN = 22.0
"""Room in which a line turns back."""


@dataclass(frozen=True)
class Room:
    """What a style says of distances, in points: between neighbours in a column, and the least width of a channel."""

    beside: float
    channel: float


@dataclass(frozen=True)
class Placed:
    """Coordinates, x forwards and y downwards.

    y : of the parts
    columns : where each column begins and ends
    channels : where the lines in the channel behind each column begin and end to turn
    frames : left, top, right, bottom of each frame
    """

    y: list[float]
    columns: list[tuple[float, float]]
    channels: list[tuple[float, float]]
    frames: dict[Block, tuple[float, float, float, float]]


def heights(
    network: Network,
    columns: Layers,
    filled: Filled,
    ordering: Ordering,
    room: Room,
    entries: Sequence[float],
) -> list[float] | None:
    """The middles of all parts, y downwards; `entries` says how far below the middle of its head each line arrives."""
    program = DifferenceProgram()
    program.variables(len(filled.parts))
    top, bottom = program.variables(1), program.variables(1)
    seen: set[tuple[int, int]] = set()
    gaps: dict[tuple[int, int], float] = {}
    for column in range(columns.count):
        row = ordering.column(column)
        for upper, lower in pairwise(row):
            distance = _distance(network, filled, upper, lower, column, room)
            gaps[upper, lower] = max(gaps.get((upper, lower), 0.0), distance)
        for pair in ((top, row[0]), (row[-1], bottom)) if row else ():
            seen.add(pair)
    for (upper, lower), distance in gaps.items():
        program.apart(upper, lower, distance)
    for upper, lower in seen:
        program.apart(upper, lower, 0.0)
    program.apart(top, bottom, 0.0)
    program.pull(top, bottom, _TIGHT)
    for upper, lower in filled.borders.values():
        program.apart(upper, lower, 0.0)
        program.pull(upper, lower, _TIGHT)
    for link in filled.links:
        program.align(link.right, link.left, entries[link.line] if link.ends else 0.0, link.weight)
    if network.down:
        _keep_clear(network, filled, program, entries)
    found = program.solve()
    return None if found is None else list(found[: len(filled.parts)])


def _keep_clear(
    network: Network, filled: Filled, program: DifferenceProgram, entries: Sequence[float]
) -> None:
    """Lines that enter a frame beside its title do so behind it, and the frame is as wide as the title."""
    for block, (upper, lower) in filled.borders.items():
        program.apart(upper, lower, network.titles[block][0] + 2 * PAD)
    for link in filled.links:
        left, right = filled.parts[link.left].block, filled.parts[link.right].block
        for depth in range(shared(left, right) + 1, len(right) + 1):
            block = right[:depth]
            clear = network.titles[block][0] + 2 * PAD - (entries[link.line] if link.ends else 0.0)
            program.apart(filled.borders[block][0], link.right, clear)


def _distance(network: Network, filled: Filled, upper: int, lower: int, column: int, room: Room) -> float:
    """How far the middle of a part is below that of the one above it, at least."""
    one, other = filled.parts[upper], filled.parts[lower]
    free = one.reach(column)[1] + other.reach(column)[0]
    if one.edge or other.edge:
        title = network.titles[one.block][1] if one.edge < 0 and not network.down else 0.0
        return free + title + PAD
    if one.line < 0 or other.line < 0:
        return free + room.beside
    return free + (_VALUES if column in (one.wide, other.wide) else _LINES)


_LINES, _VALUES = 2.0, 5.0
"""Points between the rooms of two lines, and where there are values on one."""


def widths(
    network: Network, columns: Layers, filled: Filled, y: list[float], room: Room, entries: Sequence[float]
) -> Placed:
    """Columns as wide as what is in them, channels as wide as their lines are steep, and the frames around them."""
    wide = [0.0] * columns.count
    for number, vertex in enumerate(network.vertices):
        at = columns.vertices[number]
        wide[at] = max(wide[at], vertex.box[0] + vertex.box[2])
    for number, line in enumerate(network.lines):
        if line.label is not None and columns.labels[number] >= 0:
            at = columns.labels[number]
            wide[at] = max(wide[at], line.label[0] + line.label[2])
    steep = [0.0] * columns.count
    pointed = [0.0] * columns.count
    for link in filled.links:
        steep[link.gap] = max(
            steep[link.gap], abs(y[link.left] - y[link.right] - (entries[link.line] if link.ends else 0.0))
        )
        if link.ends:
            pointed[link.gap] = ARROW
    turns = [[0.0, 0.0] for _ in range(columns.count)]
    for line in network.lines:
        if line.back:
            turns[columns.vertices[line.tail]][1] = TURN
            turns[columns.vertices[line.head]][0] = TURN
    before, behind = _margins(network, columns)
    begins, ends = [0.0] * columns.count, [0.0] * columns.count
    for block, (first, last) in columns.frames.items():
        begins[first], ends[last] = max(begins[first], before[block]), max(ends[last], behind[block])
    while True:
        x, spans, channels = 0.0, [], []
        for column in range(columns.count):
            x += begins[column] + turns[column][0]
            spans.append((x, x + wide[column]))
            x += wide[column] + turns[column][1] + ends[column]
            width = max(room.channel, min(0.3 * steep[column], 70.0))
            channels.append((x, x + width))
            x += width + pointed[column]
        placed = Placed(y, spans, channels, {})
        for block in sorted(columns.frames, key=len, reverse=True):
            first, last = columns.frames[block]
            left = spans[first][0] - turns[first][0] - before[block]
            right = spans[last][1] + turns[last][1] + behind[block]
            upper, lower = filled.borders[block]
            placed.frames[block] = (left, y[upper], right, y[lower])
            missing = network.titles[block][0] + 2 * PAD - (right - left)
            if missing > 0.01 and not network.down:
                wide[last] += missing
                break
        else:
            return placed


ARROW = 9.0
"""Points of a channel in which a line that ends at a node is level, for the head of its arrow."""


def _margins(network: Network, columns: Layers) -> tuple[dict[Block, float], dict[Block, float]]:
    """How far each frame begins before its first column and ends behind its last, with room for the frames in it."""
    before: dict[Block, float] = {}
    behind: dict[Block, float] = {}
    for block in sorted(columns.frames, key=len, reverse=True):
        first, last = columns.frames[block]
        inner = [other for other in columns.frames if other[:-1] == block]
        title = network.titles[block][1] if network.down else 0.0
        before[block] = (
            PAD
            + title
            + max((before[other] for other in inner if columns.frames[other][0] == first), default=0.0)
        )
        behind[block] = PAD + max(
            (behind[other] for other in inner if columns.frames[other][1] == last), default=0.0
        )
    return before, behind


__all__ = ["ARROW", "PAD", "Placed", "Room", "heights", "widths"]
