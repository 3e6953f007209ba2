"""A quotient of a branch: what its near side is a multiple of cancels, where the condition says that it is finite."""

from __future__ import annotations

import math

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.rewrite.forms.linear import product, scaled, without
from graphc.rewrite.rules.factors import all_factors_of


def cancelled(node: Expr, number: float, guarded: Expr, one: float, under: tuple[Expr, ...]) -> Expr | None:
    """where(p, c·x·u/v, w)/x as where(p, c·u/v, …), where p says that x is no NaN and no infinity"""
    condition, value, _ = guarded.operands
    if one != 1 or not under or not all(_is_bounded(factor, condition) for factor in under):
        return None
    total, over, below = number, [], []
    for factor, exponent in all_factors_of(value):
        if factor.is_constant and not factor.shape and exponent > 0:
            total *= float(factor.value)
        else:
            (over if exponent > 0 else below).append(factor)
    left = without(over, under)
    if left is None or not total or any(part.dtype is not node.dtype for part in (*left, *below)):
        return None
    result, divisor = product(left), product(below)
    if result is None:
        result, total = constant(abs(total), node.dtype), math.copysign(1.0, total)
    elif abs(total) != 1:
        result, total = scaled(total, result), 1.0
    result = result if divisor is None else result / divisor
    result = result if total > 0 else -result
    result = where(condition, result, node)
    return result if result.shape == node.shape else None


def bound_of(condition: Expr) -> tuple[Expr, float] | None:
    """x and c of |x| < c; None of another condition."""
    size, *most = condition.operands
    if condition.op.name != "less" or size.op.name != "abs" or not most[0].is_constant:
        return None
    return size.operands[0], float(most[0].value)


def _is_bounded(x: Expr, condition: Expr) -> bool:
    """Whether a condition is false wherever x is NaN or infinite."""
    below, above = set[Expr](), set[Expr]()  # what is no NaN and not −∞, not ∞
    pending = [condition]
    while pending:
        part = pending.pop()
        if part.op.name == "logical_and":
            pending += part.operands
            continue
        if part.op.name not in _ORDERS or not part.operands[1].is_constant or part.operands[1].shape:
            continue
        value, limit = part.operands[0], float(part.operands[1].value)
        strict = not part.op.name.endswith("_equal")
        if part.op.name.startswith("less") and (limit < math.inf or (strict and limit == math.inf)):
            above.add(value)
            if value.op.name == "abs":
                below.add(value)
        if part.op.name.startswith("greater") and (limit > -math.inf or (strict and limit == -math.inf)):
            below.add(value)
    return any(_hands_on(value, x) for value in above & below)


_ORDERS = frozenset(("less", "less_equal", "greater", "greater_equal"))

_HAND_ON = frozenset(("add", "subtract", "multiply", "negative", "abs", "sqrt", "square"))
"""Operations whose finite results have finite operands: ∞ − ∞ and 0·∞ are NaN."""

MOST_LOOKED_AT = 12


def _hands_on(value: Expr, x: Expr) -> bool:
    """Whether a value is NaN or infinite wherever x is, as far as a short look tells."""
    pending, seen = [value], 0
    while pending and seen < MOST_LOOKED_AT:
        node = pending.pop()
        seen += 1
        if node is x:
            return True
        if node.op.name in _HAND_ON:
            pending += node.operands
    return False
