"""Derivatives of formulas with exponentials and special functions that the table of everyday formulas does not list."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from tests.benchmarks.derivatives import MOST, Formula, scalar_errors, units

x = g.symbol("x")

MEMBERS = [
    Formula("log(x/sinh(x))", -700.0, 700.0),
    Formula("log(atan(x)/x)", -1e6, 1e6, (0.0, 1.0)),
    Formula("log((exp(x) - 1)/x)", -1e3, 1e3, (0.0, 1.0)),
    Formula("log(tanh(x)/x)", -1e3, 1e3, (0.0, 1.0)),
    Formula("exp(-x)*(1 + tanh(x))", -300.0, 300.0),
    Formula("x*exp(x)/(exp(2*x) - 1)", -700.0, 700.0),
    Formula("x**4*exp(x)/(exp(x) - 1)**2", -700.0, 700.0),
    Formula("(sinh(x) - x)/x**3", -700.0, 700.0, (0.0, 2.0)),
    Formula("(exp(x) - 1 - x)/x**2", -700.0, 700.0, (0.0, 1.5)),
    Formula("1/x - 1/sinh(x)", -700.0, 700.0, (0.0, 1.5)),
    Formula("1/x - 1/tan(x)", -3.0, 3.0, (0.0, 1.5)),
    Formula("log(erfc(x))", -30.0, 100.0, (0.0, 0.5)),
    Formula("log(1 + erf(x))", -100.0, 30.0, (0.0, -0.5)),
    Formula("exp(x*x)*erfc(x)", -20.0, 1e5, (0.0, 0.5)),
    Formula("log(1 + x**4)", -1e300, 1e300),
    Formula("log(1 + x**3)", -0.9, 1e300),
    Formula("log(1 + x*x*x*x*x*x)", -1e300, 1e300),
    Formula("log(1 + x + x*x)", -1e150, 1e150),
    Formula("log(1 + sin(x) + x)", -0.3, 1e150),
    Formula("log(2*x + 1 - x*x)", -0.3, 2.0),
]


@pytest.mark.sample(3)
@pytest.mark.parametrize("formula", MEMBERS, ids=[formula.text for formula in MEMBERS])
def test_value_and_derivatives_keep_their_digits(formula: Formula) -> None:
    for order, (error, at) in enumerate(scalar_errors(formula, "float64", {}, 6)):
        assert error <= MOST, f"derivative {order} at {at!r}: {error} units"


STEPS = (
    ("lgamma(x + 0.25) - lgamma(x)", 0.25, 0.0),
    ("lgamma(x) - lgamma(x + 2.5)", 0.0, 2.5),
    ("lgamma(x + 0.75) - lgamma(x + 0.25)", 0.75, 0.25),
    ("lgamma(x + 1) - lgamma(x)", 1.0, 0.0),
    ("lgamma(x + 20.5) - lgamma(x)", 20.5, 0.0),
)


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("text", "a", "b"), STEPS, ids=[step[0] for step in STEPS])
def test_gamma_functions_at_close_arguments(text: str, a: float, b: float, dtype: str) -> None:
    e = g.parse(text)
    first = g.grad(e, x)
    f = g.compile([e, first, g.grad(first, x)], dtype=dtype, cache=False)
    rng = np.random.default_rng(len(text))
    at = np.concatenate([10 ** rng.uniform(-1, 12, 12), rng.uniform(1, 12, 12), [3.0, 10.0]]).astype(dtype)
    with mpmath.workdps(50):
        for point in at:
            z = mpmath.mpf(float(point))
            exact = [mpmath.loggamma(z + a) - mpmath.loggamma(z + b)]
            exact += [mpmath.polygamma(n, z + a) - mpmath.polygamma(n, z + b) for n in range(3)]
            for order, value in enumerate(f(point)):
                error = units(float(value), exact[order], exact[order + 1], float(point), dtype)
                assert error <= MOST, f"derivative {order} at {point!r}: {error} units"


def test_over_arrays_digamma_differences_with_a_factor_keep_their_digits() -> None:
    X = g.symbol("X", shape=3)
    gradient = g.grad(g.sum(2.5 * (g.lgamma(X + 0.5) - g.lgamma(X))), X)
    at = np.array([0.5, 40.0, 2e7])
    with mpmath.workdps(50):
        exact = [2.5 * float(mpmath.digamma(mpmath.mpf(z) + 0.5) - mpmath.digamma(mpmath.mpf(z))) for z in at]
    np.testing.assert_allclose(g.compile(gradient, cache=False)(at), exact, rtol=1e-15)


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_three_derivatives_of_the_scaled_complementary_error_function(dtype: str) -> None:
    """Against the recurrence of the repeated integrals, with many digits: f″ = 2f + 2xf′."""
    outputs = [g.erfcx(x)]
    for _ in range(3):
        outputs.append(g.grad(outputs[-1], x))
    f = g.compile(outputs, dtype=dtype, cache=False)
    rng = np.random.default_rng(5)
    low = -20.0 if dtype == "float64" else -7.0
    at = [
        0.0,
        -0.0,
        0.5,
        1e-300,
        *rng.uniform(low, 0, 10),
        *rng.uniform(0, 30, 20),
        *10 ** rng.uniform(-6, 5, 10),
    ]
    for point in np.array(at).astype(dtype):
        with mpmath.workdps(200):
            z = mpmath.mpf(float(point))
            exact = [mpmath.exp(z * z) * mpmath.erfc(z)]
            exact.append(2 * z * exact[0] - 2 / mpmath.sqrt(mpmath.pi))
            for n in range(2, 5):
                exact.append(2 * (n - 1) * exact[n - 2] + 2 * z * exact[n - 1])
            for order, value in enumerate(f(point)):
                error = units(float(value), exact[order], exact[order + 1], float(point), dtype)
                assert error <= MOST, f"derivative {order} at {point!r}: {error} units"


def test_at_infinity_they_are_limits() -> None:
    f = g.compile(
        [g.erfcx(x), g.parse("log(sinh(x)/x)"), g.parse("log(exprel(x))"), g.parse("log(erfc(x))")], [x]
    )
    assert f(math.inf) == (0.0, math.inf, math.inf, -math.inf) or math.isnan(f(math.inf)[1])
    assert f(-math.inf)[0] == math.inf and f(-math.inf)[2] == -math.inf


def test_the_ratio_of_the_density_to_its_tail_has_values() -> None:
    """exp(−x²)/erfc(x) is 0/0 beyond 27 as written."""
    f = g.compile(g.parse("exp(-x*x)/erfc(x)"), [x])
    for point in (-3.0, 0.5, 20.0, 500.0):
        with mpmath.workdps(60):
            exact = float(mpmath.exp(-(mpmath.mpf(point) ** 2)) / mpmath.erfc(point))
        assert f(point) == pytest.approx(exact, rel=4e-15)
