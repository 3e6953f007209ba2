"""Layers and training held against PyTorch: values, gradients, second derivatives, and the losses of LeNet's steps.

python -m tests.benchmarks.networks [--steps N]      (GRAPHC_PEERS names a Python that has torch)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn, train
from tests.benchmarks.harness import peers_python

PEER = Path(__file__).parent / "peers" / "networks.py"

# In float32 two orders of the same sums drift apart with the steps, the faster the higher the rate: after 100 steps at rate 0.1
# the losses differ by 2e-4.
OPTIMISERS = {
    "SGD": train.SGD(0.02), "Momentum": train.Momentum(0.02), "Nesterov": train.Nesterov(0.02),
    "RMSProp": train.RMSProp(1e-4), "Adam": train.Adam(1e-3), "AdamW": train.AdamW(1e-3),
}  # fmt: skip


def layer_cases(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Random kernels, strides, paddings and channels; a batch of none and of one included."""
    cases = {}
    for number in range(60):
        size = rng.integers(1, 6, 2)
        padding = rng.integers(0, size // 2 + 1)  # PyTorch's pools take no more than half a window
        stride = rng.integers(1, 4, 2)
        space = [
            int(rng.integers(max(1, length - 2 * around), 12))
            for length, around in zip(size, padding, strict=True)
        ]
        shape = (int(rng.integers(0, 4)), int(rng.integers(1, 5)), *space)
        kind = ("conv", "max", "avg")[number % 3]
        case: dict[str, Any] = {
            "x": rng.normal(size=shape), "numbers": np.concatenate([stride, padding, size]), "kind": np.array(kind),
        }  # fmt: skip
        if kind == "conv":
            out = int(rng.integers(1, 5))
            case["kernel"], case["bias"] = rng.normal(size=(out, shape[1], *size)), rng.normal(size=out)
        operands = [name for name in ("x", "kernel", "bias") if name in case]
        for place, name in enumerate(operands):
            case[f"u{place}"] = rng.normal(size=case[name].shape)
        case["v"] = rng.normal(size=layer(case)[1].shape)
        cases[f"{kind}{number}"] = case
    return cases


def layer(case: dict[str, Any]) -> tuple[list[g.Expr], g.Expr]:
    """(operands, result) as expressions."""
    stride, padding, size = (tuple(int(n) for n in part) for part in np.split(case["numbers"], 3))
    x = g.symbol("x", shape=case["x"].shape)
    if case["kind"] == "conv":
        kernel, bias = (
            g.symbol("kernel", shape=case["kernel"].shape),
            g.symbol("bias", shape=case["bias"].shape),
        )
        return [x, kernel, bias], g.conv2d(x, kernel, stride, padding) + g.reshape(bias, (-1, 1, 1))
    pool = g.max_pool2d if case["kind"] == "max" else g.avg_pool2d
    return [x], pool(x, size, stride, padding)


def by_graphc(case: dict[str, Any]) -> dict[str, np.ndarray]:
    operands, y = layer(case)
    v = g.symbol("v", shape=y.shape)
    directions = [g.symbol(f"u{place}", shape=operand.shape) for place, operand in enumerate(operands)]
    gradients = g.grad(g.sum(v * y**3), operands)
    along = sum((g.sum(d * u) for d, u in zip(gradients, directions, strict=True)), g.constant(0.0))
    second = g.grad(along, operands)
    inputs = [*operands, v, *directions]
    values = g.compile([y, *gradients, *second], inputs)(*(case[symbol.name] for symbol in inputs))
    count = len(operands)
    names = ["y", *(f"first{i}" for i in range(count)), *(f"second{i}" for i in range(count))]
    return dict(zip(names, values, strict=True))


def lenet_case(
    dtype: str, optimiser: str, steps: int, rng: np.random.Generator
) -> tuple[dict[str, Any], nn.Model]:
    images = g.symbol("images", shape=("n", 1, 28, 28), dtype=dtype)
    layers = nn.Sequential(
        nn.Conv2d(20, 5), nn.MaxPool2d(2), nn.Conv2d(50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Affine(500), nn.ReLU, nn.Affine(10),
    )  # fmt: skip
    model = nn.Model(layers, images, seed=1)
    case: dict[str, Any] = {key: array.copy() for key, array in model.values.items()}
    case["images"] = rng.random((steps, 64, 1, 28, 28)).astype(dtype)
    # labels that can be learned: by the place of the brightest column
    case["labels"] = case["images"].sum(axis=(2, 3)).argmax(-1) % 10
    case["optimiser"], case["rate"] = np.array(optimiser), np.array(OPTIMISERS[optimiser].rate)
    return case, model


def lenet_losses(case: dict[str, Any], model: nn.Model) -> np.ndarray:
    labels = g.symbol("labels", shape=("n",), dtype="int64")
    optimiser = OPTIMISERS[str(case["optimiser"])]
    step = train.Step(model, nn.cross_entropy(model.output, labels), optimiser, [model.input, labels])
    batches = zip(case["images"], case["labels"], strict=True)
    return np.array(
        [step({model.input: images, labels: wanted}, optimiser.rate) for images, wanted in batches]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default=100, type=int)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    cases: dict[str, dict[str, Any]] = layer_cases(rng)
    models = {}
    for dtype, name, steps in (
        ("float32", "SGD", options.steps), ("float64", "SGD", options.steps),
        *(("float64", other, min(10, options.steps)) for other in OPTIMISERS if other != "SGD"),
    ):  # fmt: skip
        key = f"LeNet, {name}, {dtype}"
        cases[key], models[key] = lenet_case(dtype, name, steps, rng)
    with tempfile.TemporaryDirectory() as directory:
        given, answered = Path(directory) / "in.npz", Path(directory) / "out.npz"
        np.savez(
            given,
            **{f"{case}/{key}": np.asarray(a) for case, known in cases.items() for key, a in known.items()},
        )
        subprocess.run([peers_python(), PEER, given, answered], check=True)
        with np.load(answered, allow_pickle=False) as file:
            wanted = {key: file[key] for key in file.files}
    worst: dict[str, float] = {}
    for name, case in cases.items():
        found = {"losses": lenet_losses(case, models[name])} if name in models else by_graphc(case)
        for key, value in found.items():
            other = wanted[f"{name}/{key}"]
            assert np.shape(value) == other.shape, (name, key)
            scale = np.abs(other) if key == "losses" else max(1.0, float(np.abs(other).max(initial=0)))
            error = float((np.abs(value - other) / scale).max(initial=0))
            row = name if name in models else f"{case['kind']}, {key.rstrip('012')}"
            worst[row] = max(worst.get(row, 0.0), error)
    failed = False
    for row, error in worst.items():
        bound = 1e-4 if "float32" in row else 1e-10 if "LeNet" in row else 1e-12
        failed |= not error <= bound
        print(f"{row:32s} {error:9.2e}  (at most {bound:g})" + ("" if error <= bound else "  TOO LARGE"))
    sys.exit(failed)


if __name__ == "__main__":
    main()
