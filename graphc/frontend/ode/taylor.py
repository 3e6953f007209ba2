"""Taylor's method: the solution's series about each step's beginning, by recurrences, of an order that the tolerance asks for.

The step is as long as the last two coefficients allow; no step is refused. What rounding takes from time and state is added up
beside them, so that the error of many steps grows as slowly as it can.

Sources: Jorba and Zou, A software package for the numerical integration of ODEs by means of high-order Taylor methods (2005);
Biscani and Izzo, Revisiting high-order Taylor methods for astrodynamics and celestial mechanics (2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.autodiff.rounding import low_parts
from graphc.autodiff.series import solution_coefficients
from graphc.frontend.ode.stepping import NOT_FINITE, TOO_SHORT, Loop, polynomial, whole
from graphc.frontend.ode.system import State, System, fitting, held, unit_roundoff
from graphc.ir.expr import Expr, cast, constant
from graphc.ops.comparison import maximum, minimum, where
from graphc.ops.elementary import exp2, log2
from graphc.ops.rounding import add_error
from graphc.ops.support.build import call

EXACT_TERMS, DIVIDED = 4, 7
"""To be exact: the terms of the series whose rounding errors are added up, and the numbers that coefficients are divided by."""

SHORTER = 0.9
"""To be exact: steps so much shorter. What the series leaves out is a tenth of what it was at order 20: at the full length it is
some 1e−20 of Kepler's energy a step, to the same side at each, and more after 10⁴ orbits than what rounding leaves."""


def order_for(tolerance: float) -> int:
    """The order at which the work for a digit is least."""
    return max(2, math.ceil(1 - math.log(tolerance) / 2))


