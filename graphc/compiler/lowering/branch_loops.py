"""Steps of a loop that choose much by a condition of their row do what one side needs, and no more.

Back-propagation through a choice, as that of Metropolis's chain to take a move or not, is told by a bit that the first run kept
which way a step went, and hands nothing back on the other. As selections both sides are computed at every step; as a branch one
is, and since the bit depends on nothing that is carried, a wrong guess of the processor's is known at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, rebuild, walk
from graphc.ir.graph import Dag
from graphc.ir.types import BOOL
from graphc.ops.control import SCAN, scan_results, switch_results
from graphc.ops.control_runs import loop_key
from graphc.ops.support.build import broadcast

SAVED = 20
"""Operations on numbers that a branch is to save at a step, each way as often as the other: about what a wrong guess loses, at
two operations a cycle, where every second guess is wrong."""

MOST_NUMBERS = 64
"""Numbers that a step is given and gives: of small vectors, which stay in registers on either side."""

SIMPLE = 0.5
"""Nanoseconds of an operation that counts as one."""


def branch_loops(dag: Dag) -> Dag:
    """The graph with such steps as branches."""
    if all(node.op is not SCAN for node in dag.exprs):
        return dag
    bodies: dict[Any, Body | None] = {}
    changed: dict[Expr, Expr] = {}
    for node in dag.exprs:
        operands = tuple([changed[operand] for operand in node.operands])
        again = rebuild(node, operands) if operands != node.operands else node
        if again.op is SCAN:
            body, carries, rows, length, reverse, place = again.attrs
            key = loop_key(again)
            if key not in bodies:
                bodies[key] = _branched(body, body.inputs[carries : carries + rows])
            other = bodies[key]
            if other is not None:
                parts = again.operands
                results = scan_results(
                    other, parts[:carries], parts[carries : carries + rows], parts[carries + rows :], length, reverse
                )  # fmt: skip
                again = results[place]
        changed[node] = again
    return dag.with_outputs([changed[dag.exprs[output]] for output in dag.outputs])


def _branched(body: Body, rows: Sequence[Expr]) -> Body | None:
    """A body as a branch on one of its rows; None where that saves too little."""
    conditions = [x for x in rows if x.dtype is BOOL and not x.shape]
    if not conditions or not _is_small((*body.inputs, *body.outputs)):
        return None
    order = walk(body.outputs)
    if any(node.op.control is not None for node in order):
        return None
    best, most = None, SAVED
    for condition in conditions:
        sides = [_given(body.outputs, condition, holds) for holds in (False, True)]
        saved = _operations(order) - sum(_operations(walk(side)) for side in sides) / 2
        if saved >= most:
            best, most = (condition, sides), saved
    if best is None:
        return None
    condition, sides = best
    bodies = tuple([Body(body.inputs, side) for side in sides])
    return Body(body.inputs, switch_results(condition.astype("int64"), bodies, body.inputs))


def _is_small(parts: Sequence[Expr]) -> bool:
    sizes = [dim for x in parts for dim in x.shape]
    if not all(isinstance(dim, int) for dim in sizes):
        return False
    return sum(prod(x.shape) for x in parts) <= MOST_NUMBERS  # type: ignore[arg-type]


def _operations(order: Sequence[Expr]) -> float:
    """How many operations on numbers some nodes are."""
    return sum(
        prod(node.shape) * max(1.0, node.op.nanoseconds / SIMPLE)  # type: ignore[arg-type]
        for node in order
        if node.operands and all(isinstance(dim, int) for dim in node.shape)
    )


def _given(outputs: Sequence[Expr], condition: Expr, holds: bool) -> list[Expr]:
    """Outputs where a condition is known: what is chosen by it stands for the choice."""
    known: dict[Expr, Expr] = {condition: constant(holds)}
    for node in walk(outputs, [condition]):
        operands = tuple([known[x] for x in node.operands])
        known[node] = _decided(node, operands)
    return [broadcast(known[output], output) for output in outputs]


def _decided(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """A node of other operands; what conditions that are known decide is decided."""
    values = [_value(x) for x in operands]
    match node.op.name, values:
        case "where", [bool(holds), _, _]:
            return broadcast(operands[1] if holds else operands[2], node)
        case "logical_not", [bool(holds)]:
            return broadcast(constant(not holds), node)
        case ("logical_or" | "logical_and") as name, [first, second] if isinstance(first, bool) or isinstance(
            second, bool
        ):
            own, other = (first, operands[1]) if isinstance(first, bool) else (second, operands[0])
            return broadcast(constant(own) if own is (name == "logical_or") else other, node)
        case "astype", [bool(holds)] if node.dtype.kind == "f":
            return broadcast(constant(float(holds), node.dtype), node)
        case "not_equal", [float(first), float(second)]:
            return broadcast(constant(first != second), node)
    return rebuild(node, operands) if operands != node.operands else node


def _value(x: Expr) -> bool | float | None:
    """The number or condition that all elements are, of a constant and of one that is broadcast."""
    while x.op.name in ("broadcast_to", "broadcast_like"):
        x = x.operands[0]
    if not x.is_constant or x.shape:
        return None
    return bool(x.value) if x.dtype is BOOL else float(x.value) if x.dtype.kind == "f" else None


__all__ = ["branch_loops"]
