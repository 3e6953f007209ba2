"""Accuracy reports: against values known in advance, against mpmath, and against bad input."""

from __future__ import annotations

import math
import re

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner

import graphc as g
from graphc.analysis.accuracy import accuracy
from graphc.analysis.accuracy_report import Accuracy
from graphc.cli import main
from graphc.errors import DtypeError, FileError, InputError, RenderError, ShapeError
from graphc.ir.ulp import bits_of_error, from_ordinals, ordinals, rounded
from tests.benchmarks.hamming import EXERCISES, GOOD, PAGE, measure

x, y = g.symbols("x y")


# --- floats as whole numbers ---------------------------------------------------------------------------------------


def test_ordinals_count_the_floats():
    for dtype in (np.dtype("float32"), np.dtype("float64")):
        one = dtype.type(1)
        beside = [
            -np.inf,
            -one,
            np.nextafter(dtype.type(0), -one),
            -0.0,
            0.0,
            np.nextafter(dtype.type(0), one),
        ]
        beside += [one, np.nextafter(one, dtype.type(2)), np.finfo(dtype).max, np.inf]
        values = np.array(beside, dtype=dtype)
        numbers = ordinals(values, dtype).tolist()
        assert numbers == sorted(numbers) and numbers[3] == numbers[4] == 0
        assert (
            numbers[5] == 1
            and numbers[2] == -1
            and numbers[7] - numbers[6] == 1
            and numbers[9] - numbers[8] == 1
        )
        assert (from_ordinals(numbers, dtype) == values).all()


def test_bits_of_error_of_the_two_ends_do_not_overflow():
    most = np.finfo(np.float64).max
    assert bits_of_error([most], [-most])[0] == pytest.approx(64, abs=0.01)
    assert bits_of_error([math.nan, 1.0, -0.0], [1.0, math.nan, 0.0]).tolist() == [64, 64, 0]
    assert bits_of_error([math.nan], [1.0], np.dtype("float32")).tolist() == [32]


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_rounding_is_the_nearest_float_ties_to_even(name):
    dtype = np.dtype(name)
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    ends = [info.smallest_subnormal, info.tiny, info.max, dtype.type(1), dtype.type(0)]
    drawn = from_ordinals(
        rng.integers(0, int(ordinals([info.max], dtype)[0]), 300, dtype=f"i{dtype.itemsize}"), dtype
    )
    with mpmath.workprec(3000):
        for value in (*ends, *drawn):
            with np.errstate(over="ignore"):
                up = np.nextafter(value, dtype.type(np.inf))
            assert rounded(mpmath.mpf(float(value)), dtype) == value
            if not np.isfinite(up):
                continue
            low, high = mpmath.mpf(float(value)), mpmath.mpf(float(up))
            middle, sliver = (low + high) / 2, (high - low) / 2**70
            even = value if ordinals([value], dtype)[0] % 2 == 0 else up
            assert rounded(middle, dtype) == even
            assert rounded(middle + sliver, dtype) == up and rounded(middle - sliver, dtype) == value
            assert rounded(-(middle + sliver), dtype) == -up
        most, step = mpmath.mpf(float(info.max)), mpmath.mpf(2) ** (info.maxexp - info.nmant - 1)
        assert (
            rounded(most + step * 0.49, dtype) == info.max and rounded(most + step * 0.5, dtype) == math.inf
        )
        assert rounded(mpmath.mpf(10) ** 5000, dtype) == math.inf
        assert rounded(-(mpmath.mpf(10) ** -5000), dtype) == 0
        assert math.isnan(rounded(mpmath.nan, dtype)) and rounded(mpmath.inf, dtype) == math.inf


# --- reports --------------------------------------------------------------------------------------------------------


