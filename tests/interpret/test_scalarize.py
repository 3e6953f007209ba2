"""Programs over arrays taken element by element: values to many digits, and every partial against differences."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.errors import ConversionError, ShapeError
from graphc.interpret import mpmath_eval
from graphc.interpret.scalarize import elements, named
from tests.ops.array_cases import CASES

ITERATED = (
    "eigvalsh",
    "eigenvectors",
    "svdvals",
    "svd_u",
    "svd_vh",
    "expm",
)
"""What has no formula of finitely many operations."""

FORMULAS = [pytest.param(case, id=f"{case.op}{n}") for n, case in enumerate(CASES) if case.op not in ITERATED]


@pytest.mark.parametrize("case", FORMULAS)
def test_elements_are_what_the_interpreter_finds(case):
    symbols, point = case.symbols(), case.point()
    expr = case.build(*symbols)
    (found,) = elements([expr], {s: point[s.name] for s in symbols})
    assert found.shape == expr.shape and all(scalar.dtype == expr.dtype for scalar in found.reshape(-1))
    at = {
        scalar.name: point[s.name][place].item()
        for s in symbols
        for place, scalar in np.ndenumerate(named(s))
    }
    values = np.array(g.evaluate(list(found.reshape(-1)), at)).reshape(found.shape)
    wanted = np.asarray(g.evaluate(expr, point))
    np.testing.assert_allclose(values, wanted, rtol=1e-10, atol=1e-10)


SMALL = {}
for case in CASES:
    size = sum(math.prod(shape) for shape in case.known())
    if case.smooth and case.op not in ITERATED and size < SMALL.get(case.op, (25, None))[0]:
        SMALL[case.op] = size, case


LONG = (
    "avg_pool2d_grad",
    "inv",
    "qr_r",
    "qr_q",
    "solve",
    "triu",
    "cofactors",
    "cofactors_along",
    "cholesky",
    "conv2d_kernel_grad",
)
"""Of many or long formulas: some seconds each."""


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "op", [pytest.param(op, marks=pytest.mark.slow) if op in LONG else op for op in SMALL]
)
def test_gradients_of_every_operation(op):
    _, case = SMALL[op]
    point = case.point(seed=2)
    expr = case.build(*case.symbols(case.named))
    weights = g.sin(g.reshape(g.arange(math.prod(np.shape(g.evaluate(expr, point))), dtype="float64"), -1))
    report = g.check_grad(g.sum(g.reshape(case.build(*case.symbols()), -1) * weights), point)
    assert report and report.partials, report


def test_named_lengths_and_array_outputs():
    X, w = g.symbol("X", shape=("n", 2)), g.symbol("w", shape=2)
    report = g.check_grad(g.sigmoid(X @ w), {"X": np.ones((3, 2)), "w": np.array([0.5, -1.0])}, wrt=w)
    assert report and len(report.partials) == 6
    assert "w[1] of element [0]" in str(report)


def test_a_wrong_rule_is_found():
    op = g.softmax.op
    kept = op.pullbacks
    x = g.symbol("x", shape=3)
    try:
        object.__setattr__(op, "pullbacks", (lambda v, out, x, axis: out * v,))
        report = g.check_grad(g.softmax(x)[1], {"x": np.array([0.1, 0.2, 0.3])})
    finally:
        object.__setattr__(op, "pullbacks", kept)
    assert not report and report.worst is not None and not report.worst.ok


def test_ties_are_kinks():
    x = g.symbol("x", shape=2)
    report = g.check_grad(g.max(x), {"x": np.array([1.0, 1.0])})
    assert report and "kink" in report.partials[0].note


def test_many_digits():
    size = 5
    hilbert = [[mpmath.mpf(1) / (i + j + 1) for j in range(size)] for i in range(size)]
    x = g.symbol("x", shape=(size, size))
    values = np.array(hilbert, dtype=float)
    with mpmath.workdps(60):
        wanted = mpmath.inverse(mpmath.matrix(values.tolist()))
        found = mpmath_eval.evaluate(g.inv(x), {"x": values}, 40)
        assert found.shape == (size, size)
        for place in np.ndindex(size, size):
            assert abs(found[place] / wanted[place] - 1) < mpmath.mpf(10) ** -39
        determinant = mpmath_eval.evaluate(g.det(x), {"x": values}, 30)
        assert abs(determinant / mpmath.det(mpmath.matrix(values.tolist())) - 1) < mpmath.mpf(10) ** -29


def test_sums_that_cancel():
    x = g.symbol("x", shape=("n",))
    values = np.array([1e300, 1.0, -1e300, 2.0**-60])
    with mpmath.workdps(50):
        assert mpmath_eval.evaluate(g.sum(x), {"x": values}, 40) == 1 + mpmath.mpf(2) ** -60
    assert mpmath_eval.evaluate(g.var(x), {"x": np.array([0.1, 0.1, 0.1])}, 30) == 0
    big = mpmath_eval.evaluate(g.logsumexp(x), {"x": np.array([-2000.0, -2000.0])}, 20)
    with mpmath.workdps(30):
        assert abs(big - (-2000 + mpmath.log(2))) < mpmath.mpf(10) ** -16
    both = mpmath_eval.evaluate({"m": g.mean(x), "s": g.softmax(x)}, {"x": np.array([1.0, 2.0])})
    assert both["m"] == 1.5 and abs(sum(both["s"]) - 1) < mpmath.mpf(10) ** -45


def test_scalars_stay_exact():
    c, x = g.symbol("c"), g.symbol("x", shape=2)
    with mpmath.workdps(50):
        third = mpmath.mpf(1) / 3
        assert mpmath_eval.evaluate(g.sum(x) * c, {"x": np.ones(2), "c": third}, 45) == 2 * third


def test_refusals():
    x = g.symbol("x", shape=(2, 2))
    for action in (
        lambda: mpmath_eval.evaluate(g.svdvals(x), {"x": np.eye(2)}),
        lambda: g.check_grad(g.sum(g.svdvals(x)), {"x": np.eye(2)}),
    ):
        with pytest.raises(ConversionError, match="svdvals") as caught:
            action()
        assert caught.value.site is not None
    wide = g.symbol("w", shape=600)
    with pytest.raises(ShapeError, match="too many"):
        mpmath_eval.evaluate(g.outer(wide, wide), {"w": np.ones(600)})


def test_pools_share_at_ties():
    x = g.symbol("x", shape=(1, 1, 4, 5))
    point = {x: np.array([[[[1.0, 1, 0, 2, 2], [0, 1, 0, 2, 2], [3, 3, 3, 3, 3], [-1, 0, 0, -1, 5]]]])}
    pooled = g.max_pool2d(x, 3, stride=2, padding=1)
    weights = np.arange(1.0, 7.0).reshape(pooled.shape)
    change = g.grad(g.sum(pooled * weights), x)
    values = {scalar.name: point[x][place].item() for place, scalar in np.ndenumerate(named(x))}
    for expr in (pooled, change):
        (found,) = elements([expr], point)
        wanted = g.evaluate(expr, {"x": point[x]})
        used = [{s.name: values[s.name] for s in g.free_symbols(one)} for one in found.reshape(-1)]
        alone = [g.evaluate(one, at) for one, at in zip(found.reshape(-1), used, strict=True)]
        np.testing.assert_allclose(np.reshape(alone, found.shape), wanted, rtol=0, atol=8 * np.spacing(6.0))
    assert g.check_grad(g.sum(g.exp(pooled)), {"x": point[x] + np.arange(20.0).reshape(1, 1, 4, 5) / 64})
