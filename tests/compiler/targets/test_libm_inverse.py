"""The inverse trigonometric and hyperbolic functions: thresholds, neighbours of ±1, every binade, and atan2's special values."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.libm import inverse, tables
from tests.benchmarks import exchange
from tests.benchmarks.ulp import error, loop

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

UNARY = ["asin", "acos", "atan", "asinh", "acosh", "atanh"]
THRESHOLDS = [
    0.5,
    1.0,
    2.0,
    2.0**-13,
    2.0**-27,
    2.0**28,
    2.0**100,
    math.sqrt(0.5),
    math.sqrt(2.0),
    0.25,
    2.0**-30,
]


BOUNDS = {64: 0.85, 32: 0.55}
"""Little more than these samples show, so that a lost correction does; 1.0 is what is promised."""


def check(name: str, bits: int, *operands: np.ndarray) -> None:
    results = loop(name, bits)(*operands)
    compared = 0
    for y, *given in zip(results, *operands, strict=True):
        apart = error(name, y, tuple(given), bits)
        if apart is not None:
            compared += 1
            listed = ", ".join(float(x).hex() for x in given)
            assert apart <= BOUNDS[bits], f"{name}({listed}) errs by {apart:.3f} ULP"
    assert compared > len(results) // 5


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", UNARY)
def test_around_thresholds(name, bits):
    dtype = np.dtype(f"f{bits // 8}")
    centre = np.array([sign * x for x in THRESHOLDS for sign in (1, -1)]).astype(dtype)
    values = [centre]
    for target in (0.0, math.inf):
        step = centre
        for _ in range(20):
            step = np.nextafter(step, np.copysign(dtype.type(target), centre))
            values.append(step)
    check(name, bits, np.concatenate(values))


@pytest.mark.sample(2)
@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", UNARY)
def test_every_binade_and_what_lies_that_near_to_one(name, bits):
    info = np.finfo(f"f{bits // 8}")
    rng = np.random.default_rng(21)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp, 1 if bits == 32 else 5)
    size = np.ldexp(rng.uniform(1, 2, exponents.size), exponents)
    below = 1 - np.ldexp(rng.uniform(1, 2, 200), rng.integers(-info.nmant, -1, 200))
    above = 1 + np.ldexp(rng.uniform(1, 2, 200), rng.integers(-info.nmant, 1, 200))
    values = np.concatenate([size, -size, below, -below, above]).astype(info.dtype)
    check(name, bits, values)


@pytest.mark.sample(2)
@pytest.mark.parametrize("bits", [64, 32])
def test_atan2_in_all_directions_and_sizes(bits):
    info = np.finfo(f"f{bits // 8}")
    rng = np.random.default_rng(22)
    count = 1500

    def spread(low: int, high: int) -> np.ndarray:
        size = np.ldexp(rng.uniform(1, 2, count), rng.integers(low, high, count))
        return (size * rng.choice([-1, 1], count)).astype(info.dtype)

    least = info.minexp - info.nmant
    check("atan2", bits, spread(-3, 4), spread(-3, 4))
    check("atan2", bits, spread(least, info.maxexp), spread(least, info.maxexp))
    check("atan2", bits, spread(least, info.minexp + 40), spread(least, info.minexp + 60))
    check("atan2", bits, spread(info.maxexp - 4, info.maxexp), spread(info.maxexp - 4, info.maxexp))
    slope = spread(-2, 3)
    for factor in (0.5, 1.0, 2.0):  # the thresholds of the reduction, and the diagonal
        other = (slope * info.dtype.type(factor)).astype(info.dtype)
        check("atan2", bits, slope, np.nextafter(other, info.dtype.type(0)))
        check("atan2", bits, slope, other)


@pytest.mark.parametrize("bits", [64, 32])
def test_atan2_at_zeros_infinities_and_nan(bits):
    """C99, F.10.1.4, every combination by name."""
    dtype = np.dtype(f"f{bits // 8}")
    inf, pi, nan = math.inf, math.pi, math.nan
    table = [
        (0.0, -0.0, pi), (-0.0, -0.0, -pi), (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, -3.0, pi), (-0.0, -3.0, -pi),
        (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-3.0, 0.0, -pi / 2), (-3.0, -0.0, -pi / 2), (3.0, 0.0, pi / 2),
        (3.0, -0.0, pi / 2), (3.0, -inf, pi), (-3.0, -inf, -pi), (3.0, inf, 0.0), (-3.0, inf, -0.0), (inf, 3.0, pi / 2),
        (-inf, -3.0, -pi / 2), (inf, -inf, 3 * pi / 4), (-inf, -inf, -3 * pi / 4), (inf, inf, pi / 4), (-inf, inf, -pi / 4),
        (0.0, -inf, pi), (-0.0, -inf, -pi), (0.0, inf, 0.0), (-0.0, inf, -0.0), (inf, 0.0, pi / 2), (-inf, -0.0, -pi / 2),
        (nan, 1.0, nan), (1.0, nan, nan), (nan, inf, nan), (inf, nan, nan), (nan, 0.0, nan), (0.0, nan, nan), (nan, nan, nan),
    ]  # fmt: skip
    y, x, wanted = (np.array(column).astype(dtype) for column in zip(*table, strict=True))
    result = loop("atan2", bits)(y, x)
    assert np.array_equal(result, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(result)[~np.isnan(wanted)], np.signbit(wanted)[~np.isnan(wanted)])


def test_parts_of_pi():
    with mpmath.workprec(300):
        for parts, value in ((inverse.HALF_PI, mpmath.pi / 2), (inverse.SHORT_QUARTER_PI, mpmath.pi / 4)):
            assert abs(mpmath.mpf(parts[0]) + mpmath.mpf(parts[1]) - value) < mpmath.mpf(2) ** -99
    assert 3 * inverse.SHORT_QUARTER_PI[0] - 2 * inverse.SHORT_QUARTER_PI[0] == inverse.SHORT_QUARTER_PI[0]


def test_tables_are_what_the_tool_computes():
    """Those that take it a moment; the digits of each coefficient are the tool's."""
    with mpmath.workdps(40):
        wanted = exchange.tables()
        for name in ("SIN_SINGLE", "COS_SINGLE", "SIN", "ASIN_SINGLE", "ERF_SINGLE", "EXP_SINGLE", "ASIN"):
            assert exchange.fit(wanted[name])[0] == getattr(tables, name), name
