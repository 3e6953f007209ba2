"""One bundle of functions of a vector for SciPy's solvers: values, derivatives, and what is shared between them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize, root, rosen, rosen_der, rosen_hess

import graphc as g
from graphc.errors import ArityError, ShapeError

N = 12
X = g.symbol("x", shape=N)
VALLEY = g.sum(100 * (X[1:] - X[:-1] ** 2) ** 2 + (1 - X[:-1]) ** 2)


def valley(sparse):
    return g.compile([VALLEY, g.grad(VALLEY, X), g.hessian(VALLEY, X, sparse=sparse)], [X])


@pytest.mark.parametrize("sparse", [True, False])
def test_value_gradient_and_hessian(sparse):
    p = valley(sparse).scipy({"x": np.zeros(N)})
    point = np.linspace(-1, 2, N)
    hessian = p.hess(point)
    np.testing.assert_allclose(p.fun(point), rosen(point), rtol=1e-13)
    np.testing.assert_allclose(p.jac(point), rosen_der(point), rtol=1e-11, atol=1e-11)
    dense = hessian.toarray() if sparse else hessian
    np.testing.assert_allclose(dense, rosen_hess(point), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(p.hessp(point, point), rosen_hess(point) @ point, rtol=1e-11, atol=1e-9)


def test_minimisers_of_second_order():
    p = valley(True).scipy({"x": np.zeros(N)})
    exact = {"method": "Newton-CG", "hessp": p.hessp, "options": {"xtol": 1e-10}}
    for more in ({"method": "trust-constr", "hess": p.hess}, exact):
        fit = minimize(p.fun, p.start, jac=p.jac, **more)
        np.testing.assert_allclose(fit.x, np.ones(N), atol=1e-8)


def test_residuals_of_several_unknowns():
    a, t, y = g.symbol("a", shape=2), g.symbol("t", shape=20), g.symbol("y", shape=20)
    rate = g.symbol("rate")
    r = a[0] * g.exp(-rate * t) + a[1] - y
    times = np.linspace(0, 4, 20)
    p = g.compile([r, g.jacobian(r, [rate, a], sparse=True)], [a, rate, t, y]).scipy(
        {"rate": 1.0, "a": np.ones(2)}, t=times, y=2.5 * np.exp(-0.7 * times) + 0.3
    )
    fit = least_squares(p.fun, p.start, jac=p.jac)
    best = p.unpack(fit.x)
    np.testing.assert_allclose([best["rate"], *best["a"]], [0.7, 2.5, 0.3], atol=1e-5)


def test_roots_with_a_dense_jacobian():
    v = g.symbol("v", shape=2)
    r = g.stack([v[0] ** 2 + v[1] ** 2 - 4, v[0] - v[1]])
    p = g.compile([r, g.jacobian(r, v)], [v]).scipy({"v": np.array([1.0, 2.0])})
    found = root(p.fun, p.start, jac=p.jac)
    np.testing.assert_allclose(found.x, np.sqrt([2.0, 2.0]), atol=1e-8)


def counted(p):
    calls, function = [], p._function
    p._function = lambda **at: (calls.append(1), function(**at))[1]
    return calls


def test_a_point_is_computed_once():
    p = valley(True).scipy({"x": np.zeros(N)})
    calls, point = counted(p), np.linspace(0, 1, N)
    value = p.fun(point), p.jac(point), p.hess(point), p(point)
    assert len(calls) == 1 and value[3][0] == value[0]
    p.jac(point)[:] = 7.0  # what a caller does with a result stays with the caller
    p.hess(point).data[:] = 7.0
    np.testing.assert_array_equal(p.jac(point), value[1])
    np.testing.assert_array_equal(p.hess(point).data, value[2].data)
    point[0] += 1  # solvers move a point in place
    assert p.fun(point) != value[0] and len(calls) == 2


def test_threads_get_the_values_of_their_points():
    p = valley(True).scipy({"x": np.zeros(N)})
    wrong = []

    def ask(shift):
        point = np.full(N, shift)
        for _ in range(100):
            if not (p.fun(point) == rosen(point) or abs(p.fun(point) - rosen(point)) < 1e-9 * rosen(point)):
                wrong.append(shift)

    threads = [threading.Thread(target=ask, args=(shift,)) for shift in (0.25, 0.5, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_refusals():
    plain = g.compile(g.value_and_grad(VALLEY, [X]), [X]).scipy({"x": np.zeros(N)})
    with pytest.raises(ArityError, match="without a Hessian"):
        plain.hess(plain.start)
    w = g.symbol("w", shape=N)
    r = X * w
    with pytest.raises(ShapeError, match="matrix of derivatives"):
        g.compile([r, g.jacobian(r, X, sparse=True)], [X, w]).scipy({"x": np.zeros(N), "w": np.ones(N)})
    b = g.symbol("b")
    both = g.compile(g.value_and_grad((b - 1) ** 2 * g.sum(X), [b, g.symbol("x", shape=N)]))
    with pytest.raises(ArityError, match="1 gradients, and this one 3 results"):
        both.scipy({"b": 0.0}, x=np.zeros(N))
