"""Pictures of players: laid out as diagrams are, one line for each edge, frames around what they hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import graphc as g
from graphc.viz.player.layout import form_of, grid_of, value_box

u, v, w = g.symbols("u_picture v_picture w_picture")
POINT = {"u_picture": 1.5, "v_picture": 2.0, "w_picture": -0.5}


def svg(output, at=POINT):
    text = g.draw(output, at=at).html()
    found = re.search(r"<svg viewBox=.*?</svg>", text[text.index('aria-label="The graph"') :], re.S)
    assert found
    return ElementTree.fromstring(found[0])


def numbers(text):
    return [float(part) for part in re.findall(r"-?\d+(?:\.\d+)?", text)]


def box(group):
    """left, top, right, bottom of the shapes of a group"""
    x, y = [], []
    for shape in group:
        if shape.tag == "ellipse":
            cx, cy, rx, ry = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
            x += [cx - rx, cx + rx]
            y += [cy - ry, cy + ry]
        elif shape.tag == "text" and group.get("class") == "node output":
            left, base = float(shape.get("x")), float(shape.get("y"))
            x += [left, left + float(shape.get("textLength"))]
            y += [base - 12, base + 3]
        else:
            found = numbers(shape.get("d") or shape.get("points") or "")
            x += found[::2]
            y += found[1::2]
    return min(x), min(y), max(x), max(y)


def test_every_edge_is_one_unbroken_line_from_its_tail_to_its_head():
    with g.scope("inner"):
        inner = g.tanh(u * v) ** w
    root = svg(g.maximum(inner - v, u) / inner)
    nodes = {group.get("data-node"): group for group in root if group.get("class", "").startswith("node")}
    edges = [group for group in root if group.get("class") == "edge"]
    assert len(edges) == 12
    for edge in edges:
        line, head = edge.findall("path")[0], edge.findall("polygon")
        assert len(edge.findall("path")) == len(head) == 1 and line.get("d").count("M") == 1
        points = numbers(line.get("d"))
        left, top, right, bottom = box(nodes[edge.get("data-tail")])
        assert left - 1 <= points[0] <= right + 5 and top - 1 <= points[1] <= bottom + 1
        tip = numbers(head[0].get("points"))
        left, top, right, bottom = box(nodes[edge.get("data-head")])
        assert left - 6 <= max(tip[::2]) <= right + 1 and top - 1 <= tip[3] <= bottom + 1


def test_frames_stand_around_what_they_hold_and_nothing_else():
    with g.scope("outer"):
        first = g.exp(u)
        with g.scope("deep"):
            second = g.sin(first) * v
    graph = g.Graph(second + w)
    root = svg(graph)
    frames = [group for group in root if group.get("class") == "frame"]
    assert [group.find("text").text for group in frames] == ["outer", "deep"]
    outer, deep = map(box, frames)
    inside = {"exp": (True, False), "sin": (True, True), "×": (True, True), "+": (False, False)}
    for group in root:
        label = group.find("text[@class='label']")
        if group.get("class") == "node operation" and label is not None:
            left, top, right, bottom = box(group)
            held = [a <= left and b <= top and right <= c and bottom <= d for a, b, c, d in (outer, deep)]
            assert tuple(held) == inside[label.text]


def test_named_entrances_are_those_of_the_diagram():
    root = svg(u**v - w)
    places = [text.text for text in root.iter("text") if text.get("class") == "place"]
    assert places == ["base", "exponent", "1st", "2nd"]


def test_arrays_have_room_for_their_elements():
    assert [form_of(shape) for shape in ((), (6,), (6, 6), (7, 2), (2, 2, 2), (0,))] == [
        "number", "matrix", "matrix", "heat", "heat", "number",
    ]  # fmt: skip
    assert grid_of((2, 3, 4)) == (6, 4) and grid_of((5,)) == (1, 5)
    assert value_box((3, 2), 5).height > 2 * value_box((1, 2), 5).height
    assert value_box((500, 700), 5).width <= 100 and value_box((500, 700), 5).height <= 80
