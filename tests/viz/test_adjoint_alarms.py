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


def begun(expr, at):
    """(what, beginning of the place) of what is told of the derivative, and the labels of the marked nodes."""
    view = g.draw(expr, at).view
    told = [line for line in view.caption if "of the derivative begins at " in line]
    pairs = {(line.split()[0], line.split("begins at ")[1].split(", which")[0]) for line in told}
    return pairs, {node.label for node in view.nodes if node.alarm}, told


a, b = g.symbol("a_alarm", shape=(3,)), g.symbol("b_alarm", shape=(3,))


def test_each_element_is_looked_at():
    """An element's NaN is not hidden by another element that had it before, nor by another's infinity."""
    expr = g.sum(g.sqrt(a * a) * b)
    view = g.draw(expr, {"a_alarm": [0.0, float("nan"), 1.0], "b_alarm": [1.0, 1.0, 1.0]}).view
    # 0 · ∞ of the first element at a·a, beside the NaN of the second one that arrives there
    assert [node.label for node in view.nodes if node.alarm] == ["a_alarm", "×", "√", "×"]


def test_the_sum_over_copies_of_a_repeated_operand():
    pairs, _, _ = begun(g.sum(g.sqrt(a * x)), {"a_alarm": [0.0, 1.0, 1.0], "x_alarm": 2.0})
    assert pairs == {("infinity", "sqrt(a_alarm*x_alarm)"), ("NaN", "a_alarm*x_alarm")}


def test_a_value_that_was_nan_before_is_named_as_the_cause():
    _, _, (line,) = begun(g.sum(g.log(a) * b), {"a_alarm": [1.0, -1.0, 2.0], "b_alarm": [1.0] * 3})
    assert ", as log(a_alarm) = [0, NaN, " in line


def test_no_new_nan_is_told_where_it_only_passes():
    expr = g.tanh(g.exp(g.sin(x))) * w
    pairs, marked, _ = begun(g.sqrt(expr), {"x_alarm": 0.3, "w_alarm": 0.0})
    inner = "tanh(exp(sin(x_alarm)))*w_alarm"
    assert pairs == {("infinity", f"sqrt({inner})"), ("NaN", inner)} and marked == {"√", "×"}


@pytest.mark.parametrize(
    "kind, at", [("forward", -1.0), ("backward", 0.0)], ids=["in its value", "in its derivative"]
)
def test_a_loop_in_which_it_begins_is_marked(kind, at):
    xs = g.symbol("xs_alarm", shape=("t",))
    out, _ = g.scan(lambda carry, item: (carry + g.sqrt(item) * w, carry), x, xs)
    view = g.draw(out, {"x_alarm": 1.0, "w_alarm": 1.0, "xs_alarm": [1.0, at, 2.0]}).view
    assert any(node.alarm for node in view.nodes if node.kind == "end")
    fine = g.draw(out, {"x_alarm": 1.0, "w_alarm": 1.0, "xs_alarm": [1.0, 3.0, 2.0]}).view
    assert not any(node.alarm for node in fine.nodes)
