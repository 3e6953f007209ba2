"""The figures of the whole path, side by side in one run.

    python -m tests.benchmarks            all but memory, slopes and the table
    python -m tests.benchmarks scalar     one of: start, scalar, random, rewrite, freeze, array, slopes, cache, memory, tensors,
                                          table
    python -m tests.benchmarks.tensors k-means      programs over tensors whose title holds the word

GRAPHC_PEERS names the Python of a virtual environment with the other frameworks; without it they are reported missing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.harness import ROOT, Competitor, peers_python, race

OWN = "tests.benchmarks.peers.own"
FRAMEWORKS = "tests.benchmarks.peers.frameworks"
PEERS = ("jax", "torch", "torch.compile", "pytensor", "casadi", "heyoka", "symengine", "numexpr")


def verdict(what: str, value: float, limit: float, unit: str) -> None:
    print(f"  {'reached' if value <= limit else 'MISSED '}  {what}: {value:.3f} {unit} (target ≤ {limit:g})")


def _processes(code: str, environment: dict[str, str]) -> list[str]:
    """What a program prints in eight processes, one after the other; the first finds nothing prepared."""
    given = {"cwd": ROOT, "capture_output": True, "text": True, "check": True, "env": environment}
    return [subprocess.run([sys.executable, "-c", code], **given).stdout for _ in range(8)]


def start() -> None:
    """From a bare interpreter to the first result; medians of seven processes."""
    code = (
        "import time; t0 = time.perf_counter(); import graphc as g; t1 = time.perf_counter();"
        "x, w, b = g.symbols('x w b'); L = g.log(1/(g.exp(-(x*w+b))+1));"
        "f = g.compile(g.value_and_grad(L, [x, w, b]), [x, w, b], cache=False); f(2., -3., 6.); t2 = time.perf_counter();"
        "g.compile(g.value_and_grad(L*L, [x, w, b]), [x, w, b], cache=False)(2., -3., 6.); t3 = time.perf_counter();"
        "print(t1 - t0, t2 - t1, t3 - t2)"
    )
    # bytecode is kept, as it is for whoever installs graphc: the first process may write it and is not counted
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    rows = [[float(part) for part in text.split()] for text in _processes(code, environment)]
    importing, first, second = (statistics.median(column) for column in zip(*rows[1:], strict=True))
    print("\nFrom a bare interpreter")
    verdict("import graphc", importing, 0.2, "s")
    verdict(
        "g.compile of the log-sigmoid's value and gradients to its first result, numba's import included",
        first,
        0.4,
        "s",
    )
    print(f"  the next function after that: {second:.3f} s")


def scalar() -> None:
    times = race(
        "Log-sigmoid: value and three gradients, one scalar call",
        [
            Competitor("graphc", OWN, "log_sigmoid_scalar"),
            Competitor("sympy.lambdify(cse)", "tests.benchmarks.peers.sympy_lambdify", "log_sigmoid_scalar"),
            Competitor("NumPy by hand", "tests.benchmarks.peers.hand_numpy", "log_sigmoid_scalar"),
            *(Competitor(name, FRAMEWORKS, f"log_sigmoid_scalar:{name}", peers_python()) for name in PEERS),
        ],
    )
    verdict("scalar call", times["graphc"] * 1e6, 0.30, "µs")
    verdict("graphc / sympy.lambdify(cse=True)", times["graphc"] / times["sympy.lambdify(cse)"], 1.0, "×")


def random() -> None:
    own = Competitor("graphc", OWN, "random_3000")
    times = race(
        "A random graph of 3,000 operations",
        [own, Competitor("the same code, njit", "tests.benchmarks.peers.numba_njit", "random_3000")],
    )
    verdict(
        "compile, from the expression to the first result",
        own.facts["setup_seconds"],
        1.0,
        "s (graph's building included)",
    )
    verdict("graphc / njit, run time", times["graphc"] / times["the same code, njit"], 1.0, "×")


def rewrite() -> None:
    """What rewriting adds to compiling, and what the rewritten formulas cost when they run."""
    from tests.benchmarks.rewriting import SLOWER, run_times, share

    rewriting, rest, steps = share()
    print(f"\nRewriting 3,000 operations: {steps} steps in {rewriting:.3f} s; all else {rest:.3f} s")
    verdict("rewriting's share of compiling", rewriting / (rewriting + rest), 0.2, "")
    times = run_times()
    print(f"\nRun time of {len(times)} formulas over 10⁴ points, rewritten ÷ as written")
    for text, ratio, rules in sorted(times, key=lambda row: -row[1]):
        if ratio > SLOWER:
            print(f"  {ratio:5.2f}  {text}\n         {rules or 'NO STABILITY RULE FIRED'}")
    ratios = [ratio for _, ratio, _ in times]
    print(f"  the others: {min(ratios):.2f} to {SLOWER}; median of all {statistics.median(ratios):.2f}")
    verdict(
        "slower without a stability rule",
        max((r for _, r, rules in times if not rules), default=0.0),
        SLOWER,
        "×",
    )


def freeze() -> None:
    """Differentiating and freezing 100,000 nodes, networkx graph included; median of five."""
    import graphc as g

    seconds = []
    for _ in range(5):
        x, w, b = g.symbols("x w b")
        value = x
        for _ in range(33_333):
            value = g.tanh(value * w + b)
        started = time.perf_counter()
        gradient = g.grad(value, [x, w, b])
        middle = time.perf_counter()
        graph = g.Graph((value, gradient), [x, w, b])
        graph.nx
        seconds.append((time.perf_counter() - started, middle - started, len(graph)))
        del value, gradient, graph
    total, differentiating, nodes = (statistics.median(column) for column in zip(*seconds, strict=True))
    print("\nA chain of 100,000 nodes")
    verdict("differentiated and frozen", total, 5.0, "s")
    print(
        f"  differentiating alone {differentiating:.3f} s; the graph with its backward part has {nodes:,} nodes"
    )


def array() -> None:
    race(
        "Log-sigmoid: value and three gradients over 10⁶ float64",
        [
            Competitor("graphc", OWN, "log_sigmoid_array"),
            Competitor("NumPy by hand", "tests.benchmarks.peers.hand_numpy", "log_sigmoid_array"),
            Competitor("sympy.lambdify(cse)", "tests.benchmarks.peers.sympy_lambdify", "log_sigmoid_array"),
            *(Competitor(name, FRAMEWORKS, f"log_sigmoid_array:{name}", peers_python()) for name in PEERS),
        ],
        rounds=7,
    )


def tensors() -> None:
    """Training steps, likelihoods and the like: time, memory and error of every framework, with the machine's bound."""
    from tests.benchmarks.tensors import main

    main([])


