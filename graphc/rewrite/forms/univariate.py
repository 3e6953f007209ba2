"""Polynomials of one variable with exact coefficients, from the constant one up: whole numbers stay Python's integers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from functools import reduce
from typing import Any

Number = int | Fraction

Poly = tuple[Number, ...]
"""Coefficients, the last of which is not 0; () is 0"""

ONE: Poly = (1,)
X: Poly = (0, 1)


def exact(value: float) -> Number:
    """The number that a float is."""
    found = Fraction(value)
    return found.numerator if found.denominator == 1 else found


def quotient(a: Number, b: Number) -> Number:
    """a/b"""
    if type(a) is int and type(b) is int and not a % b:
        return a // b
    found = Fraction(a) / b
    return found.numerator if found.denominator == 1 else found


def trimmed(coefficients: Iterable[Number]) -> Poly:
    """A polynomial of its coefficients."""
    found = list(coefficients)
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def plus(a: Poly, b: Poly, factor: Number = 1) -> Poly:
    """a + factor·b"""
    size = max(len(a), len(b))
    one, other = (*a, *[0] * (size - len(a))), (*b, *[0] * (size - len(b)))
    return trimmed(p + factor * q for p, q in zip(one, other, strict=True))


def times(a: Poly, b: Poly) -> Poly:
    """a·b"""
    if not a or not b:
        return ()
    total: list[Number] = [0] * (len(a) + len(b) - 1)
    for i, p in enumerate(a):
        if p:
            for j, q in enumerate(b):
                total[i + j] += p * q
    return tuple(total)


def power(a: Poly, exponent: int) -> Poly:
    """a**exponent for exponents of 0 and more"""
    return reduce(times, [a] * exponent, ONE)


def divided(a: Poly, b: Poly) -> Poly | None:
    """a/b where nothing is left over; None otherwise."""
    rest, found = list(a), [0] * max(len(a) - len(b) + 1, 0)
    quotients: list[Number] = list(found)
    while len(rest) >= len(b):
        ratio = quotient(rest[-1], b[-1])
        shift = len(rest) - len(b)
        quotients[shift] = ratio
        for place, coefficient in enumerate(b):
            rest[shift + place] -= ratio * coefficient
        rest.pop()
    return None if any(rest) else trimmed(quotients)


def content(a: Poly) -> Number:
    """What all coefficients are multiples of, with the sign of the lowest one that is not 0."""
    parts = [Fraction(c) for c in a if c]
    top, bottom = math.gcd(*[c.numerator for c in parts]), math.lcm(*[c.denominator for c in parts])
    return quotient(top if parts[0] > 0 else -top, bottom)


def primitive(a: Poly) -> tuple[Number, Poly]:
    """(c, p) with a = c·p, where the coefficients of p are whole numbers without a common divisor."""
    scale = content(a)
    return scale, a if scale == 1 else tuple([quotient(c, scale) for c in a])


def derivative(a: Poly) -> Poly:
    """The derivative."""
    return trimmed([k * c for k, c in enumerate(a)][1:])


def common(a: Poly, b: Poly) -> Poly:
    """The greatest common divisor, primitive."""
    while b:
        rest = list(a)
        while len(rest) >= len(b):
            ratio, shift = quotient(rest[-1], b[-1]), len(rest) - len(b)
            for place, coefficient in enumerate(b):
                rest[shift + place] -= ratio * coefficient
            rest.pop()
        rest = list(trimmed(rest))
        a, b = b, primitive(tuple(rest))[1] if rest else ()
    return primitive(a)[1]


def square_free(a: Poly) -> list[tuple[Poly, int]]:
    """The factors of a primitive polynomial without multiple roots, with their powers; the sign is left out."""
    found: list[tuple[Poly, int]] = []
    multiple = common(a, derivative(a))
    once = divided(a, multiple) or ONE
    exponent = 1
    while len(once) > 1:
        shared = common(once, multiple)
        alone = primitive(divided(once, shared) or ONE)[1]
        if len(alone) > 1:
            found.append((alone, exponent))
        once, multiple = shared, divided(multiple, shared) or ONE
        exponent += 1
    return found


MOST_CANDIDATES = 64


def linear_factors(a: Poly) -> tuple[list[Poly], Poly]:
    """The factors q·x + p of a primitive polynomial that has rational roots, and what is left."""
    found: list[Poly] = []
    while len(a) > 1 and a[0] == 0:
        found.append(X)
        a = a[1:]
    while len(a) > 2:
        factor = next((f for f in _candidates(a) if _vanishes(a, f) and divided(a, f) is not None), None)
        if factor is None:
            return found, a
        found.append(factor)
        a = divided(a, factor) or ONE
    return ([*found, a], ONE) if len(a) == 2 else (found, a)


def _candidates(a: Poly) -> list[Poly]:
    """p + q·x where p divides the lowest coefficient and q the highest."""
    low, high = abs(int(a[0])), abs(int(a[-1]))
    if low > 10_000 or high > 10_000:
        return [(1, 1), (1, -1)]
    tops = [d for d in range(1, low + 1) if low % d == 0]
    bottoms = [d for d in range(1, high + 1) if high % d == 0]
    pairs = [(p, s * q) for q in bottoms for p in tops for s in (1, -1) if math.gcd(p, q) == 1]
    return pairs[:MOST_CANDIDATES]  # type: ignore[return-value]


def _vanishes(a: Poly, factor: Poly) -> bool:
    return value(a, Fraction(-factor[0], factor[1])) == 0  # type: ignore[arg-type]


def value(a: Poly, x: Any) -> Any:
    """The polynomial at a number of any kind."""
    total: Any = 0
    for coefficient in reversed(a):
        total = total * x + (coefficient if isinstance(coefficient, int) else _like(coefficient, x))
    return total


def _like(coefficient: Fraction, x: Any) -> Any:
    return (
        coefficient
        if isinstance(x, Fraction | int)
        else coefficient.numerator / (0 * x + coefficient.denominator)
    )


__all__ = [
    "ONE", "Number", "Poly", "X", "common", "content", "derivative", "divided", "exact", "linear_factors", "plus", "power",
    "primitive", "quotient", "square_free", "times", "trimmed", "value",
]  # fmt: skip
