"""A scene as text: boxes, lines and numbers in a grid of characters, for terminals, mails and comments in code.

A cell is half as wide as a letter is high, so that the texts of the layout fit where they stand, and low enough for the
values over and under an edge to have rows of their own. What runs through a cell is kept as the set of sides that it
leaves by; the sets become the characters of Unicode's block of box drawings.
"""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from math import floor

from graphc.viz.layout_scene import Item, Scene, Stroke, Text

_WIDE, _HIGH = 0.5, 0.75
"""A cell in sizes of the commonest letter."""

_MOST = 4_000_000
"""Cells of a picture as text; a larger one is cut, which nobody could look at anyway."""

EAST, WEST, NORTH, SOUTH = 1, 2, 4, 8

_LINES = {
    0: " ", EAST: "─", WEST: "─", EAST | WEST: "─", NORTH: "│", SOUTH: "│", NORTH | SOUTH: "│", EAST | SOUTH: "╭",
    WEST | SOUTH: "╮", EAST | NORTH: "╰", WEST | NORTH: "╯", EAST | WEST | SOUTH: "┬", EAST | WEST | NORTH: "┴",
    NORTH | SOUTH | EAST: "├", NORTH | SOUTH | WEST: "┤", NORTH | SOUTH | EAST | WEST: "┼",
}  # fmt: skip

_DASHED = {"─": "┄", "│": "┆"}

_HEADS = {EAST: "▶", WEST: "◀", NORTH: "▲", SOUTH: "▼"}

_SMALL = 1.5
"""A filled shape of at most so many sizes of a letter is the head of an arrow."""

_PIECES = 24
"""Steps in which a piece of a curve is followed."""

Cell = tuple[int, int]


@dataclass
class _Grid:
    """A page of characters: (column, row) → sides that lines leave by, a character, a colour."""

    left: float
    top: float
    wide: float
    high: float
    sides: dict[Cell, int] = field(default_factory=dict)
    letters: dict[Cell, str] = field(default_factory=dict)
    colours: dict[Cell, str] = field(default_factory=dict)
    taken: set[Cell] = field(default_factory=set)
    whole: set[Cell] = field(default_factory=set)
    """Where a line that is not dashed goes."""

    def cell(self, x: float, y: float) -> Cell:
        return floor((x - self.left) / self.wide), floor((self.top - y) / self.high)

    def line(self, cells: list[Cell], colour: str, dashed: bool = False) -> None:
        """A line through cells, each beside, over or under the last one."""
        for (column, row), (next_column, next_row) in pairwise(cells):
            if next_row == row:
                out, back = (EAST, WEST) if next_column > column else (WEST, EAST)
            else:
                out, back = (SOUTH, NORTH) if next_row > row else (NORTH, SOUTH)
            for cell, side in (((column, row), out), ((next_column, next_row), back)):
                self.sides[cell] = self.sides.get(cell, 0) | side
                self.colours[cell] = colour
        if not dashed:
            self.whole.update(cells)

    def write(self, column: int, row: int, text: str, colour: str) -> None:
        for place, letter in enumerate(text, column):
            self.letters[place, row] = letter
            self.colours[place, row] = colour

    def rows(self) -> Iterator[list[tuple[str, str]]]:
        """(character, colour) of each cell, row by row, without what is empty at the end."""
        used: dict[int, list[int]] = {}
        for column, row in {**self.sides, **self.letters}:
            used.setdefault(row, []).append(column)
        if not used:
            return
        first = min(min(columns) for columns in used.values())
        for row in range(min(used), max(used) + 1):
            last = max(used.get(row, [first - 1]))
            yield [
                (self.letters.get(cell) or self._line(cell), self.colours.get(cell, ""))
                for column in range(first, last + 1)
                for cell in [(column, row)]
            ]

    def _line(self, cell: Cell) -> str:
        letter = _LINES[self.sides.get(cell, 0)]
        return letter if cell in self.whole else _DASHED.get(letter, letter)


def to_text(scene: Scene, colour: bool = False, width: int | None = None) -> str:
    """The picture in characters.

    colour : whether the escape sequences of terminals give values the colours that the terminal has for them (ECMA-48)
    width : lines of more characters are cut, with … as their last
    """
    lines: list[str] = []
    for row in _drawn(scene).rows():
        if width is not None and len(row) > width:
            row = [*row[: width - 1], ("…", "")]
        text = (_coloured(row) if colour else "".join(letter for letter, _ in row)).rstrip()
        lines.append(text)
    return "\n".join(lines).strip("\n") + "\n"


