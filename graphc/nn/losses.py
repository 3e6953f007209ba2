"""Losses: what a network's output costs beside what was wanted. Each is an expression, by default a mean over samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError, brief, brief_text
from graphc.ir.expr import Expr, cast, constant
from graphc.ir.types import format_shape, is_float
from graphc.ops.activation import relu
from graphc.ops.comparison import where
from graphc.ops.exponentials import log_softmax, logsumexp
from graphc.ops.logistic import softplus
from graphc.ops.order import take, take_along_axis
from graphc.ops.reduce import mean, sum
from graphc.ops.shape import expand_dims, squeeze
from graphc.ops.support.build import dim
from graphc.ops.support.errors import FAR_LABEL, NEAR_LABEL
from graphc.util import arguments
from graphc.util.arguments import number


def _reduced(costs: Expr, reduction: str) -> Expr:
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none"):
        raise ExpressionError(f"reduction is 'mean', 'sum' or 'none', not {brief_text(reduction, 40)!r}")
    if reduction == "none" or not costs.shape:
        return costs
    return mean(costs) if reduction == "mean" else sum(costs)


def _paired(output: Any, target: Any) -> tuple[Expr, Expr]:
    output, target = constant(output), constant(target)
    if output.shape != target.shape:
        raise ShapeError(
            f"an output of shape {format_shape(output.shape)} and targets of shape {format_shape(target.shape)}",
            hint="give both one shape: broadcasting would compare every output with every target",
        )
    return output, target


def squared_error(output: Any, target: Any, reduction: str = "sum") -> Expr:
    """Σ (y − t)²."""
    output, target = _paired(output, target)
    return _reduced((output - target) ** 2, reduction)


def mean_squared_error(output: Any, target: Any, reduction: str = "mean") -> Expr:
    """The mean of (y − t)² over all elements."""
    return squared_error(output, target, reduction)


def hinge(output: Any, target: Any, reduction: str = "mean") -> Expr:
    """[1 − t·y]₊ for targets t of −1 and 1."""
    output, target = _paired(output, target)
    return _reduced(relu(1 - target * output), reduction)


def logistic(output: Any, target: Any, reduction: str = "mean") -> Expr:
    """log(1 + e^(−t·y)) for targets t of −1 and 1."""
    output, target = _paired(output, target)
    return _reduced(softplus(-(target * output)), reduction)


def _places(scores: Expr, labels: Expr) -> Expr:
    """Labels as places among the classes, the last axis of the scores; what is no label is a place that no axis has."""
    classes = dim(scores.shape[-1], "int64")
    below = where((labels < 0) & (labels > -NEAR_LABEL), labels - FAR_LABEL, labels)
    return where((labels >= classes) & (labels < NEAR_LABEL), labels + FAR_LABEL, below)


def _checked_labels(scores: Expr, labels: Any, instead: str = "") -> Expr:
    """Whole numbers, one for each row of the scores."""
    labels = constant(labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            f"labels are whole numbers, not {labels.dtype}",
            hint='g.symbol("labels", shape=("n",), dtype="int64")' + instead,
        )
    if not scores.shape or labels.shape != scores.shape[:-1]:
        raise ShapeError(
            f"scores of shape {format_shape(scores.shape)} need labels of shape {format_shape(scores.shape[:-1])}, "
            f"not {format_shape(labels.shape)}",
            hint="classes are the last axis of the scores",
        )
    return labels if labels.dtype == np.int64 else cast(labels, "int64")


def _checked_weight(scores: Expr, weight: Any) -> Expr | None:
    """A number for each class, of the scores' type."""
    if weight is None:
        return None
    if isinstance(weight, (list, tuple)):
        try:
            weight = np.asarray(weight)
        except ValueError:  # rows of several lengths, lists too deep
            raise InputError(
                f"weight is {brief(weight)}, which is no array",
                hint="weight=[1.0, 2.0], one number for each class",
            ) from None
    weight = constant(weight)
    if weight.shape != scores.shape[-1:]:
        raise ShapeError(
            f"class weights of shape {format_shape(weight.shape)} for scores of shape {format_shape(scores.shape)}",
            hint="one for each class; where their number has a name, a symbol with that axis",
        )
    return weight if weight.dtype == scores.dtype else cast(weight, scores.dtype)


def _along_classes(values: Expr, places: Expr) -> Expr:
    return squeeze(take_along_axis(values, expand_dims(places, -1), axis=-1), axis=-1)


