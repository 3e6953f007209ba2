"""Products of arrays: sums over paired axes. Each is linear in every operand alone."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, ShapeError, brief
from graphc.ir import dims
from graphc.ir.expr import Expr, constant
from graphc.ir.op import PRODUCT, Attribute, Notation, Op
from graphc.ir.types import ALL_PROMOTED, Shape, TypeRule, broadcast_shapes, format_shape
from graphc.ops.einsum import contract
from graphc.ops.support import attributes as at
from graphc.ops.support import kept_axes
from graphc.ops.support.build import call, expanded, fitted, reshaped, summed, transposed
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.reducers import PARTIAL_SUMS
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, rank


def _matmul_shape(operands: tuple[Expr, ...]) -> Shape:
    a, b = operands
    if not a.shape or not b.shape:
        raise at.refuse_shape("@ takes vectors and matrices", operands, "write * for the product of numbers")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise at.refuse_shape(
            f"{format_shape(a.shape)} @ {format_shape(b.shape)}: the inner dimensions {a.shape[-1]} and {inner} differ",
            operands,
            "x.T transposes; named dimensions are equal when their names are",
        )
    rows = a.shape[-2:-1]
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return (*broadcast_shapes([a.shape[:-2], b.shape[:-2]]), *rows, *columns)


def _as_matrices(v: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr, Expr]:
    """A product of vectors as one of matrices: a a row, b a column."""
    if b.ndim == 1:
        v, b = expanded(v, v.ndim), expanded(b, 1)
    if a.ndim == 1:
        v, a = expanded(v, v.ndim - 1), expanded(a, 0)
    return v, a, b


def _matmul_left(v: Expr, out: Expr, a: Expr, b: Expr) -> Expr:
    if a.ndim == 2 and b.ndim == 1:
        return call("outer", v, b)
    if a.ndim == 1 and b.ndim <= 2:
        return v * b if b.ndim == 1 else b @ v
    wide, left, right = _as_matrices(v, a, b)
    return reshaped(fitted(wide @ transposed(right), left), a)


def _matmul_right(v: Expr, out: Expr, a: Expr, b: Expr) -> Expr:
    if a.ndim == 1 and b.ndim == 2:
        return call("outer", a, v)
    if b.ndim == 1 and a.ndim <= 2:
        return v * a if a.ndim == 1 else transposed(a) @ v
    wide, left, right = _as_matrices(v, a, b)
    return reshaped(fitted(transposed(left) @ wide, right), b)


def _matmul_batch(batch: Batch, operands: tuple[Expr, ...], batched: Batched) -> Expr:
    """Products with a vector become products of matrices, so that a batch of them is one."""
    (a, b), (left, right) = operands, batched
    rows, columns = rank(a, left), rank(b, right)
    if rows == columns == 1:
        return call("vecdot", a, b) if left and right else b @ a if right else a @ b
    if columns == 1:
        if rows == 2 and not left:
            return b @ transposed(a)
        if not right:
            return a @ b
        wide = aligned(expanded(b, b.ndim), True, max(rows, 2))
        product = aligned(a, left, rows) @ wide
        return call("squeeze", product, axis=product.ndim - 1)
    if rows == 1:
        if not left or (columns == 2 and not right):
            return a @ b
        product = aligned(expanded(a, a.ndim - 1), True, columns) @ b
        return call("squeeze", product, axis=product.ndim - 2)
    most = max(rows, columns)
    return aligned(a, left, most) @ aligned(b, right, most)


matmul: Function = declare_arrays(
    Op(
        name="matmul",
        params=("a", "b"),
        summary="The matrix product; axes before the last two are batches, which broadcast.",
        notes="A vector is a row on the left and a column on the right.",
        types=ALL_PROMOTED,
        reference=np.matmul,
        shape=_matmul_shape,
        pullbacks=(_matmul_left, _matmul_right),
        batch=_matmul_batch,
        keeps=kept_axes.multiplied,
        linear="each",
        notation=Notation("@", "[0] @ [1]", r"[0]\,[1]", PRODUCT, PRODUCT, PRODUCT + 1),
        category="product",
        operator="a @ b",
        ufuncs=(np.matmul,),
        reducer=PARTIAL_SUMS,
        refuses=False,
    )
)


# --- named products -----------------------------------------------------------------------------------------------------------


def _paired(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of either operand that are summed over together."""
    a, b = operands
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if not 0 <= value <= min(a.ndim, b.ndim):
            raise at.refuse_shape(f"tensordot over {brief(value, 40)} axes", operands)
        value = (tuple(range(a.ndim - value, a.ndim)), tuple(range(value)))
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ExpressionError(
            f"axes {brief(value)} are no number and no pair", hint="write axes=2, or axes=((1,), (0,))"
        )
    left, right = [
        at.distinct(
            name,
            tuple(
                [
                    at.position(name, axis, x.ndim)
                    for axis in (part if isinstance(part, (tuple, list)) else (part,))
                ]
            ),
        )
        for part, x in zip(value, operands, strict=True)
    ]
    if len(left) != len(right):
        raise ShapeError(
            f"axes {brief(value)} pair {len(left)} axes with {len(right)}", hint="as many on either side"
        )
    for i, j in zip(left, right, strict=True):
        if a.shape[i] != b.shape[j]:
            raise at.refuse_shape(
                f"tensordot pairs axis {i} of length {a.shape[i]} with axis {j} of length {b.shape[j]}",
                operands,
            )
    return left, right


