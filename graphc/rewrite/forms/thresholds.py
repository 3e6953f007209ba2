"""Conditions that compare one quantity with numbers: what they are together, and what one says of another.

A second derivative stands in branches of |u| < 1 and |u| < 1.15 at once: (|u| < 1) & ~(|u| < 1.15) never holds, ~p | p & q | p
always does, and inside of |u| < 1 there is no choice left. Comparisons change at their numbers alone, so it is enough to look
there, between them, at the infinities and at NaN.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable

from graphc.ir.expr import Expr

MOST_PARTS = 24
"""Of a condition; larger ones are left alone."""

Compare = Callable[[float, float], bool]

ORDERS: dict[str, Compare] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}

_LOGICAL = frozenset(("logical_not", "logical_and", "logical_or"))


def polar(condition: Expr) -> tuple[Expr, bool]:
    """A condition without its negation, and whether it had none."""
    positive = True
    while condition.op.name == "logical_not":
        condition, positive = condition.operands[0], not positive
    return condition, positive


def compared(condition: Expr) -> Expr | None:
    """What all comparisons in a condition compare with numbers; None of anything else."""
    quantity: Expr | None = None
    pending, looked = [condition], 0
    while pending:
        part = pending.pop()
        looked += 1
        if looked > MOST_PARTS:
            return None
        if part.op.name in _LOGICAL:
            pending += part.operands
        elif not _is_comparison(part) or (quantity is not None and quantity is not part.operands[0]):
            return None
        else:
            quantity = part.operands[0]
    return quantity


def _is_comparison(node: Expr) -> bool:
    if node.op.name not in ORDERS or node.operands[0].dtype.kind != "f":
        return False
    number = node.operands[1]
    return number.is_constant and not number.shape and not node.operands[0].is_constant


def _numbers(condition: Expr) -> set[float]:
    found: set[float] = set()
    pending = [condition]
    while pending:
        part = pending.pop()
        if part.op.name in _LOGICAL:
            pending += part.operands
        else:
            found.add(float(part.operands[1].value))
    return found


def _places(numbers: set[float]) -> list[float]:
    """Every number, one between each two, and beyond all."""
    known = sorted(number for number in numbers if math.isfinite(number))
    between = [low / 2 + high / 2 for low, high in itertools.pairwise(known)]
    beyond = [math.nextafter(known[0], -math.inf), math.nextafter(known[-1], math.inf)] if known else [0.0]
    return [*known, *between, *beyond, -math.inf, math.inf, math.nan]


def _holds(condition: Expr, value: float) -> bool:
    name, operands = condition.op.name, condition.operands
    if name == "logical_not":
        return not _holds(operands[0], value)
    if name == "logical_and":
        return _holds(operands[0], value) and _holds(operands[1], value)
    if name == "logical_or":
        return _holds(operands[0], value) or _holds(operands[1], value)
    return ORDERS[name](value, float(operands[1].value))


def constant_truth(condition: Expr) -> bool | None:
    """Whether a condition always or never holds; None where that depends."""
    if condition.op.name not in _LOGICAL or compared(condition) is None:
        return None
    found = {_holds(condition, place) for place in _places(_numbers(condition))}
    return found.pop() if len(found) == 1 else None


def implied(condition: Expr, other: Expr, holds: bool) -> bool | None:
    """Whether a condition holds where another does, or does not; None where that depends or is not known."""
    if condition.op.name == other.op.name == "less" and condition.operands[0] is not other.operands[0]:
        return None
    quantity = compared(other)
    if quantity is None or compared(condition) is not quantity:
        return None
    places = [p for p in _places(_numbers(condition) | _numbers(other)) if _holds(other, p) == holds]
    found = {_holds(condition, place) for place in places}
    return found.pop() if len(found) == 1 else None


def shorter(condition: Expr) -> Expr | None:
    """A comparison in a condition that says the same as the whole of it."""
    if condition.op.name not in ("logical_and", "logical_or") or compared(condition) is None:
        return None
    places = _places(_numbers(condition))
    wanted = [_holds(condition, place) for place in places]
    pending, found = [condition], None
    while pending:
        part = pending.pop()
        whole = part is not condition and part.shape == condition.shape
        if whole and [_holds(part, place) for place in places] == wanted:
            found = part  # what stands deeper is shorter
        if part.op.name in _LOGICAL:
            pending += part.operands
    return found


__all__ = ["compared", "constant_truth", "implied", "polar", "shorter"]
