"""Formulas of several inputs as a power of one times a function of quotients: what units of measurement leave of them.

A formula with f(λx, λy) = λᵏ f(x, y) is xᵏ f(1, y/x), and one with f(λx, y) = λᵏ f(x, y) is xᵏ f(1, y). So an area of two lengths
is a function of one number, which a polynomial can stand for near the point where its digits die, and nothing of it overflows
before the result does. Which inputs scale together is found by values in many digits at a few points, not by units that
somebody declares.

Source: Buckingham, On physically similar systems (1914).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, constant, rebuild, substitute, walk
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64
from graphc.ops.elementary import sqrt
from graphc.search.exact import Exact
from graphc.search.truth import Points

POINTS = 6
"""At which a formula is seen to scale."""

POWERS = tuple([half / 2 for half in range(-8, 9)])
"""Powers that are looked for."""

INPUTS, NODES = 5, 120
"""Formulas of more inputs or nodes are left alone."""

BY = 4.0
"""What inputs are multiplied by: half powers of it are floats."""


def normalised(formula: Expr, points: Points) -> Iterator[Expr]:
    """The formula as a power of one input times itself with that one 1, for each way in which it scales.

    points : with values of the formula
    """
    inputs = [symbol for symbol in Dag([formula]).symbols if symbol.dtype == FLOAT64]
    if len(inputs) > INPUTS or len(walk([formula])) > NODES or len(points) < POINTS:
        return
    looked_at = Exact(points.of(moderate(points, inputs)[:POINTS]))
    for size in (1, 2, len(inputs)):
        for together in dict.fromkeys(itertools.combinations(inputs, size)):
            power = _power(formula, together, looked_at)
            if power is not None:
                yield from _written(formula, together, power)
        if size >= len(inputs):
            return


def moderate(points: Points, inputs: list[Expr]) -> Any:
    """The points, those first at which the inputs are nearest to 1 in size."""
    with np.errstate(all="ignore"):
        far = sum(np.abs(np.log(np.abs(points.columns[symbol]))) for symbol in inputs)
    return np.argsort(np.where(np.isfinite(far), far, np.inf), kind="stable")


def _power(formula: Expr, together: tuple[Expr, ...], exact: Exact) -> float | None:
    """k with f(λx, …) = λᵏ f(x, …) at all points; None where there is none."""
    scale = constant(BY, FLOAT64)
    one = exact.row(formula)
    other = exact.row(substitute(formula, {symbol: symbol * scale for symbol in together}))
    found: float | None = None
    seen = 0
    for field, a, b in zip(exact.fields, one, other, strict=True):
        if a is None or b is None or type(a) is bool or type(b) is bool or not a or not b:
            continue
        if found is None:
            found = next((k for k in POWERS if field.equal(b, a * field.mp.mpf(BY) ** k)), None)
            if found is None:
                return None
        elif not field.equal(b, a * field.mp.mpf(BY) ** found):
            return None
        seen += 1
    return found if seen >= 3 else None


def _written(formula: Expr, together: tuple[Expr, ...], power: float) -> Iterator[Expr]:
    """xᵏ f(1, y/x), for each x among those that scale together."""
    for x in together:
        quotients = {y: y / x for y in together if y is not x}
        shape = _without_ones(substitute(formula, {x: constant(1.0, FLOAT64), **quotients}))
        yield _times_power(shape, x, power)


def _without_ones(expr: Expr) -> Expr:
    """A formula without multiplications and divisions by 1, and powers of it."""
    made: dict[Expr, Expr] = {}

    def is_one(node: Expr) -> bool:
        return node.is_constant and node.dtype == FLOAT64 and node.value == 1

    for node in walk([expr]):
        operands = tuple([made[operand] for operand in node.operands])
        name = node.op.name
        if name == "multiply" and is_one(operands[0]):
            made[node] = operands[1]
        elif (name in ("multiply", "divide", "pow") and is_one(operands[1])) or (
            name in ("sqrt", "square", "cbrt") and is_one(operands[0])
        ):
            made[node] = operands[0]
        else:
            made[node] = rebuild(node, operands) if operands != node.operands else node
    return made[expr]


def _times_power(shape: Expr, x: Expr, power: float) -> Expr:
    """xᵏ·f, by one x after the other: on the way nothing is larger or smaller than f and the result."""
    factors = [x] * int(abs(power)) + ([sqrt(x)] if power % 1 else [])
    for factor in factors:
        shape = factor * shape if power > 0 else shape / factor
    return shape


__all__ = ["moderate", "normalised"]
