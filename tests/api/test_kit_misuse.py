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
    "a text as the point": lambda: bundle().fun("ab"),
    "a text as the gradient's point": lambda: bundle().jac("ab"),
    "a dict as the Hessian's point": lambda: bundle().hess({}),
    "a complex point": lambda: bundle().fun([1j, 2.0]),
    "a text as the direction": lambda: bundle().hessp([1.0, 2.0], "ab"),
    "a condition as the objective": lambda: g.minimize(x > 1, {x: 1.0}),
    "a condition as the formula": lambda: g.compile(x > y, [x, y]).scipy({"x": 1.0}, y=1.0).fun([1.0]),
    "an unknown that is none": lambda: g.minimize(x * x, {x: None}),
    "a constraint that is a text": lambda: g.minimize(x * x, {x: 1.0}, subject_to=["x > 1"]),
    "a method that is none": lambda: g.minimize(x * x, {x: 1.0}, method="steepest"),
    "points of a table out of order": lambda: g.interp(x, [2.0, 1.0, 3.0], [1.0, 2.0, 3.0]),
    "a point of a table that is NaN": lambda: g.interp(x, [0.0, np.nan], [1.0, 2.0]),
    "points of a spline out of order": lambda: g.cubic_spline(x, [2.0, 1.0, 3.0], [1.0, 2.0, 3.0]),
    "a table of two lengths": lambda: g.interp(x, [1.0, 2.0], [1.0]),
    "a negative order": lambda: g.polygamma(-1, x),
    "an order that is no whole number": lambda: g.polygamma(1.5, x),
    "operands that do not broadcast": lambda: g.gammainc(v, np.ones(3)),
    "parameters that do not broadcast": lambda: g.stats.norm.logpdf(v, np.ones(3)),
    "probabilities that do not broadcast": lambda: g.stats.binom.ppf(v, np.ones(3), 0.5),
    "arguments that do not broadcast": lambda: g.compile(x * y, [x, y])(np.ones(3), np.ones(4)),
    "values that do not broadcast": lambda: g.evaluate(x * y, {x: np.ones(3), y: np.ones(4)}),
    "a probability that is a text": lambda: g.stats.poisson.ppf("a", 3.0),
    "right sides that do not fit": lambda: g.lstsq(np.ones((3, 3)), np.ones(4)),
    "a derivative by a parameter without one": lambda: g.grad(g.gammainc(x, y), x),
    "a count of two operands": lambda: g.binom_count(x, y),
    "weights that do not fit": lambda: g.average(v, weights=np.ones(3)),
}


def bundle():
    return g.compile(x * y, [x, y]).scipy({"x": 1.0, "y": 1.0})


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_refused_with_the_next_step(name):
    with pytest.raises(GraphcError) as caught:
        MISUSES[name]()
    assert caught.value.hint
