"""Differences of a function at two close inputs, and complements: values and first two derivatives against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

FORMULAS: dict[str, tuple[str, Callable[..., Any], tuple[float, float]]] = {
    "roots": ("sqrt(x) - sqrt(y)", lambda x, y: mpmath.sqrt(x) - mpmath.sqrt(y), (0.5, 4)),
    "cube roots": ("cbrt(x) - cbrt(y)", lambda x, y: mpmath.cbrt(x) - mpmath.cbrt(y), (0.5, 4)),
    "reciprocals": ("3/x - 3/y", lambda x, y: 3 / x - 3 / y, (-9, -0.5)),
    "sinh": ("sinh(x) - sinh(y)", lambda x, y: mpmath.sinh(x) - mpmath.sinh(y), (-3, 3)),
    "cosh": ("cosh(y) - cosh(x)", lambda x, y: mpmath.cosh(y) - mpmath.cosh(x), (0.5, 9)),
    "tanh": ("tanh(x) - tanh(y)", lambda x, y: mpmath.tanh(x) - mpmath.tanh(y), (0.5, 30)),
    "logistic": ("sigmoid(x) - sigmoid(y)", lambda x, y: 1 / (1 + mpmath.exp(-x)) - 1 / (1 + mpmath.exp(-y)), (-30, 30)),
    "arcsines": ("asin(x) - asin(y)", lambda x, y: mpmath.asin(x) - mpmath.asin(y), (0.1, 0.9)),
    "arccosines": ("acos(x) - acos(y)", lambda x, y: mpmath.acos(x) - mpmath.acos(y), (-0.9, -0.1)),
    "logarithms": ("log(x) - log(y)", lambda x, y: mpmath.log(x) - mpmath.log(y), (0.5, 90)),
    "logarithm of a quotient": ("log(x/y)", lambda x, y: mpmath.log(x / y), (0.5, 90)),
    "relative change": ("x/y - 1", lambda x, y: x / y - 1, (-90, -0.5)),
    "relative loss": ("1 - x/y", lambda x, y: 1 - x / y, (0.5, 90)),
    "products": ("2.5*x - x*y + x*(y - 2.5) + y*x - y*y", lambda x, y: y * (x - y), (0.5, 90)),
}  # fmt: skip


def pairs(low: float, high: float, count: int = 24) -> list[tuple[float, float]]:
    """Inputs close to each other by all powers of two, and some that are apart."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(count):
        x = rng.uniform(low, high)
        y = x * (1 + rng.choice((-1, 1)) * 2.0 ** -(2 + 2 * number)) if number % 6 else rng.uniform(low, high)
        found.append((x, min(max(y, low), high)))
    return found


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "products"])
def test_values_where_inputs_are_close(name: str) -> None:
    text, exact, (low, high) = FORMULAS[name]
    f = g.compile(g.parse(text), g.symbols("x y"), cache=False)
    for x, y in pairs(low, high):
        with mpmath.workdps(80):
            true = exact(mpmath.mpf(x), mpmath.mpf(y))
            error = abs(mpmath.mpf(float(f(x, y))) - true)
        assert error <= 6 * math.ulp(float(true)), (x, y)


@pytest.mark.parametrize("name", list(FORMULAS))
def test_derivatives(name: str) -> None:
    text, exact, (low, high) = FORMULAS[name]
    x, y = g.symbols("x y")
    formula = g.parse(text, [x, y])
    slope = g.grad(formula, x)
    f = g.compile([slope, g.grad(formula, y), g.grad(slope, x)], [x, y], cache=False)
    for at in pairs(low, high, 12):
        with mpmath.workdps(60):
            true = [mpmath.diff(exact, at, order) for order in ((1, 0), (0, 1), (2, 0))]
            scale = abs(true[0]) + abs(true[1])
        for value, one in zip(f(*at), true, strict=True):
            assert abs(float(value) - float(one)) <= 1e-13 * max(float(scale), abs(float(one))), at


def test_where_inputs_are_no_numbers_that_are_close() -> None:
    """At the ends of the floats each formula is what it was."""
    ends = (0.0, -0.0, 1.0, 5e-324, -5e-324, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan)
    for text, _, _ in FORMULAS.values():
        e = g.parse(text)
        one, other = (
            g.compile(e, g.symbols("x y"), rewrite=level, cache=False) for level in ("stable", None)
        )
        for x in ends:
            for y in ends:
                after, before = float(one(x, y)), float(other(x, y))
                if math.isfinite(before):
                    assert after == pytest.approx(before, rel=1e-12, abs=1e-300), (text, x, y)


