"""The parts of the search by themselves: e-graphs, runs, polynomials, points, the checks before a form is offered."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.graph import Dag
from graphc.ir.op import lookup
from graphc.search.clock import Clock
from graphc.search.columns import Columns, bits_wrong
from graphc.search.egraph import EGraph, pattern_of
from graphc.search.exact import Exact
from graphc.search.extraction import Extraction
from graphc.search.factors import take_apart
from graphc.search.fits import fitted
from graphc.search.homogeneous import normalised
from graphc.search.honesty import agreement, is_worse
from graphc.search.identities import families, fitting, proposals
from graphc.search.reals import reals
from graphc.search.regimes import branch_values, cut, cut_again, shortest
from graphc.search.sampling import intervals
from graphc.search.saturation import Matcher, Proposal, saturate
from graphc.search.truth import Points, Truth


def points_of(formula: g.Expr, ranges: dict[str, tuple[float, float]], count: int = 24) -> Points:
    dag = Dag([formula])
    ends = intervals(dag, ranges)
    return Truth([formula], dag.symbols).draw(
        ends, [False] * len(ends), count, np.random.default_rng(1), Clock(100)
    )


def graph_of(formula: g.Expr, points: Points) -> tuple[EGraph, int]:
    exact = Exact(points)
    graph = EGraph(exact.fields, 2000)
    return graph, graph.formula(formula, exact.row, lambda node: False)


@pytest.mark.sample(12)
@pytest.mark.parametrize("proposal", [pytest.param(p, id=p.text) for p in proposals()])
def test_most_identities_hold_somewhere(proposal):
    """Both sides in mpmath agree at some points of a few domains, with a float for π to its rounding."""
    allowed = 2.0**-52 if "pi" in proposal.text else 1e-25
    before, after = (g.parse(side) for side in proposal.text.split(" = "))
    names = sorted({s.name for s in g.free_symbols(before, after)})
    rng = np.random.default_rng(5)
    agreed = 0
    for low, high in ((0.1, 0.9), (1.1, 3.0), (-0.9, -0.1), (0.3, 0.6)):
        for _ in range(4):
            at = {name: float(rng.uniform(low, high)) for name in names}
            if "acosh(a) - acosh(b)" in proposal.text or "a > b" in proposal.text:
                at = dict(zip(sorted(at), sorted(at.values()), strict=True))
            try:
                one, other = (
                    g.evaluate(side, {n: at[n] for n in (s.name for s in g.free_symbols(side))}, digits=30)
                    for side in (before, after)
                )
            except g.GraphcError:
                continue
            if (
                mpmath.isfinite(one)
                and mpmath.isfinite(other)
                and abs(one - other) <= allowed * max(abs(one), 1e-5)
            ):
                agreed += 1
    assert agreed >= 2


@pytest.mark.parametrize(
    ("pattern", "formula", "ways"),
    [
        ("a + b", "x + y", 2),  # either way round
        ("a + a", "x + y", 0),
        ("a - b*b", "x - y*y", 1),
        ("a - b*b", "x - y*x", 0),
        ("x*exp(x)", "exp(y)*y", 1),
        ("exp(x)*x", "y*exp(y)", 1),
        ("exp(x)*x", "x*exp(y)", 0),
        ("(b*c - a*d)/(a*a + b*b)", "(x*y - z*w)/(x*x + z*z)", 1),
        ("(b*c - a*d)/(a*a + b*b)", "(x*y - z*w)/(x*x + w*w)", 1),
        ("(b*c - a*d)/(a*a + b*b)", "(x*y - z*w)/(x*x + y*y)", 0),
        ("1 - x/(x + y)", "1 - z/(w + z)", 1),
        ("1 - x/(x + y)", "2 - z/(w + z)", 0),
        ("x**2", "y**2", 1),
        ("x**2", "y**3", 0),
    ],
)
def test_patterns_match_where_their_names_agree(pattern, formula, ways):
    """As many ways as trying every order of the operands of sums and products finds, by hand."""
    names = [symbol.name for symbol in g.free_symbols(g.parse(formula))]
    points = points_of(g.parse(formula), dict.fromkeys(names, (0.3, 3)))
    graph, place = graph_of(g.parse(formula), points)
    found = Matcher(pattern_of(g.parse(pattern))).matches(graph, place, 48, 3000)
    assert len(found) == ways
    for classes in found:  # what is built of them is the class that they were found in
        built = graph.build(pattern_of(g.parse(pattern)), classes)
        assert built is not None
        assert graph.find(built) == graph.find(place)


def test_quick_arithmetic_is_that_of_mpmath():
    """Products, quotients, roots within a unit of the last binary digit, as normal mpmath numbers, for all sizes and signs."""
    field = reals(384)
    mp, rng = field.mp, np.random.default_rng(3)
    pairs = {"multiply": lambda x, y: x * y, "divide": lambda x, y: x / y, "hypot": mp.hypot}
    for _ in range(300):
        parts = [mp.mpf(rng.choice((0.0, 1.0, -1.0, rng.normal()))) / 3 for _ in range(2)]
        x, y = (mp.ldexp(part, int(rng.integers(-1100, 1100))) for part in parts)
        for name, peer in pairs.items():
            found = field.apply(lookup(name), (x, y))
            if name == "divide" and not y:
                assert found is None
                continue
            assert abs(found - peer(x, y)) <= abs(found) * mp.mpf(2) ** -383
            assert found == mp.mpf(found)
            assert found._mpf_ == mp.mpf(found)._mpf_
            assert found._mpf_[1] & 1 or not found
        root = field.apply(lookup("sqrt"), (x,))
        assert (root is None) == (x < 0)
        assert root is None or abs(root - mp.sqrt(x)) <= root * mp.mpf(2) ** -383


def test_proposals_stay_within_the_families_of_a_formula():
    roots, sines = (fitting(g.parse(text)) for text in ("sqrt(x**2 + 1) - x", "sin(x) - x"))
    texts = [{proposal.text for proposal in chosen} for chosen in (roots, sines)]
    assert "sqrt(a) - b = (a - b*b)/(sqrt(a) + b)" in texts[0] & texts[1]
    assert "1 - cos(x) = 2*square(sin(x/2))" in texts[1] - texts[0]
    assert "x**y = exp(y*log(x))" not in texts[0] | texts[1]
    assert families(g.parse("x**n + erf(x)")) == {"exponential", "normal"}


def test_classes_of_equal_values_are_one():
    x = g.symbol("x")
    graph, root = graph_of(g.sin(x) * g.sin(x) + g.cos(x) * g.cos(x), points_of(g.sin(x), {"x": (0.1, 3)}))
    assert graph.find(root) == graph.number(1.0)


def test_false_proposals_join_nothing():
    x = g.symbol("x")
    graph, root = graph_of(g.sqrt(x * x), points_of(g.sqrt(x * x), {"x": (-3, 3)}))
    false = Proposal(pattern_of(g.parse("sqrt(a*a)")), pattern_of(g.parse("a")), "sqrt(a*a) = a")
    saturate(graph, [false], 3, Clock(100), 1.0)
    assert graph.find(root) != graph.leaf(x, Exact(points_of(g.sqrt(x * x), {"x": (-3, 3)})).row(x))
    true = Proposal(false.before, pattern_of(g.parse("abs(a)")), "sqrt(a*a) = abs(a)")
    saturate(graph, [true], 3, Clock(100), 1.0)
    assert any(key[0] is lookup("abs") for key in graph.classes[graph.find(root)].keys)


def test_values_are_taken_apart_by_their_digits():
    x, y = g.symbols("x y")
    formula = (x * x + y * y) / 2 - ((x + y) / 2) * ((x + y) / 2)
    points = points_of(formula, {"x": (1, 2), "y": (1, 2)})
    graph, root = graph_of(formula, points)
    row = Exact(points).row
    assert take_apart(graph, root, [graph.leaf(s, row(s)) for s in (x, y)], Clock(100), 1.0)
    best = Extraction(graph, Columns(points.columns, len(points))).run(root, Clock(100), 1.0)[0]
    assert best.error < 1.5


def test_values_in_many_digits():
    field = reals(384)
    third, near = field.mp.mpf(1) / 3, field.mp.mpf(1) / 3 + field.mp.mpf(2) ** -200
    assert field.equal(third, near) and not field.equal(third, third + field.mp.mpf(2) ** -100)
    assert not field.equal(third, -third) and not field.equal(third, field.zero)
    assert field.equal(field.zero, field.zero) and field.equal(True, True) and not field.equal(True, third)
    assert field.apply(lookup("log"), [field.mp.mpf(-1)]) is None  # complex
    assert field.apply(lookup("divide"), [third, field.zero]) is None
    assert field.apply(lookup("erfcx"), [field.mp.mpf(1)]) == pytest.approx(0.42758357615580700)


@pytest.mark.parametrize("name", ["exp", "sinh", "cosh", "tanh", "erf", "erfc", "sin", "tan", "gamma", "pow"])
def test_large_numbers_take_no_time(name):
    """Functions of whole numbers whose results have huge exponents: a value or none, and not after minutes."""
    field, op = reals(384), lookup(name)
    for large in (field.mp.mpf(2) ** 1000 + 1, field.mp.mpf(2) ** (10**300)):
        for sign in (1, -1):
            value = field.apply(op, [sign * large] * op.arity)
            assert value is None or field.mp.isfinite(value)
    g.evaluate(g.tanh(g.sinh(g.symbol("x"))), {"x": 1e300}, digits=20)


def test_runs_are_those_of_all_that_could_be():
    rng = np.random.default_rng(4)
    for _ in range(20):
        count = 14
        column = np.sort(rng.choice(np.arange(9.0), count))
        wrong = np.round(rng.uniform(0, 20, (3, count)), 3)
        runs = cut(g.symbol("x"), column, wrong, 3)
        ends = [k for k in range(3, count - 2) if column[k] > column[k - 1]]
        least = np.inf
        for pieces in range(3):
            for cuts in itertools.combinations(ends, pieces):
                borders = [0, *cuts, count]
                total = sum(min(row[a:b].sum() for row in wrong) for a, b in itertools.pairwise(borders))
                least = min(least, total + 0.25 * count * pieces)
        own = runs.error * count + 0.25 * count * len(runs.cuts)
        assert own == pytest.approx(least)
        borders = [0, *runs.cuts, count]
        assert runs.error * count == pytest.approx(
            sum(
                wrong[c][runs.order][a:b].sum()
                for c, (a, b) in zip(runs.chosen, itertools.pairwise(borders), strict=True)
            )
        )


def test_pieces_may_be_chosen_by_what_is_computed():
    x, y = g.symbols("x y")
    values = branch_values([x, y], [g.exp(x * y) - 1])
    for expected in (x, y, abs(x), x - y, x / y, x * y, g.exp(x * y)):
        assert any(value is expected for value in values)
    assert not any(value.is_constant for value in values)


@pytest.mark.parametrize(
    ("text", "powers"),
    [
        ("x - n*log(1 + x/n)", {"x*(1 - ", "n*(x/n - "}),
        ("r*t - 2*r*sin(t/2)", {"r*("}),
        ("1/sqrt(a*a + b*b) - 1/a", {"/a", "/b"}),
        ("sqrt(c)*log(c/d)", {"sqrt(c)*", "sqrt(d)*"}),
        ("x + sin(x)*y*y", set()),
    ],
)
def test_formulas_that_scale(text, powers):
    """What is written with quotients is the same function, in mpmath, at points of the test's own."""
    formula = g.parse(text)
    names = [s.name for s in g.free_symbols(formula)]
    points = points_of(formula, dict.fromkeys(names, (0.5, 2)), 12)
    forms = list(normalised(formula, points))
    assert bool(forms) == bool(powers)
    for part in powers:
        assert any(part in str(form) for form in forms)
    rng = np.random.default_rng(8)
    for form in forms:
        for _ in range(5):
            at = {name: float(rng.uniform(0.1, 9)) for name in names}
            one, other = (
                g.evaluate(each, {s.name: at[s.name] for s in g.free_symbols(each)}, digits=30)
                for each in (formula, form)
            )
            assert abs(one - other) < 1e-25 * abs(one)


