"""Normalisation: of each feature over a batch, and of each sample over its features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from graphc.errors import ExpressionError, ShapeError, brief
from graphc.ir.expr import Expr, constant
from graphc.ir.inputs import as_count
from graphc.ir.types import format_shape
from graphc.nn import initial
from graphc.nn.layer import Layer, Scope
from graphc.ops.comparison import where
from graphc.ops.create import dim
from graphc.ops.elementary import sqrt
from graphc.ops.reduce import mean, var
from graphc.ops.shape import reshape
from graphc.util.arguments import number


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """γ·(x − μ)/√(σ² + ε) + β for each feature, or each channel of images: axis 1.

    In training μ and σ² are those of the batch, and the running mean and variance move towards them by `momentum`; in inference
    they are the running ones. As in PyTorch the running variance is the unbiased one; a batch with one value of each feature has
    none, and leaves it as it was.
    Source: Ioffe and Szegedy (2015).
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    kind = "norm"

    def build(self, x: Expr, scope: Scope) -> Expr:
        for name, value, ends in (
            ("momentum", self.momentum, (0, 1)),
            ("epsilon", self.epsilon, (0, math.inf)),
        ):
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not ends[0] <= value <= ends[1]
            ):
                raise ExpressionError(
                    f"the {name} of {brief(self)} is none", hint="BatchNorm(momentum=0.1, epsilon=1e-5)"
                )
        if x.ndim < 2:
            raise ShapeError(f"{brief(self)} takes a batch of features, not shape {format_shape(x.shape)}")
        features, axes = x.shape[1], (0, *range(2, x.ndim))
        along = (features, *(1,) * (x.ndim - 2))
        scale = scope.parameter("weight", (features,), x, initial.ones)
        shift = scope.parameter("bias", (features,), x, initial.zeros)
        centre = scope.buffer("mean", (features,), x, initial.zeros)
        spread = scope.buffer("variance", (features,), x, initial.ones)
        if scope.training:
            scope.update("mean", (1 - self.momentum) * centre + self.momentum * mean(x, axis=axes))
            unbiased = var(x, axis=axes, correction=1)
            moved = (1 - self.momentum) * spread + self.momentum * unbiased
            count = math.prod(
                x.shape[axis] if isinstance(x.shape[axis], int) else dim(x.shape[axis]) for axis in axes
            )
            scope.update("variance", where(constant(count) > 1, moved, spread))
            centre, spread = mean(x, axis=axes), var(x, axis=axes)

        def wide(values: Expr) -> Expr:
            return reshape(values, along) if x.ndim > 2 else values

        return (x - wide(centre)) / wide(sqrt(spread + self.epsilon)) * wide(scale) + wide(shift)


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """γ·(x − μ)/√(σ² + ε) + β with mean and variance over the last axes of each sample.

    axes : how many axes from the end are normalised together
    Source: Ba, Kiros and Hinton (2016).
    """

    axes: int = 1
    epsilon: float = 1e-5
    kind = "norm"

    def build(self, x: Expr, scope: Scope) -> Expr:
        as_count(self.axes, "normalisation over {} axes", "nn.LayerNorm(1)")
        number("epsilon", self.epsilon, lambda value: 0 <= value < math.inf, "epsilon=1e-5")
        if not 1 <= self.axes <= x.ndim:
            raise ShapeError(f"{brief(self)} does not fit an array of shape {format_shape(x.shape)}")
        along: Any = tuple(range(x.ndim - self.axes, x.ndim))
        shape = x.shape[-self.axes :]
        scale = scope.parameter("weight", shape, x, initial.ones)
        shift = scope.parameter("bias", shape, x, initial.zeros)
        centred = x - mean(x, axis=along, keepdims=True)
        spread = sqrt(var(x, axis=along, keepdims=True) + self.epsilon)
        return centred / spread * scale + shift


__all__ = ["BatchNorm", "LayerNorm"]
