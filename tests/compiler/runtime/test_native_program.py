"""Array programs as one native function, from the loop IR: they compute what NumPy does and touch no other memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import guard_words, thread_pool
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.loops.from_graph.one_function import has_loops
from graphc.compiler.loops.program import Conditions, LengthCheck, Program
from graphc.compiler.runtime.native_program import NativeProgram
from graphc.ir import dims
from graphc.ir.attribute_text import bound
from tests.compiler.loops.support import assert_close, lengths_at, program_of
from tests.compiler.test_array_programs import Programs
from tests.fuzz import array_programs
from tests.ops.array_cases import CASES, LENGTHS

EPS = float(np.finfo(np.float64).eps)


def call(
    program: Program, point: Mapping[str, Any], lengths: Mapping[str, int]
) -> tuple[int, list[np.ndarray], dict[str, np.ndarray]]:
    """The status of a program, its results, and its states; between guard words."""
    native = NativeProgram(program, cached=False)
    frame, workspace = native.frame({name: lengths[name] for name in program.lengths}, guarded=True)
    arrays: dict[str, np.ndarray] = {}
    for word, buffer in enumerate(native.text.operands, len(program.lengths)):
        if buffer.role == "result":
            arrays[buffer.name] = guard_words.empty(bound(buffer.shape, lengths), buffer.dtype)
        else:
            values = buffer.values if buffer.role == "constant" else point[buffer.name]
            arrays[buffer.name] = guard_words.copied(np.asarray(values, buffer.dtype))
        frame[word] = data_address(arrays[buffer.name])
    before = {b.name: arrays[b.name].copy() for b in native.text.operands if b.role in ("input", "constant")}
    status = native.run(frame)
    for name, array in arrays.items():
        if array.size:
            guard_words.check(array, name, program.name)
        if name in before:
            assert array.tobytes() == before[name].tobytes()
    guard_words.check(workspace, "workspace", program.name)
    results = [arrays[buffer.name] for buffer in program.of_role("result")]
    return status, results, {buffer.name: arrays[buffer.name] for buffer in program.of_role("state")}


ROUTINES = {
    "qr_q", "qr_r", "eigvalsh", "eigenvectors", "svdvals",
    "svd_u", "svd_vh", "expm",
}  # fmt: skip
"""Operations that are routines of libraries, and have no loops."""


def test_which_operations_have_no_loops():
    without = {
        case.op for case in CASES if not has_loops(program_of([case.build(*case.symbols())], case.symbols()))
    }
    assert without == ROUTINES


@pytest.mark.parametrize("number", [k for k, case in enumerate(CASES) if case.op not in ROUTINES])
def test_every_operation_on_arrays(number):
    case = CASES[number]
    symbols, point = case.symbols(case.named and number % 2 == 0), case.point()
    outputs = [case.build(*symbols)]
    program = program_of(outputs, symbols)
    status, results, _ = call(program, point, LENGTHS)
    assert status == 0
    for result, right in zip(results, g.evaluate(outputs, point), strict=True):
        assert_close(result, np.asarray(right), EPS)


def hold_plain(seed: int) -> None:
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    total = sum((g.sum(output * 0.5) for output in outputs), g.constant(0.0, program.dtype))
    outputs = [*outputs, *g.grad(total, program.inputs)]
    loops = program_of(outputs, program.inputs)
    if not has_loops(loops):
        return
    status, results, _ = call(loops, program.point, lengths_at(program.inputs, program.point))
    assert status == 0
    for result, right in zip(results, g.evaluate(outputs, program.point), strict=True):
        assert_close(result, np.asarray(right), float(np.finfo(program.dtype).eps))


def holds(check: LengthCheck, lengths: Mapping[str, int]) -> bool:
    """Whether lengths are such as a check asks for."""

    def all_of(conditions: Conditions) -> bool:
        return all(dims.evaluate(dim, lengths) >= 0 for dim in conditions)

    return not all_of(check.given) or all_of(check.conditions)


def hold_typed(seed: int) -> None:
    random = array_programs.program(seed)
    if not random.outputs:
        return
    inputs = [member.expr for member in random.inputs.values()]
    updates = {name: member.expr for name, member in random.updates.items()}
    loops = program_of([member.expr for member in random.outputs], inputs, updates)
    if not has_loops(loops):
        return
    for later in (False, True):
        arguments = random.arguments(np.random.default_rng(random.seed), later)
        try:
            wanted = array_programs.oracle(random, {k: v.copy() for k, v in arguments.items()}, later)
        except array_programs.Undecided:
            continue
        lengths = {n: random.lengths[later][n] for n in loops.lengths}
        if not all(holds(check, lengths) for check in loops.checks):
            continue  # what is called for such lengths refuses them before
        status, results, states = call(loops, arguments, lengths)
        if wanted is None:
            assert status > 0, seed
            assert all(np.array_equal(states[own], arguments[own]) for own in states)
            continue
        assert status == 0, seed
        for member, result in zip(random.outputs, results, strict=True):
            assert array_programs.agree(member, wanted[member], result), (seed, member.expr)
        for own, member in random.updates.items():
            assert array_programs.agree(member, wanted[member], states[own]), (seed, own)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    hold_plain(seed)
    hold_typed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6))
def test_many_random_programs(block):
    for seed in range(3000 + 20 * block, 3020 + 20 * block):
        hold_plain(seed)
        hold_typed(seed)


@pytest.mark.parametrize("padding", [((0, 1), (0, 0)), ((1, 1), (1, 1)), ((1, 0), (0, 1))])
@pytest.mark.parametrize("special", [-np.inf, np.nan, np.inf])
def test_what_is_padded_is_as_large_as_minus_infinity(padding, special):
    X, U = (g.symbol(name, shape=(2, 1, 2, 2)) for name in "XU")
    pooled = g.max_pool2d(X, (2, 2), stride=1, padding=padding)
    V = g.symbol("V", shape=pooled.shape)
    first = g.grad(pooled, X, V)
    outputs = [pooled, first, g.grad(g.sum(first * U), V)]
    rng = np.random.default_rng(3)
    point = {"X": rng.normal(size=X.shape), "U": rng.normal(size=X.shape), "V": rng.normal(size=V.shape)}
    point["X"][:, :, 0] = special
    status, results, _ = call(program_of(outputs, [X, U, V]), point, {})
    assert status == 0
    for result, right in zip(results, g.evaluate(outputs, point), strict=True):
        np.testing.assert_allclose(result, right, rtol=8 * EPS)


@pytest.mark.parametrize("n", [3, 1_000, 300_000])
def test_the_bits_do_not_depend_on_the_number_of_threads(n, monkeypatch):
    """Nor does what runs: one function for few elements, kernels for many."""
    x = g.symbol("x", shape=("n",))
    f = g.compile([g.sum(g.sin(x) * x), g.cumsum(x * 0.1)], [x], cache=False)
    at, results = np.random.default_rng(n).normal(size=n), []
    for threads in (1, 2, 5):
        monkeypatch.setattr(thread_pool, "_chosen", threads)
        again = g.compile([g.sum(g.sin(x) * x), g.cumsum(x * 0.1)], [x], cache=False)
        results += [f(at), again(at)]
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


ROOT = Path(__file__).resolve().parents[3]

_IN_LOOPS = """
import numpy as np
import graphc as g
from graphc.ir.op import all_ops

