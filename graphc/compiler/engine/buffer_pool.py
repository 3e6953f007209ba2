"""New arrays for results, in memory that earlier results have given back.

The operating system hands out large pieces of memory page by page as they are first written, which takes longer than computing
what is written there. So the memory of large results is kept when they are gone, and given to the next ones. An array that is
still seen by anybody, be it through a view, keeps its memory: its last owner gives it back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.types import DType
from graphc.util import fork_safety

LARGE = 1 << 20
"""Bytes from which memory is kept: below, NumPy's own is as fast."""

MOST_IDLE = 1 << 28
"""The most bytes that wait for the next results."""

SLACK = 1.25
"""A result takes memory that is larger by this factor at most."""

_idle: list[np.ndarray] = []
_lock = fork_safety.lock()


class _Owner:
    """What an array's memory belongs to; gives it back when the last array in it is gone."""

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block: np.ndarray, shape: tuple[int, ...], dtype: DType) -> None:
        self.block = block
        self.__array_interface__: dict[str, Any] = {
            "data": (block.ctypes.data, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }

    def __del__(self) -> None:
        # without the lock, which this thread may hold: appending is one step
        _idle.append(self.block)


def empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """A new array, its elements not set, row by row."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    return np.asarray(_Owner(_block(size), shape, dtype))


def _block(size: int) -> np.ndarray:
    with _lock:
        fitting = [block for block in _idle if size <= block.nbytes <= SLACK * size]
        if fitting:
            best = min(fitting, key=lambda block: block.nbytes)
            _remove(best)
            return best
        while len(_idle) > 1 and sum(block.nbytes for block in _idle) > MOST_IDLE:
            del _idle[0]
    return np.empty(size, np.uint8)


def _remove(block: np.ndarray) -> None:
    for place, other in enumerate(_idle):
        if other is block:
            del _idle[place]
            return


def clear() -> None:
    """Give all memory that waits back to the operating system."""
    with _lock:
        _idle.clear()
