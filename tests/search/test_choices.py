"""Which form is taken of several, and choices within one: what a bit may cost, and the same values wherever a choice is made."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import walk
from graphc.search.alternatives import Forms, sides, tidied
from graphc.search.columns import Columns, cost
from graphc.search.improve import Question, _chosen
from graphc.search.result import Alternative


def test_a_cover_of_cheap_forms_has_no_dear_one():
    x = g.symbol("x")
    column = np.linspace(-1e-3, 1e-3, 64) + 1e-9
    exact = np.array([float(mpmath.mp.expm1(value)) for value in column])
    forms = Forms(Columns({x: column}, 64), exact)
    cheap, dear = forms.add(g.exp(x) - 1, "test"), forms.add(2 * g.exp(x / 2) * g.sinh(x / 2), "test")
    assert cheap.cost < dear.cost
    assert forms.cover(4)[0] is dear
    assert forms.cover(4, cheap.cost) == [cheap]
    assert forms.cover(4, 0.0) == []


@pytest.mark.parametrize(
    ("bits", "nanoseconds", "chosen"),
    [
        ((0.1, 0.7, 6.0), (20.0, 3.0, 2.0), 1),  # six times as quick for 0.6 bits
        ((0.1, 0.7, 6.0), (3.6, 3.0, 2.0), 0),
        ((0.1, 1.2, 6.0), (20.0, 3.0, 2.0), 0),
        ((0.1, 0.5, 6.0), (3.1, 3.0, 2.0), 1),
        ((0.1, 0.5, 0.5), (20.0, 3.0, 2.0), 2),
        (
            (0.1, 0.2, 1.0),
            (20.0, 3.0, 2.8),
            1,
        ),  # not a bit for a tenth of the time, whatever the first one takes
        ((0.1, 0.2, 0.7), (20.0, 3.0, 1.0), 2),
    ],
)
def test_a_dear_form_has_to_be_worth_its_time(bits, nanoseconds, chosen):
    formula = g.parse("x*y")
    question = Question.of([formula], None, 1.0, "accurate", 0, None)
    ways = [g.parse(text) for text in ("exp(x*y) + y", "x*y + y", "x*y")]
    offered = [
        Alternative(way, each, 50.0, cost, "test")
        for way, each, cost in zip(ways, bits, nanoseconds, strict=True)
    ]
    assert _chosen(offered, offered[-1], question, []).expr is ways[chosen]


@pytest.mark.parametrize(
    ("sides", "moved"),
    [
        (("exp(a*(1/b - 1/c))", "exp(a*((c - b)/b/c))"), "exp(a*(1/b - 1/c if b < c else (c - b)/b/c))"),
        (("exp(a)*b", "b*exp(c)"), "exp(a if b < c else c)*b"),
        (("sqrt(a + b) - a", "sqrt(b + c) - a"), "sqrt((a if b < c else c) + b) - a"),
        (("a", "a"), "a"),
        (("exp(a)", "sin(a)"), "exp(a) if b < c else sin(a)"),
        (("a + b", "b - c"), "a + b if b < c else b - c"),
        (("a*b", "b**c"), "a*b if b < c else b**c"),
    ],
)
def test_choices_are_made_where_the_sides_differ(sides, moved):
    """To the bit, at numbers of all sizes, infinities and NaN; never dearer."""
    one, other = map(g.parse, sides)
    b, c = g.symbol("b"), g.symbol("c")
    plain = g.where(b < c, one, other)
    found = tidied(plain)
    assert found is g.parse(moved) or str(found) == str(g.parse(moved))
    assert cost(found) <= cost(plain)
    special = [0.0, -0.0, 1.0, -1.5, 5e-324, 1e-308, 1e308, 1e-5, 700.0, math.inf, -math.inf, math.nan]
    rows = np.array(list(itertools.product(special, repeat=3))).T
    columns = Columns({g.symbol(name): row for name, row in zip("abc", rows, strict=True)}, rows.shape[1])
    np.testing.assert_array_equal(columns(found), columns(plain))
    np.testing.assert_array_equal(np.signbit(columns(found)), np.signbit(columns(plain)))


def test_powers_by_whole_numbers_cost_their_products():
    x, y = g.symbols("x y")
    assert cost(x * x) == cost(x**2) < cost(x**3) <= cost(x**4) < 1.2 * cost(g.sqrt(x))
    assert cost(x**4) < cost(x**12) < cost(g.exp(x)) < cost(x**2.5) == cost(x**y) == cost(x**0)
    assert cost(x**3) < cost(x**-3) < cost(x**-12) < cost(x**-17) == cost(x**y)


def test_norms_cost_more_than_the_roots_that_overflow():
    """Twice as much over values near 1, three times over all floats; a fast form must not be slower than the one it is for."""
    x, y = g.symbols("x y")
    assert cost(g.hypot(x, y)) > 1.5 * cost(g.sqrt(x * x + y * y))


def test_the_sides_of_choices_are_forms():
    x, y = g.symbols("x y")
    safe = g.where(x < y, g.where(y > 0, x / y, x), x * y) + g.where(x > 3, x, y)
    assert sides(safe) == [x / y + x, x * y + y]
    assert sides(x + y) == []


def test_a_safe_form_of_the_rules_is_offered_without_its_guards():
    u, v = g.symbols("u v")
    found = g.improve((u + v) / (1 + u * v) - u, {u: (-0.9, 0.9), v: (1e-9, 0.5)}, budget=20)
    assert found.parts[0].chosen.bits < 1
    assert not any(node.op.name == "where" for node in walk([found.expr]))
    assert found.parts[0].chosen.cost < 2 * found.parts[0].written.cost
