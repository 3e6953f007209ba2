"""Random array programs, compiled with and without rewriting, against NumPy:

    GRAPHC_CHECK=memory python -m tests.fuzz arrays --count 100000 --seed 0 --seconds 3600

Each output of a program counts as a formula. Programs run in child processes, so that a crash is counted: its seed is printed.
LLVM's optimisation takes half of the time and is no part of what is tried here but for what the code promises it (no overlap,
alignment, no overflow), so three children of four make their machine code without it (`--opt` says otherwise).
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
import traceback
from random import Random
from typing import Any

import numpy as np

import graphc as g
from graphc.compiler.runtime import instantiated_plan as plans
from graphc.errors import GraphcError, ShapeError
from tests.fuzz.array_members import Member
from tests.fuzz.array_programs import LAYOUTS, Program, Undecided, agree, oracle, program

CHUNK = plans.CHUNK

IN_A_CHILD = 200
"""Programs of one child process."""

OPTIMISED = ("3", "0", "0", "0")
"""LLVM's levels of optimisation, a child process after the other: Numba's setting."""


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another arrangement of memory."""
    if layout == "F":
        return np.array(array, order="F")
    if layout == "strided" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed" and array.ndim:
        return array[..., ::-1].copy()[..., ::-1]
    array = array.copy()
    array.flags.writeable = layout != "read-only"
    return array


def check(made: Program) -> list[tuple[str, str]]:
    """What is wrong with a program: "differed" or "refused", and what."""
    wrong: list[tuple[str, str]] = []
    rng = Random(made.seed)
    g.set_num_threads(rng.choice([1, 2]))
    plans.CHUNK = rng.choice([CHUNK, 1.0])  # few rows in a chunk, so that small arrays have several
    compiled: Any = None
    known: dict[int, Any] = {}
    for rewrite in ("stable", None):
        if rewrite is None and compiled is not None and _as_written(compiled, made):
            break  # it would be the same machine code
        options: dict[str, Any] = {"rewrite": rewrite, "cache": False, "parallel": rng.choice(["auto", True])}
        if made.updates:
            options["updates"] = {made.inputs[name].expr: m.expr for name, m in made.updates.items()}
        try:
            compiled = g.compile(
                [m.expr for m in made.outputs], [m.expr for m in made.inputs.values()], **options
            )
        except GraphcError as error:
            wrong.append(("refused", f"compile with rewrite={rewrite}: {error}"))
            continue
        for number, later in enumerate((False, False, True, False)):
            arguments = made.arguments(np.random.default_rng([made.seed, number]), later)
            if number not in known:
                known[number] = _expected(made, arguments, later)
            if known[number] is UNDECIDED:
                continue
            for kind, text in _call(compiled, made, arguments, later, rng, known[number]):
                wrong.append((kind, f"call {number}, rewrite={rewrite}: {text}"))
    return wrong


def _as_written(compiled: Any, made: Program) -> bool:
    """Whether rewriting changed nothing."""
    graph = compiled.graph
    wanted = [m.expr for m in (*made.outputs, *made.updates.values())]
    return all(graph.exprs[k] is expr for k, expr in zip(graph.outputs, wanted, strict=True))


UNDECIDED: Any = object()


def _expected(made: Program, arguments: dict[str, np.ndarray], later: bool) -> Any:
    """What NumPy says, or that nobody knows."""
    try:
        return oracle(made, arguments, later)
    except Undecided:
        return UNDECIDED


def _call(
    compiled: Any,
    made: Program,
    arguments: dict[str, np.ndarray],
    later: bool,
    rng: Random,
    expected: dict[Member, np.ndarray] | None,
) -> list[tuple[str, str]]:
    """What is wrong with a call."""
    given = {
        name: laid_out(
            array, rng.choice([x for x in LAYOUTS if name not in made.updates or x != "read-only"])
        )
        for name, array in arguments.items()
    }
    before = {name: array.copy() for name, array in given.items()}
    out = _out(made, rng, given) if rng.random() < 0.3 else None
    shapes = [] if expected is None else [expected[member].shape for member in made.outputs]
    if out is not None and shapes != [array.shape for array in out]:
        out = None
    try:
        results = compiled(**given) if out is None else compiled(**given, out=out)
    except GraphcError as error:
        if isinstance(error, ShapeError) and (later or "too short for the slice" in str(error)):
            return []  # lengths of names that graphc reads in another way than NumPy
        unchanged = all(np.array_equal(given[name], before[name]) for name in given)
        if expected is not None or type(error).__name__ == "InternalError":
            return [("refused", str(error))]
        return [] if unchanged or out is not None else [("differed", f"refused, and updated some: {error}")]
    if expected is None:
        return [("differed", "NumPy refuses an index")]
    wrong = []
    for number, (member, result) in enumerate(zip(made.outputs, results, strict=True)):
        result = np.asarray(result, None if isinstance(result, np.ndarray) else member.expr.dtype)
        if not agree(member, expected[member], result):
            wrong.append(("differed", _told(f"output {number}, {member.expr}", result, expected[member])))
    for name in given:
        if name in made.updates:
            new = made.updates[name]
            if not agree(new, expected[new], given[name]):
                wrong.append(("differed", _told(f"update of {name}", given[name], expected[new])))
        elif not np.array_equal(given[name], before[name]) and not _is_out(given[name], out):
            wrong.append(("differed", f"input {name} was written"))
    return wrong


