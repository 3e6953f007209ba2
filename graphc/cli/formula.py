"""A formula as it is typed; its symbols take the shapes of the arrays at the point. Nothing of it is evaluated."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from typing import Any

import click

from graphc.errors import GraphcError
from graphc.frontend.parse import parse
from graphc.frontend.parse.lexer import syntax_tree
from graphc.ir.expr import Expr, symbol
from graphc.ir.graph import Dag
from graphc.ir.vocabulary import CONSTANTS

_STDIN_LIMIT = 1 << 20


class Formula(click.ParamType):
    """An expression; `-` reads it from standard input."""

    name = "formula"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, Expr):
            return value
        text = _standard_input() if value == "-" else value
        point = (ctx.params.get("at") if ctx is not None else None) or {}
        return shaped(text, {name: getattr(at, "shape", ()) for name, at in point.items()})


def _standard_input() -> str:
    if sys.stdin is None:  # it is closed
        raise click.ClickException("there is no standard input")
    try:  # bounded, so that an endless stream is an error and not a hang
        raw = sys.stdin.buffer.read(_STDIN_LIMIT + 1)
    except OSError as error:
        raise click.ClickException(f"cannot read standard input: {error.strerror or error}") from error
    if len(raw) > _STDIN_LIMIT:
        raise click.ClickException(f"standard input holds more than {_STDIN_LIMIT} bytes")
    try:
        return raw.decode().strip()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"standard input is not UTF-8 text: byte {error.start}") from error


def shaped(text: str, shapes: Mapping[str, tuple[int, ...]]) -> Expr:
    """A formula whose symbols are scalars, or, where it works on whole arrays, have these shapes.

    A formula that works element by element is one of scalars, which broadcast: its derivatives are those of each element. A name
    that has a shape is a symbol, be it e.

    >>> shaped("x**2", {"x": (3,)}).shape
    ()
    >>> shaped("W @ x", {"W": (2, 3), "x": (3,)}).shape
    (2,)
    """
    if not any(shapes.values()) and CONSTANTS.keys().isdisjoint(shapes):
        return parse(text)
    scalars = dict.fromkeys(shapes, ())
    try:
        plain = parse(text, _symbols(text, scalars))
        if not any(node.op.on_arrays for node in Dag([plain]).exprs):
            return plain
    except GraphcError:  # it may be one of arrays: what is wrong with it is said below
        pass
    return parse(text, _symbols(text, shapes))


def _symbols(text: str, shapes: Mapping[str, tuple[int, ...]]) -> list[Expr]:
    """The symbols of a formula: its names but for those that are called, and those that are numbers and have no shape."""
    _, tree = syntax_tree(text, tuple(shapes))
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    declared = sorted(name for name in names if name in shapes or name not in CONSTANTS)
    return [symbol(name, shape=shapes.get(name, ())) for name in declared]
