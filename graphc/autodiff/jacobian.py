"""Whole Jacobians: a row for each element of the output or a column for each element of the input, whichever are fewer.

One sweep is written, for one row or column; all of them go through it as a batch.
"""

from __future__ import annotations

from graphc.autodiff.forward import forward
from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, constant, current_site, substitute, symbol, walk
from graphc.ir.types import Shape
from graphc.ops.comparison import not_equal, where
from graphc.ops.support.build import broadcast, call, expanded
from graphc.ops.support.vmap_rules import Batch, moved, through

MOST_SWEEPS = 10_000
"""Rows or columns of one Jacobian: each is a sweep over the graph."""


def jacobian(output: Expr, node: Expr) -> Expr:
    """All derivatives of an output's elements by a node's elements, of the output's shape followed by the node's.

    Raises `GradientError` for what is not a float, and for more rows and columns than are written.
    """
    rows, columns = dims.product(output.shape), dims.product(node.shape)
    shape = (*output.shape, *node.shape)
    if not output.shape:
        return reverse([output], None, [node]).adjoint(node)
    by_rows = _by_rows(rows, columns)
    sweeps = rows if by_rows else columns
    if isinstance(sweeps, int) and sweeps > MOST_SWEEPS:
        raise GradientError(
            f"a Jacobian of {rows} rows and {columns} columns",
            node=repr(output),
            site=current_site(),
            hint="g.vjp and g.jvp multiply by a Jacobian without building it",
        )
    if sweeps == 0:
        return call("broadcast_to", constant(0.0, node.dtype), shape=shape)
    if by_rows:
        seed = symbol("\0row", output.shape, output.dtype)
        counts = symbol("\0in row", output.shape, "bool")
        swept = reverse([output], [seed], [node], where_seeded=[counts]).adjoint(node)
        return reshaped(_batched(swept, seed, counts, rows, output), shape)
    direction = symbol("\0column", node.shape, node.dtype)
    moves = symbol("\0in column", node.shape, "bool")
    (change,) = forward([output], {node: direction}, where_moved={node: moves})
    wide = _batched(change, direction, moves, columns, node)
    return reshaped(moved(reshaped(wide, (columns, rows)), 0, 1), shape)


def _by_rows(rows: Dim, columns: Dim) -> bool:
    """Whether there are fewer rows than columns; of a length with names in it, which a call alone tells, many are expected."""
    if isinstance(rows, int) and isinstance(columns, int):
        return rows <= columns
    return isinstance(rows, int) or not isinstance(columns, int)


def reshaped(x: Expr, shape: Shape) -> Expr:
    return x if x.shape == shape else call("reshape", x, shape=shape)


def _batched(swept: Expr, of: Expr, counts: Expr, count: Dim, like: Expr) -> Expr:
    """What a sweep gives for every unit vector in the place of its seed or direction, with these in front.

    counts : stands in the sweep for where a unit vector is not 0: elsewhere 0 is no factor but leaves an element out
    like : an expression of that shape, through which a call binds the names in it
    """
    unit = call("eye", n_rows=count, dtype=of.dtype.name)
    if not isinstance(count, int):
        here = broadcast(constant(True), reshaped(like, (count,)))
        unit = where(expanded(here, 1), unit, constant(0, of.dtype))
    units = reshaped(unit, (count, *of.shape))
    added = Batch(count, units)
    ((wide, own),) = through([swept], {of: units, counts: not_equal(units, 0)}, added)
    return added.lifted(_without_unit_products(wide, units), own)


def _without_unit_products(wide: Expr, units: Expr) -> Expr:
    """What unit vectors are multiplied with in place of the product: their zeros are no factors, they leave elements out."""
    if units.op.name != "eye":
        return wide
    factors = {
        node: node.operands[1]
        for node in walk([wide])
        if node.op.name == "matmul" and node.operands[0] is units and node.shape == node.operands[1].shape
    }
    return substitute(wide, factors) if factors else wide


__all__ = ["jacobian"]
