"""Formulas of three variables far apart: a derivative that is a number as written is one when it is rewritten."""

from __future__ import annotations

import math
import random

import pytest

import graphc as g

SIZES = (1e-200, -1e-120, 3e-50, 1e-8, 0.7, -2.5, 1e7, 1e60, -1e120, 1.9e200, 7e300)


@pytest.mark.parametrize(
    "text",
    ["u + v - (u + v)*(1 - u/(v*w))", "v*(u + v) - v*(u + v)*(1 - u/(v*w))", "w - w*(1 - u/(u + v))", "u/(v - w) - u/v",
     "v*(w + u) - v*(w + u)*(1 - v/(u*w))"],
)  # fmt: skip
def test_derivatives_stay_numbers(text: str) -> None:
    formula = g.parse(text)
    symbols = g.symbols("u v w")
    slopes = [g.grad(formula, s) for s in symbols]
    after = g.rewrites(slopes).outputs
    rng, seen = random.Random(14), 0
    for _ in range(300):
        at = {s.name: rng.choice(SIZES) for s in symbols}
        for written, value in zip(g.evaluate(slopes, at), g.evaluate(after, at), strict=True):
            if math.isfinite(written):
                seen += 1
                assert math.isfinite(value), (at, written, value)
    assert seen > 300
