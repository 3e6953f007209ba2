"""Sums and quotients that a rule knows, with a scalar as a further factor of one side: of arrays, both are no longer alike."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import rebuild
from graphc.rewrite import tables
from tests.rewrite.rules.test_rules_over_shapes import RULES, formulas, over

scale = g.symbol("scale")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_scalar_factor_of_one_side_is_not_lost(rule):
    for number, formula in enumerate(formulas(rule)):
        if formula.op.name not in ("add", "subtract", "multiply", "divide") or formula.dtype.kind != "f":
            continue
        names = {s: g.symbol(s.name, shape=(3,), dtype=s.dtype) for s in g.free_symbols(formula)}
        one, other = (names.get(operand, over(operand, names)) for operand in formula.operands)
        if one.dtype.kind != "f" or other.dtype.kind != "f":
            continue
        outputs = [
            rebuild(formula, pair)
            for factor in (scale, 3.0)
            for pair in ((one * factor, other), (one, factor * other), (one, other * factor))
        ]
        rewritten = tables.run(outputs, "stable").outputs
        rng = np.random.default_rng(number)
        at = {}
        for s in g.free_symbols(*outputs):
            size = rng.uniform(0.3, 0.9, size=s.shape)
            at[s.name] = (size > 0.6) if s.dtype.kind == "b" else size
        before, after = g.evaluate(outputs, at), g.evaluate(list(rewritten), at)
        for output, old, new in zip(outputs, before, after, strict=True):
            known = np.isfinite(old)
            shown = np.where(known, new, 0), np.where(known, old, 0)
            np.testing.assert_allclose(*shown, rtol=1e-6, atol=1e-9, err_msg=str(output))
