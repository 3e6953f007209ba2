"""Elements, slices, reversed, strided and turned views of what is computed, in every operation over arrays, 20 calls in fresh
processes, against NumPy:

    python -m tests.fuzz views [--count N] [--seed S] [--calls 20] [--processes 4] [--seconds T]

A program is a formula of the registry (`tests/ops/array_cases.py`) with one view for all its operands, or one that is listed by
hand (`memory_programs.py`). It is compiled with and without rewriting, with and without the memory check, in turns. A process is
fresh: it is forked from one that has compiled one sum, so what is not written holds what the system gives, and its calls have
other arguments than those of the others. What it ends with other than 0 is a crash.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from tests.compiler.runtime.computed_views import VIEWS, computed, leaves
from tests.compiler.runtime.memory_programs import PROGRAMS
from tests.ops.array_cases import CASES

Make = Callable[[], tuple[Any, list[g.Expr], Callable[[int], tuple[list[np.ndarray], Any]]]]
"""A formula, its inputs, and for a seed arguments and what NumPy makes of them."""


def programs() -> dict[str, Make]:
    """All of them by name."""
    found: dict[str, Make] = {}
    for number, case in enumerate(CASES):
        for name, view in VIEWS.items():

            def of_case(case: Any = case, view: Any = view) -> Any:
                expr, symbols = computed(case, view)

                def at(seed: int) -> Any:
                    point = case.point(seed).values()
                    return [np.asarray(view[1](a)) for a in point], case.numpy(*point)

                return expr, symbols, at

            found[f"{number}-{case.op}, {name}"] = of_case
    for name, (build, formula) in PROGRAMS.items():

        def of_list(build: Any = build, formula: Any = formula) -> Any:
            x, y = g.symbol("x", shape=("n",)), g.symbol("y", shape=(4, 4))

            def at(seed: int) -> Any:
                rng = np.random.default_rng(seed)
                a, b = rng.permutation(8) * 0.25 - 1, rng.normal(size=(4, 4))
                return [a, b], formula(a, b)

            return build(x, y), [x, y], at

        found[name] = of_list
    return found


def check(make: Make, rewrite: str | None, seeds: range) -> str | None:
    """What differs from NumPy; None where nothing does."""
    expr, symbols, at = make()
    f = g.compile(expr, symbols, rewrite=rewrite, cache=False)
    for seed in seeds:
        arguments, expected = at(seed)
        for ours, theirs in zip(leaves(f(*arguments)), leaves(expected), strict=True):
            if not np.allclose(ours, theirs, rtol=1e-9, atol=1e-9) or np.shape(ours) != np.shape(theirs):
                return f"call {seed}, rewrite={rewrite}:\n{ours}\ninstead of\n{theirs}"
    return None


def in_a_fresh_process(make: Make, rewrite: str | None, memory: bool, seeds: range) -> str | None:
    """The same in a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            os.environ["GRAPHC_CHECK"] = "memory" if memory else ""
            told = check(make, rewrite, seeds) or ""
        except BaseException:
            told = traceback.format_exc()[-1500:]
        os.write(writer, told.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if status:
        return f"ended with status {status}, rewrite={rewrite}, memory={memory}"
    return told or None


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz views")
    parser.add_argument("--count", type=int, default=10**6, help="programs; all of them at most")
    parser.add_argument("--seed", type=int, default=0, help="which ones come first, and the arguments")
    parser.add_argument("--calls", type=int, default=20, help="of each program")
    parser.add_argument("--processes", type=int, default=4, help="fresh ones for each program")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="the most seconds")
    given = parser.parse_args(args)
    os.environ.setdefault("NUMBA_OPT", "1")  # machine code soon
    started = time.monotonic()
    x = g.symbol("x", shape=("n",))
    g.compile(g.sort(x + 1.0), x, cache=False)(np.ones(3))  # what all of them load is loaded
    chosen = list(programs().items())
    random.Random(given.seed).shuffle(chosen)
    tried = failed = 0
    each = max(1, given.calls // given.processes)
    for name, make in chosen[: given.count]:
        if time.monotonic() - started > given.seconds:
            break
        tried += 1
        for number in range(given.processes):
            first = 1000 * given.seed + number * each
            told = in_a_fresh_process(
                make, ("stable", None)[number % 2], number % 4 < 2, range(first, first + each)
            )
            if told:
                failed += 1
                print(f"{name}: {told}", flush=True)
                break
    calls = f"{each * given.processes} calls each in {given.processes} fresh processes"
    print(f"{tried} of {len(chosen)} programs, {calls}: {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
