"""Edges led around what they do not belong to: nodes, values, titles, and frames that hold neither or both of their ends.

Graphviz places nodes well, but promises nothing for edges to ports or across frames. What it drew through or along something is
drawn anew, on the cheapest way through the channels between; all other edges stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from graphc.viz.channels import CLEAR, Box, End, Grid, Obstacles, Point, grid_points, rounded
from graphc.viz.layout_scene import Item, Scene, Stroke, Text

_VALUE = re.compile(r"(?:p\d+)*e\d+")
"""The keys of the tables of values that stand at edges; each splits its edge in two."""

_ARROW, _HALF = 7.0, 2.45
"""Length and half the width of the head of an arrow, in points, where lines are as wide as in `SLIDES`."""

_STUB = 4.0
"""A line leaves a node straight for so many points."""

_SIDE = 45.0
"""What leaving or entering a node at a side that does not face the other end costs, in points of length."""

_PIECES = 24

_MOST = 400
"""Edges of larger drawings are left as Graphviz drew them."""


_Drawn: TypeAlias = tuple[tuple[Point, ...], tuple[Point, ...]]
"""a curve, and the corners of the head of its arrow"""


@dataclass(frozen=True)
class _Body:
    """A node or a table of values, as an obstacle."""

    box: Box
    solid: tuple[Box, ...]
    round: bool
    value: bool


@dataclass
class _DrawnEdge:
    """An edge, or a half of one: its place among the scene's items and its curves, flattened."""

    number: int
    tail: str
    head: str
    curve: tuple[Point, ...]
    arrow: str
    flat: np.ndarray


def route(scene: Scene, layout: str = "right") -> tuple[Scene, int]:
    """The scene with the edges led anew that ran through or along something, and how many still do.

    layout : where its arrows lead, 'right' or 'down'
    """
    routing = _Routing(scene, layout == "down")
    if not 0 < len(routing.lines) <= _MOST:
        return scene, 0
    changed, left = routing.changed()
    if not changed:
        return scene, left
    items = tuple(_redrawn(item, *changed[n]) if n in changed else item for n, item in enumerate(scene.items))
    return replace(scene, items=items, box=_box_around(scene, changed.values())), left


