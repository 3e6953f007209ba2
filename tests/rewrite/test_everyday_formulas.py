"""Everyday formulas and their derivatives keep their digits: a sample of the table of `tests/benchmarks/derivatives.py`."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g
from tests.benchmarks.derivatives import (
    FORMULAS,
    MOST,
    REASONS,
    Formula,
    everything,
    row,
    scalar_errors,
    truths,
    units,
)

EVERY = 5
"""Eight of forty points, of every third formula: the whole table is marked slow."""

KEPT = [formula for _, formula in everything() if formula.text not in REASONS]


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    "formula",
    [
        pytest.param(each, id=each.text, marks=[pytest.mark.slow] * ("lgamma" in each.text))
        for each in KEPT[::3]
    ],
)
def test_value_and_derivatives_keep_their_digits(formula: Formula) -> None:
    for order, (error, x) in enumerate(scalar_errors(formula, "float64", {}, EVERY)):
        assert error <= MOST, f"derivative {order} at {x!r}: {error} units"


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMULAS)
def test_the_table(kind: str) -> None:
    for formula in FORMULAS[kind]:
        if formula.text not in REASONS:
            errors, at = row(formula)
            assert max(errors) <= MOST, f"{formula.text}: {errors} at {at}"


def test_reasons_are_of_formulas_in_the_table() -> None:
    assert set(REASONS) <= {formula.text for _, formula in everything()}
    assert all(reason.endswith(".") for reason in REASONS.values())


FAR = (-1e18, -12345.678, -3.0, -1e-3, 0.0, 1e-5, 0.7, 41.0, 2.5e7, 1e15)
"""Quotients of one symbol that no table lists."""


@pytest.mark.parametrize(
    "text",
    [
        "x/sqrt(x*x + 1) - 1", "1 - x/sqrt(x*x + 1)", "sqrt(x*x + 1) + x", "x - sqrt(x*x + 1)", "abs(x)/(1 + abs(x)) - 1",
        "2*sqrt(x*x + 1) - 2*x",
    ],
)  # fmt: skip
def test_leading_parts_of_quotients_cancel_before_they_are_rounded(text: str) -> None:
    formula = Formula(text, -1e18, 1e18)
    (x,) = g.free_symbols(formula.expr)
    f = g.compile(formula.expr, [x], cache=False)
    for point in FAR:
        exact = truths(formula, point)
        assert exact is not None
        assert units(float(f(point)), exact[0], exact[1], point, "float64") <= MOST, point


def test_quotients_far_out_and_at_infinity_are_what_they_were() -> None:
    f = g.compile(g.parse("x/sqrt(x*x + 1) - 1"), dtype="float64", cache=False)
    assert f(np.inf) == 0 or np.isnan(f(np.inf))
    assert f(-1e300) == -2
    assert np.isnan(f(np.nan))
    with mpmath.workdps(400):
        x = mpmath.mpf(1e100)
        exact = x / mpmath.sqrt(x * x + 1) - 1
    assert abs(float(f(1e100)) / float(exact) - 1) < 1e-15


def test_the_hyperbolic_tangent_written_out_has_derivatives() -> None:
    formula = g.parse("(exp(x) - exp(-x))/(exp(x) + exp(-x))")
    (x,) = g.free_symbols(formula)
    f = g.compile([formula, g.grad(formula, x)], dtype="float32", cache=False)
    value, slope = f(np.float32(350))
    assert value == 1
    assert slope == 0


VALUES = np.array([2.0, 0.5, 3.0])


@pytest.mark.parametrize("number", [0.5, 3.0, "y"])
def test_numbers_in_products_of_arrays_stay(number: float | str) -> None:
    """A factor of another shape is a factor as well."""
    X, y = g.symbol("X", shape=3), g.symbol("y")
    c, value = (y, 2.5) if number == "y" else (number, float(number))
    x = VALUES
    cases = [
        (c * X / g.sinh(X) * g.cosh(X), value * x / np.tanh(x)),
        (X / g.sinh(X) / c * g.cosh(X), x / np.tanh(x) / value),
        (c * g.exp(X) / g.expm1(X) * X, value * np.exp(x) / np.expm1(x) * x),
        (g.grad(g.sum(c * X / g.sqrt(1 + X * X)), X), value * (1 + x * x) ** -1.5),
        (g.grad(g.sum(c * g.sqrt(1 + X * X)), X), value * x / np.sqrt(1 + x * x)),
    ]
    for formula, expected in cases:
        f = g.compile(formula, [X, y], cache=False)
        np.testing.assert_allclose(np.asarray(f(x, 2.5)), expected, rtol=1e-14)
