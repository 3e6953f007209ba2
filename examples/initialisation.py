"""Initialisation: what the scale of the first weights does to activations and gradients, layer by layer.

Uniform weights in ±s/√n have the variance s²/(3n). In a layer of n inputs the variance of the sums is multiplied by s²/3, and by
s²/6 after ReLU, which lets half of it pass. So ±1/√n shrinks everything by √3 a layer, slowly enough for few layers; ±√3/√n
(Xavier) keeps it for tanh near 0 and ±√6/√n (He) for ReLU. Ten times smaller vanishes after a few layers, ten times larger
saturates or explodes.

Run: python examples/initialisation.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn

plt.style.use("graphc.viz.slides")

WIDTH, DEPTH = 128, 20
x = g.symbol("x", shape=("n", WIDTH))
SCALES = {
    "ten times too small": 0.17,
    "±1/√n": 1.0,
    "Xavier, ±√3/√n": np.sqrt(3),
    "He, ±√6/√n": np.sqrt(6),
    "ten times too large": 17.3,
}


def uniform(scale):
    return lambda rng, shape: rng.uniform(-1, 1, shape) * scale / np.sqrt(shape[1])


def measured(activation, scale, points):
    """(standard deviation of the activations, root mean square of the gradient in them), layer by layer."""
    parts = [part for _ in range(DEPTH) for part in (nn.Affine(WIDTH, init=uniform(scale)), activation)]
    model = nn.Model(nn.Sequential(*parts), x, seed=0)
    name = "tanh" if activation is g.tanh else "relu"
    layers = [node for node in g.Graph(model.output).exprs if node.op.name == name]
    back = g.grad(g.sum(model.output * g.symbol("δ", shape=("n", WIDTH))), layers)
    at = {**model.values, "x": points, "δ": np.random.default_rng(1).normal(size=points.shape)}
    found = g.evaluate([*layers, *back], at)
    assert len(layers) == DEPTH
    # beside plain NumPy
    h = points
    for k in range(DEPTH):
        h = h @ model.values[f"affine{k + 1}.weight"].T
        h = np.tanh(h) if name == "tanh" else np.maximum(h, 0)
    assert np.allclose(found[DEPTH - 1], h, rtol=1e-9, atol=0)
    rms = [float(np.sqrt(np.mean(values**2))) for values in found]
    return np.array(rms[:DEPTH]), np.array(rms[DEPTH:])


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    points = np.random.default_rng(0).normal(size=(200, WIDTH))
    figure, axes = plt.subplots(2, 2, figsize=(12, 7), sharex=True)
    forward, backward = {}, {}
    for column, (activation, title) in enumerate(((g.tanh, "tanh"), (nn.ReLU, "ReLU"))):
        for (name, scale), colour in zip(SCALES.items(), ("C2", "C0", "C3", "C4", "C1"), strict=True):
            values, gradients = forward[title, name], backward[title, name] = measured(
                activation, scale, points
            )
            for axis, curve in zip(axes[:, column], (values, gradients), strict=True):
                axis.semilogy(range(1, DEPTH + 1), curve, ".-", color=colour, label=name)
        axes[0, column].set_title(title)
        axes[1, column].set(xlabel="layer", xticks=[1, 5, 10, 15, 20])
    for row, label in enumerate(("size of the activations", "size of the gradient")):
        axes[row, 0].set_ylabel(label + "\n(root mean square)")
        for axis in axes[row]:
            axis.set_ylim(1e-12, 1e12)
    axes[0, 0].legend(loc="upper left", fontsize=11, ncols=2)
    figure.savefig(Path(output_dir) / "initialisation.png")

    def by_layer(values):
        """The mean factor from layer to layer."""
        return (values[-1] / values[4]) ** (1 / (DEPTH - 5))

    print("factor of the activations from layer to layer")
    for name, scale in SCALES.items():
        tanh, relu = (by_layer(forward[title, name]) for title in ("tanh", "ReLU"))
        print(
            f"  {name:20s} tanh {tanh:6.3f}, ReLU {relu:6.3f}; by theory for ReLU {scale / np.sqrt(6):6.3f}"
        )
        assert abs(relu / (scale / np.sqrt(6)) - 1) < 0.06
    assert abs(by_layer(forward["tanh", "±1/√n"]) * np.sqrt(3) - 1) < 0.06  # √3 smaller with each layer
    assert (
        by_layer(forward["tanh", "Xavier, ±√3/√n"]) > 0.95
    )  # tanh bends, so it shrinks a little and ever more slowly
    assert forward["tanh", "ten times too large"][-1] > 0.9  # saturated
    assert backward["tanh", "ten times too small"][0] < 1e-12 < 1e-3 < backward["tanh", "Xavier, ±√3/√n"][0]


if __name__ == "__main__":
    main(*sys.argv[1:])
