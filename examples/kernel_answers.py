"""What a kernel answers to: the patches that excite it most, and the image that gradient ascent makes for it.

A small network of two convolutions learns the dotted digits. The kernels of its first layer can be looked at as they are; those
of the second see other kernels' answers, so one asks for images instead. Two ways: look for the patches of real images that
answer most, or begin with grey and follow the gradient of the answer with respect to the pixels, which costs what a step of
training costs.

Run: python examples/kernel_answers.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from linear_classifier import digits

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

FIRST, SECOND, SEEN = 6, 8, 7  # a unit of the second layer sees 3 + 2 + 2 pixels
x, t = g.symbol("x", shape=("n", 1, 11, 9)), g.symbol("t", shape=("n",), dtype="int64")
patch = g.symbol("patch", shape=("m", 1, SEEN, SEEN))


def main(output_dir=".", epochs="15"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    (images, labels), (unseen, truth) = digits(2000, 0), digits(500, 1)
    images, unseen = images[:, None], unseen[:, None]
    features = nn.Sequential(first=nn.Conv2d(FIRST, 3), bend=nn.ReLU, second=nn.Conv2d(SECOND, 5))
    model = nn.Model(
        nn.Sequential(features=features, rest=nn.Sequential(nn.ReLU, nn.Flatten(), nn.Affine(10))), x
    )
    train.fit(
        model,
        nn.cross_entropy(model.output, t),
        {x: images, t: labels},
        optimiser=train.Adam(0.005),
        epochs=int(epochs),
        batch=50,
    )
    right = np.mean(model.predict(unseen).argmax(1) == truth)
    print(f"{model.count} parameters, {right:.1%} of unseen digits right")
    assert right > 0.9

    # the answers of the second layer to every patch of 7×7 of the unseen images: one graph, built on patches instead of images
    seen = nn.Model(features, patch)
    names = {
        key: key.replace("first", "features.first").replace("second", "features.second")
        for key in seen.parameters
    }
    values = {key: model.values[full] for key, full in names.items()}
    answers = seen.output[:, :, 0, 0]
    patches = np.lib.stride_tricks.sliding_window_view(unseen[:, 0], (SEEN, SEEN), axis=(1, 2)).reshape(
        -1, 1, SEEN, SEEN
    )
    found = g.compile(answers, [patch, *seen.parameters.values()])(patches, *values.values())
    best = np.argsort(-found, axis=0)[:4]

    # gradient ascent on the pixels of one patch for each unit, within the brightness of real images
    each = answers[g.arange(SECOND), g.arange(SECOND)]
    climb = g.compile([each, g.grad(g.sum(each), patch)], [patch, *seen.parameters.values()])
    made = np.full((SECOND, 1, SEEN, SEEN), images.mean())
    start, _ = climb(made, *values.values())
    for _ in range(100):
        _, slope = climb(made, *values.values())
        made = np.clip(
            made + 0.05 * slope / (np.sqrt(np.mean(slope**2, axis=(1, 2, 3), keepdims=True)) + 1e-9), 0, 1
        )
    reached, slope = climb(made, *values.values())
    top = found[best[0], np.arange(SECOND)]
    print("answers to grey, to the best of", f"{len(patches):,} patches, to the image made for it:")
    for unit in range(SECOND):
        print(f"  unit {unit + 1}: {start[unit]:6.2f} {top[unit]:6.2f} {reached[unit]:6.2f}")
    # a made image answers more than every real one that stays within the same brightness
    inside = found[(patches.min(axis=(1, 2, 3)) >= 0) & (patches.max(axis=(1, 2, 3)) <= 1)]
    assert (reached > inside.max(axis=0)).all() and (reached > start).all()
    # and the derivative by pixels is right: against a difference in one pixel
    h, moved = 1e-6, made.copy()
    moved[0, 0, 3, 3] += h
    assert abs((climb(moved, *values.values())[0][0] - reached[0]) / h - slope[0, 0, 3, 3]) < 1e-4

    figure, axes = plt.subplots(6, SECOND, figsize=(11, 8))
    kernels = model.values["features.first.weight"][:, 0]
    for unit in range(SECOND):
        column = axes[:, unit]
        for axis in column:
            axis.set(xticks=[], yticks=[])
        if unit < FIRST:
            column[0].imshow(kernels[unit], cmap="RdBu_r", vmin=-abs(kernels).max(), vmax=abs(kernels).max())
        else:
            column[0].set_axis_off()
        column[1].imshow(made[unit, 0], cmap="gray_r", vmin=0, vmax=1)
        column[1].set_title(f"unit {unit + 1}")
        for row in range(4):
            column[2 + row].imshow(patches[best[row, unit], 0], cmap="gray_r", vmin=0, vmax=1)
    texts = ("kernels of\nlayer 1", "layer 2:\nmade by\nascent", "best patch", "second", "third", "fourth")
    for axis, text in zip(axes[:, 0], texts, strict=True):
        axis.set_ylabel(text, rotation=0, ha="right", va="center")
    figure.savefig(Path(output_dir) / "kernel_answers.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