def _drawn(scene: Scene) -> _Grid:
    sizes = Counter(
        part.size
        for item in scene.items
        for part in item.parts
        if isinstance(part, Text) and part.text.strip()
    )
    size = max(sizes.most_common(1)[0][0] if sizes else 12.0, 1.0)
    left, bottom, right, top = scene.box
    cells = (right - left) * (top - bottom) / (_WIDE * _HIGH * size * size)
    size *= max(1.0, (cells / _MOST) ** 0.5)
    grid = _Grid(left, top, _WIDE * size, _HIGH * size)
    boxes = [
        box
        for item in scene.items
        if item.kind == "node"
        for part in _strokes(item)
        if part.line is not None
        for box in [_cells(grid, part)]
        if box is not None
    ]
    grid.taken.update((column, row) for columns, rows in boxes for column in columns for row in rows)
    for kind in ("frame", "edge", "node", "caption"):
        for item in scene.items:
            if item.kind == kind:
                _item(grid, item, size)
    return grid


def _item(grid: _Grid, item: Item, size: float) -> None:
    strokes = _strokes(item)
    texts = [part for part in item.parts if isinstance(part, Text) and part.text.strip()]
    if item.kind == "edge":
        _edge(grid, strokes, size)
    else:
        for stroke in strokes:
            _box(grid, stroke)
    if item.key.startswith("e") and not strokes:  # the values of an edge are an item of their own
        over = {id(part) for part in item.parts[: item.split]}
        _values(grid, [text for text in texts if id(text) in over], -1)
        _values(grid, [text for text in texts if id(text) not in over], 1)
        return
    for text in texts:
        grid.write(*_place(grid, text), text.text.strip(), text.colour)


def _strokes(item: Item) -> list[Stroke]:
    """What is drawn of an item besides texts: of an image nothing, since its shape and range are beside it."""
    strokes = [part for part in item.parts if isinstance(part, Stroke)]
    return [] if any(stroke.form == "cells" for stroke in strokes) else strokes


def _edge(grid: _Grid, strokes: list[Stroke], size: float) -> None:
    """The lines of an edge as far as no node stands over them, with the head of the arrow in the last cell before one."""
    cells: list[Cell] = []
    for stroke in strokes:
        colour = stroke.line or stroke.fill or ""
        if stroke.form in ("curve", "polyline"):
            path = list(_orthogonal([grid.cell(x, y) for x, y in _points(stroke)]))
            runs = [list(run) for free, run in groupby(path, lambda cell: cell not in grid.taken) if free]
            for run in runs:
                grid.line(run, colour, stroke.dashed)
            cells = runs[-1] if runs else cells
        elif stroke.form == "polygon" and stroke.fill and _extent(stroke) <= _SMALL * size:
            xs, ys = zip(*stroke.points, strict=True)
            column, row = grid.cell(sum(xs) / len(xs), sum(ys) / len(ys))
            if len(cells) > 1:
                first, last = cells[:2], cells[:-3:-1]
                tail, head = min(
                    ((first[1], first[0]), (last[1], last[0])),
                    key=lambda ends: abs(ends[1][0] - column) + abs(ends[1][1] - row),
                )
                grid.write(*head, _HEADS[_side(grid, tail, head)], colour)


def _side(grid: _Grid, tail: Cell, head: Cell) -> int:
    """Where an arrow points whose last two cells these are: at the node beside it."""
    column, row = head
    beside = {EAST: (column + 1, row), SOUTH: (column, row + 1), NORTH: (column, row - 1)}
    for side, cell in beside.items():
        if cell in grid.taken and cell != tail:
            return side
    if tail[1] == head[1]:
        return EAST if head[0] > tail[0] else WEST
    return SOUTH if head[1] > tail[1] else NORTH


def _cells(grid: _Grid, stroke: Stroke) -> tuple[range, range] | None:
    """The columns and rows of a closed shape; None of a line."""
    if stroke.form == "ellipse":
        (x, y), (rx, ry) = stroke.points
        xs, ys = (x - rx, x + rx), (y - ry, y + ry)
    elif stroke.form == "polygon" or stroke.points[0] == stroke.points[-1]:
        xs, ys = tuple(x for x, _ in stroke.points), tuple(y for _, y in stroke.points)
    else:
        return None
    (left, top), (right, bottom) = grid.cell(min(xs), max(ys)), grid.cell(max(xs), min(ys))
    return range(left, right + 1), range(top, bottom + 1)


