"""Every rule over arrays of several shapes at once: factors and terms that broadcast are not lost, nor is a shape."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

import graphc as g
from graphc.errors import GradientError
from graphc.ir.expr import apply
from graphc.rewrite import tables
from graphc.rewrite.engine.pattern import Rule

wide, line = g.symbol("wide", shape=(2, 3)), g.symbol("line", shape=(3,))
SHAPES = ((), (), (3,), (2, 3), (2, 1), (1,))
RULES = [rule for rule in (*tables.NORMAL, *tables.ON_GRAPHS) if rule not in tables.ON_ARRAYS]


def formulas(rule):
    """A rule's pattern and its examples."""
    found = [g.parse(text) for text in getattr(rule, "examples", ()) if isinstance(text, str)]
    return [rule.root, *found] if isinstance(rule, Rule) else found


def shaped(formula):
    """Its names as numbers and arrays of several shapes."""
    rng = random.Random(str(formula))
    names = {s: g.symbol(s.name, shape=rng.choice(SHAPES), dtype=s.dtype) for s in g.free_symbols(formula)}
    return names


def over(formula, names):
    built = dict(names)
    for node in g.Graph(formula).exprs:
        if node.operands:
            built[node] = apply_to(node, [built.get(operand, operand) for operand in node.operands])
    return built[formula] if formula.operands else formula


def apply_to(node, operands):
    return apply(node.op, *operands, attrs=node.attrs)


@pytest.mark.sample(8)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rules_over_several_shapes(rule):
    for formula in formulas(rule):
        names, text = shaped(formula), str(formula)
        f = over(formula, names)
        if f.dtype.kind != "f":
            continue
        outputs = [f, 0.5 * f * wide, line - f, g.sum(f * line)]
        floats = [s for s in names.values() if s.dtype.kind == "f"]
        with contextlib.suppress(GradientError):
            outputs += g.grad(g.sum(0.25 * f * wide), floats) if floats else []
        rewritten = tables.run(outputs, "stable").outputs
        rng = np.random.default_rng(len(text))
        for _ in range(2):
            at = {}
            for s in g.free_symbols(*outputs):
                size = (
                    rng.uniform(0.3, 0.9, size=s.shape)
                    if rng.random() < 0.7
                    else rng.uniform(1.2, 3.0, size=s.shape)
                )
                at[s.name] = (size > 0.6) if s.dtype.kind == "b" else size.astype(s.dtype)
            before, after = g.evaluate(outputs, at), g.evaluate(list(rewritten), at)
            for output, old, new in zip(outputs, before, after, strict=True):
                assert np.shape(old) == np.shape(new), output
                known = np.isfinite(old)
                np.testing.assert_allclose(
                    np.where(known, new, 0), np.where(known, old, 0), rtol=1e-6, atol=1e-9, err_msg=text
                )
