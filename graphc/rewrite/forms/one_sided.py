"""Absolute values in branches by the sign of x, for derivatives.

√(x² + 1) − x is written as 1/(√(x² + 1) + |x|) where x is not negative. There |x| is x, also at 0, where its derivative is not
that of |x|, which is 0. As a value |x| stays: √(x² + 1) + x would be written with branches of its own.

First derivatives hold the branches as masks beside the factors with |x| in them, so |x| is replaced wherever it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphc.ir.expr import Expr, substitute, walk
from graphc.ops.comparison import where

SIGNS = {"less": 1, "less_equal": 1, "greater": -1, "greater_equal": -1}
"""Comparison of x with 0 → the sign of x where it does not hold"""


def one_sided(outputs: Sequence[Expr], known: Collection[Expr]) -> tuple[tuple[Expr, ...], dict[Expr, Expr]]:
    """The outputs with x or −x for |x| by the branches of x's sign, and what each of these stands for.

    known : nodes that somebody wrote, whose derivatives are those of what they say
    """
    order = walk(outputs)
    sizes = {node.operands[0]: node for node in order if node.op.name == "abs" and node not in known}
    sided: dict[Expr, Expr] = {}
    for node in order if sizes else ():
        condition = _of_sign(node) if node not in known else None
        if condition is not None and condition.operands[0] in sizes:
            x, other = condition.operands[0], SIGNS[condition.op.name]
            sided.setdefault(sizes[x], where(condition, -x, x) if other > 0 else where(condition, x, -x))
    if not sided:
        return tuple(outputs), {}
    back = {value: size for size, value in sided.items()}
    return tuple([substitute(output, dict(sided)) for output in outputs]), back


def _of_sign(node: Expr) -> Expr | None:
    """The comparison of something with 0 that chooses between two branches."""
    if node.op.name != "where":
        return None
    condition = node.operands[0]
    while condition.op.name == "logical_not":
        (condition,) = condition.operands
    if condition.op.name not in SIGNS:
        return None
    x, zero = condition.operands
    whole = zero.is_constant and not zero.shape and zero.value == 0 and x.dtype.kind == "f"
    return condition if whole else None


__all__ = ["one_sided"]
