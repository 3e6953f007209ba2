"""The matrix exponential, the pseudoinverse and least squares.

The adjoint of the exponential is its Fréchet derivative in the transposed matrix, the upper right block of the exponential of a
block matrix: Higham, Functions of Matrices (2008), equation 3.16; so derivatives of any order follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.ir.expr import Expr, constant
from graphc.ops.decompose import qr, svdvals
from graphc.ops.linalg import declare, of_finite, solve_triangular, square
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, summed, transposed
from graphc.ops.support.declare import Function
from graphc.util import fork_safety


@fork_safety.once
def _scipys() -> Any:
    from scipy.linalg import expm

    return expm


def _expm(x: Any) -> Any:
    if x.shape[-1] == 0:
        return x.copy()
    with np.errstate(all="ignore"):
        return of_finite(lambda finite: np.asarray(_scipys()(finite), dtype=x.dtype))(x)


def _expm_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    turned = transposed(x)
    length = x.shape[-1]
    upper = call("concat", turned, v, axis=x.ndim - 1)
    lower = call("concat", 0 * v, turned, axis=x.ndim - 1)
    block = expm(call("concat", upper, lower, axis=x.ndim - 2))
    return block[(..., slice(None, length), slice(length, None))]


expm: Function = declare(
    "expm",
    "The exponential Σ xᵏ/k! of square matrices.",
    reference=_expm,
    shape=square,
    pullbacks=(_expm_pullback,),
)


def _sides(a: Expr, name: str) -> tuple[int, int]:
    if a.ndim < 2:
        raise at.refuse_shape(f"{name} needs a matrix", (a,), "a matrix has two axes or more")
    rows, columns = a.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise at.refuse_shape(
            f"{name} needs a matrix of known sides", (a,), "give the symbol's shape as numbers"
        )
    return rows, columns


def pinv(a: Any) -> Expr:
    """The pseudoinverse of matrices of full rank, as `numpy.linalg.pinv`, by the QR decomposition of the longer side.

    Differentiable; where the rank is not full it has no derivative, and no value here. Raises `ShapeError` for what is no matrix
    of known sides.
    """
    a = constant(a)
    rows, columns = _sides(a, "pinv")
    q, r = qr(a if rows >= columns else transposed(a))
    inverse = solve_triangular(r, transposed(q), lower=False)
    return inverse if rows >= columns else transposed(inverse)


class LeastSquares(NamedTuple):
    """What `numpy.linalg.lstsq` returns: the solution, the sums of squared residuals, the rank, the singular values."""

    x: Expr
    residuals: Expr
    rank: int
    singular_values: Expr


def lstsq(a: Any, b: Any, rcond: Any = None) -> LeastSquares:
    """The x with the least |a·x − b|, and of those the shortest, for a matrix of full rank, as `numpy.linalg.lstsq`.

    b : a vector or a matrix of right sides. Differentiable in both. `rcond` changes nothing, as the rank is taken to be full.
    Raises `ShapeError` for what does not fit.
    """
    a, b = constant(a), constant(b)
    rows, columns = _sides(a, "lstsq")
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != rows:
        raise at.refuse_shape(
            "lstsq needs a matrix, and as many rows on the right side",
            (a, b),
            "a is (m, n), b (m,) or (m, k)",
        )
    if rows >= columns:
        q, r = qr(a)
        x = solve_triangular(r, transposed(q) @ b, lower=False)
    else:
        q, r = qr(transposed(a))
        x = q @ solve_triangular(transposed(r), b, lower=True)
    rest = b - a @ x
    return LeastSquares(x, summed(rest * rest, 0), min(rows, columns), svdvals(a))


Expr.function_table[np.linalg.pinv] = pinv
Expr.function_table[np.linalg.lstsq] = lstsq

__all__ = ["expm", "lstsq", "pinv"]
