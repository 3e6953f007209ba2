"""Two graphs in one picture: what is new, gone and changed, held against sets of expressions."""

from __future__ import annotations

import pytest

import graphc as g
from graphc.errors import GraphcError
from tests.viz.measure import measure

x, w, b, c = g.symbols("x w b c")

PAIRS = {
    "rewritten": (g.log(1 / (g.exp(-(x * w + b)) + 1)), -g.softplus(-(x * w + c))),
    "a constant": (g.sin(x * w * 2) + b, g.sin(x * w * 3) + b),
    "an operand more": (x * w, x * w + b),
    "nothing": (x * w, x * w),
    "all": (g.sin(x), g.cos(w)),
    "places": ((x - w) * b, (x - c) * b),
}


def operations(expr):
    graph = g.Graph(expr)
    return {each for each in graph.exprs if not each.op.is_leaf}


@pytest.mark.parametrize("case", PAIRS)
def test_what_both_have_is_not_marked_and_the_rest_is(case):
    before, after = PAIRS[case]
    view = g.compare(before, after).view
    kinds = [node for node in view.nodes if node.kind == "operation"]
    old, new = operations(before), operations(after)
    # what is matched stands for one of each; all others stand for themselves
    matched = sum(node.mark in ("", "changed") for node in kinds)
    assert matched >= len(old & new)
    assert sum(node.mark == "removed" for node in kinds) == len(old) - matched
    assert sum(node.mark == "added" for node in kinds) == len(new) - matched
    assert (view.note == "no difference") == (before is after)


def test_a_changed_constant_says_what_it_was():
    view = g.compare(*PAIRS["a constant"]).view
    (changed,) = [node for node in view.nodes if node.mark == "changed"]
    assert changed.label == "×3" and changed.lines == ("was ×2",) and view.note == "1 changed"


def test_lines_of_one_graph_alone_are_marked():
    view = g.compare(*PAIRS["places"]).view
    names = {node.key: node.label for node in view.nodes}
    marked = {(names[edge.tail], edge.mark) for edge in view.edges if edge.mark}
    assert marked == {("w", "removed"), ("c", "added")}


@pytest.mark.parametrize("layout", ["right", "down"])
@pytest.mark.parametrize("case", PAIRS)
def test_the_picture_is_clean(case, layout):
    diagram = g.compare(*PAIRS[case], layout=layout)
    found = measure(diagram.svg())
    assert found.meets == found.overlaps == ()
    marks = {node.mark for node in diagram.view.nodes} | {edge.mark for edge in diagram.view.edges}
    assert ("stroke-dasharray" in diagram.svg()) == ("removed" in marks)


@pytest.mark.parametrize("wrong", [None, "x +", object(), [[]]])
def test_what_is_no_graph(wrong):
    with pytest.raises(GraphcError):
        g.compare(x, wrong)
