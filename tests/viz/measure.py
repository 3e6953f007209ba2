"""How good a drawing is, measured from its SVG alone: what the writers wrote, read as a viewer reads it.

An edge is a line from the end of one node to another; where it carries values its line goes through the rule between them. It
may enter and leave its own two nodes and the frames around one of them, each once; everything else that it meets is counted.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"

_PIECES = 12
"""A curve is measured as so many straight pieces."""

_ALONG = 8.0
"""Points that a line may lie beside a border or another line before it counts as lying on it."""

_BESIDE = 1.5

_TURN = np.radians(15)

Box = tuple[float, float, float, float]
"""left, top, right, bottom"""


@dataclass
class Node:
    """A node: its box, whether it is an ellipse, and the boxes of its texts."""

    box: Box
    round: bool
    texts: list[Box]
    shaped: bool


@dataclass
class Frame:
    box: Box
    titles: list[Box]


@dataclass
class Edge:
    """A line from one node to another; `values` is the key of the table that stands at it, if one does."""

    tail: str
    head: str
    points: np.ndarray
    values: str = ""


@dataclass
class Drawing:
    nodes: dict[str, Node] = field(default_factory=dict)
    frames: dict[str, Frame] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    values: dict[str, Node] = field(default_factory=dict)
    sizes: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Measured:
    """What is wrong with a drawing, in words, and its figures.

    meets : lines that run through or along what they do not belong to
    overlaps : nodes, titles and values that stand on one another
    crossings, bends : counted over all edges
    smallest : points of the smallest text at the size that the drawing states, indices and powers aside
    distance : the largest distance in points between the edge of a value's box and its line
    page : width and height in points at the size that the drawing states
    """

    meets: tuple[str, ...]
    overlaps: tuple[str, ...]
    crossings: int
    bends: int
    smallest: float
    distance: float
    page: tuple[float, float]


# --- reading --------------------------------------------------------------------------------------------------


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def _curve(text: str) -> np.ndarray:
    """The points along `M x,y C …`, of one or more curves."""
    points = np.array(_numbers(text)).reshape(-1, 2)
    along = [points[:1]]
    t = np.linspace(0, 1, _PIECES + 1)[1:, None]
    for start in range(0, len(points) - 3, 3):
        a, b, c, d = points[start : start + 4]
        along.append((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)
    return np.concatenate(along)


def _cells(text: str) -> np.ndarray:
    """The corners of the rectangles `M x,y h width v height h … z`."""
    numbers = np.array(_numbers(text)).reshape(-1, 5)
    return np.concatenate([numbers[:, :2], numbers[:, :2] + numbers[:, 2:4]])


def _shape(element: ET.Element) -> Box | None:
    """The box of what is drawn by one element that is no text."""
    kind = element.tag.removeprefix(SVG)
    if kind == "ellipse":
        x, y, rx, ry = (float(element.get(name, "nan")) for name in ("cx", "cy", "rx", "ry"))
        return x - rx, y - ry, x + rx, y + ry
    if kind in ("polygon", "polyline"):
        points = np.array(_numbers(element.get("points", ""))).reshape(-1, 2)
    elif kind == "path" and "h" in element.get("d", ""):
        points = _cells(element.get("d", ""))
    elif kind == "path":
        points = _curve(element.get("d", ""))
    else:
        return None
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def _text(element: ET.Element) -> Box:
    x, y, width, size = (float(element.get(name, "nan")) for name in ("x", "y", "textLength", "font-size"))
    return (
        x,
        y - 0.76 * size,
        x + width,
        y + (0.2 if re.search("[gjpqy(,)]", element.text or "") else 0.02) * size,
    )


def _around(boxes: Iterable[Box]) -> Box:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def read(svg: str) -> Drawing:
    """The drawing that an SVG of graphc's shows."""
    root = ET.fromstring(svg.encode())
    drawing = Drawing()
    scale = _scale(root, drawing)
    halves: dict[str, dict[str, tuple[str, np.ndarray]]] = {}
    for group in root.iter(f"{SVG}g"):
        kind, key = group.get("class", ""), group.get("data-key", "")
        texts = [element for element in group if element.tag == f"{SVG}text"]
        shapes = [box for element in group if (box := _shape(element)) is not None]
        boxes = [_text(element) for element in texts]
        large = max((float(element.get("font-size", "0")) for element in texts), default=0.0)
        for element in texts:
            size = float(element.get("font-size", "0"))
            if kind != "node" or not _is_index(element, texts, large):
                drawing.sizes.append(size * scale)
        if kind == "frame":
            drawing.frames[key] = Frame(_around(shapes), boxes)
        elif kind == "node" and re.fullmatch(r"(p\d+)*e\d+", key):
            drawing.values[key] = Node(_around([*shapes, *boxes]), False, boxes, False)
            lines = [element for element in group if element.tag != f"{SVG}text"]
            _note_distances(drawing, boxes, lines)
        elif kind == "node":
            round_ = any(element.tag == f"{SVG}ellipse" for element in group)
            drawing.nodes[key] = Node(_around(shapes or boxes), round_, boxes, bool(shapes))
        elif kind == "caption":
            drawing.nodes["caption"] = Node(_around(boxes), False, boxes, False)
        elif kind == "edge":
            tail, _, head = key.partition("-")
            lines = [_curve(element.get("d", "")) for element in group if element.tag == f"{SVG}path"]
            if not lines:
                continue
            for value, side, other in ((head, "in", tail), (tail, "out", head)):
                if re.fullmatch(r"(p\d+)*e\d+", value):
                    halves.setdefault(value, {})[side] = (other, lines[0])
                    break
            else:
                drawing.edges.append(Edge(tail, head, lines[0]))
    for value, sides in halves.items():
        (tail, first), (head, second) = sides["in"], sides["out"]
        drawing.edges.append(Edge(tail, head, np.concatenate([first, second]), value))
    _note_apart(drawing)
    return drawing


