"""Arrays with some elements replaced or added to: what `x.at[...]` writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError
from graphc.ir import dims
from graphc.ir.expr import Expr, apply, constant, current_site
from graphc.ir.op import Notation, Op
from graphc.ir.types import INT64, Shape, Signature, TypeRule, broadcast_shapes, format_shape
from graphc.ops.comparison import equal, where
from graphc.ops.index import KEY, read_key, result_shape, to_numpy
from graphc.ops.support.build import broadcast, call, fitted
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.index_axes import update_batch


def _replaces(operands: tuple[Expr, ...], slot: int, key: tuple[Any, ...]) -> bool:
    """Whether an update may put values in the place of elements of x, or in the place of other values."""
    return slot == 0 or _repeats(operands, key)


def _repeats(operands: tuple[Expr, ...], key: tuple[Any, ...]) -> bool:
    """Whether a key may name a place more than once."""
    arrays = operands[2:]
    if not arrays:
        return False
    if not all(array.is_constant for array in arrays):
        return True
    lengths = [
        length for length, item in zip(operands[0].shape, _indexed(key), strict=True) if item == "array"
    ]
    places = np.broadcast_arrays(
        *[
            np.where(array.value < 0, array.value + length, array.value)
            if isinstance(length, int)
            else array.value
            for array, length in zip(arrays, lengths, strict=True)
        ]
    )
    if not all(isinstance(length, int) for length in lengths) and any((place < 0).any() for place in places):
        return True
    together = np.stack([place.reshape(-1) for place in places])
    return np.unique(together, axis=1).shape[1] != together.shape[1]


def _indexed(key: tuple[Any, ...]) -> list[Any]:
    return [item for item in key if item is not None]


def _update_types(dtypes: tuple[Any, ...]) -> Signature:
    if len(dtypes) < 2:
        raise ExpressionError("an update takes an array and a value", hint="write x.at[0].set(1.0)")
    if not np.can_cast(dtypes[1], dtypes[0], "same_kind"):
        raise DtypeError(
            f"an array of {dtypes[0]} cannot hold {dtypes[1]}", hint=f'write g.astype(x, "{dtypes[1]}").at[…]'
        )
    return (dtypes[0], dtypes[0], *(INT64 for _ in dtypes[2:])), dtypes[0]


def _update_shape(operands: tuple[Expr, ...], key: tuple[Any, ...]) -> Shape:
    place = result_shape(operands[0], operands[2:], key)
    if broadcast_shapes([operands[1].shape, place]) != place:
        raise ShapeError(
            f"a value of shape {format_shape(operands[1].shape)} does not fit the place of shape {format_shape(place)}"
        )
    return operands[0].shape


def _updated(x: Any, value: Any, *rest: Any) -> Any:
    result = np.array(x, copy=True)
    result[to_numpy(rest[-1], rest[:-1])] = value
    return result


def _added(x: Any, value: Any, *rest: Any) -> Any:
    result = np.array(x, copy=True)
    np.add.at(result, to_numpy(rest[-1], rest[:-1]), value)
    return result


def _add_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, key: Any) -> Expr | None:
    if slot == 0:
        return v
    if slot == 1:
        return fitted(call("index", v, *operands[2:], key=key), operands[1])
    return None


def _set_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, key: Any) -> Expr | None:
    if slot == 0:
        return call("at_set", v, constant(0, v.dtype), *operands[2:], key=key)
    if slot != 1:
        return None
    taken = call("index", v, *operands[2:], key=key)
    if _repeats(operands, key):
        taken = where(_last_written(v, operands[2:], key), taken, constant(0, v.dtype))
    return fitted(taken, operands[1])


def _last_written(v: Expr, arrays: tuple[Expr, ...], key: Any) -> Expr:
    """Which values of an update are still there after it: each is numbered, and the numbers written likewise."""
    shape = result_shape(v, arrays, key)
    numbers = call("reshape", call("arange", start=0, stop=dims.product(shape)), shape=shape)
    written = call("at_set", broadcast(constant(0), v), numbers, *arrays, key=key)
    return equal(call("index", written, *arrays, key=key), numbers)


def _update(
    name: str,
    summary: str,
    notes: str,
    reference: Any,
    pullbacks: Any,
    refuses: bool,
    leaves_out: Any = False,
) -> Any:
    return declare_arrays(
        Op(
            name=name,
            params=("x",),
            variadic=True,
            attributes=(KEY,),
            summary=summary,
            notes=notes,
            types=TypeRule(_update_types),
            reference=reference,
            shape=_update_shape,
            pullbacks=pullbacks,
            batch=update_batch(name),
            linear="jointly",
            moves=True,
            leaves_out=leaves_out,
            notation=Notation(name),
            category="indexing",
            refuses=refuses,
        )
    )


at_set: Function = _update(
    "at_set",
    "x with the elements at x[...] replaced by values: what x.at[...].set(v) writes.",
    "An element that is named twice by an integer array gets the last of its values, which gets the derivative too.",
    _updated,
    _set_pullback,
    refuses=True,
    leaves_out=_replaces,
)

at_add: Function = _update(
    "at_add",
    "x with values added to the elements at x[...]: what x.at[...].add(v) writes.",
    "An element that is named twice gets both.",
    _added,
    _add_pullback,
    refuses=False,
)


class At:
    """`x.at`: an array with some elements changed, as a new expression."""

    key: Any

    __slots__ = ("key", "x")

    def __init__(self, x: Expr, key: Any = None) -> None:
        self.x: Expr = x
        self.key = key

    def __getitem__(self, key: Any) -> At:
        return At(self.x, (key,))

    def set(self, value: Any) -> Expr:
        """x with x[key] replaced by a value."""
        return self._change(at_set, value)

    def add(self, value: Any) -> Expr:
        """x with a value added to x[key]; places that are named twice get it twice."""
        return self._change(at_add, value)

    def _change(self, function: Any, value: Any) -> Expr:
        if self.key is None:
            raise ExpressionError("x.at needs an index", site=current_site(), hint="write x.at[0].set(1.0)")
        key, arrays = read_key(self.x, self.key[0])
        weak = type(value) in (bool, int) or (type(value) is float and self.x.dtype.kind == "f")
        value = constant(value, self.x.dtype) if weak else constant(value)
        return apply(function.op, self.x, value, *arrays, attrs=(key,))


Expr.updates = At

__all__ = [
    "at_add", "at_set",
]  # fmt: skip
