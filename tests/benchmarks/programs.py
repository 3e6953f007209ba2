"""The programs over tensors that all frameworks compile, with their data and what each gives, written by hand with NumPy.

A program is one formula, `build(m, **inputs)`, over a namespace `m` that each framework brings; what is asked of it is its
value with gradients, a training step, or the value alone. `hand` computes the same with NumPy and no framework: it races as
the NumPy row, and in float64 it is what every framework's results are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from tests.benchmarks.by_hand import tensors as by_hand

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Program:
    """A formula over tensors and its targets.

    data : (random generator, *sizes) → the inputs by name, in float64 and int64; `arrays` casts them
    build : (m, **inputs) → the loss, or for "vjp" the output
    hand : the results of a call from the inputs by name: those of `ask`, as a list
    ask : "grad": the loss and its gradients by `wrt`; "vjp": the output, and what goes back from the input `adjoint`;
        "step": the loss, and `wrt` after a step of gradient descent with the rate; "value": the output alone
    sizes, tiny : of the data; the tiny ones tell what the memory of a call is without data
    flops : floating-point operations of the products, the fewest that give the result
    bytes : of what must be read and written once
    limits : the most it may take of the fastest peer's time and memory; None without a target
    """

    data: Callable[..., Arrays]
    build: Callable[..., Any]
    hand: Callable[..., list[Any]]
    wrt: tuple[str, ...]
    sizes: tuple[int, ...]
    tiny: tuple[int, ...]
    dtype: str = "float64"
    ask: str = "grad"
    rate: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0
    limits: tuple[float | None, float | None] = (0.8, 1.0)

    def arrays(self, sizes: tuple[int, ...] | None = None, dtype: str | None = None) -> Arrays:
        """The inputs, the same in every process."""
        given = self.data(np.random.default_rng(0), *(self.sizes if sizes is None else sizes))
        kind = dtype or self.dtype
        return {k: np.array(v, kind if v.dtype.kind == "f" else v.dtype, order="C") for k, v in given.items()}

    def reference(self) -> list[np.ndarray]:
        """The results in float64, from the very numbers that the frameworks get."""
        exact = {k: v.astype("float64") if v.dtype.kind == "f" else v for k, v in self.arrays().items()}
        return [np.asarray(value) for value in self.hand(**exact)]

    @property
    def tolerance(self) -> float:
        """Of the error relative to a result's largest element: sums of some thousand terms in another order."""
        return 2e-5 if self.dtype == "float32" else 1e-11


# --- the formulas -------------------------------------------------------------------------------------------------------------


def _two_layers(m, x, y, w1, w2):
    error = m.sigmoid(x @ w1) @ w2 - y
    return m.sum(error * error)


def _two_layers_data(rng, n, d, h, k):
    return {
        "x": rng.normal(size=(n, d)), "y": rng.normal(size=(n, k)), "w1": rng.normal(size=(d, h)) / np.sqrt(d),
        "w2": rng.normal(size=(h, k)) / np.sqrt(h),
    }  # fmt: skip


def _cross_entropy(m, z, labels):
    return m.cross_entropy(z, labels)


def _cross_entropy_data(rng, n, classes):
    return {"z": 3 * rng.normal(size=(n, classes)), "labels": rng.integers(0, classes, n)}


def _layer_norm(m, x, scale, shift):
    return m.layer_norm(x, scale, shift)


def _layer_norm_data(rng, n, d):
    return {
        "x": 1 + 2 * rng.normal(size=(n, d)), "scale": rng.normal(size=d), "shift": rng.normal(size=d),
        "adjoint": rng.normal(size=(n, d)),
    }  # fmt: skip


