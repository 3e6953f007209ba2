"""The processor that code is made for: what Numba's settings stand for, and the text of modules as code of AArch64."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import jit
from graphc.compiler.runtime.fastcall import array_entry_ir
from graphc.compiler.schedule import nontemporal_stores
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.libm import processor

ROOT = Path(__file__).resolve().parents[2]
X86 = platform.machine().lower() in ("x86_64", "amd64")

# --- Numba's settings ---------------------------------------------------------------------------------------------------

KNOWN = [
    ("x86-64", "", False, 16),
    ("x86-64-v2", "", False, 16),
    ("nehalem", "", False, 16),
    ("sandybridge", "", False, 32),
    ("x86-64-v3", "", True, 32),
    ("haswell", "", True, 32),
    ("znver3", "", True, 32),
    ("x86-64-v4", "", True, 64),
    ("skylake-avx512", "", True, 64),
    ("znver4", "-avx512f", True, 32),
    ("haswell", "-fma,-avx2", False, 32),
    ("x86-64-v2", "+avx2,+fma", True, 32),
]


@pytest.mark.skipif(not X86, reason="names of x86-64")
@pytest.mark.parametrize(("name", "listed", "fma", "size"), KNOWN)
def test_a_name_stands_for_what_llvm_makes_of_it(name, listed, fma, size, monkeypatch):
    has = processor.probed(name, listed)
    assert has["fma"] == fma
    monkeypatch.setattr(processor, "features", lambda: has)
    assert processor.has_fma.__wrapped__() == fma
    assert processor.vector_registers.__wrapped__() == (size, 32 if size == 64 else 16)


@pytest.mark.skipif(not X86, reason="names of x86-64")
def test_the_processor_at_hand_is_what_llvm_makes_of_its_name():
    host = llvm.get_host_cpu_features()
    probed = processor.probed(llvm.get_host_cpu_name(), host.flatten())
    assert probed == {name: host.get(name, False) for name in probed}


@pytest.mark.skipif(not X86, reason="names of x86-64")
@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""}, "False 16 x86-64-v2"),
        ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "-fma"}, "False 32 haswell"),
    ],
    ids=["a name alone", "a name and features"],
)
def test_settings_reach_the_code(settings, answer):
    code = (
        "import graphc as g; from graphc.compiler.engine import jit\n"
        "from graphc.compiler.targets.llvm import libm as vecmath; x = g.symbol('x')\n"
        "f = g.compile(g.exp(x) * g.tanh(x), [x], cache=False); f(0.5)\n"
        "print(vecmath.has_fma(), vecmath.vector_registers()[0], jit.cpu(), 'fma' in f.llvm, 'zmm' in f.asm)"
    )
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.strip() == f"{answer} False False"


# --- AArch64 ------------------------------------------------------------------------------------------------------------


def functions():
    """Functions of every kind that has a code generator of its own, and a point to call each at."""
    x, y = g.symbols("x y")
    X, W = g.symbol("X", shape=("n", 64), dtype="float32"), g.symbol("W", shape=(64, 32), dtype="float32")
    K = g.symbol("K", shape=("n", 3, 12, 12))
    image, weights = g.symbol("image", shape=("n", 1, 28, 28)), g.symbol("weights", shape=(8, 1, 5, 5))
    long = g.symbol("long", shape=("n", 1024))
    loss = g.sum(g.conv2d(image, weights) ** 2)
    centred = long - g.mean(long, axis=1, keepdims=True)
    mixed = g.log_sigmoid(x * y) + g.sin(x) + g.erf(y) + g.pow(x, y)
    yield "numbers", g.value_and_grad(mixed, [x, y]), [x, y]
    yield "many operations", g.value_and_grad(sum(g.exp(x * k) for k in range(300)), [x]), [x]
    yield "whole numbers", g.where(x > y, g.floor(x / y), x % y), [x, y]
    yield "rows", g.softmax(X, axis=1), [X]
    yield "sums", [g.sum(long), g.max(long, axis=0), g.var(long, axis=1)], [long]
    yield "products", g.value_and_grad(g.sum(g.tanh(X @ W)), [X, W]), [X, W]
    yield "convolutions", g.value_and_grad(loss, [image, weights]), [image, weights]
    yield "pools", g.max_pool2d(K, (2, 2)), [K]
    yield "running", [g.exp(g.cumsum(long, axis=0)), 2 * g.sort(long, axis=1)], [long]
    yield "layer norm", centred * g.rsqrt(g.var(long, axis=1, keepdims=True)), [long]


KINDS = {name: (outputs, symbols) for name, outputs, symbols in functions()}


@pytest.fixture(scope="module")
def aarch64():
    """text → assembly, as LLVM's code generator for AArch64 writes it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu="generic", opt=2)

    def assembly(text):
        assert "llvm.x86" not in text, "LLVM ends the process at another processor's instruction"
        module = llvm.parse_assembly(text)
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = True
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        return machine.emit_assembly(module)

    return assembly


@pytest.fixture
def texts(monkeypatch):
    """The modules that are compiled as on a processor of AArch64."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(libm, "has_fma", lambda: True)
    monkeypatch.setattr(libm, "vector_registers", lambda: (16, 32))
    parse, parsed = jit._parse, []
    monkeypatch.setattr(jit, "_parse", lambda text, context: parsed.append(text) or parse(text, context))
    return parsed


def calls_fma(assembly):
    return re.search(r"^\s+bl\s+fmaf?$", assembly, re.MULTILINE)


@pytest.mark.parametrize("name", KINDS)
def test_modules_are_code_of_aarch64(name, texts, aarch64):
    assert processor.has_fma.__wrapped__() and processor.vector_registers.__wrapped__() == (16, 32)
    assert not nontemporal_stores.available()
    outputs, symbols = KINDS[name]
    f = g.compile(outputs, symbols, cache=False, tier="native")
    shapes = [[dim if isinstance(dim, int) else 40 for dim in symbol.shape] for symbol in symbols]
    f(*[np.full(shape, 0.5, str(symbol.dtype)) for symbol, shape in zip(symbols, shapes, strict=True)])
    assert texts
    codes = [aarch64(text) for text in texts]
    assert not any(map(calls_fma, codes)), "the processor fuses multiplication and addition itself"
    if name == "rows":  # exponentials, each lane by itself
        assert re.search(r"\bfmla\s+v", "\n".join(codes))


def test_calls_with_arrays_are_code_of_aarch64(aarch64):
    assert "arrays" in aarch64(array_entry_ir.MODULE)
