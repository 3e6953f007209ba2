"""Quotients of polynomials: as near to a function as they claim, over all of the interval."""

from __future__ import annotations

import mpmath
import pytest

import graphc as g
from graphc.search.rational_fit import horner, polynomial, quotient

GOAL = 2.0**-55


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (mpmath.exp, -1, 1),
        (lambda s: mpmath.log1p(s) / s, 0.001, 2),
        (lambda s: mpmath.tanh(mpmath.sqrt(s)) / mpmath.sqrt(s), 0.001, 16),
        (lambda s: mpmath.exp(-s) / (1 + s), 0, 4),
        (mpmath.cos, 0, 1),
    ],
)
def test_the_error_between_the_nodes_is_below_the_goal(function, low, high):
    with mpmath.workdps(40):
        found = quotient(function, mpmath.mp, mpmath.mpf(low), mpmath.mpf(high), GOAL, lambda: False)
        assert found is not None
        above, below = found
        for place in range(301):
            s = low + mpmath.mpf(high - low) * place / 300
            value = horner([mpmath.mpf(each) for each in above], s) / horner(
                [mpmath.mpf(each) for each in below], s
            )
            # beside the goal, what rounding the coefficients to floats adds
            assert abs(value / function(s) - 1) < 2 * GOAL + 8 * 2.0**-53


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [(lambda s: abs(s - 0.3), -1, 1), (lambda s: 1 / s, -1, 1.5), (lambda s: None, 0, 1)],
    ids=("kink", "pole", "no value"),
)
def test_what_is_not_smooth_has_none(function, low, high):
    assert quotient(function, mpmath.mp, mpmath.mpf(low), mpmath.mpf(high), GOAL, lambda: False) is None


def test_polynomials_are_written_without_what_is_nothing():
    x = g.symbol("x")
    assert polynomial([1.0, 2.0, 1e-40], x) is polynomial([1.0, 2.0], x)
