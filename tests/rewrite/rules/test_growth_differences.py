"""Exponentials and powers beside each other: values and derivatives against mpmath, and nothing new at the ends of the floats."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import exp, mpf

import graphc as g
from graphc.rewrite.rules.differences import factored_difference

Ranges = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

RATES, YEARS = (1e-7, 0.2), (0.5, 40.0)
NEAR = (1.3, 1.3 * (1 + 1e-5))

FORMULAS: dict[str, tuple[str, Callable[..., Any], Ranges]] = {
    "two decays": ("exp(-x*z) - exp(-y*z)", lambda x, y, z: exp(-x * z) - exp(-y * z), (NEAR, NEAR, (0.1, 3))),
    "two times": ("exp(2*z*x) - exp(2*y*z)", lambda x, y, z: exp(2 * z * x) - exp(2 * z * y), (NEAR, NEAR, (-3, 3))),
    "one with a power": ("exp(x*z) - exp(x)", lambda x, y, z: exp(x * z) - exp(x), ((1, 2), YEARS, (1, 1 + 1e-6))),
    "continuous interest": ("exp(x*y) - (1 + x)**y", lambda x, y, z: exp(x * y) - (1 + x) ** y, (RATES, YEARS, YEARS)),
    "yearly interest": ("(x + 1)**y - exp(y*x)", lambda x, y, z: (1 + x) ** y - exp(x * y), (RATES, YEARS, YEARS)),
    "discount": ("exp(-x*y) - (1 - x)**y", lambda x, y, z: exp(-x * y) - (1 - x) ** y, (RATES, YEARS, YEARS)),
    "two rates": ("(1 + x)**z - (1 + y)**z", lambda x, y, z: (1 + x) ** z - (1 + y) ** z, (RATES, RATES, YEARS)),
    "two losses": ("(1 - x)**z - (1 - y)**z", lambda x, y, z: (1 - x) ** z - (1 - y) ** z, (RATES, RATES, YEARS)),
    "two bases": ("x**z - y**z", lambda x, y, z: x**z - y**z, (NEAR, NEAR, (-9, 9))),
    "decay chain": (
        "x/(y - x)*(exp(-x*z) - exp(-y*z))", lambda x, y, z: x / (y - x) * (exp(-x * z) - exp(-y * z)), (NEAR, NEAR, (0.1, 3)),
    ),
}  # fmt: skip


QUICK = ("two decays", "continuous interest", "two rates")
"""Of which all is tried by default; of the others in the stage for what is slow."""


def sampled(names: Iterable[str]) -> list[Any]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


def points(ranges: Ranges, count: int = 8, seed: int = 0) -> list[tuple[float, ...]]:
    """Points within ranges, those of sizes by their logarithm."""
    rng = np.random.default_rng(seed)
    columns = []
    for low, high in ranges:
        by_size = 0 < low < 0.01 * high
        column = rng.uniform(math.log(low) if by_size else low, math.log(high) if by_size else high, count)
        columns.append(np.exp(column) if by_size else column)
    return list(zip(*[column.tolist() for column in columns], strict=True))


@pytest.mark.parametrize("name", list(FORMULAS))
def test_values(name: str) -> None:
    """Some rounding errors of exponents up to 8, each of which is a unit for each unit of the exponent."""
    text, exact, ranges = FORMULAS[name]
    f = g.compile(g.parse(text), g.symbols("x y z"), cache=False)
    for at in points(ranges):
        with mpmath.workdps(60):
            true = exact(*map(mpf, at))
            error = abs(mpf(float(f(*at))) - true)
        assert error <= 12 * math.ulp(float(true)), at


@pytest.mark.parametrize("name", sampled(FORMULAS))
def test_derivatives(name: str) -> None:
    """No further off than those of the formula as written, beside rounding errors of their terms."""
    text, exact, ranges = FORMULAS[name]
    symbols = g.symbols("x y z")
    formula = g.parse(text, symbols)
    slopes = [g.grad(formula, s) for s in symbols if s in g.free_symbols(formula)]
    outputs = [*slopes, g.grad(slopes[0], symbols[0])]
    orders = [tuple(int(s is other) for other in symbols) for s in symbols if s in g.free_symbols(formula)]
    orders.append((2, 0, 0))
    stable, written = (g.compile(outputs, symbols, rewrite=level, cache=False) for level in ("stable", None))
    for at in points(ranges, 2, 1):
        with mpmath.workdps(80):
            wanted = [float(mpmath.diff(exact, at, order)) for order in orders]
        for found, before, true in zip(stable(*at), written(*at), wanted, strict=True):
            assert abs(float(found) - true) <= max(1e-13 * abs(true), 2 * abs(float(before) - true)), at


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sampled(name for name in FORMULAS if name != "decay chain"))
def test_ends_of_the_floats(name: str, dtype: str) -> None:
    """Where the formula as written has a number that is right, so has what the rules write; NaN stays NaN."""
    text, exact, _ = FORMULAS[name]
    symbols = g.symbols("x y z", dtype=dtype)
    formula = g.parse(text, symbols)
    kind = np.dtype(dtype).type
    info = np.finfo(dtype)
    ends = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        info.smallest_subnormal,
        info.max,
        -info.max,
        1e3,
        math.inf,
        -math.inf,
        math.nan,
    ]
    rows = np.array(list(itertools.product(map(kind, ends), repeat=3)), dtype).T
    stable, written = (g.compile(formula, symbols, rewrite=level, cache=False) for level in ("stable", None))
    with np.errstate(all="ignore"):
        found, before = stable(*rows), written(*rows)
    np.testing.assert_array_equal(np.isnan(found) & ~np.isnan(before), False)
    differs = np.flatnonzero((found != before) & np.isfinite(before))
    for place in differs.tolist():
        with mpmath.workdps(400):
            true = exact(*[mpf(float(value)) for value in rows[:, place]])
            if not mpmath.isfinite(true) or isinstance(true, mpmath.mpc):
                continue
            after, was = (abs(mpf(float(each[place])) - true) for each in (found, before))
            assert after <= was + 8 * mpf(float(np.spacing(kind(abs(float(true)))))), rows[:, place]


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("a*b", "b*c", "b*(a - c)"),
        ("-(a*b)", "-(c*a)", "a*(c - b)"),
        ("3*a*b", "3*b*c", "3*(b*(a - c))"),
        ("a", "a*b", "a*(1 - b)"),
        ("a*a", "a*b", "a*(a - b)"),
        ("a*b", "c*d", "a*b - c*d"),
        ("2*a*b", "3*a*c", "2*a*b - 3*a*c"),
        ("a*b*c", "a*b*d", "a*b*c - a*b*d"),  # a·b may vanish where a·b·c is no small number
        ("a*b", "-(a*c)", "a*b - -(a*c)"),
        ("a", "b", "a - b"),
    ],
)
def test_what_products_share_is_taken_out(one: str, other: str, wanted: str) -> None:
    assert str(factored_difference(g.parse(one), g.parse(other))) == str(g.parse(wanted))


@pytest.mark.parametrize(
    "text", ["x**3 - y**3", "exp(x) - y**z", "exp(x) - exp(-x)", "(2 + x)**z - (2 + y)**z", "x**z - x**y"]
)
def test_others_are_left_to_other_rules(text: str) -> None:
    f = g.compile(g.parse(text), rewrite="stable", cache=False)
    assert not any(
        name in str(f.report()) for name in ("near-power-step", "exp-less-power", "power-less-exp")
    )
