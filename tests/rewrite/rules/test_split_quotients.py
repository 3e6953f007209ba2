"""Quotients whose divisor stands above as well: their derivatives by it do not take away from themselves what cancels by form."""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import pytest

import graphc as g

a, b, s, t, m = g.symbols("a b s t m")
SIZES = (1e-9, 3e-3, 0.7, 2.0, 40.0, 1e5)


def first_two(formula: g.Expr, by: g.Expr) -> list[g.Expr]:
    slope = g.grad(formula, by)
    return [slope, g.grad(slope, by)]


def agree(found: float, exact: Any) -> bool:
    return abs(mpmath.mpf(float(found)) - exact) <= 16 * mpmath.mpf(2) ** -52 * abs(exact)


@pytest.mark.parametrize("rate", [0.0, 0.03125])
def test_the_distance_of_an_option_from_the_money_by_its_volatility(rate: float) -> None:
    distance = (g.log(m) + (rate + s * s / 2) * t) / (s * g.sqrt(t))
    bend = g.compile(first_two(distance, s)[1], [m, s, t], cache=False)
    for money, volatility, time in itertools.product((0.5, 1.25, 3.0), (1e-3, 0.2, 9.0, 1e4), (0.25, 4.0)):
        with mpmath.workdps(60):
            exact = 2 * (mpmath.log(money) + rate * time) / (mpmath.mpf(volatility) ** 3 * mpmath.sqrt(time))
        assert agree(bend(money, volatility, time), exact), (money, volatility, time)


SPLIT = {  # second derivative by b
    "(a + b)/b": lambda x, y: 2 * x / y**3,
    "(sin(a) - 3*b*b)/b": lambda x, y: 2 * mpmath.sin(x) / y**3,
    "(b - exp(a))/(2*b)": lambda x, y: -mpmath.exp(x) / y**3,
    "(a*b + 1 - b**3)/b": lambda x, y: 2 / y**3 - 2,
    "(b + a)/b**2": lambda x, y: 2 / y**3 + 6 * x / y**4,
}


@pytest.mark.parametrize("text", SPLIT)
def test_sums_with_and_without_their_divisor(text: str) -> None:
    bend = g.compile(first_two(g.parse(text), b)[1], [a, b], cache=False)
    for x, y in itertools.product((0.3, 2.0, 70.0), SIZES):
        with mpmath.workdps(60):
            exact = SPLIT[text](mpmath.mpf(x), mpmath.mpf(y))
        assert agree(bend(x, y), exact), (x, y)


def test_losses_by_their_scale() -> None:
    loss = a * a * (g.sqrt(1 + (b / a) ** 2) - 1)
    slope = g.compile(g.grad(loss, a), [a, b], cache=False)
    for scale, x in itertools.product(SIZES, SIZES):
        with mpmath.workdps(80):
            d, v = mpmath.mpf(scale), mpmath.mpf(x)
            r = mpmath.sqrt(1 + (v / d) ** 2)
            exact = 2 * d * (r - 1) - v * v / (d * r)
        assert agree(slope(scale, x), exact), (scale, x)
