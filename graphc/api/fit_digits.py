"""The last digits of a least-squares fit: steps by exact derivatives where a solver has stopped.

What a solver leaves when the sum of squares stands still are half of the digits: a sum of squares is flat at its minimum. The
gradient is not, so Gauss-Newton steps (Newton's where residuals are large) go on as long as they make the gradient less. Where
rounding of the residuals themselves takes digits, as in sums of exponentials, the gradient of the last steps is computed by the
mpmath interpreter, exact to float64, while the steps are solved in float64: iterative refinement, Björck, "Numerical Methods
for Least Squares Problems", §2.9.3 and §9.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.api.functions import hessian
from graphc.api.packed_problem import PackedProblem
from graphc.errors import GraphcError
from graphc.interpret import mpmath_eval
from graphc.ir.expr import Expr
from graphc.ops.reduce import sum as sum_of
from graphc.util.records import dataclass

MOST_EXACT = 5_000
"""Elements of the Jacobian up to which the last steps may take exact gradients: an element takes some 0.1 ms."""

EPS = float(np.finfo(np.float64).eps)

DIGITS = 25
"""Of the residuals and derivatives of exact gradients."""


@dataclass(frozen=True)
class FitFunctions:
    """Residuals and their Jacobian as functions of the vector, and the expressions that they are.

    blocks : the Jacobian as expressions, one for each unknown; None where it is sparse
    """

    problem: PackedProblem
    residuals: Expr
    blocks: Any
    fun: Callable[[np.ndarray], np.ndarray]
    jac: Callable[[np.ndarray], Any]


def finish(f: FitFunctions, result: Any) -> None:
    """Take the steps that a solver left, and say how far the unknowns are determined."""
    result.x, slow = _polished(f, result.x)
    squares = None
    matrix = f.jac(result.x)
    if f.problem.bounds is None and matrix.size <= MOST_EXACT and _loses_digits(f, result.x):
        result.x, squares = _refined(f, result.x, slow)
    result.fun, result.jac = f.fun(result.x), f.jac(result.x)
    squares = float(result.fun @ result.fun) if squares is None else squares
    result.cost = 0.5 * squares
    result.grad = result.jac.T @ result.fun
    result.optimality = float(np.abs(result.grad).max())
    result.standard_errors = f.problem.vector.unpack(standard_errors(result.jac, squares))


def _scaled_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.linalg.norm(matrix, axis=0)
    lengths = np.where(lengths > 0, lengths, 1.0)
    return matrix / lengths, lengths


def _polished(f: FitFunctions, x: np.ndarray) -> tuple[np.ndarray, bool]:
    """Steps as long as they make the gradient less, and whether Gauss-Newton's alone were too slow."""
    x = _descended(f, x, lambda at, matrix, residuals: np.linalg.lstsq(matrix, -residuals, rcond=1e-14)[0])
    matrix, residuals = f.jac(x), f.fun(x)
    scaled, lengths = _scaled_columns(matrix)
    if not _singular(matrix):
        step = np.linalg.lstsq(scaled, -residuals, rcond=1e-14)[0] / lengths
        if np.all((np.abs(step) <= 10 * _rounding(f, x)) | ~_free(f, x)):
            return x, False
    curvature = _hessian(f)

    def newton(at: np.ndarray, matrix: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        lengths = _scaled_columns(f.jac(at))[1][_free(f, at)]
        bent = curvature(at)[np.ix_(_free(f, at), _free(f, at))] / np.outer(lengths, lengths)
        return np.linalg.lstsq(bent, -matrix.T @ residuals, rcond=1e-15)[0]

    return _descended(f, x, newton), True


def _descended(f: FitFunctions, x: np.ndarray, step_of: Callable[..., np.ndarray]) -> np.ndarray:
    best, slope, cost = x, math.inf, math.inf
    for _ in range(100):
        matrix, residuals = f.jac(x), f.fun(x)
        if not (np.isfinite(matrix).all() and np.isfinite(residuals).all()):
            return best
        free = _free(f, x)
        scaled, lengths = _scaled_columns(matrix[:, free])
        now, squares = float(np.linalg.norm(scaled.T @ residuals)), float(residuals @ residuals)
        if not now < slope or squares > cost * (1 + 1e-9) or not free.any():
            return best
        best, slope, cost = x, now, squares
        x = x.copy()
        x[free] += step_of(best, scaled, residuals) / lengths
        if f.problem.bounds is not None:
            x = np.clip(x, *f.problem.bounds)
    return best


def _free(f: FitFunctions, x: np.ndarray) -> np.ndarray:
    """Which unknowns are not held by a bound."""
    if f.problem.bounds is None:
        return np.ones(len(x), bool)
    least, greatest = f.problem.bounds
    slope = f.jac(x).T @ f.fun(x)
    near = 1e-10 * (1 + np.abs(x))
    return ~((x <= least + near) & (slope > 0)) & ~((x >= greatest - near) & (slope < 0))


def _hessian(f: FitFunctions) -> Callable[[np.ndarray], np.ndarray]:
    """The whole Hessian of half the sum of squares."""
    half = sum_of(f.residuals * f.residuals) / 2
    symbols = f.problem.symbols
    blocks = hessian(half, symbols)
    at = f.problem.compiled(blocks)
    sizes = f.problem.sizes

    def whole(vector: np.ndarray) -> np.ndarray:
        rows = [
            [np.reshape(block, (high, wide)) for block, wide in zip(row, sizes, strict=True)]
            for row, high in zip(at(vector), sizes, strict=True)
        ]
        return np.block(rows)

    return whole


def _singular(matrix: np.ndarray) -> bool:
    scaled, _ = _scaled_columns(matrix)
    if matrix.shape[0] < matrix.shape[1]:
        return True
    values = np.linalg.svd(scaled, compute_uv=False)
    return bool(values[-1] <= max(matrix.shape) * EPS * values[0])


def _rounding(f: FitFunctions, x: np.ndarray) -> np.ndarray:
    """What rounding of residuals as large as the model's values may leave of a step, by unknown; JᵀJ has an inverse."""
    matrix, residuals = f.jac(x), f.fun(x)
    scaled, lengths = _scaled_columns(matrix)
    size = np.abs(residuals) + np.abs(matrix) @ np.abs(x)
    inverse = np.linalg.inv(np.linalg.qr(scaled, mode="r"))
    return EPS * (np.abs(inverse @ inverse.T) @ (np.abs(scaled).T @ size)) / lengths


def _loses_digits(f: FitFunctions, x: np.ndarray) -> bool:
    """Whether rounding of the residuals may show in the eleventh digit of an unknown or the eighth of the sum of squares."""
    matrix, residuals = f.jac(x), f.fun(x)
    if _singular(matrix):
        return False
    size = np.linalg.norm(np.abs(residuals) + np.abs(matrix) @ np.abs(x))
    unsure = _rounding(f, x) > 1e-11 * np.abs(x)
    return bool(unsure.any() or EPS * size > 1e-8 * np.linalg.norm(residuals) > 0)


def _refined(f: FitFunctions, x: np.ndarray, slow: bool) -> tuple[np.ndarray, float | None]:
    """Steps by exact gradients, and the exact sum of squares; the point itself where mpmath has no form for the formula."""
    names = f.problem.names
    numbers = mpmath_eval.context(DIGITS)
    data = {node.name: f.problem.data[node.name] for node in f.problem.others}
    curvature = _hessian(f) if slow else None

    def exact(vector: np.ndarray) -> tuple[np.ndarray, float]:
        values = f.problem.vector.unpack(vector)
        at = {**{name: values[name] for name in names}, **data}
        residuals, blocks = mpmath_eval.evaluate((f.residuals, f.blocks), at, DIGITS)
        rows = list(np.reshape(residuals, -1))
        sizes = f.problem.sizes
        columns = np.hstack([np.reshape(b, (len(rows), size)) for b, size in zip(blocks, sizes, strict=True)])
        slope = [float(numbers.fdot(list(column), rows)) for column in columns.T]
        return np.array(slope), float(numbers.fdot(rows, rows))

    best, last, squares = x, math.inf, None
    try:
        for _ in range(25):
            slope, now = exact(x)
            scaled, lengths = _scaled_columns(f.jac(x))
            if curvature is not None:
                step = np.linalg.lstsq(
                    curvature(x) / np.outer(lengths, lengths), -slope / lengths, rcond=1e-15
                )[0]
            else:
                inverse = np.linalg.inv(np.linalg.qr(scaled, mode="r"))
                step = -(inverse @ (inverse.T @ (slope / lengths)))
            size = float(np.linalg.norm(step))
            if not size < last:
                break
            best, last = x, size
            # the least sum of squares, at the point that this one is rounded from
            squares = max(now + float(slope / lengths @ step) if curvature is None else now, 0.0)
            x = x + step / lengths
            if np.array_equal(x, best):
                break
    except GraphcError:
        return best, squares
    return best, squares


def standard_errors(matrix: np.ndarray, squares: float) -> np.ndarray:
    """Standard errors of a fit: the diagonal of s²·(JᵀJ)⁻¹ by QR of J with columns of length 1.

    squares : the sum of the squares of the residuals
    """
    rows, columns = matrix.shape
    if rows <= columns:
        return np.full(columns, np.inf)
    lengths = np.linalg.norm(matrix, axis=0)
    if not np.all(lengths > 0):
        return np.where(lengths > 0, np.nan, np.inf)
    inverse = _inverse_factor(matrix)
    if inverse is None:
        return np.full(columns, np.inf)
    return np.linalg.norm(inverse, axis=1) * math.sqrt(squares / (rows - columns))


def covariance(matrix: np.ndarray) -> np.ndarray:
    """(JᵀJ)⁻¹ by QR of J with columns of length 1; infinite where J has not the rank of its columns."""
    inverse = _inverse_factor(matrix)
    if inverse is None:
        return np.full((matrix.shape[1],) * 2, np.inf)
    return inverse @ inverse.T


def _inverse_factor(matrix: np.ndarray) -> np.ndarray | None:
    """R⁻¹ of J = QR; None where J has not the rank of its columns."""
    rows, columns = matrix.shape
    lengths = np.linalg.norm(matrix, axis=0)
    if rows < columns or not np.all(lengths > 0) or not np.isfinite(lengths).all():
        return None
    triangle = np.linalg.qr(matrix / lengths, mode="r")
    if np.abs(np.diag(triangle)).min() < rows * EPS:
        return None
    return np.linalg.inv(triangle) / lengths[:, None]


__all__ = ["EPS", "FitFunctions", "covariance", "finish", "standard_errors"]
