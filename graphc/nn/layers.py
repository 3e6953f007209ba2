"""Layers: products with weights, windows over images, activations, and what drops units at random."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from graphc.errors import ExpressionError, ShapeError, brief
from graphc.ir.expr import Expr, constant
from graphc.ir.inputs import as_count
from graphc.ir.types import format_shape
from graphc.nn import initial
from graphc.nn.initial import Initialiser
from graphc.nn.layer import Function, Layer, Scope
from graphc.ops.activation import elu, gelu, leaky_relu, relu, selu, silu, softsign
from graphc.ops.comparison import where
from graphc.ops.conv import conv2d
from graphc.ops.elementary import tanh
from graphc.ops.exponentials import softmax
from graphc.ops.logistic import sigmoid, softplus
from graphc.ops.pool import avg_pool2d, max_pool2d
from graphc.ops.reduce import max
from graphc.ops.shape import reshape
from graphc.util.arguments import number, truth


def _features(x: Expr, what: str) -> Any:
    """The length of the last axis."""
    if not x.shape:
        raise ShapeError(
            f"{what} takes arrays of features in the last axis, not the scalar {brief(x, 40)}",
            hint='declare it with g.symbol("X", shape=("n", 3)): examples in rows',
        )
    return x.shape[-1]


@dataclass(frozen=True, repr=False)
class Affine(Layer):
    """x·Wᵀ + b on the last axis: W is (units, inputs), b (units,).

    units : how many outputs; the number of inputs is that of the expression that it is built on
    bias : whether there is b, which begins at zero
    init : how W begins

    >>> from graphc.nn import Model
    >>> from graphc.ir.expr import symbol
    >>> Model(Affine(2), symbol("x", shape=("n", 3))).output
    x @ affine1.weight.T + affine1.bias
    """

    units: int
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "affine"

    def build(self, x: Expr, scope: Scope) -> Expr:
        inputs, _ = _features(x, repr(self)), as_count(self.units, "{} units", "nn.Affine(10)")
        biased = truth("bias", self.bias)
        out = x @ scope.parameter("weight", (self.units, inputs), x, self.init).T
        return out + scope.parameter("bias", (self.units,), x, initial.zeros) if biased else out


Linear = Affine
"""Another name of `Affine`."""


@dataclass(frozen=True, repr=False)
class Conv2d(Layer):
    """Images (n, c, h, w) convolved with kernels (channels, c, kh, kw), and a bias for each output channel.

    channels : how many outputs
    size : rows and columns of the kernel, or one number for both
    stride : by how much the window moves
    padding : zeros around: a number, a pair, ((top, bottom), (left, right)), or "same", which with stride 1 keeps the lengths
    """

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "conv"

    def build(self, x: Expr, scope: Scope) -> Expr:
        if x.ndim != 4:
            raise ShapeError(
                f"{brief(self)} takes images (n, c, h, w), not an array of shape {format_shape(x.shape)}",
                hint="g.reshape(x, (-1, channels, rows, columns))",
            )
        as_count(self.channels, "{} output channels", "nn.Conv2d(20, 5)")
        pair = tuple(self.size) if isinstance(self.size, (tuple, list)) else (self.size, self.size)
        if len(pair) != 2:
            raise ExpressionError(
                f"a kernel has rows and columns, not the size {brief(self.size)}", hint="size=(3, 3)"
            )
        rows, columns = (as_count(length, "a kernel of length {}", "nn.Conv2d(20, 5)") for length in pair)
        padding = self.padding
        if isinstance(padding, str):
            if padding != "same":
                raise ExpressionError(f"padding is zeros around or 'same', not {padding[:40]!r}")
            padding = tuple([((size - 1) // 2, size // 2) for size in (rows, columns)])
        kernel = scope.parameter("weight", (self.channels, x.shape[1], rows, columns), x, self.init)
        out = conv2d(x, kernel, self.stride, padding)
        if not truth("bias", self.bias):
            return out
        bias = scope.parameter("bias", (self.channels,), x, initial.zeros)
        return out + reshape(bias, (self.channels, 1, 1))


@dataclass(frozen=True, repr=False)
class MaxPool2d(Layer):
    """The largest element of each window; the windows lie side by side unless `stride` says otherwise."""

    size: Any
    stride: Any = None
    padding: Any = 0
    kind = "pool"

    def build(self, x: Expr, scope: Scope) -> Expr:
        return max_pool2d(x, self.size, self.stride, self.padding)


@dataclass(frozen=True, repr=False)
class AvgPool2d(Layer):
    """The mean of each window; the windows lie side by side unless `stride` says otherwise."""

    size: Any
    stride: Any = None
    padding: Any = 0
    kind = "pool"

    def build(self, x: Expr, scope: Scope) -> Expr:
        return avg_pool2d(x, self.size, self.stride, self.padding)


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """All axes but the first made one, row by row."""

    kind = "flatten"

    def build(self, x: Expr, scope: Scope) -> Expr:
        if not x.shape:
            raise ShapeError(f"there is nothing to flatten in the scalar {brief(x, 40)}")
        size: Any = 1
        for dim in x.shape[1:]:
            size = size * dim
        return reshape(x, (x.shape[0], size))


@dataclass(frozen=True, repr=False)
class Maxout(Layer):
    """The largest of several affine functions, for each unit: Goodfellow et al. (2013).

    units : how many outputs
    pieces : of how many functions each is the largest
    """

    units: int
    pieces: int = 2
    init: Initialiser = initial.uniform
    kind = "maxout"

    def build(self, x: Expr, scope: Scope) -> Expr:
        as_count(self.units, "{} units", "nn.Maxout(10, 2)")
        as_count(self.pieces, "the largest of {} functions", "nn.Maxout(10, 2)")
        inputs, rows = _features(x, repr(self)), self.units * self.pieces
        out = x @ scope.parameter("weight", (rows, inputs), x, self.init).T
        out = out + scope.parameter("bias", (rows,), x, initial.zeros)
        return max(reshape(out, (*x.shape[:-1], self.units, self.pieces)), axis=-1)


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """In training each element is set to zero with probability `rate`, and the others are divided by 1 − rate.

    The booleans that say which are kept are an input of the training form; elsewhere the layer does nothing.
    Source: Srivastava et al. (2014).
    """

    rate: float = 0.5
    kind = "dropout"

    def build(self, x: Expr, scope: Scope) -> Expr:
        if not isinstance(self.rate, (int, float)) or not 0 <= self.rate < 1:
            raise ExpressionError(f"a share of {brief(self.rate, 40)} cannot be dropped", hint="0 ≤ rate < 1")
        if not scope.training or self.rate == 0:
            return x
        mask = scope.mask("mask", x, 1 - self.rate)
        return where(mask, x / (1 - self.rate), constant(0, x.dtype))


def _finite(value: Any, what: str) -> None:
    number(what, value, math.isfinite, f"{what}=0.1")


def LeakyReLU(slope: float = 0.01) -> Function:
    """x for x > 0, slope·x elsewhere."""
    _finite(slope, "slope")
    return Function(lambda x: leaky_relu(x, slope), f"LeakyReLU({slope:g})")


def ELU(alpha: float = 1.0) -> Function:
    """x for x > 0, alpha·(eˣ − 1) elsewhere."""
    _finite(alpha, "alpha")
    return Function(lambda x: elu(x, alpha), f"ELU({alpha:g})")


ReLU: Function = Function(relu, "ReLU")
Sigmoid: Function = Function(sigmoid, "Sigmoid")
Tanh: Function = Function(tanh, "Tanh")
GELU: Function = Function(gelu, "GELU")
SELU: Function = Function(selu, "SELU")
SiLU: Function = Function(silu, "SiLU")
Softplus: Function = Function(softplus, "Softplus")
Softsign: Function = Function(softsign, "Softsign")
Softmax: Function = Function(softmax, "Softmax")
"""Functions as layers: `g.relu` itself is one as well."""

__all__ = [
    "ELU", "GELU", "SELU", "Affine", "AvgPool2d", "Conv2d", "Dropout", "Flatten", "LeakyReLU", "Linear", "MaxPool2d",
    "Maxout", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh",
]  # fmt: skip
