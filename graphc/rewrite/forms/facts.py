"""What rules ask of a node again and again, found once: a cheap look, before a product or a sum is taken apart.

A node never changes, so what stands below it does not either. Each table here holds one fact of every node that was asked for,
and follows it up from the operands, so that the work is linear in the nodes however often rules ask. The tables live as long as
the ranges that rules are given (`Ranges.table`).
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr
from graphc.ir.op import find
from graphc.rewrite.forms.thresholds import ORDERS, compared

EXP, EXPM1, HYPERBOLIC, HYPOT, LOGISTIC, ONE_PLACE, TWO_PLACES, INVERSE, RECIPROCAL = (
    1 << bit for bit in range(9)
)
"""Among the factors of a product: eᵃ or 1 + eᵃ; eᵃ − 1; cosh a, 1 + cosh a or sinh a; hypot; σ or tanh; one factor that can be
traded for another (`factors`), two of them; a number over a product; a number over anything else."""

_PLACES = ONE_PLACE | TWO_PLACES

_PRODUCTS = frozenset(("multiply", "divide", "negative", "reciprocal", "square"))

_MARKS = {
    "exp": EXP | ONE_PLACE, "sigmoid": LOGISTIC | ONE_PLACE, "tanh": LOGISTIC, "expm1": EXPM1, "cosh": HYPERBOLIC,
    "sinh": HYPERBOLIC, "hypot": HYPOT,
}  # fmt: skip


class FactorMarks(dict[Expr, int]):
    """Product → which functions are among its factors, wherever they stand: never too few, sometimes too many."""

    def __missing__(self, node: Expr) -> int:
        if node.op.name not in _PRODUCTS:
            return _marks_of(node)
        pending = [node]
        while pending:
            top = pending[-1]
            marks = 0
            for operand in top.operands:
                more = self.get(operand)
                if more is None:
                    if operand.op.name in _PRODUCTS:
                        pending.append(operand)
                        break
                    more = _marks_of(operand)
                if marks & _PLACES and more & _PLACES:
                    marks |= TWO_PLACES
                marks |= more
            else:
                if top.op.name == "divide" and is_number(top.operands[0]):
                    marks |= INVERSE if top.operands[1].op.name in _PRODUCTS else RECIPROCAL
                self[top] = marks | TWO_PLACES if marks & _PLACES and top.op.name == "square" else marks
                pending.pop()
        return self[node]


def _marks_of(node: Expr) -> int:
    """The marks of a factor."""
    name = node.op.name
    if name not in ("add", "subtract"):
        return _MARKS.get(name, 0)
    names = [operand.op.name for operand in node.operands]
    if name == "subtract":
        return EXPM1 if names[1] == "expm1" else 0
    marks = HYPERBOLIC if "cosh" in names else 0
    if "exp" in names:
        return marks | EXP | TWO_PLACES
    return marks | ONE_PLACE if "add" in names else marks


_LOGICAL = frozenset(("logical_and", "logical_or"))

_BITS = 509
"""Of a mark of conditions, a prime."""


def is_number(node: Expr) -> bool:
    """Whether a node is one constant number."""
    return node.is_constant and not node.shape


class GuardMarks(dict[Expr, int]):
    """Node → a bit for the condition of each branch below it with a number on one side, itself included, through operations
    element by element: conditions may share a bit, so a bit that is not there is of no branch, and one that is there may be of
    another."""

    @staticmethod
    def bit(condition: Expr) -> int:
        """The bit of a condition, or of its negation; of comparisons with numbers that of what they compare."""
        while condition.op.name == "logical_not":
            (condition,) = condition.operands
        if condition.op.name in _LOGICAL or condition.op.name in ORDERS:
            quantity = compared(condition)
            condition = condition if quantity is None else quantity
        return 1 << condition._number % _BITS

    def __missing__(self, node: Expr) -> int:
        pending = [node]
        while pending:
            top = pending[-1]
            op, operands = top.op, top.operands
            marks = self.bit(operands[0]) if op.name == "where" and any(map(is_number, operands[1:])) else 0
            if op.shape is None:
                for operand in operands:
                    more = self.get(operand)
                    if more is None:
                        pending.append(operand)
                        break
                    marks |= more
                else:
                    self[top] = marks
                    pending.pop()
            else:
                self[top] = marks
                pending.pop()
        return self[node]


POWER, LOGARITHM = 1, 2

_MARKED = {"pow": POWER, "log": LOGARITHM, "log1p": LOGARITHM, "where": LOGARITHM}

_OF_SUMS = frozenset(("add", "subtract", "negative"))


class TermMarks(dict[Expr, int]):
    """Sum → what stands in its terms, at most two operations down: powers, and logarithms or branches, which may hold them."""

    def __missing__(self, node: Expr) -> int:
        pending = [node]
        while pending:
            top = pending[-1]
            waiting = [part for part in top.operands if part.op.name in _OF_SUMS and part not in self]
            if waiting:
                pending += waiting
                continue
            pending.pop()
            marks = 0
            for part in top.operands:
                marks |= self[part] if part.op.name in _OF_SUMS else _marks_below(part)
            self[top] = marks
        return self[node]


def _marks_below(node: Expr) -> int:
    marks = _MARKED.get(node.op.name, 0)
    for below in node.operands:
        marks |= _MARKED.get(below.op.name, 0)
        for last in below.operands:
            marks |= _MARKED.get(last.op.name, 0)
    return marks


_READ = frozenset(
    "abs sign hypot sqrt negative add subtract multiply square reciprocal divide where broadcast_to".split()
)


def may_be_quotient(name: str) -> bool:
    """Whether a node with an operation of this name may be a variable, a number, or made of such."""
    op = find(name)
    return name in _READ or op is None or op.is_leaf or op.on_arrays


_NOT_POLYNOMIAL = frozenset(("hypot", "sqrt", "reciprocal", "divide"))


class Variables(dict[Expr, "tuple[Expr | None, bool] | None"]):
    """Node → (the one variable that it is a quotient of polynomials and roots of, None of numbers; whether it is more than a
    polynomial); None of any other."""

    def __missing__(self, node: Expr) -> tuple[Expr | None, bool] | None:
        pending = [node]
        while pending:
            top = pending[-1]
            parts = _read_from(top)
            if not parts:
                self[top] = _leaf(top)
                pending.pop()
                continue
            variable, more = None, top.op.name in _NOT_POLYNOMIAL
            for part in parts:
                if part not in self:
                    pending.append(part)
                    break
                known = self[part]
                if known is None or (
                    variable is not None and known[0] is not None and known[0] is not variable
                ):
                    self[top] = None
                    pending.pop()
                    break
                variable, more = variable if known[0] is None else known[0], more or known[1]
            else:
                self[top] = variable, more
                pending.pop()
        return self[node]


def _read_from(node: Expr) -> tuple[Expr, ...]:
    """The operands that a quotient is read from."""
    name = node.op.name
    if name not in _READ or (name == "broadcast_to" and not node.operands[0].is_constant):
        return ()
    if name != "where":
        return node.operands
    condition, one, other = node.operands  # a branch is read where its condition is |x| < c
    limit = condition.operands[1] if condition.op.name == "less" else condition
    if not limit.is_constant or limit.shape:
        return ()
    return (one,) if limit.value == math.inf else (other,)


def _leaf(node: Expr) -> tuple[Expr | None, bool] | None:
    if node.is_constant:
        return None, False
    return (node, False) if (node.is_symbol or node.op.on_arrays) and node.dtype.kind == "f" else None


__all__ = [
    "EXP",
    "EXPM1",
    "HYPERBOLIC",
    "HYPOT",
    "LOGARITHM",
    "LOGISTIC",
    "POWER",
    "TWO_PLACES",
    "FactorMarks",
    "TermMarks",
    "Variables",
    "may_be_quotient",
]
