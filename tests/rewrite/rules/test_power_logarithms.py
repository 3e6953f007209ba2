"""log(1 + xʸ): values where the power overflows, and derivatives that nothing cancels in."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

import graphc as g

FORMULAS = {
    "log(1 + x**y)": lambda x, y: mpmath.log(1 + x**y),
    "log((x/2)**y + 1)": lambda x, y: mpmath.log(1 + (x / 2) ** y),
    "log1p(x**(3*y))": lambda x, y: mpmath.log(1 + x ** (3 * y)),
    "x*log(1 + (1/x)**y)": lambda x, y: x * mpmath.log(1 + (1 / x) ** y),
}
POINTS = (
    (0.3, 2.0),
    (1e-6, 3.7),
    (1e6, 3.7),
    (1e5, -4.2),
    (40.0, 11.0),
    (1.0000001, 5.0),
    (0.9, -30.0),
    (7e8, 25.0),
)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -3.0, 1e-300, 1e300, -1e300, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.sample(2)
def test_values_and_two_derivatives(text: str) -> None:
    x, y = g.symbols("x y")
    formula = g.parse(text, {"x": x, "y": y})
    by_x, by_y = g.grad(formula, [x, y])
    forms = [formula, by_x, by_y, g.grad(by_x, x), g.grad(by_x, y), g.grad(by_y, y)]
    orders = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    f = g.compile(forms, [x, y], cache=False)
    for at in POINTS:
        for value, order in zip(f(*at), orders, strict=True):
            true, allowed = _exact(FORMULAS[text], at, order)
            assert abs(value - true) <= allowed, (at, order, value, true)


def _exact(f, at, order):
    """A derivative, and four roundings of it and of each input."""
    with mpmath.workdps(700):
        u, v = map(mpmath.mpf, at)

        def derived(n, m):
            return mpmath.diff(f, (u, v), (n, m), h=mpmath.mpf(10) ** -200)

        true = derived(*order)
        moved = abs(u * derived(order[0] + 1, order[1])) + abs(v * derived(order[0], order[1] + 1))
        return true, 2.0**-1074 + 2.0**-53 * (8 * abs(true) + 4 * moved)


@pytest.mark.parametrize("dtype", ("float64", "float32"))
def test_special_values_are_as_written(dtype: str) -> None:
    x, y = g.symbol("x", dtype=dtype), g.symbol("y", dtype=dtype)
    formula = g.log1p(x**y)
    forms = [formula, *g.grad(formula, [x, y])]
    written, stable = (g.compile(forms, [x, y], rewrite=level, cache=False) for level in (None, "stable"))
    least = 1e-30 if dtype == "float32" else 1e-290
    with np.errstate(all="ignore"):
        pairs = np.array(list(itertools.product(SPECIAL, SPECIAL))).astype(dtype).T
        for before, after in zip(written(*pairs), stable(*pairs), strict=True):
            kept = np.isfinite(before)
            np.testing.assert_allclose(
                after[kept],
                before[kept],
                rtol=8 * np.finfo(dtype).eps,
                atol=least,
            )
            assert np.isnan(before[np.isnan(after)]).all()


def test_a_constant_power_stays_a_logarithm_of_it() -> None:
    x = g.symbol("x")
    assert not {"log-one-plus-power"} & {step.rule for step in g.rewrites(g.grad(g.log(1 + x**2.5), x))}
