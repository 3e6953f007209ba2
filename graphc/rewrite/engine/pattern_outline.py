"""What the text of a pattern says at a glance: its operations, and which stand directly below its root.

A process meets few of the rules that may fire at an operation, and finds which by these alone: reading a pattern into an
expression takes half a millisecond, and a first compilation looks at a hundred.
"""

from __future__ import annotations

import ast
from typing import NamedTuple, TypeGuard

from graphc.ir.op import find
from graphc.ir.vocabulary import CONSTANTS


class PatternOutline(NamedTuple):
    """The operations of a pattern.

    root : at the top; below : of its operands, None of those that stand for anything; operations : all of them
    """

    root: str
    below: tuple[str | None, ...]
    operations: frozenset[str]


_OPERATORS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "pow"}


def outline(text: str) -> PatternOutline | None:
    """The operations of a pattern, or None where its text is to be read for them."""
    try:
        top = ast.parse(text, mode="eval").body
        root, operands = _parts(top)
        below = tuple([_parts(each)[0] for each in operands])
        found, pending = set(), [top]
        while pending:
            name, operands = _parts(pending.pop())
            if operands:
                assert name is not None
                found.add(name)
            pending += operands
    except (SyntaxError, _Unclear):
        return None
    if root is None or not found:
        return None
    return PatternOutline(root, below, frozenset(found))


class _Unclear(Exception):
    """A text that has to be read."""


def _parts(node: ast.expr) -> tuple[str | None, list[ast.expr]]:
    """The operation at a place of the text, None of a name that stands for anything, and its operands."""
    if isinstance(node, ast.Constant) or (_is_minus(node) and isinstance(node.operand, ast.Constant)):
        return "constant", []
    if isinstance(node, ast.Name):
        return ("constant" if node.id.startswith("c") or node.id in CONSTANTS else None), []
    if _is_minus(node):
        return "negative", [node.operand]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and not node.keywords:
        op = find(node.func.id)
        if op is not None and not op.on_arrays:  # min and max are of several numbers here, not along axes
            return op.name, node.args
    if isinstance(node, ast.BinOp) and not all(_is_number(each) for each in (node.left, node.right)):
        name = _OPERATORS.get(type(node.op))
        if name is not None:
            return name, [node.left, node.right]
    raise _Unclear


def _is_minus(node: ast.expr) -> TypeGuard[ast.UnaryOp]:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _is_number(node: ast.expr) -> bool:
    """Whether a place holds a number that reading would work out beside another."""
    while _is_minus(node):
        node = node.operand
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in CONSTANTS)


__all__ = ["PatternOutline", "outline"]