def test_the_errors_are_those_that_mpmath_finds():
    """By hand at every sample: the formula in NumPy and in 400 digits, the distance by stepping through the ordinals."""
    report = accuracy(g.sqrt(x + 1) - g.sqrt(x), {"x": (0, 1e9)}, samples=60, nodes=False)
    assert len(report.samples) == 60 and {sample.drawn for sample in report.samples} == {"floats", "range"}
    with mpmath.workdps(400):
        for sample, bits in zip(report.samples, report.before.bits, strict=True):
            at = sample.at["x"]
            exact = float(mpmath.sqrt(mpmath.mpf(at) + 1) - mpmath.sqrt(mpmath.mpf(at)))
            computed = float(np.sqrt(at + 1) - np.sqrt(at))
            assert (sample.exact, sample.before) == (exact, computed)
            steps = abs(int(np.array(computed).view(np.int64)) - int(np.array(exact).view(np.int64)))
            assert bits == math.log2(1 + steps)
    assert report.before.mean == math.fsum(report.before.bits) / 60
    assert report.before.worst == max(report.before.bits)
    worst = report.before.bits.index(report.before.worst)
    assert report.before.at == report.samples[worst].at
    assert report.before.mean > 10 and report.after.worst <= 2


def test_what_is_exact_has_no_error():
    report = accuracy(-x * 2, {"x": (-1e300, 1e300)}, samples=50)
    assert report.before.worst == report.after.worst == 0
    assert [node.loss for node in report.nodes] == [0, 0]


def test_condition_numbers():
    at = {"x": (2.0, 2.0), "y": (-1.75, -1.75)}
    report = accuracy(g.exp(x) * (x + y), at, samples=4)
    by_text = {str(node.expr): node for node in report.nodes}
    # |x f′/f| of exp is |x|; of x + y it is (|x| + |y|)/|x + y|; of a product 1 + 1
    assert by_text["exp(x)"].condition == pytest.approx(2, rel=1e-12)
    assert by_text["x + y"].worst_condition == pytest.approx(15, rel=1e-12)
    assert by_text["exp(x)*(x + y)"].condition == pytest.approx(2, rel=1e-12)


def test_digits_die_at_the_cancellation():
    report = accuracy(g.log(1 / (g.exp(-x) + 1)), {"x": (20, 36)}, samples=100)
    losses = {str(node.expr): node.loss for node in report.nodes}
    log = "log(1/(exp(-x) + 1))"
    assert losses[log] > 20 and max(loss for text, loss in losses.items() if text != log) < 1
    assert report.losses[report.expr][0] == losses[log]


def test_overflow_on_the_way_is_seen_where_it_becomes_nan():
    report = accuracy(g.exp(x) / (g.exp(x) + 1), {"x": (800, 1000)}, samples=20)
    assert report.before.mean == 64 and report.after.worst <= 1
    assert [node.loss for node in report.nodes] == [0, 0, 64]


def test_a_branch_not_taken_costs_nothing():
    report = accuracy(g.where(x > 0, g.log(x), x), {"x": (-5, 5)}, samples=80)
    log = next(node for node in report.nodes if node.expr.op.name == "log")
    assert report.undefined == 0 and math.isfinite(log.condition) and log.worst_loss <= 2
    assert report.nodes[-1].worst_condition == 1  # of the operand that is taken alone


def test_points_without_a_value_are_counted_and_left_out():
    report = accuracy(g.log(x), {"x": (-1, 1)}, samples=100)
    assert len(report.samples) == 100 and report.undefined == report.drawn - 100 > 50
    assert all(sample.at["x"] > 0 for sample in report.samples)
    assert f"{report.undefined} undefined" in str(report)
    report = accuracy(g.exp(x), {"x": (700, 720)}, samples=100)
    assert report.too_large == report.drawn - 100 > 50 and report.undefined == 0


def test_the_seed_decides():
    formula = g.sqrt(x * x + y) - x
    one, again, other = (accuracy(formula, samples=30, seed=seed) for seed in (1, 1, 2))
    assert one == again and str(one) == str(again)
    assert one.samples != other.samples