class Taylor:
    """Steps of Taylor's method (`stepping.Marcher`).

    dense : whether states inside of steps are asked for
    exact : whether the rounding errors of the first terms of the series are added up too
    """

    system: System
    tolerance: float
    max_step: Any
    dense: bool
    exact: bool

    def __init__(
        self,
        system: System,
        tolerance: float,
        order: int | None,
        max_step: Any,
        dense: bool,
        exact: bool = False,
    ) -> None:
        self.system, self.tolerance = system, max(tolerance, unit_roundoff(system.dtype))
        self.order: int = order_for(self.tolerance) if order is None else order
        self.max_step, self.dense, self.exact = max_step, dense, exact

    def begun(self, t: Expr, y: State, end: Expr) -> Loop:
        zero, zeros = constant(0.0, t.dtype), [part * 0 for part in y]
        loop: Loop = {"t": t, "t_low": zero, "y": list(y), "y_low": zeros, "status": whole(0)}
        loop["steps"] = loop["rejected"] = whole(0)
        if self.dense:
            loop["dense"] = {"t": t, "t_low": zero, "y": list(y), "d": [zeros for _ in range(self.order)]}
        return loop

    def once(self, loop: Loop, end: Expr, forwards: Expr) -> Loop:
        t, y, system = loop["t"], loop["y"], self.system
        rows = solution_coefficients(
            system.time, system.state, system.slopes, t, y, self.order, DIVIDED if self.exact else 0
        )
        columns = [list(column) for column in zip(*rows, strict=True)][1:]
        rest = ((end - t) - loop["t_low"]) * forwards
        length = held(self._length(y, columns))
        ends = ~(length < rest)
        failed = ~(length > 8 * unit_roundoff(t.dtype) * abs(t)) & (length < rest)
        status = where(failed, whole(TOO_SHORT), loop["status"])
        status = where(length * 0 == 0, status, whole(NOT_FINITE))
        h = where(ends, rest, length) * forwards
        y_ends, y_lows = self._moved(loop, columns, h)
        time = t + h
        low = loop["t_low"] + add_error(t, h)
        after: Loop = {
            "t": where(ends, end, time + low),
            "t_low": where(ends, constant(0.0, t.dtype), add_error(time, low)),
            "y": y_ends,
            "y_low": y_lows,
            "status": status,
            "steps": loop["steps"] + 1,
            "rejected": loop["rejected"],
        }
        if self.dense:
            after["dense"] = {"t": t, "t_low": loop["t_low"], "y": list(y), "d": columns}
        return after

    def _moved(self, loop: Loop, columns: Sequence[State], h: Expr) -> tuple[State, State]:
        """The state behind a step, and what rounding took from it.

        To be exact, the first terms of the series keep what rounding takes from them too: the others are smaller by powers of the
        part of the radius of convergence that a step is.
        """
        y, lows = loop["y"], loop["y_low"]
        if not self.exact:
            moved = [at * value + low for (at, value), low in zip(_inner(columns, h), lows, strict=True)]
            return _added(y, moved)
        rest = [at * value for at, value in _inner(columns[EXACT_TERMS:], h)]
        change = []
        for place, value in enumerate(rest):
            at = fitting(h, value)
            for column in reversed(columns[:EXACT_TERMS]):
                value = at * (column[place] + value)
            change.append(value)
        own = {loop["t"]: loop["t_low"], **dict(zip(y, lows, strict=True))}
        found = low_parts(change, own, [h, *rest])
        ends, after = _added(y, change)
        lost = [
            held(error + low if more is None else error + (more + low))
            for error, more, low in zip(after, found, lows, strict=True)
        ]
        return _added(ends, lost)

    def _length(self, y: State, columns: Sequence[State]) -> Expr:
        """By which the last two terms of the series are as small as the tolerance, of the whole or of 1."""
        dtype, order = self.system.dtype, self.order
        size = _largest(y, dtype)
        size = maximum(size, 1.0)
        rates = []
        for n in (order - 1, order):
            coefficient = maximum(_largest(columns[n - 1], dtype), 1e-300 if dtype.itemsize == 8 else 1e-37)
            rates.append(log2(size / coefficient) / n)
        # e⁻² at the order that the tolerance asks for, and shorter where the order is a lower one
        wanted = min(math.log2(self.tolerance) / order, -2 * math.log2(math.e))
        safe = wanted - 0.7 / (order - 1) * math.log2(math.e)
        safe += math.log2(SHORTER) if self.exact else 0.0
        h = exp2(minimum(rates[0], rates[1]) + safe)
        return h if self.max_step is None else minimum(h, self.max_step)

    def read(self, loop: Loop, target: Expr) -> State:
        if not self.dense:
            return loop["y"]
        dense = loop["dense"]
        return polynomial(dense["y"], dense["d"], (target - dense["t"]) - dense["t_low"])


def _added(parts: Sequence[Expr], others: Sequence[Expr]) -> tuple[State, State]:
    """Sums, and what rounding takes from them."""
    pairs = list(zip(parts, others, strict=True))
    return [a + b for a, b in pairs], [add_error(a, b) for a, b in pairs]


def _largest(parts: Sequence[Expr], dtype: Any) -> Expr:
    sizes = [call("max", abs(part)) if part.shape else abs(part) for part in parts]
    sizes = [size if size.dtype == dtype else cast(size, dtype) for size in sizes]
    while len(sizes) > 1:
        pairs = [maximum(a, b) for a, b in zip(sizes[::2], sizes[1::2], strict=False)]
        sizes = [*pairs, sizes[-1]] if len(sizes) % 2 else pairs
    return sizes[0]


def _inner(columns: Sequence[State], h: Expr) -> list[tuple[Any, Expr]]:
    """For each part h, and Σ dⱼhʲ⁻¹."""
    result = []
    for place, part in enumerate(columns[0]):
        at = fitting(h, part)
        value = columns[-1][place]
        for column in reversed(columns[:-1]):
            value = column[place] + at * value
        result.append((at, value))
    return result


__all__ = ["Taylor", "order_for"]
