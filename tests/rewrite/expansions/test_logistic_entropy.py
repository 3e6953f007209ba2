"""log(1 + eᵘ) − u·σ(u) far out, where both are nearly u; and means of exponentials."""

from __future__ import annotations

import itertools

import mpmath
import pytest

import graphc as g

SIZES = (-700.0, -40.0, -3.0, 0.0, 1e-9, 0.4, 1.5, 20.0, 37.5, 300.0, 690.0)


def entropy(u: float) -> float:
    with mpmath.workdps(700):
        x = abs(mpmath.mpf(u))
        return float(mpmath.log1p(mpmath.exp(-x)) + x / (1 + mpmath.exp(x)))


@pytest.mark.parametrize(
    ("text", "factor"),
    [("softplus(u) - u*sigmoid(u)", 1), ("u*sigmoid(u) - softplus(u)", -1), ("u*sigmoid(-u) - log_sigmoid(u)", 1),
     ("3*log(1 + exp(u)) - 3*u/(1 + exp(-u))", 3), ("softplus(-u) + u*sigmoid(-u)", 1)],
)  # fmt: skip
def test_entropies(text: str, factor: int) -> None:
    f = g.compile(g.parse(text), cache=False)
    for u in SIZES:
        assert f(u) == pytest.approx(factor * entropy(u), rel=2e-15, abs=1e-322), u


def test_with_factors_and_divisors() -> None:
    x, b = g.symbols("x b")
    f = g.compile(g.grad(g.log(1 + g.exp(b * x)) / b, b), [x, b], cache=False)
    for u, slope in itertools.product(SIZES, (0.5, 3.0, -2.0)):
        assert f(u / slope, slope) == pytest.approx(
            -entropy(u / slope * slope) / slope**2, rel=1e-13, abs=1e-320
        ), (u, slope)


@pytest.mark.parametrize(
    "text", ["softplus(u) - v*sigmoid(u)", "softplus(u) + u*sigmoid(u)", "softplus(u) - 2*u*sigmoid(u)"]
)
def test_other_sums_are_left_alone(text: str) -> None:
    assert not [step for step in g.rewrites(g.parse(text)) if step.rule == "logistic-entropy"]


@pytest.mark.parametrize(
    "text", ["log((exp(a) + exp(b))/2)", "log(0.3*(exp(a - b) + exp(b - a)))", "log((exp(-a) + exp(a*b))*5)"]
)
def test_means_of_exponentials(text: str) -> None:
    f = g.compile(g.parse(text), [*g.symbols("a b")], cache=False)
    for a, b in itertools.product((-720.0, -1e-3, 0.0, 2.5, 900.0), (-3.0, 1e-5, 0.9)):
        with mpmath.workdps(900):
            names = {
                "exp": mpmath.exp,
                "log": mpmath.log,
                "c": mpmath.mpf(0.3),
                "a": mpmath.mpf(a),
                "b": mpmath.mpf(b),
            }
            exact = eval(text.replace("0.3", "c"), {"__builtins__": {}}, names)
        assert f(a, b) == pytest.approx(float(exact), rel=3e-15, abs=4e-16), (a, b)
