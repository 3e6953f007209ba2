"""Products of many arrays in the order of fewest multiplications.

A @ B @ x as Python reads it is (A B) x: a product of matrices where two of a matrix and a vector will do. The order is
chosen over the whole graph, once, after the normal form: a product that something else uses as well is computed anyway, so it
stays whole.
Named lengths count as `contraction_order.NOMINAL`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from graphc.ir.expr import Expr, apply, on_this_line, rebuild, walk
from graphc.ops.einsum import EINSUM, lengths_of, parts
from graphc.ops.support.contraction_order import in_pairs, nominal
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

LONGEST = 64
"""Factors of a chain whose order is looked for: the search takes the cube of their number."""

Counts: TypeAlias = "Counter[Expr] | None"
"""How often each node is used; None where only the formula itself is known, whose inner nodes are used once."""


@dataclass(frozen=True)
class Chain:
    """(A @ B) @ C → A @ (B @ C), or the other way round, whichever multiplies fewer numbers"""

    name: str = "matrix-chain"
    kind: Kind = "stable"
    function: str = "matmul"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return self.reordered(node, None)

    def reordered(self, root: Expr, uses: Counts) -> Expr | None:
        """The chain below a product in its best order; None where it stands in it."""
        if root.op.name != self.function or root.dtype.kind != "f":
            return None
        factors = _factors(root, uses)
        if not 2 < len(factors) <= LONGEST or any(factor.dtype != root.dtype for factor in factors):
            return None
        lengths = _lengths(factors)
        best, order = _best(lengths)
        return _product(factors, order) if best < _cost_as_written(root, set(factors)) else None

    def inner(self, root: Expr, uses: Counts) -> list[Expr]:
        """The products inside a chain, which have no order of their own."""
        return [node for node in _chain(root, uses) if node is not root]

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class Pairs:
    """einsum of three operands or more → einsums of two, in the order of fewest multiplications"""

    name: str = "einsum-in-pairs"
    kind: Kind = "stable"
    function: str = "einsum"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return self.reordered(node, None)

    def reordered(self, root: Expr, uses: Counts) -> Expr | None:
        """The contraction as products of two."""
        if root.op is not EINSUM or len(root.operands) < 3 or root.dtype.kind != "f":
            return None
        if any(operand.dtype != root.dtype for operand in root.operands):
            return None  # a product of two integers would wrap around
        terms, output = parts(root.attrs[0])
        left = list(root.operands)
        for step in in_pairs(terms, output, lengths_of(terms, root.operands)):
            second, first = left.pop(step.right), left.pop(step.left)
            left.append(apply(EINSUM, first, second, attrs=(step.subscripts,)))
        # an operand of another type, or an axis of length 1, may have been summed away alone
        return left[0] if left[0].shape == root.shape and left[0].dtype == root.dtype else None

    def may_concern(self, node: Expr) -> bool:
        """Whether it is of three operands or more."""
        return len(node.operands) > 2

    def inner(self, root: Expr, uses: Counts) -> list[Expr]:
        return []

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (Chain(), Pairs())


@paused()
def reorder(
    outputs: Iterable[Expr], rules: Sequence[Chain | Pairs]
) -> tuple[list[tuple[Chain | Pairs, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with their products in the best order, and what was replaced: (rule, before, after)."""
    outputs = tuple(outputs)
    order = walk(outputs)
    uses = Counter(outputs)
    for node in order:
        uses.update(node.operands)
    by_root = {rule.function: rule for rule in rules}
    steps: list[tuple[Chain | Pairs, Expr, Expr]] = []
    inside: set[Expr] = set()
    target: dict[Expr, Expr] = {}
    with on_this_line():
        for node in reversed(order):
            rule = by_root.get(node.op.name)
            if rule is None or node in inside:
                continue
            inside.update(rule.inner(node, uses))
            after = rule.reordered(node, uses)
            if after is not None:
                target[node] = after
                steps.append((rule, node, after))
        made: dict[Expr, Expr] = {}
        stack = list(reversed(outputs))
        while stack:  # as `walk`, through what is replaced into what replaces it
            node = stack[-1]
            after = target.get(node)
            below = node.operands if after is None else (after,)
            waiting = [operand for operand in below if operand not in made]
            if node not in made and waiting:
                stack += reversed(waiting)
                continue
            stack.pop()
            if node in made:
                continue
            operands = tuple([made[operand] for operand in below])
            made[node] = operands[0] if after is not None else _again(node, operands)
    return steps, tuple(made[output] for output in outputs)


