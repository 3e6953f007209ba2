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
import itertools
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

import graphc as g
from graphc.api.compile import retype
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag
from graphc.ir.ulp import bits_of_error, ordinals, rounded
from graphc.rewrite import tables
from tests.fuzz.mp_truth import truths
from tests.fuzz.rule_programs import RULES, Program, program
from tests.fuzz.rule_summary import Summary, load
from tests.rewrite.measure import BEYOND, truth

POINTS = 12
BATCH = 40
STEPS = 4
LOST = 2.0
JUDGED = 2
"""Points of an output that are held against the truth, of those at which both differ."""

QUICK = (120, 400)
"""Bits of mpmath's numbers that tell whether the intervals are asked."""

FAR = mpmath.mpf(2000)
"""Beyond where exponentials overflow, and near enough that `truth` follows what they leave of 1."""

UNKNOWN = 0.5
"""A formula that roundings of one unit move by this part of its value holds no digit: finite values are as good as each other."""

REPEATS = 12
"""How often a formula is evaluated with errors of its own before many digits are asked for."""

MORE_REPEATS = 300
"""How often at a point where it looks better than what is rewritten, to tell luck from accuracy."""


@dataclass(frozen=True)
class Failure:
    rule: str
    written: Expr
    point: dict[str, float]
    before: float
    after: float
    correct: float | None
    dtype: Any
    lucky: str
    """"luck", "overflow", "sign", "NaN", "kink" or nothing: why what was written is better"""
    around: dict[str, float]
    """the point with the inputs that the formula as written does not read: what is rewritten may hand on their NaN"""

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value!r}" for name, value in self.point.items())
        return (
            f"[{self.rule}] {self.dtype} {str(self.written)[:400]}\n"
            f"    at {at}: {self.before!r} as written, {self.after!r} rewritten, truth {self.correct!r}"
            f"{f' ({self.lucky})' if self.lucky else ''}"
        )


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
    outputs: list[Expr], symbols: list[Expr], columns: list[np.ndarray], interpreted: bool
) -> list[np.ndarray]:
    if interpreted:
        return _interpreted(outputs, dict(zip(symbols, columns, strict=True)))
    compiled = g.compile(outputs, symbols, rewrite=None, cache=False)
    return [np.asarray(v) for v in compiled(*columns)]


def _interpreted(outputs: list[Expr], at: dict[Expr, np.ndarray]) -> list[np.ndarray]:
    dag = Dag(outputs)
    values = run_arrays(dag, [at[s] for s in dag.symbols])
    return [np.asarray(values[output]) for output in dag.outputs]


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
    worth &= ~_within_roundings(written, dict(zip(symbols, one.points, strict=True)), before, after)
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
        if written is not formula and not lucky and _has_no_derivative(formula, point):
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


def _has_no_derivative(formula: Expr, point: dict[str, float]) -> bool:
    """Whether a formula has no value at a point, or is an absolute value of 0 there: what is handed back is a convention."""
    nodes = [node for node in walk((formula,)) if node.op.name == "abs"]
    at = {s: np.asarray(point.get(s.name, 1.0), s.dtype) for s in g.free_symbols(formula)}
    with np.errstate(all="ignore"):
        values = _interpreted([formula, *[node.operands[0] for node in nodes]], at)
    return bool(np.isnan(values[0])) or any(bool(value == 0) for value in values[1:])


def judge(
    written: Expr, point: dict[str, float], before: float, after: float, real: Any = None
) -> tuple[float, Any] | None:
    """What should have come, when `after` is worse than `before`; None where it is not, or where nobody knows."""
    dtype = written.dtype
    values = list(point.values())
    if any(map(math.isnan, values)):
        return (before, None) if math.isnan(before) != math.isnan(after) else None
    if any(map(math.isinf, values)):
        lost = not math.isnan(before) and judge_number(before, after, before, dtype)
        return (before, None) if lost and _is_limit(written, point, before) else None
    if real is None:
        quick = None if before == after == 0 else truths([written], point, QUICK)
        likely = None if quick is None else quick[0].item()
        if likely is not None and mpmath.isfinite(likely) and likely != 0:
            near = rounded(
                likely, dtype
            )  # intervals are slow: they are asked about what looks like a failure
            if not math.isfinite(near) or not judge_number(before, after, near, dtype):
                return None
        real = truth(written, point)
    if real is None or not mpmath.isfinite(real):
        return None
    correct = rounded(real, dtype)
    if not math.isfinite(correct):
        return None
    if judge_number(before, after, correct, dtype):
        return correct, real
    sign = real < 0
    if correct == before == after == 0 != real and (math.copysign(1, before) < 0) == sign:
        return (-0.0 if sign else 0.0, real) if (math.copysign(1, after) < 0) != sign else None
    return None


