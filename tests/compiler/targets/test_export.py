"""Exported functions where no graphc is: a Python module in a bare interpreter, an object in a C program, SciPy's integrators."""

from __future__ import annotations

import ast
import ctypes
import json
import math
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import graphc as g
from graphc.compiler.targets import python
from graphc.errors import CompileError, FileError, InputError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops

CC = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine: cc")

x, w, b = g.symbols("x w b")
LOSS = g.log(1 / (g.exp(-(x * w + b)) + 1))


def without_graphc(directory, code):
    """Run code in an interpreter that sees the directory and the installed packages, and not graphc's checkout."""
    head = f"import sys; sys.path.append({str(directory)!r})\n"
    tail = "\nassert not any(name.split('.')[0] == 'graphc' for name in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", head + code + tail],
        cwd=directory, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "NUMBA_CACHE_DIR": str(directory / "numba")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(path):
    """The module at a path, in this process."""
    space = {"__name__": path.stem, "__file__": str(path)}
    text = path.read_text(encoding="utf-8").replace("cache=True, ", "")
    exec(compile(text, str(path), "exec"), space)
    return space


# --- Python ---------------------------------------------------------------------------------------------------------------


def test_module_in_a_bare_interpreter(tmp_path):
    f = g.compile((LOSS, {"d": g.grad(LOSS, [x, w, b])}), [x, w, b], rewrite=None)
    f.export(tmp_path / "loss.py")
    code = """
import json, numpy as np, loss
one = loss.loss(2.0, -3.0, 6.0)
many = loss.loss(np.linspace(-1, 1, 5), [[1.0], [2.0]], 0.5)
print(json.dumps([one, many[0].tolist(), [a.tolist() for a in many[1]["d"]]]))
"""
    one, value, slopes = json.loads(without_graphc(tmp_path, code))
    expected = f(2.0, -3.0, 6.0)
    assert one[0] == pytest.approx(expected[0], rel=4 * 2**-52, abs=0)
    assert one[1]["d"] == pytest.approx(expected[1]["d"], rel=8 * 2**-52, abs=0)
    arrays = f(np.linspace(-1, 1, 5), np.array([[1.0], [2.0]]), 0.5)
    assert np.allclose(value, arrays[0], rtol=8 * 2**-52, atol=0) and np.shape(value) == (2, 5)
    assert np.allclose(slopes, arrays[1]["d"], rtol=16 * 2**-52, atol=0)
    kept = list((tmp_path / "numba").rglob("*.nbi"))
    assert len(kept) >= 2, "Numba kept no machine code"


def test_module_is_deterministic_and_readable(tmp_path):
    f = g.compile(LOSS, [x, w, b], rewrite=None)
    f.export(tmp_path / "one.py", name="loss")
    f.export(tmp_path / "two.py", name="loss")
    text = (tmp_path / "one.py").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.py").read_text(encoding="utf-8")
    assert "v0 = x * w\n    v1 = v0 + b\n    v2 = -v1\n    v3 = math.exp(v2)\n" in text
    assert {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names} == {
        "math", "numba", "numpy",
    }  # fmt: skip


def test_arithmetic_has_the_same_bits(tmp_path):
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        p, q, r = g.symbols("p q r", dtype=dtype)
        outputs = [
            g.sqrt(p * p + q * q) / (r - p),
            -(p - q) * 0.1 + 1 / r,
            abs(p) / 3 - g.floor(q * 7),
            g.square(p) * p,
        ]
        f = g.compile(outputs, [p, q, r], rewrite=None)
        f.export(tmp_path / "bits.py")
        values = [rng.normal(size=500).astype(dtype) for _ in range(3)]
        values[0][:4] = [np.inf, np.nan, 0.0, -0.0]
        for ours, theirs in zip(f(*values), load(tmp_path / "bits.py")["bits"](*values), strict=True):
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=True)
            assert np.array_equal(np.signbit(ours[~np.isnan(ours)]), np.signbit(theirs[~np.isnan(theirs)]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "op", [op for op in all_ops() if not op.user_defined and not op.library], ids=lambda op: op.name
)
def test_every_operation(op, tmp_path):
    """At samples of its domain, against the interpreter."""
    every_operation(op, tmp_path)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "name", ["sigmoid", "logaddexp", "gelu", "polygamma", "digamma", "cbrt", "floor_divide"]
)
def test_some_operations(name, tmp_path):
    every_operation(next(op for op in all_ops() if op.name == name), tmp_path)


