"""What dimensions are at a call: evaluated, solved for a name, and what is known of them before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

from graphc.ir.dims.polynomial import Dim, Polynomial, Quotient, names_of


def evaluate(dim: Dim, lengths: Mapping[str, int]) -> int:
    """The length that a dimension is, given those of its names; KeyError names one that is missing."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return lengths[dim]
    total = 0
    for monomial, coefficient in dim.terms:
        value = coefficient
        for atom, power in monomial:
            if isinstance(atom, str):
                length = lengths[atom]
            else:
                below = evaluate(atom.denominator, lengths)
                if below == 0:
                    raise ValueError(f"the dimension {dim} divides by zero")
                length = evaluate(atom.numerator, lengths) // below
            value *= length**power
        total += value
    return total


def solve(dim: Dim, length: int, lengths: Mapping[str, int]) -> tuple[str, int] | None:
    """The one name in a dimension that has no length yet, and the length that makes the dimension what it is at the call.

    None where the dimension is not linear in one such name, or no whole number will do.

    >>> from graphc.ir.dims import parse
    >>> solve(parse("2*n + 1"), 7, {})
    ('n', 3)
    """
    missing = [name for name in names_of(dim) if name not in lengths]
    if len(missing) != 1 or not isinstance(dim, Polynomial) or _in_quotient(dim, missing[0]):
        return None
    (name,) = missing
    try:
        # a polynomial of degree below the number of values is known by them
        values = [evaluate(dim, {**lengths, name: value}) for value in range(2 + _degree(dim))]
    except ValueError:
        return None
    at_zero, slope = values[0], values[1] - values[0]
    linear = all(after - before == slope for before, after in pairwise(values))
    if slope == 0 or not linear or (length - at_zero) % slope:
        return None
    value = (length - at_zero) // slope
    return (name, value) if value >= 0 and evaluate(dim, {**lengths, name: value}) == length else None


def _degree(dim: Polynomial) -> int:
    return max(sum(power for _, power in monomial) for monomial, _ in dim.terms)


def _in_quotient(dim: Polynomial, name: str) -> bool:
    """Whether a name stands below a floor division, where many lengths give one."""
    atoms = [atom for monomial, _ in dim.terms for atom, _ in monomial if isinstance(atom, Quotient)]
    return any(name in (*names_of(atom.numerator), *names_of(atom.denominator)) for atom in atoms)


def is_negative(dim: Dim) -> bool:
    """Whether a dimension is below zero whatever its names stand for: lengths are at least 0."""
    if isinstance(dim, int):
        return dim < 0
    if isinstance(dim, str):
        return False
    return (
        all(coefficient < 0 for _, coefficient in dim.terms)
        and not any(isinstance(atom, Quotient) for monomial, _ in dim.terms for atom, _ in monomial)
        and any(not monomial for monomial, _ in dim.terms)
    )


def size_of(shape: Iterable[Dim]) -> int | None:
    """The number of elements of a shape; None where a name leaves it open."""
    listed = list(shape)
    if any(dim == 0 for dim in listed):
        return 0
    return math.prod(listed) if all(isinstance(dim, int) for dim in listed) else None  # type: ignore[arg-type]


__all__ = ["evaluate", "is_negative", "size_of", "solve"]
