"""What the second derivative of a norm cancels to."""

from __future__ import annotations

import math

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.powers import square
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import HYPOT, FactorMarks
from graphc.rewrite.rules.factors import MOST_FACTORS, all_factors_of
from graphc.util.records import dataclass

_IN_NORMS = frozenset(("multiply", "divide", "negative", "hypot"))


@dataclass(frozen=True)
class NormRest:
    """u/r − u·x²/r³ → (u/r)·(y/r)² with r = hypot(x, y): what the second derivative of a norm cancels to"""

    name: str = "norm-rest"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("1/hypot(x, y) - x/hypot(x, y)/hypot(x, y)*(x/hypot(x, y))",)

    def roots(self) -> tuple[str, ...]:
        return ("subtract", "add")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return _IN_NORMS.issuperset(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        marks = ranges.table(FactorMarks)
        if not (marks[left] & marks[right] & HYPOT) or not (_holds_norm(left) and _holds_norm(right)):
            return None
        number_left, one = _numbered_factors(left)
        number_right, other = _numbered_factors(right)
        number_right = number_right if node.op.name == "add" else -number_right
        if number_left != -number_right or len(one) > MOST_FACTORS or len(other) > MOST_FACTORS:
            return None
        for u, v, sign in ((one, other, number_left), (other, one, number_right)):
            more = list(v)
            for pair in u:
                if pair not in more:
                    break
                more.remove(pair)
            else:
                rest = _complement(more)
                if rest is not None:
                    whole = left if u is one else right
                    whole = whole.operands[0] if whole.op.name == "negative" else whole
                    if _numbered_factors(whole)[0] < 0:
                        return None
                    result = whole * rest
                    result = result if sign > 0 else -result
                    return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _complement(more: list[tuple[Expr, int]]) -> Expr | None:
    """(y/r)² where some factors are x²/r² with r = hypot(x, y)."""
    if len(more) != 4:
        return None
    below = [factor for factor, exponent in more if exponent < 0]
    above = [factor for factor, exponent in more if exponent > 0]
    if len(below) != 2 or below[0] is not below[1] or above[0] is not above[1] or below[0].op.name != "hypot":
        return None
    r, x = below[0], above[0]
    for side, other in (r.operands, r.operands[::-1]):
        if side is x:
            return square(where(r < math.inf, other / r, 0))
    return None


def _holds_norm(node: Expr) -> bool:
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        if factor.op.name == "hypot":
            return True
        if factor.op.name in ("multiply", "divide", "negative"):
            pending += factor.operands
    return False


def _numbered_factors(node: Expr) -> tuple[float, list[tuple[Expr, int]]]:
    """The numbers among the factors of a product as one, and the others; x/r is one also where it is 0 at the tip of a norm."""
    number, found = 1.0, []
    pending = list(all_factors_of(node))
    for factor, exponent in pending:
        if factor.is_constant and not factor.shape and factor.value:
            number = number * float(factor.value) if exponent > 0 else number / float(factor.value)
        elif exponent > 0 and (quotient := _at_tip(factor)) is not None:
            found += [(quotient.operands[0], 1), (quotient.operands[1], -1)]
        else:
            found.append((factor, exponent))
    return number, found


def _at_tip(node: Expr) -> Expr | None:
    """x/r of where(r == 0, 0, x/r) with r = hypot(x, y)."""
    if node.op.name != "where" or node.operands[2].op.name != "divide":
        return None
    condition, _, quotient = node.operands
    of_tip = condition.op.name == "equal" and condition.operands[0] is quotient.operands[1]
    return quotient if of_tip and quotient.operands[1].op.name == "hypot" else None


RULES = (NormRest(),)

__all__ = ["RULES"]
