"""Initial values of parameters: arrays drawn from a seeded generator, by the number of inputs and outputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Shape: TypeAlias = tuple[int, ...]
Initialiser: TypeAlias = Callable[[np.random.Generator, Shape], np.ndarray]
"""(generator, shape) → float64 array; weights are (outputs, inputs) or (outputs, inputs, rows, columns)."""


def fans(shape: Shape) -> tuple[int, int]:
    """(inputs, outputs) of one unit: of a kernel the elements of its window times its channels.

    >>> fans((500, 800)), fans((50, 20, 5, 5))
    ((800, 500), (500, 1250))
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Zeros, as biases begin."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Ones, as scales begin."""
    return np.ones(shape)


def uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in [−1/√n, 1/√n] for n inputs."""
    bound = 1 / math.sqrt(max(fans(shape)[0], 1))
    return rng.uniform(-bound, bound, shape)


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in ±√(6/(inputs + outputs)): Glorot and Bengio (2010)."""
    bound = math.sqrt(6 / max(sum(fans(shape)), 1))
    return rng.uniform(-bound, bound, shape)


def xavier_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal with variance 2/(inputs + outputs): Glorot and Bengio (2010)."""
    return rng.normal(0.0, math.sqrt(2 / max(sum(fans(shape)), 1)), shape)


def he_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in ±√(6/inputs), for rectified linear units: He et al. (2015)."""
    bound = math.sqrt(6 / max(fans(shape)[0], 1))
    return rng.uniform(-bound, bound, shape)


def he_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal with variance 2/inputs, for rectified linear units: He et al. (2015)."""
    return rng.normal(0.0, math.sqrt(2 / max(fans(shape)[0], 1)), shape)


def normal(scale: float) -> Initialiser:
    """Normal with a standard deviation of one's own."""
    return lambda rng, shape: rng.normal(0.0, scale, shape)


__all__ = [
    "fans", "he_normal", "he_uniform", "normal", "ones", "uniform", "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip
