"""NaN and infinities: in matrices that are decomposed, and in what chooses by comparing."""

import numpy as np
import pytest

import graphc as g
from graphc.ops.support.build import call

INF, NAN = np.inf, np.nan
X = g.symbol("X", shape=("n", 3, 3))
GOOD = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])
READS_THE_LOWER_HALF = {"eigvalsh", "eigenvectors"}
DECOMPOSED = ("eigvalsh", "eigenvectors", "svdvals", "svd_u", "svd_vh", "cofactors")


def spoiled(bad, place):
    matrix = GOOD.copy()
    matrix[place] = bad
    return matrix


@pytest.mark.parametrize("name", DECOMPOSED)
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_decompositions_of_what_is_not_finite_are_nan_and_their_neighbours_are_not(name, bad):
    expr = call(name, X)
    stack = np.stack([GOOD, spoiled(bad, (0, 0)), spoiled(bad, (2, 0)), spoiled(bad, (0, 2)), GOOD])
    values = [g.evaluate(expr, {"X": stack}), g.compile(expr, [X])(stack)]
    alone = g.evaluate(expr, {"X": GOOD[None]})[0]
    for value in values:
        assert np.isnan(value[1:3]).all()
        assert np.isnan(value[3]).all() == (name not in READS_THE_LOWER_HALF)
        np.testing.assert_array_equal(value[0], alone)
        np.testing.assert_array_equal(value[4], alone)


@pytest.mark.parametrize("name", ["eigvalsh", "svdvals"])
def test_their_derivatives_are_nan_too(name):
    gradient = g.grad(g.sum(call(name, X)), X)
    value = g.evaluate(gradient, {"X": np.stack([GOOD, spoiled(NAN, (1, 0))])})
    assert np.isfinite(value[0]).all() and np.isnan(value[1]).all()


@pytest.mark.parametrize("name", ["inv", "det", "logabsdet", "qr_q", "solve"])
def test_what_is_eliminated_is_numpys(name):
    numpys = {
        "logabsdet": lambda x: np.linalg.slogdet(x)[1], "qr_q": lambda x: np.linalg.qr(x)[0],
        "solve": lambda x: np.linalg.solve(x, GOOD),
    }.get(name) or getattr(np.linalg, name)  # fmt: skip
    expr = call(name, X, g.constant(GOOD)) if name == "solve" else call(name, X)
    matrix = np.stack([spoiled(NAN, (1, 0)), GOOD])
    with np.errstate(all="ignore"):
        wanted = numpys(matrix)
    assert np.isnan(wanted[0]).any()
    for value in (g.evaluate(expr, {"X": matrix}), g.compile(expr, [X])(matrix)):
        np.testing.assert_array_equal(np.isnan(value), np.isnan(wanted))


# --- derivatives beside NaN -----------------------------------------------------------------------------------------------------

A = g.symbol("A", shape=(4,))
POINT = np.array([0.5, NAN, -0.25, 0.75])
IMAGE = g.reshape(A, (1, 1, 2, 2))

CHOICES = {
    "max": g.max(A), "min": g.min(A), "the norm of the largest": g.norm(A, INF), "relu": g.sum(g.relu(A)),
    "maximum": g.sum(g.maximum(A, 0.1)), "the other of a maximum": g.sum(g.maximum(-3.0, A)),
    "minimum": g.sum(g.minimum(A, 0.1)), "clip": g.sum(g.clip(A, -1, 1)), "hard tanh": g.sum(g.hard_tanh(A)),
    "sort": g.sum(g.sort(A)), "the last of sort": g.sort(A)[3], "max pool": g.sum(g.max_pool2d(IMAGE, 2)),
    "max pool of rows": g.sum(g.max_pool2d(IMAGE, (1, 2))), "sort in rows": g.sum(g.sort(g.reshape(A, (2, 2)))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_what_chooses_by_comparing_hands_nothing_back_to_nan(name):
    loss = CHOICES[name]
    gradient = g.grad(loss, A)
    for value in (g.evaluate(gradient, {"A": POINT}), g.compile(gradient, [A])(POINT)):
        assert np.isfinite(value).all() and value[1] == 0
    assert np.isnan(g.evaluate(loss, {"A": POINT}))
    along = g.evaluate(g.jvp(loss, A, np.array([0.0, 1.0, 0.0, 0.0])), {"A": POINT})
    assert along == 0


SMOOTH = (
    "sqrt",
    "exp",
    "log",
    "sin",
    "tanh",
    "sigmoid",
    "softplus",
    "cbrt",
    "erf",
    "abs",
    "softsign",
    "silu",
    "gelu",
    "atan",
)


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_what_chooses_nothing_are_nan_at_nan(name):
    gradient = g.evaluate(g.grad(g.sum(getattr(g, name)(A)), A), {"A": abs(POINT)})
    assert np.isnan(gradient[1]) and np.isfinite(gradient[[0, 2, 3]]).all()
