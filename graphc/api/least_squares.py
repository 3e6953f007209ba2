"""Nonlinear least squares: SciPy's solvers from several starts, the least result taken to its last digit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.api.fit_digits import EPS, FitFunctions, finish
from graphc.api.functions import jacobian
from graphc.api.packed_problem import PackedProblem
from graphc.autodiff.sparse.pattern import pattern
from graphc.errors import GraphcError, InputError
from graphc.interpret.scalarize import specialised
from graphc.ir.expr import Expr, current_site
from graphc.ops.support.sparse_arrays import scipy_optimize

MOST_DENSE = 200
"""Unknowns up to which derivatives are whole matrices; from there on they are sparse."""

MOST_SEPARATED = 100_000
"""Elements of the Jacobian up to which a second start, from the best values of what enters linearly, is tried."""

HUGE = 1e120
"""In the place of residuals that are no numbers: a solver turns back from there."""


def least_squares(problem: PackedProblem, residuals: Expr) -> Any:
    """SciPy's result of a least-squares problem, with unknowns and standard errors by name."""
    count = len(problem.start)
    sparse = count > MOST_DENSE
    _check_bounds(problem)
    f = _functions(problem, residuals, sparse)
    first = f.fun(problem.start)
    if not np.isfinite(first).all():
        raise InputError(
            "the residuals are not finite at the values to begin with",
            node=repr(residuals),
            site=current_site(),
        )
    levenberg = not sparse and problem.bounds is None and len(first) >= count
    method = "lm" if levenberg else "trf"
    result, how = _best(f, method, sparse)
    if not sparse:
        finish(f, result)
    reason = (
        "without bounds"
        if levenberg
        else "with a sparse Jacobian"
        if sparse
        else "with bounds or few residuals"
    )
    return problem.finished(
        result, f"least_squares({how[0]})", f"the objective is an array of residuals, {reason}{how[1]}"
    )


def _check_bounds(problem: PackedProblem) -> None:
    """Refuse what SciPy's solvers of residuals do not take."""
    if problem.bounds is None:
        return
    (least, greatest), start = problem.bounds, problem.start
    held = np.flatnonzero(least == greatest)
    if held.size:
        name = problem.name_at(held[0])
        raise InputError(
            f"{name} has one value that its bounds allow, {least[held[0]]:g}",
            site=current_site(),
            hint=f"g.substitute(residuals, {{{name}: {least[held[0]]:g}}}) makes it no unknown",
        )
    outside = np.flatnonzero(~((least <= start) & (start <= greatest)))
    if outside.size:
        k = outside[0]
        raise InputError(
            f"{problem.name_at(k)} begins at {start[k]:g}, outside of its bounds ({least[k]:g}, {greatest[k]:g})",
            site=current_site(),
            hint="begin between them",
        )


def _functions(problem: PackedProblem, residuals: Expr, sparse: bool) -> FitFunctions:
    derivative, whole = problem.rows([residuals], sparse)
    at = problem.compiled((residuals, derivative))

    def fun(vector: np.ndarray) -> np.ndarray:
        return np.ravel(at(vector)[0]).copy()

    def jac(vector: np.ndarray) -> Any:
        return whole(at(vector)[1])

    return FitFunctions(problem, residuals, None if sparse else derivative[0], fun, jac)


# --- solvers and starts -----------------------------------------------------------------------------------------------


def _best(f: FitFunctions, method: str, sparse: bool) -> tuple[Any, tuple[str, str]]:
    """The least result of the solvers that were tried, its method, and what to say of how it was reached.

    One solver from the given start is enough where it ends at a minimum, unless some unknowns enter linearly: with their best
    values another start costs one linear system, and often lies in a better valley. Where all end in the flat (a Jacobian that
    has lost its rank, a gradient that is not zero), other solvers follow.
    """
    start = f.problem.start
    tried = [(_solved(f, start, method, sparse), (method, ""))]
    small = len(start) * len(tried[0][0].fun) <= MOST_SEPARATED
    linear = _linear(f) if not sparse and small else np.zeros(len(start), bool)
    projected = _projected(f, start, linear) if linear.any() and f.problem.bounds is None else None
    if projected is not None:
        said = ", begun from the best values of the unknowns that enter linearly"
        tried.append((_solved(f, projected, method, sparse), (method, said)))
    best = min(tried, key=_cost)
    if sparse or not _in_the_flat(f, best[0]):
        return best
    starts = [(start, "")]
    if projected is not None:
        starts += [(projected, ", begun from other values")]
        starts += [(each, ", begun from other values") for each in _scaled(f, start, linear)]
    for other, said in starts:
        for solver in ("trf", "dogbox") if other is start else (method, "trf"):
            tried.append((_solved(f, other, solver, sparse), (solver, said)))
        best = min(tried, key=_cost)
        if not _in_the_flat(f, best[0]):
            break
    return best


