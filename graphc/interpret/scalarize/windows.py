"""Pools of images over scalar expressions: the largest element of each window, and what it hands back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from graphc.interpret.scalarize.objects import Array
from graphc.ir.expr import Expr, cast, constant
from graphc.ops.comparison import equal, maximum, where

Pair = tuple[Any, Any]
Place = tuple[int, ...]


def max_pool2d(x: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    """Around the image stands −∞, which is never the largest: a window holds some of the image."""
    return _pooled(x, size, stride, padding, lambda cells: reduce(maximum, [x[cell] for cell in cells]))


def max_pool2d_pick(u: Array, x: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    """The element of u where x is largest in the window, the mean at a tie."""

    def picked(cells: list[Place]) -> Expr:
        chosen, count = _chosen(x, cells)
        return (
            reduce(
                lambda a, b: a + b,
                [where(mask, u[cell], 0.0) for cell, mask in zip(cells, chosen, strict=True)],
            )
            / count
        )

    return _pooled(x, size, stride, padding, picked)


def max_pool2d_grad(v: Array, x: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    """Each element of v at the largest of its window, shared equally at a tie."""
    gradient = np.empty(x.shape, dtype=object)
    for place in np.ndindex(*x.shape):
        gradient[place] = constant(0.0, x[place].dtype)
    for place, cells in _windows(x, size, stride, padding):
        chosen, count = _chosen(x, cells)
        share = v[place] / count
        for cell, mask in zip(cells, chosen, strict=True):
            gradient[cell] = gradient[cell] + where(mask, share, 0.0)
    return gradient


def _chosen(x: Array, cells: list[Place]) -> tuple[list[Expr], Expr]:
    """For each cell of a window whether it is a largest, and how many those are."""
    top = reduce(maximum, [x[cell] for cell in cells])
    chosen = [equal(x[cell], top) for cell in cells]
    return chosen, reduce(lambda a, b: a + b, [cast(mask, top.dtype) for mask in chosen])


def _pooled(x: Array, size: Pair, stride: Pair, padding: Pair, function: Any) -> Array:
    pooled = {place: function(cells) for place, cells in _windows(x, size, stride, padding)}
    result = np.empty((*x.shape[:2], *_counts(x, size, stride, padding)), dtype=object)
    for place, value in pooled.items():
        result[place] = value
    return result


def _counts(x: Array, size: Pair, stride: Pair, padding: Pair) -> list[int]:
    return [
        (length + before + after - window) // step + 1
        for length, window, step, (before, after) in zip(x.shape[2:], size, stride, padding, strict=True)
    ]


def _windows(x: Array, size: Pair, stride: Pair, padding: Pair) -> Iterator[tuple[Place, list[Place]]]:
    """Every place of the window, with the elements of the image that lie in it there."""
    for place in np.ndindex(*x.shape[:2], *_counts(x, size, stride, padding)):
        lines = [
            range(max(0, at * step - before), min(length, at * step - before + window))
            for at, length, window, step, (before, _) in zip(
                place[2:], x.shape[2:], size, stride, padding, strict=True
            )
        ]
        yield place, [(*place[:2], row, column) for row in lines[0] for column in lines[1]]


__all__ = ["max_pool2d", "max_pool2d_grad", "max_pool2d_pick"]
