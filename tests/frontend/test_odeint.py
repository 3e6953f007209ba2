"""Differential equations: solutions and sensitivities against closed forms and mpmath, orders, refusals."""

from __future__ import annotations

import math
from itertools import product

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import graphc as g
from graphc.errors import DtypeError, ExpressionError, GraphcError, InputError, ShapeError
from graphc.frontend.ode.tableaus import ADAPTIVE, FIXED, Tableau

k = g.symbol("k")
TIMES = [0.0, 0.4, 1.0, 1.5]


def run(outputs, symbols=(), *values):
    """What the compiled function gives, held against the interpreter."""
    compiled = g.compile(outputs, list(symbols), cache=False)(*values)
    for one, other in zip(
        *(flat(x) for x in (compiled, g.evaluate(outputs, dict(zip(symbols, values, strict=True))))),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    return compiled


def flat(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [leaf for each in tree for leaf in flat(each)]
    return [tree]


# --- tableaus ---------------------------------------------------------------------------------------------------------


def trees(size):
    """Rooted trees of so many nodes, each a sorted tuple of its branches."""
    if size == 1:
        return [()]
    found = set()
    for parts in _partitions(size - 1):
        for branches in product(*(trees(part) for part in parts)):
            found.add(tuple(sorted(branches)))
    return sorted(found)


def _partitions(n, most=None):
    most = n if most is None else most
    if n == 0:
        return [[]]
    return [[part, *rest] for part in range(min(n, most), 0, -1) for rest in _partitions(n - part, part)]


def size(tree):
    return 1 + sum(map(size, tree))


def density(tree):
    return size(tree) * math.prod(map(density, tree))


def weight(tree, A):
    """The elementary weight of each stage."""
    return math.prod((A @ weight(branch, A) for branch in tree), start=np.ones(len(A)))


def matrix(tableau: Tableau):
    A = np.zeros((len(tableau.nodes),) * 2)
    for row, values in enumerate(tableau.stages):
        A[row, : len(values)] = values
    return A


@pytest.mark.parametrize("name", [*FIXED, *ADAPTIVE])
def test_tableaus_fulfil_the_conditions_of_their_order_and_no_higher(name):
    tableau = {**FIXED, **ADAPTIVE}[name]
    A, b = matrix(tableau), np.array(tableau.weights)
    assert np.allclose(A.sum(1), tableau.nodes, rtol=0, atol=1e-14)

    def defect(weights, order):
        return max(abs(weights @ weight(tree, A) - 1 / density(tree)) for tree in trees(order))

    for order in range(1, tableau.order + 1):
        assert defect(b, order) < 3e-14
    assert defect(b, tableau.order + 1) > 1e-5
    if tableau.error is not None:
        embedded = b - np.array(tableau.error)
        assert all(defect(embedded, order) < 3e-14 for order in range(1, tableau.error_order + 1))
        assert defect(embedded, tableau.error_order + 1) > 1e-5


@pytest.mark.parametrize("name", ADAPTIVE)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 1.0])
def test_dense_output_is_of_order_four(name, part):
    tableau = ADAPTIVE[name]
    A, weights = matrix(tableau), np.array(tableau.dense) @ [part**j for j in range(1, 5)]
    for order in range(1, 5):
        for tree in trees(order):
            assert abs(weights @ weight(tree, A) - part**order / density(tree)) < 1e-13


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_fixed_steps_converge_with_their_order(method, order):
    def error(steps):
        y = g.odeint(lambda t, y: g.cos(t) * y, 1.0, 2.0, method=method, steps=steps)
        return abs(g.compile(y, [], cache=False)() - math.exp(math.sin(2.0)))

    rate = math.log2(error(64) / error(128))
    assert abs(rate - order) < 0.15


@pytest.mark.parametrize("method", ADAPTIVE)
def test_errors_of_adaptive_steps_follow_the_tolerance(method):
    def error(rtol):
        y = g.odeint(lambda t, y: g.cos(t) * y, 1.0, TIMES, method=method, rtol=rtol, atol=0.0)
        right = np.exp(np.sin(TIMES))
        return np.abs(g.compile(y, [], cache=False)() / right - 1).max()

    errors = [error(rtol) for rtol in (1e-4, 1e-7, 1e-10)]
    assert all(error < 30 * rtol for error, rtol in zip(errors, (1e-4, 1e-7, 1e-10), strict=True))
    assert errors[0] > 30 * errors[1] > 900 * errors[2]


# --- solutions and sensitivities ----------------------------------------------------------------------------------------


