"""Softmaxes of which one share is nearly 1: values and slopes by form, row by row, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

K, N = 3, 2
ROWS = {
    "far": np.array([[40.0, 0.0, 1.0], [-3.0, 80.0, 2.0]]),
    "near": np.array([[1.0, 0.5, -0.25], [0.1, 0.3, 0.2]]),
    "equal": np.array([[2.0, 2.0, -60.0], [5.0, 5.0, 5.0]]),
    "beyond": np.array([[600.0, 0.0, 5.0], [-20.0, -30.0, 1.0]]),
}
WEIGHTS = np.array([0.3, -1.25, 2.0])


def shares(row):
    powers = [mpmath.e ** mpmath.mpf(float(x)) for x in row]
    return [power / sum(powers) for power in powers]


def one(row, i):
    """1 − pᵢ"""
    p = shares(row)
    return sum(p[:i]) + sum(p[i + 1 :])


def slope_of_share(row, i):
    """∂pᵢ/∂xⱼ"""
    p = shares(row)
    return [p[i] * one(row, i) if j == i else -p[i] * p[j] for j in range(K)]


def slope_of_mean(row):
    """∂Σ w·p/∂xⱼ = pⱼ·Σ (wⱼ − w)·p"""
    p, w = shares(row), [mpmath.mpf(x) for x in WEIGHTS]
    return [p[j] * sum((w[j] - w[k]) * p[k] for k in range(K)) for j in range(K)]


def slope_of_logarithm(row, i):
    """∂log pᵢ/∂xⱼ"""
    p = shares(row)
    return [one(row, i) if j == i else -p[j] for j in range(K)]


def in_rows(truth):
    return lambda rows: np.array([[float(x) for x in truth(row)] for row in rows])


def forms(build):
    """A formula of each row of a matrix, in the ways that rows may come: as they are, turned, in a stack, from numbers."""
    x = g.symbol("x", shape=(N, K))
    yield "rows", x, build(x, -1)
    yield "named", (n := g.symbol("x", shape=("n", K))), build(n, 1)
    flat = g.symbol("x", shape=(N * K,))
    yield "reshaped", flat, build(g.reshape(flat, (N, K)), -1)
    turned = g.symbol("x", shape=(K, N))
    yield "turned", turned, build(turned.T, 1)


def at_form(name, rows):
    return {"reshaped": rows.ravel(), "turned": np.ascontiguousarray(rows.T)}.get(name, rows)


def as_rows(name, slopes):
    return {"reshaped": lambda: slopes.reshape(N, K), "turned": lambda: slopes.T}.get(name, lambda: slopes)()


SLOPES = {
    "first share": (lambda x, axis: g.sum(g.softmax(x, axis=axis)[:, 0]), in_rows(lambda row: slope_of_share(row, 0))),
    "second share": (lambda x, axis: g.sum(g.softmax(x, axis=axis)[:, 1]), in_rows(lambda row: slope_of_share(row, 1))),
    "written out": (
        lambda x, axis: g.sum((g.exp(x) / g.sum(g.exp(x), axis=axis, keepdims=True))[:, 1]),
        in_rows(lambda row: slope_of_share(row, 1)),
    ),
    "weighted mean": (lambda x, axis: g.sum(WEIGHTS * g.softmax(x, axis=axis)), in_rows(slope_of_mean)),
    "logarithm": (lambda x, axis: g.sum(g.log_softmax(x, axis=axis)[:, 0]), in_rows(lambda row: slope_of_logarithm(row, 0))),
    "logarithm of a share": (
        lambda x, axis: g.sum(g.log(g.softmax(x, axis=axis))[:, 1]),
        in_rows(lambda row: slope_of_logarithm(row, 1)),
    ),
    "picked": (
        lambda x, axis: g.sum(g.log(g.softmax(x, axis=axis)[:, 1])),
        in_rows(lambda row: slope_of_logarithm(row, 1)),
    ),
    "complement": (
        lambda x, axis: -g.sum((1 - g.softmax(x, axis=axis))[:, 0]),
        in_rows(lambda row: slope_of_share(row, 0)),
    ),
}  # fmt: skip


def largest_terms(rows):
    def of_row(row):
        p = shares(row)
        return [p[j] * max(p[:j] + p[j + 1 :]) for j in range(K)]

    return in_rows(of_row)(rows)


@pytest.mark.parametrize("points", ROWS)
@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.sample(2)
def test_slopes(name, points):
    build, truth = SLOPES[name]
    with mpmath.workdps(400):
        expected = truth(ROWS[points])
    for form, x, formula in forms(build):
        found = as_rows(form, g.compile(g.grad(formula, x), [x])(at_form(form, ROWS[points])))
        size = np.abs(expected) + 1e-300
        if name == "weighted mean":  # what the largest term of a mean leaves
            size = size + largest_terms(ROWS[points])
        np.testing.assert_allclose(
            found / size,
            expected / size,
            rtol=0,
            atol=32 * 2**-53 * (1 + np.abs(ROWS[points]).max()),
            err_msg=form,
        )


VALUES = {
    "complements": (lambda x, axis: 1 - g.softmax(x, axis=axis), in_rows(lambda row: [one(row, j) for j in range(K)])),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ("float64", "float32"))
@pytest.mark.parametrize("points", ROWS)
@pytest.mark.parametrize("name", VALUES)
def test_values(name, points, dtype):
    build, truth = VALUES[name]
    rows = ROWS[points]
    if dtype == "float32":
        rows = np.minimum(rows, 70.0)
    with mpmath.workdps(400):
        expected = truth(rows)
    x = g.symbol("x", shape=(N, K), dtype=dtype)
    eps = np.finfo(dtype).eps
    found = g.compile(build(x, -1), [x])(rows.astype(dtype))
    np.testing.assert_allclose(found, expected, rtol=8 * eps * (1 + np.abs(rows).max()))


def test_a_jacobian_has_both_diagonal_entries():
    x = g.symbol("x", shape=(K,))
    found = g.compile(g.jacobian(g.softmax(x), x), [x])(ROWS["far"][0])
    with mpmath.workdps(100):
        expected = np.array([[float(v) for v in slope_of_share(ROWS["far"][0], i)] for i in range(K)])
    np.testing.assert_allclose(found, expected, rtol=64 * 2**-52)


def test_second_derivatives():
    x = g.symbol("x", shape=(K,))
    formula = -g.log(g.softmax(x)[0])
    found = g.compile(g.hessian(formula, x), [x])(ROWS["far"][0])
    row = ROWS["far"][0]
    with mpmath.workdps(100):
        p = shares(row)
        expected = np.array(
            [[float(p[i] * one(row, i) if i == j else -p[i] * p[j]) for j in range(K)] for i in range(K)]
        )
    np.testing.assert_allclose(found, expected, rtol=128 * 2**-52)


@pytest.mark.parametrize("place", (0, 1))
def test_an_infinite_value_stays_in_its_row(place):
    """Of Σ v·p with an infinite v: what p·(v − Σ v·p) gives, in that row alone."""
    x, v = g.symbol("x", shape=(N, K)), g.symbol("v", shape=(N, K))
    slope = g.grad(g.sum(v * g.softmax(x, axis=1)), x)
    values = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, -1.0]])
    values[0, place] = np.inf
    both = [g.compile(slope, [x, v], rewrite=level)(ROWS["far"], values) for level in ("stable", None)]
    np.testing.assert_array_equal(both[0][0], both[1][0])
    assert np.all(np.isfinite(both[0][1]))
