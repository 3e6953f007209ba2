"""Tasks of passes over data in blocks: a block is read and computed in one task, and results are combined in a tree.

Reading belongs to the task that computes, so that a worker holds the blocks that it works at and no others: Dask fuses what
`blockwise` chains. Everything of a pass that is the same for all blocks, the compiled function and the values without rows, is a
task of its own, sent once to each worker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.frontend.interop.block_function import CompiledPass, dask_arrays, dask_itself
from graphc.frontend.interop.block_results import BlockTask, combined, of_block
from graphc.frontend.interop.mapped_files import in_blocks
from graphc.frontend.interop.split import BlockPartial
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr

FAN_IN = 8
"""So many partial results are combined by one task."""


class Blocks:
    """The data of a call along the axis that is in several chunks.

    axis, chunks : its name, and the rows of each block; lengths : of all named axes
    """

    def __init__(self, axis: str, chunks: tuple[int, ...], lengths: dict[str, int], numbers: Expr) -> None:
        self.axis: str = axis
        self.chunks: tuple[int, ...] = chunks
        self.lengths: dict[str, int] = lengths
        self.total: int = sum(chunks)
        self.arrays: dict[Expr, Any] = {}
        self._numbers = numbers

    def add(self, each: Expr, array: Any) -> None:
        """An argument that has the axis, cut along it."""
        self.arrays[each] = in_blocks(array, each.shape.index(self.axis), self.chunks).astype(each.dtype)

    def of(self, each: Expr) -> Any:
        """The Dask array of an argument, or of the rows' numbers."""
        if each is self._numbers and each not in self.arrays:
            self.arrays[each] = dask_arrays().arange(self.total, chunks=(self.chunks,), dtype=np.int64)
        return self.arrays[each]

    def run(self, each: CompiledPass, whole: dict[Expr, Any]) -> list[Any]:
        """The tasks of one pass, a stand-in for the results of each block; `whole` gets the stand-ins of its partials."""
        delayed = dask_itself().delayed
        if each.before is not None:
            found = called(each.before, [whole[symbol] for symbol in each.inputs_before])
            for place, stand_in in enumerate(each.cut.whole):
                whole[stand_in] = item_of(found, place)
        rows = [symbol for symbol in each.inputs if self.axis in symbol.shape]
        rest = [symbol for symbol in each.inputs if self.axis not in symbol.shape]
        slots = tuple([rows.index(e) if e in rows else ~rest.index(e) for e in each.inputs])
        kinds = tuple([(partial.kind, len(partial.of), self._step(partial)) for partial in each.cut.partials])
        counted = any(count > 1 for _, count, _ in kinds)
        if not rows or (counted and self._numbers not in rows):
            rows.append(self._numbers)
        along = (rows[0].shape.index(self.axis), rows.index(self._numbers) if counted else None)
        task = delayed(BlockTask(each.blocks, kinds, slots, self.total, *along), pure=False, traverse=False)
        values = delayed([whole[symbol] for symbol in rest], pure=False)
        blocks = self._blockwise(task, values, [self.of(symbol) for symbol in rows], rows)
        if kinds:
            names = tuple([kind for kind, _, _ in kinds])
            top = tree(names, [block for block, size in zip(blocks, self.chunks, strict=True) if size])
            for place, partial in enumerate(each.cut.partials):
                whole[partial.stand_in] = delayed(_value_of, pure=False, traverse=False)(top, place)
        return blocks

    def _blockwise(self, task: Any, values: Any, arrays: Sequence[Any], rows: Sequence[Expr]) -> list[Any]:
        operands: list[Any] = []
        letters = list(
            range(sum(each.ndim for each in rows), 0, -1)
        )  # an index for each axis, 0 for that of the rows
        for each, array in zip(rows, arrays, strict=True):
            places = [0 if dim == self.axis else letters.pop() for dim in each.shape]
            operands += [array, tuple(places)]
        found = dask_arrays().blockwise(
            of_block, (0,), task, None, values, None, *operands, dtype=object, meta=np.empty(0, object),
            align_arrays=False,
        )  # fmt: skip
        return list(found.to_delayed().ravel())

    def _step(self, partial: BlockPartial) -> int:
        """How far apart rows are where the place of an extreme is counted."""
        return 1 if partial.along is None else math.prod(bound(partial.along, self.lengths))


def tree(names: Sequence[str], level: list[Any]) -> Any:
    """The results of blocks combined, `FAN_IN` at a time and in their order."""
    combine: Any = dask_itself().delayed(combined, pure=False, traverse=False)
    while True:
        level = [combine(names, *level[k : k + FAN_IN]) for k in range(0, len(level), FAN_IN)]
        if len(level) == 1:
            return level[0]


def called(function: Any, arguments: list[Any]) -> Any:
    """A function's results in a task."""
    return dask_itself().delayed(function, pure=False, traverse=False)(*arguments)


def item_of(results: Any, place: int) -> Any:
    """One of the results of a task."""
    return dask_itself().delayed(item, pure=False, traverse=False)(results, place)


def item(results: Sequence[np.ndarray], number: int) -> np.ndarray:
    return results[number]


def _value_of(partials: Sequence[tuple[np.ndarray, ...]], place: int) -> np.ndarray:
    return partials[place][-1]


__all__ = ["FAN_IN", "Blocks", "called", "item", "item_of", "tree"]
