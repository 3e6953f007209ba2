"""The user's own names, and those of derivatives, in pictures, explanations and LaTeX."""

import re

import pytest

import graphc as g
from graphc.viz.derivative_names import DerivativeName, read_derivative

x, w1, b, y = g.symbols("x_seen w1 b_seen y_seen")
AT = {"x_seen": 1.0, "w1": 2.0, "b_seen": 0.5, "y_seen": 1.0}


def model():
    with g.naming():
        z_1 = x * w1 + b
        loss = (g.tanh(z_1) - y) ** 2
    return z_1, loss


def outputs(diagram):
    return [node.label for node in diagram.view.nodes if node.kind == "output"]


def texts(svg):
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


def test_names_stand_on_nodes_and_at_the_output():
    _, loss = model()
    diagram = g.draw(loss, at=AT)
    assert [node.name for node in diagram.view.nodes if node.name] == ["z_1"]
    assert outputs(diagram) == ["loss"]
    shown = texts(diagram.svg())
    at = shown.index("z")
    assert shown[at + 1] == "1" and "loss" in shown
    assert outputs(g.draw(loss, name="E")) == ["E"]
    assert [node.name for node in g.draw(loss, name="E").view.nodes if node.name] == ["z_1", "loss"]
    assert "z_1" not in diagram.source and "<I>z</I><SUB>1</SUB>" in diagram.source
    assert r"$z$" in diagram.render("tex").decode()


def test_explanations_and_players_use_them():
    _, loss = model()
    told = str(g.explain(loss, at=AT))
    assert "z_1 = v1 + b_seen = 2.5" in told and "∂loss/∂z_1" in told
    assert r"\frac{\partial \mathrm{loss}}{\partial z_{1}}" in g.explain(loss).latex()
    assert "<msub><mi>z</mi><mrow><mn>1</mn></mrow></msub>" in g.draw(loss, at=AT).html()


def test_a_name_that_a_symbol_has_is_told_apart():
    z = x * 5 + y
    graph = g.Graph(z * z)
    graph.name(z, "x_seen")
    assert "x_seen′ = v1 + y_seen" in str(g.explain(graph))


def test_hostile_names_are_no_markup():
    z = x * y * 3
    graph = g.Graph(z + 1)
    graph.name(z, "<script>&\\")
    assert "<script>" not in g.draw(graph).svg()
    assert "&lt;script&gt;&amp;\\" in g.draw(graph).svg()


@pytest.mark.parametrize(
    ("by", "text"),
    [
        ((w1,), "∂L/∂w1"),
        ((w1, b), "∂²L/∂w1∂b_seen"),
        ((w1, w1), "∂²L/∂w1²"),
        ((b, w1, w1), "∂³L/∂b_seen∂w1²"),
    ],
)
def test_outputs_are_named_as_the_derivatives_that_they_are(by, text):
    derivative = g.sin(x * w1 + b) * w1
    for symbol in by:
        derivative = g.grad(derivative, symbol)
    assert outputs(g.draw(derivative)) == [text]
    assert str(g.explain(derivative)).startswith(f"{text} = ")


def test_derivatives_have_the_names_of_what_was_differentiated():
    _, loss = model()
    drawn = g.draw([loss, *g.grad(loss, [w1, b]), g.grad(g.grad(loss, w1), b)])
    assert outputs(drawn) == ["loss", "∂loss/∂w1", "∂loss/∂b_seen", "∂²loss/∂w1∂b_seen"]
    assert outputs(g.draw(g.Graph(loss).with_backward()))[:3] == ["loss", "∂loss/∂x_seen", "∂loss/∂w1"]


def test_a_formula_that_is_several_derivatives_is_called_none_of_them():
    assert outputs(g.draw(g.grad((w1 + b) ** 4, w1))) == ["L"]
    assert outputs(g.draw(g.jvp(x * w1 * w1, [x, w1], [1.0, 2.0]))) == ["L"]
    assert outputs(g.draw(g.grad(x**3, x, seed=2.0))) == ["L"]


def test_derivatives_in_latex():
    derivative = g.grad(g.grad(g.exp(x * w1) + b, x), w1)
    latex = g.explain(derivative).latex()
    assert r"\frac{\partial^2 L}{\partial x_{\mathrm{seen}}\,\partial w_{1}}" in latex
    assert r"\partial w_{1}^{2}}" in latex


@pytest.mark.parametrize("under", [("w",), ("w", "b"), ("w", "w"), ("w_1", "w_1", "β"), ("a", "b", "a")])
def test_names_of_derivatives_read_back(under):
    name = DerivativeName("L", under)
    assert read_derivative(name.text()) == name
    assert "".join(text for _, text in name.pieces()) == name.text()


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\u202eab", "a\tb", "\x1b[31m"])
def test_names_that_cannot_be_printed_are_refused(text):
    x = g.symbol("x")
    with pytest.raises(g.GraphcError, match="a node's name is"):
        g.name(x * 2, text)
