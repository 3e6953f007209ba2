"""Convolutions of sequences and of volumes, and transposed ones, by those of images.

A sequence is an image of one row. A volume is convolved as images whose channels are those of the kernel's layers: each place of
the window in depth is an image of as many layers of the volume, one after the other in the channels.
Source of the transposed convolution: Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphc.errors import ExpressionError, InputError, ShapeError, brief, is_huge
from graphc.ir import dims
from graphc.ir.expr import Expr
from graphc.ir.inputs import as_count
from graphc.ir.types import format_shape
from graphc.nn import initial
from graphc.nn.initial import Initialiser
from graphc.nn.layer import Layer, Scope
from graphc.ops.arrange import pad
from graphc.ops.conv import conv2d, conv2d_input_grad
from graphc.ops.shape import concat, permute_dims, reshape
from graphc.util.arguments import truth

Ends = tuple[tuple[int, int], ...]
"""For each axis how many zeros stand before it and after it."""


def _lengths(value: Any, axes: int, what: str, least: int = 1) -> tuple[int, ...]:
    """A whole number for each axis, or one for all."""
    listed = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(listed) != axes:
        raise ExpressionError(f"{what} has {axes} lengths, not {brief(value)}", hint=f"one number, or {axes}")
    for length in listed:
        if type(length) is not int or length < least or is_huge(length):
            raise InputError(f"{what} of length {brief(length)}", hint=f"whole numbers of at least {least}")
    return listed


def _ends(value: Any, size: tuple[int, ...]) -> Ends:
    """Zeros around each axis: a number for all, one for each, pairs, or "same"."""
    if isinstance(value, str):
        if value != "same":
            raise ExpressionError(f"padding is zeros around or 'same', not {value[:40]!r}")
        return tuple([((length - 1) // 2, length // 2) for length in size])
    listed = tuple(value) if isinstance(value, (tuple, list)) else (value,) * len(size)
    if len(listed) != len(size):
        raise ExpressionError(
            f"padding {brief(value)} is not of {len(size)} axes",
            hint="a number, or one or a pair for each axis",
        )
    ends = [_lengths(each, 2, "padding", 0) for each in listed]
    return tuple([(first, last) for first, last in ends])


def _input(x: Expr, axes: int, what: str) -> int:
    """How many channels x has."""
    if x.ndim != axes + 2:
        shapes = {1: "sequences (n, c, steps)", 2: "images (n, c, h, w)", 3: "volumes (n, c, d, h, w)"}
        raise ShapeError(
            f"{what} takes {shapes[axes]}, not an array of shape {format_shape(x.shape)}",
            node=repr(x),
            site=x.site,
        )
    channels = x.shape[1]
    if not isinstance(channels, int):
        raise ShapeError(f"{what} takes a known number of channels, not {channels}")
    return channels


def _biased(layer: Any, out: Expr, scope: Scope) -> Expr:
    if not truth("bias", layer.bias):
        return out
    bias = scope.parameter("bias", (layer.channels,), out, initial.zeros)
    return out + reshape(bias, (layer.channels, *(1,) * (out.ndim - 2)))


def _depth(x: Expr, what: str) -> int:
    if not isinstance(x.shape[2], int):
        raise ShapeError(
            f"{what} takes volumes of a known depth, not {format_shape(x.shape)}",
            hint='g.symbol("x", shape=("n", 1, 8, 16, 16))',
        )
    return x.shape[2]


def _layers_as_channels(x: Expr, size: int, stride: int) -> tuple[Expr, int]:
    """(n, c, d, h, w) as images (n·places, size·c, h, w) of the window's places in depth, and how many places there are."""
    places = (x.shape[2] - size) // stride + 1  # type: ignore[operator]
    shifted = [x[:, :, first : first + stride * (places - 1) + 1 : stride] for first in range(size)]
    stacked = permute_dims(concat(*shifted, axis=1), (0, 2, 1, 3, 4))
    return reshape(stacked, (dims.multiply(x.shape[0], places), *stacked.shape[2:])), places


