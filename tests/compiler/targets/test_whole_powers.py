"""x to a known whole power: within pow's bound of mpmath's, over the whole range, and C99's values at special operands."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import graphc as g
from graphc.compiler.targets.llvm import libm

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

EXPONENTS = [n for size in (1, 2, 3, 4, 5, 7, 8, 11, 15, 16) for n in (size, -size)]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, -5e-324, 1.7e308, 1e-160, -1e160]


def error(found: float, exact: mpf) -> float:
    """In units of the last place of the exact value, subnormal ones included."""
    if abs(exact) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54):
        return 0.0 if abs(found) >= np.finfo(float).max else np.inf
    exponent = max(int(mpmath.floor(mpmath.log(abs(exact), 2))), -1022)
    return float(abs(mpf(float(found)) - exact) / mpf(2) ** (exponent - 52))


@pytest.mark.parametrize("n", EXPONENTS)
def test_errors_against_mpmath(n):
    x = g.symbol("x")
    f = g.compile(x**n, [x], rewrite=None)
    rng = np.random.default_rng(abs(n))
    points = [
        *rng.uniform(0.5, 2, 60), *-rng.uniform(0.5, 2, 20), *2.0 ** rng.uniform(-1076 / abs(n) - 2, 1026 / abs(n) + 1, 60),
    ]  # fmt: skip
    with mp.workprec(2500):
        worst = max(error(f(point), mpf(float(point)) ** n) for point in points)
    assert worst <= g.pow.op.ulps


@pytest.mark.parametrize("n", EXPONENTS)
def test_special_operands(n):
    x, v = g.symbol("x"), g.symbol("v", shape="n")
    with np.errstate(all="ignore"):
        wanted = np.power(SPECIAL, float(n))
    f = g.compile(x**n, [x], rewrite=None)
    found = np.array([f(each) for each in SPECIAL])
    for values in (found, g.compile(v**n, [v], rewrite=None)(np.array(SPECIAL))):
        np.testing.assert_array_equal(values, wanted)
        np.testing.assert_array_equal(np.signbit(values), np.signbit(wanted))


def test_other_exponents_are_left_to_pow():
    x = g.symbol("x")
    for exponent, known in ((7, True), (17, False), (2.5, False), (-16, True), (1e300, False)):
        f = g.compile(x**exponent, [x], rewrite=None)
        assert ("graphc_pow_f64(" not in f.llvm) == known
        np.testing.assert_allclose(f(1.25), 1.25**exponent if exponent < 1e3 else np.inf, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, -1, 2])
def test_what_one_instruction_does_is_no_call(n, dtype):
    x, rng = g.symbol("x", dtype=dtype), np.random.default_rng(n + 1)
    f = g.compile(x ** g.constant(float(n), dtype), [x], rewrite=None)
    assert not any("pow" in line for line in f.llvm.splitlines() if "call" in line)
    size = 150 if dtype == "float64" else 18
    for value in [*(rng.choice([-1, 1], 40) * 10 ** rng.uniform(-size, size, 40)), *SPECIAL]:
        with np.errstate(all="ignore"):
            point = np.dtype(dtype).type(value)
            wanted = point ** np.dtype(dtype).type(n)
        np.testing.assert_array_equal(np.dtype(dtype).type(f(point)), wanted)
