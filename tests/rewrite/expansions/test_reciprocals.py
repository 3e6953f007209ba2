"""Slopes of formulas in 1/x, as those in a temperature are, keep their digits far out, where what they belong to levels off."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

x = g.symbol("x")

FORMULAS = {
    "x*log(1 + 1/x)": lambda x: x * mpmath.log(1 + 1 / x),
    "1/(x*log(1 + 1/x))": lambda x: 1 / (x * mpmath.log(1 + 1 / x)),
    "x*(exp(1/x) - 1)": lambda x: x * (mpmath.exp(1 / x) - 1),
    "x*x*(exp(1/x) - 1 - 1/x)": lambda x: x * x * (mpmath.exp(1 / x) - 1 - 1 / x),
    "x*sin(1/x)": lambda x: x * mpmath.sin(1 / x),
    "x*tanh(1/x)": lambda x: x * mpmath.tanh(1 / x),
    "x*atan(1/x) + 3": lambda x: x * mpmath.atan(1 / x) + 3,
    "log(1 + 1/x) - 1/(1 + x)": lambda x: mpmath.log(1 + 1 / x) - 1 / (1 + x),
    "(1 + 1/x)**x": lambda x: (1 + 1 / x) ** x,
    "(1 - 1/x)**x": lambda x: (1 - 1 / x) ** x,
    "(1 + 3/x)**x": lambda x: (1 + 3 / x) ** x,
    "cos(2/x)**(x*x)": lambda x: mpmath.cos(2 / x) ** (x * x),
    "x - 1/tan(1/x)": lambda x: x - 1 / mpmath.tan(1 / x),
    "1/(exp(2/x) - 1) - x/2": lambda x: 1 / (mpmath.exp(2 / x) - 1) - x / 2,
    "1/sinh(1/x) - x": lambda x: 1 / mpmath.sinh(1 / x) - x,
}


@pytest.mark.parametrize("text", FORMULAS)
def test_first_slopes_far_out(text: str) -> None:
    f = g.compile(g.grad(g.parse(text, {"x": x}), x), [x], cache=False)
    for at in (1.5, 4.0, 37.0, 1e3, 3e5, 1e8, 7e11, 2e15):
        with mpmath.workdps(150):
            exact = mpmath.diff(FORMULAS[text], mpmath.mpf(at), h=mpmath.mpf(at) * mpmath.mpf(10) ** -30)
        # some roundings of 1/x, times the condition of what is a series in it, and those of the form further in
        assert abs(mpmath.mpf(float(f(at))) - exact) <= 64 * 2.0**-53 * abs(exact), (text, at)


@pytest.mark.parametrize("text", FORMULAS)
def test_values_far_out(text: str) -> None:
    f = g.compile(g.parse(text, {"x": x}), [x], cache=False)
    for at in (1.5, 4.0, 37.0, 1e3, 3e5, 1e8, 7e11, 2e15, 1e60, 1e150):
        with mpmath.workdps(700):
            exact = FORMULAS[text](mpmath.mpf(at))
        assert abs(mpmath.mpf(float(f(at))) - exact) <= 32 * 2.0**-53 * abs(exact), (text, at)


POWERS = {
    "(1 + x)**(1/x)": lambda x: (1 + x) ** (1 / x),
    "(1 - 2*x)**(3/x)": lambda x: (1 - 2 * x) ** (3 / x),
    "(sin(x)/x)**(1/(x*x))": lambda x: (mpmath.sin(x) / x) ** (1 / (x * x)),
}


@pytest.mark.parametrize("text", POWERS)
def test_powers_that_are_of_the_kind_one_to_infinity_near_0(text: str) -> None:
    formula = g.parse(text, {"x": x})
    slope = g.grad(formula, x)
    f = g.compile([formula, slope, g.grad(slope, x)], [x], cache=False)
    for at in (1e-60, -1e-20, 1e-9, -1e-5, 1e-3, 0.02, -0.1, 0.3):
        with mpmath.workdps(400):
            h = mpmath.mpf(10) ** -60 * abs(mpmath.mpf(at))
            low, here, high = (POWERS[text](mpmath.mpf(at) + k * h) for k in (-1, 0, 1))
            exact = here, (high - low) / (2 * h), (high - 2 * here + low) / h**2
        for order, (found, true) in enumerate(zip(f(at), exact, strict=True)):
            size = abs(true) + abs(at * exact[min(order + 1, 2)])
            assert abs(mpmath.mpf(float(found)) - true) <= 48 * 2.0**-53 * size, (order, at)


@pytest.mark.parametrize("text", FORMULAS)
def test_special_values(text: str) -> None:
    formula = g.parse(text, {"x": x})
    outputs = [formula, g.grad(formula, x)]
    written, stable = (g.compile(outputs, [x], rewrite=level, cache=False) for level in (None, "stable"))
    for at in (-np.inf, -1e300, -2.0, -1e-310, -0.0, 0.0, 1e-310, 1e300, np.inf):
        if "**x" in text and -1 < at < 0:
            continue  # a power of a negative number is not real, which C's pow forgets for −∞
        with np.errstate(all="ignore"):
            for old, new in zip(written(at), stable(at), strict=True):
                assert np.isfinite(new) or not np.isfinite(old), (text, at, float(old), float(new))
    assert all(np.isnan(value) for value in stable(np.nan))
