"""Every rule's formulas with other numbers in them: rewriting ends, and what was a number stays one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError
from graphc.rewrite import tables

NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e-?\d+)?(?![\w.])")
OTHERS = ("(-2.5)", "0", "(-1)", "1e300")
"""In place of a rule's own, one after the other"""

POINTS = (0.3, -1.7, 4.0)

EXAMPLES = sorted({
    text
    for rule in tables.rules()
    for text in getattr(rule, "examples", ())
    if isinstance(text, str) and NUMBER.search(text)
})  # fmt: skip


def others(text: str) -> list[g.Expr]:
    """The formulas with each of their numbers replaced that can be written."""
    found = []
    for place, spot in enumerate(NUMBER.finditer(text)):
        other = OTHERS[(place + len(text)) % len(OTHERS)]
        try:
            found.append(g.parse(text[: spot.start()] + other + text[spot.end() :]))
        except GraphcError:
            continue  # an axis, or a power that is no formula
    return [formula for formula in found if g.free_symbols(formula)]


@pytest.mark.parametrize("text", EXAMPLES)
def test_rewriting_ends_and_agrees(text: str) -> None:
    for formula in others(text):
        symbols = g.free_symbols(formula)
        (after,) = g.stabilize([formula])
        if any(s.shape for s in symbols) or formula.shape:
            continue
        for at in POINTS:
            values = {s: np.float64(at + 0.125 * k) for k, s in enumerate(symbols)}
            with np.errstate(all="ignore"):
                before, now = (float(g.evaluate(e, values)) for e in (formula, after))
            if math.isfinite(before) and abs(before) < 1e290:
                assert math.isfinite(now), (str(formula), values)
                assert now == pytest.approx(before, rel=1e-9, abs=1e-9), (str(formula), values)


@pytest.mark.parametrize("text", ["log(exp(x) - -2)", "log(3*exp(x) - -2*exp(y))", "log(exp(x) - (-1)*y*y)"])
def test_weights_that_are_subtracted_and_negative(text: str) -> None:
    formula = g.parse(text)
    (after,) = g.stabilize([formula])
    for at in POINTS:
        values = {s: at + 0.125 * k for k, s in enumerate(g.free_symbols(formula))}
        assert float(g.evaluate(after, values)) == pytest.approx(
            float(g.evaluate(formula, values)), rel=1e-14
        )
