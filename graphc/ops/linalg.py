"""Linear algebra: equations, inverses and determinants of the matrices in the last two axes.

What goes back through them is written with them, so derivatives of any order follow.
Source of the adjoints: Giles, Collected matrix derivative results for forward and reverse mode AD (2008);
for svd Townsend (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.ir.expr import Expr, cast, constant
from graphc.ir.op import Notation, lookup
from graphc.ir.types import AVERAGED, Shape, broadcast_shapes
from graphc.ops.comparison import not_equal
from graphc.ops.support import attributes as at
from graphc.ops.support import kept_axes
from graphc.ops.support.build import broadcast, call, expanded, fitted, summed, transposed
from graphc.ops.support.declare import Function, family
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, rank


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


def of_finite(function: Any, lower: bool = False) -> Any:
    """A decomposition that is NaN of matrices that hold NaN or infinities, where LAPACK may say anything or never end.

    lower : whether the lower triangle alone is read
    """

    def reference(x: Any) -> Any:
        spoiled = ~np.isfinite(np.tril(x) if lower else x).all(axis=(-2, -1))
        if not spoiled.any():
            return function(x)
        result = np.array(function(np.where(spoiled[..., None, None], x.dtype.type(0), x)))
        result[spoiled] = np.nan
        return result

    return reference


_declare = family(
    params=("x",), types=AVERAGED, category="linear algebra", batch="stacks", keeps=kept_axes.stacks
)


def declare(name: str, summary: str, **fields: Any) -> Any:
    """An operation of linear algebra; NumPy's function of this name builds it too, where there is one."""
    return _declare(name, summary, numpy=_numpys(name), **fields)


def _numpys(name: str) -> tuple[Any, ...]:
    return (getattr(np.linalg, name),) if hasattr(np.linalg, name) else ()


def columns(values: Expr) -> Expr:
    """A factor beside a matrix: its columns are multiplied by the values."""
    return expanded(values, values.ndim - 1)


inv: Function = declare(
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
        attributes = dict(zip([known.name for known in lookup(name).attributes], attrs, strict=True))
        if rank(b, right) == 1:
            if not right:
                return call(name, a, b, **attributes)
            if a.ndim == 2 and not left:  # the columns of one matrix
                return transposed(call(name, a, transposed(b), **attributes))
            solution = call(name, a, aligned(expanded(b, b.ndim), True, rank(a, left)), **attributes)
            return call("squeeze", solution, axis=solution.ndim - 1)
        most = max(map(rank, operands, batched))
        return call(name, aligned(a, left, most), aligned(b, right, most), **attributes)

    return rule


def solving(name: str) -> dict[str, Any]:
    """How an operation that solves equations goes through batches, and what goes back through it."""
    return {
        "batch": _solve_batch(name),
        "pullbacks": (
            lambda v, out, a, b: fitted(-(_back(name, v, a, b) @ transposed(_column(out, b))), a),
            lambda v, out, a, b: _to_right(_back(name, v, a, b), b),
        ),
    }


solve: Function = declare(
    "solve",
    "The solution x of a @ x = b; b is a vector if it has one axis, else a matrix of right sides.",
    params=("a", "b"),
    reference=_solve,
    shape=_solve_shape,
    keeps=kept_axes.solved,
    **solving("solve"),
)


def _triangle(x: Any, lower: bool) -> Any:
    return np.tril(x) if lower else np.triu(x)


def _half(x: Expr, lower: bool, k: int = 0) -> Expr:
    return call("tril", x, k=-k) if lower else call("triu", x, k=k)


def _reads_half(
    used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int, lower: bool
) -> Expr | None:
    """Of the matrix its triangle, of both what some row that is used is solved after."""
    a, b = operands
    half = None if slot else not_equal(_half(broadcast(constant(1.0, a.dtype), a), lower), 0)
    if used is None:
        return half
    rows = used if b.ndim > 1 else expanded(used, used.ndim)
    axis = rows.ndim - 2
    if lower:
        rows = call("flip", rows, axis=axis)
    before = call("cumsum", cast(rows, out.dtype), axis=axis)
    before = call("flip", before, axis=axis) if lower else before
    if slot:
        return not_equal(_to_right(before, b), 0)
    of_rows = summed(before, axis + 1, True)
    return half & not_equal(fitted(of_rows, a) if of_rows.ndim > a.ndim else of_rows, 0)


solve_triangular: Function = declare(
    "solve_triangular",
    "The solution x of a @ x = b for a triangular matrix: the other triangle of a is not read.",
    params=("a", "b"),
    attributes=(at.flag("lower", True),),
    reads=_reads_half,
    reference=lambda a, b, lower: _solve(_triangle(a, lower), b),
    shape=_solve_shape,
    batch=_solve_batch("solve_triangular"),
    keeps=None,
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


det: Function = declare(
    "det",
    "The determinant of square matrices.",
    notes="Its derivative is the matrix of cofactors, at singular matrices too.",
    reference=np.linalg.det,
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v) * call("cofactors", x),),
    notation=Notation("det", None, r"\det\left(<0>\right)"),
)


