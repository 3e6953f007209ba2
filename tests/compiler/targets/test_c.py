"""Array programs as C99: compiled by the system's compiler with sanitizers they run clean and compute what NumPy does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.program import Program
from graphc.errors import CompileError, InputError, ShapeError
from graphc.ir.op import all_ops
from tests.compiler.loops.support import assert_close, lengths_at, program_of, run_loops
from tests.compiler.targets.c_programs import COMPILER, STRICT, Exported, exported, has_sanitizers
from tests.compiler.test_array_programs import Programs
from tests.fuzz import array_programs
from tests.ops.array_cases import CASES, LENGTHS

pytestmark = pytest.mark.skipif(
    not has_sanitizers(), reason="there is no C compiler with sanitizers that work here"
)

NO_C = {
    "qr_q",
    "qr_r",
    "eigvalsh",
    "eigenvectors",
    "svdvals",
    "expm",
    "svd_u",
    "svd_vh",
}
"""Operations that have no form in C."""

OK, NO_MEMORY, BAD_LENGTHS, BAD_VALUE = range(4)
EPS = float(np.finfo(np.float64).eps)


def refused(program: Program, tmp_path: Path) -> bool:
    """Whether a program has no form in C; what it says names the operation."""
    try:
        exported({"f": program}, tmp_path)
    except CompileError as error:
        assert error.args[0].split(" ")[0] in NO_C
        return True
    return False


# --- every operation --------------------------------------------------------------------------------------------------


def cases_of(ops: list[str]) -> dict[str, tuple[Program, dict[str, np.ndarray], list[np.ndarray]]]:
    """Name of a function → its program, arguments, right results: a formula of each operation."""
    made = {}
    for number, case in enumerate(CASES):
        if case.op not in ops:
            continue
        symbols, point = case.symbols(case.named and number % 2 == 0), case.point()
        outputs = [case.build(*symbols)]
        wanted = [np.asarray(each) for each in g.evaluate(outputs, point)]
        made[f"{case.op}_{number}_"] = program_of(outputs, symbols), point, wanted
    return made


def hold(made: dict, tmp_path: Path) -> None:
    functions = exported({name: program for name, (program, _, _) in made.items()}, tmp_path)
    for name, (program, point, wanted) in made.items():
        status, results, _ = functions.call(name, point, {n: LENGTHS[n] for n in program.lengths})
        assert status == OK
        for result, right in zip(results, wanted, strict=True):
            assert_close(result, right, EPS)


FEW = [
    "roll",
    "matmul",
    "sort",
    "argsort",
    "searchsorted",
    "solve",
    "cholesky",
    "max_pool2d_grad",
    "at_add",
    "argmax",
    "einsum",
]


def test_some_operations(tmp_path):
    hold(cases_of(FEW), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_every_operation(block, tmp_path):
    ops = sorted({case.op for case in CASES} - NO_C)
    hold(cases_of(ops[block::4]), tmp_path)


def test_what_has_no_form_in_c_is_refused_by_its_name(tmp_path):
    for case in CASES:
        if case.op in NO_C:
            program = program_of([case.build(*case.symbols())], case.symbols())
            with pytest.raises(CompileError, match="has no form in C"):
                exported({"f": program}, tmp_path)
    assert not list(tmp_path.glob("*.c"))


VALUES = np.array(
    [
        -np.inf,
        -700.5,
        -30.0,
        -3.5,
        -1.0,
        -0.5,
        -1e-300,
        -0.0,
        0.0,
        5e-324,
        0.3,
        0.5,
        1.0,
        1.5,
        2.0,
        30.0,
        170.5,
        np.inf,
        np.nan,
    ]
)

LOOSE = {"gelu": 1e-12, "gamma": 1e-13, "lgamma": 1e-13, "digamma": 1e-13, "polygamma": 1e-12, "pow": 1e-14}
"""Relative errors where C's library or a series is looser than 16 ULPs; gelu is erfc far out, of a rounded argument."""


