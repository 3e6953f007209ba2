"""This checkout beside another one of graphc: what calls and compiling cost, and their ratio.

    python -m tests.benchmarks.against PATH [ROUNDS]

PATH is a checkout of another commit (`git worktree add --detach PATH COMMIT`). Both run this file, in processes that take turns;
what is compared is processor time, the least of all rounds, which a loaded machine disturbs less than a clock.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]


def _least(call: Callable[[], Any], rounds: int, inner: int = 1) -> float:
    call()
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(inner):
            call()
        seconds.append((time.process_time() - began) / inner)
    return min(seconds)


def _calls() -> Iterator[tuple[str, float]]:
    import graphc as g

    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    f: Any = g.compile(g.value_and_grad(loss, [x, w, b]), [x, w, b], cache=False)
    small, large = np.linspace(-2, 2, 8), np.linspace(-2, 2, 100_000)
    yield "log-sigmoid, gradients, a number", _least(lambda: f(2.0, -3.0, 6.0), 20, 2000)
    yield "log-sigmoid, gradients, 8 numbers", _least(lambda: f(small, -3.0, small), 20, 500)
    yield "log-sigmoid, gradients, 10⁵ numbers", _least(lambda: f(large, -3.0, large), 20, 3)
    rows = g.symbol("rows", shape=("n", 20))
    softmax: Any = g.compile(g.softmax(rows, axis=1), [rows], cache=False)
    data = np.random.default_rng(0).normal(size=(64, 20))
    yield "softmax of rows, 64 × 20", _least(lambda: softmax(data), 20, 300)
    step: Any = _cross_entropy(1.0)
    weights, labels = np.random.default_rng(1).normal(size=(20, 10)), np.arange(64) % 10
    yield "cross-entropy, gradient, 64 × 20 → 10", _least(lambda: step(data, weights, labels), 20, 50)
    many, more = np.tile(data, (64, 1)), np.tile(labels, 64)
    yield "cross-entropy, gradient, 4,096 × 20 → 10", _least(lambda: step(many, weights, more), 10, 3)


def _cross_entropy(factor: float) -> Any:
    import graphc as g

    x, w = g.symbol("X", shape=("n", 20)), g.symbol("W", shape=(20, 10))
    y = g.symbol("Y", shape=("n",), dtype="int64")
    z = (x * factor) @ w
    chosen = g.squeeze(g.take_along_axis(z, g.expand_dims(y, 1), axis=1), 1)
    loss = g.mean(g.logsumexp(z, axis=1) - chosen)
    return g.compile(g.value_and_grad(loss, w), [x, w, y], cache=False)


def _compilations() -> Iterator[tuple[str, float]]:
    """Each time another formula, to its first result."""
    import graphc as g

    x, w, b = g.symbols("x w b")
    factors = (1 + k * 1e-6 for k in range(10**6))

    def scalar() -> None:
        loss = g.log(1 / (g.exp(-(x * w * next(factors) + b)) + 1))
        g.compile(g.value_and_grad(loss, [x, w, b]), [x, w, b], cache=False)(1.0, 2.0, 3.0)

    def cross_entropy() -> None:
        _cross_entropy(next(factors))(np.ones((4, 20)), np.ones((20, 10)), np.zeros(4, int))

    def rosenbrock() -> None:
        q = g.symbol("q", shape=("n",))
        value = g.sum(100 * (q[1:] - q[:-1] ** 2) ** 2 * next(factors) + (1 - q[:-1]) ** 2)
        g.compile(g.value_and_grad(value, q), [q], cache=False)(np.linspace(-1, 1, 8))

    def operations() -> None:
        rng, values = random.Random(1), [x * next(factors), w, b]
        for _ in range(1500):
            one, other = rng.choice(values[-20:]), rng.choice(values[-20:])
            values.append(
                [
                    lambda one, other: one + other, lambda one, other: one * other, lambda one, _: g.sin(one),
                    lambda one, _: g.tanh(one), lambda one, other: one - other, lambda one, _: g.exp(-one * one),
                ][rng.randrange(6)](one, other)
            )  # fmt: skip
        g.compile(values[-1], [x, w, b], cache=False)(1.0, 0.5, 0.25)

    yield "compile log-sigmoid with gradients", _least(scalar, 12)
    yield "compile cross-entropy with gradient", _least(cross_entropy, 8)
    yield "compile Rosenbrock with gradient", _least(rosenbrock, 8)
    yield "compile 1,500 operations", _least(operations, 4)


def _imports() -> float:
    began = time.process_time()
    import graphc  # noqa: F401

    return time.process_time() - began


def _run(checkout: Path, cache: str) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "GRAPHC_CACHE_DIR": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, __file__, "--here"], cwd=checkout, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str]) -> int:
    if arguments == ["--here"]:
        print(json.dumps({"import graphc": _imports(), **dict(_calls()), **dict(_compilations())}))
        return 0
    if not arguments:
        sys.exit("usage: python -m tests.benchmarks.against PATH [ROUNDS]")
    sides = (Path(arguments[0]).resolve(), ROOT)
    rounds = int(arguments[1]) if len(arguments) > 1 else 3
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        runs = [
            [_run(side, cache) for side, cache in zip(sides, (one, other), strict=True)]
            for _ in range(rounds)
        ]
    print(f"{'':44}{'that':>12}{'this':>12}   ratio")
    for case in runs[0][0]:
        that, this = (min(run[k][case] for run in runs) for k in range(2))
        print(f"{case:44}{1e6 * that:9.2f} µs{1e6 * this:9.2f} µs   {this / that:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
