"""Jacobians of what networks are made of: which of their entries are 0, and why nobody builds them.

    σ(x), element by element     diag(σ′(x))
    wᵀx + b                      (wᵀ, xᵀ, 1) by x, w and b
    W x by the rows of W         block-diagonal, xᵀ in every block

Reverse mode multiplies by them from the left without building one: vᵀ diag(σ′) is v ∘ σ′, and for W it is v xᵀ.

Run: python examples/jacobians.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

X_AT = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])
W_ROW = np.array([0.5, -1.0, 2.0, 0.0, 1.5])
W_AT = np.arange(15.0).reshape(3, 5) / 10


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    x, w, b = g.symbol("x", shape=5), g.symbol("w", shape=5), g.symbol("b")
    W = g.symbol("W", shape=(3, 5))
    v = g.symbol("v", shape=3)

    # 1. An elementwise function: each output depends on its own input alone.
    y = g.sigmoid(x)
    elementwise = g.compile(g.jacobian(y, x), [x])(X_AT)
    slope = 1 / (1 + np.exp(-X_AT)) * (1 - 1 / (1 + np.exp(-X_AT)))
    assert np.allclose(elementwise, np.diag(slope), rtol=0, atol=1e-15)
    assert np.count_nonzero(elementwise - np.diag(np.diag(elementwise))) == 0

    # 2. An affine function of three inputs: a row by each of them.
    z = w @ x + b
    by_x, by_w, by_b = g.compile(g.jacobian(z, [x, w, b]), [x, w, b])(X_AT, W_ROW, 0.25)
    assert by_x.tolist() == W_ROW.tolist() and by_w.tolist() == X_AT.tolist() and by_b == 1.0

    # 3. A matrix by its own elements, row after row: output i depends on row i.
    blocks = g.reshape(g.jacobian(W @ x, W), (3, 15))
    by_matrix = g.compile(blocks, [W, x])(W_AT, X_AT)
    assert np.array_equal(by_matrix, np.kron(np.eye(3), X_AT))

    # 4. What reverse mode computes instead: vᵀJ, of the shape of W.
    product = g.vjp(W @ x, W, v)
    at = {"W": W_AT, "x": X_AT, "v": np.array([1.0, -2.0, 0.5])}
    assert np.array_equal(g.evaluate(product, at).reshape(-1), at["v"] @ by_matrix)
    print(f"vᵀJ for W x by W is {product}: {W_AT.size} numbers; J has {by_matrix.size}")

    # 5. All rows at once: the vector–Jacobian product with a batch of unit vectors.
    rows = g.vmap(lambda unit: g.vjp(W @ x, W, unit))(np.eye(3))
    assert np.array_equal(g.evaluate(rows, at).reshape(3, 15), by_matrix)

    parts = [
        (elementwise, "∂σ(x)/∂x = diag(σ′(x))", "x", "σ(x)"),
        (np.concatenate([by_x, by_w, [by_b]])[None], "∂(wᵀx + b)/∂(x, w, b) = (wᵀ, xᵀ, 1)", "x, w, b", "z"),
        (by_matrix, "∂(Wx)/∂W, block-diagonal in xᵀ", "rows of W", "Wx"),
    ]
    figure, axes = plt.subplots(3, 1, figsize=(8, 7))
    for plot, (matrix, title, columns, rows) in zip(axes, parts, strict=True):
        most = np.abs(matrix).max()
        plot.imshow(matrix, cmap="RdBu_r", vmin=-most, vmax=most)
        for (i, j), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.7 * most else "0.2"
            plot.text(j, i, f"{value + 0.0:.2g}", ha="center", va="center", fontsize=10, color=colour)
        plot.set(title=title, xlabel=columns, ylabel=rows, xticks=[], yticks=[])
    figure.savefig(Path(output_dir) / "jacobians.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
