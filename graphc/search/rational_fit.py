"""Quotients of polynomials for smooth functions of one value: they reach where a polynomial of the same length does not.

p/q that is f at Chebyshev's nodes, with q(0) = 1, comes of Thiele's continued fraction in few operations. That is no best
approximation, but within a small factor of one where the function is smooth. The fewest coefficients are taken whose error
between the nodes stays below the goal, and with which q does not change its sign.

Sources: Trefethen, Approximation Theory and Approximation Practice (2013), chapter 26; Stoer and Bulirsch, Introduction to
Numerical Analysis (2002), section 2.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from graphc.ir.expr import Expr, constant
from graphc.ir.types import FLOAT64

DEGREES = (2, 3, 4, 5, 6, 8, 10)
"""Of p and q."""

NOTHING = 2.0**-90
"""Coefficients smaller than that beside the largest are what is left of 0."""

HOPELESS = 2.0**-12
"""Relative error of the second degree from which no more are tried."""


def quotient(
    at: Callable[[Any], Any], mp: Any, first: Any, last: Any, goal: float, over: Callable[[], bool]
) -> tuple[list[float], list[float]] | None:
    """The coefficients of p and q, the constant ones first; None where no quotient of few coefficients is good enough.

    at : the function in many digits, None where it has no value; first, last : the interval
    goal : the largest relative error; over : whether there is no time left
    """
    middle, half = (first + last) / 2, (last - first) / 2
    for number, degree in enumerate(DEGREES):
        if over():
            return None
        count = 2 * degree + 1
        nodes = [middle + half * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / count) for k in range(count)]
        values = [at(s) for s in nodes]
        if any(value is None or not value for value in values):
            return None
        found = _interpolated(nodes, values, mp)
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


def _interpolated(nodes: Sequence[Any], values: Sequence[Any], mp: Any) -> tuple[list[Any], list[Any]] | None:
    """p and q through some points, by Thiele's continued fraction; None where a step of it has no value."""
    differences: list[Any] = []
    for node, value in zip(nodes, values, strict=True):
        rest = value
        for before, known in zip(nodes, differences, strict=False):
            if rest == known:
                return None
            rest = (node - before) / (rest - known)
        differences.append(rest)
    above, below = [differences[-1]], [mp.one]
    for node, known in zip(reversed(nodes[:-1]), reversed(differences[:-1]), strict=True):
        above, below = _added([known * each for each in above], _shifted(below, node, mp), mp), above
    if not below[0]:
        return None
    return [each / below[0] for each in above], [each / below[0] for each in below]


def _shifted(coefficients: Sequence[Any], node: Any, mp: Any) -> list[Any]:
    """(s − node) times a polynomial."""
    return _added([mp.zero, *coefficients], [-node * each for each in coefficients], mp)


def _added(one: Sequence[Any], other: Sequence[Any], mp: Any) -> list[Any]:
    return [a + b for a, b in itertools.zip_longest(one, other, fillvalue=mp.zero)]


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
