"""What a form has to pass before it is offered: at fresh points, everywhere, and over the real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.compiler.pipeline import Options
from graphc.compiler.runtime.make import make
from graphc.errors import GraphcError
from graphc.interpret.mpmath_eval import decided
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64
from graphc.search.clock import Clock
from graphc.search.result import SLACK, Agreement
from graphc.search.truth import DIGITS, EVENLY, FLOATS, FOCUS, Points
from graphc.util.pytree import flatten

GROUP = 64
"""Neighbouring points whose mean is taken."""

UNIT = 1.0
"""Bits of error of a result that is one unit in the last place off: what is no more counts as right."""

COMPARED = 40
"""Points at which two forms are compared over the real numbers."""

SAME = 1e-18
NEAR = 2.0**-52


def is_worse(before: np.ndarray, after: np.ndarray, points: Points, slack: float = SLACK) -> bool:
    """Whether a form is worse anywhere: on the whole of the points, of those drawn one way, or of a group of neighbours.

    before, after : bits of error at each point. Neighbours are those that follow one another along an input. In parts of the
    points a result that is a unit in the last place off counts as right.
    """
    if not len(before):
        return False
    if after.mean() > before.mean() + slack:
        return True
    gained = np.maximum(after, UNIT) - np.maximum(before, UNIT)
    for kind in (FLOATS, EVENLY, FOCUS):
        chosen = points.kinds == kind
        if chosen.any() and gained[chosen].mean() > slack:
            return True
    for symbol, column in points.columns.items():
        if symbol.dtype != FLOAT64 or len(column) < 2 * GROUP:
            continue
        order = np.argsort(column, kind="stable")
        for group in np.array_split(gained[order], len(order) // GROUP):
            if group.mean() > slack:
                return True
    return False


def agreement(
    written: Expr, form: Expr, symbols: Sequence[Expr], points: Points, clock: Clock
) -> Agreement | None:
    """A form beside the formula over the real numbers; None where it is another function."""
    both = Dag([written, form], symbols)
    equal = near = undecided = 0
    count = len(points)
    for place in range(0, count, max(1, count // COMPARED)):
        if clock.over():
            break
        row = [points.columns[symbol][place] for symbol in symbols]
        try:
            (one, other), _ = decided(both, row, DIGITS, stop=clock.over)
        except (GraphcError, OverflowError, MemoryError):
            if clock.over():
                break
            undecided += 1
            continue
        apart = abs(one - other)
        if apart <= SAME * abs(one):
            equal += 1
        elif apart <= NEAR * abs(one) or apart < 5e-324:
            near += 1
        else:
            return None
    return Agreement(equal, near, undecided)


MOST_COMPILED = 2000
"""Operations of all forms together that are compiled to be measured; those of more are measured as NumPy computes them."""


def as_compiled(forms: Sequence[Expr], symbols: Sequence[Expr], points: Points) -> list[np.ndarray] | None:
    """What machine code answers for some forms at the points, as they are written; None where there is none."""
    if not len(points) or not symbols or len(walk(forms)) > MOST_COMPILED:
        return None
    try:
        options = Options(tier="quick", cache=False, progress=False, parallel=False)
        function: Any = make(Dag(forms, symbols), flatten(list(forms))[1], options)
        results = function(*[points.columns[symbol] for symbol in symbols])
    except GraphcError:
        return None
    return [
        np.ascontiguousarray(np.broadcast_to(np.asarray(each, FLOAT64), (len(points),))) for each in results
    ]


__all__ = ["agreement", "as_compiled", "is_worse"]
