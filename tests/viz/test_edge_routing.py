"""Edges led around what they do not belong to, held against what `measure` finds in the SVG."""

from __future__ import annotations

from itertools import pairwise

import pytest

import graphc as g
from graphc.viz import channels, graphviz_engine
from graphc.viz.channels import End, Grid, Obstacles
from graphc.viz.edge_routing import route
from graphc.viz.layout_scene import read
from graphc.viz.writers.svg import to_svg
from tests.viz.measure import measure
from tests.viz.nested import nested

SEEDS = (5, 12, 19, 30, 37, 76)
"""Graphs in whose drawings Graphviz leads edges through nodes, titles or frames."""


def plain(diagram):
    parts = len(diagram.view.nodes) + 3 * len(diagram.view.edges)
    return read(graphviz_engine.render(diagram.source, "json", parts=parts))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_edge_runs_through_anything(seed):
    diagram = nested(seed)
    assert measure(to_svg(plain(diagram), "", "")).meets, "Graphviz's own drawing was good"
    found = measure(diagram._by_graphviz("svg").decode())
    assert found.meets == found.overlaps == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_random_graphs(seed):
    found = measure(nested(seed)._by_graphviz("svg").decode())
    assert found.overlaps == ()
    assert len(found.meets) <= len(measure(to_svg(plain(nested(seed)), "", "")).meets) // 4


@pytest.mark.parametrize("layout", ["right", "down"])
def test_what_is_good_stays_as_it_was(layout):
    x, w, b = g.symbols("x w b")
    diagram = g.draw(g.log(1 / (g.exp(-(x * w + b)) + 1)), {"x": 2, "w": -3, "b": 6}, layout=layout)
    scene = plain(diagram)
    assert route(scene, layout) == (scene, 0)


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_every_format_draws_the_new_lines(form):
    diagram = nested(SEEDS[2])
    _, lines, _ = diagram._placed()
    assert lines
    assert diagram._by_graphviz(form) != graphviz_engine.render(diagram.source, form, parts=10)


SQUARE = (40.0, -20.0, 60.0, 20.0)


def way(obstacles: Obstacles, others=()):
    start, goal = End((0.0, 0.0), (1.0, 0.0), 4.0), End((100.0, 0.0), (1.0, 0.0), 4.0)
    grid = Grid((-50.0, -100.0, 150.0, 100.0), obstacles, others, [(4.0, 0.0), (96.0, 0.0)])
    return grid.way([start], [goal])


def test_a_free_way_is_straight():
    assert way(Obstacles((), (), ())) == [(0.0, 0.0), (100.0, 0.0)]


def test_a_way_leads_around_a_box_at_a_distance():
    points = way(Obstacles([SQUARE], (), ()))
    assert points is not None and points[0] == (0.0, 0.0) and points[-1] == (100.0, 0.0)
    for (ax, ay), (bx, by) in pairwise(points):
        assert ax == bx or ay == by
        level = ay == by and not -20 - channels.CLEAR < ay < 20 + channels.CLEAR
        assert level or max(ax, bx) < 40 or min(ax, bx) > 60


def test_there_is_no_way_through_a_closed_frame():
    assert way(Obstacles((), (), [(-20.0, -20.0, 50.0, 20.0)])) is None
    assert way(Obstacles((), [(-20.0, -20.0, 50.0, 20.0)], ())) == [(0.0, 0.0), (100.0, 0.0)]


def test_a_way_does_not_run_along_another_line():
    points = way(Obstacles([(45.0, -60.0, 55.0, -30.0)], (), ()), [[(20.0, 0.0), (80.0, 0.0)]])
    assert points is not None and len(points) > 2
