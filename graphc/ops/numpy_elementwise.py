"""NumPy's functions of elements that are short formulas of operations: signs, remainders, choices, angles, polynomials."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, InputError, brief
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import FLOAT64
from graphc.ops.arithmetic import mod
from graphc.ops.comparison import equal, isnan, maximum, minimum, where
from graphc.ops.support.declare import like

MOST = 10_000
"""Conditions, choices or coefficients that one formula is written of."""


def _float(x: Any) -> Expr:
    """An expression of floats; whole numbers and truth values become float64."""
    x = constant(x)
    return x if x.dtype.kind == "f" else x.astype(FLOAT64)


def _list(name: str, values: Any) -> list[Any]:
    """The items of a list, or the elements along the first axis of an array or an expression."""
    if isinstance(values, Expr):
        if values.ndim and isinstance(values.shape[0], int) and values.shape[0] <= MOST:
            return [values[k] for k in range(values.shape[0])]
    elif isinstance(values, (list, tuple)) or (isinstance(values, np.ndarray) and values.ndim):
        items = list(itertools.islice(values, MOST + 1))
        if len(items) <= MOST:
            return items
    raise InputError(
        f"{name} is a list of at most {MOST:,} items, not {brief(values)}", hint=f"write {name}=[…]"
    )


def _condition(name: str, value: Any) -> Expr:
    value = constant(value)
    if value.dtype.kind != "b":
        raise ExpressionError(
            f"{name} are comparisons, not {value.dtype}",
            site=current_site(),
            hint="write a comparison, as in x > 0",
        )
    return value


def heaviside(x: Any, h0: Any) -> Expr:
    """The step from 0 below 0 to 1 above, and h0 at 0, as `numpy.heaviside`; NaN of NaN.

    Its derivative by x is 0 everywhere, and by h0 1 at x = 0 alone. Raises `DtypeError` for what is no real number.

    >>> import graphc as g
    >>> [float(g.evaluate(g.heaviside(g.symbol("x"), 0.5), {"x": x})) for x in (-2.0, 0.0, 3.0)]
    [0.0, 0.5, 1.0]
    """
    x = _float(x)
    return where(equal(x, 0), h0, where(x < 0, like(0, x), where(x > 0, like(1, x), x)))


def copysign(x1: Any, x2: Any) -> Expr:
    """|x1| with the sign of x2, that of a zero included, as `numpy.copysign`; the sign of a NaN is taken to be +.

    Raises `DtypeError` for what is no real number.
    """
    x1, x2 = _float(x1), _float(x2)
    negative = (x2 < 0) | (equal(x2, 0) & (1 / x2 < 0))
    return where(negative, -abs(x1), abs(x1))


def fmod(x1: Any, x2: Any) -> Expr:
    """The remainder of x1/x2 with the sign of x1, as `numpy.fmod`; exact.

    Its derivatives are 1 and −trunc(x1/x2). Raises `DtypeError` for what is no real number.
    """
    x1, x2 = constant(x1), constant(x2)
    rest = mod(abs(x1), abs(x2))
    return where(x1 < 0, -rest, rest)


def fmax(x1: Any, x2: Any) -> Expr:
    """The larger of two numbers, and the number where one is NaN, as `numpy.fmax`. Raises `DtypeError` for what is no number."""
    return _extreme(maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Expr:
    """The smaller of two numbers, and the number where one is NaN, as `numpy.fmin`. Raises `DtypeError` for what is no number."""
    return _extreme(minimum, x1, x2)


def _extreme(choose: Callable[[Any, Any], Expr], x1: Any, x2: Any) -> Expr:
    x1, x2 = constant(x1), constant(x2)
    return where(isnan(x1), x2, where(isnan(x2), x1, choose(x1, x2)))


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Expr:
    """NaN replaced by `nan`, infinities by the largest numbers or what is given, as `numpy.nan_to_num`.

    Where something is replaced the derivative is 0. `copy` changes nothing: expressions are never written to.
    Raises `DtypeError` for what is no number.
    """
    x = constant(x)
    if x.dtype.kind != "f":
        return x
    ends = np.finfo(x.dtype)
    above, below = (
        (float(ends.max) if posinf is None else posinf),
        (float(ends.min) if neginf is None else neginf),
    )
    return where(isnan(x), nan, where(equal(x, math.inf), above, where(equal(x, -math.inf), below, x)))


def deg2rad(x: Any) -> Expr:
    """Degrees as radians, x·π/180. Raises `DtypeError` for what is no number."""
    return _float(x) * (math.pi / 180)


def rad2deg(x: Any) -> Expr:
    """Radians as degrees, x·180/π. Raises `DtypeError` for what is no number."""
    return _float(x) * (180 / math.pi)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Expr:
    """For each element the choice of the first condition that is true, else `default`, as `numpy.select`.

    Differentiated as the choice is. Raises `InputError` for lists of different lengths, `ExpressionError` for what is no
    condition.

    >>> import graphc as g
    >>> x = g.symbol("x")
    >>> g.select([x < 0, x < 1], [-x, x**2], 1.0)
    where(x < 0, -x, where(x < 1, x**2, 1))
    """
    conditions, choices = _list("condlist", condlist), _list("choicelist", choicelist)
    if len(conditions) != len(choices) or not conditions:
        raise InputError(
            f"select has {len(conditions)} conditions and {len(choices)} choices",
            hint="give a choice for each condition",
        )
    result = constant(default) if not isinstance(default, (bool, int, float)) else default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(_condition("conditions", condition), choice, result)
    return result  # type: ignore[return-value]


def piecewise(x: Any, condlist: Any, funclist: Any) -> Expr:
    """A function in pieces, as `numpy.piecewise`: where a condition is true its function of x or its number, of several the last.

    One function more than conditions is for where none is true; else it is 0 there. Functions are called once, with x.
    Raises `InputError` for lists that do not fit, `ExpressionError` for what is no condition.
    """
    x = constant(x)
    conditions = (
        [condlist] if isinstance(condlist, Expr) and not condlist.ndim else _list("condlist", condlist)
    )
    functions = _list("funclist", funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1) or not conditions:
        raise InputError(
            f"piecewise has {len(conditions)} conditions and {len(functions)} functions",
            hint="give a function for each condition, and perhaps one for the rest",
        )

    def piece(function: Any) -> Any:
        return function(x) if callable(function) and not isinstance(function, Expr) else function

    result = piece(functions[-1]) if len(functions) > len(conditions) else like(0, x)
    for condition, function in zip(conditions, functions, strict=False):
        result = where(_condition("conditions", condition), piece(function), result)
    return result


def polyval(p: Any, x: Any) -> Expr:
    """The polynomial Σ p[k]·x^(n−1−k), the highest power first, by Horner's rule, as `numpy.polyval`.

    p : a list of numbers or expressions, an array, or a vector expression of known length; x : an expression

    Raises `InputError` for what is no list of coefficients.

    >>> import graphc as g
    >>> g.polyval([2.0, 0.0, 1.0], g.symbol("x"))
    (2*x + 0)*x + 1
    """
    coefficients = _list("p", p)
    x = constant(x)
    if not coefficients:
        return 0 * x
    result = coefficients[0] + 0 * x if len(coefficients) == 1 else coefficients[0]
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


for _known, _build in (
    (np.heaviside, heaviside), (np.copysign, copysign), (np.fmod, fmod), (np.fmax, fmax), (np.fmin, fmin), (np.deg2rad, deg2rad),
    (np.radians, deg2rad), (np.rad2deg, rad2deg), (np.degrees, rad2deg), (np.nan_to_num, nan_to_num), (np.select, select),
    (np.piecewise, piecewise), (np.polyval, polyval),
):  # fmt: skip
    Expr.function_table[_known] = _build

__all__ = [
    "copysign", "deg2rad", "fmax", "fmin", "fmod", "heaviside", "nan_to_num", "piecewise", "polyval", "rad2deg", "select",
]  # fmt: skip
