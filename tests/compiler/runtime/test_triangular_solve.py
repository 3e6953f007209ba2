"""Triangular equations by BLAS, held against substitution in a wider type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.compiler.engine import thread_pool
from graphc.compiler.runtime import triangular_solve
from tests.counts import examples


def substituted(a, b, lower):
    """The solution of one system, row after row, in long doubles."""
    a, b = a.astype(np.longdouble), b.astype(np.longdouble)
    x = np.zeros_like(b)
    order = range(len(a)) if lower else range(len(a) - 1, -1, -1)
    for i in order:
        known = range(i) if lower else range(i + 1, len(a))
        x[i] = (b[i] - sum((a[i, j] * x[j] for j in known), np.zeros_like(b[i]))) / a[i, i]
    return x


def within_the_bound(x, a, b, lower):
    """|a·x − b| ≤ (n + 2)·ε·|a|·|x|: the residual of substitution, Higham, Accuracy and Stability, 8.5."""
    part = np.tril(a) if lower else np.triu(a)
    wide, solution = part.astype(np.longdouble), x.astype(np.longdouble)
    bound = (len(a) + 2) * np.finfo(x.dtype).eps * (abs(wide) @ abs(solution))
    assert np.all(abs(wide @ solution - b) <= bound)


@settings(deadline=None, max_examples=examples(38))
@given(
    n=st.integers(1, 12), m=st.integers(0, 9), batch=st.lists(st.integers(0, 3), max_size=2), ones=st.integers(0, 15),
    lower=st.booleans(), vector=st.booleans(), dtype=st.sampled_from(["float32", "float64"]),
    layout=st.sampled_from(["rows", "columns", "spaced"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_layout(n, m, batch, ones, lower, vector, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    left = [1 if ones >> place & 1 else extent for place, extent in enumerate(batch)]
    right = [1 if ones >> (place + 2) & 1 else extent for place, extent in enumerate(batch)]
    a = rng.normal(size=(*left, n, n)).astype(dtype)
    a += np.where(np.eye(n, dtype=bool), 3 * np.sign(a), 0).astype(dtype)
    if layout == "columns":
        a = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    elif layout == "spaced":
        a = np.repeat(a, 2, axis=-1)[..., ::2]
    b = rng.normal(size=(n,) if vector else (*right, n, m)).astype(dtype)
    shape = (*left, n) if vector else (*np.broadcast_shapes(tuple(left), tuple(right)), n, m)
    out = np.full(shape, np.nan, dtype)
    triangular_solve.solve(out, a, b, lower)
    given_a = np.broadcast_to(a, (*shape[: -1 if vector else -2], n, n)).reshape(-1, n, n)
    columns = out[..., None] if vector else out
    given_b = np.broadcast_to(b[:, None] if vector else b, columns.shape)
    wide = columns.shape[-1]
    columns, given_b = columns.reshape(len(given_a), n, wide), given_b.reshape(len(given_a), n, wide)
    for each, matrix, side in zip(columns, given_a, given_b, strict=True):
        within_the_bound(each, matrix, side, lower)


def test_plain_substitution():
    rng = np.random.default_rng(1)
    a, b = rng.integers(1, 9, (6, 6)).astype(float), rng.integers(-9, 9, (6, 2)).astype(float)
    for lower in (True, False):
        out = np.empty((6, 2))
        triangular_solve.solve(out, a, b, lower)
        np.testing.assert_allclose(out, substituted(a, b, lower).astype(float), rtol=1e-10)


@pytest.mark.parametrize("shape", [((200, 200), (200, 300)), ((60, 40, 40), (60, 40, 20))])
def test_pieces_are_the_same_on_any_number_of_threads(shape, monkeypatch):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=shape[0]) + 9 * np.eye(shape[0][-1]), rng.normal(size=shape[1])
    monkeypatch.setattr(thread_pool, "WORTH", 1e3)
    one = np.empty(shape[1])
    triangular_solve.solve(one, a, b, True, parallel=False)
    for count in (1, 2, 5):
        monkeypatch.setattr(thread_pool, "_chosen", count)
        out = np.empty(shape[1])
        triangular_solve.solve(out, a, b, True)
        assert np.array_equal(out, one)


def test_compiled():
    a, b = g.symbol("a", shape=("n", "n")), g.symbol("b", shape=("n", 2))
    rng = np.random.default_rng(3)
    matrix, side = rng.normal(size=(5, 5)) + 4 * np.eye(5), rng.normal(size=(5, 2))
    for lower in (True, False):
        x = g.solve_triangular(a, b, lower=lower)
        f = g.compile([x, *g.grad(g.sum(x * x), [a, b])], [a, b])
        graph = g.Graph([x, *g.grad(g.sum(x * x), [a, b])], [a, b])
        expected = graph.forward({a: matrix, b: side})
        for found, output in zip(f(matrix, side), graph.outputs, strict=True):
            np.testing.assert_allclose(found, expected[output], rtol=1e-12, atol=1e-13)
    flat = np.tril(np.ones((5, 5)))
    flat[2, 2] = 0
    with pytest.raises(g.GraphcError, match="Singular"):
        g.compile(g.solve_triangular(a, b), [a, b])(flat, side)


def test_sorting_keeps_the_signs_of_zeros():
    x = g.symbol("x", shape=("n", 40))
    rng = np.random.default_rng(4)
    values = rng.choice([0.0, -0.0, 1.0, -1.0, np.nan, np.inf], size=(20, 40))
    for array in (values, rng.normal(size=(20, 40)), np.where(values == 0, 3.0, values)):
        for axis in (0, 1):
            found = g.compile(g.sort(x, axis=axis), [x])(array)
            expected = np.sort(array, axis=axis, kind="stable")
            assert np.array_equal(found, expected, equal_nan=True)
            assert np.array_equal(np.signbit(found[found == 0]), np.signbit(expected[expected == 0]))