def test_draws_stay_in_the_ranges_and_reach_small_numbers():
    report = accuracy(x + y, {"x": (-3, 5)}, samples=200, nodes=False)
    assert all(-3 <= sample.at["x"] <= 5 for sample in report.samples)
    assert min(abs(sample.at["x"]) for sample in report.samples) < 1e-100
    even = accuracy(x + y, {"x": (-3, 5)}, samples=200, draw="range", nodes=False)
    assert min(abs(sample.at["x"]) for sample in even.samples) > 1e-6


def test_declared_facts_are_ranges():
    z = g.symbol("z", positive=True)
    report = accuracy(g.log(z), samples=40, nodes=False)
    assert report.undefined == 0 and report.ranges["z"][0] >= 0


def test_float32_integers_and_booleans():
    s, k, p = g.symbol("s", dtype="float32"), g.symbol("k", dtype="int64"), g.symbol("p", dtype="bool")
    report = accuracy(g.exp(s) - 1, {"s": (-1, 1)}, samples=60)
    assert report.before.worst < 32 and report.after.worst <= 1
    assert all(np.float32(sample.at["s"]) == sample.at["s"] for sample in report.samples)
    report = accuracy(g.where(p, x * k, x), {"k": (1, 5)}, samples=60)
    assert {sample.at["k"] for sample in report.samples} == {1, 2, 3, 4, 5}
    assert {sample.at["p"] for sample in report.samples} == {True, False} and report.before.worst == 0


def test_a_formula_without_inputs():
    report = accuracy(g.parse("sqrt(2) - 1") + 0 * g.constant(1.0))
    assert len(report.samples) == 1 and report.samples[0].exact == pytest.approx(math.sqrt(2) - 1)


@pytest.mark.slow
def test_a_long_chain_is_measured_with_fewer_samples():
    value = x
    for _ in range(600):
        value = value * 1.0000001
    report = accuracy(value, {"x": (1, 2)})
    assert len(report.samples) == 49 and len(report.nodes) == 600 and 0.5 < report.before.mean < 12


def test_graphs_and_functions_are_taken():
    @g.function
    def f(x):
        return g.exp(x) - 1

    assert accuracy(f, {"x": (-1, 1)}, samples=8).rewritten is g.expm1(x)
    assert accuracy(g.Graph(g.exp(x) - 1), {x: (-1, 1)}, samples=8).rewritten is g.expm1(x)


def test_a_rule_that_is_switched_off_does_not_count():
    report = accuracy(g.exp(x) - 1, {"x": (-1, 1)}, samples=30, without=["expm1", "vanishing-pair"])
    assert report.rewritten is report.expr and report.after == report.before


