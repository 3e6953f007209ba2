"""Every rule where something else stands in place of a name: −x, 2x, a number, a product, a sum, a function. No sign is lost, no
factor, and what is known of one formula is not taken for another's when many are rewritten together."""

from __future__ import annotations

import random

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import substitute
from graphc.rewrite import tables
from tests.rewrite.rules.test_rules_over_shapes import RULES, formulas

other = g.symbol("other")
TERMS = {
    "negative": lambda s: -s,
    "twice": lambda s: 2 * s,
    "minus twice": lambda s: -2 * s,
    "half": lambda s: s / 2,
    "a third": lambda s: s / 3,
    "negative of a difference": lambda s: -(s - other),
    "a small number": lambda s: g.constant(0.001),
    "a number": lambda s: g.constant(3.0),
    "a negative number": lambda s: g.constant(-0.3),
    "product": lambda s: s * other,
    "minus product": lambda s: -s * other,
    "three factors": lambda s: 0.5 * other * s,
    "quotient": lambda s: s / other,
    "sum": lambda s: s + other,
    "from one": lambda s: 1 - s,
    "square": lambda s: s * s,
    "reciprocal": lambda s: 1 / s,
    "root": lambda s: g.sqrt(s),
    "logarithm": lambda s: g.log(s),
    "exponential": lambda s: g.exp(-s),
    "sine": lambda s: g.sin(s),
    "branch": lambda s: g.where(other < 0.7, s, -s),
}
POINTS = 24


def variants(formula):
    """The formula with each of the terms in place of each of its names, and derivatives of some.

    Each with what must have a value too: the derivative of a function outside of its domain is nobody's.
    """
    rng = random.Random(str(formula))
    names = [s for s in g.free_symbols(formula) if s.dtype == np.float64]
    found = []
    for s in names:
        for term in TERMS.values():
            try:
                with np.errstate(all="ignore"):
                    changed = substitute(formula, {s: term(s)})
            except g.GraphcError:  # a number where the operation takes none
                continue
            if changed.dtype != np.float64:
                continue
            found.append((changed, changed))
            left = [v for v in g.free_symbols(changed) if v.dtype == np.float64]
            if left and rng.random() < 0.3:
                try:
                    found.append((g.grad(changed, rng.choice(left)), changed))
                except g.GraphcError:  # not differentiable
                    continue
    return found


def grossly_wrong(outputs, rewritten, functions):
    """Formulas that are another number after rewriting, where a little more or less of every name changes little."""
    rng = np.random.default_rng(7)
    symbols = g.free_symbols(*outputs)
    at = {s.name: points(s, rng) for s in symbols}
    near = {n: v * (1 + 1e-9) if v.dtype.kind == "f" else v for n, v in at.items()}
    with np.errstate(all="ignore"):
        runs = ((outputs, at), (outputs, near), (rewritten, at), (functions, at))
        values = [g.evaluate(list(each), here) for each, here in runs]
        for formula, after, *row in zip(outputs, rewritten, *values, strict=True):
            a, b, value, function = (np.broadcast_to(np.asarray(part, float), POINTS) for part in row)
            calm = np.isfinite(a) & np.isfinite(function) & (abs(a - b) <= 1e-6 * (abs(a) + 1e-6))
            wrong = calm & ~(abs(value - a) <= 1e-4 * (abs(a) + 1e-4))
            if np.any(wrong):
                k = int(np.flatnonzero(wrong)[0])
                yield f"{formula} → {after} at { {n: v[k] for n, v in at.items()} }: {value[k]}, not {a[k]}"


def points(s, rng):
    if s.dtype.kind == "b":
        return rng.random(POINTS) < 0.5
    if s.dtype.kind in "iu":
        return rng.integers(0 if s.dtype.kind == "u" else -5, 6, POINTS).astype(s.dtype)
    signs = np.where(rng.random(POINTS) < 0.3, -1.0, 1.0)
    return (signs * rng.uniform(0.05, 1.9, POINTS)).astype(s.dtype)


@pytest.mark.sample(10)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rules_over_terms(rule):
    pairs = [pair for formula in formulas(rule) for pair in variants(formula)]
    if pairs:
        outputs, functions = zip(*pairs, strict=True)
        wrong = list(grossly_wrong(outputs, tables.run(outputs, "stable").outputs, functions))
        assert not wrong, "\n".join(wrong[:5])


def of_another(formula):
    """The formula of other names, each within a function."""
    return substitute(
        formula,
        {s: g.asinh(g.symbol(f"{s.name}_")) for s in g.free_symbols(formula) if s.dtype == np.float64},
    )


@pytest.mark.parametrize("first", [0, 1], ids=["the formula first", "the other first"])
@pytest.mark.sample(2)
def test_formulas_of_many_names_rewritten_together(first):
    """What is known of a polynomial of x is not taken for one of asinh(x_)."""
    written = list(dict.fromkeys(f for rule in RULES for f in formulas(rule) if f.dtype == np.float64))
    pairs = [(formula, of_another(formula))[:: 1 - 2 * first] for formula in written]
    outputs = [formula for pair in pairs for formula in pair]
    wrong = list(grossly_wrong(outputs, tables.run(outputs, "stable").outputs, outputs))
    assert not wrong, "\n".join(wrong[:5])


@pytest.mark.parametrize(
    "text", ["y + tanh(x) - 1", "y*tanh(x) + (x*y - y)", "erf(x) + y - 1", "sigmoid(x) + x*y - 1"]
)
def test_what_vanishes_at_infinity_stays_beside_other_terms(text):
    """There the other terms decide, and near 0 nothing cancels: a branch would gain nothing."""
    assert "vanishing-pair" not in {step.rule for step in g.rewrites(g.parse(text))}
