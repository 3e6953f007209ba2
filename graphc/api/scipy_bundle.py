"""A compiled formula with what SciPy's solvers ask for beside it: derivatives, bounds and constraints, all from its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import hvp
from graphc.api.kkt import Constraint, Objective
from graphc.api.least_squares import MOST_DENSE
from graphc.api.packed_problem import PackedProblem
from graphc.api.scipy_bvp import boundary_value
from graphc.api.scipy_ode import initial_value
from graphc.api.smooth_problem import SIGNS, constraint_of, no_constraint, objective_of
from graphc.api.solver_arguments import OUTSIDE, checked_method, dense, scipy_arguments, scipy_constraints
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.errors import ArityError, CompileError, GradientError, InputError, brief
from graphc.interpret.scalarize import elements, named, specialised
from graphc.interpret.vector_packing import Packed, Vector, refuse_names
from graphc.ir.expr import Expr, current_site, substitute, symbol
from graphc.ir.types import is_float
from graphc.ops.support.sparse_arrays import scipy_optimize
from graphc.util.arguments import listed, mapping
from graphc.util.fork_safety import cached_property

WORDS = ("bounds", "subject_to", "over", "events", "boundary", "parameters")
"""What `f.scipy` takes by these names, unless inputs of the function have them."""


def bundle(function: CompiledFunction, start: Any, given: Mapping[str, Any]) -> Any:
    """What `f.scipy(start, **given)` gives; see `CompiledFunction.scipy`."""
    words = {word: given[word] for word in WORDS if word in given and word not in function.inputs}
    fixed = {name: value for name, value in given.items() if name not in words}
    refuse_names(start, fixed, function.inputs, words.get("over"))
    graph = function.graph
    outputs = [graph.exprs[output] for output in graph.outputs]
    by_name = {node.name: node for node in graph.symbols}
    if "over" in words:
        solver = boundary_value if "boundary" in words else initial_value
        return solver(outputs, by_name, start, fixed, words)
    stray = [word for word in words if word in ("events", "boundary", "parameters")]
    if stray:
        raise InputError(
            f"{stray[0]} belongs to a differential equation",
            site=current_site(),
            hint=f'say what it is solved over: f.scipy(start, over="t", {stray[0]}=…)',
        )
    if len(outputs) > 1 and not words:
        return Packed(function.call, start, fixed, function.inputs)
    if len(outputs) > 1:
        raise ArityError(
            f"bounds and constraints belong to one objective, and this function has {len(outputs)} results",
            hint="compile the objective alone: its derivatives are made of its graph",
        )
    return Bundle(outputs[0], by_name, start, fixed, **words)


def _numbers(vector: Any) -> np.ndarray:
    """A vector as a solver hands it, copied; raises `InputError` for what holds no numbers."""
    try:
        return np.array(vector, np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"the vector holds real numbers, not {brief(vector)}",
            site=current_site(),
            hint="bundle.pack({name: value}) makes it of values by name, and bundle.start is the first",
        ) from None


class Bundle(Vector):
    """A formula as functions of one vector, with all that SciPy's solvers take; derivatives are compiled when first asked for.

    start : the vector to begin with, float64
    names : of the inputs that the vector holds, one after the other; `unpack` and `pack` go between vector and names
    fun, jac, hess, hessp : of a scalar formula its value, gradient, Hessian and the product of that with a vector; of an array
        of residuals these and their Jacobian. Up to 200 unknowns matrices are NumPy arrays, beyond sparse
    bounds : a `scipy.optimize.Bounds`, or None
    constraints : `scipy.optimize.NonlinearConstraint`s with Jacobians and Hessians, for trust-constr
    lowlevel : the formula as a `scipy.LowLevelCallable` of the vector's elements, for `quad` and `nquad`

    `arguments("SLSQP")` is what `scipy.optimize.minimize` is called with, `arguments("least_squares")` and `arguments("root")`
    what those functions are. What is computed at a point is kept for the next function that is asked for there.
    """

    def __init__(
        self,
        output: Expr,
        by_name: Mapping[str, Expr],
        start: Mapping[str, Any],
        fixed: Mapping[str, Any],
        bounds: Any = None,
        subject_to: Any = (),
    ) -> None:
        if not is_float(output.dtype):
            raise GradientError(
                f"a formula of {output.dtype} has no derivative",
                node=repr(output),
                site=output.site,
                hint="compile a formula of floats: x.astype('float64')",
            )
        constraints = listed("subject_to", subject_to, "write subject_to=[x + y <= 1]")
        stray = next(
            (each for each in constraints if not isinstance(each, Expr) or each.op.name not in SIGNS), None
        )
        if stray is not None:
            raise no_constraint(stray)
        unknowns = {by_name[name]: value for name, value in start.items()}
        self._output, self._by_name, self._fixed = output, by_name, dict(fixed)
        self.names: tuple[str, ...] = tuple(start)
        super().__init__(start)
        sides = None if bounds is None else _by_symbol(bounds, by_name, self.names)
        self._problem = PackedProblem([output, *constraints], unknowns, sides, fixed)
        self._large = len(self.start) > MOST_DENSE
        self._comparisons = constraints
        if output.shape and constraints:
            raise InputError(
                "residuals take bounds, but no other constraints",
                site=current_site(),
                hint="compile g.sum(residuals**2) for the objective",
            )
        self.fun(self.start)  # refuses values that do not fit

    # --- functions of the vector --------------------------------------------------------------------------------------

    def __call__(self, vector: Any) -> tuple[Any, Any]:
        """(value, first derivatives), as `minimize(…, jac=True)` takes."""
        return self.fun(vector), self.jac(vector)

    def fun(self, vector: Any) -> Any:
        """The value, a float, or the residuals, a float64 vector."""
        point = _numbers(vector)
        return (
            np.ravel(self._rows[0](point)).astype(np.float64)
            if self._output.shape
            else self._whole.fun(point)
        )

    def jac(self, vector: Any) -> Any:
        """The gradient, a float64 vector, or the Jacobian of residuals, a matrix or sparse array."""
        point = _numbers(vector)
        return self._rows[1](point).copy() if self._output.shape else self._whole.jac(point)

    def hess(self, vector: Any) -> Any:
        """The Hessian, a matrix or sparse array; raises `GradientError` for residuals."""
        self._scalar("Hessian")
        return self._whole.hess(_numbers(vector)).copy()

    def hessp(self, vector: Any, direction: Any) -> np.ndarray:
        """The Hessian times a direction, by forward over reverse mode: the matrix is never built."""
        self._scalar("Hessian")
        return self._along(_numbers(vector), _numbers(direction))

    def _scalar(self, what: str) -> None:
        if self._output.shape:
            raise GradientError(
                f"residuals have no {what}",
                node=repr(self._output),
                site=self._output.site,
                hint="compile g.sum(residuals**2); least_squares and root need the Jacobian alone",
            )

    @cached_property
    def _whole(self) -> Objective:
        return objective_of(self._problem, self._output, self._large)

    @cached_property
    def _rows(self) -> Any:
        problem = self._problem
        derivative, whole = problem.rows([self._output], self._large)
        at = problem.compiled((self._output, derivative))
        return lambda x: at(x)[0], lambda x: whole(at(x)[1])

    @cached_property
    def _along(self) -> Any:
        symbols = self._problem.symbols
        taken = set(self._by_name)
        directions = []
        for node in symbols:
            name = f"direction of {node.name}"
            while name in taken:
                name += "'"
            directions.append(symbol(name, node.shape, node.dtype))
        function: Any = compile(
            hvp(self._output, symbols, directions), [*symbols, *self._problem.others, *directions]
        )
        others = {node.name: self._problem.data[node.name] for node in self._problem.others}

        def along(point: np.ndarray, direction: np.ndarray) -> np.ndarray:
            turned = self.unpack(direction)
            named = {node.name: turned[of.name] for node, of in zip(directions, symbols, strict=True)}
            parts = function(**self.unpack(point), **others, **named)
            return self.pack(dict(zip(self.names, parts, strict=True)))

        return along

    # --- what solvers take --------------------------------------------------------------------------------------------

    @property
    def bounds(self) -> Any:
        sides = self._problem.bounds
        return None if sides is None else scipy_optimize().Bounds(*sides)

    @cached_property
    def _constraints(self) -> list[Constraint]:
        return [constraint_of(self._problem, each, self._large) for each in self._comparisons]

    @property
    def constraints(self) -> list[Any]:
        return scipy_constraints(self._constraints, "trust-constr")

    def arguments(self, solver: str) -> dict[str, Any]:
        """The arguments of a solver of SciPy, by name.

        solver : a method of `scipy.optimize.minimize`, as "trust-constr", which is among the arguments then; "least_squares" or
            "root"

            scipy.optimize.minimize(**p.arguments("SLSQP"))

        Raises `InputError` for a solver that does not take what there is, and names those that do.
        """
        if isinstance(solver, str) and solver in ("least_squares", "root"):
            return self._of_residuals(solver)
        self._scalar("minimum; least_squares takes them, and its Hessian is not asked for")
        method = checked_method(solver, self._problem.bounds is not None, bool(self._comparisons))
        if method in OUTSIDE:
            raise InputError(
                f"{method} is not SciPy's",
                site=current_site(),
                hint=f'write g.minimize(…, method="{method}")',
            )
        return scipy_arguments(
            self._whole, self.hessp, self._constraints, self._problem.bounds, self.start, method
        )

    def _of_residuals(self, solver: str) -> dict[str, Any]:
        if not self._output.shape:
            raise InputError(
                f"{solver} takes an array of residuals, and this formula is one number",
                node=repr(self._output),
                site=current_site(),
                hint="compile g.stack([…]) of what is to be 0",
            )
        arguments: dict[str, Any] = {"fun": self.fun, "x0": self.start, "jac": self.jac}
        if solver == "least_squares":
            return (
                arguments if self._problem.bounds is None else {**arguments, "bounds": self._problem.bounds}
            )
        if self._problem.bounds is not None or len(self.fun(self.start)) != len(self.start):
            raise InputError(
                "root takes as many equations as unknowns, and no bounds",
                site=current_site(),
                hint='arguments("least_squares") takes any number, and bounds',
            )
        return {**arguments, "jac": lambda x: dense(self.jac(x))}

    @cached_property
    def lowlevel(self) -> Any:
        """The formula as `double (int, double *)` of the vector's elements; raises `CompileError` where it has no such code."""
        self._scalar("integral by quad, which asks for one number")
        values = {self._by_name[name]: np.asarray(value) for name, value in self.unpack(self.start).items()}
        others = {self._by_name[name]: np.asarray(value) for name, value in self._fixed.items()}
        known = {node: value.astype(node.dtype) for node, value in (values | others).items()}
        (output,), stand_ins = specialised([self._output], known)
        arrays = {stand_ins[node]: value for node, value in known.items()}
        formula = elements([output], arrays)[0].item()
        numbers = {
            scalar: float(value)
            for node, array in others.items()
            for scalar, value in zip(named(stand_ins[node]).flat, array.flat, strict=True)
        }
        formula = substitute(formula, numbers) if numbers else formula
        inputs = [scalar for node in values for scalar in named(stand_ins[node]).flat]
        if len(inputs) > 100:
            raise CompileError(
                f"an integral over {len(inputs)} numbers is none that nquad takes",
                hint="fix the other inputs",
            )
        function: Any = compile(formula, inputs)
        return function.lowlevel


def _by_symbol(bounds: Any, by_name: Mapping[str, Expr], names: Sequence[str]) -> dict[Any, Any]:
    """Bounds by symbol, from bounds by name or symbol."""
    given = mapping("bounds", bounds, 'write bounds={"x": (0, 1)}')
    sides: dict[Any, Any] = {}
    for key, pair in given.items():
        name = key.name if isinstance(key, Expr) and key.is_symbol else key
        if not isinstance(name, str) or name not in names:
            raise InputError(
                f"bounds of {brief(key)}, which does not vary",
                site=current_site(),
                hint=f"what varies is {', '.join(names)}",
            )
        sides[by_name[name]] = pair
    return sides


__all__ = ["Bundle", "bundle"]
