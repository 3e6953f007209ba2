"""f.scipy(): one bundle from one formula, in SciPy's own solvers, against solutions in closed form and plain differences."""

import warnings

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import graphc as g
from graphc.errors import ArityError, CompileError, GradientError, GraphcError, InputError, ShapeError

x, y = g.symbols("x y")
w, b = g.symbol("w", shape=3), g.symbol("b")
X, t = g.symbol("X", shape=("n", 3)), g.symbol("t", shape="n")


def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 3)), rng.normal(size=20)


def hilly():
    """A formula of a vector and a number, with data."""
    design, target = rows()
    loss = g.sum(g.log(1 + (X @ w + b - t) ** 2)) + g.sum(w**4) + b**2
    return g.compile(loss).scipy({"w": [0.1, -0.2, 0.3], "b": 0.5}, X=design, t=target)


def value_of(vector):
    design, target = rows()
    rest = design @ vector[:3] + vector[3] - target
    return np.log1p(rest**2).sum() + (vector[:3] ** 4).sum() + vector[3] ** 2


def test_value_gradient_and_hessian_of_the_vector():
    p = hilly()
    assert p.names == ("w", "b") and p.start.tolist() == [0.1, -0.2, 0.3, 0.5]
    assert p.fun(p.start) == pytest.approx(value_of(p.start), rel=1e-14)
    step = 1e-6 * np.eye(4)
    slope = np.array([(value_of(p.start + e) - value_of(p.start - e)) / 2e-6 for e in step])
    np.testing.assert_allclose(p.jac(p.start), slope, rtol=1e-7, atol=1e-7)
    bent = np.array([(p.jac(p.start + e) - p.jac(p.start - e)) / 2e-6 for e in step])
    np.testing.assert_allclose(p.hess(p.start), bent, rtol=1e-6, atol=1e-7)
    along = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(p.hessp(p.start, along), p.hess(p.start) @ along, rtol=1e-12)
    value, gradient = p(p.start)
    assert value == p.fun(p.start) and np.array_equal(gradient, p.jac(p.start))


