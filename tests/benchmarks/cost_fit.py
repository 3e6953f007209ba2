"""What operations take within formulas: costs fitted together to measured times of forms that searches have found.

    python -m tests.benchmarks.cost_fit FILE … [--times FILE]

FILE holds rows of `python -m tests.benchmarks.collection --with improve --keep FILE`. Their forms are compiled and timed on
arrays of points, those of one formula by turns; the cost of each operation is that with which sums of costs come nearest to the
times, in parts of these, held towards the present model where few forms have the operation. `tests.benchmarks.costs` measures
operations alone; within a formula processors work on several at once, and points far out, of which half are uniform over floats,
take longer: sines of large numbers, subnormal ones. Measured times are kept in --times: a run that was interrupted goes on where
it was.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

import graphc as g
import graphc.ops.exact_product  # registers multiply_error, which forms name
from graphc.ir.expr import walk
from graphc.ir.op import lookup
from graphc.search.columns import cost, cost_of
from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, Entry, entries
from tests.benchmarks.collection.measure import from_plain, sample

POINTS, TIMES, ROUNDS = 96, 80, 9

PRIOR = 0.5
"""What an operation's distance from the present model, in parts of it, weighs beside a form's distance from its time."""

INPUT, CALL, WHOLE = "(input)", "(output)", "(whole power)"
"""Reading an input, writing the result, and powers that are products."""


def operations(form: g.Expr) -> dict[str, float]:
    """Operation → how often a form has it."""
    counts: dict[str, float] = collections.defaultdict(float, {CALL: 1.0})
    for node in walk([form]):
        if not node.operands:
            counts[INPUT] += not node.is_constant
        elif node.op.name == "pow" and node.operands[1].is_constant:
            is_whole = cost_of(node.op, node.operands[1]) < cost_of(node.op)
            counts[WHOLE if is_whole else "pow"] += 1
        else:
            counts[node.op.name] += 1
    return counts


def timed(entry: Entry, forms: Mapping[str, g.Expr]) -> dict[str, float]:
    """Form → nanoseconds for a point, the least of some rounds by turns."""
    points, _ = sample(entry, POINTS, 5)
    columns = [np.tile([at[s.name] for at in points], TIMES) for s in entry.symbols]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled: dict[str, Any] = {
            name: g.compile(form, entry.symbols, rewrite=None, cache=False) for name, form in forms.items()
        }
        least = dict.fromkeys(compiled, math.inf)
        for _ in range(ROUNDS):
            for name, function in compiled.items():
                began = time.perf_counter()
                function(*columns)
                least[name] = min(least[name], time.perf_counter() - began)
    return {name: 1e9 * took / len(columns[0]) for name, took in least.items()}


def fitted(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float, int]]:
    """Operation → its cost, that of the present model, and in how many forms it is.

    rows : of "counts" and "took", in nanoseconds
    """
    names = sorted({name for row in rows for name in row["counts"]})
    table = np.array([[row["counts"].get(name, 0.0) for name in names] for row in rows])
    took = np.array([row["took"] for row in rows])
    prior = np.array(
        [0.3 if name in (INPUT, CALL, WHOLE) else cost_of(lookup(name)) or 0.1 for name in names]
    )
    held = PRIOR * np.eye(len(names))
    unknowns = np.vstack([table * prior / took[:, None], held])
    solution, _ = nnls(unknowns, np.concatenate([np.ones(len(rows)), PRIOR * np.ones(len(names))]))
    return {
        name: (float(factor * before), float(before), int((table[:, place] > 0).sum()))
        for place, (name, factor, before) in enumerate(zip(names, solution, prior, strict=True))
    }


def spread(rows: Sequence[Mapping[str, Any]], costs: Mapping[str, float]) -> float:
    """The mean distance of a model's times from those measured, in logarithms to base 2, once a factor is taken out."""
    model = [sum(costs.get(name, 0.0) * count for name, count in row["counts"].items()) for row in rows]
    logs = [math.log2(value / row["took"]) for value, row in zip(model, rows, strict=True) if value > 0]
    middle = float(np.median(logs))
    return float(np.mean([abs(each - middle) for each in logs]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cost_fit")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--times", type=Path)
    chosen = parser.parse_args()
    known = {entry.name: entry for entry in entries((*FILES, *HELD_OUT, *OUTSIDE))}
    rows = [json.loads(line) for line in _lines(chosen.times)]
    done = {row["name"] for row in rows}
    for line in (line for path in chosen.files for line in _lines(path)):
        kept = json.loads(line)
        if kept["by"] or kept["name"] in done:
            continue
        entry = known[kept["name"]]
        forms = {"written": entry.formula, "by hand": entry.by_hand, **from_plain(kept["forms"])}
        forms = {name: form for name, form in forms.items() if form.operands}
        took = timed(entry, forms)
        new = [
            {"name": entry.name, "form": name, "took": took[name], "cost": cost(form), "counts": operations(form)}
            for name, form in {form: (name, form) for name, form in forms.items()}.values()
        ]  # fmt: skip
        rows += new
        if chosen.times:
            with chosen.times.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in new)
    found = fitted(rows)
    print(f"{'operation':24}{'forms':>8}{'fitted':>10}{'model':>10}{'ratio':>8}   nanoseconds")
    for name, (now, before, count) in sorted(found.items(), key=lambda item: -item[1][2]):
        print(f"{name:24}{count:8}{now:10.2f}{before:10.2f}{now / before if before else math.nan:8.2f}")
    for title, place in (("model", 1), ("fitted", 0)):
        far = spread(rows, {name: values[place] for name, values in found.items()})
        print(f"{title}: {far:.2f} binary orders from the times of {len(rows)} forms in the mean")


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path and path.exists() else []


if __name__ == "__main__":
    main()
