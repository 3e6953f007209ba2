"""What each solver takes of a problem: SciPy's methods, and IPOPT and NLopt where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.kkt import Constraint, Objective
from graphc.errors import InputError
from graphc.ir.expr import current_site
from graphc.ops.support.sparse_arrays import scipy_optimize, scipy_sparse

METHODS: dict[str, frozenset[str]] = {
    name: frozenset(takes.split())
    for name, takes in {
        "Nelder-Mead": "bounds", "Powell": "bounds", "CG": "jac", "BFGS": "jac", "Newton-CG": "jac hessp",
        "L-BFGS-B": "jac bounds", "TNC": "jac bounds", "COBYLA": "bounds constraints", "COBYQA": "bounds constraints",
        "SLSQP": "jac bounds constraints", "trust-constr": "jac hess bounds constraints", "dogleg": "jac hess",
        "trust-ncg": "jac hessp", "trust-krylov": "jac hessp", "trust-exact": "jac hess",
    }.items()
}  # fmt: skip
"""SciPy's methods for a smooth function, and what each of them is to be given."""

OUTSIDE = {"ipopt": "cyipopt", "nlopt": "nlopt"}
"""Solvers that are packages of their own."""


def checked_method(method: Any, bounded: bool, constrained: bool) -> str:
    """The name of a method that takes bounds and constraints, if there are any; raises `InputError` for others."""
    known = {name.lower(): name for name in (*METHODS, *OUTSIDE)}
    name = known.get(method.lower()) if isinstance(method, str) else None
    if name is None:
        raise InputError(
            f"there is no method {str(method)[:40]!r}" if isinstance(method, str) else "a method is a name",
            site=current_site(),
            hint=f"one of {', '.join(known.values())}",
        )
    for there_are, what in ((constrained, "constraints"), (bounded, "bounds")):
        if there_are and name in METHODS and what not in METHODS[name]:
            able = [each for each, takes in METHODS.items() if what in takes]
            raise InputError(
                f"{name} takes no {what}",
                site=current_site(),
                hint=f"{', '.join(able)} do, and {' and '.join(OUTSIDE)}",
            )
    return name


def dense(matrix: Any) -> Any:
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


def scipy_constraints(constraints: Sequence[Constraint], method: str) -> list[Any]:
    """Constraints in the form that a method of SciPy takes without a warning."""
    if method == "trust-constr":
        optimize: Any = scipy_optimize()
        return [
            optimize.NonlinearConstraint(
                each.fun, 0.0, 0.0 if each.equality else np.inf, jac=each.jac, hess=each.hess
            )
            for each in constraints
        ]
    return [
        {
            "type": "eq" if each.equality else "ineq",
            "fun": each.fun,
            "jac": lambda x, each=each: dense(each.jac(x)),
        }
        for each in constraints
    ]


def scipy_arguments(
    whole: Objective,
    hessp: Callable[[np.ndarray, np.ndarray], np.ndarray],
    constraints: Sequence[Constraint],
    bounds: tuple[np.ndarray, np.ndarray] | None,
    start: np.ndarray,
    method: str,
) -> dict[str, Any]:
    """The arguments of `scipy.optimize.minimize`."""
    takes = METHODS[method]
    arguments: dict[str, Any] = {"fun": whole.fun, "x0": start, "method": method}
    if "jac" in takes:
        arguments["jac"] = whole.jac
    if "hess" in takes:
        # trust-constr multiplies with a sparse Hessian; trust-exact and dogleg factorise a whole one
        arguments["hess"] = whole.hess if method == "trust-constr" else lambda x: dense(whole.hess(x))
    if "hessp" in takes:
        arguments["hessp"] = hessp
    if bounds is not None:
        arguments["bounds"] = scipy_optimize().Bounds(*bounds)
    if constraints:
        arguments["constraints"] = scipy_constraints(constraints, method)
    return arguments


# --- solvers of other packages ----------------------------------------------------------------------------------------


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"{name} is not installed",
            site=current_site(),
            hint=f"pip install {name}; or choose a method of SciPy: SLSQP, trust-constr",
        ) from None


def outside(
    method: str,
    whole: Objective,
    constraints: Sequence[Constraint],
    bounds: tuple[np.ndarray, np.ndarray] | None,
    start: np.ndarray,
    options: Mapping[str, Any],
) -> Any:
    """The result of a solver that is a package of its own, in the form of SciPy's."""
    package = _package(OUTSIDE[method])
    free = (np.full(len(start), -np.inf), np.full(len(start), np.inf))
    solve = _by_ipopt if method == "ipopt" else _by_nlopt
    return solve(package, whole, constraints, bounds or free, np.array(start, np.float64), options)


