"""A view as DOT text: what stands where, with labels.py for what is written there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

from graphc.ir.scopes import Block, common
from graphc.viz.model import View, ViewEdge
from graphc.viz.style import Style
from graphc.viz.writers import labels, markup

LAYOUTS = {"right": "LR", "down": "TB"}
"""Where a diagram's arrows lead, and what Graphviz calls that."""

_ENDS = {"right": ("e", "w"), "down": ("s", "n")}
"""Where the lines leave a node and where they enter one."""

_ORDERED = 8
"""So many symbols stand in the order of the inputs; more of them stand where the fewest lines cross."""

_FAN = 3
"""The lines out of a node with more uses than this leave it in any direction, not from one point."""

_Frames: TypeAlias = dict[Block, list[tuple[str, dict[str, str]]]]
"""block → the nodes that stand in it, with their attributes"""


def to_dot(
    view: View, style: Style, digits: int = 3, layout: str = "right", decimals: int | None = None
) -> str:
    """The view as DOT text for the layout engine `dot`; the same view gives the same text in any process."""
    if layout == "right":
        view = _from_below(view)
    texts = [
        labels.ready(labels.rows(edge, view.show, style, digits, decimals), style) for edge in view.edges
    ]
    split = any(over or under for over, under in texts)  # columns of values between those of nodes
    graph = empty(view, style, split, layout)
    down = layout == "down"
    places: dict[str, list[tuple[int, str]]] = {}
    for edge in view.edges:
        if edge.place and (edge.slot, edge.place) not in places.setdefault(edge.head, []):
            places[edge.head].append((edge.slot, edge.place))
    dearest = max((node.cost for node in view.nodes), default=0.0)
    symbols = [node for node in view.nodes if node.kind == "symbol" and not node.block]
    ordered = len(symbols) <= _ORDERED
    with graph.subgraph() as column:
        if ordered or not any(node.block for node in view.nodes):
            column.attr(rank="source")
        for node in symbols:
            column.node(node.key, **labels.node(node, [], down, style, digits, dearest, decimals))
        if ordered:
            for upper, lower in pairwise(symbols):
                column.edge(upper.key, lower.key, style="invis")
    frames: _Frames = {}
    for node in view.nodes:
        if node.kind != "symbol" or node.block:
            attributes = labels.node(node, places.get(node.key, []), down, style, digits, dearest, decimals)
            _put(graph, frames, node.block, node.key, attributes)
    _add_edges(graph, view, texts, style, layout, frames)
    _add_frames(graph, view, frames, style, layout)
    return graph.source


def _from_below(view: View) -> View:
    """A view of frames that nothing connects with the last of them first: Graphviz begins at the bottom."""
    outer = {node.key: node.block[:1] for node in view.nodes}
    order = list(dict.fromkeys(outer.values()))
    if len(order) < 2 or () in order or any(outer[edge.tail] != outer[edge.head] for edge in view.edges):
        return view
    place = {block: -number for number, block in enumerate(order)}
    return replace(
        view,
        nodes=tuple(sorted(view.nodes, key=lambda node: place[node.block[:1]])),
        edges=tuple(sorted(view.edges, key=lambda edge: place[outer[edge.tail]])),
    )


def empty(view: View, style: Style, split: bool, layout: str) -> Any:
    """The text of a diagram with nothing in it: how everything looks."""
    width, height = style.page
    caption: dict[str, str] = {}
    if view.caption:
        caption = {"label": labels.caption(view.caption, style), "labelloc": "b", "fontname": style.font}
    return labels.graphviz().Digraph(
        "graphc",
        graph_attr={
            "rankdir": LAYOUTS[layout],
            "bgcolor": style.background,
            "pad": "0.08",
            "nodesep": f"{style.node_gap}",
            "ranksep": f"{style.rank_gap if split else 2 * style.rank_gap:g}",
            "size": f"{width},{height}",
            "tooltip": labels.quoted(view.note) if view.note else " ",
            **caption,
        },
        node_attr={
            "fontname": style.font,
            "fontsize": f"{style.size}",
            "fontcolor": style.text,
            "color": style.line,
            "penwidth": f"{style.line_width}",
            "height": f"{style.node_size}",
            "width": f"{style.node_size}",
            "style": "filled",
        },
        edge_attr={
            "fontname": style.font,
            "fontsize": f"{style.note_size}",
            "fontcolor": style.note,
            "color": style.line,
            "penwidth": f"{style.line_width}",
            "arrowsize": "0.7",
        },
    )


def _put(graph: Any, frames: _Frames, block: Block, key: str, attributes: dict[str, str]) -> None:
    if block:
        frames.setdefault(block, []).append((key, attributes))
    else:
        graph.node(key, **attributes)


