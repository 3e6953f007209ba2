"""The perceptron and the linear layer as operations on tensors, drawn with the shapes that flow along the edges.

    perceptron       y = H(w·x + b)         one sample, one number: H is 1 above 0, else 0
    linear layer     P = X W + B            a row for each sample, a column for each output

What goes back through the layer, where δ is what it receives, is ∂L/∂X = δ Wᵀ, ∂L/∂W = Xᵀ δ and ∂L/∂B = Σ over samples of δ.

Run: python examples/linear_layer.py [directory for the figures]
"""

import sys
from pathlib import Path

import numpy as np

import graphc as g

X_AT = np.array([[1.0, 2.0, -1.0], [0.0, 1.0, 3.0], [2.0, -1.0, 0.5], [-1.0, 0.5, 1.0]])
W_AT = np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.5]])
B_AT = np.array([0.5, -1.0])


def perceptron(output_dir):
    x, w, b = g.symbol("x", shape=3), g.symbol("w", shape=3), g.symbol("b")
    y = g.where(w @ x + b > 0, 1.0, 0.0)
    fires = g.compile(y, [x, w, b])
    # The logical and of the first two inputs.
    weights, bias = np.array([1.0, 1.0, 0.0]), -1.5
    table = {bits: fires(np.array([*bits, 0.0]), weights, bias) for bits in np.ndindex(2, 2)}
    print("perceptron: " + ", ".join(f"{a} and {b} = {out:.0f}" for (a, b), out in table.items()))
    assert table == {(0, 0): 0.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}
    at = {"x": np.array([1.0, 1.0, 0.0]), "w": weights, "b": bias}
    g.draw(y, at=at, backward=False).save(Path(output_dir) / "perceptron.png")


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    perceptron(output_dir)

    X, W, B = g.symbol("X", shape=("n", 3)), g.symbol("W", shape=(3, 2)), g.symbol("B", shape=2)
    P = X @ W + B
    loss = g.sum(P * P) / 2  # so that the layer receives δ = P
    at = {"X": X_AT, "W": W_AT, "B": B_AT}

    values = g.compile(P, [X, W, B])(X_AT, W_AT, B_AT)
    print("P = X·W + B =")
    print(values)
    assert np.allclose(values, X_AT @ W_AT + B_AT, rtol=0, atol=1e-15)

    to_x, to_w, to_b = g.compile(g.grad(loss, [X, W, B]), [X, W, B])(X_AT, W_AT, B_AT)
    assert np.allclose(to_x, values @ W_AT.T, rtol=0, atol=1e-14)
    assert np.allclose(to_w, X_AT.T @ values, rtol=0, atol=1e-14)
    assert np.allclose(to_b, values.sum(axis=0), rtol=0, atol=1e-14)

    # One sample at a time is the same function with a batch around it: the graph is the layer's again.
    one = g.vmap(lambda x: x @ W + B)(X)
    assert one is P

    print(g.explain(loss, at=at))
    g.draw(P).save(Path(output_dir) / "linear_layer_shapes.png")
    for suffix in ("svg", "png"):
        g.draw(loss, at=at).save(Path(output_dir) / f"linear_layer.{suffix}")


if __name__ == "__main__":
    main(*sys.argv[1:])
