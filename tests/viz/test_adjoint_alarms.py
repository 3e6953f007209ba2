"""Where NaN and infinity of a derivative begin: formulas whose place is known by hand."""

from __future__ import annotations

import pytest

import graphc as g

# equal formulas are one, with the line that was first: names that no other test has
x, w = g.symbols("x_alarm w_alarm")

CASES = {
    "0 · ∞ of a root": (
        g.sqrt(x * x) * w,
        {"x_alarm": 0.0, "w_alarm": 1.0},
        {"NaN": "x_alarm*x_alarm", "infinity": "sqrt(x_alarm*x_alarm)"},
    ),
    "∞ of a root": (g.sqrt(x) * w, {"x_alarm": 0.0, "w_alarm": 2.0}, {"infinity": "sqrt(x_alarm)"}),
    "∞ − ∞ where uses meet": (g.sqrt(x) - g.sqrt(x * 2), {"x_alarm": 0.0}, {"NaN": "the sum at x_alarm"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_place_is_told_and_marked(case):
    expr, at, places = CASES[case]
    view = g.draw(expr, at).view
    told = [line for line in view.caption if "of the derivative" in line]
    for what, place in places.items():
        (line,) = [line for line in told if line.startswith(what) and f"begins at {place}" in line]
        assert "test_adjoint_alarms.py" in line or place.startswith("the sum")
    assert sum(node.alarm for node in view.nodes) >= len(places)


def test_nothing_is_told_where_all_is_finite():
    view = g.draw(g.sqrt(x * x) * w, {"x_alarm": 1.0, "w_alarm": 2.0}).view
    assert view.caption == () and not any(node.alarm for node in view.nodes)


def test_nothing_is_told_of_a_forward_pass_alone():
    assert g.draw(g.sqrt(x * x) * w, {"x_alarm": 0.0, "w_alarm": 1.0}, backward=False).view.caption == ()


def test_the_sum_of_contributions_is_marked():
    svg = g.draw(g.sqrt(x) - g.sqrt(x * 2), {"x_alarm": 0.0}).svg()
    assert "Σ NaN" in svg
