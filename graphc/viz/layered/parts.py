"""Columns filled: every line cut where it leads into a frame or out of one, its level parts as long boxes between the vertices.

Everything that has a place from top to bottom is a `Part`: a vertex, a level part of a line, an edge of a frame. What connects
two of them over the channel between two columns is a `Link`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from graphc.ir.scopes import Block
from graphc.viz.layered.layers import Layers
from graphc.viz.layered.network import Network, blocks_of, shared

LINE = 5.0
"""Room above and below a line, in points."""


_BEGIN, _BETWEEN = 1.5, 4.0
"""How much straighter than at its end a line shall be at its beginning, and where it leads into a frame or out of one."""


@dataclass
class Part:
    """Something with a place from top to bottom.

    block : the frames around it
    first, last : the columns that it reaches over
    up, down : room above and below its middle; `wide` where that is in one column alone, and elsewhere it is `LINE`
    vertex, line : the numbers of what it is, or is a part of; -1
    edge : whether it is an edge of the frame `block`: -1 the upper, 1 the lower one
    """

    block: Block
    first: int
    last: int
    up: float = LINE
    down: float = LINE
    wide: int = -1
    vertex: int = -1
    line: int = -1
    edge: int = 0

    def reach(self, column: int) -> tuple[float, float]:
        """Room above and below its middle in a column."""
        return (self.up, self.down) if self.wide in (-1, column) else (LINE, LINE)


@dataclass(frozen=True)
class Link:
    """A piece of a line from one part to the next, over the channel behind a column.

    left, right : numbers of parts
    gap : the column before the channel
    line : the number of the line
    weight : how straight it shall be
    ends : whether it arrives at the head of its line
    """

    left: int
    right: int
    gap: int
    line: int
    weight: float
    ends: bool


@dataclass
class Filled:
    """All parts and links; `borders` has the two edges of each frame, `chains` the parts of each line, its ends included."""

    parts: list[Part] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    borders: dict[Block, tuple[int, int]] = field(default_factory=dict)
    chains: list[list[int]] = field(default_factory=list)


def fill(network: Network, columns: Layers) -> Filled:
    """The parts of a network in its columns."""
    filled = Filled()
    for number, vertex in enumerate(network.vertices):
        at, (_, up, _, down) = columns.vertices[number], vertex.box
        filled.parts.append(Part(vertex.block, at, at, up, down, vertex=number))
    for block in blocks_of(network):
        count = len(filled.parts)
        filled.borders[block] = (count, count + 1)
        first, last = columns.frames[block]
        filled.parts += [Part(block, first, last, 0.0, 0.0, edge=edge) for edge in (-1, 1)]
    for number, line in enumerate(network.lines):
        chain = [line.tail, *_level(network, columns, number, filled), line.head]
        filled.chains.append(chain)
        if line.back:
            continue
        for left, right in pairwise(chain):
            ends = right == line.head
            bent = _BETWEEN if left != line.tail and not ends else 1.0 if ends else _BEGIN
            filled.links.append(Link(left, right, filled.parts[left].last, number, line.weight * bent, ends))
    return filled


def _level(network: Network, columns: Layers, number: int, filled: Filled) -> list[int]:
    """The level parts of a line, made, from its tail to its head."""
    line = network.lines[number]
    tail, head = network.vertices[line.tail].block, network.vertices[line.head].block
    depth = shared(tail, head)
    if line.back:
        spans = [(tail[:depth], columns.vertices[line.head], columns.vertices[line.tail])]
    else:
        spans, at = [], columns.vertices[line.tail] + 1
        for length in range(len(tail), depth, -1):
            last = columns.frames[tail[:length]][1]
            spans.append((tail[:length], at, last))
            at = last + 1
        for length in range(depth, len(head) + 1):
            inner = (
                columns.frames[head[: length + 1]][0] if length < len(head) else columns.vertices[line.head]
            )
            spans.append((head[:length], at, inner - 1))
            at = inner
    made: list[int] = []
    for block, first, last in spans:
        if first > last:
            continue
        part = Part(block, first, last, line=number)
        at = columns.labels[number]
        if line.label is not None and (line.back or (first <= at <= last and len(block) == depth)):
            part.up, part.down, part.wide = line.label[1] + 1, line.label[3] + 1, at
        made.append(len(filled.parts))
        filled.parts.append(part)
    return made


__all__ = ["LINE", "Filled", "Link", "Part", "fill"]
