"""The verb minimize: a formula and its unknowns handed to the method of SciPy that fits them, with all derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import grad, hessian, jacobian
from graphc.errors import GradientError, InputError, ShapeError, brief
from graphc.interpret.vector_packing import Vector
from graphc.ir.expr import Expr, constant, current_site, free_symbols, symbol
from graphc.ir.inputs import as_value, check_shape
from graphc.ir.types import is_float
from graphc.ops.reduce import sum as sum_of
from graphc.ops.support.sparse_arrays import scipy_optimize
from graphc.util.arguments import listed, mapping

MOST_DENSE = 200
"""Unknowns up to which derivatives are whole matrices; from there on they are sparse."""

SIGNS = {"less": -1.0, "less_equal": -1.0, "greater": 1.0, "greater_equal": 1.0, "equal": 0.0}


def minimize(
    objective: Expr,
    unknowns: Mapping[Expr, Any],
    subject_to: Sequence[Expr] = (),
    *,
    bounds: Mapping[Expr, tuple[Any, Any]] | None = None,
    data: Mapping[Any, Any] | None = None,
) -> Any:
    """The values of some symbols at which a formula is least, by the method of `scipy.optimize` that fits the problem.

    Parameters
    ----------
    objective : a scalar float expression; or an array of residuals, the sum of whose squares is made least
    unknowns : symbol → the value to begin with
    subject_to : comparisons, as x + y <= 1 or g.equal(x, y), of scalars or arrays; for a scalar objective
    bounds : unknown → (least, greatest), numbers or arrays; None for no bound
    data : the other symbols, by symbol or name

    Returns SciPy's `OptimizeResult`, with `unknowns` (symbol's name → value), `method` and `why` it was chosen; of residuals
    `standard_errors` by name as well, infinite where the residuals do not tell an unknown.

    A constrained problem is solved by SLSQP up to 200 unknowns, and by trust-constr with sparse derivatives beyond; one with
    bounds by L-BFGS-B; one without either by trust-exact or, from 200 unknowns on, trust-ncg with a sparse Hessian; residuals by
    least_squares. A minimum that is found is a local one.
    Raises `InputError` for a symbol without a value, for a constraint that is no comparison, and for constrained residuals.

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
        raise _no_constraint(stray)
    if not is_float(objective.dtype):
        raise GradientError(
            f"an objective of {objective.dtype} has no derivative", node=repr(objective), site=current_site()
        )
    problem = _Problem([objective, *subject_to], unknowns, bounds, data)
    if objective.shape:
        if subject_to:
            raise InputError(
                "residuals take bounds, but no other constraints",
                site=current_site(),
                hint="give g.sum(residuals**2) for the objective",
            )
        return _least_squares(problem, objective)
    return _smooth(problem, objective, subject_to)


class _Problem:
    """The unknowns as one vector, and expressions compiled as functions of it."""

    def __init__(
        self,
        roots: Sequence[Expr],
        unknowns: Any,
        bounds: Mapping[Expr, tuple[Any, Any]] | None,
        data: Mapping[Any, Any] | None,
    ) -> None:
        if not isinstance(unknowns, Mapping) or not unknowns:
            raise InputError(
                "minimize() takes the unknowns with the values to begin with",
                site=current_site(),
                hint="write g.minimize(L, {x: 1.0, y: 0.0})",
            )
        for node in unknowns:
            if not isinstance(node, Expr) or not node.is_symbol or not is_float(node.dtype):
                raise InputError(
                    f"{brief(node)} is no float symbol, and cannot be an unknown", site=current_site()
                )
        self.symbols = list(unknowns)
        names = [node.name for node in self.symbols]
        values = [as_value(node, value) for node, value in unknowns.items()]
        for node, value in zip(self.symbols, values, strict=True):
            check_shape(node, value.shape)
        self.vector = Vector(dict(zip(names, values, strict=True)))
        self.start = self.vector.start
        self.names = names
        data = {} if data is None else mapping("data", data, "write data={X: values}")
        self.data = {key.name if isinstance(key, Expr) else key: value for key, value in data.items()}
        self.others = [node for node in free_symbols(*roots) if node not in unknowns]
        for node in self.others:
            if node.name not in self.data:
                raise InputError(
                    f"{node.name!r} is no unknown and has no value",
                    site=current_site(),
                    hint=f"add it to the unknowns, or give data={{{node.name!r}: …}}",
                )
        self.bounds = self._bounded(bounds)

    def _bounded(self, bounds: Mapping[Expr, tuple[Any, Any]] | None) -> tuple[np.ndarray, np.ndarray] | None:
        if bounds is None:
            return None
        bounds = mapping("bounds", bounds, "write bounds={x: (0, 1)}")
        for node, pair in bounds.items():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise InputError(
                    f"the bounds of {brief(node)} are (least, greatest), not {brief(pair)}",
                    site=current_site(),
                )
        if not bounds:
            return None
        sides = []
        stray = next((node for node in bounds if node not in self.symbols), None)
        if stray is not None:
            raise InputError(f"bounds of {brief(stray)}, which is no unknown", site=current_site())
        for number, free in enumerate((-np.inf, np.inf)):
            named = {}
            for node in self.symbols:
                side = bounds.get(node, (None, None))[number]
                shape = np.shape(self.vector.unpack(self.start)[node.name])
                named[node.name] = _side(node, free if side is None else side, shape)
            sides.append(self.vector.pack(named))
        return sides[0], sides[1]

    def compiled(self, outputs: Any) -> Callable[[np.ndarray], Any]:
        """A function of the vector; what it gives at the last point is kept, so several may ask for parts of it."""
        function: Any = compile(outputs, [*self.symbols, *self.others])
        values = {node.name: self.data[node.name] for node in self.others}
        last: tuple[bytes, Any] = (b"", None)  # one assignment writes both, so that threads see a pair

        def at(vector: np.ndarray) -> Any:
            nonlocal last
            key, known = last
            point = vector.tobytes()
            if key == point:
                return known
            results = function(**self.vector.unpack(vector), **values)
            last = (point, results)
            return results

        return at

    def rows(self, outputs: Sequence[Expr], sparse: bool) -> tuple[Any, Callable[[Any], Any]]:
        """The Jacobian of some outputs by the unknowns to be compiled, and what makes one matrix of its values."""
        if sparse:
            return jacobian(list(outputs), self.symbols, sparse=True), lambda value: value
        blocks = [[jacobian(output, node) for node in self.symbols] for output in outputs]
        widths = [np.size(value) for value in self.vector.unpack(self.start).values()]

        def whole(values: Any) -> np.ndarray:
            return np.vstack(
                [
                    np.hstack(
                        [np.reshape(block, (-1, width)) for block, width in zip(row, widths, strict=True)]
                    )
                    for row in values
                ]
            )

        return blocks, whole

    def finished(self, result: Any, method: str, why: str) -> Any:
        result.unknowns = self.vector.unpack(result.x)
        result.method, result.why = method, why
        return result


