"""Ways between boxes: the cheapest line of level and upright pieces from one point to another, and its corners rounded.

The lines run on a grid through the middles and along the sides of what stands in their way (Wybrow, Marriott and Stuckey,
"Orthogonal connector routing", 2009); a search by A* weighs length, bends and the lines that are crossed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from math import inf
from typing import TypeAlias

import numpy as np

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
"""left, bottom, right, top"""

CLEAR = 2.5
"""Points that a line keeps from what it goes past."""

_FREE = 5.0
"""Points that it keeps where there is room."""

_BEND, _CROSSING, _SHARED = 24.0, 30.0, 400.0
"""What a bend, a crossing and a piece on another line cost, in points of length."""

_RADIUS = 7.0

_GREED = 1.3
"""How much the search is drawn to its goal: a way may cost so much more than the cheapest, and is found sooner."""

_LOOK = 6_000
"""Crossings of grid lines that are looked at around the end of a way, before it is searched for."""

_MOST = 30_000
"""A search is given up when so many corners are known: a worse picture is better than none."""


@dataclass(frozen=True)
class End:
    """Where a line may begin or end.

    at : the point
    way : the direction in which the line leaves it, or arrives at it
    stub : points that it keeps that direction at least
    cost : what choosing it costs
    """

    at: Point
    way: Point
    stub: float
    cost: float = 0.0


@dataclass(frozen=True)
class Obstacles:
    """What a line meets.

    solid : boxes that it does not enter
    borders : frames whose borders it may cross, which costs something
    closed : frames whose borders it may not cross, from inside or outside
    toll : what crossing a border costs, in points of length
    """

    solid: Sequence[Box]
    borders: Sequence[Box]
    closed: Sequence[Box]
    toll: float = 40.0


class Grid:
    """The grid of a search: its lines, and what each piece between two of them costs; None is a piece that is not free."""

    level: np.ndarray
    upright: np.ndarray

    def __init__(
        self, window: Box, obstacles: Obstacles, lines: Iterable[Sequence[Point]], ends: Sequence[Point]
    ) -> None:
        solid = [box for box in obstacles.solid if _meet(box, window)]
        frames = [box for box in (*obstacles.borders, *obstacles.closed) if _meet(box, window)]
        self.axes: list[list[float]] = [
            _coordinates(
                [(box[axis], box[axis + 2]) for box in solid],
                [side for box in frames for side in (box[axis], box[axis + 2])],
                [point[axis] for point in ends],
                (window[axis], window[axis + 2]),
            )
            for axis in (0, 1)
        ]
        x, y = self.axes
        # level[i, j] is the piece from x[i] to x[i+1] at y[j], upright[i, j] from y[j] to y[j+1] at x[i]
        self.level = np.repeat(np.diff(x)[:, None], len(y), axis=1)
        self.upright = np.repeat(np.diff(y)[None, :], len(x), axis=0)
        for line in lines:
            for one, other in pairwise(line):
                self._mark(one, other)
        for box in frames:
            self._add_border(box, inf if box in obstacles.closed else obstacles.toll)
        for box in solid:
            self._close(box)

    def _close(self, box: Box) -> None:
        x, y = self.axes
        i, j = (slice(bisect_right(a, b - CLEAR), bisect_left(a, c + CLEAR)) for a, b, c in _sides(box, x, y))
        self.level[max(i.start - 1, 0) : i.stop, j] = inf
        self.upright[i, max(j.start - 1, 0) : j.stop] = inf

    def _add_border(self, box: Box, cost: float) -> None:
        x, y = self.axes
        i, j = (slice(bisect_left(a, b), bisect_right(a, c)) for a, b, c in _sides(box, x, y))
        for side in (box[0], box[2]):
            place = bisect_left(x, side)
            if 0 < place < len(x):
                self.level[place - 1, j] += cost
            self.upright[_near(x, side), j.start : max(j.stop - 1, 0)] = inf  # along it
        for side in (box[1], box[3]):
            place = bisect_left(y, side)
            if 0 < place < len(y):
                self.upright[i, place - 1] += cost
            self.level[i.start : max(i.stop - 1, 0), _near(y, side)] = inf

    def _mark(self, one: Point, other: Point) -> None:
        """A piece of another line: crossing it costs something, and running along it much."""
        x, y = self.axes
        (left, low), (right, high) = (min(one[0], other[0]), min(one[1], other[1])), (
            max(one[0], other[0]),
            max(one[1], other[1]),
        )  # fmt: skip
        if right < x[0] or left > x[-1] or high < y[0] or low > y[-1]:
            return
        dx, dy = other[0] - one[0], other[1] - one[1]
        if abs(dy) < 1:
            self.level[max(bisect_right(x, left) - 1, 0) : bisect_left(x, right), _near(y, one[1])] += _SHARED
        if abs(dx) < 1:
            self.upright[_near(x, one[0]), max(bisect_right(y, low) - 1, 0) : bisect_left(y, high)] += _SHARED
        for j in range(bisect_left(y, low), bisect_left(y, high)):
            i = bisect_left(x, one[0] + dx * (y[j] - one[1]) / dy)
            if 0 < i < len(x):
                self.level[i - 1, j] += _CROSSING
        for i in range(bisect_left(x, left), bisect_left(x, right)):
            j = bisect_left(y, one[1] + dy * (x[i] - one[0]) / dx)
            if 0 < j < len(y):
                self.upright[i, j - 1] += _CROSSING

    def way(self, starts: Sequence[End], goals: Sequence[End]) -> list[Point] | None:
        """The corners of the cheapest way, its ends included; None where there is none."""
        x, y = self.axes
        level, upright = self.lists = self.level.tolist(), self.upright.tolist()
        waiting: list[tuple[float, float, int, int, int]] = []
        known: dict[tuple[int, int, int], float] = {}
        before: dict[tuple[int, int, int], tuple[int, int, int] | None] = {}
        first: dict[tuple[int, int, int], End] = {}
        last: dict[tuple[int, int, int], End] = {}
        for goal in goals:
            at = _moved(goal, -1)
            last.setdefault(
                (bisect_left(x, at[0] - 1e-6), bisect_left(y, at[1] - 1e-6), _heading(goal.way)), goal
            )
        far = [
            [_GREED * max(low - value, value - high, 0.0) for value in axis]
            for axis, low, high in zip(self.axes, *_span([_moved(goal, -1) for goal in goals]), strict=True)
        ]
        far_x, far_y = far

        for start in starts:
            at = _moved(start, 1)
            state = (bisect_left(x, at[0] - 1e-6), bisect_left(y, at[1] - 1e-6), _heading(start.way))
            known[state], before[state], first[state] = start.cost, None, start
            heappush(waiting, (start.cost + far_x[state[0]] + far_y[state[1]], start.cost, *state))
        begin, end = {state[:2] for state in first}, {state[:2] for state in last}
        if not self._open(end, begin) or not self._open(begin, end):
            return None
        best, found = inf, None
        while waiting and len(known) < _MOST:
            guess, cost, i, j, heading = heappop(waiting)
            if guess >= best:
                break
            state = (i, j, heading)
            if cost > known[state]:
                continue
            if state in last and cost + last[state].cost < best:
                best, found = cost + last[state].cost, state
            for turn, (di, dj) in enumerate(_WAYS):
                if turn == heading ^ 1:
                    continue
                a, b = i + di, j + dj
                if not (0 <= a < len(x) and 0 <= b < len(y)):
                    continue
                step = level[min(i, a)][j] if di else upright[i][min(j, b)]
                if step == inf:
                    continue
                total = cost + step + (_BEND if turn != heading else 0.0)
                following = (a, b, turn)
                if total < known.get(following, inf):
                    known[following], before[following] = total, state
                    heappush(waiting, (total + far_x[a] + far_y[b], total, *following))
        if found is None:
            return None
        points, state = [last[found].at], found
        while True:
            points.append((x[state[0]], y[state[1]]))
            previous = before[state]
            if previous is None:
                points.append(first[state].at)
                return _corners(points[::-1])
            state = previous

    def _open(self, goals: set[tuple[int, int]], starts: set[tuple[int, int]]) -> bool:
        """Whether a way leads from some crossings of the grid to others, as far as a short look around the first can tell."""
        level, upright = self.lists
        width, height = len(self.axes[0]), len(self.axes[1])
        waiting, seen = list(goals), set(goals)
        while waiting and len(seen) < _LOOK:
            i, j = waiting.pop()
            if (i, j) in starts:
                return True
            for di, dj in _WAYS:
                a, b = i + di, j + dj
                if (a, b) in seen or not (0 <= a < width and 0 <= b < height):
                    continue
                if (level[min(i, a)][j] if di else upright[i][min(j, b)]) < inf:
                    seen.add((a, b))
                    waiting.append((a, b))
        return bool(waiting)


_WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def _span(points: Sequence[Point]) -> tuple[Point, Point]:
    """The lower left and the upper right corner of the box around points."""
    x, y = zip(*points, strict=True)
    return (min(x), min(y)), (max(x), max(y))


def _heading(way: Point) -> int:
    return _WAYS.index((round(way[0]), round(way[1])))


def _moved(end: End, sign: int) -> Point:
    return end.at[0] + sign * end.stub * end.way[0], end.at[1] + sign * end.stub * end.way[1]


def grid_points(ends: Iterable[End], sign: int) -> list[Point]:
    """Where the search begins (sign 1) or ends (sign −1) for some ends."""
    return [_moved(end, sign) for end in ends]


def _meet(box: Box, other: Box) -> bool:
    return box[0] < other[2] and box[2] > other[0] and box[1] < other[3] and box[3] > other[1]


def _sides(box: Box, x: list[float], y: list[float]) -> tuple[tuple[list[float], float, float], ...]:
    return (x, box[0], box[2]), (y, box[1], box[3])


def _near(axis: list[float], value: float) -> slice:
    """The lines of a grid that are as near to a value as lines that lie on one another."""
    return slice(bisect_left(axis, value - CLEAR + 0.1), bisect_right(axis, value + CLEAR - 0.1))


def _coordinates(
    boxes: Sequence[tuple[float, float]],
    borders: Sequence[float],
    ends: Sequence[float],
    window: tuple[float, float],
) -> list[float]:
    """Where the lines of a grid run along one axis: beside what stands there, and between."""
    sides = sorted({round(side, 1) for pair in boxes for side in pair} | {round(side, 1) for side in borders})
    wanted = [side + shift for side in sides for shift in (-_FREE, _FREE)]
    for one, other in pairwise(sides):
        if other - one > 2 * CLEAR:
            wanted.append((one + other) / 2)
        if other - one > 6 * _FREE:
            wanted += [one + 2 * _FREE, other - 2 * _FREE]
    wanted += window
    kept = sorted(set(ends))
    for value in sorted(wanted):
        if window[0] <= value <= window[1]:
            place = bisect_left(kept, value)
            if all(abs(kept[at] - value) > 1.5 for at in (place - 1, place) if 0 <= at < len(kept)):
                kept.insert(place, value)
    return kept


def _corners(points: Sequence[Point]) -> list[Point]:
    """The points at which a line turns, and its ends."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) < 1e-6:
            continue
        if len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2], kept[-1]
            if abs((bx - ax) * (point[1] - by) - (by - ay) * (point[0] - bx)) < 1e-6:
                kept[-1] = point
                continue
        kept.append(point)
    return kept


def rounded(points: Sequence[Point]) -> tuple[Point, ...]:
    """A broken line as Bézier curves, its corners round: a first point, then three for each piece."""
    curve: list[Point] = [points[0]]

    def straight(end: Point) -> None:
        start = curve[-1]
        if start != end:
            curve.extend((_between(start, end, 1 / 3), _between(start, end, 2 / 3), end))

    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        sizes = [abs(a[0] - corner[0]) + abs(a[1] - corner[1]) for a in (before, after)]
        radius = min(_RADIUS, *(size / 2 for size in sizes))
        one, other = (
            _between(corner, a, radius / size) for a, size in zip((before, after), sizes, strict=True)
        )
        straight(one)
        curve.extend((_between(one, corner, 0.55), _between(other, corner, 0.55), other))
    straight(points[-1])
    return tuple(curve)


def _between(one: Point, other: Point, share: float) -> Point:
    return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])
