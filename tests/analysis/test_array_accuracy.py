"""The accuracy of programs over arrays: what is known to cancel is seen to, and the rules give it back."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import ConversionError, DtypeError, InputError, ShapeError

V = g.symbol("V_acc", shape=4)


def test_a_variance_that_cancels():
    """E[x²] − E[x]² at 10⁶ ± 1: the squares agree in 40 bits of 53."""
    report = g.accuracy(g.mean(V * V) - g.mean(V) ** 2, {"V_acc": (1e6, 1e6 + 1)}, samples=12)
    assert report.before.mean > 30 and report.after.worst <= 3
    assert report.rewritten is g.var(V)
    losses = {str(node.expr): node.loss for node in report.nodes}
    assert max(losses, key=lambda name: losses[name]).startswith("mean(V_acc*V_acc) - ")
    assert losses["mean(V_acc)"] < 2
    assert "(4,)" in str(report) and "bits of error" in report.markdown()
    assert "digraph" in g.draw(report.expr, accuracy=report).source


def test_sums_of_exponentials_overflow():
    report = g.accuracy(g.log(g.sum(g.exp(V))), {V: (-1000, 1000)}, samples=12, draw="range", nodes=False)
    assert report.before.worst > 50 and report.after.worst <= 1 and not report.nodes


def test_results_that_are_arrays():
    M = g.symbol("M_acc", shape=(2, 2))
    report = g.accuracy(g.inv(M), {M: (1, 2)}, samples=6, draw="range", seed=3)
    assert len(report.samples) == 6 and report.before.worst < 45
    again = g.accuracy(g.inv(M), {M: (1, 2)}, samples=6, draw="range", seed=3)
    assert again.before.bits == report.before.bits
    np.testing.assert_array_equal(again.samples[0].at["M_acc"], report.samples[0].at["M_acc"])
    single = g.symbol("S_acc", shape=3, dtype="float32")
    assert g.accuracy(g.softmax(single), {single: (-5, 5)}, samples=6).before.worst <= 4


def test_refusals():
    for action, error, says in (
        (lambda: g.accuracy(g.sum(g.symbol("z_acc", shape=("n",)))), ShapeError, "known lengths"),
        (lambda: g.accuracy(g.argmax(V)), DtypeError, "int64"),
        (
            lambda: g.accuracy(g.svdvals(g.symbol("M_acc", shape=(2, 2))), samples=2),
            ConversionError,
            "svdvals",
        ),
        (lambda: g.accuracy(g.sum(V), {V: (2, 1)}), InputError, "range of 'V_acc'"),
        (lambda: g.accuracy(g.sum(g.log(V)), {V: (-2, -1)}, samples=2), InputError, "at none of"),
    ):
        with pytest.raises(error, match=says) as caught:
            action()
        assert caught.value.site is not None and caught.value.site.filename == __file__


def test_no_plot_over_an_array(tmp_path):
    report = g.accuracy(g.sum(V), {V: (0, 1)}, samples=4)
    with pytest.raises(InputError, match="is an array"):
        report.plot(tmp_path / "x.png")
