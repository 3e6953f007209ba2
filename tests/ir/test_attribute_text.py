"""Text of operations on arrays: what it means, and what is refused with its column."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import ArityError, DtypeError, ExpressionError, GraphcError, ParseError, ShapeError

X, b, i = g.symbol("X", shape=("n", 4)), g.symbol("b", shape=4), g.symbol("i", shape=2, dtype="int64")
NAMES = {"X": X, "b": b, "i": i}

MEANS = {
    "sum(X)": g.sum(X),
    "sum(X, 0, True)": g.sum(X, 0, True),
    "sum(x=X, axis=(0, -1))": g.sum(X, (0, 1)),
    "X @ b": X @ b,
    "X @ b*2": X @ b * 2,
    "X.T[0]": X.T[0],
    "X[1:, ::2]": X[1:, ::2],
    "X[:n//2, -1]": X[: X.shape[0] // 2, -1],
    "X[i, None]": X[i, None],
    "X[i + 1]": X[i + 1],
    "max(X)": g.max(X),
    "max(X, axis=0)": g.max(X, axis=0),
    "max(b, 2)": g.maximum(b, 2),
    'einsum("ij,j", X, b)': g.einsum("ij,j", X, b),
    "concat(b, b, axis=0)": g.concat(b, b),
    "reshape(X, (2*n, 2))": g.reshape(X, ("2*n", 2)),
    "reshape(X, -1)": g.reshape(X, -1),
    "eye(n)": g.eye("n"),
    "arange(0, n, step=2)": g.arange(0, "n", 2),
    "norm(b, inf)": g.norm(b, np.inf),
    "at_set(b[0], 1.5)": b.at[0].set(1.5),
    "at_add(X[i, 0], 1)": X.at[i, 0].add(1),
    "one_hot(i, 3, float32)": g.one_hot(i, 3, "float32"),
    "searchsorted(b, X, side=right)": g.searchsorted(b, X, "right"),
    "pad(b, ((1, 2),), -1.5)": g.pad(b, ((1, 2),), -1.5),
}


@pytest.mark.parametrize("text", MEANS)
def test_text(text):
    assert g.parse(text, symbols=NAMES) is MEANS[text]
    assert g.parse(str(MEANS[text]), symbols=NAMES) is MEANS[text]


REFUSED = [
    ("sum(X, axis=2)", ShapeError, 1, "out of range"),
    ("sum(X, axis=b + 1)", ExpressionError, 1, "whole number"),
    ("sum(X, axis=sin(0))", ParseError, 13, "no static argument"),
    ("sum(X, axes=0)", ArityError, 13, "no parameter 'axes'"),
    ("sum(X, 0, axis=0)", ArityError, 16, "twice"),
    ("sum(X, 0, True, 1)", ArityError, 1, "fewer"),
    ("eye()", ArityError, 1, "missing n_rows"),
    ("reshape(X, (n, (2)", ParseError, 12, "never closed"),
    ("(1, 2)", ParseError, 3, "comma"),
    ("maximum(2, (1, 2))", ParseError, 12, "not part of a formula"),
    ("sin((1, 2))", ParseError, 7, "comma"),
    ("b[0.5]", DtypeError, 1, "index of type"),
    ("b[9]", ShapeError, 1, "out of range"),
    ("b[]", ParseError, 3, "operand is missing"),
    ("b[1:2:0]", ShapeError, 1, "step"),
    ("b[", ParseError, 2, "never closed"),
    ("b.S", ParseError, 2, "attribute"),
    ('"ij"', ParseError, 1, "quotes"),
    ("einsum('ij', X)", ParseError, 8, "quotes"),
    ('einsum("i;j", X)', ParseError, 8, "quotes"),
    ("X @ X", ShapeError, 1, "inner dimensions"),
    ("at_set(b, 1)", ArityError, 1, "missing key"),
    ("b[None:]", GraphcError, 1, ""),
]


@pytest.mark.parametrize(("text", "error", "column", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refusals(text, error, column, says):
    if text == "b[None:]":  # None is the missing end of a slice, as in Python
        assert g.parse(text, symbols=NAMES) is b[:]
        return
    with pytest.raises(error, match=says) as caught:
        g.parse(text, symbols=NAMES)
    assert (
        f"(column {column})" in str(caught.value) and caught.value.hint is not None
    ) or error is ShapeError


def test_names_of_operations_on_arrays_are_names_of_variables_too():
    """A formula with a mean and a variance in it means those, unless they are called."""
    mean, var = g.symbols("mean var")
    assert g.parse("(x - mean)/var").operands[1] is var and mean in g.free_symbols(g.parse("(x - mean)/var"))
    assert g.parse("sum(sum)").op.name == "sum"
