"""Where an axis of operands goes in an operation that keeps what stands along it apart, and where it is summed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.ir.expr import Expr

_FIRST = frozenset((
    "conv2d", "conv2d_input_grad", "max_pool2d", "max_pool2d_grad", "max_pool2d_pick", "avg_pool2d", "avg_pool2d_grad",
    "im2col", "col2im",
))  # fmt: skip
"""Operations on a batch of images in front, one by one."""

RESHAPED = ("reshape", "expand_dims")
"""How an index of rows gets axes of length 1."""

_ALL = ("slice", None, None, None)


def axes_along(node: Expr) -> tuple[int, ...]:
    """The axes of its first operand that an operation goes along, counted from the front; () where it does not say."""
    for attribute, value in zip(node.op.attributes, node.attrs, strict=False):
        if attribute.name in ("axis", "axes"):
            ndim = node.operands[0].ndim
            if value is None:
                return tuple(range(ndim))
            listed = value if isinstance(value, tuple) else (value,)
            return tuple([axis % max(ndim, 1) for axis in listed])
    return ()


def kept_place(node: Expr, places: Mapping[int, Any]) -> int | None:
    """The place in a result of an axis at these places of operands; None where it is not kept, or not in one place.

    places : number of an operand that has the axis → its place there
    """
    found = {_place_of(node, slot, place) for slot, place in places.items()}
    return found.pop() if len(found) == 1 else None


def _place_of(node: Expr, slot: int, place: int) -> int | None:
    name, operand = node.op.name, node.operands[slot]
    if node.op.shape is None or name in ("broadcast_like", "broadcast_to"):  # aligned at the last axis
        return place + node.ndim - operand.ndim
    if name == "permute_dims":
        order = node.attrs[0] if node.attrs[0] is not None else tuple(range(operand.ndim))[::-1]
        return [axis % operand.ndim for axis in order].index(place)
    if name == "expand_dims":
        axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
        new = {axis % node.ndim for axis in axes}
        return [axis for axis in range(node.ndim) if axis not in new][place]
    if name == "index":
        return _indexed(node, slot, place)
    if name == "reshape":  # rows of whatever stays in front of the axis are cut as before
        same = operand.shape[: place + 1] == node.shape[: place + 1]
        return place if same else None
    if name == "einsum":
        return _of_einsum(node, slot, place)
    if name in ("at_add", "at_set"):
        return _updated(node, slot, place)
    if name == "one_hot":
        return place
    if name in ("stack", "concat"):
        axis = node.attrs[0] % node.ndim
        return place + (axis <= place) if name == "stack" else place if axis != place else None
    if name in _FIRST:
        return 0 if place == 0 else None
    if node.op.keeps is not None:
        return node.op.keeps(node.operands, slot, *node.attrs)[place]
    axes = axes_along(node)
    if not axes or place in axes or len(node.operands) != 1:
        return None
    return place if node.ndim == operand.ndim else place - sum(axis < place for axis in axes)


def _indexed(node: Expr, slot: int, place: int) -> int | None:
    key = node.attrs[0]
    if slot and not is_row_numbers(node.operands[1]):  # v[labels]: an element of v for each of the labels
        return place if key and key[0] == "array" and len(node.operands) == 2 else None
    if len(node.operands) > 1:
        first, ndims = node.operands[1], {array.ndim for array in node.operands[1:]}
        if key[0] == "array":  # x[arange(n), labels]: an element of every row
            return 0 if place == 0 and is_row_numbers(first) and len(ndims) == 1 else None
        return 0 if place == 0 and key[0] == _ALL else None
    return _through(key, place)


def is_row_numbers(index: Expr) -> bool:
    """Whether an index counts the rows: 0, 1, … in one axis, and others of length 1 that were added to it."""
    while index.op.name in RESHAPED:
        index = index.operands[0]
    return index.op.name == "arange"


def _through(key: tuple[Any, ...], place: int) -> int | None:
    """Where an axis goes in basic indexing, of slices, numbers and new axes; None where it is cut or lost."""
    source = result = 0
    for item in key:
        if item is None:
            result += 1
        elif isinstance(item, tuple) and item[:1] == ("slice",):
            if source == place:
                return result if item == _ALL else None
            source, result = source + 1, result + 1
        elif isinstance(item, int) and not isinstance(item, bool):
            if source == place:
                return None
            source += 1
        else:
            return None
    return result + place - source


def _updated(node: Expr, slot: int, place: int) -> int | None:
    """Of `x.at[key].add(v)`: rows of x, each updated by what stands beside it."""
    key, (into, values, *arrays) = node.attrs[0], node.operands
    if slot == 0:
        return place
    if arrays:  # x.at[arange(n), labels]: an element of every row
        rows = (
            bool(key)
            and key[0] == "array"
            and is_row_numbers(arrays[0])
            and len({a.ndim for a in arrays}) == 1
        )
        return place if rows and place == 0 else None
    at = [_through(key, axis) for axis in range(into.ndim)]
    wide = sum(item is None or isinstance(item, tuple) for item in key)
    ndim = wide + into.ndim - sum(item is not None for item in key)
    wanted = place + ndim - values.ndim
    return at.index(wanted) if wanted in at else None


def scattered(node: Expr, places: Mapping[int, Any]) -> bool:
    """Whether what the rows hold is added to places of an array without rows."""
    if node.op.name != "at_add" or 0 in places or len(node.operands) != 3:
        return False
    return node.attrs[0][:1] == ("array",) and dict(places) == {1: 0, 2: 0}


def _letters(node: Expr) -> tuple[list[str], str]:
    inputs, _, output = str(node.attrs[0]).partition("->")
    return inputs.split(","), output


def _of_einsum(node: Expr, slot: int, place: int) -> int | None:
    inputs, output = _letters(node)
    letter = inputs[slot][place]
    alone = inputs[slot].count(letter) == 1 and output.count(letter) == 1
    return output.index(letter) if alone else None


def summed(node: Expr, places: Mapping[int, Any]) -> bool:
    """Whether a product is summed over an axis at these places of all operands that have it."""
    if node.op.name == "matmul":
        left, right = node.operands
        return dict(places) == {0: left.ndim - 1, 1: max(right.ndim - 2, 0)}
    if node.op.name == "conv2d_kernel_grad":
        return dict(places) == {0: 0, 1: 0}
    if node.op.name == "einsum":
        inputs, output = _letters(node)
        letters = {inputs[slot][place] for slot, place in places.items()}
        if len(letters) != 1 or letters & set(output):
            return False
        (letter,) = letters
        return all(text.count(letter) == (slot in places) for slot, text in enumerate(inputs))
    return False


__all__ = ["RESHAPED", "axes_along", "is_row_numbers", "kept_place", "scattered", "summed"]
