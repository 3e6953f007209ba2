"""Array programs as Python modules held against the interpreter of graphs: operations, random programs, updates, refusals."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.targets import python_module
from graphc.errors import CompileError, InputError
from tests.compiler.loops.support import lengths_at
from tests.compiler.targets.test_javascript_program import near
from tests.compiler.test_array_programs import Programs
from tests.frontend.nested_programs import PROGRAMS
from tests.ops.array_cases import CASES

FEW = ("solve", "argmax", "concat", "logsumexp", "at_add")


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, path.stem)


def exported(path: Path, name: str, outputs: Any, inputs: Any) -> Any:
    """The function of an exported module; None where it has no form in Python."""
    f = g.compile(outputs, inputs, rewrite=None)
    file = path / f"{name}.py"
    try:
        f.export(file)
    except CompileError as error:
        assert "no form" in error.message or "SciPy's" in error.message or "no argument has" in error.message
        return None
    assert "graphc" not in file.read_text(encoding="utf-8").replace("Written by graphc", "")
    return load(file)


def hold(path: Path, name: str, outputs: Any, inputs: Any, point: Any) -> bool:
    function = exported(path, name, outputs, inputs)
    if function is None:
        return False
    results = function(*(point[x.name] for x in inputs))
    for result, right in zip(results, g.evaluate(outputs, point), strict=True):
        assert near(np.asarray(result), right), (name, result, right)
        assert np.asarray(result).dtype == np.asarray(right).dtype or np.ndim(right) == 0
    return True


def _case(case: Any) -> tuple[Any, ...]:
    symbols = case.symbols(case.named)
    return [case.build(*symbols)], symbols, case.point()


@pytest.mark.parametrize("op", FEW)
def test_operations(op, tmp_path):
    case = next(case for case in CASES if case.op == op)
    assert hold(tmp_path, f"op_{op}", *_case(case))


@pytest.mark.slow
def test_all_operations(tmp_path):
    held = sum(hold(tmp_path, f"op_{number}", *_case(case)) for number, case in enumerate(CASES))
    assert held >= 100


def _random(seed: int) -> tuple[Any, ...]:
    program = Programs(seed)
    outputs = program.pool[len(program.inputs) :][-3:] or program.pool[:1]
    assert lengths_at(program.inputs, program.point) is not None
    return outputs, program.inputs, program.point


@pytest.mark.parametrize(
    "seeds", [range(300, 303), pytest.param(range(303, 340), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_random_programs(seeds, tmp_path):
    assert sum(hold(tmp_path, f"random_{seed}", *_random(seed)) for seed in seeds) >= len(seeds) // 2


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", ["several results", "depth three", "much memory"])
def test_functions_that_stay_calls(name, tmp_path):
    program = PROGRAMS[name]
    symbols, formula = program.built()
    point = {x.name: np.asarray(value, float) for x, value in zip(symbols, program.point, strict=True)}
    assert hold(tmp_path, "nested", [formula, *g.grad(formula, symbols)], symbols, point)
    assert "def _f0_" in (tmp_path / "nested.py").read_text(encoding="utf-8")


def test_loops_and_branches(tmp_path):
    x = g.symbol("pm_x", shape=("n",))
    end, ys = g.scan(lambda c, y: (0.5 * c + g.sin(y), c * y), g.sum(x), x)
    root = g.while_loop(lambda z: z * z > 1e-3, lambda z: 0.5 * z, end)
    value = g.cond(end > 0, lambda z: z + 1, lambda z: z - 1, root)
    outputs = [value, *g.grad(g.sum(ys) + end, [x])]
    assert hold(tmp_path, "loops", outputs, [x], {"pm_x": np.linspace(-1, 2, 7)})


def test_types_and_special_values(tmp_path):
    x = g.symbol("pm_f", shape=("n",), dtype="float32")
    k = g.symbol("pm_k", shape=("n",), dtype="int8")
    b = g.symbol("pm_b", shape=("n",), dtype="bool")
    point = {
        "pm_f": np.array([1.5, np.inf, np.nan, -0.0], "float32"),
        "pm_k": np.array([100, -128, 3, 0], "int8"),
        "pm_b": np.array([True, False, True, False]),
    }
    outputs = [
        x * 3.0,
        k + k,
        k * k,
        g.sum(k),
        g.max(x),
        g.argmax(x),
        g.any(b),
        b ^ (k > 1),
        x + k,
        g.sum(x[:1]),
    ]
    assert hold(tmp_path, "types", outputs, [x, k, b], point)


def test_updates_write_their_arguments(tmp_path):
    w, v = g.symbol("pm_w", shape=("n",)), g.symbol("pm_v", shape=("n",))
    count = g.symbol("pm_count")
    loss = g.sum((w - v) ** 2)
    f = g.compile(loss, [w, v, count], updates={w: w - 0.1 * g.grad(loss, w), count: count + 1.0})
    f.export(tmp_path / "step.py")
    step = load(tmp_path / "step.py")
    mine, theirs, target = np.arange(3.0), np.arange(3.0), np.array([1.0, 0.5, -2.0])
    counts = np.zeros(()), np.zeros(())
    for _ in range(3):
        assert abs(step(mine, target, counts[0]) - f(theirs, target, counts[1])) <= 1e-14
    assert np.allclose(mine, theirs, rtol=1e-15, atol=0) and counts[0] == counts[1] == 3
    for bad in (list(mine), mine.astype("float32"), mine[::-1], np.broadcast_to(1.0, 3), mine[None]):
        with pytest.raises(ValueError, match="pm_w is updated"):
            step(bad, target, counts[0])
    with pytest.raises(ValueError, match="shares memory"):
        step(mine, mine, counts[0])


def test_structures_constants_and_what_is_refused_at_the_call(tmp_path):
    x, i = g.symbol("pm_rows", shape=("n", 2)), g.symbol("lambda", shape=("n",), dtype="int64")
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    f = g.compile({"out": x @ table, "more": (g.sum(x), [x[i]])}, [x, i], rewrite=None)
    f.export(tmp_path / "kept.py")
    kept = load(tmp_path / "kept.py")
    rows, order = np.arange(6.0).reshape(3, 2), np.array([2, 0, -1])
    mine, theirs = kept(rows, order), f(rows, order)
    assert np.array_equal(mine["out"], theirs["out"]) and mine["more"][0] == theirs["more"][0]
    assert isinstance(mine["more"], tuple) and np.array_equal(mine["more"][1][0], rows[order])
    assert np.array_equal(kept(rows.T.copy().T, order)["out"], theirs["out"])
    for bad in ((rows[:, :1], order), (rows, order[:2]), (rows[0], order), (rows, np.array([0, 1, 3]))):
        with pytest.raises(ValueError):
            kept(*bad)
    with pytest.raises(TypeError):  # no silent loss
        kept(rows, order * 1.5)
    A, b = g.symbol("pm_A", shape=("n", "n")), g.symbol("pm_rhs", shape=("n",))
    g.compile(g.solve(A, b), [A, b]).export(tmp_path / "solved.py")
    with pytest.raises(ValueError):
        load(tmp_path / "solved.py")(np.ones((2, 2)), np.ones(2))


def test_it_runs_where_graphc_is_not(tmp_path):
    x, w = g.symbol("pm_X", shape=("n", 3)), g.symbol("pm_W", shape=(3,))
    value = g.mean(g.tanh(x @ w) ** 2)
    f: Any = g.compile([value, g.grad(value, w)], [x, w])
    f.export(tmp_path / "loss.py")
    script = (
        "import sys; sys.modules['graphc'] = None\n"
        "import numpy as np; from loss import loss\n"
        "value, slope = loss(np.arange(6.0).reshape(2, 3), [0.1, 0.2, -0.3])\n"
        "print(repr(value), *map(repr, slope.tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    right = f(np.arange(6.0).reshape(2, 3), np.array([0.1, 0.2, -0.3]))
    assert np.allclose([float(t) for t in done.stdout.split()], [right[0], *right[1]], rtol=1e-12, atol=1e-15)


def test_refused_by_name(tmp_path, monkeypatch):
    x = g.symbol("pm_refused", shape=("n",))
    with pytest.raises(CompileError, match="eigvalsh has no form in a Python module"):
        g.compile(g.eigvalsh(g.symbol("square", shape=(3, 3)))).export(tmp_path / "spread.py")
    with pytest.raises(CompileError, match="no argument has an axis of length n"):
        y = g.symbol("pm_inner", shape=("n - 1",))
        g.compile(g.sum(y) + g.sum(g.arange("n")), [y]).export(tmp_path / "length.py")
    with pytest.raises(CompileError, match="elements"):
        z = g.symbol("pm_long", shape=(10_001,))
        g.compile(z * np.zeros(10_001), [z]).export(tmp_path / "long.py")
    with pytest.raises(InputError, match="Python module has no header"):
        g.compile(g.sum(x), [x]).export(tmp_path / "sum.py", header=tmp_path / "sum.h")
    value = g.sum(x)
    for _ in range(100):
        value = g.sin(value) + value * x[0]
    monkeypatch.setattr(python_module, "MAX_OPERATIONS", 50)
    with pytest.raises(CompileError, match="statements and operations"):
        g.compile(value, [x], rewrite=None, tier="interpreted").export(tmp_path / "large.py")
    hostile = g.symbol("x'; import os #", shape=("n",))
    g.compile(g.sum(hostile), [hostile]).export(tmp_path / "hostile.py")
    assert load(tmp_path / "hostile.py")(np.ones(3)) == 3.0
