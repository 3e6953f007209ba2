"""log(eᵃ − e^b): derivatives over the whole range, and the signs of their infinities where both are equal."""

from __future__ import annotations

import math

import mpmath
import pytest

import graphc as g

POINTS = [
    (800.0, 700.0), (-800.0, -801.0), (1.0, 1.0 - 1e-12), (5.0, -1e300), (1e300, 1.0), (0.3, -0.4), (1e-320, 0.0),
    (700.0, -700.0),
]  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_derivatives(scale: float) -> None:
    a, b = g.symbols("a b")
    formula = scale * g.log(g.exp(a) - g.exp(b))
    slopes = [g.grad(formula, a), g.grad(formula, b)]
    f = g.compile([*slopes, g.grad(slopes[0], b)], [a, b], cache=False)
    for x, y in POINTS:
        with mpmath.workdps(400):
            rest = 1 / mpmath.expm1(mpmath.mpf(x) - mpmath.mpf(y))
            exact = [scale * float(1 + rest), -scale * float(rest), scale * float(rest * (1 + rest))]
        for value, true in zip(f(x, y), exact, strict=True):
            assert value == pytest.approx(true, rel=2e-15, abs=0), (x, y)


def test_equal_exponentials() -> None:
    a, b = g.symbols("a b")
    formula = g.log(g.exp(a) - g.exp(b))
    f = g.compile([formula, g.grad(formula, a), g.grad(formula, b)], [a, b], cache=False)
    for x in (3.0, 0.0, -0.0, 900.0, -1e5):
        assert [float(value) for value in f(x, x)] == [-math.inf, math.inf, -math.inf], x
