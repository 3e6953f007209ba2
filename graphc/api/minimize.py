"""The verb minimize: a formula and its unknowns handed to the method of SciPy that fits them, with all derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.api.cluster_minimize import ClusterProblem, minimize_on_cluster
from graphc.api.kkt import Constraint, Objective, optimum
from graphc.api.least_squares import MOST_DENSE, least_squares
from graphc.api.packed_problem import PackedProblem
from graphc.api.problem_scale import Problem, in_units
from graphc.api.second_order import way_down
from graphc.api.smooth_problem import constraint_of, no_constraint, objective_of
from graphc.api.solver_arguments import OUTSIDE, checked_method, outside, scipy_arguments
from graphc.errors import GradientError, InputError
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import is_float
from graphc.ops.support.sparse_arrays import scipy_optimize
from graphc.util.arguments import listed, mapping

NEARLY = 1e-6
"""What may be left of the optimality conditions, beside their terms, where a solver has found an optimum."""

SETTLED = 1e-9
"""The same where an optimum is sure, whatever the solver said when it stopped."""

MOST_SADDLES = 10
"""How often a solver goes on from a saddle."""

ENDLESS = {"trust-exact": 1e30, "trust-ncg": 1e30, "L-BFGS-B": 1e13}
"""Of methods that tell the objective after each step: times its size at the start, what falls below whose negative has no minimum
that they would reach. A step of L-BFGS-B is no longer than 1e10."""

NO_STEP = 1e-7
"""Beside 1 and the size of an unknown: what is nearer is one place. The last digits are Newton's."""

STILL = 200
"""Values at one place after which a solver stands still: of some twenty steps, each with ten in its search along a line."""

_ASKED = "it was asked for"

_ENDLESS = "The objective falls without end: bounds or constraints on the unknowns are missing."

_NO_OPTIMUM = (
    "The conditions of an optimum do not hold where the solver stopped. Where the gradients of the constraints do not determine "
    "multipliers there, as at a cusp, they never do."
)

_INFEASIBLE = "No point was found at which the constraints hold: one of them is violated"


