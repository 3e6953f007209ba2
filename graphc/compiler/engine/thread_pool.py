"""The pool of threads that array loops run on: one for the process, graphc's own.

A job is an index space cut along one dimension into pieces. Whoever works on it takes the next piece from an atomic counter,
in machine code and without Python's lock, until none is left. The caller puts the job into a queue, works on it itself, and at
the end waits only for pieces that a worker has begun: a worker that wakes late finds nothing left and has cost nothing. So a
job is finished by its caller alone if it must be, any number of Python threads may call at once, and an interrupted call
leaves the pool as it was.

Making a job takes its caller 5 µs and posting it 1 to 7; where all processors are busy with something else, so that no worker
comes to help, a call took 12 to 15 µs more than with one thread. Hence `WORTH`.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
from functools import cache
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np

from graphc.compiler.engine.jit import resident
from graphc.compiler.engine.loop_layout import Run
from graphc.errors import InputError, brief
from graphc.util.fork_safety import at_fork

Parallel = Literal[True, False, "auto"]
"""Whether loops are shared by threads: always, never, or where they are long enough to gain by it."""

WORTH = 150_000.0
"""Nanoseconds of estimated work from which a job is handed to the pool: what that costs is then a tenth at worst."""

PIECE = 40_000.0
"""Nanoseconds of estimated work in a piece: what the caller may have to wait for at the end."""

MAX_PIECES = 1024

LINE = 64
"""Pieces of the innermost dimension are multiples of this: whole vectors and whole cache lines."""

MOST = 1024
"""The largest number of threads."""

_HEAD = 9
_NEXT, _FINISHED, _PIECES, _NEST, _NDIM, _OPERANDS, _AXIS, _EXTENT, _LENGTH = range(_HEAD)
"""The words of a job, of 64 bits each; after them come the extents, the operands' addresses and the rows of strides."""


def get_num_threads() -> int:
    """How many threads a parallel call uses: what `set_num_threads` said, else the environment's GRAPHC_NUM_THREADS, else the
    number of processors that the process may use.

    >>> get_num_threads() >= 1
    True
    """
    return _chosen if _chosen is not None else _default()


def set_num_threads(n: int) -> None:
    """Say how many threads a parallel call uses, the calling one among them; 1 switches the pool off.

    Results do not depend on it. Raises `InputError` unless n is a whole number from 1 to 1024.
    """
    global _chosen
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= MOST:
        raise InputError(
            f"set_num_threads takes a whole number from 1 to {MOST}, not {brief(n)}",
            hint="1 computes with the calling thread alone",
        )
    _chosen = int(n)


_chosen: int | None = None


def _default() -> int:
    text = os.environ.get("GRAPHC_NUM_THREADS", "").strip()
    if text:
        if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST:
            return int(text)
        raise InputError(
            f"the environment's GRAPHC_NUM_THREADS is {text[:60]!r}", hint=f"a number from 1 to {MOST}"
        )
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, getattr(os, "process_cpu_count", os.cpu_count)() or 1)


def from_elements(nanoseconds: float) -> int:
    """The number of elements, of so many nanoseconds each, from which threads are worth it."""
    return math.ceil(WORTH / max(nanoseconds, 1e-3))


class ParallelLoop:
    """One loop cut into pieces.

    cutting : the dimension, the length of a piece and their number, where they are not left to `cut`
    """

    words: np.ndarray

    def __init__(
        self,
        nest: int,
        run: Run,
        addresses: list[int],
        nanoseconds: float,
        keep: Any,
        least: int = 1,
        cutting: tuple[int, int, int] | None = None,
    ) -> None:
        axis, length, pieces = cutting or cut(run, nanoseconds, least)
        operands = len(addresses)
        words = [
            0,
            0,
            pieces,
            nest,
            len(run.extents),
            operands,
            axis,
            run.extents[axis],
            length,
            *run.extents,
        ]
        words += addresses
        for row in run.rows:
            words += row
        self.pieces = pieces
        self.words = np.array(words, dtype=np.int64)
        self.address: int = self.words.ctypes.data
        self.keep = keep  # the operands: alive as long as anyone may write to them


