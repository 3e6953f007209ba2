"""Determinants at matrices of every rank: derivatives against sums over permutations in whole numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import graphc as g


def determinant(rows):
    """By Leibniz' formula, exactly."""
    size = len(rows)
    total = 0
    for order in itertools.permutations(range(size)):
        inversions = sum(order[i] > order[j] for i in range(size) for j in range(i + 1, size))
        total += (-1) ** inversions * math.prod(rows[i][order[i]] for i in range(size))
    return total


def minor(rows, out_rows, out_columns):
    return [
        [v for j, v in enumerate(row) if j not in out_columns]
        for i, row in enumerate(rows)
        if i not in out_rows
    ]


def cofactor(rows, i, j):
    return (-1) ** (i + j) * determinant(minor(rows, (i,), (j,)))


def second(rows, i, j, k, m):
    """∂²det/∂x[i,j]∂x[k,m]."""
    if i == k or j == m:
        return 0
    sign = (-1) ** (i + j + (k - (k > i)) + (m - (m > j)))
    return sign * determinant(minor(rows, (i, k), (j, m)))


MATRICES = [(size, rank, seed) for size in (1, 2, 3, 4, 5) for rank in range(size + 1) for seed in range(2)]


@pytest.mark.parametrize("size, rank, seed", MATRICES)
@pytest.mark.sample(4)
def test_derivatives_at_any_rank(size, rank, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-2, 3, (size, rank)), rng.integers(-2, 3, (rank, size))
    exact = (left @ right).astype(int).tolist()
    x = g.symbol("x", shape=(size, size))
    point = {"x": np.array(exact, dtype=float).reshape(size, size)}
    # products of size − 1 singular values, each at most the norm, are rounded some dozen times
    scale = max(1.0, np.linalg.norm(point["x"], 2)) ** (size - 1)
    tolerance = 200 * np.finfo(float).eps * scale
    wanted = np.array([[cofactor(exact, i, j) for j in range(size)] for i in range(size)])
    gradient = g.grad(g.det(x), x)
    for found in (g.evaluate(gradient, point), g.compile(gradient, [x])(point["x"])):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
    v = rng.integers(-2, 3, (size, size))
    places = list(np.ndindex(size, size))
    along = np.array([sum(second(exact, *at, *other) * v[other] for other in places) for at in places])
    second_along = g.hvp(g.det(x), x, v.astype(float))
    for found in (g.evaluate(second_along, point), g.compile(second_along, [x])(point["x"])):
        np.testing.assert_allclose(found, along.reshape(size, size), rtol=0, atol=tolerance * 10)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_small_ones_of_whole_numbers_are_exact(size):
    numbers = np.random.default_rng(size).integers(-99, 100, (20, size, size))
    x = g.symbol("x", shape=(20, size, size))
    wanted = [[[cofactor(m.tolist(), i, j) for j in range(size)] for i in range(size)] for m in numbers]
    gradient = g.compile(g.grad(g.sum(g.det(x)), x), [x])
    np.testing.assert_array_equal(gradient(numbers.astype(float)), wanted)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 16])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.sample(2)
def test_no_finite_number_is_nan_in_machine_code_too(size, bad):
    x = g.symbol("x", shape=(2, size, size))
    v = np.ones((2, size, size))
    at = np.random.default_rng(0).normal(size=(2, size, size))
    at[0, 1, 0] = bad
    loss = g.sum(g.det(x))
    for expr in (g.grad(loss, x), g.hvp(loss, x, v)):
        found = g.compile(expr, [x])(at)
        assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


