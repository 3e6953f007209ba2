"""Derivatives of powers where the exponent is 0: x⁰ is 1, and its slope by x, 0 there, has a slope by the exponent: 1/x."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

x, y = g.symbols("x y")

FORMULAS = {
    "power": (lambda m: x**y, lambda m, x, y: x**y),
    "shifted": (lambda m: (1 + x * x) ** (y - x), lambda m, x, y: (1 + x * x) ** (y - x)),
    "less one": (lambda m: g.exp(x - y) ** g.tanh(x * y) - 1, lambda m, x, y: m.expm1((x - y) * m.tanh(x * y))),
    "of an arctangent": (
        lambda m: (2 + g.sin(x)) ** g.atan(y) * x,
        lambda m, x, y: (2 + m.sin(x)) ** m.atan(y) * x,
    ),
}  # fmt: skip


@pytest.mark.parametrize("rewrite", [None, "stable"])
@pytest.mark.parametrize("name", FORMULAS)
def test_second_derivatives_at_an_exponent_of_0(name, rewrite):
    write, function = FORMULAS[name]
    f = write(g)
    compiled = g.compile(g.hessian(f, [x, y]), [x, y], rewrite=rewrite)
    for base in (0.5, 2.0, 3.7):
        at = (base, base) if name == "shifted" else (base, 0.0)
        found = np.asarray(compiled(*at))
        with mpmath.workdps(60):
            orders = [[(2, 0), (1, 1)], [(1, 1), (0, 2)]]
            exact = [
                [float(mpmath.diff(lambda *p: function(mpmath, *p), at, n)) for n in row] for row in orders
            ]
        np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("base", [0.0, 1e-310, np.inf, np.nan, -2.0])
def test_the_slope_by_the_base_stays_0_where_the_exponent_is(base):
    compiled = g.compile(g.grad(x**y, x), [x, y])
    assert compiled(base, 0.0) == 0
    assert compiled(base, -0.0) == 0
