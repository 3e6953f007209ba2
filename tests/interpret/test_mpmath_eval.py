"""The mpmath interpreter: each operation against SymPy's own evaluation, branches, cancellation, and what it refuses."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from functools import reduce

import mpmath
import numpy as np
import pytest
import sympy

import graphc as g
from graphc.errors import InputError, PrecisionError, ShapeError
from graphc.interpret import mpmath_eval
from graphc.interpret.ball_functions import Arithmetic
from graphc.ir.expr import apply
from graphc.ir.op import Op, all_ops
from tests.ops.test_partials import call, exact, operands, samples
from tests.oracle import held_apart

x, y = g.symbols("x y")

EVALUATED = [op for op in all_ops() if not op.user_defined and not held_apart(op)]


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(120):
        yield


@pytest.mark.parametrize("kind", ["bool", "int8"])
@pytest.mark.parametrize("op", EVALUATED, ids=lambda op: op.name)
def test_truths_and_whole_numbers_are_pythons(op: Op, kind: str) -> None:
    symbols = [g.symbol(param, dtype=kind) for param in op.params]
    try:
        expr = apply(op, *symbols)
    except g.GraphcError:  # not of such operands
        return
    values = dict.fromkeys(op.params, True if kind == "bool" else 1)
    try:
        found = mpmath_eval.evaluate(expr, values, digits=20)
    except g.GraphcError:  # no value there
        return
    expected = {"b": bool, "i": int, "u": int}.get(expr.dtype.kind, mpmath.mpf)
    assert type(found) is expected, found


@pytest.mark.parametrize("op", EVALUATED, ids=lambda op: op.name)
def test_every_operation_at_50_digits(op: Op) -> None:
    symbols = (
        operands(op) if op.category != "logic" else [g.symbol(param, dtype="bool") for param in op.params]
    )
    for point in points(op, symbols):
        found = mpmath_eval.evaluate(call(op, symbols), point, digits=50)
        if op.formula is None:
            assert found == g.evaluate(call(op, symbols), point)
            continue
        truth = op.formula(sympy, *(exact(value) for value in point.values()))
        if isinstance(found, bool):
            assert found is bool(truth)
        else:
            truth = mpmath.mpf(sympy.N(truth, 60)._to_mpmath(300))
            # SymPy multiplies selu's two constants as floats of 53 bits
            tolerance = mpmath.mpf(2) ** -53 if op.name == "selu" else mpmath.mpf(10) ** -50
            assert abs(found - truth) <= abs(truth) * tolerance, f"{op.name} at {point}"


def points(op: Op, symbols: list) -> list[dict]:
    if op.domain:
        return samples(op, symbols)
    if op.category == "logic":
        return [
            dict(zip(op.params, row, strict=False))
            for row in [(True, True), (True, False), (False, True), (False, False)]
        ]
    return [{"x": value} for value in (0.5, np.inf, -np.inf, np.nan)]


@pytest.mark.parametrize(
    "op",
    [
        op for op in EVALUATED if op.domain and op.name not in ("astype", "add_error")
    ],  # 0 over the real numbers
    ids=lambda op: op.name,
)
def test_the_interpreter_agrees_to_float64(op: Op) -> None:
    """NumPy's and SciPy's functions are not correctly rounded: the bound is the operation's own and theirs."""
    symbols = operands(op)
    for point in samples(op, symbols):
        found, rough = mpmath_eval.evaluate(call(op, symbols), point), g.evaluate(call(op, symbols), point)
        assert abs(found - rough) <= max(4.0, op.ulps, op.reference_ulps or 0) * 2**-52 * abs(found), (
            f"{op.name} at {point}"
        )


@pytest.mark.parametrize(
    ("expr", "at", "expected"),
    [
        ((1 + x) - 1, 1e-300, mpmath.mpf(1e-300)),
        (g.log1p(x), 5e-324, mpmath.mpf(5e-324)),
        (g.softplus(x), 1e308, mpmath.mpf(1e308)),
        (g.log_sigmoid(x), -1e5, mpmath.mpf(-1e5)),
        (g.cos(x) - 1, 2.0**-400, -(mpmath.mpf(2) ** -801)),
        (g.where(x > 0, g.log(x), 0.0), -1.0, 0),
        (g.where(x > 0, 1 / x, 0.0), 0.0, 0),
        (1 / x, 0.0, mpmath.inf),
        (g.log(x), 0.0, -mpmath.inf),
        (x**0.0, 0.0, 1),
        (g.round(x), 2.5, 2),
        (g.round(x), 3.5, 4),
        (g.round(x), -2.5, -2),
        (g.floor(g.log2(x)), 8.0, 3),
        (g.sqrt(x) * g.sqrt(x) - x, 2.0, 0),
        (g.asin(g.sqrt(x) * g.sqrt(x) / 2), 2.0, None),
        (g.astype(g.sqrt(x) * g.sqrt(x) >= x, "float64"), 2.0, 1),
        (g.astype(x, "int64"), -2.7, -2),
    ],
)
def test_where_floats_would_fail(expr: g.Expr, at: float, expected) -> None:
    found = mpmath_eval.evaluate(expr, {"x": at}, digits=40)
    expected = mpmath.pi / 2 if expected is None else expected
    assert found == expected or abs(found - expected) <= abs(expected) * mpmath.mpf(10) ** -40


