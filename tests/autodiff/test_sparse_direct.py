"""Entries written without sweeps: against dense derivatives, against sweeps, and where they are left to these."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphc as g
from graphc.autodiff.sparse import compressed
from graphc.errors import GradientError, InputError
from tests.autodiff.test_sparse import OBJECTIVES, PATTERNS, agree, dense, tolerance_of
from tests.tensor_programs import programs

n = 9
X, Y, K = g.symbol("x", shape=n), g.symbol("y", shape=n), g.symbol("k")
TWICE = np.array([0, 3, 3, 8, 0, 5])
AT = {"x": np.linspace(0.3, 1.9, n), "y": np.linspace(-1.1, 2.0, n), "k": 0.7}

DIRECT = {
    "the same element from two places": (X[TWICE] * X[TWICE[::-1]], 4),
    "added where something is": (X.at[TWICE].add(g.exp(Y[:6])), 3),
    "assembled of elements": (
        g.constant(np.zeros(n)).at[TWICE].add(X[TWICE] ** 2 * X[:6])
        + g.constant(np.zeros(n)).at[TWICE[::-1]].add(Y[3:] * X[:6]), 10,
    ),
    "a branch": (g.where(X > 1, g.log(X), Y * 3) * g.where(np.arange(n) < 4, X, g.sin(Y)), 4),
    "a number beside each": (X * np.arange(n) + np.linspace(1, 2, n) * g.sin(X) + np.arange(n) * (X * Y), 4),
    "a number of arrays": (K * X + g.sum(X[:2]) * Y, 5),
    "rows of a table": (g.sum(g.reshape(X, (3, 3)) * g.exp(g.reshape(Y, (3, 3))), axis=1), 6),
    "means and columns": (g.mean(g.reshape(X, (3, 3)) ** 2, axis=0) + g.stack([K, K**2, X[0]]), 5),
    "an interval repeated": (X[1:] - X[:-1] - 0.05 * (g.sin(X[1:]) * Y[1:] + g.sin(X[:-1]) * Y[:-1]), 4),
    "every second": (g.concat([X[::2] * Y[::2], -X[1::2] / Y[1::2]])[::-1], 2),
    "cancelled": (g.sin(X) - g.sin(X) + 2 * X - (X + X), 1),
}  # fmt: skip


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
@pytest.mark.parametrize("name", DIRECT)
def test_entries(name, format):
    output, most = DIRECT[name]
    variables = [X, Y, K]
    sparse = g.jacobian(output, variables, sparse=True, format=format)
    assert sparse.mode == "direct" and sparse.colours <= most
    used = {each.name: AT[each.name] for each in g.free_symbols(output, *variables)}
    whole = dense([output], variables, used)
    agree(g.evaluate(sparse, used), whole)
    agree(g.compile(sparse, variables)(*AT.values()), whole)


@pytest.fixture
def by_sweeps(monkeypatch):
    monkeypatch.setattr(compressed, "_direct", lambda *_, **__: None)


@pytest.mark.parametrize("name", PATTERNS)
def test_sweeps_give_the_same(name, by_sweeps):
    output, by, table, colours = PATTERNS[name]
    found = g.jacobian(output, by, sparse=True)
    assert found.mode in ("forward", "reverse") and found.nnz == table.sum()
    assert found.colours <= max(colours, 2 * colours - 2)
    at = {by: np.linspace(0.3, 1.7, np.prod(by.shape)).reshape(by.shape)}
    agree(g.evaluate(found, at), dense([output], [by], at))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_hessians_by_sweeps(name, by_sweeps):
    objective, _, colours = OBJECTIVES[name]
    (x,) = g.free_symbols(objective)
    found = g.hessian(objective, x, sparse=True)
    assert found.colours <= colours
    at = {x: np.linspace(-1, 2, 8)}
    agree(g.evaluate(found, at), g.evaluate(g.hessian(objective, x), at))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(programs(most=6, names=False))
def test_random_programs_both_ways(program):
    variables = [s for s in program.inputs if int(np.prod(s.shape)) <= 12]
    outputs = [y for y in program.outputs if int(np.prod(y.shape)) <= 40 and y.dtype.kind == "f"]
    if not variables or not outputs:
        return
    try:
        both = []
        for direct in (True, False):
            with pytest.MonkeyPatch.context() as patch:
                if not direct:
                    patch.setattr(compressed, "_direct", lambda *_, **__: None)
                both.append(g.evaluate(g.jacobian(outputs, variables, sparse=True), program.arrays))
    except GradientError:
        return
    agree(both[0], both[1].toarray(), tolerance_of(program))


def test_hessians_compute_one_half():
    """Of pairs of variables the entry beside the diagonal is computed once and read twice."""
    x = g.symbol("x", shape=12)
    odd, even = x[0::2], x[1::2]
    sparse = g.hessian(g.sum(100 * (even - odd * odd) ** 2 + (1 - odd) ** 2), x, sparse=True)
    (pool, _) = sparse.values.operands
    assert sparse.mode == "direct" and sparse.nnz == 24
    assert pool.shape[0] <= 6 + 6 + 1  # two vectors of 6 and the number 200


def test_numbers_are_no_work_of_a_call():
    """Of −4u + u² the neighbours' entries are the same at each call."""
    u = g.symbol("u", shape=50)
    sparse = g.jacobian(g.roll(u, 1) + g.roll(u, -1) - 2 * u + u**2, u, sparse=True)
    pool, _ = sparse.values.operands
    assert sparse.colours == 1 and pool.shape[0] <= 50 + 2
    assert g.jacobian(3 * u[1:] - u[:-1], u, sparse=True).colours == 0


@pytest.mark.parametrize(
    "output",
    [
        lambda x: g.inv(g.reshape(x, (3, 3)) + 3 * np.eye(3)),  # of whole matrices
        lambda x: g.cumsum(g.sin(g.cumsum(g.cos(g.cumsum(x))))),  # of too many variables an element
        lambda x: g.softmax(x),
    ],
)
def test_what_is_left_to_sweeps(output):
    sparse = g.jacobian(output(X), X, sparse=True)
    whole = dense([output(X)], [X], {"x": AT["x"]})
    agree(g.evaluate(sparse, {"x": AT["x"]}), whole)


def test_results_go_to_the_array_given_also_after_another():
    """The structure of out= is compared where it may have changed."""
    f = g.compile(g.jacobian(X[1:] * X[:-1], X, sparse=True))
    first, second = f(AT["x"]), f(AT["x"] + 1)
    for out in (first, second, first, first.copy()):
        assert f(AT["x"] + 2, out=out) is out
        np.testing.assert_array_equal(out.toarray(), f(AT["x"] + 2).toarray())
    second.indices = second.indices[::-1].copy()
    with pytest.raises(InputError, match="pattern"):
        f(AT["x"], out=second)