def _again(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    return rebuild(node, operands) if operands != node.operands else node


# --- one chain ---------------------------------------------------------------------------------------------------------------


def _is_inner(operand: Expr, place: int, dtype: object, uses: Counts) -> bool:
    """Whether an operand of a product is a product that may be taken apart: (a b) c is a (b c) for matrices, and for vectors at
    the ends alone."""
    if operand.op.name != "matmul" or operand.dtype != dtype or (uses is not None and uses[operand] > 1):
        return False
    left, right = operand.operands
    if place == 0:
        return right.ndim == 2 and left.ndim >= 1
    return left.ndim == 2 and 1 <= right.ndim <= 2


def _walked(root: Expr, uses: Counts) -> tuple[list[Expr], list[Expr]]:
    """(the products of a chain, its factors from left to right)"""
    products: list[Expr] = []
    factors: list[Expr] = []
    pending: list[tuple[Expr, bool]] = [(root, True)]
    while pending:
        node, inner = pending.pop()
        if not inner:
            factors.append(node)
            continue
        products.append(node)
        left, right = node.operands
        # a stack of matrices may stand first, each row of which goes through the chain
        inside = [
            _is_inner(operand, place, root.dtype, uses) and (place or right.ndim <= 2)
            for place, operand in enumerate(node.operands)
        ]
        pending += [(right, bool(inside[1])), (left, bool(inside[0]))]
    return products, factors


def _chain(root: Expr, uses: Counts) -> list[Expr]:
    return _walked(root, uses)[0]


def _factors(root: Expr, uses: Counts) -> list[Expr]:
    return _walked(root, uses)[1]


def _rows(factor: Expr) -> int:
    return math.prod(map(nominal, factor.shape[:-1]))


def _lengths(factors: list[Expr]) -> list[int]:
    """d₀, d₁, … where factor i is dᵢ × dᵢ₊₁; a vector is a matrix of one row or column."""
    lengths = [_rows(factors[0])]
    for factor in factors[:-1]:
        lengths.append(nominal(factor.shape[-1]))
    last = factors[-1]
    return [*lengths, 1 if last.ndim == 1 else nominal(last.shape[-1])]


def _best(lengths: list[int]) -> tuple[int, dict[tuple[int, int], int]]:
    """The fewest multiplications, and for each part of the chain where it is cut (Cormen et al., Introduction to Algorithms,
    section 15.2)."""
    count = len(lengths) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for span in range(1, count):
        for i in range(count - span):
            j = i + span
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            )
    return cost[0, count - 1], cut


def _cost_as_written(root: Expr, factors: set[Expr]) -> int:
    total, pending = 0, [root]
    while pending:
        node = pending.pop()
        left, right = node.operands
        total += _rows(left) * nominal(left.shape[-1]) * (1 if right.ndim == 1 else nominal(right.shape[-1]))
        pending += [operand for operand in node.operands if operand not in factors]
    return total


def _product(factors: list[Expr], cut: dict[tuple[int, int], int]) -> Expr:
    """The product of the factors, cut as is best; recursion is bounded by `LONGEST`."""

    def product(i: int, j: int) -> Expr:
        return factors[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    return product(0, len(factors) - 1)


__all__ = ["RULES", "Chain", "Pairs", "reorder"]
