"""Value and gradient of the Rosenbrock function over vectors of any length, beside the loop that one writes with Numba; programs
over small arrays as one function, beside the same by kernels and calls of libraries.

    python -m tests.benchmarks.small_arrays [NAME …]      rosenbrock, log-sum-exp, fixed, programs

Both are called in turn in one process; each figure is the least of many calls, so that other work on the machine counts little.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np

import graphc as g

LENGTHS = (3, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 30


@numba.njit(error_model="numpy")
def rosenbrock_by_hand(x: Any) -> Any:
    """As a good programmer writes it: one loop, the slope written as it goes."""
    n = x.size
    slope = np.empty(n)
    total, carried = 0.0, 0.0
    for i in range(n - 1):
        a = x[i + 1] - x[i] * x[i]
        b = 1.0 - x[i]
        total += 100.0 * a * a + b * b
        slope[i] = carried - 400.0 * x[i] * a - 2.0 * b
        carried = 200.0 * a
    slope[n - 1] = carried
    return total, slope


@numba.njit(error_model="numpy")
def log_sum_exp_by_hand(x: Any) -> Any:
    """Two passes, the largest first."""
    top = x[0]
    for i in range(1, x.size):
        top = max(top, x[i])
    slope = np.empty(x.size)
    total = 0.0
    for i in range(x.size):
        slope[i] = math.exp(x[i] - top)
        total += slope[i]
    for i in range(x.size):
        slope[i] /= total
    return top + math.log(total), slope


def _rosenbrock(x: g.Expr) -> g.Expr:
    return g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _log_sum_exp(x: g.Expr) -> g.Expr:
    return g.log(g.sum(g.exp(x)))


CASES: dict[str, tuple[Callable[[g.Expr], g.Expr], Any]] = {
    "rosenbrock": (_rosenbrock, rosenbrock_by_hand),
    "log-sum-exp": (_log_sum_exp, log_sum_exp_by_hand),
}


def least(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of one call of each, in turn."""
    best = dict.fromkeys(calls, math.inf)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(repeats):
                call()
            best[name] = min(best[name], (time.perf_counter() - began) / repeats)
    return best


