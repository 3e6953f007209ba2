"""What a diagram shows: labels, edges, values and sums, before anything is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc.errors import GradientError, InputError
from graphc.viz import view

x, y, z, w, b = g.symbols("x y z w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}


def labels(shown, kind="operation"):
    return [node.label for node in shown.nodes if node.kind == kind]


def label(expr):
    """The label of the last operation."""
    return labels(view(g.Graph(expr)))[-1]


def edges(shown):
    """(label of the tail, label of the head) → (value, contribution), for graphs without doubled edges."""
    names = {node.key: node.label for node in shown.nodes}
    return {(names[e.tail], names[e.head]): (e.value, e.contribution) for e in shown.edges}


def test_the_lectures_log_sigmoid():
    shown = view(g.Graph(L), AT)
    assert labels(shown, "symbol") == ["x", "w", "b"]
    assert labels(shown) == ["×", "+", "−x", "exp", "+1", "1/x", "log"]
    assert labels(shown, "output") == ["L"]
    found = edges(shown)
    assert found == {
        ("x", "×"): (2, -1.5),
        ("w", "×"): (-3, 1),
        ("×", "+"): (-6, 0.5),
        ("b", "+"): (6, 0.5),
        ("+", "−x"): (0, 0.5),
        ("−x", "exp"): (0, -0.5),
        ("exp", "+1"): (1, -0.5),
        ("+1", "1/x"): (2, -0.5),
        ("1/x", "log"): (0.5, 2),
        ("log", "L"): (math.log(0.5), 1),
    }


def test_the_lectures_sum_times():
    shown = view(g.Graph((x + y) * z), {"x": -2, "y": 5, "z": -4})
    assert edges(shown) == {
        ("x", "+"): (-2, -4),
        ("y", "+"): (5, -4),
        ("+", "×"): (3, -4),
        ("z", "×"): (-4, 3),
        ("×", "L"): (-12, 1),
    }


def test_without_a_point_the_structure_alone():
    shown = view(g.Graph(L))
    assert all(edge.value is None and edge.contribution is None for edge in shown.edges)
    assert all(node.adjoint is None for node in shown.nodes)


def test_forward_alone():
    shown = view(g.Graph(L), AT, backward=False)
    assert all(edge.value is not None and edge.contribution is None for edge in shown.edges)


def test_a_square_has_two_edges_and_one_sum():
    shown = view(g.Graph(x * x), {"x": 3})
    uses = [edge for edge in shown.edges if edge.tail == "n0"]
    assert [(edge.head, edge.slot, edge.value, edge.contribution) for edge in uses] == [
        ("n1", 0, 3, 3),
        ("n1", 1, 3, 3),
    ]
    assert [node.adjoint for node in shown.nodes] == [6, None, None]


def test_a_shared_node_is_one_node_with_the_sum_of_its_uses():
    s = g.exp(x)
    shown = view(g.Graph(s * (s + y)), {"x": 0.5, "y": 2})
    assert labels(shown).count("exp") == 1
    node = next(node for node in shown.nodes if node.label == "exp")
    uses = [edge for edge in shown.edges if edge.tail == node.key]
    value = math.exp(0.5)
    assert sorted(edge.contribution for edge in uses) == sorted([value + 2, value])
    assert node.adjoint == pytest.approx(2 * value + 2, rel=1e-15)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (x + 1, "+1"),
        (1 + x, "+1"),
        (x - 1, "−1"),
        (1 - x, "1−"),
        (x * 2, "×2"),
        (2 * x, "×2"),
        (-x, "−x"),
        (x * -1, "−x"),
        (x / 2, "÷2"),
        (1 / x, "1/x"),
        (x / 1, "÷1"),
        (2 / x, "2/x"),
        (-1 / x, "−1/x"),
        (x**2, "x²"),
        (x**-1, "x⁻¹"),
        (2**x, "2^"),
        (x + (-1), "+(−1)"),
        (x - (-1), "−(−1)"),
        (-1 - x, "(−1)−"),
        (x**0.5, "√x"),
        (x**-0.5, "1/√x"),
        (x**1.5, "x^1.5"),
        (x * -2, "×(−2)"),
        (x // 2, "⌊÷2⌋"),
        (2 // x, "⌊2÷⌋"),
        (x % 3, "mod 3"),
        (3 % x, "3 mod"),
        (x > 0, "> 0"),
        (x > 0, "> 0"),  # Python asks x first
        (g.less(0, x), "0 <"),
        (g.maximum(x, 0), "max(·, 0)"),
        (g.maximum(0, x), "max(0, ·)"),
        (g.clip(x, -1, 1), "clip(·, −1, 1)"),
        (g.leaky_relu(x, 0.1), "leaky ReLU(·, 0.1)"),
        (g.where(x > 0, 1.0, 0.5), "where(·, 1, 0.5)"),
        (x * math.pi, "×3.142"),
        (x * 1e-9, "×1×10⁻⁹"),
        (x + math.inf, "+∞"),
        (x + math.nan, "+NaN"),
        (x + (-0.0), "+(−0.0)"),
        (x.astype("float32"), "as float32"),
        (g.sqrt(x), "√"),
        (x + y, "+"),
    ],
)
def test_constants_stand_in_labels(expr, expected):
    assert label(expr) == expected
    assert labels(view(g.Graph(expr)), "constant") == []


def test_constants_that_no_label_can_hold_are_drawn_beside_each_user():
    one = g.constant(1.0)
    shown = view(g.Graph(g.exp(one) + g.sin(one)), {})
    assert labels(shown, "constant") == ["1", "1"]
    assert [node.key for node in shown.nodes if node.kind == "constant"] == ["c0_n1", "c0_n2"]
    several = view(g.Graph(g.where(x > 0, y, 2.5)))
    assert labels(several, "constant") == ["2.5"]
    array = view(g.Graph(x * np.arange(6.0).reshape(2, 3)), {"x": 2})
    assert labels(array, "constant") == ["array (2, 3)"]
    assert labels(view(g.Graph(g.constant(2.0))), "constant") == ["2"]


@pytest.mark.parametrize(
    ("expr", "places"),
    [
        (x - y, ["1st", "2nd"]),
        (x / y, ["1st", "2nd"]),
        (x**y, ["base", "exponent"]),
        (x < y, ["1st", "2nd"]),
        (g.atan2(x, y), ["y", "x"]),
        (g.where(x > 0, y, z), ["if", "then", "else"]),
        (g.clip(x, y, z), ["x", "low", "high"]),
        (x + y, ["", ""]),
        (x * y, ["", ""]),
        (g.maximum(x, y), ["", ""]),
        (1 - x, [""]),
    ],
)
def test_the_picture_tells_operands_apart_where_their_order_matters(expr, places):
    shown = view(g.Graph(expr))
    last = [node.key for node in shown.nodes if node.kind == "operation"][-1]
    assert [edge.place for edge in shown.edges if edge.head == last] == places


def test_every_edge_is_an_operand_of_the_graph():
    graph = g.Graph(L + x * g.maximum(w, y - 1))
    shown = view(graph)
    node = {item.key: item.node for item in shown.nodes}
    drawn = [(node[e.head], e.slot, node[e.tail]) for e in shown.edges if not e.head.startswith("out")]
    expected = [
        (user, slot, operand)
        for user, operands in enumerate(graph.operands)
        for slot, operand in enumerate(operands)
        if not graph.exprs[operand].is_constant
    ]
    assert sorted(drawn) == sorted(expected)


def test_several_outputs():
    s = g.sigmoid(x)
    shown = view(g.Graph({"loss": -g.log(s), "rate": s * 2}), {"x": 0})
    assert labels(shown, "output") == ["loss", "rate"]
    assert all(edge.contribution is None for edge in shown.edges)
    assert "seed" in shown.note
    seeded = view(g.Graph((s * 2, s * 3)), {"x": 0}, seed=(1, 10))
    assert labels(seeded, "output") == ["y_1", "y_2"]
    node = next(node for node in seeded.nodes if node.label == "σ")
    assert node.adjoint == 32
    assert [edge.contribution for edge in seeded.edges if edge.head.startswith("out")] == [1, 10]


def test_an_output_that_is_used_further_shows_seed_and_sum():
    s = g.exp(x)
    shown = view(g.Graph((s, s * y)), {"x": 0, "y": 5}, seed=(2, 3))
    assert next(node for node in shown.nodes if node.label == "exp").adjoint == 2 + 3 * 5
    assert [edge.contribution for edge in shown.edges if edge.head == "out0"] == [2]


@pytest.mark.parametrize(
    "expr",
    [x > 0, g.symbol("k", dtype="int64") * 2, g.symbol("v", shape=(3,)) * 2],
    ids=["boolean", "integer", "vector"],
)
def test_what_has_no_scalar_derivative_is_drawn_forward_only(expr):
    graph = g.Graph(expr)
    value = np.arange(3.0) if graph.symbols[0].shape else 3
    shown = view(graph, {graph.symbols[0]: value})
    assert all(edge.contribution is None and edge.value is not None for edge in shown.edges)
    assert shown.note.startswith("forward values only")
    with pytest.raises(GradientError):
        view(g.Graph(x > 0), {"x": 1}, seed=1)


def test_arrays_for_scalar_symbols():
    at = {"x": np.array([2.0, 0.0]), "w": -3, "b": 6}
    shown = edges(view(g.Graph(L), at))
    np.testing.assert_array_equal(shown["x", "×"][0], [2, 0])
    # the derivative of log σ(u) is 1/(1 + exp u), here times w; a dozen roundings on either side
    expected = -3 / (1 + np.exp(np.array([0.0, 6.0])))
    np.testing.assert_allclose(shown["x", "×"][1], expected, rtol=24 * 2**-53)


def test_an_output_that_is_a_symbol():
    shown = view(g.Graph(x), {"x": 4})
    assert edges(shown) == {("x", "L"): (4, 1)}


def test_an_unused_input_has_adjoint_zero():
    shown = view(g.Graph(x * 2, [x, y]), {"x": 1, "y": 5})
    assert next(node for node in shown.nodes if node.label == "y").adjoint == 0


def test_a_graph_with_its_derivative_knows_which_is_whose():
    shown = view(g.Graph(L).with_backward(), AT)
    assert labels(shown, "output") == ["L", "∂L/∂x", "∂L/∂w", "∂L/∂b"]
    roles = {node.role for node in shown.nodes if node.kind == "operation"}
    assert "backward" in roles
    ends = [edge.value for edge in shown.edges if edge.head.startswith("out")]
    assert ends == [math.log(0.5), -1.5, 1, 0.5]


def test_names_of_outputs():
    graph = g.Graph((x, y))
    assert labels(view(graph, name="f"), "output") == ["f_1", "f_2"]
    assert labels(view(graph, name=["u", "v"]), "output") == ["u", "v"]
    with pytest.raises(InputError, match="do not fit 2 outputs"):
        view(graph, name=["u"])
    with pytest.raises(InputError, match="do not fit"):
        view(graph, name=5)  # type: ignore[arg-type]


def test_a_view_is_the_same_every_time():
    assert view(g.Graph(L)) == view(g.Graph(g.log(1 / (g.exp(-(x * w + b)) + 1))))


def test_a_missing_value_is_named():
    with pytest.raises(InputError, match="'b'"):
        view(g.Graph(L), {"x": 1, "w": 2})
