"""Which loops of a nest are one: axes that everything in a body walks over together.

A bias is added to the 24 × 24 places of a channel by one loop of 576. Of two short loops LLVM writes out the inner one and
takes the outer one for its vectors, whose elements then lie far apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.compiler.loops.program import Index
from graphc.compiler.schedule.materialize import Stage
from graphc.ir.dims import Dim


def merged(stages: Sequence[Stage], space: tuple[Dim, ...], walk: int) -> list[int]:
    """Axes of a space, of those behind the first `walk`, each of which is one loop with the axis before it.

    stages : those of the loop, all over this space
    """
    return [
        axis
        for axis in range(walk + 1, len(space))
        if 1 not in (space[axis - 1], space[axis])
        and all(_are_one(stage, axis - 1, axis, space[axis]) for stage in stages)
    ]


def _are_one(stage: Stage, first: int, second: int, length: Dim) -> bool:
    """Whether whatever a stage reads has both of two axes, one behind the other, or none of them."""
    if stage.uses_index:
        return False
    if stage.run is not None and (stage.run[0] == second or stage.run[1] == second):
        return False  # one of them disappears
    return all(
        _beside(index, f"%x{first}", f"%x{second}", node.shape, length) for node, index in stage.accesses
    )


def _beside(index: Index, first: str, second: str, shape: tuple[Dim, ...], length: Dim) -> bool:
    if first not in index and second not in index:
        return True
    if index.count(first) != 1 or index.count(second) != 1:
        return False
    place = index.index(second)
    return index[place - 1] == first and place > 0 and shape[place] == length