def _mixture(m, x, a, mu, q, lower):
    """Σₙ log Σₖ exp(aₖ + Σ qₖ − ½‖Qₖ(xₙ − μₖ)‖²) − N log Σₖ exp aₖ, as ADBench has it.

    Qₖ = tril(lowerₖ, −1) + diag(exp qₖ)
    """
    count, d = x.shape
    factor = m.tril(lower, -1) + m.exp(q)[:, :, None] * m.eye(d)
    away = (x[None, :, :] - mu[:, None, :]) @ m.transposed(factor)
    terms = (a + m.sum(q, axis=1))[:, None] - 0.5 * m.sum(away * away, axis=2)
    return m.sum(m.logsumexp(terms, axis=0)) - count * m.logsumexp(a, axis=0)


def _mixture_data(rng, n, k, d):
    return {
        "x": rng.normal(size=(n, d)), "a": rng.normal(size=k), "mu": rng.normal(size=(k, d)), "q": 0.1 * rng.normal(size=(k, d)),
        "lower": rng.normal(size=(k, d, d)) / d,
    }  # fmt: skip


def _k_means(m, x, c):
    away = x[:, None, :] - c[None, :, :]
    return m.sum(m.min(m.sum(away * away, axis=2), axis=1))


def _k_means_by_products(m, x, c):
    """The squares multiplied out, as those do who know that a product is fast: ‖x‖² − 2 x·c + ‖c‖²."""
    square = m.sum(x * x, axis=1)[:, None] - 2 * (x @ m.transposed(c)) + m.sum(c * c, axis=1)[None, :]
    return m.sum(m.min(square, axis=1))


def _k_means_data(rng, n, k, d):
    return {"x": rng.normal(size=(n, d)), "c": rng.normal(size=(k, d))}


def _logistic(m, x, y, w, b):
    return m.mean(m.softplus(-(y * (x @ w + b))))


def _logistic_data(rng, n, d):
    return {
        "x": rng.normal(size=(n, d)), "y": rng.choice([-1.0, 1.0], n), "w": rng.normal(size=d) / np.sqrt(d),
        "b": rng.normal(size=()),
    }  # fmt: skip


def _lenet_scores(m, x, k1, b1, k2, b2, w3, b3, w4, b4):
    hidden = m.max_pool(m.conv(x, k1, b1))
    hidden = m.max_pool(m.conv(hidden, k2, b2))
    return m.relu(m.flat(hidden) @ w3 + b3) @ w4 + b4


def _lenet(m, x, labels, **parameters):
    return m.cross_entropy(_lenet_scores(m, x, **parameters), labels)


LENET = ("k1", "b1", "k2", "b2", "w3", "b3", "w4", "b4")


def _lenet_data(rng, n):
    def uniform(inputs, *shape):
        return rng.uniform(-1, 1, shape) / np.sqrt(inputs)

    return {
        "x": rng.uniform(0, 1, (n, 1, 28, 28)), "labels": rng.integers(0, 10, n),
        "k1": uniform(25, 20, 1, 5, 5), "b1": uniform(25, 20), "k2": uniform(500, 50, 20, 5, 5), "b2": uniform(500, 50),
        "w3": uniform(800, 800, 500), "b3": uniform(800, 500), "w4": uniform(500, 500, 10), "b4": uniform(500, 10),
    }  # fmt: skip


def _lenet_forward_data(rng, n):
    given = _lenet_data(rng, n)
    del given["labels"]
    return given


def _layers(depth, m, x, labels, **parameters):
    hidden = x
    for k in range(depth):
        hidden = m.relu(hidden @ parameters[f"w{k}"] + parameters[f"b{k}"])
    return m.cross_entropy(hidden @ parameters[f"w{depth}"] + parameters[f"b{depth}"], labels)


def _layers_data(depth, rng, n, width):
    widths = [40, *[width] * depth, 10]
    found = {"x": rng.normal(size=(n, 40)), "labels": rng.integers(0, 10, n)}
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        found[f"w{k}"] = rng.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        found[f"b{k}"] = np.zeros(outputs)
    return found