def _scale(root: ET.Element, drawing: Drawing) -> float:
    box = _numbers(root.get("viewBox", ""))
    drawing.width, drawing.height = (
        float(root.get(side, "nan").removesuffix("pt")) for side in ("width", "height")
    )
    return drawing.width / box[2]


def _is_index(element: ET.Element, texts: list[ET.Element], large: float) -> bool:
    """Whether a text is below or above the line of a larger one that ends where it begins."""
    x, size = float(element.get("x", "0")), float(element.get("font-size", "0"))
    return size < large and any(
        abs(float(other.get("x", "0")) + float(other.get("textLength", "0")) - x) < 1
        and float(other.get("font-size", "0")) > size
        and abs(float(other.get("y", "0")) - float(element.get("y", "0"))) < large
        for other in texts
    )


def _note_distances(drawing: Drawing, boxes: list[Box], lines: list[ET.Element]) -> None:
    """How far the innermost texts on either side are from the rule between them."""
    rules = [
        box for line in lines if (box := _shape(line)) is not None and box[3] - box[1] < 2 < box[2] - box[0]
    ]
    if len(rules) != 1:
        return
    y = (rules[0][1] + rules[0][3]) / 2
    above, below = [y - box[3] for box in boxes if box[3] <= y], [box[1] - y for box in boxes if box[1] >= y]
    drawing.gaps += [min(side) for side in (above, below) if side]


def _note_apart(drawing: Drawing) -> None:
    """How far the values on a line without a rule of its own are from the nearest line above them and below them."""
    for key, node in drawing.values.items():
        if not node.texts or any(edge.values == key for edge in drawing.edges):
            continue
        distances = [float("inf")]
        for axis in (0, 1):  # above and below a level line, or at the sides of an upright one
            box = _around(node.texts)
            middle = (box[axis] + box[axis + 2]) / 2
            sides = [side for text in node.texts for side in (text[1 - axis], text[3 - axis])]
            distances += [
                min(abs(level - side) for side in sides)
                for edge in drawing.edges
                for level in _levels(edge.points[:, :: 1 - 2 * axis], middle)
            ]
        drawing.gaps.append(min(distances))


def _levels(points: np.ndarray, x: float) -> list[float]:
    """Where a broken line passes above or below a point."""
    a, b = points[:-1], points[1:]
    over = (np.minimum(a[:, 0], b[:, 0]) <= x) & (x < np.maximum(a[:, 0], b[:, 0]))
    share = (x - a[over, 0]) / (b[over, 0] - a[over, 0])
    return (a[over, 1] + share * (b[over, 1] - a[over, 1])).tolist()


# --- measuring ------------------------------------------------------------------------------------------------


def measure(svg: str) -> Measured:
    """What is wrong with a drawing of graphc's and how large it is."""
    drawing = read(svg)
    return Measured(
        tuple(_meets(drawing)),
        tuple(_overlaps(drawing)),
        int(_crossings(drawing.edges)),
        int(sum(_bends(edge.points) for edge in drawing.edges)),
        min(drawing.sizes, default=float("nan")),
        max(drawing.gaps, default=0.0),
        (drawing.width, drawing.height),
    )


def _shrunk(box: Box, by: float) -> Box:
    return box[0] + by, box[1] + by, box[2] - by, box[3] - by


