"""Walking over nodes: in which order they are visited, and as rows of plain data for pickling. Nothing recurses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from graphc.errors import ExpressionError, UnknownNameError, brief
from graphc.ir.expr.node import Node, intern
from graphc.ir.op import SYMBOL, find
from graphc.ir.types import as_dtype
from graphc.util.gc_pause import paused

_N = TypeVar("_N", bound=Node)


def walk(outputs: Iterable[_N], leaves: Iterable[_N] = ()) -> list[_N]:
    """Every node below `outputs`, operands before their users, in an order that depends on the expressions alone.

    Depth first from left to right, without recursion. What lies below `leaves` is left out, and so are they.
    """
    done: set[_N] = set(leaves)
    order: list[_N] = []
    for output in outputs:
        stack = [output]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            operands = node.operands
            if len(operands) == 2:  # as below, for most nodes
                left, right = operands
                if right not in done:
                    stack.append(right)
                    if left not in done:
                        stack.append(left)
                    continue
                if left not in done:
                    stack.append(left)
                    continue
            elif operands:
                waiting = [operand for operand in operands if operand not in done]
                if waiting:
                    waiting.reverse()
                    stack += waiting
                    continue
            stack.pop()
            done.add(node)
            order.append(node)
    return order


def free_symbols(*outputs: _N) -> tuple[_N, ...]:
    """The symbols below `outputs`, in the order in which they are first read from left to right."""
    for output in outputs:
        if not isinstance(output, Node):
            raise ExpressionError(f"{brief(output)} is not an expression", hint="g.free_symbols(a, b)")
    return tuple(node for node in walk(outputs) if node.op is SYMBOL)


@paused()
def pickled(expr: Node) -> list[tuple[Any, ...]]:
    """The nodes below `expr` as plain rows, so that pickling does not recurse."""
    order = walk([expr])
    index = {node: number for number, node in enumerate(order)}
    names = {dtype: dtype.name for dtype in {node.dtype for node in order}}
    return [
        (
            node.op.name,
            tuple([index[operand] for operand in node.operands]),
            node.attrs,
            names[node.dtype],
            node.shape,
        )
        for node in order
    ]


@paused()
def unpickle(kind: type[_N], rows: list[tuple[Any, ...]]) -> _N:
    """The node that `pickled` gave these rows for. Raises `UnknownNameError` for an operation not defined here."""
    nodes: list[_N] = []
    dtypes = {name: as_dtype(name) for name in {row[3] for row in rows}}
    for name, operands, attrs, dtype, shape in rows:
        op = find(name)
        if op is None:
            raise UnknownNameError(
                f"the pickled expression uses the operation {name!r}, which is not defined here",
                hint="call g.define_op first, or use g.save and g.load, which carry the definition",
            )
        nodes.append(intern(kind, op, tuple([nodes[i] for i in operands]), attrs, dtypes[dtype], shape))
    return nodes[-1]


__all__ = ["free_symbols", "pickled", "unpickle", "walk"]
