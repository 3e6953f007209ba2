"""Formulas of one product or quotient keep the digits of their derivatives where it is small, whatever sizes its parts have."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite.expansions import common_variable
from tests.fuzz.mp_truth import truths

BITS = (2500, 4000)
"""Of the truth: what is left of 1 beside the fourth power of the smallest argument."""

SIZES = [
    (1e-30, 2.5),
    (3.7e-9, 0.3),
    (7e-13, 1.9e4),
    (2e18, 3e-27),
    (1e-3, 4e-2),
    (0.7, 0.9),
    (-5e-7, 0.11),
    (3.0, 1.7),
]
"""Of what the function is a product of; for a quotient the second is inverted."""

ONE_PRODUCT = [
    "(exp(a*b) - 1)/a", "sin(a*b)/b", "(1 - cos(a*b))/(a*a)", "tanh(a*b)/b", "log(1 + a*b)/b",
    "(a*b)**2/(exp(a*b) - 1)/a", "-log(1 - exp(-abs(b)*abs(a)))/3",
]  # fmt: skip
ONE_QUOTIENT = [
    "b*log(1 + a/b)",
    "b*atan(a/b)",
    "b/a - 1/sinh(a/b)",
    "1/tanh(a/b) - b/a",
    "b*sinh(a/b) - a",
    "exp(-a/b)/a",
]


def derivatives(formula: g.Expr, a: g.Expr, b: g.Expr) -> list[g.Expr]:
    first = [g.grad(formula, a), g.grad(formula, b)]
    return [formula, *first, g.grad(first[0], a), g.grad(first[0], b), g.grad(first[1], b)]


def units(text: str, dtype: str, points: list[tuple[float, float]]) -> list[float]:
    """The worst error of the value and each derivative, in spacings of floats and roundings of the inputs."""
    a, b = g.symbols("a b")
    outputs = derivatives(g.parse(text, {"a": a, "b": b}), a, b)
    following = [[g.grad(output, s) for s in (a, b)] for output in outputs]
    f = g.compile(outputs, [a, b], dtype=dtype, cache=False)
    worst = [0.0] * len(outputs)
    info = np.finfo(dtype)
    for point in points:
        x, y = (np.dtype(dtype).type(value) for value in point)
        at = {"a": float(x), "b": float(y)}
        true = truths([*outputs, *[d for row in following for d in row]], at, BITS)
        assert true is not None
        exact = [value.item() for value in true]
        for k, value in enumerate(f(x, y)):
            moved = sum(
                abs(d * at[name])
                for d, name in zip(exact[len(outputs) + 2 * k : len(outputs) + 2 * k + 2], "ab", strict=True)
            )
            size = abs(exact[k])
            if not float(info.tiny) < size < float(info.max):
                continue
            spacing = float(np.spacing(np.dtype(dtype).type(float(size))))
            error = abs(mpmath.mpf(float(value)) - exact[k]) / (spacing + moved * float(info.eps) / 2)
            worst[k] = max(worst[k], float(error) if math.isfinite(value) else math.inf)
    return worst


MOST = (4, 4, 4, 8, 8, 8)


@pytest.mark.sample(3)
@pytest.mark.parametrize("text", ONE_PRODUCT)
def test_formulas_of_a_product(text: str) -> None:
    found = units(text, "float64", SIZES)
    assert all(error <= most for error, most in zip(found, MOST, strict=True)), found


@pytest.mark.sample(3)
@pytest.mark.parametrize("text", ONE_QUOTIENT)
def test_formulas_of_a_quotient(text: str) -> None:
    found = units(text, "float64", [(a, 1 / b) for a, b in SIZES])
    assert all(error <= most for error, most in zip(found, MOST, strict=True)), found


@pytest.mark.parametrize("text", ["(exp(a*b) - 1)/a", "1/tanh(a*b) - 1/a/b", "log(1 + a*b)/b"])
def test_in_single_precision(text: str) -> None:
    found = units(text, "float32", [(a, b) for a, b in SIZES if abs(math.log10(abs(a))) < 15])
    assert all(error <= most for error, most in zip(found, MOST, strict=True)), found


@pytest.mark.parametrize("text", ["(a**b - 1)/b", "((1 + a)**b - 1)/b", "(a**(1 - b) - 1)/(1 - b)"])
def test_powers_near_the_exponent_where_they_are_logarithms(text: str) -> None:
    centre = 1.0 if "1 - b" in text else 0.0
    points = [(2.5, centre + d) for d in (1e-12, -3e-9, 1e-5, 0.02)] + [
        (0.3, centre + 2e-7),
        (40.0, centre - 0.01),
    ]
    found = units(text, "float64", points)
    assert all(error <= 16 for error in found), found


def test_a_quotient_of_units_is_one_variable() -> None:
    m, t = g.symbols("m t")
    langevin = 1 / g.tanh(m / t) - t / m
    f = g.compile([langevin, g.grad(langevin, m)], [m, t], cache=False)
    value, slope = f(1e-9, 2.0)
    assert value == pytest.approx(5e-10 / 3, rel=1e-15)
    assert slope == pytest.approx(1 / 6, rel=1e-15)


def test_what_is_read_is_the_same_function() -> None:
    """The rule by itself, where nothing cancels."""
    for text in (
        *ONE_PRODUCT,
        *ONE_QUOTIENT,
        "a*b*exp(a/b) + a*b",
        "where(a*b < 1, a*exp(a*b), a*a*b)",
        "3*a*log(1 + 2*a*b)/b**2",
    ):
        formula = g.parse(text)
        for source in (False, True):
            _, (after,) = common_variable.written_whole([formula], common_variable.RULES, source)
            for x, y in ((0.3, 0.7), (-0.2, 1.4), (1.1, -0.6)):
                at = {"a": x, "b": y}
                assert float(g.evaluate(after, at)) == pytest.approx(
                    float(g.evaluate(formula, at)), rel=1e-13, nan_ok=True
                )


def test_sums_of_other_products_are_left_alone() -> None:
    for text in ("exp(a*b) + a", "sin(a*b)*cos(a/b)", "a*b + 1", "(a - b)/b - log(a/b)", "exp(a + b)"):
        formula = g.parse(text)
        assert common_variable.written_whole([formula], common_variable.RULES, True)[1][0] is formula, text


FAR = [(1e-100, 1e-80), (1e-100, 1e90), (1e120, 1e60), (1e-140, 1e-30), (1e140, 1e-150)]
"""Products of these, or their squares, are no floats of ordinary size, while the formula is."""


@pytest.mark.parametrize(
    "text",
    [
        "a*a*(sigmoid(a*b) - sigmoid(-a*b))", "a*a*(tanh(a*b) - tanh(-a*b))", "a*a*(exp(a*b) - 1)", "(exp(a*b) - 1)/b",
        "a*sigmoid(a*b)*a*(1 - sigmoid(a*b))", "a*(a*b/(1 + a*b))*a*(1 - a*b/(1 + a*b))",
    ],
)  # fmt: skip
def test_powers_of_the_product_do_not_leave_the_range(text: str) -> None:
    a, b = g.symbols("a b")
    formula = g.parse(text, {"a": a, "b": b})
    f = g.compile(formula, [a, b], cache=False)
    for x, y in FAR:
        (true,) = truths([formula], {"a": x, "b": y}, BITS)
        true = float(true.item())
        if np.isfinite(true) and abs(true) > 1e-300:
            assert abs(f(x, y) - true) <= 1e-13 * abs(true), (x, y)


def test_nor_in_float32() -> None:
    a, b = g.symbols("a b", dtype="float32")
    f = g.compile(a * a * (g.sigmoid(a * b) - g.sigmoid(-a * b) + g.tanh(a * b)), [a, b], cache=False)
    for x, y in ((1e-10, 1e-15), (1e-12, 1e-9), (1e15, 1e10)):
        x, y = np.float32(x), np.float32(y)
        exact = float(x) ** 2 * (math.tanh(float(x) * float(y)) + math.tanh(float(x) * float(y) / 2))
        assert exact < 1e-44 or abs(f(x, y) - exact) <= 1e-6 * exact


@pytest.mark.parametrize("other", ["abs", "floor", "sign", "relu", "gamma", "round"])
def test_functions_without_a_series_are_no_obstacle(other: str) -> None:
    a, b = g.symbols("a b")
    formula = g.parse(f"a*a*(exp(a*b) - 1 + {other}(a*b + 1))", {"a": a, "b": b})
    outputs = derivatives(formula, a, b)
    found, written = (
        g.compile(outputs, [a, b], cache=False, rewrite=rewrite)(0.3, 0.7) for rewrite in ("stable", None)
    )
    np.testing.assert_allclose(found, written, rtol=1e-12)


AT_ZERO = [
    (0.0, 2.3e-11), (0.0, 1.5), (0.7, 0.0), (0.0, 0.0), (-0.0, 3.0), (0.0, 1e150), (1e-320, 1.0), (1e-200, 1e-200),
    (-1e-90, 1e-60),
]  # fmt: skip
"""Products of these are 0, or their powers are."""


FUNCTIONS = [
    "sinh(w)",
    "tanh(w)",
    "sigmoid(w)",
    "exp(w) - 1",
    "log(1 + w)",
    "cosh(tanh(w)) - 1",
    "atan(w)",
    "sin(tan(w))",
]
FORMS = ["{0}", "v*v*({0})*(1 - ({0}))", "({0})**2*u", "v*({0})**3", "u*v*({0})", "({0})/(1 + ({0}))"]
MEMBERS = [("float64", function, form) for function in FUNCTIONS for form in FORMS] + [
    ("float32", FUNCTIONS[k], form) for k, form in enumerate(FORMS)
]


@pytest.mark.sample(4)
@pytest.mark.parametrize("dtype, function, form", MEMBERS)
def test_where_the_product_is_0_there_is_a_number(dtype: str, function: str, form: str) -> None:
    v, u = g.symbols("v u", dtype=dtype)
    formula = g.parse(form.format(function.replace("w", "(v*u)")), {"v": v, "u": u})
    first = [g.grad(formula, s) for s in (v, u)]
    outputs = [formula, *first, *[g.grad(d, s) for d in first for s in (v, u)]]
    found, written = (
        g.compile(outputs, [v, u], cache=False, rewrite=rewrite) for rewrite in ("stable", None)
    )
    for x, y in AT_ZERO:
        at = [
            np.dtype(dtype).type(np.clip(value, -1e12, 1e12) if dtype == "float32" else value)
            for value in (x, y)
        ]
        for k, (ours, plain) in enumerate(zip(found(*at), written(*at), strict=True)):
            assert math.isfinite(ours) or not math.isfinite(plain), (k, x, y, ours, plain)


POLES = {  # what is left of two poles: M·φ(w) where a part of w stands beside its function
    "k/tanh(k*x) - 1/x": lambda k, x: k / mpmath.tanh(k * x) - 1 / x,
    "m/tanh(m*k/x) - x/k": lambda m, k, x: m / mpmath.tanh(m * k / x) - x / k,
    "k/sinh(k*x) - 1/x": lambda k, x: k / mpmath.sinh(k * x) - 1 / x,
    "k/(exp(k*x) - 1) - 1/x": lambda k, x: k / (mpmath.exp(k * x) - 1) - 1 / x,
    "k/log(1 + k*x) - 1/x": lambda k, x: k / mpmath.log(1 + k * x) - 1 / x,
    "1/x - k/atan(k*x)": lambda k, x: 1 / x - k / mpmath.atan(k * x),
    "3*k/asinh(k/x) - 3*x": lambda k, x: 3 * k / mpmath.asinh(k / x) - 3 * x,
}


@pytest.mark.parametrize("text", POLES)
def test_poles_cancel_where_a_part_of_the_variable_stands_beside(text):
    """Off by no more than w and φ round together: φ's condition is at most 3 where it is written as a series."""
    inputs = [g.symbol(name) for name in ("k", "x")]
    inputs = [g.symbol("m"), *inputs] if "m" in text else inputs
    f = g.compile(g.parse(text), inputs, cache=False)
    rng = np.random.default_rng(3)
    with mpmath.workdps(50):
        for at in np.exp(rng.uniform(-9, 2, size=(60, len(inputs)))):
            exact = POLES[text](*map(mpmath.mpf, map(float, at)))
            assert abs(mpmath.mpf(float(f(*at))) - exact) <= 24 * 2.0**-53 * abs(exact), (text, at)