def test_nan_where_the_real_function_has_no_value() -> None:
    for expr in (g.log(x), g.sqrt(x), g.acosh(x), x**0.5, g.asin(x - 5)):
        assert mpmath.isnan(mpmath_eval.evaluate(expr, {"x": -2.0}))
        assert mpmath.isnan(mpmath_eval.evaluate(g.sin(x * x) * expr / g.exp(x * x) + g.sin(x), {"x": -2.0}))
        assert mpmath_eval.evaluate(g.sin(x) * expr < g.cos(x), {"x": -2.0}) is False


def test_digits_are_right_through_an_iteration_that_doubles_errors() -> None:
    """The logistic map at 4 has the closed form sin²(2ⁿ·asin √x₀)."""
    steps = 300
    last = reduce(lambda z, _: 4 * z * (1 - z), range(steps), x)
    with mpmath.workdps(200):
        truth = mpmath.sin(2**steps * mpmath.asin(mpmath.sqrt(mpmath.mpf(0.3)))) ** 2
        assert abs(mpmath_eval.evaluate(last, {"x": 0.3}, digits=60) - truth) <= mpmath.mpf(10) ** -60 * truth


def test_what_no_precision_determines_is_refused() -> None:
    """Each step shifts 30 binary digits out; the whole parts are no longer known when 4096 are gone."""
    last = reduce(lambda z, _: 1e9 * z - g.floor(1e9 * z), range(150), x)
    with pytest.raises(PrecisionError, match="4096 binary digits do not determine 10"):
        mpmath_eval.evaluate(last, {"x": Fraction(1, 7)}, digits=10)
    assert 0 < mpmath_eval.evaluate(last, {"x": Fraction(1, 7)}, digits=1000) < 1


def test_towers_and_large_arguments_end_in_time() -> None:
    tower = reduce(lambda z, _: g.exp(z), range(8), x)
    assert mpmath_eval.evaluate(tower, {"x": 5.0}) == mpmath.inf
    assert mpmath_eval.evaluate(1 / tower, {"x": 5.0}) == 0
    assert mpmath.isnan(mpmath_eval.evaluate(g.sin(tower), {"x": 5.0}))
    squares = reduce(lambda z, _: z * z, range(25_000), x)
    assert mpmath_eval.evaluate(squares, {"x": 5.0}) == mpmath.inf
    with pytest.raises(PrecisionError, match="polygamma of order 1000000"):
        mpmath_eval.evaluate(g.polygamma(1_000_000, x), {"x": 2.0})


def test_long_chains_do_not_recurse() -> None:
    chain = reduce(lambda z, _: z + 1, range(20_000), x)
    assert mpmath_eval.evaluate(chain, {"x": 0.5}) == 20_000.5


