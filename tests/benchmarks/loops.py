"""Programs with loops, value and gradient, beside JAX's `lax`: the time of a call, and that until the first result.

python -m tests.benchmarks.loops [NAME …]      (GRAPHC_PEERS names a Python that has jax)
python -m tests.benchmarks.loops agree [NAME …]   how far values, slopes and second derivatives are from JAX's
python -m tests.benchmarks.loops checkpoint    what reverse mode over 10⁶ steps keeps, with checkpoints and without
python -m tests.benchmarks.loops compile       the time to compile 10 and 10⁶ steps, in a process of its own and again
python -m tests.benchmarks.loops unrolled      a step of a loop beside one of the same steps written out
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
import types
from typing import Any

import numpy as np

import graphc as g
from tests.benchmarks.harness import ROOT, Competitor, peers_python, race
from tests.benchmarks.peers.loop_programs import NAMES, _programs

MODULE = "tests.benchmarks.peers.loop_programs"


def checkpoints() -> None:
    """The numbers in the workspace of value and gradient, and the time of a call.

    At w = 0.9 adjoints shrink by a factor between ½ and 1 at each step, until they are the smallest subnormal number, which that
    times such a factor rounds to again: most steps then compute with subnormal numbers, and a processor takes some 150 cycles for
    each. At w = 1.5 adjoints become 0.
    """
    w = g.symbol("w")
    for how in ("none", "sqrt"):
        end, _ = g.scan(lambda c, _: (g.sin(c) * w + 0.1, None), w, length=1_000_000, checkpoint=how)
        f: Any = g.compile([end, g.grad(end, w)], [w], cache=False)
        for at in (1.5, 0.9):
            results, seconds = f(at), []
            for _ in range(5):
                began = time.perf_counter()
                f(at)
                seconds.append(time.perf_counter() - began)
            _, workspace = f._native.frame({})
            time_of_a_call = f"{1e3 * min(seconds):7.1f} ms at w = {at}"
            print(f"{how:5} {workspace.nbytes // 8:9,} numbers   {time_of_a_call}   {results}")


STEPS_TO_COMPILE = """
import sys, time
import graphc as g

def ready(n, name):
    w = g.symbol(name)
    end, _ = g.scan(lambda c, _: (g.sin(c) * w + 0.1, None), w, length=n)
    times = [time.process_time()]
    f = g.compile([end, g.grad(end, w)], [w], cache=False)
    for _ in range(3):
        times.append(time.process_time())
        f(0.9)
    return times[1] - times[0], times[2] - times[1], times[3] - times[2]

n = int(sys.argv[1])
print(*ready(n, "w"), *ready(n, "v"))
"""
"""The first compilation of a process loads the compiler; the second has it."""


def compilations() -> None:
    """Processor time, the least of some processes: of compiling, of the first call and of the second one.

    Python's bytecode is there, as it is where a package is installed; no machine code is.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(_environment(), PYTHONPYCACHEPREFIX=folder)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(n: int) -> list[float]:
            call = [sys.executable, "-c", STEPS_TO_COMPILE, str(n)]
            return [
                float(x) for x in subprocess.run(call, env=environment, stdout=-1, check=True).stdout.split()
            ]

        run(10)
        least = {n: [math.inf] * 6 for n in (10, 1_000_000)}
        for _ in range(7):
            for n, times in least.items():
                least[n] = [min(pair) for pair in zip(times, run(n), strict=True)]
    print(f"{'seconds of processor time':28} {'compile':>8} {'first call':>11} {'second call':>12}")
    for k, when in enumerate(("first of a process", "again")):
        for n, times in least.items():
            compiled, first, second = times[3 * k : 3 * k + 3]
            print(f"{n:9,} steps, {when:18} {compiled:6.3f} {first:11.3f} {second:12.3f}")


WRITTEN_OUT = {
    "rnn": 16, "kalman": 50, "markov": 16, "lotka-volterra": 50, "leapfrog": 200, "power": 16, "metropolis": 50,
}  # fmt: skip
"""Steps of programs that are written out beside their loops."""


