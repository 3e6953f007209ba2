"""Divergences: p log(p/q) − p + q, which vanishes with its derivative at p = q.

With z = (p − q)/(p + q) it is (p + q)(z·artanh z + artanh z − z), whose three terms are one series with positive coefficients.
x log x − x + 1, x − 1 − log x and (1 + x)log(1 + x) − x are of this kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.rewrite.facts import LOGARITHM, TermMarks
from graphc.rewrite.half_angle import economised, polynomial
from graphc.rewrite.linear import COMPOSED, Sums, Term, product, scaled, without
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges
from graphc.rewrite.real_form import RealForms
from graphc.rewrite.series import Series


def _rest_of_area_tangent(k: int) -> Fraction:
    return Fraction(1, 2 * k + 3)


DIVERGENCE = Series(_rest_of_area_tangent, 3, 0.34)
"""artanh z − z"""

Ratio = tuple[Expr, Expr | None]
"""(p, q) of the logarithm of p/q; (x, None) of log(1 + x)"""


def _ratio(node: Expr) -> Ratio | None:
    """What a logarithm, or a difference of two, is of."""
    if node.op.name == "where":  # what it became for the sake of overflow
        node = node.operands[1]
    if node.op.name == "log1p":
        return node.operands[0], None
    if node.op.name == "log":
        (inner,) = node.operands
        if inner.op.name == "divide":
            return inner.operands[0], inner.operands[1]
        return inner, constant(1.0, inner.dtype)
    if node.op.name == "subtract" and all(side.op.name == "log" for side in node.operands):
        return node.operands[0].operands[0], node.operands[1].operands[0]
    return None


_LOGARITHMS = frozenset(("log", "log1p", "where"))


@dataclass(frozen=True)
class Divergence:
    """p·log(p/q) − p + q, also x − 1 − log x and (1 + x)log(1 + x) − x, by a series in (p − q)/(p + q) where p is near q

    wide : further out as well, where derivatives of its quotients cancel
    """

    name: str = "divergence"
    kind: Kind = "stable"
    wide: bool = False
    needs: tuple[frozenset[str], ...] = (frozenset(("log", "log1p")),)
    examples: tuple[str, ...] = (
        "x*log(x) - x + 1", "x - 1 - log(x)", "(1 + x)*log1p(x) - x", "x - log1p(x)", "x*log(x/y) - x + y",
        "2*y + 2*x*log(x/y) - 2*x",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _LOGARITHMS.isdisjoint(operands) or not COMPOSED.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(TermMarks)[node] & LOGARITHM:
            return None
        terms = ranges.table(Sums)[node]
        if terms is None or not 2 <= len(terms) <= 4:
            return None
        for place, term in enumerate(terms):
            for factor in term.factors:
                found, rest = _ratio(factor), without(term.factors, [factor])
                if (
                    found is None
                    or rest is None
                    or any(part.dtype != node.dtype for part in found if part is not None)
                ):
                    continue
                others = [other for k, other in enumerate(terms) if k != place]
                return self._near(node, term, rest, found, others)
        return None

    def _near(
        self, node: Expr, term: Term, rest: list[Expr], ratio: Ratio, others: list[Term]
    ) -> Expr | None:
        """The series, where the other terms are what belongs to the one with the logarithm."""
        one = constant(1.0, node.dtype)
        p, q = (one + ratio[0], one) if ratio[1] is None else (ratio[0], ratio[1])
        a = product(rest)
        a = one if a is None else a
        for above, below, sign in ((p, q, 1), (q, p, -1)):
            # a is a multiple of `above`: a·log(above/below) − a + a·below/above
            other = a if below is above else a * below / above
            total = sign * term.coefficient
            expected = (other - a) * total
            if not _is_zero(_sum(others, expected)):
                continue
            step, both = above - below, above + below
            if ratio[1] is None:  # 1 + x is not rounded
                step, both = ratio[0] if sign > 0 else -ratio[0], 2 + ratio[0]
            z = step / both
            twice = constant(2.0, node.dtype) if above is one else 2 * above
            rest_of = (
                polynomial(economised(_rest_of_area_tangent, 0.36), z * z) if self.wide else DIVERGENCE.sum(z)
            )
            series = z * z * (1 + z * (twice / both) * rest_of)  # 1 + z is 2p/(p + q)
            size = both if a is above else a / above * both
            value = scaled(total, size * series)
            result = where((z > -0.5) & (z < 0.6) if self.wide else DIVERGENCE.near(z), value, node)
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _sum(terms: list[Term], less: Expr) -> Expr:
    total = -less
    for term in terms:
        total = total + term.node if term.sign > 0 else total - term.node
    return total


def _is_zero(node: Expr) -> bool:
    """Whether a formula is 0 over the reals."""
    return not RealForms().known(node)


RULES = (Divergence(),)

__all__ = ["RULES"]
