"""The programs that stand in `arrays.cpp` and `loops.cpp`, over graphc's functions: inputs, results, values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import graphc as g
from tests.benchmarks.peers.loop_programs import LoopProgram, _programs


class Case(NamedTuple):
    """A program that is compared.

    function : the name of the function in C++; build : → (inputs, results); at : the inputs' values
    others : further values, call after call: a processor that is given the same again remembers which way branches went
    """

    function: str
    build: Callable[[], tuple[list[g.Expr], list[g.Expr]]]
    at: Callable[[], list[Any]]
    others: Callable[[], list[list[Any]]] | None = None


def _normal(*shapes: tuple[int, ...], scale: float = 1.0) -> Callable[[], list[Any]]:
    return lambda: [scale * np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(shapes)]


def _rosenbrock() -> tuple[list[g.Expr], list[g.Expr]]:
    x = g.symbol("x", shape=("n",))
    value = g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return [x], [value, g.grad(value, x)]


def _log_sum_exp() -> tuple[list[g.Expr], list[g.Expr]]:
    x = g.symbol("x", shape=("n",))
    value = g.log(g.sum(g.exp(x)))
    return [x], [value, g.grad(value, x)]


def _k_means(k: int) -> tuple[list[g.Expr], list[g.Expr]]:
    c, x, v = g.symbol("c", shape=(k, 8)), g.symbol("x", shape=("n", 8)), g.symbol("v", shape=(k, 8))
    value = g.sum(g.min(g.sum((x[:, None, :] - c[None, :, :]) ** 2, axis=2), axis=1))
    return [c, x, v], [value, g.grad(value, c), g.hvp(value, c, v)]


def _transformations() -> tuple[list[g.Expr], list[g.Expr]]:
    angles, frames, points = (
        g.symbol("angles", shape=26),
        g.symbol("frames", shape=(26, 4, 4)),
        g.symbol("points", shape=(500, 4)),
    )
    total: Any = None
    for k in range(26):
        c, s = g.cos(angles[k]), g.sin(angles[k])
        turn = g.stack([g.stack([c, -s, 0.0, 0.0]), g.stack([s, c, 0.0, 0.0]), np.eye(4)[2], np.eye(4)[3]])
        own = frames[k] @ turn
        total = own if total is None else total @ own
    moved = points @ total[:3].T
    return [angles, frames, points], [moved, g.jacobian(moved, angles)]


def _residual(camera: g.Expr, point: g.Expr, seen: g.Expr) -> tuple[g.Expr, g.Expr, g.Expr]:
    r, square = camera[:3], g.sum(camera[:3] ** 2)
    angle = g.sqrt(square)
    cosine = g.cos(angle)
    across = g.stack(
        [
            r[1] * point[2] - r[2] * point[1],
            r[2] * point[0] - r[0] * point[2],
            r[0] * point[1] - r[1] * point[0],
        ]
    )
    p = (
        cosine * point
        + g.sin(angle) / angle * across
        + (1 - cosine) / square * g.sum(r * point) * r
        + camera[3:6]
    )
    q = -p[:2] / p[2]
    far = g.sum(q**2)
    residual = camera[6] * (1 + far * (camera[7] + camera[8] * far)) * q - seen
    return residual, g.jacobian(residual, camera), g.jacobian(residual, point)


def _reprojection() -> tuple[list[g.Expr], list[g.Expr]]:
    inputs = [
        g.symbol("cameras", shape=("n", 9)),
        g.symbol("points", shape=("n", 3)),
        g.symbol("seen", shape=("n", 2)),
    ]
    return inputs, list(g.vmap(_residual)(*inputs))


def _reprojection_at() -> list[Any]:
    rng, n = np.random.default_rng(3), 10_000
    cameras = rng.normal(size=(n, 9)) * 0.1 + [0.2, -0.1, 0.3, 0, 0, -6.0, 5.0, 0.0, 0.0]
    return [cameras, rng.normal(size=(n, 3)), rng.normal(size=(n, 2))]


def _cell(W: g.Expr, b: g.Expr, h: g.Expr, c: g.Expr, x: g.Expr) -> tuple[g.Expr, g.Expr]:
    z = W @ g.concat([h, x]) + b
    c = g.sigmoid(z[14:28]) * c + g.sigmoid(z[:14]) * g.tanh(z[42:])
    return g.sigmoid(z[28:42]) * g.tanh(c), c


_LSTM = ((56, 28), (56,), (56, 28), (56,), (14,), (14,), (14,), (14,), (14,))


def _lstm_step() -> tuple[list[g.Expr], list[g.Expr]]:
    names = "W1 b1 W2 b2 x h1 c1 h2 c2".split()
    inputs = [g.symbol(name, shape=shape) for name, shape in zip(names, _LSTM, strict=True)]
    W1, b1, W2, b2, x, h1, c1, h2, c2 = inputs
    h1, c1 = _cell(W1, b1, h1, c1, x)
    h2, c2 = _cell(W2, b2, h2, c2, h1)
    value = g.sum(h2**2)
    return inputs, [value, *g.grad(value, inputs[:4])]


def _descended(loss: g.Expr, weights: list[g.Expr]) -> list[g.Expr]:
    return [loss, *(w - 0.1 * d for w, d in zip(weights, g.grad(loss, weights), strict=True))]


def _network_2_3_1() -> tuple[list[g.Expr], list[g.Expr]]:
    x, y, W = g.symbol("x", shape=2), g.symbol("y"), g.symbol("W", shape=(3, 2))
    c, v = g.symbol("c", shape=3), g.symbol("v", shape=3)
    out = g.sigmoid(g.sum(v * g.sigmoid(W @ x + c)))
    return [x, y, W, c, v], _descended(0.5 * (out - y) ** 2, [W, c, v])


def _network_64_32_10() -> tuple[list[g.Expr], list[g.Expr]]:
    x, W = g.symbol("x", shape=64), g.symbol("W", shape=(32, 64))
    c, V = g.symbol("c", shape=32), g.symbol("V", shape=(10, 32))
    z = V @ g.tanh(W @ x + c)
    return [x, W, c, V], _descended(g.logsumexp(z) - z[3], [W, c, V])


def _determinant() -> tuple[list[g.Expr], list[g.Expr]]:
    A = g.symbol("A", shape=(8, 8))

    @cache
    def minor(columns: tuple[int, ...]) -> Any:
        row = 8 - len(columns)
        if len(columns) == 1:
            return A[row, columns[0]]
        terms = [
            (-1) ** k * A[row, j] * minor(columns[:k] + columns[k + 1 :])
            if k % 2
            else A[row, j] * minor(columns[:k] + columns[k + 1 :])
            for k, j in enumerate(columns)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    return [A], [minor(tuple(range(8)))]


_REACTIONS: tuple[tuple[float, tuple[int, ...], tuple[int, ...]], ...] = (
    (0.35, (0,), (1, 2)), (26.6, (1, 3), (0,)), (12300, (4, 1), (5, 0)), (8.6e-4, (6,), (4, 4, 7)), (8.2e-4, (6,), (7,)),
    (15000, (6, 5), (4, 7)), (1.3e-4, (8,), (4, 7, 9)), (24000, (8, 5), (10,)), (16500, (10, 1), (0, 9, 11)),
    (9000, (10, 0), (12,)), (0.022, (12,), (10, 0)), (12000, (9, 1), (13, 0)), (1.88, (13,), (6, 4)), (16300, (0, 5), (14,)),
    (4.8e6, (2,), (3,)), (3.5e-4, (3,), (15,)), (0.0175, (3,), (2,)), (1e8, (15,), (5, 5)), (4.44e11, (15,), (2,)),
    (1240, (16, 5), (4, 17)), (2.1, (18,), (1,)), (5.78, (18,), (0, 2)), (0.0474, (0, 3), (18,)), (1780, (18, 0), (19,)),
    (3.12, (19,), (0, 18)),
)  # fmt: skip
"""Air pollution (Verwer 1994): rate, what reacts, what is made."""


def _kinetics() -> tuple[list[g.Expr], list[g.Expr]]:
    y = g.symbol("y", shape=20)
    slopes: list[Any] = [0.0] * 20
    for rate, used, made in _REACTIONS:
        flow = rate * y[used[0]] if len(used) == 1 else rate * y[used[0]] * y[used[1]]
        for k in used:
            slopes[k] = slopes[k] - flow
        for k in made:
            slopes[k] = slopes[k] + flow
    right = g.stack(slopes)
    return [y], [right, g.jacobian(right, y)]


def _bisection() -> tuple[list[g.Expr], list[g.Expr]]:
    a = g.symbol("a")

    def halved(ends: Any) -> Any:
        low, high = ends
        x = 0.5 * (low + high)
        above = x * x * x + x > a
        return g.where(above, low, x), g.where(above, x, high)

    low, high = g.while_loop(lambda ends: ends[1] - ends[0] > 1e-12, halved, (0.0 * a, a))
    return [a], [0.5 * (low + high)]


def _moves() -> list[list[Any]]:
    """Arguments of Metropolis's chain with other random numbers: more branches than a processor remembers."""
    rng = np.random.default_rng(1)
    scale, centre, moves, uniform = _programs()["metropolis"].arguments
    return [
        [scale, centre, rng.normal(size=np.shape(moves)), np.log(rng.random(np.shape(uniform)))]
        for _ in range(64)
    ]


