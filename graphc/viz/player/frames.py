"""Large pictures by their frames: one picture for each frame that is open, in which the others are closed.

In the picture of a frame it is open, and so are the frames around it. Beside what is in it stands what it is connected with:
nodes, and frames that are closed, each a single node that opens it. What leads into a closed frame at several places is one line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from graphc.ir.scopes import Block
from graphc.viz.model import View, ViewEdge, ViewNode

WHOLE = 60
"""A picture of no more nodes is drawn as a whole."""

_MOST = 300
"""So many frames can be opened, outer ones first."""


@dataclass(frozen=True)
class FramePicture:
    """What is seen while a frame is open.

    block : the open frame, innermost; empty where all are closed
    view : its nodes, and one for each closed frame
    edges : for each edge of the view the numbers of those that it stands for
    opens : the key of a closed frame → the number of the picture in which it is open
    """

    block: Block
    view: View
    edges: tuple[tuple[int, ...], ...]
    opens: dict[str, int]


def frame_pictures(view: View) -> list[FramePicture]:
    """The pictures of a view: one where it is small or has no frames, else one for each frame and one with all closed."""
    blocks: dict[Block, None] = {}
    for node in view.nodes:
        for depth in range(1, len(node.block) + 1):
            blocks.setdefault(node.block[:depth])
    if len(view.nodes) <= WHOLE or not blocks:
        return [FramePicture((), view, tuple((number,) for number in range(len(view.edges))), {})]
    chosen = sorted(blocks, key=len)[:_MOST]
    places = {block: number for number, block in enumerate(((), *chosen))}
    names = {block: f"b{number}" for number, block in enumerate(blocks)}
    return [_opened(view, block, names, places) for block in places]


def _opened(view: View, block: Block, names: dict[Block, str], places: dict[Block, int]) -> FramePicture:
    owners = [_closed(node.block, block) for node in view.nodes]
    sizes = Counter(
        owner for node, owner in zip(view.nodes, owners, strict=True) if owner and node.kind == "operation"
    )
    nodes: dict[str, ViewNode] = {}
    keys: dict[str, str] = {}
    for node, owner in zip(view.nodes, owners, strict=True):
        keys[node.key] = node.key if owner is None else names[owner]
        if owner is None:
            nodes[node.key] = node
        elif names[owner] not in nodes:
            count = sizes[owner]
            lines = (f"{count} operation{'s' if count != 1 else ''}",)
            nodes[names[owner]] = ViewNode(
                names[owner],
                -1,
                "block",
                owner[-1],
                "forward",
                " / ".join(owner),
                block=owner[:-1],
                lines=lines,
            )
    inside = {key for key, node in nodes.items() if node.block[: len(block)] == block}
    merged: dict[tuple[str, str, int], list[int]] = {}
    for number, edge in enumerate(view.edges):
        tail, head = keys[edge.tail], keys[edge.head]
        if tail != head and (tail in inside or head in inside):
            alone = edge.slot if head == edge.head else -1
            merged.setdefault((tail, head, edge.node if alone < 0 else -2 - number), []).append(number)
    edges = [_edge(view.edges[numbers[0]], tail, head) for (tail, head, _), numbers in merged.items()]
    edges = _back_marked(edges, list(nodes))
    near = inside.union(*((edge.tail, edge.head) for edge in edges))
    opens = {names[owner]: places[owner] for owner in owners if owner in places and names[owner] in near}
    drawn = replace(
        view,
        nodes=tuple(node for key, node in nodes.items() if key in near),
        edges=tuple(edges),
        caption=(),
        sides={},
    )
    return FramePicture(block, drawn, tuple(map(tuple, merged.values())), opens)


def _back_marked(edges: list[ViewEdge], keys: Sequence[str]) -> list[ViewEdge]:
    """The edges, and those marked that lead back: closed frames may lead into each other both ways."""
    before: dict[str, set[str]] = {key: set() for key in keys}
    for edge in edges:
        before[edge.head].add(edge.tail)
    waiting, place = list(keys), {}
    while waiting:
        left = set(waiting)
        key = next((key for key in waiting if not before[key] & left - {key}), waiting[0])
        place[key] = len(place)
        waiting.remove(key)
    return [replace(edge, feedback=place[edge.tail] > place[edge.head]) for edge in edges]


def _closed(block: Block, opened: Block) -> Block | None:
    """The outermost closed frame around a node that stands in a block."""
    for depth in range(1, len(block) + 1):
        if block[:depth] != opened[:depth]:
            return block[:depth]
    return None


def _edge(edge: ViewEdge, tail: str, head: str) -> ViewEdge:
    place = edge.place if head == edge.head else ""
    return replace(edge, tail=tail, head=head, place=place, feedback=False, hidden=False)


def titles(pictures: Iterable[FramePicture]) -> list[str]:
    """What each picture is called where one is chosen."""
    return [" / ".join(picture.block) for picture in pictures]


__all__ = ["WHOLE", "FramePicture", "frame_pictures", "titles"]
