"""minimize: against optima known in closed form, from the literature, or solved by mpmath."""

import sys

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.errors import InputError


def test_rosenbrock_from_the_usual_start():
    v = g.symbol("v", shape=6)
    result = g.minimize(g.sum(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2), {v: np.full(6, 1.3)})
    assert result.method == "trust-exact"
    assert "no constraints" in result.why
    np.testing.assert_allclose(result.unknowns["v"], 1.0, atol=1e-9)


def test_many_unknowns_get_a_sparse_hessian():
    v = g.symbol("v", shape=500)
    result = g.minimize(g.sum((v - 3) ** 4 + (v - 3) ** 2) + (v[0] - v[-1]) ** 2, {v: np.zeros(500)})
    assert result.method == "trust-ncg"
    np.testing.assert_allclose(result.unknowns["v"], 3.0, atol=1e-8)


def test_bounds_of_one_unknown():
    x, y = g.symbols("x y")
    result = g.minimize((x - 2) ** 2 + (y + 1) ** 2, {x: 0.0, y: 0.0}, bounds={x: (None, 1.5)})
    assert result.method == "L-BFGS-B"
    assert result.unknowns["x"] == 1.5
    assert result.unknowns["y"] == pytest.approx(-1, abs=1e-8)


def test_problem_71_of_hock_and_schittkowski():
    x = g.symbol("x", shape=4)
    result = g.minimize(
        x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
        {x: np.array([1.0, 5.0, 5.0, 1.0])},
        [g.prod(x) >= 25, g.equal(g.sum(x**2), 40.0)],
        bounds={x: (1, 5)},
    )
    assert result.method == "SLSQP"
    assert result.fun == pytest.approx(17.0140173, abs=1e-6)
    np.testing.assert_allclose(result.unknowns["x"], [1, 4.7429994, 3.8211503, 1.3794082], atol=1e-5)


def test_constraints_on_many_unknowns():
    x = g.symbol("x", shape=300)
    result = g.minimize(g.sum(x**2), {x: np.ones(300)}, [g.equal(x[1:] - x[:-1], 0.0), x[:1] >= 2.0])
    assert result.method == "trust-constr"
    # the barrier that keeps x above 2 ends at 1e-8 of a slope of 600: what is left is its width
    np.testing.assert_allclose(result.unknowns["x"], 2.0, atol=5e-5)


def test_a_fit_has_all_digits_and_standard_errors():
    """y = a·(1 − exp(−b·t)) with fixed noise, solved by mpmath to 40 digits from its normal equations."""
    t = np.linspace(1, 12, 14)
    y = 240 * (1 - np.exp(-0.11 * t)) + np.array(
        [1, -2, 0.5, 1.5, -1, 0.3, 2, -0.7, -1.2, 0.4, 1.1, -0.6, 0.2, -0.9]
    )
    a, b, times, seen = g.symbol("a"), g.symbol("b"), g.symbol("t", shape="n"), g.symbol("y", shape="n")
    result = g.minimize(a * (1 - g.exp(-b * times)) - seen, {a: 500.0, b: 0.01}, data={times: t, "y": y})
    with mpmath.workdps(40):
        ts, ys = [mpmath.mpf(float(each)) for each in t], [mpmath.mpf(float(each)) for each in y]

        def rows(p, q):
            return [(1 - mpmath.exp(-q * s), p * s * mpmath.exp(-q * s)) for s in ts]

        def rest(p, q):
            return [p * (1 - mpmath.exp(-q * s)) - o for s, o in zip(ts, ys, strict=True)]

        def normal(p, q):
            return [sum(row[k] * r for row, r in zip(rows(p, q), rest(p, q), strict=True)) for k in (0, 1)]

        p, q = mpmath.findroot(normal, (240, 0.11))
        gram = mpmath.matrix(2, 2)
        for row in rows(p, q):
            for i in range(2):
                for j in range(2):
                    gram[i, j] += row[i] * row[j]
        scale = sum(r * r for r in rest(p, q)) / (len(ts) - 2)
        inverse = gram**-1
        errors = [float(mpmath.sqrt(scale * inverse[k, k])) for k in (0, 1)]
    assert result.method == "least_squares(lm)"
    assert result.unknowns["a"] == pytest.approx(float(p), rel=1e-11)
    assert result.unknowns["b"] == pytest.approx(float(q), rel=1e-11)
    assert result.standard_errors["a"] == pytest.approx(errors[0], rel=1e-8)
    assert result.standard_errors["b"] == pytest.approx(errors[1], rel=1e-8)


