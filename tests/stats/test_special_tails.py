"""Tails of distributions whose functions are incomplete gamma and beta functions, from 1e−300 to 1e200, against mpmath.

An error is counted beside what it cannot be smaller than: a unit of the value, and what a unit of the argument makes of it.
"""

import functools
import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import graphc as g
from graphc import stats
from tests.stats.incomplete import CONTINUOUS, COUNTS, DISCRETE, PARAMETERS, POINTS, SHAPES

EPS = float(np.finfo(float).eps)
LEAST, MOST = mpf(10) ** -300, mpf(10) ** 300
FUNCTIONS = ("cdf", "sf", "logcdf", "logsf")

VALUE, SLOPE = 16, 40
"""Units: SciPy's incomplete functions err by some ten."""

QUANTILE = 8
"""Units: what is far out is settled by a step of Newton's."""


@functools.cache
def tails_of(name, at, shapes):
    tails = (CONTINUOUS if name in CONTINUOUS else DISCRETE)[name][0]
    return tails(mpf(at), *map(mpf, shapes))


def exact(name, function, at, shapes):
    """Value, slope and second derivative by `at`, from both tails and the density."""
    below, above = tails_of(name, at, shapes)
    log_density, sign = (*CONTINUOUS[name], 1)[1:] if name in CONTINUOUS else DISCRETE[name][1:]
    x, shapes = mpf(at), tuple(map(mpf, shapes))
    # log-densities in twice the digits, for their differences
    h = abs(x) * mpf(10) ** -40
    low, log_d, high = (log_density(x + k * h, *shapes) for k in (-1, 0, 1))
    rate = (high - low) / (2 * h)
    own, other = (below, above) if function.endswith("cdf") else (above, below)
    signed = sign if function.endswith("cdf") else -sign
    if not function.startswith("log"):
        slope = signed * mp.exp(log_d)
        return own, slope, slope * rate
    value = mp.log(own) if own < 0.5 else mp.log1p(-other)
    slope = signed * mp.exp(log_d - value)
    return value, slope, slope * (rate - slope)


def check(found, wanted, at, where):
    value, slope, bend = wanted
    if LEAST < abs(value) < MOST:
        error = abs(mpf(found[0]) - value) / (EPS * (abs(value) + abs(slope * at)))
        assert error <= VALUE, (where, found[0], mpmath.nstr(value, 17), float(error))
    if LEAST < abs(slope) < MOST:
        assert math.isfinite(found[1]), (where, found[1], mpmath.nstr(slope, 17))
        error = abs(mpf(found[1]) - slope) / (EPS * (abs(slope) + abs(bend * at)))
        assert error <= SLOPE, (where, found[1], mpmath.nstr(slope, 17), float(error))


@pytest.mark.sample(3)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name, function):
    count = len(SHAPES[name][0])
    z, shapes = g.symbol("z"), [g.symbol(f"s{k}") for k in range(count)]
    formula = getattr(getattr(stats, name), function)(z, *shapes)
    f = g.compile((formula, g.grad(formula, z)), [z, *shapes])
    with mp.workdps(100):
        for at in POINTS[name]:
            for shape in SHAPES[name]:
                if max(shape) > 1e3 and 1e6 < abs(at) < 1e20:
                    continue  # mpmath's series has too many terms
                wanted = exact(name, function, at, shape)
                check(f(at, *shape), wanted, at, (name, function, at, shape))


QUANTILES = (1e-300, 1e-80, 1e-12, 0.03, 0.24, 0.26, 0.5, 0.76, 0.97, 1 - 1e-9)


@pytest.mark.sample(3)
@pytest.mark.parametrize("function", ["ppf", "isf"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantiles_go_back(name, function):
    """The probability of a quantile is the given one again; a unit of the quantile moves that by its density."""
    count = len(SHAPES[name][0])
    q, shapes = g.symbol("q"), [g.symbol(f"s{k}") for k in range(count)]
    formula = getattr(getattr(stats, name), function)(q, *shapes)
    f = g.compile((formula, g.grad(formula, q)), [q, *shapes])
    with mp.workdps(100):
        for at in QUANTILES:
            for shape in SHAPES[name]:
                found, slope = f(at, *shape)
                if not LEAST < abs(mpf(found)) < MOST or max(shape) > 100 or (name == "beta" and found == 1):
                    continue  # under- or overflow, or many terms of mpmath
                sides = tails_of(name, found, shape)
                density = mp.exp(CONTINUOUS[name][1](mpf(found), *map(mpf, shape)))
                # by that side which is the given one, or the other where that is small
                side, goal = (
                    (sides[function == "isf"], mpf(at))
                    if at <= 0.5
                    else (sides[function == "ppf"], 1 - mpf(at))
                )
                unit = EPS * (mpf(at) + abs(mpf(found)) * density)
                assert abs(side - goal) <= QUANTILE * unit, (
                    name,
                    at,
                    shape,
                    found,
                    float(abs(side - goal) / unit),
                )
                sign = 1 if function == "ppf" else -1
                if LEAST < 1 / density < MOST and abs(found) < 1e150:
                    assert slope == pytest.approx(float(sign / density), rel=1e-9), (name, at, shape)


@pytest.mark.sample(3)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_by_their_parameter(name, function):
    count = len(COUNTS[name][0])
    p, rest = g.symbol("p"), [g.symbol(f"k{k}") for k in range(count)]
    family = getattr(getattr(stats, name), function)
    formula = family(rest[0], p) if count == 1 else family(rest[0], rest[1], p)
    f = g.compile((formula, g.grad(formula, p)), [p, *rest])
    with mp.workdps(100):
        for at in PARAMETERS[name]:
            for counts in COUNTS[name]:
                wanted = exact(name, function, at, counts)
                check(f(at, *counts), wanted, at, (name, function, at, counts))


SECOND = {
    ("gamma", "logsf"): [(x, a) for a in (0.3, 2.5, 17.0) for x in (a + 14, a + 24, a + 31, a + 90)] + [(30800.0, 3e4)],
    ("gamma", "logcdf"): [(x, a) for a in (2.5, 17.0) for x in (0.01 * a, 0.06 * a, 0.12 * a, 0.18 * a)] + [(29200.0, 3e4)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "function"), SECOND)
def test_second_derivatives_far_out(name, function):
    """Where a density over a probability, differentiated, cancels: up to 2,500 units were lost at 1e−11."""
    x, a = g.symbols("x a")
    f = g.compile(g.grad(g.grad(getattr(getattr(stats, name), function)(x, a), x), x), [x, a])
    with mp.workdps(60):
        for at, shape in SECOND[name, function]:
            tails = [mp.log(mp.gammainc(shape, *ends, regularized=True)) for ends in ((0, at), (at, mp.inf))]
            value = tails[function == "logsf"]
            if value > -9.3:
                continue  # nearer the mean a hundred units are lost
            log_density = CONTINUOUS[name][1](mpf(at), mpf(shape))
            slope = mp.exp(log_density - value) * (1 if function == "logcdf" else -1)
            rate, bend = (mpf(shape) - 1) / at - 1, -(mpf(shape) - 1) / mpf(at) ** 2
            second = slope * (rate - slope)
            third = second * (rate - slope) + slope * (bend - second)
            unit = EPS * (abs(second) + abs(third * at))
            assert abs(f(at, shape) - second) <= SLOPE * unit, (
                function,
                at,
                shape,
                float(abs(f(at, shape) - second) / unit),
            )
