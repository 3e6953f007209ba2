"""Array programs as JavaScript held against the interpreter of graphs: every operation, random programs, errors. Run by node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.expand_calls import RULES
from graphc.compiler.loops.from_graph.one_function import has_loops
from graphc.compiler.pipeline import REWRITING, Options, loop_program, run, unit_of
from graphc.compiler.targets.javascript_module import expanded, module
from graphc.errors import CompileError, InputError
from graphc.ir.attribute_text import bound
from tests.compiler.loops.support import lengths_at
from tests.compiler.test_array_programs import Programs
from tests.ops.array_cases import CASES, LENGTHS

NODE = shutil.which("node") or shutil.which("nodejs")
pytestmark = pytest.mark.skipif(NODE is None, reason="no JavaScript engine on this machine: node")

RUNNER = """
import { readFileSync } from 'node:fs';
const kinds = { float64: Float64Array, float32: Float32Array, bool: Uint8Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array };
const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
const single = (value, kind) => kinds[kind].of(kind === 'bool' ? Number(value)
  : kind.endsWith('64') || kind.startsWith('float') ? value : Number(value));
for (const call of JSON.parse(readFileSync('calls.json'))) {
  try {
    const { run } = await import('./' + call.module);
    const inputs = call.inputs.map(({ kind, data, scalar }) => {
      const raw = Buffer.from(data, 'base64'), array = new kinds[kind](new Uint8Array(raw).buffer);
      return !scalar ? array : kind === 'bool' ? array[0] !== 0 : kind.startsWith('float') ? array[0] : BigInt(array[0]);
    });
    const results = run(...call.lengths, ...inputs).map((result, k) =>
      bytes(typeof result === 'object' ? result : single(result, call.kinds[k])));
    const states = inputs.filter((_, k) => call.states[k]).map(bytes);
    console.log(JSON.stringify({ results, states }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
"""


class Calls:
    """Calls of modules, run by one process."""

    def __init__(self, path: Any) -> None:
        self.path, self.calls, self.programs = path, [], []

    def add(self, outputs: Any, inputs: Any, point: Any, lengths: Any, updates: Any = None) -> bool:
        """Whether the program has a form in JavaScript; it is called then."""
        new = dict(updates or {})
        graph = g.Graph([*outputs, *new.values()], list(inputs))
        numbers = tuple([[symbol.name for symbol in graph.symbols].index(name) for name in new])
        program = loop_program(
            run(unit_of(expanded(graph), Options(rewrite=None, updates=numbers)), REWRITING)
        )
        if not has_loops(program):
            return False
        name = f"module{len(self.calls)}.mjs"
        (self.path / name).write_text(module(replace(program, name="run"), "a test"), encoding="utf-8")
        given = program.of_role("input", "state")
        self.calls.append(
            {
                "module": name,
                "lengths": [int(lengths[n]) for n in program.lengths],
                "states": [buffer.role == "state" for buffer in given],
                "kinds": [buffer.dtype.name for buffer in program.of_role("result")],
                "inputs": [
                    {
                        "kind": buffer.dtype.name,
                        "scalar": not buffer.shape,
                        "data": base64.b64encode(
                            np.asarray(point[buffer.name], buffer.dtype).tobytes()
                        ).decode(),
                    }
                    for buffer in given
                ],
            }
        )
        self.programs.append((program, lengths))
        return True

    def run(self) -> list[Any]:
        """For each call its results and states as arrays, or the error as a text."""
        (self.path / "calls.json").write_text(json.dumps(self.calls), encoding="utf-8")
        (self.path / "runner.mjs").write_text(RUNNER, encoding="utf-8")
        done = subprocess.run(
            [str(NODE), "runner.mjs"],
            cwd=self.path,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        answers = []
        for line, (program, lengths) in zip(done.stdout.splitlines(), self.programs, strict=True):
            answer = json.loads(line)
            if "error" in answer:
                answers.append(answer["error"])
                continue
            texts = zip(
                (*answer["results"], *answer["states"]),
                program.of_role("result") + program.of_role("state"),
                strict=True,
            )
            answers.append(
                [
                    np.frombuffer(base64.b64decode(text), buffer.dtype).reshape(bound(buffer.shape, lengths))
                    for text, buffer in texts
                ]
            )
        return answers


def near(result: np.ndarray, right: Any) -> bool:
    """To 1e−12, in float32 to some of its steps, of the largest element."""
    right = np.asarray(right)
    if right.dtype.kind in "biu":
        return np.array_equal(result, right)
    finite = np.isfinite(right)
    if not np.array_equal(result[~finite], right[~finite], equal_nan=True):
        return False
    scale = max(1.0, np.abs(right[finite]).max(initial=0))
    bound_ = 1e-12 if right.dtype == np.float64 else 1e-4
    return bool(np.abs(result[finite].astype(float) - right[finite]).max(initial=0) <= bound_ * scale)


def hold(path: Any, programs: Any) -> int:
    """Run programs (name, outputs, inputs, point, lengths); gives how many there were."""
    calls, right = Calls(path), []
    for name, outputs, inputs, point, lengths in programs:
        if calls.add(outputs, inputs, point, lengths):
            right.append((name, g.evaluate(outputs, point)))
    for answer, (name, values) in zip(calls.run(), right, strict=True):
        assert not isinstance(answer, str), (name, answer)
        assert all(near(*pair) for pair in zip(answer, values, strict=True)), name
    return len(right)


def _case(case: Any) -> tuple[Any, ...]:
    symbols = case.symbols(case.named)
    return case.op, [case.build(*symbols)], symbols, case.point(), LENGTHS


def test_operations(tmp_path):
    assert hold(tmp_path, (_case(case) for case in CASES if case.op in FEW)) >= 15


@pytest.mark.slow
def test_all_operations(tmp_path):
    assert hold(tmp_path, map(_case, CASES)) >= 100


FEW = frozenset(
    """roll matmul solve cholesky max_pool2d_grad at_add argmax einsum concat cumsum take sum max mean conv2d logsumexp
    softmax det where stack""".split()
) | set(list(RULES)[:4])


def _random(seed: int) -> tuple[Any, ...]:
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    return seed, outputs, program.inputs, program.point, lengths_at(program.inputs, program.point)


@pytest.mark.parametrize(
    "seeds", [range(300, 312), pytest.param(range(312, 400), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_random_programs(seeds, tmp_path):
    assert hold(tmp_path, map(_random, seeds)) >= len(seeds) // 2


def test_states_numbers_and_errors(tmp_path):
    s, a = g.symbol("s", shape=("n",)), g.symbol("class")
    flag, k = g.symbol("flag", dtype="bool"), g.symbol("k", dtype="int8")
    i, A = g.symbol("i", shape=("n",), dtype="int64"), g.symbol("A", shape=("n", "n"))
    calls = Calls(tmp_path)
    point = {
        "s": np.arange(3.0),
        "class": 0.5,
        "flag": True,
        "k": -3,
        "i": np.array([0, 1, -1]),
        "A": np.ones((3, 3)),
    }
    calls.add([g.where(flag, g.sum(s) * a, 0.0), k * k], [s, a, flag, k], point, {"n": 3}, {"s": s * 2})
    calls.add([s[i]], [s, i], point, {"n": 3})
    calls.add([s[i]], [s, i], {**point, "i": np.array([0, 1, 3])}, {"n": 3})
    calls.add([g.solve(A, s)], [A, s], point, {"n": 3})
    calls.add([g.sum(s)], [s], point, {"n": 4})
    calls.add([s[3]], [s], point, {"n": 3})
    first, second, *errors = calls.run()
    assert [each.tolist() for each in first] == [1.5, 9, [0, 2, 4]] and second[0].tolist() == [0, 1, 2]
    assert len(errors) == 4 and all("RangeError" in error for error in errors)


def test_loops_and_branches(tmp_path):
    x = g.symbol("x", shape=("n",))
    end, ys = g.scan(lambda c, y: (0.5 * c + g.sin(y), c * y), g.sum(x), x)
    root = g.while_loop(lambda z: z * z > 1e-3, lambda z: 0.5 * z, end)
    value = g.cond(end > 0, lambda z: z + 1, lambda z: z - 1, root)
    outputs = [value, *g.grad(g.sum(ys) + end, [x])]
    point = {"x": np.linspace(-1, 2, 7)}
    assert hold(tmp_path, [("loops", outputs, [x], point, {"n": 7})]) == 1


def test_export(tmp_path):
    x, w = g.symbol("x", shape=("n", 3)), g.symbol("w", shape=(3,))
    value = g.mean(g.tanh(x @ w) ** 2)
    f: Any = g.compile([value, g.grad(value, w)])
    f.export(tmp_path / "loss.mjs")
    text = (tmp_path / "loss.mjs").read_text(encoding="utf-8")
    assert "export function loss(n, " in text
    script = (
        "import { loss } from './loss.mjs'; "
        "console.log(JSON.stringify(loss(2, Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(0.1, 0.2, -0.3))"
        ".map((r) => typeof r === 'object' ? [...r] : r)));"
    )
    (tmp_path / "use.mjs").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [str(NODE), "use.mjs"], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    ours = f(np.arange(1.0, 7).reshape(2, 3), np.array([0.1, 0.2, -0.3]))
    named = dict(zip(f.inputs, (np.arange(1.0, 7).reshape(2, 3), np.array([0.1, 0.2, -0.3])), strict=True))
    assert list(named) == ["x", "w"]
    theirs = json.loads(done.stdout)
    assert np.isclose(theirs[0], ours[0], rtol=1e-12) and np.allclose(theirs[1], ours[1], rtol=1e-12)
    with pytest.raises(InputError, match="no header"):
        f.export(tmp_path / "loss.js", header=tmp_path / "loss.h")
    with pytest.raises(CompileError, match="no form in JavaScript"):
        g.compile(g.eigvalsh(g.symbol("square", shape=(3, 3)))).export(tmp_path / "spread.mjs")
    numbers = g.compile(g.sin(g.symbol("a")) * 2)
    numbers.export(tmp_path / "numbers.js")
    assert "export function numbers(a)" in (tmp_path / "numbers.js").read_text(encoding="utf-8")