def _add_edges(
    graph: Any, view: View, texts: list[labels.Rows], style: Style, layout: str, frames: _Frames
) -> None:
    blocks = {node.key: node.block for node in view.nodes}
    fan = Counter(edge.tail for edge in view.edges if not edge.feedback)
    out, into = _ENDS[layout]
    column: dict[str, int] = {}
    widest: dict[int, int] = {}
    shown = [
        (edge, rows)
        for edge, rows in zip(view.edges, texts, strict=True)
        if not edge.hidden and not edge.feedback
    ]
    for edge, _ in shown:
        column[edge.head] = max(column.get(edge.head, 0), column.setdefault(edge.tail, 0) + 1)
    for edge, rows in shown:
        widest[column[edge.tail]] = max(widest.get(column[edge.tail], 0), labels.width(rows, style))
    for number, (edge, rows) in enumerate(zip(view.edges, texts, strict=True)):
        tail = edge.tail if fan[edge.tail] > _FAN else f"{edge.tail}:{out}"
        head = f"{edge.head}:s{edge.slot}:{into}" if edge.place else edge.head
        if edge.hidden:
            graph.edge(edge.tail, edge.head, style="invis", constraint="false")
            continue
        if (
            edge.feedback
        ):  # written forwards, so that it keeps its ends apart; the arrow stands where it leads to
            graph.edge(
                edge.head, edge.tail, dir="back", style="dashed", weight="1", tooltip="to the next step"
            )
            continue
        line = _line(edge, style)
        if not any(rows):
            graph.edge(tail, head, **line)
            continue
        # with values the edge is split by a table; rules of one length in a column are met by their lines without a gap
        key = f"e{number}"
        _put(
            graph,
            frames,
            common(blocks[edge.tail], blocks[edge.head]),
            key,
            labels.table(rows, widest[column[edge.tail]], layout == "down", style),
        )
        at = f"{key}:{labels.port(rows, layout == 'down')}"
        graph.edge(tail, f"{at}{into}", dir="none", weight="8", **line)  # the value stays beside its tail
        graph.edge(f"{at}{out}", head, weight="2", **line)


def _line(edge: ViewEdge, style: Style) -> dict[str, str]:
    """What is special about a line: NaN or infinity goes along it, or only one of two graphs has it."""
    if edge.mark:
        colour, width = labels.mark(edge.mark, style)
        return {
            "color": colour,
            "penwidth": f"{width:g}",
            "style": "dashed" if edge.mark == "removed" else "solid",
        }
    return {"color": style.alarm, "penwidth": f"{2 * style.line_width:g}"} if edge.alarm else {}


def _crossed(view: View) -> frozenset[Block]:
    """The blocks that lines lead into or out of."""
    blocks = {node.key: node.block for node in view.nodes}
    crossed: set[Block] = set()
    for edge in view.edges:
        ends = blocks[edge.tail], blocks[edge.head]
        shared = len(common(*ends))
        for end in ends:
            crossed.update(end[:depth] for depth in range(shared + 1, len(end) + 1))
    return frozenset(crossed)


def _add_frames(graph: Any, view: View, frames: _Frames, style: Style, layout: str) -> None:
    """The blocks as nested frames with their names."""
    open_frames = _crossed(view)
    symbols: dict[Block, list[str]] = {}
    entries = {node.key for node in view.nodes if node.kind == "port"}
    for node in view.nodes:
        if node.kind == "symbol":
            symbols.setdefault(node.block, []).append(node.key)
    tree: dict[Block, dict[Block, None]] = {(): {}}
    for block in frames:
        for depth in range(1, len(block) + 1):
            tree.setdefault(block[: depth - 1], {})[block[:depth]] = None
            tree.setdefault(block[:depth], {})
    numbers = {block: number for number, block in enumerate(tree)}

    def frame(outer: Any, block: Block) -> None:  # scopes are nested at most 64 deep
        side, down = block in view.sides, layout == "down"
        high = view.sides.get(block, False) or (side and down)
        text = block[-1] + "\xa0" * (
            len(block[-1]) + 4 if side and down else 0
        )  # the line comes in beside it
        with outer.subgraph(name=f"cluster_{numbers[block]}") as inner:
            inner.attr(
                label=markup.html(markup.font(text, style.note, style.value_size)),
                tooltip=labels.quoted(" / ".join(block)),
                style="rounded,filled",
                color=style.rule,
                fillcolor=style.frame if len(block) % 2 else style.background,
                fontname=style.font,
                penwidth=f"{style.line_width * 0.75:g}",
                margin="10",
                labeljust="l",
                labelloc="b" if block in open_frames and not high else "t",  # where no line comes in
            )
            for key, attributes in ordered(frames.get(block, ())):
                inner.node(key, **attributes)
            ports = [key for key, _ in frames.get(block, ()) if key in entries]
            if len(ports) > 1:
                with inner.subgraph() as same:
                    same.attr(rank="same")
                    for key in ordered(ports):
                        same.node(key)
            column = [] if block in open_frames else symbols.get(block, [])
            if 1 < len(column) <= _ORDERED:
                with inner.subgraph() as same:
                    same.attr(rank="same")
                    for upper, lower in pairwise(ordered(column)):
                        same.edge(upper, lower, style="invis")
            for below in ordered(tree[block]):
                frame(inner, below)

    def ordered(items: Iterable[Any]) -> Iterable[Any]:
        """Graphviz fills a column from below."""
        return items if layout == "down" else reversed(list(items))

    for block in ordered(tree[()]):
        frame(graph, block)
