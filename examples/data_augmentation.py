"""Data augmentation: digits shown moved about, so that a network that knows nothing of places learns that they do not matter.

Few examples of digits that stand still, and unseen ones that are moved by up to a pixel. The same images, each also shown moved
in the eight directions, are nine times as many examples for nothing. A move that is not true of the world does harm: digits that
are also shown upside down make 6 and 9 one.

Run: python examples/data_augmentation.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from linear_classifier import DIGITS

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, t = g.symbol("x", shape=("n", 11, 9)), g.symbol("t", shape=("n",), dtype="int64")
LAYERS = nn.Sequential(nn.Flatten(), nn.Affine(64, init=nn.he_normal), nn.ReLU, nn.Affine(10))
MOVES = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]


def digits(count, seed, moved):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = rng.normal(0.15, 0.18, (count, 11, 9))
    for image, label in zip(images, labels, strict=True):
        down, across = rng.integers(-1, 2, 2) if moved else (0, 0)
        dots = np.array([dot == "#" for dot in DIGITS[label]]).reshape(7, 5)
        image[2 + down : 9 + down, 2 + across : 7 + across] += 0.7 * dots
    return images, labels


def augmented(images, labels, moves):
    return np.concatenate([np.roll(images, move, axis=(1, 2)) for move in moves]), np.tile(labels, len(moves))


def shares(images, labels, unseen, truth, epochs):
    """Of each digit the share that is right, over three starts; every training takes as many steps."""
    right = np.zeros((3, len(truth)), dtype=bool)
    for seed in range(3):
        model = nn.Model(LAYERS, x, seed=seed)
        loss = nn.cross_entropy(model.output, t)
        rounds = max(1, epochs * 100 // len(images))
        train.fit(
            model,
            loss,
            {x: images, t: labels},
            optimiser=train.Adam(0.005),
            epochs=rounds,
            batch=50,
            seed=seed,
        )
        right[seed] = model.predict(unseen).argmax(1) == truth
    return np.array([right[:, truth == digit].mean() for digit in range(10)])


def main(output_dir=".", epochs="300"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    images, labels = digits(100, 0, moved=False)
    unseen, truth = digits(1000, 1, moved=True)
    moved = augmented(images, labels, MOVES)
    turned = np.concatenate([moved[0], moved[0][:, ::-1, ::-1]]), np.tile(moved[1], 2)
    sets = {"100 images": (images, labels), "and moved": moved, "and turned by 180°": turned}
    found = {name: shares(*data, unseen, truth, int(epochs)) for name, data in sets.items()}
    for name, share in found.items():
        print(
            f"{name:20s} {share.mean():6.1%} of unseen digits right; "
            f"6 and 9: {share[[6, 9]].mean():6.1%}, others {np.delete(share, [6, 9]).mean():6.1%}"
        )
    assert found["and moved"].mean() > 1.2 * found["100 images"].mean()
    assert found["and turned by 180°"][[6, 9]].mean() < found["and moved"][[6, 9]].mean() - 0.1

    figure = plt.figure(figsize=(13, 5.2))
    left, right = figure.subfigures(1, 2, width_ratios=(2, 3))
    axes = left.subplots(3, 6)
    rows = (
        images[:6],
        [np.roll(images[6], move, (0, 1)) for move in MOVES[:6]],
        [images[6], images[6][::-1, ::-1], images[9], images[9][::-1, ::-1]],
    )
    names = ("as they are", "one moved", "a 6 and a 9,\nturned")
    for row, (shown, name) in enumerate(zip(rows, names, strict=True)):
        for column, axis in enumerate(axes[row]):
            axis.set(xticks=[], yticks=[])
            if column < len(shown):
                axis.imshow(shown[column], cmap="gray_r", vmin=0, vmax=1)
            else:
                axis.set_axis_off()
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    axis = right.subplots()
    for shift, (name, share), colour in zip((-0.27, 0, 0.27), found.items(), ("C2", "C0", "C1"), strict=True):
        axis.bar(np.arange(10) + shift, 100 * share, 0.26, color=colour, label=f"{name}: {share.mean():.0%}")
    axis.set(
        xticks=range(10),
        xlabel="digit",
        ylabel="right on unseen, moved digits, %",
        ylim=(0, 155),
        yticks=range(0, 101, 20),
    )
    axis.legend(loc="upper center")
    figure.savefig(Path(output_dir) / "data_augmentation.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
