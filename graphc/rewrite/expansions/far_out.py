"""Formulas of one variable that cancel far out: as formulas of its reciprocal, near 0.

x·log(1 + 1/x) tends to 1, and its slope log(1 + 1/x) − 1/(x + 1) is what is left of two terms that are equal there. In w = 1/x it
is log(1 + w) − w/(1 + w), which has a series near 0. Only formulas in which 1/x stands, or another number divided by x, are
looked at: others, such as eˣ and polynomials, have no series in w or rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.expr import Expr, constant, rebuild, substitute, walk
from graphc.ir.types import DType
from graphc.rewrite.expansions.expansion_reader import MOST_NODES, argument_of, is_read
from graphc.rewrite.forms.linear import is_number


def in_reciprocal(node: Expr, x: Expr) -> Expr | None:
    """f(x) as a formula of w = 1/x, the argument of series; None where 1/x does not stand in it, or where it is too large."""
    below = walk((node,), (x,))
    if len(below) > MOST_NODES or not any(_is_reciprocal_of(part, x) for part in below):
        return None
    w = argument_of(node.dtype)
    done: dict[Expr, Expr] = {x: 1 / w}
    for part in below:
        if part is not x:
            own = tuple([done[operand] for operand in part.operands])
            done[part] = _number(part) * w if _is_reciprocal_of(part, x) else rebuild(part, own)
    return done[node]


def has_reciprocal(nodes: Iterable[Expr]) -> bool:
    """Whether 1/x stands among some nodes for anything but a number x."""
    return any(
        _is_reciprocal_of(node, node.operands[-1])
        for node in nodes
        if node.op.name in ("divide", "reciprocal") and not node.operands[-1].is_constant
    )


def in_terms_of_reciprocal(forms: Sequence[Expr], dtype: DType) -> tuple[Expr, ...]:
    """f(x) as a formula of w = 1/x that computes x first, and its derivative by w, −x²·f′(x), where that is given."""
    w = argument_of(dtype)
    x = 1 / w
    at = tuple([substitute(form, {w: x}) for form in forms[:2]])
    return at if len(at) == 1 else (at[0], -(x * x * at[1]))


def of_variable(formula: Expr, x: Expr) -> Expr:
    """A formula of w = 1/x as one of x."""
    w = argument_of(formula.dtype)
    return substitute(formula, {1 / w: x, w: constant(1.0, x.dtype) / x})


def _is_reciprocal_of(node: Expr, x: Expr) -> bool:
    """Whether a node is 1/x, or another number divided by x."""
    if node.op.name == "reciprocal":
        return node.operands[0] is x
    if node.op.name != "divide" or node.operands[1] is not x or not is_read(node):
        return False
    return is_number(node.operands[0]) and node.operands[0].value != 0


def _number(reciprocal: Expr) -> float:
    return 1.0 if reciprocal.op.name == "reciprocal" else float(reciprocal.operands[0].value)


__all__ = ["has_reciprocal", "in_reciprocal", "in_terms_of_reciprocal", "of_variable"]
