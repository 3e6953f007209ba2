"""Formulas of one variable that cancel, or are 0/0, at a number that is not 0: as formulas of the difference to it, near 0.

(√x − 1)/(x − 1), x/(x − 1) − 1/log x and (x − 1 − log x)/(x − 1)² have a value at 1, and derivatives, of which nothing is left
there as they are written. In t = x − 1, which floats near 1 have exactly, they are formulas that cancel at 0. Looked at are the
numbers that a variable is added to or subtracted from, and 1 for its logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.expr import Expr, constant, rebuild, substitute, walk
from graphc.rewrite.expansions.expansion_reader import MOST_NODES, SUMS, argument_of
from graphc.rewrite.forms.linear import is_number

MOST_NUMBERS = 2


def has_number(nodes: Iterable[Expr]) -> bool:
    """Whether a number is added to anything among some nodes, or subtracted, or a logarithm stands among them."""
    return any(
        node.op.name == "log" or (node.op.name in SUMS and any(map(is_number, node.operands)))
        for node in nodes
    )


def numbers_beside(node: Expr, x: Expr) -> list[float]:
    """The numbers at which a formula of x may cancel."""
    found: dict[float, None] = {}
    for part in walk((node,), (x,)):
        if part.op.name == "log" and part.operands[0] is x:
            found[1.0] = None
        elif part.op.name in SUMS and x in part.operands:
            other = part.operands[0] if part.operands[1] is x else part.operands[1]
            if is_number(other) and other.value:
                found[float(-other.value if part.op.name == "add" else other.value)] = None
    return list(found)[:MOST_NUMBERS]


def in_difference(node: Expr, x: Expr, number: float) -> Expr | None:
    """f(x) as a formula of t = x − number, the argument of series; None where it is too large."""
    below = walk((node,), (x,))
    if len(below) > MOST_NODES:
        return None
    t = argument_of(node.dtype)
    c = constant(number, node.dtype)
    done: dict[Expr, Expr] = {x: t + c}
    for part in below:
        if part is x:
            continue
        found = _difference(part, x, number, t)
        if found is None:
            found = rebuild(part, tuple([done[operand] for operand in part.operands]))
        done[part] = found
    return done[node]


def _difference(part: Expr, x: Expr, number: float, t: Expr) -> Expr | None:
    """x − c as t, and c − x as −t."""
    if part.op.name not in SUMS or x not in part.operands:
        return None
    left, right = part.operands
    if left is x and is_number(right):
        return t if right.value == (number if part.op.name == "subtract" else -number) else None
    if right is x and is_number(left):
        if part.op.name == "add":
            return t if left.value == -number else None
        return -t if left.value == number else None
    return None


def in_terms_of_difference(forms: Sequence[Expr], number: float) -> tuple[Expr, ...]:
    """f(x) and its derivatives as formulas of t that compute x = t + number first."""
    t = argument_of(forms[0].dtype)
    x = t + constant(number, t.dtype)
    return tuple([substitute(form, {t: x}) for form in forms])


def of_variable(formula: Expr, x: Expr, number: float) -> Expr:
    """A formula of t = x − number as one of x."""
    t = argument_of(formula.dtype)
    c = constant(number, formula.dtype)
    return substitute(formula, {t + c: x, t: x - c})


__all__ = ["has_number", "in_difference", "in_terms_of_difference", "numbers_beside", "of_variable"]