def _least_squares(problem: _Problem, residuals: Expr) -> Any:
    count = len(problem.start)
    sparse = count > MOST_DENSE
    derivative, whole = problem.rows([residuals], sparse)
    at = problem.compiled((residuals, derivative))

    def fun(vector: np.ndarray) -> np.ndarray:
        return np.ravel(at(vector)[0]).copy()

    def jac(vector: np.ndarray) -> Any:
        return whole(at(vector)[1])

    first = fun(problem.start)
    if not np.isfinite(first).all():
        raise InputError(
            "the residuals are not finite at the values to begin with",
            node=repr(residuals),
            site=current_site(),
        )
    levenberg = not sparse and problem.bounds is None and len(first) >= count
    method = "lm" if levenberg else "trf"
    eps = float(np.finfo(np.float64).eps)
    bounds = problem.bounds or (-np.inf, np.inf)
    optimize: Any = scipy_optimize()
    result = optimize.least_squares(
        fun,
        problem.start,
        jac,
        bounds,
        method=method,
        x_scale="jac",
        ftol=eps,
        xtol=eps,
        gtol=eps,
        max_nfev=20_000,
    )
    if levenberg:
        result.x = _polished(fun, jac, result.x)
        result.fun, result.jac = fun(result.x), jac(result.x)
        result.cost = 0.5 * float(result.fun @ result.fun)
        result.grad = result.jac.T @ result.fun
    why = "the objective is an array of residuals, " + (
        "without bounds"
        if levenberg
        else "with a sparse Jacobian"
        if sparse
        else "with bounds or few residuals"
    )
    if not sparse:
        result.standard_errors = problem.vector.unpack(_errors(result.jac, result.fun))
    return problem.finished(result, f"least_squares({method})", why)


