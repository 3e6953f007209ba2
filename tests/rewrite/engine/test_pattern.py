"""Matching: modulo commutativity, through sharing, with constants; malformed rows are refused."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import DefinitionError
from graphc.rewrite.engine.pattern import Rule, build, match
from graphc.rewrite.engine.ranges import Ranges

x, y, z = g.symbols("x y z")


def matches(pattern: str, expr: g.Expr) -> list[dict[str, g.Expr]]:
    return list(match(Rule("own", pattern, "x", "stable").root, expr, {}))


def test_operands_of_commutative_operations_match_in_either_order():
    assert matches("x*y + z", z * (x + 1) + y) == [
        {"x": z, "y": x + 1, "z": y},
        {"x": x + 1, "y": z, "z": y},
    ]
    assert len(matches("x - y", x - y)) == 1
    assert matches("x*y", x * x) == [{"x": x, "y": x}]


def test_a_name_stands_for_one_expression():
    assert matches("x - x", g.sin(y) - g.sin(y))
    assert not matches("x - x", g.sin(y) - g.sin(z))
    assert matches("log(x)*x", z * g.log(z)) == [{"x": z}]


def test_constants():
    assert matches("x**2", y**2) == [{"x": y}]
    assert not matches("x**2", y**3)
    assert matches("x**2", y.astype("float32") ** np.float32(2))
    assert not matches("x**2", g.symbol("n", dtype="int64") ** 2)
    assert matches("x + c", y + 3) == [{"x": y, "c": g.constant(3.0)}]
    assert not matches("sin(c)", g.sin(y))


def test_booleans_are_no_numbers():
    assert not matches("where(p, x, 1)", g.where(x > 0, x, 2.0))
    assert matches("where(p, x, 1)", g.where(x > 0, y, 1.0))


def test_replacements_take_the_type_of_their_surroundings():
    small = g.symbol("s", dtype="float32")
    row = Rule("own", "log(1 + x)", "log1p(x)*1.0", "stable")
    made = row.apply(g.log(1 + small), Ranges())
    assert made is not None and made.dtype == np.float32
    assert build(row.template, {"x": small}, g.log(1 + small)) is made


@pytest.mark.parametrize(("pattern", "replacement"), [("x", "x + 0"), ("1", "x"), ("sin(x)", "sin(y)")])
def test_malformed_rows_are_refused(pattern, replacement):
    with pytest.raises(DefinitionError, match="'own'"):
        Rule("own", pattern, replacement, "stable").check()
