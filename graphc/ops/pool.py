"""Pools of images: the mean or the largest element of every window. They are reductions of the columns of `im2col`.

What the largest of a window hands back is linear in the adjoint, and so is what that hands back: two operations,
`max_pool2d_grad` and `max_pool2d_pick`, are each other's, and close the derivatives of any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.expr import Expr, apply, constant
from graphc.op import Attribute, Notation, Op
from graphc.ops import attributes as at
from graphc.ops.calls import call
from graphc.ops.declare import declare_arrays, with_checks
from graphc.ops.windows import (
    PADDING,
    SIZE,
    SPACE,
    Operands,
    Pair,
    expect,
    image,
    operation,
    places,
    scattered,
    steps,
    windows_of,
)
from graphc.types import Shape


def _pool_shape(operands: Operands, size: Pair, stride: Pair, padding: Pair) -> Shape:
    batch, channels, *space = image(operands[0])
    for window, (before, after) in zip(size, padding, strict=True):
        if isinstance(window, int) and max(before, after) >= window:
            raise ShapeError(
                f"padding of {max(before, after)} around a window of {window}: some windows would hold nothing else",
                hint="padding below the window's size",
            )
    return (batch, channels, *places((space[0], space[1]), size, stride, padding))


def _unpool_shape(operands: Operands, space: Pair, size: Pair, stride: Pair, padding: Pair) -> Shape:
    batch, channels, *_ = image(operands[0])
    expect(operands[0], places(space, size, stride, padding), "the places of the window")
    return (batch, channels, *space)


def _spread(v: Any, size: Pair) -> Any:
    """v (n, c, places) as windows (n, c, size, places) that are equal throughout."""
    return np.broadcast_to(v[:, :, None, None], (*v.shape[:2], *size, *v.shape[2:]))


def _winners(x: Any, size: Pair, stride: Pair, padding: Pair) -> tuple[Any, Any]:
    """Which elements of each window are its largest (n, c, size, places), and how many they are (n, c, places)."""
    windows = windows_of(x, size, stride, padding, -np.inf).transpose(0, 1, 4, 5, 2, 3)
    largest = windows == windows.max(axis=(2, 3), keepdims=True, initial=-np.inf)
    return largest, np.maximum(largest.sum(axis=(2, 3)), 1).astype(x.dtype)


def _max_pool2d_grad(v: Any, x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    largest, count = _winners(x, size, stride, padding)
    shares = np.where(largest, _spread(v / count, size), v.dtype.type(0))
    return scattered(shares, x.shape[2:], stride, padding)


def _max_pool2d_pick(u: Any, x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    largest, count = _winners(x, size, stride, padding)
    windows = windows_of(u, size, stride, padding).transpose(0, 1, 4, 5, 2, 3)
    return np.sum(np.where(largest, windows, u.dtype.type(0)), axis=(2, 3), dtype=u.dtype) / count


_POOL = (SIZE, Attribute("stride", steps), PADDING)

AVG_POOL2D = operation(
    "avg_pool2d",
    ("x",),
    "The mean of each window of images (n, c, h, w); the windows lie side by side unless `stride` says otherwise.",
    notes="Zeros of the padding count as elements, as in PyTorch. It is the mean over the rows of `im2col`.",
    attributes=_POOL,
    shape=_pool_shape,
    reference=lambda x, size, stride, padding: np.divide(
        np.sum(windows_of(x, size, stride, padding), axis=(4, 5), dtype=x.dtype),
        x.dtype.type(size[0] * size[1]),
    ),
    pullbacks=(
        lambda v, out, x, size, stride, padding: call(
            "avg_pool2d_grad", v, space=x.shape[2:], size=size, stride=stride, padding=padding
        ),
    ),
    linear="jointly",
    moves=True,
    notation=Notation("avg pool"),
)
declare_arrays(AVG_POOL2D)

avg_pool2d_grad = declare_arrays(
    operation(
        "avg_pool2d_grad",
        ("v",),
        "What `avg_pool2d` hands back to images of `space` rows and columns: every element shared equally by its window.",
        attributes=(SPACE, *_POOL),
        shape=_unpool_shape,
        reference=lambda v, space, size, stride, padding: scattered(
            _spread(v / v.dtype.type(size[0] * size[1]), size), space, stride, padding
        ),
        pullbacks=(
            lambda u, out, v, space, size, stride, padding: call(
                "avg_pool2d", u, size=size, stride=stride, padding=padding
            ),
        ),
        linear="jointly",
        moves=True,
        notation=Notation("avg poolᵀ"),
    )
)

MAX_POOL2D = operation(
    "max_pool2d",
    ("x",),
    "The largest element of each window of images (n, c, h, w); the windows lie side by side unless `stride` says otherwise.",
    notes=(
        "NaN where there is one. At a tie the derivative is shared equally, as with `max` and `maximum`; "
        "PyTorch gives it to the first of them. Around the image stands −∞. It is the largest of the rows of `im2col`."
    ),
    attributes=_POOL,
    shape=_pool_shape,
    reference=lambda x, size, stride, padding: np.max(
        windows_of(x, size, stride, padding, -np.inf), axis=(4, 5), initial=-np.inf
    ),
    pullbacks=(
        lambda v, out, x, size, stride, padding: call(
            "max_pool2d_grad", v, x, size=size, stride=stride, padding=padding
        ),
    ),
    notation=Notation("max pool"),
)
declare_arrays(MAX_POOL2D)


def _adjoint_shape(operands: Operands, size: Pair, stride: Pair, padding: Pair) -> Shape:
    v, x = operands
    if v.shape != _pool_shape((x,), size, stride, padding):
        raise at.refuse_shape("an adjoint that is not of the pool's shape", operands)
    return x.shape


def _picked_shape(operands: Operands, size: Pair, stride: Pair, padding: Pair) -> Shape:
    if operands[0].shape != operands[1].shape:
        raise at.refuse_shape("elements are picked from an array of the images' shape", operands)
    return _pool_shape(operands, size, stride, padding)


max_pool2d_grad = declare_arrays(
    operation(
        "max_pool2d_grad",
        ("v", "x"),
        "What `max_pool2d` of x hands back: each element of v goes to the largest of its window, shared equally at a tie.",
        attributes=_POOL,
        shape=_adjoint_shape,
        reference=_max_pool2d_grad,
        pullbacks=(
            lambda u, out, v, x, size, stride, padding: call(
                "max_pool2d_pick", u, x, size=size, stride=stride, padding=padding
            ),
            None,
        ),
        linear="each",
        notation=Notation("max poolᵀ"),
    )
)

max_pool2d_pick = declare_arrays(
    operation(
        "max_pool2d_pick",
        ("u", "x"),
        "For each window the element of u where x is largest, the mean of them at a tie: `max_pool2d` along a direction.",
        attributes=_POOL,
        shape=_picked_shape,
        reference=_max_pool2d_pick,
        pullbacks=(
            lambda v, out, u, x, size, stride, padding: call(
                "max_pool2d_grad", v, x, size=size, stride=stride, padding=padding
            ),
            None,
        ),
        linear="each",
        notation=Notation("pick"),
    )
)


def _pooled(op: Op, x: Any, size: Any, stride: Any, padding: Any) -> Expr:
    return apply(op, constant(x), attrs=(size, size if stride is None else stride, padding))


@with_checks(AVG_POOL2D)
def avg_pool2d(x, size, stride=None, padding=0):
    """The mean of each window of images (n, c, h, w).

    size : rows and columns of the window, or one number for both
    stride : by how much it moves; by its size
    padding : zeros around, which count as elements

    Raises `ShapeError` for what is no batch of images, and where no window fits.
    """
    return _pooled(AVG_POOL2D, x, size, stride, padding)


@with_checks(MAX_POOL2D)
def max_pool2d(x, size, stride=None, padding=0):
    """The largest element of each window of images (n, c, h, w).

    size : rows and columns of the window, or one number for both
    stride : by how much it moves; by its size
    padding : how far around the image it may reach; what stands there is −∞

    At a tie the derivative is shared equally by the elements that tie, as with `max` and `maximum`.
    Raises `ShapeError` for what is no batch of images, and where no window fits.
    """
    return _pooled(MAX_POOL2D, x, size, stride, padding)


__all__ = [
    "avg_pool2d", "avg_pool2d_grad", "max_pool2d", "max_pool2d_grad", "max_pool2d_pick",
]  # fmt: skip
