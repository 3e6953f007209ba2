"""The loop over steps of a method that chooses their lengths, between the times that are asked for.

Inside of a scan over the times runs a loop over steps up to the next one. Steps do not end at the times: there the polynomial of
the last step is read, and only the end of all is met. What fails leaves NaN behind, and a number that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from graphc.frontend.control import scan, while_loop
from graphc.frontend.ode.explicit import StepResult
from graphc.frontend.ode.system import (
    State,
    System,
    any_not_finite,
    chosen_state,
    fitting,
    held,
    moved_by,
    rms,
    scales,
    unit_roundoff,
)
from graphc.ir.expr import Expr, constant
from graphc.ir.types import INT64
from graphc.ops.comparison import clip, equal, maximum, minimum, where
from graphc.ops.elementary import exp2, log2
from graphc.ops.outcome import checked

FINE, MOST_STEPS, TOO_SHORT, NOT_FINITE, NOT_SORTED, EVENT = range(6)

REASONS = {
    MOST_STEPS: "max_steps reached",
    TOO_SHORT: "the step became shorter than what time is rounded to",
    NOT_FINITE: "the state or its rate of change is not finite",
    NOT_SORTED: "the times are not sorted",
}

SAID = [f"odeint: {reason}" for reason in REASONS.values()]

Loop = dict[str, Any]
"""What the loop over steps carries."""


class Marcher(Protocol):
    """A method that chooses its steps."""

    system: System

    def begun(self, t: Expr, y: State, end: Expr) -> Loop:
        """What the loop begins with: t, y, status and steps at least."""
        ...

    def once(self, loop: Loop, end: Expr, forwards: Expr) -> Loop:
        """What the loop carries after one step more, which does not go beyond the end; `forwards` is 1, or −1."""
        ...

    def read(self, loop: Loop, target: Expr) -> State:
        """The state at a time of the last step."""
        ...


class Stepper(Protocol):
    """A method that gives an error beside the state (`ExplicitPair`)."""

    system: System
    order: int

    @property
    def degree(self) -> int: ...

    def begun(self, slope: State) -> State: ...

    def step(self, t: Expr, y: State, h: Expr, carried: State) -> StepResult: ...


def whole(number: int) -> Expr:
    return constant(number, INT64)


def march(
    marcher: Marcher,
    t0: Expr,
    times: Expr | Sequence[Expr],
    end: Expr,
    most: int | None,
    strict: bool = False,
) -> tuple[Any, Loop]:
    """The states at some times, and what the loop carries at the end.

    times : the times behind t0, as an array, whose states are then stacked, or as single ones
    strict : whether it is an error where the integration fails, and not NaN
    """
    y0 = marcher.system.start
    forwards = where(end < t0, constant(-1.0, t0.dtype), constant(1.0, t0.dtype))
    loop = marcher.begun(t0, y0, end)

    def to(loop: Loop, before: Expr, target: Expr) -> tuple[Loop, State]:
        unsorted = (target - before) * forwards < 0
        loop = {**loop, "status": where(unsorted, whole(NOT_SORTED), loop["status"])}
        after = while_loop(
            lambda c: ((target - c["t"]) * forwards > 0) & equal(c["status"], FINE),
            lambda c: marcher.once(c, end, forwards),
            loop,
            max_steps=most,
        )
        short = (target - after["t"]) * forwards > 0
        status = where(short & equal(after["status"], FINE), whole(MOST_STEPS), after["status"])
        after = {**after, "status": status}
        ended = equal(status, EVENT)  # behind an event that ends it the state stays as it is there
        behind = ended & ((target - after["t"]) * forwards > 0)
        inside = (equal(status, FINE) | ended) & ~equal(after["t"], target) & ~behind
        failed = where(ended, whole(FINE), status)
        state = chosen_state(inside, marcher.read(after, target), after["y"])
        return after, [checked(part, failed, SAID, strict) for part in state]

    if isinstance(times, Expr):

        def body(carry: Any, target: Expr) -> Any:
            after, state = to(carry[0], carry[1], target)
            return (after, target), state

        (loop, _), states = scan(body, (loop, t0), times)
        return states, loop
    result, before = [], t0
    for target in times:
        loop, state = to(loop, before, target)
        result.append(state)
        before = target
    return result, loop


class ErrorControlled:
    """Steps as long as their estimated error allows, by a proportional-integral controller.

    dense : whether states inside of steps are asked for

    Source: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993), II.4; Hairer and Wanner II (1996), IV.2.
    """

    stepper: Stepper
    system: System
    rtol: float
    atol: float
    dense: bool
    first_step: Any
    max_step: Any

    def __init__(
        self, stepper: Stepper, rtol: float, atol: float, first_step: Any, max_step: Any, dense: bool
    ) -> None:
        self.stepper, self.system = stepper, stepper.system
        self.rtol, self.atol, self.dense = rtol, atol, dense
        self.first_step, self.max_step = first_step, max_step

    def begun(self, t: Expr, y: State, end: Expr) -> Loop:
        slope = self.system.rate(t, y)
        loop: Loop = {"t": t, "y": list(y), "carried": self.stepper.begun(slope)}
        loop["h"] = self._first(t, y, slope, end)
        loop["log_error"] = constant(-13.0, t.dtype)  # of 1e−4: where nothing is known of a step before
        loop["refused"] = constant(False)
        loop["status"] = loop["steps"] = loop["rejected"] = whole(0)
        if self.dense:
            zeros = [part * 0 for part in y]
            loop["dense"] = {
                "t": t,
                "h": constant(1.0, t.dtype),
                "y": list(y),
                "d": [zeros for _ in range(self.stepper.degree)],
            }
        return loop

    def _first(self, t: Expr, y: State, slope: State, end: Expr) -> Expr:
        """A length by which an explicit step of order 1 and the change of the slope are small."""
        dtype, span = t.dtype, abs(end - t)
        if self.first_step is not None:
            return minimum(self.first_step, span)
        scale = scales(self.rtol, self.atol, y)
        size, speed = rms(y, scale, dtype), rms(slope, scale, dtype)
        tiny = (size < 1e-5) | (speed < 1e-5)
        guess = minimum(where(tiny, constant(1e-6, dtype), 0.01 * size / where(tiny, 1.0, speed)), span)
        signed = where(end < t, -guess, guess)
        after = self.system.rate(t + signed, moved_by(y, signed, slope))
        change = [b - a for a, b in zip(slope, after, strict=True)]
        bend = rms(change, scale, dtype) / where(guess > 0, guess, 1.0)
        largest = maximum(speed, bend)
        flat = ~(largest > 1e-15)
        best = where(
            flat,
            maximum(1e-6, guess * 1e-3),
            exp2(log2(0.01 / where(flat, 1.0, largest)) / (self.stepper.order + 1)),
        )
        h = minimum(minimum(100 * guess, best), span)
        if self.max_step is not None:
            h = minimum(h, self.max_step)
        return held(where(h > 0, h, span))

    def once(self, loop: Loop, end: Expr, forwards: Expr) -> Loop:
        t, y, h = loop["t"], loop["y"], loop["h"]
        dtype, order = t.dtype, self.stepper.order
        rest = (end - t) * forwards
        ends = h * (1 + 1e-3) >= rest  # a rest that is too short to be a step is none
        length = where(ends, rest, h)
        signed = length * forwards
        step = self.stepper.step(t, y, signed, loop["carried"])
        size = rms(step.error, scales(self.rtol, self.atol, y, step.state), dtype)
        good = size <= 1
        known = size < np.inf
        log_error = log2(clip(where(known, size, 1e30), 1e-10, 1e30))
        # |h| grows as the error to the power −1/q, damped by the error before
        exponent = 1 / (order + 1)
        damping = 0.4 * exponent * 0.5
        change = 0.9 * exp2(-(exponent - 0.75 * damping) * log_error + damping * loop["log_error"])
        plain = 0.9 * exp2(-exponent * log_error)
        most = where(loop["refused"] & good, constant(1.0, dtype), constant(8.0, dtype))
        change = clip(where(good, change, minimum(plain, 1.0)), 0.2, most)
        new = length * change
        new = where(good & ends, maximum(new, h), new)
        if self.max_step is not None:
            new = minimum(new, self.max_step)
        new = held(new)
        time = where(ends, end, t + signed)
        lost = ~good & (new <= 8 * unit_roundoff(dtype) * maximum(abs(t), abs(new)))
        failed = where(known, whole(TOO_SHORT), whole(NOT_FINITE))
        after: Loop = {
            "t": where(good, time, t),
            "y": chosen_state(good, step.state, y),
            "carried": chosen_state(good, step.carried, loop["carried"]),
            "h": new,
            "log_error": where(good, maximum(held(log_error), -13.0), loop["log_error"]),
            "refused": ~good,
            "status": where(lost, failed, loop["status"]),
            "steps": loop["steps"] + 1,
            "rejected": where(good, loop["rejected"], loop["rejected"] + 1),
        }
        if self.dense:
            known_before = loop["dense"]
            after["dense"] = {
                "t": where(good, t, known_before["t"]),
                "h": where(good, signed, known_before["h"]),
                "y": chosen_state(good, y, known_before["y"]),
                "d": [
                    chosen_state(good, new_d, old_d)
                    for new_d, old_d in zip(step.dense, known_before["d"], strict=True)
                ],
            }
        return after

    def read(self, loop: Loop, target: Expr) -> State:
        if not self.dense:
            return loop["y"]
        dense = loop["dense"]
        part = (target - dense["t"]) / dense["h"]
        return polynomial(dense["y"], dense["d"], part)


def polynomial(y: State, coefficients: Sequence[State], x: Expr) -> State:
    """y + Σ dⱼ xʲ."""
    result = []
    for place, part in enumerate(y):
        at = fitting(x, part)
        value = coefficients[-1][place]
        for row in reversed(coefficients[:-1]):
            value = row[place] + at * value
        result.append(part + at * value)
    return result


__all__ = [
    "REASONS",
    "ErrorControlled",
    "Loop",
    "Marcher",
    "Stepper",
    "any_not_finite",
    "march",
    "polynomial",
]