def lotka_volterra(rates):
    def f(t, y):
        x, z = y
        return [rates[0] * x - rates[1] * x * z, rates[2] * x * z - rates[3] * z]

    return f


def lotka_volterra_of_mpmath(rates, start, time, digits=25):
    with mpmath.workdps(digits):
        rates, start = [mpmath.mpf(x) for x in rates], [mpmath.mpf(x) for x in start]
        return mpmath.odefun(lotka_volterra(rates), 0, start)(time)


@pytest.mark.parametrize(
    "method", ["tsit5", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rk4", "dopri5"))]
)
def test_sensitivities_are_mpmaths_differences(method):
    rates, start = [1.5, 0.9, 0.75, 1.2], [1.1, 0.6]
    symbols = [*g.symbols("a b c d"), *g.symbols("x z")]
    y = g.odeint(
        lotka_volterra(symbols[:4]),
        symbols[4:],
        2.0,
        method=method,
        rtol=1e-11,
        atol=1e-12,
        steps=1000,
        max_steps=300,
    )
    result = g.compile([y, g.grad(y[0], symbols)], symbols, cache=False)(*rates, *start)
    point = [*rates, *start]
    right = lotka_volterra_of_mpmath(rates, start, 2)
    np.testing.assert_allclose(result[0], [float(x) for x in right], rtol=1e-9)
    for place in (0, 3, 4):
        assert abs(result[1][place] - mpmaths_difference(point, place)) < 1e-8


def mpmaths_difference(point, place):
    """∂x(2)/∂(number `place` of rates and start), with an error of 1e−16."""
    with mpmath.workdps(30):
        step, ends = mpmath.mpf(10) ** -8, []
        for sign in (1, -1):
            moved = [mpmath.mpf(x) + (sign * step if at == place else 0) for at, x in enumerate(point)]
            ends.append(mpmath.odefun(lotka_volterra(moved[:4]), 0, moved[4:])(2)[0])
        return float((ends[0] - ends[1]) / (2 * step))


@pytest.mark.parametrize(
    "method", ["rk4", *(pytest.param(name, marks=pytest.mark.slow) for name in ("euler", *ADAPTIVE))]
)
def test_both_modes_and_second_derivatives(method):
    y = g.odeint(lambda t, y: -k * y + g.sin(t), 1.0, [0.0, 0.5, 1.25], method=method, steps=4, max_steps=60)[
        -1
    ]
    forward = g.jvp(y, k, 1.0)
    first, second = g.grad(y, k), g.grad(g.grad(y, k), k)
    a, b, c = g.compile([forward, first, second], [k], cache=False)(0.7)
    assert abs(a - b) <= 1e-13
    h = 1e-5
    slope = g.compile(first, [k], cache=False)
    assert abs(c - (slope(0.7 + h) - slope(0.7 - h)) / (2 * h)) < 1e-7


@pytest.mark.parametrize("method", [*FIXED, *ADAPTIVE])
def test_states_of_any_structure(method):
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    start = {"q": np.array([1.0, 0.0]), "log": (0.5,)}
    y = g.odeint(
        lambda t, y: {"q": A @ y["q"], "log": (k * y["log"][0],)},
        start,
        TIMES,
        method=method,
        steps=400,
        max_steps=None,
    )
    result = run(y, [k], 0.3) if method in ("rk4", "tsit5") else g.compile(y, [k], cache=False)(0.3)
    tolerance = {"euler": 3e-3, "midpoint": 3e-6}.get(method, 3e-8)
    np.testing.assert_allclose(result["q"], np.stack([np.cos(TIMES), -np.sin(TIMES)], 1), atol=tolerance)
    np.testing.assert_allclose(result["log"][0], 0.5 * np.exp(0.3 * np.array(TIMES)), atol=tolerance)


@pytest.mark.sample(2)
@pytest.mark.parametrize("method", ["rk4", "tsit5"])
def test_times_are_an_array_a_symbol_a_list_or_the_end(method):
    def solve(t, **options):
        return g.odeint(lambda t, y: -y, 1.0, t, method=method, steps=50, **options)

    times, end = g.symbol("times", shape="n"), g.symbol("end")
    right = np.exp(-np.array(TIMES))
    np.testing.assert_allclose(run(solve(np.array(TIMES))), right, rtol=1e-7)
    f = g.compile(solve(times), [times], cache=False)
    np.testing.assert_allclose(f(np.array(TIMES)), right, rtol=1e-7)
    np.testing.assert_allclose(f(np.array(TIMES[:2])), right[:2], rtol=1e-7)
    assert f(np.array([2.0])).tolist() == [1.0]
    value, slope = run([solve(end), g.grad(solve(end), end)], [end], 1.5)
    assert abs(value - math.exp(-1.5)) < 1e-8 and abs(slope + math.exp(-1.5)) < 1e-7
    np.testing.assert_allclose(run(solve([0, end, 2 * end]), [end], 0.5), np.exp([0, -0.5, -1]), rtol=1e-7)
    np.testing.assert_allclose(run(solve([0.0, -0.5, -1.0])), np.exp([0, 0.5, 1]), rtol=1e-7)
    np.testing.assert_allclose(run(solve([1.0, 1.0, 1.0])), [1, 1, 1])


@pytest.mark.slow
def test_the_derivative_by_the_times():
    times = g.symbol("times", shape=3)
    y = g.odeint(lambda t, y: -y * g.cos(t), 1.0, times, max_steps=100, rtol=1e-10, atol=1e-12)
    at = np.array([0.2, 0.7, 1.9])
    slopes = np.stack(g.compile([g.grad(y[row], times) for row in range(3)], [times], cache=False)(at))
    values = np.exp(np.sin(at[0]) - np.sin(at))
    right = np.diag(-values * np.cos(at)) + np.outer(values * np.cos(at[0]), [1, 0, 0])
    np.testing.assert_allclose(slopes, right, atol=2e-5)  # in the middle that of a polynomial of degree 4


def test_in_vmap_and_in_float32():
    rates = g.symbol("rates", shape=4)
    y = g.vmap(lambda r: g.odeint(lambda t, y: -r * y, 1.0, 1.0))(rates)
    at = np.array([0.1, 1.0, 2.0, 30.0])
    np.testing.assert_allclose(g.compile(y, [rates], cache=False)(at), np.exp(-at), atol=1e-8)
    single = g.odeint(lambda t, y: -y * t, g.constant(1.0, "float32"), [0.0, 1.0], rtol=1e-4, atol=1e-5)
    result = g.compile(single, [], cache=False)()
    assert result.dtype == np.float32 and abs(result[1] - math.exp(-0.5)) < 1e-3


def test_steps_of_a_named_number():
    x = g.symbol("x", shape="n")
    y = g.odeint(lambda t, y: -y + 0 * g.sum(x), 1.0, 1.0, method="rk4", steps="n")
    f = g.compile(y, [x], cache=False)
    errors = [abs(f(np.zeros(n)) - math.exp(-1)) for n in (8, 16)]
    assert 14 < errors[0] / errors[1] < 18


# --- what goes wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "options", "status"),
    [
        (lambda t, y: -y, {}, 0),
        (lambda t, y: g.cos(100 * t), {"max_steps": 5}, 1),
        (lambda t, y: 1 / (0.5 - t), {}, 2),
        (lambda t, y: g.log(0.5 - t) * y, {}, 3),
    ],
)
def test_failures_are_nan_with_a_reason(f, options, status):
    y, told = g.odeint(f, 1.0, [0.0, 0.25, 1.5, 2.0], info=True, **options)
    y, told = g.compile([y, told], [], cache=False)()
    assert told["status"] == status and told["steps"] > told["rejected"] >= 0
    assert y[0] == 1.0 and np.isfinite(y[1:]).all() == (status == 0)
    assert np.isnan(y[2:]).all() == (status != 0)


