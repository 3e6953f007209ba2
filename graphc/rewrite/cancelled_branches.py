"""A quotient of a branch: what its near side is a multiple of cancels, where the condition says that it is finite."""

from __future__ import annotations

import math

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.rewrite.factors import all_factors_of
from graphc.rewrite.linear import product, scaled, without


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
    """Whether |x| < c, be it among others."""
    if condition.op.name == "logical_and":
        return any(_is_bounded(x, part) for part in condition.operands)
    near = bound_of(condition) if condition.operands else None
    return near is not None and near[0] is x and near[1] < math.inf