def _cost(candidate: tuple[Any, Any]) -> float:
    cost = float(candidate[0].cost)
    return cost if math.isfinite(cost) else math.inf


def _solved(f: FitFunctions, start: np.ndarray, method: str, sparse: bool) -> Any:
    def fun(vector: np.ndarray) -> np.ndarray:
        values = f.fun(vector)
        finite = np.isfinite(values)
        return values if finite.all() else np.where(finite, np.clip(values, -HUGE, HUGE), HUGE)

    def jac(vector: np.ndarray) -> Any:
        matrix = f.jac(vector)
        return (
            matrix
            if sparse or np.isfinite(matrix).all()
            else np.nan_to_num(matrix, posinf=HUGE, neginf=-HUGE)
        )

    optimize: Any = scipy_optimize()
    bounds = f.problem.bounds or (-np.inf, np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        return optimize.least_squares(
            fun,
            start,
            jac,
            bounds,
            method=method,
            x_scale="jac",
            ftol=EPS,
            xtol=EPS,
            gtol=EPS,
            max_nfev=5_000,
        )


def _in_the_flat(f: FitFunctions, result: Any) -> bool:
    """Whether a solver ended where residuals hardly change with some unknown, or before the gradient was zero."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix, residuals = f.jac(result.x), f.fun(result.x)
        lengths = np.linalg.norm(matrix, axis=0)
        size = np.linalg.norm(residuals)
        if not (np.isfinite(matrix).all() and np.isfinite(size)):
            return True
        if size <= 1e-12 * max(1.0, float(np.linalg.norm(lengths * result.x))):
            return False  # nothing is left to fit
        if lengths.min() <= 0 or np.any(lengths * np.abs(result.x) < 1e-12 * size):
            return True
        values = np.linalg.svd(matrix / lengths, compute_uv=False)
        cosine = np.abs((matrix / lengths).T @ residuals).max() / size
    return bool(values[-1] < 1e-13 * values[0] or cosine > 1e-4)


def _linear(f: FitFunctions) -> np.ndarray:
    """Which elements of the vector enter the residuals linearly, all together: a largest set that is found greedily."""
    problem = f.problem
    count = len(problem.start)
    try:
        values = {node: np.asarray(problem.data[node.name], node.dtype) for node in problem.others}
        values |= {
            node: np.asarray(value, node.dtype)
            for node, value in zip(
                problem.symbols, problem.vector.unpack(problem.start).values(), strict=True
            )
        }
        (residuals,), stand_ins = specialised([f.residuals], values)
        unknowns = [stand_ins[node] for node in problem.symbols]
        bent = pattern([jacobian(residuals, node) for node in unknowns], unknowns).tocoo()
    except GraphcError:
        return np.zeros(count, bool)  # what has no pattern is fitted from the given start
    rows = f.fun(problem.start).size
    columns, before = [], 0  # the number in the vector of each element of each unknown's Jacobian
    for size in problem.sizes:
        columns.append(np.tile(np.arange(before, before + size), rows))
        before += size
    meets = np.zeros((count, count), bool)
    meets[np.concatenate(columns)[bent.row], bent.col] = True
    meets |= meets.T
    linear = np.zeros(count, bool)
    for k in sorted(range(count), key=lambda k: int(meets[k].sum())):
        linear[k] = not meets[k, k] and not (meets[k] & linear).any()
    return linear


def _projected(f: FitFunctions, start: np.ndarray, linear: np.ndarray) -> np.ndarray | None:
    """A vector with the best values of the unknowns that enter linearly; None where these are no numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix, residuals = f.jac(start)[:, linear], f.fun(start)
        if not (np.isfinite(matrix).all() and np.isfinite(residuals).all()):
            return None
        lengths = np.linalg.norm(matrix, axis=0)
        lengths[lengths == 0] = 1.0
        moved = start.copy()
        moved[linear] -= np.linalg.lstsq(matrix / lengths, residuals, rcond=1e-12)[0] / lengths
    return moved if np.isfinite(moved).all() else None


def _scaled(f: FitFunctions, start: np.ndarray, linear: np.ndarray) -> list[np.ndarray]:
    """Starts of other sizes: each unknown that enters nonlinearly times powers of √10, the others at their best; best first."""
    best, found = start, []
    for k in np.flatnonzero(~linear):
        near = []
        for power in range(-8, 9):
            moved = best.copy()
            moved[k] = (moved[k] or 1.0) * 10.0 ** (power / 2)
            moved = _projected(f, moved, linear)
            if moved is not None:
                near.append((float(np.sum(f.fun(moved) ** 2)), moved))
        near = sorted((each for each in near if math.isfinite(each[0])), key=lambda each: each[0])
        if near:
            best = near[0][1]
            found += near[:2]
    return [moved for _, moved in sorted(found, key=lambda each: each[0])[:4]]


__all__ = ["least_squares"]
