"""From the shapes and strides of a product's operands to a call of BLAS, and how it is cut into pieces.

Axes of batches are loops in machine code; where they can be, they become rows of one product. The cut depends on the shapes
alone: along a batch, the rows, the columns, or what is summed over, whichever repeats the least work.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from graphc.compiler.engine import blas, thread_pool
from graphc.compiler.engine.loop_layout import Run
from graphc.ir.types import DType
from graphc.util.records import dataclass

RATE = {8: 40.0, 4: 85.0}
"""Floating-point operations in a nanosecond of one core, by the size of an element."""

HANDLED = 0.5
"""Nanoseconds for an element that BLAS copies into its own order, or that a partial sum is written to and read from."""

PACE = 12.0
"""Bytes of a matrix in a nanosecond that a product with a vector goes through on one core."""

LINE_FETCHED = 50.0
"""Nanoseconds until the first bytes of a row are there."""

PIECE = 80_000.0
"""Nanoseconds of estimated work in a piece."""

MOST_PIECES = 64

MOST_REPEATED = 0.15
"""The share of a product that its pieces may do again: what each copies into BLAS' order, or adds up."""

SHORTEST = {"m": 16, "n": 16, "k": 128}
"""The shortest piece along each axis of a product, and what it is a multiple of."""

QUIET = 2**18
"""Products of m·n·k below this stay on one thread in BLAS by themselves; of a matrix with a vector, below a 32nd of it."""

Strides = tuple[int, ...]


@dataclass(frozen=True)
class Cut:
    """How a product is cut: the dimension of the loop, the length of a piece and how many there are.

    partial : the bytes of a partial sum, where the pieces are parts of what is summed over; else 0
    """

    axis: int
    length: int
    pieces: int
    partial: int = 0


@dataclass
class GemmPlan:
    """A product of arrays that lie in one way.

    copies : the operands that are copied first, of (out, a, b)
    first, second : which of (a, b) the matrix A and the other operand of the nest are
    run : the loop; template : its words, with places for the addresses of three arrays
    quiet : whether BLAS stays on one thread by itself
    """

    copies: tuple[bool, bool, bool]
    nest: blas.BlasRoutine | None = None
    swapped: bool = False
    run: Run | None = None
    template: Any = None
    fixed: tuple[int, ...] = ()
    nanoseconds: float = 0.0
    cut: Cut | None = None
    quiet: bool = True
    zero: bool = False


@lru_cache(maxsize=1024)
def plan_of(
    dtype: DType,
    shape: tuple[int, ...],
    strides: Strides,
    a_shape: tuple[int, ...],
    a_strides: Strides,
    b_shape: tuple[int, ...],
    b_strides: Strides,
) -> GemmPlan:
    """The plan of a product of arrays of these shapes and byte strides."""
    if dtype.kind != "f" or dtype.itemsize not in RATE or 0 in shape:
        return GemmPlan((False, False, False))
    if a_shape[-1] == 0:
        return GemmPlan((False, False, False), zero=True)
    # vectors as matrices
    if len(a_shape) == 1:
        a_shape, a_strides = (1, *a_shape), (0, *a_strides)
        shape, strides = (
            _inserted(shape, len(b_shape) - 2, 1),
            _inserted(strides, len(b_shape) - 2, 0),
        )
    if len(b_shape) == 1:
        b_shape, b_strides = (*b_shape, 1), (*b_strides, 0)
        shape, strides = (*shape, 1), (*strides, 0)
    m, k, n = a_shape[-2], a_shape[-1], b_shape[-1]
    batch = _batches(shape, strides, a_shape, a_strides, b_shape, b_strides)
    (am, ak), (bk, bn), (cm, cn) = a_strides[-2:], b_strides[-2:], strides[-2:]
    m, am, cm, batch = _rows_of_batches(m, am, cm, batch)
    if max(m, n, k) > blas.LARGEST:
        return GemmPlan((False, False, False))
    if n == 1:
        return _vector_plan(dtype, m, k, am, ak, bk, cm, batch, False)
    if m == 1:
        return _vector_plan(dtype, n, k, bn, bk, ak, cn, [(e, sb, sa, sc) for e, sa, sb, sc in batch], True)
    return _matrix_plan(dtype, m, n, k, (am, ak), (bk, bn), (cm, cn), batch)


