"""Two moons, told apart by a network of two hidden layers, by PyTorch."""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 400)
label = np.arange(400) % 2
moons = np.stack([np.cos(angle) + label, np.sin(angle) * (1 - 2 * label) + 0.5 * label], axis=1)
points = moons + 0.1 * rng.normal(size=moons.shape)
shapes = [(16, 2), (16,), (16, 16), (16,), (2, 16), (2,)]
begin = [rng.normal(size=shape) / 2 for shape in shapes]


def run():
    layers = [nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)]
    model = nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), begin, strict=True):
            parameter.copy_(torch.from_numpy(value))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.from_numpy(points), torch.from_numpy(label)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        right = (model(x).argmax(1) == y).double().mean().item()
    return {"losses": losses, "right": right}
