"""SymPy's symbols, functions and derivatives for graphc's, both ways; and what changes on the way says so."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sympy as S

import graphc as g
from graphc.errors import ConversionError, InputError
from graphc.frontend.interop.sympy_calculus import differentiate

x, y, v = g.symbols("x y v")
plain, other, t = S.symbols("x y t")
real = S.Symbol("x", real=True)
f = S.Function("f")

# --- rounding, log gamma, jumps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operand", [x, x / 2, x * 3 - 0.5, g.abs(x)])
def test_round_means_the_same_at_ties(operand):
    rounded = g.to_sympy(g.round(operand))
    (symbol,) = rounded.free_symbols
    large = (
        [2.0**51 + 0.5, 2.0**52 + 1, -(2.0**51) - 1.5] if operand is x else []
    )  # else the operand itself is rounded
    for value in [k / 4 for k in range(-14, 15)] + large:
        wanted = g.evaluate(g.round(operand), {"x": value})
        assert float(rounded.subs(symbol, S.Rational(value))) == wanted
        assert g.evaluate(g.from_sympy(rounded), {"x": value}) == wanted
        assert g.evaluate(g.round(operand), {"x": value}, digits=30) == wanted


@pytest.mark.parametrize("operand", [x, x * y, g.exp(x) - 2, -g.abs(x)])
def test_lgamma_comes_back(operand):
    there = g.to_sympy(g.lgamma(operand) * 2)
    again = g.from_sympy(there)
    assert "lgamma" in str(again)
    assert "log" not in str(again)
    at = {"x": -1.75, "y": 0.3}
    assert math.isclose(g.evaluate(again, at), g.evaluate(g.lgamma(operand) * 2, at), rel_tol=1e-14)
    large = g.evaluate(g.from_sympy(g.to_sympy(g.lgamma(x))), {"x": 1e5})
    assert math.isclose(large, math.lgamma(1e5), rel_tol=1e-15)  # where gamma is infinite


def test_logarithms_of_other_things_stay():
    assert str(g.from_sympy(S.log(S.gamma(plain)))) == "log(gamma(x))"
    assert str(g.from_sympy(S.log(S.Abs(S.sin(plain))))) == "log(abs(sin(x)))"


@pytest.mark.parametrize(
    "formula",
    [
        S.DiracDelta(plain) * other,
        S.Heaviside(plain).diff(plain),
        S.DiracDelta(plain, 1),
        S.sign(real).diff(real),
        [S.DiracDelta(plain)],
    ],
)
def test_a_delta_that_becomes_zero_says_so(formula):
    with pytest.warns(UserWarning, match="DiracDelta.* becomes 0") as caught:
        result = g.from_sympy(formula)
    assert caught[0].filename == __file__
    (result,) = result if isinstance(result, list) else [result]
    assert g.evaluate(result, {"x": 0.5, "y": 2.0}) == 0


def test_derivatives_by_sympy_say_nothing_of_jumps():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (slope,) = differentiate(g.where(x > 0, x, 0.0) + g.sign(x), [x])
        assert g.evaluate(slope, {"x": 2.0}) == 1
        assert g.from_sympy(S.Heaviside(plain)) is not None


# --- graphc's symbols as SymPy's --------------------------------------------------------------------------------------

WAYS = [
    {x: plain, y: other},
    {"x": plain, "y": other},
    [plain, other],
    (plain, other),
    {x: plain, "y": other},
]


@pytest.mark.parametrize("symbols", WAYS)
def test_a_formula_is_written_in_symbols_of_the_users_own(symbols):
    formula = g.to_sympy(x**2 * g.sin(y), symbols=symbols)
    assert formula.free_symbols == {plain, other}
    assert formula.diff(plain) == 2 * plain * S.sin(other)
    assert g.to_sympy({"a": x * y, "b": [y]}, symbols=symbols) == {"a": plain * other, "b": [other]}


def test_what_is_not_named_stays_real():
    formula = g.to_sympy(x * y, symbols={x: plain})
    assert formula == plain * S.Symbol("y", real=True)
    assert g.to_sympy(x, symbols=[]) == real
    assert g.to_sympy(x, symbols=plain) is plain
    assert g.to_sympy(x, symbols=[plain, t]) is plain  # a list says what is known, a mapping what is meant


def test_a_symbol_becomes_a_function_of_time():
    moving = g.to_sympy(x**2 / 2 + g.cos(x), symbols={x: f(t)})
    assert moving.diff(t) == f(t) * f(t).diff(t) - S.sin(f(t)) * f(t).diff(t)
    back = g.from_sympy(moving.diff(t), symbols={f(t): x, f(t).diff(t): v})
    assert g.evaluate(back, {"x": 0.5, "v": 2.0}) == pytest.approx(1.0 - 2 * math.sin(0.5), rel=1e-15)
    as_written = g.to_sympy(x + x, evaluate=False, symbols={x: plain})
    assert as_written.args == (plain, plain)


@pytest.mark.parametrize(
    ("symbols", "error", "says"),
    [
        ({"z": plain}, ConversionError, "'z', which is no symbol"),
        ({v: plain}, ConversionError, "'v', which is no symbol"),
        ({g.symbol("x", positive=True): plain}, ConversionError, "'x', which is no symbol"),
        ({x + y: plain}, ConversionError, "no symbol of"),
        ({3: plain}, ConversionError, "'3', which is no symbol"),
        ({x: 3}, ConversionError, "3 is no SymPy expression"),
        ({x: y}, ConversionError, "y is no SymPy expression"),
        ([x], ConversionError, "x is no SymPy symbol"),
        ("x", InputError, "symbols is a list"),
        (3, InputError, "symbols is a list"),
    ],
)
def test_wrong_symbols_for_sympy_are_refused(symbols, error, says):
    with pytest.raises(error, match=says) as caught:
        g.to_sympy(x * y, symbols=symbols)
    assert caught.value.hint


# --- SymPy's symbols as graphc's --------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbols", [{plain: v, other: y}, {"x": v, other: y}, {"x": v, "y": y}])
def test_keys_are_names_and_symbols(symbols):
    assert g.from_sympy(plain**2 + other, symbols=symbols) in (v**2 + y, y + v**2)
    assert g.from_sympy([plain, {"b": other}], symbols=symbols) == [v, {"b": y}]


def test_two_symbols_of_one_name_are_told_apart():
    with pytest.raises(ConversionError, match="two different SymPy symbols"):
        g.from_sympy(plain + 2 * real)
    both = g.from_sympy(plain + 2 * real, symbols={plain: x, real: y})
    assert g.evaluate(both, {"x": 3.0, "y": 5.0}) == 13


def test_functions_of_time_and_their_derivatives():
    m, k = S.symbols("m k")
    lagrangian = m * f(t).diff(t) ** 2 / 2 - k * f(t) ** 2 / 2
    energy = g.from_sympy(lagrangian, symbols={f(t): x, f(t).diff(t): v})
    at = {"x": 0.5, "v": 3.0, "m": 2.0, "k": 4.0}
    assert g.evaluate(energy, at) == 2 * 9 / 2 - 4 * 0.25 / 2
    assert {s.name for s in g.free_symbols(energy)} == {"x", "v", "m", "k"}
    twice = g.from_sympy(f(t).diff(t, 2) + f(2 * t), symbols={f(t).diff(t, 2): v, f(2 * t): x})
    assert twice is v + x or twice is x + v
    pair = S.Function("h")(plain, t)
    assert g.from_sympy(pair * pair.diff(plain), symbols={pair: x, pair.diff(plain): y}) in (x * y, y * x)
    array = g.symbol("X", shape=("n",))
    assert g.evaluate(g.from_sympy(f(t) * 2, symbols={f(t): array}), {"X": np.ones(2)}).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("formula", "symbols", "says"),
    [
        (plain**2, {"z": x}, "'z', which is no symbol"),
        (plain**2, {"x": x, "xx": y}, "'xx', which is no symbol"),
        (plain**2, {real: x}, "its assumptions differ"),
        (plain**2, {other: x}, "'y', which is no symbol"),
        (f(t), {f(t): x, f(t).diff(t): v}, "Derivative"),
        (f(t).diff(t), {f(t): x}, "unevaluated"),
        (f(t), {f(2 * t): x}, "not defined"),
        (f(t), {"f": x}, "not defined"),
        (plain**2, {3: x}, "3, which is no name"),
        (plain**2, {plain**2: x}, "which is no name"),
        (plain**2, {plain: 3.0}, "3.0 for x, which is no expression"),
        (plain**2, {plain: other}, "y for x, which is no expression"),
    ],
)
def test_keys_that_match_nothing_are_refused(formula, symbols, says):
    with pytest.raises(ConversionError, match=says) as caught:
        g.from_sympy(formula, symbols=symbols)
    assert caught.value.hint


def test_a_close_name_is_offered_and_a_list_declares():
    with pytest.raises(ConversionError) as caught:
        g.from_sympy(S.Symbol("weight") * 2, symbols={"wieght": x})
    assert "'weight'" in caught.value.hint
    assert g.from_sympy(plain, symbols=[x, y]) is x  # a list says what is known, a mapping what is meant
    assert g.from_sympy([plain, other], symbols={"x": v, "y": x}) == [v, x]
