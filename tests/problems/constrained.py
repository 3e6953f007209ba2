"""Constrained problems with known optimum and multipliers, of the kind that Hock and Schittkowski collected (LNEMS 187, 1981).

Optima and multipliers are in closed form, by hand from the conditions of Karush, Kuhn and Tucker, or roots of these by mpmath.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import graphc as g


@dataclass(frozen=True)
class Constrained:
    """objective, constraints : of a list of unknowns; optimum, multipliers : numbers or expressions of mpmath, as functions"""

    name: str
    objective: Callable[[Any], Any]
    constraints: Callable[[Any], list[Any]]
    start: Sequence[float]
    optimum: Callable[[], Sequence[Any]]
    multipliers: Callable[[], Sequence[Any]]
    bounds: tuple[Any, Any] | None = None

    def solved(self) -> Any:
        """graphc's result."""
        x = g.symbol("x", shape=len(self.start))
        v = [x[k] for k in range(len(self.start))]
        bounds = None if self.bounds is None else {x: self.bounds}
        return g.minimize(
            self.objective(v), {x: np.array(self.start, float)}, self.constraints(v), bounds=bounds
        )

    def errors(self, result: Any) -> tuple[float, float]:
        """The largest error of an unknown and of a multiplier, beside 1 or their size."""
        with mpmath.workdps(40):
            x = [
                abs(mpmath.mpf(float(a)) - b) / max(1, abs(b))
                for a, b in zip(result.unknowns["x"], self.optimum(), strict=True)
            ]
            found = [float(part) for part in getattr(result, "multipliers", [])]
            m = [
                abs(mpmath.mpf(a) - b) / max(1, abs(b))
                for a, b in zip(found, self.multipliers(), strict=True)
            ]
            return float(max(x)), float(max(m, default=0))


def _root(equations: Callable[..., Any], start: Sequence[float]) -> list[Any]:
    with mpmath.workdps(50):
        return list(mpmath.findroot(equations, start, maxsteps=100))


def _third(r: int) -> Any:
    return mpmath.mpf(r) / 3


def _hs11() -> list[Any]:
    return _root(lambda a, b, c: (2 * (a - 5) + 2 * a * c, 2 * b - c, b - a**2), (1.23, 1.52, 3.05))


def _hs14() -> list[Any]:
    return _root(
        lambda a, b, p, q: (
            2 * (a - 2) - p + q * a / 2, 2 * (b - 1) + 2 * p + 2 * q * b, a - 2 * b + 1, -(a**2) / 4 - b**2 + 1,
        ),
        (0.82, 0.91, -1.6, 1.85),
    )  # fmt: skip


def _hs63() -> list[Any]:
    return _root(
        lambda a, b, c, p, q: (
            -2 * a - b - c - 8 * p - 2 * a * q, -4 * b - a - 14 * p - 2 * b * q, -2 * c - a - 7 * p - 2 * c * q,
            8 * a + 14 * b + 7 * c - 56, a**2 + b**2 + c**2 - 25,
        ),
        (3.51, 0.217, 3.55, -0.27, -1.22),
    )  # fmt: skip


def _hs71() -> list[Any]:
    # x₀ = 1 at its bound; p of the product, q of the sum of squares
    return _root(
        lambda b, c, d, p, q: (
            d - p * c * d - 2 * q * b, d + 1 - p * b * d - 2 * q * c, 1 + b + c - p * b * c - 2 * q * d,
            b * c * d - 25, 1 + b**2 + c**2 + d**2 - 40,
        ),
        (4.743, 3.821, 1.379, 0.55, 0.16),
    )  # fmt: skip


def _hs40() -> list[Any]:
    power = lambda n, d: mpmath.mpf(2) ** (mpmath.mpf(n) / d)
    return [power(-1, 3), power(-1, 2), power(-11, 12), power(-1, 4)]


