"""Records of what became of a graph: that a second compilation is found, and that nothing can be taken for something else.

The oracle is the value itself: each variant is evaluated by the interpreter, and its code must answer the same.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import jit, object_cache
from graphc.compiler.runtime import graph_cache
from graphc.rewrite import tables

ROOT = Path(__file__).resolve().parents[3]
X, Y = g.symbols("x y")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A new cache, and records for graphs of any size."""
    monkeypatch.setattr(graph_cache, "FROM", 0)
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code"))
    return tmp_path / "code"


def recalled(f):
    """Whether a function was made from a record."""
    return "find" in f._tiers.native.code.seconds


def compile_twice(outputs, inputs, **options):
    """The second of two compilations."""
    g.compile(outputs, inputs, **options)
    return g.compile(outputs, inputs, **options)


def test_the_second_compilation_rewrites_and_emits_nothing(monkeypatch):
    formula = g.log(1 / (g.exp(-(X * Y + 0.125)) + 1))
    first = g.compile([formula, X], [X, Y])
    assert not recalled(first)
    monkeypatch.setattr(tables, "run", lambda *_: pytest.fail("rewritten again"))
    second = g.compile([formula, X], [X, Y])
    assert recalled(second) and second._libraries[-1].cached == first._libraries[-1].cached
    assert second(2.0, 3.0) == first(2.0, 3.0)
    assert second._kernel.operations == first._kernel.operations
    assert second._nests.nanoseconds == first._nests.nanoseconds
    assert repr(second) == repr(first)


def test_a_recalled_function_is_like_any_other():
    formula = g.log(1 / (g.exp(-(X * Y + 0.375)) + 1))
    f = compile_twice((formula, {"x": X * 2}), [X, Y])
    assert recalled(f)
    a = np.linspace(-3, 3, 7)
    expected = g.evaluate(g.log_sigmoid(X * Y + 0.375), {"x": a, "y": 2.0})
    np.testing.assert_allclose(f(a, 2.0)[0], expected, rtol=1e-14)
    assert f(a[:, None], a[:2])[0].shape == (7, 2)
    assert f(np.empty(0), 1.0)[0].shape == (0,)
    again = pickle.loads(pickle.dumps(f))
    assert again(1.0, 2.0) == f(1.0, 2.0)
    assert "log_sigmoid" in str(f.graph.exprs[f.graph.outputs[0]])
    assert "log-sigmoid" in str(f.report()) and "define" in f.llvm and f.asm


BITS = math.nextafter(0.1, 1)

VARIANTS = {
    "as it is": lambda: ((X - Y) * 0.1, [X, Y], {}),
    "one bit of a constant": lambda: ((X - Y) * BITS, [X, Y], {}),
    "operands exchanged": lambda: ((Y - X) * 0.1, [X, Y], {}),
    "inputs exchanged": lambda: ((X - Y) * 0.1, [Y, X], {}),
    "another input": lambda: ((X - Y) * 0.1, [X, Y, g.symbol("z")], {}),
    "float32": lambda: ((X - Y) * 0.1, [X, Y], {"dtype": "float32"}),
    "an integer's type": lambda: (
        (g.symbol("x", dtype="int64") - g.symbol("y", dtype="int64")) * 0.1,
        [g.symbol("x", dtype="int64"), g.symbol("y", dtype="int64")],
        {},
    ),
    "added": lambda: ((X - Y) + 0.1, [X, Y], {}),
    "a list": lambda: ([(X - Y) * 0.1], [X, Y], {}),
    "a tuple": lambda: (((X - Y) * 0.1,), [X, Y], {}),
    "a dict": lambda: ({"a": (X - Y) * 0.1}, [X, Y], {}),
    "another key": lambda: ({"b": (X - Y) * 0.1}, [X, Y], {}),
    "twice": lambda: ([(X - Y) * 0.1, (X - Y) * 0.1], [X, Y], {}),
    "zero": lambda: ((X - Y) * 0.0, [X, Y], {}),
    "minus zero": lambda: ((X - Y) * -0.0, [X, Y], {}),
    "not a number": lambda: ((X - Y) * math.nan, [X, Y], {}),
    "rounded": lambda: (((X - Y) * 0.1).astype("float32"), [X, Y], {}),
    "rounded before": lambda: ((X - Y).astype("float32") * np.float32(0.1), [X, Y], {}),
}


