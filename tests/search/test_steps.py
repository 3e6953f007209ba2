"""Differences written by their steps are the differences, and keep their digits where these cancel; mpmath is the oracle."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.search.clock import Clock
from graphc.search.columns import Columns
from graphc.search.engine import FormSearch
from graphc.search.steps import stepped
from graphc.search.truth import Truth

mp: Any = mpmath.mp.clone()
mp.prec = 300

FUNCTIONS = {
    "exp(-Z*Z)": lambda z, c: mp.exp(-z * z),
    "log(1 + exp(Z))": lambda z, c: mp.log(1 + mp.exp(z)),
    "log(Z/(1 - Z))": lambda z, c: mp.log(z / (1 - z)),
    "Z**c*exp(-Z)": lambda z, c: z**c * mp.exp(-z),
    "c**Z": lambda z, c: c**z,
    "1/(1 + Z)**c": lambda z, c: (1 + z) ** -c,
    "atan(Z*Z)": lambda z, c: mp.atan(z * z),
    "sqrt(1 + Z*Z)/c": lambda z, c: mp.sqrt(1 + z * z) / c,
    "Z*log(Z)": lambda z, c: z * mp.log(z),
    "tanh(c*Z)/Z": lambda z, c: mp.tanh(c * z) / z,
    "asin(Z)": lambda z, c: mp.asin(z),
    "acos(Z)": lambda z, c: mp.acos(z),
    "acosh(1 + Z)": lambda z, c: mp.acosh(1 + z),
    "asinh(Z)": lambda z, c: mp.asinh(z),
    "atanh(c*Z)": lambda z, c: mp.atanh(c * z),
    "cos(Z)/Z": lambda z, c: mp.cos(z) / z,
    "sin(Z) - Z*Z": lambda z, c: mp.sin(z) - z * z,
    "tan(Z)": lambda z, c: mp.tan(z),
    "sigmoid(Z)": lambda z, c: 1 / (1 + mp.exp(-z)),
    "softplus(Z)": lambda z, c: mp.log1p(mp.exp(z)),
    "log_sigmoid(Z)": lambda z, c: -mp.log1p(mp.exp(-z)),
    "sinh(Z)*cosh(c*Z)": lambda z, c: mp.sinh(z) * mp.cosh(c * z),
    "1/(Z*Z + c*c)": lambda z, c: 1 / (z * z + c * c),
    "hypot(Z, c)": lambda z, c: mp.hypot(z, c),
    "atan2(Z, c + Z)": lambda z, c: mp.atan2(z, c + z),
    "cbrt(Z)": lambda z, c: mp.cbrt(z),
    "expm1(Z) + log1p(Z)": lambda z, c: mp.expm1(z) + mp.log1p(z),
}
x, y, h, c = g.symbols("x y h c")


def written(text: str, first: str, second: str) -> g.Expr:
    return g.parse(f"({text.replace('Z', first)}) - ({text.replace('Z', second)})", [x, y, h, c])


@pytest.mark.parametrize("text", FUNCTIONS)
@pytest.mark.parametrize("first, second", [("x", "y"), ("(y + h)", "y")])
def test_differences_keep_their_digits(text, first, second):
    """Of inputs as close as 10⁻³ to 10⁻¹², and of an input and its neighbour at a known distance."""
    rng = np.random.default_rng(0)
    near = rng.uniform(0.2, 0.6, 24)
    steps = near * 10.0 ** rng.uniform(-12, -3, 24) * rng.choice([-1, 1], 24)
    at = {x: near + steps, y: near, h: steps, c: rng.uniform(0.3, 1.5, 24)}
    exact = []
    for one, other, step, size in zip(*[at[each].tolist() for each in (x, y, h, c)], strict=True):
        function, b = FUNCTIONS[text], mp.mpf(other)
        a = mp.mpf(one) if first == "x" else b + mp.mpf(step)
        exact.append(float(function(a, mp.mpf(size)) - function(b, mp.mpf(size))))
    columns = Columns(at, 24)
    before = columns.bits(written(text, first, second), np.array(exact)).mean()
    forms = list(stepped(written(text, first, second)))
    after = [columns.bits(form, np.array(exact)).mean() for form in forms]
    assert len(forms) == 2
    assert before > 15
    assert max(after) < 5, (
        forms
    )  # products and quotients leave sums of two terms, which cancel a little as slopes do


def test_the_other_terms_of_a_sum_stay():
    """Of a sum with two pairs each may be written by its step; a product around them stays."""
    formula = g.parse("c*(exp(x) - 1 - exp(y) + h)", [x, y, h, c])
    values = {x: np.array([0.7]), y: np.array([0.2]), h: np.array([3.0]), c: np.array([2.0])}
    forms = list(stepped(formula))
    assert forms
    expected = 2.0 * (math.exp(0.7) - 1 - math.exp(0.2) + 3)
    for form in forms:
        assert abs(Columns(values, 1)(form)[0] - expected) < 1e-14


@pytest.mark.parametrize(
    "text", ["x - y", "exp(x) - sin(y)", "lgamma(x) - lgamma(y)", "exp(x) + exp(y)", "exp(x*y) - exp(y*h*c)"]
)
def test_what_has_no_known_step_has_no_form(text):
    """Inputs alone, unlike functions, functions without a theorem, sums, and operands that are themselves unlike."""
    assert list(stepped(g.parse(text, [x, y, h, c]))) == []


def test_a_search_begins_with_them():
    """With what the rules make of them, before any e-graph, and with as few wrong bits as a form made by hand."""
    formula = g.parse("log(1 + exp(x)) - log(1 + exp(y))", [x, y])
    clock = Clock(1e6)
    truth = Truth([formula], [x, y], clock)
    rng = np.random.default_rng(0)
    points = truth.draw([(1.0, 1.001)] * 2, [False] * 2, 40, rng, clock, 1.0)
    search = FormSearch(formula, truth, points, {}, rng, clock)
    search._seeds()
    assert search.forms.add(formula, "as written").error > 10
    assert search.forms.best.origin == "steps"
    assert search.forms.best.error < 1.5
