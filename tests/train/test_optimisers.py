"""Optimisers against plain loops over arrays, and schedules against what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc import train
from graphc.errors import InputError
from graphc.train import History

RATE, STEPS = 0.03, 60


def sgd(w, d, s, t):
    return w - RATE * d


def momentum(w, d, s, t):
    s["v"] = 0.8 * s.get("v", 0) + d
    return w - RATE * s["v"]


def nesterov(w, d, s, t):
    s["v"] = 0.8 * s.get("v", 0) + d
    return w - RATE * (d + 0.8 * s["v"])


def rmsprop(w, d, s, t):
    s["s"] = 0.95 * s.get("s", 0) + 0.05 * d**2
    return w - RATE * d / (np.sqrt(s["s"]) + 1e-6)


def adam(w, d, s, t):
    s["m"] = 0.7 * s.get("m", 0) + 0.3 * d
    s["s"] = 0.9 * s.get("s", 0) + 0.1 * d**2
    return w - RATE * (s["m"] / (1 - 0.7**t)) / (np.sqrt(s["s"] / (1 - 0.9**t)) + 1e-8)


def adamw(w, d, s, t):
    return adam(w - RATE * 0.1 * w, d, s, t)


CASES = {
    "SGD": (train.SGD(RATE), sgd),
    "Momentum": (train.Momentum(RATE, 0.8), momentum),
    "Nesterov": (train.Nesterov(RATE, 0.8), nesterov),
    "RMSProp": (train.RMSProp(RATE, 0.95, 1e-6), rmsprop),
    "Adam": (train.Adam(RATE, 0.7, 0.9), adam),
    "AdamW": (train.AdamW(RATE, 0.7, 0.9, decay=0.1), adamw),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_optimiser(name, dtype):
    """Least squares with a known gradient, on other data in every step, so that no gradient vanishes: rounding alone differs."""
    optimiser, plain = CASES[name]
    rng = np.random.default_rng(2)
    X = g.symbol("X", shape=("n", 3), dtype=dtype)
    t = g.symbol("t", shape=("n",), dtype=dtype)
    w, c = g.symbol("w", shape=(3,), dtype=dtype), g.symbol("c", dtype=dtype)
    model = train.Parameters({w: np.ones(3, dtype), c: np.array(0.5, dtype)})
    step = train.Step(model, g.mean((X @ w + c - t) ** 2), optimiser, [X, t])
    value, offset, states = np.ones(3), 0.5, ({}, {})
    for number in range(1, STEPS + 1):
        batch = {X: rng.normal(size=(8, 3)).astype(dtype), t: rng.normal(size=8).astype(dtype)}
        A, y = batch[X].astype(np.float64), batch[t].astype(np.float64)
        rest = A @ value + offset - y
        loss = np.mean(rest**2)
        found = step(batch, RATE)
        eps = np.finfo(dtype).eps
        assert abs(found - loss) <= 50 * number * eps * max(1, loss)
        d = 2 * A.T @ rest / 8, 2 * np.mean(rest)
        value, offset = plain(value, d[0], states[0], number), plain(offset, d[1], states[1], number)
        # errors of a step are carried on; no step of these makes them grow
        assert np.abs(model.values["w"] - value).max() <= 100 * number * eps
        assert abs(model.values["c"] - offset) <= 100 * number * eps
    assert model.values["w"].dtype == dtype and step.state["steps"] == STEPS


def test_optimisers_refuse():
    for rate in (-1, math.nan, math.inf, "0.1", True):
        with pytest.raises(InputError, match="rate"):
            train.SGD(rate)
    with pytest.raises(InputError, match="momentum"):
        train.Nesterov(0.1, 1.0)
    with pytest.raises(InputError, match="beta2"):
        train.Adam(0.1, beta2=-0.1)
    for decay in (lambda: train.RMSProp(0.1, decay=2), lambda: train.AdamW(0.1, decay=-1)):
        with pytest.raises(InputError, match="decay"):
            decay()
    for make in (train.RMSProp, train.Adam, train.AdamW):
        with pytest.raises(InputError, match="epsilon is 0") as caught:
            make(0.1, epsilon=0)
        assert "test_optimisers.py" in str(caught.value)  # not a line of generated code


@pytest.mark.parametrize("none", [0, -1, 1.5, True, "3"])
def test_schedules_refuse_counts_that_are_none(none):
    for make in (train.Halving, train.EarlyStop, train.StepDecay, train.Cosine):
        with pytest.raises(InputError, match=f"{none!r} (records|epochs)"):
            make(none)


def past(*losses):
    return History([{"epoch": place + 1, "loss": loss} for place, loss in enumerate(losses)])


def test_halving():
    once = train.Halving()
    assert once(1.0, past()) == once(1.0, past(3, 2, 1)) == 1
    assert once(1.0, past(3, 2, 2)) == once(1.0, past(3, 2, 2, 1)) == 0.5
    assert once(1.0, past(3, 4, 5, 2.9)) == 0.25
    assert train.Halving(2)(1.0, past(3, 4, 5, 6)) == 0.5
    assert train.Halving(1, gain=0.1)(1.0, past(1.0, 0.95)) == 0.5
    assert train.Halving(1, least=0.3)(1.0, past(1, 1, 1, 1)) == 0.3
    assert once(1.0, past(math.nan, math.nan)) == 0.25
    with pytest.raises(InputError, match="the factor that lowers the rate is 1"):
        train.Halving(factor=1)
    with pytest.raises(InputError, match="no 'error'"):
        train.Halving(monitor="error")(1.0, past(1))


def test_other_schedules():
    decay = train.StepDecay(2, 0.1)
    assert [decay(1.0, past(*range(n))) for n in (0, 1, 2, 3)] == [1, 1, 0.1, 0.1]
    cosine = train.Cosine(4, 0.2)
    found = [cosine(1.0, past(*range(n))) for n in (0, 2, 4, 9)]
    np.testing.assert_allclose(found, [1, 0.6, 0.2, 0.2], rtol=1e-15)


def test_early_stop():
    stop = train.EarlyStop(2)
    assert not stop(past(3, 2, 2)) and stop(past(3, 2, 2, 2)) and not stop(past(3, 2, 2, 1))
    assert train.EarlyStop(1, gain=0.5)(past(1.0, 0.6))