def element_outputs(dtype: str) -> tuple[Any, list[g.Expr], Any]:
    """By the number of operands: operation → formula, the symbols, and by that number the arguments: all pairs for two."""
    if dtype.startswith("float"):
        values = VALUES
    else:
        ends = np.iinfo(dtype)
        values = np.array(
            [ends.min, ends.min + 1, ends.min // 2, 0, 1, 2, 5, ends.max // 2, ends.max - 1, ends.max]
        )
    with np.errstate(all="ignore"):
        values = values.astype(dtype)
    symbols = [g.symbol(f"x{k}", shape=("n",), dtype=dtype) for k in range(2)]
    formulas: dict[int, dict[str, g.Expr]] = {1: {}, 2: {}}
    for op in all_ops():
        if (
            op.user_defined
            or op.arity > 2
            or op.name in ("astype", "polygamma")
            or op.name.startswith("logical")
            or (
                op.category == "special" and op.emit is None
            )  # formulas of operations, held by tests/ops/test_special.py
            or op.library
        ):
            continue
        try:
            formulas[op.arity][op.name] = getattr(g, op.name)(*symbols[: op.arity])
        except g.errors.DtypeError:
            continue
    pairs = [row.reshape(-1) for row in np.meshgrid(values, values, indexing="ij")]
    return formulas, symbols, {1: {"x0": values}, 2: {"x0": pairs[0], "x1": pairs[1]}}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "int64", "uint16"])
def test_operations_element_by_element_at_special_values(dtype, tmp_path):
    formulas, symbols, points = element_outputs(dtype)
    programs = {
        f"of_{arity}_{dtype}": program_of(list(made.values()), symbols[:arity])
        for arity, made in formulas.items()
    }
    functions = exported(programs, tmp_path)
    for (arity, made), name in zip(formulas.items(), programs, strict=True):
        point = points[arity]
        with np.errstate(all="ignore"):
            wanted = g.evaluate(list(made.values()), point)
        status, results, _ = functions.call(name, point, {"n": len(point["x0"])})
        assert status == OK
        for op, result, right in zip(made, results, wanted, strict=True):
            assert result.dtype == right.dtype, op
            if right.dtype.kind != "f":
                assert np.array_equal(result, right), op
                continue
            eps, normal = float(np.finfo(right.dtype).eps), float(np.finfo(right.dtype).tiny)
            absolute = max(normal, 4 * eps if op in ("digamma", "lgamma") else 0)
            relative = max(LOOSE.get(op, 0.0), 16 * eps)
            np.testing.assert_allclose(result, right, rtol=relative, atol=absolute, err_msg=op)


def test_integers_become_floats_and_floats_integers_as_declared(tmp_path):
    x, k = g.symbol("x", shape=("n",)), g.symbol("k", shape=("n",), dtype="int64")
    kinds = ("int8", "uint8", "int32", "uint32", "int64", "uint64", "bool", "float32")
    outputs = [
        *(g.astype(x, kind) for kind in kinds),
        *(g.astype(k, kind) for kind in kinds),
        g.polygamma(k, x),
    ]
    point = {"x": np.resize(VALUES, 40) * 3, "k": np.resize([-(2**63), -1, 0, 1, 2, 300, 2**63 - 1], 40)}
    functions = exported({"casts": program_of(outputs[:-1], [x, k])}, tmp_path)
    with np.errstate(all="ignore"):
        wanted = g.evaluate(outputs[:-1], point)
    status, results, _ = functions.call("casts", point, {"n": 40})
    assert status == OK
    for result, right in zip(results, wanted, strict=True):
        assert result.dtype == right.dtype and np.array_equal(
            result, right, equal_nan=result.dtype.kind == "f"
        )


# --- random programs --------------------------------------------------------------------------------------------------


