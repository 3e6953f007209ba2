"""Values searched together with their derivatives."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.errors import InputError
from graphc.search.lineage import gradient, handed_on, in_order, lineage, second_derivatives

x, y = g.symbols("x y")


def test_derivatives_are_known_among_outputs():
    value = g.log(x) - g.log(y) * x
    by_x, by_y = g.grad(value, [x, y])
    twice = g.grad(by_x, y)
    parents = lineage([twice, by_y, value, by_x], [x, y])
    assert parents[by_x] == (value, x) and parents[by_y] == (value, y) and parents[twice][0] in (by_x, by_y)
    order = in_order([twice, by_y, value, by_x], parents)
    assert order[0] is value and order[-1] is twice


@pytest.mark.parametrize(
    "outputs",
    [[g.exp(x)], [g.exp(x), g.exp(x)], [g.sin(x), g.exp(y)], [g.exp(x), g.exp(x) * y]],
    ids=("one", "itself", "unrelated", "two functions"),
)
def test_what_is_no_derivative_has_no_parent(outputs):
    parents = lineage(outputs, [x, y])
    assert all(parent is not output for output, (parent, _) in parents.items())
    assert len(in_order(list(dict.fromkeys(outputs)), parents)) == len(dict.fromkeys(outputs))


def test_cycles_of_derivatives_end():
    """(eˣ)′ is eˣ, and sin and cos are each other's derivatives but for a sign."""
    outputs = [g.sinh(x), g.cosh(x)]
    assert len(in_order(outputs, lineage(outputs, [x]))) == 2


def test_the_hessian_is_symmetric_and_that_of_the_formula():
    value = g.sin(x * y) * g.exp(x)
    rows = second_derivatives(gradient(value, [x, y]), [x, y])
    assert rows[0][1] is rows[1][0]
    at = {"x": 0.3, "y": 0.7}
    f = mpmath.mpf
    with mpmath.workdps(30):
        for first in (0, 1):
            for second in (0, 1):
                orders = (2 - first - second, first + second)
                wanted = mpmath.diff(
                    lambda a, b: mpmath.sin(a * b) * mpmath.exp(a), (f(at["x"]), f(at["y"])), orders
                )
                assert g.evaluate(rows[first][second], at) == pytest.approx(float(wanted), rel=1e-14)


def test_derivatives_of_better_forms_are_handed_on():
    forms = [g.sqrt(x + 1) - g.sqrt(x), 1 / (g.sqrt(x + 1) + g.sqrt(x))]
    _, second = handed_on(forms, x)
    at, exact = {"x": 1e12}, -0.25 * 1e-18
    assert abs(g.evaluate(second, at) / exact - 1) < 1e-11
    f: Any = g.compile(second, [x], rewrite=None)
    assert abs(f(1e12) / exact - 1) < 1e-11


@pytest.mark.slow
def test_derivatives_of_a_search():
    formula = g.parse("sqrt(x + 1) - sqrt(x)", [x])
    found = g.improve(formula, {"x": (1, 1e15)}, budget=120, derivatives=2)
    value, firsts, seconds = found.expr
    assert len(firsts) == len(seconds) == len(seconds[0]) == 1
    function: Any = g.compile([value, firsts[0], seconds[0][0]], [x], rewrite=None)
    points = 10.0 ** np.linspace(0, 15, 40)
    computed = function(points)
    with mpmath.workdps(80):
        for place, at in enumerate(points.tolist()):
            u = mpmath.mpf(at)
            exact = (
                mpmath.sqrt(u + 1) - mpmath.sqrt(u),
                (1 / mpmath.sqrt(u + 1) - 1 / mpmath.sqrt(u)) / 2,
                (u**-1.5 - (u + 1) ** -1.5) / 4,
            )
            for values, wanted in zip(computed, exact, strict=True):
                assert abs(values[place] / wanted - 1) < 2.0**-48


@pytest.mark.parametrize("order", [3, -1, True, "1", 1.5, None])
def test_other_orders_are_refused(order):
    with pytest.raises(InputError, match="derivatives"):
        g.improve(g.exp(x), budget=0, derivatives=order)


def test_several_outputs_have_derivatives_of_their_own():
    with pytest.raises(InputError, match="one expression"):
        g.improve([g.exp(x), g.sin(x)], budget=0, derivatives=1)


def test_a_budget_of_zero_gives_the_derivatives_as_written():
    value, (first,) = g.improve(g.exp(x) - 1, budget=0, derivatives=1).expr
    assert value is g.exp(x) - 1 and math.isclose(g.evaluate(first, {"x": 0.5}), math.exp(0.5))