def minimize(
    objective: Expr,
    unknowns: Mapping[Expr, Any],
    subject_to: Sequence[Expr] = (),
    *,
    bounds: Mapping[Expr, tuple[Any, Any]] | None = None,
    data: Mapping[Any, Any] | None = None,
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
    client: Any = None,
) -> Any:
    """The values of some symbols that minimise a formula, by the method of `scipy.optimize` that fits the problem.

    Parameters
    ----------
    objective : a scalar float expression; or an array of residuals, whose sum of squares is minimised
    unknowns : symbol → its initial value
    subject_to : comparisons, such as x + y <= 1 or g.equal(x, y), of scalars or arrays; for a scalar objective
    bounds : unknown → (lower, upper), numbers or arrays; None for no bound
    data : the values of the other symbols, by symbol or name
    method : for a scalar objective, the name of one of SciPy's methods instead of the choice below, or "ipopt" or "nlopt",
        which need the packages cyipopt and nlopt
    options : options of that method, by name, like SciPy's `options=`; for NLopt also `algorithm`, such as "LD_MMA"
    client : a client of `dask.distributed`, whose workers compute on the data: Dask arrays are read block by block in every
        pass (after `x.persist()` they stay in memory), mapped files are read by the workers themselves, and NumPy arrays are
        sent once. Only for a scalar objective without constraints: trust-exact up to 32 unknowns, whose Hessian belongs to the
        pass that computes value and gradient, Newton-CG beyond, L-BFGS-B if there are bounds, or another method that needs only
        values, gradients and Hessians or products with them, each of which is one pass. The same chunking gives bit-identical
        results for any number of workers

    Returns SciPy's `OptimizeResult`, with `unknowns` (name of the symbol → value), `method` and `why` it was chosen; for
    residuals `standard_errors` by name, infinite if the residuals do not determine an unknown; with constraints `multipliers`,
    one for each in the order of `subject_to`, and with bounds `bound_multipliers` by name: ∇objective is the sum of the
    multipliers times ∇(greater side − less side), for equations ∇(left − right), and those of inequalities are ≥ 0.
    `optimality` is the residual of the optimality conditions relative to the size of their terms.

    A constrained problem is solved by SLSQP up to 200 unknowns, and by trust-constr with sparse derivatives beyond; one with
    bounds by L-BFGS-B; one without either by trust-exact or, from 200 unknowns on, trust-ncg with a sparse Hessian; residuals
    by least_squares, from the given values and, if some unknowns enter linearly, also from their optimal values: the lower
    minimum is returned. Newton steps with exact derivatives follow, with the active constraints fixed, until they no longer
    improve the accuracy. The minimum found is a local one. Raises `InputError` for a symbol without a value, for a constraint
    that is not a comparison, for constrained residuals, and for a method that is not installed or does not support the problem.

    >>> from graphc.ir.expr import symbols
    >>> x, y = symbols("x y")
    >>> result = minimize((1 - x)**2 + 100*(y - x**2)**2, {x: -1.2, y: 1.0})
    >>> result.method, round(result.unknowns["x"], 9), round(result.unknowns["y"], 9)
    ('trust-exact', 1.0, 1.0)
    """
    objective = constant(objective)
    subject_to = listed("subject_to", subject_to, "write subject_to=[x + y <= 1]")
    stray = next((each for each in subject_to if not isinstance(each, Expr)), None)
    if stray is not None:
        raise no_constraint(stray)
    if not is_float(objective.dtype):
        raise GradientError(
            f"an objective of {objective.dtype} has no derivative",
            node=repr(objective),
            site=current_site(),
            hint="write a number that is to be small: where(condition, 1.0, 0.0) of a condition is one, but is flat",
        )
    if options is not None:
        options = mapping("options", options, 'write options={"maxiter": 500}')
    if options is not None and method is None:
        raise InputError(
            "options are those of a method, and the method is yet to be chosen",
            site=current_site(),
            hint='write method="SLSQP", too',
        )
    if client is not None:
        return _on_cluster(objective, unknowns, subject_to, bounds, data, method, options, client)
    problem = PackedProblem([objective, *subject_to], unknowns, bounds, data)
    if objective.shape and method is not None:
        raise InputError(
            "residuals have a method of their own",
            site=current_site(),
            hint="leave method= out, or give g.sum(residuals**2) for the objective",
        )
    if objective.shape:
        if subject_to:
            raise InputError(
                "residuals take bounds, but no other constraints",
                site=current_site(),
                hint="give g.sum(residuals**2) for the objective",
            )
        return least_squares(problem, objective)
    if method is not None:
        method = checked_method(method, problem.bounds is not None, bool(subject_to))
    return _smooth(problem, objective, subject_to, method, dict(options or {}))


def _on_cluster(
    objective: Expr,
    unknowns: Mapping[Expr, Any],
    subject_to: Sequence[Expr],
    bounds: Mapping[Expr, tuple[Any, Any]] | None,
    data: Mapping[Any, Any] | None,
    method: str | None,
    options: Mapping[str, Any] | None,
    client: Any,
) -> Any:
    if objective.shape:
        raise InputError(
            "the objective over data on a cluster is a scalar",
            site=current_site(),
            hint="give g.sum(residuals**2), or g.mean(…), for the objective",
        )
    if subject_to:
        raise InputError(
            "a minimum over data on a cluster takes bounds, but no other constraints",
            site=current_site(),
            hint="leave client= out, or add a penalty to the objective",
        )
    method = None if method is None else checked_method(method, bounds is not None, False)
    problem = ClusterProblem(objective, unknowns, bounds, data, client)
    return minimize_on_cluster(problem, objective, method, options or {})