class _Routing:
    """The edges of a scene and what they meet. Where arrows lead down, it works with its axes exchanged, as if they led right."""

    def __init__(self, scene: Scene, down: bool) -> None:
        self.down = down
        self.bodies: dict[str, _Body] = {}
        self.frames: list[Box] = []
        self.titles: list[Box] = []
        self.lines: list[_DrawnEdge] = []
        for item in scene.items:
            if item.kind == "frame":
                self.frames.append(self._around(item, Stroke))
                self.titles += [self._seen(_text_box(part)) for part in item.parts if isinstance(part, Text)]
            elif item.kind == "node":
                self._add_node(item)
        for number, item in enumerate(scene.items):
            curves = [part for part in item.parts if isinstance(part, Stroke) and part.form == "curve"]
            tail, _, head = item.key.partition("-")
            if item.kind == "edge" and curves and tail in self.bodies and head in self.bodies:
                points = tuple(self._point(point) for point in curves[0].points)
                self.lines.append(
                    _DrawnEdge(number, tail, head, points, self._arrow(item, points), flattened(points))
                )
        self.members = {
            key: frozenset(n for n, frame in enumerate(self.frames) if _holds(frame, _middle(body.box)))
            for key, body in self.bodies.items()
        }
        self.solid = [box for body in self.bodies.values() for box in body.solid] + self.titles

    def _point(self, point: Point) -> Point:
        return (-point[1], point[0]) if self.down else point

    def back(self, point: Point) -> Point:
        """A point as the scene has it."""
        return (point[1], -point[0]) if self.down else point

    def _seen(self, box: Box) -> Box:
        return (-box[3], box[0], -box[1], box[2]) if self.down else box

    def _around(self, item: Item, *kinds: type) -> Box:
        return self._seen(_union(_part_box(part) for part in item.parts if isinstance(part, kinds)))

    def _add_node(self, item: Item) -> None:
        box = self._around(item, Stroke, Text)
        value = bool(_VALUE.fullmatch(item.key))
        texts = tuple(self._seen(_text_box(part)) for part in item.parts if isinstance(part, Text))
        round_ = any(isinstance(part, Stroke) and part.form == "ellipse" for part in item.parts)
        images = tuple(
            self._seen(_part_box(part))
            for part in item.parts
            if value and isinstance(part, Stroke) and min(np.ptp(part.points, axis=0)) > 3
        )
        self.bodies[item.key] = _Body(box, (*texts, *images) if value else (box,), round_, value)

    def _arrow(self, item: Item, points: Sequence[Point]) -> str:
        """At which end the head of an arrow is: 'head', 'tail', or '' for none."""
        heads = [part for part in item.parts if isinstance(part, Stroke) and part.form == "polygon"]
        if not heads:
            return ""
        tip = np.mean([self._point(point) for point in heads[0].points], axis=0)
        far, near = (np.hypot(*(tip - np.array(points[n]))) for n in (0, -1))
        return "head" if near < far else "tail"

    def changed(self) -> tuple[dict[int, _Drawn], int]:
        """Place among the items → the curve that is drawn there instead, and the head of its arrow; and how many found no way."""
        bad = sorted((line for line in self.lines if self.meets(line)), key=lambda line: len(line.flat))
        changed: dict[int, _Drawn] = {}
        for line in bad:
            found = self._led(line)
            if found is None:
                continue
            line.flat = flattened(found)
            curve, arrow = _with_arrow(found, line.arrow)
            changed[line.number] = tuple(map(self.back, curve)), tuple(map(self.back, arrow))
        return changed, len(bad) - len(changed)

    # --- what is wrong ------------------------------------------------------------------------------------

    def meets(self, line: _DrawnEdge, flat: np.ndarray | None = None) -> bool:
        """Whether a line runs through or along something that it does not belong to."""
        flat = line.flat if flat is None else flat
        window = (*flat.min(axis=0), *flat.max(axis=0))
        for key, body in self.bodies.items():
            if not _overlap(body.box, window):
                continue
            own = key in (line.tail, line.head)
            if body.round and through_ellipse(flat, _grown(body.box, -3.5 if own else 1.0)):
                return True
            for box in () if body.round else body.solid:
                if through(flat, _grown(box, 0.5 if not own else -0.5 if body.value else -3.5)):
                    return True
        if any(through(flat, _grown(box, 0.5)) for box in self.titles):
            return True
        around, inside = self.members[line.tail] ^ self.members[line.head], self.members[line.tail]
        for number, frame in enumerate(self.frames):
            times, along = border(flat, frame)
            if times > (1 if number in around else 0) or along > 6:
                return True
            if number not in around and number not in inside and through(flat, frame):
                return True
        return False

    # --- another way --------------------------------------------------------------------------------------

    def _led(self, line: _DrawnEdge) -> tuple[Point, ...] | None:
        """The curve of a better way; None where none is found."""
        around = self.members[line.tail] ^ self.members[line.head]
        both = self.members[line.tail] & self.members[line.head]
        solid = list(self.solid)
        closed = []
        for number, frame in enumerate(self.frames):
            if number in both:
                closed.append(frame)
            elif number not in around:
                solid.append(frame)
        frames = [self.frames[number] for number in around]
        starts, goals = self._starts(line), self._goals(line)
        ends = grid_points(starts, 1) + grid_points(goals, -1)
        span = _union([(*end, *end) for end in ends])
        for margin, toll in ((60.0, 40.0), (250.0, 2000.0)):
            window = _clipped(_grown(span, margin), self._extent())
            others = [
                each.flat.tolist() for each in self.lines if each is not line and _near(each.flat, window)
            ]
            points = Grid(window, Obstacles(solid, frames, closed, toll), others, ends).way(starts, goals)
            if points is not None:
                curve = rounded(points)
                if not self.meets(line, flattened(curve)):
                    return curve
        return None

    def _extent(self) -> Box:
        return _grown(_union([*(body.box for body in self.bodies.values()), *self.frames]), 24.0)

    def _starts(self, line: _DrawnEdge) -> list[End]:
        body, at = self.bodies[line.tail], line.curve[0]
        stub = _STUB + (_ARROW if line.arrow == "tail" else 0.0)
        if body.value:
            return [End(at, (1.0, 0.0), CLEAR + 0.5)]
        _, low, right, high = body.box
        x, y = _middle(body.box)
        east = at if abs(at[0] - right) < 3 else (right, y)
        return [
            End(east, (1.0, 0.0), stub),
            End((x, high), (0.0, 1.0), stub, _SIDE),
            End((x, low), (0.0, -1.0), stub, _SIDE),
        ]

    def _goals(self, line: _DrawnEdge) -> list[End]:
        body = self.bodies[line.head]
        if body.value:
            return [End(line.curve[-1], (1.0, 0.0), CLEAR + 0.5)]
        stub = _STUB + (_ARROW if line.arrow == "head" else 0.0)
        left, low, _, high = body.box
        x, y = _middle(body.box)
        tip = line.curve[-1]
        if not body.round and tip[0] < left + 3:  # at one of its entrances
            return [End((left, tip[1]), (1.0, 0.0), stub)]
        return [
            End(at, way, stub, cost + self._taken(line, at))
            for at, way, cost in (
                ((left, y), (1.0, 0.0), 0.0),
                ((x, high), (0.0, -1.0), 5.0),
                ((x, low), (0.0, 1.0), 5.0),
            )
        ]

    def _taken(self, line: _DrawnEdge, at: Point) -> float:
        """What it costs that another edge ends at the same point."""
        ends = (other.flat[-1] for other in self.lines if other is not line and other.head == line.head)
        return 2 * _SIDE if any(np.hypot(*(end - np.array(at))) < 12 for end in ends) else 0.0


