"""Functions over data on a cluster, evaluated again and again at other values by the workers of Dask's client.

An evaluation is one graph of tasks: the values are sent, each block is read and computed, and the parts are combined in a tree
that the chunks alone decide, so that one chunking gives one result. Nothing is written until a result has come back whole: what
a lost worker spoilt is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.block_function import dask_arrays, layers_of, lazy_kind
from graphc.frontend.interop.block_results import BlockTask
from graphc.frontend.interop.callee import Callee
from graphc.frontend.interop.dask import checked, results_without_rows, split_axis
from graphc.frontend.interop.mapped_files import in_blocks, is_mapped
from graphc.ir.expr import Expr
from graphc.ir.foreign_arrays import package_of
from graphc.util.fork_safety import once

TRIES = 5
"""So often an evaluation is begun, where workers are lost in it."""

MOST_SENT = 16
"""Of so many kinds of blocks the function stays on the workers."""

PARTS, LEAST = 32, 2**20
"""Where no chunks are given: so many blocks, but none below so many bytes or above what Dask calls a chunk."""


def checked_client(client: Any) -> Any:
    """A client of `dask.distributed` that waits for its results; raises `InputError` for anything else."""
    if package_of(client) != "distributed" or not hasattr(client, "gather"):
        raise InputError(
            f"client= takes a client of dask.distributed, not {type(client).__name__}",
            hint="client=distributed.Client(), or Client(address) of a scheduler that runs",
        )
    if getattr(client, "asynchronous", False):
        raise InputError(
            "the client is asynchronous, and its results cannot be waited for here",
            hint="client=distributed.Client(address), without asynchronous=True",
        )
    if client.status not in ("running", "connecting"):
        raise InputError(f"the client is {client.status}", hint="client=distributed.Client(), still open")
    return client


def is_lazy(value: Any) -> bool:
    """Whether a value is a collection of Dask's."""
    return package_of(value) == "dask"


class ClusterData:
    """Arrays for symbols, in blocks where the workers find them: Dask arrays and mapped files as they are, NumPy's sent once.

    The blocks are those of the Dask arrays; where none is in several chunks they are of the size that Dask chooses.
    """

    def __init__(self, client: Any, data: Mapping[Expr, Any]) -> None:
        self.client: Any = checked_client(client)
        self._given: dict[Expr, Any] = {key: checked(key, value) for key, value in data.items()}
        symbols, arrays = list(self._given), list(self._given.values())
        self.axis, self.chunks = split_axis(symbols, arrays)
        if not self.axis:
            self.axis, self.chunks = _chosen(symbols, arrays)
        self._sent: dict[Expr, Any] | None = None

    def arrays(self) -> dict[Expr, Any]:
        """The arrays by symbol; those with rows are Dask's."""
        if self._sent is None:
            self._sent = {key: self._placed(key, array) for key, array in self._given.items()}
        return self._sent

    def lost(self) -> None:
        """A worker is gone, and with it what was sent to it: it is sent again when it is next asked for."""
        self._sent = None

    def _placed(self, key: Expr, array: Any) -> Any:
        if is_lazy(array) or self.axis not in key.shape:
            return array
        place = key.shape.index(self.axis)
        if is_mapped(array):
            return in_blocks(array, place, self.chunks)
        parts = np.split(np.asarray(array), np.cumsum(self.chunks)[:-1], place)
        sent = self.client.scatter([np.ascontiguousarray(part) for part in parts], hash=False)
        da = dask_arrays()
        rows = [da.from_delayed(each, part.shape, part.dtype) for each, part in zip(sent, parts, strict=True)]
        return da.concatenate(rows, place)


def _chosen(symbols: Sequence[Expr], arrays: Sequence[Any]) -> tuple[str, tuple[int, ...]]:
    """Blocks of the first named axis, of the size that Dask chooses for the largest array along it."""
    axis = next((each.shape[0] for each in symbols if each.shape and isinstance(each.shape[0], str)), "")
    along = [
        array for each, array in zip(symbols, arrays, strict=True) if each.shape and each.shape[0] == axis
    ]
    if not along:
        return "", ()
    largest = max(along, key=lambda array: array.dtype.itemsize * int(np.prod(array.shape[1:])))
    most = dask_arrays().core.normalize_chunks(
        ("auto", *largest.shape[1:]), largest.shape, dtype=largest.dtype
    )[0][0]
    rows, bytes_of_row = len(largest), max(1, largest[:1].nbytes)
    block = max(1, min(most, max(-(-rows // PARTS), LEAST // bytes_of_row)))
    return axis, tuple([min(block, rows - start) for start in range(0, rows, block)]) or (0,)


class ClusterFunction:
    """A compiled function with some of its arguments on a cluster: `at(values)` gives its results for the others.

    function : as a neighbour sees it; its results have no rows. data : for some of its symbols

    Raises `InputError` for what cannot be computed block by block, with the node and its line.
    """

    def __init__(self, function: Callee, data: ClusterData) -> None:
        self._function, self._data = function, data
        self._sent: dict[BlockTask, Any] = {}

    def at(
        self, values: Mapping[Expr, Any], data: Callable[[], Mapping[Expr, Any]] = dict
    ) -> list[np.ndarray]:
        """The results, one after the other.

        values : of the symbols that no data is for; data : gives what stands in the place of some of the data, asked for in
            every try
        """
        for left in reversed(range(TRIES)):
            try:
                return self._once({**self._data.arrays(), **data(), **values})
            except lost_errors() as error:
                self._data.lost()
                self._sent.clear()
                if not left:
                    raise InputError(
                        f"the cluster lost its workers {TRIES} times in one evaluation: {type(error).__name__}: {error}",
                        hint="look at the workers' logs; a block and its results must fit into a worker's memory",
                    ) from error
        raise AssertionError

    def _once(self, arguments: Mapping[Expr, Any]) -> list[np.ndarray]:
        client = self._data.client
        values = [arguments[each] for each in self._function.symbols]
        lazy = results_without_rows(self._function, values, self._on_workers)
        found = client.gather(client.compute(lazy, optimize_graph=False))
        return [np.asarray(each, dtype)[()] for each, dtype in zip(found, self._function.dtypes, strict=True)]

    def _on_workers(self, task: BlockTask) -> Any:
        """What is computed of each block, sent to the workers once for all evaluations."""
        if task not in self._sent:
            if len(self._sent) >= MOST_SENT:
                self._sent.clear()
            self._sent[task] = self._data.client.scatter(task, broadcast=True, hash=False)
        return lazy_of(self._sent[task])


def lazy_of(future: Any) -> Any:
    """What is on the workers as an argument of tasks."""
    return lazy_kind()(future.key, layers_of(future.key, {future.key: future}))


@once
def lost_errors() -> tuple[type[BaseException], ...]:
    """What a client raises where workers, or what they held, are gone."""
    from distributed.client import FutureCancelledError  # pyright: ignore[reportMissingImports]
    from distributed.scheduler import KilledWorker  # pyright: ignore[reportMissingImports]

    return FutureCancelledError, KilledWorker


__all__ = [
    "TRIES",
    "ClusterData",
    "ClusterFunction",
    "checked_client",
    "is_lazy",
    "lost_errors",
]
