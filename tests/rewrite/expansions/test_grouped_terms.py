"""Sums of several variables in which the terms of one cancel, in any order."""

from __future__ import annotations

import itertools

import mpmath
import pytest

import graphc as g

POINTS = [(3e-9, 1e-8), (-2e-5, 4e-6), (1e-30, 1e-14), (0.3, -0.2), (2.0, 3.0)]


def of(text: str, m: float, v: float) -> mpmath.mpf:
    with mpmath.workdps(120):
        names = {name: getattr(mpmath, name) for name in ("exp", "log", "sin", "cosh", "tan", "expm1")}
        return +eval(text, {"__builtins__": {}}, {**names, "m": mpmath.mpf(m), "v": mpmath.mpf(v)})


@pytest.mark.parametrize("order", list(itertools.permutations(["m*m", "exp(v)", "-1", "-v"])), ids="".join)
def test_the_divergence_of_two_normal_distributions(order: tuple[str, ...]) -> None:
    text = "+".join(order).replace("+-", "-")
    f = g.compile(g.parse(text), [*g.symbols("m v")], cache=False)
    for m, v in POINTS:
        assert f(m, v) == pytest.approx(float(of(text, m, v)), rel=2e-15), (m, v)


@pytest.mark.parametrize(
    "text",
    ["m**2 + tan(v) - v - v**3/3", "v - sin(v) + exp(m) + 2 - v**3/6", "m*m*v - v + m*m - sin(v) + exp(v) - 1",
     "cosh(v) + m*m - 1 - v*v/2", "-(1 + v - m**2 - exp(v))/2"],
)  # fmt: skip
def test_values_and_first_derivatives(text: str) -> None:
    m, v = g.symbols("m v")
    formula = g.parse(text, {"m": m, "v": v})
    f = g.compile([formula, g.grad(formula, m), g.grad(formula, v)], [m, v], cache=False)
    step = mpmath.mpf(10) ** -45
    for at in POINTS[:4]:
        value, by_m, by_v = f(*at)
        with mpmath.workdps(120):
            x, y = map(mpmath.mpf, at)
            slopes = [
                (of(text, x + step, y) - of(text, x - step, y)) / (2 * step),
                (of(text, x, y + step) - of(text, x, y - step)) / (2 * step),
            ]
        assert value == pytest.approx(float(of(text, *at)), rel=4e-15), at
        assert by_m == pytest.approx(float(slopes[0]), rel=4e-15), at
        assert by_v == pytest.approx(float(slopes[1]), rel=1e-14, abs=1e-60), at


def test_sums_in_which_nothing_cancels_keep_their_order() -> None:
    for text in ("m*m + exp(v) + v - 2", "a + sin(m) + b - v", "m + v - 1", "exp(m) + exp(v) + 1 + m*v"):
        assert not [step for step in g.rewrites(g.parse(text)) if step.rule == "grouped-terms"], text


CANCELLED_FIRST = ["m + v - log(v) - 1", "v - m - log(v) - 1", "v + m - sin(v) + v**3/6"]


@pytest.mark.parametrize("text", CANCELLED_FIRST)
def test_terms_that_cancel_with_others_as_they_are_written(text: str) -> None:
    """Where m is ±v the sum of both is exact, and nothing but the rest is left of far larger terms."""
    f = g.compile(g.parse(text), [*g.symbols("m v")], cache=False)
    for v in (0.5, 1.5, 3.5, 1e3, 1.75e9, 1.75e18):
        for m in (v, -v):
            expected = float(of(text, m, v))
            assert f(m, v) == pytest.approx(expected, rel=6 * 2.0**-53), (m, v)


@pytest.mark.parametrize("text", CANCELLED_FIRST)
def test_near_and_far_are_written_once(text: str) -> None:
    written = g.stabilize(g.parse(text))
    assert not [step for step in g.rewrites(written) if step.rule == "grouped-terms"]
