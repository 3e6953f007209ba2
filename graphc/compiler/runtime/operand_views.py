"""How library calls and checks read their operands: as views of the memory of what is kept.

A view of memory that stays where it is can be made once, before anything is computed; a copy would hold what lay there then. So
the views here keep an array where NumPy's indexing hands out a single number, and what is no view of its base all the same is
made again at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.attribute_text import bound
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ops.index import to_numpy

View = Callable[[np.ndarray], np.ndarray]


def view(node: Expr, lengths: Mapping[str, int]) -> View:
    """What a node among `materialize.VIEWS` makes of an array, for given lengths: an array, of no dimensions too."""
    attrs, shape = bound(node.attrs, lengths), shape_of(node.shape, lengths)
    name = node.op.name
    if name == "index":
        key = (*to_numpy(attrs[0], ()), ...)  # with an ellipsis one element is a view as well
        return lambda array: array[key]
    if name == "flip":
        axis = attrs[0]
        axes = range(node.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        turned = {number % node.ndim for number in axes}
        back, along = slice(None, None, -1), slice(None)
        flipped = (*(back if number in turned else along for number in range(node.ndim)), ...)
        return lambda array: array[flipped]
    if name in ("broadcast_to", "broadcast_like"):
        return lambda array: np.broadcast_to(array, shape)
    if name == "reshape":
        return lambda array: array.reshape(shape)
    return lambda array: np.asarray(node.op.reference(array, *attrs))


def shape_of(shape: Sequence[Dim], lengths: Mapping[str, int]) -> tuple[int, ...]:
    """A shape's lengths."""
    return tuple([dims.evaluate(dim, lengths) for dim in shape])


def viewed(array: np.ndarray, views: Sequence[View]) -> np.ndarray:
    """An array through several views."""
    for each in views:
        array = each(array)
    return array


def stays(array: np.ndarray, views: Sequence[View]) -> Callable[[], Any]:
    """What reads views of an array whose memory stays where it is."""
    result = viewed(array, views)
    if np.may_share_memory(result, array) or not result.size:
        return lambda: result
    return lambda: viewed(array, views)  # a copy holds what the memory held when it was made