def test_markdown_is_a_table():
    text = accuracy(g.where((x > 1) | (x < -1), x, g.sin(x)), samples=8)._repr_markdown_()
    assert text.startswith("| bits of error |") and "(x > 1) \\| (x < -1)" in text


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "names"),
    [
        (lambda: accuracy((x, y)), InputError, "one output"),
        (lambda: accuracy(x > 1), DtypeError, "bool"),
        (lambda: accuracy(g.symbol("v", shape=("n",)) * 2), ShapeError, "v"),
        (lambda: accuracy(x, {"z": (0, 1)}), InputError, "'z'"),
        (lambda: accuracy(x, {"x": (1, 0)}), InputError, "'x'"),
        (lambda: accuracy(x, {"x": (0, math.inf)}), InputError, "finite"),
        (lambda: accuracy(x, {"x": (0, math.nan)}), InputError, "'x'"),
        (lambda: accuracy(x, {"x": 3}), InputError, "two numbers"),
        (lambda: accuracy(x, {"x": ("a", "b")}), InputError, "two numbers"),
        (lambda: accuracy(x, {"x": (0, 1, 2)}), InputError, "two numbers"),
        (lambda: accuracy(x, [("x", 1)]), InputError, "dict"),
        (lambda: accuracy(x, samples=0), InputError, "samples"),
        (lambda: accuracy(x, samples=True), InputError, "samples"),
        (lambda: accuracy(x, seed=-1), InputError, "seed"),
        (lambda: accuracy(x, seed="now"), InputError, "seed"),
        (lambda: accuracy(x, draw="all"), InputError, "draw"),
        (lambda: accuracy(g.log(x), {"x": (-2, -1)}), InputError, "none of"),
        (lambda: g.draw(x * 2, accuracy=0.5), InputError, "report"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_name(call, error, names):
    with pytest.raises(error) as caught:
        call()
    assert names in str(caught.value)


# --- diagrams, plots, the command line --------------------------------------------------------------------------------


def test_the_diagram_shows_where_digits_die():
    formula = g.log(1 / (g.exp(-x) + 1))
    report = accuracy(formula, {"x": (20, 36)}, samples=50)
    source = g.draw(formula, accuracy=report).source
    lost = report.losses[formula][0]
    assert f"−{lost:.1f} bits" in source and source.count(" bits</FONT>") == 1
    assert g.draw(formula).source.count("bits") == 0


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots(suffix, tmp_path):
    report = accuracy(g.sqrt(x + 1) - g.sqrt(x), samples=20)
    target = report.plot(tmp_path / f"error.{suffix}")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert target.read_bytes().startswith(start)
    again = report.plot(tmp_path / f"again.{suffix}", against="x")
    if suffix != "svg":  # whose ids are random
        assert again.read_bytes() == target.read_bytes()


def test_plots_that_cannot_be(tmp_path):
    report = accuracy(x + 1, samples=4)
    with pytest.raises(RenderError, match="txt"):
        report.plot(tmp_path / "error.txt")
    with pytest.raises(InputError, match="'y'"):
        report.plot(tmp_path / "error.png", against="y")
    with pytest.raises(FileError, match="cannot write"):
        report.plot(tmp_path / "nowhere" / "error.png")


def test_the_command(tmp_path):
    target = tmp_path / "error.png"
    words = ["accuracy", "exp(x) - 1", "--range", "x=-1,1", "--samples", "30", "--plot", str(target)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0 and target.exists()
    assert str(accuracy(g.exp(x) - 1, {"x": (-1, 1)}, samples=30)) in result.output
    assert CliRunner().invoke(main, ["accuracy", "x", "--range", "x=1"]).exit_code == 2
    assert CliRunner().invoke(main, ["accuracy", "x", "--range", "y=0,1"]).exit_code == 1
    assert CliRunner().invoke(main, ["accuracy", "x", "--range", "x=0,1", "--range", "x=0,2"]).exit_code == 2


# --- Hamming's exercises ------------------------------------------------------------------------------------------------


def rows() -> dict[str, list[str]]:
    """The table of the page: exercise → its cells."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \w+ \| `", line)]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row[1:] for row in cells}


@pytest.fixture(scope="module")
def measured() -> dict[str, Accuracy]:
    return {exercise.name: measure(exercise, samples=24) for exercise in EXERCISES}


@pytest.mark.slow
def test_the_page_shows_every_exercise_as_it_is_rewritten(measured):
    shown = rows()
    assert list(shown) == list(measured)
    for exercise in EXERCISES:
        formula, *_, rewritten, _, _ = shown[exercise.name]
        assert formula == f"`{exercise.formula}`"
        assert rewritten in ("…", f"`{measured[exercise.name].rewritten}`"), (
            "run: python -m tests.benchmarks.hamming"
        )


@pytest.mark.slow
def test_exercises_keep_their_digits(measured):
    """A few points each, held against what the page says of many: what is solved there is solved here.

    The mean of 24 points strays from that of 512 where few points are bad, so single exercises may be up to 6 bits; an
    exercise whose rewriting were lost would have its 10 to 60 bits back.
    """
    shown = rows()
    solved = [name for name, row in shown.items() if float(row[-2]) < GOOD]
    assert len(solved) >= 24
    for name in solved:
        assert measured[name].after.mean < 6, name
    assert sum(measured[name].after.mean < GOOD for name in solved) >= len(solved) - 2
    assert all(report.before.mean > 5 for report in measured.values())
