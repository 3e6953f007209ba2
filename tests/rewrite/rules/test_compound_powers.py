"""Powers of 1 + c/x with exponents of the size of x, and differences of neighbouring ones. Oracle: mpmath with 700 digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

POWERS: dict[str, Callable[[Any], Any]] = {
    "(1 + 1/x)**(x + 1)": lambda x: (1 + 1 / x) ** (x + 1),
    "(1 - 1/x)**(x - 1)": lambda x: (1 - 1 / x) ** (x - 1),
    "(1 + 1/x)**(x + 0.5)": lambda x: (1 + 1 / x) ** (x + mpmath.mpf(0.5)),
    "(1 - 2/x)**(3*x)": lambda x: (1 - 2 / x) ** (3 * x),
    "(1 - 1/x)**x": lambda x: (1 - 1 / x) ** x,
    "(2/x + 1)**(1 - 2*x)": lambda x: (1 + 2 / x) ** (1 - 2 * x),
}

DIFFERENCES: dict[str, Callable[[Any], Any]] = {
    "(1 + 1/x)**(x + 1) - (1 + 1/x)**x": lambda x: (1 + 1 / x) ** x / x,
    "(1 + 1/x)**x - (1 + 1/x)**(x - 1)": lambda x: (1 + 1 / x) ** (x - 1) / x,
    "(1 - 1/x)**x - (1 - 1/x)**(x + 1)": lambda x: (1 - 1 / x) ** x / x,
    "(1 + 1/x)**(2*x + 1) - (1 + 1/x)**(2*x)": lambda x: (1 + 1 / x) ** (2 * x) / x,
}

SIZES = [1.37 * 10.0**k for k in (*range(-300, -10, 40), *range(-10, 20), *range(20, 300, 40))]
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308]


def units(value: float, truth: Any) -> float:
    """An error in roundings of the truth; none where that is no float."""
    if not 1e-300 < abs(truth) < 1e300:
        return 0.0
    return float(abs(mpmath.mpf(float(value)) / truth - 1) * 2**53) if math.isfinite(value) else math.inf


@pytest.mark.parametrize("text", [*POWERS, *DIFFERENCES])
def test_values(text: str) -> None:
    """The exponential of a number below 8 loses as many units; further in a power is as it is written."""
    x = g.symbol("x")
    written, stable = (
        g.compile(g.parse(text, {"x": x}), [x], rewrite=w, cache=False) for w in (None, "stable")
    )
    oracle, tried = {**POWERS, **DIFFERENCES}[text], 0
    with mpmath.workdps(700):
        for size in SIZES:
            for at in (size, -size):
                if not math.isfinite(before := float(written(at))):
                    continue  # a power of a negative number
                truth = oracle(mpmath.mpf(at))
                found = units(float(stable(at)), truth)
                assert found <= (16 if abs(at) > 8 else max(8, 4 * units(before, truth))), at
                tried += 1
    assert tried > 60


@pytest.mark.parametrize("text", ["(1 + 1/x)**(x + 1)", "(1 + 1/x)**(x + 1) - (1 + 1/x)**x"])
def test_slopes(text: str) -> None:
    """No slope is worse than as written; far out they cancel, as 1/x² beside e, in both."""
    x = g.symbol("x")
    slope = g.grad(g.parse(text, {"x": x}), x)
    written, stable = (g.compile(slope, [x], rewrite=w, cache=False) for w in (None, "stable"))
    oracle = {**POWERS, **DIFFERENCES}[text]
    with mpmath.workdps(700):
        for at in (0.01, 0.4, 1.5, 3.0, 20.0, 1e3, 1e6, 1e9):
            truth = mpmath.diff(oracle, mpmath.mpf(at), h=mpmath.mpf(10) ** -200)
            assert units(float(stable(at)), truth) <= max(16, 4 * units(float(written(at)), truth)), at


@pytest.mark.parametrize("text", [*POWERS, *DIFFERENCES])
def test_ends_are_as_written(text: str) -> None:
    x = g.symbol("x")
    written, stable = (
        g.compile(g.parse(text, {"x": x}), [x], rewrite=w, cache=False) for w in (None, "stable")
    )
    for at in SPECIAL:
        old, new = float(written(at)), float(stable(at))
        if math.isfinite(old) and abs(at) < 1e300:
            assert new == old and math.copysign(1, new) == math.copysign(1, old), at
        assert math.isnan(old) or not math.isnan(new), at
        assert not math.isnan(at) or math.isnan(new)


def test_neighbouring_powers_of_any_base() -> None:
    """yᶻ⁺¹ − yᶻ is yᶻ(y − 1) near 1, and what it was elsewhere."""
    y, z = g.symbols("y z")
    for text, sign in (("y**(z + 1) - y**z", 1), ("y**z - y**(z + 1)", -1), ("y**(1 + z) - y**z", 1)):
        stable = g.compile(g.parse(text, {"y": y, "z": z}), [y, z], cache=False)
        for base in (1 + 2.0**-40, 1 - 1e-9, 1.2, 0.7, 3.0, 1e-3):
            for exponent in (0.5, 7.25, -3.5, 40.0):
                with mpmath.workdps(60):
                    b, e = mpmath.mpf(base), mpmath.mpf(exponent)
                    truth = sign * b**e * (b - 1)
                    assert units(float(stable(base, exponent)), truth) <= 8, (text, base, exponent)
        assert not np.signbit(stable(0.0, 2.0)) and not np.signbit(stable(1.0, 2.0))
    for text in ("y**3 - y**2", "y**(z + 2) - y**z", "y**(z + 1) - z**z"):
        assert not [step for step in g.rewrites(g.parse(text)) if step.rule == "next-power"], text


@pytest.mark.parametrize("more", [30.0, 1000.0, 1e5])
def test_a_base_that_is_exact_stays_so(more: float) -> None:
    """1 + 1/4 is no sum that rounds: a power of it is right to a unit, whatever else the exponent holds."""
    x, m = g.symbols("x m")
    stable = g.compile((1 + 1 / x) ** (x + m), [x, m], cache=False)
    for at in (4.0, 8.0, -16.0, 2.0**20, 2.0**40):
        with mpmath.workdps(60):
            truth = (1 + 1 / mpmath.mpf(at)) ** (mpmath.mpf(at) + mpmath.mpf(more))
        assert units(float(stable(at, more)), truth) <= 4, at
