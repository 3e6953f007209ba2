"""An autoencoder compresses images: 99 pixels through a bottleneck of 8 numbers and back, beside principal components.

    code = a(V x + b)        x̂ = W code' + c       loss = mean (x̂ − x)²

A linear autoencoder cannot do better than the principal components, and ends in the plane that they span. One with hidden layers
bends that plane. The digits here are ten shapes moved about by a dot, so few numbers say what is in an image; the noise in the
pixels is not worth remembering, and the autoencoder drops it.

Run: python examples/autoencoder.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from linear_classifier import digits

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

CODE = 8
x = g.symbol("x", shape=("n", 99))


def principal(images, unseen, code):
    """What the first principal components keep of unseen images."""
    mean = images.mean(axis=0)
    _, _, axes = np.linalg.svd(images - mean, full_matrices=False)
    return mean + (unseen - mean) @ axes[:code].T @ axes[:code]


def trained(layers, images, epochs, rate):
    model = nn.Model(layers, x, seed=0)
    model.values[list(model.parameters)[-1]][:] = images.mean(
        axis=0
    )  # the last bias: begin at the mean image
    loss = nn.mean_squared_error(model.output, x)
    train.fit(
        model,
        loss,
        {x: images},
        optimiser=train.Adam(rate),
        epochs=epochs,
        batch=64,
        schedule=train.Cosine(epochs),
    )
    return model


def main(output_dir=".", epochs="60"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    images, unseen = (digits(count, seed)[0].reshape(-1, 99) for count, seed in ((3000, 0), (500, 1)))
    linear = trained(nn.Sequential(code=nn.Affine(CODE), decoder=nn.Affine(99)), images, int(epochs), 0.01)
    encoder = nn.Sequential(nn.Affine(64, init=nn.he_normal), nn.ReLU, code=nn.Affine(CODE))
    decoder = nn.Sequential(nn.Affine(64, init=nn.he_normal), nn.ReLU, nn.Affine(99))
    deep = trained(nn.Sequential(encoder=encoder, decoder=decoder), images, int(epochs), 0.005)
    made = {"principal components": principal(images, unseen, CODE), "linear autoencoder": linear.predict(unseen),
            "with hidden layers": deep.predict(unseen)}  # fmt: skip
    errors = {name: float(np.mean((found - unseen) ** 2)) for name, found in made.items()}
    print(
        f"99 pixels in {CODE} numbers; mean squared error on unseen digits:",
        {name: round(e, 4) for name, e in errors.items()},
    )
    print(f"variance of the noise alone: {0.18**2:.4f}")
    assert (
        errors["linear autoencoder"] > 0.999 * errors["principal components"]
    )  # which are the best plane (of the training images)
    assert errors["linear autoencoder"] < 1.05 * errors["principal components"]
    assert errors["with hidden layers"] < 0.9 * errors["principal components"]

    figure = plt.figure(figsize=(13, 5.2))
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = left.subplots(4, 8)
    for row, (name, shown) in enumerate((("unseen digits", unseen), *made.items())):
        for column, axis in enumerate(axes[row]):
            axis.imshow(shown[column].reshape(11, 9), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(name.replace(" ", "\n", 1), rotation=0, ha="right", va="center")
    axis = right.subplots()
    sizes = (1, 2, 4, 8, 16, 32, 64)
    axis.semilogx(
        sizes,
        [np.mean((principal(images, unseen, k) - unseen) ** 2) for k in sizes],
        "o-",
        color="C2",
        label="principal components",
    )
    axis.plot(
        CODE,
        errors["with hidden layers"],
        "s",
        color="C1",
        markersize=10,
        label="autoencoder with hidden layers",
    )
    axis.plot(
        CODE,
        errors["linear autoencoder"],
        "x",
        color="C0",
        markersize=11,
        markeredgewidth=2.5,
        label="linear autoencoder",
    )
    axis.axhline(0.18**2, color="0.6", linestyle="--", label="the noise in the pixels")
    axis.set_xticks(sizes, sizes)
    axis.set(
        xlabel="numbers that are kept of 99", ylabel="mean squared error on unseen digits", ylim=(0, None)
    )
    axis.legend()
    figure.savefig(Path(output_dir) / "autoencoder.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
