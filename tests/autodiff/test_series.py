"""Taylor coefficients by recurrences, against mpmath's."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.autodiff.series import TaylorSeries, solution_coefficients
from graphc.errors import GradientError

u, v = g.symbols("u v")
U, V = [0.6, 0.3, -0.2, 0.1], [1.3, -0.4, 0.25]
ORDER = 9


def at(coefficients, t):
    return sum((mpmath.mpf(c) * t**n for n, c in enumerate(coefficients)), mpmath.mpf(0))


CASES = {
    "exp": (lambda m, x, y: m.exp(x)),
    "log": (lambda m, x, y: m.log(x)),
    "sin": (lambda m, x, y: m.sin(x)),
    "cos": (lambda m, x, y: m.cos(x)),
    "tan": (lambda m, x, y: m.tan(x)),
    "sinh": (lambda m, x, y: m.sinh(x)),
    "tanh": (lambda m, x, y: m.tanh(x)),
    "asin": (lambda m, x, y: m.asin(x)),
    "acosh": (lambda m, x, y: m.acosh(y)),
    "atan": (lambda m, x, y: m.atan(x)),
    "sqrt": (lambda m, x, y: m.sqrt(x)),
    "cbrt": (lambda m, x, y: m.cbrt(x)),
    "erf": (lambda m, x, y: m.erf(x)),
    "expm1": (lambda m, x, y: m.expm1(x)),
    "log1p": (lambda m, x, y: m.log1p(x)),
    "gamma": (lambda m, x, y: m.gamma(y)),
    "hypot": (lambda m, x, y: m.hypot(x, y)),
    "atan2": (lambda m, x, y: m.atan2(x, y)),
    "product": (lambda m, x, y: x * y - y * 3 + x),
    "square": (lambda m, x, y: x * x + (2 - y) * (2 - y)),
    "quotient": (lambda m, x, y: x / y - 2 / x + x / 3),
    "cube": (lambda m, x, y: x**3 + y**2),
    "power": (lambda m, x, y: x**-1.5 + y**2.5),
    "inverse power": (lambda m, x, y: x**-2 + 1 / y**3),
    "changing exponent": (lambda m, x, y: x**y),
    "number to a power": (lambda m, x, y: 2.5**x),
    "nested": (lambda m, x, y: m.exp(m.sin(x * y) / m.sqrt(1 + x * x))),
}

MPMATH = {"hypot": lambda x, y: mpmath.sqrt(x * x + y * y)}


class _Mpmath:
    def __getattr__(self, name):
        return MPMATH.get(name) or getattr(mpmath, name)


@pytest.mark.parametrize("name", CASES)
def test_coefficients_are_mpmaths(name):
    f = CASES[name]
    known = {u: [g.constant(c) for c in U], v: [g.constant(c) for c in V]}
    series = TaylorSeries(known)
    node = f(g, u, v)
    ours = [series.coefficient(node, n) for n in range(ORDER + 1)]
    values = g.evaluate([0.0 if c is None else c for c in ours], {})
    with mpmath.workdps(40):
        right = mpmath.taylor(lambda t: f(_Mpmath(), at(U, t), at(V, t)), 0, ORDER)
    scale = max(abs(float(c)) for c in right)
    for value, exact in zip(values, right, strict=True):
        assert abs(value - float(exact)) <= 2e-14 * max(scale, 1.0)


def test_branches_and_kinks_take_the_side_of_the_beginning():
    known = {u: [g.constant(c) for c in U], v: [g.constant(-c) for c in V]}
    series = TaylorSeries(known)
    for node, right in (
        (abs(v), V),
        (g.where(u > 0, u, v), U),
        (g.maximum(u, v), U),
        (g.clip(v, -9.0, 9.0), [-c for c in V]),
    ):
        assert np.allclose(
            g.evaluate([series.coefficient(node, n) for n in range(3)], {}), right[:3], rtol=1e-15
        )
    assert series.coefficient(g.floor(u), 1) is None


def test_arrays_are_carried_through_what_is_linear():
    A = np.arange(6.0).reshape(2, 3) / 4
    x = g.symbol("x", shape=3)
    rows = [np.array([0.2, -0.4, 0.5]) / (n + 1) for n in range(4)]
    series = TaylorSeries({x: [g.constant(row) for row in rows]})
    y = g.concat([A @ x, g.flip(x)[:2] * 2])
    dot, mean = g.sum(x * x) + x @ x, g.mean(x)
    for n in range(4):
        ours = g.evaluate([series.coefficient(node, n) for node in (y, dot, mean)], {})
        product = sum(rows[j] @ rows[n - j] for j in range(n + 1))
        np.testing.assert_allclose(ours[0], np.concatenate([A @ rows[n], 2 * rows[n][:0:-1]]), atol=1e-15)
        np.testing.assert_allclose(ours[1:], [2 * product, rows[n].mean()], atol=1e-15)


def test_solutions():
    t, y = g.symbols("t y")
    ((*rows,),) = solution_coefficients(t, [y], [y * g.cos(t)], g.constant(0.3), [g.constant(2.0)], 8)
    with mpmath.workdps(30):
        right = mpmath.taylor(lambda x: 2 * mpmath.exp(mpmath.sin(x) - mpmath.sin(mpmath.mpf(0.3))), 0.3, 8)
    np.testing.assert_allclose(g.evaluate(rows, {}), [float(c) for c in right], rtol=1e-13, atol=1e-15)


def test_what_has_no_recurrence_is_told_with_its_line():
    A = g.symbol("A", shape=(2, 2))
    series = TaylorSeries({A: [g.constant(np.eye(2)), g.constant(np.ones((2, 2)))]})
    with pytest.raises(GradientError, match=r"cholesky .* is not known|of cholesky") as caught:
        series.coefficient(g.cholesky(A), 1)
    assert caught.value.site.filename == __file__
