"""What depth gives: teeth that double with every layer, linear regions by the thousand, and what training makes of them.

tri(x) is a tooth on [0, 1] made of two rectified linear units; composed n times it has 2ⁿ⁻¹ teeth. The regions of a random
network along a line are counted exactly: each layer is linear on every piece found so far, and its joints are roots of lines.

Run: python examples/benefits_of_depth.py [directory for the figures] [epochs of the trainings]
"""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x = g.symbol("x")


def tri(y):
    """Up from 0 to 1 on [0, 1/2], down to 0 on [1/2, 1]."""
    return 2 * g.relu(y) - 4 * g.relu(y - 0.5)


def teeth(file):
    figure, axes = plt.subplots(1, 4, figsize=(12, 4.8), sharey=True)
    y, grid = x, np.linspace(0, 1, 2**14 + 1)  # all joints, multiples of 2⁻ⁿ, lie on the grid
    for depth in range(1, 9):
        y = tri(y)
        found = g.compile(y, [x])(grid)
        peaks = np.flatnonzero((found[1:-1] > found[:-2]) & (found[1:-1] > found[2:]))
        assert len(peaks) == 2 ** (depth - 1) and (found[1:-1][peaks] == 1).all()
        if depth <= 4:
            axes[depth - 1].plot(grid, found, color="C0")
            count = f"{len(peaks)} {'tooth' if depth == 1 else 'teeth'}"
            axes[depth - 1].set_title(
                f"tri composed {depth} times:\n{count}" if depth > 1 else f"tri: {count}"
            )
            axes[depth - 1].set_xlabel("x")
    figure.savefig(file)


def parameters(inputs, layers, width, outputs=1):
    """How many numbers a fully connected network has."""
    return (inputs + 1) * width + (layers - 1) * (width + 1) * width + (width + 1) * outputs


