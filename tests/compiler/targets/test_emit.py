"""The code generator: what the modules say, and machine code against exhaustive tables, NumPy and mpmath."""

from __future__ import annotations

import importlib.util
import re

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine.jit import build
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.scalar_kernel import kernel_of
from graphc.compiler.targets.llvm.emit import literal
from graphc.compiler.targets.llvm.kernels import elementwise_loops, scalar_entry
from graphc.errors import CompileError
from graphc.ir.expr import apply
from graphc.ir.graph import Dag
from graphc.ir.op import all_ops, lookup
from graphc.util.pytree import LEAF
from tests.strategies import ROUNDED_ALIKE, SPECIALS


def module_of(expr):
    return scalar_entry.module(kernel_of(expand_ops(Dag([expr]))), LEAF)


def test_the_body_of_the_log_sigmoid_reads_as_written():
    x, w, b = g.symbols("x w b")
    text = module_of(g.log(1 / (g.exp(-(x * w + b)) + 1)))
    body = text[text.index("@element") : text.index("@packed")]
    instructions = [line.split("=", 1)[1].split()[0] for line in body.splitlines() if " = " in line]
    assert [i for i in instructions if i not in ("getelementptr", "load")] == [
        "fmul", "fadd", "fneg", "call", "fadd", "fdiv", "call",
    ]  # fmt: skip


def test_text_is_deterministic_and_without_fast_math():
    x, y = g.symbols("x y")
    expr = g.where(x > y, g.gelu(x) + g.logaddexp(x, y), g.pow(x, y) % 3)
    first, second = module_of(expr), module_of(expr)
    assert first == second
    arrays = elementwise_loops.module(kernel_of(expand_ops(Dag([expr]))), "cbc")
    for text in (first, arrays):
        assert not re.search(r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b", text)


def test_shared_nodes_are_computed_once():
    x = g.symbol("x")
    e = g.exp(x)
    text = module_of(e * e + g.sin(e))
    assert len(re.findall(r"call double @\w*exp\w*\(", text)) == 1


def test_no_symbol_name_reaches_the_module():
    hostile = g.symbol('"} ret void; @evil')
    text = module_of(hostile + 1)
    assert "evil" not in text
    assert g.compile(hostile + 1)(1.0) == 2.0


@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1.0, 0.1, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_float_literals_are_exact(value, dtype):
    with np.errstate(over="ignore"):
        typed = np.dtype(dtype).type(value)
    assert literal(typed, np.dtype(dtype)).startswith("0x")
    f = g.compile(g.constant(typed), [g.symbol("x", dtype=dtype)])
    assert np.dtype(dtype).type(f(0.0)).tobytes() == typed.tobytes() or np.isnan(typed)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (lambda x, y: x // y, np.floor_divide), (lambda x, y: x % y, np.remainder), (lambda x, y: x + y, np.add),
        (lambda x, y: x - y, np.subtract), (lambda x, y: x * y, np.multiply), (lambda x, y: x / y, np.true_divide),
        (lambda x, y: x < y, np.less), (lambda x, y: x >= y, np.greater_equal), (g.equal, np.equal),
        (g.maximum, np.maximum), (g.minimum, np.minimum), (lambda x, y: abs(x) + g.sign(y), lambda x, y: np.abs(x) + np.sign(y)),
    ],
    ids=["//", "%", "+", "-", "*", "/", "<", ">=", "==", "max", "min", "abs+sign"],
)  # fmt: skip
def test_integers_on_all_pairs(function, reference, dtype):
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    x, y = g.symbols("x y", dtype=dtype)
    with np.errstate(all="ignore"):
        expected = reference(values[:, None], values[None, :])
    result = g.compile(function(x, y), [x, y])(values[:, None], values[None, :])
    wanted = expected.astype(np.float32) if expected.dtype == np.float16 else expected
    assert result.dtype == wanted.dtype
    if expected.dtype == np.float16:  # graphc has no half precision: it computes these in float32
        with np.errstate(all="ignore"):
            wanted = values[:, None].astype(np.float32) / values[None, :].astype(np.float32)
    assert np.array_equal(result, wanted, equal_nan=wanted.dtype.kind == "f")


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(ROUNDED_ALIKE - {"astype"}))
def test_special_values_to_the_bit(name, dtype):
    """Zeros of both signs, infinities, NaN and subnormals, one by one and in an array, are what the interpreter answers."""
    op = lookup(name)
    of_truths = ("bool",) * op.arity if op.category == "logic" else ("bool",) if name == "where" else ()
    types = op.types(tuple(map(np.dtype, (*of_truths, *(dtype,) * (op.arity - len(of_truths))))))[0]
    symbols = [g.symbol(f"s{slot}", dtype=kind) for slot, kind in enumerate(types)]
    with np.errstate(all="ignore"):
        tables = [np.unique(np.array(SPECIALS).astype(kind)) if kind.kind == "b" else np.array(SPECIALS).astype(kind)
                  for kind in types]  # fmt: skip
    grid = [array.ravel() for array in np.meshgrid(*tables)]
    node = apply(op, *symbols)
    f = g.compile(node, symbols, rewrite=None)
    wanted = g.evaluate(node, {symbol.name: array for symbol, array in zip(symbols, grid, strict=True)})
    single = np.array([f(*row) for row in zip(*grid, strict=True)], dtype=wanted.dtype)
    for found in (f(*grid), single):
        number = ~np.isnan(wanted)
        assert np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "f")
        assert (
            np.array_equal(np.signbit(found[number]), np.signbit(wanted[number])) or wanted.dtype.kind != "f"
        )


