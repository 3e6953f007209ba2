"""Slopes of functions of quotients of several variables: f′(q)/(v − u) − f′(q)·v/(v − u)², where f′(q) is common to what cancels.

Oracle: the formula as written, by mpmath.
"""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

import graphc as g
from graphc.rewrite import tables
from tests.fuzz.rule_judge import interpreted

FUNCTIONS = {
    "exp": g.exp, "tanh": g.tanh, "sigmoid": g.sigmoid, "softplus": g.softplus, "sinh": g.sinh, "erf": g.erf,
    "gauss": lambda q: g.exp(-q * q / 2), "q exp q": lambda q: q * g.exp(q), "digamma": lambda q: g.digamma(1 + q * q),
    "where": lambda q: g.where(q > 0.3, g.exp(q), g.tanh(q)), "power of e": lambda q: 3 - 2 * g.exp(-q) + q,
    "j0": g.j0, "plain log": g.log,
}  # fmt: skip

QUOTIENTS = {
    "v/(v - u)": lambda u, v: v / (v - u), "v/(v + u)": lambda u, v: v / (v + u), "uv/(u + v)": lambda u, v: u * v / (u + v),
    "u²v/(uv + 1)": lambda u, v: u * u * v / (u * v + 1), "v/√(v² + u²)": lambda u, v: v / g.sqrt(v * v + u * u),
    "(v - u)/(v + u)": lambda u, v: (v - u) / (v + u),
}  # fmt: skip

CASES = [
    *zip(FUNCTIONS, itertools.cycle(QUOTIENTS)), *[("exp", q) for q in list(QUOTIENTS)[1:]], ("plain log", "v/√(v² + u²)")
]  # fmt: skip


def _slope(function: str, quotient: str) -> tuple[g.Expr, g.Expr, g.Expr]:
    u, v = g.symbols("u v")
    return g.grad(FUNCTIONS[function](QUOTIENTS[quotient](u, v)), v), u, v


@pytest.mark.parametrize(("function", "quotient"), CASES)
def test_digits_of_a_slope(function: str, quotient: str) -> None:
    """Within 4 units of what its arguments' own rounding changes."""
    slope, u, v = _slope(function, quotient)
    (written,) = tables.run([slope], "stable").outputs
    rng = random.Random(f"{function} {quotient}")
    points = [(math.exp(rng.gauss(0, 3)), math.exp(rng.gauss(0, 3))) for _ in range(12)]
    with np.errstate(all="ignore"):
        (found,) = interpreted(
            [written], {u: np.array([p[0] for p in points]), v: np.array([p[1] for p in points])}
        )
    unit, step = 2.0**-52, 1 + 2.0**-40
    tried = 0
    for (one, other), value in zip(points, found, strict=True):
        true = float(g.evaluate(slope, {u: one, v: other}, digits=20))
        if not 1e-250 < abs(true) < 1e250:
            continue
        moved = ((one * step, other), (one, other * step))
        changes = [abs(float(g.evaluate(slope, {u: a, v: b}, digits=20)) - true) for a, b in moved]
        assert abs(value - true) <= 4 * unit * (abs(true) + sum(changes) * 2.0**40), (one, other)
        tried += 1
    assert tried > 6


@pytest.mark.parametrize("quotient", QUOTIENTS)
@pytest.mark.parametrize("function", ["exp", "sigmoid", "j0"])
def test_what_is_right_as_written_stays(function: str, quotient: str) -> None:
    """Over zeros, infinities, NaN and sizes that over- and underflow: no finite value is lost, and NaN stays."""
    slope, u, v = _slope(function, quotient)
    (written,) = tables.run([slope], "stable").outputs
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e-308, 1e-140, 1e140, 1.7e308, 1.0, -2.5]
    pairs = list(itertools.product(special, special))
    at = {u: np.array([p[0] for p in pairs]), v: np.array([p[1] for p in pairs])}
    with np.errstate(all="ignore"):
        before, after, *terms = interpreted([slope, written, *slope.operands], at)
        # terms that are equal as floats cancel to 0 by luck
        luck = 4 * 2.0**-52 * sum(np.abs(term) for term in terms)
    assert np.isnan(after[np.isnan(at[u]) | np.isnan(at[v])]).all()
    for pair, old, new, more in zip(pairs, before, after, luck, strict=True):
        if not math.isfinite(old) or old == new:
            continue
        true = g.evaluate(slope, dict(zip((u, v), pair, strict=True)), digits=20)
        assert abs(float(true - float(new))) <= abs(float(true - float(old))) + more + 5e-324, pair


def test_no_factor_is_taken_out_of_what_does_not_cancel() -> None:
    u, v = g.symbols("u v")
    for text in ("exp(u)*v + exp(u)*u", "exp(u)*v - exp(v)*v", "exp(u) - 1 - u", "log(u)*v - v"):
        fired = {str(step.rule) for step in tables.run([g.parse(text, {"u": u, "v": v})], "stable")}
        assert "several-variables" not in fired, text