def _without_one(s: Any) -> Any:
    """For each place the product of all other elements of the last axis; nothing is divided by."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after if s.shape[-1] else s


def _without_two(s: Any) -> Any:
    """The matrix of products of all elements but i and j, 0 on the diagonal."""
    off = ~np.eye(s.shape[-1], dtype=bool)
    return _without_one(np.where(off, s[..., None, :], s.dtype.type(1))) * off


def _turn(u: Any, vh: Any) -> Any:
    """det U · det V: 1 or −1 for each matrix."""
    return np.sign(np.linalg.det(u) * np.linalg.det(vh)).astype(u.dtype)[..., None, None]


def _cofactors(x: Any) -> Any:
    """With x = U diag(s) Vᵀ they are det U · det V · U diag(∏ s without sᵢ) Vᵀ: right at any rank.

    Rows and columns are brought to about 1 by powers of two before, and what that does to each cofactor is undone at the end, so
    that none overflows or vanishes on the way.
    """
    scaled, rows, columns = _balanced(x)
    u, s, vh = np.linalg.svd(scaled)
    result = _turn(u, vh) * ((u * _without_one(s)[..., None, :]) @ vh)
    return np.ldexp(result, _of_minors(rows, columns))


def _of_minors(rows: Any, columns: Any) -> Any:
    """The exponents of what cofactors are multiplied by, of a matrix whose rows and columns are multiplied by powers of two."""
    total = rows.sum(axis=-1) + columns.sum(axis=-1)
    return total[..., None, None] - rows[..., :, None] - columns[..., None, :]


def _balanced(x: Any) -> tuple[Any, Any, Any]:
    """A matrix with rows and columns divided by powers of two, and these: its elements are at most 1, the largest about that."""
    rows = _exponents(x, -1)
    columns = _exponents(np.ldexp(x, -rows[..., :, None]), -2)
    return np.ldexp(np.ldexp(x, -rows[..., :, None]), -columns[..., None, :]), rows, columns


def _exponents(x: Any, axis: int) -> Any:
    """The exponents of the largest elements along an axis; 0 of zeros."""
    return np.frexp(np.max(np.abs(x), axis=axis, initial=0))[1]


def _cofactors_along(x: Any, v: Any) -> Any:
    """The change of the cofactors of diag(s) along D = Uᵀ v V: pᵢⱼ are the products of all other singular values."""
    spoiled = ~np.isfinite(x).all(axis=(-2, -1))
    scaled, rows, columns = _balanced(np.where(spoiled[..., None, None], x.dtype.type(0), x))
    v = np.ldexp(v, -rows[..., :, None] - columns[..., None, :])
    u, s, vh = np.linalg.svd(scaled)
    p = _without_two(s)
    inner = np.swapaxes(u, -1, -2) @ v @ np.swapaxes(vh, -1, -2)
    own = np.einsum("...ij,...jj->...i", p, inner)
    change = own[..., None] * np.eye(s.shape[-1], dtype=x.dtype) - p * np.swapaxes(inner, -1, -2)
    result = np.ldexp(_turn(u, vh) * (u @ change @ vh), _of_minors(rows, columns))
    return np.where(spoiled[..., None, None], x.dtype.type(np.nan), result)


def _third_pullback(u: Expr, out: Expr, x: Expr, v: Expr) -> Expr:
    """The derivative by x of ⟨u, d(⟨v, Y⟩Y − Y vᵀ Y)⟩ with d = det x and Y = x⁻ᵀ."""
    y = transposed(call("inv", x))
    w, z = y @ transposed(v) @ y, y @ transposed(u) @ y
    by_v, by_u = (_each(summed(side * y, (x.ndim - 2, x.ndim - 1))) for side in (v, u))
    both = _each(summed(u * w, (x.ndim - 2, x.ndim - 1)))
    crossed = w @ transposed(u) @ y + y @ transposed(u) @ w
    return _each(call("det", x)) * (y * (by_v * by_u - both) - by_v * z - by_u * w + crossed)


def _two_alike(operands: tuple[Expr, ...]) -> Shape:
    shape = square(operands)
    if operands[1].shape != shape:
        raise at.refuse_shape("a direction has the shape of the matrices", operands)
    return shape


def _reads_minors(used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int) -> Expr | None:
    """What shares neither row nor column with some cofactor that is used: all that are used, less those that share one."""
    if used is None:
        return None
    each = cast(used, out.dtype)
    rows, columns = summed(each, out.ndim - 1, True), summed(each, out.ndim - 2, True)
    return not_equal(summed(rows, out.ndim - 2, True) - rows - columns + each, 0)


cofactors: Function = declare(
    "cofactors",
    "The matrix of cofactors of square matrices, det(x)·x⁻ᵀ; defined for singular matrices as well.",
    reference=of_finite(_cofactors),
    reads=_reads_minors,
    keeps=None,
    shape=square,
    pullbacks=(lambda v, out, x: call("cofactors_along", x, v),),
    notation=Notation("cof"),
)

cofactors_along: Function = declare(
    "cofactors_along",
    "How the cofactors of x change along a direction v, which is also what they hand back of an adjoint v.",
    notes="Its own derivative by x needs the inverse: at a singular matrix that is an error at the call.",
    params=("x", "v"),
    reference=_cofactors_along,
    reads=_reads_minors,
    keeps=None,
    shape=_two_alike,
    batch=lambda b, operands, batched: call(
        "cofactors_along", *[b.lifted(x, own) for x, own in zip(operands, batched, strict=True)]
    ),
    pullbacks=(_third_pullback, lambda u, out, x, v: call("cofactors_along", x, u)),
    notation=Notation("cof′"),
)

logabsdet: Function = declare(
    "logabsdet",
    "The logarithm of the absolute value of the determinant, which does not overflow; −∞ for singular matrices.",
    reference=lambda x: np.linalg.slogdet(x)[1],
    shape=_batch,
    pullbacks=(lambda v, out, x: _each(v) * transposed(call("inv", x)),),
)

det_sign: Function = declare(
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


def slogdet(x: Any) -> Slogdet:
    """The sign of the determinant and the logarithm of its absolute value, as (sign, logabsdet); as `numpy.linalg.slogdet`.

    Raises `ShapeError` for a matrix that is not square.
    """
    return Slogdet(det_sign(x), logabsdet(x))


Expr.function_table[np.linalg.slogdet] = slogdet

__all__ = [
    "cofactors", "cofactors_along", "det", "det_sign", "inv", "logabsdet", "slogdet", "solve", "solve_triangular",
]  # fmt: skip
