"""Operations on batches of images, (n, c, h, w), one image after the other: how their machine code is written, cut and run.

An operation brings an `ImageRoutine`: LLVM IR of a function that computes one image, or some of the pieces it is made of. Units,
the pieces of all images, are shared by graphc's threads in chunks that the shapes alone decide. What an image needs beside its
operands stands in scratch memory, a slot for each thread. What is summed over images is summed per chunk, and the chunks' sums
in their order: the bits do not depend on the number of threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.compiler.engine import blas, guard_words, thread_pool
from graphc.compiler.engine.jit import build
from graphc.compiler.engine.loop_layout import Run
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS, LoopBuilder
from graphc.compiler.targets.llvm.microkernels.gemm_call import named
from graphc.ir.types import DType
from graphc.util.records import dataclass

CHUNK = 80_000.0
"""Nanoseconds of estimated work in a chunk of units."""

MOST_CHUNKS = 1024

MOST_SUMS = 32
"""Chunks whose sums are kept beside each other."""

ALIGNED = 64

_NEST = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)

_WORDS = ("a", "b", "out", "scratch", "slot_size", "flags", "slots", "gemm", "units", "per")
"""What stands in the frame that the machine code reads."""


PARAMETERS = (
    "ptr noalias %a, ptr noalias %b, ptr noalias %out, ptr noalias %scratch, ptr %gemm, i64 %from, i64 %to"
)
"""Of the function for an image: its operands and result, scratch memory, BLAS' product, and the pieces that are wanted."""


@dataclass(frozen=True)
class ImageRoutine:
    """The function for one image.

    text : its LLVM IR under the name "image", with all that it calls
    steps : by how many elements its operands move from image to image, 0 for what all images share
    step : the same of its result; 0 for a sum over images, which it adds to
    sums : elements of such a sum; least : how many pieces are at least added up to one
    scratch : elements of scratch memory
    pieces : how many pieces an image has
    nanoseconds : the estimated work for a piece
    multiplies : whether it calls BLAS
    declarations : the functions of LLVM's that it calls, name and text
    """

    text: str
    steps: tuple[int, ...]
    step: int
    scratch: int
    pieces: int
    nanoseconds: float
    sums: int = 0
    least: int = 1
    multiplies: bool = False
    declarations: tuple[tuple[str, str], ...] = ()

    def named(self, suffix: str) -> str:
        """The text under names of its own: the function is "image" with the suffix."""
        return named(self.text, suffix)


def runner(
    routine: ImageRoutine, images: int, dtype: DType, operands: Sequence[tuple[int, ...]], parallel: Parallel
) -> Callable[..., None]:
    """The function (out, *operands) that runs a routine over a batch.

    images : how many there are; operands : the shapes of the operands
    """
    return _Batch(routine, images, dtype, operands, parallel)


