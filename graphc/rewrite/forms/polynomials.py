"""Polynomials with exact coefficients in x, sign(x), √(x² + 1), √x and √(x + 1), whose squares are polynomials of x."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from itertools import product as pairs

Monomial = tuple[int, int, int, int, int]
"""The exponents of x, sign(x), √(x² + 1), √x and √(x + 1): the last four 0 or 1"""

Poly = Mapping[Monomial, Fraction]

X, SIGN, R, U, V = range(5)
DEGREES = (Fraction(1), Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1, 2))
SQUARES: dict[int, Poly] = {
    SIGN: {(0, 0, 0, 0, 0): Fraction(1)},
    R: {(0, 0, 0, 0, 0): Fraction(1), (2, 0, 0, 0, 0): Fraction(1)},
    U: {(1, 0, 0, 0, 0): Fraction(1)},
    V: {(0, 0, 0, 0, 0): Fraction(1), (1, 0, 0, 0, 0): Fraction(1)},
}
ROUND = SQUARES[R]
ONE: Poly = {(0, 0, 0, 0, 0): Fraction(1)}


def power_of(generator: int) -> Monomial:
    """The monomial that is a generator."""
    exponents = [0] * 5
    exponents[generator] = 1
    return (exponents[0], exponents[1], exponents[2], exponents[3], exponents[4])


def lowered(m: Monomial, generator: int) -> Monomial:
    """A monomial over a generator."""
    exponents = list(m)
    exponents[generator] -= 1
    return (exponents[0], exponents[1], exponents[2], exponents[3], exponents[4])


def number(value: Fraction) -> Poly:
    """A number as a polynomial."""
    return {(0, 0, 0, 0, 0): value} if value else {}


def plus(a: Poly, b: Poly, factor: int = 1) -> Poly:
    """a + factor·b"""
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, Fraction(0)) + factor * coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def times(a: Poly, b: Poly) -> Poly:
    """a·b"""
    total: Poly = {}
    for (one, p), (other, q) in pairs(a.items(), b.items()):
        exponents = [i + j for i, j in zip(one, other, strict=True)]
        extra: list[Poly] = []
        for generator, square in SQUARES.items():
            if exponents[generator] == 2:
                exponents[generator] = 0
                extra.append(square)
        term: Poly = {(exponents[0], exponents[1], exponents[2], exponents[3], exponents[4]): p * q}
        total = plus(total, reduce(times, extra, term))
    return total


def degree(a: Poly) -> Fraction:
    """The growth for large x; −1 of 0."""
    return max(
        (sum((e * d for e, d in zip(m, DEGREES, strict=True)), Fraction(0)) for m in a), default=Fraction(-1)
    )


def inverse_of(a: Poly) -> Poly | None:
    """1/(p + q) as p − q over p² − q², where that is a number: of √(x + 1) + √x and √(x² + 1) + x."""
    if len(a) != 2 or all(not any(m[SIGN + 1 :]) for m in a):
        return None
    (p, c), (q, d) = a.items()
    norm = plus(times({p: c}, {p: c}), times({q: d}, {q: d}), -1)
    if set(norm) != {(0, 0, 0, 0, 0)}:
        return None
    return times(plus({p: c}, {q: d}, -1), number(1 / norm[0, 0, 0, 0, 0]))


def without_roots(m: Monomial) -> Monomial:
    """A monomial with the roots left out."""
    return (m[0], m[1], 0, 0, 0)


def parts(a: Poly) -> list[Poly]:
    """The monomials with the same roots, together."""
    found: dict[tuple[int, ...], dict[Monomial, Fraction]] = {}
    for monomial, coefficient in a.items():
        found.setdefault(monomial[R:], {})[monomial] = coefficient
    return list(found.values())


def norm_of(a: Poly) -> Poly:
    """p² − q² of the two parts of a numerator that have different roots."""
    p, q = parts(a)
    return plus(times(p, p), times(q, q), -1)


def sign_of(a: Poly, positive: bool) -> tuple[int, bool] | None:
    """(s, whether it is s·sign(x) instead of s) where a part has such a sign; None otherwise.

    positive : whether x is
    """
    signs = {(1 if c > 0 else -1, not positive and (m[X] + m[SIGN]) % 2 == 1) for m, c in a.items()}
    return signs.pop() if len(signs) == 1 else None


def size_of(a: Poly, positive: bool) -> Poly:
    """The absolute value of a part that has a sign."""
    return {(m[X], 0 if positive else m[X] % 2, *m[R:]): abs(c) for m, c in a.items()}  # type: ignore[misc]


def may_cancel(a: Poly) -> bool:
    """Whether a numerator is of two parts with different roots whose leading terms cancel for some x."""
    if len(parts(a)) != 2:
        return False
    positive = any(m[U] for m in a)
    p, q = (sign_of(part, positive) for part in parts(a))
    return (p is None or p != q) and degree(norm_of(a)) < 2 * degree(a)
