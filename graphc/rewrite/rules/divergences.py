"""Divergences: p log(p/q) − p + q, which vanishes with its derivative at p = q.

With z = (p − q)/(p + q) it is (p + q)(z·artanh z + artanh z − z), whose three terms are one series with positive coefficients.
x log x − x + 1, x − 1 − log x and (1 + x)log(1 + x) − x are of this kind.
"""

from __future__ import annotations

from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import isfinite, where
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import LOGARITHM, TermMarks
from graphc.rewrite.forms.fingerprints import Fingerprints
from graphc.rewrite.forms.half_angle import economised, polynomial
from graphc.rewrite.forms.linear import COMPOSED, Sums, Term, product, scaled, without
from graphc.rewrite.forms.monomials import UNIT
from graphc.rewrite.forms.series import Series
from graphc.rewrite.rational.real_form import RealForms
from graphc.util.records import dataclass


def rest_of_area_tangent(k: int) -> Fraction:
    return Fraction(1, 2 * k + 3)


DIVERGENCE = Series(rest_of_area_tangent, 3, 0.34)
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
                return self._near(node, term, rest, found, others, ranges)
        return None

    def _near(
        self, node: Expr, term: Term, rest: list[Expr], ratio: Ratio, others: list[Term], ranges: Ranges
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
            if not _is_zero(_sum(others, expected), ranges):
                continue
            step, both = above - below, above + below
            if ratio[1] is None:  # 1 + x is not rounded
                step, both = ratio[0] if sign > 0 else -ratio[0], 2 + ratio[0]
            z = step / both
            twice = constant(2.0, node.dtype) if above is one else 2 * above
            rest_of = (
                polynomial(economised(rest_of_area_tangent, 0.36), z * z) if self.wide else DIVERGENCE.sum(z)
            )
            series = z * z * (1 + z * (twice / both) * rest_of)  # 1 + z is 2p/(p + q)
            size = both if a is above else a / above * both
            value = scaled(total, size * series)
            near = (z > -0.5) & (z < 0.6) if self.wide else DIVERGENCE.near(z)
            if a is above:  # of an infinite sum z is 0, and the value NaN; a/p·∞ is so for larger a alone
                near = near & isfinite(both)
            result = where(near, value, node)
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _sum(terms: list[Term], less: Expr) -> Expr:
    total = -less
    for term in terms:
        total = total + term.node if term.sign > 0 else total - term.node
    return total


def _is_zero(total: Expr, ranges: Ranges) -> bool:
    """Whether a sum is 0 over the reals."""
    return not ranges.table(Fingerprints).differs_from_0(total) and not RealForms().known(total)


MOST_LOGARITHMS = 4


@dataclass(frozen=True)
class Divergences:
    """p·log(p/q) + (1 − p)·log((1 − p)/(1 − q)) and other sums of p·log(p/q) whose p and q have the same sum, term by term as
    p·log(p/q) − p + q, none of which cancels with another

    wide : as for `Divergence`
    """

    name: str = "divergences"
    kind: Kind = "stable"
    wide: bool = False
    needs: tuple[frozenset[str], ...] = (frozenset(("log", "log1p")),)
    examples: tuple[str, ...] = (
        "x*log(x/y) + (1 - x)*log((1 - x)/(1 - y))", "x*log(2*x/(x + y)) + y*log(2*y/(x + y))",
        "2*x*log(x/y) + 2*z*log(z/x) + 2*y - 2*z",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not COMPOSED.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(TermMarks)[node] & LOGARITHM:
            return None
        terms = ranges.table(Sums)[node]
        if terms is None or not len(terms) >= 2:
            return None
        found: list[tuple[Term, Expr, Expr]] = []
        others: list[Term] = []
        for term in terms:
            ratio = _with_ratio(term, node)
            if ratio is None:
                others.append(term)
            else:
                found.append((term, *ratio))
        if not 2 <= len(found) <= MOST_LOGARITHMS or len({term.coefficient > 0 for term, _, _ in found}) > 1:
            return None
        forms = RealForms()
        parts: list[tuple[Expr, Expr, Expr]] = []
        less: Expr | None = None
        for term, p, q in found:
            part = _one_of_many(term, p, q, forms, ranges, self.wide)
            if part is None:
                return None
            parts.append(part)
            less = part[1] if less is None else less + part[1]
        assert less is not None
        rest = _sum(others, less)
        if ranges.table(Fingerprints).differs_from_0(rest) or forms.known(rest):
            return None
        near: Expr | None = None
        total: Expr | None = None
        for (condition, expected, series), (term, _, _) in zip(parts, found, strict=True):
            beyond = (term.node if term.sign > 0 else -term.node) + expected
            value = where(condition, series, beyond)
            near = condition if near is None else near | condition
            total = value if total is None else total + value
        assert near is not None and total is not None
        result = where(near, total, node)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"


def _with_ratio(term: Term, node: Expr) -> tuple[Expr, Expr] | None:
    """(p, q) where a term is a multiple of p·log(p/q)."""
    for factor in term.factors:
        if factor.op.name != "log" or factor.operands[0].op.name != "divide":
            continue
        p, q = factor.operands[0].operands
        if p.dtype == q.dtype == node.dtype and without(term.factors, [factor]):
            return p, q
    return None


def _one_of_many(
    term: Term, p: Expr, q: Expr, forms: RealForms, ranges: Ranges, wide: bool
) -> tuple[Expr, Expr, Expr] | None:
    """Where p is near q, what is added to a·log(p/q), and the sum of both there; None where a is no multiple of p."""
    logarithm = next(factor for factor in term.factors if factor.op.name == "log")
    a = product(without(term.factors, [logarithm]) or [])
    if a is None:
        return None
    if ranges.table(Fingerprints).varies(a / p):
        return None
    multiple = forms.known(a / p)
    if set(multiple) != {UNIT}:
        return None
    number = float(multiple[UNIT][0])
    step = forms.known(p - q)
    if not step:
        return None
    z, both = forms.best(step) / (p + q), p + q
    rest = polynomial(economised(rest_of_area_tangent, 0.36), z * z) if wide else DIVERGENCE.sum(z)
    series = z * z * (1 + z * (2 * p / both) * rest)
    value = scaled(term.coefficient * number, both * series)
    expected = constant(-term.coefficient * number, term.node.dtype) * forms.best(step)
    return (z > -0.5) & (z < 0.6) if wide else DIVERGENCE.near(z), expected, value


RULES = (Divergence(), Divergences())

__all__ = ["RULES"]
