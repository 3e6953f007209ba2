"""NumPy's functions of arrays that are short formulas of operations: differences, products of vectors, quadrature, moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ExpressionError, InputError, brief
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import FLOAT64
from graphc.ops.comparison import clip
from graphc.ops.elementary import sqrt
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, count, dim, expanded, summed, transposed

MOST_DIFFERENCES = 100


def _part(x: Expr, axis: int, start: int | None, stop: int | None) -> Expr:
    """The elements from one place to another along an axis."""
    return x[(*(slice(None),) * axis, slice(start, stop))]


def _whole(name: str, value: Any, least: int, most: int) -> int:
    number = at.whole(name, value)
    if not least <= number <= most:
        raise InputError(f"{name} is {brief(value)}", hint=f"a whole number from {least} to {most}")
    return number


def _array(name: str, x: Any) -> Expr:
    x = constant(x)
    if not x.ndim:
        raise at.refuse_shape(f"{name} needs an array", (x,), "a scalar has no axes")
    return x


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Expr:
    """Differences of neighbours along an axis, n times over, as `numpy.diff`.

    prepend, append : arrays that are put before and behind along the axis, or numbers

    Raises `ShapeError` for a scalar, `InputError` for an n that is no whole number from 0 to 100. How two graphs differ is
    drawn by `g.compare`.
    """
    if isinstance(n, Expr):
        raise InputError(
            f"diff takes differences within one array; n is {brief(n)}",
            site=current_site(),
            hint="g.compare(before, after) draws how two graphs differ; a - b is the difference of two arrays",
        )
    a = _array("diff", a)
    axis, n = at.position("axis", axis, a.ndim), _whole("n", n, 0, MOST_DIFFERENCES)
    parts = []
    for part in (prepend, a, append):
        if part is None:
            continue
        part = constant(part)
        if not part.ndim:
            part = call(
                "broadcast_to", part, shape=tuple([1 if k == axis else d for k, d in enumerate(a.shape)])
            )
        parts.append(part)
    a = parts[0] if len(parts) == 1 else call("concat", *parts, axis=axis)
    for _ in range(n):
        upper, lower = _part(a, axis, 1, None), _part(a, axis, None, -1)
        a = (upper ^ lower) if a.dtype.kind == "b" else upper - lower
    return a


def cross(a: Any, b: Any, axis: int = -1) -> Expr:
    """The vector product a × b of vectors of three elements along an axis, as `numpy.cross`.

    Raises `ShapeError` for other lengths.
    """
    a, b = _array("cross", a), _array("cross", b)
    places = [at.position("axis", axis, x.ndim) for x in (a, b)]
    if a.shape[places[0]] != 3 or b.shape[places[1]] != 3:
        raise at.refuse_shape(
            "cross needs vectors of three elements",
            (a, b),
            "add a third element of 0 to vectors in the plane",
        )
    (ax, ay, az), (bx, by, bz) = (
        [x[(*(slice(None),) * place, k)] for k in range(3)] for x, place in ((a, places[0]), (b, places[1]))
    )
    parts = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return call("stack", *parts, axis=axis if axis < 0 else min(axis, parts[0].ndim))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Expr:
    """The integral of samples along an axis by the trapezoidal rule, as `numpy.trapezoid`.

    x : the places of the samples, of y's shape or along the axis alone; without it they are dx apart

    Raises `ShapeError` for a scalar.
    """
    y = _array("trapezoid", y)
    axis = at.position("axis", axis, y.ndim)
    if x is None:
        step = constant(dx) if isinstance(dx, Expr) else dx
    else:
        x = _array("trapezoid", x)
        if x.ndim == 1:
            step = diff(x)
            step = expanded(step, tuple(range(1, y.ndim - axis))) if axis < y.ndim - 1 else step
        else:
            step = diff(x, axis=axis)
    return summed(step * (_part(y, axis, 1, None) + _part(y, axis, None, -1)), axis) * 0.5


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    """The mean along axes, weighted by `weights`, as `numpy.average`; with `returned` also the sum of the weights.

    weights : of a's shape, or a vector along one axis

    Raises `ShapeError` for weights that do not fit.
    """
    a, returned = constant(a), _truth("returned", returned)
    if weights is None:
        result = call("mean", a, axis=axis, keepdims=keepdims)
        total = (
            constant(1.0) * count(a.shape, at.axes_of(at.AXES.check("axis", axis, (a,)), a.ndim), FLOAT64)
            + 0 * result
        )
        return (result, total) if returned else result
    weights = constant(weights)
    if weights.shape != a.shape:
        if weights.ndim != 1 or axis is None:
            raise at.refuse_shape(
                "weights have the shape of the array, or go along one axis", (a, weights), "give axis="
            )
        place = at.position("axis", axis, a.ndim)
        weights = expanded(weights, tuple(range(1, a.ndim - place))) if place < a.ndim - 1 else weights
        weights = call("broadcast_to", weights, shape=a.shape)
    total = summed(weights, axis, keepdims)
    result = summed(a * weights, axis, keepdims) / total
    return (result, total) if returned else result


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Expr:
    """The covariance matrix of variables, one in each row, as `numpy.cov`; of one variable its variance.

    y : more variables; rowvar : whether a variable is a row, else a column; bias : divide by n rather than n − 1, or by n − ddof

    Raises `ShapeError` for arrays of more than two axes, `InputError` for a ddof that is no whole number.
    """
    rows = _variables(m, rowvar)
    if y is not None:
        rows = call("concat", rows, _variables(y, rowvar), axis=0)
    lost = (0 if _truth("bias", bias) else 1) if ddof is None else _whole("ddof", ddof, 0, 1 << 30)
    centred = rows - call("mean", rows, axis=1, keepdims=True)
    matrix = (centred @ transposed(centred)) / (dim(rows.shape[1], rows.dtype) - lost)
    return matrix[0, 0] if rows.shape[0] == 1 else matrix


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name} is True or False, not {brief(value)}", hint=f"write {name}=True")
    return bool(value)


def _variables(x: Any, rowvar: Any) -> Expr:
    x = constant(x)
    if x.ndim > 2:
        raise at.refuse_shape(
            "variables are rows of a matrix", (x,), "an array of more than two axes has none"
        )
    if x.ndim < 2:
        return call("reshape", x, shape=(1, -1))
    x = x if _truth("rowvar", rowvar) else transposed(x)
    return x if x.dtype.kind == "f" else x.astype(FLOAT64)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Expr:
    """Pearson's correlation coefficients of variables, one in each row, as `numpy.corrcoef`.

    Within −1 and 1, as NumPy's are. Raises `ShapeError` for arrays of more than two axes.
    """
    matrix = cov(x, y, rowvar)
    if not matrix.ndim:
        return matrix / matrix
    deviations = sqrt(call("diagonal", matrix))
    return clip(matrix / expanded(deviations, 1) / expanded(deviations, 0), -1.0, 1.0)


def _unknown(name: str, hint: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise ExpressionError(f"{name} has no counterpart on expressions", site=current_site(), hint=hint)

    return refuse


for _known, _build in (
    (np.diff, diff), (np.cross, cross), (np.linalg.cross, cross), (getattr(np, "trapezoid", None), trapezoid),
    (np.average, average),
    (np.cov, cov), (np.corrcoef, corrcoef),
):  # fmt: skip
    if _known is not None:
        Expr.function_table[_known] = _build

__all__ = ["average", "corrcoef", "cov", "cross", "diff", "trapezoid"]
