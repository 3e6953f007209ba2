"""Pages of players: what stands in the file, held against the graph's own values; safe whatever the names are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from html.parser import HTMLParser

import numpy as np
import pytest

import graphc as g
from graphc.errors import GradientError, InputError, RenderError
from graphc.ir.formatting import show_value
from graphc.viz.math_text import Math
from graphc.viz.player.mathml import plain
from graphc.viz.player.page import SCRIPTS, asset
from graphc.viz.player.words import languages

x, w, b = g.symbols("x w b")
POINT = {"x": 2, "w": -3, "b": 6}


def loss():
    """Made where it is used: a node that lives on belongs to the blocks that other tests write it in."""
    return g.log(1 / (g.exp(-(x * w + b)) + 1))


HOSTILE = [
    '"><script>alert(1)</script>', "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a&b<c>'\"",
    "]]>", "\u202eabc\n\0", "$name ${data} %s {0}", "\\frac{", "\\href{javascript:alert(1)}{x}", "\ue003", "x" * 10_000,
]  # fmt: skip


class Reader(HTMLParser):
    """Collects elements; complains about tags that do not match."""

    VOID = frozenset(("meta", "input", "br"))

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open:
            place = self.open[-1][1]
            self.texts[place] = self.texts.get(place, "") + data


def page(output, at=POINT, **options):
    return g.draw(output, at=at, **options).html()


def shown(reader, kind):
    """The texts of one class in the picture."""
    return [
        reader.texts[i]
        for i, (tag, a) in enumerate(reader.elements)
        if tag == "text" and a.get("class") == kind
    ]


def test_every_number_of_the_lecture_stands_in_the_file(tmp_path):
    path = g.draw(loss(), at=POINT).save(tmp_path / "logsigmoid.html")
    assert path.stat().st_size <= 300_000
    reader = Reader(path.read_text(encoding="utf-8"))
    assert shown(reader, "value") == ["2", "−3", "−6", "6", "0", "0", "1", "2", "0.5", "−0.693"]
    assert shown(reader, "back") == ["−1.5", "1", "0.5", "0.5", "0.5", "−0.5", "−0.5", "−0.5", "2", "1"]


@pytest.mark.parametrize(
    "output", [(x + w) * b, x * x * w + g.sin(x) / b, g.where(x > w, x**b, g.maximum(x, w))]
)
def test_slots_hold_what_the_graph_computes(output):
    graph = g.Graph(output)
    at = {symbol.name: POINT[symbol.name] for symbol in graph.symbols}
    values = graph.backward(at)
    reader = Reader(page(graph, at))
    edges = {}
    head = None
    for i, (tag, attributes) in enumerate(reader.elements):
        if attributes.get("class") == "edge":
            head = attributes["data-head"]
        elif tag == "text" and attributes.get("class") in ("value", "back"):
            edges.setdefault((head, attributes["class"]), []).append(reader.texts[i])
    for node, operands in enumerate(graph.operands):
        drawn = [of for of in operands if not graph.exprs[of].is_constant]
        if not drawn:
            continue
        assert edges[f"n{node}", "value"] == [show_value(values.forward[of]) for of in drawn]
        back = [
            show_value(values.contributions[node, slot])
            for slot in range(len(operands))
            if (node, slot) in values.contributions
        ]
        assert edges.get((f"n{node}", "back"), []) == back


def test_scenes_go_forward_and_back():
    text = page(loss())
    data = json.loads(
        Reader(text).texts[next(i for i, e in enumerate(Reader(text).elements) if e[1].get("id") == "data")]
    )
    kinds = [scene["kind"] for scene in data["scenes"]]
    assert kinds == ["start"] + ["forward"] * 7 + ["backward"] * 7 + ["gradient"]
    nodes = [scene["node"] for scene in data["scenes"] if scene["kind"] == "forward"]
    assert nodes == sorted(nodes)
    assert [s["node"] for s in data["scenes"] if s["kind"] == "backward"] == nodes[::-1]


def test_nothing_of_another_place_is_loaded_and_the_one_script_is_named_by_its_digest():
    text = page(loss())
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert " on" not in "".join(
        f" {name}" for _, a in Reader(text).elements for name in a if name.startswith("on")
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_an_element(name):
    symbol = g.symbol(name)
    reader = Reader(page(g.sin(symbol) * x, {name: 0.5, "x": 2.0}))
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert not {"img", "a", "iframe", "object"} & {tag for tag, _ in reader.elements}
    assert not any(a.startswith("on") for _, attributes in reader.elements for a in attributes)
    assert page(g.sin(symbol) * x, {name: 0.5, "x": 2.0}) == page(g.sin(symbol) * x, {name: 0.5, "x": 2.0})


def test_names_of_outputs_and_latex_of_operations_are_no_elements_either():
    reader = Reader(page(x * w, {"x": 1, "w": 2}, name="<script>alert(1)</script>"))
    assert [tag for tag, _ in reader.elements].count("script") == 2
    for latex in (
        r"\href{javascript:alert(1)}{x}",
        r"\frac{",
        r"\class{a}{\style{b}{x}}",
        "<script>",
        r"\text{<b>}",
    ):
        made = plain(Math("text", latex))
        assert not re.search(r"<(a|script|b)\b|href|javascript:alert\(1\)\"", made), made
        Reader(made)


def body_of(text):
    return text[: text.index('<script type="application/json"')]


def test_without_a_derivative_the_forward_pass_is_told():
    for output, at in (
        (x > w, {"x": 1, "w": 2}),
        ([x * w, x + w], {"x": 1, "w": 2}),
        (g.floor(x) > 1, {"x": 2.5}),
    ):
        text = page(output, at)
        assert "Forward" in body_of(text) and "Backward" not in body_of(text)
    both = page([x * w, x + w], {"x": 1, "w": 2}, seed=[1.0, 2.0])
    assert "Backward 2 of 2" in both
    assert "Backward" not in body_of(page(loss(), backward=False))
    with pytest.raises(GradientError):
        g.draw([x * w, x + w], at={"x": 1, "w": 2}, seed=[1.0])


def test_the_slope_of_the_plot_is_that_of_what_is_plotted():
    def slopes(text):
        return json.loads(re.findall(r'id="data">(.*?)</script>', text, re.S)[0])["slopes"]

    at = {"x": 1, "w": 2}
    assert None not in slopes(page(x * w, at))
    assert slopes(page(x * w, at, seed=2.0)) == [None, None]
    several = page({"area": x * w, "sum": x + w}, at, seed=[1.0, 1.0])
    assert slopes(several) == [None, None] and "area, sum against an input" in several


def test_the_output_has_the_name_that_it_was_given():
    for output, options in ((x * w, {"name": "loss"}), (x * w, {"name": ["loss"]}), ({"loss": x * w}, {})):
        assert "<title>loss = x*w</title>" in page(output, {"x": 1, "w": 2}, **options)
    assert "<title>L = x*w</title>" in page(x * w, {"x": 1, "w": 2})


def test_leaves_alone():
    for output, at in ((x, {"x": 2.0}), (g.parse("1 + 2"), {}), ([x, x], {"x": 1.0})):
        Reader(page(output, at))


def data_of(text):
    return json.loads(re.findall(r'id="data">(.*?)</script>', text, re.S)[0])


def test_arrays_are_computed_in_the_page():
    v = g.symbol("v", shape=3)
    text = page(g.sum(g.exp(v) * 2), {"v": [1.0, 2.0, 3.0]})
    assert "const compute = null;" not in text and "[5.44, 14.8, 40.2]" in text
    data = data_of(text)
    (given,) = data["inputs"]
    assert (
        given["array"]["type"] == "float64" and given["array"]["shape"] == [3] and given["form"] == "matrix"
    )
    assert base64.b64decode(given["array"]["bytes"]) == struct.pack("<3d", 1, 2, 3)
    assert "const compute = null;" not in page(x * w, {"x": [1.0, 2.0], "w": 3.0}, seed=[1.0])
    with pytest.raises(InputError, match="arrays"):
        page(g.sum(v), {"v": [1.0, 2.0, 3.0]}, exercise=True)


def test_what_javascript_cannot_compute_stands_as_it_was_computed():
    m = g.symbol("m_page", shape=(2, 2))
    text = page(g.sum(g.svdvals(m)), {"m_page": [[2.0, 0.0], [0.0, 1.0]]})
    data = data_of(text)
    assert "const compute = null;" in text and data["fixed"] and "Gradient descent" not in body_of(text)


def test_large_arrays_do_not_travel():
    m = g.symbol("m_large", shape=(300, 200))
    text = page(g.sum(g.tanh(m @ np.full(200, 0.5))), {"m_large": np.ones((300, 200))})
    data = data_of(text)
    assert (
        "const compute = null;" in text and data["inputs"][0]["array"]["bytes"] == "" and len(text) < 400_000
    )
    assert (
        all(len(base64.b64decode(each["bytes"])) <= 150_000 for each in data["fixed"].values())
        and data["fixed"]
    )


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_has_every_word_and_its_numbers(code):
    english, other = languages()["en"], languages()[code]
    assert set(other) == set(english) and other["direction"] in ("ltr", "rtl")
    for key, text in english.items():
        assert other[key].strip() and set(re.findall(r"\{\d\}", other[key])) == set(
            re.findall(r"\{\d\}", text)
        ), key


def test_the_keys_in_pages_and_scripts_are_words():
    text = page(loss()) + page(loss(), exercise=True)
    used = set(re.findall(r'data-[tlp]="(\w+)"', text))
    used |= set(re.findall(r'\bsay\(\s*"(\w+)"', "".join(asset(name) for name in SCRIPTS)))
    assert used - {"hint_"} <= set(languages()["en"])
    assert {"descent", "share", "exercise", "hint", "numerically"} <= used


def test_an_exercise_gives_nothing_away():
    reader = Reader(page(loss(), exercise=True))
    assert shown(reader, "value") == ["2", "−3", "?", "6", *["?"] * 6]
    assert shown(reader, "back") == ["?"] * 9 + ["1"]
    assert [tag for tag, _ in reader.elements].count("form") == 7 + 9


def test_refusals(tmp_path):
    with pytest.raises(RenderError, match="point"):
        g.draw(loss()).save(tmp_path / "x.html")
    with pytest.raises(InputError):
        g.draw(loss(), at={"x": 1}).save(tmp_path / "x.html")
    chain = x
    for _ in range(2001):
        chain = g.sin(chain)
    with pytest.raises(RenderError, match="2001 operations"):
        g.draw(chain, at={"x": 1}).save(tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


def test_special_values_do_not_break_the_data():
    for value in (float("nan"), float("inf"), -0.0, 1e-320):
        assert "NaN" not in re.findall(r'id="data">(.*?)</script>', page(x * 2 + 1, {"x": value}))[0]


def test_an_exercise_that_is_displayed_has_no_answers():
    u, v = g.symbols("u v")
    diagram = g.draw(g.exp(u * v) * v, {"u": 1.5, "v": 2.25}, exercise=True)
    shown = diagram._repr_svg_()
    assert shown is not None and diagram.describe() == "Computation graph with 3 operations. Inputs: u, v."
    for answer in ("3.38", "29.2", "65.8", "2.25", "1.5<"):
        assert answer not in shown
    assert "<html" in diagram.html()


@pytest.mark.parametrize("seed", [np.ones(3), np.arange(3.0), [np.zeros(3)]])
def test_an_array_that_is_differentiated_with_a_seed_has_no_slope(seed):
    v = g.symbol("v_seed", shape=3)
    text = page(g.tanh(v * 2), {"v_seed": [0.1, 0.2, 0.3]}, seed=seed)
    assert data_of(text)["slopes"] == [None] and "Gradient descent" not in body_of(text)