def test_unsorted_times_are_refused_or_nan():
    with pytest.raises(InputError, match="not sorted: 2 is followed by 1") as caught:
        g.odeint(lambda t, y: -y, 1.0, [0, 2, 1, 3])
    assert caught.value.site.filename == __file__
    times = g.symbol("times", shape=4)
    y, told = g.odeint(lambda t, y: -y, 1.0, times, info=True)
    y, told = g.compile([y, told], [times], cache=False)(np.array([0.0, 2.0, 1.0, 3.0]))
    assert told["status"] == 4 and np.isfinite(y[:2]).all() and np.isnan(y[2:]).all()


@pytest.mark.parametrize(
    ("kind", "y0", "f", "says"),
    [
        (
            ShapeError,
            [1.0, 2.0],
            lambda t, y: [g.stack([y[0], y[1]]), y[1]],
            r"part 0 .* has shape \(\) .* \(2,\)",
        ),
        (ExpressionError, np.ones(2), lambda t, y: [y[0], y[1]], "another structure"),
        (ExpressionError, [1.0, 2.0], lambda t, y: [y[0]], "another structure"),
        (
            DtypeError,
            g.constant(1.0, "float32"),
            lambda t, y: y * g.symbol("w"),
            "float32 and its rate of change float64",
        ),
        (DtypeError, g.constant(True), lambda t, y: y, "state of odeint is bool"),
        (ExpressionError, 1.0, lambda t, y: None, "returned nothing"),
        (ExpressionError, 1.0, lambda y: y, "odeint"),
        (ExpressionError, [], lambda t, y: y, "empty"),
    ],
)
def test_right_hand_sides_are_checked(kind, y0, f, says):
    with pytest.raises(kind, match=says) as caught:
        g.odeint(f, y0, 1.0)
    assert caught.value.site.filename == __file__


