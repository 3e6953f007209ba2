"""Rules meet formulas whose operands are equal and whose conditions are of any form: none may fail, or change the value."""

from __future__ import annotations

import random

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import apply
from graphc.ir.op import all_ops

X, Y = g.symbols("x y")
OPS = [op for op in all_ops() if op.arity and not (op.on_arrays or op.attributes or op.name == "astype")]

CONDITIONS = (
    lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > g.cos(b), lambda a, b: g.equal(a, b), lambda a, b: g.isnan(a),
    lambda a, b: abs(a) < b, lambda a, b: (a < b) & (b <= a), lambda a, b: ~(a < b), lambda a, b: g.not_equal(a, b),
    lambda a, b: abs(a) < 0.5,
)  # fmt: skip

PAIRS = (
    lambda w, v: w / w, lambda w, v: w - w, lambda w, v: w * w, lambda w, v: w + w, lambda w, v: w % w, lambda w, v: w // w,
    lambda w, v: w**w, lambda w, v: g.atan2(w, w), lambda w, v: g.maximum(w, w), lambda w, v: g.where(w < w, w, v),
    lambda w, v: (w - g.sin(w)) / (w - g.tan(w)), lambda w, v: w * w / (v * v), lambda w, v: w / v, lambda w, v: v / w,
)  # fmt: skip

ROUNDED = (g.round, g.floor, g.ceil, g.trunc, g.sign, abs, g.cos, g.exp)


def branches(values):
    """Formulas with `where` over conditions of every form."""
    for condition in CONDITIONS:
        for a, b in values:
            yield g.where(condition(a, b), a, 0.5)


def test_every_operation_on_equal_operands():
    """Each operation on two equal operands, and what rounds around pairs of them."""
    values = [(X, Y), (X, g.sin(X)), (g.constant(0.5), X)]
    for w in branches(values):
        for op in OPS:
            try:
                e = apply(op, *[w] * op.arity)
            except g.errors.GraphcError:  # it does not take floats
                continue
            g.rewrites([e, *(outer(e) for outer in ROUNDED if e.dtype.kind == "f")])
        for other in (w, X, g.where(Y < X, Y, X)):
            g.rewrites([outer(pair(w, other)) for pair in PAIRS for outer in ROUNDED])


def test_quotients_of_branches_have_the_value_as_written():
    x = np.array([-2.5, -0.6, -0.0, 0.0, 0.3, 0.5, 0.8, 1.7, np.inf, np.nan])
    outputs = [
        outer(pair(w, X)) for w in branches([(X, X)]) for pair in PAIRS[:6] for outer in (g.round, g.sign)
    ]
    written = g.compile(outputs, [X], rewrite=None)(x)
    for output, a, b in zip(outputs, written, g.compile(outputs, [X])(x), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=str(output))


def numbers(rng: random.Random, depth: int):
    """A random formula that is rich in `where`, rounding, comparisons and equal operands."""
    if depth == 0:
        return rng.choice([X, Y, X, Y, g.constant(rng.choice([0.0, 1.0, -1.0, 0.5, 2.0]))])

    def inner():
        return numbers(rng, depth - 1)

    kind = rng.random()
    if kind < 0.25:
        return g.where(rng.choice(CONDITIONS)(inner(), inner()), inner(), inner())
    if kind < 0.5:
        return rng.choice(PAIRS)(inner(), inner())
    if kind < 0.65:
        return rng.choice(ROUNDED)(inner())
    op = rng.choice(OPS)
    try:
        result = apply(op, *[inner() for _ in range(op.arity)])
    except g.errors.GraphcError:
        return inner()
    return result if result.dtype == X.dtype else inner()


def rewritten(seed: int, count: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        e = numbers(rng, rng.choice([2, 3, 4]))
        for step in g.rewrites(e):
            assert (step.before.dtype, step.before.shape) == (step.after.dtype, step.after.shape), e


def test_random_formulas_rich_in_branches():
    rewritten(0, 600)


@pytest.mark.slow
def test_many_random_formulas_rich_in_branches():
    rewritten(1, 10_000)
