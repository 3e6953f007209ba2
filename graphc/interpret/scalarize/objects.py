"""Arrays of scalar expressions: made, filled and brought to a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, cast, constant

Array = np.ndarray[Any, Any]
"""Of scalar expressions."""


def empty(node: Expr) -> Array:
    """An array for the elements of a node, whose lengths are known."""
    shape: Any = node.shape
    return np.empty(shape, dtype=object)


def shaped(value: Any, node: Expr) -> Array:
    """What NumPy made of objects, as an array of scalar expressions of the node's type."""
    result = empty(node)
    flat = result.reshape(-1)
    scalars = (box(value) if isinstance(value, Expr) else np.asarray(value, dtype=object)).reshape(-1)
    for place, item in enumerate(scalars):
        # of no terms NumPy makes None, False or 0
        if isinstance(item, np.ndarray):  # what NumPy makes of an array without axes that is put in one place
            item = item[()]
        scalar = item if isinstance(item, Expr) else constant(item or 0, node.dtype)
        flat[place] = scalar if scalar.dtype == node.dtype else cast(scalar, node.dtype)
    return result


def constants(value: Any, dtype: Any) -> Array:
    value = np.asarray(value)
    scalars = np.empty(value.shape, dtype=object)
    for place in np.ndindex(*value.shape):
        scalars[place] = constant(value[place].item(), dtype)
    return scalars


def cast_each(array: Array, dtype: Any) -> Array:
    scalars = np.empty(array.shape, dtype=object)
    for place in np.ndindex(*array.shape):
        scalars[place] = cast(array[place], dtype)
    return scalars


def box(scalar: Any) -> Array:
    """A scalar expression as an array, to compute with beside arrays."""
    array = np.empty((), dtype=object)
    array[()] = scalar
    return array


def each(function: Callable[..., Any], *arrays: Array) -> Array:
    """A function of scalars at every place."""
    wide = np.broadcast_arrays(*arrays)
    result = np.empty(wide[0].shape, dtype=object)
    for place in np.ndindex(*result.shape):
        result[place] = function(*[array[place] for array in wide])
    return result


__all__ = ["Array", "box", "cast_each", "constants", "each", "empty", "shaped"]
