"""Products and sums of a loop's body as one operation: which are, which must not be, and what comes out."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.lowering.fuse_products import fuse_products
from graphc.compiler.targets.llvm import libm
from graphc.ir.graph import Dag
from graphc.ops.exact_product import multiply_error
from graphc.ops.rounding import add_error

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="the processor has no such instruction")

a, b, c, d = (g.symbol(f"{name}_fused") for name in "abcd")
v, w = (g.symbol(f"{name}_fused", shape=3) for name in "vw")


def operations(*outputs: Any) -> list[str]:
    return [node.op.name for node in fuse_products(Dag(outputs)).exprs if node.operands]


FUSED = {
    "a product and a number": a * b + c,
    "a number and a product": c + a * b,
    "a difference of a product": a * b - c,
    "what a product is taken from": c - a * b,
    "two products": a * b + c * d,
    "arrays": v * w + a,
    "a broadcast factor": v * a + w,
    "an element of a product": (v * w)[1] + a,
    "elements of products": (v * w)[0] + (v * w)[2],
    "a product with other readers": g.sin(a * b) + (a * b + c),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused(name):
    assert operations(FUSED[name]).count("multiply_add") == 1


SPLIT = 134217729.0 * a
AS_WRITTEN = {
    "the difference of two products": a * b - c * d,
    "the difference of squares": a * a - b * b,
    "elements of products, taken from each other": (v * w)[0] - (v * w)[2],
    "Dekker's split": SPLIT - (SPLIT - a),
    "a product that two sums read": (a * b + c) * (a * b - d),
    "a product added to itself": a * b + a * b,
    "a product whose error is added": (a * b + c) + multiply_error(a, b),
    "the same of exchanged factors": (a * b + c) + multiply_error(b, a),
    "a sum whose error is asked for": (a * b + c) + add_error(c, a * b),
    "whole numbers": g.symbol("i_fused", dtype="int64") * 3 + 1,
}


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_as_written(name):
    assert "multiply_add" not in operations(AS_WRITTEN[name])


def test_small_floats():
    x = g.symbol("x_fused", dtype="float32")
    assert "multiply_add" in operations(x * x + x)


RNG = np.random.default_rng(16)
CASES = [tuple(map(float, RNG.normal(size=3) * 10.0 ** RNG.integers(-9, 9, size=3))) for _ in range(40)]
SIGNS = {
    "+": (lambda x, y, z: x * y + z),
    "−z": (lambda x, y, z: x * y - z),
    "z −": (lambda x, y, z: z - x * y),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_one_rounding(sign):
    """Each step of a loop against exact rational arithmetic, rounded once."""
    x, y, z = (g.symbol(f"{name}_once", shape=len(CASES)) for name in "xyz")
    formula = SIGNS[sign]
    _, values = g.scan(lambda k, row: (k + 1, formula(*row)), g.constant(0), (x, y, z))
    columns = [np.array(column) for column in zip(*CASES, strict=True)]
    found = g.compile(values, [x, y, z], cache=False)(*columns)
    expected = [float(formula(*map(Fraction, case))) for case in CASES]
    assert found.tolist() == expected
    plain = g.compile(values, [x, y, z], cache=False, rewrite=None)(*columns)
    assert plain.tolist() == [formula(*case) for case in CASES]


def test_special_values():
    x, y, z = (g.symbol(f"{name}_special", shape=5) for name in "xyz")
    _, values = g.scan(lambda k, row: (k, row[0] * row[1] + row[2]), g.constant(0.0), (x, y, z))
    columns = [
        np.array(column)
        for column in zip(
            (math.inf, 2.0, -math.inf), (0.0, math.inf, 1.0), (math.nan, 1.0, 1.0), (-0.0, 1.0, -0.0),
            (1e308, 10.0, -math.inf), strict=True,
        )
    ]  # fmt: skip
    found = g.compile(values, [x, y, z], cache=False)(*columns)
    np.testing.assert_array_equal(found, [math.nan, math.nan, math.nan, -0.0, -math.inf])
    assert math.copysign(1, found[3]) == -1


@pytest.mark.parametrize("carry", ["read alone", "read elsewhere"])
def test_sums_over_steps_grow_where_they_are(carry):
    """What is added to at each step stays one number in memory, also where it is added to by a fused product."""
    x = g.symbol("x_grown", shape=(30, 3))

    def step(total: Any, row: Any) -> tuple[Any, Any]:
        read = g.sum(total) if carry == "read elsewhere" else g.sum(row)
        return total + row * row[::-1], read

    end, sums = g.scan(step, g.zeros(3), x)
    rows = np.random.default_rng(3).normal(size=(30, 3))
    total, kept = np.zeros(3), []
    for row in rows:
        kept.append(total.sum() if carry == "read elsewhere" else row.sum())
        total = total + row * row[::-1]
    found = g.compile([end, sums], [x], cache=False)(rows)
    np.testing.assert_allclose(found[0], total, rtol=1e-14)
    np.testing.assert_allclose(found[1], kept, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("with_slopes", [False, True])
def test_the_bits_of_a_value_do_not_depend_on_slopes_beside_it(with_slopes):
    q, p = g.symbol("q_bits"), g.symbol("p_bits")

    def step(carry: Any, _: Any) -> tuple[Any, None]:
        q, p = carry
        p = p - 0.005 * q
        q = q + 0.01 * p
        return (q, p - 0.005 * q), None

    (end, _), _ = g.scan(step, (q, p), length=1000)
    results = [end, *(g.grad(end, [q, p]) if with_slopes else ())]
    value, *_ = g.compile(results, [q, p], cache=False)(1.0, 0.3)
    x, y = Fraction(1), Fraction(0.3)
    for _ in range(1000):  # one rounding for each line
        y = Fraction(float(y - Fraction(0.005) * x))
        x = Fraction(float(x + Fraction(0.01) * y))
        y = Fraction(float(y - Fraction(0.005) * x))
    assert value == float(x)
