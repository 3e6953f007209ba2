"""Which operations go from image to image, and the routine of each.

A routine is a part of a loop over images, so that what surrounds a convolution in a program, or a pool, is computed while an
image is in cache; where the lengths of an image are not known before the call, it is a step of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

from graphc.compiler.targets.llvm.microkernels import convolution, pooling
from graphc.compiler.targets.llvm.microkernels.images import ImageRoutine
from graphc.ir.expr import Expr
from graphc.ir.types import DType

Find = Callable[..., tuple[ImageRoutine, int] | None]
"""(dtype, attrs, *shapes of the operands) → the routine and how often a batch needs it; None where nothing is computed."""

ON_IMAGES: dict[str, Find] = {
    "conv2d": convolution.conv2d,
    "conv2d_input_grad": convolution.conv2d_input_grad,
    "conv2d_kernel_grad": convolution.conv2d_kernel_grad,
    "max_pool2d": pooling.max_pool2d,
    "max_pool2d_grad": pooling.max_pool2d_grad,
    "max_pool2d_pick": pooling.max_pool2d_pick,
    "avg_pool2d": pooling.avg_pool2d,
    "avg_pool2d_grad": pooling.avg_pool2d_grad,
}


def routine_of(node: Expr) -> tuple[ImageRoutine, int] | None:
    """The routine that makes a node as a part of a loop over images, and how often it is called for one; else None."""
    if node.op.name not in ON_IMAGES or node.operands[0].shape[0] == 1:
        return None  # of one image alone, the pieces are shared by threads
    if any(x.dtype != node.dtype or (x.op.is_leaf and not x.is_symbol) for x in node.operands):
        return None
    shapes = tuple([x.shape for x in node.operands])
    lengths = [shape[1:] for shape in (node.shape, *shapes)]
    if not _are_known((node.attrs, *lengths)) or any(prod(map(int, length)) < 2 for length in lengths):  # type: ignore[arg-type]
        return None
    kernel = node.op.name in ("conv2d", "conv2d_input_grad")
    one = [shape if kernel and k else (1, *shape[1:]) for k, shape in enumerate(shapes)]
    return _found(node.op.name, node.dtype, node.attrs, tuple(one))


def _are_known(value: Any) -> bool:
    return all(map(_are_known, value)) if isinstance(value, tuple) else isinstance(value, int)


@lru_cache(maxsize=256)
def _found(
    name: str, dtype: DType, attrs: tuple[Any, ...], shapes: tuple[tuple[int, ...], ...]
) -> tuple[ImageRoutine, int] | None:
    return ON_IMAGES[name](dtype, attrs, *shapes)
