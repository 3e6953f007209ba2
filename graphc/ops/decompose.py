"""Decompositions of the matrices in the last two axes: Cholesky, QR, eigenvalues and singular values.

Each factor is an operation of its own, whose adjoint is written with the others.
Source of the adjoints: Giles, Collected matrix derivative results for forward and reverse mode AD (2008);
for svd Townsend (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, cast, constant
from graphc.ir.types import Shape
from graphc.ops.comparison import not_equal, where
from graphc.ops.linalg import columns, declare, matrix, of_finite, square
from graphc.ops.shape import sliced
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, expanded, transposed, zeros_like
from graphc.ops.support.declare import Function

_EQUAL_VALUES = "Where {} are equal they have no derivative; infinities or NaN stand for it."

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


def _from(x: Expr, axis: int) -> Expr:
    """The sum of each element and all after it."""
    return call("flip", call("cumsum", call("flip", x, axis=axis), axis=axis), axis=axis)


def _reads_cholesky(used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int) -> Expr | None:
    """L[i, j] is computed from the leading j rows and columns, and from the first j elements of row i."""
    if used is None:
        return None
    factor = call("tril", cast(used, out.dtype))
    columns = _from(call("sum", factor, axis=out.ndim - 2), out.ndim - 2)
    lower = call("tril", _from(factor, out.ndim - 1) + expanded(columns, columns.ndim))
    return not_equal(lower + transposed(lower), 0)


cholesky: Function = declare(
    "cholesky",
    "The lower triangular L with L @ L.T = x, for symmetric positive definite x; an error at the call for others.",
    notes="Only the lower triangle of x is read; the derivative is that of a symmetric x, shared by both triangles.",
    reference=np.linalg.cholesky,
    shape=square,
    pullbacks=(_cholesky_pullback,),
    reads=_reads_cholesky,
    keeps=None,
)


def _thin(operands: tuple[Expr, ...]) -> tuple[Shape, Dim, Dim, Dim]:
    """Batches, rows, columns and the smaller of both."""
    *batch, rows, columns = matrix(operands)
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
    if isinstance(rows, int) and isinstance(columns, int) and rows < columns:
        return _wide_qr_pullback(q, r, to_q, to_r, x)
    return _tall_qr_pullback(q, r, to_q, to_r)


def _wide_qr_pullback(q: Expr, r: Expr, to_q: Expr | None, to_r: Expr | None, x: Expr) -> Expr:
    """x = [A B] and R = [R₁ Qᵀ B] with A = Q R₁ square: B is a matrix like any other, with Q in its part of R."""
    rows = x.shape[-2]
    square = sliced(r, x.ndim - 1, None, rows)
    right = sliced(x, x.ndim - 1, rows, None)
    if to_r is None:
        back = zeros_like(right)
    else:
        beside = sliced(to_r, x.ndim - 1, rows, None)
        back, turned = q @ beside, right @ transposed(beside)
        to_q = turned if to_q is None else to_q + turned
        to_r = sliced(to_r, x.ndim - 1, None, rows)
    left = _tall_qr_pullback(q, square, to_q, to_r)
    return call("concat", left, back, axis=x.ndim - 1)


def _tall_qr_pullback(q: Expr, r: Expr, to_q: Expr | None, to_r: Expr | None) -> Expr:
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


def _before(counts: Expr, x: Expr) -> Expr:
    """For each column of x how many are counted from it on; counted are as many of the first columns as its smaller side has."""
    before, rest = _from(counts, counts.ndim - 1), dims.subtract(x.shape[-1], counts.shape[-1])
    if isinstance(rest, int) and rest:
        before = call("pad", before, pad_width=((0, 0),) * (before.ndim - 1) + ((0, rest),))
    return before


def _reads_q(used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int) -> Expr | None:
    """A column of Q is computed from the columns up to it."""
    if used is None:
        return None
    counts = call("sum", cast(used, out.dtype), axis=out.ndim - 2)
    return not_equal(columns(_before(counts, operands[0])), 0)


def _reads_r(used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int) -> Expr | None:
    """R[i, j] is computed from the columns up to i, and column j."""
    if used is None:
        return None
    factor = call("triu", cast(used, out.dtype))
    own = call("sum", factor, axis=out.ndim - 2)
    return not_equal(columns(_before(call("sum", factor, axis=out.ndim - 1), operands[0]) + own), 0)


qr_q: Function = declare(
    "qr_q",
    "The factor Q of x = Q @ R: orthonormal columns.",
    reference=lambda x: np.linalg.qr(x)[0],
    shape=_q_shape,
    pullbacks=(lambda v, out, x: _qr_pullback(out, call("qr_r", x), v, None, x),),
    reads=_reads_q,
    keeps=None,
)

qr_r: Function = declare(
    "qr_r",
    "The factor R of x = Q @ R: upper triangular.",
    reference=lambda x: np.linalg.qr(x)[1],
    shape=_r_shape,
    pullbacks=(lambda v, out, x: _qr_pullback(call("qr_q", x), out, None, v, x),),
    reads=_reads_r,
    keeps=None,
)


class QR(NamedTuple):
    """x = Q @ R."""

    Q: Expr
    R: Expr


def qr(x: Any) -> QR:
    """The QR decomposition (Q, R), reduced: Q has as many columns as the smaller side of x. As `numpy.linalg.qr`.

    Differentiable for matrices of full rank (of more columns than rows: where the first columns have it).
    Raises `ShapeError` for what is no matrix.
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
    return (vectors * columns(v)) @ transposed(vectors)


