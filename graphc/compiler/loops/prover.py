"""Whether an index polynomial is at least 0, whatever the lengths: by the ends of loops, and by conditions that hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations_with_replacement

from graphc.compiler.loops.program import Apply, Constant, IndexValue, Scalar
from graphc.ir import dims
from graphc.ir.dims import Dim, Name, Polynomial, Quotient

MOST_FACTS = 40
"""Conditions that are tried together."""

MOST_STEPS = 300
"""Tries of one prover before it gives up."""

MOST_FORMS = 12
"""Forms of a polynomial that are tried."""


def bounds_of(name: str, value: Scalar, prover: Callable[[], Prover]) -> list[Dim]:
    """What is at least 0 where a name is maximum(minimum(x, high), low): what lies between, if there is something between.

    prover : of what holds there
    """
    if not (isinstance(value, Apply) and value.op == "maximum" and isinstance(value.operands[0], Apply)):
        return []
    within, low = value.operands[0], _dim_of(value.operands[1])
    high = _dim_of(within.operands[1]) if within.op == "minimum" else None
    if low is None or high is None:
        return []
    found = [dims.subtract(Name(name), low)]
    if prover().holds(dims.subtract(high, low)):
        found.append(dims.subtract(high, Name(name)))
    return found


def _dim_of(x: Scalar) -> Dim | None:
    """A whole number as a polynomial."""
    if isinstance(x, Constant):
        return int(x.value)
    return x.dim if isinstance(x, IndexValue) else None


class Prover:
    """Proves polynomials to be at least 0.

    extents : loop index → its extent, the outermost first
    facts : polynomials that are at least 0
    data : integers that were named; those that facts hold between 0 and an end are like indices
    """

    steps: int

    def __init__(self, extents: Mapping[str, Dim], facts: Iterable[Dim], data: Iterable[str] = ()) -> None:
        self.extents: dict[str, Dim] = dict(extents)
        self.steps = 0
        facts = list(facts)
        for name in data:
            if name not in self.extents and any(fact == name for fact in facts):
                ends = [dims.add(fact, Name(name)) for fact in facts if coefficient(fact, name) == -1]
                if ends:
                    self.extents[name] = dims.add(ends[0], 1)
        # a body runs where its loops have passes
        self.facts: list[Dim] = [*facts, *(dims.subtract(extent, 1) for extent in self.extents.values())]
        self.least: dict[str, int] = self._least()

    def _least(self) -> dict[str, int]:
        """The least value of each length that a fact alone decides."""
        least: dict[str, int] = {}
        for fact in self.facts:
            names = dims.names_of(fact)
            if len(names) == 1 and names[0] not in self.extents and _is_linear(fact):
                slope = coefficient(fact, names[0])
                rest = dims.evaluate(fact, {names[0]: 0})
                if isinstance(slope, int) and slope > 0:
                    least[names[0]] = max(least.get(names[0], 0), -(rest // slope))
            for name in _needed_by(fact) - set(self.extents):
                least[name] = max(least.get(name, 0), 1)
        return least

    def holds(self, dim: Dim) -> bool:
        """Whether a polynomial is at least 0: by itself, or with one or two facts taken from it."""
        if self._alone(dim):
            return True
        forms = self._forms(dim)
        if any(self._alone(form) for form in forms[1:]):
            return True
        for form in forms:
            names = set(dims.names_of(form))
            near = [fact for fact in self.facts if names & set(dims.names_of(fact))][:MOST_FACTS]
            if any(self._alone(dims.subtract(form, fact)) for fact in near):
                return True
        near = [fact for fact in self.facts if set(dims.names_of(dim)) & set(dims.names_of(fact))][:10]
        return any(
            self._alone(dims.subtract(dims.subtract(dim, a), b))
            for a, b in combinations_with_replacement(near, 2)
        )

    def _forms(self, dim: Dim) -> list[Dim]:
        """A polynomial, and others that say as much with fewer floor divisions."""
        forms = [dim]
        for form in forms:
            if len(forms) < MOST_FORMS:
                forms += [other for other in self._undivided(form) if other not in forms]
        return forms[:MOST_FORMS]

    def _is_positive(self, dim: Dim) -> bool:
        less = dims.subtract(dim, 1)
        return self._alone(less) or any(self._alone(form) for form in self._undivided(less))

    def _undivided(self, dim: Dim) -> list[Dim]:
        """Polynomials with a floor division less, of which each says as much: ⌊a/b⌋ ≥ c where a ≥ c·b, ⌊a/b⌋ ≤ c where
        a < (c + 1)·b, and a − b·⌊a/b⌋ is between 0 and b − 1."""
        result: list[Dim] = []
        for quotient in quotients_of(dim):
            a, b, slope = quotient.numerator, quotient.denominator, coefficient(dim, quotient)
            if slope is None or not self._is_positive(b):
                continue
            rest = dims.subtract(dim, dims.multiply(slope, _as_dim(quotient)))
            times = dims.floor_divide(slope, b)
            if slope == 1:
                result.append(dims.add(a, dims.multiply(rest, b)))
            elif slope == -1 and b != 1:
                result.append(dims.subtract(dims.subtract(dims.multiply(dims.add(rest, 1), b), a), 1))
            elif isinstance(times, int) and dims.multiply(times, b) == slope:
                rest = dims.add(rest, dims.multiply(times, a))
                result.append(dims.subtract(rest, dims.multiply(max(times, 0), dims.subtract(b, 1))))
        return result

    def _alone(self, dim: Dim) -> bool:
        self.steps += 1
        if self.steps > MOST_STEPS:
            return False
        for name in reversed(self.extents):
            lowest = self._lowest(dim, name)
            if lowest is None:
                return False
            dim = lowest
        return self._of_lengths(dim)

    def _lowest(self, dim: Dim, index: str) -> Dim | None:
        """The least that a polynomial is over one loop; None where that is not known."""
        whole = self._without_quotients(dim, index)
        if whole is None or index not in dims.names_of(whole):
            return whole
        dim = whole
        slope = coefficient(dim, index)
        if slope is None:
            return None
        if self._of_lengths(slope):
            return substitute(dim, index, 0)
        if self._of_lengths(dims.multiply(-1, slope)):
            return substitute(dim, index, dims.subtract(self.extents[index], 1))
        return None

    def _without_quotients(self, dim: Dim, index: str) -> Dim | None:
        """Quotients that hold an index replaced by their ends, remainders by theirs."""
        for quotient in list(quotients_of(dim)):
            if index not in dims.names_of(Polynomial(((((quotient, 1),), 1),))):
                continue
            above, below = quotient.numerator, quotient.denominator
            slope = coefficient(dim, quotient)
            if slope is None or not self._alone(dims.subtract(below, 1)):
                return None
            rest = dims.subtract(dim, dims.multiply(slope, _as_dim(quotient)))
            least, most = self._ends(above, index)
            if least is None or most is None:
                return None
            # c·(a − b·⌊a/b⌋) is between 0 and c·(b − 1)
            factor = dims.floor_divide(dims.multiply(-1, slope), below)
            if not list(quotients_of(factor)) and dims.multiply(factor, below) == dims.multiply(-1, slope):
                without = dims.subtract(rest, dims.multiply(factor, above))
                if index not in dims.names_of(without):
                    if self._of_lengths(factor):
                        dim = without
                        continue
                    if self._of_lengths(dims.multiply(-1, factor)):
                        dim = dims.add(without, dims.multiply(factor, dims.subtract(below, 1)))
                        continue
            if self._of_lengths(slope):
                dim = dims.add(rest, dims.multiply(slope, _floor(least, below)))
            elif self._of_lengths(dims.multiply(-1, slope)):
                dim = dims.add(rest, dims.multiply(slope, _floor(most, below)))
            else:
                return None
        return dim

    def _ends(self, dim: Dim, index: str) -> tuple[Dim | None, Dim | None]:
        least = self._lowest(dim, index)
        most = self._lowest(dims.multiply(-1, dim), index)
        return least, None if most is None else dims.multiply(-1, most)

    def _of_lengths(self, dim: Dim) -> bool:
        """Whether a polynomial over lengths is at least 0: written with what each is above its least, nothing is subtracted."""
        if isinstance(dim, int):
            return dim >= 0
        if list(quotients_of(dim)):
            dim = _positive_quotients(dim)
        for name in dims.names_of(dim):
            if name in self.extents:
                return False
            least = self.least.get(name, 0)
            if least:
                dim = substitute(dim, name, dims.add(Name(name), least))
        if not isinstance(dim, Polynomial):
            return isinstance(dim, str) or dim >= 0
        return all(factor >= 0 for _, factor in dim.terms)


def quotients_of(dim: Dim) -> list[Quotient]:
    """The floor divisions in a polynomial."""
    if not isinstance(dim, Polynomial):
        return []
    return list(
        dict.fromkeys(atom for monomial, _ in dim.terms for atom, _ in monomial if isinstance(atom, Quotient))
    )


def _positive_quotients(dim: Dim) -> Dim:
    """⌊−c/b⌋ with 0 < c ≤ b at least is −1 for c = 1; other quotients of lengths stay, as something at least 0."""
    for quotient in quotients_of(dim):
        if quotient.numerator == -1:
            slope = coefficient(dim, quotient)
            if slope is not None:
                dim = dims.subtract(dims.subtract(dim, dims.multiply(slope, _as_dim(quotient))), slope)
    return dim


def _floor(a: Dim, b: Dim) -> Dim:
    return _positive_quotients(dims.floor_divide(a, b))


def _as_dim(quotient: Quotient) -> Dim:
    return Polynomial(((((quotient, 1),), 1),))


def _needed_by(fact: Dim) -> set[str]:
    """The names that are above 0 where a sum is at least 0: those in all terms that are not subtracted, if something is."""
    if not isinstance(fact, Polynomial) or quotients_of(fact):
        return set()
    above = [{str(atom) for atom, _ in monomial} for monomial, factor in fact.terms if factor > 0]
    below = any(factor < 0 and not monomial for monomial, factor in fact.terms)
    return set.intersection(*above) if above and below else set()


def _is_linear(dim: Dim) -> bool:
    return not quotients_of(dim) and (
        not isinstance(dim, Polynomial) or all(sum(power for _, power in m) <= 1 for m, _ in dim.terms)
    )


def coefficient(dim: Dim, atom: str | Quotient) -> Dim | None:
    """What a name is multiplied by; None where it has a power, or stands in a quotient."""
    if isinstance(atom, str) and isinstance(dim, str):
        return int(dim == atom)
    if not isinstance(dim, Polynomial):
        return 0
    if isinstance(atom, str):
        for quotient in quotients_of(dim):
            if atom in (*dims.names_of(quotient.numerator), *dims.names_of(quotient.denominator)):
                return None
    total: Dim = 0
    for monomial, factor in dim.terms:
        powers = dict(monomial)
        power = powers.pop(atom, 0)
        if power > 1:
            return None
        if power:
            rest: Dim = factor
            for other, exponent in powers.items():
                for _ in range(exponent):
                    rest = dims.multiply(rest, _as_dim(other) if isinstance(other, Quotient) else Name(other))
            total = dims.add(total, rest)
    return total


def substitute(dim: Dim, name: str, value: Dim) -> Dim:
    """A polynomial with another one in a name's place."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return value if dim == name else dim
    total: Dim = 0
    for monomial, factor in dim.terms:
        term: Dim = factor
        for atom, power in monomial:
            if isinstance(atom, Quotient):
                inner = dims.floor_divide(
                    substitute(atom.numerator, name, value), substitute(atom.denominator, name, value)
                )
            else:
                inner = value if atom == name else Name(atom)
            for _ in range(power):
                term = dims.multiply(term, inner)
        total = dims.add(total, term)
    return total


__all__ = ["Prover", "coefficient", "quotients_of", "substitute"]
