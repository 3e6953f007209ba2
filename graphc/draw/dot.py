"""A view as DOT text: the only importer of the `graphviz` package.

The forward value stands over an edge and the contribution under it: the edge is split by a small plain node whose label is a
table of two rows with a rule between them, drawn as the line itself. Every text is escaped; labels are HTML-like.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from itertools import pairwise
from math import ceil, sqrt
from typing import Any, TypeAlias

from graphc.display import name_parts, show_value, visible
from graphc.draw.parts import View, ViewEdge, ViewNode
from graphc.draw.style import Style
from graphc.scopes import Block, common
from graphc.types import format_shape


def _graphviz():
    import graphviz

    return graphviz


_ROUND = 4
"""An operation whose label has at most so many characters is a circle; a longer one is a box with round ends."""

_ORDERED = 8
"""So many symbols stand in the order of the inputs; more of them stand where the fewest lines cross."""

_SHOWN_LOSS = 0.5
"""Mean bits of error below which an operation's loss is not written."""

_ALL_LOST = 24.0
"""Mean bits of error from which the colour of a loss is full."""

_FAN = 3
"""The lines out of a node with more uses than this leave it in any direction, not from one point."""

_Texts: TypeAlias = tuple[tuple[str, str], tuple[str, str]]
"""(text, colour) over an edge and under it"""