def _told(what: str, result: np.ndarray, expected: np.ndarray) -> str:
    return f"{what}:\n{result}\ninstead of\n{expected}"


def _out(made: Program, rng: Random, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Arrays for the results, in any layout; now and then one of the arguments."""
    out: list[np.ndarray] = []
    free = [array for name, array in given.items() if name not in made.updates and array.flags.writeable]
    for member in made.outputs:
        shape, dtype = member.value.shape, member.expr.dtype
        alias = next((a for a in free if a.shape == shape and a.dtype == dtype), None)
        if alias is not None and rng.random() < 0.3:
            free = [array for array in free if array is not alias]
            out.append(alias)
        else:
            out.append(laid_out(np.zeros(shape, dtype), rng.choice(["C", "C", "F", "strided", "reversed"])))
    return out


def _is_out(array: np.ndarray, out: list[np.ndarray] | None) -> bool:
    return out is not None and any(array is other for other in out)


def run(seed: int) -> tuple[int, list[tuple[str, str]]]:
    """How many formulas the program of a seed has, and what is wrong with it."""
    try:
        made = program(seed)
        return len(made.outputs), check(made) if made.outputs else []
    except Exception:
        return 1, [("differed", traceback.format_exc()[-1200:])]


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz arrays")
    parser.add_argument("--count", type=int, default=1000, help="formulas")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="the most seconds")
    parser.add_argument("--replay", type=int, help="run the program of one seed here, and show it")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--opt", choices="0123", help="LLVM's level of optimisation in every child process")
    given = parser.parse_args(args)
    if given.child is not None:
        return _child(given.seed, given.child)
    if given.replay is not None:
        return _replay(given.replay)
    return _run_all(given.count, given.seed, given.seconds, given.opt)


def _replay(seed: int) -> int:
    print(program(seed))
    _, wrong = run(seed)
    for kind, text in wrong:
        print(f"{kind}: {text}")
    return bool(wrong)


def _child(seed: int, count: int) -> int:
    for each in range(seed, seed + count):
        print(f"begin {each}", flush=True)
        formulas, wrong = run(each)
        for kind, text in wrong[:2]:
            print(f"{kind} {each} {text!r}")
        print(f"end {each} {formulas} {len({kind for kind, _ in wrong})}", flush=True)
    return 0


def _run_all(count: int, seed: int, seconds: float, opt: str | None) -> int:
    started = time.monotonic()
    tried = programs = 0
    levels = itertools.cycle(OPTIMISED if opt is None else opt)
    totals = {"differed": 0, "refused": 0, "crashed": 0}
    while tried < count and time.monotonic() - started < seconds:
        command = [
            sys.executable,
            "-m",
            "tests.fuzz",
            "arrays",
            "--seed",
            str(seed),
            "--child",
            str(IN_A_CHILD),
        ]
        level = next(levels)
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NUMBA_OPT": level}
        )
        assert child.stdout is not None
        last, open_ = seed - 1, False
        seen: set[tuple[str, str]] = set()
        for line in child.stdout:
            word, number, *rest = line.rstrip("\n").split(" ", 2)
            last, open_ = int(number), word != "end"
            if word == "end":
                tried += int(rest[0].split()[0])
                programs += 1
            elif word != "begin":
                if (word, number) not in seen:
                    totals[word] += 1
                seen.add((word, number))
                print(f"{word}: seed {number}, NUMBA_OPT={level}: {rest[0][:1500]}", flush=True)
            if word == "end" and (tried >= count or time.monotonic() - started >= seconds):
                child.kill()
                child.wait()
                return _sum_up(tried, programs, totals, last + 1)
        if child.wait() or open_:
            totals["crashed"] += 1
            print(f"crashed: seed {last}, NUMBA_OPT={level}, exit code {child.returncode}", flush=True)
        seed = last + 1
    return _sum_up(tried, programs, totals, seed)


def _sum_up(tried: int, programs: int, totals: dict[str, int], seed: int) -> int:
    wrong = ", ".join(f"{number} {word}" for word, number in totals.items())
    print(f"{tried} formulas in {programs} programs tried: {wrong}; the next seed is {seed}")
    return any(totals.values())
