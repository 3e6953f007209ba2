"""Places in kernels: chains of views, padding, joined and indexed arrays beside NumPy's, for lengths known when called alone."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.runtime import array_function

LENGTHS = (0, 1, 2, 3, 7, 40)


class Chains:
    """Draws an operation on an array of two axes of named lengths, in graphc's words and in NumPy's."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.column = g.symbol("column", shape=("k",), dtype="int64")
        self.places = self.rng.integers(-2, 2, 5)  # valid in axes of two and more

    def draw(self, x):
        names = [name for name in dir(self) if name.startswith("draw_")]
        return getattr(self, str(self.rng.choice(names)))(x)

    def draw_pad(self, x):
        widths = [tuple(int(n) for n in self.rng.integers(0, 4, 2)) for _ in range(2)]
        return g.pad(x, widths), lambda a: np.pad(a, widths)

    def draw_roll(self, x):
        shift, axis = int(self.rng.integers(-9, 9)), int(self.rng.integers(2))
        return g.roll(x, shift, axis=axis), lambda a: np.roll(a, shift, axis=axis)

    def draw_flip(self, x):
        axis = int(self.rng.integers(2))
        return g.flip(x, axis=axis), lambda a: np.flip(a, axis=axis)

    def draw_half(self, x):
        k = int(self.rng.integers(-2, 3))
        name = str(self.rng.choice(["tril", "triu"]))
        return getattr(g, name)(x, k), lambda a: getattr(np, name)(a, k)

    def draw_repeat(self, x):
        axis = int(self.rng.integers(2))
        return g.repeat(x, 2, axis=axis), lambda a: np.repeat(a, 2, axis=axis)

    def draw_join(self, x):
        axis = int(self.rng.integers(2))
        return g.concat([x, x * 2, x], axis=axis), lambda a: np.concatenate([a, a * 2, a], axis=axis)

    def draw_turn(self, x):
        return x.T, lambda a: a.T

    def draw_arithmetic(self, x):
        return x * 3 + 1, lambda a: a * 3 + 1

    def draw_update(self, x):
        if self.rng.integers(2):
            y = g.pad(x, ((1, 0), (0, 0)), value=0.5)  # a slice from 1 on is of at least one row
            return (y * 2).at[1:].add(y[1:]), lambda a: np.pad(3 * a, ((1, 0), (0, 0)), constant_values=1.0)
        return x.at[:, ::2].set(0.5), lambda a: np.where(np.arange(a.shape[1]) % 2, a, 0.5)

    def draw_rows(self, x):
        """Rows that an array names, of at least two."""
        padded = g.pad(x, ((1, 1), (0, 0)))
        return padded[self.column], lambda a: np.pad(a, ((1, 1), (0, 0)))[self.places]


@pytest.mark.parametrize(
    "seed", [*range(16), *[pytest.param(seed, marks=pytest.mark.slow) for seed in range(16, 120)]]
)
def test_chains_of_views_are_numpys(seed, monkeypatch):
    monkeypatch.setattr(
        array_function, "is_little", lambda *_: False
    )  # kernels take over only for many elements
    chains = Chains(seed)
    x = g.symbol("x", shape=("n", "m"))
    expr, steps = x, []
    for _ in range(int(chains.rng.integers(1, 6))):
        expr, step = chains.draw(expr)
        steps.append(step)
    f = g.compile(expr + 0.25, [x, chains.column], cache=False)
    for _ in range(6):
        n, m = (int(length) for length in chains.rng.choice(LENGTHS, 2))
        data = chains.rng.normal(size=(n, m))
        expected = data
        for step in steps:
            expected = step(expected)
        if expected.size < 10**6:
            assert np.array_equal(f(data, chains.places), expected + 0.25), (expr, n, m)


@pytest.mark.parametrize("seed", range(6))
def test_places_of_small_types_are_numpys(seed, monkeypatch):
    """Rows of every kind of integer, some counted from the end, gathered beside others."""
    monkeypatch.setattr(array_function, "is_little", lambda *_: False)
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"]))
    x, i = g.symbol("x", shape=("n", "m")), g.symbol("i", shape=("k",), dtype=dtype)
    f = g.compile(g.concat([x[i] * 2, g.roll(x, 1, axis=1)], axis=0), [x, i], cache=False)
    for n, m, k in rng.integers(1, 60, (5, 3)):
        data = rng.normal(size=(n, m))
        places = rng.integers(0 if dtype[0] == "u" else -n, n, k).astype(dtype)
        expected = np.concatenate([data[places] * 2, np.roll(data, 1, axis=1)])
        assert np.array_equal(f(data, places), expected)


UNREAD = {
    "sum": lambda x: g.sum(x * x, axis=0, keepdims=True),
    "mean": lambda x: g.mean(x, axis=0, keepdims=True),
    "largest": lambda x: g.max(x, axis=0, keepdims=True),
    "sorted": lambda x: g.sort(x, axis=0),
    "product": lambda x: x @ (x.T @ x),
    "running": lambda x: g.cumsum(x, axis=0),
    "solved": lambda x: g.solve(x.T @ x + g.eye(2), x.T).T,
    "log-sum-exp": lambda x: g.logsumexp(x, axis=0, keepdims=True),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_piece_that_no_element_reads_is_not_asked_for(name):
    """Beside it stands what is read: `concat` and `stack` of something that has a loop of its own."""
    x = g.symbol("x", shape=("n", 2))
    values = np.random.default_rng(3).normal(size=(4, 2))
    piece = UNREAD[name](x)
    before, after = g.concat([piece, x * 2], axis=0), g.concat([x * 2, piece], axis=0)
    outputs = [
        before[-1], after[0], before[-2:][0], before[-1, None], g.flip(before, axis=0)[0], after[:2, ::-1][1],
        g.stack([piece[0], x[1] * 3])[1], g.sum(before[-1]),
    ]  # fmt: skip
    for output in outputs:
        found = g.compile(output, [x], cache=False)(values)
        np.testing.assert_allclose(found, g.evaluate(output, {"x": values}), rtol=1e-12)
