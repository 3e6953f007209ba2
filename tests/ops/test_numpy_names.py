"""NumPy's functions that are formulas of operations: the same numbers compiled, and derivatives against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg

import graphc as g
from graphc.errors import GraphcError, InputError, ShapeError

X, Y = g.symbol("X", shape=("n",)), g.symbol("Y", shape=("n",))
M, A, B = g.symbol("M", shape=(4, 5)), g.symbol("A", shape=(4, 3)), g.symbol("B", shape=(4, 3))
S = g.symbol("S", shape=(3, 3))
rng = np.random.default_rng(5)
EDGES = np.array([-2.0, 0.0, 0.5, 3.0, math.nan, -0.0, math.inf, -math.inf])
LINE, OTHER = rng.normal(size=50) * 10, rng.normal(size=50)
m, a, b, s = (
    rng.normal(size=(4, 5)),
    rng.normal(size=(4, 3)),
    rng.normal(size=(4, 3)),
    rng.normal(size=(3, 3)) * 2,
)
w5, w4 = abs(rng.normal(size=5)), abs(rng.normal(size=4))
xp, fp = np.array([0.0, 1.0, 2.5, 4.0]), np.array([1.0, 3.0, -2.0, 0.5])
AROUND = np.linspace(-1, 5, 31)

CASES = {
    "heaviside": (lambda x: np.heaviside(x, 0.5), (X,), (EDGES,)),
    "copysign": (lambda x: np.copysign(3.0, x), (X,), (EDGES[EDGES == EDGES],)),
    "fmod": (np.fmod, (X, Y), (LINE, OTHER)),
    "fmod far": (np.fmod, (X, Y), (np.array([1e300, -1e300, 5.0]), np.array([7.0, 3.0, math.inf]))),
    "fmax": (np.fmax, (X, Y), (EDGES, EDGES[::-1].copy())),
    "fmin": (np.fmin, (X, Y), (EDGES, EDGES[::-1].copy())),
    "nan_to_num": (lambda x: np.nan_to_num(x, nan=3.0), (X,), (EDGES,)),
    "nan_to_num ends": (lambda x: np.nan_to_num(x, posinf=9.0, neginf=-7.0), (X,), (EDGES,)),
    "deg2rad": (np.deg2rad, (X,), (LINE,)),
    "radians": (np.radians, (X,), (LINE,)),
    "rad2deg": (np.rad2deg, (X,), (LINE,)),
    "degrees": (np.degrees, (X,), (LINE,)),
    "select": (lambda x: np.select([x < 0, x < 1], [-x, x**2], 7.0), (X,), (LINE,)),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x > 3], [lambda t: -t, 5.0, lambda t: t * t]), (X,), (LINE,)),
    "piecewise rest": (lambda x: np.piecewise(x, [x < 0, x < -3], [lambda t: -t, 5.0]), (X,), (LINE,)),
    "polyval": (lambda x: np.polyval([1.0, 2.0, 3.0], x), (X,), (LINE,)),
    "interp": (lambda x: np.interp(x, xp, fp), (X,), (AROUND,)),
    "interp ends": (lambda x: np.interp(x, xp, fp, left=-9.0, right=7.0), (X,), (AROUND,)),
    "interp period": (lambda x: np.interp(x, xp, fp, period=5.0), (X,), (AROUND,)),
    "diff": (np.diff, (M,), (m,)),
    "diff 2": (lambda x: np.diff(x, 2, axis=0), (M,), (m,)),
    "diff more": (lambda x: np.diff(x, prepend=1.0, append=x[:, :2]), (M,), (m,)),
    "cross": (np.cross, (A, B), (a, b)),
    "cross axis": (lambda x, y: np.cross(x[:3], y[:3], axis=0), (A, B), (a, b)),
    "trapezoid": (lambda x: np.trapezoid(x), (M,), (m,)),
    "trapezoid dx": (lambda x: np.trapezoid(x, dx=0.5, axis=0), (M,), (m,)),
    "trapezoid x": (lambda x: np.trapezoid(x, np.arange(4.0) ** 2, axis=0), (M,), (m,)),
    "average": (np.average, (M,), (m,)),
    "average weights": (lambda x: np.average(x, 1, w5), (M,), (m,)),
    "average rows": (lambda x: np.average(x, 0, w4, keepdims=False), (M,), (m,)),
    "average all": (lambda x: np.average(x, weights=w4[:, None] * w5), (M,), (m,)),
    "cov": (np.cov, (M,), (m,)),
    "cov columns": (lambda x: np.cov(x, rowvar=False), (M,), (m,)),
    "cov bias": (lambda x: np.cov(x, bias=True), (M,), (m,)),
    "cov of one": (lambda x: np.cov(x[0]), (M,), (m,)),
    "cov of two": (lambda x, y: np.cov(x[0], y[0]), (A, B), (a, b)),
    "corrcoef": (np.corrcoef, (M,), (m,)),
    "pinv": (np.linalg.pinv, (A,), (a,)),
    "pinv wide": (lambda x: np.linalg.pinv(x.T), (A,), (a,)),
    "lstsq": (lambda x, y: np.linalg.lstsq(x, y, rcond=None)[0], (A, B), (a, b)),
    "lstsq rest": (lambda x, y: np.linalg.lstsq(x, y, rcond=None)[1], (A, B), (a, b)),
    "lstsq wide": (lambda x, y: np.linalg.lstsq(x.T, y[:3], rcond=None)[0], (A, B), (a, b)),
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys(name):
    function, symbols, values = CASES[name]
    f = g.compile(function(*symbols), list(symbols))
    with np.errstate(all="ignore"):
        wanted = function(*values)
    np.testing.assert_allclose(f(*values), wanted, rtol=1e-12, atol=1e-13)


SMOOTH = [
    "fmod", "fmax", "deg2rad", "select", "piecewise", "polyval", "interp ends", "diff 2", "cross", "trapezoid x",
    "average weights",
    "cov", "corrcoef", "pinv", "pinv wide", "lstsq", "lstsq wide", "nan_to_num",
]  # fmt: skip


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_differences(name):
    function, symbols, values = CASES[name]
    values = [np.where(np.isfinite(v), v, 0.7)[:7] if v.ndim == 1 else v for v in values]
    total = g.compile(g.grad(g.sum(g.sin(function(*symbols))), list(symbols)), list(symbols))
    slopes = total(*values)
    for number, value in enumerate(values):
        found = np.asarray(slopes[number])
        for place in list(np.ndindex(value.shape))[:4]:
            step = 1e-6 * max(1.0, abs(value[place]))
            ends = []
            for sign in (1, -1):
                moved = [v.copy() for v in values]
                moved[number][place] += sign * step
                ends.append(np.sum(np.sin(function(*moved))))
            assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=2e-6, abs=2e-7)


@pytest.mark.parametrize("kind", ["not-a-knot", "natural", "clamped", "periodic"])
def test_cubic_splines_are_scipys(kind):
    values = np.append(fp[:-1], fp[0]) if kind == "periodic" else fp
    spline = scipy.interpolate.CubicSpline(xp, values, bc_type=kind)
    curve = g.cubic_spline(X, xp, values, kind)
    second = g.grad(g.sum(g.grad(g.sum(curve), X)), X)
    f = g.compile([curve, g.grad(g.sum(curve), X), second], [X])
    for order, found in enumerate(f(AROUND)):
        np.testing.assert_allclose(found, spline(AROUND, order), rtol=1e-12, atol=1e-12)
    scalar = g.symbol("t")
    assert g.compile(g.cubic_spline(scalar, xp, values, kind), [scalar])(1.25) == pytest.approx(
        float(spline(1.25)), rel=1e-14
    )


def test_piecewise_polynomials_are_scipys():
    table = rng.normal(size=(3, 4))
    breaks = np.array([0.0, 1.0, 1.5, 2.0, 4.0])
    f = g.compile(g.piecewise_polynomial(X, table, breaks), [X])
    np.testing.assert_allclose(f(AROUND), scipy.interpolate.PPoly(table, breaks)(AROUND), rtol=1e-13)


def test_interpolation_is_differentiated_in_its_points():
    V = g.symbol("V", shape=(4,))
    f = g.compile(g.grad(g.interp(1.75, xp, V), V), [V])
    np.testing.assert_allclose(f(fp), [0, 0.5, 0.5, 0])


def test_expm_and_its_frechet_derivative():
    f = g.compile([g.expm(S), g.grad(g.sum(g.expm(S) * s), S)], [S])
    value, slope = f(s)
    np.testing.assert_allclose(value, scipy.linalg.expm(s), rtol=1e-13)
    np.testing.assert_allclose(slope, scipy.linalg.expm_frechet(s.T, s)[1], rtol=1e-11)
    t = g.symbol("t")
    second = g.compile(g.grad(g.grad(g.sum(g.expm(t * s)), t), t), [t])
    np.testing.assert_allclose(second(0.3), np.sum(s @ s @ scipy.linalg.expm(0.3 * s)), rtol=1e-11)
    stacked = g.compile(g.expm(g.symbol("T", shape=(2, 3, 3))))
    np.testing.assert_allclose(stacked(np.stack([s, -s]))[1], scipy.linalg.expm(-s), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: g.interp(X, xp, fp[:3]), ShapeError), (lambda: g.interp(X, X, X), ShapeError),
        (lambda: g.cross(M, M), ShapeError),
        (lambda: g.select([X > 0], [X, X]), InputError), (lambda: g.select([X], [X]), GraphcError),
        (lambda: g.diff(1.0), ShapeError),
        (lambda: g.cubic_spline(X, [1.0, 1.0], [2.0, 3.0]), InputError),
        (lambda: g.cubic_spline(X, xp, g.symbol("V", shape=4)), InputError),
        (lambda: g.pinv(X), ShapeError), (lambda: g.expm(M), ShapeError), (lambda: g.lstsq(M, A[:3]), ShapeError),
        (lambda: g.polyval("abc", X), InputError), (lambda: g.average(M, weights=w5), ShapeError),
        (lambda: g.cov(M, ddof="x"), GraphcError),
        (lambda: g.piecewise(X, [X > 0], []), InputError), (lambda: g.interp(X, xp, fp, period=0), InputError),
        (lambda: g.cubic_spline(X, xp, fp, "cubic"), InputError),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, error):
    with pytest.raises(error):
        call()
