"""Every rewriting rule at extreme inputs: no value and no derivative is worse than as written.

    python -m tests.fuzz rules --count 50000 --seed 0 [--seconds S] [--rule NAME] [--interpreted] [--show N]
                                [--workers N] [--keep FILE]

With `--keep` what several runs of different seeds find counts together, and a run that was broken off goes on after its last
chunk of 400 programs; `--workers 2` runs two chunks at once and finds the same.

A program is a rule's pattern with other formulas for its names, inside of another formula, with its first and second
derivatives, at a dozen points: special values, subnormal numbers, sizes near overflow and underflow, points where something
cancels. It is compiled as written and rewritten, and both are held against the value over the real numbers of the formula
as written (ball arithmetic at rising precision). What is rewritten fails where

- it is further from the rounded truth than 4 steps between floats and has lost more than 2 bits against what is computed
  as written; infinity is one step beyond the largest float, NaN is furthest from everything;
- the truth underflows and what is computed as written has the sign of that zero, the rewritten does not;
- an operand is infinite and the value as written, where it is the limit of the formula, is lost in the same measure;
- an operand is NaN and one of both is NaN alone.

As written some points are right by luck: of 1 + 10⁻¹⁶ − 1 nothing is left but what roundings decide. A failure counts
(`failed`) where the formula as written is better as well when each of its inexact operations errs by one unit in the last place
more. Counted by themselves are those that are better by roundings alone (`luck`), and those where that is so once the numbers
as written have a larger range of exponents (`overflow`): the second derivative of √(x·x) is 0 at 10²⁰⁰ because 1/∞ is; and those
that are derivatives and differ in the sign of a zero alone (`sign`), at a NaN of the formula (`NaN`), or where the
formula has no derivative (`kink`).

Nothing is asked of many digits where what is rewritten lies among the values that the formula as written takes with its
operations off by one unit: what is wrong there is luck at most. Such points are counted by nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc.api.compile import retype
from graphc.ir.expr import Expr
from graphc.ir.ulp import ordinals
from graphc.rewrite import tables
from tests.fuzz.rule_judge import STEPS, Failure, blame, has_no_derivative, interpreted, judge, second_opinion
from tests.fuzz.rule_noise import noisy, within_roundings
from tests.fuzz.rule_programs import RULES, Program, program
from tests.fuzz.rule_summary import Summary, load

POINTS = 12
BATCH = 40
JUDGED = 2
"""Points of an output that are held against the truth, of those at which both differ."""
UNKNOWN = 0.5
"""A formula that roundings of one unit move by this part of its value holds no digit: finite values are as good as each other."""

CHUNK = 400
"""Programs of one sequence of random numbers: which process runs it changes none of them."""


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz rules", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--count", type=int, default=2000, help="programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--rule", action="append", help="of this rule alone; may be given several times")
    parser.add_argument("--interpreted", action="store_true", help="by the interpreter: NumPy, quicker")
    parser.add_argument("--show", type=int, default=3, help="failures shown for each rule")
    parser.add_argument("--strict", action="store_true", help="show those by luck as well")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument(
        "--keep", type=Path, help="a file that what is found is added to; the report is of all in it"
    )
    options = parser.parse_args(args)
    os.environ.setdefault("NUMBA_OPT", "0")  # LLVM's passes take as long as rewriting, and change no value
    whole = Summary() if options.keep is None else load(options.keep)
    started = time.monotonic()
    until = time.time() + options.seconds
    chunks = [
        (options, number, min(CHUNK, options.count - first), until)
        for number, first in enumerate(range(0, options.count, CHUNK))
    ]
    chunks = [chunk for chunk in chunks if _name_of(*chunk[:3]) not in whole.chunks]
    with contextlib.ExitStack() as stack:
        if (
            options.workers > 1
        ):  # a process for each chunk: what a thousand compiled programs leave is given back
            pool = stack.enter_context(get_context("spawn").Pool(options.workers, maxtasksperchild=1))
            found = pool.imap_unordered(_chunk, chunks)
        else:
            found = map(_chunk, chunks)
        for summary in found:
            whole.add(summary)
            if options.keep is not None:
                whole.save(options.keep)
            spent = time.monotonic() - started
            print(
                f"{whole.tried.total()} programs, {whole.failed} failed, {spent:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    print(whole.report(options.show))
    return 1 if whole.failed else 0


def _chunk(task: tuple[argparse.Namespace, int, int, float]) -> Summary:
    """What some programs of a sweep show; nothing where there is no time left for them."""
    options, number, count, until = task
    summary = Summary()
    if time.time() >= until:
        return summary
    names = options.rule
    tried, failures = sweep(
        count,
        _seed_of(options, number),
        until - time.time(),
        names,
        interpreted=options.interpreted,
        first=number * CHUNK,
    )
    summary.chunks.append(_name_of(options, number, count))
    summary.tried = tried
    real = [failure for failure in failures if not failure.lucky]
    for failure in failures:
        summary.note(failure.rule, failure.lucky)
    for failure in real[:2000] if not options.strict else failures[:2000]:
        summary.blame(blame(failure), [str(failure)])
    summary.opinions = Counter(second_opinion(failure) for failure in real[:200])
    return summary


def _seed_of(options: argparse.Namespace, number: int) -> int | str:
    return f"{options.seed}:{number}" if number else options.seed


def _name_of(options: argparse.Namespace, number: int, count: int) -> str:
    """What is run once and counts once."""
    how = "interpreted" if options.interpreted else "compiled"
    around = ", ".join(options.rule or ["all rules"])
    return f"seed {_seed_of(options, number)}, {count} programs of {around}, {how}"


def sweep(
    count: int,
    seed: int | str = 0,
    seconds: float = math.inf,
    names: Sequence[str] | None = None,
    *,
    interpreted: bool = False,
    first: int = 0,
) -> tuple[Counter[str], list[Failure]]:
    """Programs tried for each rule, and what failed: at most one failure for each output of a program.

    first : the number of the first program, which decides which rule it is around
    """
    chosen = [rule for rule in RULES if names is None or rule.name in names]
    rng = random.Random(seed)
    started = time.monotonic()
    tried: Counter[str] = Counter()
    failures: list[Failure] = []
    batch: list[Program] = []
    for number in range(first, first + count):
        rule = chosen[number % len(chosen)]
        found = program(rule, rng, number, POINTS)
        if found is not None:
            tried[rule.name] += 1
            batch.append(found)
        if len(batch) >= BATCH or number == first + count - 1:
            for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
                failures += _check([one for one in batch if one.dtype == dtype], dtype, interpreted)
            batch = []
            spent = time.monotonic() - started
            if spent > seconds:
                break
    return tried, failures


def _check(batch: list[Program], dtype: Any, interpreted: bool) -> list[Failure]:
    failures: list[Failure] = []
    if not batch:
        return failures
    symbols = [s for one in batch for s in one.symbols]
    columns = [column for one in batch for column in one.points]
    graph = g.Graph([list(one.outputs) for one in batch], symbols)
    graph = retype(graph, dtype) if dtype != np.float64 else graph
    leaves = [graph.exprs[output] for output in graph.outputs]
    symbols = list(graph.symbols)
    of = [one for one in batch for _ in one.outputs]
    rewritten: list[Expr] = []
    for one in batch:  # each by itself, as its user would: beside others more rules are asked in vain
        rewritten += tables.run(leaves[len(rewritten) : len(rewritten) + len(one.outputs)], "stable").outputs
    with np.errstate(all="ignore"):
        found = _values([*leaves, *rewritten], symbols, columns, interpreted)
    before, after = found[: len(leaves)], found[len(leaves) :]
    first = {one: len(one.symbols) * number for number, one in enumerate(batch)}
    formulas: dict[Program, Expr] = {}
    for one, leaf, old, new in zip(of, leaves, before, after, strict=True):
        formulas.setdefault(one, leaf)  # a program's first output, in the type that it is computed in
        if leaf.dtype.kind != "f":
            continue
        own = symbols[first[one] : first[one] + len(one.symbols)]
        old, new = np.broadcast_to(old, POINTS), np.broadcast_to(new, POINTS)
        failures += _failures(one, formulas[one], leaf, own, old, new)
    return failures


def _values(
    outputs: list[Expr], symbols: list[Expr], columns: list[np.ndarray], by_numpy: bool
) -> list[np.ndarray]:
    if by_numpy:
        return interpreted(outputs, dict(zip(symbols, columns, strict=True)))
    compiled = g.compile(outputs, symbols, rewrite=None, cache=False)
    return [np.asarray(v) for v in compiled(*columns)]


def _failures(
    one: Program, formula: Expr, written: Expr, symbols: list[Expr], before: np.ndarray, after: np.ndarray
) -> list[Failure]:
    """The worst failure of an output at the program's points, as a list of one or none.

    formula : the program's own, of which other outputs are derivatives
    """
    dtype = written.dtype
    with np.errstate(all="ignore"):
        same = np.isnan(before) & np.isnan(after)
        apart = (
            np.abs(ordinals(before, dtype).astype(np.float64) - ordinals(after, dtype).astype(np.float64))
            >= 4
        )
    signs = (before == 0) & (after == 0) & (np.signbit(before) != np.signbit(after))
    worth = (apart | signs | (np.isnan(before) ^ np.isnan(after))) & ~same
    if not worth.any():
        return []
    worth &= ~within_roundings(written, dict(zip(symbols, one.points, strict=True)), before, after)
    found: list[Failure] = []
    for k in np.flatnonzero(worth)[:JUDGED]:
        point = {s.name: float(column[k]) for s, column in zip(symbols, one.points, strict=True)}
        needed = {s.name: point[s.name] for s in g.free_symbols(written)}
        old, new = float(before[k]), float(after[k])
        verdict = judge(written, needed, old, new)
        if verdict is None:
            continue
        # of a derivative's zero that underflows the sign is nobody's promise
        lucky = "sign" if old == new == 0 and written is not formula else ""
        if written is not formula and any(map(math.isnan, point.values())):
            lucky = "NaN"  # that of 2x is 2 wherever x is: a derivative may read what is NaN, or no longer read it
        if written is not formula and not lucky and has_no_derivative(formula, point):
            lucky = "kink"
        if not lucky and all(map(math.isfinite, needed.values())):
            at = {s: column[k : k + 1] for s, column in zip(symbols, one.points, strict=True)}
            trials = [(False, 1, "luck"), (True, 1, "overflow")]
            if math.isinf(new):  # a step of what has as many units beyond the largest float
                trials.append((False, STEPS, "overflow"))
            for wide, units, reason in trials:
                value = noisy(written, at, wide, units)(verdict[0])
                known = abs(value - verdict[0]) <= UNKNOWN * abs(verdict[0])
                if not lucky and (
                    judge(written, needed, value, new, verdict[1]) is None
                    or (math.isfinite(new) and math.isfinite(value) and not known)
                ):
                    lucky = reason
        found.append(Failure(one.rule, written, needed, old, new, verdict[0], dtype, lucky, point))
    found.sort(key=lambda failure: bool(failure.lucky))
    return found[:1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
