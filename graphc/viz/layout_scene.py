"""A diagram that is laid out, as a list of strokes and texts: what the writers of SVG and TikZ have in common.

Graphviz says what it would draw (its JSON with xdot operations); here that becomes plain data, so that every writer draws the
same picture. Coordinates are points, y upwards. Source: https://graphviz.org/docs/outputs/canon/#xdot.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from graphc.errors import RenderError

IMAGE = "#00000001"
"""The fill of a cell in whose place an image is drawn; no style has it."""

ITALIC, SUPERSCRIPT, SUBSCRIPT = 2, 8, 16
"""Bits of a text's form."""


@dataclass(frozen=True)
class Stroke:
    """A line or an area.

    form : 'ellipse' (points: middle and half axes), 'polygon', 'polyline', 'curve' (one point and then three for each piece) or
        'cells' (for each rectangle its lower left and its upper right corner)
    points : coordinates
    line, fill : colours as #rrggbb; None for no line, or no fill
    width : of the line, in points
    dashed : whether the line is
    """

    form: str
    points: tuple[tuple[float, float], ...]
    line: str | None
    fill: str | None
    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    """One line of text: where it begins, how wide it is laid out, and how it looks.

    form : bits of ITALIC, SUPERSCRIPT and SUBSCRIPT
    """

    text: str
    at: tuple[float, float]
    width: float
    size: float
    font: str
    colour: str
    form: int


@dataclass(frozen=True)
class Item:
    """A node, an edge or a frame: its name in the DOT text, what it tells when pointed at, and its parts from back to front.

    at : where an edge runs, as DOT writes it
    split : of what stands on an edge, how many parts stand over it; the rest stands under it
    """

    kind: str
    key: str
    tip: str
    parts: tuple[Stroke | Text, ...]
    at: str = ""
    split: int = 0


@dataclass(frozen=True)
class Scene:
    """A picture: its box (left, bottom, right, top), the scale at which it fits its page, and its items from back to front."""

    box: tuple[float, float, float, float]
    scale: float
    background: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class _Pen:
    line: str | None = "#000000"
    fill: str | None = None
    width: float = 1.0
    size: float = 12.0
    font: str = ""
    form: int = 0
    dashed: bool = False


def read(content: bytes) -> Scene:
    """The scene that Graphviz's JSON describes; raises `RenderError` for what is none."""
    try:
        data = json.loads(content)
        left, bottom, right, top = (float(number) for number in data["bb"].split(","))
        pad = 72 * float(data.get("pad", "0.08"))
        pages = [72 * float(length) for length in data["size"].split(",")]
        objects, edges = data.get("objects", []), data.get("edges", [])
        names = {entry["_gvid"]: entry["name"] for entry in objects}
        items = [_item("frame", entry) for entry in objects if "nodes" in entry or "subgraphs" in entry]
        items += [_item("edge", entry, names) for entry in edges]
        items += [
            _item("node", entry) for entry in objects if "nodes" not in entry and "subgraphs" not in entry
        ]
        caption = _item("caption", {**data, "_draw_": []})
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise RenderError(f"the layout engine's answer cannot be read: {error}") from error
    box = (left - pad, bottom - pad, right + pad, top + pad)
    scale = min(1.0, pages[0] / (box[2] - box[0]), pages[1] / (box[3] - box[1]))
    shown = tuple(item for item in [*items, replace(caption, tip="")] if item.parts)
    return Scene(box, scale, str(data.get("bgcolor", "#FFFFFF")), shown)


def read_items(content: bytes) -> dict[str, Item]:
    """The nodes that Graphviz's JSON describes, each around its own middle; raises `RenderError` for what is none."""
    try:
        items: dict[str, Item] = {}
        for entry in json.loads(content).get("objects", []):
            x, y = (float(number) for number in entry["pos"].split(","))
            item = _item("node", entry)
            items[item.key] = replace(item, parts=tuple(moved(part, -x, -y) for part in item.parts))
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise RenderError(f"the layout engine's answer cannot be read: {error}") from error
    return items


def moved(part: Stroke | Text, x: float, y: float) -> Stroke | Text:
    """A part of a picture elsewhere."""
    if isinstance(part, Text):
        return replace(part, at=(part.at[0] + x, part.at[1] + y))
    if part.form == "ellipse":
        (cx, cy), half = part.points
        return replace(part, points=((cx + x, cy + y), half))
    return replace(part, points=tuple((px + x, py + y) for px, py in part.points))


def rounded(left: float, low: float, right: float, high: float, r: float) -> tuple[tuple[float, float], ...]:
    """A rectangle with round corners of radius r, as a curve."""
    k = 0.45 * r
    curve: list[tuple[float, float]] = [(left + r, high)]
    for (x, y), one, other in (
        ((right, high), (-1, 0), (0, -1)),
        ((right, low), (0, 1), (-1, 0)),
        ((left, low), (1, 0), (0, 1)),
        ((left, high), (0, -1), (1, 0)),
    ):
        before = (x + r * one[0], y + r * one[1])
        behind = (x + r * other[0], y + r * other[1])
        curve += [curve[-1], before, before]
        curve += [(x + k * one[0], y + k * one[1]), (x + k * other[0], y + k * other[1]), behind]
    return tuple(curve)


