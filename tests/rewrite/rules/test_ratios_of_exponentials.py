"""Ratios of exponentials in products: what stands beside them is multiplied as it was."""

from __future__ import annotations

import itertools

import pytest

import graphc as g

SIZES = (1e-160, 3e-40, 0.7, 2e50, 1e170)


@pytest.mark.parametrize(
    "text",
    ["cosh(u)*(1/(u*v))*(1/sinh(u))", "cosh(u)*(1/(u*v))/sinh(u)/sinh(u)*cosh(u)", "v/(u*v)*sinh(u)/sinh(u)",
     "exp(u)*(v/(w*u))/expm1(u)", "(w*v)*(w/(w*v))*cosh(u)/sinh(u)", "sinh(u)/cosh(u)*(w/(v*v))"],
)  # fmt: skip
def test_products_beside_a_ratio_do_not_overflow_where_they_did_not(text: str) -> None:
    formula = g.parse(text)
    after = g.rewrites(formula).outputs[0]
    assert after is not formula
    symbols = g.free_symbols(formula)
    for sizes in itertools.product(SIZES, repeat=len(symbols)):
        at = {s.name: size for s, size in zip(symbols, sizes, strict=True)}
        written, value = float(g.evaluate(formula, at)), float(g.evaluate(after, at))
        if written and abs(written) < 1e300:
            assert value == pytest.approx(written, rel=1e-14), at
