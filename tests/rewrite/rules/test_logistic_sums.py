"""Second derivatives of logarithms of mixtures whose weights vanish, against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import exp, log, mpf

import graphc as g
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.logistic_sums import RULES

UNIT = 2.0**-53

MIXTURES: dict[str, Callable[..., Any]] = {
    "(y - x)*exp(1/y) + 2*y": lambda x, y: (y - x) * exp(1 / y) + 2 * y,
    "x*y*exp(-x*y) + exp(y)": lambda x, y: x * y * exp(-x * y) + exp(y),
    "(y - x)/y*exp(x) + 1": lambda x, y: (y - x) / y * exp(x) + 1,
    "3*exp(2*y) + (y - x)*exp(x*y)": lambda x, y: 3 * exp(2 * y) + (y - x) * exp(x * y),
    "exp(-x) + (y - x)*exp(3*y)/2": lambda x, y: exp(-x) + (y - x) * exp(3 * y) / 2,
}
"""Of a weight y − x or x·y that is small where x is y, or where x is 0, beside one that is not."""

POINTS = [(y - y * h, y) for y in (0.75, 2.5, 14.0) for h in (2.0**-40, 2.0**-29, 2.0**-17, 2.0**-9)]
POINTS += [(2.0**-40, 0.5), (2.0**-29, 3.0), (2.0**-11, 1.25)]


def known_to(exact: Callable[..., Any], at: tuple[float, float], orders: tuple[int, int]) -> tuple[Any, Any]:
    """A derivative of the logarithm, and what it changes by where an input does by one unit."""
    with mpmath.workdps(80):

        def slope(x: Any, y: Any) -> Any:
            return mpmath.diff(lambda a, b: log(exact(a, b)), (x, y), orders, h=mpf(10) ** -30)

        x, y = map(mpf, at)
        value, step = slope(x, y), mpf(2) ** -70
        moved = (slope(x * (1 + step), y), slope(x, y * (1 + step)))
        return value, sum(abs(other - value) for other in moved) / step * UNIT


@pytest.mark.parametrize("text", list(MIXTURES))
def test_second_derivatives(text: str) -> None:
    """Exponents of size 30 (the logarithm of the weight) have that many units of error, and there are two shares in each term;
    before, the terms left 2⁻⁵³/weight."""
    symbols = g.symbols("x y")
    formula = g.log(g.parse(text, symbols))
    orders = [(2, 0), (1, 1), (0, 2)]
    outputs = [
        g.grad(g.grad(formula, symbols[one]), symbols[other]) for one, other in ((0, 0), (1, 0), (1, 1))
    ]
    compiled = g.compile(outputs, symbols, cache=False)
    for at in POINTS:
        for value, order in zip(compiled(*at), orders, strict=True):
            true, unit = known_to(MIXTURES[text], at, order)
            assert abs(mpf(float(value)) - true) <= 128 * (unit + abs(true) * UNIT), (at, order)


@pytest.mark.parametrize("text", RULES[0].examples)
def test_special_values(text: str) -> None:
    """No number becomes an infinity or NaN, and an input that is NaN shows."""
    symbols = g.symbols("x y z")
    written = g.parse(text, symbols)
    after = RULES[0].apply(written, Ranges())
    assert after is not None
    values = [0.0, -0.0, 1.0, -2.5, 40.0, -800.0, 1e-160, 1e200, math.inf, -math.inf, math.nan]
    grid = [axis.ravel() for axis in np.meshgrid(values, values, values)]
    both = g.compile([written, after], symbols, rewrite=None, cache=False)
    old, new = (np.asarray(result) for result in both(*grid))
    assert np.all(np.isfinite(new[np.isfinite(old)]))
    assert np.all(np.isnan(new[np.isnan(grid[0]) | np.isnan(grid[1]) | np.isnan(grid[2])]))
