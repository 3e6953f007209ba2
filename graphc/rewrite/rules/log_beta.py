"""Logarithms of the beta function and of binomial coefficients, written as three of gamma functions.

log Γ(a) + log Γ(b) − log Γ(a + b) loses as many digits as the largest of the three has before the point: seven at a = 10⁶, and
its slopes are differences of ψ at close arguments. The beta function's own logarithm and its slopes keep them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from graphc.ir.expr import Expr
from graphc.ops.beta import betaln
from graphc.ops.comparison import where
from graphc.ops.elementary import log
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums, Term, product, same, scaled, terms_of, total, without
from graphc.util.records import dataclass

Linear = dict[frozenset[tuple[Expr, int]], Fraction]
"""Products of factors with their exponents → exact coefficient; the number has none."""

APART = (0, 1, -1)
"""What the arguments of the first two may be more than that of the third."""


@dataclass(frozen=True)
class _GammaTerm:
    """coefficient·log Γ(argument)·∏ others"""

    coefficient: float
    argument: Expr
    others: list[Expr]
    term: Term


@dataclass(frozen=True)
class LogBeta:
    """log Γ(a) + log Γ(b) − log Γ(a + b) → betaln(a, b), and log Γ(n + 1) − log Γ(k + 1) − log Γ(n − k + 1) by it"""

    name: str = "log-beta"
    kind: Kind = "stable"
    wide: bool = False
    """Everywhere, for what derivatives are written from."""
    needs: tuple[frozenset[str], ...] = (frozenset(("lgamma",)),)
    examples: tuple[str, ...] = (
        "lgamma(x) + lgamma(y) - lgamma(x + y)", "lgamma(x + 1) - lgamma(y + 1) - lgamma(x - y + 1)",
        "z - lgamma(x) + lgamma(x + y) - lgamma(y + 1)", "z*lgamma(x + y + 1) - (lgamma(x) + lgamma(y))*z",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        terms = ranges.table(Sums)[node]
        if terms is None or len(terms) < 3:
            return None
        gammas = [part for term in terms for part in _gamma_terms(term, node)]
        for p, q, t in _triples(gammas):
            apart = _apart(p.argument, q.argument, t.argument)
            if apart not in APART:
                continue
            value = betaln(p.argument, q.argument)
            if apart == 1:
                value = value + log(abs(t.argument))
            elif apart == -1:
                value = value - log(abs(p.argument + q.argument))
            scale = product(p.others)
            value = scaled(p.coefficient, value if scale is None else scale * value)
            rest = [
                term for term in terms if term is not p.term and term is not q.term and term is not t.term
            ]
            beside = total(rest) if rest else None
            inside = (p.argument > 0) & (q.argument > 0)  # beside the poles a sum of arguments is rounded
            result = value if beside is None else beside + value
            result = result if self.wide else where(inside, result, node)
            return result if result.shape == node.shape and result.dtype == node.dtype else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _gamma_terms(term: Term, node: Expr) -> Iterator[_GammaTerm]:
    """The logarithm of a gamma function among the factors of a term."""
    for factor in term.factors:
        gamma = factor
        while gamma.op.name == "where" and gamma.operands[0].op.name == "logical_and":
            gamma = gamma.operands[2]  # what has been written as a series near its root, and stands last
        if gamma.op.name == "lgamma" and gamma.dtype is node.dtype:
            others = without(term.factors, [factor])
            if others is not None:
                yield _GammaTerm(term.coefficient, gamma.operands[0], others, term)


def _triples(gammas: list[_GammaTerm]) -> Iterator[tuple[_GammaTerm, _GammaTerm, _GammaTerm]]:
    """Two terms of one coefficient and one of the opposite, with the same other factors."""
    for number, p in enumerate(gammas):
        for q in gammas[number + 1 :]:
            if q.term is p.term or q.coefficient != p.coefficient or not same(p.others, q.others):
                continue
            for t in gammas:
                if t.coefficient == -p.coefficient and same(p.others, t.others):
                    yield p, q, t


def _apart(p: Expr, q: Expr, t: Expr) -> Fraction | None:
    """p + q − t, where it is a number."""
    rest: Linear = {}
    for part, sign in ((p, 1), (q, 1), (t, -1)):
        terms = terms_of(part)
        if terms is None:
            return None
        for term in terms:
            key = frozenset(Counter(term.factors).items())
            rest[key] = rest.get(key, Fraction(0)) + sign * Fraction(term.coefficient)
    number = rest.pop(frozenset(), Fraction(0))
    return number if not any(rest.values()) else None


RULES = (LogBeta(),)

__all__ = ["RULES", "LogBeta"]
