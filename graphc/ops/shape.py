"""Shapes: the same elements in another arrangement, and arrays that are known by their shape alone.

All are linear, so the derivative along a direction is the operation itself, and only what goes back is declared.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphc import dims
from graphc.dims import Dim
from graphc.errors import ShapeError
from graphc.expr import Expr, apply, constant
from graphc.op import Attribute, Notation, Op
from graphc.ops import attributes as at
from graphc.ops.calls import broadcast, call, fitted, reshaped, summed
from graphc.ops.comparison import where
from graphc.ops.declare import declare_arrays, with_checks
from graphc.types import (
    FLOAT64,
    INT64,
    TypeRule,
    as_dtype,
    as_shape,
    broadcast_shapes,
    floating,
    format_shape,
)

SAME = TypeRule(lambda dtypes: (dtypes, dtypes[0]))
"""The operands as they are; the result has the first one's type."""

PROMOTED = TypeRule(
    lambda dtypes: ((as_dtype(np.result_type(*dtypes)),) * len(dtypes), as_dtype(np.result_type(*dtypes)))
)
"""All operands brought to one type."""


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


reshape = declare_arrays(
    Op(
        name="reshape",
        params=("x",),
        attributes=(Attribute("shape", _target),),
        summary="The elements of x, read row by row, in another shape.",
        notes='One length may be -1: what is left. Lengths may hold names, as in reshape(x, (-1, "n")).',
        types=SAME,
        reference=np.reshape,
        shape=lambda operands, shape: shape,
        pullbacks=(lambda v, out, x, shape: reshaped(v, x),),
        linear="jointly",
        moves=True,
        notation=Notation("reshape"),
        category="shape",
        numpy=(np.reshape,),
    )
)

permute_dims = declare_arrays(
    Op(
        name="permute_dims",
        params=("x",),
        attributes=(at.PERMUTATION,),
        summary="x with its axes in another order; reversed by default.",
        types=SAME,
        reference=np.transpose,
        shape=lambda operands, axes: tuple(operands[0].shape[axis] for axis in axes),
        pullbacks=(
            lambda v, out, x, axes: call("permute_dims", v, axes=tuple(int(i) for i in np.argsort(axes))),
        ),
        linear="jointly",
        moves=True,
        notation=Notation("permute"),
        category="shape",
        numpy=(np.transpose, np.permute_dims),
    )
)

