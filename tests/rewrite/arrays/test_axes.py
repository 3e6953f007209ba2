"""Rules over arrays, each by itself, at random shapes and values, against mpmath.

What a rule owes, where `before` and `after` are the interpreter's values of its two sides and the truth is the value of the
formula over the real numbers:

exact   the same bits at every point, infinities, NaN and signed zeros included.
stable  1. At finite points an element errs by no more than `before` did, or than some units in the last place of the largest
           number that is added up on the way. 2. What is NaN because an operand is stays NaN, and nothing else becomes NaN.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError
from graphc.interpret import mpmath_eval
from graphc.rewrite import tables
from graphc.rewrite.arrays import axes
from graphc.rewrite.arrays.axes import AxisRule
from graphc.rewrite.engine.ranges import Ranges

EXAMPLES = [
    pytest.param(rule, text, shapes, id=f"{rule.name}-{number}")
    for rule in axes.RULES
    for number, (text, shapes) in enumerate(rule.examples)
]

ROUNDINGS = 16
"""Units in the last place that the few additions of a test round away."""


def built(text, shapes, dtype="float64"):
    return g.parse(
        text,
        [
            g.symbol(name, shape=shape, dtype="bool" if name == "p" else dtype)
            for name, shape in shapes.items()
        ],
    )


def lengths(shapes, rng, least=1):
    named = sorted({dim for shape in shapes.values() for dim in shape if isinstance(dim, str)})
    return {name: int(rng.integers(least, 5)) for name in named}


def point(shapes, found, rng, kind):
    at = {}
    for name, shape in shapes.items():
        known = tuple(found.get(dim, dim) for dim in shape)
        if name == "p":
            at[name] = rng.random(known) < 0.5
            continue
        values = rng.normal(size=known)
        if kind == "ties":
            values = rng.integers(-1, 2, known).astype(float)
        elif kind == "large":
            values = values * 300
        elif kind == "near":
            values = 1e6 + values
        elif kind in ("nan", "inf"):
            special = np.array([math.nan] if kind == "nan" else [math.inf, -math.inf])
            values = np.where(rng.random(known) < 0.3, rng.choice(special, known), values)
        elif kind == "zeros":
            values = rng.choice(np.array([0.0, -0.0, 1.0, -1.0]), known)
        at[name] = np.asarray(values)
    return at


def fired(rule, text, shapes, dtype="float64"):
    before = built(text, shapes, dtype)
    after = rule.apply(before, Ranges())
    assert after is not None, f"{rule} does not fire on {text}"
    return before, after


def close(before, after, truth, at):
    """1. and 2. of the module's words, for one point."""
    largest = max(
        [1.0, *(float(np.abs(v[np.isfinite(v)]).max(initial=0)) for v in at.values() if v.dtype.kind == "f")]
    )
    products = largest * largest * max(1, max(v.size for v in at.values()))
    exact = np.vectorize(float, otypes=[float])(truth)
    scale = np.maximum(np.abs(exact), min(products, 1e300))
    slack = ROUNDINGS * np.finfo(float).eps * scale + 5e-324
    lost = np.abs(after - exact)
    was = np.abs(before - exact)
    return bool(np.all((lost <= slack) | (lost <= was) | ~np.isfinite(exact) | np.isnan(was)))


@pytest.mark.parametrize("rule, text, shapes", EXAMPLES)
def test_the_same_function(rule, text, shapes):
    before, after = fired(rule, text, shapes)
    assert after.shape == before.shape and after.dtype == before.dtype
    rng = np.random.default_rng(len(text))
    for kind in ("usual", "usual", "ties", "large", "near"):
        at = point(shapes, lengths(shapes, rng), rng, kind)
        truth = mpmath_eval.evaluate(before, at, 30)
        assert close(g.evaluate(before, at), g.evaluate(after, at), truth, at), f"{kind}: {at}"
        other = mpmath_eval.evaluate(after, at, 30)
        for one, two in zip(np.ravel(truth), np.ravel(other), strict=True):
            # literals such as log 3 stand for floats
            assert abs(one - two) <= 1e-15 * max(abs(one), abs(two), 1), f"{kind}: {at}"


@pytest.mark.parametrize("rule, text, shapes", EXAMPLES)
def test_special_values(rule, text, shapes):
    before, after = fired(rule, text, shapes)
    rng = np.random.default_rng(7 + len(text))
    for kind in ("nan", "inf", "zeros") * 6:
        at = point(shapes, lengths(shapes, rng, least=0 if "max" not in text else 1), rng, kind)
        one, two = np.asarray(g.evaluate(before, at)), np.asarray(g.evaluate(after, at))
        assert one.shape == two.shape
        if rule.kind == "exact":
            assert one.tobytes() == two.tobytes() or np.array_equal(one, two, equal_nan=True), f"{kind}: {at}"
            continue
        if kind == "nan":
            np.testing.assert_array_equal(np.isnan(one), np.isnan(two), err_msg=f"{at}")
        else:
            assert not np.any(np.isnan(two) & ~np.isnan(one)), f"{kind}: {at}: {one} became {two}"


@pytest.mark.parametrize("rule", axes.RULES, ids=lambda rule: rule.name)
def test_types_stay(rule):
    for text, shapes in rule.examples:
        before = built(text, shapes, "float32")
        after = rule.apply(before, Ranges())
        assert after is None or (after.dtype == before.dtype and after.shape == before.shape)
    assert rule.why and "→" in str(rule)


