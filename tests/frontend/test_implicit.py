"""Roots, fixed points and minima: values against closed forms and SciPy, derivatives against closed forms and differences."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.optimize
import sympy

import graphc as g
from graphc.errors import (
    ConversionError,
    DtypeError,
    ExpressionError,
    GradientError,
    InputError,
    ShapeError,
)

SOLVERS = ("interpreted", "compiled")


def chosen(names, fast):
    """All of some names, of which a few are tried by default."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


WAYS = chosen(SOLVERS, ("compiled",))


def value(e, how, **point):
    return g.evaluate(e, point) if how == "interpreted" else g.compile(e)(**point)


def close(a, b, tolerance=1e-13):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.abs(a - b).max(initial=0) <= tolerance * max(1.0, np.abs(b).max(initial=0)), (a, b)


# --- one unknown, against closed forms: SymPy writes the derivatives of the solution -----------------------------------------

CLOSED = {
    # name: (the node of a and b, its solution, points)
    "square root": (lambda a, b: g.root(lambda x: x * x - a * b, 1.0), lambda a, b: sympy.sqrt(a * b)),
    "logarithm": (lambda a, b: g.root(lambda x: g.exp(x) * b - a, 0.5), lambda a, b: sympy.log(a / b)),
    "Lambert": (lambda a, b: g.root(lambda x: x * g.exp(x) - a * b, 0.3), lambda a, b: sympy.LambertW(a * b)),
    "quadratic": (
        lambda a, b: g.root(lambda x: x * x + b * x - a, 2.0),
        lambda a, b: (-b + sympy.sqrt(b * b + 4 * a)) / 2,
    ),
    "far start": (lambda a, b: g.root(lambda x: g.atan(x - a) * b, 30.0), lambda a, b: a),
    "Babylonian": (lambda a, b: g.fixed_point(lambda x: (x + a * b / x) / 2, 1.0), lambda a, b: sympy.sqrt(a * b)),
    "geometric": (lambda a, b: g.fixed_point(lambda x: x / (1 + a) + b, 0.0), lambda a, b: b * (1 + a) / a),
    "repelling": (lambda a, b: g.fixed_point(lambda x: 3 * x - a * b, 0.0), lambda a, b: a * b / 2),
    "parabola": (lambda a, b: g.argmin(lambda x: (x - a) ** 2 * b + x, 0.0), lambda a, b: a - 1 / (2 * b)),
    "exponential": (lambda a, b: g.argmin(lambda x: g.exp(x * b) - a * x, 0.0), lambda a, b: sympy.log(a / b) / b),
}  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", chosen(CLOSED, ("square root", "Babylonian", "parabola")))
def test_values_and_derivatives_are_those_of_the_closed_form(name, how):
    build, closed = CLOSED[name]
    a, b = g.symbols("a b")
    x = build(a, b)
    s, t = sympy.symbols("a b", positive=True)
    exact = closed(s, t)
    ours = [
        x,
        *g.grad(x, [a, b]),
        g.grad(g.grad(x, a), b),
        g.hvp(x, b, 1.0),
        g.jvp(x, [a, b], [1.0, 2.0]),
        g.grad(g.jvp(x, [a], [1.0]), a),
        g.jvp(g.grad(x, b), [a], [1.0]),
    ]
    wanted = [
        exact,
        exact.diff(s),
        exact.diff(t),
        exact.diff(s).diff(t),
        exact.diff(t, 2),
        exact.diff(s) + 2 * exact.diff(t),
        exact.diff(s, 2),
        exact.diff(s).diff(t),
    ]
    point = {"a": 0.7, "b": 1.3}
    at = {s: sympy.Float(0.7, 40), t: sympy.Float(1.3, 40)}
    for one, other in zip(value(ours, how, **point), wanted, strict=True):
        close(one, float(sympy.N(sympy.sympify(other).subs(at), 30)), 2e-14)


# --- systems ---------------------------------------------------------------------------------------------------------------


