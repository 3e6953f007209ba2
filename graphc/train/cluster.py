"""Training over data on a cluster: batches of blocks, and steps whose sums the workers make and whose moves this machine makes.

A step sends the parameters once, each block gives its part of the loss and of the gradients, the parts are summed in a tree, and
the optimiser moves the parameters here when the whole has come back. So a worker that is lost costs what it was computing, and
one chunking gives one training, to the bit, however many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.errors import ExpressionError, InputError
from graphc.frontend.interop.block_function import dask_arrays
from graphc.frontend.interop.cluster import ClusterData, ClusterFunction
from graphc.ir.expr import Expr, free_symbols, symbol
from graphc.ir.inputs import as_count
from graphc.train.metrics import check_metrics
from graphc.train.step import Step, Trainable, check_model, make_step
from graphc.util.arguments import mapping, truth


class ClusterBatches:
    """The rows of arrays on a cluster in mini-batches, as `Batches` of those of one machine.

    Shuffled, the blocks come in another order in every epoch, and the rows of a block too; both are decided by the seed, the
    number of the epoch and the number of the block. A batch reads the blocks that it has rows of, so that blocks no longer
    than a batch are read once an epoch.
    """

    def __init__(self, data: ClusterData, size: int | None, *, seed: int, shuffle: bool) -> None:
        self.data: ClusterData = data
        self.axis: str = data.axis
        self.chunks: tuple[int, ...] = data.chunks
        self.arrays: dict[Expr, Any] = data.arrays()
        self.rows: int = sum(self.chunks) or 1
        if self.chunks and not sum(self.chunks):
            raise InputError("the data has no rows")
        for key in self.arrays:
            if self.axis in key.shape[1:]:
                raise InputError(
                    f"the rows of {key.name!r}, along the axis {self.axis!r}, are not its first axis",
                    hint="transpose the array, so that its rows come first",
                )
        size = None if size is None else as_count(size, "a batch of {} rows", "batch=64")
        self.size: int = self.rows if size is None or not self.chunks else min(size, self.rows)
        self.seed: int = seed
        self.shuffle: bool = truth("shuffle", shuffle)

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    @property
    def same(self) -> dict[str, Any]:
        """What a checkpoint must agree with beside the rows: the sums' order."""
        return {"chunks": list(self.chunks)}

    def epoch(self, number: int, start: int = 0) -> Iterator[dict[Expr, Any]]:
        """The batches of an epoch, from the one numbered `start` on."""
        shuffled = self.shuffle and self.size < self.rows
        order = np.arange(len(self.chunks))
        if shuffled:
            order = np.random.default_rng([self.seed, number]).permutation(len(self.chunks))
        ends = np.cumsum([self.chunks[block] for block in order])
        for first in range(start * self.size, self.rows, self.size):
            last = min(first + self.size, self.rows)
            pieces = []
            for block, end in zip(order, ends, strict=True):
                begin = end - self.chunks[block]
                low, high = max(first, begin) - begin, min(last, end) - begin
                if low < high:
                    pieces.append(
                        Piece(int(block), int(low), int(high), (self.seed, number) if shuffled else None)
                    )
            yield {
                key: BatchRows(self, key, pieces, last - first) if self.axis in key.shape else array
                for key, array in self.arrays.items()
            }

    def rows_of(self, place: int) -> int:
        """How many rows the batch of that number has."""
        return min(self.size, self.rows - place * self.size)

    def shaped(self, batch: Mapping[Expr, Any]) -> dict[Expr, Any]:
        """Arrays of a batch's shapes that hold nothing."""
        return {
            key: np.broadcast_to(np.zeros((), key.dtype), rows.shape) if isinstance(rows, BatchRows) else rows
            for key, rows in batch.items()
        }


@dataclass(frozen=True)
class Piece:
    """Rows of a block: from `low` to `high`, in the order of an epoch, given by its seed and number; None as they come."""

    block: int
    low: int
    high: int
    shuffled: tuple[int, int] | None

    def __call__(self, array: np.ndarray) -> np.ndarray:
        if self.shuffled is None:
            return array[self.low : self.high]
        order = np.random.default_rng([*self.shuffled, self.block]).permutation(len(array))
        return array[order[self.low : self.high]]


@dataclass(frozen=True)
class BatchRows:
    """The rows of a batch for one symbol: a Dask array made when it is asked for, of what the workers hold then."""

    batches: ClusterBatches
    key: Expr
    pieces: Sequence[Piece]
    rows: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.rows, *self.batches.arrays[self.key].shape[1:])

    def blocks(self) -> list[Any]:
        """The batch's part of each block."""
        array = self.batches.data.arrays()[self.key]
        array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
        return [self._taken(array.blocks[piece.block], piece) for piece in self.pieces]

    def now(self) -> Any:
        """The batch."""
        return dask_arrays().concatenate(self.blocks(), 0)

    def _taken(self, block: Any, piece: Piece) -> Any:
        if piece.shuffled is None and (piece.low, piece.high) == (0, block.shape[0]):
            return block
        chunks = ((piece.high - piece.low,), *block.chunks[1:])
        return block.map_blocks(
            piece, dtype=block.dtype, chunks=chunks, meta=np.empty((0,) * block.ndim, block.dtype)
        )


