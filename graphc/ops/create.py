"""Arrays that are known by their shape alone: ranges, the identity, one value everywhere; and lengths as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Attribute, Notation, Op
from graphc.ir.types import FLOAT64, INT64, TypeRule, as_dtype, floating, format_shape
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call
from graphc.ops.support.declare import Function, declare_arrays, with_checks

# --- known by their shape alone --------------------------------------------------------------------------------------------

NOTHING = TypeRule(lambda dtypes: ((), FLOAT64))

dim: Function = declare_arrays(
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


eye: Function = declare_arrays(
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


linspace: Function = declare_arrays(
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


def full(shape: Any, value: Any, dtype: Any = None) -> Expr:
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


def zeros(shape: Any, dtype: Any = "float64") -> Expr:
    """An array of zeros: the constant 0 broadcast to a shape, which may hold names."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = "float64") -> Expr:
    """An array of ones: the constant 1 broadcast to a shape, which may hold names."""
    return full(shape, 1, dtype)


def full_like(x: Any, value: Any) -> Expr:
    """An array of one value, of another expression's shape and type."""
    x = constant(x)
    return broadcast(constant(value, x.dtype), x)


def zeros_like(x: Any) -> Expr:
    """Zeros of another expression's shape and type."""
    return full_like(x, 0)


def ones_like(x: Any) -> Expr:
    """Ones of another expression's shape and type."""
    return full_like(x, 1)


for _known, _function in ((np.zeros_like, zeros_like), (np.ones_like, ones_like), (np.full_like, full_like)):
    Expr.function_table[_known] = _function

__all__ = [
    "arange", "dim", "eye", "full", "full_like", "linspace", "ones", "ones_like", "zeros", "zeros_like",
]  # fmt: skip