def compare(name: str) -> Iterator[str]:
    """Lines of a table: length, microseconds of both, the ratio."""
    formula, by_hand = CASES[name]
    x = g.symbol("x", shape=("n",))
    value = formula(x)
    f = g.compile((value, g.grad(value, x)), [x], cache=False)
    yield f"{name:14} {'graphc µs':>12} {'by hand µs':>12} {'ratio':>7}"
    for n in LENGTHS:
        at = np.random.default_rng(n).random(n)
        ours, theirs = f(at), by_hand(at)
        assert abs(ours[0] - theirs[0]) <= 1e-9 * abs(theirs[0])
        assert np.allclose(ours[1], theirs[1], rtol=1e-9, atol=1e-9)
        repeats = max(1, min(2_000, 2_000_000 // (n + 1_000)))
        best = least({"graphc": lambda at=at: f(at), "hand": lambda at=at: by_hand(at)}, repeats)
        ratio = best["graphc"] / best["hand"]
        yield f"{n:14,} {1e6 * best['graphc']:12.2f} {1e6 * best['hand']:12.2f} {ratio:7.2f}"


def fixed() -> Iterator[str]:
    """The cost of a call that hardly computes: value and gradient of a function of three numbers."""
    x = g.symbol("x", shape=3)
    value = _rosenbrock(x)
    both, slope = (g.compile(e, [x], cache=False) for e in ((value, g.grad(value, x)), g.grad(value, x)))
    at, strided, out = np.array([0.5, 0.3, 0.2]), np.zeros(6)[::2], np.empty(3)
    strided[:] = at
    calls = {
        "value and gradient": lambda: both(at),
        "of a strided array": lambda: both(strided),
        "gradient into out=": lambda: slope(strided, out=out),
        "by the Python path": lambda: both.call(at),
        "by hand in Numba": lambda: rosenbrock_by_hand(at),
    }
    for call in calls.values():
        call()
    for name, seconds in least(calls, 2_000).items():
        yield f"{name:20} {1e6 * seconds:8.2f} µs"


def _small_programs() -> dict[str, tuple[list[g.Expr], list[g.Expr]]]:
    """Name → (inputs, results)."""
    made: dict[str, tuple[list[g.Expr], list[g.Expr]]] = {}

    def add(name: str, inputs: list[g.Expr], value: g.Expr, by: list[g.Expr]) -> None:
        made[name] = inputs, [value, *g.grad(value, by)]

    A, b = g.symbol("A", shape=(8, 8)), g.symbol("b", shape=8)
    add("a system of 8 equations", [A, b], g.sum(g.solve(A, b) ** 2), [A, b])
    x, W, c, v = (
        g.symbol("x", shape=2),
        g.symbol("W", shape=(3, 2)),
        g.symbol("c", shape=3),
        g.symbol("v", shape=3),
    )
    add("a 2-3-1 network", [x, W, c, v], g.sigmoid(g.sum(v * g.sigmoid(W @ x + c))) ** 2, [W, c, v])
    x, W, c, V = (
        g.symbol("x", shape=64),
        g.symbol("W", shape=(32, 64)),
        g.symbol("c", shape=32),
        g.symbol("V", shape=(10, 32)),
    )
    z = V @ g.tanh(W @ x + c)
    add("a 64-32-10 network", [x, W, c, V], g.logsumexp(z) - z[3], [W, c, V])
    C, D = g.symbol("C", shape=(10, 3)), g.symbol("D", shape=("n", 3))
    apart = g.sum((D[:, None, :] - C[None, :, :]) ** 2, axis=2)
    add("k-means of 10 centres", [C, D], g.sum(g.min(apart, axis=1)), [C])
    X, m, w = g.symbol("X", shape=("n", 2)), g.symbol("m", shape=(5, 2)), g.symbol("w", shape=5)
    far = g.log_softmax(w) - 0.5 * g.sum((X[:, None, :] - m[None]) ** 2, axis=2)
    add("a mixture of 5 Gaussians", [X, m, w], g.sum(g.logsumexp(far, axis=1)), [m, w])
    Y, P = g.symbol("Y", shape=("n", 10)), g.symbol("P", shape=("n", 10))
    add("cross-entropy of 10 classes", [Y, P], -g.mean(g.sum(Y * g.log_softmax(P, axis=1), axis=1)), [P])
    U = g.symbol("U", shape=("n", "n"))
    bent = U[2:, 1:-1] + U[:-2, 1:-1] + U[1:-1, 2:] + U[1:-1, :-2] - 4 * U[1:-1, 1:-1]
    add("a Laplacian", [U], g.sum(bent**2), [U])
    return made


def programs() -> Iterator[str]:
    """Value and gradient at 40 rows, where they have rows: one function, and kernels (`parallel=True`) on one thread."""
    yield f"{'':28} {'one function µs':>16} {'kernels µs':>12} {'ratio':>7}"
    ratios = []
    g.set_num_threads(1)
    for name, (inputs, results) in _small_programs().items():
        one, other = (g.compile(results, inputs, cache=False, parallel=how) for how in ("auto", True))
        rng = np.random.default_rng(0)
        at = [rng.normal(size=[40 if isinstance(n, str) else n for n in x.shape]) for x in inputs]
        for mine, theirs in zip(one(*at), other(*at), strict=True):
            assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-9)
        best = least({"one": lambda f=one, at=at: f(*at), "kernels": lambda f=other, at=at: f(*at)}, 200)
        ratios.append(best["one"] / best["kernels"])
        yield f"{name:28} {1e6 * best['one']:16.2f} {1e6 * best['kernels']:12.2f} {ratios[-1]:7.2f}"
    yield f"geometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}"


PARTS: dict[str, Callable[[], Iterator[str]]] = {"fixed": fixed, "programs": programs}


def main(names: list[str]) -> int:
    for name in names or [*CASES, *PARTS]:
        for line in PARTS[name]() if name in PARTS else compare(name):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
