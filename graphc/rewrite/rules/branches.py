"""Branches inside of branches: what a condition decides is decided once.

Derivatives guard what they compute for a branch by its condition, each partial by itself: of
`where(p, u, v)` many conditions p stand inside of each other. Where p holds, a `where(p, a, 0)` below is a; two with one
condition side by side are one. What is left is shorter, and factors that cancel meet each other.
"""

from __future__ import annotations

from graphc.ir.expr import Expr, rebuild
from graphc.ops.comparison import where
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.promotion import EVERYTHING
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import GuardMarks, is_number
from graphc.rewrite.forms.thresholds import constant_truth, implied, polar, shorter
from graphc.util.records import dataclass

LOOK = 60
"""Nodes below a branch that are looked at."""


@dataclass(frozen=True)
class _BranchRule:
    name: str
    examples: tuple[str, ...] = ()
    kind: Kind = "exact"
    over: str = EVERYTHING

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


class NestedBranch(_BranchRule):
    """where(p, f(where(p, x, 0)), y) → where(p, f(x), y), and f(0) where p does not hold; known conditions are left out"""

    def roots(self) -> tuple[str, ...]:
        return ("where",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        condition, x, y = node.operands
        known = decided(condition, ranges)
        if known is not None:
            chosen = x if known else y
            return chosen if chosen.shape == node.shape and chosen.dtype == node.dtype else None
        base, positive = polar(condition)
        marks, own = ranges.table(GuardMarks), GuardMarks.bit(base)
        inside = _assuming(x, base, positive) if marks[x] & own else x
        outside = _assuming(y, base, not positive) if marks[y] & own else y
        if inside is x and outside is y:
            return None
        result = where(condition, inside, outside)
        return result if result.shape == node.shape and result.dtype == node.dtype else None


def decided(condition: Expr, ranges: Ranges) -> bool | None:
    """Whether a condition holds, where ranges tell."""
    base, positive = polar(condition)
    if base.is_constant and not base.shape and base.dtype.kind == "b":
        return bool(base.value) == positive
    if base.op.name in ("logical_and", "logical_or"):
        always = constant_truth(base)
        return None if always is None else always == positive
    if base.op.name not in ("equal", "not_equal") or base.operands[0].dtype.kind != "f":
        return None
    x, y = base.operands
    if not y.is_constant or y.shape or x.is_constant:
        return None
    found, value = ranges(x), float(y.value)
    if found.lo <= value <= found.hi:
        return None
    return (base.op.name == "not_equal") == positive  # NaN is equal to nothing


def _assuming(branch: Expr, condition: Expr, holds: bool) -> Expr:
    """A branch as it is where a condition holds, or where it does not: operations element by element alone are looked through."""
    order: list[Expr] = []
    seen: set[Expr] = set()
    pending = [branch]
    found = False
    while pending and len(seen) < LOOK:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        found = found or _chosen(node, condition, holds) is not None
        if not node.op.on_arrays:
            pending += node.operands
    if not found:
        return branch
    known: dict[Expr, Expr] = {}
    stack = [branch]
    while stack:
        node = stack[-1]
        if node in known:
            stack.pop()
            continue
        if node not in seen or node.op.on_arrays or not node.operands:
            known[node] = node
            continue
        chosen = _chosen(node, condition, holds)
        if chosen is not None:
            if chosen in known:
                known[node] = known[chosen]
            else:
                stack.append(chosen)
            continue
        waiting = [operand for operand in node.operands if operand not in known]
        if waiting:
            stack += waiting
            continue
        operands = tuple([known[operand] for operand in node.operands])
        known[node] = rebuild(node, operands) if operands != node.operands else node
    return known[branch]


def _chosen(node: Expr, condition: Expr, holds: bool) -> Expr | None:
    """The side of a branch that is taken where a condition holds, or where it does not; None where that is not known, and of a
    branch without a number on one side. Others may keep on one side what a rule has replaced by them, which out of its branch
    would be replaced again."""
    if node.op.name != "where":
        return None
    own, x, y = node.operands
    if not (is_number(x) or is_number(y)) or not (x.dtype == y.dtype == node.dtype):
        return None
    base, positive = polar(own)
    taken = holds if base is condition else implied(base, condition, holds)
    return None if taken is None else x if taken == positive else y


class BranchesTogether(_BranchRule):
    """where(p, x, c) + where(p, y, z) → where(p, x + y, c + z) for a number c, and for −; for · where z is one as well"""

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract", "multiply")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("where", "where")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if left.op.name != "where" or right.op.name != "where":
            return None
        (p, one), (q, other) = polar(left.operands[0]), polar(right.operands[0])
        if p is not q or any(part.dtype != node.dtype for part in (left, right)):
            return None
        a, b = left.operands[1:]
        c, d = right.operands[1:] if one == other else right.operands[:0:-1]
        if node.op.name == "multiply":
            if not (is_number(b) and is_number(d)) and not (is_number(a) and is_number(c)):
                return None
        elif not any(map(is_number, (a, b, c, d))):
            return None
        if any(part.dtype != node.dtype for part in (a, b, c, d)):
            return None
        result = where(left.operands[0], rebuild(node, (a, c)), rebuild(node, (b, d)))
        return result if result.shape == node.shape else None


class ShorterCondition(_BranchRule):
    """p & (p | q), ~p | p & q and their kind → p, where all compare one quantity with numbers and one says what all do"""

    def roots(self) -> tuple[str, ...]:
        return ("logical_and", "logical_or")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return shorter(node)


RULES = (
    NestedBranch(
        "nested-branch",
        ("where(x > 0, exp(where(x > 0, x, 0)), y)", "where(x > 0, y, 1 + where(~(x > 0), x, 0))"),
    ),
    BranchesTogether(
        "branches-together",
        ("where(x > 0, x, 0) + where(x > 0, y, 0)", "where(x > 0, x, 0)*where(x > 0, y, 1)",
         "where(x > 0, x, 0) - where(~(x > 0), y, 0)", "where(x > 0, x, 0) + where(~(x > 0), y, exp(x))"),
    ),
    ShorterCondition("shorter-condition", ("(x < 1) & (x < 2)", "~(x < 1) | (x < 1) & ~(x < 2)")),
)  # fmt: skip

__all__ = ["RULES"]
