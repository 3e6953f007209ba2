"""Where the parts of a picture stand: a view laid out by Graphviz, as plain data.

The text that is laid out has no label of the user's in it: nodes are boxes and circles of known sizes, and each edge is split by
a box that leaves room for a value above its line and one below.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

from graphc.ir.formatting import name_parts, visible
from graphc.viz.graphviz_engine import render
from graphc.viz.view_graph import View, ViewEdge, ViewNode

SIZE = 15.0
"""Points of a label's letters."""

VALUE = 12.0
"""Points of a value's letters."""

PLACE = 9.0
"""Points of the letters of an entrance's name."""

_ORDERED = 8
"""So many symbols stand in the order of the inputs."""

Point = tuple[float, float]


@dataclass(frozen=True)
class PlacedNode:
    """A node with its centre and size, in points from the upper left corner.

    round : whether it is a circle
    places : names of its entrances, from top to bottom
    """

    view: ViewNode
    x: float
    y: float
    width: float
    height: float
    round: bool
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlacedEdge:
    """An edge: Bézier curves from the tail to the line under the value and on to the head.

    curves : for each half its points: a first one, then three for each piece
    x, y, width : the middle and length of the line that carries the value
    """

    view: ViewEdge
    curves: tuple[tuple[Point, ...], tuple[Point, ...]]
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Layout:
    """A picture's parts, and its size in points."""

    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    width: float
    height: float


def text_width(text: str, size: float) -> float:
    """About how many points a text is wide in a font with wide letters."""
    return size * sum(
        0.9 if character in "−×…=" else 0.4 if character in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻.,()" else 0.64 for character in text
    )


def shown(node: ViewNode) -> tuple[str, str]:
    """What a node says, and its index: names of symbols have one."""
    return name_parts(visible(node.label)) if node.kind in ("symbol", "output") else (visible(node.label), "")


def _size(node: ViewNode, total: bool, places: tuple[str, ...]) -> tuple[float, float, bool]:
    letter, index = shown(node)
    wide = text_width(letter, SIZE) + text_width(index, 0.7 * SIZE)
    if node.kind in ("output", "constant"):
        return wide + 10, 25.0, False
    if node.kind == "symbol" or total or places or wide > 34:
        wide = max(wide, text_width("Σ −88.88", VALUE - 1) if total else 0.0)
        beside = max((text_width(name, PLACE) for name in places), default=0.0)
        return max(wide + beside + 20, 36.0), max(50.0 if total else 36.0, 20.0 * len(places)), False
    return 46.0, 46.0, True


def place(view: View, room: dict[int, float], totals: frozenset[str]) -> Layout:
    """The layout of a view.

    Parameters
    ----------
    room : the number of an edge → points that its value may be wide; edges that are left out have no values
    totals : keys of the nodes that show a sum under their label

    Raises `RenderError` where nothing lays out, as for any diagram.
    """
    entrances: dict[str, list[tuple[int, str]]] = {}
    for edge in view.edges:
        if edge.place:
            entrances.setdefault(edge.head, []).append((edge.slot, edge.place))
    places = {key: tuple(name for _, name in sorted(found)) for key, found in entrances.items()}
    ports = {(key, slot): n for key, found in entrances.items() for n, (slot, _) in enumerate(sorted(found))}
    sizes = {node.key: _size(node, node.key in totals, places.get(node.key, ())) for node in view.nodes}
    boxes = {node.key: _box(node.key, *sizes[node.key], len(places.get(node.key, ()))) for node in view.nodes}
    symbols = [node.key for node in view.nodes if node.kind == "symbol"]
    lines = [
        'digraph { graph [rankdir=LR, nodesep=0.2, ranksep=0.25]; edge [dir=none]; node [fixedsize=true, label=""];'
    ]
    lines += ["{ rank=source;", *(boxes[key] for key in symbols)]
    if len(symbols) <= _ORDERED:
        lines += [f'"{upper}" -> "{lower}" [style=invis, id=order];' for upper, lower in pairwise(symbols)]
    lines += ["}", *(boxes[node.key] for node in view.nodes if node.kind != "symbol")]
    for number, edge in enumerate(view.edges):
        wide = max(room.get(number, 12.0), 12.0)
        entrance = ports.get((edge.head, edge.slot))
        port = "" if entrance is None else f":p{entrance}:w"
        lines.append(_box(f"e{number}", wide, 2 * VALUE + 6 if number in room else 8.0, False, 0))
        lines.append(f'"{edge.tail}" -> "e{number}":w [id="t{number}", weight=8];')
        lines.append(f'"e{number}":e -> "{edge.head}"{port} [id="h{number}", weight=2];')
    source = "\n".join([*lines, "}"])
    found = json.loads(render(source, "json", parts=len(view.nodes) + 3 * len(view.edges)))
    _, _, width, height = (float(number) for number in found["bb"].split(","))
    centres = {item["name"]: _point(item["pos"], height) for item in found["objects"] if "pos" in item}
    curves = {
        item["id"]: tuple(_point(pair, height) for pair in item["pos"].split() if pair[0] not in "es")
        for item in found.get("edges", ())
    }
    nodes = tuple(
        PlacedNode(node, *centres[node.key], *sizes[node.key], places.get(node.key, ()))
        for node in view.nodes
    )
    edges = tuple(
        PlacedEdge(
            edge,
            (curves[f"t{number}"], curves[f"h{number}"]),
            *centres[f"e{number}"],
            max(room.get(number, 12.0), 12.0),
        )
        for number, edge in enumerate(view.edges)
    )
    return Layout(nodes, edges, width, height)


def _box(key: str, width: float, height: float, round_: bool, entrances: int) -> str:
    shape = "circle" if round_ else "record" if entrances else "box"
    label = "|".join(f"<p{number}>" for number in range(entrances))
    return f'"{key}" [shape={shape}, label="{label}", width={width / 72:.4f}, height={height / 72:.4f}];'


def _point(text: str, height: float) -> Point:
    x, y = (float(number) for number in text.split(","))
    return x, height - y
