"""Writes the gallery at the end of docs/accuracy.md: ten formulas that scientists get wrong, and what `g.improve` makes of them.

python docs/make_improved.py

The rest of the page is written by `python -m tests.benchmarks.hamming`, which leaves the gallery as it is.
"""

from __future__ import annotations

from pathlib import Path

import graphc as g

PAGE = Path(__file__).resolve().parent / "accuracy.md"

TITLE = "## Ten formulas that scientists get wrong\n"
"""What begins the gallery, which goes on to the end of the page."""

HEAD = """
Written by `python docs/make_improved.py`; edit that instead.

Formulas as textbooks print them, over the ranges in which they are used, and the forms that `g.improve(expr, ranges)` found.
The columns give the mean error in bits for the formula as written, compiled by default, and in the form found, at points that
were not used in the search, drawn both over the floats and uniformly over the ranges. Each form was checked against the formula
over the real numbers with ball arithmetic. `g.draw` shows both forms side by side, `.plot` plots the error before and after
over one input, and `graphc improve EXPR --range x=…,…` does all of this on the command line.

| formula | where | as written | by default | found | form |
| --- | --- | --- | --- | --- | --- |
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
}

BUDGET = 60.0


def row(name: str, text: str, ranges: dict[str, tuple[float, float]]) -> str:
    """A line of the table."""
    formula = g.parse(text)
    found = g.improve(formula, ranges, budget=BUDGET)
    before, after = found.bits
    stable = g.accuracy(formula, ranges, nodes=False).after.mean
    where = ", ".join(f"{key} from {low:g} to {high:g}" for key, (low, high) in ranges.items())
    form = str(found.expr)
    shown = f"`{form}`" if len(form) < 120 else "…"
    return f"| {name}: `{text}` | {where} | {before:.2f} | {stable:.2f} | {after:.2f} | {shown} |"


def gallery() -> str:
    """The gallery."""
    return TITLE + HEAD + "\n".join(row(name, *asked) for name, asked in FORMULAS.items()) + "\n"


def main() -> None:
    own = PAGE.read_text(encoding="utf-8").split(TITLE)[0].rstrip() + "\n\n"
    PAGE.write_text(own + gallery(), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
