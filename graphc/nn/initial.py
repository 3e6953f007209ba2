"""Initial values of parameters: arrays drawn from a seeded generator, by the number of inputs and outputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from graphc.errors import InputError, ShapeError, brief
from graphc.ir.types import as_shape
from graphc.util.arguments import number

Shape: TypeAlias = tuple[int, ...]
Initialiser: TypeAlias = Callable[[np.random.Generator, Shape], np.ndarray]
"""(generator, shape) → float64 array; weights are (outputs, inputs) or (outputs, inputs, rows, columns)."""


def _shape(shape: Any) -> Shape:
    """The lengths of an array that can be allocated."""
    lengths = as_shape(shape)
    if not all(isinstance(length, int) for length in lengths) or math.prod(lengths) >= 2**33:  # type: ignore[arg-type]
        raise ShapeError(f"no array has the shape {brief(shape)}", hint="a tuple of lengths, as (3, 2)")
    return lengths  # type: ignore[return-value]


def _generator(rng: Any) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"{brief(rng)} is no generator", hint="numpy.random.default_rng(0)")
    return rng


def fans(shape: Shape) -> tuple[int, int]:
    """(inputs, outputs) of one unit: of a kernel the elements of its window times its channels.

    >>> fans((500, 800)), fans((50, 20, 5, 5))
    ((800, 500), (500, 1250))
    """
    shape = _shape(shape)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Zeros, as biases begin."""
    return np.zeros(_shape(shape))


def ones(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Ones, as scales begin."""
    return np.ones(_shape(shape))


def uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in [−1/√n, 1/√n] for n inputs."""
    bound = 1 / math.sqrt(max(fans(shape)[0], 1))
    return _generator(rng).uniform(-bound, bound, _shape(shape))


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in ±√(6/(inputs + outputs)): Glorot and Bengio (2010)."""
    bound = math.sqrt(6 / max(sum(fans(shape)), 1))
    return _generator(rng).uniform(-bound, bound, _shape(shape))


def xavier_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal with variance 2/(inputs + outputs): Glorot and Bengio (2010)."""
    return _generator(rng).normal(0.0, math.sqrt(2 / max(sum(fans(shape)), 1)), _shape(shape))


def he_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Uniform in ±√(6/inputs), for rectified linear units: He et al. (2015)."""
    bound = math.sqrt(6 / max(fans(shape)[0], 1))
    return _generator(rng).uniform(-bound, bound, _shape(shape))


def he_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal with variance 2/inputs, for rectified linear units: He et al. (2015)."""
    return _generator(rng).normal(0.0, math.sqrt(2 / max(fans(shape)[0], 1)), _shape(shape))


def normal(scale: float) -> Initialiser:
    """Normal with a given standard deviation."""
    spread = number("the standard deviation", scale, lambda scale: 0 <= scale < math.inf, "nn.normal(0.01)")
    return lambda rng, shape: _generator(rng).normal(0.0, spread, _shape(shape))


__all__ = [
    "fans", "he_normal", "he_uniform", "normal", "ones", "uniform", "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip
