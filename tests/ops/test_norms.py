"""Norms of vectors and matrices are NumPy's, their derivatives those of differences."""

import numpy as np
import pytest

import graphc as g
from graphc.errors import ExpressionError, GraphcError, ShapeError

INF = np.inf
ORDERS = (None, 1, -1, 2, -2, INF, -INF, "fro", "nuc")
RNG = np.random.default_rng(8)
M, T, V = g.symbol("M", shape=(3, 4)), g.symbol("T", shape=(2, 3, 4)), g.symbol("V", shape=(5,))
POINT = {M: RNG.normal(size=(3, 4)), T: RNG.normal(size=(2, 3, 4)), V: RNG.normal(size=5)}


def norms(x, axes, orders=ORDERS):
    for order in orders:
        for axis in axes:
            for keepdims in (False, True):
                wanted = np.linalg.norm(POINT[x], order, axis, keepdims)
                yield g.norm(x, order, axis, keepdims), wanted


@pytest.mark.parametrize(
    ("x", "axes", "orders"),
    [(M, (None, (0, 1), (1, 0), (-1, -2)), ORDERS), (T, ((0, 1), (2, 0), (1, -1)), ORDERS),
     (T, (0, -1), (None, 1, 2, 3, 2.5, INF, -INF)), (V, (None, 0), (None, 1, 2, 3, INF, -INF))],
    ids=["matrix", "stack", "vectors", "vector"],
)  # fmt: skip
def test_norms_are_numpys(x, axes, orders):
    for norm, wanted in norms(x, axes, orders):
        value = g.evaluate(norm, {x: POINT[x]})
        assert np.shape(value) == np.shape(wanted)
        np.testing.assert_allclose(value, wanted, rtol=1e-13, err_msg=str(norm))


@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_of_norms_of_matrices(order):
    gradient = g.evaluate(g.grad(g.norm(M, order), M), {M: POINT[M]})
    for place in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[place] = 2.0**-17
        ahead, behind = (np.linalg.norm(POINT[M] + sign * step, order) for sign in (1, -1))
        assert gradient[place] == pytest.approx((ahead - behind) / 2.0**-16, abs=1e-7)


def test_a_norm_along_all_axes_without_an_order_is_of_all_elements():
    assert g.evaluate(g.norm(T), {T: POINT[T]}) == pytest.approx(np.linalg.norm(POINT[T]), rel=1e-14)


def test_numpys_functions_build_them():
    assert np.linalg.norm(M, 1) is g.norm(M, 1)
    assert np.linalg.norm(M, ord="nuc", axis=(1, 0)) is g.norm(M, "nuc", (1, 0))
    if hasattr(np.linalg, "vector_norm"):
        for order in (1, 2, 3, INF):
            for axis in (None, (0, 2), 1):
                norm = np.linalg.vector_norm(T, ord=order, axis=axis, keepdims=True)
                wanted = np.linalg.vector_norm(POINT[T], ord=order, axis=axis, keepdims=True)
                np.testing.assert_allclose(g.evaluate(norm, {T: POINT[T]}), wanted, rtol=1e-13)
        np.testing.assert_allclose(
            g.evaluate(np.linalg.matrix_norm(T, ord=2), {T: POINT[T]}),
            np.linalg.matrix_norm(POINT[T], ord=2),
            rtol=1e-13,
        )


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: g.norm(M, 3), ExpressionError, "reshape"), (lambda: g.norm(M, "max"), ExpressionError, "nuc"),
        (lambda: g.norm(T, 1), ShapeError, "axis="), (lambda: g.norm(V, "nuc"), ExpressionError, "matrices"),
        (lambda: g.norm(V, 0.5), ExpressionError, "1 or more"), (lambda: g.norm(V, [1]), GraphcError, "number"),
    ],
)  # fmt: skip
def test_other_orders_say_what_to_write(build, error, says):
    with pytest.raises(error, match=says):
        build()