expand_dims = declare_arrays(
    Op(
        name="expand_dims",
        params=("x",),
        attributes=(at.NEW_AXES,),
        summary="x with new axes of length 1 at the places that `axis` names in the result.",
        types=SAME,
        reference=np.expand_dims,
        shape=lambda operands, axis: _with_ones(operands[0].shape, at.axes_of(axis, 0)),
        pullbacks=(lambda v, out, x, axis: call("squeeze", v, axis=axis),),
        linear="jointly",
        moves=True,
        notation=Notation("expand"),
        category="shape",
        numpy=(np.expand_dims,),
    )
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


squeeze = declare_arrays(
    Op(
        name="squeeze",
        params=("x",),
        attributes=(Attribute("axis", _ones, None),),
        summary="x without axes of length 1: those that `axis` names, by default all.",
        types=SAME,
        reference=np.squeeze,
        shape=lambda operands, axis: tuple(
            dim for place, dim in enumerate(operands[0].shape) if place not in at.axes_of(axis, 0)
        ),
        pullbacks=(lambda v, out, x, axis: call("expand_dims", v, axis=axis) if axis != () else v,),
        linear="jointly",
        moves=True,
        notation=Notation("squeeze"),
        category="shape",
        numpy=(np.squeeze,),
    )
)


def _broadcast_shape(operands: tuple[Expr, ...], target: tuple[Dim, ...]) -> tuple[Dim, ...]:
    if broadcast_shapes([operands[0].shape, target]) != target:
        raise ShapeError(f"{format_shape(operands[0].shape)} does not broadcast to {format_shape(target)}")
    return target


broadcast_to = declare_arrays(
    Op(
        name="broadcast_to",
        params=("x",),
        attributes=(at.SHAPE,),
        summary="x repeated along axes of length 1, and along new ones in front, until it has a shape.",
        types=SAME,
        reference=np.broadcast_to,
        shape=_broadcast_shape,
        pullbacks=(lambda v, out, x, shape: fitted(v, x),),
        linear="jointly",
        moves=True,
        notation=Notation("broadcast"),
        category="shape",
        numpy=(np.broadcast_to,),
    )
)

broadcast_like = declare_arrays(
    Op(
        name="broadcast_like",
        params=("x", "like"),
        summary="x broadcast to the shape of another expression, whose values do not matter.",
        types=SAME,
        reference=lambda x, like: np.broadcast_to(x, np.shape(like)),
        shape=lambda operands: _broadcast_shape(operands, operands[1].shape),
        pullbacks=(lambda v, out, x, like: fitted(v, x), None),
        linear="jointly",
        moves=True,
        notation=Notation("broadcast"),
        category="shape",
    )
)


# --- several arrays in one, one array in several --------------------------------------------------------------------------


def _concat_shape(operands: tuple[Expr, ...], axis: int) -> tuple[Dim, ...]:
    first = operands[0].shape
    total: Dim = 0
    for operand in operands:
        shape = operand.shape
        if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise at.refuse_shape(
                f"concat along axis {axis} needs arrays that are equal in every other axis",
                (operands[0], operand),
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


concat = declare_arrays(
    Op(
        name="concat",
        params=("arrays",),
        variadic=True,
        attributes=(at.FIRST_AXIS,),
        summary="Arrays one after the other along an axis.",
        notes="Written concat([a, b], axis=0) or concat(a, b, axis=0).",
        types=PROMOTED,
        reference=lambda *args: np.concatenate(args[:-1], axis=args[-1]),
        shape=_concat_shape,
        pullbacks=_concat_pullback,
        linear="jointly",
        moves=True,
        notation=Notation("concat"),
        category="shape",
        numpy=(np.concatenate,),
    )
)


def _stack_shape(operands: tuple[Expr, ...], axis: int) -> tuple[Dim, ...]:
    for operand in operands:
        if operand.shape != operands[0].shape:
            raise at.refuse_shape("stack needs arrays of one shape", (operands[0], operand))
    shape = operands[0].shape
    return (*shape[:axis], len(operands), *shape[axis:])


def _stack_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, axis: int) -> Expr:
    return call("index", v, key=(("slice", None, None, None),) * axis + (slot,))


stack = declare_arrays(
    Op(
        name="stack",
        params=("arrays",),
        variadic=True,
        attributes=(at.NEW_AXIS,),
        summary="Arrays of one shape beside each other along a new axis.",
        notes="Written stack([a, b], axis=0) or stack(a, b, axis=0).",
        types=PROMOTED,
        reference=lambda *args: np.stack(args[:-1], axis=args[-1]),
        shape=_stack_shape,
        pullbacks=_stack_pullback,
        linear="jointly",
        moves=True,
        notation=Notation("stack"),
        category="shape",
        numpy=(np.stack,),
    )
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
        places: Any = sections
        cuts = [0, *(at.as_dim(cut) for cut in places), length]
    return tuple([sliced(x, axis, start, stop) for start, stop in itertools.pairwise(cuts)])


# --- turned, repeated, padded ---------------------------------------------------------------------------------------------

flip = declare_arrays(
    Op(
        name="flip",
        params=("x",),
        attributes=(at.AXES,),
        summary="x in reversed order along axes; along all by default.",
        types=SAME,
        reference=np.flip,
        shape=lambda operands, axis: operands[0].shape,
        pullbacks=(lambda v, out, x, axis: call("flip", v, axis=axis),),
        linear="jointly",
        moves=True,
        notation=Notation("flip"),
        category="shape",
        numpy=(np.flip,),
    )
)

roll = declare_arrays(
    Op(
        name="roll",
        params=("x",),
        attributes=(at.integer("shift"), at.AXIS_OR_NONE),
        summary="x moved along an axis, what falls off coming in again; without an axis all elements, row by row.",
        types=SAME,
        reference=np.roll,
        shape=lambda operands, shift, axis: operands[0].shape,
        pullbacks=(lambda v, out, x, shift, axis: call("roll", v, shift=-shift, axis=axis),),
        linear="jointly",
        moves=True,
        notation=Notation("roll"),
        category="shape",
        numpy=(np.roll,),
    )
)


def _repetitions(name: str, value: Any, operands: tuple[Expr, ...]) -> Any:
    counts = at.integers(name).check(name, value, operands)
    if any(count < 0 for count in (counts if isinstance(counts, tuple) else (counts,))):
        raise ShapeError(f"{name} {counts} is negative")
    return counts


def _tiling(shape: tuple[Dim, ...], reps: Any) -> list[tuple[int, Dim]]:
    """(repetitions, length) of each axis of the result."""
    reps = reps if isinstance(reps, tuple) else (reps,)
    ndim = max(len(reps), len(shape))
    counts = (1,) * (ndim - len(reps)) + reps
    return list(zip(counts, (1,) * (ndim - len(shape)) + shape, strict=True))


def _tile_pullback(v: Expr, out: Expr, x: Expr, reps: Any) -> Expr:
    pairs = _tiling(x.shape, reps)
    apart = call("reshape", v, shape=tuple(dim for pair in pairs for dim in pair))
    return reshaped(summed(apart, tuple(range(0, 2 * len(pairs), 2))), x)


tile = declare_arrays(
    Op(
        name="tile",
        params=("x",),
        attributes=(Attribute("reps", _repetitions),),
        summary="x repeated as a whole, so many times along each axis, as `numpy.tile`.",
        types=SAME,
        reference=np.tile,
        shape=lambda operands, reps: tuple(
            dims.multiply(count, dim) for count, dim in _tiling(operands[0].shape, reps)
        ),
        pullbacks=(_tile_pullback,),
        linear="jointly",
        moves=True,
        notation=Notation("tile"),
        category="shape",
        numpy=(np.tile,),
    )
)


def _repeat_pullback(v: Expr, out: Expr, x: Expr, repeats: int, axis: int) -> Expr:
    shape = (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])
    return summed(call("reshape", v, shape=shape), axis + 1)


repeat = declare_arrays(
    Op(
        name="repeat",
        params=("x",),
        attributes=(Attribute("repeats", lambda n, v, o: _repetitions(n, at.whole(n, v), o)), at.ONE_WAY),
        summary="Each element of x repeated so many times along an axis, which may be left out of a vector.",
        types=SAME,
        reference=np.repeat,
        shape=lambda operands, repeats, axis: tuple(
            dims.multiply(repeats, dim) if place == axis else dim
            for place, dim in enumerate(operands[0].shape)
        ),
        pullbacks=(_repeat_pullback,),
        linear="jointly",
        moves=True,
        notation=Notation("repeat"),
        category="shape",
        numpy=(np.repeat,),
    )
)


def _pad_width(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[tuple[int, int], ...]:
    """((before, after), …) for each axis; one number or one pair stands for all."""
    ndim = operands[0].ndim
    if isinstance(value, (int, np.integer)):
        value = ((value, value),) * ndim
    elif isinstance(value, (tuple, list)) and value and not isinstance(value[0], (tuple, list)):
        value = (value,) * ndim
    widths = tuple([tuple([at.whole(name, width) for width in pair]) for pair in value])
    if len(widths) != ndim or any(len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ShapeError(
            f"{name} {value} is not a pair of lengths for each of {ndim} axes", hint="write ((1, 1), (0, 2))"
        )
    return widths  # type: ignore[return-value]


def _pad_pullback(v: Expr, out: Expr, x: Expr, pad_width: Any, value: float) -> Expr:
    key = tuple(
        ("slice", before, dims.add(before, dim), None)
        for (before, _), dim in zip(pad_width, x.shape, strict=True)
    )
    return call("index", v, key=key)


pad = declare_arrays(
    Op(
        name="pad",
        params=("x",),
        attributes=(Attribute("pad_width", _pad_width), at.number("value", 0.0)),
        summary="x with so many elements of one value before and after it along each axis.",
        types=SAME,
        reference=lambda x, pad_width, value: np.pad(x, pad_width, constant_values=x.dtype.type(value)),
        shape=lambda operands, pad_width, value: tuple(
            dims.add(dim, before + after)
            for dim, (before, after) in zip(operands[0].shape, pad_width, strict=True)
        ),
        pullbacks=(_pad_pullback,),
        notation=Notation("pad"),
        category="shape",
        moves=True,
    )
)


# --- triangles and diagonals ----------------------------------------------------------------------------------------------


def _matrix(operands: tuple[Expr, ...], *_: Any) -> tuple[Dim, ...]:
    if operands[0].ndim < 2:
        raise ShapeError(f"a matrix is needed, not an array of shape {format_shape(operands[0].shape)}")
    return operands[0].shape


def _triangle(name: str, side: str, reference: Any) -> Any:
    return declare_arrays(
        Op(
            name=name,
            params=("x",),
            attributes=(at.integer("k", 0),),
            summary=f"The {side} triangle of matrices in the last two axes, zeros elsewhere; k is the last diagonal kept.",
            types=SAME,
            reference=reference,
            shape=_matrix,
            pullbacks=(lambda v, out, x, k: call(name, v, k=k),),
            linear="jointly",
            moves=True,
            notation=Notation(name),
            category="shape",
            numpy=(getattr(np, name),),
        )
    )


tril = _triangle("tril", "lower", np.tril)
triu = _triangle("triu", "upper", np.triu)


def _diagonal_shape(operands: tuple[Expr, ...], offset: int) -> tuple[Dim, ...]:
    rows, columns = _matrix(operands)[-2:]
    if rows == columns:
        length = dims.subtract(rows, abs(offset))
    elif isinstance(rows, int) and isinstance(columns, int):
        length = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    else:
        raise ShapeError(
            f"the diagonal of {rows}×{columns} has no length that can be told", hint="give both axes one name"
        )
    if isinstance(length, int):
        length = max(length, 0)
    return (*operands[0].shape[:-2], length)


def _on_diagonal(v: Expr, rows: Dim, columns: Dim, offset: int) -> Expr:
    """A matrix of this size with v on a diagonal."""
    wanted = rows if offset >= 0 else columns
    rest = dims.subtract(wanted, v.shape[-1])
    if isinstance(rest, int):
        if rest:
            v = call("pad", v, pad_width=((0, 0),) * (v.ndim - 1) + ((0, rest),))
    else:
        raise ShapeError(f"a diagonal of length {v.shape[-1]} in {rows}×{columns}")
    v = call("expand_dims", v, axis=v.ndim if offset >= 0 else v.ndim - 1)
    mask = call("eye", n_rows=rows, n_cols=columns, k=offset, dtype="bool")
    return where(mask, v, constant(0, v.dtype))


diagonal = declare_arrays(
    Op(
        name="diagonal",
        params=("x",),
        attributes=(at.integer("offset", 0),),
        summary="A diagonal of the matrices in the last two axes; offset > 0 lies above the main one.",
        types=SAME,
        reference=lambda x, offset: np.diagonal(x, offset, axis1=-2, axis2=-1),
        shape=_diagonal_shape,
        pullbacks=(lambda v, out, x, offset: _on_diagonal(v, x.shape[-2], x.shape[-1], offset),),
        linear="jointly",
        moves=True,
        notation=Notation("diagonal"),
        category="shape",
    )
)


def _diag_shape(operands: tuple[Expr, ...], k: int) -> tuple[Dim, ...]:
    if operands[0].ndim != 1:
        raise ShapeError(
            f"diag takes a vector or a matrix, not an array of shape {format_shape(operands[0].shape)}"
        )
    length = dims.add(operands[0].shape[0], abs(k))
    return (length, length)


DIAG = Op(
    name="diag",
    params=("x",),
    attributes=(at.integer("k", 0),),
    summary="A square matrix with the vector x on its diagonal; of a matrix its diagonal.",
    types=SAME,
    reference=np.diag,
    shape=_diag_shape,
    pullbacks=(lambda v, out, x, k: call("diagonal", v, offset=k),),
    linear="jointly",
    moves=True,
    notation=Notation("diag"),
    category="shape",
)
declare_arrays(DIAG)


@with_checks(DIAG)
def diag(x, k=0):
    """A square matrix with the vector x on its diagonal; of a matrix its diagonal.

    k : which diagonal; above the main one where positive

    Raises `ShapeError` for what is neither a vector nor a matrix.
    """
    x = constant(x)
    return call("diagonal", x, offset=k) if x.ndim == 2 else apply(DIAG, x, attrs=(k,))


Expr.function_table[np.diag] = diag


# --- known by their shape alone --------------------------------------------------------------------------------------------

NOTHING = TypeRule(lambda dtypes: ((), FLOAT64))

dim = declare_arrays(
    Op(
        name="dim",
        params=(),
        attributes=(at.bound("length"),),
        summary='The length of a named axis as a number, as in dim("n"): int64.',
        types=NOTHING,
        dtype=lambda operands, length: INT64,
        reference=np.int64,
        shape=lambda operands, length: (),
        notation=Notation("dim"),
        category="shape",
    )
)


def _columns(name: str, value: Any, operands: tuple[Expr, ...]) -> Dim | None:
    return None if value is None else at.as_dim(value)


eye = declare_arrays(
    Op(
        name="eye",
        params=(),
        attributes=(at.length("n_rows"), Attribute("n_cols", _columns, None), at.integer("k", 0), at.dtype()),
        summary="The identity matrix: ones on diagonal k, zeros elsewhere.",
        types=NOTHING,
        dtype=lambda operands, rows, columns, k, dtype: as_dtype(dtype),
        reference=lambda rows, columns, k, dtype: np.eye(rows, columns, k, dtype=dtype),
        shape=lambda operands, rows, columns, k, dtype: (rows, rows if columns is None else columns),
        notation=Notation("eye"),
        category="shape",
    )
)


def _steps(name: str, value: Any, operands: tuple[Expr, ...]) -> int:
    step = at.whole(name, value)
    if step == 0:
        raise ShapeError("arange with a step of 0", hint="write step=1")
    return step


def _range_length(start: Any, stop: Any, step: int) -> Dim:
    length = (
        dims.multiply(-1, dims.floor_divide(dims.subtract(start, stop), step))
        if step > 0
        else dims.multiply(-1, dims.floor_divide(dims.subtract(stop, start), -step))
    )
    return max(length, 0) if isinstance(length, int) else length


ARANGE = Op(
    name="arange",
    params=(),
    attributes=(
        at.bound("start"),
        at.bound("stop"),
        Attribute("step", _steps, 1),
        at.dtype("int64"),
    ),
    summary="The whole numbers from start up to stop, stop left out; arange(n) starts at 0.",
    notes='The ends are whole numbers or named lengths, as in arange("n"); linspace divides an interval.',
    types=NOTHING,
    dtype=lambda operands, start, stop, step, dtype: as_dtype(dtype),
    reference=lambda start, stop, step, dtype: np.arange(start, stop, step).astype(dtype),
    shape=lambda operands, start, stop, step, dtype: (_range_length(start, stop, step),),
    notation=Notation("arange"),
    category="shape",
)
declare_arrays(ARANGE)


@with_checks(ARANGE)
def arange(start, stop=None, step=1, dtype="int64"):
    """The whole numbers from start up to stop, stop left out; arange(n) starts at 0.

    start, stop : whole numbers or lengths with names, as in arange("n")

    Raises `ShapeError` for a step of 0, and for ends that are not whole: linspace divides an interval.
    """
    if stop is None:
        start, stop = 0, start
    return apply(ARANGE, attrs=(start, stop, step, dtype))


def _linspace(start: Expr, stop: Expr, num: Dim, endpoint: bool) -> Expr:
    steps = call("arange", start=0, stop=num, dtype=start.dtype.name)
    gaps = dims.subtract(num, 1) if endpoint else num
    if isinstance(gaps, int):
        return start + steps * ((stop - start) / max(gaps, 1))
    return start + steps * ((stop - start) / call("dim", length=gaps).astype(start.dtype))


def _scalars(operands: tuple[Expr, ...], num: Dim, endpoint: bool) -> tuple[Dim, ...]:
    for operand in operands:
        if operand.shape:
            raise ShapeError(f"linspace takes scalars, not an array of shape {format_shape(operand.shape)}")
    return (num,)


linspace = declare_arrays(
    Op(
        name="linspace",
        params=("start", "stop"),
        attributes=(at.length("num", 50), at.flag("endpoint", True)),
        summary="num numbers at equal distances from start to stop.",
        types=TypeRule(floating),
        reference=lambda start, stop, num, endpoint: np.linspace(start, stop, num, endpoint).astype(
            start.dtype
        ),
        shape=_scalars,
        expand=_linspace,
        linear="jointly",
        notation=Notation("linspace"),
        category="shape",
        numpy=(np.linspace,),
    )
)


def full(shape, value, dtype=None):
    """An array of one value: that value broadcast to a shape, which may hold names.

    value : a number or a scalar expression
    """
    value = (
        constant(value)
        if dtype is None
        else constant(value).astype(dtype)
        if isinstance(value, Expr)
        else constant(value, dtype)
    )
    return call("broadcast_to", value, shape=shape)


def zeros(shape, dtype="float64"):
    """An array of zeros: the constant 0 broadcast to a shape, which may hold names."""
    return full(shape, 0, dtype)


def ones(shape, dtype="float64"):
    """An array of ones: the constant 1 broadcast to a shape, which may hold names."""
    return full(shape, 1, dtype)


def full_like(x, value):
    """An array of one value, of another expression's shape and type."""
    x = constant(x)
    return broadcast(constant(value, x.dtype), x)


def zeros_like(x):
    """Zeros of another expression's shape and type."""
    return full_like(x, 0)


def ones_like(x):
    """Ones of another expression's shape and type."""
    return full_like(x, 1)


def matrix_transpose(x):
    """The last two axes exchanged, which `x.mT` writes; raises `ShapeError` for fewer than two axes."""
    x = constant(x)
    if x.ndim < 2:
        raise ShapeError(
            f"an array of shape {format_shape(x.shape)} has no two axes to exchange", node=repr(x)
        )
    return call("permute_dims", x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


Expr.function_table["matrix_transpose"] = matrix_transpose
for _known, _function in (
    (np.zeros_like, zeros_like),
    (np.ones_like, ones_like),
    (np.full_like, full_like),
    (np.split, split),
):
    Expr.function_table[_known] = _function

__all__ = [
    "arange", "broadcast_like", "broadcast_to", "concat", "diag", "diagonal", "dim", "expand_dims", "eye", "flip", "full",
    "full_like", "linspace", "matrix_transpose", "ones", "ones_like", "pad", "permute_dims", "repeat", "reshape", "roll", "split",
    "squeeze", "stack", "tile", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip
