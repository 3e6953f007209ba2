"""Transforms of constrained parameters, and models of free numbers: Jacobians by determinants, C functions by ctypes."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
import scipy.stats

import graphc as g
from graphc import stats
from graphc.errors import CompileError, InputError, ShapeError

KINDS = {
    "real": (stats.real, (2, 3)), "positive": (stats.positive, (3,)), "above": (stats.above(2.0), ()),
    "below": (stats.below(-1.0), (2,)), "between": (stats.between(-1.0, 3.0), (2,)), "ordered": (stats.ordered, (4,)),
    "simplex": (stats.simplex, (4,)), "correlation": (stats.correlation_cholesky, (4, 4)),
    "one": (stats.ordered, (1,)),
}  # fmt: skip


def free_part(name, value):
    """The elements of a parameter that its other elements do not determine."""
    if name == "simplex":
        return value[:-1]
    if name == "correlation":
        return value[np.tril_indices(len(value), -1)]
    return np.ravel(value)


@pytest.mark.parametrize("name", KINDS)
def test_a_transform_has_an_inverse_and_its_jacobian(name):
    transform, shape = KINDS[name]
    count = transform.size(shape)
    u = g.symbol("u", shape=count)
    value, logs = transform.forward(u, shape)
    f = g.compile([value, g.jacobian(value, u), logs], [u])
    for seed in range(3):
        point = np.random.default_rng(seed).normal(size=count) * 1.5
        at, slope, logarithm = f(point)
        np.testing.assert_allclose(transform.inverse(np.asarray(at)), point, rtol=1e-9, atol=1e-9)
        columns = [free_part(name, np.asarray(slope)[..., k]) for k in range(count)]
        sign, wanted = np.linalg.slogdet(np.stack(columns, axis=-1))
        assert sign and logarithm == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_values_have_what_is_asked_of_them():
    u = g.symbol("u", shape=3)
    point = np.array([1.0, -2.0, 0.5])
    shares = g.compile(stats.simplex.forward(u, (4,))[0], [u])
    assert shares(point).sum() == pytest.approx(1) and (shares(point) > 0).all()
    np.testing.assert_allclose(shares(np.zeros(3)), 0.25)
    factor = g.compile(stats.correlation_cholesky.forward(u, (3, 3))[0], [u])(point)
    np.testing.assert_allclose(np.diag(factor @ factor.T), 1.0)
    assert (np.diff(g.compile(stats.ordered.forward(u, (3,))[0], [u])(point)) > 0).all()


@pytest.mark.parametrize("far", [-700.0, 700.0])
def test_far_out_nothing_is_lost(far):
    u = g.symbol("u", shape=2)
    for transform, shape in ((stats.between(0, 1), (2,)), (stats.simplex, (3,))):
        logs = transform.forward(u, shape)[1]
        value, slope = g.compile([logs, g.grad(logs, u)], [u])(np.full(2, far))
        assert math.isfinite(value) and np.isfinite(slope).all() and value < -1000


# --- models -------------------------------------------------------------------------------------------------------------

mu, tau, theta, y, sigma = (
    g.symbol("mu"), g.symbol("tau"), g.symbol("theta", shape=8), g.symbol("y", shape=8), g.symbol("sigma", shape=8),
)  # fmt: skip
many, more = g.symbol("many", shape="n"), g.symbol("more", shape="n")
SCHOOLS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def schools():
    logp = (
        stats.norm.logpdf(mu, 0.0, 5.0)
        + stats.halfcauchy.logpdf(tau, 0.0, 5.0)
        + g.sum(stats.norm.logpdf(theta))
        + g.sum(stats.norm.logpdf(y, mu + tau * theta, sigma))
    )
    return stats.Posterior(
        logp, {mu: None, tau: stats.positive, theta: stats.real}, {y: SCHOOLS, "sigma": ERRORS}
    )


def wanted(u):
    t = math.exp(u[1])
    return (
        scipy.stats.norm.logpdf(u[0], 0, 5)
        + scipy.stats.halfcauchy.logpdf(t, 0, 5)
        + scipy.stats.norm.logpdf(u[2:]).sum()
        + scipy.stats.norm.logpdf(SCHOOLS, u[0] + t * u[2:], ERRORS).sum()
        + u[1]
    )


def test_a_model_is_its_density_of_free_numbers():
    model = schools()
    assert model.size == 10 and model.names == ("mu", "tau", "theta")
    u = np.random.default_rng(0).normal(size=10)
    value, gradient = model.logp_and_grad(u)
    assert value == pytest.approx(wanted(u), rel=1e-13) and model.logp(u) == pytest.approx(value, rel=1e-15)
    step = 1e-6 * np.eye(10)
    np.testing.assert_allclose(
        gradient, [(wanted(u + e) - wanted(u - e)) / 2e-6 for e in step], rtol=1e-6, atol=1e-6
    )


def test_packing_by_name():
    model = schools()
    values = {"mu": 3.0, tau: 2.0, "theta": np.arange(8.0)}
    u = model.pack(values)
    assert u[1] == pytest.approx(math.log(2))
    found = model.unpack(u)
    assert found["mu"] == 3.0 and found["tau"] == pytest.approx(2.0)
    draws = model.unpack(np.tile(u, (5, 2, 1)))
    assert draws["theta"].shape == (5, 2, 8) and draws["tau"].shape == (5, 2)


def test_samplers_call_it_without_python():
    model = schools()
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_uint64, *[ctypes.POINTER(ctypes.c_double)] * 3, ctypes.c_void_p
    )
    function = kind(model.address)
    assert "uint64_t n, const double *u, double *gradient, double *value" in model.c_signature
    u, gradient, value = np.random.default_rng(1).normal(size=10), np.zeros(10), np.zeros(1)

    def pointer(array):
        return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    assert function(10, pointer(u), pointer(gradient), pointer(value), None) == 0
    right, slope = model.logp_and_grad(u)
    assert value[0] == pytest.approx(right, rel=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13)
    assert function(9, pointer(u), pointer(gradient), pointer(value), None) == 1
    assert function(10, pointer(u * np.nan), pointer(gradient), pointer(value), None) == 1


def test_correlated_effects_by_their_factor():
    """LKJ, positive scales and a multivariate normal: the density is that of scipy.stats of the matrices."""
    L, s, b = g.symbol("L", shape=(2, 2)), g.symbol("s", shape=2), g.symbol("b", shape=2)
    logp = (
        stats.lkj_cholesky.logpdf(L, 2.0)
        + g.sum(stats.expon.logpdf(s))
        + stats.multivariate_normal.logpdf(b, np.zeros(2), cholesky=g.expand_dims(s, 1) * L)
    )
    model = stats.Posterior(logp, {L: stats.correlation_cholesky, s: stats.positive, b: None})
    u = np.array([0.4, 0.1, -0.3, 0.7, -1.2])
    r, scales = math.tanh(0.4), np.exp(u[1:3])
    cov = np.outer(scales, scales) * np.array([[1, r], [r, 1]])
    right = (
        scipy.stats.beta.logpdf((r + 1) / 2, 2, 2) - math.log(2) + math.log(1 - r**2)
        - scales.sum() + u[1:3].sum() + scipy.stats.multivariate_normal.logpdf(u[3:], np.zeros(2), cov)
    )  # fmt: skip
    assert model.logp(u) == pytest.approx(right, rel=1e-12)


REFUSED = {
    "an array": (lambda: stats.Posterior(stats.norm.logpdf(theta), {theta: None}), ShapeError, "one float64 number"),
    "no value": (lambda: stats.Posterior(stats.norm.logpdf(mu, 0.0, tau), {mu: None}), InputError, "'tau' is no parameter"),
    "no symbol": (lambda: stats.Posterior(stats.norm.logpdf(mu), {"mu": None}), InputError, "no float symbol"),
    "no transform": (lambda: stats.Posterior(stats.norm.logpdf(mu), {mu: "positive"}), InputError, "no transform"),
    "a named length": (lambda: stats.Posterior(g.sum(many), {many: None}), ShapeError, "not known"),
    "lengths": (
        lambda: stats.Posterior(g.sum(many * more) * mu, {mu: None}, {many: [1.0, 2.0], more: [1.0]}),
        ShapeError,
        "and its value",
    ),
    "a value outside": (lambda: schools().pack({"mu": 0.0, "tau": -1.0, "theta": np.zeros(8)}), InputError, "positive"),
    "names": (lambda: schools().pack({"mu": 0.0}), InputError, "the parameters are"),
    "a length": (lambda: schools().unpack([1.0, 2.0]), InputError, "10 free numbers"),
    "no parameters": (lambda: stats.Posterior(stats.norm.logpdf(1.0), {}), InputError, "has parameters"),
    "a library": (
        lambda: stats.Posterior(g.max(g.eigvalsh(g.outer(theta, theta))), {theta: None}).address,
        CompileError,
        "library",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, kind, said = REFUSED[name]
    with pytest.raises(kind, match=said):
        call()