def test_a_wrong_rule_is_found():
    """The test itself: an untrue row is told from a true one."""
    examples = (("mean(x)", {"x": (3,)}),)
    wrong = AxisRule("", "mean", "mean(x) → sum(x)", lambda n, r: g.sum(*n.operands), "stable", "", examples)
    with pytest.raises(AssertionError):
        test_the_same_function(wrong, *examples[0])


def test_signs_of_zeros_are_why_a_sum_of_negatives_is_not_exact():
    x = g.symbol("x", shape=2)
    at = {"x": np.array([1.0, -1.0])}
    assert np.signbit(g.evaluate(-g.sum(x), at)) and not np.signbit(g.evaluate(g.sum(-x), at))


# --- whole formulas ------------------------------------------------------------------------------------------------------------

X = g.symbol("X", shape=("n", 4))
T = g.symbol("T", shape=("n", 4))


def names(expr):
    return {node.op.name for node in g.Graph(expr).exprs if node.operands}


def test_cross_entropy_from_its_parts():
    shares = g.exp(X) / g.sum(g.exp(X), axis=1, keepdims=True)
    loss = -g.mean(g.sum(T * g.log(shares), axis=1))
    found = g.stabilize(loss)
    assert "log_softmax" in names(found) and "exp" not in names(found)
    at = {"X": np.array([[1000.0, 0, -1000, 3]]), "T": np.array([[0.0, 0, 1, 0]])}
    assert g.evaluate(found, at) == 2000.0
    labels = g.symbol("y", shape=("n",), dtype="int64")
    picked = -g.log(shares[g.arange("n"), labels])
    assert "log_softmax" in names(g.stabilize(picked))
    assert g.evaluate(g.stabilize(picked), {"X": at["X"], "y": [2]}).tolist() == [2000.0]


def test_the_usual_ways_to_write_softmax():
    m = g.max(X, axis=-1, keepdims=True)
    for powers in (g.exp(X), g.exp(X - m)):
        assert g.stabilize(powers / g.sum(powers, axis=-1, keepdims=True)) is g.softmax(X)
        assert g.stabilize(g.log(powers / g.sum(powers, axis=-1, keepdims=True))) is g.log_softmax(X)
        assert g.stabilize(powers / g.expand_dims(g.sum(powers, axis=1), 1)) is g.softmax(X)
    lse = g.max(X, axis=1) + g.log(g.sum(g.exp(X - m), axis=1))
    assert g.stabilize(lse) is g.logsumexp(X, axis=1)
    assert g.stabilize(X - m - g.log(g.sum(g.exp(X - m), axis=-1, keepdims=True))) is not None


def test_a_sum_along_another_axis_is_no_softmax():
    S = g.symbol("S", shape=(3, 3))
    wrong = g.exp(S) / g.sum(g.exp(S), axis=1)
    assert "softmax" not in names(g.stabilize(wrong))
    unit = g.symbol("U", shape=(1, 1, 1))
    at = {"U": np.full((1, 1, 1), 2.0)}
    for axis in (0, 1, 2, (0, 2)):
        e = g.exp(unit) / g.sum(g.exp(unit), axis=axis)
        assert g.evaluate(g.stabilize(e), at) == g.evaluate(e, at)


def test_variance_keeps_its_digits():
    v = g.mean(X * X, axis=0) - g.mean(X, axis=0) ** 2
    assert g.stabilize(v) is g.var(X, axis=0)
    at = {"X": 1e9 + np.arange(8.0).reshape(2, 4)}
    assert g.evaluate(g.stabilize(v), at).tolist() == [4.0] * 4


def test_pairs_become_a_product_of_matrices():
    A, B = g.symbol("A", shape=("n", 5)), g.symbol("B", shape=(5, 7))
    assert g.stabilize(g.sum(A[:, :, None] * g.expand_dims(B, 0), axis=1)).op.name in ("matmul", "sum")
    assert g.stabilize(g.sum(g.expand_dims(A, 2) * g.expand_dims(B, 0), axis=1)) is A @ B
    assert g.stabilize(g.einsum("ij,kj->ik", A, A)) is A @ A.T
    assert g.stabilize((A @ A.T).T) is A @ A.T
    assert g.stabilize(g.sum(A * A)) is g.sum(A * A)


def test_levels_and_names():
    e = g.log(g.sum(g.exp(X), axis=1))
    assert g.simplify(e) is e and g.stabilize(e, without=["log-sum-exp-axis"]) is e
    assert g.simplify(g.permute_dims(X.T, (1, 0))) is X
    assert set(axes.RULES) <= set(g.rules()) and len({rule.name for rule in tables.BUILT_IN}) == len(
        tables.BUILT_IN
    )
    with pytest.raises(GraphcError, match="no-such"):
        g.stabilize(e, without=["no-such"])


def test_ranges_of_arrays():
    from graphc.rewrite.engine.ranges import Ranges

    p = g.symbol("p", shape=("n", 3), range=(-math.inf, math.inf))
    ranges = Ranges()
    assert ranges(g.sum(p)).nan and ranges(g.mean(p)).nan  # infinities of both signs
    assert ranges(g.softmax(p)).nonnegative and ranges(g.norm(p)).nonnegative
    q = g.symbol("q", shape=("n", 3), range=(1, 2))
    assert ranges(g.max(q)).positive and ranges(q.T[0]).positive and ranges(g.sum(q)).nonnegative
    assert not ranges(g.pad(q, 1)).positive and not ranges(g.tril(q)).positive
