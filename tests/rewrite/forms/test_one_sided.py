"""Derivatives at 0 of what the rules write in branches by the sign of x: those of the formula, not of a kink of |x|.

The oracle is mpmath's numerical differentiation at forty digits of the formula as written.
"""

from __future__ import annotations

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

import graphc as g

DIGITS = mpmath.mp.clone()
DIGITS.dps = 40
NAMES = ("sqrt", "log", "exp", "sin", "log1p", "tanh", "cosh", "sinh", "expm1")
SYMBOLS = SimpleNamespace(**{name: getattr(g, name) for name in NAMES}, hypot=g.hypot)
NUMBERS = SimpleNamespace(**{name: getattr(DIGITS, name) for name in NAMES}, hypot=DIGITS.hypot)

INNER = {
    "hypot - x": lambda m, v: m.hypot(v, 1) - v,
    "hypot + x": lambda m, v: m.hypot(v, 1) + v,
    "root - x": lambda m, v: m.sqrt(1 + v * v) - v,
    "x/hypot - 1": lambda m, v: v / m.hypot(v, 1) - 1,
    "x/root + 1": lambda m, v: 1 + v / m.sqrt(1 + v * v),
    "of 2x": lambda m, v: 2 * v - m.sqrt(4 * v * v + 1),
    "with 1": lambda m, v: m.hypot(v, 1) + v + 1,
    "with 3": lambda m, v: v + m.sqrt(v * v + 3),
    "half": lambda m, v: (1 - v / m.hypot(v, 1)) / 2,
    "tanh": lambda m, v: 1 - m.tanh(v),
    "exponential": lambda m, v: m.cosh(v) - m.sinh(v),
}
OUTER = {
    "itself": lambda m, u: u,
    "root": lambda m, u: m.sqrt(u + 3) - 1,
    "exp": lambda m, u: m.exp(u),
    "square": lambda m, u: u * u,
    "inverse": lambda m, u: 1 / (u + 3),
    "sine": lambda m, u: m.sin(u),
    "log1p": lambda m, u: m.log1p(u / 4),
    "quotient": lambda m, u: m.expm1(u) / u,
}


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.sample(2)
def test_first_and_second_derivatives_at_zero(inner: str, outer: str):
    x = g.symbol("x")
    formula = OUTER[outer](SYMBOLS, INNER[inner](SYMBOLS, x))
    first = g.grad(formula, x)
    written = [first, g.grad(first, x)]
    for order, stable in enumerate(g.stabilize(written), 1):
        wanted = float(DIGITS.diff(lambda t: OUTER[outer](NUMBERS, INNER[inner](NUMBERS, t)), 0, order))
        for zero in (0.0, -0.0):
            assert g.evaluate(stable, {x: zero}) == pytest.approx(wanted, rel=1e-13, abs=1e-14), order


def test_third_derivatives_single_precision_and_an_inner_target():
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        x = g.symbol("x", dtype=dtype)
        formula = g.exp(g.hypot(x, 1) - x)
        slopes = [formula]
        for _ in range(3):
            slopes.append(g.grad(slopes[-1], x))
        found = g.compile(slopes, [x], cache=False)(np.array([0.0, -0.0], dtype))
        wanted = [
            float(DIGITS.diff(lambda t: DIGITS.exp(DIGITS.sqrt(t * t + 1) - t), 0, n)) for n in range(4)
        ]
        np.testing.assert_allclose(np.array(found), np.array(wanted)[:, None] * [1, 1], rtol=tolerance)
    x = g.symbol("x")
    inner = g.sin(x)
    slope = g.grad(g.exp(g.hypot(inner, 1) - inner), inner)
    assert g.compile(slope, [x], cache=False)(0.0) == pytest.approx(-np.e, rel=1e-14)


def test_a_kink_of_the_users_own_stays():
    x = g.symbol("x")
    own = g.where(x < 0, abs(x) * 3, abs(x) * 2 + g.hypot(x, 1) - x)
    assert g.compile(g.grad(own, x), [x], cache=False)(0.0) == -1.0  # d|x| is 0 at 0, as written
    assert g.compile(g.grad(abs(x), x), [x], cache=False)(0.0) == 0.0