def _inserted(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place:])


Batch = list[tuple[int, int, int, int]]
"""Dimensions of batches: the extent, and the strides of a, b and the result."""


def _batches(
    shape: tuple[int, ...],
    strides: Strides,
    a_shape: tuple[int, ...],
    a_strides: Strides,
    b_shape: tuple[int, ...],
    b_strides: Strides,
) -> Batch:
    """The dimensions before the last two, those of length 1 left out and neighbours merged where all step through both as one."""
    batches: Batch = []
    for axis in range(len(shape) - 2):
        extent = shape[axis]
        if extent == 1:
            continue
        row = [strides[axis]]
        for other, steps in ((b_shape, b_strides), (a_shape, a_strides)):
            place = axis - len(shape) + len(other)
            row.insert(0, steps[place] if place >= 0 and other[place] != 1 else 0)
        if batches and all(
            outer == inner * extent for outer, inner in zip(batches[-1][1:], row, strict=True)
        ):
            batches[-1] = (batches[-1][0] * extent, row[0], row[1], row[2])
        else:
            batches.append((extent, row[0], row[1], row[2]))
    return batches


def _rows_of_batches(m: int, am: int, cm: int, batch: Batch) -> tuple[int, int, int, Batch]:
    """Batches that share their right operand as further rows of one product: (m, its strides in a and the result, the others)."""
    while batch:
        extent, a, b, c = batch[-1]
        if m == 1:
            am, cm = a, c
        if b or not a or (a, c) != (m * am, m * cm):
            break
        m, batch = m * extent, batch[:-1]
    return m, am, cm, batch


def order_of(major: int, minor: int, rows: int, columns: int, itemsize: int) -> tuple[bool, int] | None:
    """(whether a matrix lies by columns, the distance of its rows or columns in elements); None where BLAS cannot read it.

    major, minor : byte strides from row to row and from column to column
    """
    for turned, (outer, inner, count, length) in enumerate(
        ((major, minor, rows, columns), (minor, major, columns, rows))
    ):
        if length != 1 and inner != itemsize:
            continue
        distance = length if count == 1 else outer // itemsize
        if distance < length or distance > blas.LARGEST or (count != 1 and outer % itemsize):
            continue
        return bool(turned), max(distance, 1)
    return None


def _matrix_plan(
    dtype: DType,
    m: int,
    n: int,
    k: int,
    a: tuple[int, int],
    b: tuple[int, int],
    c: tuple[int, int],
    batch: Batch,
) -> GemmPlan:
    size = dtype.itemsize
    left, right, result = (
        order_of(*a, m, k, size),
        order_of(*b, k, n, size),
        order_of(*c, m, n, size),
    )
    if left is None or right is None or result is None:
        return GemmPlan((result is None, left is None, right is None))
    swapped = result[0]
    if swapped:  # the transposed product has a result that lies by rows
        m, n = n, m
        left, right = (not right[0], right[1]), (not left[0], left[1])
        a, b, c = (b[1], b[0]), (a[1], a[0]), (c[1], c[0])
        batch = [(e, sb, sa, sc) for e, sa, sb, sc in batch]
    rows = [(sa, sb, sc) for _, sa, sb, sc in batch] + [(a[0], 0, c[0]), (0, b[1], c[1]), (a[1], b[0], 0)]
    extents = (*(extent for extent, *_ in batch), m, n, k)
    times = int(np.prod(extents[:-3], dtype=np.int64))
    nanoseconds = times * (2 * m * n * k / RATE[size] + HANDLED / 2 * (m * k + k * n + m * n) + 100)
    extra = {"m": HANDLED * k * n * times, "n": HANDLED * m * k * times, "k": 2 * HANDLED * m * n}
    cut = _cut(extents, ("m", "n", "k"), nanoseconds, extra, m * n * size)
    fixed = (
        blas.function("gemm", dtype),
        blas.letter("T" if right[0] else "N"),
        blas.letter("T" if left[0] else "N"),
        right[1],
        left[1],
        n if cut is not None and cut.partial else result[1],
        blas.number(1, dtype),
        blas.number(0, dtype),
    )
    return _plan("gemm", extents, rows, fixed, nanoseconds, cut, swapped, m * n * k <= QUIET)


