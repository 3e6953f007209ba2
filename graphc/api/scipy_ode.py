"""Right-hand sides of differential equations as SciPy's integrators take them, with Jacobians and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import jacobian
from graphc.api.least_squares import MOST_DENSE
from graphc.errors import ArityError, InputError, ShapeError, brief
from graphc.interpret.vector_packing import Vector
from graphc.ir.expr import Expr, current_site, free_symbols, substitute, symbol
from graphc.ir.types import format_shape, is_float
from graphc.ops.shape import concat, reshape
from graphc.util.arguments import listed
from graphc.util.fork_safety import cached_property


class Equation(Vector):
    """The state as one vector, and the right-hand side as an expression of it.

    start : the state to begin with; names : of its parts, one after the other
    """

    def __init__(
        self,
        outputs: Sequence[Expr],
        by_name: Mapping[str, Expr],
        start: Mapping[str, Any],
        fixed: Mapping[str, Any],
        over: Any,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(start)
        self.names: tuple[str, ...] = tuple(start)
        if not isinstance(over, (str, Expr)) or (isinstance(over, Expr) and not over.is_symbol):
            raise InputError(
                f"over is the name of the independent variable, not {brief(over)}",
                site=current_site(),
                hint='write over="t"',
            )
        time = over if isinstance(over, str) else over.name
        t = by_name.get(time)
        if t is not None and (t.shape or not is_float(t.dtype)):
            raise InputError(
                f"{time!r} is no float number, and nothing is integrated over it",
                site=t.site,
                hint="declare g.symbol(name)",
            )
        self.parameters: dict[str, Any] = {} if parameters is None else dict(parameters)
        self.time: Expr = t if t is not None else symbol(time)
        self.states: list[Expr] = [by_name[name] for name in self.names]
        self.by_name = by_name
        if len(outputs) != len(self.states):
            raise ArityError(
                f"{len(self.states)} states have as many derivatives, and this function has {len(outputs)} results",
                hint=f"compile the derivatives of [{', '.join(self.names)}], in this order",
            )
        first = self.unpack(self.start)
        for output, name in zip(outputs, self.names, strict=True):
            if not _fits(output.shape, np.shape(first[name])):
                own = format_shape(np.shape(first[name]))
                raise ShapeError(
                    f"the derivative of {name!r} has shape {format_shape(output.shape)}, and {name!r} has {own}",
                    node=repr(output),
                    site=output.site,
                )
        # with lengths of the start in the place of names, all parts are slices of one vector
        self.vector: Expr = symbol(self.unused_name("state"), self.start.shape)
        parts: dict[Expr, Expr] = {}
        for node in self.states:
            parts[node] = self.part(self.vector, node)
        values = {by_name[name]: np.asarray(value) for name, value in fixed.items()}
        self.values: dict[str, np.ndarray] = {
            node.name: value.astype(node.dtype) if is_float(node.dtype) else value
            for node, value in values.items()
        }
        self._parts = parts
        self.rhs: Expr = _joined(
            [self.of_vector(output) for output in outputs], [np.shape(first[name]) for name in self.names]
        )
        missing = [
            node
            for node in free_symbols(self.rhs)
            if node.name not in self.values
            and node is not self.vector
            and node is not self.time
            and node.name not in self.parameters
        ]
        if missing:
            raise InputError(
                f"{missing[0].name!r} is no state and has no value",
                site=current_site(),
                hint=f"write f.scipy(start, over={time!r}, {missing[0].name}=…)",
            )

    def of_vector(self, expr: Expr) -> Expr:
        """An expression of the states as one of the whole vector."""
        return substitute(expr, self._parts)

    def unused_name(self, name: str) -> str:
        while name in self.by_name:
            name += "'"
        return name

    def part(self, vector: Expr, node: Expr) -> Expr:
        place, shape, kind = self.places[node.name]
        part = reshape(vector[place], shape) if shape else vector[place.start]
        return part.astype(kind) if kind != np.float64 else part

    def _others(self, *exprs: Expr) -> list[Expr]:
        return [
            node
            for node in free_symbols(*exprs)
            if node.name in self.values and node is not self.vector and node is not self.time
        ]

    def compiled(self, outputs: Any, leading: Sequence[Expr]) -> Callable[..., Any]:
        others = self._others(*(outputs if isinstance(outputs, list) else [outputs]))
        made: Any = compile(outputs, [*leading, *others])
        values = [self.values[node.name] for node in others]
        return lambda *leads: made(*leads, *values)

    def series(self, columns: Any) -> dict[str, np.ndarray]:
        """The states by name from vectors in columns, as `solution.y` has them: arrays whose last axis is the points."""
        columns = np.asarray(columns)
        return {
            name: columns[place].reshape(*shape, *columns.shape[1:])
            for name, (place, shape, _) in self.places.items()
        }


class ZeroFunction:
    """A function (t, y) whose zeros `scipy.integrate.solve_ivp` looks for; `terminal` and `direction` are SciPy's."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.terminal: Any = False
        self.direction: float = 0.0

    def __call__(self, t: float, y: np.ndarray) -> float:
        return float(self._function(float(t), np.asarray(y, np.float64)))


