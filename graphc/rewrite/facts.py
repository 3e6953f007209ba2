"""What rules ask of a node again and again, found once: a cheap look, before a product or a sum is taken apart.

A node never changes, so what stands below it does not either. Each table here holds one fact of every node that was asked for, and
follows it up from the operands, so that the work is linear in the nodes however often rules ask. The tables live as long as the
ranges that rules are given (`Ranges.table`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.ir.expr import Expr
from graphc.ir.op import find


class Facts(dict[Expr, Any]):
    """Node → a fact that follows from those of some of its operands; computed when first asked for, without recursion."""

    def parts(self, node: Expr) -> Sequence[Expr]:
        """The nodes below whose facts that of the node follows from."""
        raise NotImplementedError

    def of(self, node: Expr, parts: list[Any]) -> Any:
        """The fact of a node from those of its parts."""
        raise NotImplementedError

    def __missing__(self, node: Expr) -> Any:
        pending = [node]
        while pending:
            top = pending[-1]
            parts = self.parts(top)
            waiting = [part for part in parts if part not in self]
            if waiting:
                pending += waiting
                continue
            pending.pop()
            self[top] = self.of(top, [self[part] for part in parts])
        return self[node]


EXP, EXPM1, COSH, HYPOT, LOGISTIC, ONE_PLACE, TWO_PLACES = (1 << bit for bit in range(7))
"""Among the factors of a product: eᵃ or 1 + eᵃ; eᵃ − 1; cosh a or 1 + cosh a; hypot; σ or tanh; one factor that can be traded for
another (`factors`), two of them."""

_PLACES = ONE_PLACE | TWO_PLACES

_PRODUCTS = frozenset(("multiply", "divide", "negative", "reciprocal", "square"))

_MARKS = {
    "exp": EXP | ONE_PLACE, "sigmoid": LOGISTIC | ONE_PLACE, "tanh": LOGISTIC, "expm1": EXPM1, "cosh": COSH, "hypot": HYPOT,
}  # fmt: skip


class FactorMarks(Facts):
    """Node → which functions are among its factors, wherever they stand: never too few, sometimes too many."""

    def parts(self, node: Expr) -> Sequence[Expr]:
        return node.operands if node.op.name in _PRODUCTS else ()

    def of(self, node: Expr, parts: list[Any]) -> int:
        name = node.op.name
        if name not in _PRODUCTS:
            return _of_sum(node) if name in ("add", "subtract") else _MARKS.get(name, 0)
        marks = parts[0]
        if name == "square":
            return marks | TWO_PLACES if marks & _PLACES else marks
        for more in parts[1:]:
            both = marks & _PLACES and more & _PLACES
            marks |= more
            if both:
                marks |= TWO_PLACES
        return marks


def _of_sum(node: Expr) -> int:
    names = [operand.op.name for operand in node.operands]
    if node.op.name == "subtract":
        return EXPM1 if names[1] == "expm1" else 0
    marks = COSH if "cosh" in names else 0
    if "exp" in names:
        return marks | EXP | TWO_PLACES
    return marks | ONE_PLACE if "add" in names else marks


NOTHING, POLYNOMIAL, QUOTIENT = range(3)
"""What `Variables` says of a node: that it is no quotient of one variable; that it is a polynomial; that it has quotients or roots."""

_READ = frozenset(
    "abs sign hypot sqrt negative add subtract multiply square reciprocal divide where broadcast_to".split()
)


def may_be_quotient(name: str) -> bool:
    """Whether a node with an operation of this name may be a variable, a number, or made of such."""
    op = find(name)
    return name in _READ or op is None or op.is_leaf or op.on_arrays


_NOT_POLYNOMIAL = frozenset(("hypot", "sqrt", "reciprocal", "divide"))


class Variables(Facts):
    """Node → (the one variable that it is a quotient of polynomials and roots of, None of numbers; which of the above)."""

    def parts(self, node: Expr) -> Sequence[Expr]:
        name = node.op.name
        if name == "where":  # a branch is read where its condition is |x| < c
            condition, one, other = node.operands
            limit = condition.operands[1] if condition.op.name == "less" else condition
            if not limit.is_constant or limit.shape:
                return ()
            return (one,) if limit.value == math.inf else (other,)
        if name == "broadcast_to" and not node.operands[0].is_constant:
            return ()
        return node.operands if name in _READ else ()

    def of(self, node: Expr, parts: list[Any]) -> tuple[Expr | None, int]:
        if not parts:
            if node.is_constant:
                return None, POLYNOMIAL
            own = (node.is_symbol or node.op.on_arrays) and node.dtype.kind == "f"
            return (node, POLYNOMIAL) if own else (None, NOTHING)
        variable, form = None, QUOTIENT if node.op.name in _NOT_POLYNOMIAL else POLYNOMIAL
        for more, its_form in parts:
            if not its_form or (variable is not None and more is not None and more is not variable):
                return None, NOTHING
            variable = more if variable is None else variable
            form = max(form, its_form)
        return variable, form


__all__ = [
    "COSH",
    "EXP",
    "EXPM1",
    "HYPOT",
    "LOGISTIC",
    "QUOTIENT",
    "TWO_PLACES",
    "FactorMarks",
    "Facts",
    "Variables",
    "may_be_quotient",
]
