"""Forms written shorter: the same real numbers, digits and values kept, less time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.autodiff.rounding import low_parts
from graphc.ir.expr import walk
from graphc.search.alternatives import Forms
from graphc.search.cheaper import LOSS, cheaper
from graphc.search.clock import Clock
from graphc.search.columns import Columns, cost
from graphc.search.economize import fewer_terms, horner, polynomial
from graphc.search.products import products
from graphc.search.shortcuts import FOLLOWS, shorter
from graphc.search.truth import EVENLY, Points

REAL: dict[str, Any] = {
    name: getattr(mpmath, name)
    for name in "sqrt exp expm1 log log1p sin cos tan sinh cosh tanh hypot sign atan atan2".split()
} | {
    "abs": abs, "square": lambda x: x * x, "where": lambda c, a, b: a if c else b,
    "add_error": lambda a, b: 0, "multiply_error": lambda a, b: 0, "held": lambda x, n: x,
    "maximum": max, "minimum": min,
}  # fmt: skip


def exactly(form: Any, at: dict[str, float]) -> Any:
    """A formula over the real numbers, by mpmath from its text."""
    return eval(str(form), {**REAL, **{name: mpmath.mpf(value) for name, value in at.items()}})


def columns_of(form: Any) -> tuple[Columns, list[dict[str, float]]]:
    rng = np.random.default_rng(0)
    symbols = g.free_symbols(form)
    inputs = {s: rng.uniform(0.3, 2.0, 24) for s in sorted(symbols, key=lambda s: s.name)}
    return Columns(inputs, 24), [
        {s.name: float(c[k]) for s, c in inputs.items()} for k in range(24)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a/b/c", "a/(b/c)", "4*a/(b + 1)/(b + 1)", "a/b*(c/d)", "sqrt(a)*(sqrt(b + c)/(sqrt(c)*sqrt(d)))",
        "a*sqrt(b)*sqrt(b)/c", "a/(b + b*sqrt(c))*b", "-(a/(b*c))*d*d", "a/b/a", "sin(a)*(b*tan(a/2))", "2/a/3/b*c",
        "square(a*sqrt(b)/c)", "a/(b - b*c/8)", "a/(b + c)*(d/(a/b))", "hypot(1, a)*b", "hypot(a, b)/c",
        "1/a**2 + b/a + c/a", "a**2.5 + 2**b", "a/5 + 10**(0 - b)", "(a*(1/b))*(1/b)*(c + 1/b)",
        "expm1(a)*exp(b) + log1p(c)", "exp(a) + expm1(a)", "exp(a)*expm1(0 - a)", "cos(a) + sin(a/2)",
        "sin(a) + tan(a) + cos(a)", "sin(a) + sin(a/2)*cos(a/2)", "cosh(a) + sinh(a/2)", "sinh(a)*expm1(a)",
        "tanh(a)/expm1(2*a)", "tanh(a)*expm1(a)", "exp(a/2)/exp(a)", "exp(0 - a/2)*expm1(a)", "a + b*(1/(c*d))",
    ],
)  # fmt: skip
def test_shorter_forms_are_the_same_real_numbers(text):
    """Each way, whether it keeps digits or not; numbers in them are rounded to float64."""
    form = g.parse(text)
    columns, rows = columns_of(form)
    ways = list(dict.fromkeys(shorter(form, columns)))
    assert ways
    with mpmath.workdps(40):
        for way, at in itertools.product(ways, rows[:4]):
            truth = exactly(form, at)
            assert abs(exactly(way, at) - truth) <= 1e-14 * abs(truth), str(way)


def test_divisions_and_roots_become_fewer():
    for text, divisions, roots in (
        ("4*a/(b + 1)/(b + 1)", 1, 0), ("a/(b/c)", 1, 0), ("a/b*(c/d)", 1, 0), ("sqrt(a)/sqrt(b)*sqrt(c)", 1, 1),
        ("a*sqrt(b)*c*sqrt(b)", 0, 0),
        ("a/(b + b*sqrt(c))*b", 1, 1),
    ):  # fmt: skip
        form = g.parse(text)
        found = [[node.op.name for node in walk([way])] for way in products(form, columns_of(form)[0])]
        assert any((n.count("divide"), n.count("sqrt")) == (divisions, roots) for n in found), text


@pytest.mark.parametrize(("first", "second", "factor"), FOLLOWS)
def test_functions_follow_from_others(first, second, factor):
    with mpmath.workdps(40):
        for x in (-1.5, -0.3, 0.2, 0.7, 1.3):
            y = g.symbol("y")
            inner = getattr(mpmath, second)(mpmath.mpf(x))
            if first == "exp" or inner > 0 or "sqrt" not in str(FOLLOWS[first, second, factor](y)):
                way = eval(str(FOLLOWS[first, second, factor](y)), {**REAL, "y": inner})
                assert abs(way - getattr(mpmath, first)(factor * mpmath.mpf(x))) < 1e-35


# --- exponentials -----------------------------------------------------------------------------------------------------------


def differences() -> list[Any]:
    u, v = g.symbol("u"), g.symbol("v")
    form = g.where(abs(u - v) < 1, g.exp(v) * g.expm1(u - v), g.exp(u) - g.exp(v))
    columns, _ = columns_of(form)
    found = [
        way for way in shorter(form, columns) if sum(n.op.name in ("exp", "expm1") for n in walk([way])) == 2
    ]
    return [way for way in found if "maximum" in str(way)]


def test_a_difference_of_exponentials_from_the_larger_one():
    (way,) = dict.fromkeys(differences())
    function: Any = g.compile(way, [g.symbol("u"), g.symbol("v")], rewrite=None, cache=False)
    sizes = [-800.0, -700.0, -1.0, -1e-9, 0.0, 1e-300, 1e-9, 0.5, 1.0, 3.0, 700.0]
    with mpmath.workdps(400):
        for u, v in itertools.product(sizes, repeat=2):
            truth = float(mpmath.exp(mpmath.mpf(u)) - mpmath.exp(mpmath.mpf(v)))
            step = mpmath.mpf(u) - mpmath.mpf(v)  # u − v is rounded as in the form it comes from
            allowed = 4 * math.ulp(truth) + float(abs(mpmath.mpf(u - v) - step)) * math.exp(
                min(max(u, v), 709)
            )
            assert abs(function(u, v) - truth) <= allowed, (u, v)
    assert function(math.nan, 1.0) != function(math.nan, 1.0)


def test_its_slopes_where_the_exponents_are_equal():
    (way,) = dict.fromkeys(differences())
    u, v = g.symbol("u"), g.symbol("v")
    for by, sign in ((u, 1), (v, -1)):
        slope: Any = g.compile(g.grad(way, by), [u, v], rewrite=None, cache=False)
        for x in (0.0, -2.0, 3.0):
            assert slope(x, x) == pytest.approx(sign * math.exp(x), rel=4 * 2.0**-52)
            assert slope(x, x + 1) == pytest.approx(
                sign * math.exp(x if sign > 0 else x + 1), rel=8 * 2.0**-52
            )


@pytest.mark.parametrize("number", [1.0, 0.5, -3.0])
def test_a_norm_with_a_number_at_all_sizes(number):
    x = g.symbol("x")
    form = g.hypot(number, x)
    columns, _ = columns_of(form)
    way = next(w for w in shorter(form, columns) if w.op.name == "where")
    function: Any = g.compile(way, [x], rewrite=None, cache=False)
    for value in (0.0, -0.0, 5e-324, 1e-200, -1e-8, 1.0, -7.5, 1e153, -1e155, 1.7e308):
        with mpmath.workdps(700):
            truth = float(mpmath.sqrt(mpmath.mpf(number) ** 2 + mpmath.mpf(value) ** 2))
        assert abs(function(value) - truth) <= 2 * math.ulp(truth)
    assert function(math.inf) == function(-math.inf) == math.inf
    assert math.isnan(function(math.nan))


# --- polynomials ------------------------------------------------------------------------------------------------------------

SERIES = {
    "exp": [1 / math.factorial(k) for k in range(25)],
    "sine": [(-1) ** k / math.factorial(2 * k + 1) for k in range(12)],
    "logarithm": [(-1) ** k / (k + 1) for k in range(40)],
    "cotangent": [float(2 * mpmath.zeta(2 * k) / mpmath.pi ** (2 * k)) for k in range(1, 24)],
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize(("low", "high"), [(-0.25, 0.25), (0.0, 0.5), (0.125, 0.75)])
def test_a_polynomial_of_fewer_terms_is_as_near_as_it_says(name, low, high):
    terms = SERIES[name][::-1]
    share = 2.0**-54
    short = fewer_terms(terms, low, high, share)
    assert len(short) < len(terms)
    with mpmath.workdps(50):
        at = [mpmath.mpf(low) + (mpmath.mpf(high) - low) * k / 200 for k in range(201)]
        values = [[mpmath.polyval([mpmath.mpf(t) for t in each], x) for x in at] for each in (terms, short)]
        sizes = [mpmath.polyval([abs(mpmath.mpf(t)) for t in short], abs(x)) for x in at]
        least = min(map(abs, values[0]))
        for one, other, size in zip(*values, sizes, strict=True):
            # the share of the least value, which at Chebyshev's nodes may be a little larger, and a rounding of each number
            assert abs(one - other) <= 1.1 * share * least + 2.0**-53 * size


def test_a_polynomial_is_read_as_it_is_written():
    x = g.symbol("x")
    terms = [3.0, -1.0, 0.5, 2.0]
    for value in (x, x * x, g.sin(x)):
        assert polynomial(horner(value, terms)) == (value, terms)
    assert polynomial(x * 2 + x) is None
    assert polynomial(g.exp(x)) is None


def points_of(form: Any, columns: Columns, rows: list[dict[str, float]]) -> Points:
    with mpmath.workdps(60):
        exact = np.array([float(exactly(form, at)) for at in rows])
    count = len(rows)
    return Points(
        dict(columns.inputs), {form: exact}, np.full(count, 120), count, np.full(count, EVENLY, np.int8)
    )


def descent(written: str, start: str) -> tuple[list[Any], Forms, Any, Any]:
    """Shorter forms at numbers of several sizes below 1."""
    formula, better = g.parse(written), g.parse(start)
    rng = np.random.default_rng(0)
    names = sorted(symbol.name for symbol in g.free_symbols(formula))
    inputs = {g.symbol(name): 10.0 ** rng.uniform(-6, -0.1, 192) for name in names}
    columns = Columns(inputs, 192)
    rows = [{s.name: float(c[k]) for s, c in inputs.items()} for k in range(192)]
    points = points_of(formula, columns, rows)
    forms = Forms(columns, points.exact[formula])
    first, second = forms.add(formula, "as written"), forms.add(better, "test")
    return cheaper(second, forms, first, points, Clock(math.inf), 1.0), forms, first, second


def test_terms_end_where_the_branch_does():
    """The range is that in which the polynomial is taken, up to the boundary that no point lies at."""
    x = g.symbol("x")
    series = horner(x, SERIES["exp"][::-1])
    form = g.where(x < 0.5, series, g.exp(x))
    values = np.array([0.01, 0.1, 0.2, 0.3, 0.35, 0.9, 1.4, 2.0])
    ways = [
        way for way in shorter(form, Columns({x: values}, 8)) if way.op.name == "where" and "exp" in str(way)
    ]
    short = min((w for w in ways if polynomial(w.operands[1]) is not None), key=cost)
    assert cost(short) < cost(form) - 1.0
    beyond = np.linspace(0.0, 0.4999, 300)
    found = Columns({x: beyond}, 300)(short)
    exact = np.array([float(mpmath.exp(mpmath.mpf(v))) for v in beyond])
    assert (np.abs(found - exact) <= 4 * np.spacing(exact)).all()


# --- forms ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "start", "share"),
    [
        ("1 - ((n - 1)/(n + 1))**2", "4*n/(n + 1)/(n + 1)", 0.9),
        ("exp(x)*cos(y) - 1", "expm1(x)*cos(y) - 2*square(sin(y*0.5))", 0.75),
        ("w - w/(1 + w*(1 - cos(t)))", "w*(sin(t)*(w*tan(t/2))/(1 + sin(t)*(w*tan(t/2))))", 0.6),
        ("sqrt(m*(2/r - 1/(r + a)))", "sqrt(m)*(sqrt(r + 2*a)/(sqrt(r)*sqrt(r + a)))", 0.8),
        ("1/sqrt(1 - b*b/16) - 1", "b*b/16/(1 + sqrt(1 - b*b/16))/sqrt(1 - b*b/16)", 0.99),
        ("exp(a) - exp(b)", "exp(b)*expm1(a - b) if abs(a - b) < 1 else exp(a) - exp(b)", 0.9),
    ],
)  # fmt: skip
def test_a_form_takes_less_time_with_the_same_digits(written, start, share):
    found, forms, first, second = descent(written, start)
    assert found
    last = forms.add(found[-1], "test")
    assert last.cost <= share * second.cost
    assert last.error <= second.error + LOSS
    assert (last.wrong <= np.maximum(np.maximum(second.wrong + 1, first.wrong), 2.6)).all()
    assert [cost(each) for each in found] == sorted((cost(each) for each in found), reverse=True)


def test_a_guard_at_a_single_number_stays():
    """No point is drawn at 0, and the other side has no value there."""
    found, _, _, _ = descent("sin(x)/x", "1 if x < 1e-20 else sin(x)/x")
    for way in found:
        function: Any = g.compile(way, [g.symbol("x")], rewrite=None, cache=False)
        assert math.isfinite(function(0.0)), str(way)


def test_rounding_errors_stay_where_they_count():
    x, y, z = (g.symbol(name) for name in "xyz")
    formula = (x + y) - z
    (low,) = low_parts([formula], {})
    form = formula + low
    rng = np.random.default_rng(1)
    inputs = {x: rng.uniform(1, 2, 128), y: rng.uniform(1e-9, 1e-8, 128)}
    inputs[z] = inputs[x]
    columns = Columns(inputs, 128)
    exact = inputs[y].copy()
    forms = Forms(columns, exact)
    written, start = forms.add(formula, "as written"), forms.add(form, "test")
    assert start.error < 0.1 and written.error > 10
    points = Points(inputs, {formula: exact}, np.full(128, 120), 128, np.full(128, EVENLY, np.int8))
    for way in cheaper(start, forms, written, points, Clock(math.inf), 1.0):
        assert forms.add(way, "test").error <= start.error + LOSS


@pytest.mark.filterwarnings("error")
def test_huge_and_tiny_numbers_say_nothing():
    """Where columns over- and underflow no warning reaches the caller."""
    x, y = g.symbol("x"), g.symbol("y")
    formula = g.exp(x / 2) / g.exp(x) + g.exp(y) * g.expm1(-y)
    inputs = {s: np.array([1e300, -1.7e308, 1e-300, 5e-324, 1.7e308, 1.0]) for s in (x, y)}
    columns = Columns(inputs, 6)
    exact = columns(formula)
    forms = Forms(columns, exact)
    start = forms.add(formula, "as written")
    points = Points(inputs, {formula: exact}, np.full(6, 120), 6, np.full(6, EVENLY, np.int8))
    cheaper(start, forms, start, points, Clock(math.inf), 1.0)