def test_an_unknown_that_no_residual_tells_has_no_finite_error():
    a, b = g.symbols("a b")
    x = np.arange(5.0)
    result = g.minimize((a + b) * x - 2 * x, {a: 0.5, b: 0.0})
    assert result.unknowns["a"] + result.unknowns["b"] == pytest.approx(2)
    assert result.standard_errors == {"a": np.inf, "b": np.inf}


def test_refusals():
    x, y = g.symbols("x y")
    with pytest.raises(InputError, match="'y' is no unknown and has no value"):
        g.minimize(x * y, {x: 1.0})
    with pytest.raises(InputError, match="is no constraint"):
        g.minimize(x**2, {x: 1.0}, [x + 1])
    with pytest.raises(InputError, match="with the values to begin with"):
        g.minimize(x**2, [x])
    with pytest.raises(InputError, match="which is no unknown"):
        g.minimize(x**2, {x: 1.0}, bounds={y: (0, 1)})
    with pytest.raises(InputError, match="no other constraints"):
        g.minimize(g.stack([x, x - 1]), {x: 1.0}, [x <= 1])


@pytest.mark.parametrize(
    ("objective", "start", "pair", "said"),
    [
        (lambda x: (x - 1) ** 2, 0.5, (1, 0), "the least value of x is 1, and its greatest 0"),
        (lambda x: g.stack([x - 1, 2 * x]), 0.5, (1, 0), "the least value of x"),
        (lambda x: g.stack([x - 1, 2 * x]), 5.0, (0, 1), "x begins at 5, outside of its bounds"),
        (lambda x: g.stack([x - 1, 2 * x]), 1.0, (1, 1), "one value that its bounds allow"),
    ],
)
def test_bounds_that_leave_nothing(objective, start, pair, said):
    x = g.symbol("x")
    with pytest.raises(InputError, match=said):
        g.minimize(objective(x), {x: start}, bounds={x: pair})


def valley():
    v = g.symbol("v", shape=3)
    return v, g.sum(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", "newton-cg", "TNC", "trust-krylov"])
def test_a_method_that_is_asked_for(method):
    v, formula = valley()
    result = g.minimize(formula, {v: np.zeros(3)}, method=method)
    assert result.method.lower() == method.lower() and "asked for" in result.why
    np.testing.assert_allclose(result.unknowns["v"], 1.0, rtol=1e-12)


def test_options_of_a_method():
    v, formula = valley()
    result = g.minimize(formula, {v: np.zeros(3)}, method="L-BFGS-B", options={"maxiter": 1})
    assert result.nit == 1


@pytest.mark.parametrize("algorithm", [None, "LD_MMA", "LD_CCSAQ"])
def test_nlopt(algorithm):
    pytest.importorskip("nlopt")
    x = g.symbol("x", shape=2)
    bend = [x[1] >= 8 * x[0] ** 3, x[1] >= (1 - x[0]) ** 3]  # the problem of NLopt's tutorial
    result = g.minimize(
        g.sqrt(x[1]), {x: [1.234, 5.678]}, bend, bounds={x: ([-5.0, 0.0], 10.0)}, method="nlopt",
        options=None if algorithm is None else {"algorithm": algorithm},
    )  # fmt: skip
    np.testing.assert_allclose(result.unknowns["x"], [1 / 3, 8 / 27], rtol=1e-9)


@pytest.mark.parametrize("count", [4, 300])
def test_ipopt(count):
    pytest.importorskip("cyipopt")
    v = g.symbol("v", shape=count)
    result = g.minimize(
        g.sum((v - 2) ** 4 + v**2),
        {v: np.ones(count)},
        [g.equal(g.sum(v), 0.5 * count), v[0] * v[1] >= 1.0],
        method="ipopt",
    )
    assert result.optimality < 1e-8 and result.unknowns["v"].sum() == pytest.approx(0.5 * count)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"method": "simplex"}, "no method 'simplex'"),
        ({"method": 3}, "a method is a name"),
        ({"options": {"maxiter": 3}}, "yet to be chosen"),
        ({"method": "CG", "bounds": (0, 1)}, "CG takes no bounds"),
        ({"method": "SLSQP", "options": {"ftol": "small"}}, "SciPy's SLSQP refuses"),
    ],
)
def test_methods_that_do_not_fit(more, said):
    v, formula = valley()
    bounds = {v: more["bounds"]} if "bounds" in more else None
    with pytest.raises(InputError, match=said):
        g.minimize(formula, {v: np.zeros(3)}, **{**more, "bounds": bounds})


@pytest.mark.parametrize(("method", "package"), [("nlopt", "nlopt"), ("ipopt", "cyipopt")])
def test_packages_that_are_not_there(method, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    v, formula = valley()
    with pytest.raises(InputError, match=f"{package} is not installed") as caught:
        g.minimize(formula, {v: np.zeros(3)}, method=method)
    assert "pip install" in str(caught.value)
