"""Formulas of one variable that cancel at 0 or are 0/0 there: value and two derivatives against mpmath at 900 digits.

The members are made of functions with slope 1 at 0, in forms that vanish, divide, or have poles that cancel: none of them stands
among the rules' own examples.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.interpret import laurent, laurent_functions
from graphc.interpret.laurent import NoSeriesError
from graphc.interpret.laurent_functions import FUNCTIONS
from graphc.ir.expr import walk
from graphc.rewrite import tables
from graphc.rewrite.expansions import expansion_reader
from graphc.rewrite.expansions.expander import Expander
from graphc.rewrite.expansions.expansion_known import WELL_KNOWN
from graphc.rewrite.expansions.expansion_reader import (
    Outlines,
    VariableOf,
    argument_of,
    of_number,
    suspects,
    without_sums_that_add_up,
)

Pair = tuple[Callable[[Any], Any], Callable[[Any], Any]]

SLOPE_ONE: dict[str, Pair] = {
    "sin": (g.sin, mpmath.sin),
    "tan": (g.tan, mpmath.tan),
    "sinh": (g.sinh, mpmath.sinh),
    "tanh": (g.tanh, mpmath.tanh),
    "asin": (g.asin, mpmath.asin),
    "atan": (g.atan, mpmath.atan),
    "asinh": (g.asinh, mpmath.asinh),
    "atanh": (g.atanh, mpmath.atanh),
    "exp(x) - 1": (lambda x: g.exp(x) - 1, mpmath.expm1),
    "log(1 + x)": (lambda x: g.log(1 + x), mpmath.log1p),
    "1 - exp(-x)": (lambda x: 1 - g.exp(-x), lambda x: -mpmath.expm1(-x)),
    "x/sqrt(1 + x*x)": (lambda x: x / g.sqrt(1 + x * x), lambda x: x / mpmath.sqrt(1 + x * x)),
    "2*(sqrt(1 + x) - 1)": (lambda x: 2 * (g.sqrt(1 + x) - 1), lambda x: 2 * (mpmath.sqrt(1 + x) - 1)),
    "exp(x) - cos(x)": (lambda x: g.exp(x) - g.cos(x), lambda x: mpmath.exp(x) - mpmath.cos(x)),
    "sin(x)*cos(x)": (lambda x: g.sin(x) * g.cos(x), lambda x: mpmath.sin(x) * mpmath.cos(x)),
    "x*exp(-x)": (lambda x: x * g.exp(-x), lambda x: x * mpmath.exp(-x)),
}

FORMS: dict[str, Callable[..., Any]] = {
    "f/h": lambda f, h, x, m: f / h,
    "1/f - 1/h": lambda f, h, x, m: 1 / f - 1 / h,
    "f - h": lambda f, h, x, m: f - h,
    "(f - h)/x**2": lambda f, h, x, m: (f - h) / x**2,
    "log(f/h)": lambda f, h, x, m: m.log(f / h),
    "x*(1/f - 1/h)": lambda f, h, x, m: x * (1 / f - 1 / h),
    "f/h - 1": lambda f, h, x, m: f / h - 1,
    "f*h/x**2": lambda f, h, x, m: f * h / x**2,
    "sqrt(f/h)": lambda f, h, x, m: m.sqrt(f / h),
    "1/f**2 - 1/h**2": lambda f, h, x, m: 1 / f**2 - 1 / h**2,
}

SIZES = (1e-200, 1e-100, 1e-30, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.3)
POINTS = [sign * size for size in SIZES for sign in (1, -1)]

BOUNDS = (16, 48, 256)
"""Of value and derivatives, in roundings of them and of the argument: beyond the series what is written is differentiated, and
has lost some bits already where it is as large as a third of its terms"""


def exact(function: Callable[[Any], Any], point: float, orders: int = 3) -> list[float] | None:
    """The value and derivatives by differences at 900 digits; None where it is not real or not there."""
    with mpmath.workdps(900):
        x = mpmath.mpf(point)
        try:
            found = mpmath.taylor(function, x, orders, h=abs(x) * mpmath.mpf(10) ** -60, direction=0)
        except (ZeroDivisionError, ValueError):
            return None
        if any(mpmath.im(c) != 0 for c in found):
            return None
        return [float(mpmath.re(c) * mpmath.factorial(k)) for k, c in enumerate(found)]


def check(formula: Any, x: Any, function: Callable[[Any], Any], points: list[float]) -> None:
    first = g.grad(formula, x)
    compiled = g.compile([formula, first, g.grad(first, x)], x, cache=False)
    for point in points:
        wanted = exact(function, point)
        if wanted is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = compiled(point)
        for order, (value, bound) in enumerate(zip(found, BOUNDS, strict=True)):
            if not 1e-280 < abs(wanted[order]) < 1e290:
                continue  # beyond, what stands on the way over- and underflows
            size = abs(wanted[order]) + abs(point * wanted[order + 1])
            error = abs(float(value) - wanted[order]) / (size * 2.0**-52)
            assert error <= bound, f"derivative {order} at {point}: {value!r}, not {wanted[order]!r}"


@pytest.mark.sample(600)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(SLOPE_ONE, 2)))
def test_value_and_derivatives_near_zero(one: str, other: str, form: str) -> None:
    x = g.symbol("x")
    (f, exact_f), (h, exact_h) = SLOPE_ONE[one], SLOPE_ONE[other]
    check(
        FORMS[form](f(x), h(x), x, g),
        x,
        lambda t: FORMS[form](exact_f(t), exact_h(t), t, mpmath),
        POINTS,
    )


NAMED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "three parts": ("1/(exp(x) - 1) - 1/x + 0.5", lambda x: 1 / mpmath.expm1(x) - 1 / x + 0.5),
    "Lorentz": ("1/sqrt(1 - x**2) - 1", lambda x: 1 / mpmath.sqrt(1 - x**2) - 1),
    "sigmoid": ("1/(1 + exp(-x)) - 0.5", lambda x: 1 / (1 + mpmath.exp(-x)) - 0.5),
    "seam": ("1 - sin(x)/x", lambda x: 1 - mpmath.sin(x) / x),
    "Debye-Hückel": ("(log(1 + x) - x + x**2/2)/x**3", lambda x: (mpmath.log1p(x) - x + x**2 / 2) / x**3),
    "Bessel": ("1 - j0(x)", lambda x: 1 - mpmath.besselj(0, x)),
    "sine integral": ("sinint(x)/x - 1", lambda x: mpmath.si(x) / x - 1),
    "identity": ("1/tan(x)**2 - 1/sin(x)**2", lambda x: 1 / mpmath.tan(x) ** 2 - 1 / mpmath.sin(x) ** 2),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", NAMED)
def test_formulas_of_the_sciences(name: str) -> None:
    text, function = NAMED[name]
    x = g.symbol("x")
    check(g.parse(text), x, function, [p for p in POINTS if abs(p) < 0.25])


def test_gamma_near_its_zero() -> None:
    f = g.compile(g.parse("lgamma(1 + x)/x"))
    for point in (1e-200, 1e-12, -1e-6, 1e-3, 0.02):
        with mpmath.workdps(40):
            at = mpmath.mpf(point)
            wanted = mpmath.loggamma(1 + at) / at if abs(point) > 1e-20 else -mpmath.euler
        assert f(point) == pytest.approx(float(wanted), rel=2e-15)


def test_at_zero_the_limit_stands() -> None:
    x = g.symbol("x")
    e = (g.tan(x) - g.sin(x)) / x**3
    d = g.grad(e, x)
    assert g.compile([e, d, g.grad(d, x)])(0.0) == [0.5, 0.0, 0.25]


def test_factors_of_other_variables_stay_outside() -> None:
    a, t, w = g.symbols("a t w")
    z = w * t
    e = a * ((g.tan(z) - g.sin(z)) / z**3)
    value, (by_a, by_w) = g.compile([e, g.grad(e, [a, w])])(3.0, 1e-6, 1e-3)
    assert value == pytest.approx(1.5, rel=1e-15)
    assert by_a == pytest.approx(0.5, rel=1e-15)
    assert by_w == pytest.approx(3 * 0.25 * 1e-9 * 1e-6, rel=1e-14)  # a·f′(z)·t with f′(z) = z/4


@pytest.mark.parametrize("shape", [(4,), (2, 2), ("n",)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays(shape: tuple[Any, ...], dtype: str) -> None:
    u = g.symbol("u", shape=shape, dtype=dtype)
    e = g.sum(g.log(g.atan(u) / g.tanh(u)))
    points = np.array([1e-3, -1e-2, 0.1, 0.3], dtype)
    at = points.reshape(2, 2) if len(shape) == 2 else points
    found = np.asarray(g.compile(g.grad(e, u))(at)).ravel()
    wanted = [exact(lambda x: mpmath.log(mpmath.atan(x) / mpmath.tanh(x)), float(p), 1)[1] for p in points]  # type: ignore[index]
    assert found == pytest.approx(wanted, rel=100 * float(np.finfo(dtype).eps))


def test_it_can_be_switched_off_and_is_the_same_each_time() -> None:
    e = g.parse("(tan(x) - sin(x))/x**3")
    assert not [step for step in tables.run([e], "stable", ["expansion"]) if step.rule == "expansion"]
    one, other = (tables.run([e], "stable").outputs for _ in range(2))
    assert one == other


def test_a_variable_that_is_never_near_zero_needs_no_series() -> None:
    x = g.symbol("x", range=(1, 10))
    e = (g.tan(x) - g.sin(x)) / x**3
    assert not [step for step in tables.run([e], "stable") if step.rule == "expansion"]


@pytest.mark.sample(25)
@pytest.mark.parametrize("text", sorted(WELL_KNOWN))
@pytest.mark.parametrize("source", [False, True], ids=["value", "derivatives"])
def test_what_is_said_to_be_well_known_is(text: str, source: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphc.rewrite.expansions.expander.WELL_KNOWN", frozenset())
    x = g.symbol("x")
    formula = of_number(g.parse(text), x, argument_of(x.dtype))
    assert formula is not None
    assert suspects(formula)
    off = frozenset({"expansion"})
    expander = Expander(
        lambda f, derivatives, memory: tables._tried(f, derivatives, memory, "stable", off), source
    )
    assert expander.of(formula) is formula


ORACLES: dict[str, Callable[[Any], Any]] = {
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "exprel": lambda x: mpmath.expm1(x) / x if x else mpmath.mpf(1),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "lgamma": mpmath.loggamma,
    "j0": lambda x: mpmath.besselj(0, x),
    "j1": lambda x: mpmath.besselj(1, x),
    "i0": lambda x: mpmath.besseli(0, x),
    "i1": lambda x: mpmath.besseli(1, x),
    "sinint": mpmath.si,
    "sinhint": mpmath.shi,
    "ndtr": mpmath.ncdf,
}


@pytest.mark.parametrize("at", [0.0, 0.25, 1.5])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_series_of_functions(name: str, at: float) -> None:
    oracle = ORACLES.get(name) or getattr(mpmath, name)
    x = laurent.variable()
    argument = x if at == 0 else laurent.add(laurent.of_number(at), x)
    try:
        series = laurent_functions.apply(name, argument)
    except NoSeriesError:
        return  # a pole, a branch point, or known around 0 alone
    with mpmath.workdps(40):
        step = mpmath.mpf(2) ** -12
        found = sum(
            laurent.number(c) * step ** (k + series.valuation) for k, c in enumerate(series.coefficients)
        )
        assert abs(found - oracle(mpmath.mpf(at) + step)) < mpmath.mpf(10) ** -30


def test_every_function_has_a_series_somewhere() -> None:
    x = laurent.variable()
    for name in FUNCTIONS:
        found = 0
        for at in (0.0, 0.25, 1.5):
            try:
                laurent_functions.apply(name, x if at == 0 else laurent.add(laurent.of_number(at), x))
            except NoSeriesError:
                continue
            found += 1
        assert found, name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_outlines_tell_what_formulas_are_doubtful(form, dtype):
    """What is found node by node in the graph is what evaluating each formula at 0 finds."""
    x, y = g.symbol("x", dtype=dtype), g.symbol("y", dtype=dtype)
    outlines, expected = Outlines(), 0
    members = list(itertools.permutations(SLOPE_ONE, 2))[::7]
    for one, other in members:
        formulas = [
            g.exp(FORMS[form](SLOPE_ONE[one][0](v), SLOPE_ONE[other][0](v), v, g))
            for v in (x, x * y, g.abs(y))
        ]
        variables = VariableOf()
        found = outlines.of(walk(formulas), variables)
        assert len({found[formula] for formula in formulas}) == 1  # alike, whatever the variable
        for formula, variable in zip(formulas, (x, x * y, g.abs(y)), strict=True):
            number = of_number(formula, variable, argument_of(dtype))
            assert number is not None
            assert found[formula].doubtful == bool(suspects(number)), formula
        expected += found[formulas[0]].doubtful
    assert expected or form == "f*h/x**2"


@pytest.mark.parametrize("formula", [
    lambda x: g.sin(x) + g.tan(x), lambda x: g.tanh(g.tanh(x)) + g.tanh(x), lambda x: 3 * g.atan(x) - g.sin(-x),
])  # fmt: skip
def test_sums_that_add_up_need_no_trial(formula):
    def refused(formula: g.Expr, derivatives: int) -> Any:
        raise AssertionError("a trial")

    x = argument_of("float64")
    assert suspects(formula(x))
    assert Expander(refused).of(formula(x)) is formula(x)


@pytest.mark.parametrize("formula", [
    lambda x: g.sin(x) - g.tan(x), lambda x: g.tanh(g.tanh(x)) - g.tanh(x), lambda x: x * g.sin(x) + x,
    lambda x: g.sin(x) + 1 / x,
])  # fmt: skip
def test_what_may_cancel_or_underflow_keeps_its_trial(formula):
    doubtful = suspects(formula(argument_of("float64")))
    assert without_sums_that_add_up(doubtful, formula(argument_of("float64"))) == doubtful


def test_what_is_mended_of_a_graph_does_not_depend_on_graphs_before():
    """Only so many formulas of a graph are tried: always the same ones."""
    x = g.symbol("x")
    graph = [g.sin(k * x) - g.tanh(k * x) for k in range(2, 40)]
    texts = [[str(e) for e in g.stabilize(graph)] for _ in range(3)]
    assert texts[0] == texts[1] == texts[2]


def test_a_power_whose_exponent_is_no_number_is_an_exponential() -> None:
    w = argument_of("float64")
    powers = {
        (1 + w) ** g.tanh(w): lambda v: (1 + v) ** mpmath.tanh(v),
        g.exp(w) ** w: lambda v: mpmath.exp(v * v),
        (2 + w) ** (w * w): lambda v: (2 + v) ** (v * v),
        g.cos(w) ** (1 / w): lambda v: mpmath.cos(v) ** (1 / v) if v else mpmath.mpf(1),
    }
    for formula, function in powers.items():
        series = expansion_reader.expansions(formula, 6)[formula]
        assert series is not None
        with mpmath.workdps(60):
            at = mpmath.mpf(2) ** -40
            terms = enumerate(map(laurent.number, series.coefficients), series.valuation)
            assert (
                abs(sum(c * at**power for power, c in terms) - function(at)) < at**4
            )  # of six terms some are lost where it is divided


def test_a_power_of_an_input_or_of_two_variables_has_no_series() -> None:
    x, y = g.symbols("x y")
    for formula in (x**x, x**y, (x * x) ** (1 / x)):
        assert expansion_reader.valuation(formula) == 0
        f = g.compile(g.grad(formula, x))
        assert np.isfinite(float(np.asarray(f(*[1.5 for _ in g.free_symbols(formula)]))))