_LIST = [
    Constrained("parabola", lambda x: (1 - x[0]) ** 2, lambda x: [g.equal(10 * (x[1] - x[0] ** 2), 0.0)],
                (-1.2, 1.0), lambda: (1, 1), lambda: (0,)),
    Constrained("logarithm on a curve", lambda x: g.log(1 + x[0] ** 2) - x[1],
                lambda x: [g.equal((1 + x[0] ** 2) ** 2 + x[1] ** 2, 4.0)], (2.0, 2.0),
                lambda: (0, mpmath.sqrt(3)), lambda: (-1 / (2 * mpmath.sqrt(3)),)),
    Constrained("line over a conic", lambda x: x[0] - x[1],
                lambda x: [-3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1 >= 0], (-10.0, 10.0),
                lambda: (0, 1), lambda: (mpmath.mpf(1) / 2,)),
    Constrained("above a parabola", lambda x: (x[0] - 5) ** 2 + x[1] ** 2 - 25, lambda x: [x[1] >= x[0] ** 2], (4.9, 0.1),
                lambda: _hs11()[:2], lambda: _hs11()[2:]),
    Constrained("in an ellipse", lambda x: x[0] ** 2 / 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1],
                lambda x: [4 * x[0] ** 2 + x[1] ** 2 <= 25], (0.0, 0.0), lambda: (2, 3), lambda: (mpmath.mpf(1) / 2,)),
    Constrained("line and ellipse", lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
                lambda x: [g.equal(x[0] - 2 * x[1] + 1, 0.0), -(x[0] ** 2) / 4 - x[1] ** 2 + 1 >= 0], (2.0, 2.0),
                lambda: _hs14()[:2], lambda: _hs14()[2:]),
    Constrained("corner of a box", lambda x: 0.01 * x[0] ** 2 + x[1] ** 2 - 100, lambda x: [10 * x[0] - x[1] >= 10],
                (5.0, 5.0), lambda: (2, 0), lambda: (0,), ([2, -50], [50, 50])),
    Constrained("corner of two curves", lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
                lambda x: [x[0] + x[1] <= 2, x[1] >= x[0] ** 2], (2.0, 2.0), lambda: (1, 1), lambda: (_third(2), _third(2))),
    Constrained("plane", lambda x: (x[0] + x[1]) ** 2 + (x[1] + x[2]) ** 2, lambda x: [g.equal(x[0] + 2 * x[1] + 3 * x[2], 1.0)],
                (-4.0, 1.0, 1.0), lambda: (mpmath.mpf("0.5"), mpmath.mpf("-0.5"), mpmath.mpf("0.5")), lambda: (0,)),
    Constrained("quadratic programme", lambda x: 9 - 8 * x[0] - 6 * x[1] - 4 * x[2] + 2 * x[0] ** 2 + 2 * x[1] ** 2 + x[2] ** 2
                + 2 * x[0] * x[1] + 2 * x[0] * x[2], lambda x: [x[0] + x[1] + 2 * x[2] <= 3], (0.5, 0.5, 0.5),
                lambda: (_third(4), _third(7) / 3, _third(4) / 3), lambda: (_third(2) / 3,), (0, None)),
    Constrained("two surfaces", lambda x: -x[0],
                lambda x: [g.equal(x[1] - x[0] ** 3 - x[2] ** 2, 0.0), g.equal(x[0] ** 2 - x[1] - x[3] ** 2, 0.0)],
                (2.0, 2.0, 2.0, 2.0), lambda: (1, 1, 0, 0), lambda: (1, 1)),
    Constrained("product of four", lambda x: -x[0] * x[1] * x[2] * x[3],
                lambda x: [g.equal(x[0] ** 3 + x[1] ** 2, 1.0), g.equal(x[0] ** 2 * x[3] - x[2], 0.0),
                           g.equal(x[3] ** 2 - x[1], 0.0)],
                (0.8, 0.8, 0.8, 0.8), _hs40, lambda: _product_multipliers()),
    Constrained("Rosen and Suzuki", lambda x: x[0] ** 2 + x[1] ** 2 + 2 * x[2] ** 2 + x[3] ** 2
                - 5 * x[0] - 5 * x[1] - 21 * x[2] + 7 * x[3],
                lambda x: [x[0] ** 2 + x[1] ** 2 + x[2] ** 2 + x[3] ** 2 + x[0] - x[1] + x[2] - x[3] <= 8,
                           x[0] ** 2 + 2 * x[1] ** 2 + x[2] ** 2 + 2 * x[3] ** 2 - x[0] - x[3] <= 10,
                           2 * x[0] ** 2 + x[1] ** 2 + x[2] ** 2 + 2 * x[0] - x[1] - x[3] <= 5],
                (0.0, 0.0, 0.0, 0.0), lambda: (0, 1, 2, -1), lambda: (1, 0, 2)),
    Constrained("five unknowns, two planes", lambda x: (x[0] - 1) ** 2 + (x[1] - x[2]) ** 2 + (x[3] - x[4]) ** 2,
                lambda x: [g.equal(x[0] + x[1] + x[2] + x[3] + x[4], 5.0), g.equal(x[2] - 2 * (x[3] + x[4]), -3.0)],
                (3.0, 5.0, -3.0, 2.0, -2.0), lambda: (1,) * 5, lambda: (0, 0)),
    Constrained("plane and sphere", lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2],
                lambda x: [g.equal(8 * x[0] + 14 * x[1] + 7 * x[2], 56.0), g.equal(x[0] ** 2 + x[1] ** 2 + x[2] ** 2, 25.0)],
                (2.0, 2.0, 2.0), lambda: _hs63()[:3], lambda: _hs63()[3:], (0, None)),
    Constrained("product and sphere", lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
                lambda x: [x[0] * x[1] * x[2] * x[3] >= 25, g.equal(x[0] ** 2 + x[1] ** 2 + x[2] ** 2 + x[3] ** 2, 40.0)],
                (1.0, 5.0, 5.0, 1.0), lambda: [1, *_hs71()[:3]], lambda: _hs71()[3:], (1, 5)),
]  # fmt: skip


def _product_multipliers() -> list[Any]:
    a, b, c, d = _hs40()
    with mpmath.workdps(40):
        # ∂/∂x₂ gives q, ∂/∂x₁ then p of x₀, and r of x₃: −bcd = 3a²p + 2adq, −abd = −q, −abc = a²q + 2dr
        q = a * b * d
        return [(-b * c * d - 2 * a * d * q) / (3 * a**2), q, (-a * b * c - a**2 * q) / (2 * d)]


CONSTRAINED = {problem.name: problem for problem in _LIST}
