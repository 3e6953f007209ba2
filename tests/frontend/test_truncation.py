"""Back-propagation through time that is cut every so many steps, against the steps written out."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import ExpressionError

W, X, C = g.symbol("W", shape=(2, 2)), g.symbol("X", shape=(7, 2)), g.symbol("C", shape=2)
POINT = {
    "W": np.array([[0.6, -0.4], [0.3, 0.8]]),
    "X": np.random.default_rng(0).normal(size=(7, 2)),
    "C": np.array([0.4, -0.7]),
}


def step(c, x):
    h, n = c
    h = g.tanh(W @ h + x)
    return (h, n + 1), g.sum(h * h)


def written_out(every, reverse):
    """The loop step by step, with the carry stopped in front of every so many."""
    state, terms = (C, 0), []
    for number, row in enumerate(range(6, -1, -1) if reverse else range(7)):
        if number and number % every == 0:
            state = (g.stop_gradient(state[0]), state[1])
        state, y = step(state, X[row])
        terms.append(y)
    return g.sum(state[0]) + sum(terms)


@pytest.mark.parametrize("checkpoint", ["none", pytest.param("sqrt", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("every", "reverse"), [(1, False), (3, True), (2, False), (100, False)])
def test_derivatives_go_through_so_many_steps(every, reverse, checkpoint):
    (h, _), ys = g.scan(step, (C, 0), X, truncate=every, reverse=reverse, checkpoint=checkpoint)
    loss, plain = g.sum(h) + g.sum(ys), written_out(every, reverse)
    by = [W, X, C]
    right = g.evaluate([plain, *g.grad(plain, by), g.jvp(plain, W, g.ones((2, 2)))], POINT)
    ours = [loss, *g.grad(loss, by), g.jvp(loss, W, g.ones((2, 2)))]
    for one, other in zip(g.compile(ours, by, cache=False)(**POINT), right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "layer", [nn.Recurrent, *(pytest.param(each, marks=pytest.mark.slow) for each in (nn.LSTM, nn.GRU))]
)
def test_recurrent_layers_are_cut(layer):
    x = g.symbol("x", shape=("n", "steps", 2))
    model = nn.Model(layer(3, last=False, truncate=2), x, seed=1)
    out, values = model.output, np.random.default_rng(1).normal(size=(2, 5, 2))
    stored = list(model.parameters)
    slope = g.compile(g.grad(g.sum(out[:, -1] ** 2), x), [x, *model.parameters.values()], cache=False)
    got = slope(values, *[model.values[key] for key in stored])
    assert (got[:, :4] == 0).all() and (got[:, 4] != 0).all()  # the last of 5 steps begins a part


def test_what_truncation_may_be():
    for wrong in (0, -1, 1.5, "two", True):
        with pytest.raises(ExpressionError, match="truncate") as caught:
            g.scan(lambda c, x: (c, c), 0.0, X, truncate=wrong)
        assert caught.value.site.filename == __file__
    with pytest.raises(ExpressionError, match=r"returns \(carry, y\)"):
        g.scan(lambda c, x: c, 0.0, X, truncate=2)
