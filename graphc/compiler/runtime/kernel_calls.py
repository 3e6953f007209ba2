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

from graphc.compiler.engine import blas, thread_pool
from graphc.compiler.engine.jit import resident
from graphc.compiler.engine.loop_layout import Run
from graphc.compiler.engine.numpy_layout import data_address

_NEST = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_FRAME = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_SEQUENCE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)


SMALL_PRODUCTS = 1_000.0
"""Nanoseconds of work below which BLAS keeps to one thread by itself."""


class FrameFunction:
    """A function of machine code with the places in the frame that its words name."""

    def __init__(self, address: int, words: Sequence[int]) -> None:
        self.address = address
        self._words = np.array([*words, 0], dtype=np.int64)
        self.words: int = data_address(self._words)


class Call:
    """All chunks of a kernel.

    kernel : the function; last : what finishes it, or None
    frame : the address of the program's frame; chunks : how many; work : nanoseconds of them all
    shared : whether threads share them; slots : the most threads that may; multiplies : whether it calls BLAS
    owner : what keeps the memory that the kernel uses
    """

    def __init__(
        self, kernel: FrameFunction, last: FrameFunction | None, frame: int, chunks: int, work: float, shared: bool, slots: int,
        multiplies: bool, owner: Any,
    ) -> None:  # fmt: skip
        self._functions = kernel, last
        self._operands = [0, frame, kernel.words]
        self._words = np.array([chunks, *self._operands, 1, 0, 0], dtype=np.int64)
        start = data_address(self._words)
        self._arguments = start, start + 8, start + 32  # lengths, operands, strides
        self._function = _NEST(kernel.address)
        self._last = _FRAME(last.address) if last is not None else None
        finish = (last.address, last.words) if last is not None else (0, 0)
        self._finish = frame, finish[1]
        self.row: tuple[int, int, int, int, int] = (kernel.address, start, finish[0], frame, finish[1])
        self._chunks, self._work = chunks, work
        self._shared, self._slots = shared, slots
        self._quiet = blas.alone if multiplies else nullcontext()
        self._owner = owner
        self._job: thread_pool.ParallelLoop | None = None
        self.plain: bool = not shared and not multiplies
        self.work = work
        self.is_plain: bool = self.plain or (not shared and work < SMALL_PRODUCTS)

    def __call__(self) -> None:
        count = min(thread_pool.get_num_threads(), self._slots) if self._shared else 1
        with self._quiet:
            if count > 1:
                run = Run((self._chunks,), ((1, 0, 0),), (0, 0, 0))
                pieces = min(self._chunks, 4 * count)
                self._job = thread_pool.ParallelLoop(
                    self.row[0], run, self._operands, self._work, self._owner, pieces
                )
                thread_pool.run(self._job, count)
            else:
                self._function(1, *self._arguments)
        if self._last is not None:
            self._last(*self._finish)


def together(steps: Sequence[Callable[[], None]]) -> list[Callable[[], None]]:
    """The steps of a program, with plain calls of kernels that follow each other as one."""
    calls: list[Callable[[], None]] = []
    for plain, several in groupby(steps, key=lambda step: isinstance(step, Call) and step.plain):
        run = list(several)
        calls += [_sequence(run)] if plain and len(run) > 1 else run  # type: ignore[arg-type]
    return calls


def _sequence(calls: Sequence[Call]) -> Callable[[], None]:
    table = np.array([call.row for call in calls], dtype=np.int64)
    function, count, start = _driver(), len(calls), data_address(table)

    def run(keep: Any = (table, calls)) -> None:
        function(count, start)

    return run


@cache
def _driver() -> Any:
    return _SEQUENCE(sequence_address())


@cache
def sequence_address() -> int:
    """i64 sequence(count, rows): kernels one after the other, each a row of what `Call` says about it; 0."""
    return resident(_DRIVER, ("sequence",)).pointer("sequence")


_DRIVER = """define i64 @sequence(i64 %count, ptr %rows) nounwind {
entry:
  br label %call
call:
  %k = phi i64 [ 0, %entry ], [ %next, %done ]
  %at = mul nsw i64 %k, 5
  %kernel.at = getelementptr i64, ptr %rows, i64 %at
  %words.at = getelementptr i64, ptr %kernel.at, i64 1
  %last.at = getelementptr i64, ptr %kernel.at, i64 2
  %frame.at = getelementptr i64, ptr %kernel.at, i64 3
  %names.at = getelementptr i64, ptr %kernel.at, i64 4
  %kernel = load ptr, ptr %kernel.at
  %words = load ptr, ptr %words.at
  %last = load ptr, ptr %last.at
  %frame = load ptr, ptr %frame.at
  %names = load ptr, ptr %names.at
  %data = getelementptr i64, ptr %words, i64 1
  %strides = getelementptr i64, ptr %words, i64 4
  call void %kernel(i64 1, ptr %words, ptr %data, ptr %strides)
  %finished = icmp eq ptr %last, null
  br i1 %finished, label %done, label %finish
finish:
  call void %last(ptr %frame, ptr %names)
  br label %done
done:
  %next = add nuw nsw i64 %k, 1
  %all = icmp sge i64 %next, %count
  br i1 %all, label %exit, label %call
exit:
  ret i64 0
}
"""
