"""Loops cut at places counted from the end, at lengths shorter than these: nothing before the begin is written."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g

V = g.symbol("V", shape="n")
M = g.symbol("M", shape=("m", "n"))

SLICES = [slice(-3, -1), slice(-5, None), slice(-4, -2), slice(-1, -4, -1), slice(-2, None, -1), slice(1, -2), slice(2, -3),
          slice(0, 3), slice(2, 0, -1), slice(None, -3)]  # fmt: skip


def room_for(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An array of a shape among others that are not to be written, and these."""
    around = np.full(int(np.prod(shape)) + 32, -7.5)
    return around[16 : 16 + int(np.prod(shape))].reshape(shape), around


def hold(function, argument: np.ndarray, expected: np.ndarray) -> None:
    out, around = room_for(expected.shape)
    function(argument, out=out)
    np.testing.assert_array_equal(out, expected)
    assert np.all(around[:16] == -7.5), "written before the begin"
    assert np.all(around[around.size - 16 :] == -7.5), "written behind the end"


@pytest.mark.parametrize("places", SLICES, ids=str)
def test_updates_of_a_slice(places: slice) -> None:
    add = g.compile(V.at[places].add(2.0), [V], cache=False)
    put = g.compile(V.at[places].set(9.0) + 1, [V], cache=False)
    for n in (7, 1, 2, 0, 3, 6, 4, 5):
        values = np.arange(1.0, n + 1)
        added, replaced = values.copy(), values.copy()
        added[places] += 2.0
        replaced[places] = 9.0
        hold(add, values, added)
        hold(put, values, replaced + 1)


@pytest.mark.parametrize("places", SLICES, ids=str)
def test_updates_of_two_slices_and_of_columns(places: slice) -> None:
    two = g.compile(V.at[places].add(2.0).at[1:-1].set(0.5).at[-4:].add(8.0), [V], cache=False)
    columns = g.compile(M.at[:, places].add(g.sum(M, axis=1, keepdims=True)), [M], cache=False)
    for n in (9, 2, 0, 1, 3, 5, 4):
        values = np.arange(1.0, n + 1)
        after = values.copy()
        after[places] += 2.0
        after[1:-1] = 0.5
        after[-4:] += 8.0
        hold(two, values, after)
        rows = np.outer([1.0, -2.0, 3.0], values)
        after = rows.copy()
        after[:, places] += rows.sum(axis=1, keepdims=True)
        hold(columns, rows, after)


def test_what_is_padded_shifted_and_stacked() -> None:
    zero = V[-3:] * 0
    programs = [
        (g.concat([V[:2], V[-3:]]) * 2, lambda v: np.concatenate([v[:2], v[-3:]]) * 2, 3),
        (g.grad(g.sum((V[1:] - V[:-1]) ** 2) + g.sum(V[-3:] ** 3), V), _slopes, 3),
        (V.at[-3:].add(zero + 1), lambda v: np.concatenate([v[:-3], v[-3:] + 1]), 3),
    ]
    for formula, oracle, least in programs:
        f = g.compile(formula, [V], cache=False)
        for n in (8, least, 5, least + 1):
            values = np.arange(1.0, n + 1)
            hold(f, values, oracle(values))


def _slopes(v: np.ndarray) -> np.ndarray:
    result = np.zeros_like(v)
    for k in range(len(v) - 1):
        result[k] -= 2 * (v[k + 1] - v[k])
        result[k + 1] += 2 * (v[k + 1] - v[k])
    result[-3:] += 3 * v[-3:] ** 2
    return result
