"""Programs with loops, written once over a function `scan`: with that of graphc, and with one that writes every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import graphc as g
from graphc.util.pytree import flatten, unflatten


def unrolled(
    f: Callable[..., Any], carry: Any, xs: Any = None, *, length: int | None = None, reverse: bool = False
) -> Any:
    """What `scan` is, step by step."""
    leaves, tree = flatten(xs) if xs is not None else ([], None)
    steps = leaves[0].shape[0] if leaves else length
    given: list[Any] = []
    for step in range(steps - 1, -1, -1) if reverse else range(steps):
        row = None if tree is None else unflatten(tree, iter([leaf[step] for leaf in leaves]))
        carry, y = f(carry, row)
        given.append(y)
    if reverse:
        given.reverse()
    if given[0] is None:
        return carry, None
    flat = [flatten(y) for y in given]
    columns = [g.stack(list(column)) for column in zip(*(leaves for leaves, _ in flat), strict=True)]
    return carry, unflatten(flat[0][1], iter(columns))


class LoopProgram(NamedTuple):
    """symbols : the inputs; build : (scan, *symbols) → a scalar; point : the inputs' values; by : those to differentiate by"""

    symbols: list[g.Expr]
    build: Callable[..., g.Expr]
    point: dict[str, np.ndarray]
    by: list[int]


def _program(
    shapes: dict[str, tuple[int, ...]], build: Callable[..., g.Expr], seed: int = 0, scale: float = 0.5
) -> LoopProgram:
    rng = np.random.default_rng(seed)
    symbols = [g.symbol(name, shape=shape) for name, shape in shapes.items()]
    point = {name: scale * rng.normal(size=shape) for name, shape in shapes.items()}
    return LoopProgram(symbols, build, point, list(range(len(symbols))))


def _rnn(scan, X, W, U, b):
    def step(h, x):
        h = g.tanh(W @ h + U @ x + b)
        return h, g.sum(h)

    h, ys = scan(step, g.zeros((3,)), X)
    return g.sum(h**2) + g.sum(g.sin(ys))


def _lstm(scan, X, W, b):
    def step(carry, x):
        z = W @ g.concat([carry["h"], x]) + b
        i, f, o, u = z[:2], z[2:4], z[4:6], z[6:]
        c = g.sigmoid(f) * carry["c"] + g.sigmoid(i) * g.tanh(u)
        h = g.sigmoid(o) * g.tanh(c)
        return {"h": h, "c": c}, (h, g.sum(c))

    carry, (hs, cs) = scan(step, {"h": g.zeros((2,)), "c": g.zeros((2,))}, X)
    return g.sum(hs**2) + g.sum(cs) * g.sum(carry["c"])


def _kalman(scan, Y, A, q, r):
    """The log-likelihood of a linear Gaussian model with two states, one observed."""
    H = g.constant(np.array([1.0, 0.0]))

    def step(carry, y):
        m, P = carry
        m, P = A @ m, A @ P @ A.T + g.exp(q) * g.eye(2)
        s = H @ P @ H + g.exp(r)
        k, v = P @ H / s, y - H @ m
        return (m + k * v, P - g.outer(k, H @ P)), g.log(s) + v * v / s

    _, terms = scan(step, (g.zeros((2,)), g.eye(2)), Y)
    return -0.5 * g.sum(terms)


def _markov(scan, O, T, start):
    """The forward algorithm of a hidden Markov model, in logarithms."""
    logT = g.log_softmax(T, axis=1)

    def step(alpha, row):
        alpha = g.logsumexp(alpha[:, None] + logT, axis=0) + row
        return alpha, None

    alpha, _ = scan(step, g.log_softmax(start), O)
    return g.logsumexp(alpha)


