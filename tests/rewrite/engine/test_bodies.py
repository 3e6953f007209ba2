"""Rewriting inside of loops and branches, against the same steps with many digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

x = g.symbol("x")


def unstable(c):
    return g.log(1 + g.exp(c))


def loop(kind):
    if kind == "scan":
        return g.fori_loop(0, 3, lambda i, c: unstable(c), x)
    if kind == "while":
        return g.while_loop(lambda c: c < 803, unstable, x, max_steps=3)
    if kind == "cond":
        return g.cond(x > 0, unstable, lambda c: -c, x)
    return g.fori_loop(0, 3, lambda i, c: g.cond(c > 0, unstable, lambda c: c, c), x)


@pytest.mark.parametrize("kind", ["scan", "while", "cond", "nested"])
def test_what_overflows_as_written_is_finite_when_stabilised(kind):
    written = loop(kind)
    after = g.stabilize(written)
    with mpmath.workdps(30):
        wanted = mpmath.mpf(800)
        for _ in range(1 if kind == "cond" else 3):
            wanted = mpmath.log(1 + mpmath.exp(wanted))
    assert g.evaluate(written, {"x": 800.0}) != pytest.approx(float(wanted))
    assert g.evaluate(after, {"x": 800.0}) == pytest.approx(float(wanted), rel=1e-15)
    assert {step.rule for step in g.rewrites(written)} >= {"log-sum-exp"}
    assert g.evaluate(g.grad(after, x), {"x": 800.0}) == pytest.approx(1.0)


def test_the_results_of_one_loop_stay_results_of_one():
    end, ys = g.scan(lambda c, _: (unstable(c), g.exp(c) - 1), x, length=4)
    after = g.stabilize([end, ys])
    assert after[0].attrs[:-1] == after[1].attrs[:-1] and after[0].attrs[-1] == 0 and after[1].attrs[-1] == 1
    assert g.stabilize(after) == after
    plain = g.fori_loop(0, 3, lambda i, c: c * 2, x)
    assert g.stabilize(plain) is plain


def test_an_accuracy_report_of_a_loop():
    report = g.accuracy(
        g.fori_loop(0, 2, lambda i, c: unstable(c), x), {"x": (1.0, 500.0)}, samples=20, seed=1
    )
    assert report.after.worst <= 4 < 10  # bits; softplus is good to a few units in the last place


def test_operations_without_a_body_of_expressions_stay():
    """Of C and Python functions there is nothing to rewrite, of equations and own derivatives there is."""
    v = g.symbol("v", shape=(3,))
    order = g.define_op("order_of", reference=np.argmax, params="row", takes=[("n",)], shape=lambda row: ())
    soft = g.custom_vjp(lambda t: g.log(1 + g.exp(t)), name="soft")
    soft.defvjp(lambda t: (None, t), lambda t, c: (c * g.sigmoid(t),))
    root = g.root(lambda z: z + g.log(1 + g.exp(z)) - v[0], 0.0)
    written = [order(v) + g.sum(v), soft(v[1]), root, g.stop_gradient(v[2]) * 1.0]
    rewritten = g.rewrites(written)
    assert "softplus" in str(list(rewritten))
    at = {"v": np.array([1.0, 800.0, 0.5])}
    for before, after in zip(written, rewritten.outputs, strict=True):
        expected = 800.0 if before is written[1] else g.evaluate(before, at)
        assert g.evaluate(after, at) == pytest.approx(expected, rel=1e-12)
