"""Nodes that library calls make: those that are plain loops as loops, the others as calls of routines on views."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.loops.from_graph.group_loops import summation_of
from graphc.compiler.loops.from_graph.memory import Memory
from graphc.compiler.loops.gather_scatter import source_index
from graphc.compiler.loops.index_maps import aligned
from graphc.compiler.loops.program import (
    Assign,
    Combine,
    Holds,
    Load,
    Reduce,
    Ref,
    RoutineCall,
    Scalar,
    apply,
    cast,
)
from graphc.ir import dims
from graphc.ir.expr import Expr
from graphc.ops.index import result_shape


def lower_call(memory: Memory, node: Expr, buffer: str) -> None:
    """What makes a node, in its buffer."""
    rule = _LOOPS.get(node.op.name)
    if node.op.reduces is not None and node.op.reduces.of_places:
        rule = _place_of_extreme
    if rule is not None:
        rule(memory, node, buffer)
        return
    types = node.op.types(tuple([operand.dtype for operand in node.operands]))[0]
    operands = [memory.view(operand, dtype) for operand, dtype in zip(node.operands, types, strict=True)]
    result = memory.whole(buffer, node.shape)
    memory.writer.emit(RoutineCall(node.op.name, result, tuple(operands), node.attrs))


def _place_of_extreme(memory: Memory, node: Expr, buffer: str) -> None:
    """Along one axis, whichever it is."""
    writer, axis = memory.writer, node.attrs[0]
    with writer.loops(node.shape, "free", parallel=True) as index:
        target = writer.name("s")
        with writer.body() as body, writer.loops((node.operands[0].shape[axis],), "fixed") as (along,):
            value = memory.elements().operand(node, 0, (*index[:axis], along, *index[axis:]))
            writer.emit(Combine(target, (), value, along))
        summation = summation_of(node.op.name, node.dtype)
        writer.emit(Reduce(target, node.dtype, node.op.name, summation, tuple(body)))
        writer.emit(Assign(buffer, index, Ref(target, node.dtype)))


def _scatter(memory: Memory, node: Expr, buffer: str) -> None:
    """x, then its elements replaced or added to, one after the other: several places may be one."""
    x, value, *arrays = node.operands
    writer = memory.writer
    memory.copy(x, buffer, node.dtype)
    taken = result_shape(x, tuple(arrays), node.attrs[0])
    with writer.loops(taken, "fixed") as index:
        elements = memory.elements()
        place, inside = source_index(elements, node, x, 2, index)
        with writer.where(inside):
            new: Scalar = elements.operand(node, 1, aligned(index, value.shape))
            if node.op.name == "at_add":
                new = apply("add", Load(buffer, place, node.dtype), new)
            writer.emit(Assign(buffer, place, cast(new, node.dtype)))


def _running(memory: Memory, node: Expr, buffer: str) -> None:
    """What goes along an axis from element to element."""
    writer = memory.writer
    axis = node.attrs[0] if node.attrs else node.ndim - 1
    others = (*node.shape[:axis], *node.shape[axis + 1 :])
    with (
        writer.loops(others, "free", parallel=True) as rest,
        writer.loops((node.shape[axis],), "fixed") as (k,),
    ):
        index, before = [(*rest[:axis], place, *rest[axis:]) for place in (k, dims.subtract(k, 1))]
        elements = memory.elements()
        value = elements.operand(node, len(node.operands) - 1, index)
        if k != 0:
            old: Scalar = Load(buffer, before, node.dtype, (dims.subtract(k, 1),))
            if node.op.name == "linear_recurrence":
                old = apply("multiply", elements.operand(node, 0, index), old)
            combined = apply("multiply" if node.op.name == "cumprod" else "add", old, value)
            value = apply("where", Holds((dims.subtract(k, 1),)), combined, value)
        writer.emit(Assign(buffer, index, cast(value, node.dtype)))


_LOOPS: dict[str, Callable[[Memory, Expr, str], None]] = {
    "at_add": _scatter,
    "at_set": _scatter,
    "cumsum": _running,
    "cumprod": _running,
    "linear_recurrence": _running,
}

__all__ = ["lower_call"]