def _vector_plan(
    dtype: DType,
    m: int,
    k: int,
    am: int,
    ak: int,
    x: int,
    y: int,
    batch: Batch,
    swapped: bool,
) -> GemmPlan:
    """A matrix of m rows with k elements times a vector; `swapped` where the matrix is the product's right operand."""
    size = dtype.itemsize
    matrix = order_of(am, ak, m, k, size)
    vector = x if k > 1 else size
    result = y if m > 1 else size
    good = [step > 0 and step % size == 0 and step // size <= blas.LARGEST for step in (vector, result)]
    if matrix is None or not all(good):
        left, right = (not good[0], matrix is None) if swapped else (matrix is None, not good[0])
        return GemmPlan((not good[1], left, right))
    rows = [(sa, sb, sc) for _, sa, sb, sc in batch] + [(am, 0, y), (ak, x, 0)]
    extents = (*(extent for extent, *_ in batch), m, k)
    times = int(np.prod(extents[:-2], dtype=np.int64))
    nanoseconds = times * (m * k * size / PACE + 100)
    # cut across what is contiguous, a piece begins anew in every row or column
    extra = {"m": LINE_FETCHED * k if matrix[0] else 0.0, "k": 2 * HANDLED * m}
    extra["k"] += 0.0 if matrix[0] else LINE_FETCHED * m
    cut = _cut(extents, ("m", "k"), nanoseconds, extra, m * size)
    fixed = (
        blas.function("gemv", dtype),
        blas.letter("N" if matrix[0] else "T"),
        matrix[1],
        vector // size,
        1 if cut is not None and cut.partial else result // size,
        blas.number(1, dtype),
        blas.number(0, dtype),
        int(not matrix[0]),
    )
    return _plan("gemv", extents, rows, fixed, nanoseconds, cut, swapped, m * k <= QUIET // 32)


def _cut(
    extents: tuple[int, ...], names: tuple[str, ...], nanoseconds: float, extra: dict[str, float], result: int
) -> Cut | None:
    """How a product is cut; None where one piece is best.

    extents : of the batches, then of the axes with the names
    extra : for each axis the nanoseconds that every further piece costs
    result : the bytes of a result without batches
    """
    if nanoseconds < thread_pool.WORTH:
        return None
    wanted = min(MOST_PIECES, 1 << max(1, int(nanoseconds / PIECE).bit_length() - 1))
    batches = len(extents) - len(names)
    candidates: list[tuple[float, Cut]] = []
    for axis, extent in enumerate(extents):
        name = names[axis - batches] if axis >= batches else ""
        if name == "k" and batches:
            continue
        unit, pieces = SHORTEST.get(name, 1), wanted
        while pieces > 1:
            length = -(-extent // (pieces * unit)) * unit
            count = -(-extent // length)
            more = (count - 1) * extra.get(name, 0.0)
            if count > 1 and more <= MOST_REPEATED * nanoseconds:
                candidates.append(
                    (more, Cut(axis, length, count, _partial(result, length) if name == "k" else 0))
                )
                break
            pieces //= 2
    most = max((cut.pieces for _, cut in candidates), default=0)
    return min(
        ((more, cut) for more, cut in candidates if 2 * cut.pieces > most),
        key=lambda pair: pair[0],
        default=(0.0, None),
    )[1]


def _partial(result: int, length: int) -> int:
    """The bytes of a partial sum: whole words for each step along a piece, as the loop steps through the results too."""
    return 8 * -(-result // (8 * length)) * length


def _plan(
    name: str,
    extents: tuple[int, ...],
    rows: list[tuple[int, int, int]],
    fixed: tuple[int, ...],
    nanoseconds: float,
    cut: Cut | None,
    swapped: bool,
    quiet: bool,
) -> GemmPlan:
    if cut is not None and cut.partial:
        rows[-1] = (*rows[-1][:2], cut.partial // cut.length)
    rest = (0,) * (blas.OPERANDS - 3)
    run = Run(extents, tuple((*row, *rest) for row in rows), ())
    words = [*extents, 0, 0, 0, *fixed, *(step for row in run.rows for step in row)]
    template = np.array(words, dtype=np.int64)
    return GemmPlan(
        (False, False, False),
        blas.nest(name),
        swapped,
        run,
        template,
        fixed,
        nanoseconds,
        cut,
        quiet,
    )