def same(one, other):
    if isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in other)
    if isinstance(other, (tuple, list)):
        return type(one) is type(other) and all(map(same, one, other))
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def test_what_differs_in_anything_is_something_else():
    """All variants are recorded in one cache, then asked for again, in both orders."""
    made = {name: make() for name, make in VARIANTS.items()}
    keys = set()
    for outputs, inputs, options in made.values():
        graph = g.Graph(outputs, inputs)
        f = g.compile(outputs, inputs, **options)
        assert not recalled(f)
        key = graph_cache.key(graph, graph.structure, ("stable", str(options)))
        assert key not in keys
        keys.add(key)
    values = np.array([5, -0.0, 3]), np.array([2, 0.0, 7])
    for name in [*made, *reversed(made)]:
        outputs, inputs, options = made[name]
        f = g.compile(outputs, inputs, **options)
        assert recalled(f), name
        kind = "int64" if name == "an integer's type" else options.get("dtype", "float64")
        at = [value.astype(kind) for value in (*values, values[0])[: len(inputs)]]
        fresh = g.compile(outputs, inputs, cache=False, **options)
        assert same(f(*at), fresh(*at)), name


def test_options_of_rewriting_are_part_of_the_key():
    formula = g.log(1 / (g.exp(-X) + 1)) * 0.7
    far = -800.0
    assert compile_twice(formula, [X])(far) == far * 0.7
    assert compile_twice(formula, [X], rewrite="exact")(far) == -math.inf
    assert compile_twice(formula, [X], rewrite=None)(far) == -math.inf
    without = compile_twice(formula, [X], without=["log-sigmoid", "softmax-term"])
    assert recalled(without) and without(far) != far * 0.7
    assert compile_twice(formula, [X])(far) == far * 0.7
    with pytest.raises(g.GraphcError, match="no rule"):
        g.compile(formula, [X], without=["log-sigmoids"])
    with pytest.raises(g.GraphcError, match="level"):
        g.compile(formula, [X], rewrite="fast")


def test_declared_ranges_are_part_of_the_key():
    anything, positive = g.symbol("x"), g.symbol("x", positive=True)
    for symbol in (positive, anything, positive, anything):
        f = compile_twice(g.sqrt(symbol * symbol) * 1.25, [symbol])
        assert recalled(f)
        assert f(2.0) == 2.5
        if symbol is anything:
            assert f(-2.0) == 2.5


def test_with_rules_or_operations_of_the_users_own_nothing_is_recorded():
    formula = g.sin(X) * 0.3 + g.sinh(Y)
    before = g.compile(formula, [X, Y])
    made = g.rule("my-sinh", "sinh(x)", "(exp(x) - exp(-x))/2")
    try:
        under = compile_twice(formula, [X, Y])
        assert not recalled(under)
        assert under(1.0, 1.0) == g.compile(formula, [X, Y], cache=False)(1.0, 1.0)
        assert any(made.name in str(step) for step in g.rewrites(formula))
    finally:
        g.forget_rule("my-sinh")
    after = g.compile(formula, [X, Y])
    assert recalled(after) and after(1.0, 1.0) == before(1.0, 1.0)
    own = g.define_op("known_test_op", "x*x + 0.3")
    assert not recalled(compile_twice(own(X) * 2, [X]))


@pytest.mark.parametrize("what", ["_source", "_versions"])
def test_another_source_or_version_is_another_key(monkeypatch, what):
    formula = X * 0.77 + Y
    assert recalled(compile_twice(formula, [X, Y]))
    monkeypatch.setattr(graph_cache, what, lambda: b"other" if what == "_source" else ("numpy 0",))
    assert not recalled(g.compile(formula, [X, Y]))
    monkeypatch.setattr(graph_cache, "_source", lambda: None)
    assert not recalled(compile_twice(formula, [X, Y]))


def test_the_source_is_all_of_it(tmp_path, monkeypatch):
    package = tmp_path / "graphc"
    (package / "compiler" / "runtime").mkdir(parents=True)
    (package / "a.py").write_text("one")
    (package / "compiler" / "runtime" / "graph_cache.py").write_text("two")
    monkeypatch.setattr(graph_cache, "__file__", str(package / "compiler" / "runtime" / "graph_cache.py"))
    seen = set()
    for change in (
        None,
        ("a.py", "One"),
        ("compiler/runtime/graph_cache.py", "three"),
        ("b.py", ""),
        ("b.py", "x"),
    ):
        if change:
            (package / change[0]).write_text(change[1])
        seen.add(graph_cache._source.__wrapped__())
    assert len(seen) == 5


