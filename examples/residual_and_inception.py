"""A residual and an inception block: built, drawn, differentiated, and trained for a few steps.

A residual block adds its input to what its layers make of it, so the derivative passes it by the identity as well. An inception
block looks at its input through windows of several sizes at once; 1×1 convolutions before the large ones reduce the channels.

Run: python examples/residual_and_inception.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

images = g.symbol("images", shape=("n", 1, 12, 12))
labels = g.symbol("labels", shape=("n",), dtype="int64")


RESIDUAL = nn.Residual(
    **{
        "3×3 conv": nn.Conv2d(4, 3, padding="same", init=nn.he_normal), "relu": nn.ReLU,
        "3×3 conv, second": nn.Conv2d(4, 3, padding="same"),
    }
)  # fmt: skip

INCEPTION = nn.Inception(
    nn.Sequential(
        **{"1×1 conv": nn.Conv2d(2, 1), "relu": nn.ReLU, "5×5 conv": nn.Conv2d(3, 5, padding="same")}
    ),
    nn.Sequential(
        **{"1×1 conv": nn.Conv2d(2, 1), "relu": nn.ReLU, "3×3 conv": nn.Conv2d(3, 3, padding="same")}
    ),
    nn.Sequential(**{"3×3 max pool": nn.MaxPool2d(3, 1, 1), "1×1 conv": nn.Conv2d(2, 1)}),
    nn.Sequential(**{"1×1 conv": nn.Conv2d(2, 1)}),
)


def network(block):
    """A convolution, the block, and what makes four classes of its images."""
    return nn.Sequential(
        nn.Conv2d(4, 3, padding="same"), block, nn.ReLU, nn.MaxPool2d(3), nn.Flatten(), nn.Affine(4)
    )


def draw_block(block, file):
    """The block by itself, a box for each of its layers."""
    parts = block.branches if isinstance(block, nn.Inception) else [block]
    boxes = {name for part in parts for name in part.layers if name != "relu"}
    output = nn.Model(block, g.symbol("x", shape=("n", 4, 12, 12))).output
    g.draw(output, backward=False, name="y", collapse=boxes).save(file)


def strokes(count, seed):
    """Images of strokes: level, upright, falling and rising, with noise."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, count)
    made = 0.3 * rng.normal(size=(count, 1, 12, 12))
    for image, kind in zip(made[:, 0], kinds, strict=True):
        row, column = rng.integers(0, 6, 2)
        for step in range(6):
            across, down = ((step, 3), (3, step), (step, step), (step, 5 - step))[kind]
            image[row + down, column + across] += 1.0
    return made, kinds


def derivative_is_right(model, loss, data):
    """The gradient along a random direction of all parameters against a difference."""
    rng = np.random.default_rng(0)
    symbols = list(model.parameters.values())
    point = {**model.values, **{key.name: value for key, value in data.items()}}
    gradients = g.evaluate(g.grad(loss, symbols), point)
    directions = {symbol.name: rng.normal(size=symbol.shape) for symbol in symbols}
    slope = sum(np.sum(d * directions[s.name]) for s, d in zip(symbols, gradients, strict=True))
    at = lambda t: g.evaluate(
        loss, {**point, **{name: point[name] + t * u for name, u in directions.items()}}
    )
    h = 1e-8
    rate = (at(h) - at(-h)) / (2 * h)
    # so short a step leaves some 1e-7 of rounding, and hardly a unit has its kink within it
    assert abs(slope - rate) <= 1e-5 * max(1, abs(slope)), (slope, rate)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    pixels, kinds = strokes(400, seed=0)
    unseen, truth = strokes(400, seed=1)
    curves = {}
    for name, block in (("residual", RESIDUAL), ("inception", INCEPTION)):
        draw_block(block, directory / f"{name}_block.svg")
        model = nn.Model(network(block), images, seed=3)
        print(model.summary(), end="\n\n")
        loss = nn.cross_entropy(model.output, labels)
        derivative_is_right(model, loss, {images: pixels[:8], labels: kinds[:8]})
        history = train.fit(
            model, loss, {images: pixels, labels: kinds}, optimiser=train.Adam(0.01), epochs=12, batch=40
        )
        right = np.mean(model.predict(unseen).argmax(1) == truth)
        print(
            f"{name}: loss {history[0]['loss']:.3f} → {history[-1]['loss']:.3f}, {right:.1%} of unseen strokes right\n"
        )
        assert history[-1]["loss"] < 0.5 * history[0]["loss"] and right > 0.7
        curves[name] = history.series("loss")
    figure, axis = plt.subplots(figsize=(6, 3.6))
    for (name, curve), colour in zip(curves.items(), ("C0", "C1"), strict=True):
        axis.plot(range(1, 1 + len(curve)), curve, "o-", color=colour, label=name)
    axis.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axis.legend()
    figure.savefig(directory / "residual_and_inception.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
