"""Gamma functions beside the logarithms that they approach: log Γ(z + d) − log Γ(z) − d·log z, and ψ(z) − log z.

Far out both are small and their terms are not. In Stirling's expansions the logarithm stands alone, so that it cancels by form:

    log Γ(z + d) − log Γ(z) − d·log v ~ d·log(1 + (m − v)/v) + …,   ψ(n + ½) − log v ~ log(1 + (n − v)/v) − Σ B₂ₖ(½)/(2k n²ᵏ)

with m = z + (d − 1)/2, where m − v and n − v are numbers.

Source: DLMF 5.11.2 and 5.11.8; `gamma_differences`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import log1p
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import LOGARITHM, TermMarks
from graphc.rewrite.forms.linear import Sums, Term, factors_of, product, same, scaled, total, without
from graphc.rewrite.forms.series import bernoulli
from graphc.rewrite.rules.gamma_differences import SHIFT, TERMS, WHOLE, affine, expansion_beside_logarithm
from graphc.util.records import dataclass

MOST_APART = Fraction(5)
"""So far from the argument of the gamma function that of the logarithm may be: it is positive where the expansion is taken."""

NARROW = 4
"""Up to this d the expansion has all digits from SHIFT on."""


@dataclass(frozen=True)
class _TermPart:
    """coefficient·function·∏ others in a sum; term : of which it is a part."""

    coefficient: float
    function: Expr
    others: list[Expr]
    term: Term


@dataclass(frozen=True)
class GammaBesideLogarithm:
    """u·log Γ(z + d) − u·log Γ(z) − u·d·log z and u·ψ(z) − u·log z by expansions without the logarithm, where z is large"""

    name: str = "gamma-beside-logarithm"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (frozenset(("lgamma", "digamma")), frozenset(("log",)))
    examples: tuple[str, ...] = (
        "lgamma(x + 0.5) - lgamma(x) - 0.5*log(x)", "lgamma(x + 0.5) - (lgamma(x) + log(x)/2)", "digamma(x) - log(x)",
        "lgamma(x + 2) - 2*log(x) - lgamma(x)", "y*log(x + 0.5) - y*digamma(x + 1)",
        "y + lgamma(x) - lgamma(x + 0.25) + 0.25*log(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(TermMarks)[node] & LOGARITHM:
            return None
        terms = ranges.table(Sums)[node]
        if terms is None or len(terms) < 2:
            return None
        parts = [part for term in terms for part in _parts(term) if part.function.dtype is node.dtype]
        logarithms = [part for part in parts if part.function.op.name == "log"]
        gammas = [part for part in parts if part.function.op.name != "log"]
        for found in _of_digamma(gammas, logarithms), _of_differences(gammas, logarithms):
            for used, z, limit, value in found:
                rest = [term for term in terms if not any(term is part.term for part in used)]
                value = scaled(used[0].coefficient, _times(used[0].others, value))
                beside = total(rest) if rest else None
                result = where(z > limit, value if beside is None else beside + value, node)
                if result.shape == node.shape and all(_is_whole(used, part.term) for part in used):
                    return result
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_Found = Iterator[tuple[list[_TermPart], Expr, float, Expr]]
"""What is replaced, z, from where on, and by what for a coefficient of 1"""


def _of_digamma(gammas: list[_TermPart], logarithms: list[_TermPart]) -> _Found:
    for psi in gammas:
        if psi.function.op.name != "digamma":
            continue
        z = psi.function.operands[0]
        for beside in logarithms:
            apart = _apart(z, beside.function.operands[0])
            if apart is None or beside.coefficient != -psi.coefficient or not same(beside.others, psi.others):
                continue
            value, change = _digamma_rest(z), apart - Fraction(1, 2)
            if change:
                value = log1p(float(change) / beside.function.operands[0]) + value
            yield [psi, beside], z, SHIFT, value


def _of_differences(gammas: list[_TermPart], logarithms: list[_TermPart]) -> _Found:
    for one in gammas:
        for other in gammas:
            if one.function.op.name != "lgamma" or other.function.op.name != "lgamma" or one is other:
                continue
            z = other.function.operands[0]
            d = _apart(one.function.operands[0], z, WHOLE)
            if (
                d is None
                or d <= 0
                or other.coefficient != -one.coefficient
                or not same(one.others, other.others)
            ):
                continue
            for beside in logarithms:
                v = beside.function.operands[0]
                apart = _apart(z, v)
                if apart is None or beside.coefficient != -one.coefficient * float(d):
                    continue
                if not same(beside.others, one.others):
                    continue
                value = expansion_beside_logarithm(z, d, v, apart)
                if value is not None:
                    yield [one, other, beside], z, SHIFT if d <= NARROW else 3 * float(d) + SHIFT, value


def _parts(term: Term) -> Iterator[_TermPart]:
    """The gamma functions and logarithms among the factors of a term, also in a difference that has been expanded already."""
    for f in term.factors:
        others = without(term.factors, [f])
        if others is None:
            continue
        if f.op.name in ("lgamma", "digamma", "log"):
            yield _TermPart(term.coefficient, f, others, term)
        elif f.op.name == "where":
            for sign, part in _as_written(f):
                number, factors = factors_of(part)
                for g in factors:
                    rest = without(factors, [g])
                    if g.op.name == "lgamma" and rest is not None:
                        yield _TermPart(sign * term.coefficient * number, g, [*others, *rest], term)


def _as_written(branches: Expr) -> Iterator[tuple[int, Expr]]:
    """The two terms of what `gamma-difference` has expanded: it stands last, where the expansion does not hold."""
    for _ in range(2):
        if branches.op.name == "where":
            branches = branches.operands[2]
    if branches.op.name == "subtract":
        yield 1, branches.operands[0]
        yield -1, branches.operands[1]


def _is_whole(used: list[_TermPart], term: Term) -> bool:
    """Whether all of a term is replaced: of a difference both sides."""
    if not any(factor.op.name == "where" for factor in term.factors):
        return True
    return sum(part.term is term for part in used) == 2


def _apart(u: Expr, w: Expr, most: Fraction | int = MOST_APART) -> Fraction | None:
    """u − w, where it is a number of moderate size."""
    (a, x, b), (c, y, d) = affine(u), affine(w)
    return b - d if x is y and a == c and abs(b - d) <= most else None


def _times(others: list[Expr], value: Expr) -> Expr:
    scale = product(others)
    return value if scale is None else scale * value


def _digamma_rest(z: Expr) -> Expr:
    """ψ(z) − log n ~ −Σ B₂ₖ(½)/(2k n²ᵏ) with n = z − ½, where B₂ₖ(½) = (2¹⁻²ᵏ − 1) B₂ₖ"""
    inverse = 1 / (z - 0.5)
    square = inverse * inverse
    rest: Expr = constant(0.0, z.dtype)
    for k in range(TERMS, 0, -1):
        rest = rest * square + float((1 - Fraction(2, 4**k)) * bernoulli(2 * k) / (2 * k))
    return rest * square


RULES = (GammaBesideLogarithm(),)

__all__ = ["RULES"]