def hold_random(seeds: range, tmp_path: Path) -> None:
    """Random programs in one binary; those with operations that have no form in C are passed over."""
    made, typed = {}, {}
    for seed in seeds:
        program = Programs(seed)
        outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
        total = sum((g.sum(output * 0.5) for output in outputs), g.constant(0.0, program.dtype))
        outputs = [*outputs, *g.grad(total, program.inputs)]
        made[f"plain{seed}"] = program, outputs, program_of(outputs, program.inputs)
        random = array_programs.program(seed)
        if random.outputs:
            inputs = [member.expr for member in random.inputs.values()]
            updates = {name: member.expr for name, member in random.updates.items()}
            lowered = program_of([member.expr for member in random.outputs], inputs, updates)
            folder = tmp_path / f"alone{seed}"
            folder.mkdir()
            if not any(word in str(member.expr) for member in random.outputs for word in NO_C) or not refused(
                lowered, folder
            ):
                typed[f"typed{seed}"] = random, lowered
    programs = {name: each[-1] for name, each in (*made.items(), *typed.items())}
    functions = exported(programs, tmp_path)
    for name, (program, outputs, _) in made.items():
        lengths = lengths_at(program.inputs, program.point)
        status, results, _ = functions.call(name, program.point, lengths)
        assert status == OK
        for result, right in zip(results, g.evaluate(outputs, program.point), strict=True):
            assert_close(result, right, float(np.finfo(program.dtype).eps))
    for name, (random, _) in typed.items():
        hold_typed(functions, name, random)


def hold_typed(functions: Exported, name: str, random: array_programs.Program) -> None:
    for later in (False, True):
        arguments = random.arguments(np.random.default_rng(random.seed), later)
        try:
            wanted = array_programs.oracle(random, {k: v.copy() for k, v in arguments.items()}, later)
        except array_programs.Undecided:
            continue
        program = functions.programs[name]
        lengths = {n: random.lengths[later][n] for n in program.lengths}
        status, results, states = functions.call(name, arguments, lengths)
        if wanted is None:
            assert status in (BAD_LENGTHS, BAD_VALUE)
            assert all(np.array_equal(states[own], arguments[own]) for own in states)
            continue
        if status == BAD_LENGTHS:  # as a slice of a named axis that is too short for it
            with pytest.raises(ShapeError, match="too short for the slice"):
                run_loops(program, arguments, lengths)
            continue
        assert status == OK, (name, later)
        for member, result in zip(random.outputs, results, strict=True):
            assert array_programs.agree(member, wanted[member], result), (name, member.expr)
        for own, member in random.updates.items():
            assert array_programs.agree(member, wanted[member], states[own]), (name, own)


def test_random_programs(tmp_path):
    hold_random(range(4), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6))
def test_many_random_programs(block, tmp_path):
    hold_random(range(3000 + 20 * block, 3020 + 20 * block), tmp_path)


def test_sums_keep_what_rounding_takes_and_places_before_the_first_are_found(tmp_path):
    """1 is lost beside 1e16; what is rolled or repeated divides numbers below 0."""
    x = g.symbol("x", shape=("n",))
    table = g.outer(x, x)
    outputs = [g.sum(x), g.sum(table, axis=0), g.roll(x, 1), g.roll(x, -2), g.flip(g.reshape(table, (-1,)))]
    outputs.append(g.reshape(outputs[-1], ("n", "n")))
    functions = exported({"f": program_of(outputs, [x])}, tmp_path)
    values = np.array([1e16, 1.0, -1e16])
    status, results, _ = functions.call("f", {"x": values}, {"n": 3})
    assert status == OK
    wanted = [1.0, values, np.roll(values, 1), np.roll(values, -2), np.flip(np.outer(values, values).ravel())]
    for result, right in zip(results, [*wanted, wanted[-1].reshape(3, 3)], strict=True):
        assert np.array_equal(result, right)


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_what_is_wrong_gives_an_error_code(tmp_path):
    x, w = g.symbol("x", shape=("n", "k")), g.symbol("w", shape=("n",))
    i, s = g.symbol("i", shape=("k",), dtype="int64"), g.symbol("s", shape=("n", "n"))
    programs = {
        "scatter": program_of([g.sum(w)], [w, i], {"w": w.at[i].add(1.0)}),
        "third": program_of([x[:, 2], g.max(x, axis=0)], [x]),
        "solved": program_of([g.solve(s, w)], [s, w]),
        "factor": program_of([g.cholesky(s)], [s]),
    }
    functions = exported(programs, tmp_path)

    def status(name, point, **lengths):
        return functions.call(name, point, lengths)[0]

    assert status("third", {"x": np.zeros((2, 3))}, n=2, k=3) == OK
    for n, k in ((-1, 3), (2, -1), (2, 2), (0, 3)):
        assert functions.call("third", {"x": np.zeros((0, 0))}, {"n": n, "k": k})[0] == BAD_LENGTHS, (n, k)
    text = (tmp_path / "third.c").read_text(encoding="utf-8")
    assert "(double)n*(double)k <= 1.0e15" in text and "n <= 2147483647" in text
    code, _, states = functions.call("scatter", {"w": np.zeros(3), "i": np.array([0, 3])}, {"n": 3, "k": 2})
    assert code == BAD_VALUE and not states["w"].any()
    code, _, states = functions.call("scatter", {"w": np.zeros(3), "i": np.array([0, -3])}, {"n": 3, "k": 2})
    assert code == OK and states["w"].tolist() == [2, 0, 0]
    assert status("solved", {"s": np.ones((2, 2)), "w": np.ones(2)}, n=2) == BAD_VALUE
    assert status("factor", {"s": -np.eye(2)}, n=2) == BAD_VALUE
    assert status("solved", {"s": np.zeros((0, 0)), "w": np.zeros(0)}, n=0) == OK


