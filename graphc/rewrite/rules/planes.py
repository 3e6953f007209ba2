"""Angles in triangles and between vectors, and square roots of complex numbers, written with real ones.

The cosine of a small angle is near 1 and has lost half of its digits; the angle itself is known by its sine and cosine, or by the
sides of the triangle as Kahan adds them up. √((|z| + x)/2), the real part of √z, cancels where x is negative: there it is the
imaginary part of z by twice the other root.

Sources: Kahan, Miscalculating area and angles of a needle-like triangle (2014), § 10; How futile are mindless assessments of
roundoff (2006), § 12; Branch cuts for complex elementary functions (1987).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from graphc.ir.expr import Expr
from graphc.ops.comparison import maximum, minimum, where
from graphc.ops.elementary import atan, atan2, hypot, sqrt
from graphc.ops.exact_product import multiply_error
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import factors_of, is_number, terms_of
from graphc.util.records import dataclass

SMALL, LARGE = {8: 1e-70, 4: 1e-9}, {8: 1e70, 4: 1e9}
"""Products of products of numbers between these neither over- nor underflow, by the size of the type."""


@dataclass(frozen=True)
class AngleOfTriangle:
    """acos((a² + b² − c²)/(2ab)) → 2 atan √(((a − b) + c)·μ/((a + (b + c))·((a − c) + b))) for a ≥ b"""

    name: str = "angle-of-triangle"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "acos((x*x + y*y - z*z)/(2*x*y))",
        "acos((square(x) - z*z + square(y))/(2*(x*y)))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("acos",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if node.operands[0].op.name != "divide":
            return None
        above, below = node.operands[0].operands
        number, sides = factors_of(below)
        terms = terms_of(above)
        if number != 2 or len(sides) != 2 or sides[0] is sides[1] or terms is None or len(terms) != 3:
            return None
        squares: dict[Expr, float] = {}
        for term in terms:
            side = _square(term.factors)
            if side is None or side in squares:
                return None
            squares[side] = term.coefficient
        opposite = [side for side in squares if side not in sides]
        if len(opposite) != 1 or any(squares.get(side) != 1 for side in sides) or squares[opposite[0]] != -1:
            return None
        (c,) = opposite
        if not all(side.is_symbol and side.dtype == node.dtype for side in squares):
            return None
        a, b = maximum(*sides), minimum(*sides)
        rest = where(b >= c, c - (a - b), b - (a - c))
        value = 2 * atan(sqrt(((a - b) + c) / (a + (b + c)) * rest / ((a - c) + b)))
        return where((b > 0) & (c > 0), value, node)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _square(factors: Sequence[Expr]) -> Expr | None:
    """x of x², of the factors of a term."""
    if len(factors) == 2 and factors[0] is factors[1]:
        return factors[0]
    return factors[0].operands[0] if len(factors) == 1 and factors[0].op.name == "square" else None


@dataclass(frozen=True)
class AngleOfVectors:
    """acos(u·v/(|u|·|v|)) → atan2(|u × v|, u·v) for two or three components, the products of the sine with their errors"""

    name: str = "angle-of-vectors"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "acos((x*z + y*t)/(hypot(x, y)*hypot(z, t)))",
        "acos((x*t + y*u + z*v)/(hypot(hypot(x, y), z)*hypot(hypot(t, u), v)))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("acos",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if node.operands[0].op.name != "divide":
            return None
        dot, below = node.operands[0].operands
        number, norms = factors_of(below)
        terms = terms_of(dot)
        if number != 1 or len(norms) != 2 or terms is None or len(terms) not in (2, 3):
            return None
        u, v = (_sides(norm) for norm in norms)
        if not len(u) == len(v) == len(terms) or len({*u, *v}) != 2 * len(terms):
            return None
        if not all(side.is_symbol and side.dtype == node.dtype for side in (*u, *v)):
            return None
        partner: dict[Expr, Expr] = {}
        for term in terms:
            if term.coefficient != 1 or len(term.factors) != 2:
                return None
            one, other = term.factors if term.factors[0] in u else term.factors[::-1]
            partner[one] = other
        if set(partner) != set(u) or set(partner.values()) != set(v):
            return None
        v = [partner[side] for side in u]
        pairs = [(0, 1)] if len(u) == 2 else [(0, 1), (1, 2), (2, 0)]
        parts = [_determinant(u[i], u[j], v[i], v[j]) for i, j in pairs]
        sine = abs(parts[0]) if len(parts) == 1 else reduce(hypot, parts)
        least, most = SMALL[node.dtype.itemsize], LARGE[node.dtype.itemsize]
        sizes = [reduce(maximum, map(abs, vector)) for vector in (u, v)]
        inside = reduce(lambda p, q: p & q, [(size > least) & (size < most) for size in sizes])
        return where(inside, atan2(sine, dot), node)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _determinant(a: Expr, b: Expr, c: Expr, d: Expr) -> Expr:
    """ad − bc, with what rounding takes from both products."""
    return (a * d - b * c) + (multiply_error(a, d) - multiply_error(b, c))


def _norm(node: Expr) -> Expr:
    """A norm, which may stand beside what hands NaN on."""
    if node.op.name == "where" and node.operands[0].op.name == "isnan":
        return node.operands[2]
    return node


def _sides(node: Expr) -> list[Expr]:
    """x, y, … of hypot(hypot(x, y), …)"""
    node, found = _norm(node), list[Expr]()
    while node.op.name == "hypot":
        node, last = node.operands
        found.append(last)
    return [node, *found[::-1]]


@dataclass(frozen=True)
class ComplexRoot:
    """√(c·(|z| + x)) → √c·|y|/√(|z| − x) for x < 0, with z = x + iy: the real part of its square root"""

    name: str = "complex-root"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("sqrt((hypot(x, y) + x)*0.5)", "sqrt(x + hypot(y, x))")

    def roots(self) -> tuple[str, ...]:
        return ("sqrt",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands in (("add",), ("multiply",))

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        number = 1.0
        if inner.op.name == "multiply":
            inner, factor = inner.operands if is_number(inner.operands[1]) else inner.operands[::-1]
            number = float(factor.value) if is_number(factor) else 0.0
        if inner.op.name != "add" or number <= 0 or inner.dtype != node.dtype:
            return None
        for norm, x in (inner.operands, inner.operands[::-1]):
            if _norm(norm).op.name != "hypot" or x.is_constant:
                continue
            one, two = _norm(norm).operands
            if one is two or x not in (one, two):
                continue
            y = two if one is x else one
            if x.dtype != node.dtype or y.dtype != node.dtype:
                return None
            other = norm - x
            value = abs(y) / sqrt(other) if number == 1 else math.sqrt(number) * (abs(y) / sqrt(other))
            result = where((x < 0) & (other < math.inf), value, node)
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (AngleOfTriangle(), AngleOfVectors(), ComplexRoot())

__all__ = ["RULES"]
