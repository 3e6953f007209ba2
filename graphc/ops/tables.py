"""Functions given by tables: linear interpolation, piecewise polynomials and cubic splines, each with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import GraphcError, InputError, brief, is_huge
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import FLOAT64
from graphc.ops.arithmetic import mod
from graphc.ops.comparison import clip, isnan, where
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call
from graphc.util import fork_safety


def _row(name: str, values: Any) -> Expr:
    """A vector of floats of known length, two at least."""
    if isinstance(values, (list, tuple)):
        try:
            values = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError, GraphcError):
            raise InputError(
                f"{name} is no list of numbers: {brief(values)}", hint=f"write {name}=np.array([…])"
            ) from None
    x = constant(values)
    if x.ndim != 1 or not isinstance(x.shape[0], int) or x.shape[0] < 2:
        raise at.refuse_shape(
            f"{name} is a vector of two numbers or more, of known length", (x,), "give it as an array"
        )
    return x if x.dtype.kind == "f" else x.astype(FLOAT64)


def _ascending(knots: Expr) -> None:
    """Refuse points that are known to be out of order, of which NumPy makes numbers that mean nothing."""
    if knots.is_constant and not np.all(np.diff(knots.value) >= 0):
        raise InputError(
            f"xp ascends, and {brief(knots.value)} does not",
            site=current_site(),
            hint="order = np.argsort(xp); g.interp(x, xp[order], fp[order])",
        )


def _place(x: Expr, knots: Expr) -> Expr:
    """The interval that each x is in, the first and the last one without end."""
    last = knots.shape[0] - 2  # type: ignore[operator]
    flat = x if x.ndim else call("reshape", x, shape=(1,))
    found = clip(call("searchsorted", knots, flat, side="right") - 1, 0, last)
    return found if x.ndim else call("reshape", found, shape=())


def _number(name: str, value: Any) -> Any:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, (int, float, np.number, Expr))
    ):
        raise InputError(f"{name} is a number, not {brief(value)}", hint=f"write {name}=0.0, or leave it out")
    return value


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Expr:
    """The piecewise linear function through the points (xp, fp), as `numpy.interp`.

    xp : ascending, a vector of known length; fp : as many values; both may be expressions, and are differentiated too
    left, right : what it is below xp[0] and above xp[-1], where it is constant otherwise; period : of a periodic function,
    whose points xp are then ascending and within one period

    At a point its derivative is that to the right. Raises `ShapeError` for vectors that do not fit, `InputError` for constants
    xp that do not ascend.
    """
    x, knots, values = constant(x), _row("xp", xp), _row("fp", fp)
    x = x if x.dtype.kind == "f" else x.astype(FLOAT64)
    if knots.shape != values.shape:
        raise at.refuse_shape("xp and fp have one length", (knots, values))
    if period is not None:
        number = _number("period", period)
        if isinstance(number, Expr) or is_huge(number) or not 0 < abs(float(number)) < math.inf:
            raise InputError(f"period is a number other than 0, not {brief(period)}", hint="write period=360")
        size = abs(float(number))
        x = knots[0] + mod(x - knots[0], size)
        knots = call("concat", knots, call("reshape", knots[0] + size, shape=(1,)), axis=0)
        values = call("concat", values, values[0:1], axis=0)
        left = right = None
    _ascending(knots)
    place = _place(x, knots)
    low, high = knots[place], knots[place + 1]
    below, above = values[place], values[place + 1]
    inside = below + (x - low) * ((above - below) / (high - low))
    first = values[0] if _number("left", left) is None else left
    last = values[-1] if _number("right", right) is None else right
    outside = where(x < knots[0], first, where(x > knots[-1], last, inside))
    return where(isnan(x), x, outside)


def piecewise_polynomial(x: Any, coefficients: Any, breaks: Any) -> Expr:
    """The polynomial Σ coefficients[k, i]·(x − breaks[i])^(m−k) of the interval i that x is in, as SciPy's `PPoly(c, x)`.

    coefficients : an array of constants or an expression, of shape (degree + 1, intervals), the highest power first
    breaks : ascending, a vector one longer. The first and the last polynomial go on outside.

    Raises `ShapeError` for arrays that do not fit.
    """
    x, table, knots = constant(x), constant(coefficients), _row("breaks", breaks)
    x = x if x.dtype.kind == "f" else x.astype(FLOAT64)
    if table.ndim != 2 or not isinstance(table.shape[0], int) or table.shape[1] != knots.shape[0] - 1:  # type: ignore[operator]
        raise at.refuse_shape(
            "coefficients have a row for each power and a column for each interval", (table, knots)
        )
    if not 1 <= table.shape[0] <= 64:
        raise at.refuse_shape(
            "a polynomial of this degree is not written out", (table,), "degrees up to 63 are"
        )
    place = _place(x, knots)
    rest = x - knots[place]
    result = table[0][place]
    for k in range(1, table.shape[0]):
        result = result * rest + table[k][place]
    return result + 0 * rest if table.shape[0] == 1 else result


@fork_safety.once
def _cubic_spline() -> Any:
    from scipy.interpolate import CubicSpline

    return CubicSpline


def cubic_spline(x: Any, xp: Any, fp: Any, bc_type: Any = "not-a-knot") -> Expr:
    """The cubic spline through the points (xp, fp), which are numbers, as `scipy.interpolate.CubicSpline(xp, fp, bc_type)(x)`.

    bc_type : "not-a-knot", "natural", "clamped" or "periodic", for both ends; x : an expression, outside of the points too

    Differentiated as the piecewise polynomial that it is. Raises `InputError` for points that have no spline.
    """
    if not isinstance(bc_type, str) or bc_type not in ("not-a-knot", "natural", "clamped", "periodic"):
        raise InputError(
            f"bc_type is {brief(bc_type)}", hint='one of "not-a-knot", "natural", "clamped", "periodic"'
        )
    points = [_row("xp", xp), _row("fp", fp)]
    if not all(point.is_constant for point in points):
        raise InputError(
            "a spline is computed from numbers", hint="give xp and fp as arrays; g.interp takes expressions"
        )
    try:
        spline = _cubic_spline()(points[0].value, points[1].value, bc_type=bc_type)
    except ValueError as error:
        raise InputError(
            f"these points have no spline: {error}", hint="xp ascends, and fp has as many finite numbers"
        ) from None
    number = constant(x)
    if bc_type == "periodic":
        number = spline.x[0] + mod(number - spline.x[0], float(spline.x[-1] - spline.x[0]))
    return piecewise_polynomial(number, spline.c, spline.x)


Expr.function_table[np.interp] = interp

__all__ = ["cubic_spline", "interp", "piecewise_polynomial"]
