"""Polynomials of several variables with exact coefficients, as a table from monomials to numbers that are not 0.

A variable is a number, the place of what it stands for in a list that the reader keeps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from graphc.rewrite.forms.univariate import Number, quotient

Monomial = tuple[tuple[int, int], ...]
"""(variable, power) in the order of variables; () is 1"""

Poly = dict[Monomial, Number]

Key = tuple[tuple[Monomial, Number], ...]
"""A polynomial that can be looked up: its terms in order."""

ONE: Poly = {(): 1}


def variable(place: int, power: int = 1) -> Poly:
    return {((place, power),): 1}


def key(a: Poly) -> Key:
    return tuple(sorted(a.items()))


def variables(a: Poly) -> list[int]:
    return sorted({place for monomial in a for place, _ in monomial})


def degree(a: Poly) -> int:
    return max((sum(power for _, power in monomial) for monomial in a), default=0)


def plus(a: Poly, b: Poly, factor: Number = 1) -> tuple[Poly, bool]:
    """a + factor·b, and whether terms of opposite signs met in it."""
    total, met = dict(a), False
    for monomial, c in b.items():
        old, more = total.get(monomial, 0), factor * c
        met = met or (old > 0 > more) or (old < 0 < more)
        if old + more:
            total[monomial] = old + more
        else:
            total.pop(monomial, None)
    return total, met


def scaled(a: Poly, factor: Number) -> Poly:
    return {monomial: factor * c for monomial, c in a.items()} if factor else {}


def product(one: Monomial, other: Monomial) -> Monomial:
    """The product of two monomials."""
    if not one or not other:
        return one or other
    powers = dict(one)
    for place, power in other:
        powers[place] = powers.get(place, 0) + power
    return tuple(sorted(powers.items()))


def times(a: Poly, b: Poly) -> Poly:
    """a·b"""
    total: Poly = {}
    for one, c in a.items():
        for other, d in b.items():
            monomial = product(one, other)
            total[monomial] = total.get(monomial, 0) + c * d
    return {monomial: c for monomial, c in total.items() if c}


def power(a: Poly, exponent: int) -> Poly:
    """a**exponent for exponents of 0 and more"""
    total = ONE
    for _ in range(exponent):
        total = times(total, a)
    return total


def over(one: Monomial, other: Monomial) -> Monomial | None:
    """one/other; None where it is no monomial."""
    powers = dict(one)
    for place, power in other:
        left = powers.get(place, 0) - power
        if left < 0:
            return None
        powers[place] = left
    return tuple([(place, power) for place, power in sorted(powers.items()) if power])


def _rank(monomial: Monomial) -> tuple[tuple[int, int], ...]:
    """A monomial's place in the lexicographic order, which products keep."""
    return tuple([(-place, power) for place, power in monomial])


def divided(a: Poly, b: Poly) -> Poly | None:
    """a/b where nothing is left over; None otherwise."""
    lead = max(b, key=_rank)
    rest, found = dict(a), {}
    for _ in range(4 * len(a) + 16):
        if not rest:
            return found
        first = max(rest, key=_rank)
        monomial = over(first, lead)
        if monomial is None:
            return None
        ratio = quotient(rest[first], b[lead])
        found[monomial] = ratio
        rest, _ = plus(rest, times({monomial: ratio}, b), -1)
        if first in rest:
            return None
    return None


def primitive(a: Poly) -> tuple[Number, Monomial, Poly]:
    """(c, m, p) with a = c·m·p: p has whole coefficients without a common divisor and no variable in all its terms; the first
    of its terms is positive."""
    scale: Number = math.gcd(*[c.numerator for c in a.values()])
    if any(type(c) is not int for c in a.values()):
        scale = Fraction(scale, math.lcm(*[c.denominator for c in a.values()]))
    shared: dict[int, int] | None = None
    for monomial in a:
        powers = dict(monomial)
        shared = (
            powers if shared is None else {v: min(n, powers[v]) for v, n in shared.items() if v in powers}
        )
    common = tuple(sorted((shared or {}).items()))
    if a[max(a, key=_rank)] < 0:
        scale = -scale
    found = {over(monomial, common) or (): quotient(c, scale) for monomial, c in a.items()}
    return quotient(scale, 1), common, found


def factors(a: Poly, candidates: Iterable[Poly]) -> tuple[list[Poly], Poly]:
    """The candidates that a polynomial is divided by without a rest, each as often as it is, and what is left."""
    found: list[Poly] = []
    for candidate in candidates:
        while len(a) > 1:
            left = divided(a, candidate)
            if left is None:
                break
            found.append(candidate)
            a = left
    return found, a


def linear(a: Poly) -> list[Poly]:
    """What may be factors: sums and differences of two variables, and of a variable and 1."""
    places = variables(a)
    found: list[Poly] = []
    for n, one in enumerate(places):
        for sign in (-1, 1):
            for other in places[n + 1 :]:
                pair: Poly = {((one, 1),): 1, ((other, 1),): sign}
                found.append(pair)
            beside: Poly = {((one, 1),): 1, (): sign}
            found.append(beside)
    return found


def is_moved(a: Poly, group: Sequence[int]) -> bool:
    """Whether a polynomial changes where the same number is added to all variables of a group."""
    total: Poly = {}
    for place in group:
        slope: Poly = {}
        for monomial, c in a.items():
            powers = dict(monomial)
            n = powers.get(place, 0)
            if n:
                powers[place] = n - 1
                slope[tuple([(v, k) for v, k in sorted(powers.items()) if k])] = c * n
        total, _ = plus(total, slope)
    return bool(total)


def groups(a: Poly) -> list[list[int]]:
    """The variables in two groups, of which each term has one of either; all in one group where there are no such."""
    places = variables(a)
    side: dict[int, bool] = {}
    beside: dict[int, set[int]] = {place: set() for place in places}
    for monomial in a:
        if len(monomial) != 2 or any(n != 1 for _, n in monomial):
            return [places]
        (one, _), (other, _) = monomial
        beside[one].add(other)
        beside[other].add(one)
    pending = [(places[0], True)] if places else []
    while pending:
        place, which = pending.pop()
        if place in side:
            if side[place] != which:
                return [places]
            continue
        side[place] = which
        pending += [(other, not which) for other in beside[place]]
    if len(side) < len(places):
        return [places]
    return [[p for p in places if side[p]], [p for p in places if not side[p]]]


def without(a: Poly, places: Iterable[int]) -> Poly:
    """A polynomial where some variables are 0."""
    gone = set(places)
    return {monomial: c for monomial, c in a.items() if not any(place in gone for place, _ in monomial)}


__all__ = [
    "ONE", "Key", "Monomial", "Poly", "degree", "divided", "factors", "groups", "is_moved", "key", "linear", "over", "plus",
    "power", "primitive", "product", "scaled", "times", "variable", "variables", "without",
]  # fmt: skip
