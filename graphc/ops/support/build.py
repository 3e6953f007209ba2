"""Operations on arrays called by name, for derivatives: they stand in several files that need each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DefinitionError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, cast, constant
from graphc.ir.op import NO_DEFAULT, Op, lookup
from graphc.ir.types import Shape


def build(op: Op, operands: Any, attributes: dict[str, Any]) -> Expr:
    """The node of an operation on arrays, with the defaults of the static arguments that are not given."""
    attrs = tuple([attributes.get(known.name, known.default) for known in op.attributes])
    if any(attr is NO_DEFAULT for attr in attrs):  # by identity: an array compares element by element
        missing = next(
            known.name for known, attr in zip(op.attributes, attrs, strict=True) if attr is NO_DEFAULT
        )
        raise DefinitionError(f"{op.name} is built without its {missing}, which has no default")
    return apply(op, *operands, attrs=attrs)


def call(name: str, *operands: Any, **attrs: Any) -> Expr:
    """The operation called `name` on some operands."""
    return build(lookup(name), operands, attrs)


def summed(x: Expr, axis: Any = None, keepdims: bool = False) -> Expr:
    return call("sum", x, axis=axis, keepdims=keepdims)


def reshaped(x: Expr, like: Expr) -> Expr:
    """x in the shape of another expression of as many elements."""
    return x if x.shape == like.shape else call("reshape", x, shape=like.shape)


def transposed(x: Expr) -> Expr:
    """The last two axes exchanged."""
    axes = list(range(x.ndim))
    axes[-2:] = [axes[-1], axes[-2]]
    return call("permute_dims", x, axes=tuple(axes))


def expanded(x: Expr, axis: int | tuple[int, ...]) -> Expr:
    return x if axis == () else call("expand_dims", x, axis=axis)


def broadcast(x: Expr, like: Expr) -> Expr:
    """x broadcast to another expression's shape; where that has names it stays an operand, so that they are bound."""
    if x.shape == like.shape:
        return x
    if all(isinstance(dim, int) for dim in like.shape):
        return call("broadcast_to", x, shape=like.shape)
    return call("broadcast_like", x, like)


def zeros_like(x: Expr) -> Expr:
    return broadcast(constant(0, x.dtype), x)


def restored(x: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """A reduced expression with the reduced axes again, of length 1."""
    return x if keepdims else expanded(x, axes)


def fitted(v: Expr, like: Expr) -> Expr:
    """An adjoint in the shape of an operand: summed over the axes along which the operand was broadcast."""
    target = like.shape
    if v.shape == target:
        return v
    extra = v.ndim - len(target)
    if extra > 0:
        v = summed(v, tuple(range(extra)))
    axes = tuple(
        [
            axis
            for axis, (own, wanted) in enumerate(zip(v.shape, target, strict=False))
            if wanted == 1 != own and v.ndim == len(target)
        ]
    )
    if axes:
        v = summed(v, axes, True)
    return broadcast(v, like)


def dim(length: Dim, dtype: Any) -> Any:
    """A length as a number: a Python int, or an expression of the type."""
    return length if isinstance(length, int) else cast(call("dim", length=length), dtype)


def count(shape: Shape, axes: tuple[int, ...], dtype: Any) -> Any:
    """The number of elements along some axes, as `dim` gives it."""
    return dim(dims.product([shape[axis] for axis in axes]), dtype)


def merged(x: Expr, axes: tuple[int, ...]) -> Expr:
    """x with some axes moved to the end and made one."""
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    moved = call("permute_dims", x, axes=(*others, *axes)) if (*others, *axes) != tuple(range(x.ndim)) else x
    if len(axes) == 1:
        return moved
    length = dims.product([x.shape[axis] for axis in axes])
    return call("reshape", moved, shape=(*(x.shape[axis] for axis in others), length))


def unmerged(y: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """The inverse of `_merged`."""
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    order = (*others, *axes)
    if len(axes) != 1:
        y = call("reshape", y, shape=tuple(x.shape[axis] for axis in order))
    if order == tuple(range(x.ndim)):
        return y
    return call("permute_dims", y, axes=tuple(int(i) for i in np.argsort(order)))


def shifted(x: Expr, first: float) -> Expr:
    """x moved on by one along its last axis, with `first` coming in."""
    widths = ((0, 0),) * (x.ndim - 1)
    padded = call("pad", x, pad_width=(*widths, (1, 0)), value=first)
    key = (("slice", None, None, None),) * (x.ndim - 1) + (("slice", None, -1, None),)
    return call("index", padded, key=key)
