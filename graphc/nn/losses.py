"""Losses: what a network's output costs beside what was wanted. Each is an expression, by default a mean over samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief, brief_text
from graphc.ir.expr import Expr, constant
from graphc.ir.types import format_shape
from graphc.ops.activation import relu
from graphc.ops.comparison import where
from graphc.ops.exponentials import log_softmax, logsumexp
from graphc.ops.logistic import softplus
from graphc.ops.order import take_along_axis
from graphc.ops.reduce import mean, sum
from graphc.ops.shape import expand_dims, squeeze
from graphc.util import arguments


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


def _picked(scores: Expr, labels: Any) -> Expr:
    """For each sample the score of its label; a label out of range is an error at the call, a negative one too."""
    labels = constant(labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            f"labels are whole numbers, not {labels.dtype}",
            hint='g.symbol("labels", shape=("n",), dtype="int64")',
        )
    if not scores.shape or labels.shape != scores.shape[:-1]:
        raise ShapeError(
            f"scores of shape {format_shape(scores.shape)} need labels of shape {format_shape(scores.shape[:-1])}, "
            f"not {format_shape(labels.shape)}",
            hint="classes are the last axis of the scores",
        )
    classes = scores.shape[-1]
    if labels.dtype.kind == "i" and isinstance(classes, int):
        # as an index a negative label would count from the end
        labels = where(labels < 0, constant(classes, "int64"), labels)
    return squeeze(take_along_axis(scores, expand_dims(labels, -1), axis=-1), axis=-1)


def negative_log_likelihood(log_probabilities: Any, labels: Any, reduction: str = "mean") -> Expr:
    """−log p[label]: of logarithms of probabilities (…, classes) and whole labels (…)."""
    return _reduced(-_picked(constant(log_probabilities), labels), reduction)


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Expr:
    """The multiclass logistic loss log Σⱼ e^(zⱼ) − z[label]: the negative log-likelihood under softmax, without underflow.

    logits : (…, classes)
    labels : whole numbers (…); one out of range is an error at the call

    Raises `DtypeError` for labels that are no whole numbers and `ShapeError` where they do not fit.
    """
    logits = constant(logits)
    chosen = _picked(logits, labels)
    return _reduced(logsumexp(logits, axis=-1) - chosen, reduction)


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
