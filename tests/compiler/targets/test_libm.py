"""graphc's own mathematical functions: against mpmath and NumPy's validation sets, at special values, and as assembly."""

from __future__ import annotations

import math
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine.jit import build
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.scalar_kernel import kernel_of
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.kernels import elementwise_loops, scalar_entry
from graphc.compiler.targets.llvm.libm import registry
from graphc.ir.graph import Dag
from graphc.util.pytree import LEAF
from tests.benchmarks.exact import DTYPES, ORACLES
from tests.benchmarks.harness import ROOT
from tests.benchmarks.ulp import candidates, exhaustive, loop, searched

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

FUNCTIONS = libm.names()
UNARY = [(name, bits) for name, bits in FUNCTIONS if libm.arity(name, bits) == 1]
IDS = [f"{name}-f{bits}" for name, bits in FUNCTIONS]
LIMIT = 1.0
"""What is promised of float32; of float64 it stands on the operation, and docs/vecmath.md has what was measured."""


def limit(name: str, bits: int) -> float:
    return getattr(g, name).op.ulps if bits == 64 else LIMIT


def compiled(name: str, bits: int, **options):
    symbols = [g.symbol(f"x{k}", dtype=DTYPES[bits]) for k in range(getattr(g, name).op.arity)]
    return g.compile(getattr(g, name)(*symbols), symbols, rewrite=None, **options)


# --- accuracy -----------------------------------------------------------------------------------------------------------


@pytest.mark.sample(2)
@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=IDS)
def test_errors_against_mpmath(name, bits):
    assert name in ORACLES, f"tests/benchmarks/exact.py has no oracle for {name}"
    worst, at = searched(name, bits, count=20_000, keep=25)
    assert at, "nothing could be compared"
    assert worst <= limit(name, bits), f"{name}{at} errs by {worst:.3f} ULP"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=IDS)
def test_errors_against_mpmath_among_millions(name, bits):
    worst, at = searched(name, bits, count=1_000_000, keep=500)
    assert worst <= limit(name, bits), f"{name}{at} errs by {worst:.3f} ULP"


@pytest.mark.parametrize("name", [name for name, bits in UNARY if bits == 32])
def test_float32_over_a_sample_of_all_inputs(name):
    spread = exhaustive(name, step=4093, first=zlib.crc32(name.encode()) % 4093)
    assert spread.total > 1_000_000
    assert spread.worst <= LIMIT, f"{name}({spread.at!r}) errs by {spread.worst:.3f} ULP"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, bits in UNARY if bits == 32])
def test_float32_over_a_large_sample_of_all_inputs(name):
    """Every 61st; `python -m tests.benchmarks.ulp` takes them all."""
    spread = exhaustive(name, step=61, first=zlib.crc32(name.encode()) % 61)
    assert spread.total > 70_000_000
    assert spread.worst <= LIMIT, f"{name}({spread.at!r}) errs by {spread.worst:.3f} ULP"


DATA = Path(np.__file__).parent / "_core" / "tests" / "data"
SETS = sorted(DATA.glob("umath-validation-set-*.csv"))
RENAMED = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}


@pytest.mark.sample(2)
@pytest.mark.skipif(not SETS, reason="this NumPy was installed without its tests")
@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem.split("-")[-1])
def test_numpys_validation_sets(path):
    """At the tighter of NumPy's tolerance and one ULP, with the sign of zero."""
    stem = path.stem.split("-")[-1]
    name = RENAMED.get(stem, stem)
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#$"]
    rows = [line.split(",") for line in lines if line.startswith("np.")]
    assert len(rows) > 200
    for kind, bits in (("np.float32", 32), ("np.float64", 64)):
        of_kind = [row for row in rows if row[0] == kind]
        unsigned = np.dtype(f"u{bits // 8}")
        given, wanted = (
            np.array([int(row[column], 16) for row in of_kind], unsigned).view(DTYPES[bits])
            for column in (1, 2)
        )
        tolerance = np.array([min(int(row[3]), 1) for row in of_kind])
        result = compiled(name, bits)(given)
        nan = np.isnan(wanted)
        assert np.array_equal(np.isnan(result), nan)
        apart = np.abs(_ordinal(result[~nan]) - _ordinal(wanted[~nan]))
        failed = apart > tolerance[~nan]
        assert not failed.any(), (given[~nan][failed][:5], result[~nan][failed][:5], wanted[~nan][failed][:5])


