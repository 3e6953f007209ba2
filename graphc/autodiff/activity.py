"""Which nodes have a derivative that is not zero by declaration."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.expr import Expr
from graphc.ir.types import is_float


def active_nodes(order: Sequence[Expr], wrt: set[Expr]) -> set[Expr]:
    """The nodes whose derivative with respect to `wrt` is not zero by declaration."""
    active: set[Expr] = set()
    for node in order:
        if node in wrt:
            active.add(node)
            continue
        op, operands = node.op, node.operands
        if not operands or node.dtype.kind != "f":
            continue
        if op.shape is None:
            rules = op.partials
            if rules is None:
                continue
            if len(operands) == 2:  # as below, for most nodes
                if (operands[0] in active and rules[0] is not None) or (
                    operands[1] in active and rules[1] is not None
                ):
                    active.add(node)
            else:
                for operand, rule in zip(operands, rules, strict=True):
                    if rule is not None and operand in active:
                        active.add(node)
                        break
        elif op.differentiable:
            for slot, operand in enumerate(operands):
                if operand in active and depends(node, slot):
                    active.add(node)
                    break
    return active


def depends(node: Expr, slot: int) -> bool:
    """Whether a node's derivative with respect to an operand is not zero by declaration."""
    op = node.op
    rules = op.pullbacks if op.on_arrays else op.partials
    if op.on_arrays and not isinstance(rules, tuple):
        return is_float(node.operands[slot].dtype)
    return rules is not None and rules[slot] is not None  # type: ignore[index]


__all__ = ["active_nodes", "depends"]
