"""Whole Jacobians: a row for each element of the output or a column for each element of the input, whichever are fewer."""

from __future__ import annotations

import numpy as np

from graphc import dims
from graphc.autodiff.forward import forward
from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError
from graphc.expr import Expr, constant, current_site
from graphc.ops.calls import call
from graphc.types import format_shape

MOST_SWEEPS = 10_000
"""Rows or columns of one Jacobian: each is a sweep over the graph."""


def jacobian(output: Expr, node: Expr) -> Expr:
    """All derivatives of an output's elements by a node's elements, of the output's shape followed by the node's.

    Raises `GradientError` for what is not a float, and where names leave the number of elements open.
    """
    rows, columns = _size(output), _size(node)
    if min(rows, columns) > MOST_SWEEPS:
        raise GradientError(
            f"a Jacobian of {rows:,} rows and {columns:,} columns",
            node=repr(output),
            site=current_site(),
            hint="g.vjp and g.jvp multiply by a Jacobian without building it",
        )
    shape = (*output.shape, *node.shape)
    if rows <= columns:
        if not output.shape:
            return reverse([output], None, [node]).adjoint(node)
        parts = [
            reverse([output], [constant(_unit(output, place))], [node]).adjoint(node) for place in range(rows)
        ]
        if not parts:
            return call("broadcast_to", constant(0.0, node.dtype), shape=shape)
        return call("reshape", call("stack", *parts), shape=shape)
    parts = [forward([output], {node: constant(_unit(node, place))})[0] for place in range(columns)]
    if not parts:
        return call("broadcast_to", constant(0.0, output.dtype), shape=shape)
    return call("reshape", call("stack", *parts, axis=output.ndim), shape=shape)


def _unit(of: Expr, place: int) -> np.ndarray:
    """1 at one element, 0 at the others."""
    unit = np.zeros(tuple(of.shape), dtype=of.dtype)  # type: ignore[arg-type]  # the shape is known
    unit.reshape(-1)[place] = 1
    return unit


def _size(of: Expr) -> int:
    size = dims.size_of(of.shape)
    if size is None:
        raise GradientError(
            f"a Jacobian needs known lengths: {str(of)[:60]} has shape {format_shape(of.shape)}",
            node=repr(of),
            site=current_site(),
            hint="g.vjp and g.jvp multiply by a Jacobian of any shape without building it",
        )
    return size


__all__ = ["jacobian"]
