"""check_grad of operations over whole arrays where all elements are 0, and where some tie."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.analysis.gradcheck import check_grad

A = g.symbol("A", shape=(2, 2))
WEIGHTS = np.array([[0.5, -1.25], [2.0, 0.75]])

FORMULAS = {
    "prod": g.prod(A, axis=1),
    "max": g.max(A, axis=1),
    "norm": g.norm(A, axis=1),
    "norm 1": g.norm(A, ord=1, axis=1),
    "norm inf": g.norm(A, ord=np.inf, axis=0),
    "logsumexp": g.logsumexp(A, axis=1),
    "sort": g.sort(A, axis=1),
    "cumprod": g.cumprod(A, axis=1),
    "relu of sums": g.relu(g.sum(A, axis=1)),
    "size of a largest": abs(g.max(A, axis=0)),
    "det": g.det(A),
    "concat": g.concat([A, abs(A)], axis=0),
    "where": g.where(A > 0, A * A, -A),
}

POINTS = {
    "zeros": np.zeros((2, 2)),
    "ties": np.array([[-1.0, -1.0], [1.0, 0.0]]),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_slopes_lie_between_those_of_both_sides(name, point):
    formula = FORMULAS[name]
    weights = np.resize(WEIGHTS, formula.shape)
    report = check_grad(g.sum(formula * weights), {"A": POINTS[point]})
    assert len(report.partials) == WEIGHTS.size
    assert report, str(report)
