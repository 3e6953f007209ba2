"""What conditions say that compare one quantity with numbers: held against every float that could tell them apart."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

import graphc as g
from graphc.rewrite.forms.thresholds import constant_truth, implied, shorter

x, y = g.symbols("x y")
NUMBERS = (-2.0, 0.0, 1.0, 1.5)
PLACES = np.array([*np.linspace(-3, 3, 49), *NUMBERS, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324])


def drawn(rng: random.Random, depth: int) -> g.Expr:
    if depth == 0 or rng.random() < 0.2:
        number = rng.choice(NUMBERS)
        return rng.choice([x < number, x <= number, x > number, x >= number])
    if rng.random() < 0.3:
        return ~drawn(rng, depth - 1)
    one, other = drawn(rng, depth - 1), drawn(rng, depth - 1)
    return one & other if rng.random() < 0.5 else one | other


def truth(condition: g.Expr) -> np.ndarray:
    """At every place, by NumPy."""
    return np.array([bool(g.evaluate(condition, {"x": place})) for place in PLACES])


@pytest.mark.parametrize("seed", range(12))
def test_against_the_conditions_themselves(seed: int) -> None:
    rng = random.Random(seed)
    one, other = drawn(rng, 3), drawn(rng, 2)
    values, others = truth(one), truth(other)
    known = constant_truth(one)
    if known is not None:
        assert (values == known).all()
    found = shorter(one)
    if found is not None:
        assert (truth(found) == values).all()
    for holds in (True, False):
        told = implied(one, other, holds)
        if told is not None:
            assert (values[others == holds] == told).all()


def test_what_second_derivatives_are_written_with() -> None:
    near, wide = abs(x) < 1, abs(x) < 1.15
    assert constant_truth(near & ~wide) is False
    assert constant_truth(~near | near & ~wide | near) is True
    assert shorter(wide & near) is near
    assert implied(wide, near, True) is True and implied(near, wide, False) is False
    assert implied(near, wide, True) is None and implied(near, abs(y) < 1, True) is None


@pytest.mark.parametrize("at", [-3.0, -1.1, 0.5, 1.07, 2.0, math.nan, math.inf])
def test_branches_inside_of_branches(at: float) -> None:
    near, wide = abs(x) < 1, abs(x) < 1.15
    for p, q in itertools.product((near, wide, ~near, near & ~wide, ~near | near), repeat=2):
        formula = g.where(p, g.exp(g.where(q, x, 0)), 2 * g.where(q, 1, x * x))
        found = g.evaluate(g.stabilize(formula), {"x": at})
        assert np.array_equal(found, g.evaluate(formula, {"x": at}), equal_nan=True), (p, q)
