"""Values and derivatives of what rules write, against mpmath: sums in any order, removable singularities, logarithms, overflow.

The truth is the formula itself in mpmath, differentiated by its Taylor coefficients, so nothing here is graphc's. Errors are in
units of the last place of the truth, over the condition number of what is computed by its operand.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g

x, y = g.symbols("x y")
Y = 0.7

POINTS = (
    1e-40, -1e-20, 1e-9, -1e-5, 1e-3, 0.01, -0.1, 0.3, -0.5, 0.55, 0.7, 0.99, -1.0, 1.3, -1.5, 2.0, -2.7, 5.0, -7.0, 36.0, -100.0,
    300.0,
)  # fmt: skip

BITS = 1000


def derivatives(function, at, order):
    """The value and derivatives of a function of one number, at a precision that no cancellation here uses up."""
    with mpmath.workprec(BITS):
        coefficients = mpmath.taylor(function, mpmath.mpf(at), order + 1)
        return [c * mpmath.factorial(k) for k, c in enumerate(coefficients)]


def worst(expr, function, order, points, dtype="float64"):
    """The largest error of the value and of derivatives: (order, units over the condition number, point, value, truth)."""
    written = [g.stabilize(expr)]
    for _ in range(order):
        written.append(g.grad(written[-1], x))
    compiled = g.compile(written, [x, y], dtype=dtype)
    at = np.array(points, dtype=dtype)
    with np.errstate(all="ignore"):
        columns = [np.broadcast_to(v, at.shape) for v in compiled(at, np.full_like(at, Y))]
    info = np.finfo(dtype)
    found = (0, 0.0, 0.0, 0.0, 0.0)
    for place, point in enumerate(at.astype(np.float64)):
        truths = derivatives(lambda t: function(t, mpmath.mpf(float(at.dtype.type(Y)))), point, order)
        for k, column in enumerate(columns):
            truth, value = truths[k], float(column[place])
            if abs(truth) > float(info.max) or mpmath.im(truth):
                continue
            condition = abs(point * truths[k + 1] / truth) if truth else 1
            unit = max(abs(truth) * float(info.eps), float(info.smallest_subnormal))
            error = (
                abs(mpmath.mpf(value) - truth) / unit / max(1, condition)
                if math.isfinite(value)
                else math.inf
            )
            if error > found[1]:
                found = (k, float(error), point, value, float(truth))
    return found


m = mpmath

SUMS = {
    "cos(x) - 1": lambda t, y: m.cos(t) - 1,
    "2 - 2*cos(x)": lambda t, y: 2 - 2 * m.cos(t),
    "-3 + 3*cos(x)": lambda t, y: 3 * m.cos(t) - 3,
    "y - y*cos(x)": lambda t, y: y - y * m.cos(t),
    "sin(x) - x": lambda t, y: m.sin(t) - t,
    "3*x - 3*sin(x)": lambda t, y: 3 * (t - m.sin(t)),
    "-(x - sin(x))*y": lambda t, y: -(t - m.sin(t)) * y,
    "sinh(x) - x": lambda t, y: m.sinh(t) - t,
    "x - tanh(x)": lambda t, y: t - m.tanh(t),
    "atan(x) - x": lambda t, y: m.atan(t) - t,
    "1 - cosh(x)": lambda t, y: 1 - m.cosh(t),
    "exp(-x) - exp(x)": lambda t, y: m.exp(-t) - m.exp(t),
    "2*exp(x) - 2": lambda t, y: 2 * m.expm1(t),
    "(x + y) - x": lambda t, y: y,
    "1 - (1 - x)": lambda t, y: t,
    "(x + 1)**2 - 1": lambda t, y: t * t + 2 * t,
    "(x + 1)**2 - x**2": lambda t, y: 2 * t + 1,
    "(3*x + y) - x*3": lambda t, y: y,
}

RIGHT_OF_MINUS_ONE = {
    "sqrt(x + 1) - 1": lambda t, y: m.sqrt(1 + t) - 1,
    "2 - 2*sqrt(1 + x)": lambda t, y: 2 - 2 * m.sqrt(1 + t),
    "1/(x + 1) - 1": lambda t, y: 1 / (1 + t) - 1,
}

REMOVABLE = {
    "sin(x)/x": lambda t, y: m.sin(t) / t,
    "sin(2*x)/x": lambda t, y: m.sin(2 * t) / t,
    "(exp(x) - 1)/x": lambda t, y: m.expm1(t) / t,
    "(1 - exp(-x))/x": lambda t, y: -m.expm1(-t) / t,
    "(1 - cos(x))/(x*x)": lambda t, y: (1 - m.cos(t)) / t**2,
    "(x - sin(x))/x**3": lambda t, y: (t - m.sin(t)) / t**3,
    "x/(exp(x) - 1)": lambda t, y: t / m.expm1(t),
    "1/tanh(x) - 1/x": lambda t, y: m.coth(t) - 1 / t,
    "1/x - 1/sin(x)": lambda t, y: 1 / t - 1 / m.sin(t),
    "tanh(x)/x": lambda t, y: m.tanh(t) / t,
    "x/sin(x)": lambda t, y: t / m.sin(t),
    "x/tanh(x)": lambda t, y: t * m.coth(t),
    "asinh(x)/x": lambda t, y: m.asinh(t) / t,
}

LOGARITHMS = {
    "log(x + sqrt(x*x + 1))": lambda t, y: m.asinh(t),
    "log(sqrt(x*x + 1) - x)": lambda t, y: -m.asinh(t),
    "log(cosh(x))": lambda t, y: m.log(m.cosh(t)),
    "log(x*x + 1)": lambda t, y: m.log(t * t + 1),
    "log(x*x + y*y)": lambda t, y: m.log(t * t + y * y),
}


@pytest.mark.sample(6)
@pytest.mark.parametrize("text", SUMS)
def test_terms_cancel_in_any_order(text):
    found = worst(g.parse(text), SUMS[text], 2, POINTS)
    assert found[1] <= 4, found


@pytest.mark.sample(3)
@pytest.mark.parametrize("text", RIGHT_OF_MINUS_ONE)
def test_terms_cancel_right_of_minus_one(text):
    found = worst(g.parse(text), RIGHT_OF_MINUS_ONE[text], 2, [p for p in POINTS if p > -0.9])
    assert found[1] <= 6, found


@pytest.mark.sample(6)
@pytest.mark.parametrize("text", REMOVABLE)
def test_removable_singularities_to_the_second_derivative(text):
    found = worst(g.parse(text), REMOVABLE[text], 2, [p for p in POINTS if abs(p) < 0.9])
    assert found[1] <= 10, found


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("sin(x)/x", (1, 0, -1 / 3, 0)), ("(exp(x) - 1)/x", (1, 1 / 2, 1 / 3, 1 / 4)), ("x/(exp(x) - 1)", (1, -1 / 2, 1 / 6, 0)),
        ("(1 - cos(x))/x**2", (1 / 2, 0, -1 / 12, 0)), ("1/tanh(x) - 1/x", (0, 1 / 3, 0, -2 / 15)),
        ("sqrt(1 + x*x) - 1", (0, 0, 1, 0)),
        ("tan(x)/x", (1, 0, 2 / 3, 0)), ("log(1 + x)/x", (1, -1 / 2, 2 / 3, -3 / 2)), ("x/sinh(x)", (1, 0, -1 / 3, 0)),
        ("(sqrt(1 + x) - 1)/x", (1 / 2, -1 / 8, 1 / 8, -15 / 64)), ("(sin(x) - x*cos(x))/x**2", (0, 1 / 3, 0, -1 / 5)),
        ("1/x - 1/(exp(x) - 1)", (1 / 2, -1 / 12, 0, 1 / 120)),
    ],
)  # fmt: skip
def test_removable_singularities_at_0_to_the_third_derivative(text, values):
    expr = g.stabilize(g.parse(text))
    for order, value in enumerate(values):
        found = g.compile(expr, [x])(0.0)
        assert abs(found - value) <= 16 * 2.0**-52 * max(1, abs(value)), (order, found, value)
        expr = g.grad(expr, x)


@pytest.mark.sample(2)
@pytest.mark.parametrize("text", LOGARITHMS)
def test_logarithms(text):
    points = (*POINTS, 1e5, -1e9, 1e100, -1e150, 1e200) if "cosh" not in text else POINTS
    found = worst(g.parse(text), LOGARITHMS[text], 1, points)
    assert found[1] <= 6, found


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("text", "at", "value"),
    [
        ("log(exp(x) - exp(y))", 1000.0, 1000.0), ("log(exp(x) - 1)", 1000.0, 1000.0),
        ("log(sinh(x))", 1000.0, 1000 - math.log(2)),
        ("log(tanh(x))", 20.0, -2 * math.exp(-40.0)), ("log(gamma(x))", 400.0, math.lgamma(400.0)),
        ("log(erf(x))", 6.0, -math.erfc(6.0)),
        ("gamma(x + 1)/gamma(x)", 400.0, 400.0),
        ("gamma(x)/gamma(x + 0.5)", 400.0, math.exp(math.lgamma(400.0) - math.lgamma(400.5))),
        ("gamma(x)*gamma(y)/gamma(x + y)", 300.0, math.exp(math.lgamma(300) + math.lgamma(0.7) - math.lgamma(300.7))),
        ("x/(x*x + y*y)", 1e200, 1e-200),
        ("sqrt(x*x - y*y)", -1e200, 1e200), ("(3*x + y*y)/(x*x + y*y)", 1e200, 3e-200),
    ],
)  # fmt: skip
def test_over_and_underflow_on_the_way(text, at, value):
    """To 10⁻¹²: the expected values are NumPy's and a few roundings of large logarithms."""
    found = g.compile(g.parse(text), [x, y])(at, Y)
    assert abs(found - value) <= 1e-12 * abs(value), (found, value)


