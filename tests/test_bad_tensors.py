"""What does not fit is refused with the node and the line: where it is written if that can be known, else at the call.

Refusals at the call are the same whichever way the values are computed.
"""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import ArityError, DtypeError, ExpressionError, GraphcError, InputError, ShapeError

X = g.symbol("X_bad", shape=("n", 3))
Y = g.symbol("Y_bad", shape=("n",))
F = g.symbol("F_bad", shape=(2,), dtype="float32")
M = g.symbol("M_bad", shape=("n", "n"))
I = g.symbol("I_bad", shape=("k",), dtype="int64")
J = g.symbol("J_bad", shape=("n", 1), dtype="int64")
P = g.symbol("P_bad", shape=("2*m",))

WRITTEN = {
    "inner dimensions": (lambda: X @ g.symbol("K", shape=(4, "k")), ShapeError, r"\(n, 3\) @ \(4, k\).* 3 and 4 differ"),
    "elementwise": (lambda: X + g.symbol("A", shape=("n", 4)), ShapeError, "do not broadcast: 3 against 4"),
    "names": (lambda: X + g.symbol("A", shape=("m", 3)), ShapeError, "n against m"),
    "axis": (lambda: g.sum(X, axis=2), ShapeError, "axis 2 is out of range for 2 dimensions"),
    "axis below": (lambda: g.softmax(X, axis=-3), ShapeError, "axis -3 is out of range"),
    "axis twice": (lambda: g.mean(X, axis=(1, -1)), ShapeError, "twice"),
    "axes twice": (lambda: g.permute_dims(X, (0, 0)), ShapeError, "twice"),
    "new axes twice": (lambda: g.expand_dims(X, (0, 0)), ShapeError, "twice"),
    "axis of a scalar": (lambda: g.sum(g.symbol("c"), axis=0), ShapeError, "0 dimensions"),
    "einsum operands": (lambda: g.einsum("ij,jk->ik", X), ExpressionError, "2 operands and there are 1"),
    "einsum axes": (lambda: g.einsum("ijk->i", X), ShapeError, "3 axes of operand 0"),
    "einsum lengths": (lambda: g.einsum("ij,ij->i", X, X.T), ShapeError, "'i' is n in operand 0 and 3 in operand 1"),
    "einsum result": (lambda: g.einsum("ij->ik", X), ExpressionError, "'k' stands in no operand"),
    "einsum text": (lambda: g.einsum("i j -> ?", X), ExpressionError, "no subscripts"),
    "einsum two arrows": (lambda: g.einsum("ij->i->j", X), ExpressionError, "no subscripts"),
    "negative dimension": (lambda: g.symbol("A", shape=(2, -1)), ShapeError, "dimension -1 is negative"),
    "negative length": (lambda: g.zeros((3, -2)), ShapeError, "dimension -2 is negative"),
    "negative by names": (lambda: g.symbol("A", shape=("-n - 1",)), ShapeError, "negative"),
    "no dimension": (lambda: g.symbol("A", shape=(1.5,)), ShapeError, "1.5"),
    "reshape": (lambda: g.reshape(X, (4, -1, -1)), ShapeError, "at most one"),
    "known index": (lambda: X[:, 3], ShapeError, "index 3 is out of range for axis 1 of length 3"),
    "not square": (lambda: g.inv(X), ShapeError, "a square matrix is needed, not n×3"),
    "not square by number": (lambda: g.det(g.symbol("A", shape=(2, 3))), ShapeError, "2×3"),
    "right side": (lambda: g.solve(M, g.symbol("b", shape=("m",))), ShapeError, "as many rows"),
    "whole numbers": (lambda: g.sum(X)[0], ShapeError, "1 indices for 0 dimensions"),
    "arguments": (lambda: g.matmul(X), ArityError, "matmul"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITTEN)
def test_refused_where_it_is_written(what):
    action, error, says = WRITTEN[what]
    with pytest.raises(error, match=says) as caught:
        action()
    assert caught.value.site is not None and caught.value.site.filename == __file__
    assert str(caught.value.site.line) in str(caught.value)


# --- at the call ---------------------------------------------------------------------------------------------------------------


def by_interpreter(expr, at):
    return g.evaluate(expr, at)


def by_graph(expr, at):
    return g.Graph(expr).forward(at)


def by_machine_code(expr, at):
    symbols = g.free_symbols(expr)
    return g.compile(expr, symbols)(*[at[s.name] for s in symbols])


EVALUATORS = (by_interpreter, by_graph, by_machine_code)

CALLED = {
    "one name, two lengths": (X.T @ Y, {"X_bad": np.ones((4, 3)), "Y_bad": np.ones(5)}, ShapeError, "'n' is 4 in input 'X_bad' and 5 in input 'Y_bad'"),
    "two axes of one name": (g.sum(M), {"M_bad": np.ones((2, 3))}, ShapeError, "'n' is 2 in input 'M_bad' and 3 in input 'M_bad'"),
    "a length that is computed": (g.sum(P), {"P_bad": np.ones(3)}, ShapeError, "2.m"),
    "too few axes": (g.sum(X), {"X_bad": np.ones(3)}, ShapeError, r"has shape \(n, 3\) and got an array of shape \(3,\)"),
    "another length": (g.sum(X), {"X_bad": np.ones((3, 4))}, ShapeError, r"got an array of shape \(3, 4\)"),
    "index above": (X[I], {"X_bad": np.ones((4, 3)), "I_bad": np.array([0, 4])}, InputError, "index 4 is out of range for axis 0 of length 4"),
    "index below": (X[I] * 2, {"X_bad": np.ones((4, 3)), "I_bad": np.array([-5])}, InputError, "index -5 is out of range for axis 0 of length 4"),
    "huge index": (X[I], {"X_bad": np.ones((4, 3)), "I_bad": np.array([2**62])}, InputError, "out of range"),
    "update": (X.at[I].add(1.0), {"X_bad": np.ones((4, 3)), "I_bad": np.array([7])}, InputError, "index 7 is out of range"),
    "along an axis": (g.take_along_axis(X, J, axis=1), {"X_bad": np.ones((2, 3)), "J_bad": np.array([[0], [3]])}, InputError, "index 3 is out of range for axis 1 of length 3"),
    "a row that is not there": (X[5], {"X_bad": np.ones((4, 3))}, GraphcError, "index 5 is out of range for axis 0 of length 4"),
    "an axis too short": (X[:5], {"X_bad": np.ones((4, 3))}, ShapeError, "index"),
    "float64 for float32": (g.sum(F), {"F_bad": np.ones(2)}, DtypeError, "is float32 and got an array of float64"),
    "floats for places": (X[I], {"X_bad": np.ones((4, 3)), "I_bad": np.array([0.0])}, DtypeError, "int64"),
    "complex": (g.sum(X), {"X_bad": np.ones((4, 3)) * 1j}, DtypeError, "complex"),
    "text": (g.sum(X), {"X_bad": "abc"}, DtypeError, "text"),
    "ragged": (g.sum(X), {"X_bad": [[1.0, 2, 3], [4.0]]}, InputError, "no array"),
    "singular inverse": (g.inv(M), {"M_bad": np.ones((2, 2))}, InputError, "inv: Singular matrix"),
    "singular system": (g.solve(M, Y), {"M_bad": np.ones((2, 2)), "Y_bad": np.ones(2)}, InputError, "solve: Singular matrix"),
    "singular triangle": (g.solve_triangular(M, Y), {"M_bad": np.zeros((2, 2)), "Y_bad": np.ones(2)}, InputError, "Singular"),
    "singular gradient": (g.grad(g.sum(g.inv(M)), M), {"M_bad": np.zeros((2, 2))}, InputError, "Singular"),
    "not definite": (g.cholesky(M), {"M_bad": -np.eye(2)}, InputError, "positive definite"),
    "largest of nothing": (g.max(X), {"X_bad": np.ones((0, 3))}, InputError, "max: no elements"),
    "place in nothing": (g.argmin(X, axis=0), {"X_bad": np.ones((0, 3))}, InputError, "argmin: no elements"),
}  # fmt: skip

NODES = ("index", "update", "along", "row", "axis too", "singular", "definite", "nothing")
"""Refusals of a node, not of an input: they cite the line that wrote it."""


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("what", CALLED)
def test_refused_at_the_call(what, evaluator):
    expr, at, error, says = CALLED[what]
    with pytest.raises(error, match=says) as caught:
        evaluator(expr, at)
    site = caught.value.site
    assert site is not None and site.filename == __file__
    if any(word in what for word in NODES):
        assert caught.value.node is not None
        assert site.line in [place.line for node in g.Graph(expr).exprs for place in node.sites]


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda f: f.__name__)
def test_what_was_refused_can_be_called_again(evaluator):
    at = {"X_bad": np.arange(12.0).reshape(4, 3), "I_bad": np.array([9])}
    for _ in range(2):
        with pytest.raises(InputError):
            evaluator(X[I], at)
        evaluator(X[I], {**at, "I_bad": np.array([3, -4])})


@pytest.mark.parametrize("what, out", [
    ("read-only", np.broadcast_to(np.zeros(3), (4, 3))),
    ("shape", np.zeros((3, 3))),
    ("float32", np.zeros((4, 3), "float32")),
    ("NumPy arrays", [1.0]),
])  # fmt: skip
def test_results_that_cannot_be_written(what, out):
    f = g.compile(X * 2 + g.sum(X), [X])
    with pytest.raises(GraphcError, match=what) as caught:
        f(np.ones((4, 3)), out=out)
    assert caught.value.site is not None and caught.value.site.filename == __file__


def test_inputs_are_never_written_unasked():
    values = np.ones((4, 3))
    values.flags.writeable = False
    f = g.compile(g.softmax(X) + X.at[0].set(2.0), [X])
    found = f(values)
    assert found.flags.writeable and np.all(values == 1)
