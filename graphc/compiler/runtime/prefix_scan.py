"""Running sums and products, recurrences, and additions at places that repeat, in machine code.

What runs along an axis goes from element to element in the order of the reference, so its bits are the same; what stands
beside it is computed meanwhile: a block of neighbours as vectors, or eight rows at a time. Rows and blocks are shared by
graphc's threads.
"""

from __future__ import annotations

import ctypes
from functools import cache
from math import prod
from typing import Any

import numpy as np

from graphc.compiler.engine import thread_pool
from graphc.compiler.engine.jit import resident
from graphc.compiler.engine.loop_layout import Run
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS, LoopBuilder
from graphc.ir.types import DType

BESIDE = 8
"""Rows that are walked along at once."""

BLOCK = 512
"""Neighbours in a block: two rows of them stay in the fastest cache."""

PACE = 0.6
"""Nanoseconds for an element."""

LEAST_COLUMNS = 16
"""The fewest columns of a row that a thread adds to on its own."""

_NEST = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)

_FRAME = (
    "x", "x_outer", "x_step", "x_inner", "a", "a_outer", "a_step", "a_inner", "out", "out_outer", "out_step", "out_inner",
    "rows", "inner", "length", "blocks", "places", "out_rows",
)  # fmt: skip
"""What stands in the frame that the machine code reads; distances in bytes."""

_POINTERS = frozenset(("x", "a", "out", "places"))


