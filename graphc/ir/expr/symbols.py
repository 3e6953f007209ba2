"""Symbols with what is promised of their values, and nodes put in the place of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, GraphcError, brief
from graphc.ir.expr.expression import Expr, apply, cast, constant, literal
from graphc.ir.expr.literals import is_weak, short
from graphc.ir.expr.node import current_site, in_block_of, intern
from graphc.ir.expr.provenance import Derivation, derivation, derived
from graphc.ir.expr.traversal import walk
from graphc.ir.expr.writing import on_line_of
from graphc.ir.op import SYMBOL
from graphc.ir.scopes import deriving, here
from graphc.ir.types import DType, as_dtype, as_shape
from graphc.util import arguments
from graphc.util.arguments import mapping, truth
from graphc.util.gc_pause import paused


def symbol(
    name: str, shape: Any = (), dtype: Any = "float64", *, positive: bool = False, range: Any = None
) -> Expr:
    """A named input.

    Parameters
    ----------
    name : any text; an identifier if the compiled function is to take it by keyword
    shape : () for a scalar, which broadcasts over arrays; else a tuple of ints and names
    dtype : a NumPy dtype or its name: bool, integers, float32, float64
    positive : a promise that every value is positive
    range : a promise that every value lies in the interval (low, high), including the ends, which may be infinite

    The rewriting rules (`g.compile`, `g.stabilize`) rely on a promise; it also excludes NaN. It is not checked when values are
    passed: if a value breaks it, the result is unspecified. Symbols with different promises are different. Raises
    `ExpressionError` for an empty range, and for a range of booleans.

    >>> symbol("x") is symbol("x")
    True
    >>> symbol("x", range=(0, 1)).bounds
    (0.0, 1.0)
    """
    if not isinstance(name, str) or not name:
        raise ExpressionError(f"a symbol's name is a text, not {brief(name)}", hint='write g.symbol("x")')
    positive = truth("positive", positive)
    own = as_dtype(dtype)
    attrs = (name,) if range is None and not positive else (name, _promised(name, own, positive, range))
    return intern(Expr, SYMBOL, (), attrs, own, as_shape(shape))


_LEAST = 5e-324
"""The smallest positive float64: what is above 0 is at least that, in every type."""


def _promised(name: str, dtype: DType, positive: bool, declared: Any) -> tuple[float, float]:
    """The interval of a symbol's values."""
    try:
        low, high = (-np.inf, np.inf) if declared is None else declared
        low, high = float(low) + 0.0, float(high) + 0.0  # -0.0 + 0.0 is 0.0
    except (TypeError, ValueError, OverflowError, GraphcError):
        low, high = np.nan, np.nan
    if positive:
        low = max(low, _LEAST)
    if dtype.kind == "b" or not low <= high or low == np.inf or high == -np.inf:
        what = (
            "booleans have no range" if dtype.kind == "b" else f"no value lies in the range {short(declared)}"
        )
        raise ExpressionError(
            f"symbol {name!r}: {what}{' and is positive' if positive and dtype.kind != 'b' else ''}",
            site=current_site(),
            hint="write range=(low, high), two numbers",
        )
    return low, high


def symbols(
    names: str | Iterable[str],
    shape: Any = (),
    dtype: Any = "float64",
    *,
    positive: bool = False,
    range: Any = None,
) -> Any:
    """Several symbols from names separated by spaces or commas; one name gives one symbol, several a tuple.

    The other parameters are those of `symbol` and apply to each of them.

    >>> symbols("x w b")
    (x, w, b)
    """
    if isinstance(names, str):
        listed = names.replace(",", " ").split()
        one = len(listed) == 1 and "," not in names
    else:
        listed, one = arguments.listed("names", names, 'write g.symbols("x y")'), False
    if not listed:
        raise ExpressionError("no names given", hint='write g.symbols("x y")')
    declared = tuple(symbol(name, shape, dtype, positive=positive, range=range) for name in listed)
    return declared[0] if one else declared


def named_symbols(symbols: Any) -> dict[str, Expr]:
    """Symbols by their names. Raises `ExpressionError` for what is none."""
    by_name: dict[str, Expr] = {}
    listed = (
        [symbols] if isinstance(symbols, Expr) else arguments.listed("symbols", symbols, "symbols=[x, y]")
    )
    for node in listed:
        if not isinstance(node, Expr) or not node.is_symbol:
            raise ExpressionError(
                f"{short(node)} is not a symbol", site=current_site(), hint="symbols=[x, y]"
            )
        by_name[node.name] = node
    return by_name


