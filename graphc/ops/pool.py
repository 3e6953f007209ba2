"""Pools of images: the mean or the largest element of every window. They are reductions of the columns of `im2col`.

What the largest of a window hands back is linear in the adjoint, and so is what that hands back: two operations,
`max_pool2d_grad` and `max_pool2d_pick`, are each other's, and close the derivatives of any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Attribute, Notation, Op
from graphc.ir.types import Shape
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call
from graphc.ops.support.declare import Function, declare_arrays, with_checks
from graphc.ops.support.windows import (
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
    skips,
    steps,
    windows_of,
)


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


def _cells(windows: Any) -> list[Any]:
    """For each element of the window an array of it at all places: long loops over places instead of short ones over windows."""
    return [
        windows[..., row, column] for row in range(windows.shape[4]) for column in range(windows.shape[5])
    ]


def _max_pool2d(x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    first, *rest = _cells(windows_of(x, size, stride, padding, -np.inf))
    largest = first.copy()
    for cell in rest:
        np.maximum(largest, cell, out=largest)
    return largest


def _avg_pool2d(x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    first, *rest = _cells(windows_of(x, size, stride, padding))
    total = first.copy()
    for cell in rest:
        total += cell
    return total / x.dtype.type(size[0] * size[1])


def _winners(x: Any, size: Pair, stride: Pair, padding: Pair) -> tuple[list[Any], Any]:
    """For each element of the window whether it is a largest one, and how many those are (n, c, places)."""
    top = _max_pool2d(x, size, stride, padding)
    largest = [cell == top for cell in _cells(windows_of(x, size, stride, padding, -np.inf))]
    count = np.zeros(top.shape, dtype=np.int64)
    for mask in largest:
        count += mask
    return largest, np.maximum(count, 1).astype(x.dtype)  # none is largest beside a NaN


def _laid(cells: Any, size: Pair) -> Any:
    """The elements of windows, each with its places, as windows (n, c, size, places)."""
    whole = np.stack(cells, axis=2)
    return whole.reshape(*whole.shape[:2], *size, *whole.shape[3:])


def _max_pool2d_grad(v: Any, x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    largest, count = _winners(x, size, stride, padding)
    share, nothing = v / count, v.dtype.type(0)
    return scattered(
        _laid([np.where(mask, share, nothing) for mask in largest], size), x.shape[2:], stride, padding
    )


def _max_pool2d_pick(u: Any, x: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    largest, count = _winners(x, size, stride, padding)
    total = np.zeros(count.shape, dtype=u.dtype)
    for mask, cell in zip(largest, _cells(windows_of(u, size, stride, padding)), strict=True):
        total += np.where(mask, cell, u.dtype.type(0))
    return total / count


def _avg_pool2d_grad(v: Any, space: Pair, size: Pair, stride: Pair, padding: Pair) -> Any:
    share = v / v.dtype.type(size[0] * size[1])
    windows = np.broadcast_to(share[:, :, None, None], (*v.shape[:2], *size, *v.shape[2:]))
    return scattered(windows, space, stride, padding)


_POOL = (SIZE, Attribute("stride", steps), PADDING)

AVG_POOL2D = operation(
    "avg_pool2d",
    ("x",),
    "The mean of each window of images (n, c, h, w); the windows lie side by side unless `stride` says otherwise.",
    notes="Zeros of the padding count as elements, as in PyTorch. It is the mean over the rows of `im2col`.",
    attributes=_POOL,
    shape=_pool_shape,
    reference=_avg_pool2d,
    pullbacks=(
        lambda v, out, x, size, stride, padding: call(
            "avg_pool2d_grad", v, space=x.shape[2:], size=size, stride=stride, padding=padding
        ),
    ),
    linear="jointly",
    moves=True,
    leaves_out=skips,
    notation=Notation("avg pool"),
    refuses=False,
)
declare_arrays(AVG_POOL2D)

avg_pool2d_grad: Function = declare_arrays(
    operation(
        "avg_pool2d_grad",
        ("v",),
        "What `avg_pool2d` hands back to images of `space` rows and columns: every element shared equally by its window.",
        attributes=(SPACE, *_POOL),
        shape=_unpool_shape,
        reference=_avg_pool2d_grad,
        pullbacks=(
            lambda u, out, v, space, size, stride, padding: call(
                "avg_pool2d", u, size=size, stride=stride, padding=padding
            ),
        ),
        linear="jointly",
        moves=True,
        fills=True,
        notation=Notation("avg poolᵀ"),
        refuses=False,
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
    reference=_max_pool2d,
    pullbacks=(
        lambda v, out, x, size, stride, padding: call(
            "max_pool2d_grad", v, x, size=size, stride=stride, padding=padding
        ),
    ),
    leaves_out=True,
    picks=True,
    notation=Notation("max pool"),
    refuses=False,
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


max_pool2d_grad: Function = declare_arrays(
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
        picks=True,
        fills=True,
        notation=Notation("max poolᵀ"),
        refuses=False,
    )
)

max_pool2d_pick: Function = declare_arrays(
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
        leaves_out=True,
        picks=True,
        notation=Notation("pick"),
        refuses=False,
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
