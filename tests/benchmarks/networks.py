"""Layers, losses and training held against PyTorch: values, gradients, second derivatives, and the losses of LeNet's steps.

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

OPTIMISERS = {
    "SGD": train.SGD(0.02), "Momentum": train.Momentum(0.02), "Nesterov": train.Nesterov(0.02),
    "RMSProp": train.RMSProp(1e-4), "Adam": train.Adam(1e-3), "AdamW": train.AdamW(1e-3),
}  # fmt: skip


STEEP = 0.1
"""A rate at which two orders of the same sums in float32 drift apart with the steps; PyTorch's own, too."""

X, IMAGES, SEQUENCES, HEADED, VOLUMES = (5,), (4, 6, 5), (4, 3), (5, 4), (2, 4, 5, 3)

LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "affine": (nn.Affine(4), X), "maxout": (nn.Maxout(3, 2), X), "flatten": (nn.Flatten(), IMAGES),
    "recurrent": (nn.Recurrent(3), SEQUENCES), "recurrent, all": (nn.Recurrent(3, last=False), SEQUENCES),
    "recurrent, relu": (nn.Recurrent(2, nn.ReLU.function), SEQUENCES),
    "lstm": (nn.LSTM(3), SEQUENCES), "lstm, all": (nn.LSTM(2, layers=2, bidirectional=True, last=False), SEQUENCES),
    "gru": (nn.GRU(3), SEQUENCES), "gru, all": (nn.GRU(2, layers=2, bidirectional=True, last=False), SEQUENCES),
    "attention": (nn.Attention(2), HEADED), "attention, causal": (nn.Attention(4, causal=True), HEADED),
    "transformer": (nn.TransformerBlock(2, 5, causal=True), HEADED),
    "conv1d": (nn.Conv1d(2, 3, 2, 1), SEQUENCES), "conv3d": (nn.Conv3d(2, (2, 3, 1), (1, 2, 1), (1, 1, 0)), VOLUMES),
    "transposed 1d": (nn.ConvTranspose1d(2, 3, 2, 1, 1), SEQUENCES),
    "transposed 2d": (nn.ConvTranspose2d(2, (3, 2), 2, (1, 0), 1), IMAGES),
    "transposed 3d": (nn.ConvTranspose3d(2, (2, 3, 2), (2, 1, 2), (0, 1, 1), (1, 0, 1)), VOLUMES),
    "batch norm": (nn.BatchNorm(0.2), IMAGES), "batch norm of features": (nn.BatchNorm(), X),
    "layer norm": (nn.LayerNorm(), X), "layer norm of images": (nn.LayerNorm(3), IMAGES), "dropout": (nn.Dropout(0.3), X),
    "relu": (nn.ReLU, X), "leaky relu": (nn.LeakyReLU(0.1), X), "elu": (nn.ELU(0.5), X), "gelu": (nn.GELU, X),
    "selu": (nn.SELU, X), "silu": (nn.SiLU, X), "sigmoid": (nn.Sigmoid, X), "tanh": (nn.Tanh, X),
    "softplus": (nn.Softplus, X), "softsign": (nn.Softsign, X), "softmax": (nn.Softmax, X),
    "reduction layer": (nn.Conv2d(2, 1), IMAGES),
    "residual": (nn.Residual(nn.Conv2d(3, 3, padding=1), nn.ReLU, nn.Conv2d(4, 3, padding="same")), IMAGES),
    "inception": (nn.Inception(nn.Conv2d(2, 1), [nn.Conv2d(1, 1), nn.Conv2d(3, 3, padding=1)], nn.MaxPool2d(3, 1, 1)), IMAGES),
}  # fmt: skip
"""Name → a layer, and the shape of a sample."""

