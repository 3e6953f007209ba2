"""A series as one operation, for the time in which derivatives are written: its derivative is a series again.

Written out by Horner's rule and differentiated by the chain rule, a polynomial of thirty terms is a sum of thirty products; as
one operation it has thirty other coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, apply, constant, rebuild, walk
from graphc.ir.op import Notation, Op
from graphc.ir.types import TypeRule
from graphc.util.records import dataclass

NAME = "\0series"


@dataclass(frozen=True, eq=False)
class SeriesOp(Op):
    """terms : (valuation, step, coefficients)"""

    terms: tuple[int, int, tuple[float, ...]] = (0, 1, ())


def series_node(x: Expr, valuation: int, step: int, coefficients: Sequence[float]) -> Expr:
    """x**valuation · Σ coefficients[k]·x**(step·k) as one operation."""
    return apply(_operation(valuation, step, tuple(coefficients)), x)


def written_out(outputs: Sequence[Expr]) -> tuple[Expr, ...]:
    """The outputs with series by Horner's rule."""
    order = walk(outputs)
    if not any(isinstance(node.op, SeriesOp) for node in order):
        return tuple(outputs)
    done: dict[Expr, Expr] = {}
    for node in order:
        operands = tuple([done[operand] for operand in node.operands])
        if isinstance(node.op, SeriesOp):
            done[node] = horner(operands[0], *node.op.terms)
        else:
            done[node] = rebuild(node, operands) if operands != node.operands else node
    return tuple([done[output] for output in outputs])


def near_condition(outputs: Sequence[Expr]) -> Expr | None:
    """The condition under which a series stands in the outputs; None where there is none."""
    for node in walk(outputs):
        if node.op.name != "where":
            continue
        condition, *branches = node.operands
        inside = [any(isinstance(part.op, SeriesOp) for part in walk((branch,))) for branch in branches]
        if inside[0]:
            return condition
        if inside[1] and condition.op.name == "logical_not":
            return condition.operands[0]
    return None


def horner(x: Expr, valuation: int, step: int, coefficients: Sequence[float]) -> Expr:
    """x**valuation · Σ coefficients[k]·x**(step·k); what is outside of the sum one factor after the other, so that it over- and
    underflows with the value."""
    variable = _power(x, step)
    total = constant(coefficients[-1], x.dtype)
    for coefficient in reversed(coefficients[:-1]):
        total = total * variable + coefficient
    for _ in range(valuation):
        total = total * x
    for _ in range(-valuation):
        total = total / x
    return total


def _power(x: Expr, exponent: int) -> Expr:
    if exponent == 1:
        return x
    half = _power(x, exponent // 2)
    return half * half * x if exponent % 2 else half * half


@lru_cache(256)
def _operation(valuation: int, step: int, coefficients: tuple[float, ...]) -> SeriesOp:
    powers = [valuation + step * k for k in range(len(coefficients))]
    rates = [c * power for c, power in zip(coefficients, powers, strict=True)]
    lost = 1 if powers[0] == 0 else 0
    derived = valuation - 1 + step * lost, step, tuple(rates[lost:])

    def reference(x: Any) -> Any:
        total, variable = np.full_like(x, coefficients[-1]), x**step
        for coefficient in reversed(coefficients[:-1]):
            total = total * variable + x.dtype.type(coefficient)
        for _ in range(abs(valuation)):
            total = total * x if valuation > 0 else total / x
        return total

    return SeriesOp(
        name=NAME,
        params=("x",),
        summary="A power series.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=reference,
        notation=Notation("series"),
        partials=(lambda out, x: series_node(x, *derived) if derived[2] else 0.0,),
        terms=(valuation, step, coefficients),
    )


__all__ = ["horner", "near_condition", "series_node", "written_out"]
