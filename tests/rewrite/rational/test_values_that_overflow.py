"""Rational functions as values: right where their powers overflow, and as they are written elsewhere."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g

FORMULAS = (
    "x**4/(1 + x**4)", "x**3/(1 + x**3)", "x**5/(2 + x**5)", "x**3/(1 + x + x**3)", "(1 + x**2)/(1 + x**4)", "x/(1 + x**4)",
    "x**4/(16 + x**4)", "(x**3 - 1)/(x**3 + 3)", "x**3/(x*x*x - 8)", "x**6/(x**6 + x**3 + 1)", "(2*x**4 + x)/(x**4 + 3)",
)  # fmt: skip
POINTS = (1e-200, 1e-9, 0.3, 0.99, 1.7, -0.3, -2.6, 41.0, 1e5, -1e17, 1e77, -1e90, 1e103, 1e140)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(text: str, dtype: str) -> None:
    x = g.symbol("x", dtype=dtype)
    formula = g.parse(text, {"x": x})
    f, written = (g.compile(formula, [x], rewrite=level, cache=False) for level in ("stable", None))
    info = np.finfo(dtype)
    with mpmath.workdps(1200):
        for at in POINTS:
            point = (
                info.dtype.type(at)
                if abs(at) < float(info.max)
                else info.dtype.type(math.copysign(float(info.max) ** 0.8, at))
            )
            exact = eval(text, {"x": mpmath.mpf(float(point))})
            if not abs(exact) >= float(info.tiny):
                continue
            moved = (
                abs(eval(text, {"x": mpmath.mpf(float(point)) * (1 + mpmath.mpf(10) ** -80)}) - exact)
                * mpmath.mpf(10) ** 80
            )
            allowed = float(info.eps) * (3 * abs(exact) + 3 * moved)
            before = written(point)
            error = abs(mpmath.mpf(float(f(point))) - exact)
            assert error <= allowed or (math.isfinite(before) and error <= 2 * abs(float(before) - exact)), (
                point,
                exact,
            )


@pytest.mark.parametrize("text", FORMULAS)
def test_special_values_are_limits_or_those_of_the_formula(text: str) -> None:
    x = g.symbol("x")
    formula = g.parse(text, {"x": x})
    f, written = (g.compile(formula, [x], rewrite=level, cache=False) for level in ("stable", None))
    for at in (0.0, -0.0, 2.0, -1.0, math.nan, math.inf, -math.inf):
        before = written(at)
        assert f(at) == pytest.approx(before, rel=1e-15) or math.isnan(before), at
    assert math.isnan(f(math.nan))


@pytest.mark.parametrize(
    ("text", "zero"),
    [("(x**3 - 1)/(x - 1)", 1), ("(x**4 - 1)/(x - 1)", 1), ("(x**3 + 1)/(x + 1)", -1), ("(x**3 - 8)/(x - 2)", 2),
     ("(x**4 - 16)/(x*x - 4)", -2), ("(x**5 - 1)/(x - 1)", 1), ("(27 + x**3)/(x + 3)", -3)],
)  # fmt: skip
def test_digits_where_both_sides_vanish(text: str, zero: int) -> None:
    x = g.symbol("x")
    f = g.compile(g.parse(text, {"x": x}), [x], cache=False)
    with mpmath.workdps(60):
        for step in (1e-15, -1e-12, 1e-9, -1e-7, 1e-4, 0.01, -0.3):
            at = zero + step
            exact = eval(text, {"x": mpmath.mpf(at)})
            assert abs(f(at) - exact) <= 2.0**-52 * 4 * abs(exact), (at, f(at), exact)
    assert not math.isinf(f(float(zero)))
