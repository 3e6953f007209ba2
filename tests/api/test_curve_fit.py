"""curve_fit: against SciPy's conventions, and against normal equations solved by mpmath."""

import mpmath
import numpy as np
import pytest
import scipy.optimize

import graphc as g
from graphc.errors import GraphcError, InputError, ShapeError

T = np.linspace(0.0, 4.0, 40)


def decay(x, a, k, c):
    return a * np.exp(-k * x) + c


def points():
    rng = np.random.default_rng(0)
    return decay(T, 2.5, 1.3, 0.5) + rng.normal(size=40) * 0.05, rng.uniform(0.02, 0.1, 40)


def covariance_of_points():
    root = np.random.default_rng(1).normal(size=(40, 40)) * 0.03
    return root @ root.T + 0.01 * np.eye(40)


SIGMAS = {"none": None, "one": 0.3, "each": points()[1], "matrix": covariance_of_points()}


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("kind", SIGMAS)
def test_the_conventions_are_scipys(kind, absolute):
    y, sigma = points()[0], SIGMAS[kind]
    more = {} if sigma is None else {"sigma": sigma, "absolute_sigma": absolute}
    # SciPy stops where the sum of squares stands still, with half of the digits
    popt, pcov = scipy.optimize.curve_fit(decay, T, y, [1, 1, 1], ftol=1e-15, xtol=1e-15, gtol=1e-15, **more)
    own, covariance = g.curve_fit(decay, T, y, [1, 1, 1], **more)
    np.testing.assert_allclose(own, popt, rtol=3e-8)
    np.testing.assert_allclose(covariance, pcov, rtol=3e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_all_digits(weighted):
    """Parameters and covariance are those of the normal equations, solved in 40 digits."""
    y, sigma = points()
    weights = 1 / sigma**2 if weighted else np.ones(40)
    fit = g.curve_fit(decay, T, y, [1, 1, 1], **({"sigma": sigma} if weighted else {}))
    with mpmath.workdps(40):
        t, v, w = ([mpmath.mpf(float(each)) for each in row] for row in (T, y, weights))

        def rows(a, k, c):
            e = [mpmath.exp(-k * x) for x in t]
            return [[e_, -a * x * e_, mpmath.mpf(1)] for e_, x in zip(e, t, strict=True)], [
                a * e_ + c - y_ for e_, y_ in zip(e, v, strict=True)
            ]

        def slope(*p):
            matrix, rest = rows(*p)
            return [
                mpmath.fsum(w_ * m[j] * r for w_, m, r in zip(w, matrix, rest, strict=True)) for j in range(3)
            ]

        p = list(mpmath.findroot(slope, [mpmath.mpf(float(x)) for x in fit.popt]))
        matrix, rest = rows(*p)
        normal = mpmath.matrix(3, 3)
        for i in range(3):
            for j in range(3):
                normal[i, j] = mpmath.fsum(w_ * m[i] * m[j] for w_, m in zip(w, matrix, strict=True))
        scale = mpmath.fsum(w_ * r * r for w_, r in zip(w, rest, strict=True)) / 37
        wanted = np.array((normal**-1 * scale).tolist(), dtype=float).reshape(3, 3)
        np.testing.assert_allclose(fit.popt, [float(x) for x in p], rtol=1e-12)
    np.testing.assert_allclose(fit.pcov, wanted, rtol=1e-9)
    np.testing.assert_allclose(list(fit.standard_errors.values()), np.sqrt(np.diag(wanted)), rtol=1e-9)


def test_a_formula_of_two_variables_and_a_vector_of_parameters():
    u, v, b = g.symbol("u"), g.symbol("v"), g.symbol("b", shape=2)
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 30))
    y = 1.5 * np.sin(first) - 0.7 * second + rng.normal(size=30) * 0.01
    fit = g.curve_fit(b[0] * g.sin(u) + b[1] * v, {u: first, "v": second}, y, {b: np.zeros(2)})
    design = np.column_stack([np.sin(first), second])
    wanted, squares = np.linalg.lstsq(design, y, rcond=None)[:2]
    np.testing.assert_allclose(fit.unknowns["b"], wanted, rtol=1e-12)
    np.testing.assert_allclose(fit.pcov, np.linalg.inv(design.T @ design) * squares / 28, rtol=1e-9)


@pytest.mark.parametrize("bounds", [(0.0, [3.0, 2.0, 0.4]), {"c": (None, 0.4)}])
def test_a_bound_that_holds(bounds):
    y = points()[0]
    fit = g.curve_fit(decay, T, y, [1, 1, 0.2], bounds=bounds)
    popt, _ = scipy.optimize.curve_fit(decay, T, y, [1, 1, 0.2], bounds=(0.0, [3.0, 2.0, 0.4]), xtol=1e-14)
    assert fit.unknowns["c"] == pytest.approx(0.4, abs=1e-9)
    np.testing.assert_allclose(fit.popt, popt, rtol=1e-6)


def test_what_points_do_not_tell_is_infinite():
    a, b, t = g.symbols("a b t")
    fit = g.curve_fit((a + b) * t, {t: [1.0, 2.0, 3.0]}, [1.0, 2.1, 2.9], {a: 0.3, b: 0.3})
    assert np.isinf(fit.pcov).all()
    two = g.curve_fit(a * t + b, {t: [1.0, 2.0]}, [1.0, 2.0], {a: 0.3, b: 0.3})
    assert np.isinf(two.pcov).all() and two.unknowns["a"] == pytest.approx(1.0)


a, k, t = g.symbols("a k t")
REFUSED = {
    "a start that is no parameter": (lambda: g.curve_fit(a * t, {t: T}, T, {k: 1.0}), "no parameter k"),
    "no values of x": (lambda: g.curve_fit(a * t * k, {t: T}, T, {a: 1.0}), "'k' is no parameter and has no values"),
    "two symbols": (lambda: g.curve_fit(a * t * k, T, T, {a: 1.0}), "2 symbols besides"),
    "NaN": (lambda: g.curve_fit(a * t, {t: T}, np.full(40, np.nan), {a: 1.0}), "finite numbers"),
    "lengths": (lambda: g.curve_fit(a * t, {t: T}, T[:5], {a: 1.0}), "shape"),
    "sigma": (lambda: g.curve_fit(a * t, {t: T}, T, {a: 1.0}, sigma=np.zeros(40)), "not positive"),
    "a matrix": (lambda: g.curve_fit(a * t, {t: T}, T, {a: 1.0}, sigma=-np.eye(40)), "no covariance matrix"),
    "of another size": (lambda: g.curve_fit(a * t, {t: T}, T, {a: 1.0}, sigma=np.ones(3)), "sigma has shape"),
    "a function's start": (lambda: g.curve_fit(decay, T, T, [1.0]), "1 values for 3 parameters"),
    "star arguments": (lambda: g.curve_fit(lambda x, *p: x, T, T, [1.0]), "by a name of its own"),
    "no model": (lambda: g.curve_fit(3.0, T, T, {a: 1.0}), "a model is"),
    "outside": (lambda: g.curve_fit(a * t, {t: T}, T, {a: 5.0}, bounds={a: (0, 1)}), "outside"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    call, said = REFUSED[name]
    with pytest.raises((InputError, ShapeError), match=said) as caught:
        call()
    assert isinstance(caught.value, GraphcError) and caught.value.hint