def _is_limit(written: Expr, point: dict[str, float], value: float) -> bool:
    """Whether the formula has this value, rounded, wherever numbers beyond all floats stand for the infinite operands."""
    infinite = [name for name, x in point.items() if math.isinf(x)]
    if any(node.op.name == "pow" for node in walk((written,))):
        return False  # powers with so large exponents take minutes
    all_sizes = list(itertools.product(BEYOND, repeat=len(infinite)))
    if math.isinf(value):
        # beyond all floats exponentials count as 0, and 1/log(1 - 0) is infinite of either sign: here they are followed
        all_sizes.append((FAR,) * len(infinite))
    for sizes in all_sizes:
        sized = {
            name: math.copysign(1, point[name]) * size for name, size in zip(infinite, sizes, strict=True)
        }
        real = truth(written, {**point, **sized})
        if real is None or mpmath.isnan(real):
            return False
        if sizes[0] is FAR:
            if (real > 0) != (value > 0):
                return False
        elif rounded(real, written.dtype) != value:
            return False
    return True


def judge_number(before: float, after: float, correct: float, dtype: Any) -> bool:
    if math.isfinite(correct) and not math.isfinite(before):
        return False
    old, new = (float(bits_of_error(value, correct, dtype)[0]) for value in (before, after))
    return new > math.log2(1 + STEPS) + 1e-9 and new > old + LOST


