"""Products of quotients whose steps leave the range of floats and come back: the formula as written stands there.

Held against exact arithmetic with fractions: 1/b/b/a/a has no digit where 1/b/b is subnormal, whatever its own size.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import graphc as g

a, b = g.symbols("a b")

FIRST = {
    "(a - 1/b)/(a*b)": lambda a, b: (1 / (a * a * b * b), 2 / (a * b**3) - 1 / b**2),
    "b*(a - 1/b)/(a*a)": lambda a, b: (2 / a**3 - b / a**2, 1 / a),
    "(b - a)/(a*b)": lambda a, b: (-1 / a**2, 1 / b**2),
    "1/a/b - 1/(a*a)": lambda a, b: (2 / a**3 - 1 / (a * a * b), -1 / (a * b * b)),
}
"""The first derivatives, written out by hand."""

SIZES = (1e-300, 1e-200, 1e-155, 1e-129, 1e-77, 1e-20, 0.7, 3.0, 1e20, 1e77, 1e129, 8e159, 1e200, 1e300)
POINTS = [(s * x, y) for x in SIZES for y in SIZES for s in (1, -1)]


def steps(value: float, truth: Fraction) -> float:
    """Distance in units of the last place."""
    unit = Fraction(float(np.spacing(abs(float(truth)))))
    return float(min(abs(Fraction(value) - truth) / unit, Fraction(10**300)))


@pytest.mark.parametrize("text", FIRST)
def test_derivatives_are_no_worse_than_as_written(text: str) -> None:
    formula = g.parse(text, {"a": a, "b": b})
    outputs = g.grad(formula, [a, b])
    columns = [np.array(column) for column in zip(*POINTS, strict=True)]
    with np.errstate(all="ignore"):
        written, stable = (
            g.compile(outputs, [a, b], rewrite=level, cache=False)(*columns) for level in (None, "stable")
        )
    for k, (x, y) in enumerate(POINTS):
        for truth, old, new in zip(FIRST[text](Fraction(x), Fraction(y)), written, stable, strict=True):
            if truth == 0 or not 1e-300 < abs(truth) < 1e300 or not np.isfinite(old[k]):
                continue
            before = steps(float(old[k]), truth)
            assert np.isfinite(new[k]), (x, y)
            assert steps(float(new[k]), truth) <= max(4 * before, 8), (x, y, before)


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (1.1575e-200, -8.7e159, -2 / Fraction(1.1575e-200) ** 3 / Fraction(8.7e159) ** 2),
        (-1.05e77, 9.15e-130, -2 / Fraction(1.05e77) ** 3 / Fraction(9.15e-130) ** 2),
    ],
)
def test_second_derivative(x: float, y: float, wanted: Fraction) -> None:
    """∂²/∂a² of (a − 1/b)/(ab) is −2/(a³b²)."""
    first = g.grad((a - 1 / b) / (a * b), a)
    found = float(g.compile(g.grad(first, a), [a, b], cache=False)(x, y))
    assert steps(found, -abs(wanted) if x > 0 else abs(wanted)) <= 16


@pytest.mark.parametrize("weights", [(1, 1), (1, -1)])
@pytest.mark.parametrize(("x", "s"), [(4e-7, 2e-12), (1e-3, 1e-9), (2e-5, -1e-10)])
def test_a_difference_beside_a_ratio_stays_a_difference(weights: tuple[int, int], x: float, s: float) -> None:
    """(u/cosh s − v/cosh² s)·sinh s is (u − v/cosh s)·tanh s: multiplied out, what is left of u − v would be noise."""
    p, q = weights
    formula = (p * g.sin(a) / g.cosh(b) - q * (a + b) / g.cosh(b) / g.cosh(b)) * g.sinh(b)
    exact = g.evaluate(formula, {"a": x, "b": s}, digits=30)
    found = float(g.compile(formula, [a, b], cache=False)(x, s))
    assert abs(found - float(exact)) <= 8 * np.spacing(abs((x + s) * s))


def test_ratios_are_tame_far_out() -> None:
    formula = (a / g.cosh(b) - 2 / g.cosh(b) / g.cosh(b)) * g.sinh(b)
    found = g.compile(formula, [a, b], cache=False)(3.0, np.array([800.0, -800.0, 40.0]))
    assert np.array_equal(found, [3.0, -3.0, 3.0])


FUNCTIONS = {
    "sin": g.sin,
    "tanh": g.tanh,
    "expm1": g.expm1,
    "log1p": g.log1p,
    "atan": g.atan,
    "asinh": g.asinh,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_factor_above_and_below_a_removable_singularity(name: str) -> None:
    """b·f(a)/(a·b) and a·b/(f(a)·b): f(a)/a by itself may be so small that b times it has no digits."""
    of = FUNCTIONS[name](a)
    outputs = [b * of / (a * b), a * b / (of * b)]
    at = [
        np.array(column)
        for column in zip((1e197, 1e-267), (5e150, 3e-300), (-0.3, 1e-300), (-0.3, 2e305), strict=True)
    ]
    with np.errstate(all="ignore"):
        written, stable = (
            g.compile(outputs, [a, b], rewrite=level, cache=False)(*at) for level in (None, "stable")
        )
    for old, new in zip(written, stable, strict=True):
        known = np.isfinite(old) & (np.abs(old) > 1e-300)
        np.testing.assert_allclose(new[known], old[known], rtol=2e-15)
    assert np.isnan(g.compile(outputs[0], [a, b], cache=False)(0.5, 0.0))
