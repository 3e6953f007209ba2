"""Linear algebra: equations, inverses, determinants and decompositions of the matrices in the last two axes.

What goes back through them is written with them, so derivatives of any order follow.
Source of the adjoints: Giles, Collected matrix derivative results for forward and reverse mode AD (2008);
for svd Townsend (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.dims import Dim
from graphc.errors import GradientError
from graphc.expr import Expr, constant
from graphc.op import Notation, Op
from graphc.ops import attributes as at
from graphc.ops.calls import call, expanded, fitted, transposed
from graphc.ops.comparison import where
from graphc.ops.declare import declare_arrays
from graphc.types import Shape, TypeRule, averaged, broadcast_shapes

_FLOATING = TypeRule(averaged)


def _matrix(operands: tuple[Expr, ...], *_: Any) -> Shape:
    if operands[0].ndim < 2:
        raise at.refuse_shape("a matrix is needed", operands[:1], "a matrix has two axes or more")
    return operands[0].shape


def _square(operands: tuple[Expr, ...], *_: Any) -> Shape:
    shape = _matrix(operands)
    if shape[-1] != shape[-2]:
        raise at.refuse_shape(
            f"a square matrix is needed, not {shape[-2]}×{shape[-1]}",
            operands[:1],
            "named dimensions are equal when their names are",
        )
    return shape


def _declare(name: str, summary: str, label: str = "", **fields: Any) -> Any:
    known = {
        "params": ("x",),
        "types": _FLOATING,
        "category": "linear algebra",
        "notation": Notation(label or name),
        "numpy": (getattr(np.linalg, name),) if hasattr(np.linalg, name) else (),
    }
    return declare_arrays(Op(name=name, summary=summary, **{**known, **fields}))


def _diagonal(values: Expr) -> Expr:
    """A factor beside a matrix: its columns are multiplied by the values."""
    return expanded(values, values.ndim - 1)


inv = _declare(
    "inv",
    "The inverse of square matrices; an error at the call where there is none.",
    reference=np.linalg.inv,
    shape=_square,
    pullbacks=(lambda v, out, x: -(transposed(out) @ v @ transposed(out)),),
    notation=Notation("inv", None, r"{[0]}^{-1}", left=95),
)


# --- equations ---------------------------------------------------------------------------------------------------------------


def _solve_shape(operands: tuple[Expr, ...], *_: Any) -> Shape:
    _a, b = operands
    shape = _square(operands)
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


solve = _declare(
    "solve",
    "The solution x of a @ x = b; b is a vector if it has one axis, else a matrix of right sides.",
    params=("a", "b"),
    reference=_solve,
    shape=_solve_shape,
    pullbacks=(
        lambda v, out, a, b: fitted(-(_back("solve", v, a, b) @ transposed(_column(out, b))), a),
        lambda v, out, a, b: _to_right(_back("solve", v, a, b), b),
    ),
)


def _triangle(x: Any, lower: bool) -> Any:
    return np.tril(x) if lower else np.triu(x)


def _half(x: Expr, lower: bool, k: int = 0) -> Expr:
    return call("tril", x, k=-k) if lower else call("triu", x, k=k)


solve_triangular = _declare(
    "solve_triangular",
    "The solution x of a @ x = b for a triangular matrix: the other triangle of a is not read.",
    params=("a", "b"),
    attributes=(at.flag("lower", True),),
    reference=lambda a, b, lower: _solve(_triangle(a, lower), b),
    shape=_solve_shape,
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
    return _square(operands)[:-2]


det = _declare(
    "det",
    "The determinant of square matrices.",
    notes="The derivative needs the inverse: at a singular matrix it is an error at the call.",
    reference=np.linalg.det,
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v * out) * transposed(call("inv", x)),),
    notation=Notation("det", None, r"\det\left(<0>\right)"),
)

logabsdet = _declare(
    "logabsdet",
    "The logarithm of the absolute value of the determinant, which does not overflow; −∞ for singular matrices.",
    reference=lambda x: np.linalg.slogdet(x)[1],
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v) * transposed(call("inv", x)),),
)

det_sign = _declare(
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


# --- decompositions ------------------------------------------------------------------------------------------------------------


def _halved(x: Expr) -> Expr:
    """The lower triangle, half of the diagonal: the part of a symmetric change that a triangular factor takes."""
    return (call("tril", x) + call("tril", x, k=-1)) / 2


def _symmetric(x: Expr) -> Expr:
    return (x + transposed(x)) / 2


def _cholesky_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    middle = _halved(transposed(out) @ call("tril", v))
    left = call("solve_triangular", transposed(out), middle, lower=False)
    # times the inverse from the right: the transposed system
    return _symmetric(transposed(call("solve_triangular", transposed(out), transposed(left), lower=False)))


cholesky = _declare(
    "cholesky",
    "The lower triangular L with L @ L.T = x, for symmetric positive definite x; an error at the call for others.",
    notes="Only the lower triangle of x is read; the derivative is that of a symmetric x, shared by both triangles.",
    reference=np.linalg.cholesky,
    shape=_square,
    pullbacks=(_cholesky_pullback,),
)


def _thin(operands: tuple[Expr, ...]) -> tuple[Shape, Dim, Dim, Dim]:
    """Batches, rows, columns and the smaller of both."""
    *batch, rows, columns = _matrix(operands)
    if rows == columns:
        return tuple(batch), rows, columns, rows
    if isinstance(rows, int) and isinstance(columns, int):
        return tuple(batch), rows, columns, min(rows, columns)
    raise at.refuse_shape(
        f"which of {rows} and {columns} is smaller is not known before the call",
        operands,
        "give lengths, as in shape=(100, 8)",
    )


def _q_shape(operands: tuple[Expr, ...]) -> Shape:
    batch, rows, _, small = _thin(operands)
    return (*batch, rows, small)


def _r_shape(operands: tuple[Expr, ...]) -> Shape:
    batch, _, columns, small = _thin(operands)
    return (*batch, small, columns)


def _qr_pullback(q: Expr, r: Expr, to_q: Expr | None, to_r: Expr | None, x: Expr) -> Expr:
    rows, columns = x.shape[-2:]
    if rows != columns and not (isinstance(rows, int) and isinstance(columns, int) and rows > columns):
        raise GradientError(
            f"the QR decomposition of {rows}×{columns} has no derivative here: more columns than rows",
            node=repr(x),
            site=x.site,
            hint="decompose the transpose",
        )
    change = None
    if to_r is not None:
        change = r @ transposed(call("triu", to_r))
    if to_q is not None:
        part = transposed(to_q) @ q
        change = -part if change is None else change - part
    assert change is not None
    mirrored = call("tril", change) + transposed(call("tril", change, k=-1))
    whole = q @ mirrored if to_q is None else to_q + q @ mirrored
    # times the inverse transpose of r from the right
    return transposed(call("solve_triangular", r, transposed(whole), lower=False))


qr_q = _declare(
    "qr_q",
    "The factor Q of x = Q @ R: orthonormal columns.",
    reference=lambda x: np.linalg.qr(x)[0],
    shape=_q_shape,
    pullbacks=(lambda v, out, x: _qr_pullback(out, call("qr_r", x), v, None, x),),
)

qr_r = _declare(
    "qr_r",
    "The factor R of x = Q @ R: upper triangular.",
    reference=lambda x: np.linalg.qr(x)[1],
    shape=_r_shape,
    pullbacks=(lambda v, out, x: _qr_pullback(call("qr_q", x), out, None, v, x),),
)


class QR(NamedTuple):
    """x = Q @ R."""

    Q: Expr
    R: Expr


def qr(x):
    """The QR decomposition (Q, R), reduced: Q has as many columns as the smaller side of x. As `numpy.linalg.qr`.

    Differentiable for matrices of full rank with no more columns than rows. Raises `ShapeError` for what is no matrix.
    """
    return QR(qr_q(x), qr_r(x))


def _apart(values: Expr) -> Expr:
    """The matrix of 1/(values[j] − values[i]), 0 on the diagonal; equal values elsewhere make it infinite."""
    gaps = expanded(values, values.ndim - 1) - expanded(values, values.ndim)
    diagonal = call("eye", n_rows=values.shape[-1], dtype="bool")
    zero = constant(0, values.dtype)
    return where(diagonal, zero, 1 / where(diagonal, constant(1, values.dtype), gaps))


def _vectors_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    inner = _apart(call("eigvalsh", x)) * (transposed(out) @ v)
    return _symmetric(out @ inner @ transposed(out))


def _values_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    vectors = call("eigenvectors", x)
    return (vectors * _diagonal(v)) @ transposed(vectors)


eigvalsh = _declare(
    "eigvalsh",
    "The eigenvalues of symmetric matrices, in ascending order.",
    notes="Only the lower triangle is read; the derivative is that of a symmetric x, shared by both triangles.",
    reference=np.linalg.eigvalsh,
    shape=lambda operands: _square(operands)[:-1],
    pullbacks=(_values_pullback,),
)

eigenvectors = _declare(
    "eigenvectors",
    "The eigenvectors of symmetric matrices, as columns, in the order of `eigvalsh`.",
    notes="Where eigenvalues are equal they have no derivative; infinities or NaN stand for it.",
    reference=lambda x: np.linalg.eigh(x)[1],
    shape=_square,
    pullbacks=(_vectors_pullback,),
)


class Eigh(NamedTuple):
    """x = eigenvectors @ diag(eigenvalues) @ eigenvectors.T."""

    eigenvalues: Expr
    eigenvectors: Expr


def eigh(x):
    """The (eigenvalues, eigenvectors) of symmetric matrices, eigenvalues in ascending order; as `numpy.linalg.eigh`.

    Raises `ShapeError` for a matrix that is not square.
    """
    return Eigh(eigvalsh(x), eigenvectors(x))


def _svals_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    return (call("svd_u", x) * _diagonal(v)) @ call("svd_vh", x)


def _turned(values: Expr, vectors: Expr, v: Expr) -> Expr:
    """F∘(UᵀŪ − ŪᵀU), with F[i, j] = 1/(s[j]² − s[i]²)."""
    inner = transposed(vectors) @ v
    return _apart(values * values) * (inner - transposed(inner))


def _beside(values: Expr, vectors: Expr, v: Expr) -> Expr:
    """(I − UUᵀ)Ū/s: the part of the adjoint outside of the vectors' space, 0 where they span all."""
    return (v - vectors @ (transposed(vectors) @ v)) / _diagonal(values)