@dataclass(frozen=True)
class _LabelledRows:
    """What the rows of a loss by labels are: which class each has, which count, and how much.

    places : the labels as places; counts : whether a row counts, None where all do; weight : of the classes, or None
    """

    places: Expr
    counts: Expr | None
    weight: Expr | None

    @classmethod
    def of(cls, scores: Expr, labels: Expr, weight: Any, ignore_index: int | None) -> _LabelledRows:
        weight, counts = _checked_weight(scores, weight), None
        if ignore_index is not None:
            if isinstance(ignore_index, bool) or not isinstance(ignore_index, (int, np.integer)):
                raise InputError(
                    f"ignore_index is a whole number, not {brief(ignore_index, 40)}", hint="ignore_index=-100"
                )
            counts = labels != int(ignore_index)
            labels = where(counts, labels, constant(0, labels.dtype))
        return cls(_places(scores, labels), counts, weight)

    def reduced(self, costs: Expr, smooth: Expr | None, smoothing: float, reduction: str) -> Expr:
        """Costs of the rows as one: a mean is over the weights of the rows that count.

        smooth : what a row costs on the average over the classes, weights included
        """
        own = None
        if self.weight is not None:
            own = take(self.weight, self.places, axis=0)
            costs = own * costs
        if smooth is not None:
            costs = (1 - smoothing) * costs + smoothing * smooth
        if self.counts is not None:
            zero = constant(0, costs.dtype)
            costs = where(self.counts, costs, zero)
            own = where(self.counts, constant(1, costs.dtype) if own is None else own, zero)
        reduced = _reduced(costs, reduction)
        if own is None or reduction != "mean":
            return reduced
        return sum(costs) / sum(own) if costs.shape else costs / own


def negative_log_likelihood(
    log_probabilities: Any,
    labels: Any,
    reduction: str = "mean",
    *,
    weight: Any = None,
    ignore_index: int | None = None,
) -> Expr:
    """−log p[label]: of logarithms of probabilities (…, classes) and whole labels (…).

    The other parameters are those of `cross_entropy`.
    """
    scores = constant(log_probabilities)
    rows = _LabelledRows.of(scores, _checked_labels(scores, labels), weight, ignore_index)
    return rows.reduced(-_along_classes(scores, rows.places), None, 0.0, reduction)


def cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Expr:
    """The multiclass logistic loss log Σⱼ e^(zⱼ) − z[label]: the negative log-likelihood under softmax, without underflow.

    logits : (…, classes)
    labels : whole numbers (…) from 0 on; one out of range is an error at the call. Or probabilities, floats (…, classes)
    weight : (classes,): what a row of each class counts. A mean is then over the weights of the rows
    ignore_index : a label whose rows cost nothing and are left out of a mean; it may lie out of range, as −100
    label_smoothing : from 0 to 1: the part of every row that is spread over all classes

    As in PyTorch, whose classes are the second axis where they are the last one here: a mean by labels is divided by the weights
    of the rows that count, one by probabilities by the number of rows; a mean over no row is NaN.

    Raises `DtypeError` for labels that are neither, and `ShapeError` where they do not fit.
    """
    logits = constant(logits)
    smoothing = number("label_smoothing", label_smoothing, lambda part: 0 <= part <= 1, "label_smoothing=0.1")
    labels = constant(labels)
    if is_float(labels.dtype) and logits.shape and labels.shape == logits.shape:
        return _by_probabilities(logits, labels, weight, ignore_index, smoothing, reduction)
    labels = _checked_labels(logits, labels, "; probabilities are floats of the shape of the logits")
    rows = _LabelledRows.of(logits, labels, weight, ignore_index)
    costs = logsumexp(logits, axis=-1) - _along_classes(logits, rows.places)
    smooth = None
    if smoothing:
        each = log_softmax(logits, axis=-1)
        smooth = -mean(each if rows.weight is None else each * rows.weight, axis=-1)
    return rows.reduced(costs, smooth, smoothing, reduction)


def _by_probabilities(
    logits: Expr, target: Expr, weight: Any, ignore_index: int | None, smoothing: float, reduction: str
) -> Expr:
    """The cross-entropy of distributions: −Σⱼ tⱼ·log softmax(z)ⱼ for each row."""
    if ignore_index is not None:
        raise ExpressionError(
            "ignore_index names a label, and these targets are probabilities",
            hint="weights of the rows: g.mean(w * nn.cross_entropy(z, p, 'none'))",
        )
    weight = _checked_weight(logits, weight)
    if smoothing:
        target = (1 - smoothing) * target + smoothing / dim(logits.shape[-1], target.dtype)
    costs = target * log_softmax(logits, axis=-1)
    return _reduced(-sum(costs if weight is None else costs * weight, axis=-1), reduction)


def l2(parameters: Mapping[str, Expr] | Iterable[Expr], strength: float = 1.0) -> Expr:
    """strength·Σ w² over all elements of some parameters: weight decay, to be added to a loss.

    parameters : name → symbol, as `model.parameters`, or symbols
    """
    if not isinstance(parameters, Iterable) or isinstance(parameters, Expr):
        raise ExpressionError(
            f"parameters to regularise are listed, not {brief(parameters)}",
            hint="nn.l2(model.parameters, 1e-4)",
        )
    expressions = parameters.values() if isinstance(parameters, Mapping) else parameters
    listed = [
        constant(parameter) for parameter in arguments.listed("parameters", expressions, "model.parameters")
    ]
    if not listed:
        raise ExpressionError("no parameters to regularise")
    total = sum(listed[0] ** 2)
    for parameter in listed[1:]:
        total = total + sum(parameter**2)
    return strength * total


__all__ = [
    "cross_entropy", "hinge", "l2", "log_softmax", "logistic", "mean_squared_error", "negative_log_likelihood",
    "squared_error",
]  # fmt: skip
