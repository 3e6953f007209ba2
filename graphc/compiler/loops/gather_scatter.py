"""What indexing does to an index, and updates of elements at places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphc.compiler.loops.index_maps import Rule, aligned, choose, equal, never, remainder, within
from graphc.compiler.loops.program import Conditions, Constant, Index, IndexValue, Scalar, apply, cast
from graphc.compiler.lowering.gather_scatter import counts, first_place, is_range, layout, scatter_axes
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import INT64
from graphc.ops.index import result_shape

if TYPE_CHECKING:
    from graphc.compiler.loops.elements import ElementWriter


def _index(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    place, inside = source_index(e, node, node.operands[0], 1, index, guard)
    return e.operand(node, 0, place, (*guard, *inside))


def source_index(
    e: ElementWriter, node: Expr, x: Expr, first_array: int, index: Index, guard: Conditions = ()
) -> tuple[Index, Conditions]:
    """The place in x of an element of x[key], and what must hold for it to be one: places that arrays name are counted from the
    end where they are negative, and those outside of x are refused elsewhere, maybe later.

    first_array : the first operand that is an array of the key
    """
    arrays, key = node.operands[first_array:], node.attrs[0]
    common = max((array.ndim for array in arrays), default=0)
    spots, first = layout(key, bool(arrays), common)
    among = index[first : first + common] if first is not None else ()
    result: list[Dim] = []
    inside: Conditions = ()
    slot = first_array
    for number, item in enumerate(key):
        if item is None:
            continue
        dim = x.shape[len(result)]
        if item == "array":
            place = named_place(e, node, slot, among, dim, guard)
            here = () if counts(node.operands[slot], dim) else within(place, dim)
            result.append(place if is_range(node.operands[slot]) else e.inside(place, here))
            inside += here
            slot += 1
        elif isinstance(item, tuple):
            step = dims.multiply(index[spots[number]], item[3] or 1)
            result.append(dims.add(first_place(item, dim), step))
            if first_array > 1 and item[1:] != (None, None, None):
                inside += within(
                    result[-1], dim
                )  # of an update, whose value may be broadcast along the slice
        else:
            result.append(item if item >= 0 else dims.add(dim, item))
    return tuple(result), inside


def named_place(
    e: ElementWriter, node: Expr, slot: int, among: Index, dim: Dim, guard: Conditions = ()
) -> Dim:
    """The place along an axis that an array in a key names, counted from the front.

    among : the index in the shape that the key's arrays have together
    """
    array = node.operands[slot]
    value = cast(e.at(array, aligned(among, array.shape), guard), INT64)
    if isinstance(value, Constant):
        return int(value.value) if value.value >= 0 else dims.add(dim, int(value.value))
    place = e.writer.integer(value)
    if counts(array, dim):
        return place
    if (
        array.dtype.kind == "u" and array.dtype.itemsize < 8
    ):  # those of 64 bits wrap around, as NumPy takes them
        return place
    below = apply("less", IndexValue(place), Constant(0, INT64))
    wrapped = apply("where", below, IndexValue(dims.add(place, dim)), IndexValue(place))
    return e.writer.integer(wrapped)


def _updated(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    """x with some elements replaced or added to: each element asks whether it is one of those, and which."""
    x, value, *arrays = node.operands
    key = node.attrs[0]
    ranges = scatter_axes(node)
    assert ranges is not None
    common = max((array.ndim for array in arrays), default=0)
    among: Index = tuple([index[ranges[k]] if k in ranges else 0 for k in range(common)])
    spots, first = layout(key, bool(arrays), common)
    taken = result_shape(x, tuple(arrays), key)
    places: dict[int, Dim] = {}
    here: Conditions = ()
    slot, axis = 2, 0
    for number, item in enumerate(key):
        if item is None:
            places[spots[number]] = 0
            continue
        dim, place = x.shape[axis], index[axis]
        if item == "array":
            if axis not in ranges.values() or not counts(arrays[slot - 2], dim):
                here += equal(place, named_place(e, node, slot, among, dim, guard))
            slot += 1
        elif isinstance(item, tuple):
            conditions, place = _from_slice(item, dim, place, taken[spots[number]])
            places[spots[number]] = e.inside(place, conditions)
            here += conditions
        else:
            here += equal(place, item if item >= 0 else dims.add(dim, item))
        axis += 1
    if first is not None:
        places |= {first + k: place for k, place in enumerate(among)}
    own = tuple([places[k] for k in range(len(places))])
    old = e.operand(node, 0, index, guard)
    if never(here):
        return old
    new = e.operand(node, 1, aligned(own, value.shape), (*guard, *here))
    if node.op.name == "at_add":
        new = e.writer.let(cast(apply("add", old, new), old.dtype))
    return choose(here, new, old)


def _from_slice(item: tuple[Any, ...], dim: Dim, place: Dim, length: Dim) -> tuple[Conditions, Dim]:
    """Whether a place is on a slice, and where on it."""
    if item[1:] == (None, None, None):
        return (), place
    step = item[3] or 1
    away = dims.subtract(place, first_place(item, dim))
    if step < 0:
        away = dims.multiply(-1, away)
    if abs(step) == 1:
        return within(away, length), away
    # whether it is a multiple is asked last: of what is below 0 no division is made
    rest, whole = remainder(away, abs(step)), dims.floor_divide(away, abs(step))
    return (away, *within(whole, length), dims.multiply(-1, rest)), whole


RULES: dict[str, Rule] = {"index": _index, "at_add": _updated, "at_set": _updated}
