"""xⁿ/(kⁿ + xⁿ): saturation curves where powers overflow."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import rounded
from tests.fuzz.mp_truth import truths

POINTS = [
    (2.0, 3.5, 1.5),
    (1e3, 150.0, 2e3),
    (1e-3, 200.0, 5e-4),
    (7.0, 30.0, 1.0),
    (1e200, 2.5, 3e199),
    (0.0, 2.5, 1.0),
]


@pytest.mark.parametrize("factor", [1.0, -2.5])
def test_values(factor: float) -> None:
    x, n, k, w = g.symbols("x n k w")
    hill = x**n / (k**n + x**n) if factor == 1 else w * x**n / (x**n + k**n)
    f = g.compile(hill, [x, n, k, w], cache=False)
    for at in POINTS:
        with mpmath.workdps(60):
            a, p, b = map(mpmath.mpf, at)
            true = factor * a**p / (b**p + a**p)
        assert f(*at, factor) == pytest.approx(float(true), rel=4e-16 * (4 + at[1]), abs=1e-320), at


def test_equal_powers_beyond_the_largest_float_are_one_half() -> None:
    f = g.compile(g.parse("x**n/(x**n + y**n)"), cache=False)
    assert f(n=1000.0, x=3.0, y=3.0) == 0.5
    assert f(n=2.5, x=1e300, y=1e-300) == 1
    assert f(n=2.5, x=1e-300, y=1e300) == 0


WIDE = [
    (291.4, 1.1e-9), (1.1e-9, 291.4), (1.5e-8, 7.5e-10), (3.0, 3.0000001), (1e-200, 1e-150), (1e155, 1e120), (1e-300, 2e-300),
    (1e200, 3e199), (2.0, 1e-160), (0.0, 1.5), (7.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["x**4/(k**4 + x**4)", "x*x/(k*k + x*x)", "-3*k**2/(x**2 + k**2)", "x**n/(k**n + x**n)", "2.5*x**3/(x**3 + k**3)",
     "k**6/(k**6 + x**6)", "x**2.5/(k**2.5 + x**2.5)"],
)  # fmt: skip
def test_derivatives(text: str) -> None:
    """The slope of a saturated curve is what is left of 1/(k + x) − x/(k + x)²."""
    formula = g.parse(text)
    x, k, n = g.symbols("x k n")
    slopes = [g.grad(formula, s) for s in (x, k)]
    outputs = [*slopes, g.grad(slopes[0], x), g.grad(slopes[1], k)]
    f = g.compile(outputs, [x, k, n], cache=False)
    for at in WIDE:
        exact = truths(outputs, {"x": at[0], "k": at[1], "n": 3.25}, (400, 2400, 9600))
        assert exact is not None
        for value, true in zip(f(*at, 3.25), exact, strict=True):
            correct = math.inf if true.item() is None else rounded(true.item(), np.dtype(float))
            if math.isfinite(correct):
                # each power loses as many units as its exponent, and one factor may underflow before the product
                assert value == pytest.approx(correct, rel=3e-15, abs=1e-300), at
