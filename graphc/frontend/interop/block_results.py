"""What tasks compute of blocks, and how results for blocks are combined: functions that run where the blocks are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Kind = tuple[str, int, int]
"""The kind of a partial, how many results a block gives for it, and how far apart rows are where places are counted."""

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "sum": np.add, "mean": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum, "any": np.logical_or,
    "all": np.logical_and, "logsumexp": np.logaddexp,
}  # fmt: skip


def of_block(
    function: Callable[..., list[np.ndarray]],
    kinds: Sequence[Kind],
    start: int,
    size: int,
    total: int,
    *arrays: Any,
) -> list[np.ndarray]:
    """The results of one block: the parts of the partials, each as a part of all rows, then what is split.

    start, size : the block's first row and their number; total : of all
    """
    if size == 0 and kinds:  # a block without rows has no extremes, and no part in a mean
        return []
    results = function(*arrays)
    place = 0
    for kind, count, step in kinds:
        last = place + count - 1
        if kind == "mean":
            results[last] = (results[last] * (size / total)).astype(results[last].dtype)
        elif count > 1:  # the place of an extreme
            results[last] = results[last] + start * step
        place += count
    return results


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


__all__ = ["Kind", "combined", "of_block"]
