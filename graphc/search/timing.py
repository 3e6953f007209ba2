"""Whether a form is faster than the formula as written: by the cost model and, where there is time, by machine code side by side.

The model knows an operation's time on ordinary numbers, not what a processor makes of several together, of subnormal numbers on
the way and of branches. A form is called faster only where both agree, or where the model's margin is beyond its largest error.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.compiler.pipeline import Options
from graphc.compiler.runtime.make import make
from graphc.errors import GraphcError
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag
from graphc.search.clock import Clock
from graphc.search.result import SLACK, Alternative
from graphc.search.truth import Points
from graphc.util.pytree import flatten

FASTER = 0.9
"""Of the time of the formula as written, by the model: less than a tenth saved is no promise."""

MODEL_ERROR = 2.5
"""The largest factor by which the model's quotient of two times was too small, of 92 cheaper forms of the collection (2.34)."""

MEASURED = 0.95
"""The quotient of two measured times below which one is faster: two runs of one function differ by some percent."""

COMPARED = 3
"""Forms that are timed, the cheapest first."""

LARGEST = 500
"""Operations of a form and the formula together that are compiled to be timed."""

ELEMENTS, ROUNDS = 8192, 15

Stopwatch = Callable[[Expr, Expr, Sequence[Expr], Points], float | None]
"""The time of a form by that of the formula as written; None where neither was compiled."""


def is_faster(model: float, measured: float | None) -> bool:
    """Whether a form may be called faster.

    model, measured : its time by that of the formula as written, by the cost model and by machine code; None where that was not
    timed
    """
    if not model < FASTER:
        return False
    if measured is None:
        return model * MODEL_ERROR < FASTER
    return measured < MEASURED


def side_by_side(form: Expr, written: Expr, symbols: Sequence[Expr], points: Points) -> float | None:
    """The time of machine code for a form by that for the formula, on arrays of the points: the least of some rounds by turns."""
    if not len(points) or not symbols or len(walk([form, written])) > LARGEST:
        return None
    times = max(1, ELEMENTS // len(points))
    columns = [np.tile(points.columns[symbol], times) for symbol in symbols]
    options = Options(cache=False, progress=False, parallel=False)
    try:
        functions: list[Any] = [
            make(Dag([each], symbols), flatten(each)[1], options) for each in (form, written)
        ]
        least = [math.inf, math.inf]
        for _ in range(ROUNDS):
            for place, function in enumerate(functions):
                began = time.perf_counter()
                function(*columns)
                least[place] = min(least[place], time.perf_counter() - began)
    except GraphcError:
        return None
    return least[0] / least[1] if least[1] > 0 else None


def fastest(
    offered: Sequence[Alternative], written: Alternative, enough: float, price: Callable[[Alternative], float],
    symbols: Sequence[Expr], points: Points, clock: Clock, stopwatch: Stopwatch = side_by_side,
) -> Alternative:  # fmt: skip
    """The cheapest form that is no less accurate than the formula as written and faster; that as written where none is.

    enough : mean bits of error that are allowed in any case; price : what a form takes by the model
    """
    good = [
        each
        for each in offered
        if each.expr is not written.expr
        and each.cost < FASTER * written.cost
        and not each.bits > max(written.bits, enough) + SLACK
    ]
    for each in sorted(good, key=price)[:COMPARED]:
        measured = None if clock.over() else stopwatch(each.expr, written.expr, symbols, points)
        if is_faster(each.cost / written.cost, measured):
            return each
    return written


__all__ = ["FASTER", "fastest", "is_faster", "side_by_side"]
