"""Static arguments as text: how axes, shapes and keys of indexing are printed, and how they are read from a syntax tree.

Nothing is evaluated: what is read are numbers, None, True and False, names, tuples, and arithmetic on lengths.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from graphc import dims
from graphc.dims import Name, Polynomial


def show(value: Any) -> str:
    """A static argument as it is written.

    >>> show((0, None, True)), show(("n",)), show(2.0)
    ('(0, None, True)', '(n,)', '2.0')
    """
    if isinstance(value, tuple):
        inner = ", ".join(show(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, (str, Polynomial)):
        return str(value)
    return repr(value)


def key_pieces(key: tuple[Any, ...]) -> list[str | None]:
    """A key of indexing as texts, None standing for the place of an array."""
    pieces: list[str | None] = ["["]
    for number, item in enumerate(key):
        if number:
            pieces.append(", ")
        if item == "array":
            pieces.append(None)
        elif isinstance(item, tuple):
            start, stop, step = ("" if end is None else show(end) for end in item[1:])
            pieces.append(f"{start}:{stop}{':' + step if step else ''}")
        else:
            pieces.append(show(item))
    pieces.append("]")
    return pieces


_LENGTHS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: dims.floor_divide,
}


class NotStatic(Exception):
    """A part of a syntax tree that is no static argument."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__("not a static argument")
        self.node = node


def read(node: ast.expr) -> Any:
    """The static argument that a syntax tree writes; raises `NotStatic`. Its depth is bounded by what `scan` lets through."""
    match node:
        case ast.Constant(value=bool() | int() | float() | None | str()):
            return node.value
        case ast.Name(id="inf"):
            return math.inf
        case ast.Name(id=name):
            return Name(name)
        case ast.Tuple(elts=items):
            return tuple([read(item) for item in items])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = read(operand)
            if isinstance(value, (int, float, Name, Polynomial)) and not isinstance(value, bool):
                return -value if isinstance(value, (int, float)) else dims.multiply(-1, value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _LENGTHS:
            sides = read(left), read(right)
            if all(
                isinstance(side, (int, Name, Polynomial)) and not isinstance(side, bool) for side in sides
            ):
                try:
                    return _LENGTHS[type(op)](*sides)
                except ValueError:
                    pass
    raise NotStatic(node)


def read_key(node: ast.expr) -> tuple[tuple[Any, ...], list[ast.expr]]:
    """What stands between square brackets: a key, and the syntax trees of the arrays in it."""
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    key: list[Any] = []
    arrays: list[ast.expr] = []
    for item in items:
        if isinstance(item, ast.Slice):
            key.append(
                (
                    "slice",
                    *(None if end is None else read(end) for end in (item.lower, item.upper, item.step)),
                )
            )
        elif _is_number(item):
            key.append(read(item))
        else:
            key.append("array")
            arrays.append(item)
    return tuple(key), arrays


def _is_number(item: ast.expr) -> bool:
    if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub):
        item = item.operand
    return isinstance(item, ast.Constant) and (item.value is None or type(item.value) is int)


__all__ = ["NotStatic", "key_pieces", "read", "read_key", "show"]
