"""sin, cos and tan where they are hard: next to multiples of π/2, beyond the reduction's limit, at the ends of the range."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.libm import trigonometric
from tests.benchmarks.ulp import error, loop

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

BOUNDS = {("sin", 64): 1.0, ("cos", 64): 1.0, ("tan", 64): 1.5}
NAMES = [(name, bits) for name in ("sin", "cos", "tan") for bits in (64, 32)]

HARD = [
    6381956970095103 * 2.0**797,  # 2⁻⁶¹ from a multiple of π/2: nearest of all float64
    5319372648326541 * 2.0**203,
    6411027962775774 * 2.0**-48,
    float(np.finfo(np.float64).max),
    trigonometric.LIMIT,
    math.nextafter(trigonometric.LIMIT, math.inf),
    math.nextafter(trigonometric.LIMIT, 0.0),
]


def worst(name: str, bits: int, values: np.ndarray) -> tuple[float, float]:
    results = loop(name, bits)(values)
    found = [(error(name, y, (x,), bits), float(x)) for x, y in zip(values, results, strict=True)]
    return max((e, x) for e, x in found if e is not None)


def check(name: str, bits: int, values: np.ndarray) -> None:
    apart, at = worst(name, bits, values)
    assert apart <= BOUNDS.get((name, bits), 1.0), f"{name}({at.hex()}) errs by {apart:.3f} ULP"


@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_known_hard_operands(name, bits):
    values = np.array([sign * x for x in HARD for sign in (1, -1) if bits == 64 or x < 1e38])
    check(name, bits, values.astype(f"f{bits // 8}"))


@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_next_to_multiples_of_eighths_of_the_circle(name, bits):
    dtype = np.dtype(f"f{bits // 8}")
    rng = np.random.default_rng(11)
    with mpmath.workprec(2000):
        multiples = [k * mpmath.pi / 4 for k in range(1, 60)]
        multiples += [int(k) * mpmath.pi / 4 for k in rng.integers(2**20, 2**34, 60)]
        multiples += [
            mpmath.floor(mpmath.ldexp(4, int(e)) / mpmath.pi) * mpmath.pi / 4
            for e in rng.integers(20, 1020 if bits == 64 else 125, 60)
        ]
        centre = np.array([float(x) for x in multiples]).astype(dtype)
    around = [centre, np.nextafter(centre, dtype.type(0)), np.nextafter(centre, dtype.type(np.inf))]
    check(name, bits, np.concatenate(around))


@pytest.mark.sample(2)
@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_every_binade(name, bits):
    info = np.finfo(f"f{bits // 8}")
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    rng = np.random.default_rng(12)
    values = np.ldexp(rng.uniform(1, 2, exponents.size), exponents).astype(info.dtype)
    check(name, bits, values)


def test_two_over_pi_in_words():
    """Against mpmath's π; the table's own comes from Machin's formula."""
    words = trigonometric._two_over_pi_words()
    value = sum(word << 64 * (len(words) - 1 - k) for k, word in enumerate(words))
    with mpmath.workprec(1500):
        assert value == int(mpmath.floor(mpmath.ldexp(2 / mpmath.pi, 64 * len(words) - trigonometric.PREFIX)))


@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_both_ways_agree_below_the_limit(name, bits):
    """The branch-free way and the way by the table, on either side of the limit where both are valid."""
    dtype = np.dtype(f"f{bits // 8}")
    rng = np.random.default_rng(13)
    values = np.ldexp(rng.uniform(1, 2, 2000), 29).astype(dtype)
    f = loop(name, bits)
    apart = np.abs(f(values) - getattr(np, name)(values.astype(np.float64)))
    assert (apart <= 2 * np.spacing(np.abs(f(values)))).all()