def _ordinal(x: np.ndarray) -> np.ndarray:
    """Floats as integers in their order; the distance of adjacent ones is 1."""
    bits = x.view(f"i{x.itemsize}").astype(object)
    return np.where(bits < 0, -(bits + 2 ** (8 * x.itemsize - 1)), bits)


# --- special values -----------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan
ANNEX_F = {
    "exp": [(0.0, 1), (-0.0, 1), (-INF, 0.0), (INF, INF)],
    "exp2": [(0.0, 1), (-0.0, 1), (-INF, 0.0), (INF, INF), (10.0, 1024), (-3.0, 0.125)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (-INF, -1), (INF, INF)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "log2": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (INF, INF), (-INF, NAN), (8.0, 3)],
    "log10": [
        (0.0, -INF),
        (-0.0, -INF),
        (1.0, 0.0),
        (-1.0, NAN),
        (INF, INF),
        (-INF, NAN),
        (1e3, 3),
        (1e10, 10),
    ],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (INF, INF), (-INF, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "cosh": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0)],
    "log_sigmoid": [(INF, -0.0), (-INF, -INF)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (27.0, 3), (-8.0, -2)],
    "rsqrt": [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-1.0, NAN), (-INF, NAN), (4.0, 0.5)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (2.0, NAN), (-2.0, NAN), (INF, NAN)],
    "acos": [(1.0, 0.0), (2.0, NAN), (-2.0, NAN), (INF, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, math.pi / 2), (-INF, -math.pi / 2)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "acosh": [(1.0, 0.0), (0.5, NAN), (-INF, NAN), (INF, INF)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (2.0, NAN), (-INF, NAN)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1)],
    "erfc": [(INF, 0.0), (-INF, 2), (0.0, 1)],
}
"""C99, Annex F.10; in its manner for the functions that C does not have"""


def bits_of(value: float) -> bytes:
    return b"nan" if value != value else struct.pack("<d", value)


@pytest.mark.parametrize(("name", "bits"), UNARY, ids=[f"{name}-f{bits}" for name, bits in UNARY])
def test_special_values(name, bits):
    table = [(NAN, NAN), *ANNEX_F[name]]
    f = compiled(name, bits)
    table *= 9  # enough for a vector and its tail
    values = np.array([x for x, _ in table], DTYPES[bits])
    for (x, value), result in zip(table, f(values), strict=True):
        wanted = DTYPES[bits].type(value)
        assert bits_of(float(result)) == bits_of(float(wanted)), (x, result, wanted)
        assert bits_of(f(x)) == bits_of(float(wanted))


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", ["pow", "hypot", "atan2", "logaddexp"])
def test_special_values_of_two_operands(name, bits):
    """Where the C library's function, by way of NumPy, answers exactly: every pair of special values."""
    if not libm.exists(name, bits):
        pytest.skip("the C library's own")
    dtype = DTYPES[bits]
    info = np.finfo(dtype)
    parts = [
        0.0,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        4.0,
        INF,
        float(info.max),
        float(info.tiny),
        float(info.smallest_subnormal),
    ]
    if name == "pow":
        parts += [2.0**53 - 1, 2.0**53, 1023.0]
    values = np.array([*parts, *[-x for x in parts], NAN], dtype)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    reference = {"pow": np.power, "hypot": np.hypot, "atan2": np.arctan2, "logaddexp": np.logaddexp}[name]
    with np.errstate(all="ignore"):
        wanted = reference(x, y)
    result = compiled(name, bits)(x, y)
    assert np.array_equal(np.isnan(result), np.isnan(wanted))
    number = ~np.isnan(wanted)
    assert np.array_equal(np.isinf(result), np.isinf(wanted))
    if name != "logaddexp":
        assert np.array_equal(np.signbit(result[number]), np.signbit(wanted[number]))
        assert np.array_equal(result == 0, wanted == 0)
    finite = np.isfinite(wanted)
    largest = np.abs(wanted[finite])
    if name == "logaddexp":
        largest = np.maximum(np.maximum(np.abs(x[finite]), np.abs(y[finite])), largest)
    with np.errstate(all="ignore"):
        apart = np.abs(result[finite] - wanted[finite]) / np.spacing(np.minimum(largest, info.max / 2))
    # its own error beside the C library's
    failed = apart > (2 if name != "logaddexp" else 3)
    assert not failed.any(), (x[finite][failed], y[finite][failed], result[finite][failed])


