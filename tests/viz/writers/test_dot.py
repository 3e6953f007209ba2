"""The DOT text: golden files, escaping, and that what it says arrives in the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as g
from graphc.ir.formatting import name_parts, visible
from tests.viz import golden
from tests.viz.measure import read

SVG = "{http://www.w3.org/2000/svg}"

x, y, z, w, b = g.symbols("x y z w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}


def texts(svg: str) -> list[str]:
    """Every piece of text that the picture shows."""
    return ["".join(item.itertext()) for item in ET.fromstring(svg.encode()).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", golden.cases())
def test_golden(name):
    """See tests/viz/golden.py for how to write the files anew."""
    assert golden.cases()[name].source == golden.path(name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_behind():
    assert {path.stem for path in golden.FOLDER.glob("*.dot")} == set(golden.cases())


def test_the_log_sigmoids_numbers_are_in_the_picture():
    shown = texts(g.draw(L, at=AT).svg())
    for value in ("−6", "0", "1", "2", "0.5", "−0.693", "−1.5", "−0.5", "−3", "6"):
        assert value in shown
    for label in ("×", "+", "−x", "exp", "+1", "1/x", "log", "x", "w", "b", "L"):
        assert label in shown
    assert "−0" not in shown


def test_forward_stands_over_the_line_and_backward_under_it():
    drawing = read(g.draw(L, at=AT).svg())
    tree = ET.fromstring(g.draw(L, at=AT).svg().encode())
    ys = {key: [box[1] for box in node.texts] for key, node in drawing.values.items()}
    assert len(ys) == 10
    for group in tree.iter(f"{SVG}g"):
        if group.get("data-key") not in ys:
            continue
        found = sorted(group.findall(f".//{SVG}text"), key=lambda item: item.get("fill") != "#0a4f94")
        forward, backward = (
            (
                float(item.get("x", "nan")) + float(item.get("textLength", "nan")) / 2,
                float(item.get("y", "nan")),
            )
            for item in found
        )
        assert [item.get("fill") for item in found] == ["#0a4f94", "#b34400"]
        levels = [
            float(np.interp(forward[0], edge.points[:, 0], edge.points[:, 1]))
            for edge in drawing.edges
            if edge.points[0, 0] < forward[0] < edge.points[-1, 0]
        ]
        between = [level for level in levels if forward[1] < level < backward[1]]
        assert len(between) == 1, (group.get("data-key"), levels)


def test_symbols_stand_at_the_left_in_order_and_the_output_at_the_right():
    tree = ET.fromstring(g.draw(L, at=AT).svg().encode())
    place = {
        "".join(t.itertext()): (float(t.get("x", "nan")), float(t.get("y", "nan")))
        for t in tree.iter(f"{SVG}text")
    }
    assert max(place[name][0] for name in "xwb") < min(place[name][0] for name in ("×", "+", "exp", "log"))
    assert place["x"][1] < place["w"][1] < place["b"][1]
    assert place["L"][0] == max(horizontal for horizontal, _ in place.values())


HOSTILE = [
    '<b>"x',
    "a & b",
    "a&amp;b",
    "back\\N\\G\\slash\\",
    "line\nbreak",
    '"]; evil [label="',
    "</TABLE>>] evil",
    "--> <!-- ]]>",
    "%s {0} $x$",
    "עברית",
    "\u202eabc",
    "\ud800",
    "\x00\x07",
    "💡",
    "   ",
    "\\",
    "n0:e",
    "<IMG SRC='/etc/passwd'/>",
    "x" * 500,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_draws_itself(name):
    diagram = g.draw(g.symbol(name) * y, at={name: 2, "y": 3}, name=name)
    shown = texts(diagram.svg())
    assert shown.count(visible(name)) == 2
    assert len(shown) == 2 + 2 + 2 * 3  # two symbols, operation, output, and three edges
    assert diagram.source.isprintable() or set(filter(lambda c: not c.isprintable(), diagram.source)) <= {
        "\n",
        "\t",
    }


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_any_name_draws_itself(name):
    shown = texts(g.draw(-g.symbol(name), name="out").svg())
    letter, index = name_parts(name)
    assert shown.count(visible(letter)) >= 1
    assert index == "" or index in shown


def test_indices_and_greek_letters():
    shown = texts(g.draw(g.symbol("theta_12") * g.symbol("w1")).svg())
    assert shown[:4] == ["θ", "12", "w", "1"]


def test_nothing_of_the_process_is_in_the_text():
    first = g.draw(L + g.sin(x), at={**AT})
    again = g.draw(g.log(1 / (g.exp(-(x * w + b)) + 1)) + g.sin(x), at={**AT})
    assert first.source == again.source
    assert "0x" not in first.source


def test_arrays_show_shape_and_summary():
    shown = texts(g.draw(L, at={**AT, "x": np.linspace(-1, 1, 1000)}).svg())
    assert "(1000,) −1…1" in shown
    assert "(n, 784)" in texts(g.draw(g.symbol("X", shape=("n", 784)) * 2).svg())


def test_sums_are_shown_at_shared_nodes():
    assert "Σ 6" in texts(g.draw(x * x, at={"x": 3}).svg())
    assert not any("Σ" in text for text in texts(g.draw(x * y, at={"x": 3, "y": 1}).svg()))


def test_special_values_are_legible():
    shown = texts(g.draw(g.log(x) * (y / y), at={"x": 0, "y": 0}).svg())
    assert "−∞" in shown
    assert "NaN" in shown


def test_more_digits():
    assert "−0.69314718" in texts(g.draw(L, at=AT, digits=8).svg())
