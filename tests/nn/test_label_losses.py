"""Losses by labels and by probabilities against plain loops, over PyTorch's options, and what they say of a wrong label."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import DtypeError, ExpressionError, GraphcError, InputError, ShapeError

rng = np.random.default_rng(4)
ROWS, CLASSES = 7, 4
scores = rng.normal(size=(ROWS, CLASSES)) * 3
labels = np.array([0, 3, 1, 2, 3, 3, 0])
weights = np.array([0.5, 2.0, 0.0, 1.25])
shares = rng.dirichlet(np.ones(CLASSES), size=ROWS)

Z = {"fixed": g.symbol("z", shape=("n", CLASSES)), "named": g.symbol("z", shape=("n", "c"))}
W = {"fixed": g.symbol("w", shape=(CLASSES,)), "named": g.symbol("w", shape=("c",))}
P = {"fixed": g.symbol("p", shape=("n", CLASSES)), "named": g.symbol("p", shape=("n", "c"))}
L = g.symbol("labels", shape=("n",), dtype="int64")


def log_softmax_row(row):
    top = max(row)
    total = math.fsum(math.exp(v - top) for v in row)
    return [v - top - math.log(total) for v in row]


def by_labels(rows, targets, weight, ignored, smoothing, reduction):
    """PyTorch's definition, row by row, of logarithms of probabilities."""
    costs, counted = [], []
    for row, label in zip(rows, targets, strict=True):
        if label == ignored:
            costs.append(0.0)
            continue
        w = [1.0] * len(row) if weight is None else weight
        picked = -w[label] * row[label]
        spread = -math.fsum(w[c] * row[c] for c in range(len(row))) / len(row)
        costs.append((1 - smoothing) * picked + smoothing * spread)
        counted.append(w[label])
    if reduction == "none":
        return np.array(costs)
    return math.fsum(costs) / (math.fsum(counted) if reduction == "mean" else 1)


def by_shares(rows, targets, weight, smoothing, reduction):
    costs = []
    for row, target in zip(rows, targets, strict=True):
        w = [1.0] * len(row) if weight is None else weight
        soft = [(1 - smoothing) * t + smoothing / len(row) for t in target]
        costs.append(-math.fsum(w[c] * soft[c] * row[c] for c in range(len(row))))
    if reduction == "none":
        return np.array(costs)
    return math.fsum(costs) / (len(rows) if reduction == "mean" else 1)


def values(loss, **at):
    """By the interpreter, and compiled."""
    point = {"z": scores, "labels": labels, "w": weights, "p": shares, **at}
    symbols = g.free_symbols(*(loss if isinstance(loss, list) else [loss]))
    return g.evaluate(loss, point), g.compile(loss, list(symbols))(*(point[s.name] for s in symbols))


def agree(loss, wanted, **at):
    """Of one loss, or of several compiled together."""
    several = isinstance(loss, list)
    for found in values(loss, **at):
        for value, number in zip(found if several else [found], wanted if several else [wanted], strict=True):
            np.testing.assert_allclose(value, number, rtol=4e-15 * ROWS, atol=1e-14)


REDUCTIONS = ("mean", "sum", "none")