def rebuild(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The same operation with the same attributes on other operands."""
    if not operands and expr.op.is_leaf:
        return expr
    if here()[1]:
        return in_block_of(expr, _rebuilt(expr, operands))
    with deriving():  # it was not written here: it is in the block of what it stands for
        return in_block_of(expr, _rebuilt(expr, operands))


def on_others(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The same operation on other operands of the same types and shapes. Only inside `deriving`."""
    return in_block_of(expr, intern(Expr, expr.op, operands, expr.attrs, expr.dtype, expr.shape))


def _rebuilt(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    for old, new in zip(expr.operands, operands, strict=True):
        if new is not old and (new.dtype is not old.dtype or new.shape != old.shape):
            break
    else:  # of the same types, so the result is
        return intern(Expr, expr.op, operands, expr.attrs, expr.dtype, expr.shape)
    if expr.op.name == "astype":
        return cast(operands[0], expr.attrs[0])
    return apply(expr.op, *operands, attrs=expr.attrs)


def computed(node: Expr, kinds: str = "fiub") -> tuple[Expr, ...]:
    """The operands of a node as the types that its operation computes in, where those are of the given kinds.

    A formula in user syntax that stands for the operation, such as a partial derivative, is written for these: beside a
    uint8 it would wrap around where the operation itself is computed in floats.
    """
    operands = node.operands
    first = operands[0].dtype
    for operand in operands:
        if operand.dtype is not first:
            break
    else:
        if first.kind == "f":  # floats of one type are taken as they are
            return operands
    types = node.op.types(tuple([operand.dtype for operand in operands]))[0]
    return tuple(
        [
            operand if operand.dtype == dtype or dtype.kind not in kinds else _promoted(operand, dtype)
            for operand, dtype in zip(operands, types, strict=True)
        ]
    )


def _promoted(operand: Expr, dtype: DType) -> Expr:
    if operand.is_constant and not operand.shape:
        return constant(operand.value.astype(dtype))
    return cast(operand, dtype)


@paused()
def substitute(expr: Expr, replacements: dict[Expr, Any]) -> Expr:
    """`expr` with nodes replaced, all at once: a replacement is not searched again.

    Parameters
    ----------
    replacements : expression → expression or number; dtype and shape may not change

    >>> x, y = symbols("x y")
    >>> substitute(x + y, {x: y, y: x})
    y + x
    """
    if not isinstance(expr, Expr):
        hint = "[g.substitute(part, replacements) for part in …]" if isinstance(expr, (list, tuple)) else None
        raise ExpressionError(f"{short(expr)} is not an expression", site=current_site(), hint=hint)
    return substituted([expr], replacements)[0]


def substituted(exprs: Sequence[Expr], replacements: dict[Expr, Any]) -> list[Expr]:
    """`substitute` of several expressions, which share the work on what they share."""
    replaced: dict[Expr, Expr] = {}
    for old, new in mapping("replacements", replacements, "write {x: new}").items():
        if not isinstance(old, Expr):
            raise ExpressionError(
                f"{short(old)} is not an expression to replace", site=current_site(), hint="write {x: new}"
            )
        replaced[old] = literal(new, old.dtype) if is_weak(new) else constant(new)
        if replaced[old].dtype != old.dtype:
            raise DtypeError(
                f"{old!r} is {old.dtype} and its replacement {replaced[old]!r} is {replaced[old].dtype}",
                site=current_site(),
                hint=f'write g.astype(…, "{old.dtype}")',
            )
    keys = dict(replaced)
    order = walk(exprs)
    with deriving():
        for node in order:
            if node in replaced:
                continue
            operands = tuple([replaced[operand] for operand in node.operands])
            if operands == node.operands:
                replaced[node] = node
                continue
            with on_line_of(node):
                replaced[node] = rebuild(node, operands)
    # of keys that are symbols: any other node may be gone from a derivative that is written anew
    if all(key.is_symbol for key in keys):
        for node in order:
            if derivation(node) is not None and replaced[node] is not node:
                made = Derivation(
                    (node,), tuple(keys.values()), tuple(keys), _substituted, differentiates=False
                )
                derived({0: replaced[node]}, made)
    return [replaced[expr] for expr in exprs]


def _substituted(
    outputs: Sequence[Expr], others: Sequence[Expr], targets: Sequence[Expr], numbers: Sequence[int]
) -> list[Expr]:
    return substituted([outputs[number] for number in numbers], dict(zip(targets, others, strict=True)))


__all__ = ["computed", "named_symbols", "rebuild", "substitute", "substituted", "symbol", "symbols"]
