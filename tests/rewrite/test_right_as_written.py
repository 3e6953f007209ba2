"""Numbers that a formula as written gets right, at extreme arguments, and that rules have spoiled."""

from __future__ import annotations

import math
from typing import Any

import pytest

import graphc as g

u, v = g.symbols("u v")

CASES: dict[str, tuple[Any, dict[str, float], float]] = {
    # products of quotients of exponentials: the other factors are multiplied as they were
    "two products that would overflow": (
        (1 / -g.expm1(u / 2)) * (v * (1 / v)) * g.exp(u / 2), {"u": -3e-52, "v": 7.7e-284}, 1 / 1.5e-52,
    ),
    "beside a quotient": ((1 / g.expm1(u)) * (v / 1e-200) * g.exp(u), {"u": 1e-200, "v": 1e-200}, 1e200),
    # differences of gamma functions beyond powers that overflow, and beside their pole
    "polygamma far out": (g.polygamma(2, v + 1.75) - g.polygamma(2, v), {"v": 4e306}, 0.0),
    "trigamma far out": (g.polygamma(1, v + 3) - g.polygamma(1, v), {"v": 1e200}, 0.0),
    "digamma beside its pole": (g.digamma(v) - g.digamma(v + 0.25), {"v": 2.225073674838945e-308}, -4.494233208131331e307),
    "digamma beside its pole, a small step": (g.digamma(v + 2.0**-20) - g.digamma(v), {"v": 1e-300}, 1e300),
    # equal terms at infinity: nothing of it is the limit
    "equal exponentials": (g.exp(u) / (g.exp(u) + g.exp(u) + g.exp(v)), {"u": -math.inf, "v": 0.5}, 0.0),
    "three of them": (g.exp(u) / (g.exp(u) + g.exp(u) + g.exp(u) + g.exp(v)), {"u": -math.inf, "v": -3.0}, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_at_extremes(name: str) -> None:
    formula, at, wanted = CASES[name]
    symbols = [s for s in (u, v) if s.name in at]
    found = float(g.compile(formula, symbols, cache=False)(*[at[s.name] for s in symbols]))
    assert found == wanted or abs(found - wanted) <= 4e-16 * abs(wanted)


DERIVATIVES: dict[str, tuple[Any, dict[str, float], float]] = {
    "coth addition": (v * g.expm1((u + u) * v) / (g.expm1(u * v) * g.expm1(u * v)), {"u": 40.9, "v": -36.7}, 0.0),
    "coth addition, the other sign": (v * g.expm1((u + u) * v) / (g.expm1(u * v) * g.expm1(u * v)), {"u": 40.9, "v": 36.7}, 0.0),
    "polygamma": (g.polygamma(2, u + 1.75) - g.polygamma(2, u), {"u": 4e306}, 0.0),
    "equal exponentials": (g.exp(u) / (g.exp(u) + g.exp(u) + g.exp(v)), {"u": -math.inf, "v": 0.5}, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_at_extremes(name: str) -> None:
    formula, at, wanted = DERIVATIVES[name]
    symbols = [s for s in (u, v) if s.name in at]
    first = g.grad(formula, u)
    found = g.compile([first, g.grad(first, u)], symbols, cache=False)(*[at[s.name] for s in symbols])
    assert [float(value) for value in found] == [wanted, wanted]


@pytest.mark.parametrize("other", [g.sin(v), u + v, g.expm1(2 * g.log1p(u))], ids=str)
def test_a_branch_that_is_no_power_stays(other: g.Expr) -> None:
    """A power in a branch over x is a series near 0 and on the other side of the user's condition what the user wrote."""
    formula = g.where(abs(u) < 0.4, g.expm1(3 * g.log1p(u)), other) / u
    first = g.grad(formula, u)
    written = g.compile([formula, first], [u, v], rewrite=None, cache=False)
    rewritten = g.compile([formula, first], [u, v], cache=False)
    for point in (0.3, 0.5, 1.0, -0.6, 3.0):
        assert [float(f) for f in rewritten(point, 0.7)] == pytest.approx(
            [float(f) for f in written(point, 0.7)], rel=1e-14
        )


ARGUMENT = u * (u * v)


def test_exponents_are_rounded_as_they_are_written() -> None:
    """Derivatives of quotients of exponentials are differences of large numbers that have one exponent, to the last bit."""
    z = u * v
    formula = z * g.expm1((1 / u + u) * z) / (g.expm1(1 / u * z) * g.expm1(ARGUMENT))
    at = {"u": -14.674105053669308, "v": 0.42939781758091566}
    for by in (u, v):
        slope = g.grad(formula, by)
        exact = float(g.evaluate(slope, at, digits=30))
        assert float(g.compile(slope, [u, v], cache=False)(at["u"], at["v"])) == pytest.approx(
            exact, rel=5e-13
        )
