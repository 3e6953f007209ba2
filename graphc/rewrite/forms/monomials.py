"""Sums of products of powers with rational coefficients, as plain data: what `real_form` sees a formula as."""

from __future__ import annotations

import math
from fractions import Fraction

from graphc.ir.expr import Expr

Factors = tuple[tuple[Expr, Fraction], ...]
"""Bases with their exponents, in the order in which they are written."""

Key = frozenset[tuple[Expr, Fraction]]

Form = dict[Key, tuple[Fraction, Factors]]
"""Monomials in the order in which they are written, with their coefficients. Without any it is 0."""

MOST_TERMS = 64
"""A sum of more terms is an atom: chains of a million terms take a time proportional to their length."""

MOST_FACTORS = 32
"""So is a product of more factors."""

LARGEST_EXPONENT = 64
"""Whole exponents above it are left alone."""

LONGEST = 10**6
"""Fractions of larger numbers are written as floats."""

EXPANDED = 4
"""Powers of sums are multiplied out up to this exponent."""

ONE = Fraction(1)

UNIT: Key = frozenset()


def number(value: Fraction) -> Form:
    return {UNIT: (value, ())} if value else {}


def single(base: Expr, exponent: Fraction = ONE) -> Form:
    factors = ((base, exponent),)
    return {frozenset(factors): (ONE, factors)}


def added(one: Form, other: Form, scale: Fraction = ONE) -> Form:
    """one + scale·other."""
    result = dict(one)
    for key, (coefficient, factors) in other.items():
        total = scale * coefficient + (result[key][0] if key in result else 0)
        if total:
            result[key] = total, result[key][1] if key in result else factors
        else:
            result.pop(key, None)
    return result


def merged(one: Factors, other: Factors) -> Factors:
    exponents: dict[Expr, Fraction] = {}
    for base, exponent in (*one, *other):
        exponents[base] = exponents.get(base, Fraction(0)) + exponent
    return tuple([(base, exponent) for base, exponent in exponents.items() if exponent])


def multiplied(one: Form, other: Form) -> Form:
    """The product, term by term."""
    result: Form = {}
    for c, left in one.values():
        for d, right in other.values():
            factors = merged(left, right)
            result = added(result, {frozenset(factors): (c * d, factors)})
    return result


def exact_power(value: Fraction, exponent: Fraction) -> Fraction | None:
    """value**exponent where it is rational; None otherwise, and where it is none or long."""
    if value == 0 or abs(exponent) > LARGEST_EXPONENT or exponent.denominator > 8:
        return None
    if exponent.denominator == 1:
        bits = max(abs(value.numerator), value.denominator).bit_length()
        return value**exponent.numerator if bits * abs(exponent.numerator) <= 2048 else None
    if value < 0:
        return None
    roots = []
    for part in (value.numerator, value.denominator):
        try:
            root = round(part ** (1 / exponent.denominator))
        except OverflowError:
            return None
        if root**exponent.denominator != part:
            return None
        roots.append(root)
    return exact_power(Fraction(*roots), Fraction(exponent.numerator))


def is_even(exponent: Fraction) -> bool:
    return exponent.denominator == 1 and exponent % 2 == 0


def content_of(form: Form) -> Fraction:
    """What divides all coefficients, negative where all are; ±1 where that is no short number."""
    coefficients = [coefficient for coefficient, _ in form.values()]
    top = math.gcd(*[c.numerator for c in coefficients])
    bottom = math.lcm(*[c.denominator for c in coefficients])
    if max(top, bottom) > LONGEST:
        top = bottom = 1
    return Fraction(top, bottom) * (1 if max(coefficients) > 0 else -1)


__all__ = [
    "EXPANDED", "LARGEST_EXPONENT", "LONGEST", "MOST_FACTORS", "MOST_TERMS", "ONE", "UNIT", "Factors", "Form", "Key", "added",
    "content_of", "exact_power", "is_even", "merged", "multiplied", "number", "single",
]  # fmt: skip
