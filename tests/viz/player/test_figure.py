"""Figures to play with: what they are made of, what they refuse, and that no name becomes markup."""

from __future__ import annotations

import json
import re

import pytest

import graphc as g
from graphc.errors import ExpressionError, InputError, RenderError
from tests.viz.player.test_page import HOSTILE, Reader

x, y, a, b, c = g.symbols("x y a b c")


def data_of(figure):
    return json.loads(re.findall(r'id="data">(.*?)</script>', figure.html(), re.S)[0])


def parabola(**options):
    return g.plot(
        {"f": c * (x - a) ** 2 + b}, x, (-3, 3), **{"handles": [(a, b), (1, b), (0.5, 2)], **options}
    )


def test_what_is_dragged_and_what_has_a_slider():
    figure = g.figure(parabola(), at={a: 1, "b": 0, "c": 0.5}, title="A parabola")
    data = data_of(figure)
    names = [entry["name"] for entry in data["inputs"]]
    assert sorted(names) == ["a", "b", "c", "x"]
    handles = data["plots"][0]["handles"]
    places = [(h["across"], h["up"]) for h in handles]
    assert places == [(names.index("a"), names.index("b")), (None, names.index("b")), (None, None)]
    assert [names[n] for n in data["sliders"]] == ["c"]
    both = g.figure(parabola(), at={"a": 1, "b": 0, "c": 0.5}, sliders=[a, c])
    assert [names[n] for n in data_of(both)["sliders"]] == ["a", "c"]
    assert repr(figure).startswith("<Figure of 1 plot;")


def test_ranges_are_kept():
    d = g.symbol("d", range=(0, 0.5))
    data = data_of(g.figure(g.plot(d * x, x, (0, 1), handles=[(0.5, d)]), at={"d": 0.25}))
    assert [e["bounds"] for e in data["inputs"] if e["name"] == "d"] == [[0.0, 0.5]]


def test_the_page(tmp_path):
    figure = g.figure(parabola(), g.plot(g.sin(x), x, (0, 1), ylim=(-1, 1)), at={"a": 1, "b": 0, "c": 0.5})
    path = figure.save(tmp_path / "figure.html")
    assert path.read_text(encoding="utf-8") == figure.html()
    reader = Reader(figure.html())
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert set(re.findall(r"https?://[^\s\"'<]*", figure.html())) <= {"http://www.w3.org/2000/svg"}
    frame = Reader(figure._repr_html_())
    assert [tag for tag, _ in frame.elements] == ["iframe"]
    assert frame.elements[0][1]["srcdoc"] == figure.html()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_an_element(name):
    symbol, over = g.symbol(name), g.symbol(name + "!")
    figure = g.figure(
        g.plot({name: symbol * over}, over, (0, 1), title=name, handles=[(over, symbol)]), g.plot(symbol * over, over, (0, 1)),
        at={symbol: 1.0}, sliders=[symbol], title=name,
    )  # fmt: skip
    reader = Reader(figure.html())
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert not {"img", "a", "iframe"} & {tag for tag, _ in reader.elements}


def test_refusals(tmp_path):
    at = {"a": 1, "b": 0, "c": 0.5}
    v = g.symbol("v", shape=3)
    for build, word in [
        (lambda: g.plot(x, 2, (0, 1)), "symbol"),
        (lambda: g.plot(x, v, (0, 1)), "symbol"),
        (lambda: g.plot(v, x, (0, 1)), "number"),
        (lambda: g.plot(x > 1, x, (0, 1)), "number"),
        (lambda: g.plot({}, x, (0, 1)), "curves"),
        (lambda: g.plot({str(n): x for n in range(5)}, x, (0, 1)), "second plot"),
        (lambda: g.plot(x, x, (1, 1)), "two ends"),
        (lambda: g.plot(x, x, (0, float("inf"))), "two ends"),
        (lambda: g.plot(x, x, 3), "two ends"),
        (lambda: g.plot(x, x, (0, 1), ylim=(2, 1)), "ylim"),
        (lambda: g.plot(x, x, (0, 1), handles=[a]), "point"),
        (lambda: g.plot({3: x}, x, (0, 1)), "text"),
        (lambda: g.figure(at={}), "plot"),
        (lambda: g.figure(x * 2, at={}), "plots"),
        (lambda: g.figure(parabola(), at={"a": 1}), "'b'"),
        (lambda: g.figure(parabola(), at={**at, "z": 1}), "'z'"),
        (lambda: g.figure(parabola(), at={**at, "a": float("nan")}), "nan"),
        (lambda: g.figure(parabola(), at={**at, "a": [1.0, 2.0]}), "array"),
        (lambda: g.figure(parabola(), at=3), "dict"),
        (lambda: g.figure(parabola(), at=at, sliders=[y]), "slider"),
        (lambda: g.figure(parabola(), at=at, sliders=[3]), "slider"),
    ]:
        with pytest.raises((InputError, ExpressionError), match=word):
            build()
    with pytest.raises(RenderError, match="html"):
        g.figure(parabola(), at=at).save(tmp_path / "figure.svg")
    with pytest.raises(RenderError, match="cannot write"):
        g.figure(parabola(), at=at).save(tmp_path / "none" / "figure.html")