LOSSES: dict[str, Any] = {
    "cross entropy": nn.cross_entropy,
    "negative log-likelihood": lambda z, labels: nn.negative_log_likelihood(g.log_softmax(z), labels),
    "squared error": nn.squared_error, "mean squared error": nn.mean_squared_error, "hinge": nn.hinge,
    "logistic": nn.logistic, "l2": lambda z, _: nn.l2([z], 0.3),
}  # fmt: skip
"""Name → the loss of an output and its targets: labels, or numbers of the output's shape, or ±1."""


def further_cases(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """The other layers, on batches of none, one and three, and the losses."""
    cases: dict[str, dict[str, Any]] = {}
    for name, (written, sample) in LAYERS.items():
        for n in (0, 1, 3) if "batch norm" not in name else (2, 3):
            model = nn.Model(written, g.symbol("x", shape=(n, *sample)))
            case = {"kind": np.array(name), "x": rng.normal(size=(n, *sample))}
            for place, key in enumerate(model.parameters):
                case[f"p{place}"] = rng.normal(size=model.values[key].shape)
            for place, key in enumerate(model.buffers):
                case[f"b{place}"] = rng.uniform(0.5, 1.5, model.values[key].shape)
            for place, (mask, _) in enumerate(model.masks.values()):
                case[f"m{place}"] = rng.random(mask.shape) < 0.7
            cases[f"{name}, {n}"] = case
    for name in LOSSES:
        shape = (4, 3)
        target = {"squared": rng.normal(size=shape), "mean": rng.normal(size=shape), "hinge": rng.choice([-1.0, 1.0], shape),
                  "logistic": rng.choice([-1.0, 1.0], shape)}.get(name.split()[0], rng.integers(0, 3, 4))  # fmt: skip
        cases[name] = {"kind": np.array(name), "x": 2 * rng.normal(size=shape), "target": target}
    for case in cases.values():
        operands, y, _ = further(case)
        for place, operand in enumerate(operands):
            case[f"u{place}"] = rng.normal(size=operand.shape)
        case["v"] = rng.normal(size=y.shape)
    return cases


def further(case: dict[str, Any]) -> tuple[list[g.Expr], g.Expr, dict[g.Expr, Any]]:
    """(operands, result, the other inputs) of a layer in its form for training, or of a loss."""
    name, x = str(case["kind"]), g.symbol("x", shape=case["x"].shape)
    if name in LOSSES:
        target = g.symbol("target", shape=case["target"].shape, dtype=case["target"].dtype)
        return [x], LOSSES[name](x, target), {target: case["target"]}
    model = nn.Model(LAYERS[name][0], x)
    others = {mask: case[f"m{place}"] for place, (mask, _) in enumerate(model.masks.values())}
    others |= {buffer: case[f"b{place}"] for place, buffer in enumerate(model.buffers.values())}
    if model.buffers:  # what follows the running averages, as one array beside the result
        after = g.concat(*model.buffer_updates.values())
        wide = g.sum(model.training_output**2) + g.sum(model.output**2)  # both forms
        return [x, *model.parameters.values()], g.concat(g.reshape(wide, (1,)), after), others
    return [x, *model.parameters.values()], model.training_output, others


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
    operands, y, others = (*layer(case), {}) if "numbers" in case else further(case)
    v = g.symbol("v", shape=y.shape)
    directions = [g.symbol(f"u{place}", shape=operand.shape) for place, operand in enumerate(operands)]
    gradients = g.grad(g.sum(v * y**3), operands)
    along = sum((g.sum(d * u) for d, u in zip(gradients, directions, strict=True)), g.constant(0.0))
    second = g.grad(along, operands)
    parameters = (
        {symbol: case[f"p{place}"] for place, symbol in enumerate(operands[1:])}
        if "numbers" not in case
        else {}
    )
    known = {**others, **parameters}
    inputs = [*operands, v, *directions, *others]
    values = g.compile([y, *gradients, *second], inputs)(
        *(known[symbol] if symbol in known else case[symbol.name] for symbol in inputs)
    )
    count = len(operands)
    names = ["y", *(f"first{i}" for i in range(count)), *(f"second{i}" for i in range(count))]
    return dict(zip(names, values, strict=True))


def lenet_case(
    dtype: str, optimiser: str, rate: float, steps: int, rng: np.random.Generator
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
    case["optimiser"], case["rate"] = np.array(optimiser), np.array(rate)
    return case, model


def lenet_losses(case: dict[str, Any], model: nn.Model) -> np.ndarray:
    labels = g.symbol("labels", shape=("n",), dtype="int64")
    optimiser = OPTIMISERS[str(case["optimiser"])]
    step = train.Step(model, nn.cross_entropy(model.output, labels), optimiser, [model.input, labels])
    batches = zip(case["images"], case["labels"], strict=True)
    return np.array(
        [step({model.input: images, labels: wanted}, float(case["rate"])) for images, wanted in batches]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default=100, type=int)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    cases: dict[str, dict[str, Any]] = {**layer_cases(rng), **further_cases(rng)}
    models = {}
    for dtype, name, steps in (
        ("float32", "SGD", options.steps), ("float64", "SGD", options.steps),
        *(("float64", other, min(10, options.steps)) for other in OPTIMISERS if other != "SGD"),
    ):  # fmt: skip
        key = f"LeNet, {name}, {dtype}"
        cases[key], models[key] = lenet_case(dtype, name, OPTIMISERS[name].rate, steps, rng)
    steep = f"LeNet, SGD {STEEP:g}, float32"
    cases[steep], models[steep] = lenet_case("float32", "SGD", STEEP, options.steps, rng)
    cases[steep]["variants"] = np.array(True)
    with tempfile.TemporaryDirectory() as directory:
        given, answered = Path(directory) / "in.npz", Path(directory) / "out.npz"
        np.savez(
            given,
            **{f"{case}/{key}": np.asarray(a) for case, known in cases.items() for key, a in known.items()},
        )
        subprocess.run([peers_python(), PEER, given, answered], check=True)
        with np.load(answered, allow_pickle=False) as file:
            wanted = {key: file[key] for key in file.files}
    worst: dict[str, dict[str, float]] = {}
    for name, case in cases.items():
        found = {"losses": lenet_losses(case, models[name])} if name in models else by_graphc(case)
        row = worst.setdefault(name if name in models else str(case["kind"]), {})
        for key, value in found.items():
            other = wanted[f"{name}/{key}"]
            assert np.shape(value) == other.shape, (name, key)
            what = key.rstrip("0123456789")
            row[what] = max(row.get(what, 0.0), apart(value, other, key == "losses"))
    print(f"PyTorch beside itself: the losses of LeNet in float32 at rate {STEEP:g}")
    own = {
        key.partition("=")[2]: apart(losses, wanted[f"{steep}/losses"], True)
        for key, losses in wanted.items()
        if key.startswith(f"{steep}/variant=")
    }
    for variant, error in own.items():
        print(f"  {variant:30s} {error:8.1e}")
    bounds = {row: 1e-4 if "float32" in row else 1e-10 if "LeNet" in row else 1e-12 for row in worst}
    bounds[steep] = max(1e-4, 2 * max(own.values()))  # as near as PyTorch is to itself
    print("\ngraphc beside PyTorch: values, first and second derivatives; or losses")
    failed = False
    for row, errors in worst.items():
        right = all(error <= bounds[row] for error in errors.values())  # NaN is not
        failed |= not right
        shown = "  ".join(f"{error:8.1e}" for error in errors.values())
        print(f"  {row:30s} {shown:28s}  at most {bounds[row]:.1g}{'' if right else ', TOO LARGE'}")
    sys.exit(failed)


def apart(value: Any, other: np.ndarray, relative: bool) -> float:
    """The largest difference, over each element of the other or over the largest of all."""
    scale = np.abs(other) if relative else max(1.0, float(np.abs(other).max(initial=0)))
    return float((np.abs(value - other) / scale).max(initial=0))


if __name__ == "__main__":
    main()
