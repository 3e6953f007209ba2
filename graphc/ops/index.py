"""Indexing: elements by their place.

A key is kept in one form, one entry for each axis: an int, ("slice", start, stop, step), None for a new axis, or "array", which
stands for the next operand. What NumPy's indexing does with it is what it means here.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief, brief_text, is_huge
from graphc.ir import dims
from graphc.ir.dims import Dim, Name, Polynomial
from graphc.ir.expr import Expr, apply, constant, current_site
from graphc.ir.op import Attribute, Facts, Notation, Op
from graphc.ir.types import BOOL, INT64, LONGEST, Shape, Signature, TypeRule, broadcast_shapes, format_shape
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, zeros_like
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.index_axes import WHOLE, index_batch
from graphc.util.arguments import is_masked


def _count(key: tuple[Any, ...]) -> int:
    """How many axes a key speaks of."""
    return len([item for item in key if item is not None])


def read_key(x: Expr, written: Any) -> tuple[tuple[Any, ...], list[Expr]]:
    """What stands in square brackets, as a key and the arrays in it. Raises errors that say what to write instead."""
    items = list(written) if isinstance(written, tuple) else [written]
    arrays: list[Expr] = []
    key: list[Any] = []
    for item in items:
        if item is None or item is Ellipsis:
            key.append(item)
        elif isinstance(item, slice):
            key.append(("slice", *(_end(end) for end in (item.start, item.stop, item.step))))
        elif isinstance(item, (bool, np.bool_)) or _is_boolean(item):
            raise ExpressionError(
                "a boolean mask has no number of elements before it is evaluated",
                node=repr(x),
                site=current_site(),
                hint="write g.where(mask, x, 0), which keeps the shape",
            )
        elif isinstance(item, (Expr, np.ndarray, list)):
            array = constant(_array(item) if isinstance(item, list) else item)
            if array.dtype.kind not in "iu":
                raise DtypeError(
                    f"an index of type {array.dtype}",
                    node=repr(x),
                    site=current_site(),
                    hint='write g.astype(i, "int64")',
                )
            key.append("array")
            arrays.append(array)
        else:
            key.append(_whole(item))
    return tuple(key), arrays


def _whole(item: Any) -> int:
    try:
        index = operator.index(item)
    except TypeError:
        raise ExpressionError(
            f"{brief_text(item, 40) if not isinstance(item, str) else repr(item)[:40]} is no index",
            site=current_site(),
            hint='write x[0] or x[1:3]; of floats g.astype(i, "int64") makes whole numbers',
        ) from None
    if is_huge(index):
        raise ShapeError(f"{brief(index)} is no index", site=current_site(), hint="write x[0] or x[1:3]")
    return index


def _array(item: list[Any]) -> Any:
    if is_masked(item):
        return np.ma.masked  # refused as every masked array is
    try:
        return np.asarray(item)
    except Exception as error:  # rows of different lengths, nesting without end
        raise ExpressionError(
            f"{brief(item, 40)} is no array of indices: {brief_text(error, 80)}",
            site=current_site(),
            hint="write x[[0, 2]]",
        ) from error


def _is_boolean(item: Any) -> bool:
    if isinstance(item, list):
        item = _array(item)
    return isinstance(item, (Expr, np.ndarray)) and item.dtype == BOOL


def _end(end: Any) -> Any:
    """An end or the step of a slice: None, a whole number, or a length with names. Beyond all axes each is as good as another."""
    if end is None or isinstance(end, (Name, Polynomial)):
        return end
    if isinstance(end, int) and not isinstance(end, bool) and abs(end) > LONGEST:
        return LONGEST if end > 0 else -LONGEST
    return at.whole("the end of a slice", end)


def _key(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[Any, ...]:
    """A key with an entry for each axis; the ellipsis written out."""
    x = operands[0]
    if not isinstance(value, tuple):
        raise ExpressionError(f"{brief(value, 40)} is not a key of indexing", hint="write x[0, 1:3]")
    items = [tuple(item) if isinstance(item, (tuple, list)) else item for item in value]
    for item in items:
        _check_item(item)
    gaps = [place for place, item in enumerate(items) if item is Ellipsis]
    if len(gaps) > 1:
        raise ShapeError("an index holds … more than once", hint="write it once")
    indices = _count(tuple(items)) - len(gaps)
    missing = x.ndim - indices
    if missing < 0:
        raise ShapeError(
            f"{indices} ind{'ices' if indices != 1 else 'ex'} for {x.ndim} dimension{'s' if x.ndim != 1 else ''} of shape "
            f"{format_shape(x.shape)}",
            hint="None adds an axis"
            if x.ndim
            else "a number has no elements: an array is declared with shape=",
        )
    place = gaps[0] if gaps else len(items)
    items[place : place + len(gaps)] = [WHOLE] * missing
    key, axis = [], 0
    for item in items:
        key.append(_checked_item(item, x.shape[axis], axis) if item is not None else None)
        axis += item is not None
    return tuple(key)


def _check_item(item: Any) -> None:
    """Refuses what is no part of a key."""
    whole = isinstance(item, int) and not isinstance(item, bool)
    is_slice = isinstance(item, tuple) and len(item) == 4 and isinstance(item[0], str) and item[0] == "slice"
    is_array = isinstance(item, str) and item == "array"
    if not (whole or is_slice or is_array or item is None or item is Ellipsis):
        raise ExpressionError(f"{brief_text(item, 40)!r} is not an index", hint="write x[0, 1:3]")
    ends: Any = item[1:] if isinstance(item, tuple) else ()
    if is_slice and not all(
        end is None
        or isinstance(end, Polynomial)
        or (isinstance(end, (int, str)) and not isinstance(end, bool))
        for end in ends
    ):
        raise ExpressionError(f"{ends} is not a slice", hint="write x[0:3]")


def _checked_item(item: Any, length: Dim, axis: int) -> Any:
    if isinstance(item, int) and isinstance(length, int):
        if not -length <= item < length:
            raise ShapeError(
                f"index {item} is out of range for axis {axis} of length {length}",
                hint=f"indices run from {-length} to {length - 1}" if length else "the axis is empty",
            )
        return item
    if isinstance(item, tuple):
        start, stop, step = [
            at.bound("end").check("end", end, ()) if end is not None else None for end in item[1:]
        ]
        if step == 0 or isinstance(step, (str, Polynomial)):
            raise ShapeError(f"a slice with the step {step}", hint="a step is a whole number other than 0")
        return ("slice", start, stop, None if step == 1 else step)
    return item


def _slice_length(item: tuple[Any, ...], length: Dim, axis: int) -> Dim:
    """How many elements a slice takes from an axis. Of a named one, the length that its ends say: a call where the axis is
    shorter than that is refused."""
    start, stop, step = item[1:]
    if all(isinstance(end, int) or end is None for end in (start, stop)) and isinstance(length, int):
        return len(range(*slice(start, stop, step).indices(length)))
    step = step or 1
    if step > 0:
        first = 0 if start is None else _place(start, length)
        last = length if stop is None else _place(stop, length)
        taken = dims.floor_divide(dims.add(dims.subtract(last, first), step - 1), step)
    else:
        first = dims.subtract(length, 1) if start is None else _place(start, length)
        last = -1 if stop is None else _place(stop, length)
        taken = dims.floor_divide(dims.add(dims.subtract(first, last), -step - 1), -step)
    if isinstance(taken, int):
        return max(taken, 0)
    if dims.is_negative(taken):
        raise ShapeError(f"a slice of axis {axis} of length {length} that takes {taken} elements")
    return taken


def _place(end: Any, length: Dim) -> Dim:
    return dims.add(length, end) if isinstance(end, int) and end < 0 else end


def result_shape(x: Expr, arrays: tuple[Expr, ...], key: tuple[Any, ...]) -> Shape:
    """The shape of x[key], by NumPy's rules: axes of arrays stand where the arrays do, in front if those are apart."""
    if key.count("array") != len(arrays):
        raise ExpressionError(f"{len(arrays)} arrays for a key that holds {key.count('array')}")
    for array in arrays:
        if array.dtype.kind not in "iu":
            raise DtypeError(f"an index of type {array.dtype}", hint='write g.astype(i, "int64")')
    common = broadcast_shapes([array.shape for array in arrays]) if arrays else ()
    shape: list[Dim] = []
    advanced: list[int] = []
    at_front = place = axis = 0
    for number, item in enumerate(key):
        if item is None:
            shape.append(1)
            continue
        if isinstance(item, tuple):
            shape.append(_slice_length(item, x.shape[axis], axis))
        elif arrays:
            if advanced and advanced[-1] != number - 1:
                at_front = 1
            if not advanced:
                place = len(shape)
            advanced.append(number)
        axis += 1
    where = 0 if at_front else place
    shape[where:where] = common
    return tuple(shape)


