"""Quotients of polynomials for smooth functions of one value: they reach where a polynomial of the same length does not.

p/q with p(s) = f(s)·q(s) at Chebyshev's nodes, which is a linear system for the coefficients with q(0) = 1. That is no best
approximation, but within a small factor of one where the function is smooth. The fewest coefficients are taken whose error
between the nodes stays below the goal, and with which q does not change its sign.

Sources: Trefethen, Approximation Theory and Approximation Practice (2013), chapter 26; Baker and Graves-Morris, Padé Approximants
(1996).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.ir.expr import Expr, constant
from graphc.ir.types import FLOAT64

DEGREES = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (8, 7), (10, 9))
"""Of p and q."""

NOTHING = 2.0**-90
"""Coefficients smaller than that beside the largest are what is left of 0."""

HOPELESS = 2.0**-12
"""Relative error of the second pair of degrees from which no more are tried."""


def quotient(
    at: Callable[[Any], Any], mp: Any, first: Any, last: Any, goal: float, over: Callable[[], bool]
) -> tuple[list[float], list[float]] | None:
    """The coefficients of p and q, the constant ones first; None where no quotient of few coefficients is good enough.

    at : the function in many digits, None where it has no value; first, last : the interval
    goal : the largest relative error; over : whether there is no time left
    """
    middle, half = (first + last) / 2, (last - first) / 2
    for number, (above, below) in enumerate(DEGREES):
        if over():
            return None
        count = above + below + 1
        nodes = [middle + half * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / count) for k in range(count)]
        values = [at(s) for s in nodes]
        if any(value is None or not value for value in values):
            return None
        found = _interpolated(nodes, values, above, below, mp)
        if found is None:
            continue
        worst = _error(
            at, *found, [middle + half * mp.cos(mp.pi * (k + 0.03) / count) for k in range(count + 1)]
        )
        if worst is None:
            continue
        if worst < goal:
            return [float(each) for each in found[0]], [float(each) for each in found[1]]
        if number == 1 and worst > HOPELESS:
            return None
    return None


def _interpolated(
    nodes: Sequence[Any], values: Sequence[Any], above: int, below: int, mp: Any
) -> tuple[list[Any], list[Any]] | None:
    rows, right = mp.matrix(len(nodes)), mp.matrix(len(nodes), 1)
    for place, (s, value) in enumerate(zip(nodes, values, strict=True)):
        power = mp.mpf(1) / value  # each row relative to its value
        for k in range(above + 1):
            rows[place, k] = power
            power *= s
        power = s
        for k in range(below):
            rows[place, above + 1 + k] = -power
            power *= s
        right[place] = 1
    try:
        solved = list(mp.lu_solve(rows, right))
    except (ZeroDivisionError, ValueError):
        return None
    return solved[: above + 1], [mp.mpf(1), *solved[above + 1 :]]


def _error(
    at: Callable[[Any], Any], above: Sequence[Any], below: Sequence[Any], points: Sequence[Any]
) -> Any | None:
    """The largest relative error at some points; None where q is not positive."""
    worst = points[0] * 0
    for s in points:
        value, divisor = at(s), horner(below, s)
        if value is None or not value or divisor <= 0:
            return None
        worst = max(worst, abs(horner(above, s) / divisor / value - 1))
    return worst


def horner(coefficients: Sequence[Any], s: Any) -> Any:
    total = coefficients[-1]
    for each in reversed(coefficients[:-1]):
        total = total * s + each
    return total


def polynomial(coefficients: Sequence[float], s: Expr) -> Expr:
    """A polynomial by Horner's scheme."""
    largest = max(map(abs, coefficients))
    numbers = [each if abs(each) > NOTHING * largest else 0.0 for each in coefficients]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    total: Expr = constant(numbers[-1], FLOAT64)
    for each in reversed(numbers[:-1]):
        total = constant(each, FLOAT64) + s * total
    return total


__all__ = ["horner", "polynomial", "quotient"]
