"""The picture of a player: an SVG whose parts the page lights up and whose numbers it fills in."""

from __future__ import annotations

from html import escape

from graphc.ir.formatting import visible
from graphc.viz.player.layout import PLACE, SIZE, VALUE, PlacedEdge, PlacedNode, place, shown, text_width
from graphc.viz.player.lesson import Lesson
from graphc.viz.player.mathml import Fill, Slot
from graphc.viz.view_graph import View

_LEAST = 7
"""A value has room for at least so many figures; longer ones are written smaller."""

_MOST = 16

_MARGIN = 6.0


class Picture:
    """Draws a view for a lesson.

    view : what is drawn
    lesson : the lesson, whose scenes say when a number appears
    fill : what stands in a slot at first
    """

    def __init__(self, view: View, lesson: Lesson, fill: Fill) -> None:
        self.view = view
        self.lesson = lesson
        self.fill = fill
        self.nodes: dict[str, int] = {node.key: node.node for node in view.nodes}
        self.kinds: dict[str, str] = {node.key: node.kind for node in view.nodes}

    def svg(self) -> str:
        """The picture as SVG for a page."""
        values = [self._values(number) for number in range(len(self.view.edges))]
        caps = [
            min(max(_LEAST, *(len(self.fill(slot)) for _, slot, _ in texts)), _MOST) if texts else 0
            for texts in values
        ]
        room = {number: text_width("0" * cap, VALUE) + 6 for number, cap in enumerate(caps) if cap}
        totals = {node.key for node in self.view.nodes if self._total(node.key, node.node) is not None}
        layout = place(self.view, room, frozenset(totals))
        width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
        parts = [
            f'<svg viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.1f} {height:.1f}" style="--w:{width:.0f}" role="img" '
            'aria-labelledby="picture-title picture-text">',
            '<title id="picture-title">The computation graph</title>',
            f'<desc id="picture-text">{escape(self._description())}</desc>',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" '
            'markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0.6 L8,4 L0,7.4 z"/></marker></defs>',
        ]
        for edge, texts, cap in zip(layout.edges, values, caps, strict=True):
            parts.append(self._edge(edge, texts, cap))
        parts += [self._node(node) for node in layout.nodes]
        return "\n".join([*parts, "</svg>"])

    def _description(self) -> str:
        names = [visible(node.label) for node in self.view.nodes if node.kind == "symbol"]
        count = sum(node.kind == "operation" for node in self.view.nodes)
        return (
            f"{count} operations on {', '.join(names[:20]) or 'constants'}; forward values stand over the edges, "
            "what flows back under them."
        )

    def _values(self, number: int) -> list[tuple[str, Slot, int]]:
        """The numbers at an edge: (class, slot, scene from which it is known)."""
        edge, lesson = self.view.edges[number], self.lesson
        tail = edge.node
        slots: list[tuple[str, Slot, int]] = []
        if self.kinds[edge.tail] != "constant":
            slots.append(("value", lesson.value(tail), lesson.forward.get(tail, 0)))
        if lesson.record is None:
            return slots
        if self.kinds[edge.head] == "output":
            if tail in lesson.backward or any(tail == node for node in range(len(lesson.graph.symbols))):
                place_ = int(edge.head.removeprefix("out"))
                slots.append(("back", lesson.seed(place_), lesson.backward.get(tail, len(lesson.scenes) - 1)))
        else:
            use = lesson.handing(self.nodes[edge.head], edge.slot)
            if use is not None:
                slots.append(("back", lesson.contribution(use), lesson.backward[use[0]]))
        return slots

    def _total(self, key: str, node: int) -> Slot | None:
        """The sum that a node shows which receives from several uses."""
        if self.kinds[key] not in ("symbol", "operation") or self.lesson.record is None:
            return None
        return self.lesson.adjoint(node) if len(self.lesson.sources(node)) > 1 else None

    def _edge(self, edge: PlacedEdge, texts: list[tuple[str, Slot, int]], cap: int) -> str:
        first, second = edge.curves
        path = f"{_curve(first)} L{_at(second[0])} {_curve(second)[1:].partition(' ')[2]}"
        view = edge.view
        parts = [f'<g class="edge" data-tail="{view.tail}" data-head="{view.head}"><path d="{path}"/>']
        for kind, slot, scene in texts:
            y = edge.y - 4.5 if kind == "value" else edge.y + VALUE + 2
            text = self.fill(slot)
            small = f' style="font-size:{VALUE * cap / len(text):.1f}px"' if len(text) > cap else ""
            parts.append(
                f'<text class="{kind}" x="{edge.x:.1f}" y="{y:.1f}" data-v="{slot.index}" data-k="{slot.key}" '
                f'data-at="{scene}" data-cap="{cap}"{small}>{escape(text)}</text>'
            )
        return "".join([*parts, "</g>"])

    def _node(self, placed: PlacedNode) -> str:
        node = placed.view
        x, y, width, height = placed.x, placed.y, placed.width, placed.height
        total = self._total(node.key, node.node)
        detail = f"<title>{escape(visible(node.detail, 400))}</title>" if node.detail else ""
        classes = f"node {node.kind}{' adjoint' if node.role == 'backward' else ''}"
        scene = self.lesson.forward.get(node.node) if node.kind == "operation" else None
        jump = f' data-scene="{scene}"' if scene is not None else ""
        parts = [f'<g class="{classes}" data-node="{node.key}" data-n="{node.node}"{jump}>{detail}']
        if placed.round:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width / 2:.1f}"/>')
        elif node.kind != "output":
            parts.append(
                f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'rx="{min(10.0, height / 2):g}"/>'
            )
        left = x - width / 2
        beside = max((text_width(name, PLACE) for name in placed.places), default=0.0)
        for number, name in enumerate(placed.places):
            row = y - height / 2 + (number + 0.5) * height / len(placed.places)
            parts.append(f'<text class="place" x="{left + 5:.1f}" y="{row + 3:.1f}">{escape(name)}</text>')
        x += beside / 2
        letter, index = shown(node)
        below = f'<tspan class="index" dy="4">{escape(index)}</tspan>' if index else ""
        top = y + 0.35 * SIZE - (9 if total is not None else 0)
        parts.append(f'<text class="label" x="{x:.1f}" y="{top:.1f}">{escape(letter)}{below}</text>')
        if total is not None:
            scene = self.lesson.known_at(node.node) or len(self.lesson.scenes) - 1
            parts.append(
                f'<text class="total" x="{x:.1f}" y="{y + 16:.1f}" data-at="{scene}">Σ '
                f'<tspan data-v="{total.index}" data-k="{total.key}">{escape(self.fill(total))}</tspan></text>'
            )
        return "".join([*parts, "</g>"])


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _curve(points: tuple[tuple[float, float], ...]) -> str:
    first, *rest = points
    pieces = [f"M{_at(first)}"]
    for start in range(0, len(rest), 3):
        pieces.append("C" + " ".join(_at(point) for point in rest[start : start + 3]))
    return " ".join(pieces)
