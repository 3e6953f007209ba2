"""Machine code is what Numba's code generator makes of the same text, and Numba is not loaded for it."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler import pipeline
from graphc.compiler.engine import code_generator, execution_engine, jit, numba_settings
from graphc.compiler.engine.code_generator import PACKED, QUICK, STRAIGHT, toolchain
from graphc.compiler.targets.llvm.kernels import scalar_entry, split_body
from graphc.compiler.targets.llvm.libm import processor
from graphc.compiler.targets.llvm.programs import writer

x, y = g.symbols("x y")
xs, A = g.symbol("xs", shape=("n",)), g.symbol("A", shape=("n", 4))

FORMULAS = {
    "numbers": (g.log(1 / (g.exp(-(x * y)) + 1)), (x, y)),
    "a loop": (xs * g.tanh(xs) + 1, (xs,)),
    "rows": (g.softmax(A, axis=1), (A,)),
    "a gradient": (g.grad(g.sum((A @ A[0]) ** 2), A), (A,)),
}


@cache
def _numba() -> Any:
    from numba.core.codegen import JITCPUCodegen

    return JITCPUCodegen(
        "oracle"
    )  # its engine does not outlive it, and is not to be closed before the process ends


def _numbas(text: str) -> bytes:
    """The object code by Numba's own library of the text."""
    codegen = _numba()
    library = codegen.create_library("oracle")
    module, final = execution_engine.binding().parse_assembly(text), library._final_module
    module.data_layout = codegen._data_layout
    for name in code_generator.inlined(text):
        passes, builder = codegen._function_pass_manager()
        passes.run(module.get_function(name), builder)
    final.link_in(module)
    library._optimize_final_module()
    return codegen._tm.emit_object(final)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_code_is_that_of_numbas_generator(name, monkeypatch):
    texts = []
    parse = jit._parse
    monkeypatch.setattr(jit, "_parse", lambda text, scratch: texts.append(text) or parse(text, scratch))
    output, inputs = FORMULAS[name]
    f = g.compile(output, list(inputs), cache=False)
    f(*(np.ones([3, 4][: len(symbol.shape)]) if symbol.shape else 1.0 for symbol in inputs))
    assert texts
    for text in texts:
        if text.startswith((STRAIGHT, QUICK, PACKED)):
            continue
        with execution_engine.Scratch() as scratch:
            module = code_generator.optimise(parse(text, scratch), "oracle", text, scratch)
            assert code_generator.machine_of(text).emit_object(module) == _numbas(text)


@pytest.mark.parametrize(
    ("n", "packed"), [(2, False), (4, True), (5, True), (8, True), (16, True), (64, True), (65, False)]
)
def test_loops_over_small_vectors_are_packed_to_the_same_bits(n, packed, monkeypatch):
    W, h = g.symbol("W", shape=(n, n)), g.symbol("h", shape=(n,))
    end, _ = g.scan(lambda c, _: (g.tanh(W @ c) * 0.5 + g.where(c > 0, 0.25 / c, c), None), h, length=9)
    outputs = [end, *g.grad(g.sum(end * end), [W, h])]
    texts = []
    parse = jit._parse
    monkeypatch.setattr(jit, "_parse", lambda text, context: texts.append(text) or parse(text, context))
    rng = np.random.default_rng(n)
    at = rng.normal(size=(n, n)), rng.normal(size=n)
    results = []
    for marked in (True, False):
        if not marked:
            monkeypatch.setattr(writer, "_packs", lambda body: False)
        texts.clear()
        results.append(g.compile(outputs, [W, h], cache=False)(*at))
        assert any(text.startswith(PACKED) for text in texts) == (marked and packed)
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp", "erf"])
@pytest.mark.parametrize(("units", "packed"), [(2, False), (3, True), (4, True), (70, False)])
def test_few_units_with_a_function_each_are_packed_to_the_same_bits(name, units, packed, monkeypatch):
    W, x, v = g.symbol("W", shape=(units, 2)), g.symbol("x", shape=2), g.symbol("v", shape=units)
    out = g.sum(v * getattr(g, name)(W @ x))
    outputs = [out, *g.grad(out * out, [W, v])]
    texts = []
    parse = jit._parse
    monkeypatch.setattr(jit, "_parse", lambda text, context: texts.append(text) or parse(text, context))
    rng = np.random.default_rng(units)
    at = rng.normal(size=(units, 2)), rng.normal(size=2), rng.normal(size=units)
    results = []
    for marked in (True, False):
        if not marked:
            monkeypatch.setattr(writer, "_packs", lambda body: False)
        texts.clear()
        results.append(g.compile(outputs, [W, x, v], cache=False)(*at))
        assert any(text.startswith(PACKED) for text in texts) == (marked and packed)
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


