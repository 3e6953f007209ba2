"""log(x/(1 + x)) and its kind: digits where the quotient is near 1, and values where its sums overflow."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite import tables

SHARES = [
    "log(x/(1 + x))", "log((1 + x)/x)", "log((1 + x)/(2 + x))", "log((3 + x)/(x + 1))",
    "log(x*x/(4 + x*x))", "log((1 + x*x)/(2 + x*x))",
    "log(x**3/(1 + x**3))", "log(sqrt(x)/(1 + sqrt(x)))", "log((x - 1)/x)", "log(x/(x - 3))", "log((1 + 2*x)/(2*x))",
    "log((x*x + x)/(x*x + x + 1))", "log(1 + x) - log(x)", "log(x) - log(1 + x)", "log(x*x + 0.5) - log(x*x)",
    "log(x + 5) - log(2 + x)", "log(x*x) - log(x*x + 3)",
    "log((x + y)/x)", "log(y/(x + y))", "log((x*y + 1)/(x*y))", "log((y + 2*x)/(x + y))",
]  # fmt: skip
APART = ["log(x/(1 - x))", "log((1 + x)/(1 + y))", "log(x/y)", "log((1 + x)/3)", "log(x + 1) - log(y + 1)"]
POINTS = (
    1e-9,
    1e-3,
    0.3,
    0.999,
    1.0,
    1.7,
    3.001,
    4.0,
    30.0,
    1e3,
    1.7e7,
    3e9,
    1e16,
    1e40,
    1e70,
    -0.01,
    -0.4,
    -3.7,
    -1e5,
    -1e18,
)
REAL = {name: getattr(mpmath, name) for name in ("log", "sqrt")}


def true(text: str, **at: float) -> mpmath.mpf:
    return eval(text, {**REAL, **{name: mpmath.mpf(value) for name, value in at.items()}})


@pytest.mark.parametrize("text", SHARES)
def test_values_keep_their_digits(text: str) -> None:
    x, y = g.symbols("x y")
    formula = g.parse(text, {"x": x, "y": y})
    names = [s.name for s in sorted(g.free_symbols(formula), key=lambda s: s.name)]
    f = g.compile(formula, list(map({"x": x, "y": y}.get, names)), cache=False)
    checked = 0
    with mpmath.workdps(200):
        for at in POINTS:
            for other in (2.5, 1e-7, 3e8)[: 3 if "y" in names else 1]:
                row = dict(zip(names, (at, other), strict=False))
                try:
                    value = true(text, **row)
                except ZeroDivisionError:
                    continue
                if isinstance(value, mpmath.mpc) or not value or mpmath.isinf(value) or value < -30:
                    continue
                moved = sum(
                    abs(true(text, **{**row, name: row[name] * (1 + mpmath.mpf(10) ** -60)}) - value) * mpmath.mpf(10) ** 60
                    for name in names
                )  # fmt: skip
                allowed = 2.0**-53 * (6 * abs(value) + 3 * moved) + 2.0**-1074
                assert abs(f(*row.values()) - value) <= allowed, (row, f(*row.values()), value)
                checked += 1
    assert checked >= 12


@pytest.mark.parametrize("text", SHARES)
def test_special_values_are_those_of_the_formula(text: str) -> None:
    x, y = g.symbols("x y")
    formula = g.parse(text, {"x": x, "y": y})
    symbols = sorted(g.free_symbols(formula), key=lambda s: s.name)
    f, written = (g.compile(formula, symbols, rewrite=level, cache=False) for level in ("stable", None))
    for at in (0.0, -0.0, 1.0, -1.0, -2.0, 5e-324, 1e-300, math.inf, -math.inf, math.nan):
        row = (at, 1.5)[: len(symbols)]
        found, before = f(*row), written(*row)
        assert found == pytest.approx(before, rel=1e-9, abs=1e-15) or math.isnan(before), (row, found, before)
        assert not (math.isnan(found) and not math.isnan(before))


@pytest.mark.parametrize("text", APART)
def test_sums_that_differ_by_more_stay_as_they_are(text: str) -> None:
    x, y = g.symbols("x y")
    formula = g.parse(text, {"x": x, "y": y})
    names = {step.rule for step in tables.run([formula], "stable").__iter__()}
    assert "log-of-share" not in names


def test_arrays_and_float32() -> None:
    v = g.symbol("v", shape=("n",), dtype="float32")
    f = g.compile(g.log(v / (1 + v)), [v], cache=False)
    values = np.array([1e-3, 1.0, 300.0, 1e6, 3e20], np.float32)
    with mpmath.workdps(60):
        exact = [float(mpmath.log(mpmath.mpf(float(a)) / (1 + mpmath.mpf(float(a))))) for a in values]
    np.testing.assert_array_max_ulp(f(values), np.array(exact, np.float32), 3)


@pytest.mark.parametrize("text", ["x/(1 + x)", "(1 + x)/(2 + x)", "x*x/(4 + x*x)", "x*x/(1 + x*x)"])
@pytest.mark.parametrize("other", ["5", "y*y", "y/(1 + y)*(y/(1 + y))", "y/hypot(1, y)*(y/hypot(1, y))"])
def test_a_choice_of_the_users_keeps_both_sides(text: str, other: str) -> None:
    x, y = g.symbols("x y")
    formula = g.parse(f"log(where(y > 3, {text}, {other}))", {"x": x, "y": y})
    f, written = (g.compile(formula, [x, y], rewrite=level, cache=False) for level in ("stable", None))
    for row in ((2.0, 4.0), (2.0, 1.0), (1e3, 0.5), (0.1, 5.0), (7.0, -2.0)):
        assert f(*row) == pytest.approx(written(*row), rel=1e-12), row