def _hits(points: np.ndarray, box: Box) -> bool:
    """Whether a broken line passes through the inside of a box."""
    start, step = points[:-1], np.diff(points, axis=0)
    low, high = np.array(box[:2]), np.array(box[2:])
    if (high <= low).any():
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - start) / step, (high - start) / step
    inside = (start > low) & (start < high)
    enter = np.where(step == 0, np.where(inside, -np.inf, np.inf), np.minimum(one, other)).max(axis=1)
    leave = np.where(step == 0, np.where(inside, np.inf, -np.inf), np.maximum(one, other)).min(axis=1)
    return bool(((enter < leave) & (enter < 1) & (leave > 0)).any())


def _hits_node(points: np.ndarray, node: Node, by: float = 0.5) -> bool:
    box = _shrunk(node.box, by)
    if not node.round:
        return _hits(points, box)
    centre, half = (
        np.array([box[0] + box[2], box[1] + box[3]]) / 2,
        np.array([box[2] - box[0], box[3] - box[1]]) / 2,
    )
    start, end = (points[:-1] - centre) / half, (points[1:] - centre) / half
    step = end - start
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    t = np.clip(-(start * step).sum(axis=1) / length, 0, 1)
    return bool((((start + t[:, None] * step) ** 2).sum(axis=1) < 1).any())


def _inside(inner: Box, outer: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] < x < outer[2] and outer[1] < y < outer[3]


def _meets(drawing: Drawing) -> Iterable[str]:
    for edge in drawing.edges:
        name = f"{edge.tail}→{edge.head}"
        low, high = edge.points.min(axis=0), edge.points.max(axis=0)

        def near(box: Box, low: np.ndarray = low, high: np.ndarray = high) -> bool:
            return box[0] <= high[0] and box[2] >= low[0] and box[1] <= high[1] and box[3] >= low[1]

        for key, node in drawing.nodes.items():
            if near(node.box) and _hits_node(
                edge.points, node, 4.0 if key in (edge.tail, edge.head) else 0.5
            ):
                yield f"{name} through {key}"
        for key, node in drawing.values.items():
            boxes = [box for box in node.texts if near(box)]
            if any(_hits(edge.points, _shrunk(box, 0.5)) for box in boxes):
                yield f"{name} through the values at {key}"
        for key, frame in drawing.frames.items():
            if any(_hits(edge.points, _shrunk(box, 0.5)) for box in frame.titles):
                yield f"{name} through the title of {key}"
            around = [
                _inside(drawing.nodes[end].box, frame.box)
                for end in (edge.tail, edge.head)
                if end in drawing.nodes
            ]
            times, along = _border(edge.points, frame.box)
            allowed = 1 if len(set(around)) == 2 else 0
            if times > allowed:
                yield f"{name} crosses the border of {key} {times} times, not {allowed}"
            if along > _ALONG:
                yield f"{name} along the border of {key} for {along:.0f} points"


def _border(points: np.ndarray, box: Box) -> tuple[int, float]:
    """How often a line crosses the border of a box, and how long it lies on it."""
    inside = np.all((points > np.array(box[:2])) & (points < np.array(box[2:])), axis=1)
    times = int((inside[1:] != inside[:-1]).sum())
    pieces = np.linalg.norm(np.diff(points, axis=0), axis=1)
    middle = (points[1:] + points[:-1]) / 2
    beside = np.zeros(len(middle), dtype=bool)
    for axis in (0, 1):
        within = (middle[:, 1 - axis] > box[1 - axis]) & (middle[:, 1 - axis] < box[3 - axis])
        straight = np.abs(np.diff(points[:, axis])) < 0.2 * np.maximum(pieces, 1e-9)
        for side in (box[axis], box[axis + 2]):
            beside |= within & straight & (np.abs(middle[:, axis] - side) < _BESIDE)
    return times, float(pieces[beside].sum())


