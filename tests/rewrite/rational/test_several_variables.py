"""Sums of several variables: what is written anew keeps its digits, and what other rules know more of is theirs."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g

QUADRATICS = (
    "(-b + sqrt(b*b - 4*a*c))/(2*a)",
    "(-b - sqrt(b*b - 4*a*c))/(2*a)",
    "(b - sqrt(b*b - a*c))/a",
    "(sqrt(b*b - 3*a*c) - b)/(2*a)",
)

SUMS = (
    "a - sqrt(a*a - b*b)",
    "sqrt(a*a + b) - a",
    "1/(a - b) - 1/a",
    "(a + b)**3 - a**3",
    "a/sqrt(a*a + b*b) - 1",
)


@pytest.mark.parametrize("text", QUADRATICS)
def test_roots_of_quadratics_are_those_of_their_own_rule(text):
    fired = [step.rule for step in g.rewrites(g.parse(text))]
    assert "quadratic-root" in fired and "several-variables" not in fired


@pytest.mark.parametrize("text", SUMS)
def test_small_beside_large_keeps_its_digits(text):
    """b is small beside a, so that the terms cancel: 2 roundings for each operation of the form."""
    expr = g.parse(text)
    f = g.compile(expr, cache=False)
    rng = np.random.default_rng(1)
    names = [s.name for s in g.free_symbols(expr)]
    for _ in range(40):
        a = float(rng.uniform(1.0, 1e3))
        b = float(a * 10.0 ** rng.uniform(-12, -6))
        at = {"a": a, "b": b}
        with mpmath.workdps(80):
            exact = eval_mp(text, mpmath.mpf(a), mpmath.mpf(b))
            error = abs(mpmath.mpf(float(f(*(at[name] for name in names)))) - exact)
            assert error <= 16 * 2.0**-53 * abs(exact), (text, at)


def eval_mp(text: str, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    forms = {
        "a - sqrt(a*a - b*b)": a - mpmath.sqrt(a * a - b * b),
        "sqrt(a*a + b) - a": mpmath.sqrt(a * a + b) - a,
        "1/(a - b) - 1/a": 1 / (a - b) - 1 / a,
        "(a + b)**3 - a**3": (a + b) ** 3 - a**3,
        "a/sqrt(a*a + b*b) - 1": a / mpmath.sqrt(a * a + b * b) - 1,
    }
    return forms[text]


@pytest.mark.parametrize("text", ["(sqrt(1 + a) - sqrt(1 - a))/a", "(sqrt(4 + a) - 2)/a"])
def test_sums_of_one_variable_keep_their_value_at_zero(text):
    value = g.compile(g.parse(text), cache=False)(0.0)
    assert not math.isnan(value)
