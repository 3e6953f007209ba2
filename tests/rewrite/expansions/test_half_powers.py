"""What is even in a root is smooth in what the root is of: its derivatives near 0, against difference quotients of mpmath."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite.expansions.expansion_reader import argument_of, expansions, is_one_sided

SMOOTH = {
    "cos(sqrt(x))": lambda x: mpmath.cos(mpmath.sqrt(x)),
    "sqrt(x)*sin(sqrt(x))": lambda x: mpmath.sqrt(x) * mpmath.sin(mpmath.sqrt(x)),
    "erf(sqrt(x))/sqrt(x)": lambda x: mpmath.erf(mpmath.sqrt(x)) / mpmath.sqrt(x),
    "tanh(sqrt(x))/sqrt(x)": lambda x: mpmath.tanh(mpmath.sqrt(x)) / mpmath.sqrt(x),
    "log(cosh(sqrt(2*x)))": lambda x: mpmath.log(mpmath.cosh(mpmath.sqrt(2 * x))),
    "exp(-sqrt(x)) + exp(sqrt(x))": lambda x: 2 * mpmath.cosh(mpmath.sqrt(x)),
    "(1 - cos(sqrt(x)))/x": lambda x: (1 - mpmath.cos(mpmath.sqrt(x))) / x,
    "sinh(x**0.5)/x**0.5": lambda x: mpmath.sinh(mpmath.sqrt(x)) / mpmath.sqrt(x),
}
SIZES = (1e-12, 3e-7, 1e-4, 0.003, 0.04, 0.2, 0.45, 0.7, 1.1, 3.0)


def slope(exact, x: float, order: int):
    with mpmath.workdps(150):
        v = mpmath.mpf(x)
        return mpmath.diff(exact, v, order, h=v * mpmath.mpf(10) ** -40)


@pytest.mark.parametrize("text", SMOOTH)
@pytest.mark.sample(3)
def test_two_derivatives(text: str) -> None:
    x = g.symbol("x")
    first = g.grad(g.parse(text, {"x": x}), x)
    f = g.compile([first, g.grad(first, x)], [x], cache=False)
    for at in SIZES:
        for order, value in enumerate(f(at), start=1):
            true = slope(SMOOTH[text], at, order)
            moved = abs(at * slope(SMOOTH[text], at, order + 1))
            assert abs(value - true) <= 2.0**-53 * (8 * abs(true) + 4 * moved), (at, order)


@pytest.mark.parametrize("text", SMOOTH)
@pytest.mark.sample(2)
def test_below_zero_is_none(text: str) -> None:
    x = g.symbol("x")
    formula = g.parse(text, {"x": x})
    first = g.grad(formula, x)
    f = g.compile([formula, first, g.grad(first, x)], [x], cache=False)
    for at in (-1e-9, -0.3, -5.0, math.nan):
        assert np.isnan(f(at)).all(), at


PRODUCTS = {
    "sqrt(a/b)*tanh(sqrt(a*b))": lambda a, b: mpmath.sqrt(a / b) * mpmath.tanh(mpmath.sqrt(a * b)),
    "sqrt(b/a)*sin(sqrt(a*b))": lambda a, b: mpmath.sqrt(b / a) * mpmath.sin(mpmath.sqrt(a * b)),
    "sqrt(a*b)*atan(sqrt(b/a))": lambda a, b: mpmath.sqrt(a * b) * mpmath.atan(mpmath.sqrt(b / a)),
}


@pytest.mark.parametrize("text", PRODUCTS)
@pytest.mark.sample(1)
def test_roots_of_products_and_quotients_of_the_same(text: str) -> None:
    a, b = g.symbols("a b")
    exact = PRODUCTS[text]
    f = g.compile(g.grad(g.grad(g.parse(text, {"a": a, "b": b}), b), b), [a, b], cache=False)
    for at in ((2.0, 1e-6), (0.03, 0.2), (1e-3, 4e-4), (7.0, 0.5), (-2.0, -1e-3)):
        with mpmath.workdps(150):
            u, v = map(mpmath.mpf, at)
            h = abs(v) * mpmath.mpf(10) ** -40
            second, third, mixed = (
                mpmath.diff(lambda x, y: mpmath.re(exact(x, y)), (u, v), order, h=h)
                for order in ((0, 2), (0, 3), (1, 2))
            )
        allowed = 8 * abs(second) + 4 * (abs(v * third) + abs(u * mixed))
        assert abs(f(*at) - second) <= 2.0**-53 * allowed, at


def test_series_in_half_powers() -> None:
    x = argument_of("float64")
    even = g.cos(g.sqrt(x))
    found = expansions(even)[even]
    assert found is not None and is_one_sided(even)
    with mpmath.workprec(1200):
        for k in range(6):
            true = mpmath.mpf(-1) ** k / mpmath.factorial(2 * k)
            assert abs(mpmath.ldexp(found[k], -1024) - true) < mpmath.mpf(2) ** -900
    for formula in (g.sin(g.sqrt(x)), g.sqrt(x) * x, g.exp(g.sqrt(x))):  # not smooth at 0
        assert expansions(formula)[formula] is None
    assert not is_one_sided(g.sqrt(1 + x)) and not is_one_sided(g.sqrt(x * x))
