"""Frames cut in pieces where they lead into each other both ways: a model's frame around its forward and its backward nodes, say.

Drawn as one, such a frame would have to stand before what it feeds and behind what feeds it. Each piece is a frame of the same
name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from graphc.ir.scopes import Block
from graphc.viz.layered.network import Network, shared


def in_pieces(network: Network) -> Iterator[Network]:
    """The network with its frames whole, then in few pieces, and at last in as many as always have a layout."""
    yield network
    order, before = _ordered(network)
    if len(order) < len(network.vertices):
        return  # its lines lead in a circle
    yield _renamed(network, _exits(network, order, before))
    yield _renamed(network, _levels(network, order, before))


def piece_name(name: str, piece: int) -> str:
    """The name of a frame's piece; what is drawn is that of the frame."""
    return name + "\N{WORD JOINER}" * piece


def _ordered(network: Network) -> tuple[list[int], dict[int, list[int]]]:
    """The vertices, each behind all that lead to it; and what leads to each."""
    before: dict[int, list[int]] = defaultdict(list)
    behind: dict[int, list[int]] = defaultdict(list)
    for line in network.lines:
        if not line.back:
            before[line.head].append(line.tail)
            behind[line.tail].append(line.head)
    waiting = {number: len(before[number]) for number in range(len(network.vertices))}
    order = [number for number, count in waiting.items() if not count]
    for number in order:
        for head in behind[number]:
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    return order, before


def _exits(network: Network, order: Sequence[int], before: dict[int, list[int]]) -> list[Block]:
    """A piece for each time that a way to a node has left its frame before."""
    left: list[dict[Block, int]] = [{} for _ in network.vertices]
    blocks = [vertex.block for vertex in network.vertices]
    for number in order:
        counts = left[number]
        for tail in before[number]:
            depth = shared(blocks[tail], blocks[number])
            for block, count in left[tail].items():
                counts[block] = max(counts.get(block, 0), count)
            for length in range(depth + 1, len(blocks[tail]) + 1):
                block = blocks[tail][:length]
                counts[block] = max(counts.get(block, 0), left[tail].get(block, 0) + 1)
    pieces = [
        [left[number].get(block[:length], 0) for length in range(1, len(block) + 1)]
        for number, block in enumerate(blocks)
    ]
    for line in network.lines:  # what nothing leads to stands with what it feeds
        tail, head = blocks[line.tail], blocks[line.head]
        if not line.back and not before[line.tail] and tail and head[: len(tail)] == tail:
            pieces[line.tail] = pieces[line.head][: len(tail)]
    return [
        tuple(piece_name(name, piece) for name, piece in zip(block, some, strict=True))
        for block, some in zip(blocks, pieces, strict=True)
    ]


def _levels(network: Network, order: Sequence[int], before: dict[int, list[int]]) -> list[Block]:
    """A piece for each number of borders on the longest way to a node: a line between pieces always leads to a higher one."""
    level = [0] * len(network.vertices)
    blocks = [vertex.block for vertex in network.vertices]
    for number in order:
        for tail in before[number]:
            level[number] = max(level[number], level[tail] + (blocks[tail] != blocks[number]))
    return [
        (piece_name(block[0], level[number]), *block[1:]) if block else ()
        for number, block in enumerate(blocks)
    ]


def _renamed(network: Network, blocks: Sequence[Block]) -> Network:
    titles = dict(network.titles)
    fixed = set(network.fixed)
    for vertex, block in zip(network.vertices, blocks, strict=True):
        for length in range(1, len(block) + 1):
            titles[block[:length]] = network.titles[vertex.block[:length]]
            if vertex.block[:length] in network.fixed:
                fixed.add(block[:length])
    vertices = [replace(vertex, block=block) for vertex, block in zip(network.vertices, blocks, strict=True)]
    return replace(network, vertices=vertices, titles=titles, fixed=frozenset(fixed))


__all__ = ["in_pieces", "piece_name"]