def systems():
    A, b, c = g.symbol("A", shape=(4, 4)), g.symbol("b", shape=(4,)), g.symbol("c")
    rng = np.random.default_rng(3)
    point = {"A": 4 * np.eye(4) + rng.normal(size=(4, 4)), "b": rng.normal(size=4), "c": 0.4}
    return {
        "vector": (lambda: g.root(lambda v: A @ v + c * v**3 - b, np.zeros(4)), point),
        "matrix": (
            lambda: g.root(lambda X: A @ X + X @ A - g.eye(4) * c + X @ X * 0.01, np.zeros((4, 4))),
            point,
        ),
        "structure": (
            lambda: g.concat(
                [
                    g.reshape(leaf, (-1,))
                    for leaf in g.root(
                        lambda s: {"u": s["u"] * 3 + s["v"] @ b - c, "v": s["v"] * 2 - s["u"] ** 2 * b + c},
                        {"u": 0.1, "v": np.zeros(4)},
                    ).values()
                ]
            ),
            point,
        ),
        "numbers": (
            lambda: g.stack(list(g.root(lambda s: (s[0] ** 2 + s[1] - b[0] - 3, s[0] - s[1] ** 3 * c), (1.0, 1.0)))),
            point,
        ),
        "mixing": (lambda: g.fixed_point(lambda v: g.tanh(A @ v * 0.1 + b) * c, np.zeros(4)), point),
        "valley": (
            lambda: g.argmin(lambda v: g.sum((v - b) ** 4) + g.sum((A @ v - c) ** 2), np.zeros(4)),
            point,
        ),
        "Rosenbrock": (
            lambda: g.argmin(lambda v: (c - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2, np.array([-1.2, 1.0])),
            point,
        ),
    }  # fmt: skip


NAMES = chosen(systems(), ("numbers", "Rosenbrock"))


def difference(f, h):
    """The derivative of f at 0 by central differences, extrapolated twice: what is left is h⁶ and rounding over h."""
    d = [(f(step) - f(-step)) / (2 * step) for step in (h, h / 2, h / 4)]
    first, second = (4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3
    return (16 * second - first) / 15


@pytest.mark.parametrize("name", NAMES)
def test_systems_against_differences(name):
    build, point = systems()[name]
    x = build()
    syms = list(g.free_symbols(x))
    own = {s.name: np.asarray(point[s.name]) for s in syms}
    rng = np.random.default_rng(11)
    weights = rng.normal(size=x.shape)
    ways = {name: rng.normal(size=value.shape) for name, value in own.items()}
    L = g.sum(x * weights)
    e = [L, g.jvp(L, syms, [ways[s.name] for s in syms]), g.grad(L, syms)]
    f = g.compile(e, syms)
    slope, (_, along, slopes) = (
        difference(lambda t: f(**{k: v + t * ways[k] for k, v in own.items()})[0], 2e-2),
        f(**own),
    )
    assert abs(slope - along) <= 1e-9 * max(1.0, abs(along))
    close(sum(np.sum(back * ways[s.name]) for back, s in zip(slopes, syms, strict=True)), along, 1e-12)
    told = g.evaluate(e, own)
    close(told[0], f(**own)[0], 1e-13)
    close(told[1], along, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["structure", "numbers"])
def test_systems_against_differences_in_many_digits(name):
    build, point = systems()[name]
    x = build()
    assert g.check_grad(
        g.sum(x * np.cos(np.arange(x.shape[0]))), {s.name: point[s.name] for s in g.free_symbols(x)}
    )


@pytest.mark.slow
def test_second_derivatives_of_a_system():
    # of a least-squares fit: argmin has a closed form, and so have its second derivatives
    A, b, w = g.symbol("A", shape=(5, 2)), g.symbol("b", shape=(5,)), g.symbol("w")
    fit = g.argmin(lambda v: g.sum((A @ v - b) ** 2) + w * g.sum(v * v), np.zeros(2))
    closed = g.solve(A.T @ A + w * g.eye(2), A.T @ b)
    rng = np.random.default_rng(5)
    point = {"A": rng.normal(size=(5, 2)), "b": rng.normal(size=5), "w": 0.3}

    def derivatives(x):
        L = g.sum(x**3)
        return [
            x,
            g.grad(L, A),
            g.grad(g.grad(L, w), w),
            g.hessian(L, b),
            g.grad(g.jvp(L, [A], [np.ones((5, 2))]), b),
        ]

    f = g.compile([derivatives(fit), derivatives(closed)])
    for one, other in zip(*f(**point), strict=True):
        close(one, other, 1e-12)


@pytest.mark.slow
def test_named_lengths():
    a, b = g.symbol("a", shape=("n",)), g.symbol("b", shape=("n",))
    x = g.root(lambda v: v**3 + v * g.exp(a) - b, a * 0.0)
    y = g.fixed_point(lambda v: g.cos(v * 0.5 + a) + g.sum(v) * 0.01, b)
    z = g.argmin(lambda v: g.sum((v - a) ** 2) + g.sum(v * b), a)
    f = g.compile([x, y, z, g.grad(g.sum(x) + g.sum(z), [a, b])])
    for n in (1, 3, 17):
        at, bt = np.linspace(-1, 1, n), np.linspace(2, 3, n)
        x0, y0, z0, (da, db) = f(at, bt)
        close(x0**3 + x0 * np.exp(at), bt)
        close(np.cos(y0 * 0.5 + at) + y0.sum() * 0.01, y0, 1e-10)
        close(z0, at - bt / 2)
        slope = 1 / (3 * x0**2 + np.exp(at))
        close(db, slope - 0.5)
        close(da, 1 - slope * x0 * np.exp(at))


@pytest.mark.slow
def test_minima_are_those_that_scipy_finds():
    c = g.symbol("c", shape=(3,))
    f = lambda v: g.sum(g.log(1 + (v - c) ** 2)) + 0.1 * g.sum(v) ** 2 + g.exp(v[0] * 0.3)
    x = g.argmin(f, np.ones(3))
    v = g.symbol("v", shape=(3,))
    h, slope = g.compile(f(v), [v, c]), g.compile(g.grad(f(v), v), [v, c])
    at = np.array([0.5, -1.0, 2.0])
    known = scipy.optimize.minimize(h, np.ones(3), (at,), jac=slope, method="BFGS", options={"gtol": 1e-12})
    close(g.compile(x)(at), known.x, 1e-8)
    assert np.abs(slope(g.compile(x)(at), at)).max() < 1e-15


def powell(v):
    return g.stack(
        [v[0] + 10 * v[1], 5**0.5 * (v[2] - v[3]), (v[1] - 2 * v[2]) ** 2, 10**0.5 * (v[0] - v[3]) ** 2]
    )


def broyden(v):
    none = g.zeros((1,))
    return (3 - 2 * v) * v - 2 * g.concat([v[1:], none]) - g.concat([none, v[:-1]]) + 1


def wood(v):
    valleys = 100 * (v[0] ** 2 - v[1]) ** 2 + 90 * (v[2] ** 2 - v[3]) ** 2
    rest = (v[0] - 1) ** 2 + (v[2] - 1) ** 2 + 10.1 * ((v[1] - 1) ** 2 + (v[3] - 1) ** 2)
    return valleys + rest + 19.8 * (v[1] - 1) * (v[3] - 1)


def brown(v):
    return (v[0] - 1e6) ** 2 + (v[1] - 2e-6) ** 2 + (v[0] * v[1] - 2) ** 2


HARD = {
    # of Moré, Garbow and Hillstrom, Testing unconstrained optimization software (1981), from their starts
    "Rosenbrock": (
        g.root,
        lambda v: g.stack([10 * (v[1] - v[0] ** 2), 1 - v[0]]),
        [-1.2, 1.0],
        [1, 1],
        1e-15,
    ),
    "Powell singular": (g.root, powell, [3.0, -1.0, 0.0, 1.0], [0, 0, 0, 0], 1e-7),
    "Powell badly scaled": (
        g.root,
        lambda v: g.stack([1e4 * v[0] * v[1] - 1, g.exp(-v[0]) + g.exp(-v[1]) - 1.0001]),
        [0.0, 1.0],
        None,
        1e-12,
    ),
    "Broyden tridiagonal": (g.root, broyden, [-1.0] * 10, None, 1e-14),
    "tiny": (g.root, lambda v: v * v - 1e-40, [1e-3], [1e-20], 1e-34),
    "huge": (g.root, lambda v: v * v - 1e200, [1.0], [1e100], 1e85),
    "Beale": (
        g.argmin,
        lambda v: sum((c - v[0] * (1 - v[1] ** k)) ** 2 for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))),
        [1.0, 1.0],
        [3, 0.5],
        1e-14,
    ),
    "Wood": (g.argmin, wood, [-3.0, -1.0, -3.0, -1.0], [1, 1, 1, 1], 1e-14),
    "Brown": (g.argmin, brown, [1.0, 1.0], [1e6, 2e-6], 1e-9),
    "quartic": (g.argmin, lambda v: g.sum(v**4), [1.0, 2.0], [0, 0], 1e-7),
    "saddle": (g.argmin, lambda v: v[0] * v[1], [0.0, 0.0], [np.nan, np.nan], 0),
}


