"""Loops over axes that lie together are one loop; what reads them in another order, or one of them alone, keeps them apart."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.schedule.fusion import Group
from graphc.compiler.schedule.loop_collapse import merged

SHAPE = (3, 4, 5)

OPERANDS = {
    "all": (SHAPE, lambda b: b, [2, 3]),
    "channels": ((3,), lambda b: g.reshape(b, (3, 1, 1)), [3]),
    "places": ((4, 5), lambda b: b, [3]),
    "rows": ((4, 1), lambda b: b, []),
    "columns": ((5,), lambda b: b, [2]),
    "number": ((), lambda b: b, [2, 3]),
    "turned": ((5, 4), lambda b: g.permute_dims(b, (1, 0)), []),
    "backwards": ((4, 5), lambda b: g.flip(b, axis=1), []),
    "in another shape": ((20,), lambda b: g.reshape(b, (4, 5)), []),
    "a part": ((4, 7), lambda b: b[:, 1:6], []),
    "its own diagonal": ((6, 6), lambda b: (b + 1)[:4, :5] * b[1:5, 1:], []),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", OPERANDS)
def test_sums_with_operands_of_every_arrangement(name):
    shape, arranged, wanted = OPERANDS[name]
    x, k, b = (
        g.symbol("x", shape=("n", 1, 4, 5)),
        g.symbol("k", shape=(3, 1, 1, 1)),
        g.symbol("b", shape=shape),
    )
    out = g.tanh(g.conv2d(x, k) + arranged(b))
    outputs = [out, g.max_pool2d(out, 2), *g.grad(g.sum(out), [x, b])]
    f = g.compile(outputs, [x, k, b], rewrite=None)
    stages = [stage for step in f._plan.steps if isinstance(step, Group) for stage in step.stages]
    loop = next(stage for stage in stages if stage.node is f._plan.dag.exprs[f._plan.dag.outputs[0]])
    found = merged([loop], loop.space, 1)
    assert found == wanted
    rng = np.random.default_rng(0)
    for n in (2, 1, 9):
        at = {
            "x": rng.normal(size=(n, 1, 4, 5)),
            "k": rng.normal(size=(3, 1, 1, 1)),
            "b": rng.normal(size=shape),
        }
        for result, value in zip(f(**at), g.evaluate(outputs, at), strict=True):
            np.testing.assert_allclose(result, value, rtol=0, atol=1e-13 * n)


def test_sums_along_some_of_the_axes():
    x, k = g.symbol("x", shape=("n", 1, 4, 6)), g.symbol("k", shape=(3, 1, 1, 1))
    hidden = g.conv2d(x, k) * 2.5
    outputs = [
        hidden,
        *[g.sum(g.exp(hidden), axis=axis) for axis in (1, 2, 3, (2, 3), (1, 2), (1, 2, 3), 0, (0, 1))],
    ]
    f = g.compile(outputs, [x, k], rewrite=None)
    rng = np.random.default_rng(0)
    for n in (1, 7):
        at = {"x": rng.normal(size=(n, 1, 4, 6)), "k": rng.normal(size=(3, 1, 1, 1))}
        for result, value in zip(f(**at), g.evaluate(outputs, at), strict=True):
            np.testing.assert_allclose(result, value, rtol=1e-12)