@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=IDS)
def test_declared_symmetries_hold_to_the_bit_and_ranges(name, bits):
    op = getattr(g, name).op
    rng, f = np.random.default_rng(5), loop(name, bits)
    unsigned = np.dtype(f"u{bits // 8}")
    draw = lambda: rng.integers(0, 2**bits - 1, 20_000, dtype=unsigned, endpoint=True).view(DTYPES[bits])
    sane = lambda: rng.uniform(-3, 3, 20_000).astype(DTYPES[bits])
    for make in (draw, sane):
        operands = [make() for _ in range(libm.arity(name, bits))]
        result = f(*operands)
        low, high = map(DTYPES[bits].type, op.facts.range)  # π/2 and the like as the format has them
        assert np.all((result >= low) & (result <= high) | np.isnan(result))
        if op.facts.parity:
            mirrored = f(-operands[0])
            wanted = -result if op.facts.parity == "odd" else result
            number = ~np.isnan(wanted)
            assert np.array_equal(mirrored[number].view(unsigned), wanted[number].view(unsigned))
        if op.facts.commutative:
            swapped = f(*operands[::-1])
            assert np.array_equal(swapped, result, equal_nan=True)


# --- the same bits everywhere -------------------------------------------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=IDS)
def test_scalars_vectors_and_tails_agree_to_the_bit(name, bits):
    f = compiled(name, bits)
    given = [np.concatenate(columns) for columns in zip(*candidates(name, bits, 400, 40), strict=True)]
    whole = f(*given)
    single = np.array([f(*map(float, row)) for row in zip(*given, strict=True)], DTYPES[bits])
    unsigned = f"u{bits // 8}"
    number = ~np.isnan(whole)
    assert np.array_equal(np.isnan(single), ~number)
    assert np.array_equal(single[number].view(unsigned), whole[number].view(unsigned))
    for length in (1, 2, 3, 5, 7, 9, 15, 17, 31, 33):
        part = f(*[x[:length].copy() for x in given])
        assert np.array_equal(part, whole[:length], equal_nan=True)
    apart = f(*[np.repeat(x, 3)[::3] for x in given])
    backwards = f(*[x[::-1] for x in given])[::-1]
    assert np.array_equal(apart, whole, equal_nan=True) and np.array_equal(backwards, whole, equal_nan=True)


def test_a_processor_without_fma_calls_the_c_library(monkeypatch):
    monkeypatch.setattr(registry, "has_fma", lambda: False)
    monkeypatch.setattr(libm, "has_fma", lambda: False)
    x = g.symbol("x")
    for expr in (
        g.exp(x) + g.tanh(x),
        g.sigmoid(x),
        g.rsqrt(x),
        g.log_sigmoid(x),
        g.logaddexp(x, 2.0),
        g.softplus(x),
    ):
        kernel = kernel_of(expand_ops(Dag([expr])))
        text = elementwise_loops.module(kernel, "cc")
        assert not re.search(r"llvm\.fma|@graphc_\w+_f64", text)
        f = g.compile(expr, [x], rewrite=None)
        assert math.isclose(f(0.75), float(g.evaluate(expr, {"x": 0.75})), rel_tol=1e-15)


def test_a_generic_processor_compiles_and_agrees():
    code = (
        "import graphc as g; from graphc.compiler.targets.llvm import libm as vecmath; x = g.symbol('x')\n"
        "f = g.compile(g.log_sigmoid(x) + g.rsqrt(x) * g.tanh(x), [x], rewrite=None)\n"
        "print(vecmath.has_fma(), f(1.5))"
    )
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    fused, value = run.stdout.split()
    x = g.symbol("x")
    f = g.compile(g.log_sigmoid(x) + g.rsqrt(x) * g.tanh(x), [x], rewrite=None)
    assert fused == "False" and math.isclose(float(value), f(1.5), rel_tol=1e-15)


# --- machine code -------------------------------------------------------------------------------------------------------


