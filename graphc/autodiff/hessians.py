"""Hessians in a search for a minimum: whether they are positive, and what makes them so.

Source: Nocedal and Wright, Numerical Optimization (2006), section 3.4.
"""

from __future__ import annotations

import numpy as np

from graphc.autodiff.equations import Equations, dot
from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, symbol
from graphc.ops.comparison import where
from graphc.ops.control import scan_results, while_results
from graphc.ops.support.build import call, expanded


def is_positive(system: Equations, matrix: Expr, strict: bool) -> Expr:
    """Whether a symmetric matrix has pivots above 0, or none below 0 and zeros beside those that are 0, up to rounding."""
    eps = float(np.finfo(matrix.dtype).eps)
    if system.scalar:
        return matrix > 0 if strict else matrix >= 0
    size = system.size
    eye = call("eye", n_rows=size, dtype=matrix.dtype.name)
    if not isinstance(size, int):
        eye = where(call("equal", matrix, matrix), eye, eye)
    whole, unit = symbol("\2whole", matrix.shape, matrix.dtype), symbol("\2unit", (size,), matrix.dtype)
    largest = symbol("\2largest", (), matrix.dtype)
    row, column = unit @ whole, whole @ unit
    pivot, noise = dot(row, unit), largest * constant(16 * eps, matrix.dtype)
    share = where(pivot > noise, row / pivot, constant(0.0, row.dtype))
    rest = whole - expanded(column, 1) * expanded(share, 0)
    holds = pivot > noise
    if not strict:  # |hᵢⱼ|² ≤ hᵢᵢ hⱼⱼ where none is negative
        beside = call("max", abs(row)) <= largest * constant(8 * eps**0.5, matrix.dtype)
        holds = holds | ((pivot >= -noise) & beside)
    step = Body([whole, unit, largest], [rest, holds])
    _, held = scan_results(step, [matrix], [eye], [call("max", abs(matrix))], size)
    return call("all", held)


def shifted(system: Equations, matrix: Expr, shift: Expr) -> Expr:
    """A matrix with a number added to its diagonal."""
    if system.scalar:
        return matrix + shift
    eye = call("eye", n_rows=system.size, dtype=matrix.dtype.name)
    if not isinstance(system.size, int):
        eye = where(call("equal", matrix, matrix), eye, eye)
    return matrix + eye * shift


def shift_of(system: Equations, matrix: Expr) -> tuple[Expr, Expr]:
    """What to add to a Hessian's diagonal so that its directions lead down, and whether that is nothing."""
    added, hessian = symbol("\2added", (), matrix.dtype), symbol("\2hessian", matrix.shape, matrix.dtype)
    positive = symbol("\2positive", (), "bool")
    largest = abs(hessian) if system.scalar else call("max", abs(hessian))
    more = call("maximum", added * 4, largest * constant(1e-3, added.dtype))
    body = Body(
        [added, positive, hessian], [more, is_positive(system, shifted(system, hessian, more), strict=True)]
    )
    goes_on = Body([added, positive, hessian], [~positive])
    start = is_positive(system, matrix, strict=True)
    shift, _, steps = while_results(
        body, goes_on, [constant(0.0, matrix.dtype), start], [matrix], MOST_SHIFTS
    )
    return shift, call("equal", steps, 0)


MOST_SHIFTS = 12
"""Times that the shift of a Hessian is made larger: 4¹² thousandths of its largest element are more than it can need."""


__all__ = ["is_positive", "shift_of", "shifted"]
