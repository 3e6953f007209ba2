"""What a call gives a function: arguments by position and by name, and the shapes that follow from theirs."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import ArityError, InputError, ShapeError
from graphc.ir import dims
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_dimensions
from graphc.ir.types import BROADCASTING, Shape, broadcast_shapes, format_shape

MAX_DIMENSIONS = 32


def signature(inputs: Sequence[str]) -> inspect.Signature:
    """What `inspect.signature` tells of a function of these inputs; an input whose name is no name of Python's has its number."""
    return inspect.Signature(
        [
            inspect.Parameter(
                name if name.isidentifier() and not keyword.iskeyword(name) else f"_{number}",
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
            )
            for number, name in enumerate(inputs)
        ]
    )


def arguments(inputs: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Sequence[Any]:
    """The arguments of a call in the order of the inputs.

    Raises `ArityError` for too many, `InputError` for a name that is no input, for one that is given twice and for those missing.
    """
    if not kwargs and len(args) == len(inputs):
        return args
    if len(args) > len(inputs):
        raise ArityError(f"the function takes {len(inputs)} arguments ({', '.join(inputs)}), not {len(args)}")
    values = dict(zip(inputs, args, strict=False))
    for name, value in kwargs.items():
        if name not in inputs:
            raise InputError(f"there is no input {name!r}", hint=f"the inputs are {', '.join(inputs)}")
        if name in values:
            raise InputError(f"input {name!r} is given twice, by position and by name")
        values[name] = value
    missing = [name for name in inputs if name not in values]
    if missing:
        raise InputError(
            f"no value for input{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}",
            hint=f"the function takes ({', '.join(inputs)})",
        )
    return [values[name] for name in inputs]


def joint_shape(
    inputs: Sequence[str],
    arrays: Sequence[np.ndarray],
    constants: Sequence[np.ndarray],
    unused: Sequence[int] = (),
) -> tuple[int, ...]:
    """The shape to which the arguments of a function of numbers broadcast, with the constants in it.

    unused : the numbers of the arguments that the function does not use, single values here

    Raises `ShapeError` where they do not broadcast.
    """
    if max((array.ndim for array in arrays), default=0) > MAX_DIMENSIONS:
        raise ShapeError(
            f"an argument has more than {MAX_DIMENSIONS} dimensions, NumPy's own limit of broadcasting"
        )
    distinct = {array.shape for array in (*arrays, *constants)} - {()}
    try:
        return np.broadcast_shapes(*distinct) if len(distinct) > 1 else next(iter(distinct), ())
    except ValueError:
        listed = ", ".join(
            f"{name}: {format_shape(array.shape)}"
            for number, (name, array) in enumerate(zip(inputs, arrays, strict=True))
            if number not in unused
        )
        raise ShapeError(f"the arguments' shapes do not broadcast: {listed}", hint=BROADCASTING) from None


def declared_shapes(
    graph: Dag, arrays: Sequence[np.ndarray], unused: Sequence[int] = ()
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The shape of the loop over all operands of a function of declared shapes, and the shape of each result.

    unused : the numbers of the arguments that the function does not use: they have their declared shapes, and no part in the loop

    Raises `ShapeError` where an argument has not the shape that is declared.
    """
    for symbol, array in zip(graph.symbols, arrays, strict=True):
        if not symbol.shape and array.shape:
            raise ShapeError(
                f"input {symbol.name!r} is a scalar beside inputs with declared shapes, and got an array of shape "
                f"{format_shape(array.shape)}",
                hint=f"declare it with g.symbol({symbol.name!r}, shape=…)",
            )
    lengths = bind_dimensions(graph.symbols, arrays)

    def bound(shape: Shape) -> tuple[int, ...]:
        return tuple(dims.evaluate(dim, lengths) for dim in shape)

    looped = [node for number, node in enumerate(graph.exprs) if node.shape and number not in unused]
    full = broadcast_shapes([bound(node.shape) for node in looped])
    return bound(full), [bound(graph.exprs[output].shape) for output in graph.outputs]


__all__ = ["MAX_DIMENSIONS", "arguments", "declared_shapes", "joint_shape", "signature"]
