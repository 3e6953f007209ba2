"""Nodes, values and titles as they are drawn, each around its own middle: Graphviz sets the texts and knows their widths.

Nothing is laid out for that, so it takes a few milliseconds; what stands where is decided afterwards.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphc.errors import RenderError
from graphc.ir.scopes import Block
from graphc.viz.graphviz_engine import AS_PLACED, LAYOUT, render
from graphc.viz.layout_scene import Item, Stroke, Text, moved, read_items
from graphc.viz.model import View, ViewNode
from graphc.viz.style import Style
from graphc.viz.writers import labels, markup
from graphc.viz.writers.dot import empty

Bounds = tuple[float, float, float, float]
"""left, bottom, right, top; y upwards"""


@dataclass(frozen=True)
class DrawnPart:
    """What is drawn of one thing around its middle, and its bounds."""

    item: Item
    bounds: Bounds

    def at(self, x: float, y: float) -> Item:
        """It with its middle at a point."""
        return replace(self.item, parts=tuple(moved(part, x, y) for part in self.item.parts))


@dataclass(frozen=True)
class DrawnView:
    """All that is drawn of a view but its lines and frames.

    nodes : by key
    values : of each edge what stands over its line and under it
    titles : of the frames
    caption : what stands below the picture
    """

    nodes: dict[str, DrawnPart]
    values: list[tuple[DrawnPart | None, DrawnPart | None]]
    titles: dict[Block, DrawnPart]
    caption: DrawnPart | None


def drawn(
    view: View,
    style: Style,
    digits: int,
    layout: str,
    decimals: int | None,
    places: dict[str, list[tuple[int, str]]],
    blocks: Sequence[Block],
    known: dict[Hashable, DrawnPart | None] | None = None,
) -> DrawnView:
    """What is drawn of a view; raises `RenderError` where nothing sets its texts.

    known : what was drawn before, by how it is written; more is put there
    """
    graph = empty(view, style, False, layout)
    down = layout == "down"
    dearest = max((node.cost for node in view.nodes), default=0.0)
    attributes: dict[str, dict[str, str]] = {}

    def add(node: ViewNode) -> None:
        attributes[node.key] = labels.node(
            node, places.get(node.key, []), down, style, digits, dearest, decimals
        )

    for node in view.nodes:
        add(node)
    sides: list[tuple[str, str]] = []
    for number, edge in enumerate(view.edges):
        texts = (
            ([], [])
            if edge.hidden or edge.feedback
            else labels.rows(edge, view.show, style, digits, decimals)
        )
        names = [
            f"{side} {number}" if rows else "" for side, rows in zip(("over", "under"), texts, strict=True)
        ]
        for name, rows, align in zip(names, texts, ("RIGHT", "LEFT"), strict=True):
            if name:
                attributes[name] = labels.side(rows, style, align if down else "")
        sides.append((names[0], names[1]))
    for number, block in enumerate(blocks):
        text = markup.html(markup.font(block[-1], style.note, style.value_size))
        attributes[f"title {number}"] = {
            "label": text,
            "shape": "plain",
            "style": "",
            "tooltip": labels.quoted(" / ".join(block)),
        }
    if view.caption:
        attributes["caption"] = {"label": labels.caption(view.caption, style), "shape": "plain", "style": ""}
    found = _found(graph, attributes, {} if known is None else known)
    missing = [key for key in attributes if key not in found and not key.startswith(("over ", "under "))]
    if missing:
        raise RenderError(
            f"the layout engine did not draw {missing[0]!r}", hint='.save("x.dot") writes the text'
        )
    return DrawnView(
        {node.key: found[node.key] for node in view.nodes},
        [(found.get(over), found.get(under)) for over, under in sides],
        {
            block: found[f"title {number}"]
            for number, block in enumerate(blocks)
            if f"title {number}" in found
        },
        found.get("caption"),
    )


def _found(
    graph: Any, attributes: dict[str, dict[str, str]], known: dict[Hashable, DrawnPart | None]
) -> dict[str, DrawnPart]:
    """What is drawn of each of these nodes, if anything is; what is written alike is drawn once."""
    look = tuple(sorted(graph.node_attr.items()))
    written = {key: (look, frozenset(settings.items())) for key, settings in attributes.items()}
    first: dict[Hashable, str] = {}
    for key, how in written.items():
        if how not in known and how not in first:
            first[how] = key
            graph.node(key, pos="0,0", **attributes[key])
    if first:
        items = read_items(render(graph.source, LAYOUT, parts=1, program=AS_PLACED))
        for how, key in first.items():
            item = items.get(key)
            known[how] = DrawnPart(item, bounds(item.parts)) if item is not None and item.parts else None
    found = {key: known[how] for key, how in written.items()}
    return {
        key: part if part.item.key == key else replace(part, item=replace(part.item, key=key))
        for key, part in found.items()
        if part is not None
    }


def entries(item: DrawnPart, places: Sequence[tuple[int, str]], style: Style, down: bool) -> dict[int, float]:
    """Slot → how far before the middle of a node its entrance is, from top to bottom or from left to right."""
    texts = [part for part in item.item.parts if isinstance(part, Text) and part.size == style.note_size]
    texts.sort(key=lambda part: part.at[0] if down else -part.at[1])
    found: dict[int, float] = {}
    for slot, place in sorted(places):
        for number, part in enumerate(texts):
            if part.text == place:
                middle = part.at[0] + part.width / 2 if down else -(part.at[1] + 0.3 * part.size)
                found[slot] = middle
                del texts[number]
                break
    return found


def bounds(parts: Sequence[Stroke | Text]) -> Bounds:
    """The bounds of what is drawn; of texts those of their letters."""
    boxes = [_bounds(part) for part in parts]
    if not boxes:
        return 0.0, 0.0, 0.0, 0.0
    left, low, right, high = zip(*boxes, strict=True)
    return min(left), min(low), max(right), max(high)


def _bounds(part: Stroke | Text) -> Bounds:
    if isinstance(part, Text):
        x, y = part.at
        return x, y - 0.22 * part.size, x + part.width, y + 0.78 * part.size
    if part.form == "ellipse":
        (x, y), (a, b) = part.points
        return x - a, y - b, x + a, y + b
    x, y = zip(*part.points, strict=True)
    return min(x), min(y), max(x), max(y)


__all__ = ["Bounds", "DrawnPart", "DrawnView", "bounds", "drawn", "entries"]
