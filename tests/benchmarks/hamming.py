"""Hamming's exercises in cancellation: bits of error of each formula, as written and rewritten.

    python -m tests.benchmarks.hamming                    writes docs/accuracy.md: some minutes of processor time
    python -m tests.benchmarks.hamming --only everyday …  writes some of its sections: exercises, derivatives, everyday
    python -m tests.benchmarks.hamming 2sqrt …            prints the report of some formulas

The formulas are those of chapter 3 of Hamming, Numerical Methods for Scientists and Engineers (2nd edition, 1973), in the
selection and with the inputs of Panchekha et al. (PLDI 2015): all floats for which a formula has a value.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import graphc as g
from graphc.analysis.accuracy import accuracy
from graphc.analysis.accuracy_report import Accuracy
from tests.benchmarks import derivatives

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
MAX = sys.float_info.max
SAMPLES = 128
"""Points of an exercise; half as many of a derivative."""
GOOD = 2.0
"""Mean bits of error below which a formula counts as solved."""

POSITIVE = (0.0, MAX)


@dataclass(frozen=True)
class Exercise:
    """A formula as text, with the ranges of the symbols that are not drawn from all floats."""

    name: str
    formula: str
    ranges: dict[str, tuple[float, float]]


EXERCISES = tuple(
    Exercise(name, formula, ranges)
    for name, formula, ranges in (
        ("2sqrt", "sqrt(x + 1) - sqrt(x)", {"x": POSITIVE}),
        ("2isqrt", "1/sqrt(x) - 1/sqrt(x + 1)", {"x": POSITIVE}),
        ("2frac", "1/(x + 1) - 1/x", {}),
        ("3frac", "1/(x + 1) - 2/x + 1/(x - 1)", {}),
        ("2cbrt", "cbrt(x + 1) - cbrt(x)", {}),
        ("2nthrt", "(x + 1)**(1/n) - x**(1/n)", {"x": POSITIVE}),
        ("2log", "log(n + 1) - log(n)", {"n": POSITIVE}),
        ("2sin", "sin(x + eps) - sin(x)", {}),
        ("2cos", "cos(x + eps) - cos(x)", {}),
        ("2tan", "tan(x + eps) - tan(x)", {}),
        ("2atan", "atan(n + 1) - atan(n)", {}),
        ("tanhf", "(1 - cos(x))/sin(x)", {}),
        ("cos2", "(1 - cos(x))/(x*x)", {}),
        ("sintan", "(x - sin(x))/(x - tan(x))", {}),
        ("invcot", "1/x - 1/tan(x)", {}),
        ("exp2", "exp(x) - 2 + exp(-x)", {}),
        ("expm1", "exp(x) - 1", {}),
        ("expax", "exp(a*x) - 1", {}),
        ("expq2", "exp(x)/(exp(x) - 1)", {}),
        ("expq3", "eps*(exp((a + b)*eps) - 1)/((exp(a*eps) - 1)*(exp(b*eps) - 1))", {}),
        ("sqrtexp", "sqrt((exp(2*x) - 1)/(exp(x) - 1))", {}),
        ("logq", "log((1 - eps)/(1 + eps))", {"eps": (-1.0, 1.0)}),
        ("logs", "(n + 1)*log(n + 1) - n*log(n) - 1", {"n": POSITIVE}),
        ("qlog", "log(1 - x)/log(1 + x)", {"x": (-1.0, 1.0)}),
        ("quadp", "(-b + sqrt(b*b - 4*a*c))/(2*a)", {}),
        ("quadm", "(-b - sqrt(b*b - 4*a*c))/(2*a)", {}),
        ("quad2p", "(-b + sqrt(b*b - a*c))/a", {}),
        ("quad2m", "(-b - sqrt(b*b - a*c))/a", {}),
    )
)


def measure(exercise: Exercise, samples: int = SAMPLES, *, nodes: bool = False) -> Accuracy:
    """The report of one exercise; its points are floats, each exponent as likely as any other."""
    formula = g.parse(exercise.formula)
    return accuracy(formula, exercise.ranges, samples=samples, draw="floats", nodes=nodes)


def table(samples: int = SAMPLES) -> str:
    """The figures of all exercises, in Markdown."""
    lines = [
        "| exercise | as written | mean | worst | rewritten | mean | worst |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    solved = 0
    for exercise in EXERCISES:
        report = measure(exercise, samples)
        solved += report.after.mean < GOOD
        before, after = report.before, report.after
        rewritten = str(report.rewritten)
        shown = f"`{rewritten}`" if len(rewritten) <= 60 else "…"
        lines.append(
            f"| {exercise.name} | `{exercise.formula}` | {before.mean:.2f} | {before.worst:.1f} "
            f"| {shown} | {after.mean:.2f} | {after.worst:.1f} |"
        )
    lines += ["", f"{solved} of {len(EXERCISES)} are below {GOOD:g} bits of error on average once rewritten."]
    return "\n".join(lines)


def gradients(exercise: Exercise, samples: int = SAMPLES) -> dict[str, tuple[float, float, float]]:
    """Mean bits of error of each partial derivative: of the formula as written, that rewritten, and of the rewritten formula."""
    formula = g.parse(exercise.formula)
    means = {}
    for symbol in g.free_symbols(formula):
        first = _accuracy(g.grad(formula, symbol), exercise, samples)
        second = _accuracy(g.grad(formula, symbol, rewrite="stable"), exercise, samples)
        means[symbol.name] = first.before.mean, first.after.mean, second.after.mean
    return means


def _accuracy(formula: g.Expr, exercise: Exercise, samples: int) -> Accuracy:
    return accuracy(formula, exercise.ranges, samples=samples, draw="floats", nodes=False)


def gradient_table(samples: int = SAMPLES // 2) -> str:
    """The figures of all partial derivatives, in Markdown."""
    lines = [
        "| derivative of | by | as written | rewritten | of the rewritten formula |",
        "| --- | --- | --- | --- | --- |",
    ]
    count, solved = 0, [0, 0, 0]
    for exercise in EXERCISES:
        for name, means in gradients(exercise, samples).items():
            count += 1
            solved = [total + (mean < GOOD) for total, mean in zip(solved, means, strict=True)]
            lines.append(
                f"| {exercise.name} | {name} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |"
            )
    lines += [
        "",
        f"Of {count} derivatives {solved[0]}, {solved[1]} and {solved[2]} are below {GOOD:g} bits on average.",
    ]
    return "\n".join(lines)


HEAD = """# Accuracy

