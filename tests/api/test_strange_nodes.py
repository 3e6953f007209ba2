"""Derivatives by nodes that a formula was not built from are 0, with a word; by those that it was built from they are right."""

import warnings

import numpy as np
import pytest

import graphc as g

X, Y = g.symbols("strange_x strange_y")
V = g.symbol("strange_v", shape=(3,))
M = g.symbol("strange_m", shape=(2, 3))

STRANGERS = {
    "the other order": (g.exp(X * 2), 2 * X),
    "the same in other words": (g.exp(X * 2), X + X),
    "a sum of symbols": (X * Y, X + Y),
    "an element of a whole": (g.sum(M**2), M[0, 0]),
    "a row of a whole": (g.sum((M @ V) ** 2), M[0]),
    "a reversed one": (g.sum(V * 3.0), V[::-1]),
    "a function of one of two": (g.sin(X) * Y, g.cos(X)),
}

VERBS = {
    "grad": lambda y, u: g.grad(y, u),
    "value_and_grad": lambda y, u: g.value_and_grad(y, u)[1],
    "vjp": lambda y, u: g.vjp(y, u, 1.0),
    "jvp": lambda y, u: g.jvp(y, u, np.ones(u.shape)),
    "jacobian": lambda y, u: g.jacobian(y, u),
    "hessian": lambda y, u: g.hessian(y, u),
    "a list": lambda y, u: g.grad(y, [X, u])[1],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_told_of_at_the_users_line(kind, verb):
    output, node = STRANGERS[kind]
    with pytest.warns(UserWarning, match="is 0: the formula .* is not built from this node") as told:
        result = VERBS[verb](output, node)
    assert {warning.filename for warning in told} == {__file__}
    symbols = g.free_symbols(result)
    at = {s.name: np.full(s.shape, 0.7) for s in symbols}
    assert not np.any(g.evaluate(result, at))


def _of(node):
    return g.sum(g.exp(node) + node**2)


@pytest.mark.parametrize("node", [X * 2, X + Y, M[0], V[::-1], g.sin(X) * Y, M @ V], ids=str)
def test_nodes_of_the_formula_are_differentiated_by_without_a_word(node):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slope = g.grad(_of(node), node)
        g.hessian(_of(node), node)
        g.grad(g.sum(g.grad(_of(node), node)), node)
        g.hvp(_of(node), node, np.ones(node.shape))
    at = {s.name: np.random.default_rng(5).random(s.shape) for s in g.free_symbols(node)}
    value = g.evaluate(node, at)
    np.testing.assert_allclose(g.evaluate(slope, at), np.exp(value) + 2 * value, rtol=1e-14)


@pytest.mark.parametrize(
    ("output", "node"),
    [(X * 2, Y), (V @ V, X), (g.grad(X * 2 * Y, X * 2), X * 2), (g.exp(Y), X * X), (X, X * 2)],
    ids=["a symbol", "another's", "what a derivative lost", "no symbol in common", "a symbol itself"],
)
def test_zeros_that_everyone_expects_need_no_word(output, node):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.any(g.evaluate(g.grad(output, node), {}))
