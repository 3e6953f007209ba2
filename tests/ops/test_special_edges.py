"""Riemann's ζ beside its zeros, 0 and 1, and far out; Eₙ of very large n: what one formula gives where another begins."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import graphc as g

x, n = g.symbol("x"), g.symbol("n")

BESIDE = [
    sign * size for size in (1e-320, 1e-300, 1e-17, 1e-10, 1e-4, 0.03, 0.4999, 0.5, 0.6) for sign in (1, -1)
]
PLACES = [-2.0, -4.0, -18.0, 1.0]


@pytest.mark.parametrize("place", [0.0, *PLACES])
def test_zeta_beside_its_zeros_and_its_pole(place):
    f = g.compile(g.zeta(x), [x])
    for step in BESIDE:
        at = place + step
        if at in PLACES:
            continue
        with mpmath.workdps(50):
            exact = mpmath.zeta(mpf(at))
            slope = mpmath.diff(mpmath.zeta, mpf(at)) if abs(at) > 1e-5 else 0
            limit = 4 * (math.ulp(float(exact)) + abs(slope) * math.ulp(at))
            assert abs(mpf(f(at)) - exact) <= limit, (at, f(at))


def test_zeta_at_its_zeros_and_far_out():
    f = g.compile(g.zeta(x), [x])
    assert [f(v) for v in (-2.0, -4.0, -40.0, 0.0, -0.0)] == [0, 0, 0, -0.5, -0.5]
    assert [f(v) for v in (1e3, 1e300, math.inf)] == [1, 1, 1]
    assert math.isnan(f(-math.inf)) and math.isnan(f(math.nan)) and f(1.0) == math.inf


@pytest.mark.parametrize("order", [1e9, 1.1e9, 3e9, 1e12, 1e300])
def test_exponential_integrals_of_very_large_order(order):
    """By DLMF 8.20.2, whose next terms are below 1e-26 of the first."""
    f = g.compile(g.expn(n, x), [n, x])
    for at in (0.0, 0.3, 1.0, 50.0, 300.0):
        with mpmath.workdps(40):
            a, b = mpf(order), mpf(at)
            exact = mpmath.exp(-b) / (a + b) * (1 + a / (a + b) ** 2 + a * (a - 2 * b) / (a + b) ** 4)
            if exact < 1e-300:
                continue
            assert abs(mpf(f(order, at)) / exact - 1) < 8 * np.finfo(float).eps * (1 + b / 20)
    assert f(math.inf, 1.0) == 0 and math.isnan(f(math.nan, 1.0)) and math.isnan(f(order, math.nan))
    assert g.evaluate(g.expn(n, x), {"n": order, "x": 0.3}) == pytest.approx(f(order, 0.3), rel=1e-15)
