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

ONE_PASS = tuple([name for name, takes in METHODS.items() if "jac" in takes and "constraints" not in takes])
"""SciPy's methods that ask for values, gradients, and Hessians or products with them: each is one pass."""

POLISH = 12
"""So many of Newton's steps at most, each a pass or several, where the method stopped; two or three gain all digits."""

SETTLED = 1e-9
"""What may be left of the slope where an optimum is sure, whatever the method said when it stopped."""

WHOLE = 32
"""Up to so many unknowns the Hessian belongs to the pass that computes value and slope, and products with it are none."""

EPSILON = 1e-15
"""What is left of a slope, and of a step beside the unknowns, that has no digits to gain: a pass costs more than arithmetic."""

NEAR = 1e-10
"""Where a step of Newton's gains so little of the value, beside its size, the method has found the optimum."""

FLAT = 1e-12
"""Beside the largest curvature: along what is flatter a Hessian says nothing."""

REMEMBERED = 3
"""Of so many points the results are kept: methods return from a step that gained nothing."""


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

    def compiled(self, outputs: Any, more: Sequence[Expr] = ()) -> Callable[..., Any]:
        """A function of the vector, whose results at the last points are kept."""
        function = self.function(outputs, more)
        known: dict[Any, Any] = {}

        def at(vector: np.ndarray, *rest: Any) -> Any:
            point = (vector.tobytes(), *[np.asarray(value).tobytes() for value in rest])
            if point not in known:
                named = dict(zip([node.name for node in more], rest, strict=True))
                results = function(**self.vector.unpack(vector), **named)
                while len(known) >= REMEMBERED:
                    del known[next(iter(known))]
                known[point] = results
            return known[point]

        return at

    def passes(self, objective: Expr, second: bool) -> DataPasses:
        """What computes the value, the slope and, of few unknowns and if they are asked for, the second derivatives."""
        slopes = grad(objective, self.symbols)
        if second and self.start.size <= WHOLE:
            try:
                matrix, together = self.rows(slopes, False)
                at = self.compiled((objective, slopes, matrix))
                at(self.start)
            except GraphcError:  # second derivatives that cannot be computed block by block as a matrix
                pass
            else:
                return DataPasses(self, at, lambda vector: together(at(vector)[2]))
        return DataPasses(self, self.compiled((objective, slopes)), None, self._product_by_passes(objective))

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


