"""Differences of quotients by squares of sums: multiplied out the squares would cancel themselves."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import rounded
from tests.fuzz.mp_truth import truths

POINTS = [
    (0.93, 57012.0),
    (57012.0, 0.93),
    (1.0, 1e-9),
    (2.5, 2.4999),
    (3.0, 0.7),
    (1e-4, 30.0),
    (-7.0, 1e-6),
]


@pytest.mark.parametrize(
    "text", ["1/(r - d)**2 - 1/(r + d)**2", "3/(r + d)**2 - 3/r**2", "r/(r - d)**2 - r/(r + d)**2",
     "1/(2*r - d)**2 - 1/(2*r + d)**2"]
)  # fmt: skip
def test_values_and_slopes(text: str) -> None:
    formula = g.parse(text)
    r, d = g.symbols("r d")
    outputs = [formula, g.grad(formula, r), g.grad(formula, d)]
    values = g.compile(outputs, [r, d], cache=False)
    for at in POINTS:
        exact, moved = (truths(outputs, {"r": at[0] * scale, "d": at[1]}) for scale in (1, 1 + 2.0**-52))
        assert exact is not None
        assert moved is not None
        for value, true, other in zip(values(*at), exact, moved, strict=True):
            correct = rounded(true.item(), np.dtype(float))
            allowed = 8 * abs(
                float(mpmath.mpf(other.item()) - true.item())
            )  # what the last place of r is worth
            assert abs(value - correct) <= 2e-15 * abs(correct) + allowed, (at, value, correct)