def _as_volumes(images: Expr, batch: Any, places: int) -> Expr:
    return permute_dims(reshape(images, (batch, places, *images.shape[1:])), (0, 2, 1, 3, 4))


@dataclass(frozen=True, repr=False)
class Conv1d(Layer):
    """Sequences (n, c, steps) convolved with kernels (channels, c, size), and a bias for each output channel.

    channels : how many outputs
    size : length of the kernel
    stride : by how much the window moves
    padding : zeros around: a number, a pair (before, after) in a tuple of one, or "same", which with stride 1 keeps the length

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(Conv1d(4, 3, padding="same"), symbol("x", shape=("n", 2, 10))).output.shape
    ('n', 4, 10)
    """

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "conv"

    def build(self, x: Expr, scope: Scope) -> Expr:
        inputs = _input(x, 1, repr(self))
        as_count(self.channels, "{} output channels", "nn.Conv1d(8, 3)")
        size = _lengths(self.size, 1, "a kernel")
        (stride,), ends = _lengths(self.stride, 1, "a stride"), _ends(self.padding, size)
        kernel = scope.parameter("weight", (self.channels, inputs, *size), x, self.init)
        flat = reshape(kernel, (self.channels, inputs, 1, *size))
        row = reshape(x, (x.shape[0], inputs, 1, x.shape[2]))
        out = conv2d(row, flat, (1, stride), ((0, 0), ends[0]))
        return _biased(self, reshape(out, (x.shape[0], self.channels, out.shape[3])), scope)


@dataclass(frozen=True, repr=False)
class Conv3d(Layer):
    """Volumes (n, c, d, h, w) convolved with kernels (channels, c, kd, kh, kw), and a bias for each output channel.

    channels : how many outputs
    size : the kernel's depth, rows and columns, or one number for all
    stride : by how much the window moves, a number or three
    padding : zeros around: a number, three, three pairs, or "same", which with stride 1 keeps the lengths

    The depth must be known; rows and columns may have names.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(Conv3d(4, 3), symbol("x", shape=("n", 2, 6, 8, 8))).output.shape
    ('n', 4, 4, 6, 6)
    """

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "conv"

    def build(self, x: Expr, scope: Scope) -> Expr:
        inputs, depth = _input(x, 3, repr(self)), _depth(x, repr(self))
        as_count(self.channels, "{} output channels", "nn.Conv3d(8, 3)")
        size, stride = _lengths(self.size, 3, "a kernel"), _lengths(self.stride, 3, "a stride")
        ends = _ends(self.padding, size)
        if depth + sum(ends[0]) < size[0]:
            raise ShapeError(f"a window of {size[0]} does not fit into a depth of {depth + sum(ends[0])}")
        kernel = scope.parameter("weight", (self.channels, inputs, *size), x, self.init)
        if any(ends[0]):
            x = pad(x, ((0, 0), (0, 0), ends[0], (0, 0), (0, 0)))
        images, places = _layers_as_channels(x, size[0], stride[0])
        flat = reshape(permute_dims(kernel, (0, 2, 1, 3, 4)), (self.channels, size[0] * inputs, *size[1:]))
        out = conv2d(images, flat, stride[1:], ends[1:])
        return _biased(self, _as_volumes(out, x.shape[0], places), scope)


class _Transposed(Layer):
    """What transposed convolutions have in common."""

    channels: int
    size: Any
    stride: Any
    padding: Any
    extra: Any
    bias: bool
    init: Initialiser
    axes = 2

    def build(self, x: Expr, scope: Scope) -> Expr:
        inputs = _input(x, self.axes, repr(self))
        as_count(self.channels, "{} output channels", f"nn.{type(self).__name__}(8, 3)")
        size, stride = (
            _lengths(self.size, self.axes, "a kernel"),
            _lengths(self.stride, self.axes, "a stride"),
        )
        ends = _ends(self.padding, size)
        extra = _lengths(self.extra, self.axes, "what is added at the ends", 0)
        for more, step in zip(extra, stride, strict=True):
            if more >= step:
                raise ShapeError(f"{more} more at an end is no less than the stride {step}")
        if any(
            before >= length or after >= length for (before, after), length in zip(ends, size, strict=True)
        ):
            raise ShapeError(f"padding {brief(self.padding)} leaves nothing of a kernel {format_shape(size)}")
        lengths = [
            dims.add(dims.multiply(dims.subtract(length, 1), step), kernel - sum(around) + more)
            for length, step, kernel, around, more in zip(x.shape[2:], stride, size, ends, extra, strict=True)
        ]
        weight = scope.parameter("weight", (inputs, self.channels, *size), x, self.init)
        return _biased(self, self._turned(x, weight, tuple(lengths), stride, ends), scope)

    def _turned(self, x: Expr, weight: Expr, lengths: Any, stride: Any, ends: Ends) -> Expr:
        return conv2d_input_grad(x, weight, lengths, stride, ends)


