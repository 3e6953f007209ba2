"""What convolution and pooling share: the window's static arguments, its places, and NumPy's view of all of them.

Images are arrays (n, c, h, w): a batch, channels, rows, columns. A window of `size` is laid over the image, with zeros around it
where there is `padding`, and moves on by `stride`; with p elements before and q after a row of h there are
⌊(h + p + q − size)/stride⌋ + 1 places for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ShapeError, brief_text
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply
from graphc.ir.op import Attribute, Notation, Op, lookup
from graphc.ir.types import FLOATING, Shape, as_dim, format_shape
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call
from graphc.ops.support.vmap_rules import Batch, Batched

Pair = tuple[Any, Any]
Operands = tuple[Expr, ...]


def operation(name: str, params: tuple[str, ...], summary: str, **fields: Any) -> Op:
    """The declaration of an operation on images."""
    known = {
        "types": FLOATING,
        "notation": Notation(name),
        "category": "convolution",
        "batch": _batch_of_images(name),
    }
    return Op(name=name, params=params, summary=summary, **{**known, **fields})


def _batch_of_images(name: str) -> Callable[..., Expr]:
    """A batch of batches is one batch."""

    def rule(b: Batch, operands: Operands, batched: Batched, *attrs: Any) -> Expr:
        merged = [one_batch(b.lifted(x, own)) for x, own in zip(operands, batched, strict=True)]
        return apart(apply(lookup(name), *merged, attrs=attrs), b, operands[0].shape[batched[0]])

    return rule


def one_batch(x: Expr) -> Expr:
    """The first two axes as one."""
    return call("reshape", x, shape=(dims.multiply(x.shape[0], x.shape[1]), *x.shape[2:]))


def apart(x: Expr, b: Batch, count: Dim) -> Expr:
    """The first axis as the batch's and that of `count` images."""
    return call("reshape", x, shape=(b.size, count, *x.shape[1:]))


# --- static arguments ---------------------------------------------------------------------------------------------------------


def two(name: str, value: Any, least: int) -> Pair:
    """A length for rows and one for columns; one alone stands for both."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ShapeError(
            f"{name} {brief_text(value, 40)} is not a length for rows and one for columns",
            hint=f"write {name}=2 or {name}=(2, 3)",
        )
    lengths = tuple([as_dim(length) for length in pair])
    for length in lengths:
        if isinstance(length, int) and length < least:
            raise ShapeError(
                f"{name} {brief_text(value, 40)} is below {least}", hint=f"write {name}={max(least, 1)}"
            )
    return lengths  # type: ignore[return-value]


def _lengths(least: int) -> Callable[[str, Any, Operands], Pair]:
    return lambda name, value, operands: two(name, value, least)


def steps(name: str, value: Any, operands: Operands) -> Pair:
    pair = two(name, value, 1)
    return at.whole(name, pair[0]), at.whole(name, pair[1])


def _padding(name: str, value: Any, operands: Operands) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)): one number stands for all, a pair for rows and columns."""
    listed = value if isinstance(value, (tuple, list)) else (value, value)
    sides = [side if isinstance(side, (tuple, list)) else (side, side) for side in listed]
    if len(sides) != 2 or any(len(side) != 2 for side in sides):
        raise ShapeError(
            f"{name} {brief_text(value, 40)} is not ((top, bottom), (left, right))",
            hint=f"write {name}=1, {name}=(1, 2) or {name}=((1, 1), (0, 2))",
        )
    (top, bottom), (left, right) = [[at.whole(name, length) for length in side] for side in sides]
    if min(top, bottom, left, right) < 0:
        raise ShapeError(f"{name} {brief_text(value, 40)} is negative", hint=f"write {name}=0")
    return (top, bottom), (left, right)


SIZE = Attribute("size", _lengths(1))
SPACE = Attribute("space", _lengths(0))
STRIDE = Attribute("stride", steps, 1)

PADDING = Attribute("padding", _padding, 0)


def skips(operands: Operands, slot: int, *attrs: Any) -> bool:
    """Whether windows of a size, stride and padding may leave out elements of images: between them, or at the end."""
    size, stride, padding = attrs
    return any(
        step > 1
        and not (
            isinstance(length, int)
            and isinstance(window, int)
            and step <= window
            and (length + before + after - window) // step * step + window >= length + before
        )
        for length, window, step, (before, after) in zip(
            operands[0].shape[-2:], size, stride, padding, strict=True
        )
    )


# --- shapes -------------------------------------------------------------------------------------------------------------------


def places(space: Any, size: Pair, stride: Pair, padding: Pair) -> Pair:
    """How many places a window has along rows and along columns."""
    counts = []
    for axis, length, window, step, (before, after) in zip(
        ("rows", "columns"), space, size, stride, padding, strict=True
    ):
        room = dims.subtract(dims.add(length, before + after), window)
        if isinstance(room, int) and room < 0:
            raise ShapeError(
                f"a window of {window} {axis} does not fit into {length}"
                + (f" with {before} and {after} around" if before or after else ""),
                hint="a smaller window, or padding=",
            )
        counts.append(dims.add(dims.floor_divide(room, step), 1))
    return counts[0], counts[1]


def image(operand: Expr, what: str = "images (n, c, h, w)") -> Shape:
    if operand.ndim != 4:
        raise ShapeError(
            f"{what} have four axes, and {brief_text(operand, 40)} has shape {format_shape(operand.shape)}",
            hint="g.expand_dims(x, 0) makes a batch of one image; g.reshape(x, …) splits an axis",
        )
    return operand.shape


def expect(operand: Expr, wanted: Pair, what: str) -> None:
    if operand.shape[2:] != wanted:
        raise ShapeError(f"{what} are {format_shape(wanted)}, not {format_shape(operand.shape[2:])}")


# --- NumPy --------------------------------------------------------------------------------------------------------------------


def padded(x: Any, size: Pair, padding: Pair, value: float) -> Any:
    """x with what stands around it; ValueError where no window fits, which named lengths show at the call alone."""
    for length, window, around in zip(x.shape[2:], size, padding, strict=True):
        if window < 1 or length + sum(around) < window:
            raise ValueError(f"a window of {window} does not fit into a length of {length}")
    if padding == ((0, 0), (0, 0)):
        return x
    return np.pad(x, ((0, 0), (0, 0), *padding), constant_values=x.dtype.type(value))


def windows_of(x: Any, size: Pair, stride: Pair, padding: Pair, value: float = 0.0) -> Any:
    """A view (n, c, places of rows, places of columns, size) of every window."""
    around = padded(x, size, padding, value)
    view = np.lib.stride_tricks.sliding_window_view(around, size, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1]]


def scattered(parts: Any, space: Pair, stride: Pair, padding: Pair) -> Any:
    """Images to which every window (n, c, size, places) is added where it lay."""
    batch, channels, rows, columns, *places = parts.shape
    (top, bottom), (left, right) = padding
    padded(np.empty((0, 0, *space)), (rows, columns), padding, 0)
    image = np.zeros((batch, channels, space[0] + top + bottom, space[1] + left + right), dtype=parts.dtype)
    for row in range(rows):
        for column in range(columns):
            image[
                :,
                :,
                row : row + stride[0] * places[0] : stride[0],
                column : column + stride[1] * places[1] : stride[1],
            ] += parts[:, :, row, column]
    return image[:, :, top : top + space[0], left : left + space[1]]