_DRAWN = ("_draw_", "_ldraw_", "_tdraw_", "_hdraw_")


def _item(kind: str, entry: dict[str, Any], names: dict[int, str] | None = None) -> Item:
    key = entry["name"] if names is None else f"{names[entry['tail']]}-{names[entry['head']]}"
    parts: list[Stroke | Text] = []
    for stage in _DRAWN:
        pen = _Pen()
        for operation in entry.get(stage, ()):
            pen = _drawn(operation, pen, parts)
    parts = _with_images(parts, str(entry.get("comment", "")).split())
    tip = str(entry.get("tooltip", "")).strip() if kind != "edge" else ""
    at = str(entry.get("pos", "")) if kind == "edge" else ""
    return Item(kind, str(key), tip.replace("\\\\", "\\"), tuple(parts), at)


def _with_images(parts: list[Stroke | Text], images: list[str]) -> list[Stroke | Text]:
    """The parts with images where their cells are, in their order."""
    waiting = iter(images)
    found: list[Stroke | Text] = []
    for part in parts:
        if isinstance(part, Text) or part.fill != IMAGE:
            found.append(part)
        else:
            xs, ys = zip(*part.points, strict=True)
            found += _image(next(waiting), min(xs), max(ys))
    return found


def _image(text: str, left: float, top: float) -> list[Stroke]:
    """An image: the cells of each colour, those beside and below each other as one where they are as wide."""
    about = text.split(";")
    columns, rows, cell = map(int, about[:3])
    colours, levels = about[3].lower().split(","), about[4]
    begun: dict[tuple[str, int, int], int] = {}
    drawn: dict[str, list[tuple[float, float]]] = {}
    for row in range(rows + 1):
        runs, at = set(), 0
        for level, run in groupby(levels[row * columns : (row + 1) * columns]):
            runs.add((level, at, at := at + sum(1 for _ in run)))
        for level, first, end in sorted(begun.keys() - runs):
            high = top - cell * begun.pop((level, first, end))
            drawn.setdefault(level, []).extend(
                [(left + cell * first, top - cell * row), (left + cell * end, high)]
            )
        begun |= dict.fromkeys(runs - begun.keys(), row)
    return [
        Stroke("cells", tuple(corners), None, colours[ord(level) - ord("a")], 0.0)
        for level, corners in drawn.items()
    ]


_FORMS = {"p": "polygon", "b": "curve", "l": "polyline", "e": "ellipse"}


def _drawn(operation: dict[str, Any], pen: _Pen, parts: list[Stroke | Text]) -> _Pen:
    """The pen after one operation; what it draws is appended to the parts."""
    op = operation["op"]
    if op in "cC":
        colour = _colour(operation["color"])
        return replace(pen, line=colour) if op == "c" else replace(pen, fill=colour)
    if op == "S":
        width = re.fullmatch(r"setlinewidth\(([\d.]+)\)", operation["style"])
        if operation["style"] in ("solid", "dashed"):
            return replace(pen, dashed=operation["style"] == "dashed")
        return replace(pen, width=float(width[1])) if width else pen
    if op == "F":
        return replace(pen, size=float(operation["size"]), font=operation["face"])
    if op == "t":
        return replace(pen, form=int(operation["fontchar"]))
    if op == "T":
        text, at = operation["text"].replace("\\\\", "\\").strip(" "), operation["pt"]
        shift = {"l": 0.0, "c": 0.5, "r": 1.0}[operation["align"]] * operation["width"]
        if text.strip("\xa0\u200a "):
            where = (float(at[0]) - shift, float(at[1]))
            colour = pen.line or "#000000"
            parts.append(Text(text, where, float(operation["width"]), pen.size, pen.font, colour, pen.form))
        return pen
    form = _FORMS[op.lower()]
    if form == "ellipse":
        x, y, half_width, half_height = operation["rect"]
        points: tuple[tuple[float, float], ...] = ((x, y), (half_width, half_height))
    else:
        points = tuple((float(x), float(y)) for x, y in operation["points"])
    # in this language a capital letter says that the area is filled, but that of an open line, which has no other
    filled = op.isupper() and form != "polyline"
    parts.append(Stroke(form, points, pen.line, pen.fill if filled else None, pen.width, pen.dashed))
    return pen


def _colour(text: str) -> str | None:
    """#rrggbb, or None for what is transparent."""
    if text == IMAGE:
        return text
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return text.lower()
    if re.fullmatch(r"#[0-9a-fA-F]{8}", text):
        return None if text.endswith("00") else text[:7].lower()
    return None if text == "transparent" else "#000000"