def _smooth(
    problem: PackedProblem,
    objective: Expr,
    subject_to: Sequence[Expr],
    asked: str | None,
    given: dict[str, Any],
) -> Any:
    large = len(problem.start) > MOST_DENSE
    whole = objective_of(problem, objective, large)
    constraints = [constraint_of(problem, each, large) for each in subject_to]
    if asked is not None:
        given_units = Problem(
            whole,
            constraints,
            problem.bounds,
            problem.start,
            np.ones(len(problem.start)),
            1.0,
            [1.0] * len(constraints),
        )
        return _finished(
            problem, given_units, _settled(given_units, _solved(given_units, asked, given)), asked, _ASKED
        )
    _check_start(problem, whole)
    method, why, options = _method(problem, bool(constraints))
    units = in_units(whole, constraints, problem.bounds, problem.start)
    result = _descended(units, method, options, large)
    if constraints and not large and not result.optimality < NEARLY:
        options = _method(problem, True, True)[2]
        other = _descended(units, "trust-constr", options, large)
        if _violation(units.constraints, other.x) <= max(_violation(units.constraints, result.x), NEARLY):
            result, method, why = other, "trust-constr", f"{why}; SLSQP found no optimum"
    if constraints and result.success and not result.optimality < NEARLY:
        result.success, result.message = False, _NO_OPTIMUM
    missed = _violation(units.constraints, result.x)
    if missed > NEARLY:
        result.success, result.message = (
            False,
            f"{_INFEASIBLE}, by {missed:.2g} at least where the solver stopped.",
        )
    return _finished(problem, units, result, method, why)


def _check_start(problem: PackedProblem, whole: Objective) -> None:
    """Refuse to begin where there is no value, or no derivative to go by."""
    with np.errstate(all="ignore"):
        value, slope = whole.fun(problem.start), whole.jac(problem.start)
    if not np.isfinite(value):
        raise InputError(
            f"the objective is {value:g} at the values to begin with",
            site=current_site(),
            hint="begin where it is a number, and keep the unknowns there by bounds",
        )
    wrong = np.flatnonzero(~np.isfinite(slope))
    if wrong.size:
        name = problem.name_at(wrong[0])
        raise InputError(
            f"the derivative of the objective by {name!r} is {slope[wrong[0]]:g} at the values to begin with",
            site=current_site(),
            hint=f"begin with another value of {name}",
        )


def _descended(units: Problem, method: str, options: dict[str, Any], large: bool) -> Any:
    """The solver's result; from a saddle, where it would stay, it goes on."""
    result = _settled(units, _solved(units, method, options))
    for _ in range(0 if large else MOST_SADDLES):
        if not result.optimality < NEARLY:
            return result
        below = way_down(
            units.objective, units.constraints, units.bounds, result.x, result.get("multipliers", [])
        )
        if below is None:
            return result
        other = _settled(units, _solved(replace(units, start=below), method, options))
        lower = other.fun < result.fun and other.optimality < NEARLY
        if not lower or _violation(units.constraints, other.x) > NEARLY:
            return result
        result = other
    return result


def _finished(problem: PackedProblem, units: Problem, result: Any, method: str, why: str) -> Any:
    """The result in the units that were given; what the formulas do not depend on stays where it was."""
    if (
        not units.constraints
        and not units.objective.sparse
        and not result.get("bound_multipliers", np.zeros(1)).any()
    ):
        bent = units.objective.hess(result.x)
        for place in np.flatnonzero(~np.asarray(bent).any(axis=0)):
            moved = result.x.copy()
            moved[place] = units.start[place]
            if units.bounds is None and units.objective.fun(moved) == units.objective.fun(result.x):
                result.x = moved
    result = units.back(result)
    if problem.bounds is not None and result.get("bound_multipliers") is not None:
        result.bound_multipliers = problem.vector.unpack(result.bound_multipliers)
    return problem.finished(result, method, why)


