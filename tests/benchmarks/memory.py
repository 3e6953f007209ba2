"""What a compiled function leaves in the process when it is gone.

    python -m tests.benchmarks.memory [functions] [name ...]       10,000 functions by default: 15 minutes on an idle processor

Each competitor compiles a function, calls it and lets go of it, again and again in a process of its own; every one is another
formula. What the process holds more at the end, garbage collected and free memory given back, is what was never freed; what it
held at each fifth of the way tells a leak, which grows as the functions do, from what is loaded once. Formulas are short, as what
is left is the engine's and no longer one leaves more modules; `formulas` is one that the rules rewrite, a tenth as often. The
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
        return g.compile(x * c + y, [x, y], cache=cached)(1.0, 2.0)

    return cycle


def graphc_numbers_from_disk() -> Callable[[int], object]:
    return graphc_numbers(cached=True)


def graphc_formulas() -> Callable[[int], object]:
    import graphc as g

    x, y = g.symbols("x y")

    def cycle(number: int) -> object:
        formula = g.log(1 / (g.exp(-(x * _factor(number) + y)) + 1)) + g.sin(x * y)
        return g.compile(formula, [x, y], cache=False)(1.0, 2.0)

    return cycle


def graphc_loops() -> Callable[[int], object]:
    import numpy as np

    import graphc as g

    x, y = g.symbols("x y")
    array = np.linspace(0.0, 1.0, 100)

    def cycle(number: int) -> object:
        return g.compile(x * _factor(number) + y, [x, y], cache=False)(array, array)

    return cycle


def graphc_programs() -> Callable[[int], object]:
    import numpy as np

    import graphc as g

    rows = g.symbol("X", shape=("n", 8))
    array = np.ones((5, 8))

    def cycle(number: int) -> object:
        return g.compile(g.sum(rows * _factor(number), axis=1), [rows], cache=False)(array)

    return cycle


def numba_numbers() -> Callable[[int], object]:
    import numba

    def cycle(number: int) -> object:
        c = _factor(number)

        @numba.njit
        def function(x: float, y: float) -> float:
            return x * c + y

        return function(1.0, 2.0)

    return cycle


def jax_numbers() -> Callable[[int], object]:
    return _jax(lambda c: lambda x, y: x * c + y, 1.0, 2.0)


def jax_formulas() -> Callable[[int], object]:
    import jax.numpy as jnp

    return _jax(lambda c: lambda x, y: jnp.log(1 / (jnp.exp(-(x * c + y)) + 1)) + jnp.sin(x * y), 1.0, 2.0)


def jax_loops() -> Callable[[int], object]:
    import numpy as np

    array = np.linspace(0.0, 1.0, 100)
    return _jax(lambda c: lambda x, y: x * c + y, array, array)


def jax_programs() -> Callable[[int], object]:
    import jax.numpy as jnp
    import numpy as np

    return _jax(lambda c: lambda rows: jnp.sum(rows * c, axis=1), np.ones((5, 8)))


def _jax(formula: Callable[[float], Callable[..., object]], *arguments: object) -> Callable[[int], object]:
    """A cycle that compiles the formula with a constant of its own and frees all that JAX lets one free."""
    import jax
    import numpy as np

    def cycle(number: int) -> object:
        function = jax.jit(formula(_factor(number)))
        result = np.asarray(function(*arguments))
        function.clear_cache()
        jax.clear_caches()
        return result

    return cycle


WORKLOADS: dict[str, Callable[[], Callable[[int], object]]] = {
    "graphc_numbers": graphc_numbers,
    "graphc_numbers_from_disk": graphc_numbers_from_disk,
    "graphc_formulas": graphc_formulas,
    "graphc_loops": graphc_loops,
    "graphc_programs": graphc_programs,
    "numba_numbers": numba_numbers,
    "jax_numbers": jax_numbers,
    "jax_formulas": jax_formulas,
    "jax_loops": jax_loops,
    "jax_programs": jax_programs,
}


def _resident() -> int:
    """Bytes in memory, as Linux counts them."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _work(name: str, functions: int, seconds: float) -> None:
    """In a process of its own: print how many functions there were, the bytes that were left at each fifth, and the seconds."""
    cycle = WORKLOADS[name]()
    for number in range(WARM):
        cycle(number)
    before, start, done, fifths = _resident(), time.perf_counter(), 0, list[int]()
    while done < functions and (done < 10 or time.perf_counter() - start < seconds):
        cycle(WARM + done)
        done += 1
        if done % max(1, functions // 5) == 0:
            fifths.append(_resident() - before)
    if done < functions:
        fifths.append(_resident() - before)
    print(json.dumps([done, fifths, time.perf_counter() - start]))


def _measured(name: str, python: str, functions: int, seconds: float) -> float | None:
    """Print what one competitor leaves; returns the bytes for a function, None where it is missing."""
    with tempfile.TemporaryDirectory() as place:
        environment = dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu", GRAPHC_CACHE_DIR=place)
        done = subprocess.run(
            [python, "-m", "tests.benchmarks.memory", "--work", name, str(functions), str(seconds)],
            cwd=ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        print(f"  {name:26s} missing: {(done.stderr.strip().splitlines() or ['?'])[-1][:80]}")
        return None
    count, fifths, took = json.loads(done.stdout.splitlines()[-1])
    each = fifths[-1] / count
    way = ", ".join(f"{bytes_ / 1e6:.2f}" for bytes_ in fifths)
    print(
        f"  {name:26s} {each / 1e3:9.3f} kB a function   {each * 1e4 / 1e6:9.2f} MB for 10,000"
        f"   {count:6d} functions, {1e3 * took / count:6.1f} ms each; MB on the way: {way}",
        flush=True,
    )
    return each


COMPARED = {
    "graphc_numbers": ("numba_numbers", "jax_numbers"),
    "graphc_numbers_from_disk": ("jax_numbers",),
    "graphc_formulas": ("jax_formulas",),
    "graphc_loops": ("jax_loops",),
    "graphc_programs": ("jax_programs",),
}


def main(functions: int = 10_000, names: tuple[str, ...] = tuple(COMPARED)) -> None:
    print(f"\nMemory that functions leave when they are gone (target ≤ {LIMIT:g} MB for 10,000)")
    for own in names:
        count = functions // 10 if own == "graphc_formulas" else functions
        each = _measured(own, sys.executable, count, float("inf"))
        for name in COMPARED[own]:
            python = sys.executable if name.startswith("numba") else peers_python()
            other = _measured(name, python, count, MINUTE)
            if each is not None and other is not None:
                ratio = f"{each / other:.4f} ×" if other > 0 else "the other left nothing"
                print(f"    {own} / {name}: {ratio}")
        if each is not None:
            total = each * 1e4 / 1e6
            print(f"  {'reached' if total <= LIMIT else 'MISSED '}  {own}: {total:.2f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        _work(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        main(int((sys.argv[1:2] or [10_000])[0]), tuple(sys.argv[2:]) or tuple(COMPARED))
