"""Second derivatives of norms that are written as roots of sums of squares: what they cancel to is a product."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

a, b = g.symbols("a b")
SIZES = (1e-70, 3e-9, 0.2, 1.7, 350.0, 4e60)

NORMS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "sqrt(a*a + b*b)": lambda r, x: [x / r, (r * r - x * x) / r**3],
    "3*sqrt(b*b + a*a)": lambda r, x: [3 * x / r, 3 * (r * r - x * x) / r**3],
    "sqrt(a**2 + b**2) - b": lambda r, x: [x / r, (r * r - x * x) / r**3],
    "a/sqrt(a*a + b*b)": lambda r, x: [(r * r - x * x) / r**3, -3 * x * (r * r - x * x) / r**5],
}
"""By the formula its first two derivatives by a, of the norm and of a."""


@pytest.mark.parametrize("text", NORMS)
def test_second_derivatives_keep_their_digits_however_long_one_side_is(text: str) -> None:
    formula = g.parse(text)
    slope = g.grad(formula, a)
    f = g.compile([slope, g.grad(slope, a)], [a, b], cache=False)
    with mpmath.workdps(400):
        for one, other in itertools.product(SIZES, SIZES):
            for sign in (1, -1):
                x, y = mpmath.mpf(sign * one), mpmath.mpf(other)
                exact = NORMS[text](mpmath.sqrt(x * x + y * y), x)
                for found, truth in zip(f(sign * one, other), exact, strict=True):
                    assert found == pytest.approx(float(truth), rel=2e-15, abs=1e-300), (x, y)


@pytest.mark.parametrize("centre", [1.0, -0.25, 40.0])
def test_distances_to_a_point(centre: float) -> None:
    distance = g.sqrt((a - centre) ** 2 + b * b)
    bend = g.compile(g.grad(g.grad(distance, a), a), [a, b], cache=False)
    for away, other in itertools.product((0.5, 64.0, 2.0**20), (2.0**-30, 0.75, 300.0)):
        x = mpmath.mpf(away)  # centre + away is a float
        with mpmath.workdps(60):
            exact = other**2 / mpmath.sqrt(x * x + mpmath.mpf(other) ** 2) ** 3
        assert bend(centre + away, other) == pytest.approx(float(exact), rel=2e-15, abs=0)


def test_where_the_squares_are_nothing_or_no_numbers() -> None:
    norm = g.sqrt(a * a + b * b)
    slope = g.grad(norm, a)
    outputs = [norm, slope, g.grad(slope, a)]
    f, written = (g.compile(outputs, [a, b], cache=False, rewrite=level) for level in ("stable", None))
    special = (0.0, -0.0, 1e-200, 1.0, 1e200, np.inf, -np.inf, np.nan)
    for at in itertools.product(special, special):
        with np.errstate(all="ignore"):
            for ours, theirs in zip(f(*at), written(*at), strict=True):
                assert np.isfinite(ours) or not np.isfinite(theirs), at