def unrolled(names: list[str]) -> float:
    """The geometric mean of the times of loops by those of the same steps written out; printed."""
    ratios = []
    for name in names:
        program, steps = _programs()[name], WRITTEN_OUT[name]
        calls: list[Any] = []
        for scan in (g.scan, _one_by_one):
            m = types.SimpleNamespace(**vars(g) | {x: getattr(g, x) for x in _USED})
            m.scan = lambda f, carry, xs=None, length=None, scan=scan, n=steps: scan(
                f, carry, _first(xs, n), length=n if xs is None else None
            )
            symbols = [g.symbol(f"a{k}", shape=np.shape(x)) for k, x in enumerate(program.arguments)]
            value = program.build(m, *symbols)
            f: Any = g.compile([value, *g.grad(value, symbols[: program.by])], symbols, cache=False)
            calls.append(f)
        results = [f(*program.arguments) for f in calls]
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
        least = [math.inf, math.inf]
        for _ in range(200):
            for k, f in enumerate(calls):
                began = time.perf_counter()
                for _ in range(20):
                    f(*program.arguments)
                least[k] = min(least[k], (time.perf_counter() - began) / 20)
        ratios.append(least[0] / least[1])
        own, written_out = (1e9 * each / steps for each in least)
        print(f"{name:16} {own:9.1f} ns a step, written out {written_out:9.1f}: {ratios[-1]:.2f}", flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.2f}")
    return mean


_USED = (
    "arange concat cos exp eye log log_softmax logsumexp mean outer reshape sigmoid sqrt stack sum tanh where zeros"
).split()


def _first(xs: Any, n: int) -> Any:
    return tuple(x[:n] for x in xs) if isinstance(xs, tuple) else None if xs is None else xs[:n]


def _one_by_one(f: Any, carry: Any, xs: Any, length: int | None = None) -> tuple[Any, Any]:
    """What `scan` gives, step by step."""
    ys = []
    count = length or (xs[0] if isinstance(xs, tuple) else xs).shape[0]
    for k in range(count):
        row = None if xs is None else tuple(x[k] for x in xs) if isinstance(xs, tuple) else xs[k]
        carry, y = f(carry, row)
        ys.append(y)
    return carry, None if ys[0] is None else g.stack(ys)


def agreement(names: list[str]) -> float:
    """The largest distance of value, slopes and second derivatives, each relative to its largest element; printed."""
    worst = 0.0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            arrays = []
            for kind, python in (("graphc", sys.executable), ("jax", peers_python())):
                path = f"{folder}/{kind}.npz"
                subprocess.run(
                    [python, "-m", MODULE, "written", name, kind, path], check=True, env=_environment()
                )
                with np.load(path) as file:
                    arrays.append([file[each] for each in file.files])
        far = [
            float(np.max(np.abs(own - other)) / max(np.max(np.abs(other)), 1e-300))
            for own, other in zip(*arrays, strict=True)
        ]
        worst = max(worst, *far)
        print(f"{name:16} {' '.join(f'{each:.1e}' for each in far)}", flush=True)
    print(f"largest {worst:.1e}")
    return worst


def _environment() -> dict[str, str]:
    return dict(os.environ, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu")


def main(names: list[str]) -> int:
    if names == ["checkpoint"]:
        checkpoints()
        return 0
    if names == ["compile"]:
        compilations()
        return 0
    if names[:1] == ["unrolled"]:
        unrolled(names[1:] or list(WRITTEN_OUT))
        return 0
    if names[:1] == ["agree"]:
        return int(agreement(names[1:] or list(NAMES)) > 1e-12)
    ratios: list[float] = []
    for name in names or NAMES:
        own = Competitor("graphc", MODULE, f"{name}:graphc")
        other = Competitor("jax", MODULE, f"{name}:jax", peers_python())
        times = race(name, [own, other])
        if "jax" in times:
            ratios.append(times["graphc"] / times["jax"])
            cold = own.facts["setup_seconds"] / other.facts["setup_seconds"]
            print(f"  graphc/jax: call {ratios[-1]:.2f}, until the first result {cold:.2f}")
    if ratios:
        print(f"\ngeometric mean of calls {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
