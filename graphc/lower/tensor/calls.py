"""Kernels of a program as calls: shared by threads where their work is worth it, else one after the other without Python between.

A kernel takes the number of its first chunk and how many chunks to do; a second function finishes what its chunks have summed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from graphc.lower import blas, threads
from graphc.lower.arrays import data_address
from graphc.lower.jit import build
from graphc.lower.layout import Run

_NEST = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_FRAME = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_SEQUENCE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)


class Call:
    """All chunks of a kernel.

    address : of the kernel; last : of what finishes it, or 0
    frame : the address of the program's frame; chunks : how many; work : nanoseconds of them all
    shared : whether threads share them; slots : the most threads that may; multiplies : whether it calls BLAS
    owner : what keeps the memory that the kernel uses
    """

    def __init__(
        self, address: int, last: int, frame: int, chunks: int, work: float, shared: bool, slots: int, multiplies: bool,
        owner: Any,
    ) -> None:  # fmt: skip
        self._words = np.array([chunks, 0, frame, 1, 0], dtype=np.int64)
        start = data_address(self._words)
        self._arguments = start, start + 8, start + 24  # lengths, operands, strides
        self.row = (address, start, last, frame)
        self._function = _NEST(address)
        self._last = _FRAME(last) if last else None
        self._frame, self._chunks, self._work = frame, chunks, work
        self._shared, self._slots = shared, slots
        self._quiet = blas.alone if multiplies else nullcontext()
        self._owner = owner
        self._job: threads.Job | None = None
        self.plain = not shared and not multiplies

    def __call__(self) -> None:
        count = min(threads.get_num_threads(), self._slots) if self._shared else 1
        with self._quiet:
            if count > 1:
                run = Run((self._chunks,), ((1, 0),), (0, 0))
                pieces = min(self._chunks, 4 * count)
                self._job = threads.Job(self.row[0], run, [0, self._frame], self._work, self._owner, pieces)
                threads.run(self._job, count)
            else:
                self._function(1, *self._arguments)
        if self._last is not None:
            self._last(self._frame)


def together(steps: Sequence[Callable[[], None]]) -> list[Callable[[], None]]:
    """The steps of a program, with plain calls of kernels that follow each other as one."""
    found: list[Callable[[], None]] = []
    for plain, several in groupby(steps, key=lambda step: isinstance(step, Call) and step.plain):
        run = list(several)
        found += [_sequence(run)] if plain and len(run) > 1 else run  # type: ignore[arg-type]
    return found


def _sequence(calls: Sequence[Call]) -> Callable[[], None]:
    table = np.array([call.row for call in calls], dtype=np.int64)
    function, count, start = _driver(), len(calls), data_address(table)

    def run(keep: Any = (table, calls)) -> None:
        function(count, start)

    return run


@cache
def _driver() -> Any:
    """void sequence(count, rows): kernels one after the other, each a row of what `Call` says about it."""
    return _SEQUENCE(build(_DRIVER, ("sequence",), True).pointer("sequence"))


_DRIVER = """define void @sequence(i64 %count, ptr %rows) nounwind {
entry:
  br label %call
call:
  %k = phi i64 [ 0, %entry ], [ %next, %done ]
  %at = mul nsw i64 %k, 4
  %kernel.at = getelementptr i64, ptr %rows, i64 %at
  %words.at = getelementptr i64, ptr %kernel.at, i64 1
  %last.at = getelementptr i64, ptr %kernel.at, i64 2
  %frame.at = getelementptr i64, ptr %kernel.at, i64 3
  %kernel = load ptr, ptr %kernel.at
  %words = load ptr, ptr %words.at
  %last = load ptr, ptr %last.at
  %frame = load ptr, ptr %frame.at
  %data = getelementptr i64, ptr %words, i64 1
  %strides = getelementptr i64, ptr %words, i64 3
  call void %kernel(i64 1, ptr %words, ptr %data, ptr %strides)
  %finished = icmp eq ptr %last, null
  br i1 %finished, label %done, label %finish
finish:
  call void %last(ptr %frame)
  br label %done
done:
  %next = add nuw nsw i64 %k, 1
  %all = icmp sge i64 %next, %count
  br i1 %all, label %exit, label %call
exit:
  ret void
}
"""
