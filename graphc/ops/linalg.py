"""Linear algebra: equations, inverses and determinants of the matrices in the last two axes.

What goes back through them is written with them, so derivatives of any order follow.
Source of the adjoints: Giles, Collected matrix derivative results for forward and reverse mode AD (2008);
for svd Townsend (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.expr import Expr
from graphc.op import Notation, lookup
from graphc.ops import attributes as at
from graphc.ops.batch import Batch, Batched, aligned, rank
from graphc.ops.calls import call, expanded, fitted, transposed
from graphc.ops.declare import family
from graphc.types import AVERAGED, Shape, broadcast_shapes


def matrix(operands: tuple[Expr, ...], *_: Any) -> Shape:
    if operands[0].ndim < 2:
        raise at.refuse_shape("a matrix is needed", operands[:1], "a matrix has two axes or more")
    return operands[0].shape


def square(operands: tuple[Expr, ...], *_: Any) -> Shape:
    shape = matrix(operands)
    if shape[-1] != shape[-2]:
        raise at.refuse_shape(
            f"a square matrix is needed, not {shape[-2]}×{shape[-1]}",
            operands[:1],
            "named dimensions are equal when their names are",
        )
    return shape


_declare = family(params=("x",), types=AVERAGED, category="linear algebra", batch="stacks")


def declare(name: str, summary: str, **fields: Any) -> Any:
    """An operation of linear algebra; NumPy's function of this name builds it too, where there is one."""
    return _declare(name, summary, numpy=_numpys(name), **fields)


def _numpys(name: str) -> tuple[Any, ...]:
    return (getattr(np.linalg, name),) if hasattr(np.linalg, name) else ()


def columns(values: Expr) -> Expr:
    """A factor beside a matrix: its columns are multiplied by the values."""
    return expanded(values, values.ndim - 1)


inv = declare(
    "inv",
    "The inverse of square matrices; an error at the call where there is none.",
    reference=np.linalg.inv,
    shape=square,
    pullbacks=(lambda v, out, x: -(transposed(out) @ v @ transposed(out)),),
    notation=Notation("inv", None, r"{[0]}^{-1}", left=95),
)


# --- equations ---------------------------------------------------------------------------------------------------------------


def _solve_shape(operands: tuple[Expr, ...], *_: Any) -> Shape:
    _a, b = operands
    shape = square(operands)
    if not b.shape or (b.shape[0] if b.ndim == 1 else b.shape[-2]) != shape[-1]:
        raise at.refuse_shape("the right side needs as many rows as the matrix", operands)
    if b.ndim == 1:
        return (*shape[:-2], shape[-1])
    return (*broadcast_shapes([shape[:-2], b.shape[:-2]]), *b.shape[-2:])


def _column(x: Expr, b: Expr) -> Expr:
    """A vector right side, or what goes with one, as a matrix of one column."""
    return expanded(x, x.ndim) if b.ndim == 1 else x


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b)


def _back(name: str, v: Expr, a: Expr, b: Expr, **attrs: Any) -> Expr:
    """The adjoint of the right side, with all batches, as a matrix: the transposed system solved."""
    return call(name, transposed(a), _column(v, b), **attrs)


def _to_right(back: Expr, b: Expr) -> Expr:
    if b.ndim == 1:
        back = call("squeeze", back, axis=back.ndim - 1)
    return fitted(back, b)


def _solve_batch(name: str) -> Any:
    def rule(batch: Batch, operands: tuple[Expr, ...], batched: Batched, *attrs: Any) -> Expr:
        (a, b), (left, right) = operands, batched
        given = dict(zip([known.name for known in lookup(name).attributes], attrs, strict=True))
        if rank(b, right) == 1:
            if not right:
                return call(name, a, b, **given)
            if a.ndim == 2 and not left:  # the columns of one matrix
                return transposed(call(name, a, transposed(b), **given))
            found = call(name, a, aligned(expanded(b, b.ndim), True, rank(a, left)), **given)
            return call("squeeze", found, axis=found.ndim - 1)
        most = max(map(rank, operands, batched))
        return call(name, aligned(a, left, most), aligned(b, right, most), **given)

    return rule


solve = declare(
    "solve",
    "The solution x of a @ x = b; b is a vector if it has one axis, else a matrix of right sides.",
    params=("a", "b"),
    reference=_solve,
    shape=_solve_shape,
    batch=_solve_batch("solve"),
    pullbacks=(
        lambda v, out, a, b: fitted(-(_back("solve", v, a, b) @ transposed(_column(out, b))), a),
        lambda v, out, a, b: _to_right(_back("solve", v, a, b), b),
    ),
)


def _triangle(x: Any, lower: bool) -> Any:
    return np.tril(x) if lower else np.triu(x)


def _half(x: Expr, lower: bool, k: int = 0) -> Expr:
    return call("tril", x, k=-k) if lower else call("triu", x, k=k)


solve_triangular = declare(
    "solve_triangular",
    "The solution x of a @ x = b for a triangular matrix: the other triangle of a is not read.",
    params=("a", "b"),
    attributes=(at.flag("lower", True),),
    reference=lambda a, b, lower: _solve(_triangle(a, lower), b),
    shape=_solve_shape,
    batch=_solve_batch("solve_triangular"),
    pullbacks=(
        lambda v, out, a, b, lower: _half(
            fitted(-(_back("solve_triangular", v, a, b, lower=not lower) @ transposed(_column(out, b))), a),
            lower,
        ),
        lambda v, out, a, b, lower: _to_right(_back("solve_triangular", v, a, b, lower=not lower), b),
    ),
)


# --- determinants ------------------------------------------------------------------------------------------------------------


def _each(v: Expr) -> Expr:
    """One number for each matrix, beside the matrices."""
    return expanded(v, (v.ndim, v.ndim + 1))


def _batch(operands: tuple[Expr, ...], *_: Any) -> Shape:
    return square(operands)[:-2]


det = declare(
    "det",
    "The determinant of square matrices.",
    notes="The derivative needs the inverse: at a singular matrix it is an error at the call.",
    reference=np.linalg.det,
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v * out) * transposed(call("inv", x)),),
    notation=Notation("det", None, r"\det\left(<0>\right)"),
)

logabsdet = declare(
    "logabsdet",
    "The logarithm of the absolute value of the determinant, which does not overflow; −∞ for singular matrices.",
    reference=lambda x: np.linalg.slogdet(x)[1],
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v) * transposed(call("inv", x)),),
)

det_sign = declare(
    "det_sign",
    "The sign of the determinant: −1, 0 or 1. Piecewise constant: its derivative is 0.",
    reference=lambda x: np.linalg.slogdet(x)[0],
    shape=_batch,
    pullbacks=(None,),
)


class Slogdet(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value."""

    sign: Expr
    logabsdet: Expr


def slogdet(x):
    """The sign of the determinant and the logarithm of its absolute value, as (sign, logabsdet); as `numpy.linalg.slogdet`.

    Raises `ShapeError` for a matrix that is not square.
    """
    return Slogdet(det_sign(x), logabsdet(x))


Expr.function_table[np.linalg.slogdet] = slogdet

__all__ = [
    "det", "det_sign", "inv", "logabsdet", "slogdet", "solve", "solve_triangular",
]  # fmt: skip
