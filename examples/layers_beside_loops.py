"""Affine, unary and binary layers as loops and as formulas, with the convention of columns: a column is a sample.

    affine   O = W X + b 1ᵀ     Oᵢⱼ = Σₖ Wᵢₖ Xₖⱼ + bᵢ       δX = Wᵀ δ,   δW = δ Xᵀ,   δb = δ 1
    unary    O = a(X)           Oᵢⱼ = a(Xᵢⱼ)                 δX = δ ∘ a′(X)
    binary   O = X ∘ Y          Oᵢⱼ = Xᵢⱼ Yᵢⱼ                δX = δ ∘ Y,  δY = δ ∘ X

δ is what comes back from above, as large as O. Libraries often put samples into rows, P = X W + 1 bᵀ (linear_layer.py): that is
the same with everything transposed.

Run: python examples/layers_beside_loops.py [directory for the figure]
"""

import sys
from pathlib import Path

import numpy as np

import graphc as g


class Affine:
    """Forward and backward as loops over single numbers."""

    def forward(self, W, b, X):
        O = np.zeros((len(W), len(X[0])))
        for i in range(len(W)):
            for j in range(len(X[0])):
                O[i, j] = b[i]
                for k in range(len(X)):
                    O[i, j] += W[i, k] * X[k, j]
        return O

    def backward(self, W, b, X, delta):
        to_W, to_b, to_X = np.zeros_like(W), np.zeros_like(b), np.zeros_like(X)
        for i in range(len(W)):
            for j in range(len(X[0])):
                to_b[i] += delta[i, j]
                for k in range(len(X)):
                    to_W[i, k] += delta[i, j] * X[k, j]
                    to_X[k, j] += W[i, k] * delta[i, j]
        return to_W, to_b, to_X


class Unary:
    """The rectified linear unit of every number."""

    def forward(self, X):
        return np.array([[max(x, 0.0) for x in row] for row in X])

    def backward(self, X, delta):
        pairs = [zip(*rows, strict=True) for rows in zip(X, delta, strict=True)]
        return (np.array([[d if x > 0 else 0.0 for x, d in row] for row in pairs]),)


class Binary:
    """The products of numbers in the same place."""

    def forward(self, X, Y):
        return np.array([[x * y for x, y in zip(*rows, strict=True)] for rows in zip(X, Y, strict=True)])

    def backward(self, X, Y, delta):
        return self.forward(delta, Y), self.forward(delta, X)


X, Y, H = g.symbol("X", shape=(3, "n")), g.symbol("Y", shape=(2, "n")), g.symbol("H", shape=(2, "n"))
W, b, delta = g.symbol("W", shape=(2, 3)), g.symbol("b", shape=(2,)), g.symbol("δ", shape=(2, "n"))

with g.scope("affine"):
    AFFINE = W @ X + g.expand_dims(b, 1)
LAYERS = {  # loops, the same as a formula, and what it is made of
    "affine": (Affine(), AFFINE, (W, b, X)),
    "unary": (Unary(), g.relu(H), (H,)),
    "binary": (Binary(), H * Y, (H, Y)),
}


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    at = {s: np.round(rng.normal(size=[4 if d == "n" else d for d in s.shape]), 1) for s in (X, Y, H, W, b)}
    back = np.round(rng.normal(size=(2, 4)), 1)
    for name, (loops, formula, inputs) in LAYERS.items():
        values = [at[symbol] for symbol in inputs]
        ours = g.compile([formula, *g.grad(formula, list(inputs), seed=delta)], [*inputs, delta])
        forward, *backward = ours(*values, back)
        wanted = [loops.forward(*values), *loops.backward(*values, back)]
        error = max(np.abs(a - w).max() for a, w in zip([forward, *backward], wanted, strict=True))
        print(
            f"{name:7s} {[str(s.shape) for s in inputs]} → {formula.shape}, loops and formula differ by {error:.1e}"
        )
        assert error <= 2e-14  # sums of at most four products below 10

    # b 1ᵀ as the lecture writes it is a product with a row of ones, and gives the same
    ones = np.ones((1, 4))
    row = g.symbol("1ᵀ", shape=(1, "n"))
    written = W @ X + g.expand_dims(b, 1) @ row
    both = g.evaluate([written, AFFINE], {**{s: at[s] for s in (W, b, X)}, row: ones})
    assert np.array_equal(*both)
    # rows instead of columns: the transposed product
    rows = at[X].T @ at[W].T + at[b]
    assert np.allclose(rows.T, both[0], rtol=0, atol=1e-15)

    with g.scope("unary"):
        h = g.relu(AFFINE)
    with g.scope("binary"):
        out = h * Y
    shown = {s.name: at[s][:, :2] if s.ndim == 2 and s is not W else at[s] for s in (W, b, X, Y)}
    drawn = g.draw(g.sum(out), at=shown, name="L", show=("value", "adjoint"))
    drawn.save(Path(output_dir) / "layers_beside_loops.png")
    drawn.save(Path(output_dir) / "layers_beside_loops.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
