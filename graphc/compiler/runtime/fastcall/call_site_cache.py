"""Calls whose shapes and strides were met before: the records that `call_site_ir.py` reads.

The Python path works out how to walk over the operands of a call; a record keeps that for the machine code, so that the same call
costs a microsecond from then on instead of twenty. A record is found by its key, the words that describe a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.runtime.fastcall.call_key_ir import FACTOR, MAX_KEY, NUMBER, PLACES
from graphc.compiler.runtime.fastcall.call_site_ir import MAX_RECORD
from graphc.util import fork_safety

_WORD = 1 << 64

_lock = fork_safety.lock()


class LoopCall(NamedTuple):
    """A loop nest over part of the operands: its address, and its extents, offsets and strides as `loop_layout.Run` has them."""

    nest: int
    extents: tuple[int, ...]
    offsets: tuple[int, ...]
    strides: tuple[int, ...]


def key(arguments: Sequence[Any], out: Sequence[np.ndarray]) -> list[int] | None:
    """The words of a call; None where machine code does not take it.

    arguments : what the call was given: arrays, which are aligned and of the dtypes wanted, and numbers
    out : the arrays given for the results
    """
    words = [len(out)]
    for value in arguments:
        words += _described(value) if type(value) is np.ndarray else [NUMBER]
    for array in out:
        words += _described(array)
        same = [
            type(value) is np.ndarray and np.may_share_memory(value, array) for value in arguments
        ]  # the caller has made sure that what overlaps is the very same memory
        words.append(sum(1 << number for number, tied in enumerate(same) if tied))
    return words if len(words) <= MAX_KEY - 2 else None


def _described(array: np.ndarray) -> list[int]:
    return [array.ndim, *array.shape, *array.strides]


def place(words: Iterable[int]) -> int:
    """Where the record of a key is kept: its hash, as `@found` computes it."""
    mixed = 0
    for one in words:
        mixed = ((mixed ^ one) * FACTOR) % _WORD
        mixed ^= mixed >> 32
    return mixed % PLACES


class Plans:
    """The records of one compiled function; `address` is that of the table of them."""

    def __init__(self) -> None:
        self._addresses = np.zeros(PLACES, dtype=np.int64)
        self._records: list[np.ndarray | None] = [None] * PLACES
        self.address: int = self._addresses.ctypes.data

    def add(
        self, words: list[int], results: Sequence[np.ndarray] | None, steps: Sequence[LoopCall], free: bool
    ) -> None:
        """Keep how a call is run.

        words : its key
        results : arrays laid out as the new results are to be, or None where the call gives them
        steps : the loops, in order
        free : whether they take long enough to let other Python threads run
        """
        record = [len(words), 0, *words, int(free), len(steps)]
        for result in results or ():
            record += _described(result)
        for step in steps:
            record += [step.nest, len(step.extents), *step.extents, *step.offsets, *step.strides]
        if len(record) > MAX_RECORD:
            return
        record[1] = len(record)
        array = np.array(record, dtype=np.int64)
        where = place(words)
        # the former record lives until its address is replaced: machine code copies what it reads
        with _lock:
            former = self._records[where]
            self._records[where] = array
            self._addresses[where] = array.ctypes.data
            del former