class DataPasses:
    """Value, slope, Hessian and products with it at a point, each a pass over the data or a part of one.

    hess : None where it is not computed as a matrix
    """

    def __init__(
        self,
        problem: ClusterProblem,
        at: Callable[[np.ndarray], Any],
        hess: Callable[[np.ndarray], np.ndarray] | None,
        product: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._problem, self._at, self.hess = problem, at, hess
        self._product = product

    def fun(self, vector: np.ndarray) -> float:
        return float(self._at(vector)[0])

    def jac(self, vector: np.ndarray) -> np.ndarray:
        problem = self._problem
        return problem.vector.pack(dict(zip(problem.names, self._at(vector)[1], strict=True)))

    def product(self, vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
        if self.hess is not None:
            return self.hess(vector) @ direction
        assert self._product is not None
        return self._product(vector, direction)

    def newton_step(self, vector: np.ndarray) -> np.ndarray | None:
        """Newton's step where the Hessian is known and curves upwards along all of the slope; None elsewhere."""
        if self.hess is None or not np.isfinite(hessian := self.hess(vector)).all():
            return None
        curvatures, directions = np.linalg.eigh((hessian + hessian.T) / 2)
        largest = float(curvatures[-1])
        along = directions.T @ self.jac(vector)
        curved = curvatures > FLAT * largest
        flat = np.linalg.norm(along[~curved])
        if curvatures[0] < -FLAT * max(largest, 0.0) or not flat <= NEAR * np.linalg.norm(along):
            return None
        return -directions[:, curved] @ (along[curved] / curvatures[curved])


def minimize_on_cluster(
    problem: ClusterProblem, objective: Expr, asked: str | None, options: Mapping[str, Any]
) -> Any:
    """The minimum of a scalar over data on a cluster; see `minimize`."""
    if asked is not None and asked not in ONE_PASS:
        raise InputError(
            f"{asked} asks for more than a pass over the data gives",
            site=current_site(),
            hint=f"one of {', '.join(ONE_PASS)}; or leave method= out",
        )
    bounded = problem.bounds is not None
    passes = problem.passes(
        objective, not bounded if asked is None else bool(METHODS[asked] & {"hess", "hessp"})
    )
    method, why = asked, "it was asked for"
    if method is None:
        method, why = _method(bounded, passes)
        options = _options(method, problem.start, passes)
    arguments: dict[str, Any] = {"fun": passes.fun, "x0": problem.start, "method": method, "jac": passes.jac}
    if "hess" in METHODS[method]:
        if passes.hess is None:
            raise InputError(
                f"{method} asks for a Hessian, which is computed block by block of at most {WHOLE} unknowns, "
                f"here {problem.start.size}",
                site=current_site(),
                hint="Newton-CG and trust-krylov ask for products with it; or leave method= out",
            )
        arguments["hess"] = passes.hess
    if "hessp" in METHODS[method]:
        arguments["hessp"] = passes.product
    if problem.bounds is not None:
        arguments["bounds"] = scipy_optimize().Bounds(*problem.bounds)
    if asked is None and passes.hess is not None:
        arguments["callback"] = _until_near(passes, problem.start)
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
    return problem.finished(_settled(problem, passes, result), method, why)


def _method(bounded: bool, passes: DataPasses) -> tuple[str, str]:
    if bounded:
        return "L-BFGS-B", "there are bounds, and a step is one pass over the data"
    if passes.hess is None:
        return "Newton-CG", "there are no bounds, and a product with the Hessian is one pass over the data"
    return (
        "trust-exact",
        "there are no bounds, and the Hessian of few unknowns belongs to the pass over the data",
    )


def _options(method: str, start: np.ndarray, passes: DataPasses) -> dict[str, Any]:
    if method == "L-BFGS-B":
        return {"ftol": 0.0, "gtol": 1e-10, "maxiter": 10_000}
    if method == "Newton-CG":
        return {"xtol": 1e-10}
    step = passes.newton_step(start)
    radius = 1.0 if step is None else max(1.0, 2 * float(np.linalg.norm(step)))
    if not np.isfinite(radius):
        radius = 1.0
    return {"gtol": 0.0, "initial_trust_radius": radius, "max_trust_radius": 1e6 * radius, "maxiter": 10_000}


def _until_near(passes: DataPasses, start: np.ndarray) -> Callable[[np.ndarray], None]:
    """What ends a method where a step of Newton's gains nothing that the value shows: its own criteria speak of slopes alone."""
    first = passes.fun(start)

    def near(xk: np.ndarray) -> None:
        step, value = passes.newton_step(xk), passes.fun(xk)
        if step is not None and -(step @ passes.jac(xk)) <= NEAR * max(abs(value), abs(first - value)):
            raise StopIteration

    return near


def _settled(problem: ClusterProblem, passes: DataPasses, result: Any) -> Any:
    """The result after Newton steps from where the method stopped, as long as they gain digits."""
    x = np.asarray(result.x, np.float64)
    value, slope = passes.fun(x), passes.jac(x)
    left = _left(problem, x, slope)
    for _ in range(POLISH if problem.bounds is None else 0):
        if not EPSILON < left < np.inf:
            break
        step = passes.newton_step(x)
        nearer = x + (step if step is not None else _by_products(passes, x, slope))
        if not np.isfinite(nearer).all() or np.abs(nearer - x).max() <= EPSILON * np.abs(x).max():
            break
        reached, now = passes.fun(nearer), passes.jac(nearer)  # both of one pass
        remains = _left(problem, nearer, now)
        if reached > value + 1e-12 * (1 + abs(value)) or not remains < left:
            break
        x, value, slope, left = nearer, reached, now, remains
    result.x, result.fun, result.jac, result.optimality = x, value, slope, left
    if left < SETTLED and not result.success:
        result.success, result.status, result.message = True, 0, "The conditions of an optimum hold."
    return result


def _by_products(passes: DataPasses, x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Newton's step by conjugate gradients."""
    linear: Any = scipy_linear()
    count = len(slope)
    hessian = linear.LinearOperator((count, count), matvec=lambda v: passes.product(x, v), dtype=np.float64)
    step, _ = linear.cg(hessian, -slope, rtol=1e-8, maxiter=min(2 * count, 100))
    return step


def _left(problem: ClusterProblem, x: np.ndarray, slope: np.ndarray) -> float:
    """The largest part of the slope that no bound holds back, beside its size."""
    free = slope
    if problem.bounds is not None:
        low, high = problem.bounds
        free = np.where((x <= low) & (slope > 0) | (x >= high) & (slope < 0), 0.0, slope)
    return float(np.abs(free).max(initial=0.0) / (1 + np.abs(slope).max(initial=0.0)))


__all__ = ["ONE_PASS", "ClusterProblem", "minimize_on_cluster"]
