"""Within 2 ULP over the whole range of float64: the logistic family, logit, softmax and cross-entropy from raw exponentials.

The truth is computed here from its definition by mpmath, with exponents that are exact; it shares no code with the rules.
"""

from __future__ import annotations

import math
import random

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import graphc as g
from tests.rewrite.measure import rounded

MOST = 2.0
BITS = 300


def power(v: mpf) -> mpf:
    """eᵛ; far out 0 or ∞, which no float tells from it."""
    return mpmath.exp(v) if abs(v) < 1e7 else mpf(0) if v < 0 else mpf("inf")


def log_total(a, others):
    """log(1 + Σ e^(b − a)) = −log softmax"""
    ts = [mpf(0), *(mpf(b) - mpf(a) for b in others)]
    m = max(ts)
    if m == 0:
        with mpmath.workprec(3500):
            return +mpmath.log1p(sum(power(t) for t in ts[1:]))
    return m + mpmath.log(sum(power(t - m) for t in ts))


def share(a, others):
    ts = [mpf(0), *(mpf(b) - mpf(a) for b in others)]
    m = max(ts)
    return power(-m) / sum(power(t - m) for t in ts)


def rest(a, others):
    ts = [mpf(0), *(mpf(b) - mpf(a) for b in others)]
    m = max(ts)
    return sum(power(t - m) for t in ts[1:]) / sum(power(t - m) for t in ts)


def error(value: float, truth: mpf) -> float:
    """In units in the last place of the truth; 0 where both overflow, ∞ for a NaN."""
    near = rounded(truth)
    if not math.isfinite(near) or near == 0:
        return 0.0 if value == near else math.inf
    if not math.isfinite(value):
        return math.inf
    return float(abs(mpf(value) - truth) / mpf(2) ** max(math.frexp(near)[1] - 53, -1074))


def sample(rng: random.Random) -> float:
    kind = rng.random()
    if kind < 0.3:
        return rng.uniform(-45, 45)
    if kind < 0.5:
        return rng.uniform(-4, 4)
    if kind < 0.7:
        return rng.uniform(-760, 760)
    return rng.choice((-1, 1)) * 10 ** rng.uniform(-20, 20 if kind < 0.9 else 308)


def points(arity: int, count: int, seed: int = 0) -> list[tuple[float, ...]]:
    rng = random.Random(seed)
    ends = (0.0, -0.0, 1e308, -1e308, 1.7e308, -1.7e308, 5e-324, 709.8, -745.2, 36.8, -36.8)
    found = [tuple(rng.choice(ends) for _ in range(arity)) for _ in range(60)]
    for _ in range(count):
        if arity > 1 and rng.random() < 0.5:  # logits that share a large offset
            offset = rng.choice((0.0, 1000.0, -3e5, 1e10))
            found.append(tuple(offset + rng.uniform(-40, 40) for _ in range(arity)))
        else:
            found.append(tuple(sample(rng) for _ in range(arity)))
    return found


def hold(outputs, symbols, truths, at, most=MOST) -> None:
    columns = [np.array(column) for column in zip(*at, strict=True)]
    computed = g.compile(tuple(outputs), symbols, rewrite="stable")(*columns)
    with mpmath.workprec(BITS):
        for number, (values, truth) in enumerate(zip(computed, truths, strict=True)):
            for point, value in zip(at, np.broadcast_to(values, (len(at),)), strict=True):
                off = error(float(value), truth(*point))
                assert off <= most, f"output {number} at {point}: {float(value)!r} is {off:.2f} ULP off"


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("text", "value", "slope"),
    [
        ("log(1/(exp(-z) + 1))", lambda z: -log_total(z, [0]), lambda z: share(0, [z])),
        ("-log(1 - 1/(1 + exp(-z)))", lambda z: log_total(-z if z else 0.0, [0]), lambda z: share(z, [0])),
        ("log(exp(z) + 1)", lambda z: log_total(0, [z]), lambda z: share(z, [0])),
        ("1/(1 + exp(-z))", lambda z: share(z, [0]), None),
    ],
)
def test_the_logistic_family_and_its_gradients(text, value, slope):
    expr = g.parse(text)
    (z,) = g.free_symbols(expr)
    outputs, truths = [expr], [value]
    if slope is not None:
        outputs.append(g.grad(expr, z))
        truths.append(slope)
    hold(outputs, [z], truths, points(1, 1500))


def test_logit_and_its_gradient():
    q = g.symbol("q")
    expr = g.log(q / (1 - q))
    rng = random.Random(0)
    at = [rng.random() for _ in range(800)] + [10 ** -rng.uniform(0.01, 307) for _ in range(300)]
    at += [0.5 + rng.choice((-1, 1)) * 10 ** -rng.uniform(1, 16) for _ in range(500)]
    at += [rng.uniform(0.3, 0.8) for _ in range(800)]
    hold(
        [expr, g.grad(expr, q)],
        [q],
        [lambda v: mpmath.log(mpf(v) / (1 - mpf(v))), lambda v: 1 / (mpf(v) * (1 - mpf(v)))],
        [(v,) for v in at if 0 < v < 1],
        most=3.0,
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_softmax_and_cross_entropy_of_raw_exponentials(count):
    logits = [g.symbol(f"a{number}") for number in range(count)]
    total = g.exp(logits[0])
    for logit in logits[1:]:
        total = total + g.exp(logit)
    probability = g.exp(logits[0]) / total
    loss = -g.log(probability)
    hold(
        [loss, *g.grad(loss, logits[:2]), logits[0] - g.log(total), probability],
        logits,
        [
            lambda *p: log_total(p[0], p[1:]),
            lambda *p: -rest(p[0], p[1:]),
            lambda *p: share(p[1], [p[0], *p[2:]]),
            lambda *p: -log_total(p[0], p[1:]),
            lambda *p: share(p[0], p[1:]),
        ],
        points(count, 500),
    )


def test_logits_that_are_left_out():
    a, b, c = g.symbols("a b c")
    p = g.exp(a) / (g.exp(a) + g.exp(b) + g.exp(c))
    loss = -g.log(p)
    f = g.compile((p, loss, *g.grad(loss, [a, b, c])), [a, b, c], rewrite="stable")
    out, nan = -math.inf, math.nan
    assert f(0.0, out, out) == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert f(out, out, 0.0) == (0.0, math.inf, -1.0, 0.0, 1.0)
    for point in ((out, out, out), (nan, out, out), (0.0, nan, out), (out, 0.0, nan)):
        assert all(map(math.isnan, f(*point))), point
