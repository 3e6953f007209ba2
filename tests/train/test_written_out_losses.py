"""A classifier whose loss is written out learns as one with `cross_entropy`, also where the steps are far too large."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn

X = g.symbol("X", shape=("n", 5))
W, b = g.symbol("W", shape=(5, 3)), g.symbol("b", shape=3)
label = g.symbol("label", shape="n", dtype="int64")
Z = X @ W + b
E = g.exp(Z)
S = g.exp(Z - g.max(Z, axis=1, keepdims=True))


def picked(table):
    return g.take_along_axis(table, g.expand_dims(label, 1), axis=1)


ONE_HOT = g.where(g.equal(g.expand_dims(label, 1), np.arange(3)), 1.0, 0.0)

LOSSES = {
    "the label's share": -g.mean(g.log(picked(g.softmax(Z, axis=1)))),
    "of all shares": -g.mean(picked(g.log(g.softmax(Z, axis=1)))),
    "by hand": -g.mean(g.log(picked(E / g.sum(E, axis=1, keepdims=True)))),
    "shifted": -g.mean(picked(g.log(S / g.sum(S, axis=1, keepdims=True)))),
    "one-hot": -g.mean(g.sum(ONE_HOT * g.log(g.softmax(Z, axis=1)), axis=1)),
    "transposed": -g.mean(g.sum(ONE_HOT.T * g.log(g.softmax(Z, axis=1).T), axis=0)),
}


def losses(loss):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    to_w, to_b = g.grad(loss, [W, b])
    step = g.compile([loss], [X, label, W, b], updates={W: W - 10 * to_w, b: b - 10 * to_b})
    weights, bias = np.zeros((5, 3)), np.zeros(3)
    return np.array([step(rows, labels, weights, bias)[0] for _ in range(200)])


@pytest.mark.parametrize("name", LOSSES)
def test_two_hundred_steps_at_rate_ten(name):
    expected = losses(nn.cross_entropy(Z, label))
    assert np.isfinite(expected).all() and expected.max() > 2  # it does not settle down
    np.testing.assert_allclose(losses(LOSSES[name]), expected, rtol=1e-12)
