"""Products of operands with their axes in any order, the order that they have already included."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import graphc as g

LENGTHS = {"a": 3, "b": 4, "c": 5, "k": 2}


def turned(name: str, wanted: tuple[str, ...], order: tuple[int, ...], named: bool):
    """A symbol whose axes in this order are the axes wanted, and an array for it."""
    axes = [""] * len(wanted)
    for place, axis in enumerate(order):
        axes[axis] = wanted[place]
    lengths = tuple(LENGTHS[axis] for axis in axes)
    array = np.random.default_rng(len(name) + sum(order)).normal(size=lengths)
    return g.symbol(name, shape=tuple(axes) if named else lengths), array


def orders(*ranks: int):
    return itertools.product(*(list(itertools.permutations(range(rank))) for rank in ranks))


CASES = [
    (("a", "b"), ("b", "c"), "matmul"),
    (("a", "b"), ("b",), "matmul"),
    (("b",), ("b", "c"), "matmul"),
    (("b",), ("b",), "matmul"),
    (("k", "a", "b"), ("k", "b", "c"), "matmul"),
    (("k", "a", "b"), ("b",), "matmul"),
    (("b",), ("k", "b", "c"), "matmul"),
    (("k", "a", "b"), ("k", "c", "b"), "kab,kcb->kac"),
    (("a", "b"), ("c", "b"), "ab,cb->ac"),
    (("a", "b"), ("a", "b"), "ab,ab->a"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize("rewrite", [None, "stable"])
@pytest.mark.parametrize("named", [False, True])
def test_products_of_permuted_operands(named, rewrite):
    outputs, wanted, at = [], [], {}
    for left, right, how in CASES:
        for number, (one, two) in enumerate(orders(len(left), len(right))):
            x, a = turned(f"x{len(outputs)}", left, one, named)
            y, b = turned(f"y{len(outputs)}_{number}", right, two, named)
            p, q = g.permute_dims(x, one), g.permute_dims(y, two)
            a, b = at.setdefault(x, a), at.setdefault(y, b)
            lower = np.matmul if how == "matmul" else lambda u, v, how=how: np.einsum(how, u, v)
            outputs.append(p @ q if how == "matmul" else g.einsum(how, p, q))
            wanted.append(lower(a.transpose(one), b.transpose(two)))
    results = g.compile(outputs, list(at), rewrite=rewrite)(*at.values())
    for output, result, value in zip(outputs, results, wanted, strict=True):
        assert np.shape(result) == value.shape, output
        np.testing.assert_allclose(result, value, rtol=1e-13, atol=1e-13, err_msg=str(output))


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (-2, -1), (-1, -2)])
@pytest.mark.parametrize("rows", [1, 3, 200])
def test_a_permuted_matrix_beside_vectors_and_columns(order, rows):
    rng = np.random.default_rng(rows)
    first = rng.normal(size=(rows, 4) if order[0] in (0, -2) else (4, rows))
    matrix = first.transpose(order)
    C = g.symbol("C", shape=first.shape)
    P = g.permute_dims(C, order)
    v, u, w = rng.normal(size=4), rng.normal(size=rows), rng.normal(size=(4, 1))
    V, U, W = g.symbol("V", shape=4), g.symbol("U", shape=rows), g.symbol("W", shape=(4, 1))
    outputs = [P @ V, U @ P, P @ W, g.grad(g.sum(g.tanh(P @ V)), C), g.permute_dims(P, (0, 1)) @ V]
    t = 1 - np.tanh(matrix @ v) ** 2
    wanted = [
        matrix @ v,
        u @ matrix,
        matrix @ w,
        np.outer(t, v).transpose(np.argsort(np.array(order) % 2)),
        matrix @ v,
    ]
    for rewrite in (None, "stable"):
        results = g.compile(outputs, [C, V, U, W], rewrite=rewrite)(first, v, u, w)
        for result, value in zip(results, wanted, strict=True):
            assert result.shape == value.shape
            np.testing.assert_allclose(result, value, rtol=1e-12, atol=1e-12)
