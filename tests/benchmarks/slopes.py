"""What stable derivatives cost: the derivative as compile rewrites it beside the same as it is written.

python -m tests.benchmarks slopes        the table; python -m tests.benchmarks.slopes TEXT …: those whose text holds one

The formulas are those of `derivatives.py` whose derivative as written is right at ordinary points, where stability has nothing to
gain. Each is run over 10⁵ of such points, both forms in turn, and the ratio is that of their medians; where the points are, every
branch of a form is computed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import mpmath
import numpy as np

import graphc as g
from tests.benchmarks.derivatives import FORMULAS, MOST, Formula, truths, units

POINTS = 100_000
ROUNDS = 41
ASKED = 1.1
LOW, HIGH = 0.25, 3.0
"""Ordinary points lie between, of either sign where the formula is defined there."""


def ordinary(formula: Formula) -> list[float]:
    """Sixteen points at which a derivative is held against the truth."""
    sizes = np.linspace(LOW, HIGH, 8)
    return [float(x) for x in (*sizes, *-sizes) if formula.low <= x <= formula.high]


def is_right_as_written(formula: Formula) -> bool:
    """Whether the derivative as written has its digits at ordinary points."""
    (x,) = g.free_symbols(formula.expr)
    f = g.compile(g.grad(formula.expr, x), x, rewrite=None, cache=False)
    asked = 0
    for point in ordinary(formula):
        try:
            exact = truths(formula, point)
        except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence):
            continue
        if exact is None:
            continue
        asked += 1
        if units(float(f(point)), exact[1], exact[2], point, "float64") > MOST:
            return False
    return asked > 0


def ratio(formula: Formula) -> tuple[float, float, float]:
    """Nanoseconds for each point as written and rewritten, and the ratio of the second to the first."""
    (x,) = g.free_symbols(formula.expr)
    derivative = g.grad(formula.expr, x)
    both = [g.compile(derivative, x, rewrite=level, cache=False) for level in (None, "stable")]
    points = np.random.default_rng(0).choice(ordinary(formula), POINTS)
    out = np.empty_like(points)
    times: tuple[list[float], list[float]] = ([], [])
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            for f, spent in zip(both, times, strict=True):
                started = time.perf_counter()
                f(points, out=out)
                spent.append(time.perf_counter() - started)
    written, rewritten = (statistics.median(spent) * 1e9 / POINTS for spent in times)
    return written, rewritten, rewritten / written


def main(names: Sequence[str]) -> None:
    """Print the table."""
    print(
        f"{'derivative of':44} {'written':>9} {'rewritten':>10} {'ratio':>7}   ns for each of {POINTS:,} points"
    )
    rows: list[tuple[float, str]] = []
    for formula in (each for group in FORMULAS.values() for each in group):
        if names and not any(name in formula.text for name in names):
            continue
        if not is_right_as_written(formula):
            continue
        written, rewritten, quotient = ratio(formula)
        rows.append((quotient, formula.text))
        print(f"{formula.text:44} {written:9.2f} {rewritten:10.2f} {quotient:7.2f}")
    slower = [row for row in rows if row[0] > ASKED]
    if rows:
        middle = statistics.median(quotient for quotient, _ in rows)
        print(
            f"{len(rows) - len(slower)} of {len(rows)} at most {ASKED} times as slow; the median is {middle:.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
