"""Chains of products: their order costs the fewest multiplications, their value is that of the chain as written."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.ops.support.contraction_order import NOMINAL, in_pairs
from graphc.rewrite import tables
from graphc.rewrite.arrays import matmul_chain


def multiplications(expr):
    """Of all products of a graph."""
    total = 0
    for node in g.Graph(expr).exprs:
        if node.op.name == "matmul":
            a, b = (tuple(NOMINAL if isinstance(n, str) else n for n in x.shape) for x in node.operands)
            total += int(np.prod(a)) * (b[-1] if len(b) > 1 else 1)
    return total


def trees(factors):
    """Every way to put brackets."""
    if len(factors) == 1:
        yield factors[0]
    for cut in range(1, len(factors)):
        for left, right in itertools.product(trees(factors[:cut]), trees(factors[cut:])):
            if left.ndim > 1 or left in factors or cut == 1 or factors[0].ndim == 1:
                yield left @ right


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_cheapest_of_all_brackets(data):
    count = data.draw(st.integers(3, 5))
    lengths = [data.draw(st.sampled_from([1, 2, 3, 7, "n"])) for _ in range(count + 1)]
    factors = [g.symbol(f"M{i}", shape=(lengths[i], lengths[i + 1])) for i in range(count)]
    ends = data.draw(st.sampled_from(["matrices", "column", "row"]))
    if ends == "column":
        factors[-1] = g.symbol("v", shape=lengths[count - 1])
    elif ends == "row":
        factors[0] = g.symbol("v", shape=lengths[1])
    ways = list(trees(factors))
    written = data.draw(st.sampled_from(ways))
    found = g.stabilize(written)
    assert found.shape == written.shape
    assert multiplications(found) == min(map(multiplications, ways)), found
    rng = np.random.default_rng(0)
    at = {f.name: rng.integers(-4, 5, [3 if n == "n" else n for n in f.shape]) * 0.5 for f in factors}
    # halves of small integers: every order is exact
    np.testing.assert_array_equal(g.evaluate(found, at), g.evaluate(written, at))


def test_what_is_used_elsewhere_stays():
    A, B = g.symbol("A", shape=(9, 9)), g.symbol("B", shape=(9, 9))
    x = g.symbol("x", shape=9)
    inner = A @ B
    assert g.stabilize(inner @ x) is A @ (B @ x)
    assert g.stabilize((inner @ x, inner)) == (inner @ x, inner)
    assert g.stabilize(inner @ x, without=["matrix-chain"]) is inner @ x
    assert g.simplify(inner @ x) is inner @ x
    trace = g.rewrites(inner @ x)
    assert [step.rule for step in trace] == ["matrix-chain"] and trace.outputs == (A @ (B @ x),)


def test_a_column_is_no_row():
    """(A x) B multiplies from the left with what is a column: no other order means the same."""
    A, B, x = g.symbol("A", shape=(4, 3)), g.symbol("B", shape=(4, 5)), g.symbol("x", shape=3)
    assert g.stabilize((A @ x) @ B) is (A @ x) @ B
    batch = g.symbol("X", shape=("b", 7, 4))
    W, V = g.symbol("W", shape=(4, 50)), g.symbol("V", shape=(50, 2))
    assert g.stabilize((batch @ W) @ V) is batch @ (W @ V)


def test_long_chains_are_left():
    x = g.symbol("x", shape=3)
    W = g.symbol("W", shape=(3, 3))
    y = x
    for _ in range(3000):
        y = W @ y
    assert g.stabilize(y) is y


@pytest.mark.parametrize(
    "subscripts", ["ij,jk,kl->il", "i,ij,j", "ij,jk,k,il->l", "ab,cd,ef->ace", "ii,ij,j->i", "ij,kj,lj->ikl"]
)
def test_einsum_in_pairs(subscripts):
    terms, _ = subscripts.partition("->")[::2]
    lengths = dict(zip("abcdefijkl", (2, 3, 1, 2, 3, 2, 4, 5, 3, 2), strict=True))
    rng = np.random.default_rng(1)
    at = {
        f"x{n}": rng.integers(-3, 4, [lengths[c] for c in term]) * 0.5
        for n, term in enumerate(terms.split(","))
    }
    symbols = [g.symbol(name, shape=array.shape) for name, array in at.items()]
    expr = g.einsum(subscripts, *symbols)
    found = g.stabilize(expr)
    assert all(len(node.operands) <= 2 for node in g.Graph(found).exprs if node.op.name == "einsum")
    wanted = np.einsum(subscripts, *at.values())
    np.testing.assert_array_equal(g.evaluate(found, at), wanted)
    np.testing.assert_array_equal(g.evaluate(expr, at), wanted)


def test_pairs_are_cheapest():
    steps = in_pairs(["ij", "jk", "kl", "l"], "i", dict.fromkeys("ijkl", "n"))
    assert [step.subscripts for step in steps] == ["kl,l->k", "jk,k->j", "ij,j->i"]


def test_the_rules_are_listed():
    assert set(matmul_chain.RULES) <= set(g.rules()) and set(matmul_chain.RULES) <= set(tables.ON_ARRAYS)
    assert "matrix-chain" in str(matmul_chain.RULES[0])
