"""What a compiled function reports of itself, held against what is known of the formula and of the machine code."""

from __future__ import annotations

import pickle

import numpy as np

import graphc as g
from graphc.compiler.engine import thread_pool
from graphc.compiler.targets.llvm import libm

X, Y = g.symbols("x y")


def test_the_counts_of_a_formula():
    f = g.compile(g.value_and_grad(X * Y + X, [X, Y]), [X, Y], rewrite=None)
    report = f.report()
    assert report.operations == {"add": 2, "multiply": 1}  # the value and ∂/∂x = y + 1
    assert report.bytes_per_element == 5 * 8
    assert report.intensity == 3 / 40
    assert report.rewriting is None and "rewriting: none" in str(report)
    assert "no loop over arrays has been needed yet" in str(report)


def test_vectors_and_calls_are_read_from_the_assembly():
    a = np.ones(100)
    # a processor without FMA calls the C library's exp
    packed = g.compile(X * Y + (g.exp(X) if libm.has_fma() else g.sqrt(X)), [X, Y])
    packed(a, a)
    (loop,) = [made for made in packed.report().modules if made.what == "loop ccc"]
    assert loop.width >= 128 and not loop.calls and "no call" in str(loop)
    scalar = g.compile(g.lgamma(X) * Y, [X, Y])
    scalar(a, a)
    (loop,) = [made for made in scalar.report().modules if made.what == "loop ccc"]
    assert loop.calls == {"lgamma": "lgamma"} and "calls lgamma()" in str(scalar.report())
    assert "left scalar: lgamma() is the C library's and takes one number" in str(scalar.report())
    special = g.compile(g.digamma(X) * Y, [X, Y])
    special(a, a)
    assert "graphc_digamma() is SciPy’s and takes one number" in str(special.report())


def test_a_long_body_is_called():
    value = X
    for _ in range(300):
        value = value * Y + 0.5
    f = g.compile(value, [X, Y])
    f(np.ones(3), np.ones(3))
    loop = f.report().modules[1]
    assert list(loop.calls.values()) == ["the whole body"]
    assert "called for each element as it is long" in str(f.report())
    assert "left scalar: a long body is compiled once" in str(loop)


def test_the_phases_and_the_cache():
    x = g.symbol("only_here")
    f = g.compile(x * 2 + 0.125, [x], cache=False)
    report = f.report()
    assert {"rewrite", "plan", "emit", "optimise and generate"} <= set(report.seconds)
    assert all(taken >= 0 for taken in report.seconds.values())
    assert report.modules[0].cache.startswith("off")
    assert "rewriting" not in str(pickle.loads(pickle.dumps(f)).report()).split("rewriting: none")[0]


def test_rules_that_fired():
    report = g.compile(g.parse("log(1/(exp(-x) + 1))")).report()
    assert report.rewriting is not None
    assert report.rewriting.steps["log-sigmoid"] == 1 and "log-sigmoid" in report.rewriting.stable
    assert report.rewriting.operations == (5, 1)
    assert "log-sigmoid" in str(report)
    slow = g.compile(g.parse("sin(x + y) - sin(x)")).report().rewriting
    assert slow is not None and slow.operations[1] >= slow.operations[0]
    assert slow.slower == ("slower for accuracy's sake" in str(slow))
    nothing = g.compile(X + Y).report()
    assert nothing.rewriting is not None and "no rule fired" in str(nothing)


def test_threads_are_told():
    assert g.compile(X * Y, parallel=False).report().threads_from is None
    assert g.compile(X * Y, parallel=True).report().threads_from == 1
    report = g.compile(X * Y).report()
    assert report.threads == g.get_num_threads()
    assert report.threads_from is not None
    assert (
        (report.threads_from - 1) * report.nanoseconds
        < thread_pool.WORTH
        <= report.threads_from * report.nanoseconds
    )