STEPS = {
    "functions": ("float64", lambda a, b: g.exp(a) * g.atan2(a, b) + g.lgamma(b) / (1 + a * a)),
    "powers": ("float64", lambda a, b: abs(a) ** b - g.log(1 + a * a) ** 2.5),
    "choices": ("float64", lambda a, b: g.where(a > b, g.maximum(a, b) - g.floor(3 * a), g.sign(a) * b)),
    "single precision": ("float32", lambda a, b: g.tanh(a) * b - g.sin(a * b)),
    "whole numbers": ("int32", lambda a, b: (a * b) // (1 + abs(b)) + a % 7 - g.minimum(a, b)),
}


@pytest.mark.parametrize("name", STEPS)
def test_long_code_has_the_same_bits_by_no_passes_and_by_all(name, monkeypatch):
    dtype, step = STEPS[name]
    inputs = [g.symbol(f"s{k}", dtype=dtype) for k in range(40)]
    total = sum(step(a, b) for k, a in enumerate(inputs) for b in inputs[k + 1 : k + 4])
    outputs = [total, *(g.grad(total, inputs) if dtype[0] == "f" else ())]
    rng, results = np.random.default_rng(0), []
    points = [list((rng.normal(size=40) * 9).astype(dtype)) for _ in range(5)]
    ways = [
        (scalar_entry.STRAIGHT_FROM, split_body.SHARED_FROM),
        (scalar_entry.STRAIGHT_FROM, 10**9),
        (10**9, 10**9),
    ]
    monkeypatch.setattr(split_body, "CALLS", 0.0)
    for straight, shared in ways:
        monkeypatch.setattr(scalar_entry, "STRAIGHT_FROM", straight)
        monkeypatch.setattr(split_body, "SHARED_FROM", shared)
        f = g.compile(outputs, inputs, cache=False, rewrite=None)
        first = f._tiers.native.libraries[0]._text
        assert first.startswith((STRAIGHT, QUICK)) == (straight < 10**9)
        assert first.startswith(QUICK) == (
            shared < 10**9 and name != "functions"
        )  # lgamma has code in the module
        results.append(np.array([f(*point) for point in points]).tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.skipif(not processor.has_fma(), reason="without fused multiply-add it is C's pow")
def test_long_code_has_powers_of_its_one_exponent(monkeypatch):
    """What all calls of a function hand to it alike is known inside of it."""
    monkeypatch.setattr(split_body, "SHARED_FROM", 10**9)
    inputs = g.symbols(" ".join(f"s{k}" for k in range(300)))
    sizes = []
    for other in (2.5, 1.5):
        total = sum(x**2.5 * k for k, x in enumerate(inputs)) + inputs[0] ** other
        f = g.compile(total, inputs, cache=False, rewrite=None)
        (power,) = [
            part for part in f.llvm.split("\ndefine ")[1:] if "@graphc_pow_f64(" in part.split("\n")[0]
        ]
        sizes.append(power.count("\n"))
    assert sizes[0] < 0.9 * sizes[1]


def test_the_machine_is_numbas():
    codegen, other = toolchain().codegen, _numba()
    assert (codegen.triple, codegen.cpu, codegen.features) == other.magic_tuple()
    assert codegen.data_layout == other._data_layout


def test_settings_are_numbas():
    """What stands here as the defaults is what Numba says where nothing is set; what is set is Numba's in any case."""
    code = (
        "import sys; from graphc.compiler.engine.numba_settings import DEFAULTS, setting\n"
        "own = {name: setting(name) for name in DEFAULTS}; loaded = 'numba' in sys.modules\n"
        "from numba.core import config\n"
        "print(loaded, all(int(own[n] or 0) == int(getattr(config, n) or 0) if n not in ('CPU_NAME', 'CPU_FEATURES') "
        "else own[n] == getattr(config, n) for n in DEFAULTS), setting('LOOP_VECTORIZE'))"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    for more, expected in (
        ({}, ["False", "True", "1"]),
        ({"NUMBA_LOOP_VECTORIZE": "0"}, ["True", "True", "0"]),
    ):
        run = subprocess.run(
            [sys.executable, "-c", code], env={**plain, **more}, capture_output=True, text=True, check=True
        )
        assert run.stdout.split()[1:] == expected[1:]
        if numba_settings.processor() not in numba_settings.WITHOUT_AVX:
            assert run.stdout.split()[0] == expected[0]


def test_compiling_and_calling_do_not_load_numba():
    code = (
        "import sys, numpy as np, graphc as g; x, xs = g.symbol('x'), g.symbol('xs', shape=('n',))\n"
        "f, h = g.compile(g.exp(x), cache=False), g.compile(g.sum(g.exp(xs)), cache=False)\n"
        "assert f(0.0) == 1.0 and h(np.zeros(3)) == 3.0 and f(np.zeros(2)).tolist() == [1.0, 1.0]\n"
        "before = 'numba' in sys.modules\n"
        "import numba\n"
        "inside = numba.njit(lambda a, b: f(a) + h(b))\n"
        "print(before, inside(0.0, np.zeros(3)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, value = run.stdout.split()
    assert float(value) == 4.0
    if not numba_settings.is_set():
        assert loaded == "False"


def test_long_bodies_are_called_and_short_ones_inlined():
    """LLVM takes what is inlined through its passes twice; the results are the same."""
    rows = g.symbol("rows", shape=(24, 24))
    long = rows
    for _ in range(3):
        long = g.tanh(long @ rows) + g.sin(long)
    given = np.random.default_rng(0).normal(size=(24, 24))
    for output, apart in ((g.sum(xs * xs), False), (g.sum(long), True)):
        text = writer.write(pipeline.loop_program(pipeline.unit_of(g.Graph(output)))).text
        (head,) = (line for line in text.splitlines() if " @body(" in line and line.startswith("define"))
        assert (
            ("noinline" in head)
            is (text.count("\n", text.index(head), text.index("\n}", text.index(head))) > 320)
            is apart
        )
    expected = given
    for _ in range(3):
        expected = np.tanh(expected @ given) + np.sin(expected)
    assert np.isclose(g.compile(g.sum(long), [rows], cache=False)(given), expected.sum(), rtol=1e-12)