def _box(grid: _Grid, stroke: Stroke) -> None:
    """The outline of a node or of a frame, or a line within."""
    box = _cells(grid, stroke)
    if stroke.line is None:
        return
    if box is None:
        grid.line(list(_orthogonal([grid.cell(x, y) for x, y in _points(stroke)])), stroke.line)
        return
    (left, *_, right), (top, *_, bottom) = (box[0], box[1]) if min(map(len, box)) > 1 else ([0, 0], [0, 0])
    if left == right:
        return
    across, down = ("┄", "┆") if stroke.dashed else ("─", "│")
    for row in (top, bottom):
        grid.write(left + 1, row, across * (right - left - 1), stroke.line)
    for row in range(top + 1, bottom):
        grid.write(left, row, down, stroke.line)
        grid.write(right, row, down, stroke.line)
    corners = "╭╮╰╯" if stroke.form == "ellipse" or len(stroke.points) > 5 else "┌┐└┘"
    for place, corner in zip(
        ((left, top), (right, top), (left, bottom), (right, bottom)), corners, strict=True
    ):
        grid.write(*place, corner, stroke.line)


def _place(grid: _Grid, part: Text) -> Cell:
    """Where a text begins, around the middle of its place."""
    column, row = grid.cell(part.at[0] + part.width / 2, part.at[1] + 0.3 * part.size)
    return column - len(part.text.strip()) // 2, row


def _values(grid: _Grid, texts: list[Text], side: int) -> None:
    """The values over (side −1) or under (1) an edge: in the rows beside it where it is level, else where they stand."""
    if not texts:
        return
    places = [_place(grid, text) for text in texts]
    near = (max if side < 0 else min)(row for _, row in places)
    middle = grid.cell(texts[0].at[0] + texts[0].width / 2, 0)[0]
    level = [
        row for row in (near, near - side, near - 2 * side) if grid.sides.get((middle, row), 0) == EAST | WEST
    ]
    shift = level[0] + side - near if level else 0
    for (column, row), text in zip(places, texts, strict=True):
        grid.write(column, row + shift, text.text.strip(), text.colour)


def _extent(stroke: Stroke) -> float:
    xs, ys = zip(*stroke.points, strict=True)
    return max(max(xs) - min(xs), max(ys) - min(ys))


def _points(stroke: Stroke) -> Iterator[tuple[float, float]]:
    """Points along a line, nearer to each other than cells."""
    if stroke.form != "curve":
        for (x0, y0), (x1, y1) in pairwise(stroke.points):
            for step in range(_PIECES + 1):
                part = step / _PIECES
                yield x0 + part * (x1 - x0), y0 + part * (y1 - y0)
        return
    points = stroke.points
    for start in range(0, len(points) - 3, 3):
        a, b, c, d = points[start : start + 4]
        for step in range(_PIECES + 1):
            t = step / _PIECES
            u = 1 - t
            weights = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            x, y = (
                sum(weight * point[axis] for weight, point in zip(weights, (a, b, c, d), strict=True))
                for axis in (0, 1)
            )
            yield x, y


def _orthogonal(cells: list[Cell]) -> Iterator[Cell]:
    """The cells of a path that goes from side to side, never over a corner: across first, then up or down."""
    previous: Cell | None = None
    for cell in cells:
        if previous is None:
            yield cell
        elif cell != previous:
            column, row = previous
            while column != cell[0]:
                column += 1 if cell[0] > column else -1
                yield column, row
            while row != cell[1]:
                row += 1 if cell[1] > row else -1
                yield column, row
        previous = cell


_CHROMA = 60
"""Between the strongest and the weakest of a colour's three parts; below it, it is ink, and the terminal's own colour serves."""

_HUES = ((45, 91), (80, 33), (165, 32), (260, 94), (345, 95), (360, 91))
"""(hue in degrees up to which, the terminal's colour): red, yellow, green, blue, magenta, red again, as themes have them."""


def _terminal_colour(colour: str) -> int:
    """The number of the terminal's own colour for one of a style: what is legible is for the terminal's background to say."""
    if len(colour) < 7:
        return 39
    red, green, blue = bytes.fromhex(colour[1:7])
    chroma = max(red, green, blue) - min(red, green, blue)
    if chroma < _CHROMA:
        return 39
    hue = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    return next(number for most, number in _HUES if hue <= most)


def _coloured(row: list[tuple[str, str]]) -> str:
    text, now = "", 39
    for letter, colour in row:
        wanted = now if letter == " " else _terminal_colour(colour)
        if wanted != now:
            text += f"\x1b[{wanted}m"
            now = wanted
        text += letter
    return text.rstrip() + ("" if now == 39 else "\x1b[39m")
