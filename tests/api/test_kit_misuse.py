"""Misuse of the kit's verbs: our own error, with what to write instead."""

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError

x, y = g.symbol("x"), g.symbol("y")
v = g.symbol("v", shape=5)

MISUSES = {
    "a format as the flag": lambda: g.jacobian(v * v, v, sparse="csc"),
    "a text as the flag": lambda: g.hessian(g.sum(v**3), v, sparse="yes"),
    "a vector of another length": lambda: bundle().unpack(np.ones(5)),
    "a text to unpack": lambda: bundle().unpack("ab"),
    "a point of another length": lambda: bundle().fun(np.ones(1)),
    "a start that is a text": lambda: g.compile(x * y, [x, y]).scipy({"x": "a", "y": 1.0}),
    "bounds that are no pair": lambda: g.minimize(x * x, {x: 1.0}, bounds={x: 3}),
    "bounds that are texts": lambda: g.minimize(x * x, {x: 1.0}, bounds={x: ("a", "b")}),
}


def bundle():
    return g.compile(x * y, [x, y]).scipy({"x": 1.0, "y": 1.0})


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_refused_with_the_next_step(name):
    with pytest.raises(GraphcError) as caught:
        MISUSES[name]()
    assert caught.value.hint
