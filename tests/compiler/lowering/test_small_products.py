"""Products of matrices of a few rows and columns are written out: no library is called for them."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.lowering.decompose import SMALL_PRODUCT
from graphc.compiler.schedule.fusion import Group

SHAPES = [
    ((2, 2), (2, 2)), ((3, 3), (3, 3)), ((4, 4), (4, 4)), ((8, 8), (8, 8)), ((2, 16), (16, 3)), ((5, 1), (1, 4)),
    ((3, 4), (4, 2)), ((6, 4, 4), (4, 4)), ((4, 4), (6, 4, 4)), ((5, 1, 3, 2), (7, 2, 3)), ((0, 3, 3), (3, 3)),
]  # fmt: skip


def kernels_alone(f) -> bool:
    return all(isinstance(step, Group) for step in f._plan.steps)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("a, b", SHAPES)
def test_values_and_gradients(a, b, dtype):
    A, B = g.symbol("A", shape=a, dtype=dtype), g.symbol("B", shape=b, dtype=dtype)
    product = A @ B
    weights = g.symbol("W", shape=product.shape, dtype=dtype)
    f = g.compile([product, *g.grad(g.sum(product * weights), [A, B])], [A, B, weights], cache=False)
    rng = np.random.default_rng(3)
    x, y, w = (rng.normal(size=shape).astype(dtype) for shape in (a, b, product.shape))
    assert kernels_alone(f)
    long = [v.astype(np.longdouble) for v in (x, y, w)]
    bound = 4 * np.finfo(dtype).eps
    for _ in range(2):
        value, by_a, by_b = f(x, y, w)
        size = np.abs(long[0]) @ np.abs(long[1])
        assert np.all(np.abs(value - long[0] @ long[1]) <= bound * a[-1] * size)
        exact = long[2] @ np.swapaxes(long[1], -1, -2)
        size = np.abs(long[2]) @ np.abs(np.swapaxes(long[1], -1, -2))
        batch = tuple(range(exact.ndim - len(a)))
        exact, size = exact.sum(axis=batch), size.sum(axis=batch)
        short = tuple(k for k, n in enumerate(a) if n == 1 and exact.shape[k] != 1)
        exact, size = exact.sum(axis=short, keepdims=True), size.sum(axis=short, keepdims=True)
        assert np.all(np.abs(by_a - exact) <= bound * 64 * size)
        assert by_b.shape == b


def test_larger_products_are_the_librarys():
    for n in (8, 9):
        A, B = g.symbol("A", shape=(n, n)), g.symbol("B", shape=(n, n))
        f = g.compile(A @ B, [A, B], cache=False)
        assert kernels_alone(f) == (n**3 <= SMALL_PRODUCT)
    named = g.symbol("N", shape=("n", 3))
    assert not kernels_alone(g.compile(named @ g.symbol("M", shape=(3, 3)), cache=False))