def record_of(place, key):
    return place / (key.hex() + ".graphc")


def test_a_damaged_record_is_a_miss(place):
    formula = X * 0.55 + Y
    graph = g.Graph(formula, [X, Y])
    key = graph_cache.key(graph, graph.structure, ("stable",))
    assert recalled(compile_twice(formula, [X, Y]))
    file = record_of(place, key)
    whole = file.read_bytes()
    for number in range(0, len(whole), 3):
        file.write_bytes(whole[:number] + bytes([whole[number] ^ 4]) + whole[number + 1 :])
        f = g.compile(formula, [X, Y])
        assert not recalled(f) and f(1.0, 2.0) == 0.55 + 2.0
        file.write_bytes(whole[:number])
        assert not recalled(g.compile(formula, [X, Y]))
    assert recalled(g.compile(formula, [X, Y]))


@pytest.mark.parametrize(
    "change",
    [
        {"module": ["00" * 31, ["packed"], False]}, {"module": [7, ["packed"], False]}, {"module": ["zz" * 32, [], False]},
        {"module": ["00" * 32, 3, False]}, {"module": ["00" * 32, [1], False]}, {"module": ["00" * 32, ["packed"], 2]},
        {"module": ["00" * 32, ["packed"]]}, {"modules": []}, {"modules": None}, {"operations": "1"},
        {"nanoseconds": None}, {"outputs": ["complex128"]}, {"outputs": None}, None,
    ],
)  # fmt: skip
def test_a_record_of_another_form_is_a_miss(change):
    formula = X * 0.66 + Y
    graph = g.Graph(formula, [X, Y])
    key = graph_cache.key(graph, graph.structure, ("stable",))
    g.compile(formula, [X, Y])
    content = json.loads(object_cache.store().get(key)[0])
    if change is not None and "module" in change:
        change = {"modules": [change["module"]]}
    text = "[]" if change is None else json.dumps({**content, **change})
    object_cache.store().put(key, text.encode())
    f = g.compile(formula, [X, Y])
    assert not recalled(f) and f(1.0, 2.0) == 0.66 + 2.0


def test_without_the_machine_code_all_is_made_again(place):
    formula = X * 0.88 + Y
    f = g.compile(formula, [X, Y])
    file = record_of(place, f._libraries[-1].key)
    whole = file.read_bytes()
    for damage in (whole[:-1], b"", None):
        jit._libraries.pop(f._libraries[-1].key, None)
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage)
        # the engine of this process still holds the former code under the same names
        graph = g.Graph(formula, [X, Y])
        key = graph_cache.key(graph, graph.structure, ("stable",))
        assert graph_cache.find(key, graph, graph.structure, lambda: pytest.fail("asked")) is None
    jit._libraries[f._libraries[-1].key] = f._libraries[-1]


@pytest.mark.slow
def test_digamma_is_bound_in_another_process():
    program = """
import sys, graphc as g
from graphc.compiler.runtime import graph_cache as known
known.FROM = 0
x = g.symbol("x")
f = g.compile(g.digamma(x) * 0.5 + g.exp(x), [x])
print("find" in f._tiers.native.code.seconds, repr(f(3.5)), [repr(v) for v in f(__import__("numpy").array([3.5]))])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lines = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
        .stdout.split(maxsplit=1)
        for _ in range(2)
    ]  # fmt: skip
    assert [line[0] for line in lines] == ["False", "True"]
    assert lines[0][1] == lines[1][1]


def test_small_graphs_and_arrays_have_no_record(monkeypatch):
    graph = g.Graph(g.symbol("v", shape=3) * 2)
    assert graph_cache.key(graph, graph.structure, ()) is None
    constants = g.Graph(X * np.arange(3.0))
    assert graph_cache.key(constants, constants.structure, ()) is None
    monkeypatch.setattr(graph_cache, "FROM", 1000)
    small = g.Graph(X * 2)
    assert graph_cache.key(small, small.structure, ()) is None
