"""Boundary value problems as SciPy's solver takes them: many points at once, with all Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.functions import jacobian
from graphc.api.scipy_ode import Equation
from graphc.errors import InputError, ShapeError, brief
from graphc.frontend.vmap import vmap
from graphc.interpret.vector_packing import Vector
from graphc.ir.expr import Expr, constant, current_site, free_symbols, substitute, symbol
from graphc.ir.types import FLOAT64, format_shape
from graphc.ops.shape import concat, reshape
from graphc.util.arguments import function as checked_function
from graphc.util.arguments import listed, mapping
from graphc.util.fork_safety import cached_property


class BoundaryValue(Equation):
    """A boundary value problem for `scipy.integrate.solve_bvp`, over many points at once.

    fun, bc, fun_jac, bc_jac : as `solve_bvp` takes them, with the vector p of unknown parameters where there are any
    p : the parameters to begin with, or None; start, names, unpack, pack, series : the state

        p = f.scipy({"u": 0.0, "v": 0.0}, over="x", boundary=lambda a, b: [a["u"], b["u"] - 1])
        scipy.integrate.solve_bvp(p.fun, p.bc, x, guess, p=p.p, fun_jac=p.fun_jac, bc_jac=p.bc_jac)
    """

    def __init__(self, *equation: Any, boundary: Any) -> None:
        super().__init__(*equation)
        boundary = checked_function(
            "boundary",
            boundary,
            2,
            'write boundary=lambda a, b: [a["u"], b["u"] - 1], what is 0 at both ends',
        )
        self._unknown = [self.by_name[name] for name in self.parameters]
        self._packed_parameters = Vector(self.parameters) if self.parameters else None
        self.p: np.ndarray | None = None if self._packed_parameters is None else self._packed_parameters.start
        count = 0 if self.p is None else len(self.p)
        self._p = symbol(self.unused_name("parameters"), (count,))
        if self._packed_parameters is not None:
            places = self._packed_parameters.places
            parts = {
                node: reshape(self._p[places[node.name][0]], places[node.name][1])
                if places[node.name][1]
                else self._p[places[node.name][0].start]
                for node in self._unknown
            }
            self.rhs: Expr = substitute(self.rhs, parts)
        else:
            parts = {}
        self._ends = [
            symbol(self.unused_name(f"state at the {end}"), self.start.shape) for end in ("beginning", "end")
        ]
        states = [{node.name: self.part(end, node) for node in self.states} for end in self._ends]
        conditions = listed("boundary", boundary(*states), "return a list of expressions that are 0")
        if not all(isinstance(each, (Expr, int, float)) for each in conditions):
            raise InputError(
                "boundary returns expressions that are 0 at both ends",
                site=current_site(),
                hint='return [a["u"], b["u"] - 1]',
            )
        flat = [
            reshape(constant(each, None if isinstance(each, Expr) else FLOAT64), (-1,)) for each in conditions
        ]
        self._conditions = substitute(concat(flat), parts) if flat else None
        wanted = len(self.start) + count
        if self._conditions is None or self._conditions.shape != (wanted,):
            raise ShapeError(
                f"{wanted} conditions determine {len(self.start)} states and {count} parameters, and boundary gives "
                f"{0 if self._conditions is None else format_shape(self._conditions.shape)}",
                site=current_site(),
                hint="return one expression for each",
            )
        allowed = {*self._ends, self._p}
        stray = [
            node
            for node in free_symbols(self._conditions)
            if node not in allowed and node.name not in self.values
        ]
        if stray:
            raise InputError(
                f"{stray[0].name!r} of the boundary has no value",
                site=current_site(),
                hint="use the states at both ends, and fixed inputs",
            )

    def fun(self, x: Any, y: Any, p: Any = None) -> np.ndarray:
        """The derivatives at m points: (n, m) of states (n, m)."""
        return self._fun(*self._point(x, y, p))

    def bc(self, ya: Any, yb: Any, p: Any = None) -> np.ndarray:
        """What the conditions leave."""
        return self._bc[0](*self._at_ends(ya, yb, p))

    def fun_jac(self, x: Any, y: Any, p: Any = None) -> Any:
        """(n, n, m) by the state; with parameters also (n, k, m) by these."""
        by_state, by_parameters = self._fun_jac(*self._point(x, y, p))
        return by_state if self.p is None else (by_state, by_parameters)

    def bc_jac(self, ya: Any, yb: Any, p: Any = None) -> Any:
        """The conditions' Jacobians by the state at either end, and by the parameters where there are any."""
        parts = self._bc[1](*self._at_ends(ya, yb, p))
        return tuple(parts[:2] if self.p is None else parts)

    def _point(self, x: Any, y: Any, p: Any) -> list[Any]:
        return [
            np.asarray(x, np.float64),
            np.asarray(y, np.float64),
            np.zeros(0) if p is None else np.asarray(p, np.float64),
        ]

    def _at_ends(self, ya: Any, yb: Any, p: Any) -> list[Any]:
        return [
            np.asarray(ya, np.float64),
            np.asarray(yb, np.float64),
            np.zeros(0) if p is None else np.asarray(p, np.float64),
        ]

    def _over_points(self, outputs: list[Expr]) -> Callable[..., Any]:
        """Expressions of one point as a function of many: the points are the last axis."""
        xs, ys = (
            symbol(self.unused_name("points"), ("m",)),
            symbol(self.unused_name("states"), (len(self.start), "m")),
        )

        def one(x: Expr, y: Expr) -> tuple[Expr, ...]:
            # what does not depend on the point is repeated at each
            return tuple(substitute(each, {self.time: x, self.vector: y}) + 0 * x for each in outputs)

        batched = vmap(one, in_axes=(0, 1), out_axes=-1)(xs, ys)
        return self.compiled(list(batched), [xs, ys, self._p])

    @cached_property
    def _fun(self) -> Callable[..., Any]:
        made = self._over_points([self.rhs])
        return lambda *point: made(*point)[0]

    @cached_property
    def _fun_jac(self) -> Callable[..., Any]:
        if self.p is None:
            made = self._over_points([jacobian(self.rhs, self.vector)])
            return lambda *point: (made(*point)[0], None)
        return self._over_points([jacobian(self.rhs, self.vector), jacobian(self.rhs, self._p)])

    @cached_property
    def _bc(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        inputs = [*self._ends, self._p]
        assert self._conditions is not None
        slopes = [
            jacobian(self._conditions, node) for node in inputs if node is not self._p or self.p is not None
        ]
        values = self.compiled(self._conditions, inputs)
        return values, self.compiled(slopes, inputs)


def boundary_value(
    outputs: Sequence[Expr], by_name: Mapping[str, Expr], start: Any, fixed: Any, words: Mapping[str, Any]
) -> BoundaryValue:
    if "bounds" in words or "subject_to" in words or "events" in words:
        raise InputError(
            "a boundary value problem has a boundary and parameters, and neither bounds, constraints nor events",
            site=current_site(),
            hint='write f.scipy(start, over="x", boundary=…, parameters={"k": 1.0})',
        )
    parameters = mapping("parameters", words.get("parameters", {}), 'write parameters={"k": 1.0}')
    stray = [name for name in parameters if name not in by_name or name in start or name in fixed]
    if stray:
        raise InputError(
            f"{brief(stray[0])} is no input that is free to be a parameter",
            site=current_site(),
            hint=f"the inputs are {', '.join(by_name)}",
        )
    return BoundaryValue(
        outputs, by_name, start, fixed, words["over"], parameters, boundary=words["boundary"]
    )


__all__ = ["BoundaryValue", "boundary_value"]
