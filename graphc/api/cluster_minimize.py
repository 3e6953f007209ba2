"""Minima over data on a cluster: SciPy's methods on this machine, every value and derivative a pass over the blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import grad
from graphc.api.packed_problem import PackedProblem
from graphc.api.solver_arguments import METHODS
from graphc.errors import GraphcError, InputError
from graphc.frontend.interop.cluster import ClusterData, ClusterFunction
from graphc.interpret.vector_packing import Vector
from graphc.ir.expr import Expr, current_site, free_symbols, symbol
from graphc.ops.reduce import sum as sum_of
from graphc.ops.support.sparse_arrays import scipy_linear, scipy_optimize
from graphc.util.pytree import flatten, unflatten

BY_SLOPES = tuple([name for name, takes in METHODS.items() if "jac" in takes and "hess" not in takes])
"""SciPy's methods that ask for values, gradients and products with the Hessian: each one pass."""

POLISH = 12
"""So many of Newton's steps at most, each several passes, where the method stopped; two or three gain all digits."""

SETTLED = 1e-9
"""What may be left of the slope where an optimum is sure, whatever the method said when it stopped."""

WHOLE = 32
"""Up to so many unknowns the Hessian is one pass, and products with it are none."""

EPSILON = 1e-15
"""What is left of a slope that has no digits to gain: a pass over the data costs more than arithmetic here."""