@pytest.mark.parametrize("name", chosen(HARD, ("Powell singular", "Beale", "saddle")))
def test_hard_problems(name):
    find, f, start, solution, tolerance = HARD[name]
    x, said = find(f, np.array(start), details=True)
    x, said = g.compile([x, said])()
    if solution is not None:
        assert (np.isnan(x) == np.isnan(solution)).all()
        assert np.abs(x - solution).max() <= tolerance or np.isnan(solution).any()
        assert said["status"] == (1 if np.isfinite(solution).all() else 6)
    else:
        assert said["status"] == 1 and said["residual"] <= tolerance


# --- how they end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", WAYS)
def test_a_search_that_fails_is_nan_with_a_reason(how):
    a = g.symbol("a")
    x, details = g.root(lambda x: x * x + a, 3.0, details=True)
    assert np.isnan(value(x, how, a=1.0)) and value(details["status"], how, a=1.0) != 1
    close(value(x, how, a=-9.0), 3.0)
    assert value(details["status"], how, a=-9.0) == 1 and value(details["residual"], how, a=-9.0) == 0
    singular, said = g.root(lambda x: x * x - a, 0.0, details=True)
    assert np.isnan(value(singular, how, a=1.0)) and value(said["status"], how, a=1.0) == 2
    saddle = g.argmin(lambda v: v[0] ** 2 - v[1] ** 2 + a, np.zeros(2))
    assert np.isnan(value(saddle, how, a=1.0)).all()
    top = g.argmin(lambda x: g.cos(x) * a, 0.0)
    assert np.isnan(value(top, how, a=1.0)) and value(top, how, a=-1.0) == 0.0
    short, said = g.root(lambda x: g.exp(x) - a, 0.0, max_steps=2, details=True)
    assert np.isnan(value(short, how, a=1e6)) and value(said["steps"], how, a=1e6) == 2
    nowhere = g.fixed_point(lambda x: x + a, 0.0)
    assert np.isnan(value(nowhere, how, a=1.0))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda a: g.root(lambda x: x * x + a, 0.0, on_failure="raise"), "root: the Jacobian is singular"),
        (lambda a: g.root(lambda x: g.log(x) + a, -1.0, on_failure="raise"), "root: the function is not finite"),
        (lambda a: g.root(lambda x: g.exp(x) - a * 1e9, 0.0, max_steps=2, on_failure="raise"), "within max_steps"),
        (lambda a: g.argmin(lambda x: g.cos(x) * a, 0.0, on_failure="raise"), "argmin: .* no minimum"),
        (lambda a: g.fixed_point(lambda x: x + a, 0.0, on_failure="raise"), "fixed_point"),
    ],
)  # fmt: skip
def test_or_an_error_on_request(build, said, how):
    a = g.symbol("a")
    with pytest.raises(InputError, match=said):
        value(build(a) * 2, how, a=1.0)
    assert np.isfinite(value(g.root(lambda x: x * x - a, 1.0, on_failure="raise"), how, a=4.0))


