"""xⁿ/(kⁿ + xⁿ): saturation curves where powers overflow."""

from __future__ import annotations

import mpmath
import pytest

import graphc as g

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