METHODS = [
    "Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA", "COBYQA", "SLSQP", "trust-constr", "dogleg",
    "trust-ncg", "trust-krylov", "trust-exact",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_minimize(method):
    bowl = (x - 1) ** 2 + 2 * (y + 0.5) ** 2 + 0.5 * x * y
    p = g.compile(bowl, [x, y]).scipy({"x": 0.3, "y": 0.2})
    found = scipy.optimize.minimize(**p.arguments(method))
    matrix = np.array([[2.0, 0.5], [0.5, 4.0]])
    np.testing.assert_allclose(found.x, np.linalg.solve(matrix, [2.0, -2.0]), atol=2e-4)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYQA"])
def test_bounds_and_constraints(method):
    """Problem 71 of Hock and Schittkowski."""
    v = g.symbol("v", shape=4)
    p = g.compile(v[0] * v[3] * (v[0] + v[1] + v[2]) + v[2], [v]).scipy(
        {"v": [1.0, 5.0, 5.0, 1.0]},
        bounds={"v": (1, 5)},
        subject_to=[g.prod(v) >= 25, g.equal(g.sum(v**2), 40.0)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scipy.optimize.minimize(**p.arguments(method))
    assert found.fun == pytest.approx(17.0140173, abs=1e-3)
    assert p.bounds.lb.tolist() == [1.0] * 4 and len(p.constraints) == 2


def test_many_unknowns_have_sparse_matrices():
    v = g.symbol("v", shape=400)
    p = g.compile(g.sum(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2), [v]).scipy(
        {"v": np.full(400, 0.5)}
    )
    hessian = p.hess(p.start)
    assert hessian.nnz == 400 + 2 * 399
    along = np.random.default_rng(1).normal(size=400)
    np.testing.assert_allclose(p.hessp(p.start, along), hessian @ along, rtol=1e-10)
    found = scipy.optimize.minimize(**p.arguments("trust-constr"))
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)


def test_residuals():
    design, target = rows()
    f = g.compile(X @ w + b - t)
    p = f.scipy({"w": np.zeros(3), "b": 0.0}, X=design, t=target)
    found = p.unpack(scipy.optimize.least_squares(**p.arguments("least_squares")).x)
    wanted = np.linalg.lstsq(np.column_stack([design, np.ones(20)]), target, rcond=None)[0]
    np.testing.assert_allclose([*found["w"], found["b"]], wanted, atol=1e-8)
    held = f.scipy({"w": np.zeros(3), "b": 0.0}, bounds={"w": (0, None)}, X=design, t=target)
    assert (scipy.optimize.least_squares(**held.arguments("least_squares")).x[:3] >= 0).all()


@pytest.mark.parametrize("count", [3, 300])
def test_roots(count):
    """The discretised equation of Moré, Garbow and Hillstrom, whose Jacobian has three diagonals."""
    v, h = g.symbol("v", shape=count), 1 / (count + 1)
    padded = g.pad(v, 1)
    at = h * np.arange(1, count + 1)
    equations = 2 * v - padded[:-2] - padded[2:] + h**2 * (v + at + 1) ** 3 / 2
    p = g.compile(equations, [v]).scipy({"v": at * (at - 1)})
    assert hasattr(p.jac(p.start), "nnz") == (count > 200)
    found = scipy.optimize.root(**p.arguments("root"))
    assert found.success and np.abs(p.fun(found.x)).max() < 1e-10


@pytest.mark.parametrize(
    ("start", "ranges"), [({"x": 0.0}, [(0, 2)]), ({"x": 0.0, "y": 0.0}, [(0, 2), (-1, 1)])]
)
def test_integrals_call_machine_code(start, ranges):
    f = g.compile(g.exp(-x * x) * g.cos(y), [x, y])
    p = f.scipy(start, **({} if "y" in start else {"y": 0.5}))
    inner = scipy.special.erf(2) * np.sqrt(np.pi) / 2
    value = scipy.integrate.nquad(p.lowlevel, ranges)[0]
    assert value == pytest.approx(inner * (2 * np.sin(1) if "y" in start else np.cos(0.5)), rel=1e-10)


def test_an_integral_over_an_array():
    v, A = g.symbol("v", shape=2), g.symbol("A", shape=(2, 2))
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    p = g.compile(g.exp(-v @ A @ v)).scipy({"v": np.zeros(2)}, A=matrix)
    value = scipy.integrate.nquad(p.lowlevel, [(-8, 8)] * 2)[0]
    assert value == pytest.approx(np.pi / np.sqrt(np.linalg.det(matrix)), rel=1e-8)


# --- differential equations ---------------------------------------------------------------------------------------------

q, speed, k, tau = g.symbol("q", shape=2), g.symbol("speed", shape=2), g.symbol("k"), g.symbol("tau")


@pytest.mark.parametrize("method", ["RK45", "Radau", "BDF", "LSODA"])
def test_initial_values(method):
    """Two oscillators, one of which is stopped where it comes through 0."""
    f = g.compile([speed, -k * q])
    p = f.scipy({"q": [1.0, 2.0], "speed": [0.0, 0.0]}, over="tau", events=[q[0]], k=4.0)
    more = {} if method == "RK45" else {"jac": p.jac}
    solution = scipy.integrate.solve_ivp(
        p.fun, (0, 2), p.start, method=method, events=p.events, rtol=1e-8, atol=1e-10, **more
    )
    assert solution.t_events[0][0] == pytest.approx(np.pi / 4, abs=1e-6)
    found = p.series(solution.y)
    np.testing.assert_allclose(found["q"][:, -1], np.cos(4.0) * np.array([1.0, 2.0]), atol=1e-5)
    p.events[0].terminal = True
    stopped = scipy.integrate.solve_ivp(p.fun, (0, 2), p.start, method=method, events=p.events, **more)
    assert stopped.status == 1 and stopped.t[-1] == pytest.approx(np.pi / 4, abs=1e-2)


def test_the_jacobian_of_a_large_system_is_sparse():
    u = g.symbol("u", shape=300)
    p = g.compile(g.pad(u, 1)[2:] - 2 * u + g.pad(u, 1)[:-2] - tau * u**3, [u, tau]).scipy(
        {"u": np.ones(300)}, over="tau"
    )
    matrix = p.jac(2.0, p.start)
    assert matrix.nnz == 300 + 2 * 299
    wanted = np.diag(np.full(300, -8.0)) + np.diag(np.ones(299), 1) + np.diag(np.ones(299), -1)
    np.testing.assert_allclose(matrix.toarray(), wanted)


def test_boundary_values():
    """u'' = −u with u(0) = 0, u(π/2) = 1 is the sine."""
    u, v = g.symbols("u v")
    p = g.compile([v, -u], [u, v]).scipy(
        {"u": 0.0, "v": 0.0}, over="s", boundary=lambda a, b: [a["u"], b["u"] - 1]
    )
    mesh = np.linspace(0, np.pi / 2, 5)
    found = scipy.integrate.solve_bvp(
        p.fun, p.bc, mesh, np.zeros((2, 5)), fun_jac=p.fun_jac, bc_jac=p.bc_jac, tol=1e-8
    )
    assert found.success
    np.testing.assert_allclose(p.series(found.y)["u"], np.sin(found.x), atol=1e-8)


def test_boundary_values_with_an_unknown_parameter():
    """An eigenvalue: u'' = −κ²u with u(0) = u(1) = 0 and u'(0) = κ has κ = π."""
    u, v, kappa = g.symbols("u v kappa")
    p = g.compile([v, -(kappa**2) * u], [u, v, kappa]).scipy(
        {"u": 0.0, "v": 0.0},
        over="s",
        boundary=lambda a, b: [a["u"], b["u"], a["v"] - kappa],
        parameters={"kappa": 3.0},
    )
    mesh = np.linspace(0, 1, 6)
    guess = np.vstack([np.sin(3 * mesh), 3 * np.cos(3 * mesh)])
    found = scipy.integrate.solve_bvp(
        p.fun, p.bc, mesh, guess, p=p.p, fun_jac=p.fun_jac, bc_jac=p.bc_jac, tol=1e-8
    )
    assert found.p[0] == pytest.approx(np.pi, abs=1e-8)


# --- what is refused ----------------------------------------------------------------------------------------------------

f = g.compile((x - 1) ** 2 + y**2, [x, y])
S = {"x": 0.0, "y": 0.0}
REFUSED = {
    "a name": (lambda: f.scipy({"z": 0.0}), InputError, "no input 'z'"),
    "a value": (lambda: f.scipy({"x": 0.0}), InputError, "'y' is no unknown and has no value"),
    "a bound's name": (lambda: f.scipy(S, bounds={"z": (0, 1)}), InputError, "does not vary"),
    "no constraint": (lambda: f.scipy(S, subject_to=[x + y]), InputError, "no constraint"),
    "a method": (lambda: f.scipy(S).arguments("simplex"), InputError, "no method 'simplex'"),
    "constraints of CG": (lambda: f.scipy(S, subject_to=[x >= 1]).arguments("CG"), InputError, "CG takes no constraints"),
    "bounds of BFGS": (lambda: f.scipy(S, bounds={"x": (1, 2)}).arguments("BFGS"), InputError, "BFGS takes no bounds"),
    "residuals of a number": (lambda: f.scipy(S).arguments("root"), InputError, "one number"),
    "a Hessian of residuals": (lambda: g.compile(g.stack([x, y])).scipy(S).hess([0.0, 0.0]), GradientError, "no Hessian"),
    "more equations": (lambda: g.compile(g.stack([x, x, y])).scipy(S).arguments("root"), InputError, "as many equations"),
    "constrained residuals": (
        lambda: g.compile(g.stack([x, y])).scipy(S, subject_to=[x >= 0]), InputError, "no other constraints",
    ),
    "events alone": (lambda: f.scipy(S, events=[x]), InputError, "differential equation"),
    "two results": (lambda: g.compile([x, y]).scipy(S, bounds={"x": (0, 1)}), ArityError, "one objective"),
    "states": (lambda: f.scipy(S, over="t"), ArityError, "as many derivatives"),
    "a shape": (lambda: g.compile([g.stack([x, x]), y]).scipy(S, over="t"), ShapeError, "derivative of 'x'"),
    "an event": (lambda: g.compile([x, y]).scipy(S, over="t", events=[1.0]), InputError, "an event is"),
    "a stray event": (lambda: g.compile([x, y]).scipy(S, over="t", events=[x - k]), InputError, "'k' of an event"),
    "conditions": (lambda: g.compile([x, y]).scipy(S, over="t", boundary=lambda a, b: [a["x"]]), ShapeError, "2 conditions"),
    "an integral of an array": (lambda: g.compile(g.stack([x, y])).scipy(S).lowlevel, GradientError, "one number"),
    "an integral over too much": (
        lambda: g.compile(g.sum(X)).scipy({"X": np.ones((40, 3))}).lowlevel, CompileError, "none that nquad takes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, kind, said = REFUSED[name]
    with pytest.raises(kind, match=said) as caught:
        call()
    assert isinstance(caught.value, GraphcError)


def test_inputs_may_have_the_names_of_words():
    bounds = g.symbol("bounds")
    p = g.compile((x - bounds) ** 2).scipy({"x": 0.0}, bounds=3.0)
    assert p.fun([1.0]) == 4.0 and p.bounds is None
