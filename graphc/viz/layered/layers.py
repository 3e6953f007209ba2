"""In which column each thing stands: behind all that leads to it, and near to it; frames are rows of whole columns.

A line that leads into a frame begins before its first column, one that leads out of it ends behind its last: so each crosses the
border of the frame once, level, at its beginning or its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.scopes import Block
from graphc.viz.layered.linear_program import DifferenceProgram
from graphc.viz.layered.network import Network, blocks_of, shared

_BESIDE = 8.0
"""What a column between a node and the value of its line costs, against 2 for one behind that value."""

_FRAME = 0.1
"""What a column more costs that a frame reaches over."""


@dataclass(frozen=True)
class Layers:
    """Columns, counted from 0.

    vertices : of the vertices
    labels : of what stands on the lines; -1 where nothing does
    frames : first and last column of each frame
    count : of the columns
    """

    vertices: list[int]
    labels: list[int]
    frames: dict[Block, tuple[int, int]]
    count: int


def layers(network: Network) -> Layers | None:
    """The columns; None where frames lead into each other both ways, so that none can stand before the other."""
    program = DifferenceProgram()
    vertices = program.variables(len(network.vertices))
    labels = program.variables(len(network.lines))
    blocks = blocks_of(network)
    starts = {block: program.variables(1) for block in blocks}
    ends = {block: program.variables(1) for block in blocks}
    for block in blocks:
        program.apart(starts[block], ends[block], 0)
        program.pull(starts[block], ends[block], _FRAME)
        if len(block) > 1:
            program.apart(starts[block[:-1]], starts[block], 0)
            program.apart(ends[block], ends[block[:-1]], 0)
    first = program.variables(1)
    for number, vertex in enumerate(network.vertices):
        program.apart(first, vertices + number, 0)
        if vertex.first:
            program.apart(vertices + number, starts[vertex.block] if vertex.block else first, 0)
        if vertex.block:
            program.apart(starts[vertex.block], vertices + number, 0)
            program.apart(vertices + number, ends[vertex.block], 0)
    for number, line in enumerate(network.lines):
        if line.back:
            continue
        tail, head = network.vertices[line.tail].block, network.vertices[line.head].block
        depth = shared(tail, head)
        leaves = ends[tail[: depth + 1]] if len(tail) > depth else vertices + line.tail
        enters = starts[head[: depth + 1]] if len(head) > depth else vertices + line.head
        if line.label is None:
            program.apart(leaves, enters, 1)
            program.pull(vertices + line.tail, vertices + line.head, 2.0)
            continue
        program.apart(leaves, labels + number, 1)
        program.apart(labels + number, enters, 1)
        program.pull(vertices + line.tail, labels + number, _BESIDE)
        program.pull(labels + number, vertices + line.head, 2.0)
    found = program.solve()
    if found is None:
        return None
    columns = [round(column) for column in found]
    used = columns[: vertices + len(network.vertices)]
    used += [
        columns[labels + number]
        for number, line in enumerate(network.lines)
        if line.label is not None and not line.back
    ]
    least = min(used)
    return Layers(
        [columns[vertices + number] - least for number in range(len(network.vertices))],
        [
            columns[labels + number] - least if line.label is not None and not line.back else -1
            for number, line in enumerate(network.lines)
        ],
        {block: (columns[starts[block]] - least, columns[ends[block]] - least) for block in blocks},
        max(used) - least + 1,
    )


__all__ = ["Layers", "layers"]