def table() -> None:
    """docs/benchmarks.md; takes about an hour."""
    from tests.benchmarks.table import main

    main()


def slopes() -> None:
    """What stable derivatives cost beside those that are written, where these are right."""
    from tests.benchmarks.slopes import main

    main([])


def cache() -> None:
    """From g.compile to the first result in a process that finds its machine code on disk; medians of seven processes."""
    code = (
        "import sys, time, numba; import graphc as g; from tests.benchmarks.peers.own import program\n"
        "x, w, b = g.symbols('x w b'); L = g.log(1/(g.exp(-(x*w+b))+1)); small = g.value_and_grad(L, [x, w, b])\n"
        "large, inputs = program(30_000)\n"
        "for rewrite in ('stable', None):\n"
        "    t = time.perf_counter(); f = g.compile(small, [x, w, b], rewrite=rewrite); f(2., -3., 6.)\n"
        "    u = time.perf_counter(); h = g.compile(large, inputs, rewrite=rewrite); h(.1, .2, .3, .4, .5)\n"
        "    print(u - t, time.perf_counter() - u, f._libraries[-1].cached == h._libraries[-1].cached == 'hit')"
    )
    with tempfile.TemporaryDirectory() as place:
        environment = dict(os.environ, GRAPHC_CACHE_DIR=place)
        rows = [[line.split() for line in text.splitlines()] for text in _processes(code, environment)]
        kept = sum(file.stat().st_size for file in Path(place).iterdir())
    cold, warm = rows[0], rows[1:]
    assert all(line[2] == "True" for row in warm for line in row), "a process compiled again"
    print(f"\nMachine code from disk, numba imported before; the cache holds {kept / 2**20:.1f} MB")
    for number, how in enumerate(("as compile does it", "rewrite=None")):
        for column, what, limit in (
            (0, "log-sigmoid, value and gradients", 0.06),
            (1, "30,000 operations", 0.5),
        ):
            verdict(
                f"{what}, {how}; {float(cold[number][column]):.3f} s without the cache",
                statistics.median(float(row[number][column]) for row in warm),
                limit,
                "s",
            )


def memory() -> None:
    """What compiled functions leave in the process when they are gone: 10,000 of each kind."""
    from tests.benchmarks.memory import main

    main()


PARTS = {
    "start": start, "scalar": scalar, "random": random, "rewrite": rewrite, "freeze": freeze, "array": array,
    "slopes": slopes, "cache": cache, "memory": memory, "tensors": tensors, "table": table,
}  # fmt: skip

if __name__ == "__main__":
    chosen = sys.argv[1:] or [part for part in PARTS if part not in ("memory", "slopes", "table")]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.exit(f"unknown part {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    for name in chosen:
        PARTS[name]()
