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
