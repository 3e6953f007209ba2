"""Metrics and recorded losses that are no mean over rows, against NumPy over all rows; and data that is not finite."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.errors import TrainingError
from graphc.train.row_reductions import Rows, summed_part

ROWS = 2503  # two blocks and a half
rng = np.random.default_rng(12)
a = g.symbol("a")
u, v = g.symbol("u", shape=("n",)), g.symbol("v", shape=("n",))
M = g.symbol("M", shape=("n", 3))
L = g.symbol("l", shape=("n",), dtype="int64")
DATA = {
    u: rng.normal(size=ROWS) * np.linspace(0.1, 3, ROWS),
    v: np.linspace(-1, 2, ROWS) + rng.normal(size=ROWS),
    M: rng.normal(size=(ROWS, 3)) + np.linspace(0, 5, ROWS)[:, None],
    L: rng.integers(0, 3, size=ROWS),
}
U, V, W, T = DATA.values()


def line():
    return train.Parameters({a: 1.5})


def log_softmax(m):
    return m - np.log(np.exp(m).sum(axis=1, keepdims=True))


PICKED = -log_softmax(W)[np.arange(ROWS), T]
CLASSES = np.array([0.2, 1.0, 3.0])
HIT = g.equal(g.argmax(M, axis=1), L)

BLOCKWISE = {
    "a mean": (g.mean(u * a), np.mean(1.5 * U)),
    "a root of a mean": (g.sqrt(g.mean((u - v) ** 2)), math.sqrt(np.mean((U - V) ** 2))),
    "a maximum": (g.max(g.abs(u)), np.max(np.abs(U))),
    "a minimum of columns": (g.max(g.min(M, axis=0)), np.max(np.min(W, axis=0))),
    "a count": (g.sum(g.astype(u > 0, "int64")), np.sum(U > 0)),
    "a sum": (g.sum(u) * a, 1.5 * np.sum(U)),
    "a number of rows": (g.sum(u * 0 + 1), ROWS),
    "precision": (
        g.sum(g.astype((u > 0) & (v > 0), "float64")) / g.sum(g.astype(u > 0, "float64")),
        np.sum((U > 0) & (V > 0)) / np.sum(U > 0),
    ),
    "a geometric mean": (g.exp(g.mean(g.log(g.abs(u)))), np.exp(np.mean(np.log(np.abs(U))))),
    "a variance by moments": (g.mean(u**2) - g.mean(u) ** 2, np.var(U)),
    "a correlation": (
        (g.mean(u * v) - g.mean(u) * g.mean(v)) / g.sqrt(g.mean(u**2) - g.mean(u) ** 2),
        np.cov(U, V, bias=True)[0, 1] / np.std(U),
    ),
    "any and all": (
        g.astype(g.any(u > 8), "float64") + 2 * g.astype(g.all(v > -9), "float64"),
        np.any(U > 8) + 2.0 * np.all(V > -9),
    ),
    "the worst class": (
        g.max(g.sum(g.one_hot(L, 3) * g.softmax(M), axis=0)),
        np.max(np.sum(np.eye(3)[T] * np.exp(log_softmax(W)), axis=0)),
    ),
    "accuracy": (g.mean(g.astype(HIT, "float64")), np.mean(np.argmax(W, axis=1) == T)),
    "cross-entropy": (nn.cross_entropy(M, L), np.mean(PICKED)),
    "weighted cross-entropy": (
        nn.cross_entropy(M, L, weight=CLASSES),
        np.sum(CLASSES[T] * PICKED) / np.sum(CLASSES[T]),
    ),
    "ignoring a class": (nn.cross_entropy(M, L, ignore_index=1), np.mean(PICKED[T != 1])),
    "perplexity": (g.exp(nn.cross_entropy(M, L)), np.exp(np.mean(PICKED))),
}

AT_ONCE = {
    "a standard deviation": (g.std(u), np.std(U)),
    "a norm": (g.norm(u), np.linalg.norm(U)),
    "an inner product": (u @ v, U @ V),
    "a coefficient of determination": (
        1 - g.sum((u - v) ** 2) / g.sum((u - g.mean(u)) ** 2),
        1 - np.sum((U - V) ** 2) / np.sum((U - np.mean(U)) ** 2),
    ),
    "steps from row to row": (g.max(g.abs(u[1:] - u[:-1])), np.max(np.abs(np.diff(U)))),
    "a median": (g.sort(u)[1251], np.sort(U)[1251]),
    "rows against the last": (g.sum(u * g.flip(u)), np.sum(U * U[::-1])),
    "a running sum": (g.max(g.cumsum(u)), np.max(np.cumsum(U))),
    "a log of a sum over rows": (g.logsumexp(u), np.log(np.sum(np.exp(U - 9))) + 9),
    "of all elements in one": (g.max(g.reshape(M, (-1,))[1:] - g.reshape(M, (-1,))[:-1]), np.max(np.diff(W.reshape(-1)))),
    "one row": (u[7], U[7]),
    "a Gram matrix": (g.max(M.T @ M), np.max(W.T @ W)),
}  # fmt: skip


@pytest.mark.parametrize("name", [*BLOCKWISE, *AT_ONCE])
@pytest.mark.sample(3)
def test_a_metric_is_of_all_rows(name):
    metric, wanted = {**BLOCKWISE, **AT_ONCE}[name]
    value = train.evaluate(line(), {"it": metric, "beside": g.mean(v)}, DATA)
    np.testing.assert_allclose(value["it"], wanted, rtol=1e-11)
    np.testing.assert_allclose(value["beside"], V.mean(), rtol=1e-12)
    proved = Rows("n").accumulators([metric])[metric]
    assert bool(proved) == (name in BLOCKWISE)


def test_metrics_of_a_network_are_computed_in_blocks():
    images = g.symbol("images", shape=("n", 2, 6, 6))
    steps = g.symbol("steps", shape=("n", 4, 2))
    layers = [
        nn.Conv2d(2, 3),
        g.relu,
        nn.MaxPool2d(2),
        nn.BatchNorm(),
        nn.Flatten(),
        nn.LayerNorm(),
        nn.Affine(3),
    ]
    for model in (
        nn.Model(nn.Sequential(*layers), images),
        nn.Model(nn.Sequential(nn.Recurrent(3), nn.Affine(3)), steps),
    ):
        loss = nn.cross_entropy(model.output, L)
        for metric in (loss, g.exp(loss), g.max(model.output), nn.cross_entropy(model.output, L, "sum")):
            assert Rows("n").accumulators([metric])[metric]
    trained = nn.cross_entropy(nn.Model(nn.Sequential(*layers), images).training_output, L)
    assert Rows("n").accumulators([trained])[trained] is None  # normalised over the rows of its batch


def test_metrics_in_fit_are_of_all_rows():
    metrics = {"root": g.sqrt(g.mean((a * u - v) ** 2)), "most": g.max(a * u), "far": g.std(a * u)}
    model = line()
    history = train.fit(
        model,
        g.mean((a * u - v) ** 2),
        {u: U, v: V},
        optimiser=train.SGD(0.01),
        epochs=2,
        metrics=metrics,
        progress=False,
    )
    at = float(model.values["a"])
    record = history.records[-1]
    np.testing.assert_allclose(record["root"], math.sqrt(np.mean((at * U - V) ** 2)), rtol=1e-11)
    np.testing.assert_allclose(record["most"], np.max(at * U), rtol=1e-11)
    np.testing.assert_allclose(record["far"], np.std(at * U), rtol=1e-11)


R = (1.5 * U - V) ** 2
SQUARES = (a * u - v) ** 2
LOSSES = {
    "a mean": (g.mean(SQUARES), np.mean(R)),
    "a sum": (g.sum(SQUARES), np.sum(R)),
    "half a sum": (0.5 * g.sum(SQUARES), np.sum(R) / 2),
    "a scaled sum": (g.sum(SQUARES) / 64, np.sum(R) / 64),
    "minus a sum": (-g.sum(-SQUARES), np.sum(R)),
    "squared_error": (nn.squared_error(a * u, v), np.sum(R)),
    "a sum and a penalty": (g.sum(SQUARES) + 100 * a**2, np.sum(R) + 225),
    "a penalty less a sum": (100 * a**2 - g.sum(SQUARES), 225 - np.sum(R)),
    "a mean and a penalty": (g.mean(SQUARES) + 100 * a**2, np.mean(R) + 225),
    "a sum and a mean": (g.sum(SQUARES) + 7 * g.mean(SQUARES), np.sum(R) + 7 * np.mean(R)),
    "sums of two": (g.sum(SQUARES) - g.sum(a * u), np.sum(R) - np.sum(1.5 * U)),
    "a sum by the number of rows": (g.sum(SQUARES) / g.sum(u * 0 + 1), np.mean(R)),
    "of a normalised batch": (g.sum(SQUARES + 0 * (u - g.mean(u))), np.sum(R)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.sample(3)
def test_the_recorded_loss_does_not_depend_on_the_batches(name):
    loss, wanted = LOSSES[name]
    for batch in (None, 64, 1000):
        history = train.fit(
            line(),
            loss,
            {u: U, v: V},
            optimiser=train.SGD(0.0),
            epochs=3,
            every=2,
            batch=batch,
            progress=False,
        )
        assert [record["epoch"] for record in history.records] == [2, 3]
        for record in history.records:
            np.testing.assert_allclose(record["loss"], wanted, rtol=1e-11)


def test_the_part_of_a_loss_that_grows():
    rows = Rows("n")
    total = g.sum(SQUARES)
    assert summed_part(total, rows) is total
    assert summed_part(total + a**2, rows) is total
    assert summed_part(g.mean(SQUARES) - 2 * total, rows) is -(2 * total)
    for neither in (
        g.mean(SQUARES),
        g.sqrt(total),
        total / g.sum(u),
        g.norm(u),
        a**2,
        total * total,
        g.max(u),
    ):
        assert summed_part(neither, rows) is None


# --- data that is not finite ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("row", [0, 70, 130])
@pytest.mark.parametrize("key", [u, v, M])
def test_data_that_is_not_finite_is_blamed(key, row, value):
    rows = {u: U[:200].copy(), v: V[:200].copy(), M: W[:200].copy()}
    rows[key][row] = value
    loss = g.mean((a * u - v) ** 2) + g.mean(g.sum(M, axis=1) ** 2)
    model = line()
    says = rf"in step {row // 64 + 1} of epoch 1: the data for '{key.name}' holds {value} in this batch"
    with pytest.raises(
        TrainingError, match=says + (f", first in its row {row % 64}" if row % 64 else "")
    ) as caught:
        train.fit(model, loss, rows, optimiser=train.SGD(0.01), epochs=1, shuffle=False, progress=False)
    assert "data" in caught.value.hint
    assert np.isfinite(model.values["a"])


def test_data_that_no_result_uses_is_not_blamed():
    b = g.symbol("b")
    gone = U[:128].copy()
    gone[::5] = math.nan
    loss = g.mean(g.where(g.isnan(u), 0.0, (a * u - v) ** 2)) + g.log(b)
    model = train.Parameters({a: 1.0, b: 1.0})
    with pytest.raises(TrainingError, match=r"in step 2 of epoch 1: log\(b\) is NaN"):
        train.fit(model, loss, {u: gone, v: V[:128]}, optimiser=train.SGD(5.0), epochs=1, progress=False)


def test_a_step_that_is_too_long_is_still_blamed_on_the_step():
    loss = g.mean(g.exp((a * u) ** 2))
    with pytest.raises(TrainingError) as caught:
        train.fit(line(), loss, {u: U[:256]}, optimiser=train.SGD(1e200), epochs=3, progress=False)
    assert "the data" not in caught.value.message
