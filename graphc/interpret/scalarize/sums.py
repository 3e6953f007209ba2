"""Reductions and products over arrays of scalar expressions, term by term."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from graphc.interpret.scalarize.objects import Array, each
from graphc.ir.expr import Expr, constant
from graphc.ops.arithmetic import abs, add
from graphc.ops.comparison import isfinite, maximum, where
from graphc.ops.einsum import parts
from graphc.ops.elementary import exp, log, sqrt
from graphc.ops.support import attributes as at


def folded(x: Array, axis: Any, keepdims: bool, function: Callable[[Any, Any], Any], empty: Any = 0) -> Array:
    """The elements along some axes put together one after the other; `empty` where there are none."""
    axes = at.axes_of(axis, x.ndim)
    others = [place for place in range(x.ndim) if place not in axes]
    lengths = [x.shape[place] for place in others]
    rows = np.transpose(x, (*others, *axes)).reshape(*lengths, _count(x, axis))
    result = np.empty(rows.shape[:-1], dtype=object)
    for place in np.ndindex(*result.shape):
        row = list(rows[place])
        result[place] = reduce(function, row) if row else empty
    return np.expand_dims(result, axes) if keepdims else result


def summed(x: Array, axis: Any, keepdims: bool) -> Array:
    return folded(x, axis, keepdims, add)


def _count(x: Array, axis: Any) -> int:
    return int(np.prod([x.shape[place] for place in at.axes_of(axis, x.ndim)]))


def mean(x: Array, axis: Any, keepdims: bool) -> Array:
    count = _count(x, axis)
    return each(lambda total: total / float(count), _shaped_like(summed(x, axis, keepdims), x))


def _shaped_like(array: Array, x: Array) -> Array:
    """With constants for what NumPy left as numbers."""
    dtype = x.reshape(-1)[0].dtype if x.size else np.dtype(np.float64)
    return each(lambda item: item if isinstance(item, Expr) else constant(item, dtype), array)


def var(x: Array, axis: Any, correction: float, keepdims: bool) -> Array:
    apart = x - mean(x, axis, True)
    degrees = max(_count(x, axis) - correction, 0.0)
    return each(lambda total: total / degrees, _shaped_like(summed(apart * apart, axis, keepdims), x))


def logsumexp(x: Array, axis: Any, keepdims: bool) -> Array:
    return each(log, _shaped_like(summed(each(exp, x), axis, keepdims), x))


def exponent_shift(x: Array, axis: Any) -> Array:
    tops = _shaped_like(folded(x, axis, True, maximum), x)
    return each(lambda top: where(isfinite(top), top, constant(0.0, top.dtype)), tops)


def softmax(x: Array, axis: Any) -> Array:
    powers = each(exp, x)
    return powers / summed(powers, axis, True)


def log_softmax(x: Array, axis: Any) -> Array:
    return x - logsumexp(x, axis, True)


def norm(x: Array, ord: float, axis: Any, keepdims: bool) -> Array:
    sizes = each(abs, x)
    if ord == np.inf:
        return folded(sizes, axis, keepdims, maximum)
    if ord == 1:
        return summed(sizes, axis, keepdims)
    if ord == 2:
        return each(sqrt, _shaped_like(summed(x * x, axis, keepdims), x))
    return each(lambda total: total ** (1 / ord), summed(each(lambda size: size**ord, sizes), axis, keepdims))


# --- products ----------------------------------------------------------------------------------------------------------------


def einsum(*args: Any) -> Array:
    *operands, subscripts = args
    terms, output = parts(subscripts)
    letters = "".join(dict.fromkeys(output + "".join(terms)))
    lengths = dict.fromkeys(letters, 1)
    for term, operand in zip(terms, operands, strict=True):
        for letter, length in zip(term, operand.shape, strict=True):
            lengths[letter] = length if lengths[letter] == 1 else lengths[letter]
    result = np.empty([lengths[letter] for letter in output], dtype=object)
    inner = [letter for letter in letters if letter not in output]
    for place in np.ndindex(*result.shape):
        total: Any = 0
        for rest in itertools.product(*(range(lengths[letter]) for letter in inner)):
            where_at = dict(zip([*output, *inner], [*place, *rest], strict=True))
            product = reduce(
                lambda a, b: a * b, [_element(x, t, where_at) for x, t in zip(operands, terms, strict=True)]
            )
            total = product if isinstance(total, int) else total + product
        result[place] = total
    return result


def _element(x: Array, term: str, place: Mapping[str, int]) -> Any:
    return x[
        tuple([place[letter] if length > 1 else 0 for letter, length in zip(term, x.shape, strict=True)])
    ]


def matmul(a: Array, b: Array) -> Array:
    left = a[None] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (left, right))
    products = left[..., :, :, None] * right[..., None, :, :]
    product = summed(products, -2 % products.ndim, False)
    if b.ndim == 1:
        product = product[..., 0]
    return product[..., 0, :] if a.ndim == 1 and b.ndim > 1 else product[..., 0] if a.ndim == 1 else product


__all__ = [
    "einsum",
    "exponent_shift",
    "folded",
    "log_softmax",
    "logsumexp",
    "matmul",
    "mean",
    "norm",
    "softmax",
    "summed",
    "var",
]
