"""What is seen of a pattern's text at a glance is what reading it gives."""

import pytest

from graphc.ir.expr import walk
from graphc.rewrite import tables
from graphc.rewrite.engine.pattern import Rule
from graphc.rewrite.engine.pattern_outline import outline
from graphc.rewrite.rules import smoothing

ROWS = {rule.pattern: rule for rule in (*tables.NORMAL, *smoothing.RULES) if isinstance(rule, Rule)}


def _read(pattern: str) -> tuple:
    root = Rule("a", pattern, "x", "stable").root
    below = [
        ("constant" if each.name.startswith("c") else None) if each.is_symbol else each.op.name
        for each in root.operands
    ]
    return root.op.name, tuple(below), {node.op.name for node in walk((root,)) if not node.op.is_leaf}


@pytest.mark.parametrize("pattern", ROWS)
def test_of_the_tables(pattern):
    assert outline(pattern) == _read(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "pi*x",
        "x - -1",
        "-c*x",
        "exp(-(x + y))**c",
        "e**x",
        "where(p, 1/x, -y)",
        "x**-2",
        "c/x",
        "abs(-x)",
        "x - (-1)",
        "(-1)*x",
        "(x)*(2)",
        "(-2)**x",
        "sqrt(x)**2",
    ],
)
def test_of_others(pattern):
    assert outline(pattern) == _read(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "2*3*x",
        "x < y",
        "min(x, y)",
        "x if p else y",
        "f(x)",
        "x +",
        "x",
        "c",
        "2",
        "x[0]",
        "-(1 + pi)*x",
        "exp()",
    ],
)
def test_what_has_to_be_read(pattern):
    assert outline(pattern) is None
