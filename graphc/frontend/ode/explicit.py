"""Steps of explicit Runge–Kutta methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphc.frontend.ode.system import State, System, combined, fitting, moved_by
from graphc.frontend.ode.tableaus import Tableau
from graphc.ir.expr import Expr


class StepResult(NamedTuple):
    """What one step gives.

    state : y at its end
    error : how far that may be off, part by part
    carried : what the next step begins with
    dense : d₁, d₂, …, by which y + Σ dⱼθʲ is the state at the part θ of the step
    """

    state: State
    error: State
    carried: State
    dense: list[State]


class ExplicitPair:
    """A Runge–Kutta method with an error estimate, as `stepping.Stepper`."""

    system: System
    tableau: Tableau

    def __init__(self, system: System, tableau: Tableau) -> None:
        self.system, self.tableau = system, tableau
        self.order: int = tableau.error_order

    @property
    def degree(self) -> int:
        """That of the polynomial of dense output."""
        assert self.tableau.dense is not None
        return len(self.tableau.dense[0])

    def begun(self, slope: State) -> State:
        """What the first step begins with, of the slope there."""
        return slope

    def step(self, t: Expr, y: State, h: Expr, carried: State) -> StepResult:
        """One step of length h."""
        tableau = self.tableau
        slopes = stages(self.system, tableau, t, y, h, carried)
        end = moved_by(y, h, combined(tableau.weights, slopes))
        assert tableau.error is not None and tableau.dense is not None
        error = _scaled(h, combined(tableau.error, slopes) or [])
        columns = zip(*tableau.dense, strict=True)
        dense = [_scaled(h, combined(column, slopes) or []) for column in columns]
        return StepResult(end, error, slopes[-1], dense)


def stages(
    system: System, tableau: Tableau, t: Expr, y: State, h: Expr, first: State | None = None
) -> list[State]:
    """The slopes k₁, k₂, … of a step."""
    slopes: list[State] = []
    for node, row in zip(tableau.nodes, tableau.stages, strict=True):
        if not slopes and first is not None:
            slopes.append(first)
            continue
        time = t if node == 0 else t + h if node == 1 else t + node * h
        slopes.append(system.rate(time, moved_by(y, h, combined(row, slopes))))
    return slopes


def fixed_step(system: System, tableau: Tableau, t: Expr, y: State, h: Expr) -> State:
    """The state after one step of length h."""
    return moved_by(y, h, combined(tableau.weights, stages(system, tableau, t, y, h)))


def _scaled(h: Expr, change: Sequence[Expr]) -> State:
    return [fitting(h, k) * k for k in change]


__all__ = ["ExplicitPair", "StepResult", "fixed_step", "stages"]
