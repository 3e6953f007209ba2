"""Layers, optimisers and the training of LeNet by PyTorch, on the arrays of a file: `networks.py in.npz out.npz`.

Every key of the input is `case/name`; so is every key of the output.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

torch.set_num_threads(1)


def layer(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Value, gradients and the gradient's derivative along a direction of Σ v·layer(x)³."""
    x = torch.tensor(case["x"], requires_grad=True)
    leaves = [x]
    numbers = [int(number) for number in case["numbers"]]
    stride, padding, size = numbers[:2], numbers[2:4], numbers[4:]
    if "kernel" in case:
        kernel = torch.tensor(case["kernel"], requires_grad=True)
        bias = torch.tensor(case["bias"], requires_grad=True)
        leaves += [kernel, bias]
        y = torch.nn.functional.conv2d(x, kernel, bias, stride, padding)
    else:
        pool = torch.nn.functional.max_pool2d if case["kind"] == "max" else torch.nn.functional.avg_pool2d
        y = pool(x, size, stride, padding)
    cost = (torch.tensor(case["v"]) * y**3).sum()
    gradients = torch.autograd.grad(cost, leaves, create_graph=True)
    along = sum((g * torch.tensor(case[f"u{place}"])).sum() for place, g in enumerate(gradients))
    second = torch.autograd.grad(along, leaves, allow_unused=True)
    found = {"y": y.detach().numpy()}
    for place, (first, other) in enumerate(zip(gradients, second, strict=True)):
        found[f"first{place}"] = first.detach().numpy()
        found[f"second{place}"] = np.zeros(first.shape) if other is None else other.numpy()
    return found


OPTIMISERS = {
    "SGD": lambda w, rate: torch.optim.SGD(w, rate),
    "Momentum": lambda w, rate: torch.optim.SGD(w, rate, momentum=0.9),
    "Nesterov": lambda w, rate: torch.optim.SGD(w, rate, momentum=0.9, nesterov=True),
    "RMSProp": lambda w, rate: torch.optim.RMSprop(w, rate),
    "Adam": lambda w, rate: torch.optim.Adam(w, rate),
    "AdamW": lambda w, rate: torch.optim.AdamW(w, rate),
}


def lenet(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The losses of LeNet's steps from given weights on given batches."""
    names = ["conv1", "conv2", "affine1", "affine2"]
    w = {
        key: torch.tensor(case[key], requires_grad=True)
        for name in names
        for key in (f"{name}.weight", f"{name}.bias")
    }
    images, labels = torch.tensor(case["images"]), torch.tensor(case["labels"])
    optimiser = OPTIMISERS[str(case["optimiser"])](list(w.values()), float(case["rate"]))
    losses = []
    F = torch.nn.functional
    for batch, wanted in zip(images, labels, strict=True):
        y = F.max_pool2d(F.conv2d(batch, w["conv1.weight"], w["conv1.bias"]), 2)
        y = F.max_pool2d(F.conv2d(y, w["conv2.weight"], w["conv2.bias"]), 2).flatten(1)
        y = F.linear(
            F.relu(F.linear(y, w["affine1.weight"], w["affine1.bias"])),
            w["affine2.weight"],
            w["affine2.bias"],
        )
        loss = F.cross_entropy(y, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {"losses": np.array(losses)}


def main() -> None:
    given: dict[str, dict[str, np.ndarray]] = {}
    with np.load(sys.argv[1], allow_pickle=False) as file:
        for key in file.files:
            case, _, name = key.partition("/")
            given.setdefault(case, {})[name] = file[key]
    found = {}
    for name, case in given.items():
        answer = lenet(case) if "images" in case else layer(case)
        found.update({f"{name}/{key}": array for key, array in answer.items()})
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