def run_along(
    name: str, out: np.ndarray, operands: tuple[np.ndarray, ...], axis: int, parallel: Parallel
) -> None:
    """`cumsum`, `cumprod` or, of (a, b), `linear_recurrence` along an axis, into `out`.

    out : in rows, shares no memory with the operands, which have its shape and dtype
    """
    shape = out.shape
    if not out.size:
        return
    outer, length, inner = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    *others, x = [operand.reshape(outer, length, inner) for operand in operands]
    frame = np.zeros(len(_FRAME), np.int64)
    target = out.reshape(outer, length, inner)
    for word, array in (("x", x), ("out", target), *(("a", array) for array in others)):
        _set(frame, word, data_address(array), *array.strides)
    blocks = -(-inner // BLOCK)
    block = inner >= BESIDE and all(array.strides[2] == out.itemsize for array in (x, *others))
    units = outer * blocks if block else -(-outer * inner // BESIDE)
    frame[_FRAME.index("rows") : _FRAME.index("places")] = outer * inner, inner, length, blocks
    _share(_kernel(name, out.dtype, block), units, frame, PACE * out.size, (x, others, target), parallel)


def add_at(out: np.ndarray, places: np.ndarray, value: np.ndarray, parallel: Parallel) -> None:
    """Add rows to rows of `out` in their order: out[places[i]] += value[i]; to the first one where that is no row.

    out : (rows, columns), in rows; places : (n,), whole numbers of 64 bits from 0 to rows − 1; value : (n, columns)
    """
    if not value.size:
        return
    if value.shape[1] > 1 and value.strides[1] != out.itemsize:
        value = np.ascontiguousarray(value)
    columns = out.shape[1]
    frame = np.zeros(len(_FRAME), np.int64)
    _set(frame, "x", data_address(value), value.strides[0])
    _set(frame, "out", data_address(out), out.strides[0])
    nanoseconds = 5.0 * len(places) + PACE * value.size
    wanted = max(
        1, min(thread_pool.MAX_PIECES, int(nanoseconds / thread_pool.PIECE), columns // LEAST_COLUMNS)
    )
    width = -(-columns // wanted)
    blocks = -(-columns // width)
    frame[_FRAME.index("rows") :] = len(places), columns, width, blocks, data_address(places), len(out)
    _share(
        _kernel("add_at", out.dtype, True),
        blocks,
        frame,
        nanoseconds,
        (value, places, out),
        parallel,
    )


def _set(frame: np.ndarray, word: str, *values: int) -> None:
    place = _FRAME.index(word)
    frame[place : place + len(values)] = values


def _share(
    kernel: tuple[Any, int], units: int, frame: np.ndarray, nanoseconds: float, held: Any, parallel: Parallel
) -> None:
    """All units: by this thread, or where it is long by several, in pieces."""
    call, address = kernel
    count = thread_pool.get_num_threads() if parallel else 1
    if count > 1 and units > 1 and (parallel is True or nanoseconds >= thread_pool.WORTH):
        length = max(
            1, -(-units // max(2, min(thread_pool.MAX_PIECES, int(nanoseconds / thread_pool.PIECE))))
        )
        run = Run((units,), ((1, 0),), (0, 0))
        cut = (0, length, -(-units // length))
        thread_pool.run(
            thread_pool.ParallelLoop(
                address, run, [0, data_address(frame)], nanoseconds, (held, frame), cutting=cut
            ),
            count,
        )
        return
    words = np.array([units, 0, data_address(frame), 1, 0], np.int64)
    base = data_address(words)
    call(1, base, base + 8, base + 24)


@cache
def _kernel(name: str, dtype: DType, block: bool) -> tuple[Any, int]:
    """The nest over units, and its address."""
    address = resident(_module(name, dtype, block), ("running",)).pointer("running")
    return _NEST(address), address


def _module(name: str, dtype: DType, block: bool) -> str:
    w = LoopBuilder(dtype)
    frame = w.new("load ptr, ptr " + w.at("%data", "1", "i64"))
    for place, word in enumerate(_FRAME):
        kind = "ptr" if word in _POINTERS else "i64"
        w.do(f"%f.{word} = load {kind}, ptr {w.at(frame, str(place), 'i64')}")
    start, count = w.new("load i64, ptr %data"), w.new("load i64, ptr %shape")
    cells = [
        w.new(f"alloca {w.kind}") for _ in range(0 if block else BESIDE)
    ]  # registers, once LLVM has seen them

    def unit(u: str) -> None:
        if name == "add_at":
            _columns(w, u)
        elif block:
            _block(w, name, u)
        else:
            _rows(w, name, u, cells)

    w.loop(w.add(start, count), unit, start)
    text = w.function("running", "i64 %ndim, ptr %shape, ptr %data, ptr %strides")
    return INTRINSICS + _ROW_ADDED[name](w) + text.replace("define internal", "define", 1)


def _combined(w: LoopBuilder, name: str, before: str, x: str, a: str | None) -> str:
    """The next element from the one before."""
    float_ = "f" if w.dtype.kind == "f" else ""
    if name == "cumsum":
        return w.new(f"{float_}add {w.kind} {before}, {x}")
    if name == "cumprod":
        return w.new(f"{float_}mul {w.kind} {before}, {x}")
    return w.new(f"{float_}add {w.kind} {x}, {w.new(f'{float_}mul {w.kind} {a}, {before}')}")


def _rows(w: LoopBuilder, name: str, u: str, cells: list[str]) -> None:
    """Eight rows at a time, those that are left one by one."""
    two = name == "linear_recurrence"
    first = w.mul(u, str(BESIDE))
    last = w.least(w.add(first, str(BESIDE)), "%f.rows")
    full = w.new(f"zext i1 {w.new(f'icmp eq i64 {w.add(first, str(BESIDE))}, {last}')} to i64")

    def bases(row: str) -> list[str]:
        o, j = w.new(f"sdiv i64 {row}, %f.inner"), w.new(f"srem i64 {row}, %f.inner")
        return [
            w.at(f"%f.{word}", w.add(w.mul(o, f"%f.{word}_outer"), w.mul(j, f"%f.{word}_inner")), "i8")
            for word in (("x", "out", "a") if two else ("x", "out"))
        ]

    def walk(rows: list[list[str]]) -> None:
        for (x, out, *_), cell in zip(rows, cells, strict=False):
            begin = w.load(x)
            w.store(begin, cell)
            w.store(begin, out)

        def step(i: str) -> None:
            moved = {
                word: w.mul(i, f"%f.{word}_step") for word in (("x", "out", "a") if two else ("x", "out"))
            }
            for (x, out, *a), cell in zip(rows, cells, strict=False):
                value = w.load(w.at(x, moved["x"], "i8"))
                factor = w.load(w.at(a[0], moved["a"], "i8")) if two else None
                new = _combined(w, name, w.load(cell), value, factor)
                w.store(new, cell)
                w.store(new, w.at(out, moved["out"], "i8"))

        w.loop("%f.length", step, "1")

    w.loop(full, lambda _: walk([bases(w.add(first, str(k))) for k in range(BESIDE)]))
    rest = w.new(f"select i1 {w.new(f'icmp eq i64 {full}, 1')}, i64 {last}, i64 {first}")
    w.loop(last, lambda row: walk([bases(row)]), rest)


def _block(w: LoopBuilder, name: str, u: str) -> None:
    """A block of neighbours, row after row."""
    two = name == "linear_recurrence"
    o, b = w.new(f"sdiv i64 {u}, %f.blocks"), w.new(f"srem i64 {u}, %f.blocks")
    first = w.mul(b, str(BLOCK))
    count = w.least(w.add("%f.inner", w.new(f"sub i64 0, {first}")), str(BLOCK))
    skipped = w.mul(first, str(w.dtype.itemsize))
    x, out, a = [
        w.at(f"%f.{word}", w.add(w.mul(o, f"%f.{word}_outer"), skipped), "i8") for word in ("x", "out", "a")
    ]
    size = w.mul(count, str(w.dtype.itemsize))
    w.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {out}, ptr {x}, i64 {size}, i1 false)")

    def step(i: str) -> None:
        here = w.at(out, w.mul(i, "%f.out_step"), "i8")
        before = w.at(out, w.mul(w.add(i, "-1"), "%f.out_step"), "i8")
        given = w.at(x, w.mul(i, "%f.x_step"), "i8")
        factor = w.at(a, w.mul(i, "%f.a_step"), "i8") if two else given
        w.do(f"call void @row(ptr {here}, ptr {before}, ptr {given}, ptr {factor}, i64 {count})")

    w.loop("%f.length", step, "1")


def _columns(w: LoopBuilder, u: str) -> None:
    """Some columns of all rows that are added."""
    first = w.mul(u, "%f.length")
    count = w.least(w.add("%f.inner", w.new(f"sub i64 0, {first}")), "%f.length")
    skipped = w.mul(first, str(w.dtype.itemsize))
    x, out = w.at("%f.x", skipped, "i8"), w.at("%f.out", skipped, "i8")

    def step(i: str) -> None:
        place = w.new(f"load i64, ptr {w.at('%f.places', i, 'i64')}")
        is_row = w.new(f"icmp ult i64 {place}, %f.out_rows")
        place = w.new(f"select i1 {is_row}, i64 {place}, i64 0")
        here = w.at(out, w.mul(place, "%f.out_outer"), "i8")
        given = w.at(x, w.mul(i, "%f.x_outer"), "i8")
        w.do(f"call void @row(ptr {here}, ptr {given}, i64 {count})")

    w.loop("%f.rows", step)


def _next_row(name: str) -> Any:
    """The function of a row of neighbours, which do not overlap."""

    def written(outer: LoopBuilder) -> str:
        w = LoopBuilder(outer.dtype)

        def element(j: str) -> None:
            factor = w.load("%a", j) if name == "linear_recurrence" else None
            w.store(_combined(w, name, w.load("%before", j), w.load("%x", j), factor), "%out", j)

        w.loop("%count", element)
        parameters = "ptr noalias %out, ptr noalias %before, ptr noalias %x, ptr noalias %a, i64 %count"
        return w.function("row", parameters)

    return written


def _added_row(outer: LoopBuilder) -> str:
    w = LoopBuilder(outer.dtype)
    w.loop(
        "%count",
        lambda j: w.store(_combined(w, "cumsum", w.load("%out", j), w.load("%x", j), None), "%out", j),
    )
    return w.function("row", "ptr noalias %out, ptr noalias %x, i64 %count")


_ROW_ADDED = {
    **{name: _next_row(name) for name in ("cumsum", "cumprod", "linear_recurrence")},
    "add_at": _added_row,
}