@pytest.mark.sample(3)
@pytest.mark.parametrize("kind", ["fixed", "named"])
@pytest.mark.parametrize("ignored", [None, -100, 3, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_by_labels(kind, ignored, weighted):
    targets = labels.copy()
    if ignored is not None:
        targets[[1, 4]] = ignored
    rows = [log_softmax_row(row) for row in scores.tolist()]
    losses, wanted = [], []
    for reduction, smoothing in itertools.product(REDUCTIONS, (0.0, 0.1)):
        options = {
            "weight": W[kind] if weighted else None,
            "ignore_index": ignored,
            "label_smoothing": smoothing,
        }
        losses.append(nn.cross_entropy(Z[kind], L, reduction, **options))
        wanted.append(
            by_labels(rows, targets, weights.tolist() if weighted else None, ignored, smoothing, reduction)
        )
    agree(losses, wanted, labels=targets)


@pytest.mark.parametrize("kind", ["fixed", "named"])
@pytest.mark.parametrize("ignored", [None, -1, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_negative_log_likelihood(kind, ignored, weighted):
    targets = labels.copy()
    if ignored is not None:
        targets[[2, 6]] = ignored
    losses, wanted = [], []
    for reduction in REDUCTIONS:
        losses.append(
            nn.negative_log_likelihood(
                Z[kind], L, reduction, weight=W[kind] if weighted else None, ignore_index=ignored
            )
        )
        wanted.append(
            by_labels(
                scores.tolist(), targets, weights.tolist() if weighted else None, ignored, 0.0, reduction
            )
        )
    agree(losses, wanted, labels=targets)


@pytest.mark.parametrize("kind", ["fixed", "named"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_by_probabilities(kind, weighted):
    rows = [log_softmax_row(row) for row in scores.tolist()]
    losses, wanted = [], []
    for reduction, smoothing in itertools.product(REDUCTIONS, (0.0, 0.2, 1.0)):
        losses.append(
            nn.cross_entropy(
                Z[kind], P[kind], reduction, weight=W[kind] if weighted else None, label_smoothing=smoothing
            )
        )
        wanted.append(
            by_shares(rows, shares.tolist(), weights.tolist() if weighted else None, smoothing, reduction)
        )
    agree(losses, wanted)


def test_gradients_by_labels_and_by_one_hot_rows_agree():
    hot = np.eye(CLASSES)[labels]
    one = g.grad(nn.cross_entropy(Z["named"], L, "sum", weight=W["named"], label_smoothing=0.25), Z["named"])
    # by labels a row has the weight of its class, by probabilities every class its own: equal where all weigh the same
    other = g.grad(
        nn.cross_entropy(Z["named"], P["named"], "sum", weight=W["named"], label_smoothing=0.25), Z["named"]
    )
    agree(one, values(other, p=hot, w=np.full(CLASSES, 2.0))[0], w=np.full(CLASSES, 2.0))
    ignored = labels.copy()
    ignored[[0, 5]] = -100
    slope = g.grad(nn.cross_entropy(Z["fixed"], L, ignore_index=-100), Z["fixed"])
    soft = np.array([[math.exp(v) for v in log_softmax_row(row)] for row in scores.tolist()])
    wanted = (soft - hot) / (ROWS - 2)
    wanted[[0, 5]] = 0
    agree(slope, wanted, labels=ignored)


def test_images_have_their_classes_last_and_a_lone_row_is_a_row():
    image, mask = g.symbol("z", shape=("n", 3, CLASSES)), g.symbol("labels", shape=("n", 3), dtype="uint8")
    z, targets = rng.normal(size=(2, 3, CLASSES)), rng.integers(0, CLASSES, size=(2, 3)).astype(np.uint8)
    targets[0, 1] = 255
    rows = [log_softmax_row(row) for row in z.reshape(6, CLASSES).tolist()]
    loss = nn.cross_entropy(image, mask, ignore_index=255)
    agree(loss, by_labels(rows, targets.reshape(6), None, 255, 0.0, "mean"), z=z, labels=targets)
    row, label = g.symbol("z", shape=(CLASSES,)), g.symbol("labels", dtype="int64")
    lone = nn.cross_entropy(row, label, weight=W["fixed"], label_smoothing=0.5)
    wanted = by_labels([log_softmax_row(scores[0].tolist())], [3], weights.tolist(), None, 0.5, "mean")
    agree(lone, wanted, z=scores[0], labels=np.int64(3))


def test_a_mean_over_no_row_is_nan_and_a_sum_is_zero():
    nobody = np.full(ROWS, -100)
    for reduction, wanted in (("mean", math.nan), ("sum", 0.0), ("none", np.zeros(ROWS))):
        agree(nn.cross_entropy(Z["named"], L, reduction, ignore_index=-100), wanted, labels=nobody)


FAR = [np.iinfo(np.int64).min, np.iinfo(np.int64).max, -(2**62), 2**62, 2**40, -(2**40)]
"""Labels of which the refusal speaks as of places."""


@pytest.mark.parametrize("kind", ["fixed", "named"])
@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.negative_log_likelihood])
def test_a_label_that_is_none_is_named_with_the_range(loss, kind):
    plain = loss(Z[kind], L)
    for expr in (plain, loss(Z[kind], L, "sum", ignore_index=-7), g.grad(plain, Z[kind])):
        compiled = g.compile(expr, [Z[kind], L])
        for label in (-1, -2, -CLASSES, -100, -(2**31), CLASSES, CLASSES + 1, 255, 2**31, *FAR):
            wrong = labels.copy()
            wrong[3] = label
            says = f"{label} is out of range"
            if label not in FAR:
                says = rf"label {says} for the {CLASSES} classes[\s\S]*labels run from 0 to {CLASSES - 1}"
            with pytest.raises(InputError, match=says):
                g.evaluate(expr, {"z": scores, "labels": wrong})
            with pytest.raises(InputError, match=says):
                compiled(scores, wrong)


def test_what_the_options_refuse():
    z = Z["fixed"]
    cases = [
        (lambda: nn.cross_entropy(z, L, weight=np.ones(3)), ShapeError, "class weights of shape"),
        (lambda: nn.cross_entropy(Z["named"], L, weight=[1.0, 2.0]), ShapeError, "class weights of shape"),
        (lambda: nn.cross_entropy(z, L, label_smoothing=1.5), InputError, "label_smoothing is 1.5"),
        (lambda: nn.cross_entropy(z, L, label_smoothing=True), InputError, "label_smoothing"),
        (lambda: nn.cross_entropy(z, L, ignore_index=1.0), InputError, "ignore_index is a whole number"),
        (lambda: nn.cross_entropy(z, P["fixed"], ignore_index=0), ExpressionError, "probabilities"),
        (lambda: nn.cross_entropy(z, L, "max", weight=W["fixed"]), ExpressionError, "reduction"),
        (lambda: nn.cross_entropy(z, g.symbol("q", shape=("n", 3))), DtypeError, "whole numbers"),
        (lambda: nn.negative_log_likelihood(z, P["fixed"]), DtypeError, "whole numbers"),
    ]
    for write, kind, says in cases:
        with pytest.raises(kind, match=says) as caught:
            write()
        assert isinstance(caught.value, GraphcError)
