"""Compiled functions that SciPy and solvers in C call back: values against the same functions called from Python."""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest
from scipy import integrate, ndimage

import graphc as g
from graphc.errors import CompileError, InputError

x, y, t = g.symbols("cb_x cb_y cb_t")
w = g.symbol("cb_w", shape=(3,))
v = g.symbol("cb_v", shape=("n",))
u = g.symbol("cb_u", shape=(2,))
W = np.array([0.5, -1.0, 2.0])
IMAGE = np.random.default_rng(5).normal(size=(9, 11))


def test_quad_of_a_number_with_numbers_and_arrays_as_data():
    f = g.compile(g.exp(-y * x * x) * g.sum(w * g.stack([1.0, x, x * x])), [x, y, w])
    mine = f.callback("quad", {"cb_y": 2.0, "cb_w": W})
    python = lambda s: np.exp(-2 * s * s) * (W @ [1, s, s * s])
    assert np.allclose(
        integrate.quad(mine.lowlevel, -1, 2), integrate.quad(python, -1, 2), rtol=1e-12, atol=0
    )
    mine.data[0] = 1.0  # the next call sees it
    wanted = integrate.quad(lambda s: np.exp(-s * s) * (W @ [1, s, s * s]), -1, 2)[0]
    assert abs(integrate.quad(mine.lowlevel, -1, 2)[0] - wanted) <= 1e-12
    assert mine.signature == "double callback(double x, void *data);" and mine.names == ("cb_y", "cb_w")


def test_quad_of_one_number_alone():
    f = g.compile(g.cos(x), [x])
    assert abs(integrate.quad(f.callback("quad").lowlevel, 0, 1)[0] - np.sin(1)) <= 1e-14


@pytest.mark.parametrize("form", ["vector", "named", "numbers"])
def test_nquad_of_vectors_and_numbers(form):
    ranges = [(0.0, 1.0), (-1.0, 2.0)]
    scale = g.symbol("cb_scale", shape=("m",))
    formulas = {
        "vector": ([u, scale], g.sum(scale) * u[0] * g.exp(u[1])),
        "named": ([v, scale], g.sum(scale) * v[0] * g.exp(v[1])),
        "numbers": ([x, y, scale], g.sum(scale) * x * g.exp(y)),
    }
    inputs, formula = formulas[form]
    f = g.compile(formula, inputs).callback("nquad", {"cb_scale": [0.5, 1.0]})
    wanted = 1.5 * 0.5 * (np.exp(2) - np.exp(-1))
    assert abs(integrate.nquad(f.lowlevel, ranges)[0] - wanted) <= 1e-10


def test_lowlevel_of_a_function_of_one_vector_is_what_nquad_takes():
    f = g.compile(g.sum(v * v), [v])
    assert abs(integrate.nquad(f.lowlevel, [(0, 1)] * 2)[0] - 2 / 3) <= 1e-12
    with pytest.raises(CompileError, match="one float64 vector") as error:
        _ = g.compile(v * 2.0, [v]).lowlevel
    assert "generic_filter1d: f(line" in error.value.hint


def test_generic_filter():
    def python(window, weights):
        return window @ weights - window.max() * 0.1

    window = g.symbol("cb_window", shape=("k",))
    weights = g.symbol("cb_weights", shape=("k",))
    f = g.compile(g.sum(window * weights) - g.max(window) * 0.1, [window, weights])
    values = np.linspace(-1, 1, 6)
    mine = ndimage.generic_filter(
        IMAGE, f.callback("generic_filter", {"cb_weights": values}).lowlevel, size=(2, 3)
    )
    wanted = ndimage.generic_filter(IMAGE, python, size=(2, 3), extra_arguments=(values,))
    assert np.allclose(mine, wanted, rtol=1e-13, atol=1e-13)
    with pytest.raises(RuntimeError):  # another size of the window than the data are for
        ndimage.generic_filter(IMAGE, f.callback("generic_filter", {"cb_weights": values}).lowlevel, size=3)


