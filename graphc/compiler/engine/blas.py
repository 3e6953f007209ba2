"""SciPy's BLAS in machine code: the products that loops over batches call, and the care that it runs on one thread meanwhile.

A nest has the form of every loop that threads share, (ndim, extents, data, strides), and computes a product for each index of its
outer dimensions; the last ones are those of the product: m, n, k for `gemm`, m, k for `gemv`, rows and columns of the right side
for `trsm`, which solves triangular equations. So the pool cuts a product along any of its dimensions like any other loop. Where
BLAS itself is, and how its operands are laid out, stands among the operands and does not move: the code holds no address of a
process and is kept on disk.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.engine.jit import resident
from graphc.ir.types import DType
from graphc.ops.special import scipy_blas
from graphc.util.fork_safety import at_fork

OPERANDS = 11
"""Words that a nest takes as the addresses of its operands: three that move and those of a call that do not."""

LARGEST = 2**31 - 1
"""The largest length or distance between rows, in elements: BLAS counts in 32 bits."""

_Call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class BlasRoutine(NamedTuple):
    """A nest in machine code: how ctypes calls it, without Python's lock, and where it is."""

    call: Any
    address: int


@cache
def nest(name: str) -> BlasRoutine:
    """The nest of "gemm", "gemv" or "trsm"."""
    address = resident(_module(), ("gemm", "gemv", "trsm")).pointer(name)
    return BlasRoutine(_Call(address), address)


@cache
def function(name: str, dtype: DType) -> int:
    """The address of a function of BLAS for float32 or float64, by its name without the letter for the type."""
    capsule = scipy_blas().__pyx_capi__[("s" if dtype.itemsize == 4 else "d") + name]
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer(capsule, named(capsule))


@cache
def letter(text: str) -> int:
    """The address of a letter that BLAS takes as an option."""
    held = ctypes.create_string_buffer(text.encode())
    _kept.append(held)
    return ctypes.addressof(held)


@cache
def number(value: float, dtype: DType) -> int:
    """The address of a number that BLAS takes as a factor."""
    held = np.array(value, dtype)
    _kept.append(held)
    return held.ctypes.data


_kept: list[Any] = []


class _Alone:
    """BLAS on one thread while graphc's own threads, or one of them, call it; nested and from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = [count() for count, _ in thread_counts()]
                for (_, limit), before in zip(thread_counts(), self._before, strict=True):
                    if before != 1:
                        limit(1)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for (_, limit), before in zip(thread_counts(), self._before, strict=True):
                    if before != 1:
                        limit(before)

    def before_fork(self) -> None:
        """No thread is half inside while the process is copied."""
        self._lock.acquire()

    def after_fork(self) -> None:
        """In the parent."""
        self._lock.release()

    def in_child(self) -> None:
        """Whoever was inside is not part of the child."""
        before = self._before if self._inside else []
        self.__init__()
        for (_, limit), count in zip(thread_counts() if before else (), before, strict=True):
            if count != 1:
                limit(count)


alone: _Alone = _Alone()
"""`with alone:` BLAS has one thread; what it had before comes back at the end of the last block."""

at_fork(alone.before_fork, alone.after_fork, alone.in_child)


@cache
def thread_counts() -> tuple[tuple[Callable[[], int], Callable[[int], Any]], ...]:
    """How many threads a BLAS has, and how to say it, for SciPy's own, or for all where that cannot be told from others."""
    import threadpoolctl

    scipy_blas()  # brings its library with it
    libraries = [c for c in threadpoolctl.ThreadpoolController().lib_controllers if c.user_api == "blas"]
    own = [c for c in libraries if "scipy" in Path(c.filepath).parent.name]
    return tuple([_thread_count(library) for library in own or libraries])


