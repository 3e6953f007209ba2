"""Derivatives beside booleans and integers: every partial builds, has the right type, and is that of the floats they become.

What an operation computes in floats its partials compute in floats: a uint8 beside a float64 neither wraps around nor is
rounded to float32 on the way. The oracle is the same operation over float64 symbols alone, whose partials are held against 50
digits in tests/ops.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import apply
from graphc.ir.op import all_ops
from tests.oracle import held_apart

TYPES = ("bool", "int8", "uint8", "float32", "float64")
OPS = [
    op
    for op in all_ops()
    if op.differentiable and op.arity > 1 and not op.user_defined and not held_apart(op)
]

DERIVATIVES = {
    "reverse": lambda y, x: g.grad(y, x),
    "forward": lambda y, x: g.jvp(y, x, 1.0),
    "jacobian": lambda y, x: g.jacobian(y, x),
    "hessian": lambda y, x: g.hessian(y, x),
    "of a formula": lambda y, x: g.grad(g.hypot(y, 2) * 1.5, x),
}


def _value(low, high, dtype, rng):
    """A value of a type near the middle of an operand's domain; None where there is none."""
    low, high = max(low, -4), min(high, 6)
    if dtype.kind == "b":
        return bool(rng.integers(2))
    if dtype.kind in "iu":
        whole = [v for v in range(-4, 7) if low <= v <= high and (v >= 0 or dtype.kind == "i")]
        return int(rng.choice(whole)) if whole else None
    return float(dtype.type(rng.uniform(low, high)))


def _symbols(op, types):
    symbols = [g.symbol(f"{name}_{dtype}", dtype=dtype) for name, dtype in zip(op.params, types, strict=True)]
    floats = [
        s if (op.name == "where" and s.dtype == bool and not slot) or (op.name == "polygamma" and not slot)
        else g.symbol(f"{op.params[slot]}_wide")
        for slot, s in enumerate(symbols)
    ]  # fmt: skip
    return symbols, floats


def _combinations(op):
    for types in itertools.product(TYPES, repeat=op.arity):
        kinds = {dtype.rstrip("0123456789") for dtype in types}
        # operands of one float type are every other test's
        if "float" not in kinds or len(set(types)) == 1 or (op.arity == 3 and "int8" in types):
            continue
        symbols, floats = _symbols(op, types)
        try:
            node = apply(op, *symbols)
        except g.GraphcError:
            continue  # refused where the formula is written
        if node.dtype.kind == "f":
            yield types, symbols, floats, node


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_partials_beside_other_types(op):
    rng = np.random.default_rng(7)
    checked, known = 0, {}
    for types, symbols, floats, node in _combinations(op):
        wide = apply(op, *floats)
        single = node.dtype == np.float32
        for slot, x in enumerate(symbols):
            if x.dtype.kind != "f":
                continue
            values = [
                _value(*(op.domain[k] if op.domain else (-3, 3)), s.dtype, rng) for k, s in enumerate(symbols)
            ]
            with np.errstate(all="ignore"):
                if any(v is None for v in values) or (
                    op.smooth_at and not op.smooth_at(*map(np.float64, values))
                ):
                    continue
            at = {s.name: v for s, v in zip(symbols, values, strict=True)}
            at_wide = {s.name: v for s, v in zip(floats, values, strict=True)}
            for name, derivative in DERIVATIVES.items() if op.arity == 2 else [*DERIVATIVES.items()][:2]:
                built = derivative(node, x)
                assert name == "forward" or built.dtype == x.dtype, (types, slot, name)
                key = (name, slot, tuple(floats))
                if key not in known:
                    known[key] = derivative(wide, floats[slot])
                found, wanted = g.evaluate(built, at), g.evaluate(known[key], at_wide)
                # a float32 operand takes a float64 derivative as its own type
                least = 2e-5 if single else 2e-7 if x.dtype == np.float32 else 1e-12
                assert np.isclose(found, wanted, rtol=least, atol=least, equal_nan=True), (
                    types,
                    slot,
                    name,
                    at,
                )
                checked += 1
    assert checked >= 12


def test_angles_beside_a_boolean():
    b, x = g.symbol("b", dtype="bool"), g.symbol("x")
    slope = g.compile(g.grad(g.atan2(b, x), x), [b, x])
    assert slope(True, 2.0) == pytest.approx(-1 / 5, rel=1e-15) and slope(False, 2.0) == 0


def test_exponents_of_small_integers_do_not_wrap_around():
    u, x = g.symbol("u", dtype="uint8"), g.symbol("x")
    slope = g.grad(x**u, x)
    for exponent in (0, 1, 2, 255):
        assert g.evaluate(slope, {"x": 1.0, "u": exponent}) == exponent
    assert g.evaluate(g.grad(u**x, x), {"u": 3, "x": 2.0}) == pytest.approx(9 * np.log(3), rel=1e-15)
