"""Declared facts: part of a symbol's identity, kept in files and pickles, no part of what is printed."""

from __future__ import annotations

import math
import pickle

import pytest

import graphc as g
from graphc.errors import ExpressionError, FormatError, NameClashError
from graphc.frontend.json_nodes import from_rows, to_rows
from graphc.rewrite.engine.ranges import Range, Ranges


def test_a_range_is_part_of_the_identity_and_not_of_the_text():
    plain, bounded = g.symbol("x"), g.symbol("x", range=(0, 1))
    assert plain is not bounded
    assert bounded is g.symbol("x", range=(0.0, 1.0))
    assert bounded is not g.symbol("x", range=(0, 2))
    assert str(bounded + 1) == str(plain + 1) == "x + 1"
    assert plain.bounds is None
    assert bounded.bounds == (0.0, 1.0)
    assert g.symbol("x", range=(-0.0, 1)) is bounded
    with pytest.raises(NameClashError, match="within"):
        g.Graph(plain + bounded)


def test_positive_is_a_range_that_begins_above_zero():
    x, y = g.symbols("x y", positive=True)
    assert x.bounds == y.bounds == (5e-324, math.inf)
    assert g.symbol("x", positive=True, range=(-1, 2)).bounds == (5e-324, 2.0)


@pytest.mark.parametrize(
    "facts",
    [
        {"range": (2, 1)},
        {"range": 5},
        {"range": (math.nan, 1)},
        {"range": "ab"},
        {"range": (math.inf, math.inf)},
        {"range": (0, 10**400)},
        {"range": (g.symbol("t"), 1)},
        {"range": (-2, -1), "positive": True},
        {"dtype": "bool", "positive": True},
    ],
    ids=str,
)
def test_what_holds_nothing_is_refused(facts):
    with pytest.raises(ExpressionError, match="symbol 'x'"):
        g.symbol("x", **facts)


def test_facts_survive_pickling_retyping_and_files(tmp_path):
    x = g.symbol("x", range=(0.1, math.inf))
    expr = g.log(x) * 2
    assert pickle.loads(pickle.dumps(expr)) is expr
    g.save(expr, tmp_path / "f.json")
    assert g.load(tmp_path / "f.json") is expr
    (symbol,) = g.compile(expr, [x], dtype="float32").graph.symbols
    assert symbol.bounds == x.bounds
    rows = to_rows([x], [()])
    assert rows == [{"op": "symbol", "name": "x", "range": ["0.1", "inf"], "dtype": "float64"}]
    assert from_rows(rows, "node") == [x]


@pytest.mark.parametrize(
    "recorded", ["0", ["0"], ["0", 1], ["nan", "1"], ["2", "1"], ["0", "1", "2"], ["0", "__import__('os')"]]
)
def test_a_damaged_range_is_refused(recorded):
    with pytest.raises(FormatError):
        from_rows([{"op": "symbol", "name": "x", "dtype": "float64", "range": recorded}], "node")


def test_ranges_start_from_the_facts():
    x = g.symbol("x", range=(1, 4))
    assert Ranges()(x) == Range(1.0, 4.0, False)
    assert Ranges()(g.sqrt(x) - 1).nonnegative is False  # the end is widened by the error of a root
    assert Ranges()(x * x).lo == 1.0
    i = g.symbol("i", dtype="int8", range=(0, 1000))
    assert Ranges()(i) == Range(0.0, 127.0, False)
