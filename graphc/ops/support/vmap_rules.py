"""What operations on arrays do when a batch goes through them: the means that their `batch` rules are written with.

A batched operand has one axis more than the operation was written for, in front. Elementwise operations need no rule: they
broadcast. An operation of one operand along an `axis` has that moved on by one; one whose matrices stand in the last axes
(`batch="stacks"`) takes the stack as it is; what declares neither goes through what it stands for (`Op.expand`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphc.errors import ExpressionError
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, cast, constant, symbol, walk
from graphc.ir.op import Op
from graphc.ops.comparison import where
from graphc.ops.support.build import broadcast, call, expanded, summed
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

Batched = tuple[bool, ...]
"""For each operand whether it has the batch's axis."""


@dataclass(frozen=True)
class Batch:
    """The axis that is added.

    size : its length
    carrier : an expression with that axis in front, through which a named length is bound at the call
    """

    size: Dim
    carrier: Expr

    def lift(self, x: Expr) -> Expr:
        """What is the same for every element of the batch, repeated along the new axis in front."""
        wide = expanded(x, 0)
        if all(isinstance(dim, int) for dim in (self.size, *x.shape)):
            return call("broadcast_to", wide, shape=(self.size, *x.shape))
        row = summed(self.carrier, tuple(range(1, self.carrier.ndim)))
        here = broadcast(constant(True), row)
        return where(expanded(here, tuple(range(1, 1 + x.ndim))), wide, wide)

    def lifted(self, x: Expr, batched: bool) -> Expr:
        return x if batched else self.lift(x)

    def numbers(self, ndim: int) -> Expr:
        """0, 1, … along the new axis, of `ndim` axes more."""
        return expanded(call("arange", start=0, stop=self.size), tuple(range(1, 1 + ndim)))


def aligned(x: Expr, batched: bool, ndim: int) -> Expr:
    """A batched operand with axes of length 1 behind the batch's, so that it broadcasts as one of `ndim` axes does."""
    if not batched or x.ndim > ndim:
        return x
    return expanded(x, tuple(range(1, 2 + ndim - x.ndim)))


def rank(x: Expr, batched: bool) -> int:
    """The axes of one element of the batch."""
    return x.ndim - batched


def moved(x: Expr, source: int, target: int) -> Expr:
    """x with one axis at another place."""
    order = [axis for axis in range(x.ndim) if axis != source]
    order.insert(target, source)
    return x if source == target else call("permute_dims", x, axes=tuple(order))


def next_axes(axis: Any, ndim: int) -> Any:
    """The axes of an element as those of the batched array of `ndim` axes; None is all of an element's."""
    if axis is None:
        return tuple(range(1, ndim))
    return tuple([place + 1 for place in axis]) if isinstance(axis, tuple) else axis + 1


# --- graphs ------------------------------------------------------------------------------------------------------------------


@paused()
def through(outputs: Iterable[Expr], wide_of: Mapping[Expr, Expr], added: Batch) -> list[tuple[Expr, bool]]:
    """Each output with the batch's axis in front, and whether it has one: it is the same for every element else.

    wide_of : the symbol of one element → the batch of them, with the axis in front
    """
    outputs = tuple(outputs)
    wide = dict(wide_of)
    for node in walk(outputs):
        if node not in wide and any(operand in wide for operand in node.operands):
            batched = tuple([operand in wide for operand in node.operands])
            operands = tuple([wide.get(operand, operand) for operand in node.operands])
            wide[node] = _of_batch(added, node, operands, batched)
    return [(wide.get(output, output), output in wide) for output in outputs]


def _of_batch(added: Batch, node: Expr, operands: tuple[Expr, ...], batched: Batched) -> Expr:
    op = node.op
    if not op.on_arrays:
        same = [aligned(x, own, node.ndim) for x, own in zip(operands, batched, strict=True)]
        return cast(same[0], node.attrs[0]) if op.name == "astype" else apply(op, *same, attrs=node.attrs)
    if callable(op.batch):
        return op.batch(added, operands, batched, *node.attrs)
    if op.batch == "stacks":
        return apply(op, *operands, attrs=node.attrs)
    if len(operands) == 1 and any(known.name == "axis" for known in op.attributes):
        return apply(op, *operands, attrs=_attributes(op, node.attrs, operands[0].ndim))
    if op.expand is None:
        raise ExpressionError(
            f"vmap does not know what {op.name} does to a batch", node=repr(node), site=node.site
        )
    each = [symbol(f"\0each {slot}", x.shape, x.dtype) for slot, x in enumerate(node.operands)]
    wide_of = {e: x for e, x, own in zip(each, operands, batched, strict=True) if own}
    types = op.types(tuple([x.dtype for x in node.operands]))[0]  # what it stands for is written for these
    inputs = [e if e in wide_of else x for e, x in zip(each, operands, strict=True)]
    inputs = [x if x.dtype == dtype else cast(x, dtype) for x, dtype in zip(inputs, types, strict=True)]
    written = op.expand(*inputs, *node.attrs)
    ((result, own),) = through([written], wide_of, added)
    return added.lifted(result, own)


def _attributes(op: Op, attrs: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """The static arguments with the axis moved on by one."""
    return tuple(
        [
            next_axes(value, ndim) if known.name == "axis" else value
            for known, value in zip(op.attributes, attrs, strict=True)
        ]
    )


__all__ = ["Batch", "Batched", "aligned", "moved", "next_axes", "rank", "through"]