def test_the_shortest_number_between():
    assert shortest(0.123456, 0.2) == 0.2 and shortest(-1.0, 1.0) == 0.0 and shortest(1.4999, 1.5001) == 1.5
    assert 1.0000000000000002 <= shortest(1.0000000000000002, 1.0000000000000004) <= 1.0000000000000004


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("x - sin(x)", lambda x: x - mpmath.sin(x)),
        ("exp(x) - 1 - x", lambda x: mpmath.expm1(x) - x),
        ("(1 - cos(x))/(x*x)", lambda x: (1 - mpmath.cos(x)) / x**2),
    ],
)
def test_polynomials_near_0(text, function):
    formula = g.parse(text)
    points = points_of(formula, {"x": (-0.4, 0.4)}, 48)
    exact, columns = Exact(points), Columns(points.columns, len(points))
    forms = [form for part, form, _ in fitted(formula, exact, columns, Clock(100), 1.0) if part is formula]
    assert forms
    with mpmath.workdps(60):
        for x in (0.3, -0.001, 1e-20, 0.0123):
            errors = [
                bits_wrong(
                    np.array([g.evaluate(form, {"x": x})]), np.array([float(function(mpmath.mpf(x)))])
                )[0]
                for form in forms
            ]
            assert min(errors) <= 2.4