@pytest.mark.sample(3)
@pytest.mark.parametrize("size, rank", [(6, 6), (8, 7), (9, 7), (12, 12), (16, 15), (16, 16), (17, 17)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_larger_ones_of_any_rank(size, rank, dtype):
    """Against determinants of what is left, in whole numbers (Bareiss)."""
    rng = np.random.default_rng(size + rank)
    exact = rng.integers(-1, 2, (size, rank)) @ rng.integers(-1, 2, (rank, size))
    x = g.symbol("x", shape=(size, size), dtype=dtype)
    places = [(0, 0), (1, size - 1), (size - 1, 2), (size // 2, size // 2)]
    wanted = [(-1) ** (i + j) * bareiss(np.delete(np.delete(exact, i, 0), j, 1).tolist()) for i, j in places]
    found = g.compile(g.grad(g.det(x), x), [x])(exact.astype(dtype))
    # cofactors of a matrix that is off by what elimination with complete pivoting loses (Weyl's inequality)
    values = np.linalg.svd(exact.astype(float))[1][:-1]
    tolerance = np.prod(values + 4 * size * float(np.finfo(dtype).eps) * values[0]) - np.prod(values)
    np.testing.assert_allclose([found[place] for place in places], wanted, rtol=0, atol=tolerance)


def bareiss(rows):
    """The determinant of whole numbers, by elimination without fractions."""
    rows, last, sign = [list(row) for row in rows], 1, 1
    for c in range(len(rows) - 1):
        pivot = next((r for r in range(c, len(rows)) if rows[r][c]), None)
        if pivot is None:
            return 0
        if pivot != c:
            rows[c], rows[pivot], sign = rows[pivot], rows[c], -sign
        for r in range(c + 1, len(rows)):
            for j in range(c + 1, len(rows)):
                rows[r][j] = (rows[r][j] * rows[c][c] - rows[r][c] * rows[c][j]) // last
        last = rows[c][c]
    return sign * rows[-1][-1]


def test_third_derivatives_of_a_regular_matrix():
    """A cubic in each entry of no more than one: differences of the second derivative are exact."""
    x = g.symbol("x", shape=(3, 3))
    rng = np.random.default_rng(3)
    u, v = rng.integers(-2, 3, (2, 3, 3)).astype(float)
    bent = g.hvp(g.det(x), x, v)
    third = g.grad(g.sum(bent * u), x)
    at = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 1]])
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1
        ends = [g.evaluate(g.sum(bent * u), {"x": at + sign * step}) for sign in (1, -1)]
        assert abs(g.evaluate(third, {"x": at})[place] - (ends[0] - ends[1]) / 2) < 1e-12
    singular = np.ones((3, 3))
    with pytest.raises(g.GraphcError, match="inv: Singular"):
        g.evaluate(third, {"x": singular})


def test_stacks_and_empty_matrices():
    x = g.symbol("x", shape=("n", 2, 2))
    values = np.array([[[1.0, 2], [2, 4]], [[0, 0], [0, 0]], [[1, 0], [0, 3]]])
    found = g.evaluate(g.grad(g.sum(g.det(x)), x), {"x": values})
    np.testing.assert_allclose(found, [[[4, -2], [-2, 1]], [[0, 0], [0, 0]], [[3, 0], [0, 1]]], atol=1e-14)
    empty = g.symbol("e", shape=(0, 0))
    assert g.evaluate(g.grad(g.det(empty), empty), {"e": np.zeros((0, 0))}).shape == (0, 0)
    single = g.symbol("f", shape=(2, 2), dtype="float32")
    assert g.grad(g.det(single), single).dtype == np.float32


def test_slogdet_of_a_singular_matrix():
    x = g.symbol("x", shape=(2, 2))
    at = {"x": np.array([[1.0, 2], [2, 4]])}
    assert g.evaluate(tuple(g.slogdet(x)), at) == (0.0, -np.inf)
    with pytest.raises(g.GraphcError, match="Singular"):
        g.evaluate(g.grad(g.slogdet(x).logabsdet, x), at)


@pytest.mark.parametrize("shape", [(2, 5), (3, 4), (1, 4), (2, 3, 6)])
def test_wide_qr_with_both_factors(shape):
    """A function of Q and R together, against differences in double the digits' square root."""
    x = g.symbol("x", shape=shape)
    rng = np.random.default_rng(0)
    point, u = rng.normal(size=shape), rng.normal(size=shape)
    q, r = g.qr(x)
    weights = rng.normal(size=q.shape), rng.normal(size=r.shape)
    loss = g.sum(q * weights[0]) + g.sum(g.sin(r) * weights[1])

    def by_numpy(a):
        q, r = np.linalg.qr(a)
        return np.sum(q * weights[0]) + np.sum(np.sin(r) * weights[1])

    h = 1e-3
    rate = (8 * (by_numpy(point + h * u) - by_numpy(point - h * u))
            - (by_numpy(point + 2 * h * u) - by_numpy(point - 2 * h * u))) / (12 * h)  # fmt: skip
    found = np.sum(g.evaluate(g.grad(loss, x), {"x": point}) * u)
    assert abs(found - rate) <= 1e-7 * max(1, abs(rate))
    along = g.evaluate(g.jvp(loss, x, u), {"x": point})
    assert abs(along - found) <= 1e-12 * max(1, abs(found), np.abs(u).sum())


SCALES = ([600, 600, -600, -600], [-500, 300, 0, 200], [960, -960, 0, 0], [-340, -340, 340, 340])


@pytest.mark.parametrize("rows", SCALES)
@pytest.mark.parametrize("columns", [[0, 0, 0, 0], [-20, 20, 7, -7]])
def test_cofactors_of_rows_and_columns_far_apart(rows, columns):
    """cof(D X E) = det D · det E · D⁻¹ cof(X) E⁻¹, with X of whole numbers and D, E of powers of two."""
    numbers = [[4, 1, -2, 3], [0, 5, 1, -1], [2, -3, 6, 1], [1, 2, -1, 7]]
    x = g.symbol("x", shape=(4, 4))
    point = np.array(
        [[math.ldexp(v, rows[i] + columns[j]) for j, v in enumerate(row)] for i, row in enumerate(numbers)]
    )
    total = sum(rows) + sum(columns)
    scale = np.array([[total - rows[i] - columns[j] for j in range(4)] for i in range(4)])
    exact = np.array([[cofactor(numbers, i, j) for j in range(4)] for i in range(4)], dtype=float)
    gradient = g.grad(g.det(x), x)
    for value in (g.evaluate(gradient, {"x": point}), g.compile(gradient, [x])(point)):
        np.testing.assert_allclose(np.ldexp(value, -scale), exact, rtol=0, atol=1e-12 * np.abs(exact).max())


def test_second_derivatives_of_determinants_far_apart():
    """Along D X E itself the cofactors of a 4×4 matrix change by three times themselves (Euler)."""
    x = g.symbol("x", shape=(4, 4))
    point = np.diag([1e200, 1e200, 1e-200, 1e-200])
    along = g.hvp(g.det(x), x, point)
    wanted = np.diag([3e-200, 3e-200, 3e200, 3e200])
    for value in (g.evaluate(along, {"x": point}), g.compile(along, [x])(point)):
        np.testing.assert_allclose(np.diag(value), np.diag(wanted), rtol=1e-13)
        assert (value[~np.eye(4, dtype=bool)] == 0).all()
