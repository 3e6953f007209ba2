"""Crosses and rings, told apart by a small convolutional network on mini-batches, by graphc."""

import numpy as np

import graphc as g
from graphc import nn, train

rng = np.random.default_rng(3)
label = np.arange(240) % 2
images = 0.4 * rng.normal(size=(240, 1, 10, 10))
for image, kind in zip(images[:, 0], label, strict=True):
    i, j = rng.integers(0, 6, 2)
    image[i : i + 5, j : j + 5] += (
        np.fliplr(np.eye(5)) + np.eye(5) if kind else np.pad(np.zeros((3, 3)), 1, constant_values=1)
    )
shapes = [(6, 1, 3, 3), (6,), (2, 6 * 4 * 4), (2,)]
begin = [rng.uniform(-0.2, 0.2, size=shape) for shape in shapes]
order = [rng.permutation(200) for _ in range(15)]


def run():
    x, y = g.symbol("x", shape=("n", 1, 10, 10)), g.symbol("y", shape="n", dtype="int64")
    layers = nn.Sequential(nn.Conv2d(6, 3), g.tanh, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2))
    model = nn.Model(layers, x)
    for name, value in zip(model.parameters, begin, strict=True):
        model.values[name][...] = value
    loss = nn.cross_entropy(model.output, y) + nn.l2(list(model.parameters.values()), 1e-3 / 2)
    step = train.Step(model, loss, train.Momentum(0.1), [x, y])
    for rows in order:
        for batch in rows.reshape(-1, 40):
            step({x: images[batch], y: label[batch]}, 0.1)
    right = np.mean(model.predict(images[200:]).argmax(1) == label[200:])
    return {"kernels": model.values["conv1.weight"], "right": right}
