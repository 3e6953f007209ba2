"""The picture of a player: the diagram as an SVG whose parts the page lights up and whose values it fills in.

It is laid out as `g.draw` lays it out; colours are left to the page's style sheet, so that dark pages have dark pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np

from graphc.ir.formatting import matrix_cells, show_number, visible
from graphc.viz.layout_scene import ITALIC, SUBSCRIPT, SUPERSCRIPT, Item, Stroke, Text
from graphc.viz.player.frames import FramePicture
from graphc.viz.player.layout import VALUE, PlacedEdge, ValueBox, laid_out, value_box
from graphc.viz.player.lesson import Lesson
from graphc.viz.player.mathml import Fill, Slot
from graphc.viz.style import Style
from graphc.viz.view_graph import View, ViewEdge, ViewNode

_LEAST, _LEAST_CELL = 7, 5
"""A number, and an element of a matrix, has room for at least so many figures; longer ones are written smaller."""

_MOST = 16

_SMALL = 0.72
"""The size of an index as a part of that of its letter."""

Told = tuple[str, Slot, int]
"""What stands at an edge: (class, slot, scene from which it is known)"""


class Picture:
    """Draws a view for a lesson.

    view : what is drawn
    lesson : the lesson, whose scenes say when a number appears
    fill : what stands in a slot at first
    style : sizes of letters and gaps
    values : what the slots hold at first
    frame : the view with some frames closed, which is drawn in place of the whole
    number : of the picture on its page
    """

    def __init__(
        self,
        view: View,
        lesson: Lesson,
        fill: Fill,
        style: Style,
        values: list[Any],
        frame: FramePicture | None = None,
        number: int = 0,
    ) -> None:
        self.lesson: Lesson = lesson
        self.fill = fill
        self.style: Style = style
        self.number: int = number
        self.opens = {} if frame is None else frame.opens
        if frame is None:
            self.told: list[list[Told]] = picture_slots(view, lesson)
        else:
            nodes = {node.key: node for node in view.nodes}
            self.told = [
                _together([_told(view.edges[edge], nodes, lesson) for edge in edges]) for edges in frame.edges
            ]
            view = frame.view
        self.view = view
        self.values = values
        self.totals: dict[str, Slot] = {}
        for node in view.nodes:
            total = _total(self.lesson, node)
            if total is not None:
                self.totals[node.key] = total

    def svg(self, written: Fill) -> str:
        """The picture as SVG for a page; `written` says what stands in its slots until the page fills them."""
        self.written = written
        told = self.told
        boxes = {number: self._boxes(texts) for number, texts in enumerate(told)}
        key = f"picture{self.number or ''}"

        shown = replace(
            self.view,
            nodes=tuple(self._with_total(node) for node in self.view.nodes),
            show=frozenset(("value",)),
        )
        layout = laid_out(shown, self.style, boxes)
        left, bottom, right, top = layout.scene.box
        self.dx: float = -left
        self.top: float = top
        parts = [
            f'<svg viewBox="0 0 {right - left:.1f} {top - bottom:.1f}" style="--w:{right - left:.0f}" role="group" '
            f'class="picture{" closed" if self.number else ""}" '
            f'aria-labelledby="{key}-title" aria-describedby="{key}-text">',
            f'<title id="{key}-title" data-t="picture">The computation graph</title>',
            f'<desc id="{key}-text">{escape(self._description())}</desc>',
        ]
        parts += [f'<g class="frame">{self._title(item)}{self._parts(item)}</g>' for item in layout.frames]
        for number, edge in enumerate(self.view.edges):
            if number in layout.edges:
                parts.append(self._edge(edge, layout.edges[number], told[number], boxes[number]))
        parts += [self._node(node, layout.nodes[node.key]) for node in self.view.nodes]
        return "\n".join([*parts, "</svg>"])

    def _description(self) -> str:
        names = [visible(node.label) for node in self.view.nodes if node.kind == "symbol"]
        count = sum(node.kind == "operation" for node in self.view.nodes)
        return (
            f"{count} operations on {', '.join(names[:20]) or 'constants'}; forward values stand over the edges, "
            "what flows back under them."
        )

    # --- values ---------------------------------------------------------------------------------------------------

    def _boxes(self, texts: list[Told]) -> tuple[ValueBox | None, ValueBox | None]:
        """The room of what stands over an edge and under it; numbers have as much on either side."""
        found = {kind: self._box(slot) for kind, slot, _ in texts}
        over, under = found.get("value"), found.get("back")
        if over and under and over.form == under.form == "number":
            over = under = max(over, under, key=lambda box: box.width)
        return over, under

    def _box(self, slot: Slot) -> ValueBox:
        value = self.values[slot.index]
        shape = tuple(getattr(value, "shape", ()))
        if not shape or 0 in shape:
            return value_box(shape, min(max(_LEAST, len(self.fill(slot))), _MOST))
        return value_box(shape, max(_LEAST_CELL, _longest(value)))

    def _with_total(self, node: ViewNode) -> ViewNode:
        """A node with room for its sum; what it really is the page fills in."""
        if node.key not in self.totals:
            return node
        value = self.values[self.totals[node.key].index]
        return replace(node, adjoint=value if getattr(value, "ndim", 0) else -88.88)

    # --- what is drawn --------------------------------------------------------------------------------------------

    def _edge(
        self,
        view: ViewEdge,
        edge: PlacedEdge,
        texts: list[Told],
        boxes: tuple[ValueBox | None, ValueBox | None],
    ) -> str:
        parts = [f'<g class="edge" data-tail="{view.tail}" data-head="{view.head}">{self._parts(edge.line)}']
        for kind, slot, scene in texts:
            corner, box = (edge.over, boxes[0]) if kind == "value" else (edge.under, boxes[1])
            if corner is not None and box is not None:
                x, y = corner[0] + self.dx, self.top - corner[1]
                parts.append(self._value(kind, slot, scene, box, x, y))
        return "".join([*parts, "</g>"])

    def _value(self, kind: str, slot: Slot, scene: int, box: ValueBox, x: float, y: float) -> str:
        about = f'data-v="{slot.index}" data-k="{slot.key}" data-at="{scene}"'
        if box.form != "number":
            return (
                f'<g class="{kind} array" transform="translate({x:.1f} {y:.1f})" {about} data-form="{box.form}" '
                f'data-w="{box.width:.1f}" data-h="{box.height:.1f}" data-cap="{box.figures}"></g>'
            )
        text = self.fill(slot)
        small = (
            f' style="font-size:{VALUE * box.figures / len(text):.1f}px"' if len(text) > box.figures else ""
        )
        return (
            f'<text class="{kind}" x="{x + box.width / 2:.1f}" y="{y + 0.98 * VALUE:.1f}" {about} '
            f'data-cap="{box.figures}"{small}>{escape(self.written(slot))}</text>'
        )

    def _node(self, node: ViewNode, item: Item) -> str:
        lesson = self.lesson
        classes = f"node {node.kind}{' adjoint' if node.role == 'backward' else ''}"
        about = f'data-node="{node.key}" data-n="{node.node}"'
        if node.key in self.opens:
            about += f' data-open="{self.opens[node.key]}" tabindex="0" role="button" aria-label="{escape(node.detail)}"'
        forward = lesson.forward.get(node.node, 0 if node.kind == "symbol" else None)
        if forward is not None and node.kind in ("operation", "symbol"):
            back = lesson.backward.get(node.node)
            if node.kind == "symbol" and lesson.record is not None:
                back = len(lesson.scenes) - 1
            name = escape(
                visible(lesson.names[node.node] if node.node < len(lesson.names) else node.label, 40)
            )
            about += f' data-scene="{forward}" tabindex="0" role="button" aria-label="{name}: {escape(visible(node.label, 40))}"'
            about += f' data-back="{back}"' if back is not None else ""
        total = self.totals.get(node.key)
        return f'<g class="{classes}" {about}>{self._title(item)}{self._parts(item, node.node, total)}</g>'

    def _title(self, item: Item) -> str:
        return f"<title>{escape(visible(item.tip, 400))}</title>" if item.tip else ""

    def _parts(self, item: Item, node: int = -1, total: Slot | None = None) -> str:
        middle = _middle(item)
        return "".join(
            self._stroke(part, item.kind, place)
            if isinstance(part, Stroke)
            else self._text(part, item.kind, node, total, middle)
            for place, part in enumerate(item.parts)
        )

    def _stroke(self, part: Stroke, kind: str, place: int) -> str:
        look = (
            ""
            if part.line and (part.fill or kind == "edge")
            else ' class="bare"'
            if part.line
            else ' class="area"'
        )
        if kind == "edge":
            look = ' class="head"' if place else ""
            look += ' stroke-dasharray="6 4"' if part.dashed else ""
        if part.form == "ellipse":
            (x, y), (rx, ry) = part.points
            cx, cy = self._at((x, y))
            return f'<ellipse{look} cx="{cx}" cy="{cy}" rx="{rx:.1f}" ry="{ry:.1f}"/>'
        points = [",".join(self._at(point)) for point in part.points]
        if part.form == "curve":
            return f'<path{look} d="M{points[0]}C{" ".join(points[1:])}"/>'
        return f'<{part.form}{look} points="{" ".join(points)}"/>'

    def _text(self, part: Text, kind: str, node: int, total: Slot | None, middle: float) -> str:
        size, (x, y) = part.size, part.at
        if total is not None and part.text.startswith("Σ"):
            scene = self.lesson.known_at(node) or len(self.lesson.scenes) - 1
            at_x, at_y = self._at((middle, y))
            return (
                f'<text class="total" x="{at_x}" y="{at_y}" text-anchor="middle" font-size="{size:g}" data-at="{scene}">Σ '
                f'<tspan data-v="{total.index}" data-k="{total.key}">{escape(self.written(total))}</tspan></text>'
            )
        if part.form & (SUBSCRIPT | SUPERSCRIPT):
            size *= _SMALL
            y -= 0.2 * part.size if part.form & SUBSCRIPT else -0.35 * part.size
        role = "place" if kind == "frame" or part.size <= self.style.note_size else "label"
        slant = ' font-style="italic"' if part.form & ITALIC else ""
        at_x, at_y = self._at((x, y))
        return (
            f'<text class="{role}" x="{at_x}" y="{at_y}" textLength="{part.width:.1f}" lengthAdjust="spacingAndGlyphs" '
            f'font-size="{size:g}"{slant} xml:space="preserve">{escape(part.text, quote=False)}</text>'
        )

    def _at(self, point: tuple[float, float]) -> tuple[str, str]:
        return f"{point[0] + self.dx:.1f}", f"{self.top - point[1]:.1f}"


def picture_slots(view: View, lesson: Lesson) -> list[list[Told]]:
    """The numbers at the edges of a view; with those of its nodes they get their slots here, before values are computed."""
    nodes = {node.key: node for node in view.nodes}
    told = [_told(edge, nodes, lesson) for edge in view.edges]
    for node in view.nodes:
        _total(lesson, node)
    return told


def _told(edge: ViewEdge, nodes: Mapping[str, ViewNode], lesson: Lesson) -> list[Told]:
    """The numbers at an edge."""
    tail, head = edge.node, nodes[edge.head]
    slots: list[Told] = []
    if nodes[edge.tail].kind != "constant":
        slots.append(("value", lesson.value(tail), lesson.forward.get(tail, 0)))
    if lesson.record is None:
        return slots
    if head.kind == "output":
        if tail in lesson.backward or any(tail == node for node in range(len(lesson.graph.symbols))):
            place_ = int(edge.head.removeprefix("out"))
            slots.append(("back", lesson.seed(place_), lesson.backward.get(tail, len(lesson.scenes) - 1)))
    else:
        use = lesson.handing(head.node, edge.slot)
        if use is not None:
            slots.append(("back", lesson.contribution(use), lesson.backward[use[0]]))
    return slots


def _together(told: list[list[Told]]) -> list[Told]:
    """What stands at a line that stands for several: what they carry; what flows back where it is one alone."""
    return told[0] if len(told) == 1 else [each for each in told[0] if each[0] == "value"]


def _total(lesson: Lesson, node: ViewNode) -> Slot | None:
    """The sum that a node shows which receives from several uses."""
    if node.kind not in ("symbol", "operation") or lesson.record is None:
        return None
    return lesson.adjoint(node.node) if len(lesson.sources(node.node)) > 1 else None


def _middle(item: Item) -> float:
    for part in item.parts:
        if isinstance(part, Stroke):
            if part.form == "ellipse":
                return part.points[0][0]
            xs = [x for x, _ in part.points]
            return (min(xs) + max(xs)) / 2
    return 0.0


def _longest(value: Any) -> int:
    """How many figures the longest element of a small array has."""
    array = np.asarray(value)
    cells: Mapping[Any, Any] | Any = matrix_cells(array if array.ndim == 2 else array.reshape(1, -1))
    if cells is None:
        return max((len(show_number(item, 3)) for item in array.ravel()[:64]), default=1)
    return max(len(text) for row in cells for text in row)


__all__ = ["Picture", "picture_slots"]