def test_diagnose_tells_the_reason():
    a = g.symbol("a")
    told = str(g.diagnose(g.root(lambda x: x * x + a, 0.0) * 2, {"a": 1.0}, backward=False))
    assert "the Jacobian is singular at a step" in told and "test_implicit.py" in told
    told = str(g.diagnose(g.argmin(lambda x: g.cos(x * a), 0.0), {"a": 1.0}, backward=False))
    assert "no minimum" in told


@pytest.mark.parametrize("power", chosen((2, 4, 6, 8, 12), (8,)))
def test_nearly_singular_jacobians(power):
    # x² = a near a = 0: the derivative 1/(2√a) grows, and is right to the digits that the condition leaves
    a = g.symbol("a")
    x = g.root(lambda x: x * x - a, 1.0)
    small = 10.0**-power
    root, slope, second = g.compile([x, g.grad(x, a), g.grad(g.grad(x, a), a)])(small)
    assert abs(root / small**0.5 - 1) < 4e-16 * 4
    assert abs(slope * 2 * small**0.5 - 1) < 1e-14 and abs(second * -4 * small**1.5 - 1) < 1e-14
    # two lines that are nearly parallel: the solution of a system of condition 4/small
    b = g.symbol("b", shape=(2,))
    eps = g.symbol("eps")
    lines = g.root(lambda v: g.stack([v[0] + v[1] - b[0], v[0] + (1 + eps) * v[1] - b[1]]), np.zeros(2))
    values = g.compile([lines, g.jacobian(lines, b)])(b=np.array([1.0, 1.0 + 3 * small]), eps=small)
    exact = np.array([[1 + 1 / small, -1 / small], [-1 / small, 1 / small]])
    assert np.abs(values[1] / exact - 1).max() < 8e-16 / small
    told = str(g.diagnose(lines, {"b": [1.0, 1.0 + 3 * small], "eps": small}))
    assert ("nearly singular" in told) == (power >= 8)


