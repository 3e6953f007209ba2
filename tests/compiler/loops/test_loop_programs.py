"""Every operation on arrays, and random programs, as loops: verified, and interpreted they are what NumPy computes.

With calls of routines, and with those as loops too.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import Assign, Load, RoutineCall, walk_statements
from graphc.errors import InputError, ShapeError
from graphc.ir.op import all_ops, array_ops
from tests.compiler.loops.support import assert_close, checked, lengths_at, program_of, run_loops
from tests.compiler.test_array_programs import Programs
from tests.fuzz import array_programs
from tests.ops.array_cases import CASES, LENGTHS
from tests.oracle import held_apart

NOT_AS_LOOPS = {
    "qr_q", "qr_r", "eigvalsh", "eigenvectors", "svdvals", "svd_u", "svd_vh", "expm",
}  # fmt: skip
"""Operations that stay calls of routines."""

EPS = float(np.finfo(np.float64).eps)


def outputs_of(case, symbols) -> list[g.Expr]:
    """A formula, and its derivatives where it has some."""
    out = case.build(*symbols)
    floats = [symbol for symbol in symbols if symbol.dtype.kind == "f"]
    return [out, *g.grad(g.sum(out), floats)] if case.smooth and out.dtype.kind == "f" else [out]


@pytest.mark.sample(8)
@pytest.mark.parametrize("named", [False, True], ids=["lengths", "names"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_every_operation_on_arrays(case, named):
    if named and not case.named:
        return
    symbols, point = case.symbols(named), case.point()
    outputs = outputs_of(case, symbols)
    wanted = g.evaluate(outputs, point)
    program = program_of(outputs, symbols)
    expanded = expand_calls(program)
    for each in (program, expanded):
        assert not checked(each)
        for result, right in zip(run_loops(each, point, LENGTHS), wanted, strict=True):
            assert_close(result, right, EPS)
    left = {each.routine for each in walk_statements(expanded.body) if isinstance(each, RoutineCall)}
    assert left <= NOT_AS_LOOPS


def test_every_operation_has_a_case_and_what_stays_a_call_is_listed():
    assert {case.op for case in CASES} == {op.name for op in array_ops() if not op.user_defined}
    assert {op.name for op in array_ops()} >= NOT_AS_LOOPS


FLOATS = np.array([-np.inf, -3.5, -1.0, -0.25, -0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 30.0, np.inf, np.nan])


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "op", [op for op in all_ops() if not op.user_defined and not held_apart(op)], ids=lambda op: op.name
)
def test_every_operation_element_by_element(op):
    """At special values: the interpreter has it of the same declaration, so this is about types, order and broadcasting."""
    if op.name in ("astype", "where", "polygamma", "clip"):
        return  # they have attributes or operands of other types: they are in the programs
    shapes = [("n", 1), ("m",), (1, 1)][: op.arity] if op.arity > 1 else [("n",)]
    logical = op.name.startswith("logical")
    dtype = "bool" if logical else "float64"
    symbols = [g.symbol(f"x{k}", shape=shape, dtype=dtype) for k, shape in enumerate(shapes)]
    values = FLOATS > 0 if logical else FLOATS
    lengths = {"n": len(values), "m": len(values)}
    point = {x.name: np.resize(values, [lengths.get(d, d) for d in x.shape]) for x in symbols}
    out = getattr(g, op.name)(*symbols)
    program = program_of([out], symbols)
    assert not checked(program)
    with np.errstate(all="ignore"):
        right = np.asarray(g.evaluate(out, point))
    (result,) = run_loops(program, point, lengths)
    assert result.dtype == right.dtype
    if right.dtype.kind == "f":
        np.testing.assert_allclose(result, right, rtol=16 * EPS, atol=16 * EPS)
    else:
        assert np.array_equal(result, right)


def check_random(seed: int) -> None:
    made = Programs(seed)
    outputs = made.pool[len(made.inputs) :][-3:] or made.pool[:1]
    total = sum((g.sum(output * 0.5) for output in outputs), g.constant(0.0, made.dtype))
    outputs = [*outputs, *g.grad(total, made.inputs)]
    wanted = g.evaluate(outputs, made.point)
    program = program_of(outputs, made.inputs)
    for each in (program, expand_calls(program)):
        checked(each)
        results = run_loops(each, made.point, lengths_at(made.inputs, made.point))
        for result, right in zip(results, wanted, strict=True):
            assert_close(result, right, float(np.finfo(made.dtype).eps))


@pytest.mark.parametrize("seed", range(5))
def test_random_programs(seed):
    check_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(5))
def test_many_random_programs(block):
    for seed in range(1000 + 60 * block, 1060 + 60 * block):
        check_random(seed)


def check_typed(seed: int) -> None:
    """A program of several types, lengths of 0 and 1, updates: against NumPy member by member."""
    made = array_programs.program(seed)
    if not made.outputs:
        return
    inputs = [member.expr for member in made.inputs.values()]
    updates = {name: member.expr for name, member in made.updates.items()}
    program = program_of([member.expr for member in made.outputs], inputs, updates)
    programs = (program, expand_calls(program))
    for each in programs:
        checked(each)
    for later in (False, True):
        if max([0, *made.lengths[later].values()]) > 20:
            continue
        arguments = made.arguments(np.random.default_rng(seed), later)
        try:
            wanted = array_programs.oracle(made, {k: v.copy() for k, v in arguments.items()}, later)
        except array_programs.Undecided:
            continue
        for each in programs:
            own = {name: array.copy() for name, array in arguments.items()}
            if wanted is None:  # NumPy refuses an index
                with pytest.raises((InputError, ShapeError)):
                    run_loops(each, own, made.lengths[later])
                for name in made.updates:
                    assert np.array_equal(own[name], arguments[name])
                continue
            try:
                results = run_loops(each, own, made.lengths[later])
            except (
                ShapeError
            ) as error:  # NumPy's slices are shorter where an axis is; those of a named one are not
                assert "too short for the slice" in str(error)
                continue
            for member, result in zip(made.outputs, results, strict=True):
                assert array_programs.agree(member, wanted[member], result), (seed, member.expr)
            for name, member in made.updates.items():
                assert array_programs.agree(member, wanted[member], own[name]), (seed, name)


@pytest.mark.parametrize("seed", range(8))
def test_random_programs_of_several_types(seed):
    check_typed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_many_random_programs_of_several_types(block):
    for seed in range(2000 + 60 * block, 2060 + 60 * block):
        check_typed(seed)


# --- what they may not do -------------------------------------------------------------------------------------------------------


def test_two_inputs_may_swap_their_values():
    a, b = g.symbol("a", shape=("n",)), g.symbol("b", shape=("n",))
    program = program_of([g.sum(a)], [a, b], {"a": b, "b": a})
    checked(program)
    point = {"a": np.arange(3.0), "b": -np.arange(3.0)}
    (total,) = run_loops(program, point, {"n": 3})
    assert total == 3.0 and point["a"].tolist() == [0, -1, -2] and point["b"].tolist() == [0, 1, 2]


def test_an_index_outside_is_refused_before_an_input_is_written():
    w, i = g.symbol("w", shape=("n",)), g.symbol("i", shape=("k",), dtype="int64")
    program = program_of([g.sum(w)], [w, i], {"w": w.at[i].add(1.0)})
    checked(program)
    point = {"w": np.zeros(3), "i": np.array([0, 3])}
    with pytest.raises(InputError, match="outside of axis 0"):
        run_loops(program, point, {"n": 3, "k": 2})
    assert not point["w"].any()
    point["i"][1] = -3
    run_loops(program, point, {"n": 3, "k": 2})
    assert point["w"].tolist() == [2, 0, 0]


@pytest.mark.parametrize(
    ("formula", "bad", "good"),
    [
        (lambda x: g.max(x), 0, 1),
        (lambda x: x[2], 2, 3),
        (lambda x: x[-2], 1, 2),
        (lambda x: x[:3], 2, 3),
        (lambda x: x[5:1:-2], 5, 6),
        (lambda x: g.argmin(x), 0, 1),
    ],
)
def test_lengths_that_do_not_fit_are_refused(formula, bad, good):
    x = g.symbol("x", shape=("n",))
    program = program_of([formula(x)], [x])
    assert not checked(program)
    with pytest.raises(ShapeError):
        run_loops(program, {"x": np.zeros(bad)}, {"n": bad})
    run_loops(program, {"x": np.zeros(good)}, {"n": good})


def test_a_gather_reads_nothing_outside_even_where_its_check_comes_later():
    """The index is made in the loop that gathers: the check of all of them comes behind it."""
    x, z = g.symbol("x", shape=(2,)), g.symbol("z", shape=("n",))
    program = program_of([z[g.astype(g.clip(x, -4, 3), "int8")]], [x, z])
    loads = [
        x
        for s in walk_statements(program.body)
        if isinstance(s, Assign)
        for x in [s.value]
        if isinstance(x, Load)
    ]
    assert any(load.guard for load in loads) and not checked(program)
    for n in (0, 2):
        with pytest.raises(InputError):
            run_loops(program, {"x": np.array([0.0, 3.0]), "z": np.zeros(n)}, {"n": n})
