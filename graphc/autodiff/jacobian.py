"""Whole Jacobians: a row for each element of the output or a column for each element of the input, whichever are fewer.

One sweep is written, for one row or column; all of them go through it as a batch.
"""

from __future__ import annotations

from graphc import dims
from graphc.autodiff.forward import forward
from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError
from graphc.expr import Expr, constant, current_site, symbol
from graphc.ops.batch import Batch, moved, through
from graphc.ops.calls import call
from graphc.types import Shape, format_shape

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
    if not output.shape:
        return reverse([output], None, [node]).adjoint(node)
    if min(rows, columns) == 0:
        return call("broadcast_to", constant(0.0, node.dtype), shape=shape)
    if rows <= columns:
        seed = symbol("\0row", output.shape, output.dtype)
        return reshaped(_batched(reverse([output], [seed], [node]).adjoint(node), seed, rows), shape)
    direction = symbol("\0column", node.shape, node.dtype)
    (change,) = forward([output], {node: direction})
    wide = _batched(change, direction, columns)
    return reshaped(moved(reshaped(wide, (columns, rows)), 0, 1), shape)


def reshaped(x: Expr, shape: Shape) -> Expr:
    return x if x.shape == shape else call("reshape", x, shape=shape)


def _batched(swept: Expr, of: Expr, count: int) -> Expr:
    """What a sweep gives for every unit vector in the place of its seed or direction, with these in front."""
    unit = call("eye", n_rows=count, dtype=of.dtype.name)
    units = reshaped(unit, (count, *of.shape))
    added = Batch(count, units)
    ((wide, own),) = through([swept], {of: units}, added)
    return added.lifted(wide, own)


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
