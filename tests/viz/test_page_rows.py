"""Pictures without a page: in rows where they are so long that nobody could read them, whole where that helps nobody."""

from __future__ import annotations

import pytest

import graphc as g
from graphc.viz import Diagram
from graphc.viz.page_rows import smallest
from tests.viz.measure import measure


def chain(length: int, **options) -> Diagram:
    """A long row of nodes, each with an input of its own, so that no single line leads on."""
    expr, other = g.symbol("x"), g.symbol("y")
    for number in range(length):
        expr, other = g.tanh(expr * g.symbol(f"w_{number}") + other), g.sin(other)
    return g.draw(expr + other, dict.fromkeys(g.Graph(expr + other).symbols, 0.5), **options)


@pytest.mark.parametrize("style", ["slides", "paper", "dark"])
def test_a_long_picture_stands_in_rows(style):
    diagram = chain(8, style=style, max_nodes=None)
    whole = diagram._whole_scene
    found = measure(diagram.svg())
    assert whole is not None and found.smallest > 1.3 * whole.scale * smallest(whole)
    assert found.meets == found.overlaps == ()


def test_the_view_stays_whole():
    diagram = chain(8, max_nodes=None)
    diagram.svg()
    assert all(node.kind != "reference" for node in diagram.view.nodes)
    assert "①" not in diagram.text() and "①" not in diagram.source


def test_rows_are_stepped_through():
    """Each operation appears forwards and backwards, the inputs that the second row names again are not counted twice."""
    diagram = chain(8, max_nodes=None)
    assert len(diagram.steps()) > sum(node.kind == "operation" for node in diagram.view.nodes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(1),
        lambda: chain(8, layout="down"),
        lambda: g.side_by_side({"one": chain(8), "other": chain(8)}),
    ],
    ids=["short", "down", "side by side"],
)
def test_what_is_left_whole_or_reads_well(make):
    diagram = make()
    found = measure(diagram.svg())
    assert found.meets == found.overlaps == ()
    assert diagram._scene is not None


def test_short_pictures_stay_as_they_are():
    diagram = chain(1)
    assert diagram._scene is diagram._whole_scene


x, w, b = g.symbols("x w b")


def derivative(loss: g.Expr, *by: g.Expr) -> g.Expr:
    for symbol in by:
        loss = g.grad(loss, symbol)
    return loss


@pytest.mark.parametrize(
    "expr",
    [
        derivative(g.log(1 + g.exp(-(w * x + b))), w, b),
        derivative(g.tanh(w * x + b) ** 2, w, w),
        -derivative(g.sigmoid(g.sin(w * x)), x, x),
        g.sqrt(g.exp(g.sin(derivative(g.tanh(x * w) * g.exp(b * x), x)))),
        g.sin(-derivative(g.log(1 + g.exp(g.sin(x * w))), x, w)),
    ],
)
def test_no_row_is_a_node_alone(expr):
    """A sign at the end of a long row and one operation below it says less than the row did."""
    view = g.draw(expr).view
    rows = {node.key: {node.key} for node in view.nodes if node.kind != "reference"}
    for edge in view.edges:
        if edge.tail in rows and edge.head in rows:
            joined = rows[edge.tail] | rows[edge.head]
            rows |= dict.fromkeys(joined, joined)
    assert all(len(row) >= 3 for row in rows.values())
