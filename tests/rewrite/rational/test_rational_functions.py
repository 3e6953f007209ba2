"""Rational functions of one variable, their derivatives, and what cancels near 1, against mpmath: formulas of no table."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite import tables
from graphc.rewrite.forms import univariate
from graphc.rewrite.rational import rational_functions
from graphc.rewrite.rational.rational_reader import Reader, same
from tests.benchmarks import derivatives
from tests.benchmarks.derivatives import FORMS, MOST, Formula, array_errors, scalar_errors, truths, units

FAR = (-1e150, 1e150)
UNIT = (-0.999999, 0.999999)

RATIONAL = (
    Formula("log(1 + x*x)/2 - x", *FAR),
    Formula("atan(x)", *FAR),
    Formula("x/(1 + x*x)", *FAR),
    Formula("x/(1 + x**2)**2", *FAR),
    Formula("1 - x*x/(1 + x*x)", *FAR),
    Formula("1/(1 + x**4)", *FAR),
    Formula("(x*x - 1)/(x*x + 1)", *FAR),
    Formula("atanh(x)", *UNIT),
    Formula("asinh(x)", *FAR),
    Formula("acosh(x)", 1.000001, 1e150, (1.5,)),
    Formula("0.5*(log(1 + x) - log(1 - x))", *UNIT),
    Formula("(1 - sqrt(1 - x))/x", -1e150, 0.999),
    Formula("1/(1 + sqrt(1 + x))", -0.999, 1e150),
    Formula("1/(1 + sqrt(x))", 1e-100, 1e150, (1.0,)),
    Formula("1/(x - 1) - 1/(x + 1)", 1.001, 1e100, (1.5,)),
    Formula("x/sqrt(1 - x*x)", *UNIT),
    Formula("x*x/sqrt(1 + x*x)", *FAR),
    Formula("atan(2*x) - atan(x)", *FAR),
    Formula("atan(x + 1) - atan(x - 1)", *FAR),
)

NEAR_ONE = (
    Formula("x - 1 - log(x)", 1e-100, 1e100, (1.0,)),
    Formula("(1 + x)*log1p(x) - x", -0.999, 1e100),
    Formula("x*log(x/2) - x + 2", 1e-50, 1e50, (2.0,)),
    Formula("x - log(1 + x)", -0.999, 1e100),
    Formula("((1 + x)**3 - 1)/x", -0.9, 1e10),
    Formula("(1 - (1 + x)**(-3))/x", -0.5, 1e20),
    Formula("(1 - (1 + x)**(-360))/x", -0.001, 1e20),
    Formula("expm1(10*log1p(x))/x", -0.5, 1.0),
    Formula("(1 + x)**10 - 1", -0.5, 1e20),
    Formula("(1 + x)**360", -0.001, 0.5),
)

KEPT = (*RATIONAL, *NEAR_ONE)
IN_BRIEF = KEPT[::4]


def _ids(formula: Formula) -> str:
    return formula.text


@pytest.mark.parametrize("formula", IN_BRIEF, ids=_ids)
def test_second_derivatives_keep_their_digits(formula: Formula) -> None:
    for order, (error, x) in enumerate(scalar_errors(formula, "float64", {}, 3)):
        assert error <= MOST, f"derivative {order} at {x!r}: {error} units"


LOST_OVER_ARRAYS = ("(1 + x)**360",)
"""Powers of sums are compensated for numbers alone: over arrays this gradient is 211 units off."""


@pytest.mark.slow
@pytest.mark.parametrize("formula", KEPT, ids=_ids)
def test_both_types_and_arrays_keep_their_digits(formula: Formula) -> None:
    known: derivatives.Truth = {}
    errors = [error for dtype in ("float64", "float32") for error, _ in scalar_errors(formula, dtype, known)]
    if formula.text not in LOST_OVER_ARRAYS:
        errors.append(array_errors(formula, known)[0][0])
    assert max(errors) <= 2 * MOST, errors  # single precision has a harder second derivative here and there
    assert sorted(errors)[-2] <= MOST + 1, errors


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_arrays_far_out(form: str) -> None:
    """A sum of 1 − x²/(1 + x²) has the gradient −2x/(1 + x²)², whichever way the array goes."""
    X = g.symbol("X", shape=40)
    at = np.resize(np.array([0.0, 1e-9, -0.3, 1.0, 2.5, -40.0, 1e20, -1e76, 1e90, -1e150]), 40)
    gradient = g.grad(FORMS[form](X, lambda each: 1 - each * each / (1 + each * each)), X)
    computed = g.compile(gradient, [X], cache=False)(at)
    for value, x in zip(computed.tolist(), at.tolist(), strict=True):
        with mpmath.workdps(400):
            t = mpmath.mpf(x)
            exact = -2 * t / (1 + t * t) ** 2
        assert abs(value - exact) <= 8 * 2.0**-53 * abs(exact) + 5e-324, x


DIVERGENCES = ("x*log(x/y) - x + y", "y - x - x*log(y/x)", "x - y - y*log(x/y)")


@pytest.mark.parametrize("text", DIVERGENCES)
def test_divergences_of_two_numbers(text: str) -> None:
    formula = g.parse(text)
    x, y = (next(s for s in g.free_symbols(formula) if s.name == name) for name in "xy")
    f = g.compile(formula, [x, y], cache=False)
    for a in (1e-30, 0.3, 7.0, 1e40):
        for step in (0.0, 1e-15, -1e-9, 1e-4, -0.05, 0.4, -0.6, 3.0):
            p, q = a, a * (1 + step)
            with mpmath.workdps(60):
                u, v = mpmath.mpf(p), mpmath.mpf(q)
                exact = {
                    0: u * mpmath.log(u / v) - u + v, 1: v - u - u * mpmath.log(v / u), 2: u - v - v * mpmath.log(u / v),
                }[DIVERGENCES.index(text)]  # fmt: skip
            value = float(f(p, q))
            assert abs(value - exact) <= 16 * 2.0**-53 * abs(exact) + 4 * 5e-324, (p, q, value)


def test_angles_between_any_two_numbers() -> None:
    x, y = g.symbols("x y")
    f = g.compile(g.atan(y) - g.atan(x), [x, y], cache=False)
    for a, b in (
        (3.0, 3.0000001),
        (1e200, 2e200),
        (-1e17, -3e17),
        (1e300, 1e301),
        (0.1, -5.0),
        (2.0, 1e9),
        (1e20, -1e20),
    ):
        with mpmath.workdps(700):
            exact = mpmath.atan(mpmath.mpf(b)) - mpmath.atan(mpmath.mpf(a))
        assert abs(float(f(a, b)) - exact) <= 4 * 2.0**-52 * abs(exact), (a, b)
    assert float(f(math.inf, -math.inf)) == -math.pi
    assert math.isnan(float(f(math.nan, 1.0)))


def test_limits_and_nan_stay() -> None:
    formula = g.parse("x*x/(1 + x*x)")
    (x,) = g.free_symbols(formula)
    f = g.compile([formula, g.grad(formula, x), g.grad(g.grad(formula, x), x)], [x], cache=False)
    assert all(math.isnan(float(v)) for v in f(math.nan))
    inverse = g.compile(g.parse("1/(1 + x*x)*(1/(1 + x*x))"), cache=False)
    assert inverse(math.inf) == inverse(-math.inf) == 0
    one = g.compile(g.parse("1 - x/x"), cache=False)
    assert math.isnan(float(one(math.nan)))


# --- exact algebra ----------------------------------------------------------------------------------------------------


def test_polynomials_come_apart_into_their_factors() -> None:
    p = univariate.times(univariate.power((1, 0, 1), 3), univariate.power((2, -3), 2))  # (1 + x²)³(2 − 3x)²
    parts = dict(univariate.square_free(univariate.primitive(p)[1]))
    assert parts == {(2, -3): 2, (1, 0, 1): 3}
    assert univariate.linear_factors((-1, 0, 1))[1] in ((1,), (-1,))
    assert univariate.divided(p, (1, 0, 1)) is not None
    assert univariate.divided(p, (1, 1)) is None
    assert univariate.value(p, Fraction(2, 3)) == 0


def test_formulas_of_one_function_are_read_as_one() -> None:
    pairs = [
        ("(sqrt(1 + x) - 1)/x", "1/(1 + sqrt(1 + x))"),
        ("x/(1 + x*x)", "1/(x + 1/x)"),
        ("where(x < 3, (x*x - 1)/(x - 1), x + 1)", "1 + x"),
        ("1/(x + sqrt(x*x - 1))", "x - sqrt((x - 1)*(x + 1))"),
        ("(1 + x)**-3", "1/((1 + x)*(1 + 2*x + x*x))"),
    ]
    for one, other in pairs:
        nodes = [g.parse(text) for text in (one, other)]
        reader = Reader()
        for node in nodes:
            for below in g.Graph(node).exprs:
                reader.read(below)
        left, right = (reader.known[node] for node in nodes)
        assert left is not None and right is not None and same(left, right), (one, other)
    assert rational_functions.RULE.name == "rational-function"


def test_what_is_right_stays_as_it_is() -> None:
    """A quotient that loses nothing is not written anew."""
    for text in ("1/x", "(1 + x)/(2 - x)", "1/x + 1/(x + 1)", "x*x + 1", "3/(x*x)"):
        fired = {step.rule for step in g.rewrites(g.parse(text))}
        assert "rational-function" not in fired, text


def test_the_rule_can_be_switched_off() -> None:
    inner = g.parse("log(3 + x*x)")
    (x,) = g.free_symbols(inner)
    formula = g.grad(g.grad(inner, x), x)
    assert "rational-function" in {step.rule for step in g.rewrites(formula)}
    assert "rational-function" not in {step.rule for step in g.rewrites(formula, without="rational-function")}
    exact = truths(Formula("log(3 + x*x)", *FAR), 1e120)
    value = float(g.compile(formula, cache=False)(1e120))
    assert exact is not None and units(value, exact[2], exact[3], 1e120, "float64") <= MOST


@pytest.mark.parametrize("formula", rational_functions.RULE.examples)
@pytest.mark.parametrize("inner", ["acosh", "asinh", "cbrt"])
def test_polynomials_of_several_parts_in_one_graph(formula, inner):
    """1 + x² of one formula is not written where another has 1 + acosh(x)², nor the other way round."""
    f = g.parse(formula)
    x = next(s for s in g.free_symbols(f) if s.name == "x")
    u = getattr(g, inner)(x)
    slopes = [
        g.grad(h, x) for h in (f, g.substitute(f, {x: u}), g.log1p(g.square(u)), g.log1p(x * x), g.atan(u))
    ]
    for outputs in (slopes, slopes[::-1]):
        together = tables.run(outputs, "stable").outputs
        for at in (0.3, 1.7, 5.0):
            for written, rewritten in zip(outputs, together, strict=True):
                with np.errstate(invalid="ignore"):
                    expected, value = (g.evaluate(form, {"x": at}) for form in (written, rewritten))
                assert value == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "text", ["-(u**2/(u**2 + u/2)**3)", "u/(u*u + 3*u)**2", "1/(u + u*u)**3", "u**3/(u*u - u)**4"]
)
def test_no_form_gives_up_sizes_where_the_formula_has_its_digits(text: str, dtype: str) -> None:
    """Values beside slopes, which are written in 1/u far out: 8/(2 + 1/u)³/u⁴ is 0 where (1/u)³ overflows."""
    u = g.symbol("u", dtype=dtype)
    formula = g.parse(text, {"u": u})
    outputs = [formula, g.grad(formula, u)]
    written, stable = (g.compile(outputs, [u], rewrite=level, cache=False) for level in (None, "stable"))
    info = np.finfo(dtype)
    unit, most = float(info.eps), int(np.log10(float(info.max)))
    at = np.array([s * 0.78 * 10.0**k for k in range(-most, most, 1 + most // 60) for s in (1, -1)], dtype)
    with np.errstate(all="ignore"):
        for output, old, new in zip(outputs, written(at), stable(at), strict=True):
            sound = np.isfinite(old) & (np.abs(old) > info.tiny)
            lost = ~(np.abs(new - old) < np.abs(old) * np.sqrt(unit))
            for place in np.flatnonzero(sound & lost):
                true = g.evaluate(output, {u: at[place]}, digits=20)
                assert abs(float(new[place] - true)) <= abs(float(old[place] - true)), at[place]
