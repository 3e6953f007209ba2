"""What a user asks of `odeint`, checked, and handed to a method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError, brief
from graphc.frontend.control import scan
from graphc.frontend.ode.explicit import ExplicitPair, fixed_step
from graphc.frontend.ode.stepping import ErrorControlled, march
from graphc.frontend.ode.stiff import Rosenbrock
from graphc.frontend.ode.system import State, System, unit_roundoff
from graphc.frontend.ode.tableaus import ADAPTIVE, FIXED
from graphc.frontend.ode.taylor import Taylor
from graphc.ir.expr import Expr, cast, constant, current_site
from graphc.ir.types import DType, as_dim, format_shape
from graphc.ops.support.build import call, expanded
from graphc.util.arguments import choice, number, truth

METHODS = (*FIXED, *ADAPTIVE, "rosenbrock", "taylor")


def odeint(
    f: Callable[[Any, Any], Any],
    y0: Any,
    t: Any,
    *,
    rtol: float | None = None,
    atol: float = 1e-10,
    method: str = "tsit5",
    steps: Any = 1,
    max_steps: int | None = 10_000,
    first_step: float | None = None,
    max_step: float | None = None,
    order: int | None = None,
    info: bool = False,
) -> Any:
    """The solution of y' = f(t, y) with y(t₀) = y0, at some times.

    Parameters
    ----------
    f : (t, y) → what y changes by in a unit of time, in the structure of y; it runs once, with symbols
    y0 : the state at the first time: an expression, a number or an array, or a tuple, list or dict of them
    t : the times, sorted, the first one that of y0: an array, a symbol of shape (n,), or a list of numbers and expressions; or
        one number or expression, the end of an integration from 0. They may fall as well as rise.
    rtol, atol : a step's estimated error is at most atol + rtol·|y|, in the root mean square of all elements; rtol is 1e-8 where
        nothing is said, and 2⁻⁵² for Taylor's method
    method : "tsit5", "dopri5": order 5, steps by their error; "euler", "midpoint", "rk4": fixed steps, order 1, 2, 4;
        "taylor": the series of each step by recurrences, for smooth f and small tolerances;
        "rosenbrock": order 2, for stiff systems, with the Jacobian of f
    steps : how many equal steps a method of fixed steps takes between two times: an int or the name of a length
    max_steps : the most steps that a method takes between two times; None for any number, without reverse mode
    order : that of Taylor's method; 20 for the smallest tolerance, fewer for greater ones where nothing is said
    first_step, max_step : the length of the first step where it is not to be estimated, and the greatest one
    info : whether to return (solution, {"status", "steps", "rejected"}): status is 0, or what went wrong: 1 max_steps
        reached, 2 steps became too short, 3 the state is not finite, 4 the times are not sorted

    Returns the state at each time, stacked along axis 0, in the structure of y0; at one time that state alone. Where the
    integration fails the rest is NaN.

    It is a loop of the graph: compiled to machine code, differentiated in both modes by y0, by the times and by whatever f uses
    from outside. The derivative is that of the steps that were taken, at the lengths that they had.

    Raises `ExpressionError`, `ShapeError` and `DtypeError` for a right-hand side that is none of y, `InputError` for other
    arguments.

    Sources: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993); Tsitouras (2011).

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> k = symbol("k")
    >>> y = odeint(lambda t, y: -k * y, 1.0, [0.0, 1.0, 2.0])
    >>> evaluate(y, {"k": 0.5}).round(7)
    array([1.       , 0.6065307, 0.3678794])
    """
    choice("method", method, METHODS)
    usual = unit_roundoff(np.dtype("float64")) if method == "taylor" else 1e-8
    rtol = number("rtol", usual if rtol is None else rtol, lambda x: 0 <= x < 1, "write rtol=1e-8")
    atol = number("atol", atol, lambda x: 0 <= x < math.inf, "write atol=1e-10")
    if rtol == atol == 0:
        raise InputError("rtol and atol are both 0", hint="no step has an error of 0: write rtol=1e-12")
    for name, value in (("first_step", first_step), ("max_step", max_step)):
        if value is not None:
            number(name, value, lambda x: 0 < x < math.inf, f"write {name}=1e-3")
    if max_steps is not None and (type(max_steps) is not int or max_steps < 1):
        raise InputError(f"max_steps is {brief(max_steps, 40)}", hint="write max_steps=10_000, or None")
    if order is not None and (type(order) is not int or not 2 <= order <= 100):
        raise InputError(f"order is {brief(order, 40)}", hint="write order=20, or leave it out")
    wants_info = truth("info", info)
    system = System(f, y0)
    t0, times, end, single = read_times(t, system.dtype)
    if method in FIXED:
        return _fixed(system, method, t0, times, single, steps, wants_info)
    several = not single and times.shape[0] != 1
    if method == "taylor":
        marcher = Taylor(system, rtol, order, max_step, several)
        return _marched(system, marcher, t0, times, end, single, max_steps, wants_info)
    pair = Rosenbrock(system) if method == "rosenbrock" else ExplicitPair(system, ADAPTIVE[method])
    marcher = ErrorControlled(pair, rtol, atol, first_step, max_step, several)
    return _marched(system, marcher, t0, times, end, single, max_steps, wants_info)


def _marched(
    system: System, marcher: Any, t0: Expr, times: Expr, end: Expr, single: bool, most: int | None, info: bool
) -> Any:
    if single:
        (state,), loop = march(marcher, t0, [times], times, most)
        solution = system.seen(state)
    elif times.shape[0] == 0:
        solution, loop = _joined(system, None), None
    elif times.shape[0] == 1:
        (state,), loop = march(marcher, t0, [times[0]], times[0], most)
        solution = _joined(system, [expanded(part, 0) for part in state])
    else:
        states, loop = march(marcher, t0, times, end, most)
        solution = _joined(system, states)
    if not info:
        return solution
    zero = constant(0)
    return solution, {name: loop[name] if loop else zero for name in ("status", "steps", "rejected")}


def _joined(system: System, later: Any) -> Any:
    """The states at all times: that of the beginning, and those behind it."""
    rows = [expanded(part, 0) for part in system.start]
    if later is not None:
        rows = [call("concat", first, rest, axis=0) for first, rest in zip(rows, later, strict=True)]
    return system.seen(rows)


def _fixed(system: System, method: str, t0: Expr, times: Expr, single: bool, steps: Any, info: bool) -> Any:
    tableau = FIXED[method]
    number_of = as_dim(steps)
    if isinstance(number_of, int) and number_of < 1:
        raise InputError(f"steps is {brief(steps, 40)}", hint="write steps=10")
    per_step = (
        1 / number_of if isinstance(number_of, int) else 1 / cast(call("dim", length=number_of), system.dtype)
    )

    def to(y: State, before: Expr, target: Expr) -> State:
        h = (target - before) * per_step
        if number_of == 1:
            return fixed_step(system, tableau, before, y, h)

        def step(carry: Any, _: Any) -> Any:
            place, state = carry
            return (place + 1, fixed_step(system, tableau, before + place * h, state, h)), None

        (_, end), _ = scan(step, (constant(0.0, system.dtype), list(y)), length=number_of)
        return end

    if single:
        solution = system.seen(to(system.start, t0, times))
    else:

        def body(carry: Any, target: Expr) -> Any:
            before, y = carry
            after = to(y, before, target)
            return (target, after), after

        _, states = scan(body, (t0, system.start), times)
        solution = _joined(system, states)
    if not info:
        return solution
    taken = call("dim", length=number_of) * (1 if single else call("dim", length=times.shape[0]))
    return solution, {"status": constant(0), "steps": taken, "rejected": constant(0)}


# --- times ----------------------------------------------------------------------------------------------------------------


def read_times(t: Any, dtype: DType) -> tuple[Expr, Expr, Expr, bool]:
    """The first time, the others, the last one, and whether only one state is asked for."""
    times = _as_times(t, dtype)
    if times.dtype.kind not in "iuf":
        raise DtypeError(
            f"the times of odeint are {times.dtype}",
            node=repr(times),
            site=times.site or current_site(),
            hint="times are numbers",
        )
    times = times if times.dtype == dtype else cast(times, dtype)
    if times.ndim > 1:
        raise ShapeError(
            f"the times of odeint have shape {format_shape(times.shape)}",
            node=repr(times),
            site=times.site or current_site(),
            hint="give them in one axis: the time of y0, then those to be asked for",
        )
    if not times.ndim:
        return constant(0.0, dtype), times, times, True
    if times.shape[0] == 0:
        raise ShapeError("odeint has no times", site=current_site(), hint="the first one is that of y0")
    return times[0], times[1:], times[-1], False


def _as_times(t: Any, dtype: DType) -> Expr:
    if isinstance(t, Expr):
        if t.is_constant:
            _refuse_unsorted(np.asarray(t.value))
        return t
    if isinstance(t, Sequence) and not isinstance(t, str) and any(isinstance(each, Expr) for each in t):
        parts = [each if isinstance(each, Expr) else constant(each) for each in t]
        wrong = next((part for part in parts if part.shape), None)
        if wrong is not None:
            raise ShapeError(
                f"a time of odeint has shape {format_shape(wrong.shape)}",
                node=repr(wrong),
                site=wrong.site or current_site(),
                hint="write one array of times, or a list of single ones",
            )
        return call("stack", *(part if part.dtype == dtype else cast(part, dtype) for part in parts), axis=0)
    try:
        times = constant(t if np.ndim(t) == 0 else np.asarray(t))
    except (ValueError, TypeError):
        raise ExpressionError(
            f"the times of odeint are no array: {brief(t, 80)}",
            site=current_site(),
            hint="write [0.0, 1.0, 2.0]",
        ) from None
    _refuse_unsorted(np.asarray(times.value))
    return times


def _refuse_unsorted(values: np.ndarray) -> None:
    if values.dtype.kind not in "iuf":
        return
    if not np.isfinite(values).all():
        raise InputError("a time of odeint is not finite", hint="give the times as numbers")
    if values.ndim != 1 or len(values) < 3:
        return
    changes = np.diff(values.astype(float))
    forwards = values[-1] >= values[0]
    wrong = np.flatnonzero(changes < 0 if forwards else changes > 0)
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            f"the times of odeint are not sorted: {values[place]:g} is followed by {values[place + 1]:g}",
            hint="sort them; they may fall as well as rise",
        )


__all__ = ["METHODS", "odeint", "read_times"]
