"""Crosses and rings, told apart by a small convolutional network on mini-batches, by PyTorch."""

import numpy as np
import torch
from torch import nn

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


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.pool = nn.MaxPool2d(2)
        self.out = nn.Linear(6 * 4 * 4, 2)

    def forward(self, x):
        return self.out(torch.flatten(self.pool(torch.tanh(self.conv(x))), 1))


def run():
    model = Net().double()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), begin, strict=True):
            parameter.copy_(torch.from_numpy(value))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    x, y = torch.from_numpy(images), torch.from_numpy(label)
    for rows in order:
        for batch in rows.reshape(-1, 40):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[200:]).argmax(1) == y[200:]).double().mean().item()
    return {"kernels": model.conv.weight.detach().numpy(), "right": right}