Written by `python -m tests.benchmarks.hamming`; edit that instead.

- [Hamming's exercises](#hammings-exercises)
- [Their derivatives](#their-derivatives)
- [Everyday formulas and their derivatives](#everyday-formulas-and-their-derivatives)
- [Formulas that scientists get wrong](#formulas-that-scientists-get-wrong)

`g.accuracy(expr, ranges={"x": (-50, 50)})` draws random inputs, evaluates the compiled formula as written and as rewritten, and
compares both with the exact value, which mpmath computes with increasing precision until the rounded value no longer changes.
Errors are measured in bits, log₂(1 + the number of floats between the two values): 0 is the correctly rounded value, 1 its
neighbour, 64 is NaN. For every operation of the formula as written, the report gives its condition number and the bits that
this operation alone loses when its operands are correctly rounded; `g.draw(expr, accuracy=report)` colours the graph by them.
On the command line, `graphc accuracy EXPR --range x=-50,50 --plot error.png`:

```text
{report}
```

"""


EXERCISES_HEAD = """## Hamming's exercises

Differences of nearly equal values, from chapter 3 of Hamming, *Numerical Methods for Scientists and Engineers*, in the
selection of Panchekha et al., *Automatically improving accuracy for floating point expressions* (PLDI 2015). Inputs are drawn
from all floats for which the formula is defined, with every exponent equally likely: {samples} points each. Rewritten formulas
with branches are not shown; `g.stabilize` prints them, and `g.rewrites` lists the steps.

"""


GRADIENTS = """## Their derivatives

Mean bits of error of the partial derivatives at {samples} points each. `g.grad(f, x)` differentiates the formula as written,
and compilation rewrites the result; `g.grad(f, x, rewrite="stable")` differentiates the rewritten formula, in which
cancellation has already been removed.

"""


EVERYDAY = """## Everyday formulas and their derivatives

The worst error of each formula, its first and its second derivative, compiled with default options, at {points} points: over
the whole range, around every critical point and near the overflow and underflow of exponentials; the last column is the
gradient over arrays that are reshaped, gathered and batched. `python -m tests.benchmarks.derivatives` prints where the worst
error is. The unit of error is the spacing of floats at the exact result plus the effect of rounding the input once.

"""


def _head() -> str:
    report = accuracy(g.parse("log(1/(exp(-x) + 1))"), {"x": (-50, 50)})
    return HEAD.replace("{report}", str(report))


def _exercises() -> str:
    return EXERCISES_HEAD.replace("{samples}", str(SAMPLES)) + table() + "\n\n"


def _derivatives() -> str:
    return GRADIENTS.replace("{samples}", str(SAMPLES // 2)) + gradient_table() + "\n\n"


def _everyday() -> str:
    return EVERYDAY.replace("{points}", str(derivatives.POINTS)) + derivatives.table() + "\n\n"


SECTIONS = {"head": _head, "exercises": _exercises, "derivatives": _derivatives, "everyday": _everyday}
"""In the order in which they stand; what follows them is written by docs/make_improved.py."""


def page(only: Sequence[str] = ()) -> str:
    """docs/accuracy.md; only : the sections that are made anew."""
    head, *parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    before = [
        head + "\n",
        *("## " + part + "\n" for part in parts[:-1]),
        *("## " + part for part in parts[-1:]),
    ]
    after = before[len(SECTIONS) :]
    for place, (name, write) in enumerate(SECTIONS.items()):
        if not only or name in only:
            before[place] = write()
            print(name, file=sys.stderr, flush=True)
    return "".join([*before[: len(SECTIONS)], *after])


def main() -> None:
    chosen = sys.argv[1:]
    only = chosen[:1] == ["--only"]
    known: Collection[str] = SECTIONS if only else [exercise.name for exercise in EXERCISES]
    chosen = chosen[1:] if only else chosen
    unknown = [name for name in chosen if name not in known]
    if unknown:
        what = "section" if only else "exercise"
        sys.exit(f"unknown {what} {unknown[0]!r}; the {what}s are {', '.join(known)}")
    if only or not chosen:
        PAGE.write_text(page(chosen), encoding="utf-8")
        print(f"wrote {PAGE}")
        return
    for exercise in EXERCISES:
        if exercise.name in chosen:
            print(measure(exercise, nodes=True), end="\n\n")


if __name__ == "__main__":
    main()
