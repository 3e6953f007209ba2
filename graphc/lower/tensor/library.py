"""Operations that are no loops: products, linear algebra, order, scattering. Each is a function of arrays that writes into one.

`prepare(node, attrs, parallel)` gives for a node, with its static arguments bound to the lengths of a call, the function
(out, *operands) that computes it. What has no better way is the operation's reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.expr import Expr
from graphc.lower import products
from graphc.lower.nests import Parallel
from graphc.lower.tensor import convolution, pooling
from graphc.lower.tensor.images import Routine, runner

Compute = Callable[..., None]
"""(out, *operands): computes into `out`, which shares no memory with the operands."""


def prepare(node: Expr, attrs: tuple[Any, ...], parallel: Parallel = "auto") -> Compute:
    """The function that computes a node; `parallel` as for `g.compile`."""
    special = _SPECIAL.get(node.op.name)
    if special is not None:
        return special(node, attrs, parallel)
    routine = _ON_IMAGES.get(node.op.name)
    return _reference(node, attrs) if routine is None else _images(node, attrs, routine, parallel)


def _reference(node: Expr, attrs: tuple[Any, ...]) -> Compute:
    types = node.op.types(tuple(operand.dtype for operand in node.operands))[0] if node.operands else ()

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            cast = [
                operand if operand.dtype == dtype else operand.astype(dtype)
                for operand, dtype in zip(operands, types, strict=True)
            ]
            out[...] = node.op.reference(*[operand[()] for operand in cast], *attrs)

    return compute


def _matmul(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    dtype = node.dtype

    def compute(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        if a.dtype != dtype:
            a = a.astype(dtype)
        if b.dtype != dtype:
            b = b.astype(dtype)
        products.multiply(out, a, b, parallel)

    return compute


_SPECIAL: dict[str, Callable[[Expr, tuple[Any, ...], Parallel], Compute]] = {
    "matmul": _matmul,
}

Find = Callable[..., tuple[Routine, int] | None]
"""(dtype, attrs, *shapes of the operands) → the routine for one image, and how many there are; None where nothing is computed."""

_ON_IMAGES: dict[str, Find] = {
    "conv2d": convolution.conv2d,
    "conv2d_input_grad": convolution.conv2d_input_grad,
    "conv2d_kernel_grad": convolution.conv2d_kernel_grad,
    "max_pool2d": pooling.max_pool2d,
    "max_pool2d_grad": pooling.max_pool2d_grad,
    "max_pool2d_pick": pooling.max_pool2d_pick,
    "avg_pool2d": pooling.avg_pool2d,
    "avg_pool2d_grad": pooling.avg_pool2d_grad,
}


def _images(node: Expr, attrs: tuple[Any, ...], find: Find, parallel: Parallel) -> Compute:
    """An operation that goes from image to image; the shapes of all calls are those of the first."""
    made: list[Compute] = []

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        if not made:
            shapes = [operand.shape for operand in operands]
            found = find(node.dtype, attrs, *shapes)
            made.append(
                _reference(node, attrs) if found is None else runner(*found, node.dtype, shapes, parallel)
            )
        made[0](out, *operands)

    return compute
