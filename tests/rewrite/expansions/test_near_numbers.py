"""Formulas that cancel, or are 0/0, at 1 or another number keep their digits beside it, in value and two derivatives."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

x = g.symbol("x")

FORMULAS = {
    "(sqrt(x) - 1)/(x - 1)": (1, lambda x: (mpmath.sqrt(x) - 1) / (x - 1)),
    "(1 - x**0.25)/(1 - x)": (1, lambda x: (1 - x ** mpmath.mpf(0.25)) / (1 - x)),
    "(x**2.5 - 1)/(x - 1)": (1, lambda x: (x ** mpmath.mpf(2.5) - 1) / (x - 1)),
    "1/log(x) - 1/(x - 1)": (1, lambda x: 1 / mpmath.log(x) - 1 / (x - 1)),
    "x/(x - 1) - 1/log(x)": (1, lambda x: x / (x - 1) - 1 / mpmath.log(x)),
    "(x - 1 - log(x))/(x - 1)**2": (1, lambda x: (x - 1 - mpmath.log(x)) / (x - 1) ** 2),
    "x*log(x)/(x**2 - 1)": (1, lambda x: x * mpmath.log(x) / (x**2 - 1)),
    "sqrt(x) - 1 - (x - 1)/2": (1, lambda x: mpmath.sqrt(x) - 1 - (x - 1) / 2),
    "exp(x - 1) - x": (1, lambda x: mpmath.exp(x - 1) - x),
    "(exp(x - 3) + 2 - x)/(x - 3)": (3, lambda x: (mpmath.exp(x - 3) + 2 - x) / (x - 3)),
    "(sqrt(x) - 2)/(x - 4)": (4, lambda x: (mpmath.sqrt(x) - 2) / (x - 4)),
    "sin(x + 0.5)/(x + 0.5) + x - 1": (-0.5, lambda x: mpmath.sin(x + 0.5) / (x + 0.5) + x - 1),
    "(x - 2 - sin(x - 2))/(x - 2)**3": (2, lambda x: (x - 2 - mpmath.sin(x - 2)) / (x - 2) ** 3),
}

STEPS = [side * 2.0**-k for k in (51, 45, 38, 30, 22, 15, 11, 7, 5, 3) for side in (1, -1)]


@pytest.mark.parametrize("text", FORMULAS)
def test_value_and_two_derivatives(text: str) -> None:
    number, function = FORMULAS[text]
    formula = g.parse(text, {"x": x})
    slope = g.grad(formula, x)
    f = g.compile([formula, slope, g.grad(slope, x)], [x], cache=False)
    for step in STEPS:
        at = number + step * abs(number)
        if at == number:
            continue
        with mpmath.workdps(200):
            h = mpmath.mpf(10) ** -50
            low, here, high, next_ = (function(mpmath.mpf(at) + k * h) for k in (-1, 0, 1, 2))
            exact = here, (high - low) / (2 * h), (high - 2 * here + low) / h**2
            third = (next_ - 3 * high + 3 * here - low) / h**3
        for order, (found, true) in enumerate(zip(f(at), exact, strict=True)):
            size = abs(true) + abs(at * (*exact, third)[order + 1])
            assert abs(mpmath.mpf(float(found)) - true) <= 32 * 2.0**-53 * size, (order, at)


@pytest.mark.parametrize("text", FORMULAS)
def test_nothing_that_is_a_number_is_lost(text: str) -> None:
    formula = g.parse(text, {"x": x})
    outputs = [formula, g.grad(formula, x)]
    written, stable = (g.compile(outputs, [x], rewrite=level, cache=False) for level in (None, "stable"))
    for at in (-np.inf, -1e300, -2.0, -0.5, -0.0, 0.0, 1e-310, 1.0, 2.0, 3.0, 4.0, 1e300, np.inf):
        for old, new in zip(written(at), stable(at), strict=True):
            assert np.isfinite(new) or not np.isfinite(old), (at, float(old), float(new))
    assert all(np.isnan(value) for value in stable(np.nan))


@pytest.mark.parametrize(
    "text", ["x - 1 - log(x)", "sqrt(x) - 1", "log(x)/(x - 1)", "1 - exp(x)", "x*log(x)", "exp(x) - 2"]
)
def test_what_holds_is_left_to_the_other_rules(text: str) -> None:
    """The forms of formulas that keep their digits, or as many as their argument has, do not change."""
    formula = g.parse(text, {"x": x})
    assert str(g.stabilize(formula)) == str(g.stabilize(formula, without=["expansion"]))


def test_arrays_and_single_precision() -> None:
    X = g.symbol("X", shape=5, dtype="float32")
    f = g.compile(1 / g.log(X) - 1 / (X - 1), [X], cache=False)
    at = np.array([1 + 2**-20, 1 - 2**-15, 1.01, 0.75, 3.0], np.float32)
    expected = [float(1 / mpmath.log(v) - 1 / (mpmath.mpf(v) - 1)) for v in map(float, at)]
    np.testing.assert_allclose(f(at), expected, rtol=2e-6)
