"""Two moons, told apart by a network of two hidden layers, by graphc."""

import numpy as np

import graphc as g
from graphc import nn, train

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 400)
label = np.arange(400) % 2
moons = np.stack([np.cos(angle) + label, np.sin(angle) * (1 - 2 * label) + 0.5 * label], axis=1)
points = moons + 0.1 * rng.normal(size=moons.shape)
shapes = [(16, 2), (16,), (16, 16), (16,), (2, 16), (2,)]
begin = [rng.normal(size=shape) / 2 for shape in shapes]


def run():
    x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n",), dtype="int64")
    model = nn.Model(nn.Sequential(nn.Linear(16), g.tanh, nn.Linear(16), g.tanh, nn.Linear(2)), x)
    for name, value in zip(model.parameters, begin, strict=True):
        model.values[name][...] = value
    loss = nn.cross_entropy(model.output, y)
    history = train.fit(
        model, loss, {x: points, y: label}, optimiser=train.Adam(0.01), epochs=100, batch=None
    )
    losses = [row["loss"] for row in history]
    right = np.mean(model.predict(points).argmax(1) == label)
    return {"losses": losses, "right": right}