@pytest.mark.parametrize("axis", [0, 1])
def test_generic_filter1d(axis):
    f = g.compile((v[2:] - v[:-2]) * y, [v, y])
    mine = ndimage.generic_filter1d(
        IMAGE, f.callback("generic_filter1d", {"cb_y": 0.5}).lowlevel, 3, axis=axis
    )

    def python(line, result):
        result[...] = (line[2:] - line[:-2]) * 0.5

    assert np.array_equal(mine, ndimage.generic_filter1d(IMAGE, python, 3, axis=axis))
    whole = g.compile(v * y, [v, y]).callback("generic_filter1d", {"cb_y": 0.5})
    with pytest.raises(RuntimeError):  # as long as the line with its borders, and not as the result
        ndimage.generic_filter1d(IMAGE, whole.lowlevel, 3)


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_geometric_transform(dtype):
    place = g.symbol(f"cb_place_{dtype}", shape=(2,), dtype=dtype)
    turn, shift = g.symbol("cb_turn", shape=(2, 2)), g.symbol("cb_shift", shape=(2,))
    f = g.compile(turn @ g.astype(place, "float64") + shift, [place, turn, shift])
    matrix, by = np.array([[0.9, -0.2], [0.2, 0.9]]), np.array([0.5, -0.25])
    mine = f.callback("geometric_transform", {"cb_turn": matrix, "cb_shift": by})
    wanted = ndimage.geometric_transform(IMAGE, lambda at: tuple(matrix @ at + by))
    assert np.allclose(ndimage.geometric_transform(IMAGE, mine.lowlevel), wanted, rtol=1e-10, atol=1e-12)


def steps_in_c(callback, start, end, count, data):
    """The classical Runge–Kutta method over a function at an address."""
    kinds = [ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    f = ctypes.CFUNCTYPE(None, *kinds)(callback.address)
    state, h, slope = np.array(start), end / count, np.zeros(len(start))

    def at(time, values):
        values = np.ascontiguousarray(values)
        f(time, values.ctypes.data, slope.ctypes.data, None if data is None else data.ctypes.data)
        return slope.copy()

    for k in range(count):
        a = at(k * h, state)
        b = at(k * h + h / 2, state + h / 2 * a)
        c = at(k * h + h / 2, state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + at(k * h + h, state + h * c))
    return state


def test_right_hand_sides_as_lsoda_takes_them():
    mu, drive = g.symbol("cb_mu"), g.symbol("cb_drive", shape=(2,))
    right = g.stack([u[1], mu * (1 - u[0] ** 2) * u[1] - u[0]]) + drive * g.sin(t)
    f = g.compile(right, [t, u, mu, drive])
    callback = f.callback("lsoda")
    assert callback.signature == "void callback(double t, double *u, double *du, void *data);"
    data = np.array([1.5, 0.1, -0.2])
    wanted = integrate.solve_ivp(
        lambda time, s: np.array([s[1], 1.5 * (1 - s[0] ** 2) * s[1] - s[0]]) + data[1:] * np.sin(time),
        (0, 3), [2.0, 0.0], rtol=1e-12, atol=1e-12,
    ).y[:, -1]  # fmt: skip
    assert np.abs(steps_in_c(callback, [2.0, 0.0], 3.0, 3000, data) - wanted).max() <= 1e-10
    assert np.isnan(steps_in_c(callback, [2.0, 0.0], 3.0, 1, None)).all()  # no data where some is needed
    bound = f.callback("lsoda", {"cb_mu": 1.5, "cb_drive": [0.1, -0.2]})
    assert np.array_equal(bound.data, data)
    with pytest.raises(CompileError, match="SciPy calls no"):
        _ = bound.lowlevel


def test_a_loop_and_a_function_that_stays_a_call_are_called_too():
    @g.function(inline=False)
    def bell(s):
        return g.exp(-s * s)

    end, _ = g.scan(lambda s, _: (s + bell(s * x), None), 0.0, length=5)

    def python(s):
        total = 0.0
        for _ in range(5):
            total += np.exp(-((total * s) ** 2))
        return total

    mine = integrate.quad(g.compile(end, [x]).callback("quad").lowlevel, 0, 1)[0]
    assert abs(mine - integrate.quad(python, 0, 1)[0]) <= 1e-12


def test_the_code_lives_as_long_as_the_callable():
    low = g.compile(g.sin(x) * 0.123, [x], cache=False).callback("quad").lowlevel
    gc.collect()
    assert abs(integrate.quad(low, 0, np.pi)[0] - 0.246) <= 1e-12


def test_an_index_outside_is_nan():
    k = g.compile(v[g.astype(g.floor(x), "int64")], [x, v]).callback("quad", {"cb_v": W})
    f = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_void_p)(k.address)
    assert f(1.5, k.data.ctypes.data) == -1.0 and np.isnan(f(7.0, k.data.ctypes.data))
    assert np.isnan(f(1.5, None))