class _Batch:
    """A routine over a batch of so many images: its memory, its chunks."""

    def __init__(
        self,
        routine: ImageRoutine,
        images: int,
        dtype: DType,
        operands: Sequence[tuple[int, ...]],
        parallel: Parallel,
    ) -> None:
        self._dtype = dtype
        self._routine = routine
        units = images * routine.pieces
        self._work = units * routine.nanoseconds
        per = max(1, round(CHUNK / routine.nanoseconds), -(-units // MOST_CHUNKS))
        self._sums = not routine.step
        if self._sums:
            per = max(per, routine.least, -(-units // MOST_SUMS))
        per = min(per, max(units, 1))
        self.chunks = -(-units // per)
        self._shared = self.chunks > 1 and (
            parallel is True or (parallel == "auto" and self._work >= thread_pool.WORTH)
        )
        self._slots = max(thread_pool.get_num_threads(), 1) if self._shared else 1
        slot = -(-routine.scratch * dtype.itemsize // ALIGNED) * ALIGNED
        self._guarded: list[np.ndarray] | None = [] if guard_words.wanted() else None
        self._scratch = self._new((slot * self._slots + ALIGNED,), np.dtype(np.uint8))
        self._flags = np.zeros(8 * self._slots, np.int64)
        self._frame = np.zeros(len(_WORDS), np.int64)
        self._set("scratch", -(-data_address(self._scratch) // ALIGNED) * ALIGNED)
        self._set("slot_size", slot)
        self._set("flags", data_address(self._flags))
        self._set("slots", self._slots)
        self._set("units", units)
        self._set("per", per)
        if routine.multiplies:
            self._set("gemm", blas.function("gemm", dtype))
        self._copies: list[np.ndarray | None] = [None for _ in operands]
        self._shapes = operands
        self._partial: np.ndarray | None = None
        text = _nest(routine, dtype)
        self._library = build(text, ("images",), True)
        self._address = self._library.pointer("images")
        self._call = _NEST(self._address)
        self._whole = (
            np.array([self.chunks], np.int64),
            np.array([0, data_address(self._frame)], np.int64),
            np.array([1, 0], np.int64),
        )

    def _new(self, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
        """Memory that stays from call to call."""
        if self._guarded is None:
            return np.empty(shape, dtype)
        self._guarded.append(guard_words.empty(shape, dtype))
        return self._guarded[-1]

    def _set(self, word: str, value: int) -> None:
        self._frame[_WORDS.index(word)] = value

    def __call__(self, out: np.ndarray, *operands: np.ndarray) -> None:
        """Compute."""
        if not self.chunks:
            if self._sums:
                out.fill(0)
            return
        arrays = [self._laid(k, operand) for k, operand in enumerate(operands)]
        for word, array in zip("ab", arrays, strict=False):
            self._set(word, data_address(array))
        target = out
        if self._sums and self.chunks > 1:
            if self._partial is None:
                self._partial = self._new((self.chunks, *out.shape), self._dtype)
            target = self._partial
        self._set("out", data_address(target))
        if self._routine.multiplies:
            with blas.alone:
                self._run(arrays)
        else:
            self._run(arrays)
        for array in self._guarded or ():
            guard_words.check(array, "memory of its own", "a routine of images")
        if target is not out:
            np.add.reduce(target, axis=0, out=out)

    def _run(self, keep: Any) -> None:
        count = min(thread_pool.get_num_threads(), self._slots) if self._shared else 1
        if count > 1:
            run = Run((self.chunks,), ((1, 0),), (0, 0))
            job = thread_pool.ParallelLoop(
                self._address,
                run,
                [0, data_address(self._frame)],
                self._work,
                (self, keep),
                cutting=(0, 1, self.chunks),
            )
            thread_pool.run(job, count)
        else:
            self._call(1, *[data_address(array) for array in self._whole])

    def _laid(self, number: int, operand: np.ndarray) -> np.ndarray:
        """An operand in rows and of the routine's type; what is not is copied into memory that stays."""
        if operand.dtype == self._dtype and operand.flags.c_contiguous and operand.flags.aligned:
            return operand
        copy = self._copies[number]
        if copy is None:
            copy = self._copies[number] = np.empty(self._shapes[number], self._dtype)
        copy[...] = operand
        return copy


def _nest(routine: ImageRoutine, dtype: DType) -> str:
    """The module: a loop over the units of some chunks, which threads share."""
    w = LoopBuilder(dtype)
    pieces = str(routine.pieces)
    steps = (*routine.steps, *(0 for _ in range(2 - len(routine.steps))))
    frame = w.new("load ptr, ptr " + w.at("%data", "1", "i64"))
    for place, word in enumerate(_WORDS):
        is_address = word in ("a", "b", "out", "scratch", "flags", "gemm")
        kind = "ptr" if is_address else "i64"
        w.do(f"%f.{word} = load {kind}, ptr {w.at(frame, str(place), 'i64')}")
    start, count = w.new("load i64, ptr %data"), w.new("load i64, ptr %shape")
    stop = w.add(start, count)
    w.lines += [
        "  br label %take",
        "take:",
        "  %t = phi i64 [ 0, %entry ], [ %t_next, %other ]",
        "  %flag = getelementptr i64, ptr %f.flags, i64 %t",
        "  %got = cmpxchg ptr %flag, i64 0, i64 1 acquire monotonic",
        "  %mine = extractvalue { i64, i1 } %got, 1",
        "  br i1 %mine, label %ready, label %other",
        "other:",
        "  %t_more = add nsw i64 %t, 1",
        "  %t_wraps = icmp sge i64 %t_more, %f.slots",
        "  %t_next = select i1 %t_wraps, i64 0, i64 %t_more",
        "  br label %take",
        "ready:",
    ]
    w._block = "ready"
    scratch = w.at("%f.scratch", w.mul("%t", "%f.slot_size"), "i8")

    def chunk(c: str) -> None:
        low = w.mul(c, "%f.per")
        high = w.least(w.add(low, "%f.per"), "%f.units")
        out = "%f.out"
        if not routine.step:
            out = w.at(out, w.mul(c, str(routine.sums)))
            w.clear(out, str(routine.sums))

        def unit(u: str) -> None:
            image, piece = u, "0"
            if pieces != "1":
                image, piece = w.new(f"sdiv i64 {u}, {pieces}"), w.new(f"srem i64 {u}, {pieces}")
            a, b = (
                w.at(f"%f.{name}", w.mul(image, str(step))) for name, step in zip("ab", steps, strict=True)
            )
            to = w.at(out, w.mul(image, str(routine.step)))
            last = w.add(piece, "1")
            w.do(
                f"call void @image(ptr {a}, ptr {b}, ptr {to}, ptr {scratch}, ptr %f.gemm, i64 {piece}, i64 {last})"
            )

        w.loop(high, unit, low)

    w.loop(stop, chunk, start)
    w.do("store atomic i64 0, ptr %flag release, align 8")
    nest = w.function("images", "i64 %ndim, ptr %shape, ptr %data, ptr %strides")
    declared = "".join(f"{text}\n" for _, text in routine.declarations)
    return INTRINSICS + declared + routine.text + nest.replace("define internal", "define", 1)
