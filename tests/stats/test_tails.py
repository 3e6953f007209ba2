"""Distribution functions, their logarithms and quantiles at extremes against mpmath, with derivatives; edges as SciPy's."""

import math

import mpmath
import numpy as np
import pytest
import scipy.stats
from mpmath import mp, mpf

import graphc as g
from graphc import stats

EPS = float(np.finfo(float).eps)


def _ncdf(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def _log_of_complement(f, z):
    return mp.log1p(-f(z))


CDF = {  # of a standardised z ≥ the support's edge: (cdf, sf), each without cancellation
    "norm": (_ncdf, lambda z: _ncdf(-z)),
    "halfnorm": (lambda z: mp.erf(z / mp.sqrt(2)), lambda z: mp.erfc(z / mp.sqrt(2))),
    "lognorm": (lambda z, s: _ncdf(mp.log(z) / s), lambda z, s: _ncdf(-mp.log(z) / s)),
    "cauchy": (
        lambda z: mp.atan2(1, -z) / mp.pi,
        lambda z: mp.atan2(1, z) / mp.pi,
    ),
    "halfcauchy": (lambda z: 2 * mp.atan(z) / mp.pi, lambda z: 2 * mp.atan(1 / z) / mp.pi),
    "laplace": (
        lambda z: mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2,
        lambda z: mp.exp(-z) / 2 if z > 0 else 1 - mp.exp(z) / 2,
    ),
    "logistic": (lambda z: 1 / (1 + mp.exp(-z)), lambda z: 1 / (1 + mp.exp(z))),
    "expon": (lambda z: -mp.expm1(-z), lambda z: mp.exp(-z)),
    "uniform": (lambda z: z, lambda z: 1 - z),
}

SHAPES = {"lognorm": (0.8,)}
POSITIVE = (1e-300, 1e-12, 0.03, 0.5, 0.999, 1.0, 1.001, 3.0, 37.0, 600.0)
EVERY = (*POSITIVE, *[-z for z in POSITIVE])
ZS = dict.fromkeys(("norm", "laplace", "logistic"), EVERY) | {"cauchy": (*EVERY, 1e200, -1e200)} | {
    "halfnorm": POSITIVE, "halfcauchy": (*POSITIVE, 1e200), "lognorm": (*POSITIVE, 1e200), "expon": POSITIVE,
    "uniform": (1e-300, 1e-12, 0.03, 0.5, 0.999, 1 - 1e-12),
}  # fmt: skip

FUNCTIONS = {
    "cdf": lambda c, s: c,
    "sf": lambda c, s: s,
    "logcdf": lambda c, s: mp.log(c) if c < s else mp.log1p(-s),
    "logsf": lambda c, s: mp.log(s) if s < c else mp.log1p(-c),
}


def exact(name, function, z):
    """Value, derivative and second derivative by z, in 400 digits: 1 − cdf loses what it may."""
    with mp.workdps(700):
        at = mpf(z)
        both = CDF[name]

        def value(u):
            c, s = (f(u, *map(mpf, SHAPES.get(name, ()))) for f in both)
            return FUNCTIONS[function](c, s)

        h = abs(at) * mpf(10) ** -60
        below, here, above = value(at - h), value(at), value(at + h)
        return here, (above - below) / (2 * h), (above - 2 * here + below) / h**2


@pytest.mark.sample(3)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", CDF)
def test_tails_and_their_slopes(name, function):
    z = g.symbol("z")
    formula = getattr(getattr(stats, name), function)(z, *SHAPES.get(name, ()))
    f = g.compile((formula, g.grad(formula, z)), [z])
    for at in ZS[name]:
        value, slope, bent = exact(name, function, at)
        found, found_slope = f(at)
        # a unit of the lognormal's s moves as much as log z units of z
        units = 1 + abs(math.log(at)) if name == "lognorm" else 1
        with mp.workdps(60):
            if abs(value) > 1e-300:
                assert abs(mpf(found) - value) <= 8 * EPS * (abs(value) + abs(slope * at) * units), (
                    at,
                    found,
                )
            if abs(slope) > 1e-300 and abs(value) > 1e-300:
                limit = 32 * EPS * (abs(slope) + abs(bent * at)) * units
                assert abs(mpf(found_slope) - slope) <= limit, (at, found_slope, mpmath.nstr(slope, 17))


QUANTILES = (1e-300, 1e-12, 0.03, 0.2499, 0.25, 0.26, 0.5, 0.6, 0.7499, 0.7501, 0.97, 1 - 1e-12)


@pytest.mark.parametrize("name", CDF)
def test_quantiles_go_back(name):
    """cdf or sf of a quantile, in mpmath, is the probability again: a unit of the quantile moves that by its density."""
    q = g.symbol("q")
    formula = getattr(stats, name).ppf(q, *SHAPES.get(name, ()))
    f = g.compile((formula, g.grad(formula, q)), [q])
    shapes = [mpf(v) for v in SHAPES.get(name, ())]
    for at in QUANTILES:
        found, slope = f(at)
        with mp.workdps(60):
            side = CDF[name][at > 0.5]
            goal = mpf(1) - mpf(at) if at > 0.5 else mpf(at)
            h = abs(mpf(found)) * mpf(10) ** -25 or mpf(10) ** -25
            density = abs(side(found + h, *shapes) - side(found - h, *shapes)) / (2 * h)
            units = 1 + abs(math.log(found)) if name == "lognorm" else 1
            unit = EPS * (goal + abs(found) * density * units)
            assert abs(side(mpf(found), *shapes) - goal) <= 8 * unit, (at, found)
            assert slope == pytest.approx(float(1 / density), rel=1e-9), at


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 40.0])
def test_quantiles_of_students_t(df):
    q = g.symbol("q")
    f = g.compile(stats.t.ppf(q, df), [q])
    for at in (1e-12, 0.01, 0.2, 0.3, 0.49, 0.5, 0.51, 0.8, 0.999):
        assert f(at) == pytest.approx(scipy.stats.t.ppf(at, df), rel=1e-11, abs=1e-14)


SCIPY = [*CDF, "t", "gamma", "beta", "invgamma", "chi2", "f"]
ALL_SHAPES = SHAPES | {
    "t": (3.5,),
    "gamma": (2.5,),
    "beta": (2.0, 0.7),
    "invgamma": (2.5,),
    "chi2": (3.0,),
    "f": (3.0, 5.5),
}


@pytest.mark.parametrize("name", SCIPY)
@pytest.mark.parametrize("function", ["cdf", "sf", "logcdf", "logsf", "ppf", "isf"])
@pytest.mark.sample(3)
def test_edges_are_scipys(name, function):
    own, peer = getattr(stats, name), getattr(scipy.stats, name)
    if not hasattr(own, function):
        pytest.skip("not among its functions")
    x = g.symbol("x")
    shapes = ALL_SHAPES.get(name, ())
    f = g.compile(getattr(own, function)(x, *shapes, 0.25, 1.5), [x])
    bad = g.compile(getattr(own, function)(x, *shapes, 0.25, -1.5), [x])
    points = [-0.1, -0.0, 0.0, 1.0, 1.1, math.nan, 0.5] + (
        [] if function in ("ppf", "isf") else [-math.inf, math.inf, 0.25, 1.75]
    )
    for at in points:
        with np.errstate(all="ignore"):
            wanted = getattr(peer, function)(at, *shapes, loc=0.25, scale=1.5)
        np.testing.assert_allclose(f(at), wanted, rtol=1e-9, atol=1e-300, err_msg=f"{at}")
        assert math.isnan(bad(at))
