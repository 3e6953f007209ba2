"""What the lengths of a call make impossible: refused before a kernel runs, as kernels check nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from graphc.compiler.lowering.gather_scatter import first_place, layout
from graphc.errors import MemoryLimitError, ShapeError
from graphc.ir import dims
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import LONGEST, format_shape
from graphc.ops.index import result_shape
from graphc.ops.support.errors import no_axis, out_of_range

_KEYED = {"index": 1, "at_add": 2, "at_set": 2}
"""Operations with a key, and the first operand that is one of its arrays."""


def refuse(dag: Dag, lengths: Mapping[str, int]) -> None:
    """Raises `ShapeError`, `InputError` or `MemoryLimitError` for lengths that an operation of a graph cannot take."""
    for node in dag.exprs:
        try:
            shape = bound(node.shape, lengths)
            if node.op.name in _KEYED:
                _refuse_key(node, lengths)
        except KeyError as error:
            raise no_axis(node, str(error.args[0]), told(node)) from None
        except ValueError as error:
            raise ShapeError(f"{node.op.name}: {error}", node=told(node), site=node.site) from None
        if any(length < 0 for length in shape):
            raise ShapeError(
                f"{node.op.name} has the shape {format_shape(node.shape)}, which is {shape} for the lengths of this call",
                node=told(node),
                site=node.site,
            )
        if math.prod(shape) > LONGEST // 32:  # their bytes are more than machine code counts
            raise MemoryLimitError(
                f"{node.op.name} has the shape {shape}, more than there is memory for",
                node=told(node),
                site=node.site,
                hint="compute parts of it, one call for each",
            )


def _refuse_key(node: Expr, lengths: Mapping[str, int]) -> None:
    """Holds the whole numbers and the slices of a key against the lengths of the axes."""
    x, arrays = node.operands[0], tuple(node.operands[_KEYED[node.op.name] :])
    taken = result_shape(x, arrays, node.attrs[0])
    if all(isinstance(dim, int) for dim in (*x.shape, *taken)):
        return
    own, taken = bound(x.shape, lengths), bound(taken, lengths)
    spots, _ = layout(node.attrs[0], bool(arrays), max((array.ndim for array in arrays), default=0))
    axis = 0
    for number, (item, declared) in enumerate(zip(bound(node.attrs[0], lengths), node.attrs[0], strict=True)):
        if item is None:
            continue
        length = own[axis]
        if isinstance(item, int) and not -length <= item < length:
            raise out_of_range(node, item, axis, length, told(node))
        if isinstance(item, tuple):
            start, stop, step = item[1:]
            wanted = taken[spots[number]]
            exact = _reads(node, spots[number] - len(taken))
            places = range(*slice(start, stop, step).indices(length))
            first = dims.evaluate(first_place(declared, x.shape[axis]), lengths)
            # a step from outside of the axis does not meet the places that it meets from its end
            apart = len(places) > 0 and places[0] != first and (exact or abs(step or 1) > 1)
            if apart or (exact and len(places) != wanted):
                ends = ":".join("" if end is None else str(end) for end in (start, stop))
                raise ShapeError(
                    f"axis {axis} of length {length} is too short for the slice {ends}, which takes {wanted}",
                    node=told(node),
                    site=node.site,
                    hint="an axis with a name is cut where it is written, for every length",
                )
        axis += 1


def _reads(node: Expr, axis: int) -> bool:
    """Whether a node reads as many elements along an axis of x[key], counted from the end, as the key takes there: an update does
    unless its value is broadcast along it."""
    if node.op.name == "index":
        return True
    shape = node.operands[1].shape
    return -axis <= len(shape) and shape[axis] != 1


def told(node: Expr) -> str:
    """A node in an error; the arrays in it were made inputs, under names that nobody writes."""
    return repr(node).replace("\0", "array ")
