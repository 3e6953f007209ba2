"""Where NaN and infinity begin, in words and in diagrams."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as g
from graphc.errors import GradientError, InputError

x, y, w, b = g.symbols("x y w b")
BEYOND = "the result is beyond the largest float"


def first(expr, at, **options):
    return g.diagnose(expr, at, **options).findings[0]


@pytest.mark.parametrize(
    ("make", "at", "what", "happens", "why"),
    [
        (lambda: g.log(x), {"x": -1}, "NaN", "log(−1) = NaN", "the logarithm of a number below 0"),
        (lambda: g.log(x), {"x": 0}, "infinity", "log(0) = −∞", "the logarithm of zero"),
        (lambda: g.log1p(x), {"x": -1}, "infinity", "log1p(−1) = −∞", "the logarithm of 1 − 1"),
        (lambda: g.sqrt(x), {"x": -4}, "NaN", "sqrt(−4) = NaN", "the root of a number below 0"),
        (lambda: x / y, {"x": 0, "y": 0}, "NaN", "0 ÷ 0 = NaN", "zero divided by zero"),
        (lambda: x / y, {"x": -3, "y": 0}, "infinity", "−3 ÷ 0 = −∞", "a division by zero"),
        (lambda: x / y, {"x": 1e300, "y": 1e-300}, "infinity", "1×10³⁰⁰ ÷ 1×10⁻³⁰⁰ = ∞", BEYOND),
        (lambda: x * y, {"x": 1e200, "y": -1e200}, "infinity", "1×10²⁰⁰ × (−1×10²⁰⁰) = −∞", BEYOND),
        (lambda: x**y, {"x": -8, "y": 0.5}, "NaN", "−8 ^ 0.5 = NaN", "a negative number to a power that is no whole number"),
        (lambda: g.asin(x), {"x": 2}, "NaN", "asin(2) = NaN", "the argument is not between −1 and 1"),
        (lambda: g.exp(x), {"x": 1000}, "infinity", "exp(1000) = ∞", BEYOND),
        (lambda: x + 1, {"x": math.inf}, "infinity", "x = ∞", "an input"),
        (lambda: x + math.nan, {"x": 1}, "NaN", "the constant NaN", ""),
        (lambda: g.sin(x), {"x": math.nan}, "NaN", "x = NaN", "an input"),
    ],
)  # fmt: skip
def test_what_happens_and_why(make, at, what, happens, why):
    found = first(make(), at, backward=False)
    assert (found.what, found.happens, found.why) == (what, happens, why)
    assert found.of is None


def test_the_users_line_and_the_way():
    root = g.symbol("r_way")
    inner = g.log(root); line = inspect.currentframe().f_lineno  # fmt: skip # noqa: E702
    outer = g.sin(inner * 2)
    (found,) = g.diagnose(outer, {"r_way": -1}, backward=False).findings
    assert found.site.filename == __file__ and found.site.line == line
    assert found.way == (inner, inner * 2, outer) and found.arrives
    text = str(g.diagnose(outer, {"r_way": -1}, backward=False))
    assert "inner = g.log(root)" in text and "→ sin(log(r_way)*2) to a result" in text


def test_what_is_discarded():
    (found,) = g.diagnose(g.where(x > 0, g.log(x), 0.0), {"x": -1}, backward=False).findings
    assert not found.arrives
    assert "discarded" in str(found)


def test_the_derivative_is_looked_at_too():
    root = g.sqrt(x)
    assert not g.diagnose(root * y, {"x": 0, "y": 3}, backward=False)
    (found,) = g.diagnose(root * y, {"x": 0, "y": 3}).findings
    assert found.of is root and found.happens.endswith("÷ 0 = ∞")
    assert found.site == root.site


def test_rewriting_is_named_where_it_helps():
    loss = g.log(1 / (g.exp(-x) + 1))
    assert "g.stabilize" in str(g.diagnose(loss, {"x": -1000}))
    assert math.isfinite(g.evaluate(g.stabilize(loss), {"x": -1000}))
    assert g.diagnose(g.log(x), {"x": -1}).remedy == ""


def test_arrays_tell_the_element():
    v = g.symbol("v", shape=(2, 3))
    value = np.array([[1.0, 2, 3], [4, -5, 0]])
    (found,) = g.diagnose(g.sum(g.sqrt(v)), {v: value}, backward=False).findings
    assert (found.index, found.happens) == ((1, 1), "sqrt(−5) = NaN")
    assert "at index (1, 1)" in str(found)
    # an element that is not finite already does not hide one that becomes so
    both = g.log(g.where(v > 3, v / 0.0, v - 1))
    assert [found.happens for found in g.diagnose(both, {v: value}, backward=False).findings][-1].startswith(
        "log("
    )


def test_operations_on_arrays():
    m = g.symbol("m", shape=(2, 2))
    (found,) = g.diagnose(g.prod(m), {m: np.full((2, 2), 1e200)}, backward=False).findings
    assert found.happens == "prod((2, 2) all 1×10²⁰⁰) = ∞"


def test_all_is_well():
    diagnosis = g.diagnose(x * y, {"x": 1, "y": 2})
    assert not diagnosis and "finite" in str(diagnosis) and diagnosis.checked == 3
    assert "0 places" in repr(diagnosis)


def test_what_has_no_derivative_is_looked_at_forwards():
    assert not g.diagnose(x > 0, {"x": 1})
    with pytest.raises(GradientError):
        g.diagnose(x > 0, {"x": 1}, seed=1)
    with pytest.raises(InputError, match="'x'"):
        g.diagnose(x * 2, {})


def test_a_long_chain():
    node = g.log(x)
    for _ in range(20_000):
        node = g.sin(node)
    (found,) = g.diagnose(node, {"x": -1}, backward=False).findings
    assert len(found.way) == 20_001
    assert len(str(found)) < 2000


@given(
    st.lists(st.sampled_from(["log", "sqrt", "exp", "reciprocal", "sin", "square"]), min_size=1, max_size=12),
    st.floats(),
)
def test_there_is_a_finding_exactly_when_a_value_is_not_finite(names, value):
    node = x
    for name in names:
        node = getattr(g, name)(node)
    graph = g.Graph(node)
    values = graph.forward({"x": value})
    bad = [number for number in graph.nodes if not math.isfinite(values[number])]
    found = g.diagnose(graph, {"x": value}, backward=False).findings
    # in a chain it begins wherever the node before it is finite
    begins = [n for n in bad if all(math.isfinite(values[o]) for o in graph.operands[n])]
    assert [graph.node(item.expr) for item in found] == begins


def test_the_diagram_marks_the_same_places():
    x, w, b = g.symbols("x_marked w_marked b_marked")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    at = {x: 2, w: -500, b: 6}
    diagram = g.draw(loss, at)
    marked = [node.label for node in diagram.view.nodes if node.alarm]
    assert marked == ["exp", "1/x", "log"]  # and where NaN of the derivative begins
    assert [line.split(",")[0] for line in diagram.view.caption[:2]] == [
        "infinity begins at exp(994) = ∞",
        "infinity begins at log(0) = −∞",
    ]
    assert "test_diagnose.py:" in diagram.view.caption[0]
    assert diagram.style.alarm.lower() in diagram.svg()
    clean = g.draw(loss, {x: 2, w: -3, b: 6})
    assert not clean.view.caption and not any(edge.alarm for edge in clean.view.edges)
    assert clean.style.alarm not in clean.source
