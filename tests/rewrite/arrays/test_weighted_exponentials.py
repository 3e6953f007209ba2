"""Sums of exponentials with weights: logarithms, shares, and the derivatives of both, against loops in mpmath."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

import graphc as g

N, M = 2, 3
X, W = g.symbol("X", shape=(N, M)), g.symbol("W", shape=(N, M))
V, U = g.symbol("V", shape=(M,)), g.symbol("U", shape=(M,))
XN, VN = g.symbol("XN", shape=("n", "m")), g.symbol("VN", shape=("m",))
c = g.symbol("c")

LOGARITHMS = {
    "weights": (g.log(g.sum(W * g.exp(X), axis=1)), lambda x, w, v, c: (w, x)),
    "in front": (g.log(g.sum(g.exp(X), axis=1) * c), lambda x, w, v, c: (c + 0 * w, x)),
    "of vectors": (g.log(g.exp(X) @ V), lambda x, w, v, c: (v + 0 * w, x)),
    "divided": (g.log(g.sum(g.exp(-X) / W, axis=1)), lambda x, w, v, c: (1 / w, -x)),
    "mean": (g.log(g.mean(W * g.exp(X), axis=1)), lambda x, w, v, c: (w / M, x)),
    "density": (
        g.log(g.sum(V * g.exp(-((c - X) ** 2) / 2) / (2 * np.pi) ** 0.5, axis=1)),
        lambda x, w, v, c: (v / np.float64((2 * np.pi) ** 0.5) + 0 * w, -((c - x) ** 2) / 2),
    ),
    "of widths": (
        g.log(g.sum(W * (g.exp(-((((c - X) / 300) / V) ** 2) / 2) / (V * np.pi)), axis=1)),
        lambda x, w, v, c: (w / v / np.float64(np.pi), -((((c - x) / 300) / v) ** 2) / 2),
    ),
    "shares": (
        g.log(g.sum(g.softmax(V) * g.exp(X), axis=1)),
        lambda x, w, v, c: (softmax(v) + 0 * w, x),
    ),
    "named": (g.log(g.sum(VN * g.exp(XN), axis=1)), lambda x, w, v, c: (v + 0 * w, x)),
}
"""Formula → weights and exponents of the terms, rows of objects of mpmath"""


RULES = {"log-sum-exp-weighted", "weighted-share"}


def fired_names(formula):
    return {step.rule for step in g.rewrites(formula)}


def softmax(v):
    powers = [mpmath.e**part for part in v]
    return np.array([power / sum(powers) for power in powers])


def exact(array):
    return np.vectorize(mpmath.mpf, otypes=[object])(array)


def points(kind):
    rng = np.random.default_rng(len(kind))
    x = rng.normal(size=(N, M)) * {"moderate": 1, "overflow": 900, "underflow": 900}[kind]
    if kind == "underflow":
        x = -np.abs(x) - 760
    return x, np.exp(rng.normal(size=(N, M))), np.exp(rng.normal(size=M)), 30.0 if kind != "moderate" else 0.4


def values(kind):
    x, w, v, at = points(kind)
    return {"X": x, "W": w, "V": v, "U": v[::-1].copy(), "XN": x, "VN": v, "c": at}


@pytest.mark.parametrize("kind", ("moderate", "overflow", "underflow"))
@pytest.mark.parametrize("name", LOGARITHMS)
@pytest.mark.sample(2)
def test_logarithms_and_their_slopes(name, kind):
    formula, terms = LOGARITHMS[name]
    at = values(kind)
    by = [s for s in g.free_symbols(formula) if s is not c]
    f = g.compile([formula, *[g.grad(g.sum(formula), s) for s in by]])
    found = f(**{s.name: at[s.name] for s in g.free_symbols(formula)})
    with mpmath.workdps(60):
        inputs = {
            "x": exact(at["X"]), "w": exact(at["W"]), "v": exact(at["V"]), "c": mpmath.mpf(at["c"]),
        }  # fmt: skip

        def total(**changed):
            weights, exponents = terms(**{**inputs, **changed})
            rows = zip(weights, exponents, strict=True)
            return [mpmath.log(sum(w * mpmath.e**a for w, a in zip(*row, strict=True))) for row in rows]

        truth = total()
        sizes = np.array([max(abs(float(t)), 1) for t in truth])
        largest = max(1.0, *(abs(float(a)) for a in np.ravel(terms(**inputs)[1])))
        assert np.all(
            np.abs(found[0] - np.array([float(t) for t in truth])) <= 16 * 2**-53 * (sizes + largest)
        )
        for s, slope in zip(by, found[1:], strict=True):
            key = s.name[0].lower()
            for index in np.ndindex(slope.shape):
                step = mpmath.mpf(10) ** -25 * max(1, abs(inputs[key][index]))
                ends = []
                for sign in (1, -1):
                    moved = inputs[key].copy()
                    moved[index] += sign * step
                    ends.append(sum(total(**{key: moved})))
                true = float((ends[0] - ends[1]) / (2 * step))
                # an exponent that is rounded moves its term by as many units as it is large
                assert abs(slope[index] - true) <= 64 * 2**-53 * (largest * abs(true) + 1e-300) + 1e-17, (
                    s, index, true, slope[index],
                )  # fmt: skip


SHARES = {
    "responsibilities": (
        V * g.exp(X) / g.sum(V * g.exp(X), axis=1, keepdims=True),
        lambda x, w, v, u: np.array([[a / sum(v * row) for a in v * row] for row in x]),
    ),
    "posterior mean": (
        g.sum(V * U * g.exp(X), axis=1) / g.sum(V * g.exp(X), axis=1),
        lambda x, w, v, u: np.array([sum(v * u * row) / sum(v * row) for row in x]),
    ),
    "weighted mean": (
        g.sum(W * g.exp(X)) / g.sum(g.exp(X)),
        lambda x, w, v, u: np.sum(w * x) / np.sum(x),
    ),
    "over another axis": (
        W * g.exp(X) / g.sum(W * g.exp(X), axis=0),
        lambda x, w, v, u: w * x / np.sum(w * x, axis=0),
    ),
}


@pytest.mark.parametrize("kind", ("moderate", "overflow", "underflow"))
@pytest.mark.parametrize("name", SHARES)
def test_shares(name, kind):
    formula, true = SHARES[name]
    at = values(kind)
    symbols = g.free_symbols(formula)
    found = g.compile(formula)(**{s.name: at[s.name] for s in symbols})
    with mpmath.workdps(60):
        powers = np.vectorize(mpmath.exp, otypes=[object])(exact(at["X"]))
        truth = true(powers, *[exact(at[name]) for name in "WVU"])
        truth = np.vectorize(float, otypes=[float])(truth)
    largest = max(1.0, float(np.abs(at["X"]).max()))
    np.testing.assert_allclose(found, truth, rtol=16 * 2**-53 * largest, atol=1e-300)


@pytest.mark.parametrize("dtype", ("float64", "float32"))
def test_weights_of_zero_and_infinite_exponents_are_as_written(dtype):
    """What is a number or an infinity as written stays so; a weight of 0 does not decide the shift."""
    x, w = g.symbol("x", shape=(2,), dtype=dtype), g.symbol("w", shape=(2,), dtype=dtype)
    far = 700.0 if dtype == "float64" else 80.0
    for formula in (
        g.log(g.sum(w * g.exp(x))), g.sum(w * g.exp(x)) / g.sum(g.exp(x)), w * g.exp(x) / g.sum(w * g.exp(x)),
    ):  # fmt: skip
        outputs = [formula, g.grad(formula[0] if formula.shape else formula, w)]
        ours, written = g.compile(outputs, [x, w]), g.compile(outputs, [x, w], rewrite=None)
        assert len(g.rewrites(formula)) > 0
        for a, b in itertools.product((far, -far, 0.0, np.inf, -np.inf), repeat=2):
            for left, right in itertools.product((0.0, 1.0, -1.0, 2.0), repeat=2):
                at = np.array([a, b], dtype), np.array([left, right], dtype)
                for one, other in zip(ours(*at), written(*at), strict=True):
                    kept = ~np.isnan(np.asarray(other))
                    most = 0.2 * np.finfo(dtype).max  # a slope beyond all floats may be the largest of them
                    one = np.where(np.abs(one) > most, np.copysign(np.inf, one), one)
                    np.testing.assert_allclose(
                        np.asarray(one)[kept], np.asarray(other)[kept], rtol=4e-4 if dtype == "float32" else 1e-12, atol=1e-30,
                        err_msg=f"{formula} at {at}",
                    )  # fmt: skip


def test_of_nothing_it_is_as_written():
    formula = g.log(g.sum(VN * g.exp(VN)))
    assert g.compile(formula)(np.zeros(0)) == -np.inf
    assert g.evaluate(formula, {"VN": np.zeros(0)}) == -np.inf


@pytest.mark.parametrize(
    "formula",
    (
        g.log(g.sum(W * g.exp(X - g.max(X, axis=1, keepdims=True)), axis=1)),
        g.log(g.sum(W, axis=1)),
        g.log(g.sum(W * g.exp(c))),
        W * g.exp(X) / g.sum(W * g.exp(-X)),
        g.sum(W * g.exp(X), axis=0) / g.sum(g.exp(X), axis=1)[:1],
    ),
)
def test_what_is_none_of_them_stays(formula):
    assert not RULES & fired_names(formula)


@pytest.mark.parametrize("name", LOGARITHMS)
def test_written_once(name):
    once = g.stabilize(LOGARITHMS[name][0])
    assert not RULES & fired_names(once)


@pytest.mark.parametrize("weight", (g.square(V) + 1, g.exp(V), g.softmax(V)), ids=str)
def test_weights_that_are_never_zero_take_no_condition(weight):
    formula = g.stabilize(g.grad(g.sum(g.log(g.sum(weight * g.exp(X), axis=1))), X))
    assert "!=" not in str(formula) and "bounded" not in str(formula)


def test_slopes_at_weights_of_zero():
    """∂L/∂w = eᵃ/S and ∂²L/∂w∂x of L = log Σ w·eᵃ, at w = 0 as well: that term's share alone is 0."""
    total = g.log(g.sum(V * g.exp(U)))
    by_v, by_u = g.grad(total, V), g.grad(total, U)
    f = g.compile([by_v, by_u, g.jacobian(by_u, V)], [V, U])
    weights, exponents = np.array([0.0, 1.0, 2.0]), np.array([5.0, 0.0, 1.0])
    of_v, of_u, mixed = f(weights, exponents)
    powers = np.exp(exponents)
    total = weights @ powers
    share = weights * powers / total
    np.testing.assert_allclose(of_v, powers / total, rtol=2**-48)
    np.testing.assert_allclose(of_u, share, rtol=2**-48)
    np.testing.assert_allclose(
        mixed, np.diag(powers / total) - np.outer(share, powers / total), rtol=2**-46, atol=2**-50
    )
    huge = f(
        weights, np.array([800.0, 0.0, 1.0])
    )  # e⁸⁰⁰ is no float; the slope by its exponent is 0 all the same
    assert np.all(np.isfinite(huge[0])) and huge[1][0] == 0
