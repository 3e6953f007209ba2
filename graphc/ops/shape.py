"""Shapes: the same elements in another arrangement, several arrays in one and one in several.

All are linear, so the derivative along a direction is the operation itself, and only what goes back is declared.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir import dims, ranges
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, constant
from graphc.ir.op import Attribute, Facts, Notation
from graphc.ir.types import ALL_PROMOTED, as_shape, broadcast_shapes, format_shape
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call, fitted, reshaped
from graphc.ops.support.declare import Function, moving
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, rank
from graphc.util.arguments import listed


def _target(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[Dim, ...]:
    """A shape of as many elements as the operand has; one −1 stands for what is left."""
    own = dims.product(operands[0].shape)
    listed = list(value) if isinstance(value, (tuple, list)) else [value]
    free = [axis for axis, dim in enumerate(listed) if isinstance(dim, (int, np.integer)) and dim == -1]
    if len(free) > 1:
        raise ShapeError(f"{name} {tuple(listed)} leaves {len(free)} lengths open", hint="at most one -1")
    known = as_shape([dim for axis, dim in enumerate(listed) if axis not in free])
    size = dims.product(known)
    if free:
        rest = 0 if size == 0 else dims.floor_divide(own, size)
        known = (*known[: free[0]], rest, *known[free[0] :])
        size = dims.multiply(size, rest)
    if size != own:
        raise ShapeError(
            f"{format_shape(operands[0].shape)} has {own} elements and does not fit the shape "
            f"({', '.join(map(str, listed))}){f' of {size}' if not free else ''}",
            hint="a reshape keeps every element; -1 once stands for what is left",
        )
    return known


reshape: Function = moving(
    "reshape",
    "The elements of x, read row by row, in another shape.",
    attributes=(Attribute("shape", _target),),
    notes='One length may be -1: what is left. Lengths may hold names, as in reshape(x, (-1, "n")).',
    reference=np.reshape,
    shape=lambda operands, shape: shape,
    pullbacks=(lambda v, out, x, shape: reshaped(v, x),),
    batch=lambda b, operands, batched, shape: call("reshape", operands[0], shape=(b.size, *shape)),
    numpy=(np.reshape,),
    facts=Facts(bounds=ranges.union),
)

permute_dims: Function = moving(
    "permute_dims",
    "x with its axes in another order; reversed by default.",
    attributes=(at.PERMUTATION,),
    reference=np.transpose,
    shape=lambda operands, axes: tuple(operands[0].shape[axis] for axis in axes),
    pullbacks=(
        lambda v, out, x, axes: call("permute_dims", v, axes=tuple(int(i) for i in np.argsort(axes))),
    ),
    batch=lambda b, operands, batched, axes: call(
        "permute_dims", operands[0], axes=(0, *(axis + 1 for axis in axes))
    ),
    notation=Notation("permute"),
    numpy=(np.transpose, np.permute_dims),
    facts=Facts(bounds=ranges.union),
)

expand_dims: Function = moving(
    "expand_dims",
    "x with new axes of length 1 at the places that `axis` names in the result.",
    attributes=(at.NEW_AXES,),
    reference=np.expand_dims,
    shape=lambda operands, axis: _with_ones(operands[0].shape, at.axes_of(axis, 0)),
    pullbacks=(lambda v, out, x, axis: call("squeeze", v, axis=axis),),
    notation=Notation("expand"),
    numpy=(np.expand_dims,),
    facts=Facts(bounds=ranges.union),
)


def _with_ones(shape: tuple[Dim, ...], axes: tuple[int, ...]) -> tuple[Dim, ...]:
    rest = iter(shape)
    return tuple(1 if axis in axes else next(rest) for axis in range(len(shape) + len(axes)))


def _ones(name: str, value: Any, operands: tuple[Expr, ...]) -> Any:
    """Axes of length 1; all of them for None."""
    shape = operands[0].shape
    if value is None:
        return tuple(axis for axis, dim in enumerate(shape) if dim == 1)
    axes = at.AXES.check(name, value, operands)
    for axis in at.axes_of(axes, len(shape)):
        if shape[axis] != 1:
            raise ShapeError(
                f"squeeze removes axes of length 1, and axis {axis} of {format_shape(shape)} is {shape[axis]}",
                hint="index it, as in x[0], or sum over it",
            )
    return axes


squeeze: Function = moving(
    "squeeze",
    "x without axes of length 1: those that `axis` names, by default all.",
    attributes=(Attribute("axis", _ones, None),),
    reference=np.squeeze,
    shape=lambda operands, axis: tuple(
        dim for place, dim in enumerate(operands[0].shape) if place not in at.axes_of(axis, 0)
    ),
    pullbacks=(lambda v, out, x, axis: call("expand_dims", v, axis=axis) if axis != () else v,),
    numpy=(np.squeeze,),
    facts=Facts(bounds=ranges.union),
)


def _broadcast_shape(operands: tuple[Expr, ...], target: tuple[Dim, ...]) -> tuple[Dim, ...]:
    if broadcast_shapes([operands[0].shape, target]) != target:
        raise ShapeError(f"{format_shape(operands[0].shape)} does not broadcast to {format_shape(target)}")
    return target


broadcast_to: Function = moving(
    "broadcast_to",
    "x repeated along axes of length 1, and along new ones in front, until it has a shape.",
    attributes=(at.SHAPE,),
    reference=np.broadcast_to,
    shape=_broadcast_shape,
    pullbacks=(lambda v, out, x, shape: fitted(v, x),),
    batch=lambda b, operands, batched, shape: call(
        "broadcast_to", aligned(operands[0], True, len(shape)), shape=(b.size, *shape)
    ),
    notation=Notation("broadcast"),
    numpy=(np.broadcast_to,),
    facts=Facts(bounds=ranges.union),
)


def _broadcast_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched) -> Expr:
    x, like = operands
    return broadcast(aligned(x, batched[0], rank(like, batched[1])), b.lifted(like, batched[1]))


broadcast_like: Function = moving(
    "broadcast_like",
    "x broadcast to the shape of another expression, whose values do not matter.",
    params=("x", "like"),
    reference=lambda x, like: np.broadcast_to(x, np.shape(like)),
    shape=lambda operands: _broadcast_shape(operands, operands[1].shape),
    pullbacks=(lambda v, out, x, like: fitted(v, x), None),
    batch=_broadcast_batch,
    notation=Notation("broadcast"),
    facts=Facts(bounds=lambda x, *like: x),
)


# --- several arrays in one, one array in several --------------------------------------------------------------------------


def _joined_batch(name: str) -> Any:
    def rule(b: Batch, operands: tuple[Expr, ...], batched: Batched, axis: int) -> Expr:
        lifted = [b.lifted(x, own) for x, own in zip(operands, batched, strict=True)]
        return call(name, *lifted, axis=axis + 1)

    return rule


def _concat_shape(operands: tuple[Expr, ...], axis: int) -> tuple[Dim, ...]:
    first = operands[0].shape
    total: Dim = 0
    for operand in operands:
        shape = operand.shape
        if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise at.refuse_shape(
                f"concat along axis {axis} needs arrays that are equal in every other axis",
                (operands[0], operand),
                "a[None] adds an axis in front; axis=… names another to join them along",
            )
        total = dims.add(total, shape[axis])
    return (*first[:axis], total, *first[axis + 1 :])


def _concat_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, axis: int) -> Expr:
    start: Dim = 0
    for operand in operands[:slot]:
        start = dims.add(start, operand.shape[axis])
    return sliced(v, axis, start, dims.add(start, operands[slot].shape[axis]))


def sliced(x: Expr, axis: int, start: Any, stop: Any, step: int | None = None) -> Expr:
    """x[…, start:stop:step, …] along one axis."""
    key = tuple(
        ("slice", start, stop, step) if place == axis else ("slice", None, None, None)
        for place in range(x.ndim)
    )
    return call("index", x, key=key)


concat: Function = moving(
    "concat",
    "Arrays one after the other along an axis.",
    params=("arrays",),
    variadic=True,
    attributes=(at.FIRST_AXIS,),
    notes="Written concat([a, b], axis=0) or concat(a, b, axis=0).",
    types=ALL_PROMOTED,
    reference=lambda *args: np.concatenate(args[:-1], axis=args[-1]),
    shape=_concat_shape,
    pullbacks=_concat_pullback,
    batch=_joined_batch("concat"),
    numpy=(np.concatenate,),
    facts=Facts(bounds=ranges.union),
)


def _stack_shape(operands: tuple[Expr, ...], axis: int) -> tuple[Dim, ...]:
    for operand in operands:
        if operand.shape != operands[0].shape:
            raise at.refuse_shape(
                "stack needs arrays of one shape",
                (operands[0], operand),
                "make the rows equally long; g.broadcast_to(x, shape) repeats one, and g.concat joins others",
            )
    shape = operands[0].shape
    return (*shape[:axis], len(operands), *shape[axis:])


def _stack_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, axis: int) -> Expr:
    return call("index", v, key=(("slice", None, None, None),) * axis + (slot,))


stack: Function = moving(
    "stack",
    "Arrays of one shape beside each other along a new axis.",
    params=("arrays",),
    variadic=True,
    attributes=(at.NEW_AXIS,),
    notes="Written stack([a, b], axis=0) or stack(a, b, axis=0); stack([[a, b], [c, d]]) builds a matrix of its elements.",
    types=ALL_PROMOTED,
    reference=lambda *args: np.stack(args[:-1], axis=args[-1]),
    shape=_stack_shape,
    pullbacks=_stack_pullback,
    batch=_joined_batch("stack"),
    numpy=(np.stack,),
    facts=Facts(bounds=ranges.union),
)


def split(x: Any, sections: Any, axis: int = 0) -> tuple[Expr, ...]:
    """The parts of an array along an axis, as `numpy.split`: a tuple of slices.

    sections : how many equal parts, or the places at which to cut

    Raises `ShapeError` when the axis has no such equal parts.
    """
    x = constant(x)
    axis = at.position("axis", axis, x.ndim)
    length = x.shape[axis]
    if isinstance(sections, (int, np.integer)) and not isinstance(sections, bool):
        sections = at.whole("sections", sections)
        if isinstance(length, int) and sections > max(length, 1):
            raise ShapeError(
                f"axis {axis} of length {length} has no {sections} parts", node=repr(x), hint="g.split(x, 2)"
            )
        if sections < 1:
            raise ShapeError(f"split into {sections} parts", hint="write g.split(x, 2)")
        part = dims.floor_divide(length, int(sections))
        if dims.multiply(part, int(sections)) != length:
            raise ShapeError(
                f"axis {axis} of length {length} has no {sections} equal parts",
                node=repr(x),
                hint="give the places to cut, as in g.split(x, [2, 5])",
            )
        cuts = [dims.multiply(part, number) for number in range(int(sections) + 1)]
    else:
        places = listed("sections", sections, "a number, or the places to cut: g.split(x, [2, 5])")
        cuts = [0, *(at.as_dim(cut) for cut in places), length]
    return tuple([sliced(x, axis, start, stop) for start, stop in itertools.pairwise(cuts)])


def matrix_transpose(x: Any) -> Expr:
    """The last two axes exchanged, which `x.mT` writes; raises `ShapeError` for fewer than two axes."""
    x = constant(x)
    if x.ndim < 2:
        raise ShapeError(
            f"an array of shape {format_shape(x.shape)} has no two axes to exchange", node=repr(x)
        )
    return call("permute_dims", x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


Expr.function_table["matrix_transpose"] = matrix_transpose
Expr.function_table[np.split] = split

__all__ = [
    "broadcast_like", "broadcast_to", "concat", "expand_dims", "matrix_transpose", "permute_dims", "reshape",
    "split", "squeeze", "stack",
]  # fmt: skip
