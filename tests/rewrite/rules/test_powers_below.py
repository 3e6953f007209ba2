"""Quotients by powers of sums, in values and derivatives, where the powers over- or underflow and the quotients do not."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rules.powers_below import RULES

x, y, z = g.symbols("x y z")

LEAST, MOST = 1e-290, 1e300
"""Between these a result has all its digits, and so is asked for them."""


def moderate(value: float) -> bool:
    return LEAST < abs(value) < MOST


SIZES = (1e-200, 1e-60, 3e-3, 1.5, 2e5, 1e80, 1e103, 3e120, 1e153, 4e200)


def u(v):  # the derivative of |v|, away from 0
    return mpmath.sign(v)


OF_ONE = {  # formula, and its exact value, slope and second derivative
    "x/(1 + abs(x))**2": (
        lambda v: v / (1 + abs(v)) ** 2,
        lambda v: (1 - abs(v)) / (1 + abs(v)) ** 3,
        lambda v: u(v) * (2 * abs(v) - 4) / (1 + abs(v)) ** 4,
    ),
    "1/(3 + abs(x))**2": (
        lambda v: 1 / (3 + abs(v)) ** 2,
        lambda v: -2 * u(v) / (3 + abs(v)) ** 3,
        lambda v: 6 / (3 + abs(v)) ** 4,
    ),
    "x*x/(1 + abs(x))**2": (
        lambda v: v * v / (1 + abs(v)) ** 2,
        lambda v: 2 * v / (1 + abs(v)) ** 3,
        lambda v: (2 - 4 * abs(v)) / (1 + abs(v)) ** 4,
    ),
}


@pytest.mark.parametrize("text", OF_ONE)
def test_formulas_of_one_variable(text: str) -> None:
    formula = g.parse(text)
    slope = g.grad(formula, x)
    f = g.compile([formula, slope, g.grad(slope, x)], [x], cache=False)
    asked = 0
    with mpmath.workdps(1000):
        for size, sign in itertools.product(SIZES, (1, -1)):
            at = mpmath.mpf(sign * size)
            for found, truth in zip(f(sign * size), OF_ONE[text], strict=True):
                exact = float(truth(at))
                if moderate(exact):
                    asked += 1
                    assert found == pytest.approx(exact, rel=1e-14, abs=0), (size, sign)
    assert asked > 30


OF_TWO = {
    "x/(x + y)**2": lambda a, b: [
        a / (a + b) ** 2, (b - a) / (a + b) ** 3, -2 * a / (a + b) ** 3, 6 * a / (a + b) ** 4,
    ],
    "x*y/(x + y)**2": lambda a, b: [
        a * b / (a + b) ** 2, b * (b - a) / (a + b) ** 3, a * (a - b) / (a + b) ** 3, 2 * a * (b - 2 * a) / (a + b) ** 4,
    ],
    "x/(y - 1)**2": lambda a, b: [a / (b - 1)**2, 1 / (b - 1)**2, -2 * a / (b - 1)**3, 6 * a / (b - 1)**4],
    "x/(x + y)": lambda a, b: [a / (a + b), b / (a + b) ** 2, -a / (a + b) ** 2, 2 * a / (a + b) ** 3],
}  # fmt: skip
"""By the formula its exact value, both slopes, and the second derivative by y."""


@pytest.mark.parametrize("text", OF_TWO)
def test_formulas_of_two_variables(text: str) -> None:
    formula = g.parse(text)
    slopes = g.grad(formula, [x, y])
    outputs = [formula, *slopes, g.grad(slopes[1], y)]
    f = g.compile(outputs, [x, y], cache=False)
    asked = 0
    with mpmath.workdps(1500):
        for a, b in itertools.product(SIZES, [1.25 * size for size in SIZES]):
            exact = OF_TWO[text](mpmath.mpf(a), mpmath.mpf(b))
            terms = [float(abs(value)) for value in exact]
            for found, truth, size in zip(f(a, b), exact, terms, strict=True):
                if moderate(size) and all(moderate(t) or t < LEAST for t in terms):
                    asked += 1
                    assert found == pytest.approx(float(truth), rel=2e-14, abs=0), (a, b)
    assert asked > 60


ATTACKED = {
    "cancelled": (x / (1 + abs(y)) ** 2 / (1 + abs(y)) ** 2 * (2 * (1 + abs(y)))),
    "cancelled in terms": ((x / (y + z) / (y + z) + z / (y + z) / (y + z)) * (3 * (y + z))),
    "terms": x * y / (x + y) / (x + y) * z,
    "number above": 1 / (x * x + y * y) / (x * x + y * y) * (2 * x),
    "square": x * z / (y * y),
    "cube": x / (y - z) ** 3,
}
VALUES = (0.0, -0.0, 1.5, -2.0, 1e-320, 1e-160, -1e160, 1e305, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("name", ATTACKED)
def test_nothing_right_as_written_is_lost(name: str) -> None:
    """In values and slopes, where the formula as written over- or underflows nowhere on its way."""
    formula = ATTACKED[name]
    own = g.free_symbols(formula)
    outputs = [formula, *g.grad(formula, [x, y])]
    f = g.compile(outputs, [x, y, z], cache=False)
    plain = g.compile(outputs, [x, y, z], cache=False, rewrite=None)
    for at in itertools.product(VALUES, VALUES, (0.7, 0.0, 1e200, math.nan)):
        results, expected = f(*at), plain(*at)
        for found, written in zip(results, expected, strict=True):
            assert not math.isfinite(written) or math.isfinite(found), (at, found, written)
        if any(math.isnan(value) for value, symbol in zip(at, (x, y, z), strict=True) if symbol in own):
            assert math.isnan(results[0])


@pytest.mark.parametrize(
    "formula", [x * y * y / (y * y), x / (g.exp(y) * g.exp(y)), x / (1 + g.symbol("k", range=(1.0, 9.0))) ** 2, 3 / (y * y)]
)  # fmt: skip
def test_what_is_left_alone(formula: g.Expr) -> None:
    """What would overflow above as well, what grows otherwise, what is moderate, and numbers above."""
    assert all(rule.apply(formula, Ranges()) is None for rule in RULES)


def test_arrays_keep_their_digits() -> None:
    X = g.symbol("X", shape=("n", 3))
    loss = g.sum(X / (1 + abs(X)) ** 2)
    at = np.array([[1e104, -3e150, 2.0], [-1e120, 0.5, 0.0]])
    exact = [[float((1 - abs(mpmath.mpf(v))) / (1 + abs(mpmath.mpf(v))) ** 3) for v in row] for row in at]
    found = g.compile(g.grad(loss, X), [X], cache=False)(at)
    keep = np.abs(exact) > LEAST
    np.testing.assert_allclose(found[keep], np.array(exact)[keep], rtol=1e-14)
