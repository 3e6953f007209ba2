"""Nodes that stand for a graph of operations: calls of bodies, solvers.

Such a node keeps what it is, for derivatives, pictures and files, until it is computed: then the graph that it stands for takes
its place. What an operation stands for is a body of the same inputs that gives all of the node's results. It may need
derivatives, so it is told by the room that has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ir.op import Op

Unfold = Callable[..., Body]
"""(*attributes but the last) → a body whose outputs are all results"""

_RULES: dict[Op, Unfold] = {}

_known: dict[Any, Body] = {}

_MOST_KNOWN = 128


def unfolds(op: Op, rule: Unfold) -> None:
    """Declare what the nodes of an operation stand for."""
    _RULES[op] = rule


_AT_A_POINT: dict[Op, Callable[[Expr, Sequence[Expr], Sequence[Any]], Expr]] = {}


def near(op: Op, rule: Callable[[Expr, Sequence[Expr], Sequence[Any]], Expr]) -> None:
    """Declare what a node is near a point, to any precision: (node, operands, their values) → operations without loops."""
    _AT_A_POINT[op] = rule


def written_near(node: Expr, operands: Sequence[Expr], values: Sequence[Any]) -> Expr | None:
    """A node of some operands as what it is near their values; None for what declares nothing."""
    rule = _AT_A_POINT.get(node.op)
    return None if rule is None else rule(node, operands, values)


def is_folded(node: Expr) -> bool:
    """Whether a node stands for a graph that has to take its place."""
    return node.op in _RULES


def unfolded(op: Op, attrs: tuple[Any, ...]) -> Body:
    """What nodes of an operation with some static arguments, all but the number of the result, stand for."""
    key = (op, attrs)
    body = _known.get(key)
    if body is None:
        body = _RULES[op](*attrs)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = body
    return body


def unfolded_values(op: Op, operands: Sequence[Any], attrs: tuple[Any, ...]) -> list[Any]:
    """All results at values of the operands."""
    return Body.evaluate(unfolded(op, attrs), operands)


__all__ = ["is_folded", "near", "unfolded", "unfolded_values", "unfolds", "written_near"]
