"""Log-densities and distribution functions: values and derivatives against mpmath, edges and parameters against scipy.stats."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
import scipy.stats

import graphc as g
from graphc import stats
from graphc.errors import GraphcError, InputError
from tests.stats.densities import DISCRETE, EXACT, POINTS

EPS = float(np.finfo(float).eps)


def compiled(name, points):
    """Values and derivatives by all arguments that are varied, and which these are."""
    count = len(points[0])
    symbols = g.symbols(" ".join(f"v{k}" for k in range(count)))
    function = "logpmf" if name in DISCRETE else "logpdf"
    formula = getattr(getattr(stats, name), function)(*symbols)
    varied = [
        k for k in range(count) if not (name in DISCRETE and k == 0) and not (name == "binom" and k == 1)
    ]
    return g.compile([formula, g.grad(formula, [symbols[k] for k in varied])], list(symbols)), varied


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", EXACT)
def test_values_and_derivatives(name):
    """Within 16 units of what one unit of each argument moves, and of 1; derivatives within 64, of their own condition."""
    points = POINTS[name]
    f, varied = compiled(name, points)
    with mpmath.workdps(60):
        for point in points:
            exact = [mpmath.mpf(v) for v in point]
            value, slopes = f(*point)
            wanted = EXACT[name](*exact)

            parts = {k: slope_of(name, exact, k) for k in varied}
            moves = sum(abs(first * exact[k]) for k, first in parts.items())
            assert abs(value - wanted) <= 16 * EPS * (abs(wanted) + moves + 1), (point, value, wanted)
            for slope, k in zip(slopes, varied, strict=True):
                # what a unit of each argument moves the derivative by
                bent = sum(abs(slope_of(name, exact, k, j) * exact[j]) for j in varied)
                scale = abs(parts[k]) + bent + abs(1 / exact[k] if exact[k] else 1)
                assert abs(slope - parts[k]) <= 64 * EPS * scale, (point, k, slope, parts[k])


def slope_of(name, at, *numbers):
    """The derivative by some arguments, one after the other, by differences in 60 digits."""
    if not numbers:
        return EXACT[name](*at)
    *rest, k = numbers
    h = (abs(at[k]) or 1) * mpmath.mpf(10) ** -18
    up, down = list(at), list(at)
    up[k], down[k] = at[k] + h, at[k] - h
    return (slope_of(name, up, *rest) - slope_of(name, down, *rest)) / (2 * h)


SHAPES = {
    "norm": (), "halfnorm": (), "lognorm": (0.8,), "t": (3.5,), "cauchy": (), "halfcauchy": (), "laplace": (), "logistic": (),
    "uniform": (), "expon": (), "gamma": (2.5,), "invgamma": (2.5,), "beta": (2.0, 0.7),
    "chi2": (3.0,), "f": (3.0, 5.5), "geom": (0.3,), "hypergeom": (20.0, 7.0, 12.0),
    "binom": (12.0, 0.3), "poisson": (4.0,), "nbinom": (2.5, 0.3), "bernoulli": (0.3,),
}  # fmt: skip


_known = {}


def at(call, *arguments):
    """The value of a function of the room at some numbers; it is compiled once."""
    key = call, len(arguments)
    if key not in _known:
        symbols = [g.symbol(f"a{k}") for k in range(len(arguments))]
        _known[key] = g.compile(call(*symbols), symbols)
    return _known[key](*arguments)


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", SHAPES)
def test_supports_tails_and_distribution_functions_are_scipys(name):
    family, theirs = getattr(stats, name), getattr(scipy.stats, name)
    discrete = hasattr(family, "logpmf")
    more = () if discrete else (0.5, 1.5)
    xs = (-30.0, -1.0, 0.0, 0.5, 1.0, 1.1, 2.0, 2.5, 8.0, 12.0, 13.0, 30.0, math.inf, -math.inf, math.nan)
    for function in ("logpmf", "logpdf", "pmf", "pdf", "cdf", "sf", "logcdf", "logsf"):
        if not hasattr(family, function):
            continue
        for x in xs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wanted = getattr(theirs, function)(x, *SHAPES[name], *more)
            if math.isinf(x) and function in ("logpdf", "logpmf", "pdf", "pmf"):
                continue  # limits: NaN or −∞
            own = at(getattr(family, function), x, *SHAPES[name], *more)
            assert own == pytest.approx(wanted, rel=2e-13, abs=1e-300, nan_ok=True), (function, x)
    for function in ("ppf", "isf"):
        if hasattr(family, function):
            for q in (1e-12, 0.2, 0.9):
                own = at(getattr(family, function), q, *SHAPES[name], *more)
                assert own == pytest.approx(getattr(theirs, function)(q, *SHAPES[name], *more), rel=1e-11)


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", SHAPES)
def test_parameters_that_are_none_give_nan(name):
    family = getattr(stats, name)
    function = family.logpmf if hasattr(family, "logpmf") else family.logpdf
    good = [*SHAPES[name], *(() if hasattr(family, "logpmf") else (0.0, 1.0))]
    for k in range(len(good)):
        if hasattr(family, "logpmf") or k != len(good) - 2:  # any loc is one
            bad = [*good]
            bad[k] = -1.0
            assert math.isnan(at(function, 1.0, *bad)), (name, k)


def test_tails_where_scipy_has_lost_its_digits():
    """Student's t overflows in z²; a binomial with a mean of 1 in 10⁹ trials."""
    assert at(stats.t.logpdf, -1e200, 3.0) == pytest.approx(
        -4 * math.log(1e200) + math.log(6 * math.sqrt(3) / math.pi), rel=1e-15
    )
    with mpmath.workdps(40):
        wanted = EXACT["binom"](mpmath.mpf(5), mpmath.mpf(10**9), mpmath.mpf(1e-9))
    assert at(stats.binom.logpmf, 5.0, 1e9, 1e-9) == pytest.approx(float(wanted), rel=1e-15)
    assert at(stats.norm.logcdf, -1e10) == pytest.approx(-5e19, rel=1e-15)


