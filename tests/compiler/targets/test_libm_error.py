"""erf and erfc: around their thresholds, down to subnormal results, and loops as packed code."""

from __future__ import annotations

import re

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine.jit import build
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.scalar_kernel import kernel_of
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.kernels import elementwise_loops
from graphc.ir.graph import Dag
from tests.benchmarks.ulp import error, loop

pytestmark = pytest.mark.skipif(not libm.has_fma(), reason="this processor calls the C library")

BOUNDS = {("erf", 64): 1.0, ("erfc", 64): 1.5}


def check(name: str, bits: int, values: np.ndarray) -> None:
    for x, y in zip(values, loop(name, bits)(values), strict=True):
        apart = error(name, y, (x,), bits)
        assert apart is not None
        assert apart <= BOUNDS.get((name, bits), 1.0), f"{name}({float(x).hex()}) errs by {apart:.3f} ULP"


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_around_thresholds(name, bits):
    dtype = np.dtype(f"f{bits // 8}")
    rng = np.random.default_rng(31)
    thresholds = np.array(
        [0.8, 1.0, 4.1, 5.9, 6.0, 9.2, 10.0, 10.4, 26.5, 27.2, 27.3, 0.5, 2.0, 1e-300, 1e-30]
    )
    near = thresholds * (1 + np.ldexp(rng.integers(-8, 9, (60, thresholds.size)), 1 - np.finfo(dtype).nmant))
    values = np.concatenate([near.ravel(), -near.ravel()]).astype(dtype)
    check(name, bits, values)


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_over_the_range(name, bits):
    rng = np.random.default_rng(32)
    dense = np.linspace(-6.5, 6.5, 1301)
    check(name, bits, np.concatenate([dense, rng.uniform(-1.5, 1.5, 1000)]).astype(f"f{bits // 8}"))


@pytest.mark.parametrize("bits", [64, 32])
def test_erfc_down_to_its_last_subnormal_result(bits):
    rng = np.random.default_rng(33)
    low, high, end = (25.5, 27.3, 27.2263) if bits == 64 else (9.0, 10.4, 10.0549)
    values = np.sort(rng.uniform(low, high, 1500)).astype(f"f{bits // 8}")
    check("erfc", bits, values)
    results = loop("erfc", bits)(values)
    info = np.finfo(values.dtype)
    assert ((results > 0) & (results < info.tiny)).sum() > 100, "no subnormal result among them"
    assert (results[values > end] == 0).all()


def test_erfc_carries_the_square():
    """exp(−t²) by a rounded square errs by t² halves of an ULP: 300 at t = 25."""
    values = np.random.default_rng(34).uniform(20, 26, 400)
    results = loop("erfc", 64)(values)
    with mpmath.workprec(200):
        rounded = [mpmath.exp(-mpmath.mpf(float(x * x)) + mpmath.mpf(float(x)) ** 2) - 1 for x in values]
    assert max(abs(part) for part in rounded) > mpmath.mpf(2) ** -46, "the squares of these lose nothing"
    assert max(error("erfc", y, (x,), 64) or 0.0 for x, y in zip(values, results, strict=True)) <= 1.5


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["erf", "erfc", "gelu", "atan", "asin", "acos", "asinh", "acosh", "atanh"])
def test_value_and_gradient_are_one_packed_loop(name, dtype):
    x = g.symbol("x", dtype=dtype)
    value, (slope,) = g.value_and_grad(getattr(g, name)(x), [x])
    library = build(
        elementwise_loops.module(kernel_of(expand_ops(Dag([value, slope], [x]))), "ccc"),
        elementwise_loops.EXPORTED,
    )
    assert not re.search(r"^\s+(callq?|blr?)\s", library.asm, re.M), "the loop calls a function"
    kind = "double" if dtype == "float64" else "float"
    assert re.search(rf"fm(ul|a)[^\n]*<\d+ x {kind}>|llvm\.fma\.v\d+f64", library.llvm), (
        "the loop is not packed"
    )


def test_erfc_shares_its_exponential_with_the_density():
    """exp(−x·x) beside erfc(x) in a loop adds little: the reduction and the polynomial are computed once."""
    x = g.symbols("x")

    def fused(*outputs):
        f = g.compile(list(outputs), [x], rewrite=None, cache=False, parallel=False)
        f(np.ones(100))
        text = next(iter(f._nests.libraries.values())).llvm
        return text.count("call <") - text.count("call <0")

    together, apart = fused(g.erfc(x), g.exp(-(x * x))), fused(g.erfc(x)) + fused(g.exp(-(x * x)))
    assert 0 < together < apart - 0.6 * fused(g.exp(-(x * x)))
