"""Formulas made of forms: the shortest of the ways in which a sum of products is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator
from fractions import Fraction
from typing import Any

from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import lookup
from graphc.rewrite.forms.monomials import (
    EXPANDED,
    LONGEST,
    MOST_TERMS,
    ONE,
    Factors,
    Form,
    Key,
    added,
    merged,
    multiplied,
    number,
    single,
)  # fmt: skip


class FormWriter(ABC):
    """Writes forms. What a node is as a form, and what a power is, is known to the class that reads formulas."""

    def __init__(self) -> None:
        self._sums: dict[Expr, Form] = {}
        self._atoms: dict[frozenset[tuple[Key, Fraction]], Expr] = {}
        self._sizes: dict[Expr, int] = {}

    @abstractmethod
    def known(self, node: Expr) -> Form:
        """The form of a node, one that was written here perhaps."""

    @abstractmethod
    def power(self, form: Form, exponent: Fraction) -> Form:
        """A power; {} where there is none."""

    @abstractmethod
    def tidied(self, form: Form) -> Form:
        """Even powers of |a| as powers of a."""

    def best(self, form: Form) -> Expr:
        """The shortest of: as it stands, with Pythagoras, multiplied out, and with what all terms share in front."""
        candidates = [form, *self._pythagoras(form)]
        expanded = self._expanded(form)
        if expanded is not None:
            candidates.append(expanded)
        best = min(map(self.build, candidates), key=self.size)
        for candidate in candidates:
            factored = self._factored(candidate)
            if factored is not None and self.size(factored) < self.size(best):
                best = factored
        return best

    def _expanded(self, form: Form) -> Form | None:
        """Sums in products multiplied out; None where there is nothing to multiply, or too much comes of it."""
        result: Form = {}
        changed = False
        for coefficient, factors in form.values():
            term: Form = number(coefficient)
            for base, exponent in factors:
                inner = self._sums.get(base)
                if inner is None or exponent.denominator != 1 or not 0 < exponent <= EXPANDED:
                    term = multiplied(term, single(base, exponent))
                    continue
                changed = True
                for _ in range(int(exponent)):
                    if len(term) * len(inner) > MOST_TERMS:
                        return None
                    term = multiplied(term, inner)
            result = added(result, self.tidied(term))
            if len(result) > MOST_TERMS:
                return None
        return result if changed else None

    def _factored(self, form: Form) -> Expr | None:
        """What all terms share, times the sum of what is left."""
        if len(form) < 2:
            return None
        terms = [dict(factors) for _, factors in form.values()]
        bases = dict.fromkeys(base for term in terms for base in term)
        shared = {base: min(term.get(base, Fraction(0)) for term in terms) for base in bases}
        shared = {base: exponent for base, exponent in shared.items() if exponent}
        if not shared:
            return None
        inverse = tuple([(base, -exponent) for base, exponent in shared.items()])
        rest = multiplied(form, {frozenset(inverse): (ONE, inverse)})
        expanded = self._expanded(rest)
        best: Expr | None = None
        for inner in (rest, expanded):
            if inner is None:
                continue
            for variant in (inner, *self._pythagoras(inner)):
                front = tuple(shared.items())
                power = self.power(variant, ONE) if len(variant) > 1 else variant
                whole = self.build(multiplied({frozenset(front): (ONE, front)}, power))
                if best is None or self.size(whole) < self.size(best):
                    best = whole
        return best

    def _pythagoras(self, form: Form) -> list[Form]:
        """The form with c·m·sin² + c·m·cos² as c·m, and c·m·cosh² − c·m·sinh² as c·m, where there is such a pair."""
        result = form
        for coefficient, factors in form.values():
            for base, exponent in factors:
                partner = {"cos": ("sin", 1), "cosh": ("sinh", -1)}.get(base.op.name)
                if partner is None or exponent != 2:
                    continue
                rest = tuple([pair for pair in factors if pair[0] is not base])
                other = merged(rest, ((apply(lookup(partner[0]), *base.operands), exponent),))
                known = form.get(frozenset(other))
                if known is not None and known[0] == partner[1] * coefficient:
                    mine: Form = {frozenset(factors): (coefficient, factors), frozenset(other): known}
                    result = added(added(result, mine, -ONE), {frozenset(rest): (coefficient, rest)})
                    return [result, *self._pythagoras(result)]
        return []

    def build(self, form: Form) -> Expr:
        """The formula of a form, first what has a plus. Raises `OverflowError` for a coefficient that its type does not hold."""
        terms = list(form.values())
        narrow = _is_narrow(terms)
        if len(terms) > 1 and all(coefficient < 0 for coefficient, _ in terms):
            return -self.build(added({}, form, -ONE))
        first = next((n for n, (coefficient, _) in enumerate(terms) if coefficient > 0), 0)
        terms[: first + 1] = [terms[first], *terms[:first]] if terms else []
        total: Any = None
        for coefficient, factors in terms:
            term = self.build_term(abs(coefficient), factors, narrow)
            if total is None:
                total = term if coefficient > 0 else -term
            else:
                total = total + term if coefficient > 0 else total - term
        return constant(0.0 if total is None else total)

    def build_term(self, coefficient: Fraction, factors: Factors, narrow: bool = False) -> Any:
        """A product: number, then simple factors, exponentials, sums; a Python number where it has no factor."""
        exponent: Form = {}
        above: list[Any] = []
        below: list[Any] = []
        for base, power in sorted(factors, key=lambda factor: factor[0] in self._sums):
            if base.op.name == "exp":
                exponent = added(exponent, self.known(base.operands[0]), power)
            else:
                (above if power > 0 else below).append(_raised(base, abs(power)))
        if exponent:
            place = sum(
                base.op.name != "exp" and base not in self._sums and power > 0 for base, power in factors
            )
            above.insert(place, apply(lookup("exp"), self.best(exponent)))
        p, q = coefficient.numerator, coefficient.denominator
        top, bottom = (float(coefficient), 1.0) if max(p, q) > LONGEST else (float(p), float(q))
        if not above and not below:  # a lone fraction is written as one, where its type is that of a number
            return (
                top / bottom
                if narrow or (top / bottom).as_integer_ratio() == (p, q)
                else constant(top) / bottom
            )
        if top != 1 or not above:
            above.insert(0, top)
        if bottom != 1:
            below.insert(0, bottom)
        return _times(above) / _times(below) if below else _times(above)

    def size(self, expr: Expr) -> int:
        """The length of a formula: its nodes, counted once for each use."""
        sizes = self._sizes
        for node in unknown(expr, sizes):
            sizes[node] = 1 + sum(sizes[operand] for operand in node.operands)
        return sizes[expr]


def unknown(node: Expr, known: Container[Expr]) -> Iterator[Expr]:
    """What is below a node and not known yet, operands before their users; each is known when the next is asked for."""
    pending = [node]
    while pending:
        top = pending[-1]
        waiting = [operand for operand in top.operands if operand not in known] if top not in known else []
        if waiting:
            pending += reversed(waiting)
            continue
        pending.pop()
        if top not in known:
            yield top


def _is_narrow(terms: list[tuple[Fraction, Factors]]) -> bool:
    """Whether there is single precision among the factors.

    Raises `OverflowError` where a coefficient is out of the range of the type that it would be written in.
    """
    narrow = any(base.dtype.itemsize < 8 for _, factors in terms for base, _ in factors)
    least, largest = (1e-37, 1e38) if narrow else (1e-307, 1e308)
    for coefficient, _ in terms:
        if not least <= abs(coefficient) <= largest:
            raise OverflowError("a coefficient out of range")
    return narrow


def _times(factors: list[Any]) -> Any:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _raised(base: Expr, exponent: Fraction) -> Expr:
    if exponent == 1:
        return base
    if exponent == Fraction(1, 2):
        return apply(lookup("sqrt"), base)
    return base ** (int(exponent) if exponent.denominator == 1 else float(exponent))


__all__ = ["FormWriter", "unknown"]