def test_a_double_root_has_no_finite_derivative():
    a = g.symbol("a")
    x = g.root(lambda x: (x - 1) ** 2 - a, 3.0)
    root, slope = g.compile([x, g.grad(x, a)])(0.0)
    assert abs(root - 1) < 1e-5 and (not np.isfinite(slope) or abs(slope) > 1e4)
    v = g.root(lambda v: g.stack([v[0] - a, 0 * v[1]]), np.zeros(2))
    assert np.isnan(g.compile(v)(1.0)).all()


# --- where they stand --------------------------------------------------------------------------------------------------------


def test_batches_loops_and_branches():
    a = g.symbol("a", shape=(5,))
    c = g.symbol("c")
    solve = lambda q: g.root(lambda x: x**3 + x - q * c, 1.0)
    batch = g.vmap(solve)(a)
    point = {"a": np.linspace(-2, 3, 5), "c": 0.7}
    roots = [np.roots([1, 0, 1, -q * 0.7]) for q in point["a"]]
    exact = np.array([np.real(each[np.argmin(np.abs(np.imag(each)))]) for each in roots])
    slope = 1 / (3 * exact**2 + 1)
    x, (da, dc) = g.compile([batch, g.grad(g.sum(batch), [a, c])])(**point)
    close(x, exact), close(da, slope * 0.7), close(dc, np.sum(slope * point["a"]))
    # in a loop, each step from the root of the last
    _, xs = g.scan(lambda x, q: (g.root(lambda y: y**3 + y - q * c, x),) * 2, 0.0, a)
    x, dc = g.compile([xs, g.grad(g.sum(xs), c)])(**point)
    close(x, exact), close(dc, np.sum(slope * point["a"]))
    taken = g.cond(c > 0, lambda q: solve(q), lambda q: q * 0.0, a[4])
    close(g.compile(g.grad(taken, c))(**point), slope[4] * 3)
    # an equation whose function holds another one
    inner = g.root(lambda x: x - c * solve(x + 1.0), 0.5)
    assert g.check_grad(inner, {"c": 0.7})
    rows = g.vmap(lambda q: g.argmin(lambda v: g.sum((v - q * c) ** 2), np.zeros(3)))(a)
    close(g.compile(rows)(**point), np.repeat(point["a"][:, None] * 0.7, 3, axis=1))
    wide = g.jacobian(batch, a)
    close(g.compile(wide)(**point), np.diag(slope * 0.7))


