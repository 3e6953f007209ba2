"""The static arguments of operations on arrays: axes, shapes, flags; each checked and brought to one form."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, ShapeError, brief, brief_text, is_huge
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.op import NO_DEFAULT, Attribute
from graphc.ir.types import LONGEST, as_dim, as_dtype, as_shape, format_shape

Operands = tuple[Expr, ...]


def whole(name: str, value: Any, operands: Operands = ()) -> int:
    """A Python integer."""
    if isinstance(value, (bool, np.bool_, Expr, str)):
        raise ExpressionError(
            f"{name} is a whole number, not {brief_text(value, 40)!r}", hint=f"write {name}=0"
        )
    try:
        index = operator.index(value)
    except TypeError:
        raise ExpressionError(
            f"{name} is a whole number, not {brief_text(value, 40)!r}", hint=f"write {name}=0"
        ) from None
    if is_huge(index) or abs(index) > LONGEST:
        raise ShapeError(
            f"{name} is {brief(index)}, and machine code counts in 64 bits",
            hint=f"write a {name} of at most 2**62 in size",
        )
    return index


def position(name: str, value: Any, ndim: int) -> int:
    """An axis of an array of `ndim` dimensions, counted from the front."""
    axis = whole(name, value)
    if not -ndim <= axis < ndim:
        raise ShapeError(
            f"{name} {axis} is out of range for {ndim} dimension{'s' if ndim != 1 else ''}",
            hint=f"axes run from {-ndim} to {ndim - 1}" if ndim else "a scalar has no axes",
        )
    return axis % ndim


def distinct(name: str, axes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name} {axes} names an axis twice", hint="name each axis once")
    return axes


def _axes(name: str, value: Any, operands: Operands) -> Any:
    ndim = operands[0].ndim
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return tuple(sorted(distinct(name, tuple([position(name, axis, ndim) for axis in value]))))
    return position(name, value, ndim)


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a checked `axis=` names: all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    return axis if isinstance(axis, tuple) else (axis,)


def _axis(name: str, value: Any, operands: Operands) -> int:
    return position(name, value, operands[0].ndim)


def _axis_or_none(name: str, value: Any, operands: Operands) -> int | None:
    return None if value is None else position(name, value, operands[0].ndim)


def _one_way(name: str, value: Any, operands: Operands) -> int:
    """An axis that may be left out where there is one alone: NumPy would flatten the rest, which is seldom meant."""
    if value is None:
        ndim = operands[0].ndim
        if ndim != 1:
            raise ShapeError(f"{name} must be named for {ndim} dimensions", hint=f"write {name}=-1")
        return 0
    return position(name, value, operands[0].ndim)


def _new_axis(name: str, value: Any, operands: Operands) -> int:
    return position(name, value, operands[0].ndim + 1)


def _new_axes(name: str, value: Any, operands: Operands) -> Any:
    places = value if isinstance(value, (tuple, list)) else (value,)
    ndim = operands[0].ndim + len(places)
    axes = tuple(sorted(distinct(name, tuple([position(name, axis, ndim) for axis in places]))))
    return axes if isinstance(value, (tuple, list)) else axes[0]


def _permutation(name: str, value: Any, operands: Operands) -> tuple[int, ...]:
    ndim = operands[0].ndim
    order = tuple(reversed(range(ndim))) if value is None else value
    if not isinstance(order, (tuple, list)) or len(order) != ndim:
        raise ShapeError(
            f"{name} {brief_text(value, 60)} does not name each of {ndim} axes once",
            hint=f"write {name}={tuple(reversed(range(ndim)))}",
        )
    return distinct(name, tuple([position(name, axis, ndim) for axis in order]))


def _flag(name: str, value: Any, operands: Operands) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ExpressionError(
            f"{name} is True or False, not {brief_text(value, 40)!r}", hint=f"write {name}=True"
        )
    return bool(value)


def _shape(name: str, value: Any, operands: Operands) -> tuple[Dim, ...]:
    return as_shape(value)


def _length(name: str, value: Any, operands: Operands) -> Dim:
    return as_dim(value)


def _any_length(name: str, value: Any, operands: Operands) -> Any:
    """A length that may be negative: the end of a range."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return whole(name, value)
    return as_dim(value)


def _dtype(name: str, value: Any, operands: Operands) -> str:
    return as_dtype(str(value) if isinstance(value, str) else value).name


def _number(name: str, value: Any, operands: Operands) -> float:
    if isinstance(value, (bool, str, Expr)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ExpressionError(f"{name} is a number, not {brief_text(value, 40)!r}", hint=f"write {name}=0.0")
    if value != value:
        raise ExpressionError(f"{name} is NaN", hint=f"write {name}=0.0")
    if isinstance(value, int) and abs(value) >= 2**1024:
        raise ExpressionError(f"{name} is {brief(value, 40)}, beyond float64", hint=f"write {name}=0.0")
    return float(value) + 0.0


def _wholes(name: str, value: Any, operands: Operands) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple([whole(name, item) for item in value])
    return whole(name, value)


def attribute(name: str, check: Any, default: Any = NO_DEFAULT) -> Attribute:
    return Attribute(name, check, default)


AXES = attribute("axis", _axes, None)
AXIS = attribute("axis", _axis)
LAST_AXIS = attribute("axis", _axis, -1)
FIRST_AXIS = attribute("axis", _axis, 0)
AXIS_OR_NONE = attribute("axis", _axis_or_none, None)
ONE_WAY = attribute("axis", _one_way, None)
NEW_AXIS = attribute("axis", _new_axis, 0)
NEW_AXES = attribute("axis", _new_axes)
PERMUTATION = attribute("axes", _permutation, None)
KEEPDIMS = attribute("keepdims", _flag, False)
SHAPE = attribute("shape", _shape)


def flag(name: str, default: bool) -> Attribute:
    return attribute(name, _flag, default)


def integer(name: str, default: Any = NO_DEFAULT) -> Attribute:
    return attribute(name, whole, default)


def integers(name: str, default: Any = NO_DEFAULT) -> Attribute:
    return attribute(name, _wholes, default)


def length(name: str, default: Any = NO_DEFAULT) -> Attribute:
    return attribute(name, _length, default)


def bound(name: str, default: Any = NO_DEFAULT) -> Attribute:
    return attribute(name, _any_length, default)


def number(name: str, default: Any = NO_DEFAULT) -> Attribute:
    return attribute(name, _number, default)


def dtype(default: Any = "float64") -> Attribute:
    return attribute("dtype", _dtype, default)


def choice(name: str, choices: tuple[str, ...], default: str) -> Attribute:
    """One of some words."""

    def check(name: str, value: Any, operands: Operands) -> str:
        if not isinstance(value, str) or str(value) not in choices:
            raise ExpressionError(
                f"{name} is one of {', '.join(choices)}, not {brief_text(value, 40)!r}",
                hint=f"write {name}={default!r}",
            )
        return str(value)

    return attribute(name, check, default)


def refuse_shape(what: str, operands: Operands, hint: str | None = None) -> ShapeError:
    """The error of operands whose shapes do not fit; says where each came from."""
    descriptions = [
        f"{brief_text(operand, 40)} has shape {format_shape(operand.shape)}" for operand in operands
    ]
    written = [f", from line {operand.site.line}" if operand.site is not None else "" for operand in operands]
    places = "; ".join(f"{text}{line}" for text, line in zip(descriptions, written, strict=True))
    return ShapeError(f"{what}: {places}", hint=hint)
