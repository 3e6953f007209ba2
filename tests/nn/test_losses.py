"""Losses against NumPy written out, at their limits, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError
from tests.nn.networks import close, log_softmax

Y, T = g.symbol("y", shape=("n", 3)), g.symbol("t", shape=("n", 3))
LABELS = g.symbol("labels", shape=("n",), dtype="int64")
rng = np.random.default_rng(1)
y = rng.normal(size=(5, 3))
signs = np.where(rng.random((5, 3)) < 0.5, -1.0, 1.0)
labels = np.array([0, 2, 1, 1, 0])
POINT = {"y": y, "t": signs, "labels": labels}
PICKED = log_softmax(y)[np.arange(5), labels]

CASES = {
    "squared_error": (nn.squared_error(Y, T, "none"), (y - signs) ** 2),
    "hinge": (nn.hinge(Y, T, "none"), np.maximum(0, 1 - signs * y)),
    "logistic": (nn.logistic(Y, T, "none"), np.log(1 + np.exp(-signs * y))),
    "cross_entropy": (nn.cross_entropy(Y, LABELS, "none"), -PICKED),
    "negative_log_likelihood": (nn.negative_log_likelihood(g.log_softmax(Y), LABELS, "none"), -PICKED),
}


@pytest.mark.parametrize("name", CASES)
def test_loss(name):
    expr, wanted = CASES[name]
    close(g.evaluate(expr, POINT), wanted)
    loss, target = getattr(nn, name), LABELS if "labels" in {s.name for s in g.free_symbols(expr)} else T
    source = g.log_softmax(Y) if name == "negative_log_likelihood" else Y
    close(g.evaluate(loss(source, target, "mean"), POINT), wanted.mean())
    close(g.evaluate(loss(source, target, "sum"), POINT), wanted.sum())


def test_defaults_and_gradients():
    close(g.evaluate(nn.mean_squared_error(Y, T), POINT), np.mean((y - signs) ** 2))
    close(g.evaluate(nn.squared_error(Y, T), POINT), np.sum((y - signs) ** 2))
    found = g.evaluate(g.grad(nn.cross_entropy(Y, LABELS), Y), POINT)
    close(found, (np.exp(log_softmax(y)) - np.eye(3)[labels]) / 5)
    close(g.evaluate(g.grad(nn.hinge(Y, T, "sum"), Y), POINT), np.where(signs * y < 1, -signs, 0))
    w = {"a": g.symbol("a", shape=(2, 2)), "b": g.symbol("b", shape=(3,))}
    at = {"a": np.arange(4.0).reshape(2, 2), "b": np.ones(3)}
    assert g.evaluate(nn.l2(w, 0.5), at) == g.evaluate(nn.l2(list(w.values()), 0.5), at) == 0.5 * 17


def test_no_overflow_and_no_underflow():
    far = {"y": np.array([[1e4, 0.0, -1e4]]), "labels": np.array([2])}
    assert g.evaluate(nn.cross_entropy(Y, LABELS), far) == 2e4
    assert np.isfinite(g.evaluate(g.grad(nn.cross_entropy(Y, LABELS), Y), far)).all()
    one = g.symbol("s"), g.symbol("u")
    assert g.evaluate(nn.logistic(*one), {"s": -1e4, "u": 1.0}) == 1e4


@pytest.mark.parametrize("label", [3, -1, 10**12])
def test_labels_out_of_range(label):
    bad = {**POINT, "labels": np.array([0, 1, label, 0, 0])}
    for loss in (nn.cross_entropy(Y, LABELS), nn.negative_log_likelihood(Y, LABELS)):
        with pytest.raises(InputError, match="out of range"):
            g.evaluate(loss, bad)


def test_what_losses_refuse():
    for none in (Y, 3, None):
        with pytest.raises(ExpressionError, match="are listed"):
            nn.l2(none)
    with pytest.raises(DtypeError, match="whole numbers"):
        nn.cross_entropy(Y, g.symbol("labels", shape=("n",)))
    with pytest.raises(ShapeError, match="need labels of shape"):
        nn.cross_entropy(Y, g.symbol("labels", shape=("m",), dtype="int64"))
    with pytest.raises(ShapeError, match="compare every output with every target"):
        nn.squared_error(g.symbol("y", shape=("n", 1)), g.symbol("t", shape=("n",)))
    with pytest.raises(ExpressionError, match="reduction"):
        nn.hinge(Y, T, "max")
    with pytest.raises(ExpressionError, match="no parameters"):
        nn.l2({})