def _method(
    problem: PackedProblem, constrained: bool, barrier: bool = False
) -> tuple[str, str, dict[str, Any]]:
    """SciPy's method, why, and its options: none stops before its steps are lost in rounding."""
    count = len(problem.start)
    large = count > MOST_DENSE
    if constrained and (large or barrier):
        why = f"there are constraints, and {count} unknowns"
        return "trust-constr", why, {"maxiter": 5000, "xtol": 1e-12, "gtol": 1e-10}
    if constrained:
        return "SLSQP", f"there are constraints, and {count} unknowns", {"maxiter": 5000, "ftol": 1e-15}
    if problem.bounds is not None:
        options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 100_000, "maxfun": 1_000_000}
        return "L-BFGS-B", "there are bounds and no other constraints", options
    kind = "sparse" if large else "whole"
    why = f"there are no constraints, and {count} unknowns: a {kind} Hessian is cheap"
    options = {"gtol": 1e-10, "maxiter": 10_000, "max_trust_radius": 1e100}
    return "trust-ncg" if large else "trust-exact", why, options


def _solved(units: Problem, method: str, options: dict[str, Any]) -> Any:
    whole, constraints = units.objective, units.constraints
    if method in OUTSIDE:
        return outside(method, whole, constraints, units.bounds, units.start, options)

    def hessp(vector: np.ndarray, along: np.ndarray) -> np.ndarray:
        return whole.hess(vector) @ along

    floor = -ENDLESS.get(method, np.inf) * (1 + abs(whole.fun(units.start)))

    def stopped(intermediate_result: Any) -> None:
        if not intermediate_result.fun >= floor:
            raise StopIteration

    endless = stopped if method in ENDLESS else None
    optimize: Any = scipy_optimize()
    watched = _Watched(whole.fun)
    seen = replace(whole, fun=watched) if method == "SLSQP" else whole
    arguments = scipy_arguments(seen, hessp, constraints, units.bounds, units.start, method)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Singular Jacobian matrix", UserWarning)
            result = optimize.minimize(**arguments, options=options, callback=endless)
    except _StandsStill:
        x = watched.at
        return optimize.OptimizeResult(
            x=x,
            fun=whole.fun(x),
            jac=whole.jac(x),
            success=False,
            status=9,
            message="The solver stood still.",
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"SciPy's {method} refuses the problem or its options: {error}",
            site=current_site(),
            hint="leave method= and options= out, and the method is chosen",
        ) from None
    if not result.fun >= floor:
        result.success, result.message = False, _ENDLESS
    return result


class _StandsStill(Exception):
    """A solver asks again and again for values at one point."""


class _Watched:
    """An objective's values, asked for by a solver that may not end where rounding hides every step: SLSQP."""

    def __init__(self, fun: Callable[[np.ndarray], float]) -> None:
        self.fun = fun
        self.at: np.ndarray = np.zeros(0)
        self._place = self.at
        self._count = 0

    def __call__(self, x: np.ndarray) -> float:
        stays = x.shape == self._place.shape and np.all(np.abs(x - self._place) <= NO_STEP * (1 + np.abs(x)))
        self._count = self._count + 1 if stays else 0
        self.at = np.array(x)
        if not stays:
            self._place = self.at
        if self._count > STILL:
            raise _StandsStill
        return self.fun(x)


def _violation(constraints: Sequence[Constraint], x: np.ndarray) -> float:
    sides = [np.abs(each.fun(x)) if each.equality else -each.fun(x) for each in constraints]
    worst = float(max((side.max(initial=0.0) for side in sides), default=0.0))
    return worst if np.isfinite(worst) else np.inf


def _settled(units: Problem, result: Any) -> Any:
    """The result after Newton steps on the optimality conditions from where the solver stopped, and the multipliers there."""
    whole, constraints = units.objective, units.constraints
    found = optimum(whole, constraints, units.bounds, result.x)
    if found is None:
        result.optimality = np.nan
        return result
    result.x, result.fun, result.jac = found.x, whole.fun(found.x), whole.jac(found.x)
    result.optimality = found.left
    if found.left < SETTLED and not result.success:
        result.success, result.status, result.message = True, 0, "The conditions of an optimum hold."
    if constraints:
        result.multipliers = [float(part) if not part.shape else part for part in found.multipliers]
    if units.bounds is not None:
        result.bound_multipliers = found.of_bounds
    return result


__all__ = ["minimize"]
