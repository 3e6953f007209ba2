"""Polynomials, and quotients of them, for parts of a formula that depend on one value, near the point where their digits die.

A part that is seen through one value u is a function of one variable. Near a point c where it cancels it is (u − c)ᵐ times a
function that is smooth there; that one is interpolated at Chebyshev's nodes with values from ball arithmetic, which is a series
about c with its error spread over an interval. The fewest terms are taken whose error stays below a quarter of a unit in the last
place at points between the nodes.

Source: Trefethen, Approximation Theory and Approximation Practice (2013), chapters 2 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.interpret.mpmath_eval import context, decided
from graphc.ir.expr import Expr, constant, substitute, symbol, walk
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64
from graphc.ops.elementary import sqrt
from graphc.search.clock import Clock
from graphc.search.columns import Columns, size_within
from graphc.search.exact import Exact
from graphc.search.rational_fit import horner, polynomial, quotient

DIGITS = 40
GOAL = 2.0**-55
"""Relative error of a polynomial before its coefficients are rounded."""

REACHES = (4.0, 1.0)
"""How far quotients of polynomials reach."""

RADII = (1.0, 0.5, 0.125, 2.0**-6)
DEGREES = (2, 4, 6, 8, 10, 13)
TINY = 2.0**-70
ORDERS = range(-4, 13)
CENTRES = (0.0, 1.0, -1.0, math.inf)
MOST_PARTS = 4
NODES = 400
"""Of a part: that it depends on one value is found out by walking over it once for each node."""

LOST = 2.0
"""Mean bits that an operation has to lose before its users are looked at."""


def fitted(
    formula: Expr, exact: Exact, columns: Columns, clock: Clock, share: float
) -> Iterator[tuple[Expr, Expr, np.ndarray]]:
    """(part, polynomial that stands for it near a point, where it does) for the parts of a formula that lose digits.

    exact : values at the points where the formula is worst; columns : of all points
    """
    losses = exact.losses([formula])
    bad = {node for node, lost in losses.items() if lost > LOST}
    order = walk([formula])
    above: set[Expr] = set()
    for node in order:
        if node in bad or any(operand in above for operand in node.operands):
            above.add(node)
    tried = 0
    for part in reversed([node for node in order if node in above and node.dtype == FLOAT64]):
        if tried >= MOST_PARTS or clock.over(share):
            return
        if size_within(part, NODES) > NODES:
            continue
        through = _seen_through(part)
        if through is None or not any(node in bad for node in walk([part], [through])):
            continue  # what is lost is lost below: in a value that is as it is
        tried += 1
        values = columns(through)
        for centre in CENTRES:
            with np.errstate(all="ignore"):
                near = np.abs(1 / values if math.isinf(centre) else values - centre) < REACHES[0]
            if near.sum() * 16 < len(values):
                continue
            with np.errstate(all="ignore"):
                h = 1 / values if math.isinf(centre) else values - centre
            for form, low, high in _about(part, through, centre, values[near], clock, share):
                yield part, form, (low <= h) & (h <= high)


def _seen_through(part: Expr) -> Expr | None:
    """The one value that a part depends on: the nearest to it that all of its inputs are seen through."""
    for node in reversed(walk([part])):
        if node is part or node.is_constant or node.dtype != FLOAT64:
            continue
        if not any(below.is_symbol for below in walk([part], [node])):
            return node
    return None


class _Function:
    """A part as a function of h = u − c, or of h = 1/u."""

    def __init__(self, part: Expr, through: Expr, centre: float) -> None:
        t = symbol("\2t")
        self._dag = Dag([substitute(part, {through: t})], [t])
        self._centre = centre
        self.mp = context(DIGITS)

    def __call__(self, h: Any) -> Any:
        """The value; None where it has none."""
        mp = self.mp
        u = 1 / h if math.isinf(self._centre) else mp.mpf(self._centre) + h
        try:
            value = decided(self._dag, [u], DIGITS)[0][0]
        except (GraphcError, OverflowError, MemoryError):
            return None
        return mp.mpf(value) if mp.isfinite(value) else None


def _about(
    part: Expr, through: Expr, centre: float, values: np.ndarray, clock: Clock, share: float
) -> Iterator[tuple[Expr, float, float]]:
    """(form, the interval of h where it is good) about a point: polynomials over ever smaller intervals, and a quotient."""
    f = _Function(part, through, centre)
    mp = f.mp
    h_values = 1 / values if math.isinf(centre) else values - centre
    sides = [sign for sign in (1, -1) if (sign * h_values > 0).any()]
    if not sides:
        return
    order = _order(f, sides[0])
    if order is None:
        return
    if order % 1:  # a root of h, and no value on the other side
        sides = [1]

    def smooth(h: Any) -> Any:
        h = h or mp.mpf(TINY)  # the limit, where a node is the point itself
        value = f(h)
        return None if value is None else value / h**order

    even = False
    if len(sides) == 2:
        pairs = [(smooth(mp.mpf(h)), smooth(-mp.mpf(h))) for h in (0.3, 0.07)]
        if any(one is None or other is None for one, other in pairs):
            even = False
        else:
            even = all(abs(one - other) <= abs(one) * mp.mpf(10) ** -30 for one, other in pairs)
    h: Expr = through
    if math.isinf(centre):
        h = 1 / through
    elif centre:
        h = through - constant(centre, FLOAT64)
    found = 0
    for radius in RADII:
        if clock.over(share) or found == 2:
            return
        low, high = (-radius if -1 in sides else 0.0), (radius if 1 in sides else 0.0)
        coefficients = _coefficients(smooth, mp, low, high, even, clock, share)
        if coefficients is not None:
            found += 1
            yield _written(h, order, partial(polynomial, coefficients), even), low, high
    for low, high in _reaches(h_values, sides):
        if clock.over(share):
            return
        first, last = (mp.mpf(0), mp.mpf(high) ** 2) if even else (mp.mpf(low), mp.mpf(high))
        at = (lambda s: smooth(mp.sqrt(s))) if even else smooth
        parts = quotient(at, mp, first, last, GOAL, lambda: clock.over(share))
        if parts is not None:
            above, below = parts

            def ratio(s: Expr, above: list[float] = above, below: list[float] = below) -> Expr:
                return polynomial(above, s) / polynomial(below, s)

            yield _written(h, order, ratio, even), -high if even else low, high
            return


def _reaches(h: np.ndarray, sides: list[int]) -> Iterator[tuple[float, float]]:
    """Intervals for quotients of polynomials, the longest first: on both sides of the point, or on one."""
    for reach in REACHES:
        if len(sides) == 2:
            yield -reach, reach
    for side in sides:
        for reach in REACHES:
            if (side * h > reach / 4).any():
                yield (0.0, reach) if side > 0 else (-reach, 0.0)


def _order(f: _Function, sign: int) -> float | None:
    """The power of h that the function begins with, a half of a whole number; None where there is none."""
    mp = f.mp
    sizes = [f(sign * mp.mpf(2) ** -power) for power in (60, 61)]
    if any(size is None or not size for size in sizes):
        return None
    ratio = abs(sizes[0] / sizes[1])
    order = float(mp.nint(2 * mp.log(ratio, 2))) / 2
    if math.floor(order) not in ORDERS or abs(ratio / mp.mpf(2) ** order - 1) > 1e-12:
        return None
    return order if sign > 0 or order.is_integer() else None


def _coefficients(
    smooth: Any, mp: Any, low: float, high: float, even: bool, clock: Clock, share: float
) -> list[float] | None:
    """Those of the polynomial of the least degree that is good enough; in h², where the function is even."""
    known: dict[Any, Any] = {}

    def at(s: Any) -> Any:
        if s not in known:
            known[s] = smooth(mp.sqrt(s) if even else s)
        return known[s]

    first, last = (mp.mpf(0), mp.mpf(high) ** 2) if even else (mp.mpf(low), mp.mpf(high))
    middle, half = (first + last) / 2, (last - first) / 2

    def node(k: int, count: int, shift: float) -> Any:
        return middle + half * mp.cos(mp.pi * (k + shift) / count)

    for degree in DEGREES:
        if clock.over(share):
            return None
        nodes = [node(k, degree + 1, 0.5) for k in range(degree + 1)]
        values = [at(s) for s in nodes]
        if any(value is None for value in values):
            return None
        coefficients = _interpolated(nodes, values, mp)
        worst = mp.mpf(0)
        for k in (0.02, 1, degree // 2 + 0.1, degree + 0.98):
            s = middle + half * mp.cos(mp.pi * mp.mpf(k) / (degree + 1))
            value = at(s)
            if value is None or not value:
                return None
            worst = max(worst, abs(horner(coefficients, s) / value - 1))
        if worst < GOAL:
            return [float(each) for each in coefficients]
        if degree >= 6 and worst > 2.0**-20:
            return None
    return None


def _interpolated(nodes: Sequence[Any], values: Sequence[Any], mp: Any) -> list[Any]:
    """The coefficients of the polynomial through some points, by Newton's divided differences."""
    differences = list(values)
    for order in range(1, len(nodes)):
        for k in range(len(nodes) - 1, order - 1, -1):
            differences[k] = (differences[k] - differences[k - 1]) / (nodes[k] - nodes[k - order])
    coefficients = [differences[-1]]
    for k in range(len(nodes) - 2, -1, -1):
        shifted = [mp.mpf(0), *coefficients]
        for place, each in enumerate(coefficients):
            shifted[place] -= nodes[k] * each
        shifted[0] += differences[k]
        coefficients = shifted
    return coefficients


def _written(h: Expr, order: float, value: Callable[[Expr], Expr], even: bool) -> Expr:
    """hᵐ·f(h), or hᵐ·f(h²); with a root of h for halves."""
    total = value(h * h if even else h)
    power: Expr | None = sqrt(h) if order % 1 else None
    for _ in range(int(abs(order))):
        power = h if power is None else power * h
    if power is None:
        return total
    return total * power if order > 0 else total / power


__all__ = ["fitted"]