def test_integers_stay_whole() -> None:
    n = g.symbol("n", dtype="int64")
    assert mpmath_eval.evaluate(n * n // 3, {"n": -5}) == 8
    assert mpmath_eval.evaluate(g.pow(n, -2), {"n": 3}) == 0
    assert mpmath_eval.evaluate(g.pow(n, -3), {"n": -1}) == -1
    assert mpmath_eval.evaluate(n * n, {"n": 2**40}) == 2**80
    assert type(mpmath_eval.evaluate(n + 1, {"n": 1})) is int


def test_values_of_any_exact_type() -> None:
    third = Fraction(1, 3)
    assert abs(mpmath_eval.evaluate(3 * x - 1, {x: third})) == 0
    assert mpmath_eval.evaluate(x, {"x": Decimal("0.1")}, digits=100) != mpmath_eval.evaluate(
        x, {"x": 0.1}, digits=100
    )
    assert mpmath_eval.evaluate(x, {"x": mpmath.pi + 0}, digits=100) == mpmath.pi + 0


def test_structures_and_arrays() -> None:
    found = mpmath_eval.evaluate(
        {"sum": x + y, "truth": [x > y]}, {"x": np.array([1.0, 2.0]), "y": np.array([[0.5], [1.5]])}
    )
    assert found["sum"].shape == (2, 2) and found["sum"][1, 0] == 2.5
    assert found["truth"][0].tolist() == [[True, True], [False, True]]
    table = g.constant(np.array([10.0, 20.0]))
    assert mpmath_eval.evaluate(g.symbol("t", shape=(2,)) * table, {"t": [1.0, 2.0]}).tolist() == [10, 40]
    with pytest.raises(ShapeError):
        mpmath_eval.evaluate(x + y, {"x": np.zeros(2), "y": np.zeros(3)})


def test_the_global_precision_is_left_alone() -> None:
    with mpmath.workdps(7):
        mpmath_eval.evaluate(g.gamma(x), {"x": 2.5}, digits=80)
        assert mpmath.mp.dps == 7


@pytest.mark.parametrize("digits", [0, -1, 10_001, 2.0, True, "50"])
def test_digits_are_a_whole_number_in_range(digits) -> None:
    with pytest.raises(InputError, match="digits is"):
        mpmath_eval.evaluate(x, {"x": 1.0}, digits=digits)


def test_wrong_points_are_named() -> None:
    with pytest.raises(InputError, match="no value for input 'y'"):
        mpmath_eval.evaluate(x + y, {"x": 1.0})
    with pytest.raises(InputError, match="there is no input 'z'"):
        mpmath_eval.evaluate(x, {"x": 1.0, "z": Fraction(1, 2)})
    with pytest.raises(InputError, match="a point is a dict"):
        mpmath_eval.evaluate(x, 3.0)  # type: ignore[arg-type]


def test_a_point_may_hold_more_than_an_expression_needs() -> None:
    for digits in (None, 20):
        assert g.evaluate(g.grad(x * y, y), {"x": 2.0, "y": 3.0}, digits=digits) == 2
        assert g.evaluate(g.constant(1.5), {"x": 2.0}, digits=digits) == 1.5
        with pytest.raises(InputError, match=r"there is no input 'z'|no value for input 'y'"):
            g.evaluate(x * y, {"x": 2.0, "z": 3.0}, digits=digits)


def test_an_enclosure_holds_what_the_constants_stand_for() -> None:
    expr = x * float(np.log(2))
    found = mpmath_eval.enclose(expr, {"x": 3.0})
    truth = 3 * mpmath.log(2)
    assert 0 < abs(found.value - truth) <= found.error < 1e-14
    assert mpmath_eval.enclose(x * 0.5 + 3, {"x": 0.1}).error == 0
    with pytest.raises(InputError, match="at one point"):
        mpmath_eval.enclose(x, {"x": np.zeros(2)})


def test_balls_hold_the_truth() -> None:
    """Random sums, products and quotients of inexact numbers, against the same in rationals."""
    random = np.random.default_rng(1)
    field = Arithmetic(40)
    for _ in range(300):
        a, b, c, d = (Fraction(int(p), int(q)) for p, q in random.integers(1, 10**6, (4, 2)))
        balls = [field.ball(value) for value in (a, b, c, d)]
        ball = (balls[0] + balls[1] * balls[2]) / balls[3] - balls[0] * 3
        truth = (a + b * c) / d - a * 3
        mid, rad = (mpmath.mpf(field.exported(value)) for value in (ball.mid, ball.rad))
        assert abs(mid - mpmath.mpf(truth.numerator) / truth.denominator) <= rad
        assert rad <= abs(mid) * 2.0**-20 + 1e-4


def test_the_arithmetic_names_what_it_lacks() -> None:
    with pytest.raises(AttributeError, match="no hyper"):
        _ = Arithmetic(53).hyper


@pytest.mark.parametrize(
    ("base", "reciprocal", "value"),
    [
        (-0.5, 3e-300, math.nan),  # 1/3e-300 is no whole number, though its rounding is one
        (-1.0, 3e-300, math.nan),
        (-8.0, 1 / 3, math.nan),
        (-2.0, 0.5, 4.0),
        (-1.0, 2.0**-70, 1.0),
        (-0.5, 2.0**-10, 2.0**-1024),
    ],
)
def test_negative_numbers_have_powers_of_whole_exponents_alone(base, reciprocal, value):
    x, n = g.symbols("x n")
    found = float(mpmath_eval.evaluate(x ** (1 / n), {"x": base, "n": reciprocal}))
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize("bits", [60, 129, 400, 2000])
@pytest.mark.parametrize("sign", [1, -1])
def test_powers_with_long_whole_exponents(bits, sign):
    """(1 + 2⁻ᵏ) to a whole power near 2ᵏ⁺³ is near e⁸; the oracle is the exponential of a logarithm in many more digits."""
    from graphc.interpret.mpmath_eval import context

    mp = context(40)
    field = Arithmetic(mp.prec, 0.25)
    fine = mpmath.mp.clone()
    fine.prec = 8 * bits + 400
    step = min(bits, field.mp.prec - 8)
    base, exponent = fine.mpf(2) ** -step + 1, sign * (fine.mpf(2) ** min(bits, step + 3) + 1)
    exact = fine.exp(exponent * fine.log(base))
    found = field.power(field.mp.make_mpf(base._mpf_), field.mp.make_mpf(exponent._mpf_))
    assert abs(fine.make_mpf(found._mpf_) / exact - 1) < fine.mpf(2) ** (4 - field.mp.prec)
    negative = field.power(field.mp.make_mpf((-base)._mpf_), field.mp.make_mpf(exponent._mpf_))
    assert negative == -found  # 2ᵏ + 1 is odd