# --- the new lines --------------------------------------------------------------------------------------------


def _with_arrow(curve: tuple[Point, ...], arrow: str) -> _Drawn:
    """A curve that ends where the head of its arrow begins, and that head."""
    if not arrow:
        return curve, ()
    points = list(curve if arrow == "head" else curve[::-1])
    tip, before = points[-1], points[-4]
    length = abs(tip[0] - before[0]) + abs(tip[1] - before[1])
    way = ((tip[0] - before[0]) / length, (tip[1] - before[1]) / length)
    foot = (tip[0] - _ARROW * way[0], tip[1] - _ARROW * way[1])
    wings = [(foot[0] + side * _HALF * way[1], foot[1] - side * _HALF * way[0]) for side in (1, -1)]
    points[-3:] = [
        (before[0] + share * (foot[0] - before[0]), before[1] + share * (foot[1] - before[1]))
        for share in (1 / 3, 2 / 3, 1)
    ]
    return tuple(points if arrow == "head" else points[::-1]), (wings[0], tip, wings[1])


def _redrawn(item: Item, curve: tuple[Point, ...], arrow: tuple[Point, ...]) -> Item:
    parts: list[Stroke | Text] = []
    for part in item.parts:
        if isinstance(part, Stroke) and part.form in ("curve", "polygon"):
            part = replace(part, points=curve if part.form == "curve" else arrow)
        parts.append(part)
    tip = [f"{item.at[:1]},{arrow[1][0]:.2f},{arrow[1][1]:.2f}"] if arrow else []
    at = " ".join([*tip, *(f"{x:.2f},{y:.2f}" for x, y in curve)])
    return replace(item, parts=tuple(parts), at=at)


def _box_around(scene: Scene, lines: Iterable[_Drawn]) -> Box:
    """The box of a picture, larger where lines were led around its edge."""
    points = np.array([point for curve, _ in lines for point in curve])
    (left, low), (right, high) = points.min(axis=0) - 6, points.max(axis=0) + 6
    box = scene.box
    return min(box[0], left), min(box[1], low), max(box[2], right), max(box[3], high)


# --- geometry -------------------------------------------------------------------------------------------------


def _text_box(part: Text) -> Box:
    x, y = part.at
    return x, y - 0.22 * part.size, x + part.width, y + 0.78 * part.size


