"""x/(1 − e⁻ˣ), x·e⁻ˣ/(1 − e⁻ˣ) and their kind, which are x/(eˣ − 1) turned around: values and two derivatives on both sides."""

from __future__ import annotations

import math

import pytest

import graphc as g
from tests.benchmarks.derivatives import MOST, Formula, scalar_errors

KIND = (
    "x/(1 - exp(-x))",
    "x/(exp(-x) - 1)",
    "x*exp(-x)/(1 - exp(-x))",
    "3*x*exp(x)/(exp(x) - 1)",
    "exp(2*x)*x/(1 - exp(2*x))",
    "(x*exp(-0.5*x))/(2 - 2*exp(-0.5*x))",
)


@pytest.mark.parametrize("text", KIND)
@pytest.mark.sample(2)
def test_value_and_derivatives_on_both_sides(text: str) -> None:
    for order, (error, x) in enumerate(scalar_errors(Formula(text, -690.0, 690.0), "float64", {}, 5)):
        assert error <= MOST, f"derivative {order} at {x!r}: {error} units"


@pytest.mark.parametrize("text", KIND)
def test_far_out_numbers_stay_numbers(text: str) -> None:
    formula = g.parse(text)
    (x,) = g.free_symbols(formula)
    slope = g.grad(formula, x)
    f, written = (
        g.compile([formula, slope, g.grad(slope, x)], [x], cache=False, rewrite=level)
        for level in ("stable", None)
    )
    for at in (-1e300, -1e6, -800.0, 800.0, 1e6, 1e300):
        for ours, theirs in zip(f(at), written(at), strict=True):
            assert math.isfinite(ours) or not math.isfinite(theirs), at
