"""Jacobians of axes with names: their elements against formulas in plain NumPy, at several lengths."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g

X = g.symbol("X", shape=("n", 3))
w = g.symbol("w", shape=3)
v = g.symbol("v", shape="n")


def tanh_rows(at):
    return 1 - np.tanh(at["X"] @ at["w"]) ** 2


def of_softmax(at):
    powers = np.exp(at["X"])
    p = powers / powers.sum(axis=1, keepdims=True)
    own = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    return np.einsum("ijk,im->ijmk", own, np.eye(len(p)))


CASES = {
    "columns": (g.tanh(X @ w), w, lambda at: tanh_rows(at)[:, None] * at["X"]),
    "rows with a name": (g.tanh(X @ w), X, lambda at: np.einsum("i,j,ik->ikj", tanh_rows(at), at["w"], np.eye(len(at["X"])))),
    "both with a name": (v * v, v, lambda at: 2 * np.diag(at["v"])),
    "rows": (g.sum(X * X, axis=0), X, lambda at: np.einsum("ij,jk->kij", 2 * at["X"], np.eye(3))),
    "linear, of nothing but the name": (X * 2, X, lambda at: 2 * np.einsum("im,jk->ijmk", np.eye(len(at["X"])), np.eye(3))),
    "running sums": (g.cumsum(v), v, lambda at: np.tril(np.ones((len(at["v"]),) * 2))),
    "a length that is computed": (g.concat([v, w]), v, lambda at: np.eye(len(at["v"]) + 3, len(at["v"]))),
    "softmax": (g.softmax(X, axis=1), X, of_softmax),
    "a number": (g.sum(v * v), v, lambda at: 2 * at["v"]),
}  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("what", CASES)
def test_axes_with_names(what, n):
    output, by, formula = CASES[what]
    rng = np.random.default_rng(n)
    at = {"X": rng.normal(size=(n, 3)), "w": rng.normal(size=3), "v": rng.normal(size=n)}
    whole = g.jacobian(output, by)
    assert whole.shape == (*output.shape, *by.shape)
    used = {s.name: at[s.name] for s in g.free_symbols(whole)}
    # elements below 4 in size, each a sum of at most four products: some units in the last place of 4
    for found in (g.evaluate(whole, used), g.compile(whole)(**used)):
        np.testing.assert_allclose(found, formula(at), rtol=0, atol=16 * np.spacing(4.0))


def test_an_axis_without_elements():
    f = g.compile(g.jacobian(g.tanh(X @ w), w), [X, w])
    assert f(np.ones((0, 3)), np.ones(3)).shape == (0, 3)
    assert g.compile(g.jacobian(v * v, v))(np.ones(0)).shape == (0, 0)


def test_a_hessian_of_a_named_length():
    found = g.compile(g.hessian(g.sum(g.sin(v)), v))(np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(found, -np.diag(np.sin([0.5, 1.0, 2.0])), rtol=0, atol=2 * np.spacing(1.0))


def test_one_function_serves_every_length():
    f = g.compile(g.jacobian(g.exp(v) * v, v))
    for n in (1, 4, 9):
        at = np.linspace(-1, 1, n)
        np.testing.assert_allclose(f(at), np.diag(np.exp(at) * (1 + at)), rtol=0, atol=16 * np.spacing(4.0))


def test_a_number_of_rows_and_columns_that_is_refused():
    large = g.symbol("large", shape=20_000)
    with pytest.raises(g.GraphcError, match="20000 rows and 20000 columns") as caught:
        g.jacobian(large * large, large)
    assert "g.vjp" in caught.value.hint and caught.value.site.filename == __file__
