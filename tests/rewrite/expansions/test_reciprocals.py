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
def test_special_values(text: str) -> None:
    formula = g.parse(text, {"x": x})
    outputs = [formula, g.grad(formula, x)]
    written, stable = (g.compile(outputs, [x], rewrite=level, cache=False) for level in (None, "stable"))
    for at in (-np.inf, -1e300, -2.0, -1e-310, -0.0, 0.0, 1e-310, 1e300, np.inf):
        with np.errstate(all="ignore"):
            for old, new in zip(written(at), stable(at), strict=True):
                assert np.isfinite(new) or not np.isfinite(old), (text, at, float(old), float(new))
    assert all(np.isnan(value) for value in stable(np.nan))
