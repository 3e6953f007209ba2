"""What the keys of indexing and of updates say: where axes stand, where slices begin, and which arrays of places are ranges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import DType, broadcast_shapes


def layout(key: tuple[Any, ...], has_arrays: bool, common: int) -> tuple[dict[int, int], int | None]:
    """Where in x[key] the axes stand that the entries of a key give: by entry; and the first of the arrays' own axes."""
    advanced = [
        number for number, item in enumerate(key) if item == "array" or (has_arrays and isinstance(item, int))
    ]
    apart = any(b - a != 1 for a, b in pairwise(advanced))
    first: int | None = 0 if apart else None  # where the axes of the arrays stand in the result
    place = common if apart else 0
    spots: dict[int, int] = {}
    for number, item in enumerate(key):
        if number in advanced:
            if first is None:
                first, place = place, place + common
        elif item is None or isinstance(item, tuple):
            spots[number] = place
            place += 1
    return spots, first


def scatter_axes(node: Expr) -> dict[int, int] | None:
    """Of an update at places that arrays name: the axis of x for each axis of the arrays that counts along it, as ranges do; None
    where an axis of the arrays is no such, so that several of its places may be one."""
    x, _, *arrays = node.operands
    if not arrays:
        return {}
    common = max(array.ndim for array in arrays)
    shape = broadcast_shapes([array.shape for array in arrays])
    sources: dict[int, int] = {}
    rest = iter(arrays)
    axis = 0
    for item in node.attrs[0]:
        if item == "array":
            array = next(rest)
            along = [common - array.ndim + k for k, dim in enumerate(array.shape) if dim != 1]
            if len(along) == 1 and shape[along[0]] == x.shape[axis] and counts(array, x.shape[axis]):
                sources.setdefault(along[0], axis)
        axis += item is not None
    return sources if all(dim == 1 or k in sources for k, dim in enumerate(shape)) else None


def counts(node: Expr, length: Dim) -> bool:
    """Whether a node's elements are 0, 1, 2, … up to a length, along one axis."""
    arranged = _arranged(node, ("reshape", "expand_dims", "squeeze"))
    return arranged is not None and arranged.attrs[:3] == (0, length, 1)


def is_range(node: Expr) -> bool:
    """Whether a node is known by its place alone: a range, arranged by views."""
    return range_of(node) is not None


def range_of(node: Expr) -> Expr | None:
    """The range that a node's elements are of; None of any other node."""
    return _arranged(node, ("reshape", "expand_dims", "squeeze", "broadcast_to", "permute_dims"))


def _arranged(node: Expr, views: tuple[str, ...]) -> Expr | None:
    """The range that views and casts arrange; None where there is none, or a type on the way changes its numbers."""
    types = [node.dtype]
    while node.operands and node.op.name in (*views, "astype"):
        node = node.operands[0]
        types.append(node.dtype)
    return node if node.op.name == "arange" and all(_may_hold(dtype, node) for dtype in types) else None


def _may_hold(dtype: DType, node: Expr) -> bool:
    """Whether a type holds all numbers of a range. One with named ends is asked again when they
    are known, by `holds`; in few bits it is none, as lengths beyond those are usual."""
    start, stop, step, _ = node.attrs
    if all(isinstance(end, int) for end in (start, stop)):
        return holds(dtype, range(start, stop, step))
    if dtype.kind == "u" and isinstance(start, int) and start < 0:
        return False
    return dtype.kind in "iuf" and dtype.itemsize >= (8 if dtype.kind == "f" else 4)


def holds(dtype: DType, numbers: range) -> bool:
    """Whether a type holds all numbers of a range."""
    ends = (numbers[0], numbers[-1]) if numbers else ()
    if dtype.kind == "f":
        return all(abs(end) <= 2 ** (np.finfo(dtype).nmant + 1) for end in ends)
    if dtype.kind == "b":
        return all(end in (0, 1) for end in ends)
    return all(np.iinfo(dtype).min <= end <= np.iinfo(dtype).max for end in ends)


def casts_of(node: Expr) -> list[DType]:
    """The types that a range goes through."""
    types = [node.dtype]
    while node.operands:
        node = node.operands[0]
        types.append(node.dtype)
    return types


def first_place(item: tuple[Any, ...], dim: Dim) -> Dim:
    """The place that a slice of an axis begins at, for lengths that `length_checks.refuse` lets pass."""
    _, start, stop, step = item
    step = step or 1
    if isinstance(dim, int) and all(end is None or isinstance(end, int) for end in (start, stop)):
        return slice(start, stop, step).indices(dim)[0]
    if start is None:
        return 0 if step > 0 else dims.subtract(dim, 1)
    return dims.add(dim, start) if isinstance(start, int) and start < 0 else start
