"""Forms that are better near a critical point are taken there alone: elsewhere a formula keeps what it has as written."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from tests.rewrite.measure import ordinal

x = g.symbol("x")
LARGEST = float(np.finfo(np.float64).max)


def derivatives(formula: g.Expr, points: list[float], order: int = 2) -> np.ndarray:
    """Value and derivatives of a formula at points, a row for each order."""
    outputs = [formula]
    for _ in range(order):
        outputs.append(g.grad(outputs[-1], x))
    with np.errstate(all="ignore"):
        return np.array([np.broadcast_to(v, len(points)) for v in g.compile(outputs, [x])(np.array(points))])


def off(values: np.ndarray, function: Any, points: list[float]) -> float:
    """The largest error in units between floats, of all orders, against differences at two hundred digits."""
    worst = 0
    with mpmath.workdps(200):
        for order, row in enumerate(values):
            for point, value in zip(points, row, strict=True):
                at = mpmath.mpf(point)
                correct = mpmath.diff(function, at, order, h=mpmath.mpf(10) ** -50 * abs(at))
                worst = max(worst, abs(ordinal(float(value)) - ordinal(float(correct))))
    return worst


NEAR_AND_FAR = [1e-17, -1e-9, 1e-5, -0.01, 0.3, 0.7, 7.0, 720.0]


@pytest.mark.parametrize("power", [0.5, -2.5, 5.0])
def test_quotients_of_powers_less_one_keep_their_digits(power):
    formula = ((1 + x) ** power - 1) / x
    values = derivatives(formula, NEAR_AND_FAR, 1)
    assert off(values, lambda t: ((1 + t) ** power - 1) / t, NEAR_AND_FAR) <= 24


@pytest.mark.parametrize("power", [3.0, 5.0])
def test_an_inverse_quotient_of_a_power_near_minus_one(power):
    points = [-1 + 1e-6, -0.99, 0.8, 3.0]
    values = derivatives(x / ((1 + x) ** power - 1), points)
    assert off(values, lambda t: t / ((1 + t) ** power - 1), points) <= 24
    assert derivatives(x / ((1 + x) ** power - 1), [-1.0], 0)[0] == 1.0


@pytest.mark.parametrize("scale", [-1.0, 2.0, -2.0, -0.5])
def test_an_inverse_quotient_keeps_the_sign_and_the_scale_of_its_argument(scale):
    points = [1e-17, -1e-8, 0.1, 0.2, 0.25]
    for below in ((1 + scale * x) ** 5 - 1, g.expm1(5 * g.log1p(scale * x))):
        values = derivatives(scale * x * abs(x) / below, points, 1)
        assert off(values, lambda t: scale * t * abs(t) / ((1 + scale * t) ** 5 - 1), points) <= 24


@pytest.mark.parametrize("power", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("scale", [1.0, -1.0, 0.5])
def test_whole_powers_less_one_keep_their_digits(power, scale):
    points = [1e-17, -1e-8, 0.01, -0.05, 0.09, -0.3, 1.5]
    values = derivatives((1 + scale * x) ** power - 1, points, 1)
    assert off(values, lambda t: (1 + scale * t) ** power - 1, points) <= 6


@pytest.mark.parametrize(
    ("one", "other"),
    [(1e252, 1.0), (1.7e308, 354.9), (-1e200, -1e200 * (1 - 1e-15)), (-354.9, -1e300), (1e160, 1e155)],
)
def test_arctangents_of_numbers_whose_product_overflows(one, other):
    a, b = g.symbols("a b")
    found = float(g.compile(g.atan(a) - g.atan(b), [a, b])(one, other))
    with mpmath.workdps(700):
        correct = float(mpmath.atan(mpmath.mpf(one)) - mpmath.atan(mpmath.mpf(other)))
    assert abs(ordinal(found) - ordinal(correct)) <= 4


@pytest.mark.parametrize(
    ("build", "truth"),
    [
        (lambda a, b: g.sin(a + b) - g.sin(a), lambda a, b: -mpmath.sin(a + b)),
        (lambda a, b: g.cos(a + b) - g.cos(a), lambda a, b: -mpmath.cos(a + b)),
        (
            lambda a, b: g.tan(a + b) - g.tan(a),
            lambda a, b: 2 * mpmath.tan(a + b) * (1 + mpmath.tan(a + b) ** 2),
        ),
        (lambda a, b: a * a - b * b, lambda a, b: mpmath.mpf(-2)),
    ],
    ids=["sine", "cosine", "tangent", "squares"],
)
def test_derivatives_of_differences_by_what_is_one_side_do_not_cancel(build, truth):
    a, b = g.symbols("a b")
    formula = g.grad(g.grad(build(a, b), b), b)
    for one, other in (
        (1.2391311572619408, -1.2391311538980396),
        (1.57, 1e-9),
        (3.0, 0.14159265),
        (0.5, -1e-12),
    ):
        found = float(g.compile(formula, [a, b])(one, other))
        with mpmath.workdps(60):
            correct = float(truth(mpmath.mpf(one + other), mpmath.mpf(0)))  # the sum as it is rounded
        assert abs(ordinal(found) - ordinal(correct)) <= 8


def test_derivatives_of_squares_less_squares_keep_the_smaller_part():
    a, b = g.symbols("a b")
    formula = (g.square(a * a + b * b) - g.square(a)) / (g.square(a) - g.square(b))
    one, other = 3.141592653589793, 5474646268.254988
    found = float(g.compile(g.grad(formula, a), [a, b])(one, other))
    with mpmath.workdps(200):
        y = mpmath.mpf(other)
        correct = float(
            mpmath.diff(lambda t: ((t * t + y * y) ** 2 - t * t) / (t * t - y * y), mpmath.mpf(one))
        )
    assert abs(ordinal(found) - ordinal(correct)) <= 8


def test_a_rational_function_at_the_largest_number_underflows():
    for formula in (1 / (x * x - 1), 3 / (4 - x * x)):
        assert np.array_equal(derivatives(formula, [LARGEST, -LARGEST], 1)[1], [0.0, 0.0])


@pytest.mark.parametrize("exponent", [-5])
def test_a_power_far_below_one_has_the_derivative_of_the_power(exponent):
    points = [7.0, 30.0, 1e3]
    values = derivatives(1 - (1 + x) ** exponent, points, 1)
    assert off(values, lambda t: 1 - (1 + t) ** exponent, points) <= 4


def test_a_power_whose_exponent_overflows():
    y = g.symbol("y")
    f = g.compile(g.expm1(y * g.log1p(x)) / x, [x, y])
    assert f(90.0, -LARGEST) == -1 / 90
    assert f(2.0, -1e308) == -0.5


@pytest.mark.parametrize("scale", [1 / 1.4142135623730951, 0.3])
def test_a_scaled_complement_of_a_multiple_below_zero(scale):
    square = float(scale * scale)
    points = [-30.0, -7.0, -2.0]
    formula = g.exp(square * (x * x)) * g.erfc(scale * x)
    values = derivatives(formula, points, 0)
    with mpmath.workdps(50):
        for point, value in zip(points, values[0], strict=True):
            correct = mpmath.exp(mpmath.mpf(square) * point**2) * mpmath.erfc(mpmath.mpf(scale) * point)
            # the rounding of the exponent is the formula's own
            allowed = 4 + 2 * square * point**2
            assert abs(float((mpmath.mpf(float(value)) - correct) / np.spacing(float(correct)))) <= allowed


@pytest.mark.parametrize(
    ("formula", "value", "slope", "second"),
    [
        ((g.sqrt(1 + x) - g.sqrt(1 - x)) / x, 1.0, 0.0, 0.25),
        (3 * (g.sqrt(1 + x) - g.sqrt(1 - x)) / x, 3.0, 0.0, 0.75),
        ((g.sqrt(4 + 3 * x) - g.sqrt(4 - x)) / x, 1.0, -0.125, 0.109375),
        ((g.sqrt(1 + 2 * x) - g.sqrt(1 - 2 * x)) / x, 2.0, 0.0, 2.0),
    ],
)
def test_quotients_of_two_roots_at_zero(formula, value, slope, second):
    found = derivatives(formula, [0.0])[:, 0]
    np.testing.assert_allclose(found, [value, slope, second], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "formula",
    [
        g.log(1 + g.erf(abs(x))),
        x / (-abs(x) / abs(x)),
        abs(x) / (1 + abs(x)),
    ],
)
def test_where_a_kink_stays_its_square_brings_no_nan(formula):
    values = derivatives(formula, [LARGEST, -LARGEST, 1.4e154, -1e200])
    assert np.isfinite(values).all()


def test_a_kink_that_goes_is_smooth_at_its_seam():
    for formula in (abs(x) ** 2, g.sqrt(x * x) ** 2, abs(x) * abs(x)):
        assert list(derivatives(formula, [0.0])[:, 0]) == [0.0, 0.0, 2.0]


def test_quotients_of_gammas_in_single_precision():
    a, b = (g.symbol(name, dtype="float32") for name in "ab")
    f = g.compile(g.gamma(a) / g.gamma(b), [a, b])
    for one, other in ((30.0, 1e-19), (30.0, 1e-5), (1e-19, 30.0), (33.0, 2.5)):
        one, other = np.float32(one), np.float32(other)
        correct = mpmath.gamma(float(one)) / mpmath.gamma(float(other))
        assert abs(float(f(one, other)) / float(correct) - 1) < 8 * np.finfo(np.float32).eps
