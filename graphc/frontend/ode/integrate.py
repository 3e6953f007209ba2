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
    max_steps : the most steps that a method takes between two times; None for any number, without reverse mode unless that is by
        the adjoint equation
    order : that of Taylor's method; 20 for the smallest tolerance, fewer for greater ones where nothing is said
    high_accuracy : whether Taylor's method adds up what rounding takes from the first terms of its series too, for long times: a
        step takes about four times as long
    first_step, max_step : the length of the first step where it is not to be estimated, and the greatest one
    events : what is looked out for, `g.Event`s or functions (t, y) → a number that crosses 0; of methods that choose their steps.
        Behind a terminal event the state stays as it is there
    sensitivity : reverse mode: "discrete" differentiates the steps that were taken, at the lengths that they had, and keeps them;
        "adjoint" integrates the adjoint equation back, with the same tolerances, and keeps the states at the times alone
    on_failure : "nan" gives NaN where the integration fails and behind, and `g.diagnose` says why; "raise" gives an `InputError`
        at the call
    info : whether to return (solution, {"status", "steps", "rejected"}): status is 0, or what went wrong: 1 max_steps
        reached, 2 steps became too short, 3 the state is not finite, 4 the times are not sorted; 5 where an event ended it.
        With events these are returned in any case, with "t", the time at which it ended, and "events": for each a dict of
        "count", and "t" and "y", the times and states, stacked, that were recorded; NaN where there were fewer

    Returns the state at each time, stacked along axis 0, in the structure of y0; at one time that state alone.

    It is a loop of the graph: compiled to machine code, differentiated in both modes by y0, by the times and by whatever f uses
    from outside; so are the times of events, by the implicit function theorem, up to second derivatives.

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
