"""Lengths with names: arithmetic against plain integers, the normal form, text there and back, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as g
from graphc.errors import ShapeError
from graphc.ir import dims
from graphc.ir.dims import Name, Polynomial
from graphc.ir.types import as_shape, broadcast_shapes

n, m = Name("n"), Name("m")

leaves = st.one_of(st.integers(-4, 6), st.sampled_from([n, m]))


def _combined(children):
    return st.tuples(st.sampled_from(["add", "subtract", "multiply", "floor_divide"]), children, children)


trees = st.recursive(leaves, _combined, max_leaves=8)


def built(tree):
    if not isinstance(tree, tuple):
        return tree
    return getattr(dims, tree[0])(built(tree[1]), built(tree[2]))


def value(tree, lengths):
    """The same with plain integers."""
    if not isinstance(tree, tuple):
        return lengths[str(tree)] if isinstance(tree, str) else tree
    a, b = value(tree[1], lengths), value(tree[2], lengths)
    return (
        {"add": a + b, "subtract": a - b, "multiply": a * b}[tree[0]] if tree[0] != "floor_divide" else a // b
    )


@given(trees, st.integers(1, 9), st.integers(1, 9))
def test_arithmetic_is_that_of_integers(tree, i, j):
    lengths = {"n": i, "m": j}
    try:
        dim = built(tree)
    except ValueError:
        return
    try:
        wanted = value(tree, lengths)
    except ZeroDivisionError:
        return
    try:
        assert dims.evaluate(dim, lengths) == wanted
    except ValueError as error:
        assert "divides by zero" in str(error)
    assert type(dim) in (int, Name, Polynomial)
    assert dims.parse(str(dim)) == dim and hash(dims.parse(str(dim))) == hash(dim)
    assert pickle.loads(pickle.dumps(dim)) == dim
    assert dims.subtract(dim, dim) == 0
    assert set(dims.names_of(dim)) <= {"n", "m"}


def test_the_normal_form():
    assert n + m == m + n and (n + 1) * (n - 1) == n * n - 1
    assert type(n + 1 - 1) is Name and n - n == 0 and 2 * n // 2 == n
    assert (2 * n + 3) // 2 == n + 1 and (n * m) // m == n and (n * 784) // n == 784
    assert (n + 1) // 2 != n // 2 and ((n + 1) // 2) * 2 != n + 1
    assert str(n * 784 + 1) == "784*n + 1" and repr(1 - n) == "-n + 1"
    assert {n: 1}["n"] == 1 and n == "n" and isinstance(n, str)


NO_DIMENSIONS = [
    "2n", "n m", "n+", "f(n)", "n.m", "n**2", "n/2", "n[0]", "__import__('os')", "1.5", "n//0", "(" * 2000,
    "n" + "+n*n" * 500, "True+n", "n if n else m", "\0",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_DIMENSIONS)
def test_text_that_is_no_dimension(text):
    with pytest.raises(ShapeError):
        as_shape((text,))


def test_products_that_grow_without_end_are_refused():
    names = [Name(f"x{i}") for i in range(40)]
    total = names[0]
    for name in names[1:]:
        total = total + name
    with pytest.raises(ValueError, match="terms"):
        total * total * total
    power = n
    with pytest.raises(ValueError, match="degree"):
        for _ in range(10):
            power = power * power


def test_shapes_of_symbols_are_computed_with():
    X = g.symbol("X", shape=("n", 784))
    assert g.symbol("Y", shape=("n*784",)).shape == (X.shape[0] * 784,) == g.reshape(X, -1).shape
    assert (X.shape[0] * 2,) == as_shape("2*n") and as_shape(X.shape) == X.shape
    assert broadcast_shapes([(n + 1, 1), (1 + n, 3)]) == (n + 1, 3)
    with pytest.raises(ShapeError, match="do not broadcast"):
        broadcast_shapes([(n + 1,), (n,)])


def test_lengths_are_bound_at_the_call():
    x, y, z = g.symbol("x", shape="n"), g.symbol("y", shape="n + 1"), g.symbol("z", shape="m*n")
    total = g.sum(x) + g.sum(y)
    assert g.evaluate(total, {"x": np.ones(3), "y": np.ones(4)}) == 7
    with pytest.raises(ShapeError, match=r"has length 3, not n \+ 1 = 4 with n = 3"):
        g.evaluate(total, {"x": np.ones(3), "y": np.ones(3)})
    assert g.evaluate(g.sum(x) + g.sum(z) + g.dim("m"), {"x": np.ones(3), "z": np.ones(6)}) == 11
    assert g.evaluate(g.sum(y) + g.dim("n"), {"y": np.ones(4)}) == 7
    for shape in ("m*n", "n*n", "(n + 1)//2", "2*n"):
        with pytest.raises(ShapeError, match="5 does not determine"):
            g.evaluate(g.sum(g.symbol("q", shape=shape)), {"q": np.ones(5)})
    with pytest.raises(ShapeError, match="'n' is 3 in input 'x' and 4 in input 'w'"):
        g.evaluate(x @ g.symbol("w", shape="n"), {"x": np.ones(3), "w": np.ones(4)})
    assert g.evaluate(g.dim("n*n + 1") + g.sum(x), {"x": np.ones(3)}) == 13
    with pytest.raises(ShapeError, match="no input has an axis named 'n'"):
        g.evaluate(g.dim("n") * 2, {})
