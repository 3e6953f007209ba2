"""An objective and constraints as functions of one vector, with first and second derivatives compiled when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from graphc.api.functions import grad, hessian
from graphc.api.kkt import Constraint, Objective
from graphc.api.packed_problem import PackedProblem
from graphc.errors import GradientError, InputError, brief
from graphc.ir.expr import Expr, current_site, free_symbols, symbol
from graphc.ir.types import is_float
from graphc.ops.reduce import sum as sum_of

SIGNS = {"less": -1.0, "less_equal": -1.0, "greater": 1.0, "greater_equal": 1.0, "equal": 0.0}
"""Comparison → the sign of left − right where it holds."""


def objective_of(problem: PackedProblem, objective: Expr, sparse: bool) -> Objective:
    """A scalar expression as value, gradient and Hessian of the vector."""
    at = problem.compiled((objective, grad(objective, problem.symbols)))

    def fun(vector: np.ndarray) -> float:
        return float(at(vector)[0])

    def jac(vector: np.ndarray) -> np.ndarray:
        return problem.vector.pack(dict(zip(problem.names, at(vector)[1], strict=True)))

    return Objective(fun, jac, curvature(problem, objective, sparse), sparse)


def curvature(
    problem: PackedProblem, objective: Expr, sparse: bool, more: Sequence[Expr] = ()
) -> Callable[..., Any]:
    """The Hessian as a function of the vector, compiled when it is first asked for."""

    @cache
    def compiled() -> tuple[Callable[..., Any], Callable[[Any], Any]]:
        if sparse:
            return problem.compiled(
                hessian(objective, problem.symbols, sparse=True), more
            ), lambda value: value
        blocks, whole = problem.rows(grad(objective, problem.symbols), False)
        return problem.compiled(blocks, more), whole

    def at(vector: np.ndarray, *rest: Any) -> Any:
        function, whole = compiled()
        return whole(function(vector, *rest))

    return at


def _unused(name: str, *taken: Any) -> str:
    """A name that no symbol below some expressions has."""
    used = {
        node.name
        for node in free_symbols(
            *(x for each in taken for x in (each if isinstance(each, Sequence) else [each]))
        )
    }
    while name in used:
        name += "'"
    return name


def no_constraint(given: Any) -> InputError:
    return InputError(
        f"{brief(given)} is no constraint",
        site=current_site(),
        hint="write subject_to=[x + y <= 1, g.equal(x, y)]",
    )


def constraint_of(problem: PackedProblem, comparison: Any, sparse: bool) -> Constraint:
    """A comparison as a difference that is 0, or at least 0."""
    if comparison.op.name not in SIGNS:
        raise no_constraint(comparison)
    sign = SIGNS[comparison.op.name]
    left, right = comparison.operands
    difference = right - left if sign < 0 else left - right
    if not is_float(difference.dtype):
        raise GradientError(f"the constraint {comparison!r} compares no floats", site=comparison.site)
    derivative, whole = problem.rows([difference], sparse)
    at = problem.compiled((difference, derivative))
    shape = np.shape(at(problem.start)[0])
    weights = symbol(
        _unused("weights of a constraint", problem.symbols, difference), difference.shape, difference.dtype
    )
    weighted = difference * weights
    bent = curvature(problem, sum_of(weighted) if weighted.shape else weighted, sparse, [weights])

    def fun(vector: np.ndarray) -> np.ndarray:
        return np.ravel(at(vector)[0]).astype(np.float64)

    def jac(vector: np.ndarray) -> Any:
        return whole(at(vector)[1])

    def hess(vector: np.ndarray, multipliers: np.ndarray) -> Any:
        shaped = np.reshape(multipliers, shape)
        return bent(vector, shaped if shape else float(shaped))

    return Constraint(not sign, shape, fun, jac, hess)


__all__ = ["SIGNS", "constraint_of", "curvature", "no_constraint", "objective_of"]