VIEWS = {
    "reshape": lambda u: g.reshape(u, (-1,)),
    "transpose": lambda u: g.permute_dims(u, (1, 0)),
    "index": lambda u: u[:, 0],
    "flip": lambda u: g.flip(u, 0),
    "concat": lambda u: g.concat([u, u]),
    "expand": lambda u: g.expand_dims(u, 0),
}

BEHIND_VIEWS = {
    "log of sigmoid": (lambda view, X: g.log(view(g.sigmoid(X))), lambda view, X: view(g.log_sigmoid(X))),
    "log of softmax": (
        lambda view, X: g.log(view(g.softmax(X, axis=1))),
        lambda view, X: view(g.log_softmax(X, axis=1)),
    ),
    "log of 1 + exp": (lambda view, X: g.log(1 + view(g.exp(X))), lambda view, X: view(g.softplus(X))),
    "sigmoid": (lambda view, X: 1 / (1 + view(g.exp(X))), lambda view, X: view(g.sigmoid(-X))),
    "versine": (lambda view, X: view(g.cos(X)) - 1, lambda view, X: view(g.cos(X) - 1)),
    "sine": (lambda view, X: view(g.sin(X)) - view(X), lambda view, X: view(g.sin(X) - X)),
}


@pytest.mark.sample(8)
@pytest.mark.parametrize("case", BEHIND_VIEWS)
@pytest.mark.parametrize("view", VIEWS)
def test_rules_see_through_views(view, case):
    X = g.symbol("X", shape=("n", 3))
    if (view, case) == ("concat", "sine"):
        pytest.skip("two operands joined")
    written, meant = BEHIND_VIEWS[case]
    values = np.array([[1000.0, 0.0, -1000.0], [1e-9, 3.0, -800.0]])
    one, other = (
        g.compile([e, g.grad(g.sum(e), X)], [X])(values)
        for e in (g.stabilize(make(VIEWS[view], X)) for make in (written, meant))
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=0)


