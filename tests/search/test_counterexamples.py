"""Points at which a form is worse than the formula: found, and kept out of the form by a test of a size."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.graph import Dag
from graphc.search.clock import Clock
from graphc.search.columns import Columns, bits_wrong
from graphc.search.counterexamples import Counterexamples, SizeTest, extended, many
from graphc.search.truth import Truth

x, y = g.symbol("x"), g.symbol("y")
LARGEST = float(np.finfo(np.float64).max)

PLANTED = [
    # (as written, form, mpmath, ends of each input): the form is right but where a step of its own ends
    (x / y, x * x / (x * y), lambda x, y: x / y, (1e-200, 1e200)),
    (g.hypot(x, y), g.sqrt(x * x + y * y), lambda x, y: mpmath.sqrt(x * x + y * y), (1e-5, LARGEST)),
    (x * (y / (1 + y)), x * y / (1 + y), lambda x, y: x * y / (1 + y), (1.0, LARGEST)),
    (g.log(x), 2 * g.log(g.sqrt(x) * 1e200) - 2 * math.log(1e200), lambda x: mpmath.log(x), (1e280, LARGEST)),
    (x - y, (x * x - y * y) / (x + y), lambda x, y: x - y, (1.0, LARGEST)),
]


def at_points(written: g.Expr, ends: tuple[float, float]) -> tuple[Counterexamples, Truth]:
    symbols = Dag([written]).symbols
    clock, rng = Clock(30.0), np.random.default_rng(0)
    intervals = [ends] * len(symbols)
    truth = Truth([written], symbols, clock)
    known = truth.draw(intervals, [True] * len(symbols), 64, rng, clock)
    return Counterexamples(
        written, truth, known, many(symbols, intervals, None, rng, 4000), clock, 1.0
    ), truth


@pytest.mark.parametrize(("written", "form", "real", "ends"), PLANTED[:3], ids=lambda each: str(each)[:24])
def test_a_form_is_kept_from_where_its_steps_end(written, form, real, ends):
    points, truth = at_points(written, ends)
    guarded = points.guarded(form, [])
    assert guarded is not form
    fresh = many(truth.symbols, [ends] * len(truth.symbols), None, np.random.default_rng(9), 600)
    columns = Columns(fresh, 600)
    with np.errstate(all="ignore"):
        values = {each: columns(each) for each in (written, form, guarded)}
    worse = {form: 0, guarded: 0}
    with mpmath.workdps(50):
        for place in range(600):
            exact = float(real(*[mpmath.mpf(float(fresh[s][place])) for s in truth.symbols]))
            if not math.isfinite(exact):
                continue
            bits = {e: bits_wrong(v[place : place + 1], np.array([exact]))[0] for e, v in values.items()}
            for each in worse:
                worse[each] += bits[each] > max(bits[written], 1.0) + 2.5
    assert worse[form] > 20
    assert worse[guarded] <= 2


@pytest.mark.parametrize(("written", "form", "real", "ends"), PLANTED, ids=lambda each: str(each)[:24])
def test_a_form_is_harmed_where_mpmath_says_so(written, form, real, ends):
    points, truth = at_points(written, ends)
    with np.errstate(all="ignore"):
        points.ask(points.suspects(form))
    harm = points.harm(form)
    known = np.flatnonzero(np.isfinite(points.exact))
    with mpmath.workdps(50):
        for place in known[::7].tolist():
            row = [mpmath.mpf(float(points.columns.inputs[s][place])) for s in truth.symbols]
            assert points.exact[place] == float(real(*row))
    with np.errstate(all="ignore"):
        found = points.columns(form)[known]
    lost = np.flatnonzero(~np.isfinite(found))
    right = bits_wrong(points.written[known[lost]], points.exact[known[lost]]) < 40
    assert (harm[known[lost[right]]] > 2.5).all()


def test_what_is_nowhere_worse_stays_as_it_is():
    points, _ = at_points(g.sqrt(x * x + y * y), (1e-5, LARGEST))
    form = g.hypot(x, y)
    assert points.guarded(form, []) is form


def test_another_form_stands_where_it_takes_less_time_and_is_right():
    written = g.exp(g.log(x)) * (y / (1 + y))
    points, _ = at_points(written, (1.0, LARGEST))
    short = x * (y / (1 + y))
    guarded = points.guarded(x * y / (1 + y), [short])
    assert "where" in str(guarded)
    assert "exp" not in str(guarded)


def test_formulas_without_inputs_and_with_others_than_floats_are_searched() -> None:
    assert float(g.evaluate(g.improve(g.exp(g.constant(1.0)) - 1, budget=1).expr, {})) == pytest.approx(
        math.e - 1
    )
    n, chosen = g.symbol("n", dtype="int64"), g.symbol("b", dtype="bool")
    found = g.improve(g.where(chosen, g.sqrt(x + n) - g.sqrt(x), x), budget=1).expr
    f = g.compile(found, [x, n, chosen], rewrite=None, cache=False)
    assert f(4.0, 5, True) == pytest.approx(1.0) and f(4.0, 5, False) == 4.0


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, math.inf), (1.0, 2.0)])
def test_a_test_is_what_it_says(low, high):
    values = np.array([0.0, 0.5, 1.5, -1.5, 3.0, -3.0, math.inf])
    test = SizeTest(x, low, high)
    said = g.compile(test.expr(), [x])(values)
    assert (said == test.holds(abs(values))).all()
    assert not g.compile(test.expr(), [x])(math.nan)


def test_more_digits_do_not_change_what_is_right():
    inputs = {x: np.linspace(0.1, 5, 50), y: np.linspace(2, 9, 50)}
    for expr in (g.log1p(x) * y, g.where(x < 2, x, y / 3), g.gamma(y) + x, g.maximum(x, y) ** 1.5):
        with np.errstate(all="ignore"):
            np.testing.assert_array_max_ulp(extended(expr, inputs), Columns(inputs, 50)(expr), 4)