def every_operation(op, tmp_path):
    if op.name == "astype":
        symbols = [g.symbol("s0")]
        node = symbols[0].astype("int16")
        values = [np.array([0.0, 1.5, -1.5, 1e9, -1e9, np.nan, np.inf, 300.25])]
    else:
        rng = np.random.default_rng(7)
        logical = op.name.startswith("logical")
        kinds = ["bool" if logical or (op.name == "where" and n == 0) else "int64" if (op.name, n) == ("polygamma", 0) else
                 "float64" for n in range(op.arity)]  # fmt: skip
        symbols = [g.symbol(f"s{n}", dtype=kind) for n, kind in enumerate(kinds)]
        values = []
        for kind, (low, high) in zip(kinds, op.domain or ((-3.0, 3.0),) * op.arity, strict=True):
            drawn = rng.uniform(max(low, -50), min(high, 50), 64)
            values.append(
                drawn > 0 if kind == "bool" else rng.integers(1, 5, 64) if kind == "int64" else drawn
            )
        node = apply(op, *symbols)
    f = g.compile(node, symbols, rewrite=None)
    f.export(tmp_path / "operation.py")
    ours = g.evaluate(node, {s.name: v for s, v in zip(symbols, values, strict=True)})
    theirs = load(tmp_path / "operation.py")["operation"](*values)
    assert theirs.dtype == ours.dtype
    if ours.dtype.kind != "f":
        assert np.array_equal(ours, theirs)
        return
    # the other side is the C library's functions or the formulas of the module: each within a few ULPs, of 1 where they cancel
    scale = np.maximum(
        np.abs(ours), 1.0 if op.name in ("digamma", "lgamma", "log_softmax") or math.isinf(op.ulps) else 0.0
    )
    bound = 64 if op.name in ("polygamma", "gamma", "pow") else 16
    assert np.all(np.abs(ours - theirs) <= bound * np.spacing(scale)), op.name