def _overlaps(drawing: Drawing) -> Iterable[str]:
    texts = [(f"the values at {key}", box) for key, node in drawing.values.items() for box in node.texts]
    texts += [(f"the title of {key}", box) for key, frame in drawing.frames.items() for box in frame.titles]
    bodies = [(key, node.box) for key, node in drawing.nodes.items()]
    things = [(name, _shrunk(box, 0.5)) for name, box in (*texts, *bodies)]
    boxes = np.array([box for _, box in things]).reshape(-1, 4)
    meeting = (boxes[:, None, :2] < boxes[None, :, 2:]).all(axis=2)
    meeting &= meeting.T
    for one, other in np.argwhere(np.triu(meeting, 1)):
        yield f"{things[one][0]} on {things[other][0]}"
    for name, box in things:
        for key, frame in drawing.frames.items():
            apart = any(box[n] >= frame.box[n + 2] or box[n + 2] <= frame.box[n] for n in (0, 1))
            within = (
                box[0] >= frame.box[0]
                and box[1] >= frame.box[1]
                and box[2] <= frame.box[2]
                and box[3] <= frame.box[3]
            )
            if not apart and not within:
                yield f"{name} on the border of {key}"
    for one, other in combinations(drawing.frames, 2):
        a, b = drawing.frames[one].box, drawing.frames[other].box
        apart = any(a[n] >= b[n + 2] or a[n + 2] <= b[n] for n in (0, 1))
        nested = any(
            p[0] <= q[0] and p[1] <= q[1] and p[2] >= q[2] and p[3] >= q[3] for p, q in ((a, b), (b, a))
        )
        if not apart and not nested:
            yield f"{one} on {other}"
    for node in drawing.nodes.values():  # a node's own texts stand inside it
        for one, other in combinations([_shrunk(box, 0.5) for box in node.texts], 2):
            if all(one[n] < other[n + 2] and other[n] < one[n + 2] for n in (0, 1)):
                yield "two texts of a node on one another"
        for box in node.texts if node.shaped else ():
            if box[0] < node.box[0] - 1 or box[2] > node.box[2] + 1:
                yield "a label wider than its node"


def _bends(points: np.ndarray) -> int:
    """How often a line turns: runs of turning one way by at least 15 degrees in all."""
    steps = np.diff(points, axis=0)
    steps = steps[np.linalg.norm(steps, axis=1) > 0.05]
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    turns = (np.diff(angles) + np.pi) % (2 * np.pi) - np.pi
    count, run = 0, 0.0
    for turn in turns:
        if abs(turn) < 1e-3 or turn * run < 0:
            count += abs(run) > _TURN
            run = 0.0
        run += turn if abs(turn) >= 1e-3 else 0.0
    return count + (abs(run) > _TURN)


def _crossings(edges: list[Edge]) -> int:
    """Points at which two lines cross that do not meet there in a common node."""
    boxes = [(*edge.points.min(axis=0), *edge.points.max(axis=0)) for edge in edges]
    count = 0
    for one, other in combinations(range(len(edges)), 2):
        a, b = boxes[one], boxes[other]
        if a[0] > b[2] or b[0] > a[2] or a[1] > b[3] or b[1] > a[3]:
            continue
        count += _cross(*_forked(edges[one], edges[other]))
    return count


def _forked(one: Edge, other: Edge) -> tuple[np.ndarray, np.ndarray]:
    """The points of two lines without what they have in common at a node that both begin or end at."""
    a, b = one.points, other.points
    if one.tail == other.tail:
        a, b = _parted(a, b)
    if one.head == other.head:
        a, b = (line[::-1] for line in _parted(a[::-1], b[::-1]))
    return a, b


def _parted(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two lines from where the one is no longer on the other."""
    starts = []
    for one, other in ((a, b), (b, a)):
        apart = _to_line(one, other) > 0.05
        starts.append(max(0, int(apart.argmax()) - 1) if apart.any() else len(one) - 1)
    return a[starts[0] :], b[starts[1] :]


def _to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """The distance of each point from a broken line."""
    start, step = line[None, :-1], np.diff(line, axis=0)[None]
    length = np.maximum((step**2).sum(axis=2), 1e-12)
    t = np.clip(((points[:, None] - start) * step).sum(axis=2) / length, 0, 1)
    return np.linalg.norm(points[:, None] - start - t[..., None] * step, axis=2).min(axis=1)


def _cross(one: np.ndarray, other: np.ndarray) -> int:
    p, r = one[:-1, None], np.diff(one, axis=0)[:, None]
    q, s = other[None, :-1], np.diff(other, axis=0)[None]
    across = r[..., 0] * s[..., 1] - r[..., 1] * s[..., 0]
    gap = q - p
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (gap[..., 0] * s[..., 1] - gap[..., 1] * s[..., 0]) / across
        u = (gap[..., 0] * r[..., 1] - gap[..., 1] * r[..., 0]) / across
    where = np.argwhere((across != 0) & (t >= 0) & (t < 1) & (u >= 0) & (u < 1))
    ends = np.array([one[0], one[-1], other[0], other[-1]])
    met = [one[i] + t[i, j] * (one[i + 1] - one[i]) for i, j in where]
    return sum(np.linalg.norm(ends - point, axis=1).min() > 3 for point in met)
