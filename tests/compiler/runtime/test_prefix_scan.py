"""Running sums and products, recurrences and additions at places, to the bit of what NumPy and plain loops give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.compiler.engine import thread_pool
from graphc.compiler.runtime import prefix_scan
from tests.counts import examples

LENGTHS = st.sampled_from([1, 2, 7, 8, 9, 17, 30])
DTYPES = st.sampled_from(["float32", "float64", "int64", "int32"])


def laid_out(rng, shape, dtype, layout):
    x = (3 * rng.normal(size=shape)).astype(dtype)
    if layout == "flipped":
        return np.flip(x, axis=int(rng.integers(len(shape))))
    return np.ascontiguousarray(x.T).T if layout == "columns" else x


def plain(name, x, a, axis):
    """Element after element."""
    x, a, result = (np.moveaxis(array, axis, -1) for array in (x, a, np.empty_like(x)))
    with np.errstate(over="ignore"):
        for place in np.ndindex(x.shape[:-1]):
            total = result[(*place, 0)] = x[(*place, 0)]
            for k in range(1, x.shape[-1]):
                value, factor = x[(*place, k)], a[(*place, k)]
                total = (
                    total + value
                    if name == "cumsum"
                    else total * value
                    if name == "cumprod"
                    else value + factor * total
                )
                result[(*place, k)] = total
    return np.moveaxis(result, -1, axis)


@settings(deadline=None, max_examples=examples(38))
@given(
    shape=st.lists(LENGTHS, min_size=1, max_size=3), axis=st.integers(0, 2), dtype=DTYPES, seed=st.integers(0, 99),
    name=st.sampled_from(["cumsum", "cumprod", "linear_recurrence"]), parallel=st.booleans(),
    layouts=st.tuples(*2 * [st.sampled_from(["rows", "flipped", "columns"])]),
)  # fmt: skip
def test_along_an_axis(shape, axis, dtype, seed, name, parallel, layouts):
    if np.prod(shape) > 2000:
        shape = shape[:2]
    rng, axis = np.random.default_rng(seed), axis % len(shape)
    x, a = (laid_out(rng, shape, dtype, layout) for layout in layouts)
    out = np.empty(shape, dtype)
    prefix_scan.run_along(name, out, (a, x) if name == "linear_recurrence" else (x,), axis, parallel)
    assert np.array_equal(out, plain(name, x, a, axis))


@pytest.mark.parametrize(
    "shape, axis", [((300, 2000), 0), ((300, 2000), 1), ((5, 400, 600), 1), ((400_000,), 0)]
)
def test_long_ones_on_any_number_of_threads(shape, axis, monkeypatch):
    x = np.random.default_rng(0).normal(size=shape)
    for count in (1, 2, 5):
        monkeypatch.setattr(thread_pool, "_chosen", count)
        out = np.full(shape, np.nan)
        prefix_scan.run_along("cumsum", out, (x,), axis, "auto")
        assert np.array_equal(out, np.cumsum(x, axis=axis))


@settings(deadline=None, max_examples=examples(25))
@given(
    rows=st.integers(1, 6), columns=st.sampled_from([1, 2, 16, 40, 100]), count=st.integers(0, 50), dtype=DTYPES,
    seed=st.integers(0, 99), parallel=st.booleans(), layout=st.sampled_from(["rows", "flipped", "columns"]),
)  # fmt: skip
def test_additions_at_places_that_repeat(rows, columns, count, dtype, seed, parallel, layout):
    rng = np.random.default_rng(seed)
    out = (3 * rng.normal(size=(rows, columns))).astype(dtype)
    places, value = rng.integers(0, rows, count), laid_out(rng, (count, columns), dtype, layout)
    expected = out.copy()
    for place, row in zip(places, value, strict=True):
        expected[place] += row
    prefix_scan.add_at(out, places, value, parallel)
    assert np.array_equal(out, expected)


def test_columns_of_additions_on_several_threads(monkeypatch):
    rng = np.random.default_rng(1)
    places, value = rng.integers(0, 50, 20_000), rng.normal(size=(20_000, 100))
    expected = np.zeros((50, 100))
    np.add.at(expected, places, value)
    for count in (1, 2, 5):
        monkeypatch.setattr(thread_pool, "_chosen", count)
        out = np.zeros((50, 100))
        prefix_scan.add_at(out, places, value, "auto")
        assert np.array_equal(out, expected)


def test_compiled():
    n = g.symbol("x", shape=("n", 3, 40))
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 3, 40))
    for axis in (0, 1, 2, -1):
        f = g.compile([g.cumsum(n, axis=axis), g.cumprod(n, axis=axis)], [n], rewrite=None)
        sums, products = f(x)
        assert np.array_equal(sums, np.cumsum(x, axis=axis))
        assert np.array_equal(products, np.cumprod(x, axis=axis))
    back = g.compile(g.grad(g.sum(g.cumsum(n, axis=2) ** 2), n), [n])(x)
    np.testing.assert_allclose(
        back, np.flip(np.cumsum(np.flip(2 * np.cumsum(x, 2), 2), 2), 2), rtol=1e-13, atol=1e-13
    )
    empty = g.compile(g.cumsum(n, axis=0), [n])(np.empty((0, 3, 40)))
    assert empty.shape == (0, 3, 40)


def test_compiled_sums_of_short_types_are_wide():
    b = g.symbol("b", shape=("n",), dtype="bool")
    total = g.compile(g.cumsum(b), [b])(np.array([True, True, False, True]))
    assert total.dtype == np.int64 and total.tolist() == [1, 2, 2, 3]


def test_compiled_additions():
    """An embedding's gradient: rows that are taken more than once."""
    table = g.symbol("table", shape=(6, 4))
    i, j = (g.symbol(name, shape=("n",), dtype="int64") for name in "ij")
    at = np.array([0, 5, -1, 2, 0, -6, 3])
    other = np.array([1, 1, -4, 3, 1, 0, 2])
    t = np.random.default_rng(3).normal(size=(6, 4))
    rows = g.compile(g.grad(g.sum(table[i] ** 2), table), [table, i])(t, at)
    expected = np.zeros((6, 4))
    np.add.at(expected, at, 2 * t[at])
    np.testing.assert_allclose(rows, expected, rtol=1e-15)
    entries = g.compile(g.grad(g.sum(table[i, j] ** 2), table), [table, i, j])(t, at, other)
    expected = np.zeros((6, 4))
    np.add.at(expected, (at, other), 2 * t[at, other])
    np.testing.assert_allclose(entries, expected, rtol=1e-15)
    none = g.compile(g.grad(g.sum(table[i]), table), [table, i])(t, np.empty(0, np.int64))
    assert not none.any()
    with pytest.raises(g.GraphcError, match="out of range"):
        g.compile(g.grad(g.sum(table[i] ** 2), table), [table, i])(t, np.array([0, 6]))
