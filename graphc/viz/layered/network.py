"""What is laid out: boxes of known sizes, lines between them, frames around them. No texts, no colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphc.ir.scopes import Block

Box = tuple[float, float, float, float]
"""Of a drawn thing around its own point: how far it reaches back, up, forwards, down. Lines lead forwards."""


@dataclass(frozen=True)
class Vertex:
    """A node.

    block : the frames around it, outermost first
    box : how far it reaches around its middle
    round : whether it is an ellipse
    entries : slot → how far below its middle a line enters, where that is fixed
    first : whether it stands in the first column of what is around it
    """

    block: Block
    box: Box
    round: bool = False
    entries: Mapping[int, float] = field(default_factory=dict)
    first: bool = False


@dataclass(frozen=True)
class NetworkLine:
    """A line from one vertex to another, by their numbers.

    slot : the place among the operands of its head
    label : the size of what stands on it around the middle of its length; None for nothing
    back : whether it leads back, around what is between
    weight : how straight it shall be
    """

    tail: int
    head: int
    slot: int
    label: Box | None = None
    back: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Network:
    """Vertices and lines, and what is known of frames.

    titles : width and height of the title of each frame
    fixed : the frames that keep their place among their neighbours
    down : whether lines lead down, so that they enter a frame where its title stands
    """

    vertices: Sequence[Vertex]
    lines: Sequence[NetworkLine]
    titles: Mapping[Block, tuple[float, float]]
    fixed: frozenset[Block] = frozenset()
    down: bool = False


def blocks_of(network: Network) -> list[Block]:
    """All frames, outer ones before inner ones, in the order of what is in them."""
    found: dict[Block, None] = {}
    for vertex in network.vertices:
        for depth in range(1, len(vertex.block) + 1):
            found.setdefault(vertex.block[:depth])
    return sorted(found, key=len)


def shared(one: Block, other: Block) -> int:
    """How many frames two blocks have in common."""
    depth = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        depth += 1
    return depth


__all__ = ["Box", "Network", "NetworkLine", "Vertex", "blocks_of", "shared"]