eigvalsh: Function = declare(
    "eigvalsh",
    "The eigenvalues of symmetric matrices, in ascending order.",
    notes="Only the lower triangle is read; the derivative is that of a symmetric x, shared by both triangles.",
    reference=of_finite(np.linalg.eigvalsh, lower=True),
    shape=lambda operands: square(operands)[:-1],
    pullbacks=(_values_pullback,),
)

eigenvectors: Function = declare(
    "eigenvectors",
    "The eigenvectors of symmetric matrices, as columns, in the order of `eigvalsh`.",
    notes=_EQUAL_VALUES.format("eigenvalues"),
    reference=of_finite(lambda x: np.linalg.eigh(x)[1], lower=True),
    shape=square,
    pullbacks=(_vectors_pullback,),
)


class Eigh(NamedTuple):
    """x = eigenvectors @ diag(eigenvalues) @ eigenvectors.T."""

    eigenvalues: Expr
    eigenvectors: Expr


def eigh(x: Any) -> Eigh:
    """The (eigenvalues, eigenvectors) of symmetric matrices, eigenvalues in ascending order; as `numpy.linalg.eigh`.

    Raises `ShapeError` for a matrix that is not square.
    """
    return Eigh(eigvalsh(x), eigenvectors(x))


def _svals_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    return (call("svd_u", x) * columns(v)) @ call("svd_vh", x)


def _turned(values: Expr, vectors: Expr, v: Expr) -> Expr:
    """F∘(UᵀŪ − ŪᵀU), with F[i, j] = 1/(s[j]² − s[i]²)."""
    inner = transposed(vectors) @ v
    return _apart(values * values) * (inner - transposed(inner))


def _beside(values: Expr, vectors: Expr, v: Expr) -> Expr:
    """(I − UUᵀ)Ū/s: the part of the adjoint outside of the vectors' space, 0 where they span all."""
    return (v - vectors @ (transposed(vectors) @ v)) / columns(values)


def _passed_on(values: Expr, vectors: Expr, v: Expr) -> Expr:
    """What vectors on one side hand back, before the factor of the other side: the column for each value is still apart."""
    change = vectors @ (_turned(values, vectors, v) * columns(values))
    if vectors.shape[-2] != vectors.shape[-1]:
        change = change + _beside(values, vectors, v)
    return change


def _left_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    return _passed_on(call("svdvals", x), out, v) @ call("svd_vh", x)


def _right_pullback(v: Expr, out: Expr, x: Expr) -> Expr:
    # the same for the transpose
    change = _passed_on(call("svdvals", x), transposed(out), transposed(v))
    return call("svd_u", x) @ transposed(change)


svdvals: Function = declare(
    "svdvals",
    "The singular values of matrices, in descending order.",
    reference=of_finite(lambda x: np.linalg.svd(x, compute_uv=False)),
    shape=lambda operands: (*_thin(operands)[0], _thin(operands)[3]),
    pullbacks=(_svals_pullback,),
)

svd_u: Function = declare(
    "svd_u",
    "The left singular vectors of matrices, as columns.",
    notes=_EQUAL_VALUES.format("singular values"),
    reference=of_finite(lambda x: np.linalg.svd(x, full_matrices=False)[0]),
    shape=_q_shape,
    pullbacks=(_left_pullback,),
)

svd_vh: Function = declare(
    "svd_vh",
    "The right singular vectors of matrices, as rows.",
    notes=_EQUAL_VALUES.format("singular values"),
    reference=of_finite(lambda x: np.linalg.svd(x, full_matrices=False)[2]),
    shape=_r_shape,
    pullbacks=(_right_pullback,),
)


class SVD(NamedTuple):
    """x = U @ diag(S) @ Vh."""

    U: Expr
    S: Expr
    Vh: Expr


def svd(x: Any) -> SVD:
    """The singular value decomposition (U, S, Vh), reduced; as `numpy.linalg.svd` with full_matrices=False.

    Raises `ShapeError` for what is no matrix, and where names leave open which side is smaller.
    """
    return SVD(svd_u(x), svdvals(x), svd_vh(x))


for _known, _function in ((np.linalg.qr, qr), (np.linalg.eigh, eigh), (np.linalg.svd, svd)):
    Expr.function_table[_known] = _function

__all__ = [
    "cholesky", "eigenvectors", "eigh", "eigvalsh", "qr", "qr_q", "qr_r", "svd", "svd_u", "svd_vh", "svdvals",
]  # fmt: skip
