"""Convolution of images, and the columns that it can be computed from.

The convolution is linear in the image and in the kernel: ⟨v, conv2d(x, k)⟩ is a form linear in v, x and k, and what it leaves
when one of the three is taken out is `conv2d`, `conv2d_input_grad` and `conv2d_kernel_grad`. Each hands back the other two, so
derivatives of any order are made of these three.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, brief_text
from graphc.ir import dims
from graphc.ir.expr import Expr, constant
from graphc.ir.op import Notation
from graphc.ir.types import ACCUMULATED, FIRST_KEPT, Shape, format_shape
from graphc.ops.comparison import not_equal
from graphc.ops.einsum import contract
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call, expanded, transposed
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.reducers import PARTIAL_SUMS
from graphc.ops.support.vmap_rules import Batch, Batched, moved
from graphc.ops.support.windows import (
    PADDING,
    SIZE,
    SPACE,
    STRIDE,
    Operands,
    Pair,
    apart,
    expect,
    image,
    one_batch,
    operation,
    places,
    scattered,
    skips,
    windows_of,
)

# --- shapes -------------------------------------------------------------------------------------------------------------------


def _kernel(operand: Expr) -> Shape:
    shape = image(operand, "kernels (out, in, h, w)")
    if 0 in shape[2:]:
        raise ShapeError(f"a kernel of shape {format_shape(shape)} covers nothing")
    return shape


def _same(operands: Operands, axis: int, other: int, what: str) -> None:
    a, b = operands
    if a.shape[axis] != b.shape[other]:
        raise at.refuse_shape(
            f"{what}: {a.shape[axis]} against {b.shape[other]}",
            operands,
            "images are (n, c, h, w) and kernels (out, in, h, w); named lengths are equal when their names are",
        )


def _conv_shape(operands: Operands, stride: Pair, padding: Pair) -> Shape:
    x, kernel = operands
    shape, (out, _, *size) = image(x), _kernel(kernel)
    _same(operands, 1, 1, "the image's channels are not the kernel's")
    return (shape[0], out, *places(shape[2:], (size[0], size[1]), stride, padding))


def _input_grad_shape(operands: Operands, space: Pair, stride: Pair, padding: Pair) -> Shape:
    v, kernel = operands
    shape, (_, channels, *size) = image(v), _kernel(kernel)
    _same(operands, 1, 0, "the adjoint's channels are not the kernel's outputs")
    expect(v, places(space, (size[0], size[1]), stride, padding), "the places of the window")
    return (shape[0], channels, *space)


def _kernel_grad_shape(operands: Operands, size: Pair, stride: Pair, padding: Pair) -> Shape:
    x, v = operands
    shape, (_, out, *_) = image(x), image(v)
    _same(operands, 0, 0, "two batches")
    expect(v, places(shape[2:], size, stride, padding), "the places of the window")
    return (out, shape[1], *size)


def _im2col_shape(operands: Operands, size: Pair, stride: Pair, padding: Pair) -> Shape:
    batch, channels, *space = image(operands[0])
    count = dims.product(places((space[0], space[1]), size, stride, padding))
    return (batch, dims.product((channels, *size)), count)


def _col2im_shape(operands: Operands, space: Pair, size: Pair, stride: Pair, padding: Pair) -> Shape:
    columns = operands[0]
    if columns.ndim != 3:
        raise ShapeError(
            f"columns (n, c·h·w, places) have three axes, and {brief_text(columns, 40)} has shape {format_shape(columns.shape)}"
        )
    batch, rows, count = columns.shape
    area, wanted = dims.product(size), dims.product(places(space, size, stride, padding))
    channels = dims.floor_divide(rows, area)
    if dims.multiply(channels, area) != rows or count != wanted:
        raise ShapeError(
            f"columns of {rows} rows at {count} places are no windows of {format_shape(size)} in {format_shape(space)}",
            hint=f"a multiple of {area} rows, at {wanted} places",
        )
    return (batch, channels, *space)


# --- NumPy --------------------------------------------------------------------------------------------------------------------


def _gathered(windows: Any) -> Any:
    """The columns (n, c·size, places) of a view of windows."""
    batch, channels, high, wide, *size = windows.shape
    rows = np.ascontiguousarray(windows.transpose(0, 1, 4, 5, 2, 3))
    return rows.reshape(batch, channels * size[0] * size[1], high * wide)


def _conv2d(x: Any, kernel: Any, stride: Pair, padding: Pair) -> Any:
    columns = _gathered(windows := windows_of(x, kernel.shape[2:], stride, padding))
    return (kernel.reshape(len(kernel), columns.shape[1]) @ columns).reshape(
        len(x), len(kernel), *windows.shape[2:4]
    )


def _conv2d_input_grad(v: Any, kernel: Any, space: Pair, stride: Pair, padding: Pair) -> Any:
    batch, out, high, wide = v.shape
    flat = kernel.reshape(out, int(np.prod(kernel.shape[1:])))
    columns = flat.T @ v.reshape(batch, out, high * wide)
    return scattered(columns.reshape(batch, *kernel.shape[1:], high, wide), space, stride, padding)


def _conv2d_kernel_grad(x: Any, v: Any, size: Pair, stride: Pair, padding: Pair) -> Any:
    batch, out, high, wide = v.shape
    columns = _gathered(windows_of(x, size, stride, padding))
    products = v.reshape(batch, out, high * wide) @ columns.transpose(0, 2, 1)
    return np.sum(products, axis=0, dtype=x.dtype).reshape(out, x.shape[1], *size)


def _col2im(columns: Any, space: Pair, size: Pair, stride: Pair, padding: Pair) -> Any:
    batch, rows, _ = columns.shape
    channels = rows // (size[0] * size[1])
    parts = columns.reshape(batch, channels, *size, *places(space, size, stride, padding))
    return scattered(parts, space, stride, padding)


# --- batches ------------------------------------------------------------------------------------------------------------------


def _columns(x: Expr, b: Batch, batched: bool, size: Pair, stride: Pair, padding: Pair) -> Expr:
    """The columns (b, n, c·size, places) of images, or (1, n, …) of those that are the same for every element."""
    if not batched:
        return expanded(call("im2col", x, size=size, stride=stride, padding=padding), 0)
    return apart(call("im2col", one_batch(x), size=size, stride=stride, padding=padding), b, x.shape[1])


def _rows(kernel: Expr) -> Expr:
    """Kernels (b, out, c, h, w) as matrices (b, 1, out, c·h·w)."""
    return expanded(call("reshape", kernel, shape=(*kernel.shape[:2], -1)), 1)


def _flat(v: Expr, b: Batch, batched: bool) -> Expr:
    """Adjoints (b, n, out, places), or (1, n, out, places)."""
    wide = v if batched else expanded(v, 0)
    return call("reshape", wide, shape=(*wide.shape[:3], dims.product(wide.shape[3:])))


def _conv_batch(b: Batch, operands: Operands, batched: Batched, stride: Pair, padding: Pair) -> Expr:
    x, kernel = operands
    if not batched[1]:
        return apart(call("conv2d", one_batch(x), kernel, stride=stride, padding=padding), b, x.shape[1])
    if not batched[0]:  # more outputs of one convolution
        wide = call("conv2d", x, one_batch(kernel), stride=stride, padding=padding)
        return moved(call("reshape", wide, shape=(wide.shape[0], *kernel.shape[:2], *wide.shape[2:])), 1, 0)
    size = kernel.shape[3:]
    product = _rows(kernel) @ _columns(x, b, True, (size[0], size[1]), stride, padding)
    counts = places(x.shape[3:], (size[0], size[1]), stride, padding)
    return call("reshape", product, shape=(*product.shape[:3], *counts))


def _input_grad_batch(
    b: Batch, operands: Operands, batched: Batched, space: Pair, stride: Pair, padding: Pair
) -> Expr:
    v, kernel = operands
    attributes = {"space": space, "stride": stride, "padding": padding}
    if not batched[1]:
        return apart(call("conv2d_input_grad", one_batch(v), kernel, **attributes), b, v.shape[1])
    columns = transposed(_rows(kernel)) @ _flat(v, b, batched[0])
    return apart(call("col2im", one_batch(columns), size=kernel.shape[3:], **attributes), b, columns.shape[1])


def _kernel_grad_batch(
    b: Batch, operands: Operands, batched: Batched, size: Pair, stride: Pair, padding: Pair
) -> Expr:
    x, v = operands
    columns = _columns(x, b, batched[0], size, stride, padding)
    product = contract(["bnop", "bnrp"], "bor", [_flat(v, b, batched[1]), columns])
    return call("reshape", product, shape=(*product.shape[:2], x.shape[-3], *size))


def _covered(
    used: Expr | None, out: Expr, operands: Operands, slot: int, stride: Pair, padding: Pair
) -> Expr | None:
    """The elements of images that some window covers."""
    x, kernel = operands
    size = (kernel.shape[2], kernel.shape[3])
    if slot or not skips(operands, 0, size, stride, padding):
        return None
    windows = {"size": size, "stride": stride, "padding": padding}
    ones = broadcast(constant(1.0, x.dtype), call("im2col", x, **windows))
    return not_equal(call("col2im", ones, space=x.shape[2:], **windows), 0)


# --- convolution --------------------------------------------------------------------------------------------------------------


conv2d: Function = declare_arrays(
    operation(
        "conv2d",
        ("x", "kernel"),
        "Images convolved with kernels: out[n, o, i, j] = Σ kernel[o, c, a, b] · x[n, c, i·stride + a, j·stride + b].",
        notes=(
            "Images are (n, c, h, w), kernels (out, c, kh, kw). It is the cross-correlation of signal processing: the kernel is "
            "not turned. `padding` is a number of zeros around, a pair for rows and columns, or ((top, bottom), (left, right)). "
            "It is a product with the columns of `im2col`."
        ),
        attributes=(STRIDE, PADDING),
        shape=_conv_shape,
        reference=_conv2d,
        pullbacks=(
            lambda v, out, x, kernel, stride, padding: call(
                "conv2d_input_grad", v, kernel, space=x.shape[2:], stride=stride, padding=padding
            ),
            lambda v, out, x, kernel, stride, padding: call(
                "conv2d_kernel_grad", x, v, size=kernel.shape[2:], stride=stride, padding=padding
            ),
        ),
        linear="each",
        reads=_covered,
        batch=_conv_batch,
        notation=Notation("conv"),
        refuses=False,
    )
)

conv2d_input_grad: Function = declare_arrays(
    operation(
        "conv2d_input_grad",
        ("v", "kernel"),
        "What `conv2d` hands back to its images of `space` rows and columns: the transposed convolution.",
        attributes=(SPACE, STRIDE, PADDING),
        shape=_input_grad_shape,
        reference=_conv2d_input_grad,
        pullbacks=(
            lambda u, out, v, kernel, space, stride, padding: call(
                "conv2d", u, kernel, stride=stride, padding=padding
            ),
            lambda u, out, v, kernel, space, stride, padding: call(
                "conv2d_kernel_grad", u, v, size=kernel.shape[2:], stride=stride, padding=padding
            ),
        ),
        linear="each",
        batch=_input_grad_batch,
        notation=Notation("convᵀ"),
        refuses=False,
    )
)

conv2d_kernel_grad: Function = declare_arrays(
    operation(
        "conv2d_kernel_grad",
        ("x", "v"),
        "What `conv2d` hands back to its kernels of `size`: the images convolved with the adjoint.",
        attributes=(SIZE, STRIDE, PADDING),
        shape=_kernel_grad_shape,
        reference=_conv2d_kernel_grad,
        pullbacks=(
            lambda u, out, x, v, size, stride, padding: call(
                "conv2d_input_grad", v, u, space=x.shape[2:], stride=stride, padding=padding
            ),
            lambda u, out, x, v, size, stride, padding: call("conv2d", x, u, stride=stride, padding=padding),
        ),
        linear="each",
        batch=_kernel_grad_batch,
        notation=Notation("conv ∂k"),
        reducer=PARTIAL_SUMS,
        refuses=False,
    )
)

im2col: Function = declare_arrays(
    operation(
        "im2col",
        ("x",),
        "Every window of images (n, c, h, w) as a column: an array (n, c·kh·kw, places), row by row.",
        notes="With it `conv2d` is `g.reshape(kernel, (out, -1)) @ im2col(x, size)`, a matrix product for each image.",
        types=FIRST_KEPT,
        attributes=(SIZE, STRIDE, PADDING),
        shape=_im2col_shape,
        reference=lambda x, size, stride, padding: _gathered(windows_of(x, size, stride, padding)),
        pullbacks=(
            lambda v, out, x, size, stride, padding: call(
                "col2im", v, space=x.shape[2:], size=size, stride=stride, padding=padding
            ),
        ),
        linear="jointly",
        moves=True,
        fills=True,
        leaves_out=skips,
    )
)

col2im: Function = declare_arrays(
    operation(
        "col2im",
        ("columns",),
        "Columns laid back over images of `space` rows and columns, and added where they overlap: `im2col` transposed.",
        types=ACCUMULATED,
        attributes=(SPACE, SIZE, STRIDE, PADDING),
        shape=_col2im_shape,
        reference=_col2im,
        pullbacks=(
            lambda v, out, columns, space, size, stride, padding: call(
                "im2col", v, size=size, stride=stride, padding=padding
            ),
        ),
        linear="jointly",
        moves=True,
        fills=True,
    )
)


__all__ = [
    "col2im", "conv2d", "conv2d_input_grad", "conv2d_kernel_grad", "im2col",
]  # fmt: skip
