"""What rewriting costs: its share of compiling, and the run time of what it makes.

python -m tests.benchmarks rewrite
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

import numpy as np

import graphc as g
from tests.benchmarks.hamming import EXERCISES
from tests.benchmarks.peers.own import program

SLOWER = 1.5
"""A rewritten formula that takes longer than this many times the formula as written needs a stability rule for it."""

LECTURE = (
    "log(1/(exp(-(x*w + b)) + 1))", "1/(1 + exp(-x))", "log(exp(x) + exp(y) + exp(z))", "-log(exp(x)/(exp(x) + exp(y) + exp(z)))",
    "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "log(x/(1 - x))", "sqrt(x*x + y*y)", "log(1 + x)", "x**2 + 3*x**3 - x**0.5",
    "exp(-x**2/2)/sqrt(2*pi)", "sin(x)**2 + cos(x)**2", "(a*x + b)**2/(2*c) + log(c)", "tanh(x*w + b)*y + sigmoid(z)",
)  # fmt: skip
"""Formulas of lectures and papers; each is measured with its gradients as well."""


def share() -> tuple[float, float, int]:
    """Rewriting a random graph of 3,000 operations and all else of compiling it, in seconds, and the steps: medians of seven."""
    g.compile(*program(30))(0.1, 0.2, 0.3, 0.4, 0.5)  # Numba and the tables of rules are loaded once
    rows = []
    for _ in range(7):
        output, inputs = program(3000)
        started = time.perf_counter()
        trace = g.rewrites(output)
        middle = time.perf_counter()
        g.compile(output, inputs, rewrite=None, cache=False)(0.1, 0.2, 0.3, 0.4, 0.5)
        rows.append((middle - started, time.perf_counter() - middle, len(trace)))
        del output, inputs, trace
    rewriting, rest, steps = (statistics.median(column) for column in zip(*rows, strict=True))
    return rewriting, rest, int(steps)


def run_times() -> list[tuple[str, float, str]]:
    """(formula, time rewritten ÷ time as written over 10⁴ points, the stability rules that fired)"""
    found = []
    for text in (*LECTURE, *(exercise.formula for exercise in EXERCISES)):
        formula = g.parse(text)
        symbols = list(g.free_symbols(formula))
        found.append((text, *_ratio(formula, symbols)))
        if text in LECTURE:
            found.append((f"gradients of {text}", *_ratio(tuple(g.grad(formula, symbols)), symbols)))
    return found


def _ratio(outputs, symbols) -> tuple[float, str]:
    trace = g.rewrites(outputs)
    rng = random.Random(0)
    columns = [np.array([rng.uniform(0.05, 0.95) for _ in range(10_000)]) for _ in symbols]
    both = []
    for level in (None, "stable"):
        f = g.compile(outputs, symbols, rewrite=level)
        out = f(*columns)
        both.append(_timer(f, columns, out))
    written, rewritten = [], []
    for _ in range(15):  # interleaved
        written.append(both[0]())
        rewritten.append(both[1]())
    rules = dict.fromkeys(step.rule for step in trace if step.kind == "stable")
    return statistics.median(rewritten) / statistics.median(written), ", ".join(rules)


def _timer(f, columns, out) -> Callable[[], float]:
    def once() -> float:
        started = time.perf_counter()
        with np.errstate(all="ignore"):
            f(*columns, out=out)
        return time.perf_counter() - started

    return once
