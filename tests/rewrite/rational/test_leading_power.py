"""Rational functions that vanish far out: their highest powers alone where the others are less than a rounding."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import walk

FORMULAS = {
    "log(x + sqrt(x*x - 1))": (lambda x: mpmath.acosh(x), 1.0),
    "log(2*x + sqrt(4*x*x - 9))": (lambda x: mpmath.log(2 * x + mpmath.sqrt(4 * x * x - 9)), 1.5),
    "1/(x*x - x + 3)": (lambda x: 1 / (x * x - x + 3), -math.inf),
    "x/(x*x + 5)": (lambda x: x / (x * x + 5), -math.inf),
    "(1 - x*x)/(x**3 + x + 1)**2": (lambda x: (1 - x * x) / (x**3 + x + 1) ** 2, -0.5),
    "log((x*x + 1)/(x*x + 2))": (lambda x: mpmath.log((x * x + 1) / (x * x + 2)), -math.inf),
}
AWAY = [
    1.7,
    9.0,
    3e3,
    1e7,
    2.0**28,
    2.0**28 * 1.25,
    5e8,
    2.0**30 * 0.99,
    3e9,
    1e17,
    2.0**57,
    1e20,
    1e60,
    1e100,
    1e153,
    1e155,
    1e300,
]


@pytest.mark.parametrize("order", (1, 2))
@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.sample(3)
def test_derivatives_at_every_size(text, order):
    exact, low = FORMULAS[text]
    formula = g.parse(text)
    (x,) = g.free_symbols(formula)
    derivative = formula
    for _ in range(order):
        derivative = g.grad(derivative, x)
    f = g.compile(derivative, x, cache=False)
    for point in (s * size for size in AWAY for s in (1.0, -1.0) if s * size > low):
        with mpmath.workprec(2900):
            truth = mpmath.diff(
                exact, mpmath.mpf(point), order, h=abs(mpmath.mpf(point)) * mpmath.mpf(2) ** -200
            )
            if abs(truth) < mpmath.mpf(2) ** -1022:
                assert abs(f(point)) <= 2.0**-1022
                continue
            assert abs(f(point) - truth) <= abs(truth) * 8 * 2.0**-53, (point, f(point), truth)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.sample(2)
def test_no_number_stays_none_and_infinity_the_limit(text):
    formula = g.parse(text)
    (x,) = g.free_symbols(formula)
    f, written = (g.compile(g.grad(formula, x), x, rewrite=level, cache=False) for level in ("stable", None))
    assert math.isnan(f(math.nan))
    assert f(math.inf) == 0 or math.isnan(written(math.inf))


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.sample(2)
def test_single_precision(text):
    exact, low = FORMULAS[text]
    formula = g.parse(text)
    (x,) = g.free_symbols(formula)
    f = g.compile(g.grad(formula, x), x, dtype="float32", cache=False)
    for point in (s * size for size in AWAY if size < 1e30 for s in (1.0, -1.0) if s * size > low):
        point = float(np.float32(point))
        with mpmath.workprec(800):
            truth = mpmath.diff(exact, mpmath.mpf(point), h=abs(mpmath.mpf(point)) * mpmath.mpf(2) ** -300)
            if abs(truth) > 2.0**-126:
                assert abs(float(f(np.float32(point))) - truth) <= abs(truth) * 8 * 2.0**-24, point


def test_far_out_one_division_is_left():
    x = g.symbol("x")
    (slope,) = g.rewrites(g.grad(g.log(x + g.sqrt(x * x - 1)), x)).outputs
    assert sum(node.op.name == "divide" for node in walk([slope])) == 1


def test_what_may_be_differentiated_keeps_all_powers():
    x, v = g.symbol("X", shape=5), g.symbol("V", shape=5)
    product = g.compile(g.hvp(g.sum(x * g.atan(x)), x, v), [x, v], cache=False)
    at = np.array([0.3, 7.0, 3e8, 1e20, 1e70])
    np.testing.assert_allclose(product(at, np.ones(5)), 2 / (1 + at**2) ** 2, rtol=1e-15)
    y = g.symbol("y")
    first = g.stabilize(g.grad(y * g.atan(y), y))
    f = g.compile(g.grad(first, y), y, cache=False)
    for point in (0.3, 7.0, 1e6, 3e8, 1e12):
        assert abs(f(point) - 2 / (1 + point**2) ** 2) <= 1e-14 * abs(f(point)) + 1e-16 / (1 + point**2)