class ClusterStep(Step):
    """A step whose loss, gradients and statistics of the batch are computed by workers; see `Step`."""

    def __init__(self, model: Trainable, loss: Expr, optimiser: Any, batches: ClusterBatches) -> None:
        self._data = batches.data
        super().__init__(model, loss, optimiser, batches.arrays)

    def _computed(self, named: Mapping[str, Expr]) -> dict[str, Expr]:
        stand_ins = {
            name: symbol(f"of the data.{name}", shape=expr.shape, dtype=expr.dtype)
            for name, expr in named.items()
        }
        self._of_data |= {stand_ins[name]: expr for name, expr in named.items()}
        return stand_ins

    def _made(self, outputs: list[Expr], updates: Mapping[Expr, Expr]) -> Callable[..., list[Any]]:
        inputs = [*self.inputs, *self.masks.values(), *self._values.values()]
        read = [*outputs, *self._of_data.values()]
        sums = ClusterFunction(compile(read, inputs)._callee(), self._data)
        rest = self._order[self.fixed :]
        move = make_step([rest[-1]], [*self._of_data, *rest], updates)

        def step(*arguments: Any) -> list[Any]:
            values = dict(zip(inputs, arguments, strict=False))
            rows = {key: value for key, value in values.items() if isinstance(value, BatchRows)}
            held = {key: value for key, value in values.items() if key not in rows}
            results = sums.at(held, lambda: {key: value.now() for key, value in rows.items()})
            shown, slopes = results[: len(outputs)], results[len(outputs) :]
            move(*slopes, *arguments[self.fixed :])
            return shown

        return step

    def arguments(
        self, batch: Mapping[Expr, Any], rate: float, masks: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """What `take` takes for a batch."""
        return [
            *(batch[key] for key in self.inputs), *((masks or {})[key] for key in self.masks),
            *self._present(), self.state["steps"], np.asarray(rate, np.float64),
        ]  # fmt: skip

    def take(self, arguments: list[Any]) -> float:
        self.state["steps"] += 1
        try:
            value, *apart = map(float, self._function(*arguments))
        except BaseException:
            self.state["steps"] -= 1  # nothing has moved
            raise
        self.summed = 0.0 if self._summed is None else apart[0] if apart else value
        return value

    def culprit(self, arguments: list[Any], after: bool = False) -> str:
        """The first node that is not finite, of the first block that has one, looked at on this machine one by one."""
        plain = Step(self.model, self.loss, self.optimiser, self.inputs)
        rows = {
            key: value
            for key, value in zip(self.inputs, arguments, strict=False)
            if isinstance(value, BatchRows)
        }
        pieces = next(iter(rows.values())).pieces if rows else []
        start, text = 0, "no node of the step is infinite or NaN in the interpreter"
        for number, piece in enumerate(pieces):
            stop = start + piece.high - piece.low
            own = [
                self._data.client.compute(value.blocks()[number]).result()
                if isinstance(value, BatchRows)
                else value
                for value in arguments[: len(self.inputs)]
            ]
            masks = [
                value[start:stop] if self._data.axis in key.shape else value
                for key, value in zip(
                    self.masks.values(), arguments[len(self.inputs) : self.fixed], strict=True
                )
            ]
            found = plain.culprit([*own, *masks, *arguments[self.fixed :]], after)
            if not found.startswith("no node"):
                return f"{found} (block {piece.block})"
            start = stop
        return text


def measured_on_cluster(
    model: Trainable, metrics: Mapping[str, Expr], data: ClusterData
) -> Callable[[], dict[str, float]]:
    """A function that gives the metrics over all rows of data on a cluster, in one evaluation."""
    metrics = mapping("metrics", metrics, 'metrics={"error": …}')
    check_model(model)
    if not metrics:
        return dict
    check_metrics(metrics)
    arrays = data.arrays()
    read = free_symbols(*metrics.values())
    stored = {
        key: node
        for key, node in {**model.parameters, **getattr(model, "buffers", {})}.items()
        if node in read
    }
    stray = sorted(node.name for node in read if node not in arrays and node not in stored.values())
    if stray:
        raise ExpressionError(
            f"the metrics read {', '.join(map(repr, stray[:5]))}, for which there is no data"
        )
    names, inputs = list(metrics), [*[key for key in arrays if key in read], *stored.values()]
    function = ClusterFunction(compile(list(metrics.values()), inputs)._callee(), data)

    def measure() -> dict[str, float]:
        found = function.at({node: model.values[key] for key, node in stored.items()})
        return dict(zip(names, map(float, found), strict=True))

    return measure


__all__ = ["BatchRows", "ClusterBatches", "ClusterStep", "Piece", "measured_on_cluster"]
