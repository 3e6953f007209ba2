"""The measuring of drawings: pictures written by hand, each with one fault, and the fault is told."""

from __future__ import annotations

from itertools import pairwise

import pytest

import graphc as g
from tests.viz.measure import measure

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="150pt" height="100pt" viewBox="0 0 300 200">'


def node(key: str, x: float, y: float, size: float = 12.0) -> str:
    return (
        f'<g class="node" data-key="{key}"><ellipse cx="{x}" cy="{y}" rx="20" ry="20"/>'
        f'<text x="{x - 5}" y="{y}" textLength="10" font-size="{size}">+</text></g>'
    )


def edge(tail: str, head: str, *points: tuple[float, float]) -> str:
    """Straight pieces, as curves."""
    text = f"M{points[0][0]},{points[0][1]}C"
    for (ax, ay), (bx, by) in pairwise(points):
        text += "".join(f"{ax + s * (bx - ax)},{ay + s * (by - ay)} " for s in (1 / 3, 2 / 3, 1))
    return f'<g class="edge" data-key="{tail}-{head}"><path d="{text}"/></g>'


def frame(key: str, left: float, top: float, right: float, bottom: float) -> str:
    corners = f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}"
    return (
        f'<g class="frame" data-key="{key}"><polygon points="{corners}"/>'
        f'<text x="{left + 5}" y="{bottom - 5}" textLength="40" font-size="10">title</text></g>'
    )


def values(key: str, x: float, y: float) -> str:
    rule = f"{x},{y} {x + 40},{y} {x + 40},{y + 1} {x},{y + 1}"
    return (
        f'<g class="node" data-key="{key}"><text x="{x + 10}" y="{y - 4}" textLength="20" font-size="10">12</text>'
        f'<polygon points="{rule}"/></g>'
    )


A, B, C = node("a", 30, 30), node("b", 270, 30), node("c", 150, 30)

FAULTS = {
    "through a node": (A + B + C + edge("a", "b", (50, 30), (250, 30)), "a→b through c"),
    "through its own head": (A + B + edge("a", "b", (50, 30), (285, 30)), "a→b through b"),
    "through a title": (
        A + B + frame("f", 100, 50, 200, 150) + edge("a", "b", (30, 50), (30, 140), (270, 140), (270, 50)),
        "a→b through the title of f",
    ),
    "through values": (
        A + B + C + values("e0", 80, 33) + edge("a", "b", (50, 30), (80, 25), (120, 25), (130, 5), (250, 30)),
        "a→b through the values at e0",
    ),
    "through a frame of others": (
        A + B + frame("f", 100, 10, 200, 150) + edge("a", "b", (50, 30), (250, 30)),
        "a→b crosses the border of f 2 times, not 0",
    ),
    "along a border": (
        A + B + frame("f", 100, 30, 200, 150) + edge("a", "b", (50, 30), (250, 30)),
        "a→b along the border of f",
    ),
    "on one another": (A + node("b", 50, 30), "a on b"),
    "on a border": (A + frame("f", 30, 10, 200, 150), "a on the border of f"),
    "frames on one another": (frame("f", 0, 0, 100, 100) + frame("h", 50, 50, 200, 200), "f on h"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_told(what):
    body, told = FAULTS[what]
    found = measure(f"{HEAD}{body}</svg>")
    assert any(text.startswith(told) for text in (*found.meets, *found.overlaps)), found


def test_a_good_drawing_has_no_fault():
    inside = node("c", 150, 60)
    body = A + B + inside + frame("f", 100, 20, 200, 150)
    body += edge("a", "c", (50, 30), (90, 30), (90, 60), (130, 60))
    body += edge("a", "b", (30, 10), (30, 5), (270, 5), (270, 10))
    found = measure(f"{HEAD}{body}</svg>")
    assert found.meets == found.overlaps == () and found.crossings == 0
    assert found.bends == 4 and found.smallest == pytest.approx(5.0)  # ten points on a page half as wide
    assert found.page == (150, 100)


def test_crossings_and_distances():
    body = A + B + node("c", 30, 170) + node("d", 270, 170) + values("e0", 60, 30)
    body += edge("a", "e0", (50, 30), (60, 30)) + edge("e0", "d", (100, 30), (250, 170))
    body += edge("c", "b", (50, 170), (250, 30))
    found = measure(f"{HEAD}{body}</svg>")
    assert found.crossings == 1
    assert found.distance == pytest.approx(30.5 - 26.2)


@pytest.mark.parametrize("layout", ["right", "down"])
@pytest.mark.parametrize("style", ["slides", "paper"])
@pytest.mark.parametrize("index", ["1", "i_j", "prev", "max", "Q", "gpy"])
def test_an_index_keeps_clear_of_what_stands_below_it(index, style, layout):
    a = g.symbol(f"a_{index}")
    for note in (None, {a: "a note"}):
        svg = g.draw(a * a + g.sin(a), at={a: 0.5}, style=style, layout=layout, note=note).svg()
        assert measure(svg).overlaps == ()
        assert "\u200a" not in svg
