"""Backpropagation as a loop over layers, beside `g.grad`, on least squares in one dimension.

    ℓ(w) = s(r_y(p_x(w)))      prediction p_x(w) = w·x,   residual r_y(p) = p − y,   square s(r) = r²

The nodes of a chain are numbered topologically, u₀ = w, u₁ = p, u₂ = r, u₃ = s, so that node i is layer i
applied to node i − 1. The forward pass runs through the numbers upwards and keeps every value. The backward
pass runs downwards and carries δᵢ = ∂ℓ/∂uᵢ:

    δ₃ = 1,    δᵢ₋₁ = δᵢ · fᵢ′(uᵢ₋₁)

The graph of the whole formula has the inputs x and y as well. It is numbered topologically too: the picture writes
the number into each node, every edge leads from a smaller number to a larger one, and the backward pass goes
through the numbers downwards.

Run: python examples/least_squares_1d.py [directory for the figures]
"""

import sys
from pathlib import Path

import graphc as g

x, y, w = g.symbols("x y w")
u = g.symbol("u")  # stands for the input of a layer

LAYERS = [("p", u * x), ("r", u - y), ("s", u**2)]


def forward(start, data):
    """The values of the nodes u₀ … uₙ."""
    values = [start]
    for _, layer in LAYERS:
        values.append(evaluate(layer, values[-1], data))
    return values


def backward(values, data):
    """The adjoints δ₀ … δₙ; each layer needs only its own derivative and its own input."""
    delta = [0.0] * len(LAYERS) + [1.0]
    for i in range(len(LAYERS), 0, -1):
        _, layer = LAYERS[i - 1]
        delta[i - 1] = delta[i] * evaluate(g.grad(layer, u), values[i - 1], data)
    return delta


def evaluate(formula, layer_input, data):
    known = {"u": layer_input, **data}
    return g.evaluate(formula, {symbol: known[symbol.name] for symbol in g.free_symbols(formula)})


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    data, start = {"x": 3.0, "y": 1.0}, 2.0

    values = forward(start, data)
    delta = backward(values, data)
    print("node  value  δ")
    for name, value, adjoint in zip("wprs", values, delta, strict=True):
        print(f"{name:>4}  {value:5g}  {adjoint:g}")

    # The same as one expression: graphc numbers the nodes and runs the same two loops.
    loss = w
    for _, layer in LAYERS:
        loss = g.substitute(layer, {u: loss})
    print(f"ℓ(w) = {loss},  ℓ′(w) = {g.grad(loss, w)}")
    point = {"w": start, **data}
    graph = g.Graph(loss, [w, x, y])
    adjoints = graph.backward(point)
    chain = [w, w * x, w * x - y, loss]
    numbers = [graph.node(node) for node in chain]
    print("number  node       value  adjoint")
    for number, node in enumerate(graph.exprs):
        if node.operands or node.is_symbol:  # the exponent 2 has a number, but nothing flows back to it
            value, adjoint = adjoints.forward[number], adjoints[number]
            print(f"{number:6}  {node!s:<10} {value:5g}  {adjoint:7g}")
    shown = ("value", "adjoint", "local", "order")
    g.draw(loss, at=point, name="ℓ", show=shown).save(Path(output_dir) / "least_squares_1d.png")

    for number, node in enumerate(graph.exprs):
        assert all(graph.node(operand) < number for operand in node.operands), "the numbering is topological"
    assert numbers == sorted(numbers)
    assert [adjoints.forward[node] for node in numbers] == values
    assert [adjoints[node] for node in numbers] == delta
    assert g.evaluate(g.grad(loss, w), point) == delta[0]
    assert delta[0] == 2 * (start * data["x"] - data["y"]) * data["x"]  # 2(wx − y)x, by hand


if __name__ == "__main__":
    main(*sys.argv[1:])
