"""Input that a search can make nothing of: a clear word or the formula as it is, and no step that outlasts the budget."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
import graphc.search.fits
import graphc.search.regimes
import graphc.search.taylor
from graphc.errors import InputError
from graphc.ir.expr import walk
from graphc.rewrite.rational.real_form import RealForms
from graphc.search import clock as clocks
from graphc.search.clock import Clock, OutOfTime
from graphc.search.columns import Columns, size_within
from graphc.search.engine import FormSearch
from graphc.search.exact import Exact
from graphc.search.fits import fitted
from graphc.search.regimes import branch_values
from graphc.search.taylor import expanded
from graphc.search.truth import EVENLY, Points, Truth

X = g.symbol("x")
FORMULA = g.sqrt(X + 1) - g.sqrt(X)


def long_formula(count: int) -> g.Expr:
    """Operations one after the other, each of which loses digits."""
    formula = g.sqrt(X + 1) - g.sqrt(X)
    while len(walk([formula])) < count:
        formula = (formula + 1) - g.cos(formula * 1e-9)
    return formula


def points_of(formula: g.Expr, count: int = 4) -> Points:
    """Points whose truth does not matter here."""
    column = np.linspace(1e6, 2e6, count)
    columns = Columns({X: column}, count)
    return Points(
        {X: column},
        {formula: columns(formula) * 2},
        np.full(count, 80),
        count,
        np.full(count, EVENLY, np.int8),
    )


@pytest.mark.parametrize("most", [0, 1, 2, 5, 50, 10**6])
def test_sizes_up_to_a_bound(most):
    y = g.symbol("y")
    for expr in (X, X + 1, FORMULA, (X * y + X) * (X * y + X), long_formula(60)):
        assert size_within(expr, most) == min(len(walk([expr])), most + 1)


@pytest.mark.parametrize("step", ["polynomials", "Taylor series", "bounds of pieces"])
def test_long_formulas_are_walked_over_few_times(step, monkeypatch):
    """Not once for each of their nodes: one of 3,000 operations would take seconds that no clock ends."""
    formula = long_formula(1000)
    size = len(walk([formula]))
    walked = 0

    def counted(*arguments):
        nonlocal walked
        order = walk(*arguments)
        walked += len(order)
        return order

    for module in (graphc.search.fits, graphc.search.taylor, graphc.search.regimes):
        monkeypatch.setattr(module, "walk", counted)
    points = points_of(formula, 2)
    exact, columns, clock = Exact(points), Columns(points.columns, len(points)), Clock(math.inf)
    if step == "polynomials":
        monkeypatch.setattr(graphc.search.fits, "_about", lambda *_: iter(()))
        list(fitted(formula, exact, columns, clock, 1.0))
    elif step == "Taylor series":
        monkeypatch.setattr(graphc.search.taylor, "_about", lambda *_: iter(()))
        list(expanded(formula, exact, points, columns, clock, 1.0))
    else:
        branch_values([X], [formula])
    assert walked < 20 * size


def test_values_in_many_digits_are_ended_in_their_middle():
    formula = long_formula(200)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 50

    exact = Exact(points_of(formula), stop)
    with pytest.raises(OutOfTime):
        exact.losses([formula])
    assert asked == 51


def test_forms_over_the_reals_are_ended_in_their_middle():
    """Logarithms of sums of exponentials, 400 operations of them, took four times a budget of 2 s."""
    formula, asked = X, 0
    while len(walk([formula])) < 80:
        formula = g.log(g.exp(formula) + 1) - g.sqrt(formula * formula + 1)

    def at_each() -> None:
        nonlocal asked
        asked += 1
        if asked > 20:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        RealForms(at_each).shortest([formula])
    assert asked == 21


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_a_search_ends_wherever_its_time_is_up(seconds, monkeypatch):
    """The time of this test is a number that grows each time it is asked for."""
    now = 0.0

    def ticking() -> float:
        nonlocal now
        now += 1e-4
        return now

    monkeypatch.setattr(clocks, "NOW", ticking)
    formula = long_formula(16)
    search = FormSearch(
        formula, Truth((formula,), (X,)), points_of(formula), {}, np.random.default_rng(0), Clock(seconds)
    )
    search.run()
    assert search.stopped == "the time was up"
    assert now < 1.05 * seconds + 0.05
    assert search.forms.add(formula, "as written").expr is formula


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        ({"x": {1.0, 2.0}}, "two numbers"),
        ({"x": (1, 2), X: (1, 3)}, "two ranges for"),
        ({"x": (1, math.inf)}, "both are finite"),
        ({"x": (-math.inf, 0)}, "both are finite"),
        ({"x": (math.nan, 0)}, "from nan"),
        ({"x": (3, 2)}, "smaller end first"),
        ({"x": "12"}, "two numbers"),
        ({3: (1, 2)}, "no input"),
    ],
)
def test_ranges_that_mean_nothing(ranges, told):
    with pytest.raises(InputError) as caught:
        g.improve(FORMULA, ranges, budget=0)
    assert told in str(caught.value)
    with pytest.raises(InputError) as caught:
        g.compile(FORMULA, [X], rewrite="search", ranges=ranges)
    assert told in str(caught.value)


def test_ranges_beside_what_an_input_was_declared_with():
    p = g.symbol("p", range=(1, 2))
    with pytest.raises(InputError, match="outside of what it was declared with"):
        g.improve(g.log(p), {"p": (5, 6)}, budget=0)
    assert g.improve(g.log(p), {"p": (0, 1.5)}, budget=0).ranges == {"p": (1.0, 1.5)}
    assert g.improve(g.log(p), {"p": (2, 9)}, budget=0).ranges == {"p": (2.0, 2.0)}


@pytest.mark.parametrize("goal", ["Fast", "acurate", "", None, ["fast"], 3])
def test_goals_that_there_are_not(goal):
    with pytest.raises(InputError, match="goal is"):
        g.improve(FORMULA, goal=goal, budget=0)


@pytest.mark.parametrize("budget", [-1, -math.inf, math.nan, math.inf, 10**400, "1", None, True, [1], 1j])
def test_budgets_that_are_no_time(budget):
    with pytest.raises(InputError, match="budget is"):
        g.improve(FORMULA, budget=budget)


def test_a_spent_budget_is_told_from_a_formula_without_a_value(monkeypatch):
    now = 0.0

    def ticking() -> float:
        nonlocal now
        now += 1.0
        return now

    monkeypatch.setattr(clocks, "NOW", ticking)
    found = g.improve(FORMULA, {"x": (1, 2)}, budget=3)
    assert found.expr is FORMULA
    assert "seconds were spent before a point was found" in str(found)
    monkeypatch.undo()
    nowhere = g.improve(g.log(-1 - X * X), budget=3)
    assert "no point was found" in str(nowhere)


@pytest.mark.parametrize("text", ["3.0", "sqrt(4.0)", "floor(0.5)"])
def test_formulas_of_no_input(text):
    formula = g.parse(text)
    found = g.improve(formula, budget=20)
    assert found.expr is formula
    assert found.bits == (0.0, 0.0)


@pytest.mark.parametrize(("each", "expected"), [(1e-4, 256), (0.01, 100), (0.02, 64), (0.05, 40), (0.5, 4)])
def test_points_are_drawn_until_there_are_enough(each, expected, monkeypatch):
    """256 points where the share of 1 s is enough, else what it holds; fewer than 64 go on to twice the share."""
    now = 0.0
    monkeypatch.setattr(clocks, "NOW", lambda: now)
    truth, clock = Truth((FORMULA,), (X,)), Clock(10.0)
    at = truth.at

    def slow(values):
        nonlocal now
        now += each
        return at(values)

    monkeypatch.setattr(truth, "at", slow)
    points = truth.draw(((1.0, 2.0),), [False], 256, np.random.default_rng(0), clock, 0.1)
    assert abs(len(points) - expected) <= 1
