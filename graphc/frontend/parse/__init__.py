"""Text → expression, through an allow-list over Python's `ast`; nothing is ever evaluated.

`scan` has refused what is not part of a formula. Here the syntax tree is walked without recursion, and each
kind of node that the tables name becomes an operation; any other is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from graphc.errors import ExpressionError, NameClashError, ParseError, brief
from graphc.frontend.parse.ast_to_expr import ExprBuilder, Value
from graphc.frontend.parse.lexer import syntax_tree
from graphc.ir.expr import Expr, constant, current_site, symbol
from graphc.ir.types import DType, as_dtype, weak_dtype
from graphc.util.arguments import listed


def parse(text: str, symbols: Any = None, dtype: Any = "float64") -> Expr:
    """The expression that a text in Python's syntax describes. The text is parsed, never evaluated.

    Parameters
    ----------
    text : numbers, names, `+ - * / // % **`, comparisons (`==` builds `equal`; `a < b < c` means
        `(a < b) & (b < c)`), `& | ^ ~` or `and or not` on booleans, `a if c else b` for `where(c, a, b)`,
        and calls of the operations (`g.operations()`, NumPy's names for them, `min`, `max`, `maxout`), with keyword
        arguments. `pi`, `e`, `inf` and `nan` are numbers unless declared as symbols; `float32(0.5)` is a
        number of that type, `astype(x, float32)` a cast.
    symbols : the names that may occur in the text: symbols, names of symbols of type `dtype`, or a mapping of names to
        expressions. By default every unknown name becomes a scalar symbol.
    dtype : the type of symbols that are given only by name

    Numbers are weakly typed, like Python numbers in expressions. A minus directly before a number makes a negative constant;
    nothing else is simplified. `parse(str(e), symbols=free_symbols(e)) is e`, unless the text was shortened, holds an array
    constant, a NaN with a sign or payload, a name that is not an identifier or a tower of powers of numbers, or e is a single
    constant (which then has the type `dtype`).

    Raises `ParseError` for text outside this grammar, with the column marked; `UnknownNameError` with the
    nearest known name; `ArityError`, `DtypeError` and `ShapeError` as the operations do. A formula has at
    most 100,000 characters, 150 nested brackets and chains of 2,000 operators.

    >>> parse("log(1/(exp(-(x*w + b)) + 1))")
    log(1/(exp(-(x*w + b)) + 1))
    >>> parse("0 < x < 1 and y != 0")
    (0 < x) & (x < 1) & (y != 0)
    """
    target = as_dtype(dtype)
    if not isinstance(text, str):
        raise ParseError(
            f"parse reads text, not {type(text).__name__}",
            site=current_site(),
            hint='write g.parse("x*w + b")',
        )
    names = declared_names(symbols, target)
    source, root = syntax_tree(text, () if names is None else names)
    return _build(ExprBuilder(source, names, target), root)


def declared_names(symbols: Any, dtype: DType) -> dict[str, Expr] | None:
    """The names that may stand in a text; None when any name may."""
    if symbols is None:
        return None
    if isinstance(symbols, Mapping):
        return {str(name): constant(value) for name, value in symbols.items()}
    if isinstance(symbols, str):
        symbols = symbols.replace(",", " ").split()
    names: dict[str, Expr] = {}
    hint = 'write symbols="x y", or a list of symbols'
    for entry in [symbols] if isinstance(symbols, Expr) else listed("symbols", symbols, hint):
        declared = symbol(entry, dtype=dtype) if isinstance(entry, str) else entry
        if not isinstance(declared, Expr) or not declared.is_symbol:
            raise ExpressionError(
                f"{brief(entry)} is not a symbol",
                site=current_site(),
                hint='write symbols="x y", or a list of symbols',
            )
        if names.setdefault(declared.name, declared) is not declared:
            raise NameClashError(
                f"the name {declared.name!r} is declared twice, as {names[declared.name].dtype} and as {declared.dtype}",
                site=current_site(),
                hint="give one of them another name",
            )
    return names


def _build(builder: ExprBuilder, root: ast.expr) -> Expr:
    """The expression of a syntax tree: children first, on a stack of its own."""
    values: list[Value] = []
    stack: list[tuple[ast.expr, int | None]] = [(root, None)]
    while stack:
        node, count = stack.pop()
        if count is None:
            children = builder.children(node)
            stack.append((node, len(children)))
            stack.extend((child, None) for child in reversed(children))
            continue
        first = len(values) - count
        operands = values[first:]
        del values[first:]
        values.append(builder.value(node, operands))
    result = values[0]
    if isinstance(result, Expr):
        return result
    return builder.made(root, constant, result, weak_dtype(result, (builder.dtype,)))


__all__ = ["declared_names", "parse"]
