"""A playground: two inputs, a few hidden units, one output, learning circles and spirals; the boundary as an animation.

Run: python examples/playground.py [directory for the figures] [epochs]
"""

import io
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import graphc as g
from graphc import nn, train

x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n", 1))


def circles(count, seed):
    """A disc and a ring around it."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    radius = np.where(classes, rng.uniform(2.2, 3, count), rng.uniform(0, 1.4, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), 2.0 * classes[:, None] - 1


def spirals(count, seed):
    """Two spirals, each one half turn ahead of the other."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    turn = np.sqrt(rng.uniform(0.02, 1, count))
    angle = 1.25 * 2 * np.pi * turn + np.pi * classes
    points = 3 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.08 * rng.normal(size=points.shape), 2.0 * classes[:, None] - 1


def frame(model, points, classes, epoch, loss):
    """A picture of the output over the plane and of what the hidden units of the first layer see."""
    side = np.linspace(-3.4, 3.4, 81)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    height = np.tanh(model.predict(grid).reshape(81, 81))
    figure, axis = plt.subplots(figsize=(4, 4.2), layout="constrained")
    axis.imshow(height, origin="lower", extent=(-3.4, 3.4, -3.4, 3.4), cmap="PuOr", vmin=-2.5, vmax=2.5)
    axis.contour(side, side, height, levels=[0], colors="black", linewidths=1.5)
    for sign, colour in ((-1, "#b34400"), (1, "#3b2a7a")):
        axis.plot(*points[classes[:, 0] == sign].T, ".", color=colour, markersize=4)
    axis.set_title(f"epoch {epoch}, loss {loss:.3f}")
    axis.set_axis_off()
    content = io.BytesIO()
    figure.savefig(content, dpi=80)
    plt.close(figure)
    return Image.open(content).convert("RGB")


def play(name, data, hidden, epochs, directory, seed=0):
    points, classes = data(300, 0)
    unseen, truth = data(500, 1)
    layers = [part for units in hidden for part in (nn.Affine(units, init=nn.xavier_normal), g.tanh)]
    model = nn.Model(nn.Sequential(*layers, nn.Affine(1)), x, seed=seed)
    frames = []
    shown = {max(1, round(epochs * (place / 12) ** 2)) for place in range(13)}

    def each(history):
        if len(history) in shown:
            frames.append(frame(model, points, classes, len(history), history[-1]["loss"]))

    history = train.fit(
        model, nn.logistic(model.output, y), {x: points, y: classes}, optimiser=train.Adam(0.03), epochs=epochs,
        batch=50, seed=seed, each=each,
    )  # fmt: skip
    right = np.mean(np.sign(model.predict(unseen)) == truth)
    print(
        f"{name}: {model.count} parameters, loss {history[-1]['loss']:.3f}, {right:.1%} of unseen points right"
    )
    first, *rest = frames
    lasting = [200] * len(rest) + [1500]
    first.save(
        directory / f"playground_{name}.gif", save_all=True, append_images=rest, duration=lasting, loop=0
    )
    frames[-1].save(directory / f"playground_{name}.png")
    return right


def main(output_dir=".", epochs="150"):
    directory = Path(output_dir)
    # three units cut the plane along three lines: a triangle around the disc
    assert play("circles", circles, (3,), int(epochs), directory, seed=1) > 0.95
    # for spirals three are too few, as the playground lets one find out; two layers of 12 do
    few = play("spirals", spirals, (3,), int(epochs), directory)
    assert play("spirals_deep", spirals, (12, 12), 2 * int(epochs), directory) > max(few, 0.85)


if __name__ == "__main__":
    main(*sys.argv[1:])
