"""Formulas of convolution and pooling for the table of cases, and the same in plain loops."""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import graphc as g


def windows(x, size, stride, padding, value=0.0) -> Iterator[tuple[tuple[int, int], Any]]:
    """(place, window (n, c, size)) of every window, one after the other."""
    around = np.pad(x, ((0, 0), (0, 0), *padding), constant_values=value)
    for i in range((around.shape[2] - size[0]) // stride[0] + 1):
        for j in range((around.shape[3] - size[1]) // stride[1] + 1):
            top, left = i * stride[0], j * stride[1]
            yield (i, j), around[:, :, top : top + size[0], left : left + size[1]]


def places(x, size, stride, padding):
    return tuple(
        (length + sum(around) - window) // step + 1
        for length, window, step, around in zip(x.shape[2:], size, stride, padding, strict=True)
    )


def np_conv2d(x, kernel, stride=(1, 1), padding=((0, 0), (0, 0))):
    """The definition: one sum for each place and each output channel."""
    size = kernel.shape[2:]
    out = np.zeros((len(x), len(kernel), *places(x, size, stride, padding)), dtype=x.dtype)
    for (i, j), window in windows(x, size, stride, padding):
        for image in range(len(x)):
            for channel in range(len(kernel)):
                out[image, channel, i, j] = np.sum(kernel[channel] * window[image])
    return out


def np_conv2d_input_grad(v, kernel, space, stride=(1, 1), padding=((0, 0), (0, 0))):
    (top, bottom), (left, right) = padding
    image = np.zeros((len(v), kernel.shape[1], space[0] + top + bottom, space[1] + left + right))
    for i in range(v.shape[2]):
        for j in range(v.shape[3]):
            for a in range(kernel.shape[2]):
                for b in range(kernel.shape[3]):
                    image[:, :, i * stride[0] + a, j * stride[1] + b] += v[:, :, i, j] @ kernel[:, :, a, b]
    return image[:, :, top : top + space[0], left : left + space[1]]


def np_conv2d_kernel_grad(x, v, size, stride=(1, 1), padding=((0, 0), (0, 0))):
    kernel = np.zeros((v.shape[1], x.shape[1], *size))
    for (i, j), window in windows(x, size, stride, padding):
        for image in range(len(x)):
            for channel in range(v.shape[1]):
                kernel[channel] += v[image, channel, i, j] * window[image]
    return kernel


def np_im2col(x, size, stride=(1, 1), padding=((0, 0), (0, 0))):
    columns = [
        window.reshape(len(x), x.shape[1] * size[0] * size[1])
        for _, window in windows(x, size, stride, padding)
    ]
    return np.stack(columns, axis=2)


def np_col2im(columns, space, size, stride=(1, 1), padding=((0, 0), (0, 0))):
    channels = columns.shape[1] // (size[0] * size[1])
    around = np.zeros((len(columns), channels, *(n + sum(p) for n, p in zip(space, padding, strict=True))))
    parts = np.arange(columns.shape[2])
    wide = places(np.empty((0, 0, *space)), size, stride, padding)[1]
    for place in parts:
        i, j = divmod(int(place), wide)
        top, left = i * stride[0], j * stride[1]
        around[:, :, top : top + size[0], left : left + size[1]] += columns[:, :, place].reshape(
            len(columns), channels, *size
        )
    (top, _), (left, _) = padding
    return around[:, :, top : top + space[0], left : left + space[1]]


def np_pool(reduce, x, size, stride=None, padding=((0, 0), (0, 0)), value=0.0):
    stride = size if stride is None else stride
    out = np.zeros((*x.shape[:2], *places(x, size, stride, padding)), dtype=x.dtype)
    for (i, j), window in windows(x, size, stride, padding, value):
        out[:, :, i, j] = reduce(window, axis=(2, 3))
    return out


def np_avg_grad(v, space, size, stride, padding=((0, 0), (0, 0))):
    columns = np.repeat(v[:, :, None], size[0] * size[1], axis=2) / (size[0] * size[1])
    return np_col2im(columns.reshape(len(v), -1, v[0, 0].size), space, size, stride, padding)


def np_max_grad(v, x, size, stride, padding=((0, 0), (0, 0))):
    grown = tuple((top, bottom) for top, bottom in padding)
    around = np.zeros((*x.shape[:2], *(n + sum(p) for n, p in zip(x.shape[2:], grown, strict=True))))
    for (i, j), window in windows(x, size, stride, padding, -np.inf):
        for image in range(len(x)):
            for channel in range(x.shape[1]):
                ties = np.argwhere(window[image, channel] == window[image, channel].max())
                for a, b in ties:
                    around[image, channel, i * stride[0] + a, j * stride[1] + b] += v[
                        image, channel, i, j
                    ] / len(ties)
    (top, _), (left, _) = padding
    return around[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def np_max_pick(u, x, size, stride, padding=((0, 0), (0, 0))):
    out = np.zeros((*x.shape[:2], *places(x, size, stride, padding)))
    padded = np.pad(u, ((0, 0), (0, 0), *padding))
    for (i, j), window in windows(x, size, stride, padding, -np.inf):
        for image in range(len(x)):
            for channel in range(x.shape[1]):
                ties = np.argwhere(window[image, channel] == window[image, channel].max())
                picked = [padded[image, channel, i * stride[0] + a, j * stride[1] + b] for a, b in ties]
                out[image, channel, i, j] = np.mean(picked)
    return out


STEPS, EDGES = (2, 1), ((1, 0), (0, 2))
X, W = ("n", "k", "h", "w"), (3, "k", 2, "m")
"""n, m, k are 3, 4, 2; h and w are 6 and 7."""

Row = tuple[str, Callable[..., Any], Callable[..., Any], tuple[tuple[Any, ...], ...]]

ROWS: list[Row] = [
    ("conv2d", lambda a, b: g.conv2d(a, b), np_conv2d, (X, W)),
    ("conv2d", lambda a, b: g.conv2d(a, b, stride=STEPS, padding=EDGES), lambda a, b: np_conv2d(a, b, STEPS, EDGES), (X, W)),
    ("conv2d", lambda a, b: g.conv2d(a, b, 3, 1), lambda a, b: np_conv2d(a, b, (3, 3), ((1, 1), (1, 1))), (("n", 1, 6, 4), (2, 1, 2, 2))),
    ("conv2d_input_grad", lambda a, b: g.conv2d_input_grad(a, b, ("h", 7) if a.shape[0] == "n" else (6, 7)), lambda a, b: np_conv2d_input_grad(a, b, (6, 7)), (("n", 2, "h - 1", 5), (2, "m", 2, 3))),
    ("conv2d_input_grad", lambda a, b: g.conv2d_input_grad(a, b, (6, 4), STEPS, EDGES), lambda a, b: np_conv2d_input_grad(a, b, (6, 4), STEPS, EDGES), (("n", 2, 3, 3), (2, "k", 3, 4))),
    ("conv2d_kernel_grad", lambda a, b: g.conv2d_kernel_grad(a, b, (2, 3)), lambda a, b: np_conv2d_kernel_grad(a, b, (2, 3)), (("n", "k", 4, 5), ("n", 1, 3, 3))),
    ("conv2d_kernel_grad", lambda a, b: g.conv2d_kernel_grad(a, b, (3, 4), STEPS, EDGES), lambda a, b: np_conv2d_kernel_grad(a, b, (3, 4), STEPS, EDGES), (("n", "k", 6, 4), ("n", "m", 3, 3))),
    ("im2col", lambda a: g.im2col(a, (2, 3)), lambda a: np_im2col(a, (2, 3)), (X,)),
    ("im2col", lambda a: g.im2col(a, (2, 3), STEPS, EDGES), lambda a: np_im2col(a, (2, 3), STEPS, EDGES), (X,)),
    ("col2im", lambda a: g.col2im(a, (4, 5), (2, 3)), lambda a: np_col2im(a, (4, 5), (2, 3)), (("n", 12, 9),)),
    ("col2im", lambda a: g.col2im(a, (4, 5), (2, 3), STEPS, EDGES), lambda a: np_col2im(a, (4, 5), (2, 3), STEPS, EDGES), (("n", 6, 10),)),
    ("avg_pool2d", lambda a: g.avg_pool2d(a, 2), lambda a: np_pool(np.mean, a, (2, 2)), (X,)),
    ("avg_pool2d", lambda a: g.avg_pool2d(a, (2, 3), STEPS, EDGES), lambda a: np_pool(np.mean, a, (2, 3), STEPS, EDGES), (X,)),
    ("avg_pool2d_grad", lambda a: g.avg_pool2d_grad(a, (5, 4), 2, 2), lambda a: np_avg_grad(a, (5, 4), (2, 2), (2, 2)), (("n", "k", 2, 2),)),
    ("avg_pool2d_grad", lambda a: g.avg_pool2d_grad(a, (5, 4), (2, 3), STEPS, EDGES), lambda a: np_avg_grad(a, (5, 4), (2, 3), STEPS, EDGES), (("n", "k", 3, 4),)),
    ("max_pool2d", lambda a: g.max_pool2d(a, 2), lambda a: np_pool(np.max, a, (2, 2)), (("k", 1, "m", 5),)),
    ("max_pool2d", lambda a: g.max_pool2d(a, (2, 3), STEPS, EDGES), lambda a: np_pool(np.max, a, (2, 3), STEPS, EDGES, -np.inf), (("k", 1, 3, "m"),)),
    ("max_pool2d_grad", lambda a, b: g.max_pool2d_grad(a, g.round(2 * b), 2, 2), lambda a, b: np_max_grad(a, np.round(2 * b), (2, 2), (2, 2)), (("n", "k", 2, 3), ("n", "k", 5, 7))),
    ("max_pool2d_grad", lambda a, b: g.max_pool2d_grad(a, g.round(b), (2, 3), STEPS, EDGES), lambda a, b: np_max_grad(a, np.round(b), (2, 3), STEPS, EDGES), (("n", 1, 3, 6), ("n", 1, 5, 6))),
    ("max_pool2d_pick", lambda a, b: g.max_pool2d_pick(a, g.round(2 * b), 2, 2), lambda a, b: np_max_pick(a, np.round(2 * b), (2, 2), (2, 2)), (("n", 1, "m", 5), ("n", 1, "m", 5))),
    ("max_pool2d_pick", lambda a, b: g.max_pool2d_pick(a, g.round(b), (2, 3), STEPS, EDGES), lambda a, b: np_max_pick(a, np.round(b), (2, 3), STEPS, EDGES), (("n", 1, 3, "m"), ("n", 1, 3, "m"))),
]  # fmt: skip
