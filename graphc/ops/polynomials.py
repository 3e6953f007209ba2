"""Polynomials of given degree, and products of gamma functions of given dimension: formulas of operations that there are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import InputError, brief
from graphc.ir.expr import Expr, constant
from graphc.ops.special import lgamma
from graphc.ops.support.declare import like

MOST = 1000
"""The highest degree that is written out."""


def _whole(name: str, what: str, value: Any, least: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole:
        raise InputError(
            f"{name} takes {what} as a whole number, not {brief(value)}",
            hint=f"write g.{name} with an int: it is part of the formula",
        )
    number = int(value)
    if not least <= number <= MOST:
        raise InputError(
            f"{name} takes {what} from {least} to {MOST}, not {brief(number)}", hint="give a smaller one"
        )
    return number


def _operand(x: Any) -> Expr:
    x = x if isinstance(x, Expr) else constant(x)
    return x if x.dtype.kind == "f" else x.astype("float64")


def eval_legendre(n: Any, x: Any) -> Expr:
    """Legendre's polynomial Pₙ(x) of a given degree, by its recurrence (DLMF 18.9.1).

    n : a whole number from 0 to 1000, part of the formula; x : an expression

    Raises `InputError` for another n.

    >>> import graphc as g
    >>> g.evaluate(g.eval_legendre(3, g.symbol("x")), {"x": 0.5})
    -0.4375
    """
    degree, x = _whole("eval_legendre", "the degree", n, 0), _operand(x)
    before, now = like(1, x), x
    if degree == 0:
        return before + 0 * x
    for k in range(1, degree):
        # (k + 1)Pₖ₊₁ = (2k + 1)x·Pₖ − k·Pₖ₋₁, as a step from what came before: fewer roundings beside 1
        before, now = now, x * now + (x * now - before) * (k / (k + 1))
    return now


def eval_hermite(n: Any, x: Any) -> Expr:
    """Hermite's polynomial Hₙ(x), the physicists', of a given degree, by its recurrence (DLMF 18.9.1).

    n : a whole number from 0 to 1000, part of the formula; x : an expression

    Raises `InputError` for another n.

    >>> import graphc as g
    >>> g.evaluate(g.eval_hermite(3, g.symbol("x")), {"x": 0.5})
    -5.0
    """
    degree, x = _whole("eval_hermite", "the degree", n, 0), _operand(x)
    before, now = like(1, x), 2 * x
    if degree == 0:
        return before + 0 * x
    for k in range(1, degree):
        before, now = now, 2 * (x * now) - (2.0 * k) * before
    return now


def multigammaln(a: Any, d: Any) -> Expr:
    """log Γ_d(a), the logarithm of the multivariate gamma function of dimension d, for a > (d − 1)/2 (DLMF 35.3.4).

    d : a whole number from 1 to 1000, part of the formula; a : an expression

    Raises `InputError` for another d.

    >>> import graphc as g
    >>> round(float(g.evaluate(g.multigammaln(g.symbol("a"), 2), {"a": 3.0})), 12)
    1.550194993958
    """
    dimension, a = _whole("multigammaln", "the dimension", d, 1), _operand(a)
    total = lgamma(a)
    for j in range(1, dimension):
        total = total + lgamma(a - 0.5 * j)
    return total + dimension * (dimension - 1) / 4 * math.log(math.pi) if dimension > 1 else total


for _name, _build in (("eval_legendre", eval_legendre), ("eval_hermite", eval_hermite)):
    Expr.scipy_table[_name] = _build

__all__ = ["eval_hermite", "eval_legendre", "multigammaln"]
