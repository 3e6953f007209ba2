"""Writes the gallery at the end of docs/accuracy.md: formulas that scientists get wrong, and what `g.improve` makes of them.

python docs/make_improved.py [--again]

Lines whose formula and ranges are those of the page are kept; --again searches for all of them. The rest of the page is
written by `python -m tests.benchmarks.hamming`, which leaves the gallery as it is.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g

PAGE = Path(__file__).resolve().parent / "accuracy.md"

TITLE = "## Formulas that scientists get wrong\n"
"""What begins the gallery, which goes on to the end of the page."""

HEAD = """
Written by `python docs/make_improved.py`; edit that instead.

Formulas as textbooks print them, over the ranges in which they are used, and the forms that `g.improve(expr, ranges)` found.
The columns give the mean error in bits for the formula as written, compiled by default, and in the form found, at points that
were not used in the search, drawn both over the floats and uniformly over the ranges. The time is that of the form found, of
the formula as written, compiled over arrays of numbers from the ranges. Each form was checked against the formula
over the real numbers with ball arithmetic. `g.draw` shows both forms side by side, `.plot` plots the error before and after
over one input, and `graphc improve EXPR --range x=…,…` does all of this on the command line.

| formula | where | as written | by default | found | time | form |
| --- | --- | --- | --- | --- | --- | --- |
"""

FORMULAS = {
    "kinetic energy at the speed β": ("1/sqrt(1 - b*b) - 1", {"b": (1e-8, 0.9)}),
    "effective rate of interest": ("(1 + r/n)**n - 1", {"r": (1e-6, 0.3), "n": (1, 1e6)}),
    "Bose–Einstein occupation": ("1/(exp(x) - 1)", {"x": (1e-12, 700)}),
    "logistic loss": ("log(1 + exp(-x))", {"x": (-700, 700)}),
    "dissociation of a weak acid": ("(sqrt(k*k + 4*k*c) - k)/2", {"k": (1e-14, 1), "c": (1e-9, 10)}),
    "Langevin's function": ("1/tanh(x) - 1/x", {"x": (1e-8, 30)}),
    "sagitta of an arc": ("r - sqrt(r*r - c*c)", {"r": (10, 1e4), "c": (1e-6, 1)}),
    "radiation balance": ("t**4 - s**4", {"t": (200, 400), "s": (200, 400)}),
    "tail of the error function": ("1 - erf(x)", {"x": (0.1, 26)}),
    "angle from its versine": ("acos(1 - v)", {"v": (1e-15, 1)}),
    "Box–Cox transform": ("(x**l - 1)/l", {"x": (0.5, 2), "l": (1e-12, 1e-3)}),
    "concentration cell": (
        "k*t*log(a/b)",
        {"k": (8.6e-5, 8.7e-5), "t": (290, 310), "a": (1, 1.0001), "b": (1, 1.0001)},
    ),
    "lensmaker's equation": (
        "(n - 1)*(1/r - 1/s)",
        {"n": (1.4, 1.6), "r": (0.1, 0.10001), "s": (0.1, 0.10001)},
    ),
    "widening of a beam": ("w*sqrt(1 + (z/k)**2) - w", {"w": (1e-3, 1e-2), "z": (1e-3, 0.1), "k": (1, 10)}),
    "beats": ("sin(a*t) - sin(b*t)", {"a": (440, 440.01), "b": (440, 440.01), "t": (0.1, 1)}),
    "speed from kinetic energy": ("sqrt(1 - 1/((1 + k)*(1 + k)))", {"k": (1e-9, 1e-3)}),
    "elliptic orbit near its focus": ("x - k*sin(x)", {"x": (1e-4, 0.1), "k": (0.99, 0.9999)}),
    "marginal effect of a logit": (
        "1/(1 + exp(-(a + b))) - 1/(1 + exp(-a))",
        {"a": (-3, 3), "b": (1e-9, 1e-4)},
    ),
    "prewarping of a filter": ("tan(w/2) - w/2", {"w": (1e-4, 0.1)}),
}

BUDGET = 60.0

POINTS, REPEATED = 4096, 25


def asked(name: str, text: str, ranges: dict[str, tuple[float, float]]) -> str:
    """The beginning of a line of the table: what is searched."""
    where = ", ".join(f"{key} from {low:g} to {high:g}" for key, (low, high) in ranges.items())
    return f"| {name}: `{text}` | {where} |"


def row(name: str, text: str, ranges: dict[str, tuple[float, float]]) -> str:
    """A line of the table."""
    formula = g.parse(text)
    found = g.improve(formula, ranges, budget=BUDGET)
    before, after = found.bits
    stable = g.accuracy(formula, ranges, nodes=False).after.mean
    form = str(found.expr)
    shown = f"`{form}`" if len(form) < 120 else "…"
    longer = relative_time(found.expr, formula, ranges)
    return f"{asked(name, text, ranges)} {before:.2f} | {stable:.2f} | {after:.2f} | {longer:.1f} | {shown} |"


def relative_time(one: g.Expr, other: g.Expr, ranges: dict[str, tuple[float, float]]) -> float:
    """The time of one formula over arrays beside another's: the least of many runs in turn."""
    rng = np.random.default_rng(0)
    columns = [rng.uniform(low, high, POINTS) for low, high in ranges.values()]
    symbols = [g.symbol(name) for name in ranges]
    functions: list[Any] = [g.compile(each, symbols, rewrite=None) for each in (one, other)]
    least = [math.inf, math.inf]
    for _ in range(REPEATED):
        for place, function in enumerate(functions):
            started = time.perf_counter()
            function(*columns)
            least[place] = min(least[place], time.perf_counter() - started)
    return least[0] / least[1]


def rows_of(page: str) -> dict[str, str]:
    """What was asked → the line, of a page's gallery."""
    _, _, gallery = page.partition(TITLE)
    lines = [line for line in gallery.splitlines() if line.count(" | ") >= 6 and "`" in line]
    return {" | ".join(line.split(" | ")[:2]) + " |": line for line in lines}


def gallery(known: dict[str, str]) -> str:
    """The gallery.

    known : lines that are taken as they are
    """
    lines = []
    for name, (text, ranges) in FORMULAS.items():
        line = known.get(asked(name, text, ranges)) or row(name, text, ranges)
        lines.append(line)
        print(line, flush=True)
    return TITLE + HEAD + "\n".join(lines) + "\n"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    known = {} if "--again" in sys.argv[1:] else rows_of(page)
    own = page.split(TITLE)[0].rstrip() + "\n\n"
    PAGE.write_text(own + gallery(known), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
