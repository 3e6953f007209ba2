"""Compound interest over many periods: powers of 1 + r that are large, beside themselves less 1."""

from __future__ import annotations

import mpmath
import pytest

import graphc as g

POINTS = [
    (0.111, 4287.0),
    (0.03, 900.0),
    (0.39, 2000.0),
    (1e-3, 3e5),
    (0.05, 30.0),
    (1e-9, 12.0),
    (0.38, 3.0),
    (2.0, 50.0),
]


@pytest.mark.parametrize(
    "text", ["r*(1 + r)**n/((1 + r)**n - 1)", "(1 - (1 + r)**(-n))/r", "(1 + r)**(n + 1)/((1 + r)**n - 1)"]
)
def test_what_rounding_moves_in_one_power_it_moves_in_the_other(text: str) -> None:
    r, n = g.symbols("r n")
    f = g.compile(g.parse(text), [r, n], cache=False)
    for at in POINTS:
        with mpmath.workdps(60):
            rate, count = map(mpmath.mpf, at)
            growth = (1 + rate) ** count
            true = {
                "r*(1": rate * growth / (growth - 1),
                "(1 -": (1 - 1 / growth) / rate,
                "(1 +": growth * (1 + rate) / (growth - 1),
            }[text[:4]]
        assert f(*at) == pytest.approx(float(true), rel=2e-15), at