@dataclass(frozen=True, repr=False)
class ConvTranspose2d(_Transposed):
    """What a convolution with kernels (c, channels, kh, kw) would hand back: images (n, c, h, w) made larger, and a bias.

    channels : how many outputs
    size : rows and columns of the kernel, or one number for both
    stride : by how much places lie apart in the result
    padding : by how much the result is cut at its ends: a number, two, or two pairs
    extra : rows and columns added at the ends, less than the stride; PyTorch's `output_padding`

    Of h rows come (h − 1)·stride − padding before and after + size + extra.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.nn import Model
    >>> Model(ConvTranspose2d(3, 4, stride=2, padding=1), symbol("x", shape=("n", 5, 8, 8))).output.shape
    ('n', 3, 16, 16)
    """

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    extra: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "transposed"


@dataclass(frozen=True, repr=False)
class ConvTranspose1d(_Transposed):
    """`ConvTranspose2d` for sequences (n, c, steps) and kernels (c, channels, size)."""

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    extra: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "transposed"
    axes = 1

    def _turned(self, x: Expr, weight: Expr, lengths: Any, stride: Any, ends: Ends) -> Expr:
        row = reshape(x, (*x.shape[:2], 1, x.shape[2]))
        flat = reshape(weight, (*weight.shape[:2], 1, weight.shape[2]))
        out = conv2d_input_grad(row, flat, (1, *lengths), (1, *stride), ((0, 0), *ends))
        return reshape(out, (x.shape[0], self.channels, *lengths))


@dataclass(frozen=True, repr=False)
class ConvTranspose3d(_Transposed):
    """`ConvTranspose2d` for volumes (n, c, d, h, w) of a known depth and kernels (c, channels, kd, kh, kw)."""

    channels: int
    size: Any
    stride: Any = 1
    padding: Any = 0
    extra: Any = 0
    bias: bool = True
    init: Initialiser = initial.uniform
    kind = "transposed"
    axes = 3

    def _turned(self, x: Expr, weight: Expr, lengths: Any, stride: Any, ends: Ends) -> Expr:
        depth, inputs, size = _depth(x, repr(self)), x.shape[1], weight.shape[2]
        apart = stride[0]
        if apart > 1:  # zeros between the layers
            wide = reshape(x, (*x.shape[:3], 1, *x.shape[3:]))
            wide = pad(wide, ((0, 0),) * 3 + ((0, apart - 1),) + ((0, 0),) * 2)
            x = reshape(wide, (*x.shape[:2], depth * apart, *x.shape[3:]))[:, :, : (depth - 1) * apart + 1]
        before = size - 1 - ends[0][0]  # type: ignore[operator]
        after = lengths[0] + size - 1 - before - x.shape[2]  # type: ignore[operator]
        x = pad(x, ((0, 0), (0, 0), (before, after), (0, 0), (0, 0)))
        images, places = _layers_as_channels(x, size, 1)  # type: ignore[arg-type]
        turned = permute_dims(weight[:, :, ::-1], (2, 0, 1, 3, 4))
        flat = reshape(turned, (size * inputs, self.channels, *weight.shape[3:]))  # type: ignore[operator]
        out = conv2d_input_grad(images, flat, lengths[1:], stride[1:], ends[1:])
        return _as_volumes(out, x.shape[0], places)


__all__ = ["Conv1d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
