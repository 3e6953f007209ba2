"""Mini-batches: rows of arrays, in an order that the seed and the number of the epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphc.errors import InputError, ShapeError, brief
from graphc.ir.expr import Expr
from graphc.ir.foreign_arrays import package_of
from graphc.ir.inputs import as_count
from graphc.util.arguments import MASKED, filled, is_masked, truth


class Batches:
    """The rows of some arrays in mini-batches.

    Parameters
    ----------
    data : symbol → array; memory-mapped arrays are read batch by batch. Symbols whose first axis has the same name as that of the
        first symbol that has one are batched along it, the others are given whole.
    size : rows of a batch; None for all at once
    seed : of the order. Every epoch has another one, decided by the seed and its number alone.
    shuffle : False takes the rows as they come

    Raises `InputError` for no data and for no rows, `ShapeError` for arrays of different numbers of rows.

    >>> from graphc.ir.expr import symbol
    >>> x = symbol("x", shape=("n",))
    >>> [batch[x].tolist() for batch in Batches({x: np.arange(5.0)}, 2, shuffle=False).epoch(0)]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """

    def __init__(
        self, data: Mapping[Expr, Any], size: int | None = None, *, seed: int = 0, shuffle: bool = True
    ) -> None:
        if not isinstance(data, Mapping) or not data:
            raise InputError(
                "there is no data", hint="write {images: pixels, labels: digits}, symbols as the keys"
            )
        for key in data:
            if not isinstance(key, Expr) or not key.is_symbol:
                raise InputError(f"data is given for symbols, not for {brief(key)}", hint="write {x: array}")
        size = None if size is None else as_count(size, "a batch of {} rows", "batch=64")
        self.arrays: dict[Expr, np.ndarray] = {key: _array(key, array) for key, array in data.items()}
        named = [key.shape[0] for key in data if key.shape and isinstance(key.shape[0], str)]
        self.axis: str | None = named[0] if named else None
        rows: dict[Expr, int] = {}
        for key, array in self.arrays.items():
            if self._batched(key):
                if not array.ndim:
                    raise ShapeError(
                        f"the data for {key.name!r}, which has rows, is one value: {brief(array[()])}"
                    )
                rows[key] = len(array)
        if len(set(rows.values())) > 1:
            counts = ", ".join(f"{key.name!r} has {count}" for key, count in rows.items())
            raise ShapeError(f"the data has different numbers of rows: {counts}")
        self.rows: int = next(iter(rows.values()), 1)
        if self.rows == 0:
            raise InputError(f"the data for {next(iter(rows)).name!r} has no rows")
        self.size: int = self.rows if size is None or not rows else min(size, self.rows)
        self.seed: int = as_count(seed, "a seed of {}", "seed=0", 0)
        self.shuffle: bool = truth("shuffle", shuffle)

    def resized(self, size: int | None) -> Batches:
        """The same rows in batches of another size."""
        return Batches(self.arrays, size, seed=self.seed, shuffle=self.shuffle)

    def _batched(self, key: Expr) -> bool:
        return self.axis is not None and bool(key.shape) and key.shape[0] == self.axis

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def order(self, epoch: int) -> np.ndarray | None:
        """The rows in the order of an epoch; None as they come."""
        if not self.shuffle or self.size >= self.rows:
            return None
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def epoch(self, number: int, start: int = 0) -> Iterator[dict[Expr, np.ndarray]]:
        """The batches of an epoch, from the one numbered `start` on."""
        order = self.order(number)
        for first in range(start * self.size, self.rows, self.size):
            last = min(first + self.size, self.rows)
            rows: Any = slice(first, last) if order is None else order[first:last]
            yield {
                key: np.ascontiguousarray(array[rows]) if self._batched(key) else array
                for key, array in self.arrays.items()
            }

    @property
    def same(self) -> dict[str, Any]:
        """What a checkpoint must agree with beside the rows: of data on one machine, that there are no blocks."""
        return {"chunks": None}

    def shaped(self, batch: Mapping[Expr, Any]) -> Mapping[Expr, Any]:
        """Arrays of a batch's shapes: its own."""
        return batch

    def rows_of(self, place: int) -> int:
        """How many rows the batch of that number has."""
        return min(self.size, self.rows - place * self.size)


def _array(key: Expr, data: Any) -> np.ndarray:
    if is_masked(data):
        raise InputError(f"the data for {key.name!r} is {MASKED}", hint=filled(key.name))
    if package_of(data) == "dask":
        raise InputError(
            f"the data for {key.name!r} is a Dask array, which may be larger than this machine's memory",
            hint="client=distributed.Client(), or the array of its .compute()",
        )
    try:
        return data if isinstance(data, np.ndarray) else np.asarray(data)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the data for {key.name!r} is no array: {error}", hint="rows of one length"
        ) from error


__all__ = ["Batches"]
