"""What stable derivatives cost: the derivative as compile rewrites it beside the same as it is written.

python -m tests.benchmarks slopes        the table; python -m tests.benchmarks.slopes TEXT …: those whose text holds one
python -m tests.benchmarks.slopes --against PATH    beside what another checkout makes of them by default, where
                                                    that is right at all points of docs/accuracy.md

The formulas are those of `derivatives.py` whose derivative as written is right at ordinary points, where stability has nothing to
gain. Each is run over 10⁵ of such points, both forms in turn, and the ratio is that of their medians; where the points are, every
branch of a form is computed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

import graphc as g
from tests.benchmarks.derivatives import FORMULAS, MOST, Formula, points, truths, units

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
    return is_right(formula, {point: float(f(point)) for point in ordinary(formula)})


def is_right(formula: Formula, values: Mapping[float, float]) -> bool:
    """Whether derivatives at ordinary points have their digits."""
    asked = 0
    for point, value in values.items():
        try:
            exact = truths(formula, point)
        except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence):
            continue
        if exact is None:
            continue
        asked += 1
        if units(value, exact[1], exact[2], point, "float64") > MOST:
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


SIDE = """
import json, statistics, sys, time
import numpy as np
import graphc as g
asked = json.load(sys.stdin)
told = {}
for text, (points, judged) in asked["points"].items():
    expr = g.parse(text)
    (x,) = g.free_symbols(expr)
    f = g.compile(g.grad(expr, x), x, cache=False)
    many = np.random.default_rng(0).choice(points, asked["many"])
    out = np.empty_like(many)
    spent = []
    with np.errstate(all="ignore"):
        for _ in range(asked["rounds"]):
            started = time.perf_counter()
            f(many, out=out)
            spent.append(time.perf_counter() - started)
        told[text] = statistics.median(spent) * 1e9 / asked["many"], [float(f(point)) for point in judged]
print(json.dumps(told))
"""
"""What both checkouts run: of each formula the time for a point and the derivative at the ordinary ones."""


def of_checkout(path: Path, points: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Any]:
    """Of each formula the nanoseconds for one of the first points, and its derivatives at the others, by a checkout."""
    done = subprocess.run(
        [sys.executable, "-c", SIDE],
        input=json.dumps({"points": points, "many": POINTS, "rounds": ROUNDS}),
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def against(path: Path) -> None:
    """The table beside another checkout's derivatives, each compiled by default; processes take turns."""
    formulas = [each for group in FORMULAS.values() for each in group]
    asked = {each.text: (ordinary(each), points(each)) for each in formulas if ordinary(each)}
    runs = [[of_checkout(side, asked) for side in (path, Path(__file__).parents[2])] for _ in range(3)]
    print(f"{'derivative of':44} {'that':>9} {'this':>9} {'ratio':>7}   ns for each of {POINTS:,} points")
    ratios = []
    for formula in formulas:
        if formula.text not in asked:
            continue
        values = dict(zip(asked[formula.text][1], runs[0][0][formula.text][1], strict=True))
        if not is_right(formula, values):
            continue
        that, this = (min(run[side][formula.text][0] for run in runs) for side in range(2))
        ratios.append(this / that)
        print(f"{formula.text:44} {that:9.2f} {this:9.2f} {this / that:7.2f}")
    within = sum(each <= ASKED for each in ratios)
    print(
        f"{within} of {len(ratios)} at most {ASKED} times as slow; the median is {statistics.median(ratios):.2f}"
    )


def main(names: Sequence[str]) -> None:
    """Print the table."""
    if names and names[0] == "--against":
        against(Path(names[1]).resolve())
        return
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
