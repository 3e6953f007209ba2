"""Shares x·eᵃ/(x·eᵃ + y·e^b) and their derivatives where an exponential, or the quotient of both, over- or underflows."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import bits_of_error, rounded
from tests.rewrite.measure import truth

a, b, x, y = g.symbols("a b x y")
SHARE = x * g.exp(a) / (x * g.exp(a) + y * g.exp(b))

EXPONENTS = (0.3, -2.0, 600.0, -600.0, 705.0, -730.0, 900.0, -859.3, 2e38, -2.5e38)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_derivative_is_lost_where_the_quotient_of_exponentials_overflows(dtype: Any) -> None:
    first = [g.grad(SHARE, s) for s in (a, b, x, y)]
    outputs = [SHARE, *first, g.grad(first[0], a)]
    written, rewritten = (
        g.compile(outputs, [a, b, x, y], dtype=dtype, rewrite=level) for level in (None, "stable")
    )
    scale = 0.12 if dtype == np.float32 else 1.0
    wrong = []
    for over in EXPONENTS:
        for under in EXPONENTS:
            at = [dtype(over * scale), dtype(under * scale), dtype(1.25), dtype(-3e-3)]
            real = _share(*at)
            correct = rounded(real, np.dtype(dtype))
            for before, after in zip(written(*at), rewritten(*at), strict=True):
                if np.isfinite(before) and not np.isfinite(after):
                    wrong.append((at, before, after))
            lost = float(bits_of_error(rewritten(*at)[0], correct, np.dtype(dtype))[0])
            if lost > 10 and abs(correct) > np.finfo(dtype).tiny:  # e^(b − a) of a rounded exponent
                wrong.append((at, rewritten(*at)[0], correct))
    assert not wrong


def _share(*at: Any) -> Any:
    with mpmath.workdps(60):
        over, under, p, q = (mpmath.mpf(float(value)) for value in at)
        step = under - over
        return p / (p + q * mpmath.exp(max(-1e6, min(1e6, step))))


def test_a_share_of_nothing_else_is_1() -> None:
    f = g.compile(SHARE, [a, b, x, y])
    assert f(-130.0, 580.0, 1.5, 0.0) == 1.0
    assert f(2000.0, -3.0, 1.5, 0.0) == 1.0


def test_the_truth_of_a_derivative_far_out() -> None:
    slope = g.grad(SHARE, a)
    at = {"a": 600.0, "b": 640.0, "x": 1.25, "y": 3.0}
    value = g.compile(slope, [a, b, x, y])(*at.values())
    assert abs(value / float(truth(slope, at)) - 1) < 1e-12