def _left_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    values = call("svdvals", x)
    change = out @ (_turned(values, out, v) * _diagonal(values))
    if x.shape[-2] != out.shape[-1]:
        change = change + _beside(values, out, v)
    return change @ call("svd_vh", x)


def _right_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    # the same for the transpose
    values, vectors, back = call("svdvals", x), transposed(out), transposed(v)
    change = vectors @ (_turned(values, vectors, back) * _diagonal(values))
    if x.shape[-1] != vectors.shape[-1]:
        change = change + _beside(values, vectors, back)
    return call("svd_u", x) @ transposed(change)


svdvals = _declare(
    "svdvals",
    "The singular values of matrices, in descending order.",
    reference=lambda x: np.linalg.svd(x, compute_uv=False),
    shape=lambda operands: (*_thin(operands)[0], _thin(operands)[3]),
    pullbacks=(_svals_pullback,),
)

svd_u = _declare(
    "svd_u",
    "The left singular vectors of matrices, as columns.",
    notes="Where singular values are equal they have no derivative; infinities or NaN stand for it.",
    reference=lambda x: np.linalg.svd(x, full_matrices=False)[0],
    shape=_q_shape,
    pullbacks=(_left_pullback,),
)

svd_vh = _declare(
    "svd_vh",
    "The right singular vectors of matrices, as rows.",
    notes="Where singular values are equal they have no derivative; infinities or NaN stand for it.",
    reference=lambda x: np.linalg.svd(x, full_matrices=False)[2],
    shape=_r_shape,
    pullbacks=(_right_pullback,),
)


class SVD(NamedTuple):
    """x = U @ diag(S) @ Vh."""

    U: Expr
    S: Expr
    Vh: Expr


def svd(x):
    """The singular value decomposition (U, S, Vh), reduced; as `numpy.linalg.svd` with full_matrices=False.

    Raises `ShapeError` for what is no matrix, and where names leave open which side is smaller.
    """
    return SVD(svd_u(x), svdvals(x), svd_vh(x))


for _known, _function in (
    (np.linalg.slogdet, slogdet),
    (np.linalg.qr, qr),
    (np.linalg.eigh, eigh),
    (np.linalg.svd, svd),
):
    Expr.function_table[_known] = _function

__all__ = [
    "cholesky", "det", "det_sign", "eigenvectors", "eigh", "eigvalsh", "inv", "logabsdet", "qr", "qr_q", "qr_r", "slogdet",
    "solve", "solve_triangular", "svd", "svd_u", "svd_vh", "svdvals",
]  # fmt: skip
