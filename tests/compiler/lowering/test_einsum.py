"""Contractions by products of matrices, held against sums over all indices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.compiler.schedule.fusion import Group
from tests.counts import examples

LENGTHS = {"a": 2, "b": 3, "c": 4, "d": 1, "e": 5}


def summed(terms, output, arrays):
    """The sum of products, index by index, and that of their absolute values."""
    lengths = {}
    for term, array in zip(terms, arrays, strict=True):
        for letter, length in zip(term, array.shape, strict=True):
            lengths[letter] = length if lengths.get(letter, 1) == 1 else lengths[letter]
    total = np.zeros([lengths[letter] for letter in output], np.longdouble)
    size = np.zeros_like(total)
    for values in itertools.product(*(range(length) for length in lengths.values())):
        at = dict(zip(lengths, values, strict=True))
        product = np.longdouble(1)
        for term, array in zip(terms, arrays, strict=True):
            place = tuple(at[c] if n > 1 else 0 for c, n in zip(term, array.shape, strict=True))
            product *= array[place]
        total[tuple(at[c] for c in output)] += product
        size[tuple(at[c] for c in output)] += abs(product)
    return total, size


@st.composite
def contractions(draw):
    terms = draw(st.lists(st.text("abcde", min_size=0, max_size=3), min_size=1, max_size=3))
    known = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(known))[: draw(st.integers(0, len(known)))])
    ones = draw(st.lists(st.booleans(), min_size=9, max_size=9))
    return terms, output, ones, draw(st.integers(0, 99)), draw(st.sampled_from(["float32", "float64"]))


@settings(deadline=None, max_examples=examples(30))
@given(contractions())
def test_any_contraction(drawn):
    terms, output, ones, seed, dtype = drawn
    rng, broadcast = np.random.default_rng(seed), iter(ones)
    arrays = []
    for term in terms:
        # a letter may have length 1 in one operand; where it stands twice in it, in both places
        short = {letter for letter in sorted(set(term)) if next(broadcast, False)}
        arrays.append(rng.normal(size=[1 if c in short else LENGTHS[c] for c in term]).astype(dtype))
    symbols = [g.symbol(f"x{k}", shape=x.shape, dtype=dtype) for k, x in enumerate(arrays)]
    f = g.compile(g.einsum(f"{','.join(terms)}->{output}", *symbols), symbols, rewrite=None, cache=False)
    found = f(*arrays)
    exact, size = summed(terms, output, arrays)
    count = np.prod([LENGTHS[letter] for letter in set("".join(terms))]) + len(terms)
    assert np.shape(found) == exact.shape
    assert np.all(abs(found - exact) <= count * np.finfo(dtype).eps * size)


@pytest.mark.parametrize(
    "subscripts",
    [
        "ij,jk->ik",
        "ij,kj->ki",
        "bihd,bjhd->bhij",
        "bij,bkj->bik",
        "ij,ik->jk",
        "abij,bjk->abik",
        "aij,bjk->abik",
    ],
)
def test_operands_are_read_where_they_lie(subscripts):
    """One product by BLAS, and nothing before it or after but what changes shapes alone."""
    lengths = dict(zip("abhijkd", (2, 3, 4, 9, 10, 11, 12), strict=True))
    terms = subscripts.partition("->")[0].split(",")
    symbols = [g.symbol(f"x{k}", shape=[lengths[c] for c in term]) for k, term in enumerate(terms)]
    f = g.compile(g.einsum(subscripts, *symbols), symbols, rewrite=None)
    before = [step for step in f._plan.steps if not isinstance(step, Group)]
    assert [step.node.op.name for step in before] == ["matmul"]
    assert not isinstance(f._plan.steps[0], Group)


def test_named_lengths_and_gradients():
    x, y = g.symbol("x", shape=("n", 3, "k")), g.symbol("y", shape=("k", 3, 4))
    z = g.einsum("nik,kij->nj", x, y)
    f = g.compile([z, *g.grad(g.sum(z * z), [x, y])], [x, y])
    rng = np.random.default_rng(0)
    for n, k in ((5, 6), (1, 2), (0, 3)):
        a, b = rng.normal(size=(n, 3, k)), rng.normal(size=(k, 3, 4))
        value, left, right = f(a, b)
        exact = np.tensordot(a, b, ((1, 2), (1, 0)))
        np.testing.assert_allclose(value, exact, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(left, 2 * np.einsum("nj,kij->nik", exact, b), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(right, 2 * np.einsum("nj,nik->kij", exact, a), rtol=1e-12, atol=1e-12)


def test_whole_numbers():
    x, y = (g.symbol(name, shape=(3, 3), dtype="int64") for name in "xy")
    a, b = np.arange(9).reshape(3, 3), np.arange(9, 18).reshape(3, 3)
    assert np.array_equal(g.compile(g.einsum("ij,jk->ik", x, y), [x, y])(a, b), a @ b)
