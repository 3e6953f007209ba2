"""Indexing a batch: where the axes of arrays in a key stand, and how the batch's axis is kept in front of them."""

from __future__ import annotations

from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.support.build import call
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, moved, rank

WHOLE = ("slice", None, None, None)
"""A whole axis, as an entry of a key."""


def _apart(key: tuple[Any, ...]) -> bool:
    """Whether something stands between the arrays and integers of a key: their axes are in front of the result then."""
    places = _advanced(key)
    return places != list(range(places[0], places[0] + len(places)))


def _advanced(key: tuple[Any, ...]) -> list[int]:
    return [place for place, item in enumerate(key) if item is not None and not isinstance(item, tuple)]


def _first(key: tuple[Any, ...]) -> int:
    """The place of the arrays' axes in the result; each entry before them is an axis of its own."""
    return 0 if _apart(key) else _advanced(key)[0]


def _whole_key(
    b: Batch, arrays: tuple[Expr, ...], batched: Batched, key: tuple[Any, ...]
) -> tuple[int, Any, Any]:
    """(axes of the arrays together, arrays and key that also count along the batch's axis); these stand in front then."""
    most = max(map(rank, arrays, batched))
    wide = [aligned(array, own, most) for array, own in zip(arrays, batched, strict=True)]
    return most, (b.numbers(most), *wide), ("array", *key)


def index_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, key: tuple[Any, ...]) -> Expr:
    x, *rest = operands
    arrays, own = tuple(rest), batched[1:]
    if not any(own) and not (arrays and _apart(key)):
        return call("index", x, *arrays, key=(WHOLE, *key))
    most, wide, whole = _whole_key(b, arrays, own, key)
    first = _first(key)
    if not batched[0]:
        return moved(call("index", x, *wide[1:], key=key), first, 0)
    gathered = call("index", x, *wide, key=whole)
    order = (
        0,
        *range(most + 1, most + 1 + first),
        *range(1, most + 1),
        *range(most + 1 + first, gathered.ndim),
    )
    return gathered if order == tuple(range(gathered.ndim)) else call("permute_dims", gathered, axes=order)


def update_batch(name: str) -> Any:
    def rule(b: Batch, operands: tuple[Expr, ...], batched: Batched, key: tuple[Any, ...]) -> Expr:
        x, value, *rest = operands
        arrays, own = tuple(rest), batched[2:]
        x = b.lifted(x, batched[0])
        result_axes = len([item for item in key if item is None or isinstance(item, tuple)])
        if not any(own) and not (arrays and _apart(key)):
            most = max(map(rank, arrays, own), default=0)
            return call(name, x, aligned(value, batched[1], result_axes + most), *arrays, key=(WHOLE, *key))
        most, wide, whole = _whole_key(b, arrays, own, key)
        first = _first(key)
        value = b.lifted(value, batched[1])
        value = aligned(value, True, result_axes + most)
        order = (
            0,
            *range(1 + first, 1 + first + most),
            *range(1, 1 + first),
            *range(1 + first + most, value.ndim),
        )
        return call(name, x, call("permute_dims", value, axes=order), *wide, key=whole)

    return rule


__all__ = ["WHOLE", "index_batch", "update_batch"]
