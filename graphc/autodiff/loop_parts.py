"""What the derivatives of loops are made of: sums, conditions, a step that may be none, and the loops within a step."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, walk
from graphc.ops.comparison import where
from graphc.ops.control import SCAN, WHILE, switch_results


def added(terms: Sequence[Expr]) -> Expr:
    """The sum of some expressions."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def any_of(conditions: Sequence[Expr]) -> Expr:
    """Whether any of some conditions holds."""
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole | condition
    return whole


def chosen(condition: Expr, value: Expr) -> Expr:
    """A value where a condition holds, else 0."""
    return where(condition, value, constant(0.0, value.dtype))


def masked(body: Body, test: Body, carries: int) -> Body:
    """One step of a loop where its condition holds; what there was where it does not."""
    stays = Body(body.inputs, body.inputs[:carries])
    (asked,) = test.of(body.inputs)
    return Body(body.inputs, switch_results(asked.astype("int64"), (stays, body), body.inputs))


def loops_within(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> list[Expr]:
    """The loops of a step as it runs forwards that its derivative reads: they are not run again for it."""
    ahead: set[Expr] = set(inputs)
    for node in walk(outputs):
        if node.operands and all(x in ahead or x.is_constant for x in node.operands):
            ahead.add(node)
    found: dict[Expr, None] = {}
    pending, seen = list(outputs), set[Expr]()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in ahead and node.op in (SCAN, WHILE):
            found[node] = None
        else:
            pending += node.operands
    return list(found)


__all__ = ["added", "any_of", "chosen", "loops_within", "masked"]
