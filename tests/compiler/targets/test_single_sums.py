"""Sums in float32 over many elements: as near to the exact sum as NumPy's, which adds in pairs.

The bound is derived. A lane adds at most 16 numbers of a block one after the other, 6 levels of pairs join 64 lanes, and what is
left over, r < 64 numbers, is added up by itself (block, chunk and total carry their errors along): with u = 2⁻²⁴ and numbers of
one size the error is below (16 + 6 + 3 + r²/n)·u·Σ|x|.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g

U = 2.0**-24
X = g.symbol("X", shape="n", dtype="float32")


def exact(x: np.ndarray) -> float:
    """The sum of float32 numbers in float64 with Python's own exact summation of blocks' sums, which are within 2⁻⁴³ each."""
    return math.fsum(np.add.reduceat(x.astype(np.float64), np.arange(0, x.size, 4096)))


def samples(n: int):
    rng = np.random.default_rng(n)
    yield from (np.full(n, value, dtype=np.float32) for value in (0.1, 1 / 3, 0.7, 1e-3, 16777215.0))
    yield rng.random(n, dtype=np.float32)
    yield rng.standard_normal(n, dtype=np.float32)
    yield rng.random(n, dtype=np.float32) + np.float32(1000)
    if n % 64 == 0:
        yield np.geomspace(1e-6, 1e6, n, dtype=np.float32)


def hold(n: int) -> None:
    f = g.compile([g.sum(X), g.mean(X)], [X])
    roundings = 25 + (n % 64) ** 2 / n
    for x in samples(n):
        total, mean = f(x)
        wanted, size = exact(x), exact(np.abs(x))
        assert abs(total - wanted) <= roundings * U * size
        assert abs(mean - wanted / n) <= (roundings + 2) * U * size / n
        # 16 biased additions in NumPy's lanes as in these: no further than twice as far
        numpys = abs(float(x.sum()) - wanted)
        assert abs(total - wanted) <= 2 * numpys + 4 * U * size


@pytest.mark.parametrize("n", [64, 1000, 1 << 14, 300_017, 1 << 20])
def test_sums_and_means_are_as_near_as_numpys(n):
    hold(n)


@pytest.mark.slow
def test_means_of_a_hundred_million():
    f = g.compile(g.mean(X), [X])
    for x in (
        np.full(10**8, 0.1, dtype=np.float32),
        np.random.default_rng(0).random(10**8, dtype=np.float32),
    ):
        wanted = exact(x) / x.size
        assert abs(f(x) - wanted) <= 27 * U * abs(wanted)
        assert abs(f(x) - wanted) <= 2 * abs(float(x.mean()) - wanted) + 4 * U * abs(wanted)


def test_what_is_built_of_sums():
    """Variance, norm, logsumexp and softmax of constants and of numbers with a bias, against float64."""
    n = 1 << 19
    results = g.compile([g.var(X), g.norm(X), g.logsumexp(X), g.sum(X * X), g.sum(g.softmax(X, axis=0))], [X])
    for x in (np.random.default_rng(1).random(n, dtype=np.float32), np.linspace(0, 1, n, dtype=np.float32)):
        d = x.astype(np.float64)
        wanted = (d.var(), np.sqrt((d * d).sum()), np.log(np.exp(d).sum()), (d * d).sum(), 1.0)
        for result, value in zip(results(x), wanted, strict=True):
            assert abs(result - value) <= 40 * U * abs(value)


@pytest.mark.parametrize("m", [64, 100, 640])
def test_sums_over_rows_that_are_one_number(m):
    """A sum over all elements whose rows, of a known length from 64 on, are added one after the other."""
    n = 300_000 // m
    M = g.symbol("M", shape=("n", m), dtype="float32")
    f = g.compile(g.sum(M), [M])
    for value in (0.1, 0.7):
        one = float(np.float32(value))
        total = f(np.full((n, m), value, dtype=np.float32))
        assert abs(total - n * m * one) <= (26 + m % 64) * U * n * m * one


def test_sums_that_are_not_finite_stay_so():
    f = g.compile(g.sum(X), [X])
    for n in (10, 5000, 500_000):
        for special in (np.inf, -np.inf, np.nan):
            x = np.ones(n, dtype=np.float32)
            x[n // 3] = special
            np.testing.assert_equal(f(x), special)
        x = np.ones(n, dtype=np.float32)
        x[[0, -1]] = np.inf, -np.inf
        assert math.isnan(f(x))
        big = np.full(n, 3e38, dtype=np.float32)
        assert f(big) == np.inf
        zeros = np.full(n, -0.0, dtype=np.float32)
        assert f(zeros) == 0 and math.copysign(1, f(zeros)) == -1
