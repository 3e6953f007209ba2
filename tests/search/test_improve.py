"""g.improve against mpmath: fewer wrong bits at points of the tests' own, nowhere worse, deterministic, within its budget."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner

import graphc as g
from graphc.cli import main
from graphc.errors import DtypeError, InputError, ShapeError

BUDGET = 60.0
"""Seconds, so that what ends a search is that nothing better was found."""


def bits(computed: np.ndarray, exact: list[float]) -> np.ndarray:
    """log₂(1 + distance in floats), from the bits of the numbers."""

    def order(values: Any) -> list[int]:
        whole = np.asarray(values, dtype=np.float64).view(np.int64)
        return [int(n) if n >= 0 else -(int(n) + 2**63) for n in whole]

    return np.array(
        [
            64.0 if math.isnan(c) else math.log2(1 + abs(a - b))
            for c, a, b in zip(computed.tolist(), order(computed), order(exact), strict=True)
        ]
    )


mp = mpmath.mp.clone()
mp.dps = 120

FORMULAS = {
    "sqrt(x + 1) - sqrt(x)": (lambda x: mp.sqrt(x + 1) - mp.sqrt(x), {"x": (1e-3, 1e15)}, 1.0),
    "sqrt(a*a + d) - a": (lambda a, d: mp.sqrt(a * a + d) - a, {"a": (1, 1e8), "d": (1e-3, 1)}, 1.0),
    "(1 - cos(x))/x": (lambda x: (1 - mp.cos(x)) / x, {"x": (1e-9, 1)}, 1.0),
    "log((1 + x)/(1 - x))": (lambda x: mp.log((1 + x) / (1 - x)), {"x": (1e-12, 0.5)}, 1.0),
    "atan(x + 1) - atan(x)": (lambda x: mp.atan(x + 1) - mp.atan(x), {"x": (1, 1e12)}, 1.0),
    "sinh(x)*cosh(y) - cosh(x)*sinh(y)": (
        lambda x, y: mp.sinh(x) * mp.cosh(y) - mp.cosh(x) * mp.sinh(y), {"x": (5, 6), "y": (5, 6)}, 1.5,
    ),
    "x**4 - y**4": (lambda x, y: x**4 - y**4, {"x": (1, 1.01), "y": (1, 1.01)}, 1.0),
    "sqrt((x*x + y*y)/2) - (x + y)/2": (
        lambda x, y: mp.sqrt((x * x + y * y) / 2) - (x + y) / 2, {"x": (1, 1.001), "y": (1, 1.001)}, 1.5,
    ),
    "x*x*x - 3*x*x + 3*x - 1": (lambda x: x**3 - 3 * x * x + 3 * x - 1, {"x": (0.9, 1.1)}, 1.5),
    "acos(1 - x)": (lambda x: mp.acos(1 - x), {"x": (1e-14, 0.1)}, 1.0),
    "exp(x) - 1 - x - x*x/2": (lambda x: mp.exp(x) - 1 - x - x * x / 2, {"x": (1e-6, 0.5)}, 1.5),
    "(1 + x)**n - 1": (lambda x, n: (1 + x) ** n - 1, {"x": (1e-10, 1e-2), "n": (1, 100)}, 2.0),
}  # fmt: skip
"""Formula → (what it is in mpmath, ranges, mean bits of error that are to be reached)."""


def drawn(ranges: dict[str, tuple[float, float]], count: int) -> dict[str, np.ndarray]:
    """Points of the test's own: by powers of ten and evenly."""
    rng = np.random.default_rng(2718)
    columns = {}
    for name, (low, high) in ranges.items():
        even = rng.uniform(low, high, count)
        powers = np.exp(rng.uniform(math.log(low), math.log(high), count))
        columns[name] = np.where(np.arange(count) % 2 == 0, even, powers)
    return columns


QUICK = ("sqrt(x + 1) - sqrt(x)",)


@pytest.mark.parametrize(
    "text", [pytest.param(text, marks=() if text in QUICK else pytest.mark.slow) for text in FORMULAS]
)
def test_fewer_bits_are_wrong_and_nowhere_more(text):
    function, ranges, reached = FORMULAS[text]
    formula = g.parse(text)
    found = g.improve(formula, ranges, budget=BUDGET)
    columns = drawn(ranges, 200)
    inputs = [columns[s.name] for s in g.free_symbols(formula)]
    exact = [
        float(function(*map(mp.mpf, row))) for row in zip(*(columns[n].tolist() for n in ranges), strict=True)
    ]
    names = [g.symbol(s.name) for s in g.free_symbols(formula)]
    before, after = (
        bits(np.asarray(g.compile(e, names, rewrite=None)(*inputs)), exact) for e in (formula, found.expr)
    )
    assert after.mean() <= reached
    assert before.mean() > 2 * reached  # or there was nothing to find
    assert np.mean(np.maximum(after, 1) <= np.maximum(before, 1) + 3) > 0.99
    assert found.parts[0].written.expr is formula
    assert abs(found.bits[1] - after.mean()) < 3


