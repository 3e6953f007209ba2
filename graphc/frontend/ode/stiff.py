"""Steps of a Rosenbrock method, for stiff systems: linear equations with the Jacobian that is derived, and no iterations.

Source: Shampine and Reichelt, The MATLAB ODE suite (1997): a linearly implicit pair of order 2 and 3, L-stable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphc.autodiff.forward import forward
from graphc.autodiff.jacobian import jacobian
from graphc.errors import ShapeError
from graphc.frontend.ode.explicit import StepResult
from graphc.frontend.ode.system import State, System, moved_by, written_for
from graphc.ir.expr import Expr, cast, constant, current_site, symbol
from graphc.ops.support.build import call

_D = 1 / (2 + math.sqrt(2))
_E = 6 + math.sqrt(2)


class Rosenbrock:
    """The pair of order 2(3), as `stepping.Stepper`: of the state as one vector."""

    flat: Expr
    slope: Expr
    drift: Expr

    order = 2
    degree = 2

    def __init__(self, system: System) -> None:
        self.system = system
        self.sizes: list[int] = [math.prod(_known(part)) for part in system.start]
        self.size: int = sum(self.sizes)
        flat = symbol("\2flat", (self.size,), system.dtype)
        slopes = written_for(system.slopes, dict(zip(system.state, self._parts(flat), strict=True)))
        self.flat, self.slope = flat, self._vector(slopes)
        self.jacobian: Expr = jacobian(self.slope, flat)
        one = constant(1.0, system.dtype)
        (self.drift,) = forward([self.slope], {system.time: one})

    def _vector(self, parts: Sequence[Expr]) -> Expr:
        rows = [call("reshape", part, shape=(size,)) for part, size in zip(parts, self.sizes, strict=True)]
        rows = [row if row.dtype == self.system.dtype else cast(row, self.system.dtype) for row in rows]
        return rows[0] if len(rows) == 1 else call("concat", *rows, axis=0)

    def _parts(self, vector: Expr) -> State:
        result, begin = [], 0
        for part, size in zip(self.system.start, self.sizes, strict=True):
            piece = (
                vector[begin]
                if not part.shape
                else call("reshape", vector[begin : begin + size], shape=part.shape)
            )
            result.append(piece if piece.dtype == part.dtype else cast(piece, part.dtype))
            begin += size
        return result

    def begun(self, slope: State) -> State:
        return list(slope)

    def step(self, t: Expr, y: State, h: Expr, carried: State) -> StepResult:
        """One step of length h."""
        rate = self.system.rate
        at = {self.flat: self._vector(y), self.system.time: t}
        J, drift = written_for([self.jacobian, self.drift], at)
        W = constant(np.eye(self.size, dtype=self.system.dtype)) - (h * _D) * J
        f0, sway = self._vector(carried), (h * _D) * drift

        def solved(right: Expr) -> Expr:
            return call("solve", W, right)

        k1 = solved(f0 + sway)
        f1 = self._vector(rate(t + h * 0.5, moved_by(y, h * 0.5, self._parts(k1))))
        k2 = solved(f1 - k1) + k1
        end = moved_by(y, h, self._parts(k2))
        after = rate(t + h, end)
        k3 = solved(self._vector(after) - _E * (k2 - f1) - 2 * (k1 - f0) + sway)
        error = self._parts((h / 6) * (k1 - 2 * k2 + k3))
        slant = h / (1 - 2 * _D)
        dense = [self._parts(slant * (k1 - 2 * _D * k2)), self._parts(slant * (k2 - k1))]
        return StepResult(end, error, after, dense)


def _known(part: Expr) -> tuple[int, ...]:
    if not all(isinstance(length, int) for length in part.shape):
        raise ShapeError(
            "the Jacobian of a stiff method is a matrix of a known size",
            node=repr(part),
            site=current_site(),
            hint="give the state a shape of numbers",
        )
    return tuple(length for length in part.shape if isinstance(length, int)) or (1,)


__all__ = ["Rosenbrock"]
