"""Matrix products of arrays in memory: which call of BLAS computes them, without copies where it can, and in which pieces.

Operands are taken as they lie: rows or columns that are contiguous, in either order, at any distance; anything else is copied
first. Axes of batches are loops in machine code; where they can be, they become rows of one product.

A long product is cut into pieces for graphc's pool: along a batch, its rows, its columns, or what it sums over, whichever
repeats the least work; partial sums are added in their order. The cut depends on the shapes alone, so results do not depend on
the number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graphc.compiler.engine import blas, thread_pool
from graphc.compiler.engine.gemm_partition import Cut, GemmPlan, plan_of
from graphc.compiler.engine.loop_layout import Run
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.engine.thread_pool import Parallel


def multiply(out: np.ndarray, a: np.ndarray, b: np.ndarray, parallel: Parallel = "auto") -> None:
    """a @ b into `out`, as `numpy.matmul` defines it.

    out : of the result's shape, shares no memory with the operands; all aligned, of one dtype
    parallel : False computes the pieces one after the other, to the same bits
    """
    plan = plan_of(out.dtype, out.shape, out.strides, a.shape, a.strides, b.shape, b.strides)
    if plan.nest is None or plan.run is None:
        if plan.zero:
            out.fill(0)
        elif out.size:
            _copied(plan, out, a, b, parallel)
        return
    left, right = (b, a) if plan.swapped else (a, b)
    if plan.cut is None:
        words = plan.template.copy()
        start = len(plan.run.extents)  # the operands' addresses stand behind the extents
        words[start], words[start + 1], words[start + 2] = (
            data_address(left),
            data_address(right),
            data_address(out),
        )
        _call(plan.nest, start, words, plan.quiet)
    else:
        _in_pieces(plan, plan.run, plan.cut, (left, right, out), parallel)


def _copied(plan: GemmPlan, out: np.ndarray, a: np.ndarray, b: np.ndarray, parallel: Parallel) -> None:
    """The product by way of copies, or by NumPy's own loops."""
    if not any(plan.copies):
        np.matmul(a, b, out=out)
        return
    result = np.empty(out.shape, out.dtype) if plan.copies[0] else out
    a, b = (x.copy() if needed else x for x, needed in zip((a, b), plan.copies[1:], strict=True))
    multiply(result, a, b, parallel)
    if result is not out:
        out[...] = result


def _call(nest: blas.BlasRoutine, ndim: int, words: np.ndarray, quiet: bool) -> None:
    """One call of a nest, by this thread."""
    base = data_address(words)
    data = base + 8 * ndim
    if quiet:
        nest.call(ndim, base, data, data + 8 * blas.OPERANDS)
        return
    with blas.alone:
        nest.call(ndim, base, data, data + 8 * blas.OPERANDS)


def _in_pieces(
    plan: GemmPlan, run: Run, cut: Cut, arrays: tuple[np.ndarray, np.ndarray, np.ndarray], parallel: Parallel
) -> None:
    """The product by graphc's pool."""
    assert plan.nest is not None
    left, right, out = arrays
    parts = _workspace(cut.pieces * cut.partial) if cut.partial else None
    target = data_address(out if parts is None else parts)
    addresses = [data_address(left), data_address(right), target, *plan.fixed]
    cutting = (cut.axis, cut.length, cut.pieces)
    job = thread_pool.ParallelLoop(
        plan.nest.address, run, addresses, plan.nanoseconds, (arrays, parts), cutting=cutting
    )
    with blas.alone:
        thread_pool.run(job, thread_pool.get_num_threads() if parallel else 1)
    if parts is not None:
        _add(parts, cut, run, out)
        _keep(parts)


def _add(parts: np.ndarray, cut: Cut, run: Run, out: np.ndarray) -> None:
    """The sum of partial sums, one after the other, into the result."""
    shape, steps = run.extents[:-1], tuple([row[2] for row in run.rows[:-1]])
    inner = [out.itemsize * int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    sums = np.ndarray((cut.pieces, *shape), out.dtype, parts, 0, (cut.partial, *inner))
    result = out.reshape(shape) if out.flags.c_contiguous else as_strided(out, shape, steps)
    np.add.reduce(sums, axis=0, out=result)


_spare: list[np.ndarray] = []
"""Memory for partial sums that nobody uses at present."""

_MOST_SPARE = 4


def _workspace(size: int) -> np.ndarray:
    """So many bytes, of a call before this one where there are enough."""
    try:
        found = _spare.pop()
    except IndexError:
        return np.empty(size, np.uint8)
    return found if found.nbytes >= size else np.empty(size, np.uint8)


def _keep(memory: np.ndarray) -> None:
    if len(_spare) < _MOST_SPARE:
        _spare.append(memory)
