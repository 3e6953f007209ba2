"""Products and quotients with fewer divisions and square roots, which are what takes time in them.

A product of any nesting is its factors above and below the line; it is written again with one division or two, with one
reciprocal for several, with one square root for several.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from graphc.ir.expr import Expr, constant, substitute
from graphc.ir.types import FLOAT64
from graphc.ops.elementary import sin, sqrt
from graphc.search.columns import Columns

FACTORS = 8
"""Factors of a product that is written anew."""

PRODUCTS = ("multiply", "divide", "negative", "reciprocal", "square")

CLOSE, TINY = 4 * 2.0**-52, 1e-290
"""Of two arguments: the relative distance up to which one is taken for a multiple of the other, and one that is none."""

MOST = 0.98
"""Of the points, at how many they have to be as close: at some a step on the way underflows."""


def _number(value: float) -> Expr:
    return constant(value, FLOAT64)


def is_close(one: np.ndarray, other: np.ndarray, size: np.ndarray | None = None) -> bool:
    """Whether two columns are the same up to rounding, of which those of a larger size have more."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() * 2 < len(known) or not len(known):
        return False
    one, other = one[known], other[known]
    scale = np.maximum(np.abs(one), np.abs(other) if size is None else size[known])
    return bool((np.abs(one - other) <= CLOSE * scale + TINY).mean() >= MOST)


def _factors(node: Expr, up: list[Expr], down: list[Expr], numbers: list[float]) -> None:
    """The factors above and below the line of a product; numbers and signs in one number."""
    name = node.op.name
    if node.is_constant and not node.shape and float(node.value) and math.isfinite(float(node.value)):
        numbers[0] *= float(node.value)
    elif name == "negative":
        numbers[0] = -numbers[0]
        _factors(node.operands[0], up, down, numbers)
    elif name == "multiply" or name == "square":
        for operand in node.operands * (2 if name == "square" else 1):
            _factors(operand, up, down, numbers)
    elif name in ("divide", "reciprocal"):
        if name == "divide":
            _factors(node.operands[0], up, down, numbers)
        below = [1.0]
        _factors(node.operands[-1], down, up, below)
        numbers[0] /= below[0]
    else:
        common = _common(node)
        if common is None:
            up.append(node)
        else:
            for each in common:
                _factors(each, up, down, numbers)


def _common(node: Expr) -> tuple[Expr, Expr] | None:
    """The two factors of x ± x·y; None for what is no such sum."""
    if node.op.name not in ("add", "subtract"):
        return None
    left, right = node.operands
    for first, second in (right.operands, right.operands[::-1]) if right.op.name == "multiply" else ():
        if first is left:
            return left, 1 + second if node.op.name == "add" else 1 - second
    return None


def _half_angles(up: Sequence[Expr], columns: Columns) -> Iterator[tuple[list[Expr], float]]:
    """Factors with sin 2x·tan x as 2·sin²x, and the number beside them."""
    for one, other in itertools.permutations(range(len(up)), 2):
        sine, tangent = up[one], up[other]
        if (sine.op.name, tangent.op.name) == ("sin", "tan"):
            half = tangent.operands[0]
            if is_close(columns(sine.operands[0]), 2 * columns(half)):
                yield [sin(half) if place in (one, other) else f for place, f in enumerate(up)], 2.0


def products(node: Expr, columns: Columns) -> Iterator[Expr]:
    """A product with fewer divisions and square roots."""
    up: list[Expr] = []
    down: list[Expr] = []
    numbers = [1.0]
    _factors(node, up, down, numbers)
    if not numbers[0] or not math.isfinite(numbers[0]) or not 1 < len(up) + len(down) <= FACTORS:
        return
    for factor in list(up):
        if factor in down and factor in up:
            up.remove(factor)
            down.remove(factor)
    for factors, number in [(up, 1.0), *_half_angles(up, columns)]:
        for above, below in _roots(factors, down):
            for way in _quotients(above, below):
                yield _scaled(way, number * numbers[0])