def test_an_ordered_choice_keeps_its_digits_far_out() -> None:
    """σ(a − x) − σ(b − x), of which both are near 1."""
    a, b, x = g.symbols("a b x")
    f = g.compile(g.sigmoid(a - x) - g.sigmoid(b - x), [a, b, x], cache=False)
    for at in ((40.0, 39.0, 1.0), (41.0, 40.5, 2.0), (-40.0, -39.0, 1.0), (1.0, 1.0, 3.0)):
        p, q, z = map(mpmath.mpf, at)
        with mpmath.workdps(60):
            true = float(1 / (1 + mpmath.exp(z - p)) - 1 / (1 + mpmath.exp(z - q)))
        assert float(f(*at)) == pytest.approx(true, rel=3e-15, abs=0), at


MIXTURES = (
    (
        "log(p*exp(a) + (1 - p)*exp(b))",
        lambda p, a, b: mpmath.log(p * mpmath.exp(a) + (1 - p) * mpmath.exp(b)),
    ),
    ("log(0.25*exp(a) + p*exp(b))", lambda p, a, b: mpmath.log(mpmath.exp(a) / 4 + p * mpmath.exp(b))),
    ("log(p*exp(a + b) + 3)", lambda p, a, b: mpmath.log(p * mpmath.exp(a + b) + 3)),
)


@pytest.mark.parametrize("text, exact", MIXTURES, ids=[text for text, _ in MIXTURES])
def test_mixtures_do_not_underflow(text: str, exact: Callable[..., Any]) -> None:
    p, a, b = g.symbols("p a b")
    formula = g.parse(text, [p, a, b])
    outputs = [formula, g.grad(formula, a), g.grad(formula, p)]
    f = g.compile(outputs, [p, a, b], cache=False)
    for at in ((0.3, -1000.0, -1001.0), (0.9, 800.0, 790.0), (1.0, 2.0, -900.0), (0.5, 0.25, -0.5)):
        with mpmath.workdps(900):
            true = float(exact(*map(mpmath.mpf, at)))
            slope = float(mpmath.diff(exact, tuple(map(mpmath.mpf, at)), (0, 1, 0)))
        value, along, _ = f(*at)
        assert float(value) == pytest.approx(true, rel=1e-15, abs=4e-16), at
        assert float(along) == pytest.approx(slope, rel=1e-13, abs=1e-290), at


def test_a_weight_below_0_is_no_mixture() -> None:
    p, a, b = g.symbols("p a b")
    f = g.compile(g.log(p * g.exp(a) + g.exp(b)), [p, a, b], cache=False)
    assert float(f(-0.5, 0.0, 0.0)) == pytest.approx(math.log(0.5), rel=1e-15)
    assert math.isnan(float(f(-2.0, 0.0, 0.0)))


COMPLEMENTS = (
    ("1 - gammainc(a, x)", lambda a, x: mpmath.gammainc(a, x, regularized=True), (2.0, 40.0)),
    ("1 - gammaincc(a, x)", lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), (9.0, 0.1)),
    ("a*(1 - ndtr(x))", lambda a, x: a * mpmath.ncdf(-x), (2.0, 12.0)),
    ("a*log(ndtr(x))", lambda a, x: a * mpmath.log(mpmath.ncdf(x)), (1.0, -60.0)),
    ("log(2*cosh(x)) - x + 0*a", lambda a, x: mpmath.log(2 * mpmath.cosh(x)) - x, (0.0, 25.0)),
    ("log(cosh(x)) + x + 0*a", lambda a, x: mpmath.log(mpmath.cosh(x)) + x, (0.0, -3.0)),
    ("a*(x - sqrt(x*x - 1))", lambda a, x: a * (x - mpmath.sqrt(x * x - 1)), (1.0, 1e10)),
)


@pytest.mark.parametrize("text, exact, at", COMPLEMENTS, ids=[text for text, *_ in COMPLEMENTS])
def test_complements(text: str, exact: Callable[..., Any], at: tuple[float, float]) -> None:
    f = g.compile(g.parse(text), g.symbols("a x"), cache=False)
    with mpmath.workdps(80):
        true = float(exact(*map(mpmath.mpf, at)))
    assert float(f(*at)) == pytest.approx(true, rel=3e-14, abs=0)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("(1 + x/n)**n", lambda x, n: (1 + x / n) ** n),
        ("(1 - x/n)**(3*n)", lambda x, n: (1 - x / n) ** (3 * n)),
        ("(x*n + 1)**5000", lambda x, n: (1 + x * n) ** 5000),
    ],
    ids=["growth", "decay", "product"],
)
def test_powers_of_1_and_a_quotient(text: str, exact: Callable[..., Any]) -> None:
    """What rounding takes from x/n and from 1 + x/n counts n times."""
    x, n = g.symbols("x n")
    f = g.compile(g.parse(text, [x, n]), [x, n], cache=False)
    rng = np.random.default_rng(2)
    for _ in range(24):
        at = (rng.uniform(0.01, 1), 1e-3 * rng.uniform(0, 1) if "5000" in text else 10.0 ** rng.uniform(2, 9))
        with mpmath.workdps(60):
            true = float(exact(*map(mpmath.mpf, at)))
        assert abs(float(f(*at)) - true) <= 3 * math.ulp(true), at
