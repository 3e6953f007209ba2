"""Values at a few points decide which sums are worth taking apart: none that is 0 is ever called different."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.fingerprints import Fingerprints

x, y, k = g.symbol("x"), g.symbol("y"), g.symbol("k", dtype="int32")
single = g.symbol("s", dtype="float32")
bounded = g.symbol("u", range=(0, 1))
below, above = g.symbol("v", range=(-np.inf, -3)), g.symbol("w", range=(5, np.inf))

ZEROS = (
    (x + y) * (x - y) - (x * x - y * y),
    g.log(x * y * y) - g.log(x) - 2 * g.log(abs(y)),
    g.exp(x + y) - g.exp(x) * g.exp(y),
    g.sin(x) ** 2 + g.cos(x) ** 2 - 1,
    x * (k + 1) - x * k - x,
    (single + 1) * (single - 1) - single * single + 1,
    g.sqrt(bounded * bounded) - bounded,
    g.sqrt(below * below) + below,
    g.sqrt(above * above) - above,
    1e6 * (x + 1e-3) - 1e6 * x - 1e3,
    -(x - y) - (y - x),
)


@pytest.mark.parametrize("total", ZEROS, ids=str)
def test_what_is_0_is_never_called_different(total: g.Expr) -> None:
    assert not Ranges().table(Fingerprints).differs_from_0(total)


@pytest.mark.parametrize("total", ZEROS, ids=str)
def test_a_multiple_more_of_a_part_is_different(total: g.Expr) -> None:
    part = total.operands[0]
    assert Ranges().table(Fingerprints).differs_from_0(total + part * 0.01)


def test_what_is_no_formula_over_numbers_is_left_to_others() -> None:
    table = Ranges().table(Fingerprints)
    vector = g.symbol("a", shape=("n",))
    assert not table.differs_from_0(g.sum(vector) + 1)
    assert not table.differs_from_0(g.where(x > 0, x, g.log(g.sum(vector))) + 1)
    assert not table.differs_from_0(g.log(-abs(x)) + 1)  # no number anywhere


def test_constants_do_not_vary() -> None:
    table = Ranges().table(Fingerprints)
    assert not table.varies((2 * x) / x)
    assert table.varies(x / y)
    assert not table.varies(g.constant(3.0) + 1)
