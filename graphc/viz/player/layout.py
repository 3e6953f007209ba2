"""Where the parts of a player's picture stand: the diagram's own layout, with room on its lines for values that change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from graphc.errors import RenderError
from graphc.ir.formatting import LARGEST_SHOWN
from graphc.viz.layered.components import components
from graphc.viz.layered.drawn import DrawnPart
from graphc.viz.layered.place import Sides, place
from graphc.viz.layout_scene import Item, Scene, Stroke
from graphc.viz.model import View
from graphc.viz.style import Style

VALUE = 12.0
"""Points of a value's letters."""

_ROW = 1.3
"""A line of text is so many times as high as its letters."""

_CELL = 6.0
"""Points that a cell of a heat map is wide and high, where there is room for it."""

_MAP = (96.0, 64.0)
"""Points that a heat map on a line is wide and high at most."""

RANGE = 11.0
"""Points of the line over a heat map that tells its range."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ValueBox:
    """The room of a value: how it is shown, and how large that is in points.

    form : 'number', 'matrix' for an array whose elements are written out, 'heat' for a map of colours
    rows, columns : of what is shown; of an array with more axes all but the last one are rows
    """

    form: str
    width: float
    height: float
    rows: int = 1
    columns: int = 1
    figures: int = 0


@dataclass(frozen=True)
class PlacedEdge:
    """The line of an edge with its arrow, and the left upper corners of what stands over it and under it."""

    line: Item
    over: tuple[float, float] | None
    under: tuple[float, float] | None


@dataclass(frozen=True)
class Layout:
    """A picture's parts; y upwards, as in a `Scene`."""

    scene: Scene
    frames: list[Item]
    nodes: dict[str, Item]
    edges: dict[int, PlacedEdge]


def text_width(text: str, size: float) -> float:
    """About how many points a text is wide in a font with wide letters."""
    return size * sum(
        0.9 if character in "−×…=" else 0.4 if character in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻.,()" else 0.64 for character in text
    )


def form_of(shape: Shape) -> str:
    """How an array of a shape is shown.

    >>> form_of(()), form_of((6,)), form_of((2, 3)), form_of((7,)), form_of((2, 2, 2)), form_of((0, 2))
    ('number', 'matrix', 'matrix', 'heat', 'heat', 'number')
    """
    if not shape or 0 in shape:
        return "number"
    return "matrix" if len(shape) <= 2 and max(shape) <= LARGEST_SHOWN else "heat"


def grid_of(shape: Shape) -> tuple[int, int]:
    """Rows and columns in which an array is shown."""
    return (prod(shape[:-1]), shape[-1]) if shape else (1, 1)


def value_box(shape: Shape, figures: int) -> ValueBox:
    """The room of a value whose numbers have at most so many characters."""
    rows, columns = grid_of(shape)
    match form_of(shape):
        case "number":
            return ValueBox("number", text_width("0" * figures, VALUE) + 6, _ROW * VALUE, figures=figures)
        case "matrix":
            wide = columns * (text_width("0" * figures, VALUE - 1) + 5) + 8
            return ValueBox("matrix", wide, rows * 15.0 + 2, rows, columns, figures)
        case _:
            width = min(_MAP[0], max(40.0, _CELL * columns))
            return ValueBox(
                "heat", max(width, 64.0), min(_MAP[1], max(10.0, _CELL * rows)) + RANGE, rows, columns
            )


def laid_out(
    view: View, style: Style, boxes: Mapping[int, tuple[ValueBox | None, ValueBox | None]]
) -> Layout:
    """The layout of a view whose values have rooms: by the number of the edge, over its line and under it.

    Frames that lead into one another in a circle are left out. Raises `RenderError` for a view that is too large.
    """
    values: list[Sides] = [
        (_room(over), _room(under))
        for over, under in (boxes.get(number, (None, None)) for number in range(len(view.edges)))
    ]
    scene = place(view, style, 3, "right", None, values)
    if scene is None:
        view = replace(view, nodes=tuple(replace(node, block=()) for node in view.nodes), sides={})
        scene = place(view, style, 3, "right", None, values)
    if scene is None:
        raise RenderError(
            f"a picture of {len(view.nodes)} nodes is too large for a player",
            hint="name blocks with g.scope, which a player opens and closes; .svg and .dot take larger pictures",
        )
    lines = iter([item for item in scene.items if item.kind == "edge"])
    rooms = {item.key: item for item in scene.items if item.key[:1] == "e" and item.key[1:].isdigit()}
    edges: dict[int, PlacedEdge] = {}
    for component in components(view):
        for number in component.edges:
            corners = [_corner(part) for part in rooms[f"e{number}"].parts] if f"e{number}" in rooms else []
            over = corners.pop(0) if values[number][0] is not None and corners else None
            edges[number] = PlacedEdge(next(lines), over, corners[0] if corners else None)
    keys = {node.key for node in view.nodes}
    nodes = {item.key: item for item in scene.items if item.kind == "node" and item.key in keys}
    return Layout(scene, [item for item in scene.items if item.kind == "frame"], nodes, edges)


def _room(box: ValueBox | None) -> DrawnPart | None:
    """An empty place as what stands on a line."""
    if box is None:
        return None
    x, y = box.width / 2, box.height / 2
    corners = ((-x, y), (x, y), (x, -y), (-x, -y))
    return DrawnPart(Item("node", "", "", (Stroke("polygon", corners, None, None, 0.0),)), (-x, -y, x, y))


def _corner(part: object) -> tuple[float, float]:
    assert isinstance(part, Stroke)
    return part.points[0]


__all__ = [
    "RANGE",
    "VALUE",
    "Layout",
    "PlacedEdge",
    "ValueBox",
    "form_of",
    "grid_of",
    "laid_out",
    "value_box",
]