def test_integer_powers_against_python():
    x, y = g.symbols("x y", dtype="int64")
    f = g.compile(x**y, [x, y])
    for base in range(-5, 6):
        for exponent in range(-4, 30):
            if exponent >= 0:
                expected = (base**exponent + 2**63) % 2**64 - 2**63
            else:
                expected = {1: 1, -1: 1 if exponent % 2 == 0 else -1}.get(base, 0)
            assert f(base, exponent) == expected == g.evaluate(x**y, {"x": base, "y": exponent})


@pytest.mark.parametrize(
    "target", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
)
@pytest.mark.parametrize("source", ["float32", "float64"])
def test_casts_saturate(source, target):
    x = g.symbol("x", dtype=source)
    values = np.array(
        [0.0, -0.0, 0.9, -0.9, 1.5, 127.5, 300.0, -300.0, 1e30, -1e30, np.inf, -np.inf, np.nan], dtype=source
    )
    result = g.compile(g.astype(x, target))(values)

    def exact(value):
        if target == "bool":
            return value != 0
        info = np.iinfo(target)
        return 0 if np.isnan(value) else int(min(max(mpmath.mpf(float(value)), info.min), info.max))

    assert result.dtype == target
    assert result.tolist() == [exact(value) for value in values]


def test_polygamma_of_order_0_is_digamma(tmp_path):
    """Also where the order is an input, and in the Python that is exported."""
    x, n = g.symbol("x"), g.symbol("n", dtype="int64")
    points = np.array([-3.5, -0.5, 0.25, 1.0, 30.0])
    expected = g.evaluate(g.digamma(x), {"x": points})
    fixed, given = g.compile(g.polygamma(0, x), [x]), g.compile(g.polygamma(n, x), [x, n])
    np.testing.assert_array_equal(fixed(points), expected)
    np.testing.assert_array_equal(given(points, 0), expected)
    given.export(tmp_path / "orders.py")
    spec = importlib.util.spec_from_file_location("orders", tmp_path / "orders.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.testing.assert_allclose(module.orders(points, 0), expected, rtol=1e-14)


@pytest.mark.parametrize("order", range(1, 6))
def test_poles_of_polygamma_have_two_signs_for_even_orders(order):
    """ψ⁽ⁿ⁾(x) is (−1)ⁿ⁺¹ n!/xⁿ⁺¹ beside 0 (DLMF 5.15.1)."""
    x = g.symbol("x")
    expected = np.array([1.0, -1.0 if order % 2 == 0 else 1.0]) * (-1) ** (order + 1) * np.inf
    zeros = np.array([0.0, -0.0])
    np.testing.assert_array_equal(g.compile(g.polygamma(order, x), [x])(zeros), expected)
    np.testing.assert_array_equal(g.evaluate(g.polygamma(order, x), {"x": zeros}), expected)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_polygamma_against_mpmath(order):
    x = g.symbol("x")
    f = g.compile(g.polygamma(order, x))
    bound = next(op for op in all_ops() if op.name == "polygamma").ulps
    for value in (1e-3, 0.1, 0.9, 1.0, 1.5, 3.0, 19.9, 20.1, 50.0, 1e4, 1e8, -0.5, -2.25, -10.75):
        with mpmath.workdps(60):
            truth = mpmath.polygamma(order, mpmath.mpf(value))
            error = abs(mpmath.mpf(f(value)) - truth) / mpmath.mpf(float(np.spacing(abs(float(truth)))))
        assert error <= bound, (order, value, float(error))


def test_a_mistake_of_the_generator_is_a_compile_error():
    with pytest.raises(CompileError, match="LLVM refused"):
        build("define void @broken() { ret i64 }", ("broken",))


def test_array_constants_are_inputs_of_the_machine_code():
    x = g.symbol("x")
    row, column = np.array([1.0, 2.0]), np.array([[1], [2]])
    f = g.compile([x * row + column, x > row], [x])
    for value in (3.0, np.array([1.0, 5.0]), np.arange(8.0).reshape(2, 2, 2)):
        sums, tests = f(value)
        assert np.array_equal(sums, value * row + column)
        assert np.array_equal(tests, np.broadcast_to(value > row, tests.shape)) and tests.dtype == bool
    out = [np.empty((2, 2)), np.empty((2, 2), dtype=bool)]
    assert f(3.0, out=out)[0] is out[0] and np.array_equal(out[0], 3.0 * row + column)


@pytest.mark.parametrize("many", [17, pytest.param(100, marks=pytest.mark.slow)])
def test_many_arguments_and_results(many):
    xs = g.symbols([f"x{number}" for number in range(many)])
    outputs = [x * (number + 1.5) for number, x in enumerate(xs)]
    values = [float(number) for number in range(many)]
    expected = [value * (number + 1.5) for number, value in enumerate(values)]
    for structure in (list, tuple):
        f = g.compile((xs[0], structure(outputs), [x > 1 for x in xs]), list(xs))
        assert f(*values) == (0.0, structure(expected), [value > 1 for value in values])
        assert f(*values[:-1], int(values[-1])) == f(*values)
        arrays = f(*[np.array([value, 1.0]) for value in values])
        assert [array[0] for array in arrays[1]] == expected
        assert [bool(array[0]) for array in arrays[2]] == [value > 1 for value in values]


@pytest.mark.parametrize("pattern", ["ccc", "cbc", "scs", "bbs", "sss"])
def test_patterns_name_what_they_do(pattern):
    x, y = g.symbols("x y")
    text = elementwise_loops.module(kernel_of(expand_ops(Dag([x * y]))), pattern)
    loop = text[text.index("loop:") : text.index("exit:")]
    assert loop.count("load double") == sum(letter != "b" for letter in pattern[:2])
    assert loop.count("store double") == 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_of_all_pairs_are_those_of_ieee_754(name, dtype):
    """Beside NaN NaN, and of zeros +0 is the larger: of numbers, of arrays, and where one of both is part of the formula."""
    tiny = np.finfo(dtype).smallest_subnormal
    values = [0.0, -0.0, 1.0, -1.0, tiny, -tiny, np.inf, -np.inf, np.nan, -np.nan, 3.5, -7.25]
    x, y = (g.symbol(f"{each}_{name}_{dtype}", dtype=dtype) for each in "xy")
    choose = getattr(g, name)
    f = g.compile(choose(x, y), [x, y], cache=False)
    fixed = g.compile([choose(x, float(b)) for b in values], [x], cache=False)
    besides = [fixed(float(a)) for a in values]
    left, right = (side.ravel().astype(dtype) for side in np.meshgrid(values, values))
    packed = f(left, right)
    for number, (a, b, together) in enumerate(zip(left, right, packed, strict=True)):
        alone = np.dtype(dtype).type(f(float(a), float(b)))
        beside = np.dtype(dtype).type(besides[number % len(values)][number // len(values)])
        if np.isnan(a) or np.isnan(b):
            assert np.isnan([together, alone, beside]).all(), (a, b)
            continue
        ordered = sorted([a, b], key=lambda v: (v, not np.signbit(v)))
        wanted = ordered[1] if name == "maximum" else ordered[0]
        for mine in (together, alone, beside):
            assert mine == wanted and np.signbit(mine) == np.signbit(wanted), (a, b, mine)