def test_shares_picked_from_one_array():
    X = g.symbol("X", shape=("n", 2))
    a, b = g.exp(X)[:, 0], g.exp(X)[:, 1]
    f = g.compile([g.stabilize(a / (a + b)), g.stabilize(b / (a + b))], [X])
    one, other = f(np.array([[1000.0, 960.0], [0.0, 40.0]]))
    share = math.exp(-40.0) / (1 + math.exp(-40.0))
    np.testing.assert_allclose(one, [1 - share, share], rtol=1e-15)
    np.testing.assert_allclose(other, [share, 1 - share], rtol=1e-15)


def test_the_logarithm_of_a_clipped_share():
    X = g.symbol("X", shape=("n", 3))
    e = g.log(g.clip(g.softmax(X, axis=1), 1e-12, 1.0))
    value = g.compile(e, [X])(np.array([[1000.0, 999.0, 0.0]]))
    np.testing.assert_allclose(
        value, [[-math.log1p(math.exp(-1)), -1 - math.log1p(math.exp(-1)), math.log(1e-12)]], rtol=1e-14
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1/(1 - exp(x))", 0.0), ("1/log(1 - x)", 0.0), ("1/(x*x - y*y)", -0.7),
        ("1/log(1/x)", 1.0), ("1/log((1 - x)/(1 + x))", 0.0), ("1/(exp(-x) - exp(x))", 0.0),
        ("1/(cos(x) - 1)", 0.0), ("1/(1 - (1 - x))", 0.0), ("exp(x)/(1 - exp(x))", 0.0),
        ("1/log(cos(x))", 0.0), ("1/log(sqrt(x*x + 1) - x)", 0.0), ("1/(x*x - 1)", -1.0),
        ("1/((y - x) - y)", 0.0),
    ],
)  # fmt: skip
def test_infinities_have_the_signs_that_are_written(text, at):
    e = g.parse(text)
    with np.errstate(all="ignore"):
        written, value = (g.compile(e, [x, y], rewrite=level)(at, Y) for level in (None, "stable"))
    assert math.isinf(written) and value == written, (written, value)


