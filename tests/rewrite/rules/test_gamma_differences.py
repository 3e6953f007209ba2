"""Differences of derivatives of log Γ beside the pole at 0: as far out as the formula as written is finite."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import bits_of_error

x = g.symbol("x")


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("apart", [0.5, 0.03125, 0.75, 1.0, 1.5, 2.25])
@pytest.mark.sample(2)
def test_differences_near_the_largest_float(order, apart):
    f = g.polygamma(order, x + apart) - g.polygamma(order, x)
    assert "gamma-difference" in {step.rule for step in g.rewrites(f)}
    compiled = g.compile(f, x)
    largest = float(np.finfo(float).max) / mpmath.factorial(order)
    for part in (1.05, 1.3, 2, 10, 1e5, 1e100):
        at = float((part / mpmath.mpf(largest)) ** (mpmath.mpf(1) / (order + 1)))
        with mpmath.workdps(400):
            exact = float(mpmath.psi(order, mpmath.mpf(at) + apart) - mpmath.psi(order, at))
        assert 2 ** bits_of_error(compiled(at), exact, np.dtype(float))[0] - 1 <= 8, at