def to_numpy(key: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key and its arrays as NumPy takes them."""
    rest = iter(arrays)
    return tuple(
        [
            slice(*item[1:]) if isinstance(item, tuple) else next(rest) if item == "array" else item
            for item in key
        ]
    )


def _types(dtypes: tuple[Any, ...]) -> Signature:
    return (dtypes[0], *(INT64 for _ in dtypes[1:])), dtypes[0]


KEY = Attribute("key", _key)


def _leaves_out(operands: tuple[Expr, ...], slot: int, key: tuple[Any, ...]) -> bool:
    """Whether a key may name less than all elements."""
    return any(
        not (
            item is None or (isinstance(item, tuple) and item[1:3] == (None, None) and item[3] in (None, -1))
        )
        for item in key
    )


index: Function = declare_arrays(
    Op(
        name="index",
        facts=Facts(bounds=lambda x, *places: x),
        params=("x",),
        variadic=True,
        attributes=(KEY,),
        summary="Elements of x by their place: what x[...] writes.",
        notes=(
            "Integers, slices, None, ... and integer arrays, as in NumPy. Negative indices count from the end; one that is out "
            "of range is an error, where it is written if the length is known then, else at the call."
        ),
        types=TypeRule(_types),
        reference=lambda x, *rest: np.asarray(x)[to_numpy(rest[-1], rest[:-1])],
        shape=lambda operands, key: result_shape(operands[0], operands[1:], key),
        pullbacks=lambda v, out, operands, slot, key: (
            call("at_add", zeros_like(operands[0]), v, *operands[1:], key=key) if slot == 0 else None
        ),
        batch=index_batch,
        linear="jointly",
        moves=True,
        leaves_out=_leaves_out,
        notation=Notation("[…]"),
        category="indexing",
        operator="x[i]",
    )
)


def getitem(x: Expr, written: Any) -> Expr:
    """x[written]."""
    key, arrays = read_key(x, written)
    return apply(index.op, x, *arrays, attrs=(key,))  # type: ignore[attr-defined]


Expr.getitem = staticmethod(getitem)

__all__ = [
    "index",
]  # fmt: skip
