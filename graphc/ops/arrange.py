"""Arrays turned, repeated and padded; triangles and diagonals of matrices. All are linear but for what pads."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, brief
from graphc.ir import dims, ranges
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Attribute, Facts, Notation, Op
from graphc.ir.types import FIRST_KEPT, format_shape
from graphc.ops.comparison import where
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, reshaped, summed
from graphc.ops.support.declare import Function, declare_arrays, moving, with_checks
from graphc.ops.support.vmap_rules import Batch, Batched, aligned
from graphc.util.arguments import listed

# --- turned, repeated, padded ---------------------------------------------------------------------------------------------

flip: Function = moving(
    "flip",
    "x in reversed order along axes; along all by default.",
    attributes=(at.AXES,),
    reference=np.flip,
    shape=lambda operands, axis: operands[0].shape,
    pullbacks=(lambda v, out, x, axis: call("flip", v, axis=axis),),
    numpy=(np.flip,),
    facts=Facts(bounds=ranges.union),
)


def _roll_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, shift: int, axis: int | None) -> Expr:
    (x,) = operands
    if axis is not None:
        return call("roll", x, shift=shift, axis=axis + 1)
    return reshaped(call("roll", call("reshape", x, shape=(b.size, -1)), shift=shift, axis=1), x)


roll: Function = moving(
    "roll",
    "x moved along an axis, what falls off coming in again; without an axis all elements, row by row.",
    attributes=(at.integer("shift"), at.AXIS_OR_NONE),
    reference=np.roll,
    shape=lambda operands, shift, axis: operands[0].shape,
    pullbacks=(lambda v, out, x, shift, axis: call("roll", v, shift=-shift, axis=axis),),
    batch=_roll_batch,
    numpy=(np.roll,),
    facts=Facts(bounds=ranges.union),
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


def _tile_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, reps: Any) -> Expr:
    counts = [count for count, _ in _tiling(operands[0].shape[1:], reps)]
    return call("tile", aligned(operands[0], True, len(counts)), reps=(1, *counts))


tile: Function = moving(
    "tile",
    "x repeated as a whole, so many times along each axis, as `numpy.tile`.",
    attributes=(Attribute("reps", _repetitions),),
    reference=np.tile,
    shape=lambda operands, reps: tuple(
        dims.multiply(count, dim) for count, dim in _tiling(operands[0].shape, reps)
    ),
    pullbacks=(_tile_pullback,),
    batch=_tile_batch,
    numpy=(np.tile,),
    facts=Facts(bounds=ranges.union),
)


def _repeat_pullback(v: Expr, out: Expr, x: Expr, repeats: int, axis: int) -> Expr:
    shape = (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])
    return summed(call("reshape", v, shape=shape), axis + 1)


repeat: Function = moving(
    "repeat",
    "Each element of x repeated so many times along an axis, which may be left out of a vector.",
    attributes=(Attribute("repeats", lambda n, v, o: _repetitions(n, at.whole(n, v), o)), at.ONE_WAY),
    reference=np.repeat,
    shape=lambda operands, repeats, axis: tuple(
        dims.multiply(repeats, dim) if place == axis else dim for place, dim in enumerate(operands[0].shape)
    ),
    pullbacks=(_repeat_pullback,),
    numpy=(np.repeat,),
    facts=Facts(bounds=ranges.union),
)


def _pad_width(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[tuple[int, int], ...]:
    """((before, after), …) for each axis; one number or one pair stands for all."""
    ndim = operands[0].ndim
    if isinstance(value, (int, np.integer)):
        value = ((value, value),) * ndim
    elif isinstance(value, (tuple, list)) and value and not isinstance(value[0], (tuple, list)):
        value = (value,) * ndim
    hint = "write ((1, 1), (0, 2))"
    widths = tuple(
        [
            tuple([at.whole(name, width) for width in listed(f"a pair of {name}", pair, hint)])
            for pair in listed(name, value, hint)
        ]
    )
    if len(widths) != ndim or any(len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ShapeError(
            f"{name} {brief(value)} is not a pair of lengths for each of {ndim} axes",
            hint="write ((1, 1), (0, 2))",
        )
    return widths  # type: ignore[return-value]


def _pad_pullback(v: Expr, out: Expr, x: Expr, pad_width: Any, value: float) -> Expr:
    key = tuple(
        ("slice", before, dims.add(before, dim), None)
        for (before, _), dim in zip(pad_width, x.shape, strict=True)
    )
    return call("index", v, key=key)


pad: Function = declare_arrays(
    Op(
        name="pad",
        params=("x",),
        attributes=(Attribute("pad_width", _pad_width), at.number("value", 0.0)),
        summary="x with so many elements of one value before and after it along each axis.",
        types=FIRST_KEPT,
        reference=lambda x, pad_width, value: np.pad(x, pad_width or 0, constant_values=x.dtype.type(value)),
        shape=lambda operands, pad_width, value: tuple(
            dims.add(dim, before + after)
            for dim, (before, after) in zip(operands[0].shape, pad_width, strict=True)
        ),
        pullbacks=(_pad_pullback,),
        batch=lambda b, operands, batched, pad_width, value: call(
            "pad", operands[0], pad_width=((0, 0), *pad_width), value=value
        ),
        fills=True,
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
    return moving(
        name,
        f"The {side} triangle of matrices in the last two axes, zeros elsewhere; k is the last diagonal kept.",
        attributes=(at.integer("k", 0),),
        reference=reference,
        shape=_matrix,
        pullbacks=(lambda v, out, x, k: call(name, v, k=k),),
        batch="stacks",
        leaves_out=True,
        fills=True,
        numpy=(getattr(np, name),),
    )


tril: Function = _triangle("tril", "lower", np.tril)
triu: Function = _triangle("triu", "upper", np.triu)


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


diagonal: Function = moving(
    "diagonal",
    "A diagonal of the matrices in the last two axes; offset > 0 lies above the main one.",
    attributes=(at.integer("offset", 0),),
    reference=lambda x, offset: np.diagonal(x, offset, axis1=-2, axis2=-1),
    shape=_diagonal_shape,
    pullbacks=(lambda v, out, x, offset: _on_diagonal(v, x.shape[-2], x.shape[-1], offset),),
    batch="stacks",
    leaves_out=True,
)


def _diag_shape(operands: tuple[Expr, ...], k: int) -> tuple[Dim, ...]:
    if operands[0].ndim != 1:
        raise ShapeError(
            f"diag takes a vector or a matrix, not an array of shape {format_shape(operands[0].shape)}"
        )
    length = dims.add(operands[0].shape[0], abs(k))
    return (length, length)


def _diag_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, k: int) -> Expr:
    (x,) = operands
    side = dims.add(x.shape[-1], abs(k))
    return _on_diagonal(x, side, side, k)


DIAG = Op(
    name="diag",
    params=("x",),
    attributes=(at.integer("k", 0),),
    summary="A square matrix with the vector x on its diagonal; of a matrix its diagonal.",
    types=FIRST_KEPT,
    reference=np.diag,
    shape=_diag_shape,
    pullbacks=(lambda v, out, x, k: call("diagonal", v, offset=k),),
    batch=_diag_batch,
    linear="jointly",
    moves=True,
    fills=True,
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


__all__ = [
    "diag", "diagonal", "flip", "pad", "repeat", "roll", "tile", "tril", "triu",
]  # fmt: skip
