"""Free numbers in the place of constrained parameters: the map, the logarithm of its Jacobian determinant, and its inverse.

Source of the maps and determinants: Stan Reference Manual, chapter "Constraint transforms"; logarithms are taken of what the map
is made of, so none underflows far out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import InputError, ShapeError, brief
from graphc.ir.expr import Expr, current_site
from graphc.ir.types import format_shape
from graphc.ops.elementary import exp, tanh
from graphc.ops.logistic import log_sigmoid, sigmoid, softplus
from graphc.ops.reduce import sum as sum_of
from graphc.ops.running import cumsum
from graphc.ops.shape import concat, reshape, stack
from graphc.util.arguments import number


@dataclass(frozen=True, repr=False)
class Transform:
    """A one-to-one map from free numbers to the values that a parameter may have.

    name : what it is called
    size : shape of the parameter → how many free numbers it has
    forward : (free numbers, a vector; shape) → (the parameter; log|det| of the map's Jacobian, a scalar), expressions
    inverse : a value of the parameter, an array → the free numbers; raises `InputError` for a value that it may not have
    """

    name: str
    size: Callable[[tuple[int, ...]], int]
    forward: Callable[[Expr, tuple[int, ...]], tuple[Expr, Expr]]
    inverse: Callable[[np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"<graphc.stats transform: {self.name}>"


def _count(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def _shaped(u: Expr, shape: tuple[int, ...]) -> Expr:
    return reshape(u, shape) if shape else u[0]


def _elementwise(
    name: str,
    value: Callable[[Any], Any],
    log_slope: Callable[[Any], Any],
    back: Callable[[np.ndarray], np.ndarray],
) -> Transform:
    def forward(u: Expr, shape: tuple[int, ...]) -> tuple[Expr, Expr]:
        return _shaped(value(u), shape), sum_of(log_slope(u))

    def inverse(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            free = np.ravel(back(np.asarray(x, np.float64)))
        if not np.isfinite(free).all():
            raise _outside(name, x)
        return free

    return Transform(name, _count, forward, inverse)


def _outside(name: str, x: Any) -> InputError:
    return InputError(
        f"{brief(x)} is no value of a parameter that is {name}",
        site=current_site(),
        hint="begin at a value inside of its range",
    )


real: Transform = _elementwise("real", lambda u: u, lambda u: 0 * u, lambda x: x)
positive: Transform = _elementwise("positive", exp, lambda u: u, np.log)


def above(least: Any) -> Transform:
    """Numbers above a bound.

    >>> above(2.0)
    <graphc.stats transform: above 2>
    """
    low = number("least", least, math.isfinite, "write stats.above(0.0)")
    return _elementwise(f"above {low:g}", lambda u: low + exp(u), lambda u: u, lambda x: np.log(x - low))


def below(greatest: Any) -> Transform:
    """Numbers below a bound."""
    high = number("greatest", greatest, math.isfinite, "write stats.below(1.0)")
    return _elementwise(f"below {high:g}", lambda u: high - exp(u), lambda u: u, lambda x: np.log(high - x))


def between(least: Any, greatest: Any) -> Transform:
    """Numbers between two bounds, by the logistic function.

    >>> between(0, 1)
    <graphc.stats transform: between 0 and 1>
    """
    low = number("least", least, math.isfinite, "write stats.between(0, 1)")
    high = number(
        "greatest", greatest, lambda value: math.isfinite(value) and value > low, "write stats.between(0, 1)"
    )
    width = high - low
    return _elementwise(
        f"between {low:g} and {high:g}",
        lambda u: low + width * sigmoid(u),
        lambda u: math.log(width) + log_sigmoid(u) + log_sigmoid(-u),
        lambda x: np.log(x - low) - np.log(high - x),
    )


# --- vectors ----------------------------------------------------------------------------------------------------------


def _one_axis(name: str, shape: tuple[int, ...]) -> int:
    if len(shape) != 1 or shape[0] < 1:
        raise ShapeError(
            f"a parameter that is {name} is a vector, not of shape {format_shape(shape)}",
            site=current_site(),
            hint='declare g.symbol("x", shape=3)',
        )
    return shape[0]


def _ordered_forward(u: Expr, shape: tuple[int, ...]) -> tuple[Expr, Expr]:
    if _one_axis("ordered", shape) == 1:
        return u, 0 * u[0]
    return cumsum(concat([u[:1], exp(u[1:])])), sum_of(u[1:])


def _ordered_inverse(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        free = np.concatenate([x[:1], np.log(np.diff(x))])
    if not np.isfinite(free).all():
        raise _outside("ordered", x)
    return free


ordered: Transform = Transform(
    "ordered", lambda shape: _one_axis("ordered", shape), _ordered_forward, _ordered_inverse
)


def _simplex_size(shape: tuple[int, ...]) -> int:
    return _one_axis("a simplex", shape) - 1


def _simplex_forward(u: Expr, shape: tuple[int, ...]) -> tuple[Expr, Expr]:
    """Breaking a stick: each share is a part of what is left, and equal at 0."""
    count = _simplex_size(shape)
    if count == 0:
        return exp(sum_of(u)) * np.ones(1), sum_of(u)
    turned = u - np.log(np.arange(count, 0, -1.0))
    part, kept = log_sigmoid(turned), log_sigmoid(-turned)
    left = cumsum(kept)  # the logarithm of what is left after each break
    before = left - kept
    return exp(concat([before + part, left[-1:]])), sum_of(part + kept + before)


def _simplex_inverse(x: np.ndarray) -> np.ndarray:
    if not (np.all(x > 0) and abs(x.sum() - 1) < 1e-8):
        raise _outside("a simplex", x)
    after = np.cumsum(x[::-1])[::-1][1:]  # what is left after each break
    return np.log(x[:-1]) - np.log(after) + np.log(np.arange(len(x) - 1, 0, -1.0))


simplex: Transform = Transform("a simplex", _simplex_size, _simplex_forward, _simplex_inverse)


# --- matrices -----------------------------------------------------------------------------------------------------------


def _matrix_size(shape: tuple[int, ...]) -> int:
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        raise ShapeError(
            f"a Cholesky factor is square, not of shape {format_shape(shape)}",
            site=current_site(),
            hint='declare g.symbol("L", shape=(3, 3))',
        )
    return shape[0] * (shape[0] - 1) // 2


def _log_cosh(u: Any) -> Any:
    size = abs(u)
    return size + softplus(-2 * size) - math.log(2)


def _correlation_forward(u: Expr, shape: tuple[int, ...]) -> tuple[Expr, Expr]:
    """Partial correlations tanh u: Lᵢⱼ is one times the root of what the row's squares before it leave of 1."""
    if _matrix_size(shape) == 0:
        return reshape(exp(sum_of(u)), (1, 1)), sum_of(u)
    zero = 0 * u[0]
    z, log_root = tanh(u), -_log_cosh(u)
    rows, logs, place = [], zero, 0
    for i in range(shape[0]):
        left: Any = zero  # the logarithm of the root of what is left
        row = []
        for _ in range(i):
            row.append(z[place] * exp(left))
            logs = logs + 2 * log_root[place] + left
            left = left + log_root[place]
            place += 1
        row.append(exp(left))
        rows.append(stack(row + [zero] * (shape[0] - 1 - i)))
    return stack(rows), logs


def _correlation_inverse(x: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(x, axis=1)
    if not (np.all(np.diag(x) > 0) and np.allclose(lengths, 1, atol=1e-8) and not np.triu(x, 1).any()):
        raise _outside("a Cholesky factor of a correlation matrix", x)
    free = []
    for i in range(1, len(x)):
        # what is left of the row's squares, from its end: nothing cancels
        left = np.sqrt(np.cumsum(x[i, ::-1] ** 2)[::-1])
        free += [math.asinh(x[i, j] / left[j + 1]) for j in range(i)]
    return np.array(free)


correlation_cholesky: Transform = Transform(
    "a Cholesky factor of a correlation matrix", _matrix_size, _correlation_forward, _correlation_inverse
)

__all__ = [
    "Transform",
    "above",
    "below",
    "between",
    "correlation_cholesky",
    "ordered",
    "positive",
    "real",
    "simplex",
]
