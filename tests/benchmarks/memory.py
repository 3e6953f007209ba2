"""What a compiled function leaves in the process when it is gone.

    python -m tests.benchmarks.memory [functions]       10,000 functions by default, which takes the better part of an hour

Each competitor compiles a function, calls it and lets go of it, again and again in a process of its own; every one is another
formula. What the process holds more at the end, garbage collected and free memory given back, is what was never freed. The
others' functions are as many as a minute allows.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.harness import ROOT, peers_python

WARM = 100
"""Functions before the first look: what a process loads once is no leak."""

LIMIT = 5.0
"""MB that 10,000 functions may leave."""

MINUTE = 60.0

FORMULAS_ON_DISK = 50


def _factor(number: int) -> float:
    return 1.0 + number * 1.37e-5


def graphc_numbers(cached: bool = False) -> Callable[[int], object]:
    import graphc as g

    x, y = g.symbols("x y")

    def cycle(number: int) -> object:
        c = _factor(number % FORMULAS_ON_DISK if cached else number)
        return g.compile(g.log(1 / (g.exp(-(x * c + y)) + 1)) + g.sin(x * y), [x, y], cache=cached)(1.0, 2.0)

    return cycle


def graphc_numbers_from_disk() -> Callable[[int], object]:
    return graphc_numbers(cached=True)


def graphc_loops() -> Callable[[int], object]:
    import numpy as np

    import graphc as g

    x, y = g.symbols("x y")
    array = np.linspace(0.0, 1.0, 100)

    def cycle(number: int) -> object:
        formula = g.log(1 / (g.exp(-(x * _factor(number) + y)) + 1)) + g.sin(x * y)
        return g.compile(formula, [x, y], cache=False)(array, array)

    return cycle


def graphc_programs() -> Callable[[int], object]:
    import numpy as np

    import graphc as g

    rows = g.symbol("X", shape=("n", 8))
    array = np.ones((5, 8))

    def cycle(number: int) -> object:
        weights = g.exp(rows * _factor(number))
        return g.compile(weights / g.sum(weights, axis=1, keepdims=True), [rows], cache=False)(array)

    return cycle


def numba_numbers() -> Callable[[int], object]:
    import math

    import numba

    def cycle(number: int) -> object:
        c = _factor(number)

        @numba.njit
        def function(x: float, y: float) -> float:
            return math.log(1 / (math.exp(-(x * c + y)) + 1)) + math.sin(x * y)

        return function(1.0, 2.0)

    return cycle


def jax_numbers() -> Callable[[int], object]:
    import jax
    import jax.numpy as jnp

    def cycle(number: int) -> object:
        c = _factor(number)
        function = jax.jit(lambda x, y: jnp.log(1 / (jnp.exp(-(x * c + y)) + 1)) + jnp.sin(x * y))
        result = float(function(1.0, 2.0))
        function.clear_cache()
        jax.clear_caches()
        return result

    return cycle


def jax_programs() -> Callable[[int], object]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    array = np.ones((5, 8))

    def cycle(number: int) -> object:
        c = _factor(number)

        def softmax(rows: jax.Array) -> jax.Array:
            weights = jnp.exp(rows * c)
            return weights / jnp.sum(weights, axis=1, keepdims=True)

        function = jax.jit(softmax)
        result = np.asarray(function(array))
        function.clear_cache()
        jax.clear_caches()
        return result

    return cycle


WORKLOADS: dict[str, Callable[[], Callable[[int], object]]] = {
    "graphc_numbers": graphc_numbers,
    "graphc_numbers_from_disk": graphc_numbers_from_disk,
    "graphc_loops": graphc_loops,
    "graphc_programs": graphc_programs,
    "numba_numbers": numba_numbers,
    "jax_numbers": jax_numbers,
    "jax_programs": jax_programs,
}


def _resident() -> int:
    """Bytes in memory, as Linux counts them."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _work(name: str, functions: int, seconds: float) -> None:
    """In a process of its own: print how many functions there were, the bytes that they left, and the seconds they took."""
    cycle = WORKLOADS[name]()
    for number in range(WARM):
        cycle(number)
    before, start, done = _resident(), time.perf_counter(), 0
    while done < functions and (done < 10 or time.perf_counter() - start < seconds):
        cycle(WARM + done)
        done += 1
    print(json.dumps([done, _resident() - before, time.perf_counter() - start]))


def _measured(name: str, python: str, functions: int, seconds: float) -> float | None:
    """Print what one competitor leaves; returns the bytes for a function, None where it is missing."""
    with tempfile.TemporaryDirectory() as place:
        environment = dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu", GRAPHC_CACHE_DIR=place)
        done = subprocess.run(
            [python, "-m", "tests.benchmarks.memory", name, str(functions), str(seconds)],
            cwd=ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        print(f"  {name:26s} missing: {(done.stderr.strip().splitlines() or ['?'])[-1][:80]}")
        return None
    count, grown, took = json.loads(done.stdout.splitlines()[-1])
    each = grown / count
    print(
        f"  {name:26s} {each / 1e3:9.2f} kB a function   {each * 1e4 / 1e6:9.1f} MB for 10,000"
        f"   {count:6d} functions, {1e3 * took / count:6.1f} ms each",
        flush=True,
    )
    return each


def main(functions: int = 10_000) -> None:
    print(f"\nMemory that functions leave when they are gone (target ≤ {LIMIT:g} MB for 10,000)")
    for own, others in (
        ("graphc_numbers", ("numba_numbers", "jax_numbers")),
        ("graphc_numbers_from_disk", ()),
        ("graphc_loops", ()),
        ("graphc_programs", ("jax_programs",)),
    ):
        each = _measured(own, sys.executable, functions, float("inf"))
        for name in others:
            python = sys.executable if name.startswith("numba") else peers_python()
            other = _measured(name, python, functions, MINUTE)
            if each is not None and other is not None and other > 0:
                print(f"    {own} / {name}: {each / other:.4f} ×")
        if each is not None:
            total = each * 1e4 / 1e6
            print(f"  {'reached' if total <= LIMIT else 'MISSED '}  {own}: {total:.2f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _work(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
