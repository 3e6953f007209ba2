"""Graphs through the operations' formulas: in SymPy, or in anything that offers the same names.

An operation's `formula` is written against a namespace: `lambda S, x: S.log(1 + S.exp(x))`. With SymPy as
the namespace it builds an expression, with the arithmetic of `precise` it computes. This walk is what both
share: it brings booleans among numbers to 0 and 1, gives casts their meaning, and names the operation that
has no formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set
from fractions import Fraction
from typing import Any

import numpy as np

from graphc.errors import ConversionError
from graphc.ir.expr import Expr, walk
from graphc.ir.op import Op

EXACT_BITS = 16
"""A float with so few binary digits after the point stands for itself; a longer one is taken as a rounded
number."""

Apply = Callable[[Expr, Sequence[Any]], Any]
"""(node, values of its operands) → value of the node"""


def through_formulas(
    outputs: Iterable[Expr],
    space: Any,
    leaf: Callable[[Expr], Any],
    apply: Apply | None = None,
    kept: dict[Expr, Any] | None = None,
    moved: Set[Expr] = frozenset(),
) -> list[Any]:
    """The values of `outputs` in a namespace, each node computed once, without recursion.

    Parameters
    ----------
    space : SymPy, or what has the names of it that formulas use
    leaf : symbol or constant → value
    apply : (node, operands) → value; by default the formula of the node's operation
    kept : values of an earlier run in the same namespace, used but for nodes that have `moved`; what others come to is added

    Raises `ConversionError` for an operation without a formula.
    """
    outputs = tuple(outputs)
    apply = apply or (lambda node, operands: apply_formula(node, space, operands))
    values: dict[Expr, Any] = {}
    earlier: dict[Expr, Any] = {} if kept is None else kept
    for node in walk(outputs):
        if node in earlier and node not in moved:
            values[node] = earlier[node]
            continue
        if node.op.is_leaf:
            values[node] = leaf(node)
            continue
        computed = node.op.types(tuple([operand.dtype for operand in node.operands]))[0]
        operands = [
            as_number(space, values[operand]) if operand.dtype.kind == "b" != dtype.kind else values[operand]
            for operand, dtype in zip(node.operands, computed, strict=True)
        ]
        values[node] = _cast(node, space, operands[0]) if node.op.name == "astype" else apply(node, operands)
    if kept is not None:
        kept.update((node, value) for node, value in values.items() if node not in moved)
    return [values[output] for output in outputs]


def apply_formula(node: Expr, space: Any, operands: Sequence[Any]) -> Any:
    """The formula of one node's operation; raises `ConversionError` when there is none."""
    op: Op = node.op
    if op.formula is None:
        raise ConversionError(
            f"{op.name} has no counterpart in {getattr(space, '__name__', 'this arithmetic')}",
            node=repr(node),
            site=node.site,
            hint="no formula stands for a loop, a solution or a function with a derivative of its own"
            if op.control is not None
            else "formulas are for single elements: g.evaluate computes with whole arrays"
            if op.on_arrays
            else "it asks how a float is represented, which no formula over the real numbers can",
        )
    value = op.formula(space, *operands)
    if op.name == "pow" and node.dtype.kind in "iu" and not _is_natural(node.operands[1]):
        return truncated(
            space, value
        )  # a whole number to a negative power is the reciprocal rounded towards 0
    return value


def _is_natural(exponent: Expr) -> bool:
    return exponent.is_constant and bool(np.all(exponent.value >= 0))


def as_number(space: Any, truth: Any) -> Any:
    """A truth value as 0 or 1."""
    return space.Piecewise((space.Integer(1), truth), (space.Integer(0), True))


def truncated(space: Any, value: Any) -> Any:
    """A number rounded towards 0."""
    return space.sign(value) * space.floor(space.Abs(value))


def _cast(node: Expr, space: Any, value: Any) -> Any:
    source, target = node.operands[0].dtype.kind, node.dtype.kind
    if target == "b":
        return value if source == "b" else space.Ne(value, 0)
    if source == "b":
        return as_number(space, value)
    if source == "f" and target in "iu":
        return truncated(space, value)
    return value


def number(space: Any, value: Any) -> Any:
    """A NumPy scalar in the namespace, exactly: whole numbers and short binary fractions as rationals, the
    rest as floats.
    """
    if value.dtype.kind == "b":
        return space.true if value else space.false
    if value.dtype.kind in "iu":
        return space.Integer(int(value))
    value = float(value)
    if math.isnan(value):
        return space.nan
    if math.isinf(value):
        return space.oo if value > 0 else -space.oo
    if is_short(value):
        return space.Rational(*value.as_integer_ratio())
    return space.Float(value)


def is_short(value: float) -> bool:
    """Whether a float was meant exactly: a whole number of at most 53 bits, or a fraction with a small
    power of two below."""
    fraction = Fraction(value)
    return abs(fraction.numerator) < 2**53 and fraction.denominator <= 2**EXACT_BITS
