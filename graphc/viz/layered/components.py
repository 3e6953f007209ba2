"""What a view is made of before it is laid out: its connected parts, its longest way, and what stands in its first column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from graphc.ir.scopes import Block
from graphc.viz.layered.network import shared
from graphc.viz.model import View, ViewEdge, ViewNode

_ORDERED = 8
"""So many symbols stand in the first column."""


@dataclass
class ViewComponent:
    """A connected part of a view: the numbers of its nodes and edges, and what was found for it."""

    nodes: list[int]
    edges: list[int]


def view_blocks(nodes: Sequence[ViewNode]) -> list[Block]:
    found: dict[Block, None] = {}
    for node in nodes:
        for depth in range(1, len(node.block) + 1):
            found.setdefault(node.block[:depth])
    return list(found)


def components(view: View) -> list[ViewComponent]:
    """The parts of a view that nothing connects, no edge and no frame, in their order."""
    keys = {node.key: number for number, node in enumerate(view.nodes)}
    parent = list(range(len(view.nodes)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    outer: dict[Block, int] = {}
    for number, node in enumerate(view.nodes):
        if node.block:
            parent[root(number)] = root(outer.setdefault(node.block[:1], number))
    for edge in view.edges:
        if not edge.hidden:
            parent[root(keys[edge.tail])] = root(keys[edge.head])
    parts: dict[int, ViewComponent] = {}
    for number in range(len(view.nodes)):
        parts.setdefault(root(number), ViewComponent([], [])).nodes.append(number)
    for number, edge in enumerate(view.edges):
        if not edge.hidden:
            parts[root(keys[edge.tail])].edges.append(number)
    return list(parts.values())


def first_column(nodes: Sequence[ViewNode], edges: Sequence[ViewEdge]) -> frozenset[str]:
    """The symbols that stand in the first column: few, and in no frame that other lines lead into or out of."""
    blocks = {node.key: node.block for node in nodes}
    crossed: set[Block] = set()
    for edge in edges:
        tail, head = blocks[edge.tail], blocks[edge.head]
        depth = shared(tail, head)
        crossed.update(end[:length] for end in (tail, head) for length in range(depth + 1, len(end) + 1))
    symbols: dict[Block, list[str]] = defaultdict(list)
    for node in nodes:
        if node.kind == "symbol" and node.block not in crossed:
            symbols[node.block].append(node.key)
    return frozenset(key for some in symbols.values() if len(some) <= _ORDERED for key in some)


def depths_of(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The length of the longest way to each node."""
    into: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * count
    for tail, head in pairs:
        into[tail].append(head)
        waiting[head] += 1
    depths = [0] * count
    ready = [number for number in range(count) if not waiting[number]]
    while ready:
        number = ready.pop()
        for head in into[number]:
            depths[head] = max(depths[head], depths[number] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    return depths


def closing(count: int, pairs: Sequence[tuple[int, int]]) -> frozenset[int]:
    """The numbers of edges without which no way leads in a circle; blocks that are folded may lead into each other both ways."""
    behind: dict[int, list[int]] = defaultdict(list)
    for number, (tail, _) in enumerate(pairs):
        behind[tail].append(number)
    state = [0] * count  # 1 on the way that is walked, 2 when all behind is known
    found = set()
    for start in range(count):
        if state[start]:
            continue
        state[start] = 1
        way = [(start, iter(behind[start]))]
        while way:
            node, edges = way[-1]
            number = next(edges, None)
            if number is None:
                state[node] = 2
                way.pop()
            elif state[head := pairs[number][1]] == 1:
                found.add(number)
            elif not state[head]:
                state[head] = 1
                way.append((head, iter(behind[head])))
    return frozenset(found)


def spine_of(pairs: Sequence[tuple[int, int]], depths: Sequence[int]) -> frozenset[tuple[int, int]]:
    """The edges of the longest way through a graph."""
    best: dict[int, int] = {}
    for tail, head in pairs:
        if head not in best or depths[tail] > depths[best[head]]:
            best[head] = tail
    at = max(range(len(depths)), key=depths.__getitem__, default=0)
    found = set()
    while (
        at in best and (best[at], at) not in found
    ):  # blocks that are folded may lead into each other both ways
        found.add((best[at], at))
        at = best[at]
    return frozenset(found)


__all__ = ["ViewComponent", "closing", "components", "depths_of", "first_column", "spine_of", "view_blocks"]