def _loop(program: LoopProgram) -> tuple[list[g.Expr], list[g.Expr]]:
    symbols = [g.symbol(f"a{k}", shape=np.shape(value)) for k, value in enumerate(program.arguments)]
    value = program.build(g, *symbols)
    return symbols, [value, *g.grad(value, symbols[: program.by])]


LOOPS = (
    "lotka-volterra", "kalman", "markov", "power", "leapfrog", "rnn", "lstm", "bodies", "metropolis", "edit-distance",
)  # fmt: skip
"""Programs with loops that stand in `loops.cpp`, bisection beside them."""


def _cases() -> dict[str, Case]:
    cases = {}
    for n in (3, 10, 100, 1_000, 10_000, 100_000, 1_000_000):
        cases[f"rosenbrock {n:,}"] = Case("rosenbrock", _rosenbrock, _normal((n,)))
    for n in (10, 1_000, 100_000):
        cases[f"log-sum-exp {n:,}"] = Case("log_sum_exp", _log_sum_exp, _normal((n,)))
    for k in (10, 100):
        at = _normal((k, 8), (1_000, 8), (k, 8))
        cases[f"k-means {k}"] = Case(f"k_means_{k}", lambda k=k: _k_means(k), at)
    cases["transformations"] = Case(
        "transformations", _transformations, _normal((26,), (26, 4, 4), (500, 4), scale=0.5)
    )
    cases["reprojection"] = Case("reprojection", _reprojection, _reprojection_at)
    cases["lstm step"] = Case("lstm_step", _lstm_step, _normal(*_LSTM, scale=0.2))
    cases["network 2-3-1"] = Case("network_2_3_1", _network_2_3_1, _normal((2,), (), (3, 2), (3,), (3,)))
    cases["network 64-32-10"] = Case(
        "network_64_32_10", _network_64_32_10, _normal((64,), (32, 64), (32,), (10, 32), scale=0.2)
    )
    cases["determinant"] = Case("determinant", _determinant, _normal((8, 8)))
    cases["kinetics"] = Case("kinetics", _kinetics, lambda: [np.random.default_rng(5).random(20)])
    loops = _programs()
    for name in LOOPS:
        program = loops[name]
        cases[name] = Case(
            name.replace("-", "_"), lambda p=program: _loop(p), lambda p=program: list(p.arguments)
        )
    cases["metropolis, new moves"] = cases["metropolis"]._replace(others=_moves)
    cases["bisection"] = Case("bisection", _bisection, lambda: [7.0])
    return cases


CASES = _cases()

assert len(set(itertools.chain(*(used for _, used, _ in _REACTIONS)))) <= 20
