"""Loops in pictures, explanations, players and diagnoses, held against loops written in Python."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError, InputError
from graphc.viz import view

ROWS = [1.0, -2.0, 0.5, 0.25]
W = 0.7


def recurrent(reverse=False):
    rows, w = g.symbol("rows", shape=("n",)), g.symbol("w")
    end, each = g.scan(lambda c, x: (g.tanh(c * w + x), c * x), w, rows, reverse=reverse)
    return end**2 + g.sum(each)


def by_hand(reverse=False):
    """Row → (carry before it, its derivative) of `recurrent`: written out, and differentiated by hand."""
    order = range(len(ROWS) - 1, -1, -1) if reverse else range(len(ROWS))
    before, carry = {}, W
    for row in order:
        before[row] = carry
        carry = math.tanh(carry * W + ROWS[row])
    handed = {}
    back = 2 * carry
    for row in reversed(order):
        slope = 1 - math.tanh(before[row] * W + ROWS[row]) ** 2
        back = back * slope * W + ROWS[row]
        handed[row] = back
    return before, handed


def ports(shown, kind="port"):
    return {node.label: node.key for node in shown.nodes if node.kind == kind}


def node_out_of(shown, key):
    return next(edge for edge in shown.edges if edge.tail == key and not edge.feedback)


def total(shown, key):
    return sum(edge.contribution for edge in shown.edges if edge.tail == key and not edge.feedback)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("step", [0, 2, -1])
def test_values_and_adjoints_at_a_step(reverse, step):
    graph = g.Graph(recurrent(reverse))
    shown = view(graph, {"rows": ROWS, "w": W}, step=step)
    row = step % len(ROWS)
    before, handed = by_hand(reverse)
    carry = ports(shown)["carry"]
    assert node_out_of(shown, carry).value == pytest.approx(before[row], rel=1e-14)
    assert total(shown, carry) == pytest.approx(handed[row], rel=1e-13)
    assert node_out_of(shown, ports(shown)["rows[t]"]).value == ROWS[row]


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_what_a_loop_hands_back_is_the_sum_over_its_steps(steps):
    """The adjoint of what a body takes from outside, summed over all steps, is that of the graph itself."""
    w, x = g.symbols("w x")
    end = g.fori_loop(0, steps, lambda i, c: g.sin(c * w) + c, x)
    point = {"w": 0.3, "x": 1.2}
    graph = g.Graph(end)
    parts = 0.0
    for step in range(steps):
        shown = view(graph, point, step=step)
        parts += total(shown, ports(shown)["w"])
    assert parts == pytest.approx(graph.backward(point)[graph.node(w)], rel=1e-13)


def test_one_frame_whatever_the_number_of_results():
    shown = view(g.Graph(recurrent()))
    assert len({node.block for node in shown.nodes if node.kind in ("port", "end")}) == 1
    assert sorted(ports(shown, "end")) == ["carry", "each step"]
    (back,) = [edge for edge in shown.edges if edge.feedback]
    assert (back.tail, back.head) == (ports(shown, "end")["carry"], ports(shown)["carry"])
    dot = g.draw(recurrent()).source
    assert dot.count("style=dashed") == 1 and "scan, n steps" in dot


def test_loops_within_loops_and_their_steps():
    table = g.symbol("table", shape=("n", 3))
    end, _ = g.scan(lambda c, row: (g.scan(lambda d, e: (d * 0.5 + e, None), c, row)[0], None), 1.0, table)
    values = np.arange(6.0).reshape(2, 3)
    shown = view(g.Graph(end), {"table": values}, step=(1, 2))
    carry = 1.0
    for row in values:
        outer = carry
        for entry in row:
            inner = carry
            carry = carry * 0.5 + entry
    blocks = sorted({node.block for node in shown.nodes if node.block}, key=len)
    assert [len(block) for block in blocks] == [1, 2]
    assert blocks[1] == ("scan, 2 steps · at step 1", "scan, 3 steps · at step 2")
    carries = [node for node in shown.nodes if node.kind == "port" and node.label == "carry"]
    seen = [node_out_of(shown, node.key).value for node in sorted(carries, key=lambda node: len(node.block))]
    assert seen == [outer, inner]


def test_the_side_taken_has_values_and_the_other_none():
    x = g.symbol("x")
    shown = view(g.Graph(g.cond(x > 0, lambda x: x * 3, lambda x: g.exp(x) - 1, x)), {"x": -1.0})
    by_label = {node.label: node.key for node in shown.nodes}
    assert node_out_of(shown, by_label["exp"]).value == pytest.approx(math.exp(-1))
    assert node_out_of(shown, by_label["×3"]).value is None
    assert "as int64" not in by_label  # the bool goes in as it is


def test_a_while_loop_says_how_many_steps_it_took():
    x = g.symbol("x")
    end = g.while_loop(lambda c: c < 100, lambda c: c * 2, x)
    shown = view(g.Graph(end), {"x": 3.0}, step=-1)
    assert any(node.block == ("while: 6 steps · at step 5",) for node in shown.nodes)
    assert node_out_of(shown, ports(shown)["carry"]).value == 96.0


def test_loops_collapse_to_one_node():
    picture = g.draw(recurrent(), at={"rows": ROWS, "w": W}, collapse=True)
    (block,) = [node for node in picture.view.nodes if node.kind == "block"]
    assert block.label == "scan, 4 steps" and block.lines == ("4 operations",)
    assert not any(edge.feedback for edge in picture.view.edges)
    assert len(g.draw(recurrent(), max_nodes=6).view.nodes) <= 6


@pytest.mark.parametrize("layout", ["right", "down"])
def test_no_two_texts_of_a_picture_overlap(layout):
    """The texts of the layout stand apart: neither values nor names of frames lie on one another."""
    from graphc.viz.graphviz_engine import render
    from graphc.viz.layout_scene import Text, read

    picture = g.draw(recurrent(), at={"rows": ROWS, "w": W}, step=1, layout=layout)
    scene = read(render(picture.source, "json", parts=100))
    texts = [part for item in scene.items for part in item.parts if isinstance(part, Text)]
    for number, one in enumerate(texts):
        assert scene.box[0] <= one.at[0] and one.at[0] + one.width <= scene.box[2]
        for other in texts[number + 1 :]:
            across = min(one.at[0] + one.width, other.at[0] + other.width) - max(one.at[0], other.at[0])
            apart = abs(one.at[1] - other.at[1])
            assert across <= 1 or apart >= 0.6 * min(one.size, other.size), (one, other)


@pytest.mark.parametrize(
    "step, at, says",
    [
        (4, True, "takes 4 steps, and has no step 4"),
        (-5, True, "no step -5"),
        (1.5, True, "step is 1.5"),
        ((), True, "step is"),
        ("first", True, "step is"),
        (0, False, "at a point"),
    ],
)
@pytest.mark.parametrize("verb", [g.draw, g.explain])
def test_steps_that_there_are_not(verb, step, at, says):
    with pytest.raises(InputError, match=re.escape(says)):
        verb(recurrent(), {"rows": ROWS, "w": W} if at else None, step=step)


def test_an_explanation_of_a_step():
    told = g.explain(recurrent(), {"rows": ROWS, "w": W}, step=2, digits=6)
    ((heading, inside),) = told.loops
    before, handed = by_hand()
    assert heading == "At step 2 of scan, 4 steps"
    assert f"carry = {before[2]:.6g}" in str(inside).replace("−", "-")
    gradient = [line.text.replace("−", "-") for line in inside.gradient]
    assert any(line.startswith("∂L/∂carry") and f"{handed[2]:.6g}" in line for line in gradient)
    assert heading in str(told) and heading in told.markdown() and heading in told.latex()


def diverging(c, x):
    root = g.log(c)
    return root, root * x


@pytest.mark.parametrize("kind", ["scan", "while_loop", "nested"])
def test_a_diagnosis_names_the_step_and_the_line(kind):
    x = g.symbol("x")
    if kind == "scan":
        end, _ = g.scan(diverging, x, np.ones(5))
    elif kind == "while_loop":
        end = g.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, diverging(s[1], 1.0)[0]), (0.0, x))[1]
    else:
        end = g.fori_loop(0, 1, lambda i, c: g.scan(diverging, c, np.ones(5))[0], x)
    carry, step = 2.0, 0  # the logarithm of a number that has become negative
    while carry >= 0:
        carry, step = math.log(carry), step + 1
    (found,) = g.diagnose(end, {"x": 2.0}, backward=False).findings
    loops = {"scan": (("scan", step),), "while_loop": (("while_loop", step),)}
    assert found.steps == loops.get(kind, (("scan", 0), ("scan", step)))
    assert found.what == "NaN" and f"at step {step} of" in str(found)
    assert "root = g.log(c)" in str(found)
    assert f"step {step} of" in " ".join(g.draw(end, {"x": 2.0}).view.caption)


@pytest.mark.parametrize("twice", [False, True])
def test_an_error_in_a_body_names_the_line_and_the_step(twice):
    rows = g.symbol("rows", shape=(3,), dtype="int64")
    table = g.symbol("table", shape=(2,))

    def pick(c, i):
        chosen = g.take(table, i)
        return c + chosen, None

    other = (
        g.scan(lambda c, i: (c * table[i], None), 1.0, rows) if twice else None
    )  # the same place in another loop
    end, _ = g.scan(pick, 0.0, rows)
    assert (other is None) is not twice
    with pytest.raises(GraphcError) as caught:
        g.evaluate(end, {"rows": [0, 1, 2], "table": [1.0, 2.0]})
    assert "at step 2 of scan" in caught.value.message
    assert "chosen = g.take(table, i)" in str(caught.value)


def test_the_player_steps_through_iterations():
    page = g.draw(recurrent(), {"rows": ROWS, "w": W}, digits=6).html()
    text = re.sub(r"<(?!/h2)[^>]*>", "", page).replace("\xa0", " ").replace("−", "-")
    before, _ = by_hand()
    for row in range(len(ROWS)):
        assert f"step {row}</h2>" in text
        assert f"{before[row]:.6g}" in text
    assert page.count('class="step round-step"') == len(ROWS)
    long = g.fori_loop(0, 100, lambda i, c: c * 0.5, g.symbol("x"))
    page = g.draw(long, {"x": 1.0}).html()
    assert page.count('class="step round-step"') == 15 and "99" in page


def test_the_same_formula_in_two_loops_has_the_line_of_each():
    x = g.symbol("x")
    first, _ = g.scan(lambda c, _: (g.log(c), None), x, length=2)
    second, _ = g.scan(diverging, x, np.ones(5))
    (found,) = g.diagnose(second, {"x": 2.0}, backward=False).findings
    assert "root = g.log(c)" in str(found)
    (found,) = g.diagnose(first, {"x": 0.5}, backward=False).findings
    assert "first, _ =" in str(found)
