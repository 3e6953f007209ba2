"""Array programs as object code with a C interface: the same values, error codes for what does not fit, nothing else written."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import execution_engine, guard_words
from graphc.compiler.engine.jit import object_code
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.loops.from_graph.one_function import has_loops
from graphc.compiler.loops.program import Program
from graphc.compiler.targets.llvm.programs import writer
from graphc.compiler.targets.llvm.programs.c_interface import c_function
from graphc.errors import CompileError, InputError
from graphc.ir.attribute_text import bound
from tests.compiler.loops.support import assert_close, lengths_at, program_of
from tests.compiler.test_array_programs import Programs
from tests.ops.array_cases import CASES, LENGTHS

EPS = float(np.finfo(np.float64).eps)

OK, NO_MEMORY, BAD_LENGTHS, BAD_VALUE = range(4)


class Loaded:
    """A program's object code, loaded."""

    def __init__(self, program: Program) -> None:
        self.program = program
        code = object_code([c_function(program, writer.write(program), "kernel")], ("kernel",))
        self.handle = execution_engine.link(code, {}, ())
        self.address = execution_engine.address(self.handle, "kernel")

    def __call__(
        self, point: Mapping[str, Any], lengths: Mapping[str, int]
    ) -> tuple[int, list[np.ndarray], dict[str, np.ndarray]]:
        """The code that a call gives, the results, and the states."""
        kinds: list[Any] = [ctypes.c_int64] * len(self.program.lengths)
        values: list[Any] = [lengths[name] for name in self.program.lengths]
        arrays: dict[str, np.ndarray] = {}
        for buffer in self.program.of_role("input", "state", "result"):
            shape = tuple(max(length, 0) for length in bound(buffer.shape, lengths))
            array = guard_words.empty(shape, buffer.dtype)
            if buffer.role != "result":
                array[...] = point[buffer.name]
            if buffer.role == "input" and not buffer.shape:
                kind = "bool" if buffer.dtype.kind == "b" else buffer.dtype.name
                kinds.append(np.ctypeslib.as_ctypes_type(np.uint8 if kind == "bool" else buffer.dtype))
                values.append(array.item())
            else:
                arrays[buffer.name] = array
                kinds.append(ctypes.c_void_p)
                values.append(data_address(array))
        status = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(self.address)(*values)
        for name, array in arrays.items():
            if array.size:
                guard_words.check(array, name, "kernel")
        results = [arrays[buffer.name] for buffer in self.program.of_role("result")]
        return status, results, {buffer.name: arrays[buffer.name] for buffer in self.program.of_role("state")}


FEW = [
    "roll",
    "matmul",
    "solve",
    "cholesky",
    "max_pool2d_grad",
    "at_add",
    "argmax",
    "einsum",
    "concat",
    "cumsum",
]


@pytest.mark.parametrize("op", FEW)
def test_operations(op):
    case = next(case for case in CASES if case.op == op)
    symbols, point = case.symbols(case.named), case.point()
    outputs = [case.build(*symbols)]
    status, results, _ = Loaded(program_of(outputs, symbols))(point, LENGTHS)
    assert status == OK
    assert_close(results[0], np.asarray(g.evaluate(outputs[0], point)), EPS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 230))
def test_random_programs(seed):
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    loops = program_of(outputs, program.inputs)
    if not has_loops(loops):
        return
    status, results, _ = Loaded(loops)(program.point, lengths_at(program.inputs, program.point))
    assert status == OK
    for result, right in zip(results, g.evaluate(outputs, program.point), strict=True):
        assert_close(result, np.asarray(right), float(np.finfo(program.dtype).eps))


def test_scalars_constants_and_states():
    n, a = g.symbol("s", shape=("n",)), g.symbol("a", dtype="float32")
    flag, k = g.symbol("flag", dtype="bool"), g.symbol("k", dtype="int8")
    table = g.constant(np.array([2.0, 3.0, 5.0]))
    outputs = [g.where(flag, g.sum(n) * a, 0.0), g.sum(table) * k]
    loaded = Loaded(program_of(outputs, [n, a, flag, k], {"s": n * 2}))
    point = {"s": np.arange(4.0), "a": 0.5, "flag": True, "k": -3}
    status, results, states = loaded(point, {"n": 4})
    assert status == OK and [result.item() for result in results] == [3.0, -30.0]
    assert states["s"].tolist() == [0, 2, 4, 6]
    assert loaded({**point, "flag": False}, {"n": 4})[1][0].item() == 0


def test_what_is_wrong_gives_an_error_code():
    x, w = g.symbol("x", shape=("n", "k")), g.symbol("w", shape=("n",))
    i, s = g.symbol("i", shape=("k",), dtype="int64"), g.symbol("s", shape=("n", "n"))
    third = Loaded(program_of([x[:, 2], g.max(x, axis=0)], [x]))
    assert third({"x": np.zeros((2, 3))}, {"n": 2, "k": 3})[0] == OK
    for n, k in ((-1, 3), (2, -1), (2, 2), (0, 3), (2**31, 3), (2**31 - 1, -(2**62))):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guard_words, "empty", lambda shape, dtype: np.empty(1, dtype))
            patch.setattr(guard_words, "check", lambda *_: None)
            assert third({"x": np.zeros(1)}, {"n": n, "k": k})[0] == BAD_LENGTHS, (n, k)
    scatter = Loaded(program_of([g.sum(w)], [w, i], {"w": w.at[i].add(1.0)}))
    code, _, states = scatter({"w": np.zeros(3), "i": np.array([0, 3])}, {"n": 3, "k": 2})
    assert code == BAD_VALUE and not states["w"].any()
    code, _, states = scatter({"w": np.zeros(3), "i": np.array([0, -3])}, {"n": 3, "k": 2})
    assert code == OK and states["w"].tolist() == [2, 0, 0]
    solved = Loaded(program_of([g.solve(s, w)], [s, w]))
    assert solved({"s": np.ones((2, 2)), "w": np.ones(2)}, {"n": 2})[0] == BAD_VALUE
    assert solved({"s": np.zeros((0, 0)), "w": np.zeros(0)}, {"n": 0})[0] == OK


def test_files_of_array_functions(tmp_path):
    x, w = g.symbol("x", shape=("n", 3)), g.symbol("w", shape=(3,))
    loss = g.mean(g.tanh(x @ w) ** 2)
    f = g.compile([loss, g.grad(loss, w)])
    f.export(tmp_path / "loss.o", header=tmp_path / "loss.h")
    assert (tmp_path / "loss.o").stat().st_size > 0 and not list(tmp_path.glob("*.c"))
    header = (tmp_path / "loss.h").read_text(encoding="utf-8")
    f.export(tmp_path / "loss.c", header=tmp_path / "same.h")
    same = (tmp_path / "same.h").read_text(encoding="utf-8")
    declared = [
        next(line for line in text.splitlines() if line.startswith("int ")) for text in (header, same)
    ]
    assert declared[0] == declared[1]
    with pytest.raises(InputError, match="taken"):
        f.export(tmp_path / "loss.o", name="free")
    spread = g.compile(g.eigvalsh(g.symbol("square", shape=(3, 3))))
    with pytest.raises(CompileError, match="eigvalsh"):
        spread.export(tmp_path / "spread.o")
    assert not (tmp_path / "spread.o").exists()
