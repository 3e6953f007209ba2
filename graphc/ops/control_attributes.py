"""What the static arguments of loops and other operations with bodies may be: bodies, counts, lengths; each checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import ArityError, DtypeError, ExpressionError, ShapeError
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import as_dim, format_shape

Operands = tuple[Expr, ...]


def a_body(name: str, value: Any, operands: Operands) -> Body:
    """A static argument that is a body."""
    if not isinstance(value, Body):
        raise ExpressionError(f"{name} is a body", hint="write g.scan, g.while_loop or g.cond")
    return value


def some_bodies(name: str, value: Any, operands: Operands) -> tuple[Body, ...]:
    if not isinstance(value, tuple) or not value or not all(isinstance(each, Body) for each in value):
        raise ExpressionError(f"{name} are bodies", hint="write g.cond or g.switch")
    return value


def a_count(name: str, value: Any, operands: Operands) -> int:
    """A static argument that is a whole number, not below 0."""
    if type(value) is not int or value < 0:
        raise ExpressionError(f"{name} is a whole number, and not {value!r:.60}")
    return value


def a_flag(name: str, value: Any, operands: Operands) -> bool:
    if type(value) is not bool:
        raise ExpressionError(f"{name} is True or False, and not {value!r:.60}")
    return value


def a_length(name: str, value: Any, operands: Operands) -> Dim:
    return as_dim(value)


def a_limit(name: str, value: Any, operands: Operands) -> int | None:
    return None if value is None else a_count(name, value, operands)


def fits(inputs: Sequence[Expr], operands: Sequence[Expr], rows: range = range(0)) -> None:
    """Raises where a body takes other arguments than these; those of the places `rows` are rows of an operand."""
    if len(inputs) != len(operands):
        raise ArityError(f"a body of {len(inputs)} arguments gets {len(operands)}")
    for place, (own, given) in enumerate(zip(inputs, operands, strict=True)):
        shape = given.shape[1:] if place in rows else given.shape
        if own.shape != shape or own.dtype != given.dtype:
            raise ShapeError(
                f"argument {place} of a body is {own.dtype}{format_shape(own.shape)} and gets {given.dtype}{format_shape(shape)}"
            )


def carried(body: Body, carries: int) -> None:
    for place, (old, new) in enumerate(zip(body.inputs[:carries], body.outputs, strict=False)):
        if new.dtype != old.dtype:
            raise DtypeError(f"carry {place} is {old.dtype} and becomes {new.dtype}")
        if new.shape != old.shape:
            raise ShapeError(
                f"carry {place} has shape {format_shape(old.shape)} and gets {format_shape(new.shape)}"
            )


__all__ = ["a_body", "a_count", "a_flag", "a_length", "a_limit", "carried", "fits", "some_bodies"]
