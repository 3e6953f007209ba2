"""Powers of 1 are 1 whatever the exponent, NaN and infinities among them; what is near 1 is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g

TEXTS = [
    "(1 + u)**v - 1",
    "1 - (1 - u)**v",
    "exp((1 + u)**v - 1)",
    "2*u*(1 + u)**v - 2*u",
    "1 - 1/(1 + u)**v",
    "(1 + u)**(-v) - 1",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_exponents(text: str, dtype: str) -> None:
    u, v = g.symbols("u v")
    formula = g.parse(text, {"u": u, "v": v})
    f, written = (
        g.compile(formula, [u, v], rewrite=level, dtype=dtype, cache=False) for level in ("stable", None)
    )
    for x in (0.0, -0.0, 0.25, -0.25, math.nan):
        for y in (math.nan, math.inf, -math.inf, 0.0):
            np.testing.assert_equal(float(f(x, y)) + 0.0, float(written(x, y)) + 0.0, f"at {x}, {y}")


def test_a_difference_is_not_minus_zero() -> None:
    u, v = g.symbols("u v")
    f = g.compile([g.tan(u) - g.sin(u), v / (g.tan(u) - g.sin(u))], [u, v], cache=False)
    difference, quotient = f(-0.0, 2.0)
    assert math.copysign(1, difference) == 1
    assert quotient == math.inf
