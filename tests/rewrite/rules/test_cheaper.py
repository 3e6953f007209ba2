"""What is spared for speed is the same function: one division for two branches, one exponential for tanh beside cosh."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import walk
from tests.benchmarks.derivatives import MOST, Formula, scalar_errors

x, y = g.symbol("x"), g.symbol("y")

POINTS = np.array(
    [0.0, -0.0, 5e-324, -1e-310, 1e-30, 0.25, -1.0, 3.0, -19.999, 20.0, 25.0, -300.0, 710.0, -744.0, 1e9, -1e200, math.inf,
     -math.inf, math.nan]
)  # fmt: skip


def divisions(e: g.Expr) -> int:
    return sum(node.op.name == "divide" for node in walk((e,)))


BRANCHES = {
    "numbers above": (
        g.where(x > 1, 1 / (1 + abs(x)), 1 / x),
        lambda t: 1 / (1 + abs(t)) if t > 1 else 1 / t,
    ),
    "a factor and zero": (
        g.where(abs(x) < 2, 2 * (x / g.sqrt(3 + x * x)) + 0, 2 * (y / x) + 0),
        lambda t: 2 * (t / math.sqrt(3 + t * t)) + 0 if abs(t) < 2 else 2 * (3 / t) + 0,
    ),
    "twice one": (
        g.where(x < 0, y / (x - 1) + y / (x - 1), 2 * (x / (x + 1))),
        lambda t: 2 * (3 / (t - 1)) if t < 0 else 2 * (t / (t + 1)),
    ),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_two_branches_divide_once_to_the_same_bits(name: str) -> None:
    formula, plain = BRANCHES[name]
    assert divisions(g.stabilize(formula)) == 1
    f = g.compile(formula, [x, y], cache=False)
    with np.errstate(all="ignore"):
        wanted = np.array([plain(t) for t in POINTS])
    assert np.array_equal(f(POINTS, np.full(POINTS.shape, 3.0)).view("u8"), wanted.view("u8"))


@pytest.mark.parametrize(
    "formula",
    [
        g.where(x > 1, y / x, y / 3 * x * (1 / (x + 1))),  # more than one factor above
        g.where(x > 1, y / x, 3 * (x / y)),  # other numbers before
        g.where(x > 1, y / x, x),
    ],
    ids=str,
)
def test_others_stay_as_they_are(formula: g.Expr) -> None:
    assert "one-division" not in [step.rule for step in g.rewrites(formula)]


QUOTIENTS = [
    Formula("tanh(x)/cosh(x)", -745.0, 745.0),
    Formula("tanh(2*x)/cosh(2*x)", -370.0, 370.0),
    Formula("-(tanh(x)/cosh(x)/cosh(x)*2)", -372.0, 372.0),
    Formula("1/cosh(3*x)", -248.0, 248.0),
]


@pytest.mark.parametrize("formula", QUOTIENTS, ids=[formula.text for formula in QUOTIENTS])
def test_one_exponential_for_tanh_beside_cosh(formula: Formula) -> None:
    (at,) = g.free_symbols(formula.expr)
    first = g.grad(formula.expr, at) if formula.text.startswith("1/") else formula.expr
    assert "shared-exponential" in [step.rule for step in g.rewrites(first)]
    for order, (error, point) in enumerate(scalar_errors(formula, "float64", {}, 7)[:2]):
        assert error <= MOST, f"derivative {order} at {point!r}: {error} units"


def test_limits_and_nan_stay() -> None:
    f = g.compile(g.tanh(x) / g.cosh(x), x, cache=False)
    assert f(math.inf) == 0 and f(-math.inf) == 0 and math.isnan(f(math.nan))
    assert math.copysign(1, f(-0.0)) < 0 < math.copysign(1, f(0.0))