# --- vectors and matrices ---------------------------------------------------------------------------------------------


def test_multinomial():
    x, n, p = np.array([3.0, 0.0, 5.0, 2.0]), 10.0, np.array([0.2, 0.1, 0.5, 0.2])
    X, P = g.symbol("X", shape=4), g.symbol("P", shape=4)
    f = g.compile(stats.multinomial.logpmf(X, n, P), [X, P])
    assert f(x, p) == pytest.approx(scipy.stats.multinomial.logpmf(x, 10, p), rel=1e-14)
    assert f(np.array([4.0, 0, 5, 2]), p) == -math.inf and f(np.array([3.5, 0, 5, 1.5]), p) == -math.inf
    many = np.random.default_rng(0).multinomial(30, p, size=6).astype(float)
    R = g.symbol("R", shape=("m", 4))
    rows = g.compile(stats.multinomial.logpmf(R, 30, P), [R, P])(many, p)
    np.testing.assert_allclose(rows, scipy.stats.multinomial.logpmf(many, 30, p), rtol=1e-13)


def test_dirichlet():
    alpha, x = np.array([0.5, 3.0, 200.0, 1.0]), np.array([0.001, 0.02, 0.97, 0.009])
    X, A = g.symbol("X", shape=4), g.symbol("A", shape=4)
    f = g.compile(stats.dirichlet.logpdf(X, A), [X, A])
    assert f(x, alpha) == pytest.approx(scipy.stats.dirichlet.logpdf(x, alpha), rel=1e-13)
    assert f(np.array([-0.1, 0.1, 0.5, 0.5]), alpha) == -math.inf and math.isnan(f(x, -alpha))


@pytest.mark.parametrize("rows", [None, 5])
def test_multivariate_normal(rows):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(3, 3))
    cov, mean = root @ root.T + np.eye(3), rng.normal(size=3)
    x = rng.normal(size=3 if rows is None else (rows, 3)) * 5
    X, M, S = g.symbol("X", shape=x.shape), g.symbol("M", shape=3), g.symbol("S", shape=(3, 3))
    wanted = scipy.stats.multivariate_normal.logpdf(x, mean, cov)
    f = g.compile(stats.multivariate_normal.logpdf(X, M, S), [X, M, S])
    np.testing.assert_allclose(f(x, mean, cov), wanted, rtol=1e-12)
    by_factor = g.compile(stats.multivariate_normal.logpdf(X, M, cholesky=S), [X, M, S])
    np.testing.assert_allclose(by_factor(x, mean, np.linalg.cholesky(cov)), wanted, rtol=1e-12)