def _scaled(value: Expr, number: float) -> Expr:
    return value if number == 1.0 else -value if number == -1.0 else value * _number(number)


def _roots(up: list[Expr], down: list[Expr]) -> Iterator[tuple[list[Expr], list[Expr]]]:
    """Factors with their square roots as they are; those of the same number as that number; all in one."""
    yield up, down
    (above, roots), (below, under) = (
        ([f for f in each if f.op.name != "sqrt"], [f.operands[0] for f in each if f.op.name == "sqrt"])
        for each in (up, down)
    )
    for numbers, whole in ((roots, above), (under, below)):
        for number in list(dict.fromkeys(numbers)):
            while numbers.count(number) > 1:
                numbers.remove(number)
                numbers.remove(number)
                whole.append(number)
    if len(roots) + len(under) > 1:
        yield [*above, *([sqrt(_product(roots))] if roots else [])], [
            *below, *([sqrt(_product(under))] if under else []),
        ]  # fmt: skip
        if roots and under:
            yield [*above, sqrt(_product(roots) / _product(under))], below
            for place, first in enumerate(roots):
                for divisors in (under, under[::-1]):
                    inside = first
                    for each in divisors:
                        inside = inside / each
                    yield [*above, sqrt(inside), *map(sqrt, roots[:place] + roots[place + 1 :])], below
    elif len(above) + len(roots) != len(up) or len(below) + len(under) != len(down):
        yield [*above, *map(sqrt, roots)], [*below, *map(sqrt, under)]


def _product(factors: Sequence[Expr]) -> Expr:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _quotients(up: list[Expr], down: list[Expr]) -> Iterator[Expr]:
    """Ways to write a quotient of products, with one division or two: which of them stays in range is for the points to say."""
    if not down:
        if up:
            yield _product(up)
        return
    if not up:
        yield _number(1.0) / _product(down)
        return
    yield _product(up) / _product(down)
    if len(up) > 1:
        for place, first in enumerate(up):
            yield _product([first / _product(down), *up[:place], *up[place + 1 :]])
    if len(down) > 1 and len(set(down)) < len(down):  # one reciprocal for all
        inverse = {each: _number(1.0) / each for each in dict.fromkeys(down)}
        result = up[0]
        for above, below in itertools.zip_longest(up[1:], down):
            result = result if below is None else result * inverse[below]
            result = result if above is None else result * above
        yield result
    if len(up) == 2 and len(down) == 2:
        for first, second in (up, up[::-1]):
            yield first / down[0] * (second / down[1])
    if len(up) > 2 and len(down) == 2:
        for one, other in itertools.permutations(range(len(up)), 2):
            rest = [each for place, each in enumerate(up) if place not in (one, other)]
            yield up[one] / down[0] * (_product(rest) * (up[other] / down[1]))
    if len(up) == 3 and len(down) == 2:
        for place in range(3):
            for first, second in (down, down[::-1]):
                others = [*up[:place], *up[place + 1 :]]
                yield up[place] / first * (_product(others) / second)


def reciprocals(form: Expr, order: Sequence[Expr]) -> Iterator[Expr]:
    """A form with the divisions by one and the same value made products by its reciprocal."""
    divisions: dict[Expr, list[Expr]] = {}
    for node in order:
        if node.op.name == "divide" and not node.shape and not node.operands[1].is_constant:
            divisions.setdefault(node.operands[1], []).append(node)
    for below, nodes in divisions.items():
        if len(nodes) > 1:
            inverse = _number(1.0) / below
            yield substitute(
                form,
                {
                    node: inverse
                    if node.operands[0].is_constant and float(node.operands[0].value) == 1.0
                    else node.operands[0] * inverse
                    for node in nodes
                },
            )


__all__ = ["PRODUCTS", "is_close", "products", "reciprocals"]