def _polished(fun: Callable[..., Any], jac: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """Gauss-Newton steps as long as they make the gradient less: what a solver leaves when the sum of squares stands still."""
    best, slope = x, math.inf
    for _ in range(20):
        matrix, residuals = jac(x), fun(x)
        lengths = np.linalg.norm(matrix, axis=0)
        lengths[lengths == 0] = 1.0
        now = float(np.linalg.norm((matrix / lengths).T @ residuals))
        if not now < slope:
            return best
        best, slope = x, now
        step = np.linalg.lstsq(matrix / lengths, -residuals, rcond=None)[0] / lengths
        x = x + step
    return best


def _errors(matrix: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Standard errors of a fit: the diagonal of s²·(JᵀJ)⁻¹ by QR of J with columns of length 1."""
    rows, columns = matrix.shape
    if rows <= columns:
        return np.full(columns, np.inf)
    lengths = np.linalg.norm(matrix, axis=0)
    if not np.all(lengths > 0):
        return np.where(lengths > 0, np.nan, np.inf)
    triangle = np.linalg.qr(matrix / lengths, mode="r")
    if np.abs(np.diag(triangle)).min() < rows * np.finfo(np.float64).eps:
        return np.full(columns, np.inf)
    spread = np.linalg.norm(np.linalg.inv(triangle), axis=1) / lengths
    return spread * math.sqrt(float(residuals @ residuals) / (rows - columns))


def _smooth(problem: _Problem, objective: Expr, subject_to: Sequence[Expr]) -> Any:
    count = len(problem.start)
    large = count > MOST_DENSE
    at = problem.compiled((objective, grad(objective, problem.symbols)))

    def fun(vector: np.ndarray) -> float:
        return float(at(vector)[0])

    def jac(vector: np.ndarray) -> np.ndarray:
        return problem.vector.pack(dict(zip(problem.names, at(vector)[1], strict=True)))

    options: dict[str, Any] = {}
    more: dict[str, Any] = {}
    if subject_to:
        method = "trust-constr" if large else "SLSQP"
        why = f"there are constraints, and {count} unknowns"
        options = {"maxiter": 5000, **({"xtol": 1e-12, "gtol": 1e-10} if large else {"ftol": 1e-15})}
        more["constraints"] = [_constraint(problem, each, large) for each in subject_to]
        if large:
            more["hess"] = _curvature(problem, objective, large)
    elif problem.bounds is not None:
        method, why = "L-BFGS-B", "there are bounds and no other constraints"
        options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 100_000, "maxfun": 1_000_000}
    else:
        method = "trust-ncg" if large else "trust-exact"
        why = f"there are no constraints, and {count} unknowns: a {'sparse' if large else 'whole'} Hessian is cheap"
        options = {"gtol": 1e-10, "maxiter": 10_000}
        curvature = _curvature(problem, objective, large)
        if large:  # these methods take products with a sparse Hessian, not itself
            more["hessp"] = lambda vector, along: curvature(vector) @ along
        else:
            more["hess"] = curvature
    optimize: Any = scipy_optimize()
    if problem.bounds is not None:
        more["bounds"] = optimize.Bounds(*problem.bounds)
    result = optimize.minimize(fun, problem.start, jac=jac, method=method, options=options, **more)
    return problem.finished(result, method, why)


def _curvature(problem: _Problem, objective: Expr, sparse: bool) -> Callable[[np.ndarray], Any]:
    if sparse:
        return problem.compiled(hessian(objective, problem.symbols, sparse=True))
    slopes = grad(objective, problem.symbols)
    blocks, whole = problem.rows(slopes, False)
    at = problem.compiled(blocks)
    return lambda vector: whole(at(vector))


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


def _side(node: Expr, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """One side of an unknown's bounds, for each of its elements."""
    array = None if isinstance(value, Expr) else np.asarray(value)
    if array is None or array.dtype.kind not in "fiu":
        raise InputError(f"the bounds of {node.name!r} are numbers, not {brief(value)}", site=current_site())
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"bounds of shape {array.shape} for {node.name!r} of shape {shape}", site=current_site()
        ) from None


def _no_constraint(given: Any) -> InputError:
    return InputError(
        f"{brief(given)} is no constraint",
        site=current_site(),
        hint="write subject_to=[x + y <= 1, g.equal(x, y)]",
    )


def _constraint(problem: _Problem, comparison: Any, sparse: bool) -> Any:
    """A comparison as SciPy's methods take it: a difference that is 0, or at least 0."""
    if comparison.op.name not in SIGNS:
        raise _no_constraint(comparison)
    sign = SIGNS[comparison.op.name]
    left, right = comparison.operands
    difference = right - left if sign < 0 else left - right
    if not is_float(difference.dtype):
        raise GradientError(f"the constraint {comparison!r} compares no floats", site=comparison.site)
    derivative, whole = problem.rows([difference], sparse)
    at = problem.compiled((difference, derivative))

    def fun(vector: np.ndarray) -> np.ndarray:
        return np.ravel(at(vector)[0]).copy()

    def jac(vector: np.ndarray) -> Any:
        return whole(at(vector)[1])

    if not sparse:
        return {"type": "ineq" if sign else "eq", "fun": fun, "jac": jac}
    weights = symbol(
        _unused("weights of a constraint", problem.symbols, difference), difference.shape, difference.dtype
    )
    weighted = difference * weights
    bent: Any = compile(
        hessian(sum_of(weighted) if weighted.shape else weighted, problem.symbols, sparse=True),
        [*problem.symbols, *problem.others, weights],
    )
    values = [problem.data[node.name] for node in problem.others]

    def hess(vector: np.ndarray, multipliers: np.ndarray) -> Any:
        shaped = np.reshape(multipliers, np.shape(at(vector)[0]))
        return bent(
            *problem.vector.unpack(vector).values(), *values, shaped if shaped.shape else float(shaped)
        )

    optimize: Any = scipy_optimize()
    return optimize.NonlinearConstraint(fun, 0.0, np.inf if sign else 0.0, jac=jac, hess=hess)


__all__ = ["minimize"]
