"""Long code calls mathematical functions in modules of their own: the same bits, found again, and nothing for anybody's name."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import jit
from graphc.compiler.engine.code_generator import QUICK
from graphc.compiler.targets.llvm import libm, shared_functions
from graphc.compiler.targets.llvm.kernels import split_body

pytestmark = pytest.mark.skipif(
    not libm.has_fma(), reason="without fused multiply-add they are C's functions"
)

POINTS = (0.0, -0.0, 0.3, -1.7, 1e-300, 4e5, 1e22, -1e300, np.inf, -np.inf, np.nan)

UNARY = [(name, bits) for name, bits in libm.names() if libm.arity(name, bits) == 1]


def _formula(*exponents: float) -> tuple[g.Expr, g.Expr]:
    """750 operations, a third of them functions."""
    x = value = g.symbol("x")
    for k in range(250):
        value = g.sin(value) + g.exp(-g.abs(x)) * (k + 0.5)
    for k, exponent in enumerate(exponents):
        value = value + g.abs(x + k) ** exponent
    return value, x


def _text(monkeypatch: pytest.MonkeyPatch, value: g.Expr, x: g.Expr, **options) -> tuple[str, Any]:
    texts: list[str] = []
    parse = jit._parse
    monkeypatch.setattr(jit, "_parse", lambda text, scratch: texts.append(text) or parse(text, scratch))
    f = g.compile(value, [x], cache=False, **options)
    return next(text for text in texts if "@packed" in text or "packed(" in text), f


@pytest.mark.parametrize(("name", "bits"), UNARY, ids=[f"{name}-{bits}" for name, bits in UNARY])
def test_a_shared_function_gives_the_bits_of_the_one_within_a_module(name, bits):
    kind, dtype = ("double", ctypes.c_double) if bits == 64 else ("float", ctypes.c_float)
    own = libm.definition(name, bits, inline=False)
    text = "\n".join([*own.declarations, own.text]) + (
        f"\ndefine {kind} @within({kind} %x) {{\n  %y = call {kind} @{own.symbol}({kind} %x)\n  ret {kind} %y\n}}\n"
    )
    library = jit.build(text, ("within",))
    symbol, operands = shared_functions.called(name, bits, ["%x"], ())
    (shared,) = shared_functions.libraries([symbol])
    call = ctypes.CFUNCTYPE(dtype, dtype)
    one, other = call(library.pointer("within")), call(shared.pointer(symbol))
    assert operands == 1
    for point in POINTS:
        a, b = np.array([one(point)], f"f{bits // 8}"), np.array([other(point)], f"f{bits // 8}")
        assert a.tobytes() == b.tobytes() or (np.isnan(a[0]) and np.isnan(b[0])), point


def test_long_code_of_calls_shares_its_functions_and_has_the_same_bits(monkeypatch):
    value, x = _formula(2.5)
    text, f = _text(monkeypatch, value, x, rewrite=None)
    assert text.startswith(QUICK)
    assert shared_functions.symbols_in(text) == tuple(sorted(shared_functions.symbols_in(text)))
    assert not re.search(r"define internal double @graphc_(sin|exp|pow)", text)
    monkeypatch.setattr(split_body, "SHARED_FROM", 10**9)
    whole, h = _text(monkeypatch, value, x, rewrite=None)
    assert not shared_functions.symbols_in(whole)
    assert np.array([f(p) for p in POINTS]).tobytes() == np.array([h(p) for p in POINTS]).tobytes()


def test_powers_of_known_exponents_are_functions_of_their_own_up_to_a_number(monkeypatch):
    exponents = [2.5, 1.5, 0.7, 0.9, 1.1, 1.3, 2.5]
    value, x = _formula(*exponents)
    text, f = _text(monkeypatch, value, x, rewrite=None)
    powers = [symbol for symbol in shared_functions.symbols_in(text) if "_pow_" in symbol]
    assert len(powers) == shared_functions.KNOWN_EXPONENTS + 1
    at = 0.6
    expected = at
    for k in range(250):
        expected = np.sin(expected) + np.exp(-at) * (k + 0.5)
    expected += sum((at + k) ** exponent for k, exponent in enumerate(exponents))
    # an operand of up to 138 is off by a unit, 2.8e-14, and so is the result, which the next factor does not make larger: each of
    # the 250 steps adds as much at most
    assert abs(f(at) - expected) < 250 * 2.8e-14
    general, known = min(powers, key=len), max(powers, key=len)
    assert _longest(known) < 0.9 * _longest(general)


def _longest(symbol: str) -> int:
    """The lines of the longest function of a shared function's module, as LLVM leaves it."""
    (library,) = shared_functions.libraries([symbol])
    return max(part.count("\n") for part in library.llvm.split("\ndefine ")[1:])


@pytest.mark.parametrize(
    "symbol",
    ["graphc_shared_sin_f64", "graphc_shared_pow_f64_by_0x4004000000000000", "graphc_shared_sin_f16", "graphc_shared_nope_f64",
     "graphc_shared_sin_f64_by_0x4004000000000000", "system", "graphc_shared_sin_f64\n", 3, None],
)  # fmt: skip
def test_a_record_names_functions_that_there_are_alone(symbol):
    good = symbol in ("graphc_shared_sin_f64", "graphc_shared_pow_f64_by_0x4004000000000000")
    assert shared_functions.is_symbol(symbol) == good
