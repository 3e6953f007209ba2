"""Loops and branches as those of the loop IR: verified, read back from their text, and interpreted; and as C."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import Private, Program, walk_statements
from tests.compiler.loops.support import assert_close, checked, program_of, run_loops
from tests.compiler.targets.c_programs import exported, has_sanitizers
from tests.frontend.loop_programs import PROGRAMS, LoopProgram

EPS = float(np.finfo(np.float64).eps)


def _newton(scan, a):
    return g.while_loop(
        lambda s: g.abs(s * s - a) > 1e-14 * a, lambda s: s - (s * s - a) / (2 * s), a, max_steps=60
    )


def _matrix_power(scan, A):
    """A loop that ends by a condition on a matrix, with whole numbers and a bool beside it."""
    power, steps, _ = g.while_loop(
        lambda s: (g.max(g.abs(s[0])) < 50) & s[2],
        lambda s: (s[0] @ A, s[1] + 1, s[1] < 9),
        (g.eye(3), 0, True),
        max_steps=12,
    )
    return g.sum(power) * g.astype(steps, "float64")


def _chosen(scan, x, w):
    """Branches of arrays, one of which is a loop."""
    k = g.astype(g.floor(w), "int64")
    return g.sum(
        g.switch(
            k,
            [
                lambda: x * w,
                lambda: g.sort(x) + w,
                lambda: scan(lambda c, a: (c + a * w, c), 0.0, x)[1],
            ],
        )
        ** 2
    )


MORE = {
    "newton": LoopProgram([g.symbol("a")], _newton, {"a": np.float64(7.0)}, [0]),
    "matrix power": LoopProgram(
        [g.symbol("A", shape=(3, 3))],
        _matrix_power,
        {"A": np.array([[1.1, 0.2, 0], [0, 1.3, 0.4], [0.3, 0, 0.9]])},
        [0],
    ),
    **{
        f"branch {k}": LoopProgram(
            [g.symbol("x", shape=(4,)), g.symbol("w")],
            _chosen,
            {"x": np.array([0.5, -1.0, 2.0, 0.25]), "w": np.float64(k + 0.5)},
            [0, 1],
        )
        for k in range(-1, 4)
    },
}

EVERY = {**PROGRAMS, **MORE}


def with_derivatives(case: LoopProgram) -> list[g.Expr]:
    value = case.build(g.scan, *case.symbols)
    return [value, *g.grad(value, case.symbols)]


@pytest.mark.parametrize("name", EVERY)
def test_loops_of_the_ir_are_those_of_the_graph(name):
    case = EVERY[name]
    outputs = with_derivatives(case)
    wanted = g.evaluate(outputs, case.point)
    program = program_of(outputs, case.symbols)
    for each in (program, expand_calls(program)):
        checked(each)
        for result, right in zip(run_loops(each, case.point, {}), wanted, strict=True):
            assert_close(result, np.asarray(right), EPS)


def test_programs_hold_no_step_twice():
    """A text does not grow with the number of steps."""
    w = g.symbol("w")

    def size(length):
        end, _ = g.scan(lambda c, _: (g.sin(c) * w, None), w, length=length)
        return len(str(program_of([end, *g.grad(end, [w])], [w])).split())

    assert size(10) == size(1_000_000)


def _lengths() -> tuple[Program, list[g.Expr], list[g.Expr]]:
    X, w = g.symbol("X", shape=("n", "m")), g.symbol("w", shape=("m",))
    c, ys = g.scan(lambda c, x: (c * w + x, g.mean(c * x)), w * 0, X)
    outputs = [c, ys, *g.grad(g.sum(c) + g.sum(ys), [X, w])]
    return program_of(outputs, [X, w]), outputs, [X, w]


@pytest.mark.parametrize(("n", "m"), [(4, 3), (1, 1), (0, 2), (3, 0)])
def test_lengths_with_names(n, m):
    program, outputs, _ = _lengths()
    checked(program)
    rng = np.random.default_rng(0)
    point = {"X": rng.normal(size=(n, m)), "w": rng.normal(size=m)}
    for result, right in zip(
        run_loops(program, point, {"n": n, "m": m}), g.evaluate(outputs, point), strict=True
    ):
        assert_close(result, np.asarray(right), EPS)


ADDING = {
    "what was": lambda c, a: (c + a, c),
    "what is": lambda c, a: (c + a, c + a),
    "of what is": lambda c, a: (c + a, g.sin(c + a) * a),
    "of what was": lambda c, a: (c + a, g.sin(c)),
    "from the right": lambda c, a: (a * a + c, c * 1.0),
    "both": lambda c, a: (c + c, c),
    "nothing": lambda c, a: (c, c),
    "twice": lambda c, a: ((c + a) + c, a),
}


@pytest.mark.parametrize("shape", [(), (3,)], ids=["numbers", "rows"])
@pytest.mark.parametrize("name", ADDING)
def test_sums_over_steps_and_what_else_reads_them(name, shape):
    """A sum that grows where it is must not be seen grown by what reads it as it was."""
    x, c0 = g.symbol("x", shape=(4, *shape)), g.symbol("c0", shape=shape)
    rng = np.random.default_rng(2)
    point = {"x": rng.normal(size=(4, *shape)), "c0": rng.normal(size=shape)}
    pair = g.scan(
        lambda s, a: ((ADDING[name](s[0], a)[0], s[1] + s[0]), ADDING[name](s[0], a)[1]), (c0, c0), x
    )
    for (c, *rest), ys in (pair, (lambda c, ys: ((c,), ys))(*g.scan(ADDING[name], c0, x))):
        outputs = [c, *rest, ys, *g.grad(g.sum(c * c) + g.sum(ys * ys), [x, c0])]
        wanted = g.evaluate(outputs, point)
        for result, right in zip(run_loops(program_of(outputs, [x, c0]), point, {}), wanted, strict=True):
            assert_close(result, np.asarray(right), EPS)
        for result, right in zip(g.compile(outputs, [x, c0])(**point), wanted, strict=True):
            assert_close(result, np.asarray(right), EPS)


@pytest.mark.slow
@pytest.mark.skipif(not has_sanitizers(), reason="no compiler with sanitizers")
def test_loops_in_c(tmp_path):
    """The same programs as C, compiled with sanitizers."""
    names = ("counted", "branching", "backwards", "newton", "matrix power", "branch 2")
    programs, right = {}, {}
    for name in names:
        case, key = EVERY[name], name.replace(" ", "_")
        outputs = with_derivatives(case)
        programs[key] = program_of(outputs, case.symbols)
        right[key] = case.point, g.evaluate(outputs, case.point)
    functions = exported(programs, tmp_path)
    for key, (point, wanted) in right.items():
        status, results, _ = functions.call(key, point, {})
        assert status == 0
        for result, value in zip(results, wanted, strict=True):
            assert_close(result, np.asarray(value), EPS)


ROUTINES = {
    "sort": lambda A, x: g.sort(x),
    "solve": lambda A, x: g.solve(A + g.eye(4), x),
    "argsort": lambda A, x: x[g.argsort(x)],
}


@pytest.mark.parametrize("name", ROUTINES)
def test_memory_of_two_branches_has_names_of_its_own(name):
    """C declares all of it where the function begins."""
    routine, A, w = ROUTINES[name], g.symbol("A", shape=(4, 4)), g.symbol("w", shape=(4,))
    chosen = g.cond(w[0] > 0, lambda v: routine(A, v), lambda v: routine(A, v * 2) + v, w)
    statements = walk_statements(expand_calls(program_of([chosen], [A, w])).body)
    names = [each.buffer.name for each in statements if isinstance(each, Private)]
    assert len(names) >= 4 and len(set(names)) == len(names)