def test_a_seed_decides():
    formula = g.parse("sqrt(x + 1) - sqrt(x)")
    one, other = (g.improve(formula, {"x": (1, 1e10)}, budget=BUDGET, seed=3) for _ in range(2))
    assert one.expr is other.expr
    assert [str(each) for each in one.alternatives] == [str(each) for each in other.alternatives]


def test_nothing_is_offered_where_nothing_is_lost():
    formula = g.parse("x*y")
    found = g.improve(formula, {"x": (1, 2), "y": (1, 2)}, budget=BUDGET)
    assert found.expr is formula
    assert "nothing is lost" in found.report


@pytest.mark.slow
def test_goals():
    formula = g.parse("(exp(x) - 1)/x")
    accurate, fast, pareto = (
        g.improve(formula, {"x": (1e-9, 1)}, budget=BUDGET, goal=goal)
        for goal in ("accurate", "fast", "pareto")
    )
    assert accurate.bits[1] < 1 < accurate.bits[0]
    assert fast.parts[0].chosen.cost <= fast.parts[0].written.cost
    assert fast.bits[1] <= fast.bits[0] + 0.1
    assert pareto.bits[1] <= pareto.bits[0]
    for found in (accurate, fast, pareto):
        front = found.alternatives
        assert all(a.bits <= b.bits and a.cost > b.cost for a, b in itertools.pairwise(front))


@pytest.mark.slow
def test_the_cheapest_form_with_enough_digits():
    found = g.improve(g.parse("(exp(x) - 1)/x"), {"x": (1e-3, 1)}, budget=BUDGET, digits=3)
    assert found.parts[0].chosen.cost <= found.parts[0].written.cost


@pytest.mark.slow
def test_value_and_gradient_together():
    x, y = g.symbols("x y")
    value = g.log(x) - g.log(y)
    tree = {"value": value, "gradient": g.grad(value, [x, y])}
    found = g.improve(tree, {"x": (1, 1.001), "y": (1, 1.001)}, budget=BUDGET)
    assert set(found.expr) == {"value", "gradient"} and len(found.expr["gradient"]) == 2
    f: Any = g.compile(found.expr, [x, y], rewrite=None)
    a, b = 1.0000001, 1.0000000000003
    result = f(a, b)
    exact = mp.log(mp.mpf(a)) - mp.log(mp.mpf(b))
    assert abs(result["value"] - exact) <= 4 * 2.0**-53 * abs(exact)
    assert result["gradient"] == pytest.approx([1 / a, -1 / b], rel=1e-15)


# --- hostile input -------------------------------------------------------------------------------------------------------


def test_a_budget_of_zero_gives_the_formula():
    formula = g.parse("sqrt(x + 1) - sqrt(x)")
    assert g.improve(formula, budget=0).expr is formula


def test_nan_everywhere():
    x = g.symbol("x")
    formula = x + math.nan
    found = g.improve(formula, budget=0.5)
    assert found.expr is formula
    for text in (str(found), repr(found), found.to_html(), found.to_latex()):
        assert "nan bits" not in text.lower() and "nan found" not in text
    assert "NaN constant" in str(found) and "NaN constant" in repr(found)
    assert "finite value" in str(g.improve(g.parse("log(-1 - q*q)"), budget=0.5))


def test_focus_is_where_half_of_the_points_are():
    formula = g.parse("sqrt(x + 1) - sqrt(x)")
    inside = g.improve(formula, {"x": (1, 1e300)}, focus={"x": (1e6, 2e6)}, budget=BUDGET)
    column = inside.parts[0].fresh.columns[g.symbol("x")]
    share = np.mean((column >= 1e6) & (column <= 2e6))
    assert 0.45 < share < 0.6 and inside.bits[1] < 1
    with pytest.raises(InputError, match="no input 'y'"):
        g.improve(formula, focus={"y": (1, 2)})
    with pytest.raises(InputError, match="outside of its range"):
        g.improve(formula, {"x": (1, 2)}, focus={"x": (3, 4)})
    with pytest.raises(InputError, match="focus is a dict"):
        g.improve(formula, focus=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["floor(x) - x", "where(x > 1, 1/x, x)", "sign(sin(1/x))", "x/0", "x - x", "mod(x, 3) - x"]
)
def test_functions_with_jumps_and_poles(text):
    found = g.improve(g.parse(text, {"x": g.symbol("x")}), {"x": (-10, 10)}, budget=0.5)
    assert not found.bits[1] > found.bits[0] + 0.1


def test_twelve_inputs():
    names = g.symbols(" ".join(f"x{k}" for k in range(12)))
    formula = g.exp(sum(names[1:], names[0])) - 1
    found = g.improve(formula, dict.fromkeys((s.name for s in names), (-1e-9, 1e-9)), budget=2)
    assert found.bits[1] <= found.bits[0]


def test_thousands_of_operations():
    x = g.symbol("x")
    formula = x
    for k in range(1500):
        formula = g.sin(formula) + x / (k + 1)
    found = g.improve(formula, {"x": (0, 1)}, budget=1)
    assert not found.bits[1] > found.bits[0] + 0.1