def cut(run: Run, nanoseconds: float, least: int = 1) -> tuple[int, int, int]:
    """Along which dimension a run is cut, how long each piece is there, and how many there are; `least` are wanted in any case.

    The outermost dimension that is long enough; where none is, the longest.

    >>> cut(Run((2, 1000), ((8000,), (8,)), (0,)), 10 * PIECE)
    (1, 128, 8)
    """
    wanted = max(least, min(MAX_PIECES, round(nanoseconds / PIECE)))
    axis = max(range(len(run.extents)), key=lambda axis: (min(run.extents[axis], wanted), -axis))
    length = -(-run.extents[axis] // wanted)
    if axis == len(run.extents) - 1 and length > LINE:
        length = -(-length // LINE) * LINE
    return axis, length, -(-run.extents[axis] // length)


class _Pool:
    """Threads that wait for jobs; made when the first job comes."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.jobs: SimpleQueue[ParallelLoop | None] = SimpleQueue()
        self.workers: list[threading.Thread] = []

    def post(self, job: ParallelLoop, helpers: int) -> None:
        """Ask so many workers to help with a job."""
        with self.lock:
            while len(self.workers) < helpers:
                worker = threading.Thread(
                    target=_work, args=(self.jobs,), name=f"graphc-{len(self.workers)}", daemon=True
                )
                worker.start()
                self.workers.append(worker)
            for _ in range(helpers):
                self.jobs.put(job)

    def stop(self) -> None:
        """End the workers and wait for them; the next job makes new ones."""
        with self.lock:
            for _ in self.workers:
                self.jobs.put(None)
            for worker in self.workers:
                worker.join()
            self.workers = []


def _work(jobs: SimpleQueue[ParallelLoop | None]) -> None:
    drive = _entries()[0]
    while True:
        job = jobs.get()
        if job is None:
            return
        drive(job.address)
        del job  # while it waits, a worker keeps nothing alive


_pool = _Pool()


def _before_fork() -> None:
    # no thread of the pool is alive in the child: without any, parent and child both make theirs anew
    _pool.lock.acquire()
    _pool.stop()


def _after_fork_in_child() -> None:
    global _pool
    _pool = _Pool()


at_fork(_before_fork, lambda: _pool.lock.release(), _after_fork_in_child)


def run(job: ParallelLoop, threads: int) -> None:
    """Do a job with so many threads, the caller's among them; it is done when this returns, however it returns."""
    finish = _entries()[1]
    try:
        _pool.post(job, min(threads, job.pieces) - 1)
    finally:
        finish(job.address)
        job.keep = None


@cache
def _entries() -> tuple[Any, Any]:
    """The machine code of `drive` and `finish`; ctypes lets go of Python's lock while they run."""
    library = resident(_module(), ("drive", "finish"))
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return kind(library.pointer("drive")), kind(library.pointer("finish"))


def _module() -> str:
    """drive: take pieces and run them until none is left. finish: the same, then wait for those that others have begun."""
    rest = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
    words = "\n".join(
        f"""  %{name}_at = getelementptr i64, ptr %job, i64 {place}
  %{name} = load i64, ptr %{name}_at"""
        for name, place in (
            ("pieces", _PIECES),
            ("ndim", _NDIM),
            ("operands", _OPERANDS),
            ("axis", _AXIS),
            ("extent", _EXTENT),
            ("length", _LENGTH),
        )
    )
    return f"""declare i32 @{rest}()
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @drive(ptr %job) nounwind {{
entry:
{words}
  %nest_at = getelementptr i64, ptr %job, i64 {_NEST}
  %nest = load ptr, ptr %nest_at
  %finished = getelementptr i64, ptr %job, i64 {_FINISHED}
  %extents = getelementptr i64, ptr %job, i64 {_HEAD}
  %data = getelementptr i64, ptr %extents, i64 %ndim
  %strides = getelementptr i64, ptr %data, i64 %operands
  %row_at = mul i64 %axis, %operands
  %row = getelementptr i64, ptr %strides, i64 %row_at
  %my_extents = alloca i64, i64 %ndim, align 8
  %my_data = alloca i64, i64 %operands, align 8
  %size = mul i64 %ndim, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %my_extents, ptr %extents, i64 %size, i1 false)
  %my_extent = getelementptr i64, ptr %my_extents, i64 %axis
  br label %take
take:
  %piece = atomicrmw add ptr %job, i64 1 seq_cst
  %left = icmp slt i64 %piece, %pieces
  br i1 %left, label %begin, label %exit
begin:
  %start = mul i64 %piece, %length
  %beyond = sub i64 %extent, %start
  %short = icmp slt i64 %beyond, %length
  %mine = select i1 %short, i64 %beyond, i64 %length
  store i64 %mine, ptr %my_extent
  br label %move
move:
  %k = phi i64 [ 0, %begin ], [ %k_next, %move ]
  %from_at = getelementptr i64, ptr %data, i64 %k
  %from = load i64, ptr %from_at
  %stride_at = getelementptr i64, ptr %row, i64 %k
  %stride = load i64, ptr %stride_at
  %distance = mul i64 %stride, %start
  %to = add i64 %from, %distance
  %to_at = getelementptr i64, ptr %my_data, i64 %k
  store i64 %to, ptr %to_at
  %k_next = add i64 %k, 1
  %moved = icmp eq i64 %k_next, %operands
  br i1 %moved, label %compute, label %move
compute:
  call void %nest(i64 %ndim, ptr %my_extents, ptr %my_data, ptr %strides)
  %before = atomicrmw add ptr %finished, i64 1 seq_cst
  br label %take
exit:
  ret void
}}

define void @finish(ptr %job) nounwind {{
entry:
  call void @drive(ptr %job)
  %finished = getelementptr i64, ptr %job, i64 {_FINISHED}
  %pieces_at = getelementptr i64, ptr %job, i64 {_PIECES}
  %pieces = load i64, ptr %pieces_at
  br label %wait
wait:
  %tries = phi i64 [ 0, %entry ], [ %more, %look ], [ %more, %rest ]
  %more = add i64 %tries, 1
  %done = load atomic i64, ptr %finished seq_cst, align 8
  %all = icmp eq i64 %done, %pieces
  br i1 %all, label %exit, label %look
look:
  %often = icmp ugt i64 %tries, 1000
  br i1 %often, label %rest, label %wait
rest:
  %yielded = call i32 @{rest}()
  br label %wait
exit:
  ret void
}}
"""
