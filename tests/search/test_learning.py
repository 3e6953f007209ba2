"""A search goes on with the points at which its forms were refused: what it takes over from before, and when it does."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.search.clock import Clock
from graphc.search.columns import WORST, bits_wrong
from graphc.search.engine import FormSearch
from graphc.search.improve import LOST, _is_lost
from graphc.search.truth import EVENLY, Points, Truth

X = g.symbol("x")
FORMULA = g.sqrt(X + 1) - g.sqrt(X)
BETTER = 1 / (g.sqrt(X + 1) + g.sqrt(X))


def points_at(values: list[float]) -> Points:
    """Points with what mpmath says of the formula there."""
    with mpmath.workdps(60):
        exact = [float(mpmath.sqrt(mpmath.mpf(v) + 1) - mpmath.sqrt(mpmath.mpf(v))) for v in values]
    count = len(values)
    return Points(
        {X: np.array(values)},
        {FORMULA: np.array(exact)},
        np.full(count, 120),
        count,
        np.full(count, EVENLY, np.int8),
    )


def search_at(values: list[float], seconds: float = math.inf) -> FormSearch:
    clock = Clock(seconds)
    truth = Truth((FORMULA,), (X,))
    return FormSearch(FORMULA, truth, points_at(values), {}, np.random.default_rng(0), clock)


SEEN = np.linspace(1e3, 1e6, 32).tolist()
UNSEEN = np.geomspace(1e-3, 1e15, 32).tolist()


def test_forms_are_measured_at_old_and_new_points():
    search = search_at(SEEN)
    wrong_beyond = g.where(X < 2e6, BETTER, X)
    for form in (FORMULA, BETTER, wrong_beyond):
        search.forms.add(form, "test")
    assert search.forms.best.error < 1
    search.learn(points_at(UNSEEN), 1.0)
    assert len(search.points) == len(search.columns(X)) == len(SEEN) + len(UNSEEN)
    everywhere = points_at([*SEEN, *UNSEEN])
    assert np.array_equal(search.points.columns[X], everywhere.columns[X])
    for form in (FORMULA, BETTER, wrong_beyond):
        known = search.forms.add(form, "test")
        expected = bits_wrong(search.columns(form), everywhere.exact[FORMULA])
        assert np.array_equal(known.wrong, expected)
    assert search.forms.best.error < 1
    assert search.forms.add(wrong_beyond, "test").error > 5


def test_pieces_are_made_of_what_is_good_in_different_places():
    """No form is right at all points: one made of two is, and none was before the new points came."""
    search = search_at(SEEN)
    low, high = (g.where(X < 2e6, BETTER, X), g.where(X < 2e6, X, BETTER))
    search.forms.add(FORMULA, "as written")
    search.forms.add(low, "test")
    search.forms.add(high, "test")
    search.learn(points_at(UNSEEN), 1.0)
    made = [form for form in search.forms.ranked() if form.origin == "piecewise"]
    assert made and made[0].error < 1
    assert search.forms.best.score <= made[0].score  # it itself, or it written shorter


def test_series_stay_right_where_they_are_the_formula():
    """A polynomial that is good near a point counts as wrong elsewhere, also at new points."""
    search = search_at(SEEN)
    search.forms.add(FORMULA, "as written")
    series = 0.5 / g.sqrt(X) * (1 - 0.25 / X * (1 - 0.5 / X))  # to 1/x³: right from some 10⁵ on
    good = np.array(SEEN) > 1e5
    search.forms.add(series, "Taylor series", good)
    search.learn(points_at(UNSEEN), 1.0)
    form = search.forms.add(series, "Taylor series")
    assert not form.everywhere
    assert (form.wrong[: len(SEEN)][~good] == WORST).all()
    assert (form.wrong[: len(SEEN)][good] < WORST).all()
    beyond = np.array(UNSEEN)
    assert (form.wrong[len(SEEN) :][beyond > 1e6] < 3).all()
    assert (form.wrong[len(SEEN) :][beyond < 1e3] == WORST).all()


def test_points_without_a_value_are_left_out():
    search = search_at(SEEN)
    search.forms.add(BETTER, "test")
    more = points_at(UNSEEN)
    more.exact[FORMULA][::2] = np.nan
    search.learn(more, 1.0)
    assert len(search.points) == len(SEEN) + len(UNSEEN) // 2
    assert np.isfinite(search.points.exact[FORMULA]).all()


def test_without_time_the_formula_as_written_is_left():
    search = search_at(SEEN, seconds=0.0)
    search.forms.add(FORMULA, "as written")
    search.forms.add(BETTER, "test")
    search.learn(points_at(UNSEEN), 1.0)
    assert search.forms.best.expr is FORMULA


@pytest.mark.parametrize(
    ("refused", "is_written", "gained"),
    list(itertools.product((0, 1), (True, False), (LOST - 0.1, LOST + 0.1))),
)
def test_a_search_is_lost_where_all_that_is_better_was_refused(refused, is_written, gained):
    written, other = SimpleNamespace(bits=20.0), SimpleNamespace(bits=20.0 - gained)
    part: Any = SimpleNamespace(refused=refused, written=written, chosen=written if is_written else other)
    search: Any = SimpleNamespace(forms=SimpleNamespace(best=SimpleNamespace(error=20.0 - gained)))
    assert _is_lost(part, search) == (refused > 0 and is_written and gained > LOST)
