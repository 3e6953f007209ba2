"""Branches of `where` seen from inside: there the condition is known.

Reverse mode guards what it computes for a branch by the branch's condition, each step anew, so that derivatives of formulas with
branches are full of where(c, …where(c, x, 0)…, 0). Inside of the outer one the inner one is x.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.expr import Expr, rebuild, walk
from graphc.ops.comparison import where

FARTHEST = 400
"""Nodes below a branch that are looked at: each branch is looked through once, so that the work stays linear."""


def settled(outputs: Sequence[Expr]) -> list[Expr]:
    """The outputs with conditions inside of branches decided where the branch decides them, and guarded sums under one guard.

    Values are the same to the bit but for the signs of zeros.
    """
    best: dict[Expr, Expr] = {}
    for node in walk(outputs):
        operands = tuple([best[operand] for operand in node.operands])
        new = rebuild(node, operands) if operands != node.operands else node
        if new.op.name == "where":
            new = _decided(new)
        elif new.op.name in ("add", "subtract", "negative"):
            new = _under_one_guard(new)
        best[node] = new
    return [best[output] for output in outputs]


def _opposite(a: Expr, b: Expr) -> bool:
    return (a.op.name == "logical_not" and a.operands[0] is b) or (
        b.op.name == "logical_not" and b.operands[0] is a
    )


def _decided(node: Expr) -> Expr:
    condition, taken, other = node.operands
    one, two = _assuming(taken, condition, True), _assuming(other, condition, False)
    if (one, two) == (taken, other):
        return node
    again = where(condition, one, two)
    return again if (again.dtype, again.shape) == (node.dtype, node.shape) else node


def _assuming(branch: Expr, condition: Expr, holds: bool) -> Expr:
    """A branch in which a condition is known to hold, or not."""
    order = _near(branch)
    known: dict[Expr, Expr] = {}
    for node in order:
        if node.op.name == "where":
            inner = node.operands[0]
            if inner is condition or _opposite(inner, condition):
                chosen = node.operands[1] if (inner is condition) == holds else node.operands[2]
                chosen = known.get(chosen, chosen)
                if (chosen.dtype, chosen.shape) == (node.dtype, node.shape):
                    known[node] = chosen
                    continue
        operands = tuple([known.get(operand, operand) for operand in node.operands])
        if operands != node.operands:
            known[node] = rebuild(node, operands)
    return known.get(branch, branch)


def _near(root: Expr) -> list[Expr]:
    """The nodes below a node, operands first; none where they are too many."""
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [operand for operand in node.operands if operand not in done]
        if node in done or not waiting:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack += waiting
        if len(done) + len(stack) > FARTHEST:
            return []
    return order


def _is_zero(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 0


def _under_one_guard(node: Expr) -> Expr:
    """where(c, a, b) ± where(c, x, y) as where(c, a ± x, b ± y), and −where(c, a, b) as where(c, −a, −b)."""
    if any(operand.op.name != "where" for operand in node.operands):
        return node
    if node.op.name == "negative":
        condition, taken, other = node.operands[0].operands
        again = where(condition, -taken, other if _is_zero(other) else -other)
        return again if (again.dtype, again.shape) == (node.dtype, node.shape) else node
    (c, a, b), (d, x, y) = (operand.operands for operand in node.operands)
    if _opposite(c, d):
        d, x, y = c, y, x
    if c is not d:
        return node
    again = where(c, _sum(node, a, x), _sum(node, b, y))
    return again if (again.dtype, again.shape) == (node.dtype, node.shape) else node


def _sum(node: Expr, left: Expr, right: Expr) -> Expr:
    """The sum or difference of two expressions, of which a 0 adds nothing."""
    if _is_zero(right):
        return left
    if node.op.name == "add":
        return right if _is_zero(left) else left + right
    return -right if _is_zero(left) else left - right


__all__ = ["settled"]