PACKED = [
    "log_sigmoid",
    "softplus",
    "sigmoid",
    "tanh",
    "exp",
    "log",
    "logaddexp",
    "pow",
    "cbrt",
    "sinh",
    "expm1",
    "log1p",
]
PACKED += ["elu", "selu", "silu", "gelu", "erf"]


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PACKED)
def test_the_loop_of_value_and_gradients_is_packed_and_calls_nothing(name, dtype):
    if name in ("gelu", "erf") and not libm.exists("erf", 64):
        pytest.skip("erf is the C library's")
    function = getattr(g, name)
    symbols = [g.symbol(f"x{k}", dtype=dtype) for k in range(function.op.arity - len(function.op.defaults))]
    value, grads = g.value_and_grad(function(*symbols), symbols)
    dag = Dag([value, *grads], symbols)
    kernel = kernel_of(expand_ops(dag))
    text = elementwise_loops.module(kernel, "c" * (len(symbols) + 1 + len(grads)))
    library = build(text, elementwise_loops.EXPORTED)
    asm = library.asm
    assert not re.search(r"^\s+(callq?|blr?)\s", asm, re.M), "the loop calls a function"
    # in the format of the operands, or of doubles where a function of float32 computes in them
    packed = re.findall(r"\bf(?:add|sub|mul|div) <\d+ x |@llvm\.fma\.v\d+f", library.llvm)
    assert len(packed) >= 20, "the loop is not packed"
    if "x86" in library.llvm.split("target triple", 1)[-1][:40]:
        # whatever has FMA has registers of 32 bytes
        assert len(re.findall(r"\bv\w+p[ds]\b.*%[yz]mm", asm)) >= 20, "the loop is packed in half registers"
    else:
        assert re.search(r"fmla\s+v", asm)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_blocks_without_large_operands_are_packed(name, dtype):
    if libm.limit(name, 64) is None:
        pytest.skip(f"{name} has one way for all operands")
    x = g.symbol("x", dtype=dtype)
    dag = Dag([getattr(g, name)(x * 2.0), g.exp(getattr(g, name)(x))], [x])
    library = build(elementwise_loops.module(kernel_of(expand_ops(dag)), "ccc"), elementwise_loops.EXPORTED)
    called = {
        name
        for name in re.findall(r"call [^@\n]*@(\w[\w.]*)\(", library.llvm)
        if not name.startswith("llvm.")
    }
    assert all("far" in function for function in called), called
    if "x86" in library.llvm.split("target triple", 1)[-1][:40]:
        assert len(re.findall(r"\bvfn?m\w+p[ds]\b.*%[yz]mm", library.asm)) >= 20


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_blocks_with_large_operands_give_the_same_bits(name, dtype):
    """Huge values, infinities and NaN anywhere among 5,000 others, for every way of walking and in place."""
    rng = np.random.default_rng(9)
    plain = rng.uniform(-50, 50, 5_000).astype(dtype)
    mixed = plain.copy()
    places = [0, 1_023, 1_024, 2_500, 4_999]
    mixed[places] = np.array([1e30, -INF, NAN, -1e12, 2.0**31], dtype)
    x = g.symbol("x", dtype=dtype)
    f = g.compile(getattr(g, name)(x), [x], rewrite=None)
    whole, usual = f(mixed), f(plain)
    others = np.ones(plain.size, bool)
    others[places] = False
    assert np.array_equal(whole[others], usual[others])
    single = np.array([f(float(value)) for value in mixed[places]], dtype)
    assert np.array_equal(whole[places], single, equal_nan=True)
    for walk in (
        lambda a: np.repeat(a, 2)[::2],
        lambda a: a[::-1],
        lambda a: np.stack([a, a[::-1]]),
        lambda a: a[:7],
    ):
        assert np.array_equal(f(walk(mixed)), walk(whole), equal_nan=True)
    same = mixed.copy()
    f(same, out=same)
    assert np.array_equal(same, whole, equal_nan=True)


def test_scalar_code_calls_shared_functions():
    x, y = g.symbols("x y")
    text = scalar_entry.module(kernel_of(expand_ops(Dag([g.exp(x) + g.exp(y) + g.exp(x + y)]))), LEAF)
    assert text.count("define internal double @graphc_exp_f64(") == 1 and "noinline" in text
    assert len(re.findall(r"call double @graphc_exp_f64\(", text)) == 3


@pytest.mark.parametrize(("name", "bits"), FUNCTIONS, ids=IDS)
def test_functions_are_straight_lines_without_fast_math(name, bits):
    text = registry.definition(name, bits, True, within=True).text
    assert not re.search(r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc|br|phi|switch)\b", text)
    assert text == registry.definition.__wrapped__(name, bits, True, within=True).text, (
        "the text is not deterministic"
    )
