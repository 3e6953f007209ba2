"""New values of inputs, as `updates=` of `g.compile` takes them: of the inputs' shapes and dtypes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import DtypeError, InputError, ShapeError, brief
from graphc.ir.expr import Expr, constant
from graphc.ir.types import broadcast_shapes, format_shape
from graphc.ops.support.build import broadcast


def new_values(updates: Mapping[Expr, Any], symbols: Sequence[Expr], declared: bool) -> list[Expr]:
    """The new values of some inputs, of their shapes and dtypes.

    symbols : the inputs so far; declared : whether there may be no others

    Raises `InputError` for what is no input, `ShapeError` and `DtypeError` for a value that does not fit it.
    """
    values: list[Expr] = []
    for symbol, value in updates.items():
        if not isinstance(symbol, Expr) or not symbol.is_symbol:
            raise InputError(
                f"updates has {brief(symbol)}, which is no symbol", hint="write updates={W: W - 0.1*dW}"
            )
        value = value if isinstance(value, Expr) else constant(value, symbol.dtype)
        if value.shape != symbol.shape:
            if value.shape and broadcast_shapes([value.shape, symbol.shape]) != symbol.shape:
                raise ShapeError(
                    f"the new value of {symbol.name!r} has shape {format_shape(value.shape)}, not {format_shape(symbol.shape)}",
                    node=repr(value),
                    site=value.site,
                )
            value = broadcast(value, symbol)
        if value.dtype != symbol.dtype:
            raise DtypeError(
                f"the new value of {symbol.name!r} is {value.dtype}, not {symbol.dtype}",
                node=repr(value),
                site=value.site,
                hint=f"write g.astype(value, {symbol.dtype.name!r})",
            )
        values.append(value)
    for symbol in updates:
        if declared and symbol not in symbols:
            raise InputError(f"{symbol.name!r} is updated and not among the inputs", hint="list it in inputs")
    return values
