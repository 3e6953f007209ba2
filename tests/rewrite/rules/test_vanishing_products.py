"""Exponentials that vanish before what they are multiplied by overflows: 0 where it was 0·∞, and nothing else changed."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.vanishing import LOWEST, RULES
from tests.benchmarks.derivatives import MOST, Formula, scalar_errors

x, y = g.symbols("x y")
(RULE,) = RULES

DOUBLE = (
    "exp(-x - exp(-x))",
    "1 - exp(-exp(x))",
    "exp(-exp(-x))",
    "x*exp(-2*exp(x))",
    "(1 - exp(x))*exp(-exp(x))",
)


@pytest.mark.parametrize("text", DOUBLE)
def test_exponentials_of_exponentials(text: str) -> None:
    for order, (error, at) in enumerate(scalar_errors(Formula(text, -800.0, 800.0), "float64", {}, 4)):
        assert error <= MOST, f"derivative {order} at {at!r}: {error} units"


POWERS = {
    "x*x*exp(-x*x)": lambda v: v * v * mpmath.exp(-v * v),
    "x**3*exp(-x)": lambda v: v**3 * mpmath.exp(-v),
    "(x*x - 1)*exp(-x*x/2)": lambda v: (v * v - 1) * mpmath.exp(-v * v / 2),
    "x**4*exp(-x*x)/(2 + x)": lambda v: v**4 * mpmath.exp(-v * v) / (2 + v),
}


@pytest.mark.parametrize("text", POWERS)
def test_powers_beside_exponentials_of_powers(text: str) -> None:
    f = g.compile(g.parse(text), [x], cache=False)
    for at in (1e-200, 0.3, 5.0, 26.5, 124.0, 700.0, 7999.0, 1e5, 1e77, 1e160, 1e300):
        with mpmath.workdps(60):
            exact = float(POWERS[text](mpmath.mpf(at)))
        assert f(at) == pytest.approx(exact, rel=2e-13, abs=1e-306), at


@pytest.mark.parametrize("k", [0.5, 1.0, 3.0])
def test_the_distribution_of_weibull(k: float) -> None:
    formula = 1 - g.exp(-(x**y))
    slopes = g.grad(formula, [x, y])
    f = g.compile([*slopes, g.grad(slopes[0], x)], [x, y], cache=False)
    for at in (0.7, 30.0, 1e9, 1e150, 1e300):
        with mpmath.workdps(60):
            v = mpmath.mpf(at)
            e, w = mpmath.exp(-(v**k)), v**k
            exact = [
                e * k * w / v,
                e * w * mpmath.log(v),
                e * k * ((k - 1) * w / v**2 - k * w * w / v**2),
            ]
        for found, truth in zip(f(at, k), exact, strict=True):
            assert found == pytest.approx(float(truth), rel=1e-12, abs=1e-306), at


ONE_SIDED = ("x**3/(exp(x) - 1)", "x**3/(exp(2*x) - 1)", "x**2*erfc(x)", "x**2*(1 - tanh(x))", "x**2/(1 + exp(x))",
             "x**2*exp(-x)/(1 + exp(-x))", "x**3/(1 + exp(x - 1))", "(x**2 + 1)/(exp(x) + 1)", "x**2*sigmoid(-3*x)")  # fmt: skip
BELLS = ("x**2/cosh(x)", "x**2/cosh(x)**2", "x**4*exp(x)/(exp(x) - 1)**2", "x**2*sigmoid(x)*sigmoid(-x)")


@pytest.mark.parametrize("text", [*ONE_SIDED, *BELLS])
def test_what_falls_as_an_exponential_does(text: str) -> None:
    formula = g.parse(text)
    slope = g.grad(formula, x)
    f = g.compile([formula, slope, g.grad(slope, x)], [x], cache=False)
    sides = (1.0, -1.0) if text in BELLS else (1.0,)
    for size, side in itertools.product((1e5, 1e77, 1e150, 1e160, 1e200, 1e300), sides):
        found = f(size * side)
        assert found[:2] == [0.0, 0.0], size * side
        if "(exp(x) - 1)" not in text and "(exp(2*x) - 1)" not in text:
            assert found[2] == 0.0, size * side
    assert all(map(math.isnan, f(math.nan)))


LEFT = {"x**3/(exp(x) - 1)": (-1, 3), "x**3/(exp(2*x) - 1)": (-1, 3), "x**2*erfc(x)": (2, 2), "x**2*(1 - tanh(x))": (2, 2),
        "x**2/(1 + exp(x))": (1, 2), "x**2*exp(-x)/(1 + exp(-x))": (1, 2), "x**3/(1 + exp(x - 1))": (1, 3),
        "x**2*sigmoid(-3*x)": (1, 2)}  # fmt: skip
"""Formula → c and n of what it is far out on the left, c·xⁿ"""


@pytest.mark.parametrize("text", LEFT)
def test_what_falls_on_one_side_is_a_power_on_the_other(text: str) -> None:
    (c, n), formula = LEFT[text], g.parse(text)
    f = g.compile([formula, g.grad(formula, x)], [x], cache=False)
    for at in (-1e5, -1e30, -1e100):
        assert f(at) == pytest.approx([c * at**n, c * n * at ** (n - 1)], rel=1e-14), at


OF_POSITIVE = {
    "x**3*log(x)*exp(-x*x)": True, "x*x*sqrt(x)/cosh(x)": True, "x**2.5/cosh(x)": True, "log(x)*x*x/sinh(x)": True,
    "x**3*log(x)*exp(-x)": True, "x*x*log(x)*sigmoid(x)": False, "x**3*sqrt(x)*exp(-x*x)/(1 + x*x)": True,
}  # fmt: skip
"""Formula → whether it vanishes far out on the right"""


@pytest.mark.parametrize("text", OF_POSITIVE)
def test_roots_and_logarithms_of_what_is_negative_stay_no_number(text: str) -> None:
    formula = g.parse(text)
    f = g.compile([formula, g.grad(formula, x)], [x], cache=False)
    for at in (-0.5, -200.0, -1e5, -1e160, -1e300):
        assert all(map(math.isnan, f(at))), at
    if OF_POSITIVE[text]:
        for at in (1e5, 1e77, 1e160, 1e300):
            assert f(at)[0] == 0.0, at


def fires(text: str) -> bool:
    return RULE.apply(g.parse(text), Ranges()) is not None


@pytest.mark.parametrize("text", RULE.examples)
def test_examples(text: str) -> None:
    assert fires(text)


@pytest.mark.parametrize(
    "text",
    [
        "x*exp(-x*x/2)",  # cannot overflow
        "exp(9*x)*exp(-x*x)",  # is no power of what the exponent falls by: e^(9x) may be larger
        "exp(x)*exp(exp(x))",  # rises
        "y*y*exp(-x*x)",  # a NaN of y would be lost
        "x**40*exp(-x)",  # too high
        "gamma(x)*exp(-x)",
    ],
)
def test_where_it_is_not_known_to_vanish_nothing_changes(text: str) -> None:
    assert not fires(text)


def test_symbols_with_bounds_need_no_branch() -> None:
    z = g.symbol("z", range=(-3.0, 3.0))
    assert RULE.apply(z * z * g.exp(-(z * z)), Ranges()) is None


def test_special_inputs_lose_no_number() -> None:
    special = (0.0, -0.0, 1e-320, 1.0, -2.0, 745.0, -745.0, 1e160, -1e160, math.inf, -math.inf, math.nan)
    for text in (*DOUBLE, *POWERS):
        formula = g.parse(text)
        slope = g.grad(formula, x)
        outputs = [formula, slope, g.grad(slope, x)]
        f, written = (g.compile(outputs, [x], cache=False, rewrite=level) for level in ("stable", None))
        for at in special:
            for ours, theirs in zip(f(at), written(at), strict=True):
                assert math.isfinite(ours) or not math.isfinite(theirs), (text, at)
                assert math.isnan(ours) or not math.isnan(at)


def test_arrays() -> None:
    X = g.symbol("X", shape=4)
    f = g.compile(g.grad(g.sum(g.exp(-X - g.exp(-X))), X), [X], cache=False)
    at = np.array([-1e9, -3.0, 0.5, 800.0])
    expected = [(math.exp(-v) - 1) * math.exp(-v - math.exp(-v)) for v in at[1:3]]
    np.testing.assert_allclose(f(at), [0, *expected, 0], rtol=1e-14, atol=1e-300)


def test_the_bound_is_beyond_what_powers_make_up_for() -> None:
    for degree, size in itertools.product((1, 20), (1.0, 1.7976931348623157e308)):
        assert degree * math.log(size) + LOWEST < -745


@pytest.mark.parametrize(
    "text", ["exp(-x/y)*(-x*y)", "exp(x - y)*(x*y)*y", "exp(-x*x)*(x*x*x)", "exp(-x/y)*((y - x)/(1 + y*y))"]
)
def test_products_that_come_out_as_0_keep_its_sign(text: str) -> None:
    formula = g.parse(text)
    symbols = g.free_symbols(formula)
    f, written = (g.compile(formula, symbols, cache=False, rewrite=level) for level in ("stable", None))
    for at in itertools.product((-2e5, 7e4, 3e-9, -1e-40, 1e200, -1e19), repeat=len(symbols)):
        before, after = written(*at), f(*at)
        if before == 0:
            assert after == 0 and math.copysign(1, before) == math.copysign(1, after), at
        assert not math.isnan(after) or math.isnan(before)