class InitialValue(Equation):
    """A system y' = f(t, y) for `scipy.integrate.solve_ivp`.

    fun, jac : (t, y) → the derivatives, a vector, and their Jacobian by the state, sparse from 200 numbers on
    events : functions whose zeros are looked for, in the order in which they were given
    start, names, unpack, pack : the state as one vector; `series(solution.y)` has the states by name

        p = f.scipy({"u": u0, "v": 0.0}, over="t", events=[u[0] - 1], rate=0.5)
        solution = scipy.integrate.solve_ivp(p.fun, (0, 10), p.start, jac=p.jac, events=p.events, method="BDF")
    """

    def __init__(self, *equation: Any, events: Any = ()) -> None:
        super().__init__(*equation)
        given = listed("events", events, "write events=[height], expressions whose zeros are looked for")
        self.events: list[ZeroFunction] = [self._event(each) for each in given]
        self.fun(0.0, self.start)

    def fun(self, t: float, y: Any) -> np.ndarray:
        """The derivatives of the state."""
        return self._fun(float(t), np.asarray(y, np.float64))

    def jac(self, t: float, y: Any) -> Any:
        """∂(derivatives)/∂(state), a matrix or, from 200 numbers on, a sparse array."""
        return self._jac(float(t), np.asarray(y, np.float64))

    @cached_property
    def _fun(self) -> Callable[..., Any]:
        return self.compiled(self.rhs, [self.time, self.vector])

    @cached_property
    def _jac(self) -> Callable[..., Any]:
        large = len(self.start) > MOST_DENSE
        derivative = (
            jacobian(self.rhs, self.vector, sparse=True, format="csc")
            if large
            else jacobian(self.rhs, self.vector)
        )
        others = self._others(self.rhs)
        made: Any = compile(derivative, [self.time, self.vector, *others])
        values = [self.values[node.name] for node in others]
        return lambda t, y: made(t, y, *values)

    def _event(self, given: Any) -> ZeroFunction:
        if not isinstance(given, Expr) or given.shape or not is_float(given.dtype):
            raise InputError(
                f"an event is a float expression, a number whose zeros are looked for, not {brief(given)}",
                site=current_site(),
                hint="write events=[height - 1]",
            )
        expr = self.of_vector(given)
        known = {self.vector, self.time}
        stray = [node for node in free_symbols(expr) if node not in known and node.name not in self.values]
        if stray:
            raise InputError(
                f"{stray[0].name!r} of an event is no state and has no value",
                site=current_site(),
                hint=f"give {stray[0].name}=…",
            )
        return ZeroFunction(self.compiled(expr, [self.time, self.vector]))


def _fits(shape: tuple[Any, ...], actual: tuple[int, ...]) -> bool:
    return len(shape) == len(actual) and all(
        not isinstance(a, int) or a == b for a, b in zip(shape, actual, strict=True)
    )


def _joined(parts: Sequence[Expr], shapes: Sequence[tuple[int, ...]]) -> Expr:
    flat = [
        reshape(part, (int(np.prod(shape, dtype=int)),)).astype("float64")
        for part, shape in zip(parts, shapes, strict=True)
    ]
    return flat[0] if len(flat) == 1 else concat(flat)


def initial_value(
    outputs: Sequence[Expr], by_name: Mapping[str, Expr], start: Any, fixed: Any, words: Mapping[str, Any]
) -> InitialValue:
    if "bounds" in words or "subject_to" in words or "parameters" in words:
        raise InputError(
            "an initial value problem has events, and neither bounds, constraints nor unknown parameters",
            site=current_site(),
            hint='write f.scipy(start, over="t", events=[…], **values)',
        )
    return InitialValue(outputs, by_name, start, fixed, words["over"], events=words.get("events", ()))


__all__ = ["Equation", "InitialValue", "initial_value"]
