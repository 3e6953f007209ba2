"""What stable derivatives cost: the derivative as compile rewrites it beside the same as it is written.

python -m tests.benchmarks slopes        the table; python -m tests.benchmarks.slopes TEXT …: those whose text holds one
python -m tests.benchmarks.slopes --against PATH [TEXT …]    beside what another checkout makes of them by default,
                                                    where that is right at all points of docs/accuracy.md

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
TURNS, TURN = 15, 5
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
for line in sys.stdin:
    asked = json.loads(line)
    if "text" in asked:
        expr = g.parse(asked["text"])
        (x,) = g.free_symbols(expr)
        f = g.compile(g.grad(expr, x), x, cache=False)
        many = np.random.default_rng(0).choice(asked["ordinary"], asked["many"])
        out = np.empty_like(many)
        with np.errstate(all="ignore"):
            told = [float(f(point)) for point in asked["judged"]]
    else:
        spent = []
        with np.errstate(all="ignore"):
            for _ in range(asked["rounds"]):
                started = time.perf_counter()
                f(many, out=out)
                spent.append(time.perf_counter() - started)
        told = statistics.median(spent) * 1e9 / len(many)
    print(json.dumps(told), flush=True)
"""
"""What both checkouts run: a formula is compiled and its derivative told at points; then it is timed as often as asked."""


class Checkout:
    """A process of another checkout of graphc that compiles and times derivatives."""

    def __init__(self, path: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", SIDE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=path,
            env={**os.environ, "PYTHONPATH": str(path)},
            text=True,
        )

    def ask(self, **asked: Any) -> Any:
        """The answer to one question."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def against(path: Path, names: Sequence[str] = ()) -> None:
    """The table beside another checkout's derivatives, each compiled by default; the two processes take turns at each formula."""
    both = [Checkout(side) for side in (path, Path(__file__).parents[2])]
    print(f"{'derivative of':44} {'that':>9} {'this':>9} {'ratio':>7}   ns for each of {POINTS:,} points")
    ratios = []
    for formula in (each for group in FORMULAS.values() for each in group):
        if not ordinary(formula) or (names and not any(name in formula.text for name in names)):
            continue
        asked = {"ordinary": ordinary(formula), "judged": points(formula), "many": POINTS}
        told, _ = (side.ask(text=formula.text, **asked) for side in both)
        if not is_right(formula, dict(zip(asked["judged"], told, strict=True))):
            continue
        turns = [[side.ask(rounds=TURN) for side in both] for _ in range(TURNS)]
        that, this = (statistics.median(column) for column in zip(*turns, strict=True))
        ratios.append(statistics.median(this / that for that, this in turns))
        print(f"{formula.text:44} {that:9.2f} {this:9.2f} {ratios[-1]:7.2f}", flush=True)
    for side in both:
        side.end()
    if not ratios:
        return
    within = sum(each <= ASKED for each in ratios)
    print(
        f"{within} of {len(ratios)} at most {ASKED} times as slow; the median is {statistics.median(ratios):.2f}"
    )


def main(names: Sequence[str]) -> None:
    """Print the table."""
    if names and names[0] == "--against":
        against(Path(names[1]).resolve(), names[2:])
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
