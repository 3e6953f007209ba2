"""Three logarithms of gamma functions that are one of a beta function: binomials, negative binomials, beta densities."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import pytest

import graphc as g

a, b = g.symbols("a b")


def _binomial(n: Any, k: Any) -> Any:
    return mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)


WRITTEN = {
    "lgamma(a) + lgamma(b) - lgamma(a + b)": lambda p, q: (
        mpmath.loggamma(p) + mpmath.loggamma(q) - mpmath.loggamma(p + q)
    ),
    "lgamma(a + 1) - lgamma(b + 1) - lgamma(a - b + 1)": _binomial,
    "lgamma(a + b) - lgamma(a) - lgamma(b + 1)": lambda p, q: (
        mpmath.loggamma(p + q) - mpmath.loggamma(p) - mpmath.loggamma(q + 1)
    ),
    "lgamma(a + b + 1) - lgamma(b) - lgamma(a)": lambda p, q: (
        mpmath.loggamma(p + q + 1) - mpmath.loggamma(p) - mpmath.loggamma(q)
    ),
}

POINTS = tuple(itertools.product((31.5, 4e3, 2.5e7, 3e12), (0.75, 6.0, 28.25)))


def _value_and_slopes(f: Callable[[Any, Any], Any], p: Any, q: Any) -> list[Any]:
    step = mpmath.mpf(10) ** -25
    return [
        f(p, q),
        (f(p + step, q) - f(p - step, q)) / (2 * step),
        (f(p, q + step) - f(p, q - step)) / (2 * step),
    ]


@pytest.mark.parametrize("text", WRITTEN)
def test_value_and_slopes_far_out(text: str) -> None:
    formula = g.parse(text)
    f = g.compile([formula, g.grad(formula, a), g.grad(formula, b)], [a, b], cache=False)
    for p, q in POINTS:
        with mpmath.workdps(120):
            exact = _value_and_slopes(WRITTEN[text], mpmath.mpf(p), mpmath.mpf(q))
        for found, right in zip(f(p, q), exact, strict=True):
            # betaln is right within 64 units
            assert abs(mpmath.mpf(float(found)) - right) <= 64 * mpmath.mpf(2) ** -52 * abs(right), (p, q)


@pytest.mark.parametrize("text", WRITTEN)
def test_by_the_beta_function(text: str) -> None:
    assert "log-beta" in {step.rule for step in g.rewrites(g.parse(text))}


@pytest.mark.parametrize(
    "text",
    [
        "lgamma(a) + lgamma(b) - lgamma(a + b + 3)",
        "lgamma(a) + lgamma(b) + lgamma(a + b)",
        "lgamma(a) + lgamma(b) - 2*lgamma(a + b)",
        "a*lgamma(a) + lgamma(b) - lgamma(a + b)",
        "lgamma(a) + lgamma(b) - lgamma(a*b)",
    ],
)
def test_what_is_no_beta_function_stays(text: str) -> None:
    assert "log-beta" not in {step.rule for step in g.rewrites(g.parse(text))}
