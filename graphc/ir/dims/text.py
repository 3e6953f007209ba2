"""Dimensions written as text."""

from __future__ import annotations

import ast

from graphc.ir.dims.polynomial import Dim, Name, add, floor_divide, multiply, subtract

MOST_CHARACTERS = 1000
"""Characters of a dimension that is written as text."""


def parse(text: str) -> Dim:
    """The dimension that a text means: names, integers, + − * and //. Raises ValueError; nothing is evaluated as code.

    >>> parse("n*28*28"), parse("n - k + 1")
    (784*n, -k + n + 1)
    """
    if text.isidentifier():
        return Name(text)
    if len(text) > MOST_CHARACTERS or not text.isascii() or "\0" in text:
        raise ValueError(f"{text[:60]!r} is not a dimension")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise ValueError(f"{text[:60]!r} is not a dimension") from None
    return _read(tree, text)


_READERS = {ast.Add: add, ast.Sub: subtract, ast.Mult: multiply, ast.FloorDiv: floor_divide}


def _read(tree: ast.AST, text: str) -> Dim:
    # recursion is bounded by the length of the text
    match tree:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return Name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return multiply(-1, _read(operand, text))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _READERS:
            return _READERS[type(op)](_read(left, text), _read(right, text))
    raise ValueError(f"{text[:60]!r} is not a dimension: it holds more than names, integers, + - * and //")


__all__ = ["MOST_CHARACTERS", "parse"]
