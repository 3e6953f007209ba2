"""What tasks compute of blocks, and how results for blocks are combined: functions that run where the blocks are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Kind = tuple[str, int, int]
"""The kind of a partial, how many results a block gives for it, and how far apart rows are where places are counted."""

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "sum": np.add, "mean": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum, "any": np.logical_or,
    "all": np.logical_and, "logsumexp": np.logaddexp,
}  # fmt: skip


@dataclass(frozen=True)
class BlockTask:
    """What is computed of each block.

    function : on the arrays of `slots`: the number of one of the blocks, or ~number of one of the values without rows
    kinds : of the partials, whose parts come first in its results; total : the rows of all blocks
    along : the rows' axis in each of the blocks; numbers : which of the blocks holds the numbers of its rows, if one does
    at_once : so many rows at most are computed in one call, so that what is made of them fits beside the block; None for all
    """

    function: Callable[..., list[np.ndarray]]
    kinds: tuple[Kind, ...]
    slots: tuple[int, ...]
    total: int
    along: tuple[int, ...]
    numbers: int | None
    at_once: int | None = None

    def __call__(self, whole: Sequence[Any], blocks: Sequence[np.ndarray]) -> list[Any]:
        """The parts of the partials, each as a part of all rows, then what is split."""
        size = blocks[0].shape[self.along[0]]
        if size == 0 and self.kinds:  # a block without rows has no extremes, and no part in a mean
            return []
        if self.at_once is None or size <= self.at_once:
            return self._of_rows(whole, blocks, size)
        names = tuple([kind for kind, _, _ in self.kinds])
        count = -(-size // self.at_once)
        ends = [size * number // count for number in range(count + 1)]
        found: list[Any] = []
        for first, last in pairwise(ends):
            rows = [_rows(block, axis, first, last) for block, axis in zip(blocks, self.along, strict=True)]
            part = self._of_rows(whole, rows, last - first)
            found = combined(names, found, part) if found else combined(names, part)
        return found

    def _of_rows(self, whole: Sequence[Any], blocks: Sequence[np.ndarray], size: int) -> list[np.ndarray]:
        results = self.function(*[blocks[slot] if slot >= 0 else whole[~slot] for slot in self.slots])
        place = 0
        for kind, count, step in self.kinds:
            last = place + count - 1
            if kind == "mean":
                results[last] = (results[last] * (size / self.total)).astype(results[last].dtype)
            elif self.numbers is not None and count > 1:  # the place of an extreme
                results[last] = results[last] + int(blocks[self.numbers][0]) * step
            place += count
        return results


def _rows(block: np.ndarray, axis: int, first: int, last: int) -> np.ndarray:
    return block[(*[slice(None)] * axis, slice(first, last))]


def of_block(task: BlockTask, whole: Sequence[Any], *blocks: Any) -> list[np.ndarray]:
    """The results of one block, whose arrays Dask hands over in lists along axes that they have alone."""
    return task(whole, [_unwrapped(block) for block in blocks])


def _unwrapped(block: Any) -> np.ndarray:
    while isinstance(block, list):
        (block,) = block
    return np.asarray(block)


def combined(names: Sequence[str], *blocks: Sequence[Any]) -> list[tuple[np.ndarray, ...]]:
    """Results for several blocks, in their order, as those for one: for each partial its value, behind the extreme of a place."""
    rows = [_grouped(names, block) for block in blocks]
    found = rows[0]
    for row in rows[1:]:
        found = [_both(name, one, other) for name, one, other in zip(names, found, row, strict=True)]
    return found


def _grouped(names: Sequence[str], block: Sequence[Any]) -> list[tuple[np.ndarray, ...]]:
    if block and isinstance(block[0], tuple):
        return list(block)
    grouped: list[tuple[np.ndarray, ...]] = []
    parts = iter(block)
    for name in names:
        grouped.append((next(parts), next(parts)) if name in ("argmax", "argmin") else (next(parts),))
    return grouped


def _both(name: str, one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    if len(one) == 1:
        with np.errstate(all="ignore"):
            return (np.asarray(_COMBINE[name](one[0], other[0])),)
    (value, at), (later, later_at) = one, other
    with np.errstate(invalid="ignore"):
        better = later > value if name == "argmax" else later < value
    better = better | (np.isnan(later) & ~np.isnan(value)) if later.dtype.kind == "f" else better
    return np.where(better, later, value), np.where(better, later_at, at)


__all__ = ["BlockTask", "Kind", "combined", "of_block"]