def to_dot(view: View, style: Style, digits: int = 3) -> str:
    """The view as DOT text for the layout engine `dot`; the same view gives the same text in any process."""
    width, height = style.page
    rows = [_rows(edge, digits) for edge in view.edges]
    split = any(text for texts in rows for text, _ in texts)  # columns of values between those of nodes
    graph: Any = _graphviz().Digraph(
        "graphc",
        graph_attr={
            "rankdir": "LR",
            "bgcolor": style.background,
            "pad": "0.08",
            "nodesep": f"{style.node_gap}",
            "ranksep": f"{style.rank_gap if split else 2 * style.rank_gap:g}",
            "size": f"{width},{height}",
            "tooltip": _quoted(view.note) if view.note else " ",
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
    places: dict[str, list[tuple[int, str]]] = {}
    for edge in view.edges:
        if edge.place:
            places.setdefault(edge.head, []).append((edge.slot, edge.place))
    symbols = [node for node in view.nodes if node.kind == "symbol" and not node.block]
    ordered = len(symbols) <= _ORDERED
    with graph.subgraph() as column:
        if ordered or not any(node.block for node in view.nodes):
            column.attr(rank="source")
        for node in symbols:
            column.node(node.key, **_node(node, [], style, digits))
        if ordered:
            for upper, lower in pairwise(symbols):
                column.edge(upper.key, lower.key, style="invis")
    frames: dict[Block, list[tuple[str, dict[str, str]]]] = {}
    for node in view.nodes:
        if node.kind != "symbol" or node.block:
            attributes = _node(node, places.get(node.key, []), style, digits)
            if node.block:
                frames.setdefault(node.block, []).append((node.key, attributes))
            else:
                graph.node(node.key, **attributes)
    _add_edges(graph, view, rows, style, frames)
    _add_frames(graph, frames, style)
    return graph.source


def _add_frames(graph: Any, frames: dict[Block, list[tuple[str, dict[str, str]]]], style: Style) -> None:
    """The blocks as nested frames with their names."""
    tree: dict[Block, dict[Block, None]] = {(): {}}
    for block in frames:
        for depth in range(1, len(block) + 1):
            tree.setdefault(block[: depth - 1], {})[block[:depth]] = None
            tree.setdefault(block[:depth], {})
    numbers = {block: number for number, block in enumerate(tree)}

    def frame(outer: Any, block: Block) -> None:  # scopes are nested at most 64 deep
        with outer.subgraph(name=f"cluster_{numbers[block]}") as inner:
            inner.attr(
                label=_html(_font(block[-1], style.note, style.value_size)),
                tooltip=_quoted(" / ".join(block)),
                style="rounded,filled",
                color=style.rule,
                fillcolor=style.frame if len(block) % 2 else style.background,
                fontname=style.font,
                penwidth=f"{style.line_width * 0.75:g}",
                margin="10",
                labeljust="l",
            )
            for key, attributes in frames.get(block, ()):
                inner.node(key, **attributes)
            for below in tree[block]:
                frame(inner, below)

    for block in tree[()]:
        frame(graph, block)


def _add_edges(
    graph: Any,
    view: View,
    rows: list[_Texts],
    style: Style,
    frames: dict[Block, list[tuple[str, dict[str, str]]]],
) -> None:
    blocks = {node.key: node.block for node in view.nodes}
    fan = Counter(edge.tail for edge in view.edges)
    column: dict[str, int] = {}
    widest: dict[int, int] = {}
    for edge, texts in zip(view.edges, rows, strict=True):
        column[edge.head] = max(column.get(edge.head, 0), column.setdefault(edge.tail, 0) + 1)
        widest[column[edge.tail]] = max(
            widest.get(column[edge.tail], 0), *(_width(text, style) for text, _ in texts)
        )
    for number, (edge, texts) in enumerate(zip(view.edges, rows, strict=True)):
        tail = edge.tail if fan[edge.tail] > _FAN else f"{edge.tail}:e"
        head = f"{edge.head}:s{edge.slot}:w" if edge.place else edge.head
        table = _add_edge(graph, f"e{number}", tail, head, texts, widest[column[edge.tail]], style)
        if table is None:
            continue
        block = common(blocks[edge.tail], blocks[edge.head])
        if block:  # the value of a line inside a frame stands inside it
            frames.setdefault(block, []).append((f"e{number}", table))
        else:
            graph.node(f"e{number}", **table)


def _add_edge(
    graph: Any, key: str, tail: str, head: str, texts: _Texts, width: int, style: Style
) -> dict[str, str] | None:
    """One edge; with values it is split by a table, whose attributes are the result.

    Rules of one length in a column are met by their lines without a gap.
    """
    if not any(text for text, _ in texts):
        graph.edge(tail, head)
        return None
    # a row without text has its height all the same, so that the rule is in the middle
    above, below = (
        f'<TR><TD BORDER="0" WIDTH="{width}">{_font(text, getattr(style, colour), style.value_size)}</TD></TR>'
        for text, colour in texts
    )
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" COLOR="{style.line}">{above}<HR/>{below}</TABLE>'
    graph.edge(tail, f"{key}:w", dir="none", weight="8")  # the value stays beside its tail
    graph.edge(f"{key}:e", head, weight="2")
    return {"label": _html(table), "shape": "plain", "style": "", "penwidth": "0", "tooltip": " "}


def _rows(edge: ViewEdge, digits: int) -> _Texts:
    """What stands over and under an edge, and the style's names of the colours."""
    under = "" if edge.contribution is None else show_value(edge.contribution, digits)
    if edge.note:
        return (edge.note, "note"), (under, "backward")
    if edge.value is None and edge.shape:
        return (format_shape(edge.shape), "note"), (under, "backward")
    return ("" if edge.value is None else show_value(edge.value, digits), "forward"), (under, "backward")


def _width(text: str, style: Style) -> int:
    """About how many points a value is wide in a font with wide figures."""
    return ceil(style.value_size * sum(0.9 if character in "−×…=" else 0.64 for character in text))


def _node(node: ViewNode, places: list[tuple[int, str]], style: Style, digits: int) -> dict[str, str]:
    """The DOT attributes of a node; `places` are the argument places that it names."""
    text = _name(node.label) if node.kind in ("symbol", "output", "reference") else _text(node.label)
    for line in node.lines:
        text = f"{text}<BR/>{_font(line, style.note, style.note_size)}"
    if node.adjoint is not None:
        ink = (
            style.backward if node.lost is None else style.text
        )  # on a coloured node only the darkest can be read
        total = _font(f"Σ {show_value(node.adjoint, digits)}", ink, style.value_size - 1)
        text = f"{text}<BR/>{total}"
    shown = node.lost is not None and node.lost[0] >= _SHOWN_LOSS
    if shown and node.lost is not None:
        text = f"{text}<BR/>{_font(f'−{node.lost[0]:.1f} bits', style.text, style.note_size)}"
    attributes = {"label": _html(text), "tooltip": _quoted(node.detail or node.label)}
    if node.kind == "output":
        return {
            **attributes,
            "shape": "plaintext",
            "style": "",
            "margin": "0.04,0",
            "width": "0",
            "height": "0",
        }
    if node.kind == "reference":
        small = {
            "fontsize": f"{style.value_size}",
            "height": "0.26",
            "width": "0.26",
            "margin": "0.06,0.02",
            "color": style.symbol,
        }
        return {**attributes, **small, "fillcolor": style.symbol, "shape": "box", "style": "filled,rounded"}
    if node.kind == "constant":
        fill = {
            "fillcolor": style.constant,
            "fontsize": f"{style.value_size}",
            "height": "0.3",
            "width": "0.3",
        }
        return {**attributes, **fill, "shape": "box", "style": "filled,rounded", "margin": "0.06,0.03"}
    if node.kind == "symbol":
        size = f"{style.node_size * 0.8:g}"
        fill = {"fillcolor": style.symbol, "height": size, "width": size}
        return {**attributes, **fill, "shape": "box", "style": "filled,rounded", "margin": "0.1,0.04"}
    colour = style.adjoint if node.role == "backward" else style.operation
    if node.lost is not None:
        colour = _mixed(style.operation, style.lost, min(1.0, sqrt(node.lost[0] / _ALL_LOST)))
    if places:
        return {
            **attributes,
            "label": _html(
                _ports(text, places, colour, style.note if node.lost is None else style.text, style)
            ),
            "shape": "plain",
            "style": "",
        }
    if node.kind == "block":
        double = {"peripheries": "2", "penwidth": f"{style.line_width}", "margin": "0.14,0.08"}
        return {**attributes, **double, "fillcolor": colour, "shape": "box", "style": "filled"}
    if len(node.label) <= _ROUND and node.adjoint is None and not shown and not node.lines:
        return {**attributes, "fillcolor": colour, "shape": "circle", "margin": "0.02"}
    return {
        **attributes,
        "fillcolor": colour,
        "shape": "box",
        "style": "filled,rounded",
        "margin": "0.1,0.06",
    }


def _mixed(one: str, other: str, share: float) -> str:
    """The colour between two.

    >>> _mixed("#000000", "#FF8000", 0.5)
    '#804000'
    """
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def _ports(text: str, places: list[tuple[int, str]], colour: str, ink: str, style: Style) -> str:
    """A box with a named entrance for every argument, from top to bottom in their order."""
    height = round(72 * style.node_size / len(places))
    rows = []
    for number, (slot, place) in enumerate(places):
        label = f'<TD ROWSPAN="{len(places)}" CELLPADDING="5">{text}</TD>' if number == 0 else ""
        entrance = (
            f'<TD PORT="s{slot}" HEIGHT="{height}" ALIGN="LEFT">{_font(place, ink, style.note_size)}</TD>'
        )
        rows.append(f"<TR>{entrance}{label}</TR>")
    return (
        f'<TABLE STYLE="ROUNDED" BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{style.line}"'
        f' BGCOLOR="{colour}">{"".join(rows)}</TABLE>'
    )


def _name(name: str) -> str:
    """A symbol's name in italics, its index below the line."""
    letter, index = name_parts(name)
    below = f"<SUB>{escape(index)}</SUB>" if index else ""
    return f"<I>{_text(letter)}</I>{below}"


def _text(text: str) -> str:
    """Text inside an HTML-like label. DOT replaces \\N and its like even there, so a backslash is doubled."""
    return escape(visible(text)).replace("\\", "\\\\")


def _font(text: str, colour: str, size: float) -> str:
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{_text(text) if text else "&#160;"}</FONT>'


def _html(content: str) -> str:
    return f"<{content}>"


def _quoted(text: str) -> str:
    """Text as the value of a quoted attribute: no backslash sequence, no HTML."""
    return _graphviz().escape(visible(text, 400))