@pytest.mark.parametrize(
    "options",
    [
        {"method": "rk5"}, {"rtol": -1.0}, {"rtol": 0, "atol": 0}, {"atol": "small"}, {"max_steps": 0}, {"max_steps": 1.5},
        {"first_step": 0}, {"max_step": -1.0}, {"method": "rk4", "steps": 0}, {"method": "rk4", "steps": 1.5}, {"t": []},
        {"t": [[0, 1]]}, {"t": "soon!"}, {"t": [0, math.nan]}, {"t": [0, g.symbol("v", shape=2)]}, {"t": object()},
    ],
)  # fmt: skip
def test_other_arguments_are_checked(options):
    with pytest.raises(GraphcError) as caught:
        g.odeint(lambda t, y: -y, 1.0, **{"t": 1.0, **options})
    assert caught.value.site.filename == __file__


def test_without_max_steps_forward_mode_alone():
    y = g.odeint(lambda t, y: -k * y, 1.0, 1.0, max_steps=None)
    assert abs(g.compile(g.jvp(y, k, 1.0), [k], cache=False)(0.5) + math.exp(-0.5)) < 1e-7
    with pytest.raises(GraphcError, match="max_steps"):
        g.grad(y, k)


# --- Taylor's method ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "longest"), [(3, 1 / 16), (6, 1 / 8), (11, 1 / 4)])
def test_the_order_of_taylors_method(order, longest):
    def error(h):
        y = g.odeint(
            lambda t, y: g.cos(t) * y,
            1.0,
            2.0,
            method="taylor",
            order=order,
            rtol=0.5,
            max_step=h,
            max_steps=None,
        )
        return abs(g.compile(y, [], cache=False)() - math.exp(math.sin(2.0)))

    # the step is the longest one wherever the series allows it
    assert abs(math.log2(error(longest) / error(longest / 2)) - order) < 0.6


def test_taylors_method_is_right_to_the_last_bits_at_all_times():
    times = np.linspace(0, 3, 40)
    y = g.odeint(lambda t, y: g.cos(t) * y, 1.0, times, method="taylor")
    assert np.abs(g.compile(y, [], cache=False)() / np.exp(np.sin(times)) - 1).max() < 1e-15
    back = g.odeint(lambda t, y: g.cos(t) * y, 1.0, [0.0, -1.0, -2.0], method="taylor")
    assert np.abs(g.compile(back, [], cache=False)() / np.exp(np.sin([0.0, -1, -2])) - 1).max() < 1e-15


def test_sensitivities_by_taylors_method():
    y = g.odeint(lambda t, y: -k * y * y, 1.0, 2.0, method="taylor", order=8, rtol=1e-12, max_steps=100)
    value, slope, forward = g.compile([y, g.grad(y, k), g.jvp(y, k, 1.0)], [k], cache=False)(0.7)
    assert abs(value - 1 / 2.4) < 1e-12 and abs(slope + 2 / 2.4**2) < 1e-11 and abs(forward - slope) < 1e-14


@pytest.mark.slow
def test_taylors_method_on_arrays_and_their_sensitivities():
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    y = g.odeint(
        lambda t, y: k * (A @ y) * g.sum(y * y), np.array([1.0, 0.0]), 2.0, method="taylor", max_steps=40
    )
    value, slope = g.compile([y, g.grad(y[0], k)], [k], cache=False)(0.7)
    np.testing.assert_allclose(value, [math.cos(1.4), -math.sin(1.4)], rtol=1e-14)
    assert abs(slope + 2 * math.sin(1.4)) < 1e-13


