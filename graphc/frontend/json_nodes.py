"""Nodes as rows of plain data, for files: each node with its operation, its type, and its operands by number.

Rows may come from anywhere. Each is rebuilt as if its node were written by hand, with the same checks of arity, types and
shapes, and compared with what it records; the rest is refused with a `FormatError` that says what is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Set
from typing import Any

import numpy as np

from graphc.errors import FormatError, GraphcError, ShapeError
from graphc.ir import dims
from graphc.ir.body import Body
from graphc.ir.dims import Name, Polynomial
from graphc.ir.expr import Expr, apply, cast, constant, symbol
from graphc.ir.op import CONSTANT, SYMBOL, find
from graphc.ir.types import DTYPES, DType, as_dim, as_shape, format_shape

Row = dict[str, Any]

_SYMBOL = frozenset(("op", "name", "dtype"))
_CONSTANT = frozenset(("op", "bits", "dtype"))
_APPLIED = frozenset(("op", "of", "dtype"))
_SHAPE = frozenset(("shape",))
_FACTS = _SHAPE | {"range"}
_HEX = re.compile(r"[0-9a-f]*")
FLOAT = re.compile(r"-?([0-9]{1,400}(\.[0-9]{1,400})?(e[-+]?[0-9]{1,4})?|inf)")
"""A number as text."""


def to_rows(nodes: Iterable[Expr], operands: Iterable[tuple[int, ...]]) -> list[Row]:
    """A row for each node, with its operands by their numbers."""
    return [_row(node, numbers) for node, numbers in zip(nodes, operands, strict=True)]


def _row(node: Expr, operands: tuple[int, ...]) -> Row:
    row: Row = {"op": node.op.name}
    if node.op is SYMBOL:
        row["name"] = node.name
        if node.bounds is not None:
            row["range"] = [repr(end) for end in node.bounds]
    elif node.op is CONSTANT:
        row["bits"] = np.asarray(node.value).astype(node.dtype.newbyteorder("<")).tobytes().hex()
    else:
        if node.attrs and node.op.name != "astype":  # whose attribute is its dtype
            row["attrs"] = [_plain(attr) for attr in node.attrs]
        row["of"] = list(operands)
    row["dtype"] = node.dtype.name
    if node.shape:
        row["shape"] = [_plain_dim(dim) for dim in node.shape]
    return row


def _plain_dim(dim: Any) -> Any:
    return dim if isinstance(dim, int) else str(dim)


def _plain(attr: Any) -> Any:
    """A static argument in JSON: a tuple as a list, a length with names as {"dim": text}, a float as {"float": text}."""
    if isinstance(attr, tuple):
        return [_plain(item) for item in attr]
    if isinstance(attr, (Name, Polynomial)):
        return {"dim": str(attr)}
    if isinstance(attr, Body):
        dag = attr.dag
        nodes = to_rows(dag.exprs, dag.operands)
        return {"body": {"inputs": len(dag.inputs), "nodes": nodes, "outputs": list(dag.outputs)}}
    return {"float": repr(attr)} if isinstance(attr, float) else attr


MOST_NESTED = 8
"""Lists within lists, and bodies within bodies, of static arguments."""


def _body(plain: Any, own: Collection[str], depth: int) -> Body:
    """The body of a loop or branch."""
    keys(plain, frozenset(("inputs", "nodes", "outputs")), "a body")
    if depth >= MOST_NESTED:
        raise FormatError(f"bodies are nested more than {MOST_NESTED} deep")
    nodes = from_rows(plain["nodes"], "body node", own, depth + 1)
    count = plain["inputs"]
    if type(count) is not int or not 0 <= count <= len(nodes) or not all(x.is_symbol for x in nodes[:count]):
        raise FormatError(f"a body has {shown(count)} inputs, which are no symbols")
    return Body(nodes[:count], [nodes[i] for i in indices(plain["outputs"], len(nodes), "a body's outputs")])


def _attr(plain: Any, own: Collection[str] = (), depth: int = 0) -> Any:
    """The inverse of `_plain`; what it may be is held by the operation."""
    if isinstance(plain, list) and depth < MOST_NESTED:
        return tuple([_attr(item, own, depth + 1) for item in plain])
    if isinstance(plain, dict) and len(plain) == 1:
        ((kind, text),) = plain.items()
        if isinstance(text, str) and kind == "dim":
            return dims.parse(text)
        if isinstance(text, str) and kind == "float" and FLOAT.fullmatch(text):
            return float(text)
        if kind == "body":
            return _body(text, own, depth)
    if plain is None or isinstance(plain, (bool, int, str)):
        return plain
    raise FormatError(f"{shown(plain)} is not a static argument")


def from_rows(rows: Any, where: str, own: Collection[str] = (), depth: int = 0) -> list[Expr]:
    """The expression of each row; raises `FormatError`.

    where : what a row is called in messages
    own : the names of the user's own operations that may stand in a row; depth : of bodies around them
    """
    nodes: list[Expr] = []
    for number, row in enumerate(listed(rows, f"{where}s")):
        try:
            node = _node(row, nodes, own, depth)
        except (GraphcError, ValueError, TypeError, OverflowError) as error:
            what = error.message if isinstance(error, GraphcError) else error
            raise FormatError(f"{where} {number}: {what}") from None
        nodes.append(node)
    must(bool(nodes), f"there is no {where}")
    return nodes


def _node(row: Any, nodes: list[Expr], own: Collection[str], depth: int = 0) -> Expr:
    if not isinstance(row, dict):
        raise FormatError(f"{shown(row)} is not an object")
    name = row.get("op")
    dtype = _dtype(row.get("dtype"))
    shape = _shape(row["shape"]) if "shape" in row else ()
    if name == "symbol":
        keys(row, _SYMBOL, "a symbol", _FACTS)
        return symbol(row["name"], shape, dtype, range=_range(row["range"]) if "range" in row else None)
    if name == "constant":
        keys(row, _CONSTANT, "a constant", _SHAPE)
        return _constant(row["bits"], dtype, shape)
    op = find(name) if isinstance(name, str) else None
    keys(row, _APPLIED, "an operation", _SHAPE | {"attrs"} if op is not None and op.attributes else _SHAPE)
    if op is None:
        raise FormatError(f"unknown operation {shown(name)}, perhaps of a newer graphc")
    if op.user_defined and op.name not in own:
        raise FormatError(f"the operation {name!r} is not defined before it is used")
    operands = [nodes[i] for i in indices(row["of"], len(nodes), "operands")]
    if not op.takes(len(operands)):
        raise FormatError(f"{op.name} takes {op.arity} operands, not {len(operands)}")
    attrs = tuple([_attr(attr, own, depth) for attr in listed(row.get("attrs", []), "attrs")])
    if len(attrs) != len(op.attributes):
        raise FormatError(f"{op.name} takes {len(op.attributes)} static arguments, not {len(attrs)}")
    node = cast(operands[0], dtype) if op.name == "astype" else apply(op, *operands, attrs=attrs)
    if node.dtype != dtype or node.shape != shape:
        there, here = f"{dtype}{format_shape(shape)}", f"{node.dtype}{format_shape(node.shape)}"
        raise FormatError(f"{op.name} is recorded as {there} and gives {here}")
    return node


def _constant(bits: Any, dtype: DType, shape: tuple[Any, ...]) -> Expr:
    if not isinstance(bits, str) or not _HEX.fullmatch(bits):
        raise FormatError(f"the bits {shown(bits)} are not hexadecimal")
    if not all(isinstance(dim, int) for dim in shape):
        raise FormatError("a constant has a named dimension")
    expected = math.prod(shape) * dtype.itemsize
    if len(bits) != 2 * expected:
        raise FormatError(f"{len(bits) / 2:g} bytes for a constant of {expected} bytes")
    data = bytes.fromhex(bits)
    if dtype.kind == "b" and data.strip(b"\0\1"):
        raise FormatError("a boolean that is neither 0 nor 1")
    array = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    return constant(array if shape else array[()])


def _range(ends: Any) -> tuple[float, float]:
    if len(texts(ends, "range")) != 2 or not all(FLOAT.fullmatch(end) for end in ends):
        raise FormatError(f"the range {shown(ends)} is not two numbers as texts")
    return float(ends[0]), float(ends[1])


def _dtype(name: Any) -> DType:
    if not isinstance(name, str) or name not in DTYPES:
        raise FormatError(f"{shown(name)} is not a type")
    return DTYPES[name]


def _shape(value: Any) -> tuple[Any, ...]:
    for dim in listed(value, "shape"):
        if not isinstance(dim, str) and not (type(dim) is int and dim >= 0):
            raise FormatError(f"{shown(dim)} is not a dimension")
        try:
            as_dim(dim)
        except ShapeError:
            raise FormatError(f"{shown(dim)} is not a dimension") from None
    return as_shape(value)


# --- checks of plain data -----------------------------------------------------------------------------------------------


def indices(value: Any, count: int, where: str) -> list[int]:
    for index in listed(value, where):
        if type(index) is not int or not 0 <= index < count:
            raise FormatError(f"{where}: {shown(index)} is not an earlier node")
    return value


def keys(value: Any, needed: Set[str], where: str, optional: Set[str] = frozenset()) -> None:
    if not isinstance(value, dict):
        raise FormatError(f"{where} is {shown(value)}, not an object")
    if value.keys() == needed:
        return
    missing, unknown = sorted(needed - value.keys()), sorted(value.keys() - needed - optional)
    if missing:
        raise FormatError(f"{where} has no {missing[0]!r}")
    if unknown:
        raise FormatError(f"{where} has an unknown key {shown(unknown[0])}")


def listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{where}: {shown(value)} is not a list")
    return value


def texts(value: Any, where: str) -> list[str]:
    for text in listed(value, where):
        if not isinstance(text, str):
            raise FormatError(f"{where}: {shown(text)} is not a text")
    return value


def must(holds: Any, what: str) -> None:
    if not holds:
        raise FormatError(what)


def shown(value: Any) -> str:
    text = (
        json.dumps(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    )
    return text if len(text) <= 60 else text[:57] + "…"


__all__ = ["FLOAT", "Row", "from_rows", "indices", "keys", "listed", "must", "shown", "texts", "to_rows"]