@pytest.mark.parametrize("eta", [0.7, 1.0, 3.0])
def test_lkj_is_a_density(eta):
    """Over the correlations of 2 variables by quadrature; of 3 over partial correlations, of independent shifted betas."""
    r = g.symbol("r")
    two = g.compile(stats.lkj.logpdf(g.stack([g.stack([1.0, r]), g.stack([r, 1.0])]), eta), [r])
    # the density has poles at ±1 for η < 1: r = sin θ takes them away
    total = mpmath.quad(lambda a: math.exp(two(math.sin(a))) * math.cos(a), [-1.57, -1, 1, 1.57])
    edge = 2 * scipy.stats.beta.cdf((1 - math.sin(1.57)) / 2, eta, eta)
    assert float(total) + edge == pytest.approx(1, abs=1e-6)
    z = np.array([0.3, -0.5, 0.6])
    factor = np.eye(3)
    factor[1, :2] = z[0], np.sqrt(1 - z[0] ** 2)
    factor[2] = z[1], z[2] * np.sqrt(1 - z[1] ** 2), np.sqrt((1 - z[1] ** 2) * (1 - z[2] ** 2))
    L = g.symbol("L", shape=(3, 3))
    value = g.compile(stats.lkj_cholesky.logpdf(L, eta), [L])(factor)
    shapes = [eta + 0.5, eta + 0.5, eta]  # of partial correlations given none, none and one other
    partial = sum(
        scipy.stats.beta.logpdf((c + 1) / 2, s, s) - math.log(2) for c, s in zip(z, shapes, strict=True)
    )
    # dL/dz: L₁₀ = z₀, L₂₀ = z₁, L₂₁ = z₂·√(1 − z₁²)
    assert value == pytest.approx(partial - 0.5 * math.log(1 - z[1] ** 2), rel=1e-13)
    whole = g.compile(stats.lkj.logpdf(L, eta), [L])(factor @ factor.T)
    # dR/dL of the free elements below the diagonal, for the diagonal is what the others leave: ∏ Lₖₖ^(K − k), k from 1
    assert value == pytest.approx(whole + math.log(factor[1, 1]), rel=1e-12)


def test_mixtures():
    x, w = g.symbol("x", shape=4), g.symbol("w", shape=2)
    f = g.compile(
        stats.mixture_logpdf(w, [stats.norm.logpdf(x, -1.0, 0.5), stats.t.logpdf(x, 3.0, 2.0)]), [w, x]
    )
    at = np.array([-1.0, 0.0, 2.0, 30.0])
    wanted = np.logaddexp(
        math.log(0.3) + scipy.stats.norm.logpdf(at, -1, 0.5), math.log(0.7) + scipy.stats.t.logpdf(at, 3, 2)
    )
    np.testing.assert_allclose(f(np.array([0.3, 0.7]), at), wanted, rtol=1e-13)


def test_the_logit_of_a_probability():
    k, v = g.symbols("k v")
    f = g.compile(stats.bernoulli.logpmf_of_logit(k, v), [k, v])
    assert f(0.0, 800.0) == -800.0 and f(1.0, 50.0) == pytest.approx(-math.exp(-50.0), rel=1e-14)
    assert f(2.0, 1.0) == -math.inf


REFUSED = {
    "text": lambda: stats.norm.logpdf("x"),
    "complex": lambda: stats.gamma.logpdf(1.0, 2j),
    "truth": lambda: stats.poisson.logpmf(g.symbol("x") > 0, 1.0),
    "no matrix": lambda: stats.multivariate_normal.logpdf([1.0], [0.0]),
    "both": lambda: stats.multivariate_normal.logpdf([1.0], [0.0], [[1.0]], cholesky=[[1.0]]),
    "a vector": lambda: stats.multivariate_normal.logpdf([1.0], [0.0], [1.0]),
    "a number": lambda: stats.dirichlet.logpdf(0.5, 0.5),
    "weights": lambda: stats.mixture_logpdf([0.5, 0.5], [0.0]),
    "not square": lambda: stats.lkj_cholesky.logpdf(np.ones((2, 3))),
    "a parameter's name": lambda: stats.between(1, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    with pytest.raises(GraphcError) as caught:
        REFUSED[name]()
    assert caught.value.hint and isinstance(caught.value, (InputError, g.GraphcError))


def test_a_function_that_is_not_there_names_those_that_are():
    with pytest.raises(AttributeError, match=r"stats\.poisson has no pdf: it has cdf, isf, logcdf, logpmf"):
        _ = getattr(stats.poisson, "pdf")  # noqa: B009
    assert not hasattr(stats.multinomial, "cdf") and "logpmf" in repr(stats.hypergeom)


def test_the_room_is_an_attribute():
    assert g.stats is stats and set(stats.__all__) <= set(dir(stats))
