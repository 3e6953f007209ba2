"""Attention: sums of values weighted by how well keys fit a query; rows of tables; blocks of a transformer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief
from graphc.ir.expr import Expr, constant
from graphc.ir.inputs import as_count
from graphc.ir.types import as_dtype, format_shape, is_float
from graphc.nn import initial
from graphc.nn.initial import Initialiser
from graphc.nn.layer import Layer, Scope
from graphc.nn.layers import Affine, Dropout
from graphc.nn.norm import LayerNorm
from graphc.ops.activation import gelu
from graphc.ops.comparison import where
from graphc.ops.create import arange
from graphc.ops.exponentials import softmax
from graphc.ops.order import take
from graphc.ops.shape import expand_dims, permute_dims, reshape
from graphc.util.arguments import function, number, truth


def attention(
    q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: float | None = None
) -> Expr:
    """softmax(q·kᵀ/√d)·v over the last two axes: scaled dot-product attention of Vaswani et al. (2017).

    Parameters
    ----------
    q : queries (…, n, d)
    k, v : keys (…, m, d) and values (…, m, e)
    mask : booleans that broadcast to (…, n, m): which keys a query may attend to; a query that may attend to none gets 0
    causal : whether query i attends to the keys up to i alone
    scale : what the products are multiplied by, 1/√d by default

    Returns (…, n, e). Raises `DtypeError` for what are no floats and for a mask that is no boolean, `ShapeError` for shapes that
    do not fit.

    >>> from graphc.ir.expr import symbol
    >>> x = symbol("x", shape=("n", 7, 4))
    >>> attention(x, x, x, causal=True).shape
    ('n', 7, 4)
    """
    q, k, v = constant(q), constant(k), constant(v)
    for name, part in (("queries", q), ("keys", k), ("values", v)):
        if not is_float(part.dtype):
            raise DtypeError(f"{name} are floats, not {part.dtype}", node=repr(part), site=part.site)
        if part.ndim < 2:
            raise ShapeError(
                f"{name} are (…, n, d), not an array of shape {format_shape(part.shape)}", site=part.site
            )
    width = q.shape[-1]
    if k.shape[-1] != width or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"queries {format_shape(q.shape)}, keys {format_shape(k.shape)} and values {format_shape(v.shape)} do not fit",
            hint="queries (…, n, d), keys (…, m, d), values (…, m, e)",
        )
    if scale is None:
        if not isinstance(width, int) or width < 1:
            raise ShapeError(f"the scale 1/√{width} is no number", hint="give scale=")
        scale = 1 / math.sqrt(width)
    scores = (q * number("scale", scale, math.isfinite, "scale=0.125")) @ _turned(k)
    allowed = None if mask is None else constant(mask)
    if allowed is not None and allowed.dtype.kind != "b":
        raise DtypeError(f"a mask is of booleans, not {allowed.dtype}", hint="mask=g.arange(n) < length")
    if truth("causal", causal):
        before = expand_dims(arange(k.shape[-2]), 0) <= expand_dims(arange(q.shape[-2]), 1)
        allowed = before if allowed is None else allowed & before
    if allowed is None:
        return softmax(scores, axis=-1) @ v
    # the lowest finite number, and not −∞: a row with nothing allowed has derivatives too
    lowest = constant(float(np.finfo(scores.dtype).min), scores.dtype)
    shares = softmax(where(allowed, scores, lowest), axis=-1)
    return where(allowed, shares, constant(0.0, shares.dtype)) @ v


def _turned(x: Expr) -> Expr:
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@dataclass(frozen=True, repr=False, eq=False)
class Attention(Layer):
    """Multi-head attention of sequences (n, steps, features) to themselves, or to others: Vaswani et al. (2017).

    heads : how many; the features are shared out among them
    causal : whether a step attends to itself and those before it alone
    lengths : how many steps of each sequence count, an integer expression (n,); none attends to those behind
    memory : sequences (n, others, features′) whose keys and values are used in place of the sequences' own
    bias : whether the four products have biases

    Raises `ShapeError` for features that cannot be shared out.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(Attention(2, causal=True), symbol("x", shape=("n", "steps", 8)))
    <Model Attention(2, causal=True): (n, steps, 8) → (n, steps, 8), 288 parameters>
    """

    heads: int
    causal: bool = False
    lengths: Any = None
    memory: Any = None
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "attention"

    def build(self, x: Expr, scope: Scope) -> Expr:
        heads = as_count(self.heads, "{} heads", "nn.Attention(4)")
        if x.ndim != 3 or not isinstance(x.shape[2], int) or x.shape[2] % heads:
            raise ShapeError(
                f"{self!r} takes sequences (n, steps, features) with a multiple of {heads} features, not shape "
                f"{format_shape(x.shape)}",
                hint='g.symbol("x", shape=("n", "steps", 8))',
            )
        other = x if self.memory is None else self.memory
        if not isinstance(other, Expr) or other.ndim != 3:
            raise ShapeError(f"the memory of {self!r} is no sequences (n, steps, features): {brief(other)}")
        features = x.shape[2]

        def split(name: str, of: Expr) -> Expr:
            wide = scope.apply(name, Affine(features, self.bias, self.init), of)
            parts = reshape(wide, (*of.shape[:2], heads, features // heads))
            return permute_dims(parts, (0, 2, 1, 3))

        query, key, value = split("query", x), split("key", other), split("value", other)
        mask = None if self.lengths is None else _counted(self.lengths, other)
        summed = attention(query, key, value, mask, causal=self.causal)
        joined = reshape(permute_dims(summed, (0, 2, 1, 3)), x.shape)
        return scope.apply("out", Affine(features, self.bias, self.init), joined)


def _counted(lengths: Any, x: Expr) -> Expr:
    """Which steps count, (n, 1, 1, steps)."""
    if not isinstance(lengths, Expr) or lengths.dtype.kind not in "iu":
        raise DtypeError(
            f"lengths are whole numbers, not {brief(lengths)}",
            hint='g.symbol("lengths", shape=("n",), dtype="int64")',
        )
    if lengths.shape != x.shape[:1]:
        raise ShapeError(
            f"lengths of shape {format_shape(lengths.shape)} for sequences {format_shape(x.shape)}"
        )
    within = expand_dims(arange(x.shape[1]), 0) < expand_dims(lengths, 1)
    return expand_dims(expand_dims(within, 1), 1)


@dataclass(frozen=True, repr=False, eq=False)
class TransformerBlock(Layer):
    """x + attention(norm x), then x + affine(f(affine(norm x))): a block with the norms in front, Xiong et al. (2020).

    heads : of the attention
    hidden : how many units lie between the two affine functions; four times the features by default
    causal, lengths : as for `Attention`
    activation : f
    dropout : the rate at which what is added is dropped in training

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(TransformerBlock(2), symbol("x", shape=("n", 5, 8))).output.shape
    ('n', 5, 8)
    """

    heads: int
    hidden: int | None = None
    causal: bool = False
    lengths: Any = None
    activation: Callable[[Expr], Expr] = gelu
    dropout: float = 0.0
    init: Initialiser = initial.uniform
    kind = "transformer"

    def build(self, x: Expr, scope: Scope) -> Expr:
        bend = function("activation", self.activation, 1, "activation=g.gelu")
        if x.ndim != 3 or not isinstance(x.shape[2], int):
            raise ShapeError(
                f"{self!r} takes sequences (n, steps, features), not an array of shape {format_shape(x.shape)}"
            )
        features = x.shape[2]
        hidden = 4 * features if self.hidden is None else as_count(self.hidden, "{} units", "hidden=64")
        rate = number(
            "dropout", self.dropout, lambda rate: 0 <= rate < 1, "dropout=0.1, at least 0 and below 1"
        )
        drop = Dropout(rate) if rate else None

        def kept(name: str, of: Expr) -> Expr:
            return of if drop is None else scope.apply(name, drop, of)

        own = Attention(self.heads, self.causal, self.lengths, init=self.init)
        x = x + kept("dropout1", scope.apply("attention", own, scope.apply("norm1", LayerNorm(), x)))
        wide = scope.apply("affine1", Affine(hidden, init=self.init), scope.apply("norm2", LayerNorm(), x))
        bent = bend(wide)
        if not isinstance(bent, Expr):
            raise ExpressionError(
                f"the activation gives {brief(bent)}, not an expression", hint="activation=g.gelu"
            )
        narrow = scope.apply("affine2", Affine(features, init=self.init), bent)
        return x + kept("dropout2", narrow)


_ROWS, _SMALL = initial.normal(1.0), initial.normal(0.02)


@dataclass(frozen=True, repr=False)
class Embedding(Layer):
    """A row of a table for each whole number: arrays (…) of integers below `count` become (…, units).

    count : how many rows
    units : the length of a row
    init : how the table begins: normal with deviation 1
    dtype : of the table

    A number out of range is an error at the call that names it.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(Embedding(27, 8), symbol("letters", shape=("n", "steps"), dtype="int64")).output.shape
    ('n', 'steps', 8)
    """

    count: int
    units: int
    init: Initialiser = _ROWS
    dtype: Any = "float64"
    kind = "embedding"

    def build(self, x: Expr, scope: Scope) -> Expr:
        count = as_count(self.count, "{} rows", "nn.Embedding(27, 8)")
        units = as_count(self.units, "rows of length {}", "nn.Embedding(27, 8)")
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"{self!r} takes whole numbers, not {x.dtype}",
                node=repr(x),
                site=x.site,
                hint='declare the input with dtype="int64"',
            )
        like = constant(0.0, as_dtype(self.dtype))
        return take(scope.parameter("weight", (count, units), like, self.init), x, axis=0)


@dataclass(frozen=True, repr=False)
class Positions(Layer):
    """x plus a learned row for each step of sequences (n, steps, features).

    count : for how many steps there are rows; more are an error at the call
    """

    count: int
    init: Initialiser = _SMALL
    kind = "positions"

    def build(self, x: Expr, scope: Scope) -> Expr:
        count = as_count(self.count, "{} rows", "nn.Positions(64)")
        if x.ndim < 2:
            raise ShapeError(
                f"{self!r} takes sequences (…, steps, features), not shape {format_shape(x.shape)}"
            )
        steps = x.shape[-2]
        if isinstance(steps, int) and steps > count:
            raise ShapeError(f"{self!r} has no rows for {steps} steps", hint=f"nn.Positions({steps})")
        table = scope.parameter("weight", (count, x.shape[-1]), x, self.init)
        return x + take(table, arange(steps), axis=0)


__all__ = ["Attention", "Embedding", "Positions", "TransformerBlock", "attention"]
