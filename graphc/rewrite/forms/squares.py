"""Sums of squares: x² + 4y² + (xy)², as norms see them."""

from __future__ import annotations

import math

from graphc.ir.expr import Expr, constant
from graphc.rewrite.forms.linear import factors_of, is_number, product

LONGEST_NORM = 64
"""Each hypot waits for the one before: beyond this the sum of squares stays."""


def squared_terms(total: Expr) -> list[Expr] | None:
    """x, y, … of x² + y² + …, from left to right; 4y² is (2y)², x²y² is (xy)², and beside such a product 1 is 1²."""
    found: list[Expr] = []
    pending, numbers = [total], 0
    while pending and len(found) <= LONGEST_NORM:
        node = pending.pop()
        if node.op.name == "add":
            pending += node.operands[::-1]
            continue
        base = _root_of_square(node)
        if base is None:
            return None
        numbers += base.is_constant
        found.append(base)
    if pending or numbers > 1:
        return None
    if numbers and not any(base.op.name == "multiply" for base in found):
        return None  # of x² + 1 there is a row
    return found


def _root_of_square(node: Expr) -> Expr | None:
    """x of x², where it is no rounded number times a product."""
    if node.op.name == "square":
        return node.operands[0]
    if is_number(node):
        root = math.sqrt(max(float(node.value), 0.0))
        return constant(root, node.dtype) if root and root * root == float(node.value) else None
    if node.op.name != "multiply":
        return None
    if node.operands[0] is node.operands[1]:
        return node.operands[0]
    number, factors = factors_of(node)
    root = math.sqrt(max(number, 0.0))
    halves = list(dict.fromkeys(factors))
    if root * root != number or not math.log2(root or 3).is_integer() or len(factors) > MOST_IN_SQUARE:
        return None
    if any(factors.count(each) != 2 or each.dtype != node.dtype for each in halves):
        return None
    base = product(halves)
    return base if base is None or root == 1 else constant(root, node.dtype) * base


MOST_IN_SQUARE = 6
"""Factors of a product that is seen as a square."""


__all__ = ["squared_terms"]