def test_an_orbit_keeps_its_energy():
    def f(t, state):
        x, y, u, v = state
        r3 = (x * x + y * y) ** -1.5
        return [u, v, -x * r3, -y * r3]

    y, told = g.odeint(
        f, [0.8, 0.0, 0.0, math.sqrt(1.5)], 200 * np.pi, method="taylor", max_steps=None, info=True
    )
    (a, b, c, d), told = g.compile([y, told], [], cache=False)()
    assert abs((c * c + d * d) / 2 - 1 / math.hypot(a, b) + 0.5) < 2e-15 and told["status"] == 0


def test_taylors_method_says_what_goes_wrong():
    y, told = g.odeint(lambda t, y: y * y, 1.0, [0.0, 0.5, 2.0], method="taylor", info=True)
    y, told = g.compile([y, told], [], cache=False)()
    assert told["status"] in (1, 2, 3) and np.isnan(y[2])
    np.testing.assert_allclose(y[:2], [1.0, 2.0], rtol=2**-52)
    with pytest.raises(GraphcError, match="not known") as caught:
        g.odeint(lambda t, y: g.cholesky(y), np.eye(2), 1.0, method="taylor")
    assert caught.value.site.filename == __file__
    for order in (1, 1.5, "high", 1000):
        with pytest.raises(InputError, match="order"):
            g.odeint(lambda t, y: y, 1.0, 1.0, method="taylor", order=order)


# --- stiff systems ------------------------------------------------------------------------------------------------------


def test_the_stiff_method_takes_robertsons_reaction_where_explicit_ones_stop():
    def f(t, y):
        a, b, c = y
        fast = 1e4 * b * c
        return [-0.04 * a + fast, 0.04 * a - fast - 3e7 * b * b, 3e7 * b * b]

    times = [0.0, 0.4, 40.0, 4e3, 4e5, 4e7]
    y, told = g.odeint(f, [1.0, 0.0, 0.0], times, method="rosenbrock", rtol=1e-6, atol=1e-10, info=True)
    y, told = g.compile([y, told], [], cache=False)()
    right = solve_ivp(f, (0, 4e7), [1.0, 0, 0], method="Radau", rtol=1e-10, atol=1e-14, t_eval=times).y
    np.testing.assert_allclose(y, right, rtol=2e-4)
    assert told["status"] == 0 and told["steps"] < 2000
    explicit = g.odeint(f, [1.0, 0.0, 0.0], times, method="tsit5", rtol=1e-6, atol=1e-10, info=True)[1]
    assert g.compile(explicit, [], cache=False)()["status"] == 1


@pytest.mark.parametrize("start", [1.0, {"a": np.ones((2, 2))}])
def test_stiff_solutions_and_their_sensitivities(start):
    def f(t, y):
        y = y["a"] if isinstance(y, dict) else y
        slope = -k * 300 * (y - g.cos(t))
        return {"a": slope} if isinstance(start, dict) else slope

    def solved(rtol):
        y = g.odeint(f, start, 1.5, method="rosenbrock", rtol=rtol, atol=rtol / 10, max_steps=5000)
        y = y["a"][1, 0] if isinstance(start, dict) else y
        return g.compile([y, g.jvp(y, k, 1.0)], [k], cache=False)(1.0)

    def exact(rate):
        with mpmath.workdps(30):
            r = mpmath.mpf(300) * rate
            special = lambda t: (r * r * mpmath.cos(t) + r * mpmath.sin(t)) / (1 + r * r)
            return special(mpmath.mpf(1.5)) + (1 - special(0)) * mpmath.exp(-r * mpmath.mpf(1.5))

    right = (
        exact(1),
        (exact(mpmath.mpf(1) + mpmath.mpf(10) ** -6) - exact(1 - mpmath.mpf(10) ** -6)) / mpmath.mpf(2e-6),
    )
    for value, wanted, bound in zip(solved(1e-7), right, (1e-7, 1e-5), strict=True):
        assert abs(value - float(wanted)) < bound


def test_the_order_of_the_stiff_method():
    def error(h):
        y = g.odeint(
            lambda t, y: g.cos(t) * y,
            1.0,
            2.0,
            method="rosenbrock",
            rtol=0.5,
            atol=1.0,
            first_step=h,
            max_step=h,
        )
        return abs(g.compile(y, [], cache=False)() - math.exp(math.sin(2.0)))

    assert abs(math.log2(error(1 / 64) / error(1 / 128)) - 2) < 0.2


def test_the_stiff_method_needs_a_state_of_known_size():
    x = g.symbol("x", shape="n")
    with pytest.raises(ShapeError, match="known size") as caught:
        g.odeint(lambda t, y: -y, x, 1.0, method="rosenbrock")
    assert caught.value.site.filename == __file__
