"""Sensitivities by the adjoint equation: reverse mode as an integration back in time, which keeps no steps.

For a loss L of the states y(tᵢ), the adjoint λ = ∂L/∂y(t) obeys λ' = −(∂f/∂y)ᵀ λ between the times and grows by ∂L/∂yᵢ at each;
what goes back to a parameter p of f is the integral of (∂f/∂p)ᵀ λ. State, adjoint and integrals are one system that the same
method integrates from each time to the one before, where the state begins anew with what the forward pass gave there.

Sources: Pontryagin et al., The Mathematical Theory of Optimal Processes (1962); Chen, Rubanova, Bettencourt and Duvenaud, Neural
ordinary differential equations (2018); Kidger, On neural differential equations (2022), 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphc.autodiff.calls  # noqa: F401  it declares the derivatives of calls
from graphc.autodiff.loop_parts import added
from graphc.autodiff.reverse import reverse
from graphc.frontend.body_trace import captured_by
from graphc.frontend.control import scan
from graphc.frontend.ode.solve import Settings, Told, solve
from graphc.frontend.ode.system import State, System
from graphc.frontend.ode.times import Times, of_array
from graphc.ir.body import Body
from graphc.ir.expr import Expr, cast, symbol
from graphc.ir.types import is_float
from graphc.ops.closures import call_results
from graphc.ops.shape import concat
from graphc.ops.support.build import call, summed, zeros_like


def solve_with_adjoints(system: System, times: Times, settings: Settings) -> tuple[State, Told]:
    """As `solve`, with the adjoint equation as the derivative."""
    outside = captured_by([system.time, *system.state], system.slopes)
    given = times.later if times.single else _all_times(times)
    operands = [*system.start, given, *outside]
    own = [symbol(f"\2own{place}", x.shape, x.dtype) for place, x in enumerate(operands)]
    parts = len(system.start)
    start, t, parameters = own[:parts], own[parts], own[parts + 1 :]
    inner = system.where(dict(zip(outside, parameters, strict=True)), start)
    own_times = Times(times.begin, t, t, True) if times.single else of_array(t)
    solution, told = solve(inner, own_times, settings)
    names = list(told)
    outputs = [*solution, *(told[name] for name in names)]
    bars = [symbol(f"\2bar{place}", x.shape, x.dtype) for place, x in enumerate(solution)]
    backs = _Back(inner, parameters, settings).of(own_times, solution, bars)
    rule = Body([*own, *bars], [x for x in backs if x is not None])
    body = Body(own, outputs)
    results = call_results("odeint", body, operands, rule, "back", len(operands))
    return results[:parts], dict(zip(names, results[parts:], strict=True))


def _all_times(times: Times) -> Expr:
    begin = call("expand_dims", times.begin, axis=0)
    return begin if times.later.shape[0] == 0 else concat(begin, times.later, axis=0)


class _Back:
    """What goes back to the state at the beginning, to the times and to the parameters of a system."""

    def __init__(self, system: System, parameters: Sequence[Expr], settings: Settings) -> None:
        self.system, self.settings = system, settings
        self.parameters = [x for x in parameters if is_float(x.dtype)]
        self.every = parameters

    def of(self, times: Times, solution: State, bars: State) -> list[Expr | None]:
        """In the order of the operands; None for what has no derivative."""
        system = self.system
        sums = [zeros_like(x) for x in self.parameters]
        if times.single:
            adjoint, sums = self._between(times.later, times.begin, solution, bars, sums)
            of_times = self._rate(times.later, solution, bars)
        else:
            rows = [row[1:] for row in solution], [bar[1:] for bar in bars]

            def body(carry: tuple[State, State], row: tuple[Expr, Expr, State, State]) -> Any:
                (adjoint, sums), (now, before, y, bar) = carry, row
                adjoint = [old + new for old, new in zip(adjoint, bar, strict=True)]
                return self._between(now, before, y, adjoint, sums), self._rate(now, y, bar)

            early = _shifted(times)
            (adjoint, sums), at_times = scan(
                body,
                ([zeros_like(part) for part in system.start], sums),
                (times.later, early, *rows),
                reverse=True,
            )
            first = -self._rate(times.begin, system.start, adjoint)
            of_times = concat(call("expand_dims", first, axis=0), at_times, axis=0)
            adjoint = [own + bar[0] for own, bar in zip(adjoint, bars, strict=True)]
        handed = iter(sums)
        return [*adjoint, of_times, *(next(handed) if is_float(x.dtype) else None for x in self.every)]

    def _rate(self, t: Expr, y: State, adjoint: State) -> Expr:
        """λ·f(t, y): how fast the loss changes with the time that a state is asked for."""
        terms = [slope * bar for slope, bar in zip(self.system.rate(t, y), adjoint, strict=True)]
        terms = [summed(term) if term.shape else term for term in terms]
        return added([term if term.dtype == t.dtype else cast(term, t.dtype) for term in terms])

    def _between(self, now: Expr, before: Expr, y: State, adjoint: State, sums: State) -> tuple[State, State]:
        """The adjoint and the integrals, taken from a time to the one before."""
        system = self.system
        bars = [symbol(f"\2a{place}", x.shape, x.dtype) for place, x in enumerate(adjoint)]
        record = reverse(system.slopes, [-bar for bar in bars], [*system.state, *self.parameters])
        kept = [symbol(f"\2s{place}", x.shape, x.dtype) for place, x in enumerate(sums)]
        slopes = [*system.slopes, *(record.adjoint(x) for x in (*system.state, *self.parameters))]
        wide = system.like([*system.state, *bars, *kept], slopes, [*y, *adjoint, *sums])
        ends, _ = solve(wide, Times(now, before, before, True), self.settings)
        count = len(y)
        return ends[count : 2 * count], ends[2 * count :]


def _shifted(times: Times) -> Expr:
    """The time before each of the later ones."""
    begin = call("expand_dims", times.begin, axis=0)
    return concat(begin, times.later, axis=0)[:-1]


__all__ = ["solve_with_adjoints"]
