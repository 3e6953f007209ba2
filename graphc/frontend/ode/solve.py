"""One integration: the method that is asked for, run over the times, with the states and what is told of the way."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.errors import InputError, brief
from graphc.frontend.control import scan
from graphc.frontend.ode.events import Event, Watching
from graphc.frontend.ode.explicit import ExplicitPair, fixed_step
from graphc.frontend.ode.stepping import ErrorControlled, Marcher, march
from graphc.frontend.ode.stiff import Rosenbrock
from graphc.frontend.ode.system import State, System
from graphc.frontend.ode.tableaus import ADAPTIVE, FIXED
from graphc.frontend.ode.taylor import Taylor
from graphc.frontend.ode.times import Times
from graphc.ir.expr import Expr, cast, constant
from graphc.ir.types import as_dim
from graphc.ops.support.build import call, expanded

METHODS = (*FIXED, *ADAPTIVE, "rosenbrock", "taylor")

PARTS, PARTS_OF_SERIES = 4, 16
"""Parts of a step at whose ends conditions of events are compared: of a Runge–Kutta method's, and of Taylor's."""

Told = dict[str, Any]


class Settings(NamedTuple):
    """How an equation is integrated: what `odeint` takes, checked.

    strict : whether it is an error where the integration fails; exact : whether Taylor's method adds up rounding errors
    """

    method: str
    rtol: float
    atol: float
    steps: Any
    max_steps: int | None
    first_step: float | None
    max_step: float | None
    order: int | None
    strict: bool
    events: tuple[Event, ...] = ()
    exact: bool = False


def solve(system: System, times: Times, settings: Settings) -> tuple[State, Told]:
    """The parts of the states at all times, stacked, or of the single one; and what is told of the way."""
    if settings.method in FIXED:
        return _fixed(system, times, settings)
    return _marched(system, times, settings)


def _marcher(system: System, times: Times, settings: Settings) -> Marcher:
    dense = bool(settings.events) or (not times.single and times.later.shape[0] != 1)
    marcher: Marcher
    if settings.method == "taylor":
        marcher, parts = (
            Taylor(system, settings.rtol, settings.order, settings.max_step, dense, settings.exact),
            PARTS_OF_SERIES,
        )
    else:
        pair = (
            Rosenbrock(system)
            if settings.method == "rosenbrock"
            else ExplicitPair(system, ADAPTIVE[settings.method])
        )
        marcher, parts = (
            ErrorControlled(
                pair, settings.rtol, settings.atol, settings.first_step, settings.max_step, dense
            ),
            PARTS,
        )
    return Watching(marcher, settings.events, parts) if settings.events else marcher


def _marched(system: System, times: Times, settings: Settings) -> tuple[State, Told]:
    marcher, (t0, later, end, single) = _marcher(system, times, settings), times
    most, strict = settings.max_steps, settings.strict
    if single:
        (solution,), loop = march(marcher, t0, [later], end, most, strict)
    elif later.shape[0] == 0:
        solution, loop = _joined(system, None), marcher.begun(t0, system.start, end)
    elif later.shape[0] == 1:
        (state,), loop = march(marcher, t0, [later[0]], end, most, strict)
        solution = _joined(system, [expanded(part, 0) for part in state])
    else:
        states, loop = march(marcher, t0, later, end, most, strict)
        solution = _joined(system, states)
    told = {name: loop[name] for name in ("status", "steps", "rejected")}
    if isinstance(marcher, Watching):
        told |= {"t": loop["t"], "events": marcher.found(loop)}
    return solution, told


def _joined(system: System, later: Any) -> State:
    """The states at all times: that of the beginning, and those behind it."""
    rows = [expanded(part, 0) for part in system.start]
    if later is None:
        return rows
    return [call("concat", first, rest, axis=0) for first, rest in zip(rows, later, strict=True)]


def _fixed(system: System, times: Times, settings: Settings) -> tuple[State, Told]:
    tableau, (t0, later, _, single) = FIXED[settings.method], times
    number_of = as_dim(settings.steps)
    if isinstance(number_of, int) and number_of < 1:
        raise InputError(f"steps is {brief(settings.steps, 40)}", hint="write steps=10")
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
        solution = to(system.start, t0, later)
    else:

        def body(carry: Any, target: Expr) -> Any:
            before, y = carry
            after = to(y, before, target)
            return (target, after), after

        _, states = scan(body, (t0, system.start), later)
        solution = _joined(system, states)
    taken = call("dim", length=number_of) * (1 if single else call("dim", length=later.shape[0]))
    return solution, {"status": constant(0), "steps": taken, "rejected": constant(0)}


__all__ = ["METHODS", "Settings", "Told", "solve"]
