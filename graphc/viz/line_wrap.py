"""A long row of nodes broken into several, as lines of text are: a sign leads from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.ir.scopes import common
from graphc.viz.model import View, ViewEdge, ViewNode

LONGEST = 12
"""A row of at most so many columns is left as it is."""

_ROW = 8
"""A row that is broken has about so many columns."""

_SHORTEST = 3
"""No row has fewer columns: one node alone below a long row says less than it costs."""


def wrap(view: View) -> View:
    """The view with rows of readable length, if it can be broken: where one line alone leads on, and through no frame."""
    order = _order(view)
    columns = _columns(view, order)
    if max(columns.values(), default=0) <= LONGEST:
        return view
    breaks = _breaks(view, order, columns)
    if not breaks:
        return view
    extra: dict[str, list[ViewNode]] = {}
    edges: list[ViewEdge] = []
    known = {node.key: node for node in view.nodes}
    for number, edge in enumerate(view.edges):
        if number not in breaks:
            edges.append(edge)
            continue
        sign = chr(0x245F + breaks[number]) if breaks[number] <= 20 else f"({breaks[number]})"
        tail, head = known[edge.tail], known[edge.head]
        away, back = f"w{breaks[number]}a", f"w{breaks[number]}b"
        extra.setdefault(head.key, []).extend(
            ViewNode(
                key, end.node, "reference", sign, end.role, end.detail, shape=edge.shape, block=end.block
            )
            for key, end in ((away, tail), (back, head))
        )
        edges += [
            replace(edge, head=away, place="", slot=0),
            ViewEdge(away, back, 0, hidden=True),
            replace(edge, tail=back, value=None, contribution=None, local=None, shape=(), dtype="", note=""),
        ]
    nodes: list[ViewNode] = []
    for node in view.nodes:
        nodes += [*extra.get(node.key, ()), node]
    return replace(view, nodes=tuple(nodes), edges=tuple(edges))


def _order(view: View) -> list[str]:
    """The nodes as they lie from left to right: what has no operand stands before its first user."""
    place = {node.key: float(number) for number, node in enumerate(view.nodes)}
    fed = {edge.head for edge in view.edges}
    first: dict[str, float] = {}
    for edge in view.edges:
        if edge.tail not in fed:
            first[edge.tail] = min(first.get(edge.tail, place[edge.head]), place[edge.head])
    return sorted(place, key=lambda key: (first.get(key, place[key]), key not in first, place[key]))


def _columns(view: View, order: Sequence[str]) -> dict[str, int]:
    at = {key: number for number, key in enumerate(order)}
    columns = dict.fromkeys(order, 0)
    for edge in sorted(view.edges, key=lambda edge: at[edge.head]):
        if at[edge.tail] < at[edge.head]:
            columns[edge.head] = max(columns[edge.head], columns[edge.tail] + 1)
    return columns


def _breaks(view: View, order: Sequence[str], columns: dict[str, int]) -> dict[int, int]:
    """The edges at which a row is broken, numbered in their order."""
    at = {key: number for number, key in enumerate(order)}
    blocks = {node.key: node.block for node in view.nodes}
    kinds = {node.key: node.kind for node in view.nodes}
    opening: dict[int, list[int]] = {}
    closing: dict[int, list[int]] = {}
    for number, edge in enumerate(view.edges):
        ends = sorted((at[edge.tail], at[edge.head]))
        opening.setdefault(ends[0], []).append(number)
        closing.setdefault(ends[1], []).append(number)
    breaks: dict[int, int] = {}
    crossing: set[int] = set()
    start = 0
    candidates: list[int] = []  # behind the last break, in their order
    last = max(columns.values(), default=0)
    for place in range(len(order)):
        crossing.difference_update(closing.get(place, ()))
        crossing.update(opening.get(place, ()))
        if len(crossing) == 1:
            (only,) = crossing
            edge = view.edges[only]
            good = at[edge.tail] < at[edge.head] and not common(blocks[edge.tail], blocks[edge.head])
            if good and kinds[edge.head] != "output" and kinds[edge.tail] != "symbol":
                if columns[edge.tail] - start >= _ROW and candidates:
                    breaks[candidates[-1]] = len(breaks) + 1
                    start = columns[view.edges[candidates[-1]].head]
                    candidates.clear()
                if start + _SHORTEST <= columns[edge.head] <= last + 1 - _SHORTEST:
                    candidates.append(only)
    if candidates and last - start > _ROW + 1:
        breaks[candidates[-1]] = len(breaks) + 1
    return breaks
