"""Sums of fractions c/(x + d) whose leading parts cancel, brought to one fraction.

1/(x + 1) − 2/x + 1/(x − 1) is 2/((x + 1)·x·(x − 1)): over a common denominator the numerator is a polynomial whose
coefficients are found in exact arithmetic, and what cancels is gone before anything is rounded.
"""

from __future__ import annotations

import math
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass

MOST_TERMS = 6

Term = tuple[Fraction, Expr, Fraction, Expr]
"""(c, x, d, the denominator as it stands) of c/(x + d)"""


_FRACTIONS = frozenset(("add", "subtract", "negative", "divide", "reciprocal"))


def _value(node: Expr) -> Fraction | None:
    """A constant as the number it stands for."""
    if not node.is_constant or node.shape or node.dtype.kind != "f" or not math.isfinite(node.value):
        return None
    return Fraction(float(node.value))


def _shifted(node: Expr) -> tuple[Expr, Fraction]:
    """(x, d) of x + d."""
    if node.op.name in ("add", "subtract"):
        left, right = node.operands
        d = _value(right)
        if d is not None:
            return left, d if node.op.name == "add" else -d
        d = _value(left)
        if d is not None and node.op.name == "add":
            return right, d
    return node, Fraction(0)


def _terms(node: Expr) -> list[Term] | None:
    """The terms of a sum of fractions with constant numerators; None for anything else."""
    found: list[Term] = []
    pending = [(node, 1)]
    while pending:
        term, sign = pending.pop()
        name = term.op.name
        if name in ("add", "subtract"):
            left, right = term.operands
            pending += [(right, -sign if name == "subtract" else sign), (left, sign)]
        elif name == "negative":
            pending.append((term.operands[0], -sign))
        elif name in ("divide", "reciprocal"):
            above = Fraction(1) if name == "reciprocal" else _value(term.operands[0])
            if above is None:
                return None
            below = term.operands[-1]
            found.append((sign * above, *_shifted(below), below))
        else:
            return None
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found


def _numerator(terms: list[Term]) -> list[Fraction]:
    """Σ cᵢ ∏_{j≠i} (x + dⱼ), its coefficients from the constant one up."""
    total = [Fraction(0)] * len(terms)
    for number, (c, *_) in enumerate(terms):
        product = [c]
        for other, (_, _, d, _) in enumerate(terms):
            if other != number:
                product = [
                    (d * product[k] if k < len(product) else 0) + (product[k - 1] if k else 0)
                    for k in range(len(product) + 1)
                ]
        total = [one + more for one, more in zip(total, product, strict=True)]
    return total


@dataclass(frozen=True)
class PartialFractions:
    """c₁/(x + d₁) + c₂/(x + d₂) + … → c/(x + d₁)/(x + d₂)/…, where nothing but c remains above"""

    name: str = "partial-fractions"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "1/(x + 1) - 1/x",
        "1/(x + 1) - 2/x + 1/(x - 1)",
        "3/(x - 2) + 1/x - 4/(x + 1)",
    )

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return _FRACTIONS.issuperset(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if node.dtype.kind != "f" or node.shape:
            return None
        terms = _terms(node)
        if terms is None or len(terms) < 2:
            return None
        x = terms[0][1]
        if any(term[1] is not x or term[3].dtype != node.dtype for term in terms) or x.is_constant:
            return None
        if sum(term[0] for term in terms) or len({term[2] for term in terms}) < len(terms):
            return None
        last, *others = _numerator(terms)
        if any(others) or not last or Fraction(float(last)) != last:
            return None  # a numerator in x would be ∞ beside the denominators, a rounded one an error of the formula
        result = constant(float(last), node.dtype)
        # one by one: the product of the denominators may overflow where the value does not; by x itself last, which may be tiny
        for term in sorted(terms, key=lambda term: not term[2]):
            result = result / term[3]
        return result

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (PartialFractions(),)
