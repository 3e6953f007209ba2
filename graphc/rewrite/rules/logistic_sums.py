"""Shares in sums of products: σ(x)·u − σ(x)·σ(−x)·u is σ(x)²·u, wherever the two terms stand when the sum is multiplied out.

The logarithm of a mixture, log(p·eᵃ + q·eᵇ), has the slope σ(x)/p by p, with x = a − b + log p − log q. Where a is a function of
the same inputs as p, the second derivatives hold −σ(x)/p² and, in other brackets, σ(x)·σ(−x)/p²: where p is small σ(−x) is 1,
and the two leave nothing but their rounding errors. Their sum is −(σ(x)/p)².
"""

from __future__ import annotations

from collections import Counter
from itertools import product

from graphc.ir.expr import Expr, constant
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.sums import minus
from graphc.util.records import dataclass

MOST_TERMS, MOST_FACTORS = 8, 12
"""Of a sum that is multiplied out, and of each of its terms."""

SHARE, NESTED = 1, 2
"""Below a node, through sums and products: a sigmoid; a product of a sum in which, or beside which, there is one."""

_SUMS = frozenset(("add", "subtract"))
_THROUGH = frozenset(("add", "subtract", "negative", "multiply", "divide"))

Bag = Counter[tuple[Expr, int]]
"""The factors of a product with their exponents 1 and −1."""


class ShareMarks(dict[Expr, int]):
    """Node → what of these stands below it, followed up from the operands; a table of facts about nodes (`Ranges.table`)."""

    def __missing__(self, node: Expr) -> int:
        pending = [node]
        while pending:
            top = pending[-1]
            name, marks = top.op.name, 0
            if name not in _THROUGH:
                self[top] = SHARE if name == "sigmoid" else 0
                pending.pop()
                continue
            waiting = [operand for operand in top.operands if operand not in self]
            if waiting:
                pending += waiting
                continue
            for operand in top.operands:
                marks |= self[operand]
            if marks & SHARE and name in ("multiply", "divide") and _holds_sum(top):
                marks |= NESTED
            self[top] = marks
            pending.pop()
        return self[node]


def _holds_sum(node: Expr) -> bool:
    """Whether a product is one of a sum; what is divided by stays whole."""
    above = node.operands if node.op.name == "multiply" else node.operands[:1]
    for operand in above:
        inner = operand.operands[0] if operand.op.name == "negative" else operand
        if inner.op.name in _SUMS:
            return True
    return False


@dataclass(frozen=True)
class SharesInSums:
    """σ(x)·u − (σ(x)·σ(−x)·u + v) → σ(x)²·u − v, where the second product stands in a product of sums"""

    name: str = "shares-in-sum"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "sigmoid(x)/y/y - (1/y - z)*(sigmoid(x)*sigmoid(-x))/y", "(sigmoid(x)*sigmoid(-x)*y - z)*y - y*y*sigmoid(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "multiply" in operands or "divide" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(ShareMarks)[node] & NESTED:
            return None
        terms = _multiplied_out(node, node, ranges.table(ShareMarks))
        if terms is None or len(terms) < 3:
            return None
        for i, (sign, one) in enumerate(terms):
            for j, (other_sign, other) in enumerate(terms):
                square = _square(one, other) if i != j and sign == -other_sign else None
                if square is not None:
                    rest = [(s, _in_order(bag, node)) for k, (s, bag) in enumerate(terms) if k not in (i, j)]
                    result = _sum([(sign, _divided_early(square)), *rest])
                    return result if result.dtype == node.dtype and result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _multiplied_out(node: Expr, root: Expr, marks: ShareMarks) -> list[tuple[int, Bag]] | None:
    """The terms of a sum of products of sums; None of one with too many."""
    name = node.op.name
    if name not in _THROUGH or node.dtype != root.dtype or (not marks[node] & SHARE and _stays_whole(node)):
        if node.is_constant and not node.shape and node.value in (0, 1):
            return [(1, Counter())] if node.value == 1 else []
        return [(1, Counter([(node, 1)]))]
    left = _multiplied_out(node.operands[0], root, marks)
    if left is None:
        return None
    if name == "negative":
        return [(-sign, bag) for sign, bag in left]
    if name == "divide":
        right = [(1, Counter([(node.operands[1], -1)]))]  # whole: of a quotient's parts squares may overflow
    else:
        found = _multiplied_out(node.operands[1], root, marks)
        if found is None:
            return None
        right = found
    if name in _SUMS:
        terms = left + [(-sign if name == "subtract" else sign, bag) for sign, bag in right]
    else:
        terms = [(s * t, one + other) for (s, one), (t, other) in product(left, right)]
    fits = len(terms) <= MOST_TERMS and all(bag.total() <= MOST_FACTORS for _, bag in terms)
    return terms if fits else None


def _stays_whole(node: Expr) -> bool:
    """Whether a node is a sum without products, whose terms may cancel, or a quotient of anything but a number."""
    if node.op.name in _SUMS:
        return not any(operand.op.name in _THROUGH or operand.is_constant for operand in node.operands)
    above = node
    while above.op.name == "divide":
        above = above.operands[0]
    return node.op.name == "divide" and not above.is_constant


def _square(one: Bag, other: Bag) -> Bag | None:
    """σ(x)²·u, where the products are σ(x)·u and σ(x)·σ(−x)·u; None where they are not."""
    if other.total() != one.total() + 1 or one - other:
        return None
    ((rest, exponent),) = other - one
    if rest.op.name != "sigmoid" or exponent != 1:
        return None
    for share, n in one:
        if n == 1 and share.op.name == "sigmoid" and _are_opposite(share.operands[0], rest.operands[0]):
            return one + Counter([(share, 1)])
    return None


def _are_opposite(a: Expr, b: Expr) -> bool:
    """Whether two arguments are x and −x."""
    if minus(a) is b or minus(b) is a:
        return True
    return a.op.name == b.op.name == "subtract" and a.operands == b.operands[::-1]


def _sum(terms: list[tuple[int, Expr]]) -> Expr:
    """A sum with what is added before what is taken away, so that it begins with no sign."""
    total: Expr | None = None
    for sign, value in sorted(terms, key=lambda term: -term[0]):
        if total is None:
            total = value if sign > 0 else -value
        else:
            total = total + value if sign > 0 else total - value
    assert total is not None
    return total


def _in_order(bag: Bag, root: Expr) -> Expr:
    """A product with its factors as they stood."""
    total = constant(1.0, root.dtype)
    for number, (factor, n) in enumerate(bag.elements()):
        total = total / factor if n < 0 else factor if number == 0 else total * factor
    return total


def _divided_early(bag: Bag) -> Expr:
    """A product that is divided as early as can be: (σ/p)·σ/p, since p² may underflow where σ/p is a number."""
    above = [factor for factor, n in bag.elements() if n > 0]
    below = [factor for factor, n in bag.elements() if n < 0]
    above.sort(key=lambda factor: factor.op.name != "sigmoid")
    total, *above = above
    while above or below:
        if below:
            total = total / below.pop(0)
        if above:
            total = total * above.pop(0)
    return total


RULES = (SharesInSums(),)

__all__ = ["RULES", "SharesInSums"]
