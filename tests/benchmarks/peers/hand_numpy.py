"""Value and gradients written by hand with NumPy."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.formulas import POINT
from tests.benchmarks.worker import serve


def value_and_grad(x, w, b):
    e = np.exp(-(x * w + b))
    s = e + 1
    delta = e / s
    return np.log(1 / s), (delta * w, delta * x, delta)


def log_sigmoid_scalar():
    x, w, b = POINT
    return lambda: value_and_grad(x, w, b)


def log_sigmoid_array():
    x, b = np.linspace(-2, 2, 1_000_000), np.linspace(-1, 1, 1_000_000)
    return lambda: value_and_grad(x, -3.0, b)


if __name__ == "__main__":
    serve({"log_sigmoid_scalar": log_sigmoid_scalar, "log_sigmoid_array": log_sigmoid_array})
