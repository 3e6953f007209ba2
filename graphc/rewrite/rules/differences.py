"""Differences whose value is known by form: of roots and of reciprocals.

√(x + 1) − √x is 1/(√x + √(x + 1)), because the difference of what stands under the roots is read off, not computed.
"""

from __future__ import annotations

import math
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import maximum, not_equal, where
from graphc.ops.elementary import sqrt
from graphc.ops.powers import square
from graphc.rewrite.engine.pattern import Kind, Match
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import factors_of, is_number, product, same, without
from graphc.util.records import dataclass


def difference(a: Expr, b: Expr) -> Expr | None:
    """a − b where it can be read off: one is the other and a term, or both are one term and a constant."""
    for x, y, sign in ((a, b, 1), (b, a, -1)):
        if x.op.name == "add":
            for kept, term in (x.operands, x.operands[::-1]):
                if kept is y:
                    return term if sign > 0 else _negated(term)
        if x.op.name == "subtract" and x.operands[0] is y:
            return _negated(x.operands[1]) if sign > 0 else x.operands[1]
    if a.op.name == b.op.name == "add":
        for kept, one in (a.operands, a.operands[::-1]):
            for other_kept, other in (b.operands, b.operands[::-1]):
                if kept is other_kept and is_number(one) and is_number(other):
                    step = Fraction(float(one.value)) - Fraction(float(other.value))
                    return constant(float(step), one.dtype) if Fraction(float(step)) == step else None
    if {a.op.name, b.op.name} == {"add", "subtract"} and a.operands == b.operands:
        step = a.operands[1]
        if step.is_constant and not step.shape:
            return constant(2 * step.value if a.op.name == "add" else -2 * step.value, step.dtype)
        known = _of_multiples(a, b)
        if known is not None:
            return known
        return 2 * a.operands[1] if a.op.name == "add" else -2 * a.operands[1]
    return _of_multiples(a, b)


def _of_multiples(a: Expr, b: Expr) -> Expr | None:
    """(k + c·x) − (k + d·x) as (c − d)·x, for numbers k, c and d."""
    one, other = _number_and_multiple(a), _number_and_multiple(b)
    if one is None or other is None or one[0] is not other[0] or not same(one[2], other[2]):
        return None
    term, size = product(one[2]), one[1] - other[1]
    return None if term is None or not size else constant(size, term.dtype) * term


def _number_and_multiple(node: Expr) -> tuple[Expr, float, tuple[Expr, ...]] | None:
    """(k, c, x) of k + c·x and k − c·x"""
    if node.op.name not in ("add", "subtract"):
        return None
    left, right = node.operands
    if node.op.name == "add" and right.is_constant:
        left, right = right, left
    if not left.is_constant or left.shape or right.is_constant:
        return None
    number, factors = factors_of(right)
    return left, number if node.op.name == "add" else -number, factors


def factored_difference(x: Expr, y: Expr) -> Expr:
    """x − y, with a factor that two products of one or two share, and their number, taken out: of inputs what is left is exact.

    A product of two over- or underflows where the difference does, or is no number; of more factors it may on the way.
    """
    (number, ours), (other, theirs) = factors_of(x), factors_of(y)
    if number == other and max(len(ours), len(theirs)) == 2:
        common = next((factor for factor in ours if any(factor is each for each in theirs)), None)
        if common is not None:
            left, right = (product(without(each, [common]) or ()) for each in (ours, theirs))
            one = constant(1.0, x.dtype)
            parts = (one if left is None else left, one if right is None else right)
            step = common * (parts[0] - parts[1] if number > 0 else parts[1] - parts[0])
            return step if abs(number) == 1 else constant(abs(number), x.dtype) * step
    return x - y


def is_leaf(x: Expr) -> bool:
    """Whether an operand is a number or a symbol, up to its sign: what is not rounded."""
    x = x.operands[0] if x.op.name == "negative" else x
    return x.is_symbol or (x.is_constant and not x.shape)


def _negated(term: Expr) -> Expr:
    """−term, a constant if the term is one."""
    return constant(-term.value, term.dtype) if term.is_constant and not term.shape else -term


def root_difference(m: Match) -> Expr | None:
    """√x − √y as (x − y)/(√x + √y)."""
    known = difference(m["x"], m["y"])
    if known is None:
        return None
    roots = sqrt(m["x"]) + sqrt(m["y"])
    quotient = known / roots
    return quotient if known.is_constant else where((roots > 0) & (roots < math.inf), quotient, m.root)


def reciprocal_difference(m: Match) -> Expr | None:
    """c/y − c/w as c(w − y)/(y·w)."""
    if m["x"] is not m["z"] or not m["x"].is_constant:
        return None
    y, w = m["y"], m["w"]
    known = difference(w, y)
    if known is None:
        return None
    by_larger = where(abs(y) < abs(w), known / w / y, known / y / w)  # so that it overflows with the value
    # where y + d overflows by itself, 1/y is what the difference comes to
    inside = maximum(abs(y), abs(w)) < math.inf
    if not known.is_constant:  # of zeros of two signs the difference is infinite
        inside = inside & not_equal(known, 0)
    return where(inside, m["x"] * by_larger, m.root)


@dataclass(frozen=True)
class RootBesideAbs:
    """c/√(x² + d) − c/|x| → −c·d/(√(x² + d) + |x|)/√(x² + d)/|x|, and √(x² + d) − |x| → d/(√(x² + d) + |x|)

    |x| is what the root of x² has become, which does not overflow where the other root does: their difference is written so
    that it does not matter.

    any_difference : whether d may be more than a number
    """

    name: str = "root-beside-abs"
    kind: Kind = "stable"
    any_difference: bool = True
    examples: tuple[str, ...] = (
        "sqrt(x*x + 3) - abs(x)", "abs(x) - sqrt(square(x) - y)", "2/sqrt(x*x + 3) - 2/abs(x)", "1/abs(x) - 1/sqrt(x*x + y)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands in (("sqrt", "abs"), ("abs", "sqrt"), ("divide", "divide"))

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        above: Expr | None = None
        if left.op.name == right.op.name == "divide":
            above = left.operands[0]
            if above is not right.operands[0] or not above.is_constant or above.shape:
                return None
            left, right = left.operands[1], right.operands[1]
        if {left.op.name, right.op.name} != {"sqrt", "abs"} or left.dtype != right.dtype:
            return None
        root, size = (left, right) if left.op.name == "sqrt" else (right, left)
        (x,) = size.operands
        known = difference(root.operands[0], x * x)
        known = difference(root.operands[0], square(x)) if known is None else known
        if known is None or known.dtype != node.dtype or not (self.any_difference or known.is_constant):
            return None
        both = root + size
        quotient = known / both if root is left else -(known / both)
        if above is not None:
            quotient = -(above * quotient) / root / size
        return quotient if known.is_constant else where((both > 0) & (both < math.inf), quotient, node)

    def __str__(self) -> str:
        return f"{self.name}: c/√(x² + d) − c/|x| → −c·d/(√(x² + d) + |x|)/√(x² + d)/|x|, also without c/ ({self.kind})"
