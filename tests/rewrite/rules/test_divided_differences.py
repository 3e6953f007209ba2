"""Divided differences of exponentials, powers and logarithms near where both sides vanish: values, slopes, second derivatives."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

import graphc as g

a, b, q, x = g.symbols("a b q x")

APART = (1e-14, -1e-11, 3e-9, -1e-6, 1e-4, -0.01, 0.2, -0.6, 3.0)
"""By what part of it the second argument differs from the first."""

FORMULAS = {
    "(a - b)/log(a/b)": lambda u, v: (u - v) / mpmath.log(u / v),
    "3*x*(b - a)/(log(a) - log(b))": lambda u, v: 3 * (v - u) / (mpmath.log(u) - mpmath.log(v)),
    "log(a/b)/(a - b)": lambda u, v: mpmath.log(u / v) / (u - v),
    "x*(log(a) - log(b))/(2*(a - b))": lambda u, v: (mpmath.log(u) - mpmath.log(v)) / (2 * (u - v)),
}


def exact(function, *at):
    """The value, both slopes and the mixed derivative."""
    with mpmath.workdps(150):
        point = tuple(map(mpmath.mpf, at))
        step = [mpmath.mpf(10) ** -36 * abs(value) for value in point]
        u, v = point
        h, k = step

        def f(i, j):
            return function(u + i * h, v + j * k)

        return [
            f(0, 0),
            (8 * (f(1, 0) - f(-1, 0)) - f(2, 0) + f(-2, 0)) / (12 * h),
            (8 * (f(0, 1) - f(0, -1)) - f(0, 2) + f(0, -2)) / (12 * k),
            (f(1, 1) - f(1, -1) - f(-1, 1) + f(-1, -1)) / (4 * h * k),
        ]


def derivatives(formula, u, v):
    slopes = g.grad(formula, [u, v])
    return [formula, *slopes, g.grad(slopes[0], v)]


@pytest.mark.parametrize("text", FORMULAS)
def test_logarithms(text: str) -> None:
    formula = g.parse(text)
    f = g.compile(derivatives(formula, a, b), [a, b, *([x] if "x" in text else [])], cache=False)
    for size, apart in itertools.product((2.0, 1e-60, 3e60), APART):
        at = size, size * (1 + apart)
        truths = exact(FORMULAS[text], *at)[: 3 if "2*" in text else 4]
        for found, truth in zip(f(*at, *([1.0] if "x" in text else [])), truths, strict=False):
            assert found == pytest.approx(float(truth), rel=4e-15 if abs(apart) < 0.3 else 4e-14, abs=0), at


EXPONENTIALS = {
    "(exp(a) - exp(b))/(a - b)": lambda u, v: (mpmath.exp(u) - mpmath.exp(v)) / (u - v),
    "2*(exp(-b) - exp(-a))/(a - b)": lambda u, v: 2 * (mpmath.exp(-v) - mpmath.exp(-u)) / (u - v),
}


@pytest.mark.parametrize("text", EXPONENTIALS)
def test_exponentials(text: str) -> None:
    f = g.compile(derivatives(g.parse(text), a, b), [a, b], cache=False)
    for size, apart in itertools.product((2.0, 0.3, -1.5), APART):
        at = size, size * (1 + apart)
        for found, truth in zip(f(*at), exact(EXPONENTIALS[text], *at), strict=True):
            assert found == pytest.approx(float(truth), rel=4e-15 if abs(apart) < 0.3 else 4e-14, abs=0), at


def test_q_logarithm() -> None:
    f = g.compile(derivatives((x ** (1 - q) - 1) / (1 - q), x, q), [x, q], cache=False)
    for at in itertools.product((3.0, 0.2, 1.0001), (1 + 1e-15, 1 - 1e-12, 1 + 1e-9, 1 - 1e-5, 1.01, 0.7)):
        truths = exact(lambda u, v: (u ** (1 - v) - 1) / (1 - v), *at)
        for found, truth in zip(f(*at), truths, strict=True):
            assert found == pytest.approx(float(truth), rel=4e-15, abs=0), at


def test_decay_chain() -> None:
    """Bateman's second member: value and slopes where both rates are nearly equal."""
    t = g.symbol("t")
    formula = a / (b - a) * (g.exp(-a * t) - g.exp(-b * t))
    f = g.compile([formula, *g.grad(formula, [a, b])], [a, b, t], cache=False)
    for apart in APART:
        at = 0.5, 0.5 * (1 + apart)
        truths = exact(lambda u, v: u / (v - u) * (mpmath.exp(-3 * u) - mpmath.exp(-3 * v)), *at)
        for found, truth in zip(f(*at, 3.0), truths, strict=False):
            assert found == pytest.approx(float(truth), rel=1e-14, abs=0), at


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("(a - b)/log(a/b)", 2.0),
        ("(log(a) - log(b))/(a - b)", 0.5),
        ("(exp(a) - exp(b))/(a - b)", math.exp(2)),
        ("(b - a)/(exp(a) - exp(b))", -math.exp(-2)),
    ],
)
def test_the_limit_stands_at_equality(text: str, limit: float) -> None:
    assert g.compile(g.parse(text), cache=False)(a=2.0, b=2.0) == pytest.approx(limit, rel=2**-51)


VALUES = (0.0, -0.0, 1.0, -2.0, 1e-310, 5e-324, 1.7e308, -1e300, 750.0, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("text", [*FORMULAS, *EXPONENTIALS, "x*(a - 1)/log(a)", "(a**(1 - b) - 1)/(1 - b)"])
def test_nothing_right_as_written_is_lost(text: str) -> None:
    formula = g.parse(text)
    own = [s for s in g.free_symbols(formula) if s.name in "ab"]
    outputs = [formula, *g.grad(formula, own)]
    symbols = [*own, *(s for s in g.free_symbols(formula) if s.name == "x")]
    f = g.compile(outputs, symbols, cache=False)
    plain = g.compile(outputs, symbols, cache=False, rewrite=None)
    rest = [1.0] * (len(symbols) - len(own))
    for at in itertools.product(VALUES, repeat=len(own)):
        with np.errstate(all="ignore"):
            for found, written in zip(f(*at, *rest), plain(*at, *rest), strict=True):
                # the slope is a⁻ᵇ, and as written a⁰ where 1 − b rounds to 1
                off = not at[0] > 0 and "**" in text
                assert off or not math.isfinite(written) or math.isfinite(found), (at, found, written)
        if any(map(math.isnan, at)):
            assert math.isnan(f(*at, *rest)[0])