def _pair_letters(a: Expr, b: Expr, axes: Any) -> tuple[str, str, str]:
    letters = string.ascii_letters
    first = letters[: a.ndim]
    fresh = iter(letters[a.ndim :])
    second = "".join(first[axes[0][axes[1].index(j)]] if j in axes[1] else next(fresh) for j in range(b.ndim))
    free = "".join(letter for place, letter in enumerate(first) if place not in axes[0])
    return first, second, free + "".join(letter for j, letter in enumerate(second) if j not in axes[1])


def _tensordot_as_einsum(a: Expr, b: Expr, axes: Any) -> Expr:
    first, second, result = _pair_letters(a, b, axes)
    return contract([first, second], result, [a, b])


tensordot: Function = declare_arrays(
    Op(
        name="tensordot",
        params=("a", "b"),
        attributes=(Attribute("axes", _paired, 2),),
        summary="The sum of products over pairs of axes: the last of a with the first of b, or those that are given.",
        types=ALL_PROMOTED,
        reference=lambda a, b, axes: np.tensordot(a, b, axes=axes),
        shape=lambda operands, axes: (
            *(dim for place, dim in enumerate(operands[0].shape) if place not in axes[0]),
            *(dim for place, dim in enumerate(operands[1].shape) if place not in axes[1]),
        ),
        expand=_tensordot_as_einsum,
        linear="each",
        notation=Notation("tensordot"),
        category="product",
        numpy=(np.tensordot,),
    )
)


def _vecdot_shape(operands: tuple[Expr, ...], axis: int) -> Shape:
    a, b = operands
    if not a.shape or not b.shape or a.shape[-1] != b.shape[-1]:
        raise at.refuse_shape("vecdot needs two vectors of one length in the last axis", operands)
    return broadcast_shapes([a.shape[:-1], b.shape[:-1]])


def _last_axis(name: str, value: Any, operands: tuple[Expr, ...]) -> int:
    if at.whole(name, value) != -1:
        raise ShapeError(
            "vecdot multiplies along the last axis", hint="g.permute_dims(x, axes=…) moves another one there"
        )
    return -1


def _vecdot_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, axis: int) -> Expr:
    most = max(map(rank, operands, batched))
    return call("vecdot", *[aligned(x, own, most) for x, own in zip(operands, batched, strict=True)])


