"""Derivatives of sums that are multiplied out, each against mpmath and what is computed as written: none pays for another.

The points are of all sizes, with the variables far apart, near each other and opposite.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import walk
from tests.fuzz.mp_truth import truths

a, b = g.symbols("a b")

ROOTS = (
    "sqrt(a*a + b) - a",
    "a/sqrt(a*a + b*b) - 1",
    "a - sqrt(a*a - b*b)",
    "b - sqrt(b*b + 3*a)",
    "1 - b/hypot(a, b)",
)
QUOTIENTS = ("1/(a*b) - 1/(a*b + 1)", "(a - 1/b)/(a*b)", "b/(a - b) - b/a", "a - a*b/(a + b)")

SIZES = (1e-200, 1e-100, 1e-20, 1e-8, 0.3, 1.0, 3.0, 1e8, 1e20, 1e77, 1e130)


def points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    pairs = [(s * x, t * y) for x, y in itertools.product(SIZES, SIZES) for s in (1, -1) for t in (1, -1)]
    pairs = [pairs[k] for k in rng.choice(len(pairs), 60, replace=False)]
    pairs += [(x, x * 1.25) for x in SIZES] + [(x, -x * (1 + 1e-9)) for x in SIZES]
    one, other = np.array(pairs).T
    return one * rng.uniform(0.7, 1.3, len(one)), other


def check(text: str, dtype: str = "float64") -> None:
    """Nothing that is right as written, also with its inputs off by a unit, is wrong by more than some units."""
    x, y = (g.symbol(name, dtype=dtype) for name in "ab")
    formula = g.parse(text, {"a": x, "b": y})
    first = g.grad(formula, [x, y])
    outputs = [formula, *first, *g.grad(first[0], [x, y]), *g.grad(first[1], [x, y])]
    outputs = [output for output in outputs if not output.is_constant]
    info = np.finfo(dtype)
    columns = [np.clip(c, -(info.max**0.9), info.max**0.9).astype(dtype) for c in points()]
    with np.errstate(all="ignore"):
        written, stable = (
            g.compile(outputs, [x, y], rewrite=level, cache=False)(*columns) for level in (None, "stable")
        )
    for output, old, new in zip(outputs, written, stable, strict=True):
        old, new = (np.broadcast_to(v, columns[0].shape) for v in (old, new))
        with np.errstate(all="ignore"):
            apart = np.isfinite(old) & ~(np.abs(new - old) <= 32 * info.eps * np.abs(old))
        for k in np.flatnonzero(apart):
            judge(output, {"a": float(columns[0][k]), "b": float(columns[1][k])}, old[k], new[k], info)


def judge(output: g.Expr, at: dict[str, float], old: Any, new: Any, info: Any) -> None:
    found = truths([output], at)
    truth = None if found is None else found[0].item()
    if truth is None or not mpmath.isfinite(truth) or not info.tiny * 2**60 < abs(truth) < info.max:
        return
    moved = truths([output], {name: math.nextafter(x, math.inf) for name, x in at.items()})
    own = abs(mpmath.mpf(float(old)) - truth)
    slack = 64 * info.eps * abs(truth)
    if moved is not None and moved[0].item() is not None and mpmath.isfinite(moved[0].item()):
        slack += 8 * abs(moved[0].item() - truth)
    assert math.isfinite(new), (output, at, float(truth))
    assert abs(mpmath.mpf(float(new)) - truth) <= 4 * own + slack, (str(output), at, float(old), float(new))


@pytest.mark.parametrize("text", ROOTS[:2])
def test_derivatives_of_roots(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", QUOTIENTS[:2])
def test_derivatives_of_quotients(text: str) -> None:
    check(text)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", [*ROOTS, *QUOTIENTS])
def test_all_of_them(text: str, dtype: str) -> None:
    check(text, dtype)


def test_a_derivative_that_does_not_cancel_stays_as_written() -> None:
    first = g.grad(g.sqrt(a * a + b) - a, [a, b])
    alone, together = g.stabilize(first[1]), g.stabilize(list(first))[1]
    assert together is alone
    assert not any(node.op.name == "subtract" for node in walk((together,)))


@pytest.mark.parametrize("text", ["a*b - (a*b + 3)", "(a + b) - (a + b - 2)", "a/b - (a/b + 1)"])
def test_what_cancels_to_a_number_hands_on_a_nan(text: str) -> None:
    function = g.compile(g.parse(text, {"a": a, "b": b}), [a, b], cache=False)
    assert math.isnan(function(math.nan, 2.0)) and math.isnan(function(2.0, math.nan))
    assert math.isfinite(function(1e-3, 1e20))


@pytest.mark.parametrize("size", [1e-300, 1e-136, 1e-20, 1e-9, 1e-4])
def test_one_minus_a_square_is_differentiated_whole(size: float) -> None:
    """d²/du² of 2|u|/(1 + u²) is 4|u|(u² − 3)/(1 + u²)³."""
    formula = 1 / (1 + abs(a) * abs(a)) * (2 * abs(a))
    second = g.compile(g.grad(g.grad(formula, a), a), a, cache=False)
    for sign in (1, -1):
        wanted = 4 * size * (size * size - 3) / (1 + size * size) ** 3
        assert abs(float(second(sign * size)) - wanted) <= 4e-15 * abs(wanted)