class ClusterProblem(PackedProblem):
    """A problem whose data is on a cluster: unknowns go out, and results without rows come back."""

    def __init__(
        self,
        objective: Expr,
        unknowns: Any,
        bounds: Mapping[Expr, tuple[Any, Any]] | None,
        data: Mapping[Any, Any] | None,
        client: Any,
    ) -> None:
        super().__init__([objective], unknowns, bounds, data)
        self._on_cluster = ClusterData(client, {node: self.data[node.name] for node in self.others})

    def function(self, outputs: Any, more: Sequence[Expr]) -> Callable[..., Any]:
        compiled = compile(outputs, [*self.symbols, *self.others, *more])
        blocks = ClusterFunction(compiled._callee(), self._on_cluster)
        structure = flatten(outputs)[1]
        known = {node.name: node for node in (*self.symbols, *more)}

        def at(**values: Any) -> Any:
            return unflatten(structure, iter(blocks.at({known[name]: v for name, v in values.items()})))

        return at

    def product_with_hessian(self, objective: Expr) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """(vector, direction) → the Hessian times the direction.

        Of few unknowns the Hessian is computed at each new point; else the gradient of the slope along the direction. Either
        is one pass.
        """
        by_passes = self._product_by_passes(objective)
        if self.start.size > WHOLE:
            return by_passes
        matrix, together = self.rows(grad(objective, self.symbols), False)
        at: Any = None

        def product(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
            nonlocal at
            if at is None:
                at = self.compiled(matrix)
            return together(at(vector)) @ direction

        whole = True

        def either(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
            nonlocal whole
            if whole:
                try:
                    return product(vector, direction)
                except GraphcError:  # second derivatives that cannot be computed block by block as a matrix
                    whole = False
            return by_passes(vector, direction)

        return either

    def _product_by_passes(self, objective: Expr) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        taken = {node.name for node in free_symbols(objective)}
        along: list[Expr] = []
        for node in self.symbols:
            name = f"direction of {node.name}"
            while name in taken:
                name += "'"
            along.append(symbol(name, shape=node.shape, dtype=node.dtype))
        terms = [d * v for d, v in zip(grad(objective, self.symbols), along, strict=True)]
        slope = sum((sum_of(term) if term.shape else term for term in terms[1:]), _whole(terms[0]))
        at: Any = None
        packed = Vector({v.name: value for v, value in zip(along, self._values(self.start), strict=True)})

        def product(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
            nonlocal at
            if at is None:
                at = self.compiled(grad(slope, self.symbols), along)
            parts = packed.unpack(np.asarray(direction, np.float64))
            found = at(vector, *[parts[v.name] for v in along])
            return self.vector.pack(dict(zip(self.names, found, strict=True)))

        return product

    def _values(self, vector: np.ndarray) -> list[Any]:
        parts = self.vector.unpack(vector)
        return [parts[name] for name in self.names]


def _whole(term: Expr) -> Expr:
    return sum_of(term) if term.shape else term


def minimize_on_cluster(
    problem: ClusterProblem, objective: Expr, asked: str | None, options: Mapping[str, Any]
) -> Any:
    """The minimum of a scalar over data on a cluster; see `minimize`."""
    if asked is not None and asked not in BY_SLOPES:
        raise InputError(
            f"{asked} asks for more than a pass over the data gives",
            site=current_site(),
            hint=f"one of {', '.join(BY_SLOPES)}; or leave method= out",
        )
    values = problem.compiled((objective, grad(objective, problem.symbols)))
    product = problem.product_with_hessian(objective)

    def fun(vector: np.ndarray) -> float:
        return float(values(vector)[0])

    def jac(vector: np.ndarray) -> np.ndarray:
        return problem.vector.pack(dict(zip(problem.names, values(vector)[1], strict=True)))

    bounded = problem.bounds is not None
    method = asked or ("L-BFGS-B" if bounded else "Newton-CG")
    why = "it was asked for" if asked else _why(bounded)
    if asked is None:
        options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 10_000} if bounded else {"xtol": 1e-10}
    arguments: dict[str, Any] = {"fun": fun, "x0": problem.start, "method": method}
    if "jac" in METHODS[method]:
        arguments["jac"] = jac
    if "hessp" in METHODS[method]:
        arguments["hessp"] = product
    if problem.bounds is not None:
        arguments["bounds"] = scipy_optimize().Bounds(*problem.bounds)
    optimize: Any = scipy_optimize()
    try:
        result = optimize.minimize(**arguments, options=dict(options))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"SciPy's {method} refuses the problem or its options: {error}",
            site=current_site(),
            hint="leave method= and options= out, and the method is chosen",
        ) from None
    return problem.finished(_settled(problem, fun, jac, product, result), method, why)


def _why(bounded: bool) -> str:
    return (
        "there are bounds, and a step is one pass over the data"
        if bounded
        else "there are no bounds, and a product with the Hessian is one pass over the data"
    )


def _settled(
    problem: ClusterProblem,
    fun: Callable[[np.ndarray], float],
    jac: Callable[[np.ndarray], np.ndarray],
    product: Callable[[np.ndarray, np.ndarray], np.ndarray],
    result: Any,
) -> Any:
    """The result after Newton steps, by conjugate gradients, from where the method stopped, as long as they gain digits."""
    x = np.asarray(result.x, np.float64)
    value, slope = fun(x), jac(x)
    left = _left(problem, x, slope)
    for _ in range(POLISH if problem.bounds is None else 0):
        if not EPSILON < left < np.inf:
            break
        nearer = x + _newton_step(lambda v, x=x: product(x, v), slope)
        if not np.isfinite(nearer).all():
            break
        reached, now = fun(nearer), jac(nearer)  # both of one pass
        remains = _left(problem, nearer, now)
        if reached > value + 1e-12 * (1 + abs(value)) or not remains < left:
            break
        x, value, slope, left = nearer, reached, now, remains
    result.x, result.fun, result.jac, result.optimality = x, value, slope, left
    if left < SETTLED and not result.success:
        result.success, result.status, result.message = True, 0, "The conditions of an optimum hold."
    return result


def _newton_step(product: Callable[[np.ndarray], np.ndarray], slope: np.ndarray) -> np.ndarray:
    linear: Any = scipy_linear()
    count = len(slope)
    hessian = linear.LinearOperator((count, count), matvec=product, dtype=np.float64)
    step, _ = linear.cg(hessian, -slope, rtol=1e-8, maxiter=min(2 * count, 100))
    return step


def _left(problem: ClusterProblem, x: np.ndarray, slope: np.ndarray) -> float:
    """The largest part of the slope that no bound holds back, beside its size."""
    free = slope
    if problem.bounds is not None:
        low, high = problem.bounds
        free = np.where((x <= low) & (slope > 0) | (x >= high) & (slope < 0), 0.0, slope)
    return float(np.abs(free).max(initial=0.0) / (1 + np.abs(slope).max(initial=0.0)))


__all__ = ["BY_SLOPES", "ClusterProblem", "minimize_on_cluster"]
