"""Several graphs in one picture, and what notebooks show."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

import graphc as g
from graphc.errors import InputError
from graphc.viz import STYLES

x, w, b = g.symbols("x w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}


def heights(diagram):
    return {
        "".join(t.itertext()): float(t.get("y", "nan"))
        for t in ET.fromstring(diagram.svg().encode()).iter()
        if t.tag.endswith("}text")
    }


def test_before_stands_over_after():
    diagram = g.side_by_side({"as written": L, "rewritten": g.stabilize(L)}, AT)
    at = heights(diagram)
    assert at["as written"] < at["exp"] < at["rewritten"] < at["log σ"]
    keys = [node.key for node in diagram.view.nodes]
    assert len(keys) == len(set(keys))
    assert {edge.tail for edge in diagram.view.edges} | {edge.head for edge in diagram.view.edges} == set(
        keys
    )
    assert diagram.describe().count("L = −0.693") == 2


def test_forward_and_backward_may_need_different_inputs():
    diagram = g.side_by_side({"forward": x * w + b, "backward": g.grad(x * w + b, x)}, AT, style="paper")
    assert diagram.style is STYLES["paper"]
    assert [node.label for node in diagram.view.nodes if node.kind == "symbol"].count("x") == 1


def test_a_compiled_function_is_its_graph():
    f = g.compile(L, [x, w, b])
    shown = g.side_by_side({"naive": L, "compiled": f}).view
    labels = {node.label for node in shown.nodes if node.block == ("compiled",)}
    assert "log σ" in labels and "exp" not in labels


def test_diagrams_are_taken_as_they_are():
    one = g.draw(L, AT, show="local", style="dark")
    diagram = g.side_by_side({"one": one, "two": x * 2})
    assert diagram.style.name == "dark" and "local" in diagram.view.show


def test_blocks_stay_inside():
    own = g.symbol("x_panel")
    with g.scope("inner"):
        y = own * 3
    assert {node.block for node in g.side_by_side({"a": y, "b": y * 2}).view.nodes} == {
        ("a",), ("a", "inner"), ("b",), ("b", "inner")
    }  # fmt: skip


@pytest.mark.parametrize("parts", [{}, [x], x, {1: x}, {"": x}])
def test_what_is_no_picture(parts):
    with pytest.raises(InputError, match="dict of names") as caught:
        g.side_by_side(parts)
    assert "side_by_side" in caught.value.hint


def test_notebooks_show_compiled_functions():
    f = g.compile({"y": x * g.symbol("<script>") + 1}, [x, g.symbol("<script>")])
    page = f._repr_html_()
    ET.fromstring(page)
    assert "<script>" not in page and "&lt;script&gt;" in page
    many = g.compile([x + k for k in range(9)], [x])
    assert many._repr_html_().count("<li>") == 5 and len(many._repr_html_()) < 4000


def test_notebooks_never_see_an_error_and_no_giant():
    node = x
    for _ in range(3000):
        node = g.sin(node) + w
    assert len(node._repr_latex_()) < 20_000
    svg = g.Graph(node)._repr_svg_()
    assert svg is not None and len(svg) < 200_000
    assert g.Graph(L)._repr_svg_().startswith("<?xml")