HOSTILE = [
    "double",
    "free",
    "malloc",
    "status",
    "done",
    "int64_t",
    "floor_div",
    "graphc_add_float64",
    "main",
    "NULL",
    "restrict",
    "i0",
    "s0",
]


def test_names_that_c_has_taken(tmp_path):
    """Of inputs, lengths and the function."""
    inputs = [g.symbol(name, shape=("sqrt", "n")) for name in HOSTILE]
    total = g.sum(sum(inputs[1:], inputs[0]), axis=0)
    functions = exported({"f": program_of([total], inputs)}, tmp_path)
    point = {name: np.full((2, 3), float(k)) for k, name in enumerate(HOSTILE)}
    named = dict(zip([b.name for b in functions.programs["f"].of_role("input")], point.values(), strict=True))
    status, (result,), _ = functions.call("f", named, {"sqrt": 2, "n": 3})
    assert status == OK and result.tolist() == [2 * sum(range(len(HOSTILE)))] * 3


def test_export_of_compiled_functions(tmp_path):
    """Of arrays, of arrays element by element, of numbers, with constants and updates: a file and its header."""
    x, w, a = g.symbol("x", shape=("n", "k")), g.symbol("w", shape=("k",)), g.symbol("a")
    made = {
        "whole": g.compile([g.sum(g.tanh(x @ w)), g.grad(g.sum(g.tanh(x @ w)), w)], [x, w]),
        "by_element": g.compile(x * w, [x, w]),
        "numbers": g.compile(g.value_and_grad(g.log(1 / (g.exp(-a) + 1)), a), [a]),
        "stepped": g.compile(g.sum(w), [x, w], updates={w: w - 0.1 * g.sum(x, axis=0)}),
    }
    for name, f in made.items():
        f.export(tmp_path / f"{name}.c")
        text, header = ((tmp_path / f"{name}{suffix}").read_text(encoding="utf-8") for suffix in (".c", ".h"))
        assert text.isascii() and f'#include "{name}.h"' in text and f"int {name}(" in header
        done = subprocess.run(
            [str(COMPILER), *STRICT, "-c", str(tmp_path / f"{name}.c"), "-o", str(tmp_path / "o")],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        cpp = shutil.which("c++")
        if cpp is not None:
            checked = subprocess.run(
                [cpp, "-fsyntax-only", "-x", "c++", str(tmp_path / f"{name}.h")], capture_output=True
            )
            assert checked.returncode == 0, checked.stderr
    made["whole"].export(tmp_path / "k.c", header=tmp_path / "other.h", name="loss")
    assert '#include "other.h"' in (tmp_path / "k.c").read_text(encoding="utf-8")
    assert "int loss(int64_t n, int64_t k, const double *restrict x" in (tmp_path / "other.h").read_text(
        encoding="utf-8"
    )
    with pytest.raises(InputError, match="header"):
        made["whole"].export(tmp_path / "k.c", header=tmp_path / 'a"b.h')
    with pytest.raises(InputError, match="name"):
        made["whole"].export(tmp_path / "k.c", name="double")


def test_long_constants_are_refused(tmp_path):
    x = g.symbol("x", shape=(10_001,))
    with pytest.raises(CompileError, match="10,000"):
        g.compile(g.sum(x * np.arange(10_001.0)), [x]).export(tmp_path / "k.c")
