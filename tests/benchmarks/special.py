"""How many units in the last place the special functions and their first two derivatives err, beside mpmath.

    python -m tests.benchmarks.special                     all functions, as a table
    python -m tests.benchmarks.special erfinv jv           these
    python -m tests.benchmarks.special --points 1000       as many points of each
    python -m tests.benchmarks.special --seed 7            others

An error is counted beside what it cannot be smaller than: |computed − exact| over ulp(exact) + Σ |∂exact/∂xᵢ|·ulp(xᵢ), what
one unit of the result and of each operand make of it. The points are of every size within the whole domain, and dense where
the code changes its formula. A region that is hard for what stands behind a function is named, with its reason, and
counted apart.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any, NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

import graphc as g
from tests.benchmarks.special_cases import CASES, Case
from tests.oracle import ulp

LIMIT = 4.0
POINTS = 200
DIGITS = 60
TOP, LEAST = 1e300, 1e-290
"""Results beyond these sizes are left out: they overflow, or lose digits by underflow."""

STEP, NOTHING = mpf(10) ** -25, mpf(10) ** -100
"""Of differences of mpmath's function, beside the operand; a difference that is less of the value is none."""


class Worst(NamedTuple):
    """The largest error, where it is, and how many points were looked at."""

    error: float = 0.0
    at: tuple[float, ...] = ()
    count: int = 0

    def with_(self, error: float, at: tuple[float, ...]) -> Worst:
        worse = not error <= self.error
        return Worst(error if worse else self.error, at if worse else self.at, self.count + 1)


class Row(NamedTuple):
    """What was found of a function or one of its derivatives, outside and inside of the hard regions."""

    label: str
    order: int
    easy: Worst
    hard: Worst


def orders(case: Case) -> list[tuple[int, ...]]:
    """The derivatives that are looked at, as how often by each operand: the value, and one and two of each that has any."""
    none = (0,) * len(case.params)
    chosen = [none]
    for slot in case.slots:
        for order in range(1, case.most + 1):
            chosen.append((*none[:slot], order, *none[slot + 1 :]))
    return chosen


def derivatives(case: Case) -> tuple[list[Any], list[Any]]:
    """The symbols of a function, and its value and derivatives as expressions."""
    symbols = [g.symbol(name) for name in case.params]
    value = case.build(*symbols)
    found = []
    for order in orders(case):
        expr = value
        for symbol, count in zip(symbols, order, strict=True):
            for _ in range(count):
                expr = g.grad(expr, symbol)
        found.append(expr)
    return symbols, found


def exact(case: Case, order: tuple[int, ...], at: tuple[Any, ...]) -> Any:
    """The value or a derivative by mpmath."""
    if case.derivative is not None and sum(order):
        return case.derivative(order, *at)
    slot = next((slot for slot, count in enumerate(order) if count), None)
    if slot is None:
        return case.exact(*at)
    with mp.workdps(3 * DIGITS):
        x = at[slot]
        step = (abs(x) or mpf(1)) * STEP

        def moved(count: int) -> Any:
            return case.exact(*at[:slot], x + count * step, *at[slot + 1 :])

        before, after = moved(-1), moved(1)
        if order[slot] == 1:
            slope = (after - before) / (2 * step)
            return slope if abs(after - before) > abs(after) * NOTHING else mpf(0)
        middle = moved(0)
        bend = after - 2 * middle + before
        return bend / step**2 if abs(bend) > abs(middle) * NOTHING else mpf(0)


def scaled_error(case: Case, order: tuple[int, ...], at: tuple[float, ...], computed: float) -> float | None:
    """The error beside what the rounding of operands and result makes; None where mpmath has no value or it is out of range."""
    kind = np.dtype(np.float64)
    with mp.workdps(DIGITS):
        points = tuple(map(mpf, at))
        try:
            truth = exact(case, order, points)
            if isinstance(truth, mpmath.mpc) or not LEAST < abs(truth) < TOP:
                return None
            scale = ulp(truth, kind)
            for slot, x in enumerate(points):
                if x:
                    step = x * mpf(10) ** -12
                    moved = exact(case, order, (*points[:slot], x + step, *points[slot + 1 :]))
                    scale += abs((moved - truth) / step) * ulp(x, kind)
        except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence, OverflowError):
            return None
        if isinstance(scale, mpmath.mpc):
            return None
        if not np.isfinite(computed):
            return float("inf")
        return float(abs(mpf(computed) - truth) / scale)


def measure(case: Case, points: int = POINTS, seed: int = 0) -> list[Row]:
    """The rows of one function."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()) + seed)
    operands = case.sample(rng, points)
    symbols, exprs = derivatives(case)
    f = g.compile(exprs, symbols)
    computed = f(*operands)
    rows = []
    for order, values in zip(orders(case), computed, strict=True):
        easy, hard = Worst(), Worst()
        for k in range(len(operands[0])):
            at = tuple(float(x[k]) for x in operands)
            error = scaled_error(case, order, at, float(values[k]))
            if error is None:
                continue
            if case.hard is not None and case.hard.holds(sum(order), *at):
                hard = hard.with_(error / case.hard.scale(sum(order), *at), at)
            else:
                easy = easy.with_(error, at)
        label = "".join(f"{p}{'²' if n == 2 else ''}" for p, n in zip(case.params, order, strict=True) if n)
        rows.append(Row(label, sum(order), easy, hard))
    return rows


def shown(case: Case, rows: list[Row]) -> str:
    """The rows of a function as text."""
    lines = []
    for row in rows:
        what = case.name if not row.order else f"  ∂{row.label}"
        at = ", ".join(f"{x:.6g}" for x in row.easy.at)
        text = f"{what:14s} {row.easy.error:8.2f}{' !' if row.easy.error > LIMIT else '  '} at ({at}), {row.easy.count} points"
        if row.hard.count:
            at = ", ".join(f"{x:.6g}" for x in row.hard.at)
            text += f"; hard: {row.hard.error:.3g} at ({at})"
        lines.append(text)
    if case.hard is not None:
        lines.append(f"  hard: {case.hard.text}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    numbers = {"--points": POINTS, "--seed": 0}
    for option in numbers:
        if option in arguments:
            place = arguments.index(option)
            numbers[option] = int(arguments[place + 1])
            arguments = arguments[:place] + arguments[place + 2 :]
    unknown = set(arguments) - {case.name for case in CASES}
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(case.name for case in CASES)}")
        return 2
    print("units in the last place beside what one unit of each operand makes; ! above", LIMIT)
    for case in CASES:
        if not arguments or case.name in arguments:
            print(shown(case, measure(case, numbers["--points"], numbers["--seed"])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