def _within_roundings(
    written: Expr, at: dict[Expr, np.ndarray], before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """At which points what is rewritten lies between values that the formula as written has with other roundings: at one end of
    these it is no nearer to the truth, wherever that is."""
    runs = _with_errors(written, at, wide=False)
    low = np.minimum(np.nanmin(runs, axis=0, initial=np.inf), before)
    high = np.maximum(np.nanmax(runs, axis=0, initial=-np.inf), before)
    numbers = np.all(np.isfinite(runs), axis=0) & np.isfinite(before) & np.isfinite(after)
    for column in at.values():
        numbers &= np.isfinite(column)
    return numbers & (after != 0) & (low <= after) & (after <= high)


def noisy(written: Expr, at: dict[Expr, np.ndarray], wide: bool, units: int = 1) -> Any:
    """A function of the truth: of the formula as written, its operations off by so many units, the value furthest from it.
    `wide` computes in a type with a larger range of exponents, to the same number of digits."""
    results = _with_errors(written, at, wide, units, MORE_REPEATS)[:, 0]

    def furthest(correct: float) -> float:
        return float(results[int(np.argmax(bits_of_error(results, correct, written.dtype)))])

    return furthest


def _with_errors(
    written: Expr, at: dict[Expr, np.ndarray], wide: bool, units: int = 1, repeats: int = REPEATS
) -> np.ndarray:
    """A row for each of some repeats: the formula at some points, its inexact operations off by so many units at most."""
    rng = np.random.default_rng(0)
    dag = Dag([written])
    shape = repeats, len(next(iter(at.values())))
    columns = {s: np.broadcast_to(column, shape) for s, column in at.items()}
    values: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        for node, operands in zip(dag.exprs, dag.operands, strict=True):
            if node.is_symbol:
                value = columns[node]
            elif node.is_constant:
                value = np.asarray(node.value)
            else:
                types = node.op.types(tuple(operand.dtype for operand in node.operands))[0]
                taken = [
                    values[i].astype(WIDER[t] if wide and t in WIDER else t)
                    for i, t in zip(operands, types, strict=True)
                ]
                value = _value(node, taken, wide)
                if node.dtype.kind == "f" and node.op.name not in EXACT:
                    value = _moved(node, taken, np.broadcast_to(value, shape), rng, units)
            values.append(value)
        return np.broadcast_to(values[dag.outputs[0]], shape).astype(written.dtype)


WIDER = {np.dtype(np.float64): np.dtype(np.longdouble), np.dtype(np.float32): np.dtype(np.float64)}

EXACT = frozenset(
    (
        "negative",
        "abs",
        "where",
        "maximum",
        "minimum",
        "sign",
        "floor",
        "ceil",
        "round",
        "trunc",
        "clip",
        "astype",
    )
)


def _value(node: Expr, operands: list[np.ndarray], wide: bool) -> np.ndarray:
    if not wide:
        return np.asarray(node.op.reference(*operands, *node.attrs)).astype(node.dtype)
    try:
        return np.asarray(node.op.reference(*operands, *node.attrs))
    except TypeError:  # a function of SciPy's that knows no such type
        narrow = [x.astype(node.dtype) if x.dtype.kind == "f" else x for x in operands]
        return np.asarray(node.op.reference(*narrow, *node.attrs)).astype(WIDER.get(node.dtype, node.dtype))


def _moved(node: Expr, operands: list[np.ndarray], value: np.ndarray, rng: Any, units: int) -> np.ndarray:
    """A value, off by so many units of the formula's type at most, where it is not exact already."""
    if node.op.name in ("add", "subtract"):
        x, y = operands[0], -operands[1] if node.op.name == "subtract" else operands[1]
        part = value - x
        exact = (x - (value - part)) + (y - part) == 0
    elif node.op.name in ("multiply", "divide", "square", "sqrt", "reciprocal"):
        longer = [operand.astype(np.longdouble) for operand in operands]
        exact = np.asarray(node.op.reference(*longer)) == value.astype(np.longdouble)
        exact = exact & (value.dtype == node.dtype)
    else:
        # e⁰ is 1, as 0² is 0; that of 10⁻³⁰⁰ is 1 by rounding, as 1 + 10⁻³⁰⁰ is
        exact = np.isin(value, (0.0, 1.0, -1.0, 0.5))
        special = [np.isin(np.abs(x), (0.0, 0.5, 1.0, np.inf)) for x in operands]
        exact = exact & reduce(np.logical_or, special)
    steps = rng.integers(-units, units + 1, value.shape)
    if value.dtype == node.dtype:
        moved = value
        for step in range(1, units + 1):
            next_one = np.nextafter(moved, np.where(steps > 0, np.inf, -np.inf).astype(value.dtype))
            moved = np.where(np.abs(steps) >= step, next_one, moved)
    else:
        moved = value * (1 + steps * value.dtype.type(np.finfo(node.dtype).eps))
    return np.where(exact | (steps == 0) | ~np.isfinite(value), value, moved)


def second_opinion(failure: Failure) -> str:
    """What mpmath alone says of the truth that a failure was held against: "agrees", "differs" or "open"."""
    if failure.correct is None or not all(map(math.isfinite, failure.point.values())):
        return "open"
    found = truths([failure.written], failure.point)
    value = None if found is None else found[0].item()
    if value is None or not mpmath.isfinite(value):
        return "open"
    return "agrees" if rounded(value, failure.dtype) == failure.correct else "differs"


def blame(failure: Failure) -> str:
    """The rule without which it does not fail; all that fired where none decides alone."""
    written = failure.written
    fired = list(dict.fromkeys(step.rule for step in g.rewrites(written)))
    for name in fired:
        outputs = list(tables.run([written], "stable", [name]).outputs)
        at = {s: np.array([failure.around[s.name]], s.dtype) for s in g.free_symbols(*outputs)}
        with np.errstate(all="ignore"):
            (other,) = _interpreted(outputs, at)
        if judge(written, failure.point, failure.before, float(np.ravel(other)[0])) is None:
            return name
    return " + ".join(fired)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