def _mnist_1d(depth: int, width: int) -> Program:
    """The full-batch epoch of a network on 4,000 examples of MNIST-1D's shape."""
    n = 4000
    inner, outer = (depth - 1) * width * width + width * 10, 40 * width
    return Program(
        partial(_layers_data, depth), partial(_layers, depth), partial(by_hand.layers, depth),
        tuple(f"{kind}{k}" for k in range(depth + 1) for kind in "wb"), (n, width), (2, 3), "float32", "step", 0.0025,
        flops=2.0 * n * (2 * outer + 3 * inner), bytes=4.0 * n * 40, limits=(0.5, None),
    )  # fmt: skip


@cache
def programs() -> Mapping[str, Program]:
    """Title → program."""
    mega = 2.0**20
    return {
        "two-layer sigmoid network, training step, 64×1000→100→10, float64": Program(
            _two_layers_data, _two_layers, by_hand.two_layers, ("w1", "w2"), (64, 1000, 100, 10), (2, 3, 4, 2), ask="step",
            rate=1e-4, flops=2.0 * 64 * 100 * (2 * 1000 + 3 * 10), bytes=8.0 * (64_000 + 2 * 100_000), limits=(0.65, 1.0),
        ),
        "softmax cross-entropy and gradient, 4096×1000, float32": Program(
            _cross_entropy_data, _cross_entropy, by_hand.cross_entropy_and_grad, ("z",), (4096, 1000), (2, 3), "float32",
            bytes=2 * 4.0 * 4096 * 1000,
        ),
        "layer norm and gradients, 4096×1024, float32": Program(
            _layer_norm_data, _layer_norm, by_hand.layer_norm, ("x", "scale", "shift"), (4096, 1024), (2, 3), "float32", "vjp",
            bytes=4 * 4 * 4 * mega,
        ),
        "Gaussian mixture, log-likelihood and gradients, 1000 points, 25×32, float64": Program(
            _mixture_data, _mixture, by_hand.mixture, ("a", "mu", "q", "lower"), (1000, 25, 32), (2, 3, 2),
            flops=2 * 25 * 1000 * 32 * 33.0, bytes=8.0 * (1000 * 32 + 2 * 25 * 32 * 32),
        ),
        "k-means, cost and gradient, 10⁵×8, 10 centres, float64": Program(
            _k_means_data, _k_means, by_hand.k_means, ("c",), (100_000, 10, 8), (2, 3, 2), flops=3.0 * 8_000_000,
            bytes=8.0 * 800_000,
        ),
        "k-means by products, cost and gradient, 10⁵×8, 10 centres, float64": Program(
            _k_means_data, _k_means_by_products, by_hand.k_means, ("c",), (100_000, 10, 8), (2, 3, 2), flops=2.0 * 8_000_000,
            bytes=8.0 * 800_000,
        ),
        "logistic regression and gradient, 10⁵×100, float64": Program(
            _logistic_data, _logistic, by_hand.logistic, ("w", "b"), (100_000, 100), (2, 3), flops=4e7, bytes=8e7,
        ),
        "LeNet, training step, 64 images, float32": Program(
            _lenet_data, _lenet, by_hand.lenet, LENET, (64,), (1,), "float32", "step", 1e-3,
            flops=64 * 2.0 * (2 * 288_000 + 3 * 1_600_000 + 3 * 405_000), bytes=4.0 * (64 * 784 + 2 * 431_080), limits=(0.5, 1.0),
        ),
        "LeNet, forward, 64 images, float32": Program(
            _lenet_forward_data, _lenet_scores, by_hand.lenet_scores, (), (64,), (1,), "float32", "value",
            flops=64 * 2.0 * (288_000 + 1_600_000 + 405_000), bytes=4.0 * (64 * 784 + 431_080), limits=(0.6, None),
        ),
        **{
            f"MNIST-1D, {depth} × {width} hidden units, full-batch epoch of 4,000, float32": _mnist_1d(depth, width)
            for depth, width in ((1, 298), (2, 100), (3, 75), (4, 63))
        },
    }  # fmt: skip
