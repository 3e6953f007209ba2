"""Sums as terms, and terms as a number times factors: what the rules over sums in any order look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from graphc.ir.expr import Expr, constant
from graphc.ir.types import DType

MOST_TERMS = 6
MOST_FACTORS = 8

Factors = tuple[float, tuple[Expr, ...]]
"""(number, factors)"""


@dataclass(eq=False, slots=True)
class Term:
    """A term of a sum: ±node, which is the number `coefficient` times factors."""

    sign: int
    node: Expr
    coefficient: float
    factors: tuple[Expr, ...]


def is_number(node: Expr) -> bool:
    return (
        node.is_constant
        and not node.shape
        and node.dtype.kind == "f"
        and _is_finite(node.attrs[0], node.dtype)
    )


@lru_cache(maxsize=1024)
def _is_finite(bits: bytes, dtype: DType) -> bool:
    return math.isfinite(np.frombuffer(bits, dtype=dtype)[0])


class FactorMemory(dict[Expr, Factors]):
    """Node → its factors (`factors_of`), found once; a table of facts about nodes (`Ranges.table`)."""

    def __missing__(self, node: Expr) -> Factors:
        found = self._of_product(node) if node.op.name == "multiply" else None
        factors = self[node] = factors_of(node) if found is None else found
        return factors

    def _of_product(self, node: Expr) -> Factors | None:
        """The factors of a product from those of its sides, where these are known or are no products."""
        number, factors = 1.0, ()
        for side in node.operands:
            if side.dtype is not node.dtype:
                return None
            if side.op.name not in _PRODUCTS:
                factors += (side,)
                continue
            known = self.get(side)
            if known is None or abs(known[0]) != 1 or known[1] == (side,):
                return None
            number, factors = number * known[0], factors + known[1]
        return (number, factors) if len(factors) <= MOST_FACTORS else None


class Sums(dict[Expr, "list[Term] | None"]):
    """Sum → its terms (`terms_of`), found once for all rules that ask; a table of facts about nodes (`Ranges.table`)."""

    def __missing__(self, node: Expr) -> list[Term] | None:
        terms = self[node] = terms_of(node)
        return terms


def terms_of(node: Expr) -> list[Term] | None:
    """The terms of a sum, from left to right; None for one too long, or of other types within."""
    found: list[Term] = []
    pending = [(node, 1)]
    while pending:
        part, sign = pending.pop()
        name = part.op.name
        if part.dtype is not node.dtype:
            return None
        if name in ("add", "subtract"):
            left, right = part.operands
            pending.append((right, -sign if name == "subtract" else sign))
            pending.append((left, sign))
        elif name == "negative":
            pending.append((part.operands[0], -sign))
        elif not (part.is_constant and not part.shape and part.value == 0):
            number, factors = factors_of(part)
            found.append(Term(sign, part, sign * number, factors))
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found


def leaves(node: Expr) -> list[Expr]:
    """The terms of a sum without their signs, as far as a bounded look goes: what is cheap to know of it."""
    found: list[Expr] = []
    pending = [*node.operands]
    while pending:
        part = pending.pop()
        name = part.op.name
        if name == "add" or name == "subtract" or name == "negative":
            pending += part.operands
            if len(pending) + len(found) > MOST_TERMS:
                return []
        else:
            found.append(part)
    return found


class Leaves(dict[Expr, list[Expr]]):
    """Sum → its terms without their signs (`leaves`); a table of facts about nodes (`Ranges.table`)."""

    def __missing__(self, node: Expr) -> list[Expr]:
        found = self[node] = leaves(node)
        return found


_PRODUCTS = frozenset(("multiply", "negative", "subtract", "square", "pow", "divide", "constant"))


COMPOSED = _PRODUCTS - {"constant"} | {"add"}
"""Sums, and what is taken apart to factors: all other terms are factors themselves."""


def factors_of(node: Expr) -> Factors:
    """A product as a number times factors; what is no product, or has too many factors, is one factor."""
    if node.op.name not in _PRODUCTS:
        return 1.0, (node,)
    number, numbers, factors = 1.0, 0, []
    pending = [node]
    while pending:
        part = pending.pop()
        name = part.op.name
        if name == "multiply":
            pending += part.operands[::-1]
        elif name == "negative":
            number = -number
            pending.append(part.operands[0])
        elif name == "subtract" and is_number(part.operands[0]) and part.operands[0].value == 0:
            number = -number  # 0 − x, which is not −0
            pending.append(part.operands[1])
        elif name == "square":
            pending += (part.operands[0], part.operands[0])
        elif name == "pow" and is_number(part.operands[1]) and part.operands[1].value in (2, 3, 4, 5, 6):
            factors += [part.operands[0]] * int(part.operands[1].value)
        elif name == "divide" and is_number(part.operands[0]) and part.operands[0].value not in (0, 1):
            number *= float(part.operands[0].value)
            numbers += 1
            factors.append(constant(1.0, part.dtype) / part.operands[1])
        elif is_number(part):
            number *= float(part.value)
            numbers += abs(part.value) != 1
        else:
            factors.append(part)
        if len(factors) + len(pending) > MOST_FACTORS or numbers > 1 or part.dtype is not node.dtype:
            return 1.0, (node,)  # a product of rounded numbers is not known exactly
    return number, tuple(factors)


def without(factors: Iterable[Expr], taken: Iterable[Expr]) -> list[Expr] | None:
    """Factors but those taken, in their order; None where one of these is not among them."""
    rest = list(factors)
    for factor in taken:
        for place, other in enumerate(rest):
            if other is factor:
                del rest[place]
                break
        else:
            return None
    return rest


def shared(factors: Iterable[Expr], others: Iterable[Expr]) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """What two products have in common, as often as both have it, and what is left of each."""
    both: list[Expr] = []
    one, other = [], list(others)
    for factor in factors:
        fewer = without(other, [factor])
        if fewer is None:
            one.append(factor)
        else:
            both.append(factor)
            other = fewer
    return both, one, other


def same(factors: Sequence[Expr], others: Sequence[Expr]) -> bool:
    """Whether two products have the same factors, in any order."""
    if len(factors) != len(others):
        return False
    if len(factors) < 2:
        return not factors or factors[0] is others[0]
    return without(factors, others) == []


def product(factors: Iterable[Expr]) -> Expr | None:
    """A product from left to right; None of nothing."""
    factors = list(factors)
    return reduce(lambda x, y: x * y, factors) if factors else None


def scaled(number: float, value: Expr) -> Expr:
    """A number times a value that, as a difference, is never −0."""
    size = abs(number)
    result = value if size == 1 else constant(size, value.dtype) * value
    return result if number > 0 else constant(0.0, value.dtype) - result


def total(terms: Iterable[Term]) -> Expr | None:
    """The sum of terms as they stand, from left to right; None of nothing."""
    result: Expr | None = None
    for term in terms:
        if result is None:
            result = term.node if term.sign > 0 else constant(0.0, term.node.dtype) - term.node  # never −0
        else:
            result = result + term.node if term.sign > 0 else result - term.node
    return result
