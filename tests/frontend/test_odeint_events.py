"""Events of differential equations against closed forms and SciPy's; how failures are told; the adjoint equation."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import graphc as g
from graphc.autodiff.rounding import low_parts
from graphc.errors import DtypeError, ExpressionError, GraphcError, InputError, ShapeError

k, h = g.symbols("k h")
CHOOSING = ["tsit5", "dopri5", "rosenbrock", "taylor"]
MORE = [pytest.param(name, marks=pytest.mark.slow) for name in ("dopri5", "rosenbrock", "taylor")]


def compiled(outputs, symbols=(), *values):
    return g.compile(outputs, list(symbols), cache=False)(*values)


# --- events -------------------------------------------------------------------------------------------------------------


def falls(t, y):
    return [y[1], -10.0]


@pytest.mark.slow
@pytest.mark.parametrize("method", CHOOSING)
def test_a_terminal_event_ends_the_integration_and_has_derivatives(method):
    lands = g.Event(lambda t, y: y[0], terminal=True, direction=-1)
    (y, v), told = g.odeint(
        falls, [h, 0.0], [0.0, 0.5, 0.9, 2.0], events=[lands], method=method, max_steps=50
    )
    at = told["events"][0]["t"][0]
    result = compiled([y, v, told, g.grad(at, h), g.jvp(told["t"], h, 1.0), g.grad(v[-1], h)], [h], 5.0)
    ys, vs, told, slope, forward, speed = result
    np.testing.assert_allclose(ys, [5, 3.75, 0.95, 0], atol=3e-15)
    np.testing.assert_allclose(vs, [0, -5, -9, -10], rtol=1e-14)
    assert told["status"] == 5 and told["events"][0]["count"] == 1
    for time in (told["t"], told["events"][0]["t"][0]):
        assert abs(time - 1) < 3e-15  # √(2h/10)
    assert abs(slope - 0.1) < 1e-14 and abs(forward - 0.1) < 1e-14 and abs(speed + 1) < 1e-14


def test_the_time_of_an_event_and_its_derivatives():
    lands = g.Event(lambda t, y: y[0], terminal=True, direction=-1)
    y, told = g.odeint(falls, [h, 0.0], 9.0, events=[lands], max_steps=20)
    y, time, slope = compiled([y, told["t"], g.grad(told["t"], h)], [h], 5.0)
    assert abs(y[0]) < 3e-15 and abs(y[1] + 10) < 3e-14 and abs(time - 1) < 3e-15 and abs(slope - 0.1) < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("method", CHOOSING)
def test_second_derivatives_of_the_time_of_an_event(method):
    lands = g.Event(lambda t, y: y[0] + 0 * t, terminal=True)
    _, told = g.odeint(falls, [h, 0.0], 9.0, events=[lands], method=method, max_steps=30)
    second = compiled(g.grad(g.grad(told["t"], h), h), [h], 5.0)
    assert abs(second + 0.25 * math.sqrt(0.2) * 5**-1.5) < 1e-13


@pytest.mark.parametrize("back", [pytest.param(False, marks=pytest.mark.slow), True])
def test_events_are_counted_by_direction_and_recorded_up_to_a_number(back):
    sign = -1.0 if back else 1.0
    events = [
        g.Event(lambda t, y: y["x"], count=5),
        g.Event(lambda t, y: y["x"], direction=1, count=9),
        g.Event(lambda t, y: y["v"], count=3),  # 0 at the beginning, which is no crossing
        lambda t, y: y["x"] - 3,
    ]
    _, told = g.odeint(
        lambda t, y: {"x": y["v"], "v": -y["x"]},
        {"x": 1.0, "v": 0.0},
        [0.0, sign * 10.0, sign * 20.0],
        events=events,
        rtol=1e-12,
        atol=1e-13,
    )
    told = compiled(told)
    found = told["events"]
    half = math.pi / 2
    np.testing.assert_allclose(found[0]["t"], sign * half * np.arange(1, 10, 2), rtol=1e-10)
    assert [each["count"] for each in found] == [6, 3, 6, 0] and told["status"] == 0
    rises = half * np.arange(3, 12, 4)  # as the integration goes
    np.testing.assert_allclose(found[1]["t"][:3], sign * rises, rtol=1e-10)
    assert np.isnan(found[1]["t"][3:]).all() and np.isnan(found[3]["y"]["x"]).all()
    np.testing.assert_allclose(found[2]["t"], sign * math.pi * np.arange(1, 4), rtol=1e-10)
    np.testing.assert_allclose(found[2]["y"]["x"], [-1, 1, -1], rtol=1e-10)
    assert told["t"] == sign * 20.0


@pytest.mark.parametrize(
    ("count", "other", "ends"),
    [
        (2, 9.0, 3),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in ((3, 4.0, 8 / math.pi), (1, 9.0, 1))),
    ],
)
def test_the_first_of_several_terminal_events_ends_it(count, other, ends):
    events = [
        g.Event(lambda t, y: t - other, terminal=True),
        g.Event(lambda t, y: y[0], terminal=True, count=count),
        g.Event(lambda t, y: y[0] - 2 * y[1], count=20),
    ]
    y, told = g.odeint(lambda t, y: [y[1], -y[0]], [1.0, 0.0], 20.0, events=events, rtol=1e-11, atol=1e-12)
    y, told = compiled([y, told])
    assert abs(told["t"] - ends * math.pi / 2) < 1e-9
    assert abs(y[0] - math.cos(ends * math.pi / 2)) < 1e-9
    times = told["events"][2]["t"]
    wanted = np.arange(20) * math.pi - math.atan(0.5)
    wanted = wanted[(wanted > 0) & (wanted < told["t"])]
    np.testing.assert_allclose(times[: len(wanted)], wanted, rtol=1e-9)
    assert told["events"][2]["count"] == len(wanted)


def test_events_are_those_of_scipy():
    def f(t, y):
        return [y[1], (1 - y[0] * y[0]) * y[1] - y[0]]

    def event(t, y):
        return y[0] * y[0] - 1.5

    _, told = g.odeint(f, [2.0, 0.0], 12.0, events=[g.Event(event, count=16)], rtol=1e-11, atol=1e-12)
    found = compiled(told)["events"][0]
    right = solve_ivp(f, (0, 12), [2.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-13, events=event)
    count = len(right.t_events[0])
    assert found["count"] == count > 5
    np.testing.assert_allclose(found["t"][:count], right.t_events[0], rtol=1e-8)
    np.testing.assert_allclose(np.stack(found["y"], 1)[:count], right.y_events[0], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_the_half_period_of_an_orbit_by_its_speed():
    def f(t, state):
        x, y, u, v = state
        r3 = (x * x + y * y) ** -1.5
        return [u, v, -x * r3, -y * r3]

    away = g.Event(lambda t, s: s[0] * s[2] + s[1] * s[3], terminal=True, direction=-1)
    _, told = g.odeint(f, [0.8, 0.0, 0.0, k], 20.0, events=[away], method="taylor", max_steps=60)
    speed = math.sqrt(1.5)
    time, slope = compiled([told["t"], g.grad(told["t"], k)], [k], speed)
    with mpmath.workdps(30):
        half = lambda v: mpmath.pi * (2 / mpmath.mpf(0.8) - v * v) ** mpmath.mpf(-1.5)
        right = float(half(mpmath.mpf(speed))), float(mpmath.diff(half, mpmath.mpf(speed)))
    assert abs(time / right[0] - 1) < 2e-15 and abs(slope / right[1] - 1) < 1e-13


@pytest.mark.slow
def test_batches_of_events():
    starts = g.symbol("starts", shape=3)

    def of(start):
        event = g.Event(lambda t, y: y[0], terminal=True)
        return g.odeint(falls, [start, 0.0], 1.2, events=[event], max_steps=40)[1]["t"]

    times = g.vmap(of)(starts)
    at = np.array([1.25, 5.0, 20.0])
    value, slopes = compiled([times, g.grad(g.sum(times), starts)], [starts], at)
    np.testing.assert_allclose(value, [0.5, 1.0, 1.2], rtol=1e-14)
    np.testing.assert_allclose(slopes, [0.2, 0.1, 0.0], rtol=1e-13)


@pytest.mark.parametrize("start", [0.0, 1e-3])
def test_roots_of_higher_order_are_found(start):
    event = g.Event(lambda t, y: (y - 0.5) ** 3, terminal=True)
    _, told = g.odeint(lambda t, y: g.constant(1.0), start, 3.0, events=event)
    assert abs(compiled(told["t"]) - (0.5 - start)) < 1e-6


def test_what_events_may_be():
    def solve(events, **options):
        return g.odeint(lambda t, y: -y, 1.0, 1.0, events=events, **options)

    for wrong in (5, "y", [1], [lambda y: y], g.Event, None):
        with pytest.raises(InputError) as caught:
            solve(wrong)
        assert caught.value.site.filename == __file__
    for options in (
        {"direction": 2},
        {"direction": True},
        {"terminal": np.ones(2)},
        {"count": 0},
        {"count": 1.5},
    ):
        with pytest.raises(InputError) as caught:
            g.Event(lambda t, y: y, **options)
        assert caught.value.site.filename == __file__
    for returned, error in (
        (np.ones(2), ShapeError),
        ((1.0, 2.0), ShapeError),
        (True, DtypeError),
        (None, ExpressionError),
    ):
        with pytest.raises(error) as caught:
            solve(lambda t, y, returned=returned: returned)
        assert caught.value.site.filename == __file__
    with pytest.raises(InputError, match="fixed steps"):
        solve(lambda t, y: y, method="rk4")
    with pytest.raises(InputError, match="adjoint"):
        solve(lambda t, y: y, sensitivity="adjoint")


# --- failures -----------------------------------------------------------------------------------------------------------

FAILS = [
    (lambda t, y: g.cos(100 * k * t), {"max_steps": 5}, "max_steps reached"),
    (lambda t, y: k / (0.5 - t), {}, "the step became shorter"),
    (lambda t, y: g.log(0.5 - k * t) * y, {}, "not finite"),
]
FEWER = [FAILS[0], *(pytest.param(*each, marks=pytest.mark.slow) for each in FAILS[1:])]


@pytest.mark.parametrize(("f", "options", "said"), FAILS)
@pytest.mark.parametrize("t", [1.5, pytest.param([0.0, 0.25, 1.5, 2.0], marks=pytest.mark.slow)])
def test_diagnose_says_why_an_integration_failed(f, options, said, t):
    told = g.diagnose(g.odeint(f, 1.0, t, **options), {"k": 1.0}, backward=False)
    (found,) = told.findings
    assert said in found.why and "odeint" in found.why and found.arrives
    assert found.steps == ((("scan", 1 if "max" not in said else 0),) if isinstance(t, list) else ())


@pytest.mark.parametrize(("f", "options", "said"), FEWER)
@pytest.mark.parametrize("wanted", ["value", "grad"])
def test_or_an_error_on_request(f, options, said, wanted):
    y = g.odeint(f, 1.0, [0.0, 0.25, 1.5], on_failure="raise", **{"max_steps": 1500, **options})
    y = y[-1] if wanted == "value" else g.grad(y[-1], k)
    with pytest.raises(InputError, match=f"odeint: .*{said}"):
        compiled(y, [k], 1.0)
    if wanted == "value":
        with pytest.raises(InputError, match=f"odeint: .*{said}"):
            g.evaluate(y, {"k": 1.0})
    assert np.isfinite(compiled(y, [k], 1e-3 if "max" in said else 0.0))


def test_derivatives_fail_where_the_solution_does():
    y = g.odeint(lambda t, y: k * y * y, 1.0, [0.0, 0.5, 2.0], max_steps=100)
    early, late, forward = compiled([g.grad(y[1], k), g.grad(y[2], k), g.jvp(y[2], k, 1.0)], [k], 1.0)
    assert abs(early - 2.0) < 1e-6 and math.isnan(late) and math.isnan(forward)


def test_loops_that_reach_their_last_step():
    def doubled(on_failure, start=k):
        return g.while_loop(lambda c: c < 100, lambda c: 2 * c, start, max_steps=5, on_failure=on_failure)

    y = {how: doubled(how) for how in ("stop", "nan", "raise")}
    for how in ("stop", "nan"):
        outputs = [y[how], g.grad(y[how], k), g.jvp(y[how], k, 1.0)]
        assert compiled(outputs, [k], 50.0) == [100.0, 2.0, 2.0]
        np.testing.assert_array_equal(
            compiled(outputs, [k], 1.0), [32.0] * 3 if how == "stop" else [math.nan] * 3
        )
    (found,) = g.diagnose(y["nan"], {"k": 1.0}, backward=False).findings
    assert "max_steps reached" in found.why and "5 steps" in found.why
    for wanted in (y["raise"], g.grad(y["raise"], k)):
        with pytest.raises(InputError, match="max_steps reached"):
            compiled(wanted, [k], 1.0)
        assert compiled(wanted, [k], 50.0) == (100.0 if wanted is y["raise"] else 2.0)
    v = g.symbol("v", shape=3)
    batch = g.vmap(lambda x: doubled("nan", x))(v)
    np.testing.assert_array_equal(compiled(batch, [v], np.array([1.0, 50, 60])), [math.nan, 100, 120])
    with pytest.raises(InputError, match="max_steps reached"):
        compiled(g.vmap(lambda x: doubled("raise", x))(v), [v], np.array([1.0, 50, 60]))
    n = g.while_loop(lambda n: n < 9, lambda n: n + 1, 0, max_steps=3, on_failure="raise")
    with pytest.raises(InputError, match="max_steps"):
        compiled(n)


@pytest.mark.parametrize(
    "options",
    [{"on_failure": "nan"}, {"on_failure": "no", "max_steps": 3}, {"on_failure": None, "max_steps": 3}],
)
def test_what_loops_may_be_asked_of_failures(options):
    with pytest.raises(ExpressionError) as caught:
        g.while_loop(lambda c: c < 3, lambda c: c + 1, k, **options)
    assert caught.value.site.filename == __file__
    with pytest.raises(ExpressionError, match="no float"):
        g.while_loop(lambda c: c < 3, lambda c: c + 1, 0, max_steps=2, on_failure="nan")


def test_files_keep_what_may_fail(tmp_path):
    y = g.while_loop(lambda c: c < 100, lambda c: 2 * c, k, max_steps=5, on_failure="nan")
    g.save(g.Graph(y), tmp_path / "loop.json")
    again = g.load(tmp_path / "loop.json")
    (output,) = (again.exprs[number] for number in again.outputs)
    np.testing.assert_array_equal([g.evaluate(output, {"k": x}) for x in (1.0, 50.0)], [math.nan, 100.0])
    assert "max_steps" in (tmp_path / "loop.json").read_text()
    assert "NaN where it failed" in g.draw(y).svg() and "checked" in str(g.explain(y))


# --- the adjoint equation -----------------------------------------------------------------------------------------------


def rates(t, y):
    a, b, c, d = (k * x for x in (1.5, 0.9, 0.75, 1.2))
    x, z = y
    return [a * x - b * x * z, c * x * z - d * z + h * g.sin(t)]


@pytest.mark.parametrize("method", ["tsit5", "rk4", *MORE])
def test_the_adjoint_equation_gives_the_sensitivities_and_keeps_no_steps(method):
    start = g.symbol("start")
    by, found, kept = [k, h, start], {}, {}
    for how in ("discrete", "adjoint"):
        x, z = g.odeint(
            rates, [start, 0.6], [0.0, 1.0, 2.0], method=method, sensitivity=how, steps=1000,
            max_steps=1000 if how == "discrete" else None, rtol=1e-7 if method == "rosenbrock" else 1e-11, atol=1e-11,
        )  # fmt: skip
        loss = x[-1] + g.sum(z) * x[1]
        f = g.compile([loss, *g.grad(loss, by)], by, cache=False)
        found[how] = np.array(f(1.0, 0.1, 1.1))
        kept[how] = f._native.frame({})[1].nbytes
    bound = {"rosenbrock": 3e-4, "rk4": 1e-9}.get(method, 1e-9)
    np.testing.assert_allclose(found["adjoint"], found["discrete"], rtol=bound)
    assert kept["adjoint"] < 500 < kept["discrete"]


def test_the_adjoint_equation_against_closed_forms():
    times = g.symbol("times", shape=3)
    options = {"sensitivity": "adjoint", "max_steps": None, "rtol": 1e-11, "atol": 1e-13}
    y = g.odeint(lambda t, y: -k * y * g.cos(t), h, times, **options)
    at = np.array([0.2, 0.7, 1.9])
    weights = g.constant(np.array([0.3, -1.0, 2.0]))
    loss = g.sum(weights * y)
    outputs = [y, *g.grad(loss, [times, k, h]), g.jvp(loss, k, 1.0)]
    y, by_times, by_k, by_h, forward = compiled(outputs, [times, k, h], at, 1.5, 2.0)
    past = np.sin(at[0]) - np.sin(at)
    right = 2 * np.exp(1.5 * past)
    w = np.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(y, right, rtol=1e-9)
    slopes = -1.5 * np.cos(at) * right * w
    slopes[0] = 1.5 * np.cos(at[0]) * (right * w)[1:].sum()
    np.testing.assert_allclose(by_times, slopes, rtol=1e-8)
    for one in (by_k, forward):
        assert abs(one - (w * past * right).sum()) < 1e-8
    assert abs(by_h - (w * right).sum() / 2) < 1e-8


@pytest.mark.parametrize("method", ["rk4", pytest.param("tsit5", marks=pytest.mark.slow)])
def test_the_adjoint_equation_has_derivatives_itself(method):
    end = g.symbol("end")
    y = g.odeint(
        lambda t, y: {"q": -k * y["q"]}, {"q": np.ones((2, 2))}, end, method=method, steps=300, max_steps=60,
        sensitivity="adjoint",
    )["q"][0, 1]  # fmt: skip
    outputs = [y, *g.grad(y, [end, k]), g.grad(g.grad(y, k), k)]
    value = math.exp(-1.05)
    right = [value, -0.7 * value, -1.5 * value, 2.25 * value]
    np.testing.assert_allclose(compiled(outputs, [end, k], 1.5, 0.7), right, rtol=3e-8)


def test_the_adjoint_equation_says_where_it_fails():
    y = g.odeint(lambda t, y: k * y * y, 1.0, 2.0, sensitivity="adjoint", max_steps=50)
    assert np.isnan(compiled([y, g.grad(y, k)], [k], 1.0)).all()
    assert np.isfinite(compiled([y, g.grad(y, k)], [k], 0.2)).all()
    strict = g.odeint(
        lambda t, y: k * y * y, 1.0, 2.0, sensitivity="adjoint", max_steps=50, on_failure="raise"
    )
    with pytest.raises(InputError, match="odeint"):
        compiled(g.grad(strict, k), [k], 1.0)
    with pytest.raises(GraphcError, match="sensitivity"):
        g.odeint(lambda t, y: y, 1.0, 1.0, sensitivity="both")


# --- rounding errors ----------------------------------------------------------------------------------------------------


def test_what_rounding_takes_is_found_to_twice_the_digits():
    x, y, dx = g.symbols("x y dx")
    rng = np.random.default_rng(0)

    def of(x, y, root):
        return [
            -x * (x * x + y * y) ** -1.5,
            (x - y) / (x * x + 1) + 3 * root(x * x + y),
            1 / (y * root(y)) - x**2 * y**2.5,
        ]

    values = of(x, y, g.sqrt)
    lows = low_parts(values, {x: dx})
    f = g.compile([values, lows], [x, y, dx], cache=False)
    with mpmath.workdps(50):
        for a, b, e in zip(
            rng.normal(size=20), rng.random(20) + 0.1, rng.normal(size=20) * 1e-17, strict=True
        ):
            exact = of(mpmath.mpf(a) + mpmath.mpf(e), mpmath.mpf(b), mpmath.sqrt)
            for value, low, right in zip(*f(a, b, e), exact, strict=True):
                assert abs((mpmath.mpf(value) + mpmath.mpf(low) - right) / right) < 1e-28


@pytest.mark.slow
@pytest.mark.parametrize("eccentricity", [0.05, 0.2, 0.5])
def test_an_orbit_keeps_its_energy_over_many_turns(eccentricity):
    def f(t, state):
        x, y, u, v = state
        r3 = (x * x + y * y) ** -1.5
        return [u, v, -x * r3, -y * r3]

    start = [1 - eccentricity, 0.0, 0.0, math.sqrt((1 + eccentricity) / (1 - eccentricity))]
    y = g.odeint(f, start, 20_000 * np.pi, method="taylor", order=20, max_steps=None, high_accuracy=True)
    energies = []
    with mpmath.workdps(40):  # the energy's own rounding is none of the orbit's
        for state in (start, compiled(y)):
            a, b, c, d = map(mpmath.mpf, map(float, state))
            energies.append((c * c + d * d) / 2 - 1 / mpmath.sqrt(a * a + b * b))
        assert abs(energies[1] / energies[0] - 1) < 1e-15


def test_high_accuracy_is_of_taylors_method():
    with pytest.raises(InputError, match="Taylor"):
        g.odeint(lambda t, y: y, 1.0, 1.0, high_accuracy=True)
