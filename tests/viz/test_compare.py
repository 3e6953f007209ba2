"""Two graphs in one picture: what is new, gone and changed, held against sets of expressions."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import GraphcError, InputError
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


def marks(before, after, **options):
    """The note, and what is marked with what is said of it."""
    view = g.compare(before, after, **options).view
    return view.note, {(node.mark, node.label, node.lines) for node in view.nodes if node.mark}


@pytest.mark.parametrize(
    "before, after, label",
    [
        (x - w, w - x, "−"),
        (g.where(x > w, b, c), g.where(x > w, c, b), "where"),
        (g.sin(x) ** (w + 1), (w + 1) ** g.sin(x), "pow"),
    ],
)
def test_operands_that_change_places(before, after, label):
    assert marks(before, after) == ("1 changed", {("changed", label, ("exchanged",))})


def test_an_operand_that_is_another_node_of_both():
    note, marked = marks((x - w) * b, (x - b) * w)
    assert note == "2 changed" and {mark[2] for mark in marked} == {("other operands",)}


def test_what_is_put_around_or_in_place_of_an_operation():
    assert marks(g.log(g.sin(x * 2)), g.log(g.abs(g.sin(x * 3)) + 1))[1] == {
        ("changed", "×3", ("was ×2",)),
        ("added", "|·|", ("new",)),
        ("added", "+1", ("new",)),
    }
    assert marks(g.tanh(x * 2), g.sigmoid(x * 3))[0] == "1 added, 1 removed, 1 changed"


def test_symbols_of_one_name():
    one, other = g.symbol("q", shape=(3,)), g.symbol("q", shape=(4,))
    assert marks(g.sum(one**2), g.sum(other**2)) == ("1 changed", {("changed", "q", ("was (3,)",))})
    single = g.symbol("q", shape=(3,), dtype="float32")
    assert ("changed", "q", ("was float64",)) in marks(g.sum(one**2), g.sum(single**2))[1]
    shapes = {edge.shape for edge in g.compare(one + 1, other + 1).view.edges}
    assert shapes == {(4,)}


def test_arrays_of_numbers():
    q = g.symbol("q", shape=(3,))
    first, second = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])
    note, marked = marks(g.sin(q * first) + x, g.sin(q * second) + x)
    assert note == "1 changed" and {lines for _, _, lines in marked} == {("other numbers",)}
    # the same numbers, although their node has another number in the second graph
    assert marks(q * first, g.exp(q * first))[1] == {("added", "exp", ("new",))}


def test_bodies_of_loops_and_functions():
    loop = lambda inside, steps=3: g.fori_loop(0, steps, lambda i, s: inside(s) * w, x)
    note, marked = marks(loop(g.sin), loop(g.cos))
    assert note == "1 changed" and {lines for _, _, lines in marked} == {("another body",)}
    assert {lines for _, _, lines in marks(loop(g.sin), loop(g.sin, 4))[1]} == {("was scan, 3 steps",)}
    assert marks(loop(g.sin), loop(g.sin)) == ("no difference", set())


def test_outputs_of_other_names_and_in_another_order():
    assert marks({"a": x * w, "b": x + w}, {"b": x + w, "a": x * w})[0] == "no difference"
    assert marks({"a": x * w, "b": x + w}, {"a": x * w, "c": x + w})[0] == "1 added, 1 removed"


def test_two_models():
    inputs = g.symbol("i", shape=("n", 3))
    model = lambda units, function: nn.Model(nn.Sequential(nn.Affine(units), function, nn.Affine(2)), inputs)
    note, marked = marks(model(4, g.tanh), model(5, g.relu))
    assert note == "1 added, 1 removed, 3 changed"
    assert {lines for mark, _, lines in marked if mark == "changed"} == {
        ("was (4, 3)",),
        ("was (4,)",),
        ("was (2, 4)",),
    }
    assert marks(model(4, g.tanh), model(4, g.tanh))[0] == "no difference"


def test_lines_that_are_gone_are_dashed_in_characters_too():
    text = g.compare(g.log(x * w), g.log(g.abs(x * w) + 1)).render("txt").decode()
    assert "┄┄┄" in text and "┄" not in g.compare(x * w, x * w).render("txt").decode()


@pytest.mark.parametrize("shape", [(), (4,)])
def test_who_asks_diff_is_told_of_compare(shape):
    """`diff` is NumPy's: differences within one array."""
    x = g.symbol("x", shape=shape)
    with pytest.raises(InputError, match="within one array") as caught:
        g.diff(g.sin(x), cast(Any, g.cos(x)))
    assert "g.compare" in (caught.value.hint or "")