def _thread_count(library: Any) -> tuple[Callable[[], int], Callable[[int], Any]]:
    # threadpoolctl lets one thread of Python set the count; `alone` knows who is inside, and asks OpenBLAS itself
    if library.internal_api == "openblas" and getattr(library, "threading_layer", "") == "pthreads":
        for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
            get = getattr(library.dynlib, f"{prefix}openblas_get_num_threads{suffix}", None)
            limit = getattr(library.dynlib, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get is not None and limit is not None:
                return get, limit
    return library.get_num_threads, library.set_num_threads


def _module() -> str:
    """All nests.

    gemm : operands A, B, C, the function, the letters of B and A, the distances of their rows and of C's, one, zero
    gemv : operands A, x, y, the function, the letter of A, the distance of its rows, of x's and y's elements, one, zero, and
        whether A's rows are what BLAS, which counts by columns, takes for columns
    trsm : operands A, B (which the solution replaces), none, the function, the letters of A's triangle and order, the distances
        of A's and B's rows, one, and the letters of the side and of what stands on the diagonal
    """
    p, i = "ptr", "i32"
    gemm = f"""  %m = trunc i64 %size0 to i32
  %n = trunc i64 %size1 to i32
  %k = trunc i64 %size2 to i32
{_stored("m", "n", "k")}
  %ldb = trunc i64 %o6 to i32
  %lda = trunc i64 %o7 to i32
  %ldc = trunc i64 %o8 to i32
{_stored("ldb", "lda", "ldc")}"""
    gemm_call = f"""call void %f({p} %p4, {p} %p5, {p} %n.at, {p} %m.at, {p} %k.at, {p} %p9, {p} %b, {p} %ldb.at, {p} %a, """
    gemm_call += f"""{p} %lda.at, {p} %p10, {p} %c, {p} %ldc.at)"""
    gemv = f"""  %m = trunc i64 %size0 to i32
  %k = trunc i64 %size1 to i32
  %turned = icmp ne i64 %o10, 0
  %rows = select i1 %turned, {i} %k, {i} %m
  %columns = select i1 %turned, {i} %m, {i} %k
{_stored("rows", "columns")}
  %lda = trunc i64 %o5 to i32
  %incx = trunc i64 %o6 to i32
  %incy = trunc i64 %o7 to i32
{_stored("lda", "incx", "incy")}"""
    gemv_call = f"""call void %f({p} %p4, {p} %rows.at, {p} %columns.at, {p} %p8, {p} %a, {p} %lda.at, {p} %b, {p} %incx.at, """
    gemv_call += f"""{p} %p9, {p} %c, {p} %incy.at)"""
    trsm = f"""  %n = trunc i64 %size0 to i32
  %m = trunc i64 %size1 to i32
{_stored("n", "m")}
  %lda = trunc i64 %o6 to i32
  %ldb = trunc i64 %o7 to i32
{_stored("lda", "ldb")}"""
    trsm_call = f"""call void %f({p} %p9, {p} %p4, {p} %p5, {p} %p10, {p} %m.at, {p} %n.at, {p} %p8, {p} %a, {p} %lda.at, """
    trsm_call += f"""{p} %b, {p} %ldb.at)"""
    nests = ("gemm", 3, gemm, gemm_call), ("gemv", 2, gemv, gemv_call), ("trsm", 2, trsm, trsm_call)
    return "".join([_nest(*each) for each in nests])


def _stored(*names: str) -> str:
    return "\n".join(f"  %{name}.at = alloca i32\n  store i32 %{name}, ptr %{name}.at" for name in names)


def _nest(name: str, own: int, head: str, call: str) -> str:
    """A function that calls BLAS for every index of all dimensions but the last `own`."""
    lines = [f"  %batch = sub nsw i64 %ndim, {own}"]
    for k in range(own):
        lines += [
            f"  %size{k}.place = add nsw i64 %batch, {k}",
            f"  %size{k}.at = getelementptr i64, ptr %extents, i64 %size{k}.place",
            f"  %size{k} = load i64, ptr %size{k}.at",
        ]
    for k in range(OPERANDS):
        lines += [
            f"  %o{k}.at = getelementptr i64, ptr %data, i64 {k}",
            f"  %o{k} = load i64, ptr %o{k}.at",
            f"  %p{k} = inttoptr i64 %o{k} to ptr",
        ]
    moved = []
    for k in range(3):
        moved += [
            f"  %s{k}.at = getelementptr i64, ptr %row, i64 {k}",
            f"  %s{k} = load i64, ptr %s{k}.at",
            f"  %d{k} = mul nsw i64 %s{k}, %index",
            f"  %to{k} = add nsw i64 %at{k}, %d{k}",
        ]
    start = "\n".join(f"  %at{k} = phi i64 [ %o{k}, %one ], [ %to{k}, %step ]" for k in range(3))
    return "\n".join(
        [
            f"define void @{name}(i64 %ndim, ptr %extents, ptr %data, ptr %strides) nounwind {{",
            "entry:",
            *lines,
            head,
            "  %f = inttoptr i64 %o3 to ptr",
            "  br label %count",
            "count:",
            "  %counted = phi i64 [ 0, %entry ], [ %counted.next, %counting ]",
            "  %total = phi i64 [ 1, %entry ], [ %total.next, %counting ]",
            "  %all.counted = icmp sge i64 %counted, %batch",
            "  br i1 %all.counted, label %one, label %counting",
            "counting:",
            "  %extent.at = getelementptr i64, ptr %extents, i64 %counted",
            "  %extent = load i64, ptr %extent.at",
            "  %total.next = mul nsw i64 %total, %extent",
            "  %counted.next = add nsw i64 %counted, 1",
            "  br label %count",
            "one:",
            "  %t = phi i64 [ 0, %count ], [ %t.next, %done ]",
            "  %finished = icmp sge i64 %t, %total",
            "  br i1 %finished, label %exit, label %place",
            "place:",
            "  %d = phi i64 [ %batch, %one ], [ %d.next, %step ]",
            "  %rest = phi i64 [ %t, %one ], [ %rest.next, %step ]",
            start,
            "  %placed = icmp eq i64 %d, 0",
            "  br i1 %placed, label %done, label %step",
            "step:",
            "  %d.next = sub nsw i64 %d, 1",
            "  %length.at = getelementptr i64, ptr %extents, i64 %d.next",
            "  %length = load i64, ptr %length.at",
            "  %index = srem i64 %rest, %length",
            "  %rest.next = sdiv i64 %rest, %length",
            f"  %row.place = mul nsw i64 %d.next, {OPERANDS}",
            "  %row = getelementptr i64, ptr %strides, i64 %row.place",
            *moved,
            "  br label %place",
            "done:",
            "  %a = inttoptr i64 %at0 to ptr",
            "  %b = inttoptr i64 %at1 to ptr",
            "  %c = inttoptr i64 %at2 to ptr",
            f"  {call}",
            "  %t.next = add nsw i64 %t, 1",
            "  br label %one",
            "exit:",
            "  ret void",
            "}",
            "",
        ]
    )
