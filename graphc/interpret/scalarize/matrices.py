"""Linear algebra over matrices of scalar expressions, by finitely many operations: adjugates, substitution, factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from graphc.interpret.scalarize.objects import Array, box, constants, empty
from graphc.interpret.scalarize.sums import matmul
from graphc.ir.expr import Expr, constant
from graphc.ops.arithmetic import abs
from graphc.ops.elementary import log, sqrt


def matrices(function: Callable[..., Any]) -> Callable[..., Array]:
    """A function of matrices at every place of a stack."""

    def stacked(*args: Any) -> Array:
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        rest = args[len(arrays) :]
        batch = np.broadcast_shapes(*(array.shape[:-2] for array in arrays))
        wide = [np.broadcast_to(array, (*batch, *array.shape[-2:])) for array in arrays]
        results = {place: function(*[x[place] for x in wide], *rest) for place in np.ndindex(*batch)}
        first = next(iter(results.values()), 0)
        stack = np.empty((*batch, *np.shape(first)), dtype=object)
        for place, result in results.items():
            stack[place] = result
        return stack

    return stacked


def adjugate(a: Array, v: Array | None = None) -> tuple[Array, Any, Array]:
    """The adjugate, the determinant and the adjugate's change along v, by Faddeev and LeVerrier: divided by
    whole numbers alone, so right at any rank."""
    size = len(a)
    unit = constants(np.eye(size), np.float64)
    zero = constants(np.zeros((size, size)), np.float64)
    m, change = (unit, zero) if size else (a, a)
    coefficient: Any = constant(1.0)
    rate: Any = constant(0.0)
    for step in range(1, size + 1):
        if step > 1:
            change = matmul(v, m) + matmul(a, change) + unit * box(rate) if v is not None else change
            m = matmul(a, m) + unit * box(coefficient)
        if v is not None:
            rate = -_trace(matmul(v, m) + matmul(a, change)) / float(step)
        coefficient = -_trace(matmul(a, m)) / float(step)
    turn = 1.0 if size % 2 else -1.0
    return m * turn, coefficient * -turn if size else coefficient, change * turn


def _trace(x: Array) -> Any:
    return reduce(lambda a, b: a + b, [x[place, place] for place in range(len(x))])


def inverse(a: Array) -> Array:
    above, determinant, _ = adjugate(a)
    return above / box(determinant) if len(a) else a


def _as_matrix(b: Array) -> tuple[Array, bool]:
    return (b[:, None], True) if b.ndim == 1 else (b, False)


def solve(a: Array, b: Array) -> Array:
    right, vector = _as_matrix(b)
    solution = matrices(lambda a, b: matmul(inverse(a), b))(a, right)
    return solution[..., 0] if vector else solution


def _substituted(a: Array, b: Array, lower: bool) -> Array:
    x = np.empty(b.shape, dtype=object)
    size = len(a)
    for i in range(size) if lower else reversed(range(size)):
        known = range(i) if lower else range(i + 1, size)
        for column in range(b.shape[1]):
            rest = reduce(lambda left, j: left - a[i, j] * x[j, column], known, b[i, column])
            x[i, column] = rest / a[i, i]
    return x


def eliminated(node: Expr, operands: Sequence[Array], values: Mapping[Expr, Any]) -> Array:
    """The solution of equations by elimination, with the pivots that are largest at the point."""
    a, (b, vector) = operands[0], _as_matrix(operands[1])
    numbers = np.asarray(values[node.operands[0]], np.float64)
    batches = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.empty((*batches, *b.shape[-2:]), dtype=object)
    a, numbers = (np.broadcast_to(x, (*batches, *x.shape[-2:])) for x in (a, numbers))
    b = np.broadcast_to(b, result.shape)
    for place in np.ndindex(*batches):
        result[place] = _eliminated(a[place].copy(), b[place].copy(), numbers[place].copy())
    return result[..., 0] if vector else result


def _eliminated(a: Array, b: Array, numbers: np.ndarray) -> Array:
    size = len(a)
    for c in range(size):
        order = np.arange(size)
        best = c + int(np.argmax(np.abs(numbers[c:, c])))
        order[[c, best]] = order[[best, c]]
        a, b, numbers = a[order], b[order], numbers[order]
        for r in range(c + 1, size):
            factor = a[r, c] / a[c, c]
            a[r, c:] = a[r, c:] - a[c, c:] * box(factor)
            b[r] = b[r] - b[c] * box(factor)
            with np.errstate(all="ignore"):
                numbers[r, c:] -= numbers[c, c:] * (numbers[r, c] / numbers[c, c])
    return _substituted(a, b, lower=False)


def solve_triangular(a: Array, b: Array, lower: bool) -> Array:
    right, vector = _as_matrix(b)
    solution = matrices(lambda a, b: _substituted(a, b, lower))(a, right)
    return solution[..., 0] if vector else solution


def cholesky(a: Array) -> Array:
    size = len(a)
    factor = constants(np.zeros((size, size)), np.float64)
    for j in range(size):
        for i in range(j, size):
            rest = reduce(lambda left, k: left - factor[i, k] * factor[j, k], range(j), a[i, j])
            factor[i, j] = sqrt(rest) if i == j else rest / factor[j, j]
    return factor


def qr(node: Expr, operands: Sequence[Array], values: Mapping[Expr, Any]) -> Array:
    """By Gram and Schmidt, with the signs that LAPACK chose at the point."""
    (x,), (source,) = operands, node.operands
    result = empty(node)
    for place in np.ndindex(*result.shape[:-2]):
        a, numbers = x[place], np.asarray(values[source])[place]
        small = min(a.shape)
        signs = np.where(np.diagonal(np.linalg.qr(numbers)[1]) < 0, -1.0, 1.0)
        q, r = (
            np.empty((a.shape[0], small), dtype=object),
            constants(np.zeros((small, a.shape[1])), np.float64),
        )
        for j in range(a.shape[1]):
            rest = a[:, j]
            for k in range(min(j, small)):
                r[k, j] = reduce(lambda s, t: s + t, q[:, k] * a[:, j])
                rest = rest - q[:, k] * box(r[k, j])
            if j < small:
                r[j, j] = sqrt(reduce(lambda s, t: s + t, rest * rest)) * float(signs[j])
                q[:, j] = rest / box(r[j, j])
        result[place] = q if node.op.name == "qr_q" else r
    return result


def log_size(a: Array) -> Any:
    return log(abs(adjugate(a)[1]))


__all__ = [
    "adjugate",
    "cholesky",
    "eliminated",
    "inverse",
    "log_size",
    "matrices",
    "qr",
    "solve",
    "solve_triangular",
]
