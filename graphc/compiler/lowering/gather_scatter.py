"""What indexing does to an index, and updates of elements at places."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.compiler.lowering.index_text import Index, aligned
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import DType, broadcast_shapes
from graphc.ops.index import result_shape

if TYPE_CHECKING:
    from graphc.compiler.lowering.elements import Elements


def _index(e: Elements, node: Expr, index: Index) -> LlvmValue:
    return e.operand(node, 0, source_index(e, node, index))


def source_index(e: Elements, node: Expr, index: Index) -> Index:
    """The place in x of an element of x[key]; places that arrays name are counted from the end where they are negative."""
    x, arrays = node.operands[0], node.operands[1:]
    key = node.attrs[0]
    common = max((array.ndim for array in arrays), default=0)
    spots, first = layout(key, bool(arrays), common)
    among = index[first : first + common] if first is not None else ()
    result: list[str] = []
    slot = 1
    for number, item in enumerate(key):
        if item is None:
            continue
        dim = x.shape[len(result)]
        if item == "array":
            place = _named(e, node, slot, among, dim)
            if place[0] == "%" and not is_range(arrays[slot - 1]):
                # the check that refuses other places reads the array at another time: here nothing else is addressed
                place = e.at_most(place, e.whole("sub", e.lengths(dim), "1"))
            result.append(place)
            slot += 1
        elif isinstance(item, tuple):
            result.append(_sliced(e, item, dim, index[spots[number]]))
        else:
            result.append(str(item) if item >= 0 else e.lengths(dims.add(dim, item)))
    return tuple(result)


def _named(e: Elements, node: Expr, slot: int, among: Index, dim: Dim) -> str:
    """The place along an axis that an array in a key names, counted from the front.

    among : the index in the shape that the key's arrays have together
    """
    array = node.operands[slot]
    place = e.operand(node, slot, aligned(among, array.shape)).text
    if place[0] != "%":
        return place if int(place) >= 0 else e.lengths(dims.add(dim, int(place)))
    if counts(array, dim):
        return place
    negative = e.compare("slt", place, "0")
    return e.either(negative, e.whole("add", place, e.lengths(dim)), place)


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


def _updated(e: Elements, node: Expr, index: Index) -> LlvmValue:
    """x with some elements replaced or added to: each element asks whether it is one of those, and which."""
    x, value, *arrays = node.operands
    key = node.attrs[0]
    ranges = scatter_axes(node)
    assert ranges is not None
    common = max((array.ndim for array in arrays), default=0)
    among = tuple([index[ranges[k]] if k in ranges else "0" for k in range(common)])
    spots, first = layout(key, bool(arrays), common)
    places: dict[int, str] = {}
    chosen: LlvmValue | None = None
    slot, axis = 2, 0

    def require(condition: LlvmValue) -> None:
        nonlocal chosen
        chosen = condition if chosen is None else e.builder.and_(chosen, condition)

    for number, item in enumerate(key):
        if item is None:
            places[spots[number]] = "0"
            continue
        dim, place = x.shape[axis], index[axis]
        if item == "array":
            array = arrays[slot - 2]
            if axis not in ranges.values() or not counts(array, dim):
                require(e.compare("eq", place, _named(e, node, slot, among, dim)))
            slot += 1
        elif isinstance(item, tuple):
            step = item[3] or 1
            away = e.whole("sub", place, _first(e, item, dim))
            if step < 0:
                away = e.whole("sub", "0", away)
            if abs(step) != 1:
                rest = e.whole("srem", away, str(abs(step)))
                require(e.compare("eq", rest, "0"))
                away = e.whole("sdiv", away, str(abs(step)))
            length = _slice_length(node, spots[number])
            if item[1:] != (None, None, None):
                within = e.compare("ult", away, e.lengths(length))
                away = e.either(within, away, "0")
                require(within)
            places[spots[number]] = away
        else:
            wanted = str(item) if item >= 0 else e.lengths(dims.add(dim, item))
            require(e.compare("eq", place, wanted))
        axis += 1
    if first is not None:
        places |= {first + k: place for k, place in enumerate(among)}
    own = tuple([places[k] for k in range(len(places))])
    new = e.operand(node, 1, aligned(own, value.shape))
    old = e.operand(node, 0, index)
    if node.op.name == "at_add":
        new = e.builder.add(old, new)
    return new if chosen is None else e.builder.select(chosen, new, old)


def _slice_length(node: Expr, spot: int) -> Dim:
    """The length of the axis of x[key] that an update changes."""
    return result_shape(node.operands[0], tuple(node.operands[2:]), node.attrs[0])[spot]


def _sliced(e: Elements, item: tuple[Any, ...], dim: Dim, place: str) -> str:
    return e.whole("add", _first(e, item, dim), e.whole("mul", place, str(item[3] or 1)))


def _first(e: Elements, item: tuple[Any, ...], dim: Dim) -> str:
    """The place that a slice begins at."""
    return e.lengths(first_place(item, dim))


def first_place(item: tuple[Any, ...], dim: Dim) -> Dim:
    """The place that a slice of an axis begins at, for lengths that `length_checks.refuse` lets pass."""
    _, start, stop, step = item
    step = step or 1
    if isinstance(dim, int) and all(end is None or isinstance(end, int) for end in (start, stop)):
        return slice(start, stop, step).indices(dim)[0]
    if start is None:
        return 0 if step > 0 else dims.subtract(dim, 1)
    return dims.add(dim, start) if isinstance(start, int) and start < 0 else start


RULES: dict[str, Callable[..., LlvmValue]] = {"index": _index, "at_add": _updated, "at_set": _updated}