def test_files_pictures_and_words(tmp_path):
    a, b = g.symbol("a"), g.symbol("b", shape=(2,))
    u, v = g.root(lambda s: (s[0] ** 3 + s[0] - a, s[1] - s[0] * b), (1.0, np.zeros(2)), tol=1e-9)
    L = u + g.sum(v) + g.fixed_point(lambda x: g.cos(x * a), 1.0) + g.argmin(lambda x: (x - a) ** 2, 0.0)
    point = {"a": 2.0, "b": np.array([1.0, 2.0])}
    assert pickle.loads(pickle.dumps(L)) is L
    g.save(L, tmp_path / "graph.json")
    assert g.load(tmp_path / "graph.json") is L
    f = g.compile([L, g.grad(L, a)])
    assert pickle.loads(pickle.dumps(f))(**point) == f(**point)
    drawing = g.draw(L, at=point, backward=True).svg()
    assert all(name in drawing for name in ("root", "fixed point", "argmin"))
    told = str(g.explain(L, at=point))
    assert "implicit function theorem" in told
    close(g.evaluate(g.substitute(L, {a: b[1]}), point), g.evaluate(L, point))
    for solution, word in (
        (g.root(lambda s: s * s - a, 1.0), "root"),
        (g.argmin(lambda s: (s - a) ** 2, 0.0), "minimizer"),
    ):
        with pytest.raises(ConversionError, match=rf"^{word} has no counterpart in sympy"):
            g.to_sympy(solution)
    single, double = g.compile([L, g.grad(L, a)], dtype="float32")(2.0, np.ones(2, "f")), f(2.0, np.ones(2))
    close(np.float64(single), np.float64(double), 1e-5)
    assert f.export(tmp_path / "kernel.c") is None


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: g.root(lambda x: g.stack([x, x]), 1.0), ShapeError, "unknown 0 has shape"),
        (lambda: g.root(lambda x: (x, x), 1.0), ExpressionError, "another structure"),
        (lambda: g.root(lambda x: g.floor(x), 1.0), GradientError, "does not depend"),
        (lambda: g.root(lambda x: x > 0, 1.0), DtypeError, "gives bool"),
        (lambda: g.root(lambda x: x, True), DtypeError, "begins with bool"),
        (lambda: g.root(3, 1.0), ExpressionError, "takes a function"),
        (lambda: g.root(lambda x: x, 1.0, tol=2), ExpressionError, "tol"),
        (lambda: g.root(lambda x: x, 1.0, max_steps=0), ExpressionError, "max_steps"),
        (lambda: g.root(lambda x: x, 1.0, on_failure="stop"), ExpressionError, "on_failure"),
        (lambda: g.root(lambda x: x, ()), ExpressionError, "empty"),
        (lambda: g.root(lambda x: x, np.zeros(0)), ShapeError, "unknown"),
        (lambda: g.argmin(lambda x: x, np.zeros(2)), ShapeError, "one number"),
    ],
)
def test_what_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_argmin_of_an_array_is_numpys():
    x = g.symbol("x", shape=(3, 4))
    values = np.random.default_rng(0).normal(size=(3, 4))
    assert (g.evaluate(g.argmin(x, axis=1), {"x": values}) == values.argmin(axis=1)).all()
    assert "NaN" in g.argmin.__doc__ or "axis" in g.argmin.__doc__
