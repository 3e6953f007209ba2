"""Memory that shows when it is misused: what `GRAPHC_CHECK=memory` asks for.

Fresh memory holds a marker, which is NaN in every floating-point type and a number that nobody expects in every other one. The
same marker stands around arrays, in guard words: code that writes outside of an array damages them.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from graphc.compiler.engine.checks import asked
from graphc.compiler.engine.numpy_layout import data_address
from graphc.errors import InternalError
from graphc.ir.types import DType

MARKER = 0x7FF88080
"""Four bytes that are NaN as float32, twice as float64, and as an index out of range. Each array has a number in them, so that
what is read around one array and written around another is not taken for what stands there: arithmetic hands NaN's bits on."""

GUARD = 128
"""Bytes of guard words on each side of an array."""

_ALIGNED = 64


def wanted() -> bool:
    """Whether the environment's GRAPHC_CHECK asks for it."""
    return asked("memory")


def poison(block: np.ndarray, start: int, end: int, number: int) -> None:
    """Fill bytes of a block with the marker of a number."""
    block[start:end] = _marker(start, end, number)


def is_whole(block: np.ndarray, start: int, end: int, number: int) -> bool:
    """Whether bytes of a block still hold the marker of a number."""
    return block[start:end].tobytes() == _marker(start, end, number).tobytes()


def _marker(start: int, end: int, number: int) -> np.ndarray:
    word = MARKER | (number & 0x7F) | (number >> 7 & 0x7F) << 8
    return (_short if end - start <= GUARD else _pattern)(word, start % 4, max(end - start, 0))


def _pattern(word: int, shift: int, length: int) -> np.ndarray:
    return np.resize(np.roll(np.array([word], "<u4").view(np.uint8), -shift), length)


_short = lru_cache(4096)(_pattern)
"""Guard words are looked at after each kernel, all of them."""


def _number(memory: np.ndarray) -> int:
    """The number of an array in memory of its own: from where it is."""
    return data_address(memory) // _ALIGNED


def empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """A new array, row by row, between guard words; its elements are the marker."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 2 * GUARD + _ALIGNED, np.uint8)
    first = -data_address(memory) % _ALIGNED
    block = memory[first : first + size + 2 * GUARD]
    poison(block, 0, len(block), _number(memory))
    return block[GUARD : GUARD + size].view(dtype).reshape(shape)


def copied(array: np.ndarray) -> np.ndarray:
    """A copy between guard words, row by row."""
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def check(array: np.ndarray, what: str, after: str, node: str | None = None) -> None:
    """Raises `InternalError` where the guard words around an array of `empty` are damaged.

    what : the array, in words; after : what ran last
    """
    memory = array.base
    assert isinstance(memory, np.ndarray)
    start = data_address(array) - data_address(memory)
    first, end = start - GUARD, start + array.nbytes
    block = memory[first:]
    if not is_whole(block, 0, GUARD, _number(memory)):
        raise damaged(what, "before", after, node)
    if not is_whole(block, end - first, end - first + GUARD, _number(memory)):
        raise damaged(what, "behind", after, node)


def damaged(what: str, where: str, after: str, node: str | None = None) -> InternalError:
    """The error of damaged guard words."""
    return InternalError(
        f"internal error: {after} wrote {where} {what}",
        node=node,
        hint="a bug of graphc's: please report it with the graph, as g.save writes it",
    )