MATRIX = g.symbol("cb_matrix", shape=(2, 2))
WHOLE = g.symbol("cb_whole", dtype="int64")

REFUSED = {
    "another kind": (lambda: g.compile(x * 2, [x]).callback("ode"), InputError, "calls no functions"),
    "no kind": (lambda: g.compile(x * 2, [x]).callback(3), InputError, "calls no functions"),
    "data that are no mapping": (lambda: g.compile(x * y, [x, y]).callback("quad", 3.0), InputError, "data is 3.0"),
    "an unknown name": (lambda: g.compile(x * y, [x, y]).callback("quad", {"z": 1}), InputError, "no input"),
    "data unbound": (lambda: g.compile(x * y, [x, y]).callback("quad").lowlevel, InputError, "cb_y are data"),
    "data bound in part": (
        lambda: g.compile(x * y * t, [x, y, t]).callback("quad", {"cb_y": 1.0}), InputError, "cb_t is data too",
    ),
    "a wrong shape": (
        lambda: g.compile(x * g.sum(w), [x, w]).callback("quad", {"cb_w": [1.0, 2.0]}), InputError, r"shape \(3",
    ),
    "a wrong rank": (
        lambda: g.compile(x * g.sum(w), [x, w]).callback("quad", {"cb_w": 1.0}), InputError, "cb_w has shape",
    ),
    "text as data": (
        lambda: g.compile(x * y, [x, y]).callback("quad", {"cb_y": "two"}), InputError, "cb_y is 'two'",
    ),
    "integers as data": (
        lambda: g.compile(x * WHOLE, [x, WHOLE]).callback("quad", {"cb_whole": 2}), CompileError, "float64 throughout",
    ),
    "a length that nothing says": (
        lambda: g.compile(x * g.sum(v), [x, v]).callback("quad"), CompileError, "how long that is is not known",
    ),
    "two results": (lambda: g.compile([x, x * 2], [x]).callback("quad"), CompileError, "it gives"),
    "a vector of quad": (lambda: g.compile(x * w, [x, w]).callback("quad", {"cb_w": W}), CompileError, "it gives"),
    "a matrix": (
        lambda: g.compile(g.sum(MATRIX), [MATRIX]).callback("nquad"), CompileError, "where a vector is handed over",
    ),
    "a vector for quad": (lambda: g.compile(g.sum(v), [v]).callback("quad"), CompileError, "where a number is handed over"),
    "no vector": (lambda: g.compile(x * y, [x, y]).callback("lsoda"), CompileError, "where a vector is handed over"),
    "too few": (lambda: g.compile(x * 2, [x]).callback("lsoda"), CompileError, "1 inputs for a number and a vector"),
    "a state of unknown length": (
        lambda: g.compile(v * t, [t, v]).callback("lsoda"), CompileError, "declare a number",
    ),
    "slopes of another length": (
        lambda: g.compile(g.concat([u, u]) * t, [t, u]).callback("lsoda"), CompileError, "it gives",
    ),
    "updates": (
        lambda: g.compile(x * y, [x, y], updates={y: y + x}).callback("quad", {"cb_y": 1.0}), CompileError, "updates its",
    ),
    "single precision": (
        lambda: g.compile(x * 2, [x], dtype="float32").callback("quad"), CompileError, "float32",
    ),
    "a library's routine": (
        lambda: g.compile(g.sum(g.eigvalsh(v[:2][:, None] * v[:2])), [v]).callback("nquad"), CompileError, "eigvalsh",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_what_to_write(name):
    ask, kind, match = REFUSED[name]
    with pytest.raises(kind, match=match) as error:
        ask()
    assert error.value.hint or kind is InputError
