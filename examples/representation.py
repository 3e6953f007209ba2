"""What hidden layers do to the plane: a random network warps it, a trained one makes two classes linearly separable.

Run: python examples/representation.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n", 1))


def lines(bound=1.0, count=21, places=101):
    """The lines of a square grid, each as points (places, 2)."""
    along, across = np.linspace(-bound, bound, places), np.linspace(-bound, bound, count)
    level = [np.stack([along, np.full(places, c)], axis=1) for c in across]
    return level + [line[:, ::-1] for line in level]


def turn(rng, shape):
    """A random turn, stretched more along one axis than along the other."""
    angle, other = rng.uniform(0, 2 * np.pi, 2)
    rotation = lambda a: np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return rotation(angle) @ np.diag([2.0, 1.2]) @ rotation(other)


def warped(file):
    """Five random layers of two units with tanh: each bends what the one before made of the grid."""
    layers = [part for _ in range(5) for part in (nn.Affine(2, init=turn), g.tanh)]
    model = nn.Model(nn.Sequential(*layers), x, seed=4)
    rng = np.random.default_rng(4)
    for place in range(1, 6):
        model.values[f"affine{place}.bias"][:] = rng.normal(0, 0.4, 2)
    stages = [node for node in g.Graph(model.output).exprs if node.op.name == "tanh"]
    assert len(stages) == 5
    figure, axes = plt.subplots(2, 3, figsize=(13, 8.4))
    for line in lines():
        found = g.evaluate(stages, {**model.values, "x": line})
        for axis, part in zip(axes.flat, [line, *found], strict=True):
            colour = "C0" if np.ptp(line[:, 1]) == 0 else "C1"
            axis.plot(*part.T, color=colour, linewidth=0.7)
    for place, axis in enumerate(axes.flat):
        axis.set_title(f"after layer {place}" if place else "the plane")
        axis.set(aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    figure.savefig(file)


def curves(count, seed):
    """Two classes of points on two curves, one above the other, that no line parts."""
    rng = np.random.default_rng(seed)
    position = rng.uniform(-1.5, 1.5, count)
    classes = rng.integers(0, 2, count)
    height = 0.55 * position**2 - 0.6 + 0.75 * classes + 0.06 * rng.normal(size=count)
    return np.stack([position, height], axis=1), classes[:, None]


def separable(points, classes):
    """The share that the best linear classifier gets right, by logistic regression."""
    w, b = g.symbol("w", shape=(2, 1)), g.symbol("b")
    model = train.Parameters({w: np.zeros((2, 1)), b: 0.0})
    loss = nn.logistic(x @ w + b, y)
    train.fit(
        model, loss, {x: points, y: 2.0 * classes - 1}, optimiser=train.Adam(0.1), epochs=400, batch=None
    )
    score = points @ model.values["w"] + model.values["b"]
    return np.mean((score > 0) == classes), model.values


def trained(file):
    """A network of 2, 2 and 1 units: in the plane of its hidden units one line parts the classes."""
    points, classes = curves(300, seed=0)
    layers = nn.Sequential(nn.Affine(2, init=nn.normal(1.0)), g.tanh, nn.Affine(1))
    best = None
    for seed in range(4):
        model = nn.Model(layers, x, seed=seed)
        loss = nn.logistic(model.output, y)
        history = train.fit(
            model, loss, {x: points, y: 2.0 * classes - 1}, optimiser=train.Adam(0.05), epochs=500, batch=None
        )
        if best is None or history[-1]["loss"] < best[0]:
            best = history[-1]["loss"], model
    model = best[1]
    hidden = next(node for node in g.Graph(model.output).exprs if node.op.name == "tanh")
    inside = lambda at: g.evaluate(hidden, {**model.values, "x": at})
    before, _ = separable(points, classes)
    after, line = separable(inside(points), classes)
    print(
        f"right by the best line: {before:.1%} in the plane of the inputs, {after:.1%} in that of the hidden units"
    )
    assert before < 0.97 and after > 0.99
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2))
    for part in lines(1.6):
        axes[1].plot(*inside(part).T, color="0.8", linewidth=0.7)
        axes[0].plot(*part.T, color="0.85", linewidth=0.7)
    for kind, colour in ((0, "C0"), (1, "C1")):
        chosen = points[classes[:, 0] == kind]
        axes[0].plot(*chosen.T, ".", color=colour)
        axes[1].plot(*inside(chosen).T, ".", color=colour)
        axes[2].plot(*chosen.T, ".", color=colour)
    (a, c), offset = line["w"][:, 0], float(line["b"])
    across = np.array([-1.1, 1.1])
    if abs(c) > abs(a):
        axes[1].plot(across, -(a * across + offset) / c, "k--")
    else:
        axes[1].plot(-(c * across + offset) / a, across, "k--")
    side = np.linspace(-1.6, 1.6, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    axes[2].contour(
        side, side, model.predict(grid).reshape(121, 121), levels=[0], colors="k", linestyles="--"
    )
    for axis, title in zip(
        axes,
        ("before: no line parts them", "what the hidden units see", "the line, back in the plane"),
        strict=True,
    ):
        axis.set_title(title)
    axes[1].set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xlabel="h₁", ylabel="h₂")
    for axis in (axes[0], axes[2]):
        axis.set(xlabel="x₁", ylabel="x₂")
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    warped(Path(output_dir) / "representation_warped.png")
    trained(Path(output_dir) / "representation_trained.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
