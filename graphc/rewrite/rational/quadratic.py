"""The roots of quadratic equations: (−b ± √(b² − P))/Q without cancellation or overflow.

With D = √(b² − P) and M = (|b| + D)/2 the root whose signs agree is ±2M/Q, and the other, whose difference cancels, is
±(P/Q)/(2M), because (|b| + D)(|b| − D) = P. When Q divides P (4ac by 2a) their quotient is formed by name, not by
value. Where b² or P is out of range, D is √(|b| − s)·√(|b| + s) for P = s² and hypot(b, s) for P = −s², with s the product
of the roots of P's factors: no square is formed that could overflow.
"""

from __future__ import annotations

import math
from functools import reduce

from graphc.ir.expr import Expr, constant
from graphc.ir.types import FLOAT32
from graphc.ops.comparison import equal, isnan, maximum, not_equal, where
from graphc.ops.elementary import hypot, sqrt
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass

MOST_FACTORS = 4


def _product(node: Expr) -> tuple[float, list[Expr]] | None:
    """(coefficient, other factors) of a product; None for one too long."""
    coefficient, factors = 1.0, []
    pending = [node]
    while pending:
        factor = pending.pop()
        if factor.op.name == "multiply":
            pending += (factor.operands[1], factor.operands[0])
        elif factor.op.name == "negative":
            coefficient = -coefficient
            pending.append(factor.operands[0])
        elif factor.is_constant and not factor.shape and factor.dtype.kind == "f":
            coefficient *= float(factor.value)
        else:
            factors.append(factor)
        if len(factors) + len(pending) > MOST_FACTORS:
            return None
    return (coefficient, factors) if coefficient and math.isfinite(coefficient) else None


def _square_of(node: Expr) -> Expr | None:
    """b in b·b."""
    if node.op.name == "square":
        return node.operands[0]
    same = node.op.name == "multiply" and node.operands[0] is node.operands[1]
    return node.operands[0] if same else None


def _signed(node: Expr) -> tuple[Expr, int]:
    return (node.operands[0], -1) if node.op.name == "negative" else (node, 1)


def _numerator(node: Expr) -> tuple[Expr, int, Expr, int] | None:
    """(b, its sign, √(b² − P), its sign) of ±b ± √(b² − P)."""
    node, outer = _signed(node)
    if node.op.name not in ("add", "subtract"):
        return None
    (left, one), (right, other) = map(_signed, node.operands)
    if node.op.name == "subtract":
        other = -other
    for (root, of_root), (b, of_b) in (((left, one), (right, other)), ((right, other), (left, one))):
        if root.op.name != "sqrt" or root.operands[0].op.name != "subtract":
            continue
        if _square_of(root.operands[0].operands[0]) is b:
            return b, outer * of_b, root, outer * of_root
    return None


@dataclass(frozen=True)
class QuadraticRoot:
    """(−b ± √(b² − P))/Q → 2M/Q or (P/Q)/(2M) by the sign of b, with M = (|b| + √(b² − P))/2"""

    name: str = "quadratic-root"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(-b + sqrt(b*b - 4*a*c))/(2*a)",
        "(-b - sqrt(b*b - 4*a*c))/(2*a)",
        "(b - sqrt(b*b - a*c))/a",
        "(sqrt(square(b) - 3*q) + b)/2",
    )

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if node.dtype.kind != "f" or node.shape:
            return None
        found = _numerator(node.operands[0])
        if found is None:
            return None
        b, of_b, root, of_root = found
        above, below = _product(root.operands[0].operands[1]), _product(node.operands[1])
        if above is None or below is None or not above[1]:
            return None
        rest = list(above[1])
        for factor in below[1]:
            if factor not in rest:
                return None  # P/Q is not known by form
            rest.remove(factor)
        positive = of_b * of_root > 0
        # |b| by its sign in either branch: that of a 0 has a derivative there, which |b| has not
        size, discriminant = 0.5 * b if positive else -0.5 * b, 0.5 * _discriminant_root(root, b, *above)
        agreeing = reduce(
            lambda value, factor: value / factor, below[1], (discriminant + size) * (2 / below[0])
        )
        quotient = reduce(lambda value, factor: value * factor, rest[1:], rest[0] if rest else 1)
        opposing = -(above[0] / (2 * below[0])) * quotient / (discriminant - size)
        for factor in below[1]:  # the difference of equal roots over 0 stays NaN
            opposing = where(not_equal(factor, 0), opposing, math.nan)
        agree = b >= 0 if positive else b <= 0
        # an infinite P decides alone, and beside it (P/Q)/(2M) would be ∞/∞
        result = where(agree | (equal(discriminant, math.inf) & (abs(b) < math.inf)), agreeing, opposing)
        return result if of_root > 0 else -result

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _discriminant_root(root: Expr, b: Expr, coefficient: float, factors: list[Expr]) -> Expr:
    """√(b² − coefficient·∏ factors): the root as it stands where the larger square neither over- nor underflows."""
    s = constant(math.sqrt(abs(coefficient)), b.dtype)
    for factor in factors:
        s = s * sqrt(abs(factor))
    negative = reduce(lambda sign, factor: sign ^ factor, [factor < 0 for factor in factors])
    if coefficient < 0:
        negative = ~negative
    size = abs(b)
    real = sqrt(size - s) * sqrt(size + s)
    # hypot(∞, NaN) is ∞, and the NaN of an operand must not be lost
    scaled = where(negative, where(isnan(s), s, hypot(b, s)), real)
    larger = maximum(size, s)
    bound = 2.0**60 if b.dtype == FLOAT32 else 2.0**480
    return where((larger > 1 / bound) & (larger < bound), root, scaled)


RULES = (QuadraticRoot(),)