def _part_box(part: Stroke | Text) -> Box:
    if isinstance(part, Text):
        return _text_box(part)
    if part.form == "ellipse":
        (x, y), (a, b) = part.points
        return x - a, y - b, x + a, y + b
    return _union((*point, *point) for point in part.points)


def _union(boxes: Iterable[Sequence[float]]) -> Box:
    left, low, right, high = zip(*boxes, strict=True)
    return min(left), min(low), max(right), max(high)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _clipped(box: Box, extent: Box) -> Box:
    return max(box[0], extent[0]), max(box[1], extent[1]), min(box[2], extent[2]), min(box[3], extent[3])


def _middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _holds(box: Box, point: Point) -> bool:
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def _overlap(box: Box, other: Sequence[float]) -> bool:
    return box[0] <= other[2] and box[2] >= other[0] and box[1] <= other[3] and box[3] >= other[1]


def _near(flat: np.ndarray, window: Box) -> bool:
    return _overlap(window, (*flat.min(axis=0), *flat.max(axis=0)))


def flattened(curve: Sequence[Point]) -> np.ndarray:
    """Points along Bézier curves."""
    points = np.array(curve, dtype=float)
    t = np.linspace(0, 1, _PIECES + 1)[1:, None, None]
    a, b, c, d = points[0:-1:3], points[1::3], points[2::3], points[3::3]
    along = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    return np.concatenate([points[:1], along.swapaxes(0, 1).reshape(-1, 2)])


def through(flat: np.ndarray, box: Box) -> bool:
    """Whether a broken line passes through the inside of a box."""
    return bool(_cut(flat, box).any())


def _cut(flat: np.ndarray, box: Box) -> np.ndarray:
    """Which pieces of a broken line pass through the inside of a box (Liang and Barsky's clipping)."""
    if box[2] <= box[0] or box[3] <= box[1]:
        return np.zeros(len(flat) - 1, dtype=bool)
    start, step = flat[:-1], np.diff(flat, axis=0)
    step = np.where(np.abs(step) < 1e-9, 1e-9, step)
    one, other = (np.array(box[:2]) - start) / step, (np.array(box[2:]) - start) / step
    enter, leave = np.minimum(one, other).max(axis=1), np.maximum(one, other).min(axis=1)
    return np.maximum(enter, 0) < np.minimum(leave, 1)


def through_ellipse(flat: np.ndarray, box: Box) -> bool:
    """Whether a broken line passes through the ellipse in a box."""
    if box[2] <= box[0] or box[3] <= box[1]:
        return False
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    start = (flat[:-1] - np.array(_middle(box))) / half
    step = np.diff(flat, axis=0) / half
    t = np.clip(-(start * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12), 0, 1)
    return bool((((start + t[:, None] * step) ** 2).sum(axis=1) < 1).any())


def border(flat: np.ndarray, frame: Box) -> tuple[int, float]:
    """How often a line crosses the border of a frame, and how many points of it lie on the border."""
    times = max(
        _transits(flat, frame), _transits(flat, _grown(frame, 1.0))
    )  # as well where it grazes a corner
    middle, step = (flat[1:] + flat[:-1]) / 2, np.diff(flat, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    along = 0.0
    for axis in (0, 1):
        beside = (middle[:, 1 - axis] > frame[1 - axis]) & (middle[:, 1 - axis] < frame[3 - axis])
        beside &= np.abs(step[:, axis]) < 0.25 * length
        for side in (frame[axis], frame[axis + 2]):
            along += float(length[beside & (np.abs(middle[:, axis] - side) < 2)].sum())
    return times, along


def _transits(flat: np.ndarray, box: Box) -> int:
    """How often a broken line crosses the sides of a box; at least twice where it cuts a corner off between two points."""
    inside = np.all((flat > box[:2]) & (flat < box[2:]), axis=1)
    corners = _cut(flat, box) & ~inside[1:] & ~inside[:-1]
    return int(np.count_nonzero(inside[1:] != inside[:-1])) + 2 * bool(corners.any())
