"""Quotients with a removable singularity and their derivatives where one form ends and another begins."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite.forms.half_angle import (
    OVER_POWER,
    WIDE_DIFFERENCES,
    WIDE_QUOTIENTS,
    HalfAngle,
    economised,
)
from tests.benchmarks.derivatives import MOST, Formula, derivatives, truths, units

FIRST, SECOND = 1.5 * MOST, 2 * MOST
"""Units of the derivatives: those of a product of factors are sums of products, each with its roundings."""

MEMBERS = [
    Formula("(x - atan(x))/x**3", -60.0, 60.0),
    Formula("(x - asinh(x))/x**3", -60.0, 60.0),
    Formula("(asin(x) - x)/x**3", -0.99, 0.99),
    Formula("(x - atanh(x))/x**3", -0.99, 0.99),
    Formula("(tanh(x) - x)/x**3", -60.0, 60.0),
    Formula("(tan(x) - x)/x**3", -1.4, 1.4),
    Formula("(x - tan(x))/(2*x**3)", -1.4, 1.4),
    Formula("(2*x - 2*sin(x))*exp(x)/(3*x**3)", -60.0, 60.0),
    Formula("atan(x)/x", -60.0, 60.0),
    Formula("log(1 + x)/x", -0.95, 60.0),
    Formula("(x - log(1 + x))/x**2", -0.95, 2.0),
    Formula("((1 + x)**2.5 - 1)/x", -0.95, 5.5),
    Formula("((1 + x)**0.75 - 1)/x", -0.6, 5.5),
    Formula("(1 - (1 + x)**6.2)/(3*x)", -0.95, 60.0),
    Formula("x*exp(-x*x)/erfc(x)", 0.25, 60.0),
    Formula("exp(-x*x/2)/erfc(x/1.4142135623730951)", 0.5, 60.0),
    Formula("exp(-4*x*x)/erfc(2*x)", 0.25, 60.0),
]


@pytest.mark.sample(8)
@pytest.mark.parametrize("formula", MEMBERS, ids=[formula.text for formula in MEMBERS])
def test_derivatives_keep_their_digits_between_the_forms(formula: Formula) -> None:
    f = g.compile(derivatives(formula), cache=False)
    rng = np.random.default_rng(5)
    sizes = [1e-9, *(10 ** rng.uniform(-3, np.log10(formula.high), 7)), *rng.uniform(0.3, 4.2, 9)]
    for x in (float(sign * size) for size in sizes for sign in (1, -1)):
        exact = truths(formula, x) if formula.low <= x <= formula.high else None
        if exact is None:
            continue
        for order, (value, most) in enumerate(zip(np.array(f(x)), (MOST, FIRST, SECOND), strict=True)):
            error = units(float(value), exact[order], exact[order + 1], x, "float64")
            assert error <= most, f"derivative {order} at {x!r}: {error} units"


FUNCTIONS = {
    "atan": mpmath.atan,
    "asinh": mpmath.asinh,
    "asin": mpmath.asin,
    "atanh": mpmath.atanh,
    "tanh": mpmath.tanh,
}
BY_SERIES = {
    series: (mpmath_function, 0) for name, mpmath_function in FUNCTIONS.items() for series in WIDE_QUOTIENTS.values()
    if WIDE_QUOTIENTS.get(name) is series
}  # fmt: skip


@pytest.mark.parametrize("series", BY_SERIES, ids=lambda series: f"{series.sign}, {series.limit}")
def test_series_of_half_the_angle_are_the_quotient_up_to_their_limit(series: HalfAngle) -> None:
    function, _ = BY_SERIES[series]
    x = g.symbol("x")
    f = g.compile(series.sum(x), x, rewrite=None, cache=False)
    for point in np.linspace(-series.limit, series.limit, 24):
        with mpmath.workdps(40):
            exact = float(function(mpmath.mpf(float(point))) / mpmath.mpf(float(point)))
        assert abs(float(f(point)) - exact) <= 4 * np.spacing(exact)


@pytest.mark.parametrize(
    "series", [*WIDE_DIFFERENCES.values(), *OVER_POWER.values()], ids=lambda s: f"{s.power}, {s.limit}"
)
def test_series_of_differences_meet_no_seam(series: HalfAngle) -> None:
    """Beyond a series' own limit its polynomial goes on as smoothly: no digit is spared at the end of the interval."""
    x = g.symbol("x")
    f = g.compile(series.sum(x), x, rewrite=None, cache=False)
    steps = [float(f(series.limit * (1 + k * 1e-9))) for k in range(-3, 4)]
    slopes = np.diff(steps)
    assert np.all(np.abs(slopes - slopes.mean()) <= 16 * np.spacing(abs(steps[0])))


@pytest.mark.parametrize("high", [0.1, 0.5, 0.75])
def test_an_economised_series_has_fewer_terms_and_its_digits(high: float) -> None:
    def logarithm(k: int) -> Fraction:
        return Fraction((-1) ** k, k + 1)

    coefficients = economised(logarithm, high)
    terms = next(k for k in range(1, 500) if high**k / (k + 1) < 2.0**-76)
    assert len(coefficients) < terms
    for w in np.linspace(high / 16, high, 16):
        with mpmath.workdps(40):
            exact = mpmath.log1p(mpmath.mpf(float(w))) / mpmath.mpf(float(w))
            total = sum(mpmath.mpf(c) * mpmath.mpf(float(w)) ** k for k, c in enumerate(coefficients))
            assert abs(total - exact) < mpmath.mpf(2) ** -51


def test_an_economised_series_is_the_same_for_each_call() -> None:
    series = WIDE_QUOTIENTS["atan"]
    x = g.symbol("x")
    assert all(one is other for one, other in pairwise(series.sum(x) for _ in range(3)))
