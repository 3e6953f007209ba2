"""Random programs over arrays: machine code computes what the interpreter computes, however the program is cut into kernels."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import ShapeError

LENGTHS = (1, 1, 2, 3, 5, 18)


class Programs:
    """Draws programs: a pool of expressions that grows by operations on what is there, so that much is shared."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = self.rng.choice(["float64", "float32"])
        sizes = self.rng.choice(LENGTHS, 3)
        self.point: dict[str, np.ndarray] = {}
        self.pool: list[g.Expr] = []
        for name, rank in zip("abc", self.rng.integers(1, 4, 3), strict=True):
            shape = tuple(int(n) for n in self.rng.permutation(sizes)[:rank])
            self.point[name] = self.rng.normal(size=shape).astype(self.dtype)
            named = tuple(f"n{n}" if self.rng.random() < 0.3 else n for n in shape)
            self.pool.append(g.symbol(name, shape=named, dtype=self.dtype))
        self.inputs = list(self.pool)
        for _ in range(int(self.rng.integers(2, 14))):
            made = self.step(self.pick())
            if made is not None and made.size_at_most(4000):
                self.pool.append(made.expr)

    def pick(self) -> g.Expr:
        recent = self.pool[-4:] if self.rng.random() < 0.6 else self.pool
        return recent[self.rng.integers(len(recent))]

    def step(self, x: g.Expr) -> Made | None:
        names = [name for name in dir(self) if name.startswith("draw_")]
        return Made.of(getattr(self, str(self.rng.choice(names)))(x))

    def axis(self, x):
        return int(self.rng.integers(-x.ndim, x.ndim))

    def axes(self, x):
        kind = self.rng.integers(3)
        if kind == 0:
            return None
        if kind == 1:
            return self.axis(x)
        count = int(self.rng.integers(1, x.ndim + 1))
        return tuple(int(k) for k in self.rng.permutation(x.ndim)[:count])

    def draw_sum(self, x):
        name = str(self.rng.choice(["sum", "mean", "max", "min", "logsumexp", "var"]))
        return getattr(g, name)(x, axis=self.axes(x), keepdims=bool(self.rng.integers(2))) if x.ndim else None

    def draw_softmax(self, x):
        return g.softmax(x, axis=self.axis(x)) if x.ndim else None

    def draw_argmax(self, x):
        return g.argmax(x, axis=self.axis(x)).astype(self.dtype) * 0.25 if x.ndim else None

    def draw_function(self, x):
        return getattr(g, str(self.rng.choice(["tanh", "sin", "sigmoid", "relu", "negative", "softplus"])))(
            x * 0.5
        )

    draw_function_again = draw_function

    def draw_pair(self, x):
        y = self.pick()
        try:
            return getattr(g, str(self.rng.choice(["add", "multiply", "subtract", "maximum"])))(x, y)
        except ShapeError:
            return None

    draw_pair_again = draw_pair

    def draw_outer(self, x):
        return g.expand_dims(x, 1) * g.expand_dims(g.tanh(x), 0) if x.ndim == 1 else None

    def draw_permuted(self, x):
        return g.permute_dims(x, tuple(int(k) for k in self.rng.permutation(x.ndim)))

    def draw_reshaped(self, x):
        return g.reshape(x, (-1,))

    def draw_slice(self, x):
        axis = int(self.rng.integers(x.ndim)) if x.ndim else 0
        if not x.ndim or not isinstance(x.shape[axis], int):
            return None
        n = x.shape[axis]
        key = [slice(None)] * x.ndim
        keys = [
            slice(None, None, -1),
            slice(0, n, 2),
            int(self.rng.integers(-n, n)),
            slice(n // 2, None),
            None,
        ]
        key[axis] = keys[self.rng.integers(len(keys))]
        return x[tuple(key)]

    def draw_take(self, x):
        axis = int(self.rng.integers(x.ndim)) if x.ndim else 0
        if not x.ndim or not isinstance(x.shape[axis], int):
            return None
        return g.take(x, self.rng.integers(-x.shape[axis], x.shape[axis], 4), axis=axis)

    def draw_matmul(self, x):
        return x @ g.matrix_transpose(x) * 0.25 if x.ndim >= 2 else None

    def draw_joined(self, x):
        return g.concat([x, x * 2], axis=self.axis(x)) if x.ndim else g.stack([x, x + 1])

    def draw_padded(self, x):
        return g.flip(g.pad(x, ((1, 2),) * x.ndim, 0.5)) if 0 < x.ndim < 3 else None

    def draw_cumsum(self, x):
        return g.cumsum(x, axis=self.axis(x)) if x.ndim else None

    def draw_triangle(self, x):
        return g.tril(x, int(self.rng.integers(-1, 2))) if x.ndim >= 2 else None


class Made:
    """An expression with the number of elements that it has at most."""

    def __init__(self, expr: g.Expr) -> None:
        self.expr = expr

    @staticmethod
    def of(expr):
        return None if expr is None else Made(expr)

    def size_at_most(self, most: int) -> bool:
        lengths = {f"n{n}": n for n in set(LENGTHS)}
        size = 1
        for dim in self.expr.shape:
            size *= dim if isinstance(dim, int) else lengths.get(str(dim), 20)
        return size <= most


def check(seed: int) -> None:
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    total = sum((g.sum(output * 0.5) for output in outputs), g.constant(0.0, program.dtype))
    outputs = [*outputs, *g.grad(total, program.inputs)]
    wanted = g.evaluate(outputs, program.point)
    f = g.compile(outputs, program.inputs, rewrite=None, parallel=bool(seed % 2), cache=False)
    layouts = [
        dict(program.point),
        {name: np.asfortranarray(np.repeat(array, 2, -1))[..., ::2] for name, array in program.point.items()},
    ]
    for point in layouts:
        for found, right in zip(f(**point), wanted, strict=True):
            found, right = np.asarray(found), np.asarray(right)
            assert found.shape == right.shape
            finite = np.isfinite(right)
            assert np.array_equal(np.isfinite(found), finite)
            scale = max(1.0, np.abs(right[finite]).max(initial=0))
            eps = np.finfo(program.dtype).eps
            assert np.abs(found[finite] - right[finite]).max(initial=0) <= 20_000 * eps * scale


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(25))
def test_programs(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_programs(block):
    for seed in range(100 + 40 * block, 140 + 40 * block):
        check(seed)
