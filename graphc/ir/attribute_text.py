"""Static arguments as text: how axes, shapes and keys of indexing are printed, and how they are read from a syntax tree.

Nothing is evaluated: what is read are numbers, None, True and False, names, tuples, and arithmetic on lengths.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from graphc.ir import dims
from graphc.ir.dims import Name, Polynomial

if TYPE_CHECKING:
    from graphc.ir.op import Op


def bound(attr: Any, lengths: Mapping[str, int]) -> Any:
    """A static argument with the lengths of a call in place of names; KeyError where one is not known."""
    if isinstance(attr, (Name, Polynomial)):
        return dims.evaluate(attr, lengths)
    if isinstance(attr, tuple):
        return tuple([bound(item, lengths) for item in attr])
    of_lengths = getattr(attr, "bound", None)  # bodies, which lie above this
    return attr if of_lengths is None else of_lengths(lengths)


def show(value: Any) -> str:
    """A static argument as it is written.

    >>> show((0, None, True)), show(("n",)), show(2.0)
    ('(0, None, True)', '(n,)', '2.0')
    """
    if isinstance(value, tuple):
        inner = ", ".join(show(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, (str, Polynomial)) or hasattr(value, "dag"):  # a body tells its form, not its digest
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


# --- calls -------------------------------------------------------------------------------------------------------------------

STATIC = "numbers, names of lengths, True, False, None and tuples of them are static arguments"

_UPDATES = ("at_set", "at_add")
"""Operations whose first argument is a place: at_set(X[0], v)."""


class WrongCall(Exception):
    """Arguments that an operation does not take."""

    def __init__(self, what: str, node: ast.expr) -> None:
        super().__init__(what)
        self.node = node


def usage(op: Op) -> str:
    """How an operation on arrays is called."""
    static = [f"{known.name}=…" for known in op.attributes]
    return f"{op.name}({', '.join([*op.params, *static])})"


def split_call(node: ast.Call, op: Op) -> tuple[list[ast.expr], tuple[Any, ...]]:
    """The operands of a call of an operation on arrays, as syntax trees, and its static arguments in order.

    Raises `NotStatic` and `WrongCall`, which name the part that is wrong.
    """
    arguments: dict[str, Any] = {}
    named = {str(keyword.arg): keyword.value for keyword in node.keywords}
    operands = _positional(list(node.args), op, arguments, node)
    for name in op.params if not op.variadic else ():
        if name in named and len(operands) < op.arity:
            operands.append(named.pop(name))
    behind = arguments.pop(_BEHIND, [])
    names = {known.name for known in op.attributes}
    for name, item in named.items():
        if name in arguments:
            raise WrongCall(f"{op.name} gets {name[:60]!r} twice", item)
        if name not in names:
            raise WrongCall(f"{op.name} has no parameter {name[:60]!r}", item)
        arguments[name] = read(item)
    missing = [known.name for known in op.attributes if known.name not in arguments and known.required]
    if missing:
        raise WrongCall(f"{op.name} is missing {', '.join(missing)}", node)
    attrs = tuple([arguments.get(known.name, known.default) for known in op.attributes])
    return [*operands, *behind], attrs


_BEHIND = ""
"""Under what the arrays in the key of an update wait until all operands are read."""


def _positional(items: list[ast.expr], op: Op, arguments: dict[str, Any], call: ast.Call) -> list[ast.expr]:
    """The operands among the positional arguments; the static ones are entered in `given`."""
    for known in op.attributes:
        if known.text and items:
            arguments[known.name] = read(items.pop(0))
    operands: list[ast.expr] = []
    if op.name in _UPDATES and items and isinstance(items[0], ast.Subscript):
        place = items[0]
        arguments["key"], arguments[_BEHIND] = read_key(place.slice)
        operands, items = [place.value], items[1:]
    if op.variadic:
        return operands + items
    operands, items = items[: op.arity], items[op.arity :]
    free = [known for known in op.attributes if known.name not in arguments]
    if len(items) > len(free):
        raise WrongCall(f"{op.name} takes fewer arguments", call)
    for known, item in zip(free, items, strict=False):
        arguments[known.name] = read(item)
    return operands


__all__ = [
    "STATIC",
    "NotStatic",
    "WrongCall",
    "key_pieces",
    "read",
    "read_key",
    "show",
    "split_call",
    "usage",
]
