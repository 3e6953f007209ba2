"""Taylor series of parts of a formula that lose digits, in one input or in several at once, with formulas for coefficients.

Near a point where a part cancels it is the first terms of its series there, whose coefficients are formulas of the other inputs:
f(a) − f(b) is f′(b)(a − b) + f″(b)(a − b)²/2 + …, and e^x cos y − 1 is x + (x² − y²)/2 + …. The point is 0, or where one input
is equal to another. Coefficients that are 0 over the real numbers are left out, which is where the cancellation goes; those that
remain are rewritten by the rules, and how far the series is good is left to what cuts forms into pieces.

Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 13.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.autodiff.series import TaylorSeries
from graphc.errors import GraphcError
from graphc.ir.expr import Expr, constant, rebuild, walk
from graphc.ir.types import FLOAT64
from graphc.ir.ulp import rounded
from graphc.rewrite import tables
from graphc.rewrite.rational.real_form import RealForms
from graphc.search.clock import Clock
from graphc.search.columns import Columns, size_within
from graphc.search.exact import Exact
from graphc.search.homogeneous import moderate
from graphc.search.truth import Points

LOST = 1.0
"""Mean bits that an operation has to lose before its users are looked at."""

PARTS = 5
"""Parts that are expanded."""

NODES, COEFFICIENT = 50, 120
"""Nodes of a part that is expanded, and of a coefficient."""

INPUTS = 3
"""Inputs of a part that is expanded."""

ORDER = 15
"""The highest power."""

LENGTHS = (1, 2, 3, 5, 7)
"""Terms of the polynomials that are tried; one more says where they are good."""

REST = 2.0**-54
"""How large the first term that is left out may be beside the sum."""

LOOKED_AT = 6
"""Points at which a coefficient is seen to be 0."""

ZERO = 96
"""Binary digits below 1 from which a coefficient is 0: the inputs are of moderate size, and values have more digits."""


def expanded(
    formula: Expr, exact: Exact, points: Points, columns: Columns, clock: Clock, share: float
) -> Iterator[tuple[Expr, Expr, np.ndarray]]:
    """(part, polynomial that stands for it near a point, where it does) for parts of a formula that lose digits.

    exact : values at the points where the formula is worst; points, columns : all points
    """
    losses = exact.losses([formula])
    above: set[Expr] = set()
    for node in walk([formula]):
        if losses.get(node, 0.0) > LOST or any(operand in above for operand in node.operands):
            above.add(node)
    inner = [node for node in walk([formula]) if node in above and node.dtype == FLOAT64]
    parts = (node for node in reversed(inner) if size_within(node, NODES) <= NODES)
    near: dict[tuple[Expr, ...], Exact] = {}
    for part in itertools.islice(parts, PARTS):
        inputs = tuple([node for node in walk([part]) if node.is_symbol])
        if not 0 < len(inputs) <= INPUTS or any(symbol.dtype != FLOAT64 for symbol in inputs):
            continue
        if inputs not in near:
            near[inputs] = Exact(points.of(moderate(points, list(inputs))[:LOOKED_AT]))
        for known, step in _directions(inputs):
            if clock.over(share):
                return
            for series in _about(part, known, step, near[inputs], clock, share):
                yield part, series.form, series.good(columns)


@dataclass(frozen=True)
class _Series:
    """The first terms of a series, or a quotient of two: with (sum, first term that is left out) of each."""

    form: Expr
    ends: tuple[tuple[Expr, Expr], ...]

    def good(self, columns: Columns) -> np.ndarray:
        """At which points it is what it stands for, up to rounding."""
        with np.errstate(all="ignore"):
            return np.logical_and.reduce(
                [np.abs(columns(rest)) <= REST * np.abs(columns(sum_)) for sum_, rest in self.ends]
            )


def _directions(inputs: Sequence[Expr]) -> Iterator[tuple[dict[Expr, list[Expr | None]], Expr | None]]:
    """(input → its own series, the step h): an input from 0 on, or from another on; all inputs from 0 on together, where the
    powers of the step are in the coefficients."""
    one, zero = constant(1.0, FLOAT64), constant(0.0, FLOAT64)
    for x in inputs:
        yield {x: [zero, one]}, x
    for x, y in itertools.permutations(inputs, 2):
        yield {x: [y, one]}, x - y
    if len(inputs) > 1:
        yield {x: [zero, x] for x in inputs}, None


def _about(
    part: Expr, known: dict[Expr, list[Expr | None]], step: Expr | None, exact: Exact, clock: Clock, share: float
) -> Iterator[_Series]:  # fmt: skip
    """The first terms of the series of a part, in several numbers of terms; of a quotient those of both sides."""
    series = TaylorSeries(known, ORDER)
    if part.op.name == "divide" and step is not None:
        above, below = (_terms(series, side, exact, clock, share) for side in part.operands)
        if above and below and below[0][0]:  # the quotient of what begins with hᵐ and with hⁿ
            common = min(above[0][0], below[0][0])
            above, below = (
                [(order - common, coefficient) for order, coefficient in terms] for terms in (above, below)
            )
            for length in LENGTHS:
                upper, lower = _first(above, length, step), _first(below, length, step)
                if upper is None or lower is None:
                    return
                yield _Series(upper.form / lower.form, upper.ends + lower.ends)
            return
    terms = _terms(series, part, exact, clock, share)
    if terms and terms[-1][0]:
        for length in LENGTHS:
            found = _first(terms, length, step)
            if found is not None and length < len(terms):
                yield found


def _terms(
    series: TaylorSeries, part: Expr, exact: Exact, clock: Clock, share: float
) -> list[tuple[int, Expr]]:
    """(power, coefficient) of the first terms that are not 0."""
    terms: list[tuple[int, Expr]] = []
    for order in range(ORDER + 1):
        if clock.over(share) or len(terms) > LENGTHS[-1]:
            break
        try:
            coefficient = series.coefficient(part, order)
            if coefficient is None:
                continue
            if len(walk([coefficient])) > 4 * COEFFICIENT:
                break
            if _is_zero(coefficient, exact):
                continue
            coefficient = _shortened(coefficient, exact)
        except (GraphcError, ArithmeticError, ValueError):
            break
        if len(walk([coefficient])) > COEFFICIENT or not _is_known(coefficient, exact):
            break
        terms.append((order, coefficient))
    return terms


def _first(terms: Sequence[tuple[int, Expr]], length: int, step: Expr | None) -> _Series | None:
    """The first terms; all of a side of a quotient that has no more. None where there are none to be left out."""
    form = _written(terms[:length], step)
    if length < len(terms):
        return _Series(form, ((form, _written(terms[length : length + 1], step)),))
    return _Series(form, ()) if len(terms) == 1 else None


def _shortened(coefficient: Expr, exact: Exact) -> Expr:
    """A coefficient with its constants computed, written short, and as the rules have it."""
    (short,) = RealForms().shortest([_folded(coefficient, exact)])
    return tables.run([short], "stable").outputs[0]


def _folded(expr: Expr, exact: Exact) -> Expr:
    """A formula with what depends on no input as one number, rounded once, and without what 0 and 1 make superfluous."""
    made: dict[Expr, Expr] = {}
    moving: set[Expr] = set()
    for node in walk([expr]):
        operands = tuple([made[operand] for operand in node.operands])
        if node.is_symbol or any(operand in moving for operand in node.operands):
            moving.add(node)
        elif node.operands and node.dtype == FLOAT64:
            value = exact.row(node)[0]
            if value is not None:
                made[node] = constant(rounded(value, FLOAT64), FLOAT64)
                continue
        made[node] = _simple(node, operands)
    return made[expr]


def _simple(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    if not operands or node.dtype != FLOAT64:
        return rebuild(node, operands) if operands else node
    numbers = [float(operand.value) if operand.is_constant else None for operand in operands]
    match node.op.name:
        case "multiply" if 0.0 in numbers:
            return constant(0.0, FLOAT64)
        case "multiply" if 1.0 in numbers:
            return operands[1 - numbers.index(1.0)]
        case "add" if 0.0 in numbers:
            return operands[1 - numbers.index(0.0)]
        case "subtract" if numbers[1] == 0.0:
            return operands[0]
        case "divide" if numbers[1] == 1.0 or numbers[0] == 0.0:
            return operands[0]
        case "divide" if operands[0] is operands[1]:
            return constant(1.0, FLOAT64)
    return rebuild(node, operands)


def _is_zero(coefficient: Expr, exact: Exact) -> bool:
    row = [value for value in exact.row(coefficient) if value is not None]
    return bool(row) and all(not value or exact.fields[0].mp.mag(value) < -ZERO for value in row)


def _is_known(coefficient: Expr, exact: Exact) -> bool:
    return any(value is not None for value in exact.row(coefficient))


def _written(terms: Sequence[tuple[int, Expr]], step: Expr | None) -> Expr:
    """Σ cₖhᵏ by Horner's scheme, or Σ cₖ with the smallest first."""
    powers = [order for order, _ in terms]
    total = terms[-1][1]
    for (_, coefficient), low, high in reversed(list(zip(terms[:-1], powers[:-1], powers[1:], strict=True))):
        total = coefficient + (total if step is None else _raised(step, high - low) * total)
    return total if step is None or not powers[0] else _raised(step, powers[0]) * total


def _raised(h: Expr, power: int) -> Expr:
    result = h
    for _ in range(power - 1):
        result = result * h
    return result


__all__ = ["expanded"]
