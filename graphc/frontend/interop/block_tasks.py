"""Tasks of passes over data in blocks: a block is read and computed in one task, and results are combined in a tree.

Reading belongs to the task that computes, so that a worker holds the blocks that it works at and no others
(`block_fusion.py`). Everything of a pass that is the same for all blocks, the compiled function and the values without rows, is a
task of its own, sent once to each worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.frontend.interop.block_function import (
    CompiledPass,
    dask_arrays,
    dask_itself,
    layers_of,
    lazy_kind,
)
from graphc.frontend.interop.block_fusion import with_private_tasks
from graphc.frontend.interop.block_results import BlockTask, combined, of_block
from graphc.frontend.interop.mapped_files import in_blocks
from graphc.frontend.interop.parquet_blocks import decoding_parquet
from graphc.frontend.interop.split import BlockPartial
from graphc.frontend.interop.split_axes import RESHAPED
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr, walk

FAN_IN = (8, 64)
"""So many partial results are combined by one task, large and small ones."""

FETCHED = 2**20
"""In bytes: so much one task fetches, if it combines more results than the fewest."""

CARRIED = 2**20
"""In bytes: so much the tasks of all blocks carry of values without rows; more is a task of its own that they wait for."""

LEAST_WORKSPACE = 2**24
"""In bytes: what is made of a block may have this size, however small the block is."""

_VIEWS = (*RESHAPED, "permute_dims", "squeeze", "broadcast_to", "broadcast_like")
"""Operations that make no array of their own."""


class Blocks:
    """The data of a call along the axis that is in several chunks.

    axis, chunks : its name, and the rows of each block; lengths : of all named axes
    placed : what gives a `BlockTask` as it is where the blocks are; None for a task that brings it there, in every call
    """

    def __init__(
        self,
        axis: str,
        chunks: tuple[int, ...],
        lengths: dict[str, int],
        numbers: Expr,
        placed: Callable[[BlockTask], Any] | None = None,
    ) -> None:
        self.axis: str = axis
        self.chunks: tuple[int, ...] = chunks
        self.lengths: dict[str, int] = lengths
        self.total: int = sum(chunks)
        self.arrays: dict[Expr, Any] = {}
        self._numbers = numbers
        self._placed = placed
        self._tops: list[tuple[Any, list[Any]]] = []

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
            self._before(each, whole)
        rows = [symbol for symbol in each.inputs if self.axis in symbol.shape]
        rest = [symbol for symbol in each.inputs if self.axis not in symbol.shape]
        slots = tuple([rows.index(e) if e in rows else ~rest.index(e) for e in each.inputs])
        kinds = tuple([(partial.kind, len(partial.of), self._step(partial)) for partial in each.cut.partials])
        counted = any(count > 1 for _, count, _ in kinds)
        if not rows or (counted and self._numbers not in rows):
            rows.append(self._numbers)
        along = tuple([symbol.shape.index(self.axis) for symbol in rows])
        numbers = rows.index(self._numbers) if counted else None
        at_once = None if each.cut.results else self._rows_at_once(each, rows)
        block_task = BlockTask(each.blocks, kinds, slots, self.total, along, numbers, at_once)
        task = self._placed(block_task) if self._placed else delayed(block_task, pure=False, traverse=False)
        values: Any = [whole[symbol] for symbol in rest]
        if not self._is_carried(values):
            values = self.one_task(delayed(values, pure=False))
        blocks = self._blockwise(task, values, [self.of(symbol) for symbol in rows], rows)
        if kinds:
            names = tuple([kind for kind, _, _ in kinds])
            fan_in = fan_in_of(sum(self._bytes(partial) for partial in each.cut.partials))
            level = [block for block, size in zip(blocks, self.chunks, strict=True) if size]
            top, below = tree(names, level, fan_in)
            self._tops.append((top.key, [each.key for each in below]))
            for place, partial in enumerate(each.cut.partials):
                whole[partial.stand_in] = delayed(_value_of, pure=False, traverse=False)(top, place)
        return blocks

    def _before(self, each: CompiledPass, whole: dict[Expr, Any]) -> None:
        """What is computed once before a pass: here, where it is of little and no task has to be waited for; else in a task."""
        assert each.before is not None
        arguments = [whole[symbol] for symbol in each.inputs_before]
        size = sum(math.prod(bound(stand_in.shape, self.lengths)) for stand_in in each.cut.whole)
        here = self._placed is not None and self._is_carried(arguments) and size * 8 <= CARRIED
        found = each.before(*arguments) if here else called(each.before, arguments)
        for place, stand_in in enumerate(each.cut.whole):
            whole[stand_in] = found[place] if here else item_of(found, place)

    def _is_carried(self, values: Sequence[Any]) -> bool:
        """Whether values without rows are known and so small that each block's task has them with it."""
        if any(isinstance(each, lazy_kind()) for each in values):
            return False
        return sum(np.asarray(each).nbytes for each in values) * len(self.chunks) <= CARRIED

    def one_task(self, lazy: Any, last: bool = False) -> Any:
        """A lazy value in one task with what it alone takes out of the passes' results and makes of them.

        last : whether it alone needs what the last pass gives, which is then combined in this task
        """
        if not isinstance(lazy, lazy_kind()):
            return lazy
        apart = [top for top, _ in self._tops]
        if last and self._tops:
            apart[-1:] = self._tops[-1][1]
        graph = with_private_tasks(lazy.__dask_graph__(), [lazy.key], apart)
        return lazy_kind()(lazy.key, layers_of(lazy.key, graph))

    def _bytes(self, partial: BlockPartial) -> int:
        return sum(math.prod(bound(part.shape, self.lengths)) * part.dtype.itemsize for part in partial.of)

    def _rows_at_once(self, each: CompiledPass, rows: Sequence[Expr]) -> int:
        """So many rows that what is made of them, were all of it kept, has half the size of the largest block."""
        lengths = {**self.lengths, self.axis: 1}

        def size(nodes: Iterable[Expr]) -> int:
            return sum(math.prod(bound(node.shape, lengths)) * node.dtype.itemsize for node in nodes)

        kept = [
            node
            for node in walk(each.cut.outputs)
            if self.axis in node.shape and not node.is_symbol and node.op.name not in _VIEWS
        ]
        allowed = max(size(rows) * max(self.chunks, default=0) // 2, LEAST_WORKSPACE)
        return max(1, allowed // max(size(kept), 1))

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
        return _in_one_task_each(found)

    def _step(self, partial: BlockPartial) -> int:
        """How far apart rows are where the place of an extreme is counted."""
        return 1 if partial.along is None else math.prod(bound(partial.along, self.lengths))


def _in_one_task_each(blocks: Any) -> list[Any]:
    """The blocks of an array of one axis, each a task that reads what it alone is made of."""
    keys = blocks.__dask_keys__()
    graph = decoding_parquet(blocks.__dask_optimize__(blocks.__dask_graph__(), keys))
    graph = with_private_tasks(graph, keys)
    layer = f"blocks of {blocks.name}"
    layers = layers_of(layer, graph)
    return [lazy_kind()(key, layers, layer=layer) for key in keys]


def fan_in_of(size: int) -> int:
    """How many results of so many bytes one task combines: more small ones, for fewer tasks and levels of them."""
    least, most = FAN_IN
    return min(max(FETCHED // max(size, 1), least), most)


def tree(names: Sequence[str], level: list[Any], fan_in: int) -> tuple[Any, list[Any]]:
    """The results of blocks combined, so many at a time and in their order, and what the last task combines."""
    combine: Any = dask_itself().delayed(combined, pure=False, traverse=False)
    while True:
        below = level
        level = [combine(names, *below[k : k + fan_in]) for k in range(0, len(below), fan_in)]
        if len(level) == 1:
            return level[0], below


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


__all__ = ["FAN_IN", "Blocks", "called", "fan_in_of", "item", "item_of", "tree"]
