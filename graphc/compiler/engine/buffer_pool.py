"""New arrays for results, in memory that earlier results have given back.

The operating system hands out large pieces of memory page by page as they are first written, which takes longer than computing
what is written there. So the memory of large results is kept when they are gone, and given to the next ones. An array that is
still seen by anybody, be it through a view, keeps its memory: its last owner gives it back.
"""

from __future__ import annotations

import collections
import math
import weakref
from typing import Any

import numpy as np

from graphc.errors import MemoryLimitError
from graphc.ir.expr import current_site
from graphc.ir.types import DType
from graphc.util import fork_safety

LARGE = 1 << 20
"""Bytes from which memory is kept: below, NumPy's own is as fast."""

MOST_IDLE = 1 << 28
"""The most bytes that wait for the next results."""

SLACK = 1.25
"""A result takes memory that is larger by this factor at most."""


class _Owner:
    """What an array's memory belongs to; it dies with the last array in it."""

    __slots__ = ("__array_interface__", "__weakref__", "block")

    def __init__(self, block: np.ndarray, shape: tuple[int, ...], dtype: DType) -> None:
        self.block = block
        self.__array_interface__: dict[str, Any] = {
            "data": (block.ctypes.data, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }


class _Loan(weakref.ref):
    """A reference to an owner that keeps the owner's memory for afterwards."""

    __slots__ = ("block",)

    block: np.ndarray


_loans: dict[int, _Loan] = {}
"""Those whose owners may live, by their own addresses."""

_returned: collections.deque[_Loan] = collections.deque()
"""Those whose owners are gone. Appending is C and one step: in a line of Python that ran here the handler of a signal could
raise an exception, which would have no caller to go to."""

_idle: list[np.ndarray] = []
_lock = fork_safety.lock()


def empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """A new array, its elements not set, row by row."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    owner = _Owner(_block(size), shape, dtype)
    loan = _Loan(owner, _returned.append)
    loan.block = owner.block
    _loans[id(loan)] = loan
    return np.asarray(owner)


def _block(size: int) -> np.ndarray:
    with _lock:
        _take_back()
        fitting = [block for block in _idle if size <= block.nbytes <= SLACK * size]
        if fitting:
            best = min(fitting, key=lambda block: block.nbytes)
            _remove(best)
            return best
        while len(_idle) > 1 and sum(block.nbytes for block in _idle) > MOST_IDLE:
            del _idle[0]
    return room(size)


def room(size: int) -> np.ndarray:
    """So many bytes. Raises `MemoryLimitError` where there are not so many."""
    try:
        return np.empty(size, np.uint8)
    except (MemoryError, ValueError, OverflowError):  # a size may be more than an address can be
        raise MemoryLimitError(
            f"{size:,} bytes for results, or for what lies between, are more than there is memory for",
            site=current_site(),
            hint="compute parts of them, one call for each",
        ) from None


def _take_back() -> None:
    """What is returned waits for the next results."""
    while _returned:
        loan = _returned.popleft()
        if _loans.pop(id(loan), None) is not None:
            _idle.append(loan.block)


def _remove(block: np.ndarray) -> None:
    for place, other in enumerate(_idle):
        if other is block:
            del _idle[place]
            return


def clear() -> None:
    """Give all memory that waits back to the operating system."""
    with _lock:
        _take_back()
        _idle.clear()
