"""Nested structures of outputs: flattened for the compiler, put together again for the user.

A structure is a leaf, or a tuple, list, dict (with text keys) or named tuple of structures.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from graphc.errors import ExpressionError


@dataclass(frozen=True)
class Leaf:
    """One output."""


@dataclass(frozen=True)
class Sequence:
    """A tuple, a list, or a named tuple of the class `kind`."""

    kind: type
    items: tuple[Structure, ...]


@dataclass(frozen=True)
class Mapping:
    """A dict."""

    keys: tuple[str, ...]
    items: tuple[Structure, ...]


@dataclass(frozen=True)
class Stack(Sequence):
    """Leaves that are the elements of one array of NumPy's, row by row: a matrix that is handed out whole.

    shape : of the array; where the leaves are arrays themselves, their axes follow
    """

    shape: tuple[int, ...]


Structure = Leaf | Sequence | Mapping

LEAF = Leaf()

MOST_CONTAINERS = 100_000
"""The most tuples, lists and dicts in a structure."""

MOST_STACKED = 2**20
"""The most elements of one array of results that a file may tell of."""


def flatten(tree: Any, most: int = MOST_CONTAINERS) -> tuple[list[Any], Structure]:
    """The leaves from left to right, and the structure that held them.

    most : tuples, lists and dicts that are passed through; more are an `ExpressionError`

    >>> flatten((1, [2, {"a": 3}]))[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, 0, count(), most)


def _flatten(tree: Any, leaves: list[Any], depth: int, containers: Iterator[int], most: int) -> Structure:
    if depth > 50:
        raise ExpressionError("outputs are nested more than 50 deep", hint="pass a flat list")
    if isinstance(tree, (tuple, list)):
        kind = type(tree)
        if kind not in (tuple, list) and not hasattr(kind, "_fields"):
            raise ExpressionError(
                f"{kind.__name__} is not a structure of outputs",
                hint="use a tuple, list, dict or named tuple",
            )
        _refuse_endless(containers, most)
        return Sequence(kind, tuple(_flatten(item, leaves, depth + 1, containers, most) for item in tree))
    if isinstance(tree, dict):
        if not all(isinstance(key, str) for key in tree):
            raise ExpressionError("the keys of a dict of outputs must be texts", hint='write {"loss": L}')
        _refuse_endless(containers, most)
        return Mapping(
            tuple(tree), tuple(_flatten(item, leaves, depth + 1, containers, most) for item in tree.values())
        )
    leaves.append(tree)
    return LEAF


def _refuse_endless(containers: Iterator[int], most: int) -> None:
    """A list that stands twice in each of 50 lists is passed through 2⁵⁰ times."""
    if next(containers) >= most:
        raise ExpressionError(f"outputs are nested in more than {most} lists", hint="pass a flat list")


def containers_of(structure: Structure) -> int:
    """How many tuples, lists and dicts a structure has.

    >>> containers_of(flatten((1, [2, {"a": 3}]))[1])
    3
    """
    return 0 if isinstance(structure, Leaf) else 1 + sum(map(containers_of, structure.items))


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The structure with new leaves, taken from left to right."""
    if isinstance(structure, Leaf):
        return next(leaves)
    items = [unflatten(item, leaves) for item in structure.items]
    if isinstance(structure, Stack):
        return stacked(structure.shape, items)
    if isinstance(structure, Mapping):
        return dict(zip(structure.keys, items, strict=True))
    if structure.kind in (tuple, list):
        return structure.kind(items)
    return structure.kind(*items)


def stacked(shape: tuple[int, ...], items: Sequence_[Any]) -> np.ndarray:
    """Numbers, or arrays that broadcast, as the elements of an array of a shape."""
    arrays = [np.asarray(item) for item in items]
    inner = np.broadcast_shapes(*(array.shape for array in arrays))
    result = np.empty((len(arrays), *inner), np.result_type(*arrays) if arrays else float)
    for row, array in zip(result, arrays, strict=True) if inner else ():
        row[...] = array
    if not inner:
        result[:] = arrays
    return result.reshape((*shape, *inner))


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with `function` applied to every leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, iter([function(leaf) for leaf in leaves]))


def to_plain(structure: Structure) -> Any:
    """The structure as JSON-able data; a named tuple by its name and fields."""
    if isinstance(structure, Leaf):
        return "leaf"
    if isinstance(structure, Stack):
        return {"array": list(structure.shape), "items": len(structure.items)}
    items = [to_plain(item) for item in structure.items]
    if isinstance(structure, Mapping):
        return {"dict": list(structure.keys), "items": items}
    if structure.kind in (tuple, list):
        return {structure.kind.__name__: items}
    return {"namedtuple": structure.kind.__name__, "fields": list(structure.kind._fields), "items": items}  # type: ignore[attr-defined]


def from_plain(plain: Any) -> Structure:
    """The inverse of `to_plain`; raises ValueError for anything else. A named tuple's class is made anew."""
    if plain == "leaf":
        return LEAF
    if not isinstance(plain, dict):
        raise ValueError(f"not a structure: {plain!r}")
    if "array" in plain:
        shape = tuple([int(length) for length in plain["array"]])
        if min(shape, default=0) < 0 or not math.prod(shape) == plain["items"] <= MOST_STACKED:
            raise ValueError("an array's shape and number of items differ")
        return Stack(tuple, (LEAF,) * plain["items"], shape)
    if "tuple" in plain or "list" in plain:
        kind = tuple if "tuple" in plain else list
        return Sequence(kind, tuple(from_plain(item) for item in plain[kind.__name__]))
    items = tuple(from_plain(item) for item in plain["items"])
    if "dict" in plain:
        keys = tuple(str(key) for key in plain["dict"])
        if len(keys) != len(items):
            raise ValueError("keys and items differ in number")
        return Mapping(keys, items)
    fields = [str(field) for field in plain["fields"]]
    if len(fields) != len(items):
        raise ValueError("fields and items differ in number")
    return Sequence(namedtuple(str(plain["namedtuple"]), fields), items)
