"""What is drawn on request."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import graphc as g
from graphc.errors import InputError
from graphc.viz import SHOW
from graphc.viz.annotations import cells, duration, histogram, nanoseconds

x, w, b = g.symbols("x w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}


def texts(diagram):
    return [
        "".join(t.itertext()) for t in ET.fromstring(diagram.svg().encode()).iter() if t.tag.endswith("}text")
    ]


def test_only_what_is_asked_for():
    assert {"−6", "0.5", "∂ 2"} & set(texts(g.draw(L, AT, show="local"))) == {"∂ 2"}
    assert not {"−1.5", "−0.693"} & set(texts(g.draw(L, AT, show=())))
    both = texts(g.draw(L, AT, show=["value", "local"]))
    assert "−6" in both and "∂ −0.25" in both and "−1.5" not in both


def test_local_derivatives_are_those_of_the_record():
    shown = g.draw(L, AT).view
    labels = {node.key: node.label for node in shown.nodes}
    local = {(labels[e.tail], labels[e.head]): e.local for e in shown.edges}
    # d(1/u) = −1/u² at 2, d log u = 1/u at 1/2, d exp u = exp u at 0
    assert local["+1", "1/x"] == -0.25 and local["1/x", "log"] == 2 and local["−x", "exp"] == 1
    assert local["x", "×"] == -3 and local["w", "×"] == 2


def test_names_are_those_of_the_explanation():
    explanation = g.explain(L, AT)
    named = {node.node: node.lines[0] for node in g.draw(L, AT, show="name").view.nodes if node.lines}
    for step in explanation.steps:
        assert step.name == "L" or named[step.node] == step.name


def test_the_order_is_topological():
    shown = g.draw(L, show="order").view
    order = {node.key: int(node.lines[0]) for node in shown.nodes if node.lines}
    assert len(order) == len(set(order.values())) == 10
    assert all(order[e.tail] < order[e.head] for e in shown.edges if e.head in order)


def test_shapes_and_types():
    v = g.symbol("v", shape=("n", 4), dtype="float32")
    assert "(n, 4) float32" in texts(g.draw(v * 2, show=("shape", "dtype")))
    assert "(n, 4)" in texts(g.draw(g.sum(v * 2), {"v": np.ones((3, 4), "float32")}, show=("shape",)))


def test_costs_are_a_heat_map():
    a, c = g.symbol("A", shape=("n", 512)), g.symbol("C", shape=(512, 256))
    shown = g.draw(g.tanh(a @ c), {"A": np.ones((64, 512)), "C": np.ones((512, 256))}, show="cost")
    cost = {node.label: node.cost for node in shown.view.nodes}
    assert cost["A·B"] == max(cost.values()) and cost["A"] == 0
    # the product has 64·512·256 multiplications, the other operation 64·256 elements
    assert cost["A·B"] / cost["tanh"] > 512 * 0.01
    assert duration(cost["A·B"]) in texts(shown)
    own = g.symbol("x_cost")
    with g.scope("one block"):
        y = g.exp(own) * g.log(own)
    folded = g.draw(y, show="cost", collapse=True).view
    parts = sum(node.cost for node in g.draw(y, show="cost").view.nodes)
    assert max(node.cost for node in folded.nodes) == pytest.approx(parts, rel=1e-12)


def test_a_bound_name_is_its_length():
    v = g.symbol("v", shape=("n",))
    assert nanoseconds(v * 2, {"n": 1000}) == pytest.approx(1000 * nanoseconds(v * 2, {}), rel=1e-12)


def test_images_and_histograms_are_in_the_picture():
    v = g.symbol("v", shape=(4, 5))
    value = np.linspace(-1, 1, 20).reshape(4, 5)
    svg = g.draw(g.sum(v), {"v": value}, show=("image", "histogram")).svg()
    assert "▁" in svg or "█" in svg
    assert len(set(re.findall(r'<path fill="(#\w+)" stroke="none" shape', svg))) > 6


@pytest.mark.parametrize("show", ["values", ("value", "locl"), 3, ("value", 3), {"value": 1}])
def test_what_cannot_be_shown(show):
    with pytest.raises(InputError, match="show") as caught:
        g.draw(x, show=show)
    assert caught.value.hint


def test_a_near_name_is_suggested():
    with pytest.raises(InputError) as caught:
        g.draw(x, show="adjiont")
    assert caught.value.hint == "'adjoint'?"


@pytest.mark.parametrize("layout", ["left", None, 3])
def test_what_is_no_layout(layout):
    with pytest.raises(InputError, match="layout"):
        g.draw(x, layout=layout)


def test_top_down():
    tree = ET.fromstring(g.draw(L, AT, layout="down").svg().encode())
    height = {"".join(t.itertext()): float(t.get("y", "nan")) for t in tree.iter() if t.tag.endswith("}text")}
    assert height["x"] < height["×"] < height["exp"] < height["log"] < height["L"]


@pytest.mark.parametrize("show", SHOW)
@pytest.mark.parametrize("layout", ["right", "down"])
def test_everything_can_be_drawn_either_way(show, layout):
    a = g.symbol("A", shape=(2, 3))
    y = g.sum(g.where(a > 0, g.log(a), a)) / x
    ET.fromstring(
        g.draw(y, {"A": np.arange(6.0).reshape(2, 3), "x": 0}, show=show, layout=layout).svg().encode()
    )


@given(npst.arrays(np.float64, npst.array_shapes(max_dims=4, max_side=30), elements=st.floats()))
def test_any_array_is_a_small_picture_and_a_histogram(array):
    grid = cells(array)
    assert len(grid) <= 12 and all(len(line) <= 12 for line in grid)
    assert all(math.isnan(cell) or -1 <= cell <= 1 for line in grid for cell in line)
    assert len(histogram(array)) in (0, 10)


def test_a_picture_keeps_places():
    grid = cells(np.diag(np.arange(1.0, 5.0)))
    assert grid == [[0.25, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0.75, 0], [0, 0, 0, 1.0]]
    assert math.isnan(cells([[1.0, math.nan]])[0][1])
    large = cells(np.ones((100, 50)))
    assert len(large) == len(large[0]) == 12 and all(cell == 1 for line in large for cell in line)
