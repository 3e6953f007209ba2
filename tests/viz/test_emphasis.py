"""Nodes that are highlighted and remarks under labels."""

from __future__ import annotations

import pytest

import graphc as g
from graphc.errors import GraphcError
from tests.viz.measure import measure

x, w, b = g.symbols("x w b")
Z = x * w + b
LOSS = g.tanh(Z) ** 2


@pytest.mark.parametrize("what", [Z, "x", [Z, "x", x], (x, w, b)])
def test_what_is_highlighted_is_marked_and_nothing_else(what):
    view = g.draw(LOSS, highlight=what).view
    graph = g.Graph(LOSS)
    chosen = what if isinstance(what, (list, tuple)) else [what]
    expected = {graph.node(g.symbol(each) if isinstance(each, str) else each) for each in chosen}
    assert {node.node for node in view.nodes if node.mark} == expected


def test_a_remark_stands_under_its_label():
    diagram = g.draw(LOSS, note={Z: "before the\nactivation", "x": "<b>input</b>"})
    svg = diagram.svg()
    for text in ("before the", "activation", "&lt;b&gt;input&lt;/b&gt;"):
        assert text in svg
    found = measure(svg)
    assert found.meets == found.overlaps == ()


@pytest.mark.parametrize("options", [{"highlight": g.sin(x)}, {"highlight": "q"}, {"highlight": 3}, {"note": "z"},
                                     {"note": {Z: 3}}, {"note": {"q": "a"}}, {"highlight": [[x]]}])  # fmt: skip
def test_what_is_not_there_is_refused(options):
    with pytest.raises(GraphcError):
        g.draw(LOSS, **options)


def test_nodes_within_loops_are_not_taken_for_others():
    end, _ = g.scan(lambda c, row: (g.tanh(c * w + row), c * row), 0.0, g.symbol("u", shape=(3,)))
    view = g.draw(end * b, highlight="w").view
    assert [node.label for node in view.nodes if node.mark] == ["w"]
