"""minimize on problems with known answers: fits, the problems of Moré, Garbow and Hillstrom, constrained optima."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from tests.problems.constrained import CONSTRAINED
from tests.problems.fits import FITS, digits
from tests.problems.least_squares import PROBLEMS

FAST_FITS = {
    "monomolecular",
    "oxygen demand",
    "enzyme reaction",
    "thermistor",
    "Lanczos, 13 digits",
    "magnetisation",
}
FAST_PROBLEMS = {
    "Freudenstein and Roth",
    "Brown badly scaled",
    "Kowalik and Osborne",
    "Powell singular",
    "penalty II",
}
FAST_CONSTRAINED = {
    "corner of a box",
    "corner of two curves",
    "Rosen and Suzuki",
    "product and sphere",
    "above a parabola",
}


def some(names, fast):
    return [pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", some(FITS, FAST_FITS))
def test_fits_have_all_their_digits(name):
    fit = FITS[name]
    result = fit.solved()
    values, errors, squares = fit.truth
    for found, true in zip(result.unknowns.values(), values, strict=True):
        assert digits(found, true) >= 13
    for found, true in zip(result.standard_errors.values(), errors, strict=True):
        assert digits(found, true) >= 12
    assert digits(2 * result.cost, squares) >= 9


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # as the collections of the sources print them, to eleven digits
        ("monomolecular", (238.94212918, 5.5015643181e-4)),
        ("oxygen demand", (213.80940889, 0.54723748542)),
        ("power of temperature", (0.76886226176, 3.8604055871)),
    ],
)
def test_fits_are_those_of_the_literature(name, values):
    np.testing.assert_allclose([float(v) for v in FITS[name].truth[0]], values, rtol=5e-11)


@pytest.mark.parametrize("name", some(PROBLEMS, FAST_PROBLEMS))
def test_more_garbow_and_hillstrom(name):
    problem = PROBLEMS[name]
    squares, step = problem.exact(problem.solved().unknowns["x"])
    assert any(abs(float(squares) - known) <= 1e-5 * known + 1e-27 for known in problem.least)
    if step is not None:
        assert step < 1e-12


@pytest.mark.parametrize("name", some(CONSTRAINED, FAST_CONSTRAINED))
def test_constrained_optima_and_multipliers(name):
    problem = CONSTRAINED[name]
    result = problem.solved()
    assert result.success
    wrong, wrong_multipliers = problem.errors(result)
    assert wrong < 1e-14
    assert wrong_multipliers < 1e-13


def test_multipliers_of_bounds():
    """∇f = (2·0.01·2, 0) at the corner, which the bound x ≥ 2 alone holds."""
    result = CONSTRAINED["corner of a box"].solved()
    np.testing.assert_allclose(result.bound_multipliers["x"], [0.04, 0.0], atol=1e-15)


def test_a_barrier_leaves_no_width():
    x = g.symbol("x", shape=300)
    result = g.minimize(g.sum(x**2), {x: np.ones(300)}, [g.equal(x[1:] - x[:-1], 0.0), x[:1] >= 2.0])
    assert result.method == "trust-constr"
    np.testing.assert_allclose(result.unknowns["x"], 2.0, rtol=300 * 2.3e-16)
    np.testing.assert_allclose(
        result.multipliers[1], [1200.0], rtol=1e-12
    )  # every one of 300 slopes of 4 hangs on it


def test_a_minimum_with_bounds_has_all_digits():
    """Rosenbrock's function with x ≤ 1/2: there y = x² and nothing holds it; the bound's multiplier is −∂f/∂x = 1."""
    x, y = g.symbols("x y")
    result = g.minimize((1 - x) ** 2 + 100 * (y - x**2) ** 2, {x: -1.0, y: 1.0}, bounds={x: (None, 0.5)})
    assert result.unknowns["x"] == 0.5
    assert result.unknowns["y"] == pytest.approx(0.25, rel=1e-15)
    assert result.bound_multipliers["x"] == pytest.approx(-1.0, rel=1e-13)


def test_a_fit_with_bounds_has_all_digits():
    """y = a·exp(−b·t) through exact data with b held at 1: the best a is Σ y·e⁻ᵗ/Σ e⁻²ᵗ."""
    t = np.linspace(0, 3, 12)
    y = 2 * np.exp(-1.3 * t)
    a, b = g.symbols("a b")
    result = g.minimize(a * g.exp(-b * t) - y, {a: 1.0, b: 0.5}, bounds={b: (0, 1)})
    decay = np.exp(-t)
    assert result.unknowns["b"] == 1.0
    assert result.unknowns["a"] == pytest.approx(y @ decay / (decay @ decay), rel=1e-14)
