"""Passes on the loop IR that make native functions cheaper: the same bits by the interpreter, the same values by machine code."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.computed_again import computed_again
from graphc.compiler.loops.exact_sums import exact_sums, simplified
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.guessed_choices import guessed_choices
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.program import (
    Apply,
    Constant,
    For,
    Load,
    While,
    apply,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.rows_together import rows_together
from graphc.compiler.loops.split_ranges import split_ranges
from graphc.compiler.loops.turned_copies import turned_copies
from graphc.compiler.loops.unroll import unroll
from graphc.compiler.loops.vector_stages import vector_stages
from graphc.compiler.loops.verifier import verify
from graphc.ir.types import FLOAT64
from tests.compiler.loops.support import lengths_at, program_of, run_loops
from tests.compiler.test_array_programs import Programs
from tests.ops.array_cases import CASES, LENGTHS

PASSES = (computed_again, rows_together, exact_sums, split_ranges, vector_stages, turned_copies)


def same(outputs, inputs, point, rewrite=None, lengths=None):
    """Before and after, of all passes one after the other; gives the program at the end."""
    lengths = lengths or lengths_at(inputs, point)
    program = unroll(expand_calls(program_of(outputs, inputs, rewrite=rewrite)))
    before = run_loops(program, point, lengths)
    for one in PASSES:
        program = one(program)
        verify(program)
        for mine, right in zip(run_loops(program, point, lengths), before, strict=True):
            mine, right = np.asarray(mine), np.asarray(right)
            assert np.array_equal(mine, right, equal_nan=right.dtype.kind == "f"), one.__name__
            if right.dtype.kind == "f":
                assert np.array_equal(np.signbit(mine), np.signbit(right)), one.__name__
    return program


def rosenbrock():
    x = g.symbol("x", shape=("n",))
    value = g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return [x], [value, g.grad(value, x)]


@pytest.mark.parametrize("n", [1, 2, 3, 9, 33, 40])
def test_what_is_cheap_is_not_kept(n):
    inputs, outputs = rosenbrock()
    point = {"x": np.random.default_rng(n).normal(size=n)}
    program = same(outputs, inputs, point, "stable")
    assert not program.of_role("workspace")
    assert text(program).count("0.0 + (") <= 3  # of several zeros one is left


def test_what_is_dear_or_read_often_is_kept():
    x = g.symbol("x", shape=("n",))
    for inner in (g.exp(x), x * x * x * x * x * x * x * x * x):
        value = g.sum(inner[1:] * inner[:-1])
        program = program_of([value, g.grad(value, x)], [x])
        assert len(computed_again(program).of_role("workspace")) == len(program.of_role("workspace"))


def test_distances_are_vectors_over_turned_centres():
    c, x = g.symbol("c", shape=(10, 8)), g.symbol("x", shape=("n", 8))
    value = g.sum(g.min(g.sum((x[:, None, :] - c[None]) ** 2, axis=2), axis=1))
    rng = np.random.default_rng(0)
    point = {"c": rng.normal(size=(10, 8)), "x": rng.normal(size=(9, 8))}
    program = same([value, g.grad(value, c)], [c, x], point, "stable")
    assert [each.shape for each in program.buffers if each.name == "t0"] == [(8, 10)]


def test_what_is_written_in_the_loop_is_not_turned():
    A, x = g.symbol("A", shape=(8, 8)), g.symbol("x", shape=8)

    def step(state):
        A, x, k = state
        return A * 0.5 + x[:, None], A @ x, k + 1

    *_, x1, _ = g.while_loop(lambda s: s[2] < 5.0, step, (A, x, g.constant(0.0)))
    rng = np.random.default_rng(1)
    point = {"A": rng.normal(size=(8, 8)), "x": rng.normal(size=8)}
    program = same([x1], [A, x], point)
    turned = {each.name for each in program.buffers if each.name.startswith("t")}
    loops = [each for each in walk_statements(program.body) if isinstance(each, While)]
    assert loops and not any(name + "[" in text(program).split("while:")[0] for name in turned)


def test_a_dear_slope_is_a_vector_before_its_rows():
    W, b, x = g.symbol("W", shape=(12, 9)), g.symbol("b", shape=12), g.symbol("x", shape=9)
    value = g.sum(g.tanh(W @ x + b) ** 2)
    rng = np.random.default_rng(2)
    point = {"W": rng.normal(size=(12, 9)), "b": rng.normal(size=12), "x": rng.normal(size=9)}
    program = same([value, *g.grad(value, [W, b])], [W, b, x], point, "stable")
    for each in walk_statements(program.body):
        if isinstance(each, For) and any(isinstance(inner, For) for inner in each.body):
            assert "tanh" not in text_of(each) and "cosh" not in text_of(each)


def text_of(statement):
    return str(statement)


LEAST = 5e-324
NUMBERS = (0.0, -0.0, 1.0, -1.5, LEAST, -LEAST, 1e-310, 1.7e308, -1.7e308, np.inf, -np.inf, np.nan)


@pytest.mark.parametrize(
    "form", ["(0+a)+b", "a+(0+b)", "(0+a)+(b+0)", "(0+a)-b", "0+(0+a)", "100*(2*a)", "-3*(8*a)", "0.5*(2*a)"]
)
def test_fewer_operations_give_the_same_bits(form):
    a, b = Load("a", (), FLOAT64), Load("b", (), FLOAT64)

    def number(value):
        return Constant(np.float64(value), FLOAT64)

    zero = number(0)
    forms = {
        "(0+a)+b": apply("add", apply("add", zero, a), b),
        "a+(0+b)": apply("add", a, apply("add", zero, b)),
        "(0+a)+(b+0)": apply("add", apply("add", zero, a), apply("add", b, zero)),
        "(0+a)-b": apply("subtract", apply("add", zero, a), b),
        "0+(0+a)": apply("add", zero, apply("add", zero, a)),
        "100*(2*a)": apply("multiply", number(100), apply("multiply", number(2), a)),
        "-3*(8*a)": apply("multiply", number(-3), apply("multiply", a, number(8))),
        "0.5*(2*a)": apply("multiply", number(0.5), apply("multiply", number(2), a)),
    }

    def value(x: Any, of: dict[str, float]) -> Any:
        match x:
            case Constant(number):
                return np.float64(number)
            case Load(name):
                return np.float64(of[name])
            case Apply(op, operands):
                return getattr(np, op)(*(value(each, of) for each in operands))

    before, after = forms[form], simplified(forms[form])
    with np.errstate(all="ignore"):
        for one in NUMBERS:
            for other in NUMBERS:
                wanted, mine = (value(each, {"a": one, "b": other}) for each in (before, after))
                assert np.array_equal(wanted, mine, equal_nan=True)
                assert np.isnan(wanted) or np.signbit(wanted) == np.signbit(mine)


def halving(test):
    def step(ends):
        low, high = ends
        x = 0.5 * (low + high)
        above = test(x)
        return g.where(above, low, x), g.where(above, x, high)

    a = g.symbol("a")
    low, high = g.while_loop(lambda ends: ends[1] - ends[0] > 1e-9, step, (0.0 * a, a))
    return a, 0.5 * (low + high)


def test_a_choice_that_the_next_pass_waits_for_is_a_branch():
    a, root = halving(lambda x: x * x * x + x > 3.0)
    loops = [each for each in walk_statements(program_of([root], [a]).body) if isinstance(each, While)]
    assert [len(guessed_choices(loop)) for loop in loops] == [2]
    f: Any = g.compile(root, [a], cache=False)
    assert f.address
    for end in (2.0, 5.0, 7.5):
        low, high = 0.0, end
        while high - low > 1e-9:
            x = 0.5 * (low + high)
            low, high = (low, x) if x * x * x + x > 3.0 else (x, high)
        assert f(end) == 0.5 * (low + high)


@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_choices_between_small_vectors_are_branches(size):
    """Those of an accepted move: the place, element by element, and its density."""
    z, u = g.symbol(f"z_moves_{size}", shape=(40, size)), g.symbol(f"u_moves_{size}", shape=40)

    def step(carry, row):
        x, known = carry
        move, chance = row
        moved = x + move
        new = -g.sum(moved * moved * moved * moved)
        taken = chance < new - known
        return (g.where(taken, moved, x), g.where(taken, new, known)), None

    (x, known), _ = g.scan(step, (g.zeros((size,)), g.constant(0.0)), (z, u))
    loops = [s for s in walk_statements(program_of([x, known], [z, u]).body) if isinstance(s, For)]
    found = sum(len(guessed_choices(loop)) for loop in loops if loop.order == "fixed")
    assert (found > 0) == (size <= 4)
    rng = np.random.default_rng(size)
    moves, chances = 0.5 * rng.normal(size=(40, size)), np.log(rng.random(40))
    at, density = np.zeros(size), 0.0
    for move, chance in zip(moves, chances, strict=True):
        new = -np.sum((at + move) ** 4)
        if chance < new - density:
            at, density = at + move, new
    mine = g.compile([x, known], [z, u], cache=False)(moves, chances)
    np.testing.assert_allclose(mine[0], at, rtol=1e-13)
    np.testing.assert_allclose(mine[1], density, rtol=1e-12)


def test_a_choice_that_is_known_at_once_is_none():
    a, root = halving(lambda x: x > 1.0)
    loops = [each for each in walk_statements(program_of([root], [a]).body) if isinstance(each, While)]
    assert [len(guessed_choices(loop)) for loop in loops] == [0]


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 1024, 1025, 5000])
def test_few_numbers_are_added_as_blocks_of_as_many_are(n):
    """The C function is of any length; with it fixed there is another text, of the same sums."""
    x = g.symbol("x", shape=("n",))
    value = g.sum(x * x)
    data = np.random.default_rng(n).normal(size=n) * 10.0 ** np.arange(n).clip(0, 12)
    f: Any = g.compile([value], [x])
    result = np.zeros(())
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(f.address)
    assert call(n, data.ctypes.data, result.ctypes.data) == 0
    exact = float(np.sum((data.astype(np.longdouble)) ** 2))
    assert abs(result - exact) <= 32 * np.finfo(float).eps * exact
    assert float(f(data)[0]) == result
    for special in (np.inf, np.nan):
        data[n // 2] = special
        assert call(n, data.ctypes.data, result.ctypes.data) == 0
        assert np.array_equal(result, special * special, equal_nan=True)


def test_lengths_that_follow_from_others_are_not_asked_but_bad_ones_are_refused():
    inputs, outputs = rosenbrock()
    f: Any = g.compile(outputs, inputs)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, *[ctypes.c_void_p] * 3)(f.address)
    x, value, slope = np.ones(4), np.zeros(()), np.zeros(4)
    where = [each.ctypes.data for each in (x, value, slope)]
    assert call(4, *where) == 0 and call(1, *where) == 0
    assert [call(n, *where) for n in (0, -1, 2**40)] == [2, 2, 2]


@pytest.mark.parametrize("rows, columns", [(5, 3), (500, 4), (1024, 2)])
def test_a_jacobian_of_points_has_its_axes_without_copies(rows, columns):
    a, points = g.symbol("a", shape=5), g.symbol("points", shape=(rows, 4))
    turn = g.reshape(g.concat([a * a, g.sin(a), a[:2], a[:4] * a[1:]]), (4, 4))[:, :columns]
    moved = points @ turn
    rng = np.random.default_rng(3)
    at, near = rng.normal(size=5), rng.normal(size=(rows, 4))
    slopes: Any = g.compile(g.jacobian(moved, a), [a, points])
    result = np.asarray(slopes(at, near))
    h = 1e-6
    single: Any = g.compile(moved, [a, points])
    for k in range(5):
        step = h * np.eye(5)[k]
        slope = (single(at + step, near) - single(at - step, near)) / (2 * h)
        assert np.allclose(result[..., k], slope, atol=1e-7)


FEW = ("stack", "concat", "roll", "pad", "at_set", "eye", "matmul", "sum", "softmax", "permute_dims")


@pytest.mark.parametrize("op", [*FEW, pytest.param("", marks=pytest.mark.slow, id="all")])
def test_operations(op):
    for case in [case for case in CASES if case.op == op or not op]:
        symbols, point = case.symbols(case.named), case.point()
        same([case.build(*symbols)], symbols, point, lengths=LENGTHS)


@pytest.mark.parametrize(
    "seed", [*range(600, 606), *(pytest.param(k, marks=pytest.mark.slow) for k in range(606, 660))]
)
def test_random_programs(seed):
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    same(outputs, program.inputs, program.point)


@pytest.mark.parametrize("n", [5, 8, 12])
def test_sums_of_many_products_are_parted_from_rows_beside_them(n):
    A, x = g.symbol("A", shape=(n, n)), g.symbol("x", shape=(n,))
    rng = np.random.default_rng(n)
    point = {"A": rng.normal(size=(n, n)), "x": rng.normal(size=n)}

    def step(v, _):
        w = A @ v
        return g.sin(w) / (size := g.sqrt(g.sum(w * w))), size

    _, sizes = g.scan(step, x, length=3)
    program = same([g.grad(sizes[-1], A)], [A, x], point, "stable")
    nests = [s for s in walk_statements(program.body) if isinstance(s, For) and s.extent == n]
    assert any(_multiplied(s) >= n - 1 for s in nests)
    for s in nests:  # a row of the product is not made beside such a sum
        assert n < 8 or _multiplied(s) < n - 1 or not any(isinstance(each, For) for each in s.body)


def _multiplied(loop):
    """The multiplications of a pass, but for those of loops in it."""
    values = [scalar for each in loop.body if not isinstance(each, For) for scalar in scalars_of(each)]
    applied = [x for value in values for x in walk_scalar(value) if isinstance(x, Apply)]
    return sum(x.op in ("multiply", "multiply_add") for x in applied)
