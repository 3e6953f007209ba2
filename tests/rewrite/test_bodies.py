"""Rewriting inside of loops and branches, against the same steps with many digits."""

from __future__ import annotations

import mpmath
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
