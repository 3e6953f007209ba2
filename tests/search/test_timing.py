"""What is called faster: only what the cost model and the clock agree on, or what the model's margin is beyond its error for."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc.search.clock import Clock
from graphc.search.columns import cost
from graphc.search.result import Alternative
from graphc.search.timing import COMPARED, MODEL_ERROR, fastest, is_faster, side_by_side
from graphc.search.truth import Points, Truth

SYMBOLS = tuple(g.symbols("x y"))
WRITTEN = g.parse("x*y + x*x + x", SYMBOLS)
OTHERS = [g.parse(text, SYMBOLS) for text in ("x*(y + x + 1)", "x*(y + x)", "x*y + x", "x*y", "x + y")]


def drawn(written: g.Expr = WRITTEN) -> Points:
    clock = Clock(math.inf)
    truth = Truth((written,), SYMBOLS, clock)
    return truth.draw(((1.0, 2.0), (1.0, 2.0)), [False, False], 16, np.random.default_rng(0), clock)


def named(nanoseconds: list[float], bits: list[float]) -> list[Alternative]:
    return [
        Alternative(expr, wrong, 9.0, time, "test")
        for expr, wrong, time in zip(OTHERS, bits, nanoseconds, strict=False)
    ]


def chosen(offered, times, seconds=math.inf, enough=-math.inf):
    """What is taken of some forms whose measured times are given; what was measured."""
    asked: list[g.Expr] = []

    def stopwatch(form, written, symbols, points):
        asked.append(form)
        return times[form]

    written = Alternative(WRITTEN, 3.0, 9.0, 10.0, "test")
    found = fastest(
        [written, *offered],
        written,
        enough,
        lambda each: each.cost,
        SYMBOLS,
        drawn(),
        Clock(seconds),
        stopwatch,
    )
    return found, asked


@pytest.mark.parametrize("model", [0.0, 0.2, 0.5, 0.89, 0.9, 1.0, 2.0, math.nan, math.inf])
@pytest.mark.parametrize("measured", [None, 0.1, 0.94, 1.0, 1.98, math.nan, math.inf])
def test_nothing_is_called_faster_against_the_clock(model, measured):
    called = is_faster(model, measured)
    if called and measured is not None:
        assert measured < 1
    if called and measured is None:
        assert model * MODEL_ERROR < 1
    if called:
        assert model < 1


def test_what_the_clock_finds_slower_is_not_taken():
    offered = named([2.0, 4.0, 6.0], [3.0, 3.0, 3.0])
    found, asked = chosen(offered, dict(zip(OTHERS, (1.98, 1.0, 0.8), strict=False)))
    assert asked == OTHERS[:3]
    assert found is offered[2]


def test_the_formula_itself_is_the_fast_one_where_none_is_faster():
    offered = named([2.0, 4.0, 5.0, 6.0, 7.0], [3.0] * 5)
    found, asked = chosen(offered, dict.fromkeys(OTHERS, 1.2))
    assert found.expr is WRITTEN
    assert len(asked) == COMPARED


@pytest.mark.parametrize(("nanoseconds", "taken"), [(9.5, False), (9.0, False), (8.9, True), (2.0, True)])
def test_what_is_hardly_faster_is_not_called_so(nanoseconds, taken):
    found, asked = chosen(named([nanoseconds], [3.0]), dict.fromkeys(OTHERS, 0.5))
    assert (found.expr is not WRITTEN) == taken == bool(asked)


@pytest.mark.parametrize(
    ("bits", "enough", "taken"), [(3.2, -math.inf, False), (3.0, -math.inf, True), (5.0, 6.0, True)]
)
def test_no_digits_are_given_for_speed(bits, enough, taken):
    found, _ = chosen(named([2.0], [bits]), dict.fromkeys(OTHERS, 0.5), enough=enough)
    assert (found.expr is not WRITTEN) == taken


@pytest.mark.parametrize(("nanoseconds", "taken"), [(3.0, True), (5.0, False), (8.0, False)])
def test_without_time_the_margin_has_to_be_beyond_the_error_of_the_model(nanoseconds, taken):
    found, asked = chosen(named([nanoseconds], [3.0]), {}, seconds=0.0)
    assert not asked
    assert (found.expr is not WRITTEN) == taken


def test_machine_code_side_by_side():
    quotient = side_by_side(OTHERS[3], WRITTEN, SYMBOLS, drawn())
    assert quotient is not None and quotient > 0
    assert side_by_side(OTHERS[3], WRITTEN, SYMBOLS, drawn().of(np.array([], dtype=int))) is None
    long = WRITTEN
    for number in range(300):
        long = g.sin(long) + number
    assert side_by_side(long, WRITTEN, SYMBOLS, drawn()) is None


def test_the_fast_form_of_a_search_keeps_the_digits():
    x = g.symbol("x")
    found = g.improve(g.log(g.exp(x) * x), {x: (1.0, 2.0)}, budget=20, goal="fast")
    part = found.parts[0]
    assert found.expr is part.fast.expr is part.chosen.expr
    assert part.fast.expr is part.written.expr or cost(part.fast.expr) < cost(part.written.expr)
    assert part.fast.bits <= part.written.bits + 0.1