def test_series_that_begin_with_a_half_power():
    """The area of a segment of a circle by its height: h^(3/2) times a function that is smooth."""
    formula = g.parse("acos(1 - x) - (1 - x)*sqrt(2*x - x*x)")
    points = points_of(formula, {"x": (0, 0.5)}, 64)
    columns = Columns(points.columns, len(points))
    (x,) = points.columns
    exact = points.exact[formula]
    forms = [
        (form, good) for part, form, good in fitted(formula, Exact(points), columns, Clock(600), 1.0)
        if part is formula and good.any()
    ]  # fmt: skip
    assert forms
    for form, good in forms:
        assert (columns.bits(form, exact)[good & (points.columns[x] > 1e-200)] < 2.6).all()


def test_forms_that_are_worse_somewhere_are_refused():
    x = g.symbol("x")
    points = points_of(g.exp(x), {"x": (0, 1)}, 256)
    before, after = np.full(256, 10.0), np.zeros(256)
    assert not is_worse(before, after, points)
    order = np.argsort(points.columns[x])
    after[order[:64]] = 11.0
    assert is_worse(before, after, points)
    assert not is_worse(np.zeros(256), np.where(np.arange(256) % 21, 0.0, 1.0), points)


def test_other_functions_are_refused():
    x = g.symbol("x")
    formula = g.exp(x) - 1
    points = points_of(formula, {"x": (0, 1)}, 64)
    same = agreement(formula, g.expm1(x), [x], points, Clock(100))
    assert same is not None and same.equal > 30 and not same.near
    assert agreement(formula, g.expm1(x) + 1e-10, [x], points, Clock(100)) is None
    near = agreement(formula, g.expm1(x) * (1 + 1e-16) + 0, [x], points, Clock(100))
    assert near is not None