def test_what_is_refused():
    x = g.symbol("x")
    formula = g.sqrt(x + 1) - g.sqrt(x)
    with pytest.raises(InputError, match="from 2"):
        g.improve(formula, {"x": (2, 1)})
    with pytest.raises(InputError, match="no input 'y'"):
        g.improve(formula, {"y": (1, 2)})
    with pytest.raises(InputError, match="budget"):
        g.improve(formula, budget=-1)
    with pytest.raises(InputError, match="goal"):
        g.improve(formula, goal="best")
    with pytest.raises(InputError, match="digits"):
        g.improve(formula, digits=0)
    with pytest.raises(DtypeError, match="float32"):
        g.improve(g.symbol("s", dtype="float32") + 1)
    with pytest.raises(ShapeError, match="arrays"):
        g.improve(g.sum(g.symbol("v", shape=(3,))))
    with pytest.raises(InputError, match=r"compile\(ranges"):
        g.compile(formula, ranges={"x": (1, 2)})


# --- compiled, drawn, told ------------------------------------------------------------------------------------------------


def test_compile_searches_once(tmp_path, monkeypatch):
    import graphc.search.kept as kept
    from graphc.compiler.engine import object_cache

    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    object_cache.store.cache_clear() if hasattr(object_cache.store, "cache_clear") else None
    count = 0
    answered = kept.answered

    def counted(*args: Any) -> Any:
        nonlocal count
        count += 1
        return answered(*args)

    monkeypatch.setattr(kept, "answered", counted)
    x = g.symbol("x")
    formula = g.exp(x) - 1
    options: dict[str, Any] = {"rewrite": "search", "ranges": {"x": (-1, 1)}, "budget": BUDGET}
    f, again = (g.compile([formula, g.grad(formula, x)], [x], **options) for _ in range(2))
    assert count == 1
    for function in (f, again):
        value, slope = function(1e-12)
        assert value == float(mp.expm1(mp.mpf(1e-12))) and slope == math.exp(1e-12)
    g.compile(formula, [x], cache=False, **options)
    assert count == 2


@pytest.mark.slow
def test_compile_takes_arrays_beside():
    x, v = g.symbol("x"), g.symbol("v", shape=(3,))
    f: Any = g.compile(
        [g.exp(x) - 1, g.sum(v * x)], [x, v], rewrite="search", ranges={"x": (-1, 1)}, budget=5, cache=False
    )
    value, total = f(1e-12, np.ones(3))
    assert value == float(mp.expm1(mp.mpf(1e-12))) and total == 3e-12


def test_report_pictures_and_page(tmp_path):
    pytest.importorskip("matplotlib")
    found = g.improve(g.parse("sqrt(x + 1) - sqrt(x)"), {"x": (1, 1e10)}, budget=BUDGET)
    assert (
        "as written" in found.report and "ball arithmetic" in found.report and "has not seen" in found.report
    )
    assert found._repr_html_().startswith("<table>") and "sqrt(x + 1)" in found.to_html()
    assert "\\sqrt{x + 1}" in found.to_latex()
    assert found.plot(tmp_path / "e.svg").stat().st_size > 1000
    source = g.draw(found, {"x": 2.0}).source
    assert "as written" in source and "found" in source and "bits" in source
    with pytest.raises(InputError, match="no input"):
        found.plot(tmp_path / "e.svg", "y")


def test_command_line(tmp_path):
    run = CliRunner().invoke(main, ["improve", "exp(x) - 1", "--range", "x=-1,1", "--budget", "60"])
    assert run.exit_code == 0 and "expm1(x)" in run.output
    page = tmp_path / "page.html"
    command = [
        "improve",
        "exp(x) - 1",
        "--range",
        "x=-1,1",
        "--budget",
        "1",
        "--format",
        "html",
        "-o",
        str(page),
    ]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert "<table>" in page.read_text()
    command = ["improve", "exp(x) - 1", "--range", "x=-1,1", "--budget", "60", "--derivatives", "2"]
    run = CliRunner().invoke(main, command)
    assert run.exit_code == 0 and "output 2" in run.output
    run = CliRunner().invoke(main, ["improve", "exp(x) - 1", "--range", "x=2,1"])
    assert run.exit_code == 1 and "from 2" in run.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("cbrt(sqrt(q*q + p*p*p) + q) - cbrt(sqrt(q*q + p*p*p) - q)", {"p": (1, 1e60), "q": (1e-60, 1)}),
        ("t - asin(sin(t)/n)", {"t": (0.1, 1.5), "n": (1.0001, 1.0003)}),
        ("(a + d - sqrt((a - d)*(a - d) + 4*b*b))/2", {"a": (10, 1e170), "d": (0.1, 1), "b": (0.001, 0.1)}),
    ],
)  # fmt: skip
def test_cubics_refraction_and_eigenvalues(text, ranges):
    found = g.improve(g.parse(text), ranges, budget=8)
    before, after = found.bits
    assert before > 4 and after < 1
