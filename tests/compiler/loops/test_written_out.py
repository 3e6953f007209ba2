"""Loops written out, and sums of what is chosen: the same values by the interpreter, and nothing left to ask."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.conditional_sums import conditional_sums
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.split_ranges import split_ranges
from graphc.compiler.loops.unroll import unroll
from graphc.compiler.loops.verifier import verify
from tests.compiler.loops.support import lengths_at, program_of, run_loops
from tests.compiler.test_array_programs import Programs
from tests.ops.array_cases import CASES, LENGTHS


def same(outputs, inputs, point, lengths, rewrite=None):
    """Before and after, of both passes; gives the program at the end."""
    program = expand_calls(program_of(outputs, inputs, rewrite=rewrite))
    before = run_loops(program, point, lengths)
    for one in (unroll, conditional_sums):
        program = one(program)
        verify(program)
        for mine, right in zip(run_loops(program, point, lengths), before, strict=True):
            assert np.array_equal(mine, right, equal_nan=True)  # to the sign of zeros
    return program


def species(y):
    flows = [0.35 * y[0], 26.6 * y[1] * y[3], 8.6e-4 * y[2], 1.2 * y[4] * y[0], 3.0 * y[5]]
    ends = [
        -flows[0] + flows[1] - flows[3],
        flows[0] - flows[1],
        flows[2] * 0 - flows[2],
        flows[3] - flows[1],
        flows[4],
        -flows[4],
    ]
    return g.stack(ends)


def test_a_jacobian_by_elements_has_no_loops_left():
    y = g.symbol("y", shape=6)
    right = species(y)
    program = same([right, g.jacobian(right, y)], [y], {"y": np.linspace(0.1, 2, 6)}, {})
    printed = text(program)
    assert "for " not in printed and "holds" not in printed and "where" not in printed


def test_sums_of_what_is_chosen_are_asked_first():
    c, x = g.symbol("c", shape=(4, 3)), g.symbol("x", shape=("n", 3))
    value = g.sum(g.min(g.sum((x[:, None, :] - c[None]) ** 2, axis=2), axis=1))
    rng = np.random.default_rng(0)
    point = {"c": rng.normal(size=(4, 3)), "x": rng.normal(size=(9, 3))}
    program = same([value, g.grad(value, c)], [c, x], point, {"n": 9}, "stable")
    printed = text(program)
    assert "if float64(" in printed and "private" not in printed.split("if float64(")[0].split("s0 <-")[1]


def nearest(x, c, power=2):
    """Distances to the nearest of some centres, to a power."""
    return g.sum(g.min(g.sum((x[:, None, :] - c[None]) ** power, axis=2), axis=1))


@pytest.mark.parametrize("power", [2, 4])
@pytest.mark.parametrize(("rows", "centres", "more"), [(1, 2, 1), (9, 4, 1), (9, 4, 2), (40, 12, 2)])
def test_what_asks_the_same_is_asked_once(power, rows, centres, more):
    """A slope and products with its derivative in other directions reach the same centre."""
    c, x = g.symbol("c", shape=(centres, 3)), g.symbol("x", shape=("n", 3))
    directions = [g.symbol(f"v{k}", shape=(centres, 3)) for k in range(more)]
    rng = np.random.default_rng(centres)
    point = {s.name: rng.normal(size=(centres, 3)) for s in (c, *directions)} | {
        "x": rng.normal(size=(rows, 3))
    }
    value = nearest(x, c, power)
    results = [value, g.grad(value, c), *(g.hvp(value, c, v) for v in directions)]
    program = same(results, [c, x, *directions], point, {"n": rows}, "stable")
    assert text(program).count("if float64(") == 1
    away = point["x"][:, None, :] - point["c"]
    reached = np.eye(centres)[np.argmin((away**power).sum(axis=2), axis=1)][:, :, None]
    slope, *changes = run_loops(program, point, {"n": rows})[1:]
    assert np.allclose(slope, (-power * away ** (power - 1) * reached).sum(axis=0), rtol=1e-13, atol=1e-14)
    for v, change in zip(directions, changes, strict=True):
        second = (power * (power - 1) * away ** (power - 2) * reached).sum(axis=0)
        assert np.allclose(change, second * point[v.name], rtol=1e-13, atol=1e-14)


def test_what_asks_something_else_is_asked_by_itself():
    c, d, x = g.symbol("c", shape=(4, 3)), g.symbol("d", shape=(4, 3)), g.symbol("x", shape=("n", 3))
    rng = np.random.default_rng(7)
    point = {s.name: rng.normal(size=(9 if s is x else 4, 3)) for s in (c, d, x)}
    value = nearest(x, c) + nearest(x, d)
    program = same([g.grad(value, c), g.grad(value, d)], [c, d, x], point, {"n": 9}, "stable")
    assert text(program).count("if float64(") == 2


@pytest.mark.parametrize(
    ("lengths", "written_out"),
    [((8, 8), False), ((14, 9, 20), False), ((7, 30), True), ((3, 3, 3), True), ((9,) * 5, True)],
)
def test_long_pieces_are_cut_and_short_ones_written_out(lengths, written_out):
    """A column by vectors beside each other: nothing is asked in the end, and what is cut is as short as its pieces are many."""
    parts = [g.symbol(f"p{k}", shape=n) for k, n in enumerate(lengths)]
    column = g.symbol("c", shape=(5, 1))
    rng = np.random.default_rng(0)
    point = {f"p{k}": rng.normal(size=n) for k, n in enumerate(lengths)} | {"c": rng.normal(size=(5, 1))}
    program = expand_calls(program_of([column * g.concat(parts)], [*parts, column]))
    expected = point["c"] * np.concatenate([point[f"p{k}"] for k in range(len(lengths))])
    for one in (unroll, split_ranges):
        program = one(program)
        verify(program)
        (result,) = run_loops(program, point, {})
        assert np.array_equal(result, expected)
    printed = text(program)
    assert "holds" not in printed and " if " not in printed
    assert ("for " not in printed) == written_out
    if not written_out:
        assert printed.count("r0[") == len(lengths)


def test_special_values_stay():
    x = g.symbol("x", shape=4)
    total = g.stack([x[0] + 0.0, x[1] - 0.0, 0.0 + x[2] + 0.0, 1.0 * x[3]])
    for at in ([-0.0, -0.0, -0.0, -0.0], [np.inf, np.nan, -np.inf, 0.0]):
        program = expand_calls(program_of([total], [x]))
        (before,), (after,) = (run_loops(p, {"x": np.array(at)}, {}) for p in (program, unroll(program)))
        assert before.tobytes() == after.tobytes()


FEW = ("stack", "concat", "roll", "pad", "at_set", "eye", "tril", "matmul", "min", "where")


@pytest.mark.parametrize("op", [*FEW, pytest.param("", marks=pytest.mark.slow, id="all")])
def test_operations(op):
    for case in [case for case in CASES if case.op == op or not op]:
        symbols, point = case.symbols(case.named), case.point()
        same([case.build(*symbols)], symbols, point, LENGTHS)


@pytest.mark.parametrize(
    "seed", [*range(500, 506), *(pytest.param(k, marks=pytest.mark.slow) for k in range(506, 560))]
)
def test_random_programs(seed):
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    same(outputs, program.inputs, program.point, lengths_at(program.inputs, program.point))


@pytest.mark.parametrize(
    ("apply", "stays"), [(lambda u: u * u * u, False), (g.sin, True), (lambda u: u**2.5, True)]
)
def test_a_loop_of_costly_functions_stays_a_loop(apply, stays):
    """Every sine that is written is code of its own: 300 of them take LLVM seconds."""
    u = g.symbol("u", shape=300)
    padded = g.pad(u, 1)
    program = same([padded[2:] - padded[:-2] + apply(u)], [u], {"u": np.linspace(0.5, 2, 300)}, {})
    assert ("for " in text(program)) == stays
