"""What a user asks of `odeint`, checked, and handed to a method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import InputError, brief
from graphc.frontend.failures import failure_choice
from graphc.frontend.ode.adjoint import solve_with_adjoints
from graphc.frontend.ode.events import read_events
from graphc.frontend.ode.solve import METHODS, Settings, solve
from graphc.frontend.ode.system import System, unit_roundoff
from graphc.frontend.ode.tableaus import FIXED
from graphc.frontend.ode.times import read_times
from graphc.util.arguments import choice, number, truth


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
    high_accuracy: bool = False,
    events: Any = (),
    sensitivity: str = "discrete",
    on_failure: str = "nan",
    info: bool = False,
) -> Any:
    """The solution of y' = f(t, y) with y(t₀) = y0, at some times.

    Parameters
    ----------
    f : (t, y) → dy/dt, in the structure of y; it is called once, with symbols
    y0 : the initial state: an expression, a number or an array, or a tuple, list or dict of them
    t : the times, sorted, the first one that of y0: an array, a symbol of shape (n,), or a list of numbers and expressions; or
        one number or expression, the end of an integration from 0. They may be increasing or decreasing.
    rtol, atol : the estimated error of a step is at most atol + rtol·|y|, in the root mean square of all elements; by default
        rtol is 1e-8, and 2⁻⁵² for Taylor's method
    method : "tsit5", "dopri5": order 5, adaptive steps; "euler", "midpoint", "rk4": fixed steps, order 1, 2, 4; "taylor": a
        Taylor series for each step, computed by recurrences, for smooth f and small tolerances; "rosenbrock": order 2, for
        stiff systems, with the Jacobian of f
    steps : the number of equal steps of a fixed-step method between two times: an int or the name of a length
    max_steps : the maximum number of steps between two times; None for any number, which excludes reverse mode except by the
        adjoint equation
    order : the order of Taylor's method; by default 20 for the smallest tolerance and less for larger ones
    high_accuracy : whether Taylor's method also compensates the rounding errors of the first terms of its series, for long
        integrations: a step takes about four times as long
    first_step, max_step : the length of the first step (by default estimated), and the maximum length
    events : the events to detect, `g.Event`s or functions (t, y) → a number that crosses 0; only for adaptive methods. After a
        terminal event the state stays constant
    sensitivity : for reverse mode: "discrete" stores and differentiates the steps that were taken, with their lengths fixed;
        "adjoint" integrates the adjoint equation backwards, with the same tolerances, and stores only the states at the times
    on_failure : "nan" gives NaN from the time at which the integration fails, and `g.diagnose` says why; "raise" raises an
        `InputError` at the call
    info : whether to return (solution, {"status", "steps", "rejected"}): status is 0 on success, 1 if max_steps was reached, 2
        if the steps became too short, 3 if the state is not finite, 4 if the times are not sorted, 5 if an event ended the
        integration. With events these are returned in any case, with "t", the time at which it ended, and "events": for each a
        dict of "count", and "t" and "y", the times and states, stacked, that were recorded; NaN where there were fewer

    Returns the state at each time, stacked along axis 0, in the structure of y0; for a single time, only that state.

    It is a loop of the graph: it is compiled to machine code, and differentiated in both modes with respect to y0, the times
    and everything that f uses from outside. The times of events are differentiated too, by the implicit function theorem, up to
    second derivatives.

    Raises `ExpressionError`, `ShapeError` and `DtypeError` for a right-hand side that does not match y, `InputError` for other
    invalid arguments.

    Sources: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993); Tsitouras (2011).

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> k = symbol("k")
    >>> y = odeint(lambda t, y: -k * y, 1.0, [0.0, 1.0, 2.0])
    >>> evaluate(y, {"k": 0.5}).round(7)
    array([1.       , 0.6065307, 0.3678794])
    """
    choice("method", method, METHODS)
    choice("sensitivity", sensitivity, ("discrete", "adjoint"))
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
    strict = failure_choice(on_failure) == "raise"
    exact = truth("high_accuracy", high_accuracy)
    if exact and method != "taylor":
        raise InputError("high_accuracy is of Taylor's method", hint='write method="taylor"')
    looked_for = read_events(events)
    if looked_for and method in FIXED:
        raise InputError(
            f'method="{method}" takes fixed steps, inside of which events are not looked for',
            hint='write method="tsit5"',
        )
    if looked_for and sensitivity == "adjoint":
        raise InputError(
            "events have no adjoint equation: when they happen depends on all",
            hint='write sensitivity="discrete"',
        )
    system = System(f, y0)
    times = read_times(t, system.dtype)
    settings = Settings(
        method, rtol, atol, steps, max_steps, first_step, max_step, order, strict, tuple(looked_for), exact
    )
    solver = solve_with_adjoints if sensitivity == "adjoint" else solve
    solution, told = solver(system, times, settings)
    seen = system.seen(solution)
    return (seen, told) if wants_info or looked_for else seen


__all__ = ["odeint"]
