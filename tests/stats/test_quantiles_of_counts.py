"""Quantiles of discrete distributions, and the tails of the hypergeometric one, against sums in mpmath and exact fractions."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.stats
from mpmath import mp, mpf

import graphc as g
from graphc import stats

EPS = 2.0**-52
EDGE = 0.65 * EPS


@functools.cache
def _sums(name, shapes):
    """P(X ≤ k) and P(X > k) for k = first, first + 1, … to where the rest is no float, added up from quotients of neighbours."""
    numbers = [mpf(each) for each in shapes]
    first, weight, quotient = {
        "bernoulli": lambda p: (0, 1 - p, lambda k: (1 - k) * p / (1 - p)),
        "binom": lambda n, p: (0, (1 - p) ** n, lambda k: (n - k) / (k + 1) * p / (1 - p)),
        "poisson": lambda mu: (0, mp.exp(-mu), lambda k: mu / (k + 1)),
        "nbinom": lambda n, p: (0, p**n, lambda k: (n + k) / (k + 1) * (1 - p)),
        "geom": lambda p: (1, p, lambda k: 1 - p),
    }[name](*numbers)
    weights, k = [], first
    while weight and (weight > mpf(10) ** -330 or quotient(k) > 1):
        weights.append(weight)
        weight *= quotient(k)
        k += 1
    below = list(itertools.accumulate(weights))
    above = list(itertools.accumulate([*reversed(weights[1:])], initial=mpf(0)))[::-1]
    return first, below, above


def summed(name):
    def tails(k, *shapes):
        first, below, above = _sums(name, shapes)
        k = int(k) - first
        return (below[k], above[k]) if k < len(below) else (mpf(1), mpf(0))

    return tails


@functools.cache
def _counted(M, n, N):
    """The first number, and how many choices give at most each."""
    first = max(0, N - M + n)
    every = [math.comb(n, j) * math.comb(M - n, N - j) for j in range(first, min(n, N) + 1)]
    return first, list(itertools.accumulate(every))


def hypergeometric(k, M, n, N):
    """P(X ≤ k) and P(X > k), of whole numbers until the last division."""
    first, sums = _counted(int(M), int(n), int(N))
    below = 0 if k < first else sums[min(int(k) - first, len(sums) - 1)]
    return mpf(below) / sums[-1], mpf(sums[-1] - below) / sums[-1]


SHAPES = {
    "bernoulli": [(0.3,), (1e-12,)],
    "binom": [(1.0, 0.3), (7.0, 0.01), (300.0, 0.37), (2000.0, 0.999)],
    "poisson": [(1e-3,), (0.7,), (31.0,), (900.0,)],
    "nbinom": [(0.01, 0.3), (1.0, 0.5), (4.5, 0.1), (400.0, 0.7)],
    "geom": [(0.5,), (0.1,), (0.999,)],
    "hypergeom": [(20.0, 7.0, 12.0), (500.0, 60.0, 200.0), (500.0, 450.0, 470.0), (3000.0, 1500.0, 40.0)],
}
TAILS = {name: summed(name) for name in SHAPES} | {"hypergeom": hypergeometric}
FIRST = {"geom": 1}
SEEN = (1e-300, 1e-90, 1e-12, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-12, 1 - EPS / 2)


@pytest.fixture(scope="module", params=SHAPES)
def family(request):
    """A name and its ppf, isf, cdf and sf, compiled."""
    name = request.param
    q, shapes = g.symbol("q"), [g.symbol(f"s{k}") for k in range(len(SHAPES[name][0]))]
    own = getattr(stats, name)
    return name, {
        function: g.compile(getattr(own, function)(q, *shapes), [q, *shapes])
        for function in ("ppf", "isf", "cdf", "sf")
    }


def test_least_that_reaches(family):
    name, functions = family
    with mp.workdps(60):
        for shapes in SHAPES[name]:
            for at in SEEN:
                for function in ("ppf", "isf"):
                    k = functions[function](at, *shapes)
                    first = FIRST.get(name, 0)
                    if name == "hypergeom":
                        first = max(0, shapes[2] - shapes[0] + shapes[1])
                    here = TAILS[name](k, *shapes)
                    before = TAILS[name](k - 1, *shapes) if k > first else (mpf(0), mpf(1))
                    assert k >= first and k == math.floor(k)
                    # a probability is reached up to what a float of it does not say
                    slack = float(200 - 4 * mp.log(at)) * EPS
                    if function == "ppf":
                        low, high = mpf(at), 1 - mpf(at)
                        if at <= 0.5:
                            assert here[0] >= low * (1 - slack) and before[0] < low * (1 + slack), (
                                name,
                                at,
                                shapes,
                                k,
                            )
                        else:
                            assert here[1] <= high * (1 + slack) + EDGE, (name, at, shapes, k)
                            assert before[1] > high * (1 - slack) - EDGE, (name, at, shapes, k)
                    elif at <= 0.5:
                        assert here[1] <= mpf(at) * (1 + slack) and before[1] > mpf(at) * (1 - slack), (
                            name,
                            at,
                            shapes,
                            k,
                        )
                    else:
                        rest = 1 - mpf(at)
                        assert here[0] >= rest * (1 - slack) - EDGE, (name, at, shapes, k)
                        assert before[0] < rest * (1 + slack) + EDGE, (name, at, shapes, k)


def test_probabilities_of_numbers_are_theirs(family):
    """Ties: a quantile of P(X ≤ k) is k, wherever P(X = k) is not lost beside it."""
    name, functions = family
    for shapes in SHAPES[name]:
        for at in (1e-280, 1e-40, 1e-6, 0.1, 0.4, 0.5, 0.6, 0.9, 0.999):
            for function, tail in (("ppf", "cdf"), ("isf", "sf")):
                k = functions[function](at, *shapes)
                share, before = functions[tail](k, *shapes), functions[tail](k - 1, *shapes)
                exact = TAILS[name](k, *shapes)[function == "isf"]
                # SciPy's incomplete beta function may be off by units next to 1
                if abs(share - exact) > EPS / 4 and share > 0.5:
                    continue
                if 0 < share < 1 and abs(share - before) > 1e3 * EPS * max(share, before):
                    assert functions[function](share, *shapes) == k, (name, function, shapes, k, share)


def test_as_scipy_says(family):
    """Edges, what is none, and usual probabilities."""
    name, functions = family
    theirs = getattr(scipy.stats, name)
    bad = [(-0.1,) * len(SHAPES[name][0]), (math.nan,) * len(SHAPES[name][0])]
    for shapes in SHAPES[name] + bad:
        for at in (0.0, 1.0, -0.1, 1.1, math.nan, 0.013, 0.31, 0.73, 0.987):
            for function in ("ppf", "isf"):
                found, wanted = functions[function](at, *shapes), getattr(theirs, function)(at, *shapes)
                assert found == wanted or (math.isnan(found) and math.isnan(wanted)), (function, at, shapes)


def test_exact_ties():
    """Halves and quarters, which floats are."""
    assert [g.evaluate(stats.binom.ppf(q, 2, 0.5), {}) for q in (0.25, 0.75, 0.26, 0.76)] == [0, 1, 1, 2]
    assert [g.evaluate(stats.binom.isf(q, 2, 0.5), {}) for q in (0.75, 0.25, 0.74, 0.24)] == [0, 1, 1, 2]
    assert [g.evaluate(stats.geom.ppf(q, 0.5), {}) for q in (0.5, 0.75, 0.875, 0.9375)] == [1, 2, 3, 4]
    assert [g.evaluate(stats.hypergeom.ppf(q, 4, 2, 2), {}) for q in (1 / 6, 5 / 6, 0.17, 0.84)] == [
        0,
        1,
        1,
        2,
    ]
    assert g.evaluate(stats.bernoulli.ppf(0.7, 0.3), {}) == 0


def test_machine_code_and_interpreter_agree_far_out():
    """Means of 10⁹ and more, tails of 1e−300; k beyond whole floats, and where the search ends in an infinity."""
    q, mu = g.symbols("q mu")
    poisson = stats.poisson.ppf(q, mu)
    f = g.compile(poisson, [q, mu])
    for at in [(1e-300, 1e9), (0.3, 1e15), (1 - 1e-15, 3e7), (1e-300, 1e-9)]:
        assert f(*at) == g.evaluate(poisson, dict(zip((q, mu), at, strict=True)))
    n, p = g.symbols("n p")
    nbinom = g.compile(stats.nbinom.ppf(q, n, p), [q, n, p])
    # for p → 0 a gamma variable over p
    assert nbinom(0.99, 2.0, 1e-300) == pytest.approx(scipy.stats.gamma.ppf(0.99, 2.0) * 1e300, rel=1e-9)
    assert nbinom(0.99, 2.0, 1e-308) == math.inf or nbinom(0.99, 2.0, 1e-308) > 1e307


def test_arrays_and_slopes():
    q, p = g.symbols("q p")
    f = g.compile(stats.binom.ppf(q, 40, p), [q, p])
    qs = np.linspace(0.001, 0.999, 37)
    assert np.array_equal(
        f(qs[:, None], np.array([0.2, 0.7])), scipy.stats.binom.ppf(qs[:, None], 40, [0.2, 0.7])
    )
    rows = g.symbol("rows", shape=37)
    over = g.compile(stats.poisson.isf(rows, 3.5), [rows])
    assert np.array_equal(over(qs), scipy.stats.poisson.isf(qs, 3.5))
    single = g.symbol("single", dtype="float32")
    narrow = g.compile(stats.poisson.ppf(single, 3.5), [single])
    assert [narrow(np.float32(at)) for at in (0.0, 0.3, 0.8, 1.0)] == [-1, 2, 5, math.inf]
    assert g.compile(g.grad(stats.poisson.ppf(q, p), p), [q, p])(0.3, 4.0) == 0.0


# --- the hypergeometric distribution's tails ---------------------------------------------------------------------------

NUMBERS = [
    (20, 7, 12), (1, 1, 1), (50, 50, 3), (500, 60, 200), (500, 450, 470), (3000, 1500, 40), (5000, 2500, 2500), (5000, 40, 4000),
    (4000, 3900, 2000),
]  # fmt: skip


@pytest.mark.parametrize("function", ["cdf", "sf", "logcdf", "logsf"])
def test_hypergeometric_tails(function):
    k, shapes = g.symbol("k"), g.symbols("M n N")
    f = g.compile(getattr(stats.hypergeom, function)(k, *shapes), [k, *shapes])
    with mp.workdps(50):
        for numbers in NUMBERS:
            M, n, N = numbers
            first, last = max(0, N - M + n), min(n, N)
            for at in sorted(
                {first, first + 1, *np.linspace(first, last, 14).astype(int).tolist(), last - 1, last}
            ):
                below, above = hypergeometric(at, *numbers)
                own = below if function.endswith("cdf") else above
                found = f(float(at), *map(float, numbers))
                if own == 0:
                    assert found == (-math.inf if function.startswith("log") else 0), (at, numbers)
                    continue
                other = above if function.endswith("cdf") else below
                wanted = (
                    (mp.log(own) if own < 0.5 else mp.log1p(-other)) if function.startswith("log") else own
                )
                if abs(wanted) < 1e-300:
                    continue
                assert abs(found - wanted) <= 16 * EPS * abs(wanted), (
                    at,
                    numbers,
                    found,
                    mpmath.nstr(wanted, 18),
                )


def test_hypergeometric_edges():
    k, M = g.symbols("k M")
    f = g.compile(
        [getattr(stats.hypergeom, name)(k, M, 7, 12) for name in ("cdf", "sf", "logcdf", "logsf")], [k, M]
    )
    assert f(-1.0, 20.0) == [0, 1, -math.inf, 0] and f(7.0, 20.0) == [1, 0, 0, -math.inf]
    assert f(math.inf, 20.0) == [1, 0, 0, -math.inf] and f(-math.inf, 20.0) == [0, 1, -math.inf, 0]
    assert f(3.7, 20.0) == f(3.0, 20.0)
    for at in [(math.nan, 20.0), (3.0, 6.0), (3.0, 20.5), (3.0, math.nan)]:
        assert np.all(np.isnan(f(*at)))
