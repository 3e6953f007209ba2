"""Slopes of logarithms of products: what stands above and below is left out, and the slope is right wherever it is a float."""

from __future__ import annotations

import itertools
import math

import mpmath
import pytest

import graphc as g

x, y, z = g.symbols("x y z")
SIZES = (1e-250, 3e-120, 0.7, 5e60, 1e250)

PRODUCTS = {  # slopes by x, y and z over 1/x, 1/y, 1/z
    "log(x*y/z)": (1, 1, -1),
    "log(x/y/z)": (1, -1, -1),
    "log(z*(x/y))": (1, -1, 1),
    "log(x*x*y/z)": (2, 1, -1),
}


def slope(text: str, by: g.Expr) -> g.Expr:
    return g.grad(g.parse(text), by)


@pytest.mark.parametrize("text", PRODUCTS)
def test_slopes_are_one_over_the_factor(text: str) -> None:
    f = g.compile([slope(text, by) for by in (x, y, z)], [x, y, z], cache=False)
    for at in itertools.product(SIZES, SIZES, SIZES):
        for found, power, size in zip(f(*at), PRODUCTS[text], at, strict=True):
            exact = float(power / mpmath.mpf(size))
            assert abs(float(found) - exact) <= 2 * math.ulp(exact), (text, at)


@pytest.mark.parametrize("text", PRODUCTS)
def test_one_division_is_left(text: str) -> None:
    for by in (x, y, z):
        nodes = [node.op.name for node in g.Graph(g.stabilize(slope(text, by))).exprs]
        assert "log" not in nodes
        assert nodes.count("divide") == 1, nodes


def test_divergences_slope_by_the_logarithm_alone() -> None:
    """∂(x·log(x/y) − x + y)/∂x is log(x/y), which is small where x is near y."""
    f = g.compile(slope("x*log(x/y) - x + y", x), [x, y], cache=False)
    for first, second in ((1.0, 1.0 + 1e-9), (3e5, 3e5 * (1 - 1e-13)), (1e-200, 1e-30), (7.0, 0.1)):
        with mpmath.workdps(60):
            exact = float(mpmath.log(mpmath.mpf(first) / mpmath.mpf(second)))
        assert abs(float(f(first, second)) - exact) <= 4 * 2.0**-52 * abs(exact), (first, second)


@pytest.mark.parametrize("at", tuple(itertools.product((math.nan, 2.0), repeat=3)))
def test_nan_of_a_factor_that_cancels_is_kept(at: tuple[float, float, float]) -> None:
    for text in PRODUCTS:
        found = g.evaluate(g.stabilize(slope(text, x)), dict(zip("xyz", at, strict=True)))
        assert math.isnan(found) == any(map(math.isnan, at)), text


@pytest.mark.parametrize("text", ["x*(1/(x/y))", "y/(x*y)", "1/(x*y)*z"])
def test_what_does_not_cancel_stays(text: str) -> None:
    assert "logarithmic-derivative" not in {step.rule for step in g.rewrites(g.parse(text))}


ENTROPIES = {  # slope by x, of numbers from 0 to 1
    "x*log(x)": lambda x: mpmath.log(x) + 1,
    "-x*log(x) - (1 - x)*log(1 - x)": lambda x: mpmath.log1p(-x) - mpmath.log(x),
    "x*log(x) - x": mpmath.log,
    "3*x*log(2*x)": lambda x: 3 * (mpmath.log(2 * x) + 1),
    "(1 + x)*log(1 + x) - x*log(x)": lambda x: mpmath.log1p(1 / x),
    "(2 - x)*log(2 - x)": lambda x: -mpmath.log(2 - x) - 1,
}


@pytest.mark.parametrize("text", ENTROPIES)
def test_slopes_of_entropies(text: str) -> None:
    """x·(1/x) is 1, so that constants cancel: near ½ two logarithms do, whose difference is off by their roundings alone."""
    f = g.compile(slope(text, x), [x], cache=False)
    with mpmath.workdps(60):
        for at in (1e-300, 1e-20, 1e-5, 0.02, 0.039, 0.25, 0.4, 0.75, 0.9, 1 - 1e-12):
            exact = ENTROPIES[text](mpmath.mpf(at))
            size = max(abs(exact), abs(mpmath.log(at)) if 0.2 < at < 0.8 else 0)
            assert abs(float(f(at)) - exact) <= 6 * 2.0**-53 * size, (text, at)


def test_slopes_of_entropies_of_arrays() -> None:
    p = g.symbol("p", shape=("n",))
    found = g.compile(g.grad(-g.sum(p * g.log(p)), p), [p], cache=False)([0.0, 1e-300, 0.25, 1.0, math.nan])
    assert [float(v) for v in found[:2]] == [math.inf, float(-mpmath.log(mpmath.mpf(1e-300)) - 1)]
    assert found[2] == -math.log(0.25) - 1 and found[3] == -1 and math.isnan(found[4])
    assert "divide" not in {
        node.op.name for node in g.Graph(g.stabilize(g.grad(g.sum(p * g.log(p)), p))).exprs
    }


def test_what_was_written_as_a_quotient_stays() -> None:
    for text in ("x/x", "(x + 1)/(x + 1)", "x*y/x"):
        assert "own-inverse" not in {step.rule for step in g.rewrites(g.parse(text))}
    found = g.compile(slope("x*log(x)", x), [x], cache=False)
    assert [float(found(at)) for at in (0.0, math.inf)] == [-math.inf, math.inf]
    assert math.isnan(float(found(math.nan)))
