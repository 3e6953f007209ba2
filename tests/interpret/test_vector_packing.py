"""Compiled functions for SciPy's minimisers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import graphc as g
from graphc.errors import ArityError, InputError, ShapeError

X, y = g.symbol("X", shape=("n", 3)), g.symbol("y", shape="n")
w, b = g.symbol("w", shape=3), g.symbol("b")
COST = g.mean((X @ w + b - y) ** 2)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    return x, x @ np.array([1.0, -2.0, 0.5]) + 0.25


def test_least_squares_by_a_minimiser():
    x, t = data()
    f = g.compile(g.value_and_grad(COST, [w, b]), [X, y, w, b])
    p = f.scipy({"w": np.zeros(3), "b": 0.0}, X=x, y=t)
    assert p.start.shape == (4,) and p.names == ("w", "b")
    found = p.unpack(minimize(p, p.start, jac=True, method="BFGS").x)
    wanted = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), t, rcond=None)[0]
    np.testing.assert_allclose(found["w"], wanted[:3], atol=1e-6)
    assert abs(found["b"] - wanted[3]) < 1e-6 and isinstance(found["b"], float)


def test_the_vector_is_the_inputs_one_after_the_other():
    A = g.symbol("A", shape=(2, 3), dtype="float32")
    f = g.compile(g.value_and_grad(g.sum(A * A), [A]), [A])
    start = np.arange(6, dtype=np.float32).reshape(2, 3)
    p = f.scipy({"A": start})
    assert np.array_equal(p.start, np.arange(6.0)) and p.start.dtype == np.float64
    value, gradient = p(p.start)
    assert value == 55.0 and np.array_equal(gradient, 2 * np.arange(6.0))
    assert p.unpack(p.start)["A"].dtype == np.float32


def test_numbers_alone():
    u, v = g.symbols("u v")
    f = g.compile(g.value_and_grad((u - 3) ** 2 + (v + 1) ** 2, (u, v)), [u, v])
    p = f.scipy({"u": 0, "v": 0})
    found = p.unpack(minimize(p, p.start, jac=True).x)
    assert abs(found["u"] - 3) < 1e-5 and abs(found["v"] + 1) < 1e-5


def test_what_does_not_fit_is_refused():
    x, t = data()
    f = g.compile(g.value_and_grad(COST, [w, b]), [X, y, w, b])
    with pytest.raises(InputError, match="no input 'z'"):
        f.scipy({"z": 0.0}, X=x, y=t)
    with pytest.raises(InputError, match="both varied and fixed"):
        f.scipy({"w": np.zeros(3), "b": 0.0}, X=x, y=t, b=1.0)
    with pytest.raises(InputError, match="by name"):
        f.scipy(np.zeros(4), X=x, y=t)
    with pytest.raises(ArityError, match="1 gradients, and this one 3 results"):
        f.scipy({"w": np.zeros(3)}, X=x, y=t, b=0.0)
    with pytest.raises(ShapeError):
        f.scipy({"b": 0.0, "w": np.zeros(3)}, X=x, y=t)
    with pytest.raises(InputError, match="bool"):
        f.scipy({"w": np.zeros(3, bool), "b": 0.0}, X=x, y=t)
