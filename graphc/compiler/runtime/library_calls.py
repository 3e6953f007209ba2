"""Operations that are no loops: products, linear algebra, order, scattering. Each is a function of arrays that writes into one.

`prepare(node, attrs, parallel)` gives for a node, with its static arguments bound to the lengths of a call, the function
(out, *operands) that computes it. What has no better way is the operation's reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from graphc.compiler.engine.thread_pool import Parallel
from graphc.compiler.runtime import matmul, prefix_scan, triangular_solve
from graphc.compiler.schedule.image_routines import ON_IMAGES, Find
from graphc.compiler.targets.llvm.microkernels.images import runner
from graphc.ir.expr import Expr
from graphc.ops.control_runs import loop_key
from graphc.ops.index import WHOLE

Compute = Callable[..., None]
"""(out, *operands): computes into `out`, which shares no memory with the operands."""


Runs = dict[Any, list[Any]]
"""Loop or branch → the values of all of its results, of the call at hand."""


def prepare(node: Expr, attrs: tuple[Any, ...], parallel: Parallel, runs: Runs) -> Compute:
    """The function that computes a node; `parallel` as for `g.compile`.

    runs : what nodes of one plan have in common, which are prepared in the order in which they are computed
    """
    if node.op.control is not None:
        return _control(node, attrs, runs)
    special = _SPECIAL.get(node.op.name)
    if special is not None:
        return special(node, attrs, parallel)
    routine = ON_IMAGES.get(node.op.name)
    return _reference(node, attrs) if routine is None else _images(node, attrs, routine, parallel)


def _cast(node: Expr) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """The function that gives operands the types that a node's operation computes in."""
    types = node.op.types(tuple(operand.dtype for operand in node.operands))[0] if node.operands else ()
    return lambda operands: [
        operand if operand.dtype == dtype else operand.astype(dtype)
        for operand, dtype in zip(operands, types, strict=True)
    ]


def _reference(node: Expr, attrs: tuple[Any, ...]) -> Compute:
    cast = _cast(node)

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            out[...] = node.op.reference(*[operand[()] for operand in cast(operands)], *attrs)

    return compute


def _control(node: Expr, attrs: tuple[Any, ...], runs: Runs) -> Compute:
    """A loop or branch whose body calls libraries, by the interpreter: it runs for the first of its results."""
    run = node.op.control
    assert run is not None
    key = loop_key(node)
    first = key not in runs
    results = runs.setdefault(key, [])

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        if first:
            with np.errstate(all="ignore"):
                results[:] = run([operand[()] for operand in operands], *attrs[:-1])
        out[...] = results[attrs[-1]]

    return compute


def _matmul(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    dtype = node.dtype

    def compute(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        if a.dtype != dtype:
            a = a.astype(dtype)
        if b.dtype != dtype:
            b = b.astype(dtype)
        matmul.multiply(out, a, b, parallel)

    return compute


def _running(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    """What goes along an axis from element to element."""
    name, cast = node.op.name, _cast(node)
    axis = attrs[0] if attrs else node.ndim - 1

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        prefix_scan.run_along(name, out, tuple(cast(operands)), axis, parallel)

    return compute


def _at_add(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    """Additions at places in the first axes; others, and what has no such places, are the reference's."""
    key, cast = attrs[-1], _cast(node)
    arrays = key.count("array")
    if not arrays or key[:arrays] != ("array",) * arrays or any(item != WHOLE for item in key[arrays:]):
        return _reference(node, attrs)

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        x, value, *places = cast(operands)
        out[...] = x
        if not out.size:
            return
        listed = np.broadcast_arrays(*places)
        lengths, rest = out.shape[:arrays], out.shape[arrays:]
        place: Any = 0
        for array, length in zip(listed, lengths, strict=True):
            place = place * length + np.where(array < 0, array + length, array)
        columns = prod(rest)
        wide = np.broadcast_to(value, (*listed[0].shape, *rest)).reshape(-1, columns)
        prefix_scan.add_at(out.reshape(-1, columns), np.ravel(place), wide, parallel)

    return compute


def _solve_triangular(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    cast, lower = _cast(node), attrs[0]

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        a, b = cast(operands)
        triangular_solve.solve(out, a, b, lower, parallel)

    return compute


def _sort(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    """NumPy's fastest way, which mixes what compares as equal: where there are zeros, of either sign, the stable one."""
    axis = attrs[0]
    stable = _reference(node, attrs)

    def compute(out: np.ndarray, x: np.ndarray) -> None:
        if x.dtype.kind == "f" and not np.all(x != 0):
            stable(out, x)
            return
        out[...] = x
        out.sort(axis=axis)

    return compute


_SPECIAL: dict[str, Callable[[Expr, tuple[Any, ...], Parallel], Compute]] = {
    "matmul": _matmul,
    "cumsum": _running,
    "cumprod": _running,
    "linear_recurrence": _running,
    "at_add": _at_add,
    "solve_triangular": _solve_triangular,
    "sort": _sort,
}


def _images(node: Expr, attrs: tuple[Any, ...], find: Find, parallel: Parallel) -> Compute:
    """An operation that goes from image to image; the shapes of all calls are those of the first."""
    runners: list[Compute] = []

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        if not runners:
            shapes = [operand.shape for operand in operands]
            routine = find(node.dtype, attrs, *shapes)
            runners.append(
                _reference(node, attrs) if routine is None else runner(*routine, node.dtype, shapes, parallel)
            )
        runners[0](out, *operands)

    return compute