def _by_nlopt(
    nlopt: Any,
    whole: Objective,
    constraints: Sequence[Constraint],
    bounds: tuple[np.ndarray, np.ndarray],
    start: np.ndarray,
    options: Mapping[str, Any],
) -> Any:
    """NLopt's SLSQP with constraints, and its L-BFGS without; another by its name, as algorithm="LD_MMA"."""
    options = {"xtol_rel": 1e-13, "maxeval": 100_000, **options}
    algorithm = options.pop("algorithm", "LD_SLSQP" if constraints else "LD_LBFGS")
    code = getattr(nlopt, str(algorithm), None)
    if not isinstance(code, int):
        known = [name for name in dir(nlopt) if name.startswith("LD_")]
        raise InputError(
            f"NLopt has no algorithm {str(algorithm)[:40]!r}",
            site=current_site(),
            hint=f"one of {', '.join(known)}",
        )
    solver = nlopt.opt(code, len(start))

    last = [start]

    def objective(x: np.ndarray, slope: np.ndarray) -> float:
        last[0] = x.copy()
        if slope.size:
            slope[:] = whole.jac(x)
        return whole.fun(x)

    def rows(each: Constraint) -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
        def below(values: np.ndarray, x: np.ndarray, slopes: np.ndarray) -> None:
            values[:] = -each.fun(x)
            if slopes.size:
                slopes[:] = -dense(each.jac(x))

        return below

    solver.set_min_objective(objective)
    solver.set_lower_bounds(bounds[0])
    solver.set_upper_bounds(bounds[1])
    try:
        for each in constraints:
            add = solver.add_equality_mconstraint if each.equality else solver.add_inequality_mconstraint
            add(rows(each), np.full(each.fun(start).size, 1e-12))
        for name, value in options.items():
            getattr(solver, f"set_{name}")(value)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"NLopt's {algorithm} refuses the problem or its options: {error}",
            site=current_site(),
            hint='options are those of nlopt.opt as {"xtol_rel": 1e-10}; LD_SLSQP takes every constraint',
        ) from None
    optimize: Any = scipy_optimize()
    message = "NLopt stopped at its tolerance"
    try:
        x = solver.optimize(np.clip(start, *bounds))
    except (RuntimeError, ValueError, nlopt.RoundoffLimited) as error:
        # rounding leaves nothing to gain, most often: where the search was last is what there is
        x, message = last[-1], f"NLopt stopped: {str(error) or type(error).__name__}"
    status = solver.last_optimize_result()
    return optimize.OptimizeResult(
        x=x,
        fun=whole.fun(x),
        jac=whole.jac(x),
        success=status > 0,
        status=status,
        message=message,
        nfev=solver.get_numevals(),
    )


class _Ipopt:
    """A problem as IPOPT asks for it: sparse triples of constraints and of the Lagrangian's Hessian."""

    def __init__(self, whole: Objective, constraints: Sequence[Constraint], start: np.ndarray) -> None:
        self.objective, self.gradient = whole.fun, whole.jac
        self._whole, self._each = whole, constraints
        sizes = [each.fun(start).size for each in constraints]
        self.sizes = sizes
        sparse = scipy_sparse()
        count = len(start)
        if whole.sparse:
            jacobians = [abs(sparse.coo_array(each.jac(start))) for each in constraints]
            bent = [abs(sparse.coo_array(whole.hess(start)))]
            bent += [
                abs(sparse.coo_array(c.hess(start, np.ones(n))))
                for c, n in zip(constraints, sizes, strict=True)
            ]
            # entries that are 0 at the start are kept: the structure is that of the graph
            for each in (*jacobians, *bent):
                each.data[:] = 1.0
            self._jacobian = (
                sparse.coo_array(sparse.vstack(jacobians)) if jacobians else sparse.coo_array((0, count))
            )
            self._hessian = sparse.coo_array(sparse.tril(sum(bent[1:], bent[0])))
        else:
            self._jacobian = sparse.coo_array(np.ones((sum(sizes), count)))
            self._hessian = sparse.coo_array(np.tril(np.ones((count, count))))

    def constraints(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([each.fun(x) for each in self._each]) if self._each else np.zeros(0)

    def jacobianstructure(self) -> Any:
        return self._jacobian.row, self._jacobian.col

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        if not self._each:
            return np.zeros(0)
        stacked = scipy_sparse().vstack(
            [scipy_sparse().csr_array(each.jac(x)) for each in self._each], format="csr"
        )
        return np.asarray(stacked[self._jacobian.row, self._jacobian.col]).ravel()

    def hessianstructure(self) -> Any:
        return self._hessian.row, self._hessian.col

    def hessian(self, x: np.ndarray, multipliers: np.ndarray, factor: float) -> np.ndarray:
        total = scipy_sparse().csr_array(self._whole.hess(x)) * factor
        for each, part in zip(self._each, np.split(multipliers, np.cumsum(self.sizes)[:-1]), strict=False):
            total = total + scipy_sparse().csr_array(each.hess(x, part))
        return np.asarray(total[self._hessian.row, self._hessian.col]).ravel()


def _by_ipopt(
    cyipopt: Any,
    whole: Objective,
    constraints: Sequence[Constraint],
    bounds: tuple[np.ndarray, np.ndarray],
    start: np.ndarray,
    options: Mapping[str, Any],
) -> Any:
    asked = _Ipopt(whole, constraints, start)
    above = [np.full(n, 0.0 if c.equality else np.inf) for c, n in zip(constraints, asked.sizes, strict=True)]
    high = np.concatenate(above) if above else np.zeros(0)
    problem = cyipopt.Problem(
        n=len(start),
        m=len(high),
        problem_obj=asked,
        lb=bounds[0],
        ub=bounds[1],
        cl=np.zeros(len(high)),
        cu=high,
    )
    for name, value in {"print_level": 0, "sb": "yes", "tol": 1e-11, **options}.items():
        problem.add_option(name, value)
    x, info = problem.solve(start)
    optimize: Any = scipy_optimize()
    return optimize.OptimizeResult(
        x=x, fun=whole.fun(x), jac=whole.jac(x), success=info["status"] in (0, 1), status=info["status"],
        message=str(info["status_msg"]), nfev=-1,
    )  # fmt: skip


__all__ = ["METHODS", "OUTSIDE", "checked_method", "dense", "outside", "scipy_arguments", "scipy_constraints"]