def _lotka_volterra(scan, y0, p):
    a, b, c, d = (g.exp(p[k]) for k in range(4))

    def slope(y):
        return g.stack([a * y[0] - b * y[0] * y[1], c * y[0] * y[1] - d * y[1]])

    def step(y, _):
        h = 0.05
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    y, path = scan(step, g.exp(y0), length=12)
    return g.sum(path**2) / 10 + y[0]


def _leapfrog(scan, q, p):
    def step(carry, _):
        q, p = carry
        p = p - 0.05 * q / (1 + g.sum(q * q))
        q = q + 0.1 * p
        return (q, p - 0.05 * q / (1 + g.sum(q * q))), g.sum(p * p)

    (q, p), energies = scan(step, (q, p), length=9)
    return g.sum(q * p) + g.mean(energies)


def _edit_distance(scan, C):
    """The soft minimum over alignments, a loop over rows of a loop over columns."""

    def soft(a, b, c):
        return -g.logsumexp(g.stack([-a, -b, -c]))

    def row(before, costs):
        def cell(carry, x):
            left, corner = carry
            above, cost = x
            here = soft(left + 1, above + 1, corner + cost)
            return (here, above), here

        _, after = scan(cell, (before[0] + 1, before[0]), (before[1:], costs))
        return g.concat([g.reshape(before[0] + 1, (1,)), after]), None

    last, _ = scan(row, g.constant(np.arange(5.0)), C)
    return last[-1]


def _backwards(scan, X, w):
    def step(c, x):
        return c * w + x, c * g.sin(x)

    c, ys = scan(step, 0.5 * w, X, reverse=True)
    return c + g.sum(ys * g.cos(X))


def _counted(scan, X, w):
    """A whole number is carried beside what is differentiated."""

    def step(carry, x):
        n, c = carry
        return (n + 1, c + g.astype(n, "float64") * x * w), g.where(g.equal(n % 2, 0), c, x)

    (n, c), ys = scan(step, (g.constant(0), w), X)
    return c * g.astype(n, "float64") + g.sum(ys**2)


def _branching(scan, X, w):
    def step(c, x):
        c = g.cond(x > 0, lambda c: g.sin(c) * w, lambda c: c * x + w**2, c)
        return c, g.switch(g.astype(g.floor(3 * x), "int64"), [lambda: x, lambda: c * x, lambda: g.exp(c)])

    c, ys = scan(step, w, X)
    return c + g.sum(ys)


def _deep(scan, X, w):
    """Three loops, one inside the other, that use values of those around them."""

    def outer(c, x):
        def middle(d, y):
            def inner(e, z):
                return g.sin(e * w + z * x), e * y

            e, es = scan(inner, d, X)
            return e + 0.1 * g.sum(es), d * y

        d, ds = scan(middle, c * x, X)
        return d, g.sum(ds)

    c, ys = scan(outer, w, X)
    return c + g.sum(ys)


PROGRAMS: dict[str, LoopProgram] = {
    "rnn": _program({"X": (4, 2), "W": (3, 3), "U": (3, 2), "b": (3,)}, _rnn),
    "lstm": _program({"X": (4, 3), "W": (8, 5), "b": (8,)}, _lstm),
    "kalman": _program({"Y": (6,), "A": (2, 2), "q": (), "r": ()}, _kalman),
    "markov": _program({"O": (5, 3), "T": (3, 3), "start": (3,)}, _markov),
    "lotka-volterra": _program({"y0": (2,), "p": (4,)}, _lotka_volterra, scale=0.2),
    "leapfrog": _program({"q": (2,), "p": (2,)}, _leapfrog, scale=1.0),
    "edit distance": _program({"C": (3, 4)}, _edit_distance),
    "backwards": _program({"X": (5,), "w": ()}, _backwards),
    "counted": _program({"X": (5,), "w": ()}, _counted),
    "branching": _program({"X": (6,), "w": ()}, _branching, seed=3),
    "deep": _program({"X": (3,), "w": ()}, _deep),
}

__all__ = ["PROGRAMS", "LoopProgram", "unrolled"]
