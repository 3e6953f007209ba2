"""Taylor series in several inputs: the formula near their point, whatever cancels there."""

from __future__ import annotations

import math

import pytest

import graphc as g
from graphc.ir.expr import substitute
from graphc.search.clock import Clock
from graphc.search.columns import Columns
from graphc.search.exact import Exact
from graphc.search.taylor import expanded
from tests.search.test_parts import points_of


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("sin(x) - sin(y)", (0.7, 0.7 * (1 + 1e-5))),
        ("log(x/y)", (3.0, 3.0 * (1 + 1e-5))),
        ("x*log(x) - y*log(y)", (2.0, 2.0 * (1 + 1e-5))),
        ("exp(x)*cos(y) - 1", (1e-5, 2e-5)),
        ("sqrt(1 + x*y) - 1 - x*y/2", (1e-3, 2e-3)),
        ("log(x/y)/(x - y)", (3.0, 3.0 * (1 + 1e-5))),
        ("(exp(x - y) - 1)/(x*exp(x - y) - y)", (2.0, 2.0 * (1 + 1e-5))),
        ("sin(x + y) - sin(x)", (0.7, 1e-5)),
        ("atan(x/y) - pi/4", (0.3, 0.3 * (1 + 1e-5))),
        ("atan(x) - atan(y)", (0.3, 0.3 * (1 + 1e-5))),
    ],
)
@pytest.mark.sample(2)
def test_taylor_series_are_the_formula_near_their_point(text, at):
    formula = g.parse(text)
    points = points_of(formula, {symbol.name: (1e-9, 3.0) for symbol in g.free_symbols(formula)}, 48)
    clock = Clock(600.0)
    names = [symbol.name for symbol in g.free_symbols(formula)]
    point = dict(zip(sorted(names), at, strict=True))
    exact = g.evaluate(formula, point, digits=40)
    best = math.inf
    columns = Columns(points.columns, len(points))
    for part, series, _ in expanded(formula, Exact(points), points, columns, clock, 1.0):
        found = g.evaluate(substitute(formula, {part: series}), point, digits=40)
        best = min(best, float(abs((found - exact) / exact)))
    assert best < 1e-19  # of 40 digits, in which nothing cancels: what is left is the remainder of the series