vecdot: Function = declare_arrays(
    Op(
        name="vecdot",
        params=("a", "b"),
        attributes=(Attribute("axis", _last_axis, -1),),
        summary="The dot products of vectors in the last axis; the axes before it broadcast.",
        types=ALL_PROMOTED,
        reference=lambda a, b, axis: np.sum(a * b, axis=-1, dtype=a.dtype),
        shape=_vecdot_shape,
        expand=lambda a, b, axis: summed(a * b, -1),
        batch=_vecdot_batch,
        linear="each",
        notation=Notation("vecdot"),
        category="product",
        numpy=(np.linalg.vecdot,),
    )
)


def _outer_shape(operands: tuple[Expr, ...]) -> Shape:
    for operand in operands:
        if operand.ndim != 1:
            raise at.refuse_shape("outer takes two vectors", operands, "g.reshape(x, -1) makes a vector")
    return (operands[0].shape[0], operands[1].shape[0])


outer: Function = declare_arrays(
    Op(
        name="outer",
        params=("a", "b"),
        summary="The matrix of all products of two vectors' elements.",
        types=ALL_PROMOTED,
        reference=np.outer,
        shape=_outer_shape,
        expand=lambda a, b: expanded(a, 1) * expanded(b, 0),
        linear="each",
        notation=Notation(
            "⊗", None, r"[0] \otimes [1]", latex_precedence=PRODUCT, left=PRODUCT, right=PRODUCT + 1
        ),
        category="product",
        numpy=(np.outer,),
    )
)


def _kron_shape(operands: tuple[Expr, ...]) -> Shape:
    a, b = operands
    if a.ndim != b.ndim:
        raise at.refuse_shape("kron needs two arrays of as many axes", operands)
    return tuple(dims.multiply(i, j) for i, j in zip(a.shape, b.shape, strict=True))


def _kron(a: Expr, b: Expr) -> Expr:
    left = expanded(a, tuple(range(1, 2 * a.ndim, 2)))
    right = expanded(b, tuple(range(0, 2 * b.ndim, 2)))
    return call("reshape", left * right, shape=_kron_shape((a, b)))


kron: Function = declare_arrays(
    Op(
        name="kron",
        params=("a", "b"),
        summary="The Kronecker product: every element of a times the whole of b.",
        types=ALL_PROMOTED,
        reference=np.kron,
        shape=_kron_shape,
        expand=_kron,
        linear="each",
        notation=Notation("kron"),
        category="product",
        numpy=(np.kron,),
    )
)

trace: Function = declare_arrays(
    Op(
        name="trace",
        params=("x",),
        attributes=(at.integer("offset", 0),),
        summary="The sum of the diagonal of the matrices in the last two axes.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=lambda x, offset: np.trace(x, offset, axis1=-2, axis2=-1, dtype=x.dtype),
        shape=lambda operands, offset: call("diagonal", operands[0], offset=offset).shape[:-1],
        expand=lambda x, offset: summed(call("diagonal", x, offset=offset), -1),
        batch="stacks",
        leaves_out=True,
        linear="jointly",
        notation=Notation("tr"),
        category="product",
        numpy=(np.linalg.trace,),
    )
)


def dot(a: Any, b: Any) -> Expr:
    """The dot product as `numpy.dot`: of vectors a number, of matrices `a @ b`; a scalar multiplies.

    Of arrays with more axes the sum over the last axis of a and the last but one of b.
    Raises `ShapeError` when those differ in length.
    """
    a, b = constant(a) if not isinstance(a, Expr) else a, constant(b) if not isinstance(b, Expr) else b
    if not a.shape or not b.shape:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return a @ b
    return call("tensordot", a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


Expr.function_table[np.dot] = dot


__all__ = [
    "dot", "kron", "matmul", "outer", "tensordot", "trace", "vecdot",
]  # fmt: skip
