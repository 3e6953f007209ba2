"""How the search for a solution ended, and what its derivatives are worth there: for those who look for reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.equations import Equations
from graphc.autodiff.reverse import reverse
from graphc.autodiff.solvers import REASONS
from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ops.implicit import EQUATIONS, STATUS
from graphc.ops.outcome import CHECKED, reason_of
from graphc.ops.unfold import unfolded_values


def reason(node: Expr, operands: Sequence[Any]) -> str:
    """Why a solution was not found from values of the operands; nothing where it was, or for what does not fail so."""
    if node.op is CHECKED:
        return reason_of(node, operands[1])
    if node.op not in EQUATIONS:
        return ""
    results = unfolded_values(node.op, operands, _gentle(node))
    return REASONS.get(int(results[node.attrs[1] + STATUS]), "")


def _gentle(node: Expr) -> tuple[Any, ...]:
    """The static arguments of a node whose search ends in NaN rather than in an error."""
    body, leaves, tol, most, _, _ = node.attrs
    return body, leaves, tol, most, False


def digits_lost(node: Expr, operands: Sequence[Any]) -> float:
    """The decimal digits that derivatives of a solution lose where its Jacobian is nearly singular.

    Of a system those are the digits of the condition of the Jacobian, its rows and columns scaled; of one unknown, how fast the
    slope changes there: |x F″(x)/F′(x)|.
    """
    body, leaves, *_ = node.attrs
    results = unfolded_values(node.op, operands, _gentle(node))
    x = results[:leaves]
    if not all(np.isfinite(value).all() for value in x):
        return 0.0
    system = Equations(node.op, body, leaves)
    point = [*x, *operands[leaves:]]
    slope = system.matrix()
    if system.scalar:
        (unknown, *_), (first,) = slope.inputs, slope.outputs
        second = reverse([first], None, [unknown]).adjoint(unknown)
        f, g = (float(value) for value in Body.evaluate(Body(slope.inputs, [first, second]), point))
        return math.log10(max(1.0, abs(float(x[0]) * g / f))) if f else math.inf
    (matrix,) = Body.evaluate(slope, point)
    matrix = np.asarray(matrix, np.float64)
    if not np.isfinite(matrix).all():
        return math.inf
    for axis in (1, 0):
        size = np.abs(matrix).max(axis=axis, keepdims=True)
        matrix = matrix / np.where(size > 0, size, 1.0)
    condition = float(np.linalg.cond(matrix))
    return math.log10(max(1.0, condition)) if np.isfinite(condition) else math.inf


__all__ = ["digits_lost", "reason"]