x = g.symbol("x", shape=(3,))
data = np.array([0.3, 0.6, 0.9])
ends, names = [], []
for op in all_ops():
    f = getattr(g, op.name, None)
    if op.arity != 1 or op.is_leaf or op.user_defined or f is None:
        continue
    try:
        end, _ = g.scan(lambda c, row: (0.5 * c + f(row + 0.0 * c), None), g.constant(0.0), x)
    except g.GraphcError:  # not of one float
        continue
    ends.append(end)
    names.append(op.name)
got = g.compile(ends, [x], cache=False)(data)
for name, one, other in zip(names, got, g.evaluate(ends, {"x": data})):
    assert np.allclose(one, other, rtol=1e-12, equal_nan=True), (name, one, other)
print(len(names))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="a processor of x86-64")
def test_operations_in_loops_on_a_processor_without_fused_multiply_add():
    """They are what they stand for there: a call of a library's function by an operation's name would go nowhere."""
    environment = {**os.environ, "NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", _IN_LOOPS], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 40


@pytest.mark.parametrize("n", [8, 12, 16])
def test_vectors_run_along_the_rows_of_a_sum_of_products(n):
    """LLVM writes a short inner loop out first, and vectors over the outer one are scattered over the rows."""
    A, v = g.symbol(f"A_rows_{n}", shape=(n, n)), g.symbol(f"v_rows_{n}", shape=n)

    def step(total, row):
        return total + g.outer(g.tanh(row @ A), row), None

    rows = g.symbol(f"rows_{n}", shape=(30, n))
    total, _ = g.scan(step, g.outer(v, v), rows)
    f = g.compile(total, [A, v, rows], cache=False)
    rng = np.random.default_rng(n)
    at, w, xs = rng.normal(size=(n, n)), rng.normal(size=n), rng.normal(size=(30, n))
    wanted = np.outer(w, w) + sum(np.outer(np.tanh(x @ at), x) for x in xs)
    np.testing.assert_allclose(f(at, w, xs), wanted, rtol=1e-11, atol=1e-11)
    assert "vscatter" not in f.asm