def test_points_have_values():
    formula = g.parse("sqrt(x)*log(y)")
    points = points_of(formula, {"x": (-4, 4), "y": (-1, 9)}, 40)
    x, y = (points.columns[s] for s in g.free_symbols(formula))
    assert len(points) == 40 and (x >= 0).all() and (y > 0).all() and points.drawn > 60
    with mpmath.workdps(50):
        exact = [float(mpmath.sqrt(a) * mpmath.log(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert points.exact[formula].tolist() == exact


def test_runs_are_cut_again_along_another_value():
    """Which of four formulas is right depends on the signs of two inputs: no cut along one of them tells."""
    x, y = g.symbols("x y")
    rng = np.random.default_rng(7)
    columns = rng.uniform(-1, 1, (2, 400))
    quadrant = 2 * (columns[0] > 0) + (columns[1] > 0)
    wrong = np.where(np.arange(4)[:, None] == quadrant, 0.0, 20.0)
    first = cut(x, columns[0], wrong)
    inner = cut_again(first, [(x, columns[0]), (y, columns[1])], wrong)
    assert set(inner) == set(range(len(first.chosen)))
    assert {each.value for each in inner.values()} == {y}
    assert max(each.error for each in inner.values()) < 1.0 < first.error - 4
    counted = np.sort(np.concatenate([each.order for each in inner.values()]))
    assert (counted == np.arange(400)).all()
