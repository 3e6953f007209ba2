"""Events of an integration: where a function of time and state crosses 0, located on the dense output of the step it lies in.

After each step the function is looked at in several parts of it. Where it changes its sign in a part, its root is found between
the part's ends, and counted; a terminal event ends the integration there. The search itself is not differentiated: a time t with
c(t, y(t)) = 0 moves by −δc/ċ, the implicit function theorem, which two steps of Newton's method carry to second derivatives.

Sources: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993), II.6; Chandrupatla, A new hybrid
quadratic/bisection algorithm (1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.forward import forward
from graphc.errors import DtypeError, InputError, ShapeError, brief
from graphc.frontend.body_trace import TracedBody, leaves_of
from graphc.frontend.control import cond, scan, while_loop
from graphc.frontend.ode.stepping import EVENT, Loop, Marcher, whole
from graphc.frontend.ode.system import State, System, chosen_state, held, unit_roundoff, written_for
from graphc.ir.expr import Expr, cast, constant, current_site, symbol
from graphc.ir.types import format_shape, is_float
from graphc.ops.comparison import clip, equal, minimum, not_equal, where
from graphc.ops.create import zeros
from graphc.ops.outcome import checked
from graphc.ops.support.build import call, expanded, zeros_like
from graphc.util.arguments import function, truth
from graphc.util.pytree import LEAF
from graphc.util.records import dataclass

MOST_SEARCHED = 200
"""Steps of a search for a root, which halves its interval in two at the latest."""


@dataclass(frozen=True)
class Event:
    """What `g.odeint` looks out for: where a condition, a number for each time and state, crosses 0.

    condition : (t, y) → one float; it runs once, with symbols
    terminal : whether the integration ends there; if it is to be recorded several times, at the last of them
    direction : 1 where it rises through 0, as the integration goes, −1 where it falls, 0 for both
    count : so many are recorded, the first ones

    A condition that is 0 at the beginning has not crossed it. Where it crosses 0 and comes back within a part of a step, a
    quarter of one, for Taylor's method a sixteenth, that is not seen: `max_step` is what bounds steps.

    Raises `InputError` for arguments that are none.

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> from graphc.frontend.ode.integrate import odeint
    >>> lands = Event(lambda t, y: y[0], terminal=True, direction=-1)
    >>> (h, v), told = odeint(lambda t, y: [y[1], -10.0], [5.0, 0.0], 9.0, events=[lands])
    >>> [round(x, 6) for x in evaluate([told["t"], v], {})]
    [1.0, -10.0]
    """

    condition: Callable[[Any, Any], Any]
    terminal: bool = False
    direction: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        function("condition", self.condition, 2, "condition=lambda t, y: y[0]")
        object.__setattr__(self, "terminal", truth("terminal", self.terminal))
        if type(self.direction) is not int or self.direction not in (-1, 0, 1):
            raise InputError(f"direction is {brief(self.direction, 40)}", hint="write direction=1, −1 or 0")
        if type(self.count) is not int or not 1 <= self.count <= 1_000_000:
            raise InputError(f"count is {brief(self.count, 40)}", hint="write count=1")


def read_events(events: Any) -> list[Event]:
    """What a user gives as events."""
    given = [events] if isinstance(events, Event) or callable(events) else events
    if not isinstance(given, (list, tuple)) or not all(isinstance(e, Event) or callable(e) for e in given):
        raise InputError(
            f"events is {brief(events, 60)}", hint="write events=[g.Event(lambda t, y: y[0], terminal=True)]"
        )
    return [each if isinstance(each, Event) else Event(each) for each in given]


class Condition:
    """A condition on time and state, traced once."""

    value: Expr

    def __init__(self, system: System, event: Event) -> None:
        self.system = system
        traced = TracedBody(
            "odeint", event.condition, [[system.time], system.start], [LEAF, system.tree], ("t", "y")
        )
        leaves, _ = leaves_of("what an event's condition returns", traced.returned)
        value = leaves[0]
        if len(leaves) != 1 or value.shape:
            shape = (
                f"an array of shape {format_shape(value.shape)}" if value.shape else f"{len(leaves)} numbers"
            )
            raise ShapeError(
                f"the condition of an event is one number, not {shape}",
                node=repr(value),
                site=(value.site if value.operands else None) or current_site(),
                hint="write an event for each",
            )
        if not is_float(value.dtype):
            raise DtypeError(
                f"the condition of an event is {value.dtype}: where a float crosses 0 is looked for",
                node=repr(value),
                site=(value.site if value.operands else None) or current_site(),
                hint="write y[0] − 1 and not y[0] > 1",
            )
        value = value if value.dtype == system.dtype else cast(value, system.dtype)
        own = dict(zip(traced.own, (system.time, *system.state), strict=True))
        (self.value,) = written_for([value], own)

    def of(self, t: Expr, y: Sequence[Expr]) -> Expr:
        places = dict(zip((self.system.time, *self.system.state), (t, *y), strict=True))
        return written_for([self.value], places)[0]


class Watching:
    """A method that chooses its steps, with events that are looked for in each (`stepping.Marcher`).

    parts : of a step, at whose ends conditions are compared
    """

    marcher: Marcher
    system: System
    events: Sequence[Event]
    parts: int

    def __init__(self, marcher: Marcher, events: Sequence[Event], parts: int) -> None:
        self.marcher, self.system, self.events, self.parts = marcher, marcher.system, events, parts
        self.conditions: list[Condition] = [Condition(self.system, event) for event in events]

    def begun(self, t: Expr, y: State, end: Expr) -> Loop:
        loop = self.marcher.begun(t, y, end)
        loop["signs"] = [condition.of(t, y) for condition in self.conditions]
        loop["events"] = [
            {
                "count": whole(0),
                "t": zeros((event.count,), dtype=t.dtype.name),
                "y": [_rows(part, event.count) for part in y],
            }
            for event in self.events
        ]
        return loop

    def once(self, loop: Loop, end: Expr, forwards: Expr) -> Loop:
        own = {name: x for name, x in loop.items() if name not in ("signs", "events")}
        after = self.marcher.once(own, end, forwards)
        begins, ends = loop["t"], after["t"]
        moved = not_equal(begins, ends)
        step = _WatchedStep(self, after, begins, ends, forwards)
        first = {
            "place": whole(0),
            "t": begins,
            "signs": loop["signs"],
            "events": loop["events"],
            "running": moved,
            "y": after["y"],
        }
        seen, _ = scan(lambda carry, _: (step.part(carry), None), first, length=self.parts)
        stopped = moved & ~seen["running"]
        return {
            **after,
            "t": where(stopped, seen["t"], ends),
            "y": chosen_state(stopped, seen["y"], after["y"]),
            "status": where(stopped, whole(EVENT), after["status"]),
            "signs": chosen_state(moved, seen["signs"], loop["signs"]),
            "events": seen["events"],
        }

    def read(self, loop: Loop, target: Expr) -> State:
        return self.marcher.read(loop, target)

    def found(self, loop: Loop) -> list[dict[str, Any]]:
        """What users see of the events at the end; NaN where there were fewer than are recorded."""
        result = []
        for event, known in zip(self.events, loop["events"], strict=True):
            missing = cast(call("arange", start=0, stop=event.count) >= known["count"], "int64")
            said = ["odeint: the event happened fewer times"]
            rows = [checked(part, missing, said) for part in known["y"]]
            times = checked(known["t"], missing, said)
            result.append({"t": times, "y": self.system.seen(rows), "count": known["count"]})
        return result


class _WatchedStep:
    """One step, in which events are looked for part by part."""

    def __init__(self, watching: Watching, after: Loop, begins: Expr, ends: Expr, forwards: Expr) -> None:
        self.watching, self.after = watching, after
        self.begins, self.ends, self.forwards = begins, ends, forwards

    def state(self, t: Expr) -> State:
        return self.watching.marcher.read(self.after, t)

    def part(self, carry: Loop) -> Loop:
        parts, begins, ends = self.watching.parts, self.begins, self.ends
        place = carry["place"] + 1
        share = cast(place, begins.dtype) * (1 / parts)
        t = where(equal(place, parts), ends, begins + share * (ends - begins))
        y = self.state(t)
        signs = [condition.of(t, y) for condition in self.watching.conditions]
        crossings, stop = [], constant(np.inf, t.dtype)
        every = zip(
            self.watching.events,
            self.watching.conditions,
            carry["signs"],
            signs,
            carry["events"],
            strict=True,
        )
        for event, condition, old, new, known in every:
            up, down = (old < 0) & (new >= 0), (old > 0) & (new <= 0)
            crosses = carry["running"] & {1: up, -1: down, 0: up | down}[event.direction]
            at, state = self._located(condition, crosses, carry["t"], t, old, new, y)
            far = (at - begins) * self.forwards
            crossings.append((crosses, at, state, held(far)))
            if event.terminal:
                last = crosses & equal(known["count"] + 1, event.count)
                stop = where(last, minimum(stop, held(far)), stop)
        stops = stop < np.inf
        events, t_stop, y_stop = [], t, y
        for event, known, (crosses, at, state, far) in zip(
            self.watching.events, carry["events"], crossings, strict=True
        ):
            counts = crosses & (far <= stop)
            events.append(_recorded(known, counts, at, state, event.count))
            if event.terminal:
                here = counts & stops & equal(far, stop)
                t_stop = where(here, at, t_stop)
                y_stop = chosen_state(here, state, y_stop)
        running = carry["running"]
        return {
            "place": place,
            "t": where(running, t_stop, carry["t"]),
            "signs": chosen_state(running, signs, carry["signs"]),
            "events": events,
            "running": running & ~stops,
            "y": chosen_state(running, y_stop, carry["y"]),
        }

    def _located(
        self, condition: Condition, crosses: Expr, a: Expr, b: Expr, at_a: Expr, at_b: Expr, y: State
    ) -> tuple[Expr, State]:
        """When a condition is 0 between two times, and the state then."""

        def value(t: Expr) -> Expr:
            return condition.of(t, self.state(t))

        def found() -> Any:
            t = held(_between(value, a, b, at_a, at_b))
            time = symbol("\2time", (), t.dtype)
            whole_value = value(time)
            (slope,) = forward([whole_value], {time: constant(1.0, t.dtype)})
            for _ in range(2):
                here, rate = written_for([whole_value, slope], {time: t})
                t = t - (here - held(here)) / where(equal(rate, 0), _tiny(t), rate)
            return t, self.state(t)

        return cond(crosses, found, lambda: (b, list(y)))


def _tiny(like: Expr) -> Expr:
    return constant(float(np.finfo(like.dtype).tiny), like.dtype)


def _rows(part: Expr, count: int) -> Expr:
    row = expanded(zeros_like(part), 0)
    return row if count == 1 else call("concat", *[row] * count, axis=0)


def _recorded(known: Loop, counts: Expr, at: Expr, state: State, most: int) -> Loop:
    """What is known of an event, with one time more where it counts."""
    place = where(counts, known["count"], whole(-1))
    here = equal(call("arange", start=0, stop=most), place)

    def row(old: Expr, new: Expr) -> Expr:
        own = expanded(here, tuple(range(1, old.ndim))) if old.ndim > 1 else here
        return where(own, expanded(new, 0), old)

    return {
        "count": where(counts, known["count"] + 1, known["count"]),
        "t": row(known["t"], at),
        "y": [row(old, new) for old, new in zip(known["y"], state, strict=True)],
    }


def _between(value: Callable[[Expr], Expr], a: Expr, b: Expr, at_a: Expr, at_b: Expr) -> Expr:
    """Where a function with different signs at two ends is 0: by inverse quadratic interpolation, or by halving."""
    dtype = a.dtype
    eps, half = unit_roundoff(dtype), constant(0.5, dtype)

    def step(c: Loop) -> Loop:
        x = c["new"] + c["part"] * (c["old"] - c["new"])
        f = value(x)
        same = (f >= 0) & (c["f_new"] >= 0) | (f < 0) & (c["f_new"] < 0)
        third, f_third = where(same, c["new"], c["old"]), where(same, c["f_new"], c["f_old"])
        old, f_old = where(same, c["old"], c["new"]), where(same, c["f_old"], c["f_new"])
        nearer = abs(f) < abs(f_old)
        best, size = where(nearer, x, old), where(nearer, abs(f), abs(f_old))
        least = (2 * eps * abs(best) + _tiny(a)) / abs(old - x)
        xi, phi = (x - old) / (third - old), (f - f_old) / (f_third - f_old)
        smooth = (phi * phi < xi) & ((1 - phi) * (1 - phi) < 1 - xi)
        curved = f / (f_old - f) * (f_third / (f_old - f_third))
        curved = curved + (third - x) / (old - x) * (f / (f_third - f)) * (f_old / (f_third - f_old))
        part = where(smooth, curved, half)
        return {
            "new": x,
            "old": old,
            "f_new": f,
            "f_old": f_old,
            "best": best,
            "part": clip(part, minimum(least, half), 1 - minimum(least, half)),
            "goes": ~(least > 0.5) & not_equal(size, 0),
        }

    first = {"new": b, "old": a, "f_new": at_b, "f_old": at_a, "best": b, "part": half}
    first["goes"] = not_equal(at_b, 0)
    return while_loop(lambda c: c["goes"], step, first, max_steps=MOST_SEARCHED)["best"]


__all__ = ["Event", "Watching", "read_events"]
