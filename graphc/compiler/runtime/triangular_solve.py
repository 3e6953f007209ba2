"""Triangular equations by BLAS: substitution for all right sides, in pieces of columns on graphc's pool."""

from __future__ import annotations

from math import prod

import numpy as np

from graphc.compiler.engine import blas, thread_pool
from graphc.compiler.engine.gemm_partition import RATE, order_of
from graphc.compiler.engine.loop_layout import Run, strides_over
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel

SHORTEST = 16
"""The fewest right sides of a piece."""


def solve(out: np.ndarray, a: np.ndarray, b: np.ndarray, lower: bool, parallel: Parallel = "auto") -> None:
    """The x with a·x = b for a triangular matrix, into `out`, as `numpy.linalg.solve` has its shapes.

    out : in rows, shares no memory with the operands; all of one dtype, float32 or float64

    The other triangle of a is not read. Raises `LinAlgError` where there is a zero on the diagonal.
    """
    if not np.all(np.diagonal(a, axis1=-2, axis2=-1)):
        raise np.linalg.LinAlgError("Singular matrix")
    if b.ndim == 1:
        out, b = out[..., None], b[:, None]
    out[...] = b
    if not out.size:
        return
    n, m = out.shape[-2:]
    size = out.itemsize
    found = order_of(a.strides[-2], a.strides[-1], n, n, size)
    if found is None:
        a = np.ascontiguousarray(a)
        found = order_of(a.strides[-2], a.strides[-1], n, n, size)
        assert found is not None
    turned, distance = found
    # BLAS counts by columns: it sees the transposed equations xᵀ·aᵀ = bᵀ, whose matrix stands on the right
    fixed = (
        blas.function("trsm", out.dtype),
        blas.letter("U" if lower != turned else "L"),
        blas.letter("T" if turned else "N"),
        distance,
        m,
        blas.number(1, out.dtype),
        blas.letter("R"),
        blas.letter("N"),
    )
    batch = out.shape[:-2]
    moved = strides_over(a[..., 0, 0], len(batch)) if batch else ()
    rows = [(step, own, 0) for step, own in zip(moved, out.strides, strict=False)]
    rows += [(0, out.strides[-2], 0), (0, size, 0)]
    rest = (0,) * (blas.OPERANDS - 3)
    run = Run((*batch, n, m), tuple([(*row, *rest) for row in rows]), ())
    addresses = [data_address(a), data_address(out), 0, *fixed]
    work = prod(batch) * (n * n * m / RATE[size] + 100.0)
    with blas.alone:
        _run(run, addresses, work, (a, out), parallel)


def _run(run: Run, addresses: list[int], work: float, held: object, parallel: Parallel) -> None:
    nest = blas.nest("trsm")
    if work >= thread_pool.WORTH:
        batch = run.extents[:-2]
        wanted = max(2, min(thread_pool.MAX_PIECES, int(work / thread_pool.PIECE)))
        axis = max(range(len(batch)), key=lambda k: batch[k]) if max(batch, default=1) > 1 else len(batch) + 1
        unit = 1 if axis < len(batch) else SHORTEST
        length = -(-run.extents[axis] // (wanted * unit)) * unit
        cut = (axis, length, -(-run.extents[axis] // length))
        job = thread_pool.ParallelLoop(nest.address, run, addresses, work, held, cutting=cut)
        thread_pool.run(job, thread_pool.get_num_threads() if parallel else 1)
        return
    words = np.array([*run.extents, *addresses, *(step for row in run.rows for step in row)], dtype=np.int64)
    base = data_address(words)
    data = base + 8 * len(run.extents)
    nest.call(len(run.extents), base, data, data + 8 * blas.OPERANDS)
