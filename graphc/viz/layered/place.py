"""A view as a scene, laid out by graphc: each connected part of it by itself, one below the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.ir.scopes import Block
from graphc.viz.layered.components import (
    ViewComponent,
    closing,
    components,
    depths_of,
    first_column,
    spine_of,
    view_blocks,
)
from graphc.viz.layered.coordinates import PAD, Placed, Room, heights, widths
from graphc.viz.layered.drawn import Bounds, DrawnPart, DrawnView, bounds, drawn, entries
from graphc.viz.layered.layers import Layers
from graphc.viz.layered.network import Box, Network, NetworkLine, Vertex
from graphc.viz.layered.ordering import Ordering
from graphc.viz.layered.parts import Filled, fill
from graphc.viz.layered.pieces import in_pieces, piece_name
from graphc.viz.layered.trials import LayoutTrials
from graphc.viz.layered.wires import middle, wire
from graphc.viz.layout_scene import Item, Scene, Stroke, Text, rounded
from graphc.viz.model import View, ViewEdge
from graphc.viz.style import Style
from graphc.viz.writers import labels

LARGEST = 1200
"""Views of more nodes and edges are laid out by Graphviz."""

Sides = tuple[DrawnPart | None, DrawnPart | None]
"""What stands over an edge, and under it."""

_ABOVE = 2.5
"""Points between a line and what stands on it."""

_APART = 1.6
"""How far apart parts of a picture stand that nothing connects, as a multiple of the gap between neighbours."""

_INCH = 72.0


def place(
    view: View,
    style: Style,
    digits: int,
    layout: str,
    decimals: int | None,
    values: list[Sides] | None = None,
    nodes: Mapping[str, DrawnPart] | None = None,
    trials: LayoutTrials | None = None,
) -> Scene | None:
    """The scene of a view; None for what this layout has no answer to, or no time.

    values : what stands over and under each edge, in place of the values that the view has
    nodes : key → what is drawn there in place of the node
    trials : other layouts of much the same view, which share with this one what they find
    """
    if not view.nodes or len(view.nodes) + len(view.edges) > LARGEST:
        return None
    return _Placing(
        view, style, digits, layout, decimals, values, nodes or {}, trials or LayoutTrials()
    ).scene()


class _Placing:
    """One view on its way to a scene. Lines lead along one axis, and what stands side by side does so across it."""

    def __init__(
        self,
        view: View,
        style: Style,
        digits: int,
        layout: str,
        decimals: int | None,
        values: list[Sides] | None,
        nodes: Mapping[str, DrawnPart],
        trials: LayoutTrials,
    ) -> None:
        self.view, self.style, self.down = view, style, layout == "down"
        self.trials: LayoutTrials = trials
        self.places: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for edge in view.edges:
            if edge.place and (edge.slot, edge.place) not in self.places[edge.head]:
                self.places[edge.head].append((edge.slot, edge.place))
        self.blocks = view_blocks(view.nodes)
        self.drawn: DrawnView = drawn(
            view, style, digits, layout, decimals, self.places, self.blocks, trials.texts
        )
        if values is not None:
            self.drawn = replace(self.drawn, values=values)
        self.drawn.nodes.update(nodes)
        self.frames: list[Item] = []
        self.lines: list[Item] = []
        self.nodes: list[Item] = []
        self.values: list[Item] = []

    def scene(self) -> Scene | None:
        """The picture, or None where one of its parts has no layout."""
        offset = 0.0
        self.trials.better = False
        for component in components(self.view):
            depth = self._component(component, offset)
            if depth is None:
                return None
            offset = depth + _APART * _INCH * self.style.node_gap
        items = [*self.frames, *self.lines, *self.nodes, *self.values]
        left, low, right, high = bounds([part for item in items for part in item.parts])
        if self.drawn.caption is not None:
            x0, y0, x1, y1 = self.drawn.caption.bounds
            items.append(self.drawn.caption.at((left + right) / 2, low - 10 - y1))
            low -= 10 + y1 - y0
            left, right = min(left, (left + right - x1 + x0) / 2), max(right, (left + right + x1 - x0) / 2)
        pad = 0.08 * _INCH
        box = (left - pad, low - pad, right + pad, high + pad)
        width, height = (_INCH * length for length in self.style.page)
        scale = min(1.0, width / (box[2] - box[0]), height / (box[3] - box[1]))
        return Scene(box, scale, self.style.background, tuple(items))

    # --- one part of it -----------------------------------------------------------------------------------

    def _component(self, component: ViewComponent, offset: float) -> float | None:
        """Lay a part of the view out, below `offset`; how far down it reaches."""
        whole, depths = self._network(component)
        for network in in_pieces(whole):
            columns = self.trials.layers(network)
            if columns is None:
                continue
            filled = fill(network, columns)
            ordering = self.trials.ordered(network, filled, columns.count)
            if ordering is not None:
                return self._coordinates(component, network, columns, filled, ordering, depths, offset)
        return None

    def _coordinates(
        self,
        component: ViewComponent,
        network: Network,
        columns: Layers,
        filled: Filled,
        ordering: Ordering,
        depths: Sequence[int],
        offset: float,
    ) -> float | None:
        """Where the parts stand, and what is drawn there; how far down it reaches."""
        starts = _entered(network, depths, ordering.shares)
        room = Room(_INCH * self.style.node_gap, _INCH * self.style.rank_gap)
        y = heights(network, columns, filled, ordering, room, starts)
        if y is None:
            return None
        top = min(
            *(y[n] - part.up for n, part in enumerate(filled.parts)),
            *(y[pair[0]] for pair in filled.borders.values()),
            1e9,
        )
        placed = widths(network, columns, filled, [at - top + offset for at in y], room, starts)
        self._draw(component, network, columns, filled, placed, starts)
        return max(placed.y[n] + part.down for n, part in enumerate(filled.parts))

    def _network(self, component: ViewComponent) -> tuple[Network, list[int]]:
        """The part of the view without its texts, and the length of the longest way to each vertex."""
        nodes = [self.view.nodes[number] for number in component.nodes]
        at = {node.key: number for number, node in enumerate(nodes)}
        edges = [self.view.edges[number] for number in component.edges]
        ends = [(at[edge.tail], at[edge.head]) for edge in edges]
        back = {number for number, edge in enumerate(edges) if edge.feedback}
        forth = [number for number in range(len(edges)) if number not in back]
        back |= {forth[number] for number in closing(len(nodes), [ends[number] for number in forth])}
        forth_ends = [pair for number, pair in enumerate(ends) if number not in back]
        depths = depths_of(len(nodes), forth_ends)
        spine = spine_of(forth_ends, depths)
        first = first_column(nodes, edges)
        vertices = []
        for node in nodes:
            shown = self.drawn.nodes[node.key]
            round_ = any(isinstance(part, Stroke) and part.form == "ellipse" for part in shown.item.parts)
            found = entries(shown, self.places.get(node.key, ()), self.style, self.down)
            vertices.append(Vertex(node.block, self._seen(_padded(shown)), round_, found, node.key in first))
        uses: dict[int, int] = defaultdict(int)
        for edge in edges:
            uses[at[edge.tail]] += 1
        lines = []
        for place_, (number, edge, pair) in enumerate(zip(component.edges, edges, ends, strict=True)):
            weight = 8.0 if pair in spine else 2.0 if uses[pair[0]] == 1 else 1.0
            lines.append(NetworkLine(*pair, edge.slot, self._label(number), place_ in back, weight))
        titles = {}
        for block in view_blocks(nodes):
            x0, y0, x1, y1 = self.drawn.titles[block].bounds if block in self.drawn.titles else (0, 0, 0, 0)
            titles[block] = (x1 - x0, y1 - y0)
        fixed = frozenset(block for block in titles if block in self.view.sides)
        return Network(vertices, lines, titles, fixed, self.down), depths

    def _seen(self, box: Bounds) -> Box:
        """Bounds as this layout takes them: how far back, up, forth and down."""
        left, low, right, high = box
        return (high, -left, -low, right) if self.down else (-left, high, right, -low)

    def _label(self, number: int) -> Box | None:
        """How far what stands on a line reaches around the middle of its length."""
        over, under = self.drawn.values[number]
        if over is None and under is None:
            return None
        (ow, oh), (uw, uh) = (
            (0.0, 0.0) if side is None else (side.bounds[2] - side.bounds[0], side.bounds[3] - side.bounds[1])
            for side in (over, under)
        )
        if self.down:
            half = max(oh, uh) / 2 + 2
            return half, ow + 2 * _ABOVE, half, uw + 2 * _ABOVE
        half = max(ow, uw) / 2 + 2
        return half, oh + _ABOVE, half, uh + _ABOVE

    # --- drawing it ---------------------------------------------------------------------------------------

    def _draw(
        self,
        component: ViewComponent,
        network: Network,
        columns: Layers,
        filled: Filled,
        placed: Placed,
        starts: list[float],
    ) -> None:
        for block in sorted(placed.frames, key=len):
            self.frames.append(self._frame(block, placed.frames[block]))
        for place_, number in enumerate(component.nodes):
            shown = self.drawn.nodes[self.view.nodes[number].key]
            self.nodes.append(shown.at(*self._point(middle(network, columns, placed, place_))))
        for place_, number in enumerate(component.edges):
            edge = self.view.edges[number]
            self.lines.append(self._line(edge, network, columns, filled, placed, place_, starts[place_]))
            at = columns.labels[place_]
            if network.lines[place_].back and network.lines[place_].label is not None:
                (part,) = filled.chains[place_][1:-1]
                first, last = filled.parts[part].first, filled.parts[part].last
                middle_ = (placed.columns[first][0] + placed.columns[last][1]) / 2
                self._value(number, (middle_, placed.y[part]))
            elif at >= 0:
                (part,) = (n for n in filled.chains[place_][1:-1] if filled.parts[n].wide == at)
                self._value(number, (sum(placed.columns[at]) / 2, placed.y[part]))

    def _point(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return (y, -x) if self.down else (x, -y)

    def _line(
        self,
        edge: ViewEdge,
        network: Network,
        columns: Layers,
        filled: Filled,
        placed: Placed,
        at: int,
        enter: float,
    ) -> Item:
        style = self.style
        curve, arrow = wire(network, columns, filled, placed, at, enter, 1.0)
        line, width = labels.mark(edge.mark, style)
        colour = (style.alarm if edge.alarm else line).lower()
        width = 2 * style.line_width if edge.alarm else width
        parts = (
            Stroke(
                "curve",
                tuple(map(self._point, curve)),
                colour,
                None,
                width,
                edge.feedback or edge.mark == "removed",
            ),
            Stroke("polygon", tuple(map(self._point, arrow)), colour, colour, style.line_width),
        )
        return Item("edge", f"{edge.tail}-{edge.head}", "to the next step" if edge.feedback else "", parts)

    def _value(self, number: int, at: tuple[float, float]) -> None:
        """What stands on a line: over it and under it, or at its left and its right where it leads down."""
        x, y = self._point(at)
        parts: list[Stroke | Text] = []
        over = 0
        for side, sign in zip(self.drawn.values[number], (1, -1), strict=True):
            over = over if sign > 0 else len(parts)
            if side is None:
                continue
            left, low, right, high = side.bounds
            if self.down:
                dx = -_ABOVE * 1.5 - right if sign > 0 else _ABOVE * 1.5 - left
                parts += side.at(x + dx, y - (low + high) / 2).parts
            else:
                dy = _ABOVE - low if sign > 0 else -_ABOVE - high
                parts += side.at(x - (left + right) / 2, y + dy).parts
        self.values.append(Item("node", f"e{number}", "", tuple(parts), split=over))

    def _frame(self, block: Block, frame: tuple[float, float, float, float]) -> Item:
        style = self.style
        (x0, y0), (x1, y1) = self._point(frame[:2]), self._point(frame[2:])
        left, right, low, high = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        fill_ = style.frame if len(block) % 2 else style.background
        curve = rounded(left, low, right, high, _ROUND)
        parts = [Stroke("curve", curve, style.rule.lower(), fill_.lower(), 0.75 * style.line_width)]
        shown_as = (
            block if block in self.drawn.titles else tuple(name.rstrip(piece_name("", 1)) for name in block)
        )
        title = self.drawn.titles[shown_as]
        shown = title.at(left + PAD - title.bounds[0], high - 0.55 * PAD - title.bounds[3])
        return Item("frame", f"cluster_{len(self.frames)}", title.item.tip, (*parts, *shown.parts))


_ROUND = 8.0


# --- what the view is made of ---------------------------------------------------------------------------------


def _padded(shown: DrawnPart) -> Bounds:
    """The bounds of a node; letters without a box around them keep the line at a distance."""
    left, low, right, high = shown.bounds
    if any(isinstance(part, Stroke) for part in shown.item.parts):
        return shown.bounds
    return left - 4, low - 2, right + 4, high + 2


def _entered(network: Network, depths: Sequence[int], shares: Sequence[float]) -> list[float]:
    """How far below the middle of its head each line arrives."""
    starts = [0.0] * len(network.lines)
    into: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate(network.lines):
        into[line.head].append(number)
    for vertex, numbers in into.items():
        box, fixed = network.vertices[vertex].box, network.vertices[vertex].entries
        numbers.sort(key=shares.__getitem__)
        count = len(numbers)
        deepest = sorted((depths[network.lines[number].tail] for number in numbers), reverse=True)
        main = [n for n, number in enumerate(numbers) if depths[network.lines[number].tail] == deepest[0]]
        straight = main[0] if count == 2 and deepest[0] > deepest[1] else -1
        reach = 0.62 if network.vertices[vertex].round else 0.7
        for at, number in enumerate(numbers):
            slot = network.lines[number].slot
            if slot in fixed:
                starts[number] = fixed[slot]
            elif count > 1 and at != straight:
                spread = (at / (count - 1) - 0.5) * 2 * reach
                starts[number] = spread * min(
                    box[1], box[3]
                )  # below its middle there may be more than its shape
    return starts


__all__ = ["LARGEST", "place"]
