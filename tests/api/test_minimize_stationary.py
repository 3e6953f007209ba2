"""Minima that solvers miss: from saddles and maxima, in units far from 1, without end, and what does not depend on an unknown."""

import numpy as np
import pytest

import graphc as g
from graphc.api.minimize import _StandsStill, _Watched
from graphc.errors import InputError

x, y = g.symbol("x"), g.symbol("y")

SADDLES = {  # objective, start, subject_to, bounds, value of the minimum
    "along one axis": (x**4 / 4 - x**2 / 2 + y**2 + 0.1 * x * y**2, (0.0, 0.0), [], None, -0.25),
    "a maximum": (g.cos(x) + g.cos(y) + (x * x + y * y) / 100, (0.0, 0.0), [], None, -1.8064795),
    "reached along a line of symmetry": (x**4 / 4 - x**2 / 2 + y**2, (0.0, 1.0), [], {x: (-5, 5)}, -0.25),
    "a maximum in a box": (-x * x - 2 * y * y, (0.0, 0.0), [], {x: (-1, 1), y: (-1, 2)}, -9.0),
    "the far side of a circle": (x, (1.0, 0.0), [g.equal(x * x + y * y, 1)], None, -1.0),
    "an ellipse": (-x * x - 2 * y * y, (1.0, 0.0), [g.equal(x * x + y * y, 1)], None, -2.0),
    "the edge of a disk": (-x * x - 2 * y * y, (1.0, 0.0), [x * x + y * y <= 1], None, -2.0),
    "within a line": (x**4 - x**2 + y**2, (0.0, 0.0), [g.equal(y, 0)], None, -0.25),
    "no curvature at all": (x**3 - 3 * x * y * y + x**4 + y**4, (0.0, 0.0), [], None, -0.10546875),
    "a cubic": (x**3 + x**4 + y**2, (0.0, 3.0), [], None, -0.10546875),
}


@pytest.mark.parametrize("name", SADDLES)
def test_a_saddle_is_no_minimum(name):
    objective, start, subject_to, bounds, least = SADDLES[name]
    result = g.minimize(objective, {x: start[0], y: start[1]}, subject_to, bounds=bounds)
    assert result.success
    assert result.fun == pytest.approx(least, abs=1e-6)


def test_a_flat_valley_stays_where_it_was_reached():
    result = g.minimize((x * y - 1) ** 2, {x: 5.0, y: 5.0})
    assert result.success and abs(result.unknowns["x"] * result.unknowns["y"] - 1) < 1e-12


def valley(u, v):
    return (1 - u) ** 2 + 100 * (v - u**2) ** 2


KINDS = {"free": {}, "bounds": {"bounds": (-2, 2)}, "constraint": {"subject_to": True}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("height", [1e-20, 1e-10, 1e10, 1e20])
@pytest.mark.parametrize("size", [1.0, 1e-9, 1e7])
@pytest.mark.sample(3)
def test_units_change_no_digit_and_no_claim(kind, height, size):
    """u = size·x and v = y/size: the minimum is at (1, 1), with u + v ≤ 3/2 at a root of a polynomial."""
    u, v = x * size, y / size
    bounds = {x: (-2 / size, 2 / size)} if kind == "bounds" else None
    subject_to = [u + v <= 1.5] if kind == "constraint" else []
    result = g.minimize(height * valley(u, v), {x: -1.2 / size, y: 1.0 * size}, subject_to, bounds=bounds)
    found = np.array([result.unknowns["x"] * size, result.unknowns["y"] / size])
    if kind != "constraint":
        np.testing.assert_allclose(found, [1, 1], rtol=1e-12)
    else:
        roots = np.roots([400, 600, -398, -302])  # the derivative of valley(u, 3/2 − u)
        u0 = min((r.real for r in roots if abs(r.imag) < 1e-9), key=lambda u: valley(u, 1.5 - u))
        np.testing.assert_allclose(found, [u0, 1.5 - u0], rtol=1e-10)
        slope = 200 * (1.5 - u0 - u0**2)  # of the objective by v, which the multiplier balances
        np.testing.assert_allclose(result.multipliers[0], -slope * height, rtol=1e-7)
    assert result.success


def test_bound_multipliers_are_in_the_units_that_were_given():
    result = g.minimize(1e12 * ((x * 1e6 - 3) ** 2 + (y - 1) ** 2), {x: 1e-6, y: 0.0}, bounds={x: (0, 2e-6)})
    assert result.unknowns["x"] == 2e-6
    assert result.bound_multipliers["x"] == pytest.approx(-2e18, rel=1e-12)


def test_unknowns_of_very_different_sizes():
    a, b, c = g.symbols("a b c")
    f = (a * 1e12 - 3) ** 2 + (b * 1e-12 - 2) ** 2 + (a * b - 6) ** 2 + (c - 1) ** 4 + (c - 1) ** 2
    result = g.minimize(f, {a: 1e-12, b: 5e12, c: 0.0})
    np.testing.assert_allclose(list(result.unknowns.values()), [3e-12, 2e12, 1], rtol=1e-12)
    result = g.minimize((b * 1e-12 - 1) ** 4 + (b * 1e-12 - 1) ** 2 + (c - 1) ** 2, {b: 0.0, c: 0.0})
    np.testing.assert_allclose(list(result.unknowns.values()), [1e12, 1], rtol=1e-12)


@pytest.mark.parametrize("objective", [x + y, -g.exp(x), x - y**2])
def test_what_falls_without_end_says_so(objective):
    result = g.minimize(objective, {x: 1.0, y: 2.0})
    assert not result.success and "without end" in result.message


def test_constraints_that_no_point_satisfies(recwarn):
    result = g.minimize(x * x, {x: 1.0}, [x >= 2, x <= 1])
    assert not result.success and "No point was found" in result.message
    assert not recwarn.list


def test_a_cusp_is_not_called_a_minimum():
    """Hock and Schittkowski's problem 13: at its solution no multipliers exist."""
    result = g.minimize(
        (x - 2) ** 2 + y**2, {x: -2.0, y: -2.0}, [(1 - x) ** 3 - y >= 0], bounds={x: (0, None), y: (0, None)}
    )
    assert result.success == (result.optimality < 1e-6)


def test_an_unknown_that_nothing_depends_on_stays():
    result = g.minimize(x**2, {x: 3.0, y: 7.0})
    assert (result.unknowns["x"], result.unknowns["y"]) == (0.0, 7.0)


BEGUN = {
    "no value": (g.log(x) ** 2, -1.0, "nan at the values to begin with"),
    "an infinite one": (1 / x**2, 0.0, "inf at the values to begin with"),
    "no derivative": (g.sqrt(x) + x, 0.0, "derivative of the objective by 'x' is inf"),
}


@pytest.mark.parametrize("name", BEGUN)
def test_where_nothing_can_begin(name):
    objective, start, said = BEGUN[name]
    with pytest.raises(InputError, match=said):
        g.minimize(objective, {x: start})


def test_a_solver_that_stands_still_is_stopped():
    """SLSQP took 54,904 values here, all but some thirty at one place, to rounding."""
    watched = _Watched(lambda at: float(at @ at))
    rng = np.random.default_rng(1)
    with pytest.raises(_StandsStill):
        for _ in range(1000):
            watched(np.array([1.0, -2e5]) * (1 + 1e-9 * rng.standard_normal(2)))
    moving = _Watched(lambda at: float(at @ at))
    assert [moving(np.array([1e-3 * k])) for k in range(1000)][-1] == pytest.approx(0.998001)
