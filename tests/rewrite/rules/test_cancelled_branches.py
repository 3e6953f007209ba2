"""A branch over what one of its sides is a multiple of: a NaN or an infinity there is not cancelled away.

The oracle is the formula as written, evaluated by NumPy; at 0 itself a rule may give the limit.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g

u, v, w = g.symbols("u v w")

FORMULAS = {
    "a side": g.where(u > 0, v, 1) / v,
    "a product": g.where(u > 0, u * v, 0) / v,
    "two branches": g.where(u > 0, u, 0) * g.where(u > 0, v, 1) / v,
    "the other side": g.where(u > 0, 1, v * w) / v,
    "a bound below": g.where(v > -2, v * u, w) / v,
    "a size that is no bound": g.where(abs(u) < 1, v * w, u) / v,
    "a bound among others": g.where((abs(v) < 1) & (u > 0), v * w, u) / v,
    "two powers": g.where(u > 0, v * v * w, u) / (v * v),
    "equal": g.where(g.equal(u, 1), v, 2) / v,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_what_is_cancelled_is_finite(name):
    formula = FORMULAS[name]
    f = g.compile(formula, [u, v, w])
    points = [0.5, 1.0, -0.5, -3.0, 4e200, math.inf, -math.inf, math.nan]
    with np.errstate(all="ignore"):
        for a in points:
            for b in points:
                for c in (0.75, math.nan):
                    written = float(g.evaluate(formula, {"u": a, "v": b, "w": c}))
                    found = f(a, b, c)
                    same = math.isnan(written) == math.isnan(found)
                    assert same and (math.isnan(written) or found == pytest.approx(written, rel=2**-50)), (
                        a,
                        b,
                        c,
                    )


def test_series_near_zero_still_cancel():
    for text in ("(x - sin(x))/x**3", "where(abs(x) < 1, x*y, 2)/x", "(exp(x) - 1 - x)/x**2"):
        f = g.compile(g.parse(text))
        at = {"x": 0.0, **({"y": 3.0} if "y" in text else {})}
        assert math.isfinite(f(**at)), text