def montufar(inputs, layers, width):
    """The most regions that are known to be reached: (⌊D/Dᵢ⌋ + 1)^(Dᵢ(K−1)) · Σⱼ C(D, j). Montúfar et al. (2014)."""
    folds = (width // inputs + 1) ** (inputs * (layers - 1))
    return folds * sum(math.comb(width, j) for j in range(inputs + 1))


def counts(file):
    assert parameters(1, 5, 10) == 471 and montufar(1, 5, 10) == 11**5 == 161_051
    assert parameters(10, 5, 50) == 10_801
    print(
        f"5 layers of 10 units on one input: {parameters(1, 5, 10)} parameters, up to {montufar(1, 5, 10):,} regions"
    )
    print(
        f"5 layers of 50 units on ten inputs: {parameters(10, 5, 50):,} parameters, up to {montufar(10, 5, 50):.2e} regions"
    )
    assert 1.7e41 < montufar(10, 5, 50) < 1.9e41
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for axis, inputs, widths in ((axes[0], 1, range(1, 11)), (axes[1], 10, range(10, 51, 5))):
        for layers in range(1, 6):
            points = [
                (parameters(inputs, layers, width), montufar(inputs, layers, width)) for width in widths
            ]
            axis.semilogy(
                *zip(*points, strict=True), ".-", label=f"{layers} hidden layer{'s' if layers > 1 else ''}"
            )
        axis.set(
            xlabel="parameters",
            ylabel="linear regions within reach",
            title=f"{inputs} input{'s' if inputs > 1 else ''}",
        )
        axis.grid(color="#dddddd", linewidth=0.5)
    axes[0].legend()
    figure.savefig(file)


def regions_along(weights, biases, start, direction, low=-1e3, high=1e3):
    """The joints of a network along a line, exactly: on a piece every unit is a line, whose root may cut the piece."""
    cuts = np.array([low, high])
    for layer in range(len(weights) - 1):
        middle = (cuts[:-1] + cuts[1:]) / 2
        # value and slope of this layer's pre-activations on each piece, by going through the layers before
        value = start + middle[:, None] * direction
        slope = np.broadcast_to(direction, value.shape)
        for W, b in zip(weights[:layer], biases[:layer], strict=True):
            value, slope = value @ W.T + b, slope @ W.T
            active = value > 0
            value, slope = value * active, slope * active
        value, slope = value @ weights[layer].T + biases[layer], slope @ weights[layer].T
        with np.errstate(divide="ignore", invalid="ignore"):
            roots = middle[:, None] - value / slope
        inside = (roots > cuts[:-1, None]) & (roots < cuts[1:, None])
        cuts = np.unique(np.concatenate([cuts, roots[inside]]))
    return cuts[1:-1]


def random_networks(file):
    """Regions of random networks along a line, by depth, at about the same number of units."""
    at = g.symbol("at", shape=("n", 2))
    shapes, found = [(60,), (30, 30), (20, 20, 20), (15, 15, 15, 15)], []
    for widths in shapes:
        layers = [part for width in widths for part in (nn.Affine(width, init=nn.he_normal), nn.ReLU)]
        numbers = []
        for seed in range(20):
            model = nn.Model(nn.Sequential(*layers, nn.Affine(1)), at, seed=seed)
            rng = np.random.default_rng(seed)
            for key in model.parameters:
                if key.endswith("bias"):
                    model.values[key] = rng.normal(0, 0.3, model.values[key].shape)
            values = list(model.values.values())
            start, direction = rng.normal(size=2), np.array([np.cos(seed), np.sin(seed)])
            joints = regions_along(values[::2], values[1::2], start, direction)
            numbers.append(len(joints) + 1)
            if seed == 0:  # between two joints the network is a line: three points of it lie on one
                ends = joints[np.flatnonzero(np.diff(joints) > 1e-3)]
                following = joints[np.flatnonzero(np.diff(joints) > 1e-3) + 1]
                inside = np.stack([ends * (1 - s) + following * s for s in (0.1, 0.5, 0.9)])
                y = model.predict(start + inside.reshape(-1, 1) * direction).reshape(3, -1)
                assert np.abs(y[0] - 2 * y[1] + y[2]).max() <= 1e-12 * max(1, np.abs(y).max())
        found.append(numbers)
        assert max(numbers) >= widths[0] / 2
    figure, axis = plt.subplots(figsize=(6, 3.4))
    axis.boxplot(found, tick_labels=["×".join(map(str, shape)) for shape in shapes])
    axis.set(
        xlabel="units of the hidden layers",
        ylabel="regions along a line",
        title="random networks, 60 units each",
    )
    figure.savefig(file)
    print(
        "regions along a line, on average:",
        {shape: float(np.mean(n)) for shape, n in zip(shapes, found, strict=True)},
    )


def fitted(inputs, widths, points, answers, epochs, seed, rate=0.01):
    """(history, model) of a network of such hidden layers after full-batch training."""
    at, t = g.symbol("at", shape=("n", inputs)), g.symbol("t", shape=("n", 1))
    layers = [part for width in widths for part in (nn.Affine(width, init=nn.he_normal), nn.ReLU)]
    model = nn.Model(nn.Sequential(*layers, nn.Affine(1)), at, seed=seed)
    rng = np.random.default_rng(seed)
    for key in model.parameters:
        if key == "affine1.bias":  # the joint of each unit passes through one of the points
            through = rng.choice(points, widths[0])
            model.values[key][:] = -np.sum(model.values["affine1.weight"] * through, axis=1)
        elif key.endswith("bias"):
            model.values[key] += rng.uniform(-0.5, 0.5, model.values[key].shape)
    loss = nn.mean_squared_error(model.output, t)
    history = train.fit(
        model, loss, {at: points, t: answers}, optimiser=train.Adam(rate), epochs=epochs, batch=None,
        schedule=train.Cosine(epochs),
    )  # fmt: skip
    return history, model


def one_layer_beside_two(file, epochs):
    position = np.linspace(-1, 1, 128)[:, None]
    wanted = np.sin(9 * position**2) * position + 0.3 * np.cos(14 * position)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for axis, widths in zip(axes, ((20,), (10, 10)), strict=True):
        history, model = min(
            (fitted(1, widths, position, wanted, epochs, seed, rate=0.02) for seed in range(8)),
            key=lambda f: f[0][-1]["loss"],
        )
        axis.plot(position, wanted, ".", color="0.6", markersize=3, label="examples")
        axis.plot(position, model.predict(position), color="C1", label="network")
        axis.set_xlabel("x")
        text = " and ".join(str(width) for width in widths)
        axis.set_title(f"the best of 8 with {text} units:\nerror {history[-1]['loss']:.4f}")
        print(
            f"hidden layers of {text}: {model.count} parameters, mean squared error {history[-1]['loss']:.4f}"
        )
        assert history[-1]["loss"] < np.var(wanted)
    axes[0].legend(loc="upper center")
    figure.savefig(file)


def teacher_and_students(file, epochs, width=5):
    """Data from a random network of two hidden layers: who learns it?"""
    rng = np.random.default_rng(0)
    at = g.symbol("at", shape=("n", 4))
    teacher = nn.Model(
        nn.Sequential(nn.Affine(width, init=nn.he_normal), nn.ReLU, nn.Affine(width, init=nn.he_normal), nn.ReLU, nn.Affine(1)),
        at, seed=7,
    )  # fmt: skip
    points = rng.normal(size=(256, 4))
    answers = teacher.predict(points)
    answers = (answers - answers.mean()) / answers.std()
    students = {"as the teacher": (width, width), "4 times as wide": (4 * width, 4 * width), "twice as deep": (width,) * 4,
                "one wide layer": (8 * width,)}  # fmt: skip
    figure, axis = plt.subplots(figsize=(7, 4))
    last = {}
    for (name, widths), colour in zip(students.items(), ("C2", "C0", "C1", "C3"), strict=True):
        runs = [fitted(4, widths, points, answers, epochs, seed)[0].series("loss") for seed in range(3)]
        axis.semilogy(
            range(1, epochs + 1),
            np.median(runs, axis=0),
            color=colour,
            label=f"{name}: {'×'.join(map(str, widths))}",
        )
        last[name] = float(np.median(runs, axis=0)[-1])
    axis.set(
        xlabel="epoch", ylabel="mean squared error (median of 3)", title=f"a teacher of {width}×{width} units"
    )
    axis.legend()
    figure.savefig(file)
    print("students' errors:", {name: round(value, 5) for name, value in last.items()})
    # a wider student finds what one of the teacher's own width often does not
    assert last["4 times as wide"] < last["as the teacher"] < 1


def main(output_dir=".", epochs="400"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    teeth(directory / "depth_teeth.png")
    counts(directory / "depth_regions.png")
    random_networks(directory / "depth_random_networks.png")
    one_layer_beside_two(directory / "depth_one_and_two_layers.png", 10 * int(epochs))
    teacher_and_students(directory / "depth_teacher_and_students.png", int(epochs))


if __name__ == "__main__":
    main(*sys.argv[1:])
