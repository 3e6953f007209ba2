"""The gradient in each layer of networks of 10 to 50 layers: plain, normalised, with residuals, and with both.

A plain network multiplies what flows back by a matrix and a mask in every layer, and what flows forward too. A scale that is off
by a quarter makes a power of the depth of it: the gradient in the weights, a product of both, is as small in the last layer as in
the first, but a hundred times smaller for each twenty layers more. Normalisation makes the scale of the weights not matter. A
residual block adds its input to what it makes of it, so the derivative passes by the identity as well; alone that grows with the
depth, and with layer normalisation inside, x + f(norm x), the gradient is of one size in all layers and at all depths.

Run: python examples/gradients_by_depth.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn

plt.style.use("graphc.viz.slides")

WIDTH = 64
x, t = g.symbol("x", shape=("n", WIDTH)), g.symbol("t", shape=("n",), dtype="int64")
half = lambda rng, shape: rng.normal(
    0, np.sqrt(1.2 / shape[1]), shape
)  # a little less than He's: it is never exact


def block(kind):
    affine = nn.Affine(WIDTH, init=half)
    return {
        "plain": nn.Sequential(affine, nn.ReLU),
        "normalised": nn.Sequential(affine, nn.LayerNorm(), nn.ReLU),
        "residual": nn.Residual(affine, nn.ReLU),
        "residual, normalised": nn.Residual(nn.LayerNorm(), affine, nn.ReLU),
    }[kind]


def gradient_norms(kind, depth, points, labels):
    """The norm of the gradient in the weights of each layer, at the start of training."""
    model = nn.Model(nn.Sequential(*(block(kind) for _ in range(depth)), nn.Affine(10)), x, seed=0)
    weights = [key for key, p in model.parameters.items() if key.endswith("weight") and p.ndim == 2][:depth]
    loss = nn.cross_entropy(model.output, t)
    found = g.evaluate(
        g.grad(loss, [model.parameters[key] for key in weights]), {**model.values, "x": points, "t": labels}
    )
    return np.array([np.linalg.norm(gradient) for gradient in found])


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(128, WIDTH)), rng.integers(0, 10, 128)
    depths, size = (10, 20, 30, 50), {}
    figure, axes = plt.subplots(1, 4, figsize=(15, 6), sharey=True)
    for axis, kind in zip(axes, ("plain", "normalised", "residual", "residual, normalised"), strict=True):
        for depth, colour in zip(depths, ("#b9cbe0", "#7ba3cc", "C0", "C1"), strict=True):
            norms = gradient_norms(kind, depth, points, labels)
            size[kind, depth] = np.median(norms)
            assert norms.max() < 30 * norms.min()  # from layer to layer it changes little, in all four
            axis.semilogy(range(1, depth + 1), norms, ".-", color=colour, label=f"{depth} layers")
        axis.set(title=kind, xlabel="layer", ylim=(1e-8, 1e12))
    axes[0].set_ylabel("norm of the gradient in its weights")
    axes[0].legend(loc="upper left")
    figure.savefig(Path(output_dir) / "gradients_by_depth.png")
    print("norm of the gradient in the weights of a layer (median), by the depth of the network:")
    for kind in ("plain", "normalised", "residual", "residual, normalised"):
        print(f"  {kind:21s}", {depth: float(f"{size[kind, depth]:.2g}") for depth in depths})
    change = {kind: size[kind, 50] / size[kind, 10] for kind, _ in size}
    assert change["plain"] < 1e-3 and change["residual"] > 1e3
    assert 0.2 < change["normalised"] < 5 and 0.2 < change["residual, normalised"] < 5


if __name__ == "__main__":
    main(*sys.argv[1:])
