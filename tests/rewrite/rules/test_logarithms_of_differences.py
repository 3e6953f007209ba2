"""log(eᵃ − e^b): derivatives over the whole range, and the signs of their infinities where both are equal."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import bits_of_error, rounded

POINTS = [
    (800.0, 700.0), (-800.0, -801.0), (1.0, 1.0 - 1e-12), (5.0, -1e300), (1e300, 1.0), (0.3, -0.4), (1e-320, 0.0),
    (700.0, -700.0),
]  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_derivatives(scale: float) -> None:
    a, b = g.symbols("a b")
    formula = scale * g.log(g.exp(a) - g.exp(b))
    slopes = [g.grad(formula, a), g.grad(formula, b)]
    f = g.compile([*slopes, g.grad(slopes[0], b)], [a, b], cache=False)
    for x, y in POINTS:
        with mpmath.workdps(400):
            rest = 1 / mpmath.expm1(mpmath.mpf(x) - mpmath.mpf(y))
            exact = [scale * float(1 + rest), -scale * float(rest), scale * float(rest * (1 + rest))]
        for value, true in zip(f(x, y), exact, strict=True):
            assert value == pytest.approx(true, rel=2e-15, abs=0), (x, y)


def test_equal_exponentials() -> None:
    a, b = g.symbols("a b")
    formula = g.log(g.exp(a) - g.exp(b))
    f = g.compile([formula, g.grad(formula, a), g.grad(formula, b)], [a, b], cache=False)
    for x in (3.0, 0.0, -0.0, 900.0, -1e5):
        assert [float(value) for value in f(x, x)] == [-math.inf, math.inf, -math.inf], x


FORMULAS = {
    "alone": lambda a, b: g.log(g.exp(a) - g.exp(b)),
    "less a term": lambda a, b: g.log(g.exp(a) - g.exp(b)) - a,
    "in a product": lambda a, b: b * g.log(g.exp(a) - g.exp(b)),
}
SLOPES = {
    "alone": lambda a, b, rest, log: (1 + rest, -rest),
    "less a term": lambda a, b, rest, log: (rest, -rest),
    "in a product": lambda a, b, rest, log: (b * (1 + rest), log - b * rest),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_slopes_where_the_difference_of_the_exponents_is_rounded(name: str, dtype: type) -> None:
    """As written they have their digits, which e^(a − b) loses by the rounding of a − b."""
    a, b = g.symbols("a b")
    f = g.compile(g.grad(FORMULAS[name](a, b), [a, b]), [a, b], dtype=dtype, cache=False)
    rng = np.random.default_rng(0)
    reach = 40 if dtype == np.float32 else 300
    for _ in range(60):
        y, x = sorted(dtype(rng.uniform(-reach, reach, 2)))
        with mpmath.workdps(400):
            u, v = mpmath.mpf(float(x)), mpmath.mpf(float(y))
            log = u + mpmath.log1p(-mpmath.exp(v - u))
            exact = SLOPES[name](u, v, 1 / mpmath.expm1(u - v), log)
        for value, true in zip(f(x, y), exact, strict=True):
            correct = rounded(true, np.dtype(dtype))
            assert 2 ** bits_of_error(value, correct, np.dtype(dtype))[0] - 1 <= 4, (x, y)


def test_two_exponents_of_minus_infinity() -> None:
    a, b = g.symbols("a b")
    f = g.compile([g.log(g.exp(a) - g.exp(b)), g.exp(g.log(g.exp(a) - g.exp(b)))], [a, b], cache=False)
    assert list(f(-np.inf, -np.inf)) == [-np.inf, 0.0]
    assert f(800.0, -np.inf)[0] == 800.0
    assert f(800.0, 800.0)[0] == -np.inf
    assert np.isnan(f(-np.inf, 3.0)[0])
