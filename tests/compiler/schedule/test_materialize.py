"""Which nodes are kept in memory, and which are computed again wherever they are read."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.schedule.materialize import materialize

I, J = np.triu_indices(6, 1)


def _kept(*outputs: g.Expr) -> set[g.Expr]:
    return materialize(g.Graph(list(outputs)))


def test_differences_of_gathers_that_are_read_more_than_once_are_kept() -> None:
    x = g.symbol("x_gathered_twice", shape=6)
    apart = x[J] - x[I]
    assert apart in _kept(g.sum(apart * apart), g.sum(apart * g.exp(x[J])))


def test_differences_of_gathers_that_are_read_once_are_not_kept() -> None:
    x = g.symbol("x_gathered_once", shape=6)
    apart = x[J] - x[I]
    assert apart not in _kept(g.sum(abs(apart)))


def test_differences_of_slices_are_computed_again() -> None:
    x = g.symbol("x_sliced", shape=6)
    apart = x[1:] - x[:-1]
    assert apart not in _kept(g.sum(apart * apart), g.sum(abs(apart)))


@pytest.mark.parametrize("bodies", [2, 3, 6, 9])
def test_forces_between_pairs(bodies: int) -> None:
    i, j = np.triu_indices(bodies, 1)
    x = g.symbol(f"x_pairs_{bodies}", shape=(3, bodies))
    apart = x[:, j] - x[:, i]
    square = g.sum(apart * apart, axis=0)
    at = np.random.default_rng(bodies).normal(size=(3, bodies))
    difference = at[:, j] - at[:, i]
    far = (difference**2).sum(axis=0)
    pulls, energy = g.compile([apart * square**-1.5, g.sum(square**-0.5)], [x], cache=False)(at)
    np.testing.assert_allclose(pulls, difference / far**1.5, rtol=1e-13)
    np.testing.assert_allclose(energy, (far**-0.5).sum(), rtol=1e-13)