def test_integers_wrap_as_they_do_here(tmp_path):
    info = np.iinfo("int8")
    values = np.arange(info.min, info.max + 1).astype("int8")
    for dtype in ("int8", "uint8"):
        i, j = g.symbols("i j", dtype=dtype)
        f = g.compile([i + j, i * j - i, i // j, i % j, -i, abs(i), i**j, i > j], [i, j])
        f.export(tmp_path / "whole.py")
        pair = values.astype(dtype)[:, None], values.astype(dtype)[None, ::5]
        for ours, theirs in zip(f(*pair), load(tmp_path / "whole.py")["whole"](*pair), strict=True):
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


HOSTILE = [
    '"""; import os; os.abort()',
    "a\nb",
    "class",
    "math",
    "np",
    "v0",
    "sigmoid",
    "x",
    "_result0",
    "*/ #error",
    "ﬁ",
    "\\",
    "n",
]


def test_names_never_become_code(tmp_path):
    symbols = [g.symbol(name) for name in HOSTILE]
    total = g.sigmoid(symbols[0])
    for number, symbol in enumerate(symbols[1:], start=2):
        total = total + symbol * number
    f = g.compile({'"]}; evil': total}, symbols, rewrite=None)
    f.export(tmp_path / "math.py")
    text = (tmp_path / "math.py").read_text(encoding="utf-8")
    values = [0.5 * number for number in range(len(HOSTILE))]
    function = load(tmp_path / "math.py")["f_math"]
    assert list(function(*values)) == ['"]}; evil']
    assert function(*values)['"]}; evil'] == pytest.approx(f(*values)['"]}; evil'], rel=1e-15)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {"os", "evil", "abort"} and "x" in names
    f.export(tmp_path / "hostile.o", header=tmp_path / "hostile.h")
    header = (tmp_path / "hostile.h").read_text(encoding="utf-8")
    assert header.count("*/") == header.count("/*") == 3 and header.isascii()


def test_array_constants_stand_in_the_module(tmp_path):
    row = np.array([1.0, np.inf, -0.0, 0.1])
    f = g.compile(x * 2 + row, [x])
    f.export(tmp_path / "held.py")
    assert np.array_equal(load(tmp_path / "held.py")["held"](3.0), f(3.0))
    with pytest.raises(CompileError, match="array constants"):
        f.export(tmp_path / "held.o")
    with pytest.raises(CompileError, match="10,000"):
        g.compile(x * np.zeros(10_001), [x]).export(tmp_path / "large.py")


def test_refusals(tmp_path, monkeypatch):
    f = g.compile(LOSS, [x, w, b])
    for path, words in (("f.txt", "cannot export"), ("f", "without suffix")):
        with pytest.raises(InputError, match=words):
            f.export(tmp_path / path)
    with pytest.raises(InputError, match="no header"):
        f.export(tmp_path / "f.py", header=tmp_path / "f.h")
    for name in ("1f", "a b", "exp", "math", "class", "", "f;", 3):
        with pytest.raises(InputError, match="name"):
            f.export(tmp_path / "f.py", name=name)
    with pytest.raises(CompileError, match="digamma"):
        g.compile(g.digamma(x)).export(tmp_path / "f.o")
    chain = x
    for _ in range(python.MAX_OPERATIONS + 1):
        chain = g.tanh(chain)
    with pytest.raises(CompileError, match="2,000"):
        g.compile(chain, cache=False, rewrite=None).export(tmp_path / "f.py")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CompileError, match="C compiler"):
        f.export(tmp_path / "f.so")
    assert list(tmp_path.iterdir()) == []
    for suffix in (".py", ".o"):
        with pytest.raises(FileError, match=r"there is no directory '.*nowhere'"):
            f.export(tmp_path / "nowhere" / f"f{suffix}")


# --- C ----------------------------------------------------------------------------------------------------------------------

MAIN = """
#include <stdio.h>
#include "kernel.h"
int main(void) {
    double value, dx, dw, db, xs[5] = {-1, -0.5, 0, 0.5, 2}, ws[5] = {1, 2, 3, 4, -3}, bs[5] = {6, 6, 6, 6, 6}, out[4][5];
    kernel(2.0, -3.0, 6.0, &value, &dx, &dw, &db);
    printf("%a %a %a %a\\n", value, dx, dw, db);
    kernel_array(5, xs, ws, bs, out[0], out[1], out[2], out[3]);
    for (int k = 0; k < 4; k++) for (int i = 0; i < 5; i++) printf("%a ", out[k][i]);
    kernel_array(0, 0, 0, 0, 0, 0, 0, 0);
    return 0;
}
"""


@CC
def test_object_in_a_c_program(tmp_path):
    f = g.compile(g.value_and_grad(LOSS, [x, w, b]), [x, w, b])
    f.export(tmp_path / "kernel.o", header=tmp_path / "kernel.h")
    (tmp_path / "main.c").write_text(MAIN)
    build = ["cc", "-std=c99", "-Wall", "-Werror", "-pedantic", "-o", "main", "main.c", "kernel.o", "-lm"]
    subprocess.run(build, cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True, timeout=60)
    one, many = done.stdout.splitlines()
    value, slopes = f(2.0, -3.0, 6.0)
    assert [float.fromhex(word) for word in one.split()] == [value, *slopes]  # the same code: the same bits
    values = f(np.array([-1, -0.5, 0, 0.5, 2]), np.array([1.0, 2, 3, 4, -3]), 6.0)
    wanted = np.concatenate([values[0], *values[1]])
    assert [float.fromhex(word) for word in many.split()] == wanted.tolist()


def test_object_is_deterministic_and_shows_two_names(tmp_path):
    f = g.compile(LOSS, [x, w, b])
    f.export(tmp_path / "a.o", name="loss")
    f.export(tmp_path / "b.o", name="loss")
    assert (tmp_path / "a.o").read_bytes() == (tmp_path / "b.o").read_bytes()
    if shutil.which("nm"):
        shown = subprocess.run(
            ["nm", "-g", tmp_path / "a.o"], capture_output=True, text=True, check=True
        ).stdout
        assert re.findall(r" T (\w+)", shown) == ["loss", "loss_array"]


@CC
def test_shared_library_of_mixed_types(tmp_path):
    n, p = g.symbol("n", dtype="int32"), g.symbol("p", dtype="bool")
    y = g.symbol("y", dtype="float32")
    f = g.compile([g.where(p, n * 3, n - 1), y * 2, ~p, x + n], [n, p, y, x])
    f.export(tmp_path / "mixed.so", header=tmp_path / "mixed.h")
    library = ctypes.CDLL(str(tmp_path / "mixed.so"))
    results = ctypes.c_int32(), ctypes.c_float(), ctypes.c_uint8(7), ctypes.c_double()
    library.mixed(
        ctypes.c_int32(5),
        ctypes.c_uint8(1),
        ctypes.c_float(1.5),
        ctypes.c_double(0.25),
        *map(ctypes.byref, results),
    )
    assert [result.value for result in results] == [15, 3.0, 0, 5.25] == f(5, True, 1.5, 0.25)
    given = (np.arange(9, dtype="i4"), np.arange(9) % 2 == 0, np.ones(9, "f4"), np.linspace(0, 1, 9))
    taken = [np.empty(9, kind) for kind in ("i4", "f4", "bool", "f8")]
    library.mixed_array(ctypes.c_int64(9), *(ctypes.c_void_p(a.ctypes.data) for a in (*given, *taken)))
    for ours, theirs in zip(f(*given), taken, strict=True):
        assert np.array_equal(ours, theirs)
    header = (tmp_path / "mixed.h").read_text()
    assert "void mixed(int32_t n, " not in header  # n is the length of the array form
    assert "uint8_t p, float y, double x, int32_t *result0" in header


@CC
def test_a_large_body_as_a_library(tmp_path):
    value = x
    for number in range(700):
        value = g.tanh(value * w + number / 700)
    f = g.compile(value, [x, w], rewrite=None)
    f.export(tmp_path / "large.so")
    library = ctypes.CDLL(str(tmp_path / "large.so"))
    result = ctypes.c_double()
    library.large(ctypes.c_double(0.3), ctypes.c_double(1.1), ctypes.byref(result))
    assert result.value == f(0.3, 1.1)
    xs, ws, out = np.linspace(-1, 1, 33), np.linspace(0, 2, 33), np.empty(33)
    library.large_array(ctypes.c_int64(33), *(ctypes.c_void_p(a.ctypes.data) for a in (xs, ws, out)))
    assert np.array_equal(out, f(xs, ws))


# --- SciPy ------------------------------------------------------------------------------------------------------------------


def test_integrators_of_scipy_take_the_function():
    from scipy import integrate

    f = g.compile(g.exp(-x * x) * w, [x, w])
    area, error = integrate.quad(f.lowlevel, -np.inf, np.inf, args=(2.0,))
    assert abs(area - 2 * math.sqrt(math.pi)) <= max(error, 1e-12)
    volume, error = integrate.nquad(g.compile(x * w * w, [x, w]).lowlevel, [(0, 1), (0, 3)])
    assert abs(volume - 4.5) <= max(error, 1e-12)
    for bad in (
        g.compile([x, w]),
        g.compile(x > 1),
        g.compile(g.symbol("n", dtype="int64") * 2.0),
        g.compile(x + np.ones(3)),
    ):
        with pytest.raises(CompileError, match="SciPy"):
            bad.lowlevel
