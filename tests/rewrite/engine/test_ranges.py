"""Interval analysis: every value of every node lies in its range, and is NaN only where the range says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.graph import Dag
from graphc.rewrite.engine.ranges import Range, Ranges
from tests.counts import examples
from tests.strategies import SPECIALS, expressions, value_of

x, y = g.symbols("x y")


@settings(max_examples=examples(38), deadline=None)
@given(st.data())
def test_values_lie_in_their_ranges(data):
    output, symbols = data.draw(expressions())
    declared = {}
    for s in symbols:
        if s.dtype.kind == "f" and data.draw(st.booleans()):
            ends = sorted(
                data.draw(st.sampled_from((-math.inf, -50.0, -1.0, 0.0, 0.5, 3.0, math.inf)))
                for _ in range(2)
            )
            if ends[0] < ends[1] < math.inf or -math.inf < ends[0] < ends[1]:
                declared[s] = g.symbol(s.name, dtype=s.dtype, range=tuple(ends))
    dag = Dag([g.substitute(output, declared)])
    ranges = Ranges()
    for _ in range(6):
        values = []
        for s in dag.symbols:
            value = value_of(data.draw, s)
            if s.dtype.kind == "f" and data.draw(st.integers(0, 2)) == 0:
                value = data.draw(st.sampled_from(SPECIALS))
            if s.bounds is not None:
                value = s.bounds[0] if math.isnan(value) else min(max(value, s.bounds[0]), s.bounds[1])
            with np.errstate(over="ignore"):
                values.append(np.asarray(value).astype(s.dtype))
        with np.errstate(all="ignore"):
            computed = run_arrays(dag, values)
        for node, value in zip(dag.exprs, computed, strict=True):
            assert ranges(node).holds(float(np.asarray(value))), (node, value, ranges(node))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (g.exp(x), Range(0.0, math.inf, True)),
        (g.symbol("t", range=(1, 2)) + 3, Range(4.0, 5.0, False)),
        (g.symbol("t", range=(-1, 2)) * g.symbol("s", range=(-1, 2)), Range(-2.0, 4.0, False)),
        (g.symbol("t", range=(-1, 2)) * g.symbol("t", range=(-1, 2)), Range(0.0, 4.0, False)),
        (x * x + 1, Range(1.0, math.inf, True)),
        ((x - y) * (x - y), Range(0.0, math.inf, True)),
        (g.symbol("k", dtype="int8") * g.symbol("k", dtype="int8"), Range(-128.0, 127.0, False)),
        (abs(g.symbol("t", range=(-3, 2))), Range(0.0, 3.0, False)),
        (1 / g.symbol("t", range=(2, 4)), Range(0.25, 0.5, False)),
        (g.maximum(g.symbol("t", range=(-3, 2)), 1), Range(1.0, 2.0, False)),
    ],
    ids=str,
)
def test_ranges_that_are_read_off(expr, expected):
    assert Ranges()(expr) == expected


def test_what_may_be_nan():
    t = g.symbol("t", range=(-1, 1))
    assert Ranges()(g.log(t)).nan
    assert not Ranges()(g.log(g.symbol("u", range=(1, 2)))).nan
    assert not Ranges()(g.exp(t)).nan
    assert Ranges()(t / t).nan
    assert Ranges()(g.sin(1 / t)).nan
