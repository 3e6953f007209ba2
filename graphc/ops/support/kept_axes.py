"""Which axes of an operand go through an operation by themselves: an element along them depends on those beside it alone.

A rule `Op.keeps` gives for each axis of an operand the axis of the result that it becomes, or None for one that is mixed: what
stands along it enters every element of the result. Elements of the operand are then used where some element is, of those that
are used of the result, that stands at their places along the axes that are kept.
"""

from __future__ import annotations

from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.support import attributes as at

Operands = tuple[Expr, ...]
Kept = tuple[int | None, ...]


def reduced(operands: Operands, slot: int, axis: Any, *rest: Any) -> Kept:
    """Of a reduction along axes: `keepdims` is its last attribute."""
    ndim, axes = operands[slot].ndim, at.axes_of(axis, operands[slot].ndim)
    if rest and rest[-1]:
        return same(operands, slot, axis)
    others = iter(range(ndim))
    return tuple(None if place in axes else next(others) for place in range(ndim))


def same(operands: Operands, slot: int, axis: Any, *_: Any) -> Kept:
    """Of what mixes elements along axes and keeps the shape."""
    axes = at.axes_of(axis, operands[slot].ndim)
    return tuple(None if place in axes else place for place in range(operands[slot].ndim))


def stacks(operands: Operands, slot: int, *_: Any) -> Kept:
    """Of matrices in the last two axes: the axes before them."""
    most = max(operand.ndim for operand in operands)
    return (*aligned(operands[slot].ndim - 2, most - 2), None, None)


def solved(operands: Operands, slot: int, *_: Any) -> Kept:
    """Of equations: batches, and the columns of the right side."""
    a, b = operands
    if b.ndim == 1:
        return (None,) if slot else stacks((a,), 0)
    kept = stacks(operands, slot)
    return (*kept[:-1], max(a.ndim, b.ndim) - 1) if slot else kept


def multiplied(operands: Operands, slot: int) -> Kept:
    """Of a matrix product: batches, the rows of the left and the columns of the right."""
    a, b = operands
    batches = max(a.ndim, b.ndim, 2) - 2
    own = operands[slot]
    if own.ndim == 1:
        return (None,)
    before = aligned(own.ndim - 2, batches)
    if slot == 0:
        return (*before, batches, None)
    return (*before, None, batches + (a.ndim > 1))


def aligned(count: int, of: int) -> Kept:
    """Axes of a batch among those of the broadcast one."""
    return tuple(range(of - count, of))