@pytest.mark.sample(4)
@pytest.mark.parametrize("seam", [1.0, 1.5, 2.0, 0.6, 0.55, 0.75, 1.25, 2.5])
def test_derivatives_meet_at_the_seams(seam):
    """On either side of where a series ends, and on it."""
    texts = (
        "sin(x) - x",
        "x/(exp(x) - 1)",
        "log(cosh(x))",
        "sqrt(1 + x*x) - 1",
        "tanh(x)/x",
        "exprel(x)",
        "sinc(x)",
        "log1p(x)/x",
    )
    for text in texts:
        expr = g.stabilize(g.parse(text))
        first = g.grad(expr, x)
        f = g.compile([expr, first, g.grad(first, x)], [x])
        below, on, above = (f(float(v)) for v in (np.nextafter(seam, 0), seam, np.nextafter(seam, 9)))
        for one, two, three in zip(below, on, above, strict=True):
            assert one == pytest.approx(two, rel=1e-13) and three == pytest.approx(two, rel=1e-13), text


def test_each_term_cancels_one():
    assert g.stabilize((x - y) + (y - x) + (x - y)) is g.stabilize(x - y)
    assert g.stabilize((y - x) + (x - y) + y).op.name in ("symbol", "where")
    both = g.stabilize(((x - y) + (y - x)) + g.sin(x))
    assert g.compile(both, [x, y])(0.5, 3.0) == math.sin(0.5)


def test_sums_that_tell_rounding_errors_stay():
    """`add_error` is what rules do not take for 0."""
    s = x + y
    high, low = g.compile([s, g.add_error(x, y)], [x, y])(1e16, 1.2345)
    assert mpmath.mpf(high) + mpmath.mpf(low) == mpmath.mpf(1e16) + mpmath.mpf(1.2345)
