"""A linear classifier: the hinge and the logistic loss on two clouds of points, and one template for each digit.

With f(x) = wᵀx + b and classes y of −1 and 1 the hinge loss is [1 − y·f(x)]₊ and the logistic one log(1 + exp(−y·f(x))). For
several classes each has weights of its own, and what they look like is the template that its class is compared with.

Run: python examples/linear_classifier.py [directory for the figures]
"""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n",))
w, b = g.symbol("w", shape=(2,)), g.symbol("b")
SCORE = x @ w + b
LOSSES = {"hinge": nn.hinge(SCORE, y), "logistic": nn.logistic(SCORE, y)}


def clouds(count, seed):
    rng = np.random.default_rng(seed)
    classes = np.repeat([-1.0, 1.0], count)
    centres = np.stack([1.1 * classes, 0.7 * classes], axis=1)
    return centres + rng.normal(size=(2 * count, 2)) * (0.8, 0.6), classes


def two_classes(file):
    points, classes = clouds(150, seed=0)
    unseen, truth = clouds(2000, seed=1)
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2), width_ratios=(1, 1, 0.9))
    for axis, (name, loss), colour in zip(axes, LOSSES.items(), ("C0", "C1"), strict=False):
        model = train.Parameters({w: np.zeros(2), b: 0.0})
        decay = nn.l2([w], 1e-3)
        history = train.fit(
            model, loss + decay, {x: points, y: classes}, optimiser=train.SGD(0.3), epochs=300, batch=None
        )
        score = lambda at, values=model.values: g.evaluate(SCORE, {**values, "x": at})
        right = np.mean(np.sign(score(unseen)) == truth)
        print(
            f"{name:8s} loss {history[-1]['loss']:.4f}, w = {np.round(model.values['w'], 3)}, {right:.1%} right"
        )
        # the optimum under the logistic loss has no slope; the hinge's steps come to rest around it
        if name == "logistic":
            slope = g.evaluate(g.grad(loss + decay, [w, b]), {**model.values, "x": points, "y": classes})
            assert np.linalg.norm(np.append(slope[0], slope[1])) < 2e-2
        # no classifier of these clouds does better than Bayes: Φ of half their distance in standard deviations
        best = (1 + math.erf(math.hypot(1.1 / 0.8, 0.7 / 0.6) / math.sqrt(2))) / 2
        assert abs(right - best) < 0.015
        side = np.linspace(-4, 4, 81)
        grid = np.stack(np.meshgrid(side, side), axis=-1)
        field = score(grid.reshape(-1, 2)).reshape(81, 81)
        axis.contourf(side, side, field, levels=[-100, 0, 100], colors=["#f6e6da", "#dbe6f3"])
        axis.contour(side, side, field, levels=[-1, 0, 1], colors=colour, linestyles=["--", "-", "--"])
        for sign, mark, dark in ((-1, "o", "#7a2e00"), (1, "^", "#06345f")):
            axis.plot(
                *points[classes == sign].T,
                mark,
                color=dark,
                markersize=3,
                label=f"y = {sign}".replace("-", "−"),
            )
        axis.set(
            title=f"{name}: f(x) = −1, 0, 1",
            aspect="equal",
            xlim=(-4, 4),
            ylim=(-3, 3),
            xlabel="x₁",
            ylabel="x₂",
        )
    axes[0].legend(loc="upper right", frameon=True)
    margin = np.linspace(-2.5, 3, 300)
    m = g.symbol("m")
    value = g.compile([g.relu(1 - m), g.softplus(-m)], [m])(margin)
    axes[2].plot(margin, margin < 0, color="0.6", label="mistakes")
    for curve, name, colour in zip(value, LOSSES, ("C0", "C1"), strict=True):
        axes[2].plot(margin, curve, color=colour, label=name)
    axes[2].set(xlabel="y·f(x)", ylabel="loss", title="what a margin costs")
    axes[2].legend()
    figure.savefig(file)


DIGITS = (
    " ### #   ##  ### # ###  ##   # ### ", "  #   ##    #    #    #    #   ### ",
    " ### #   #    #   #   #   #   #####", " ### #   #    #  ##     ##   # ### ",
    "   #   ##  # # #  # #####   #    # ", "######    ####     #    ##   # ### ",
    " ### #    #    #### #   ##   # ### ", "#####    #   #   #    #    #    #  ",
    " ### #   ##   # ### #   ##   # ### ", " ### #   ##   # ####    #    # ### ",
)  # fmt: skip
"""Digits of 5×7 dots."""


def digits(count, seed):
    """Images (n, 11, 9) of digits that are moved about by a dot, with noise, and which digits they are."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    images = rng.normal(0.15, 0.18, (count, 11, 9))
    for image, label in zip(images, labels, strict=True):
        dots = np.array([dot == "#" for dot in DIGITS[label]]).reshape(7, 5)
        top, left = rng.integers(1, 3), rng.integers(1, 3)
        image[top : top + 7, left : left + 5] += 0.7 * dots
    return images, labels


def templates(file):
    images, labels = digits(2000, seed=0)
    unseen, truth = digits(1000, seed=1)
    pixels, classes = g.symbol("pixels", shape=("n", 11, 9)), g.symbol("classes", shape=("n",), dtype="int64")
    model = nn.Model(nn.Sequential(nn.Flatten(), nn.Affine(10)), pixels)
    loss = nn.cross_entropy(model.output, classes) + nn.l2([model.parameters["affine1.weight"]], 1e-3)
    train.fit(model, loss, {pixels: images, classes: labels}, optimiser=train.SGD(0.2), epochs=30, batch=50)
    right = np.mean(model.predict(unseen).argmax(1) == truth)
    print(f"digits: {model.count} parameters, {right:.1%} of unseen ones right")
    assert right > 0.8
    weights = model.values["affine1.weight"].reshape(10, 11, 9)
    bound = np.abs(weights).max()
    figure, axes = plt.subplots(2, 10, figsize=(12, 4.8))
    for digit in range(10):
        axes[0, digit].imshow(images[np.flatnonzero(labels == digit)[0]], cmap="gray_r")
        axes[1, digit].imshow(weights[digit], cmap="RdBu_r", vmin=-bound, vmax=bound)
        axes[0, digit].set_title(digit)
        for row in (0, 1):
            axes[row, digit].set_axis_off()
    figure.suptitle("an image of each digit, and the weights that it is compared with")
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    two_classes(Path(output_dir) / "linear_classifier.png")
    templates(Path(output_dir) / "linear_templates.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
