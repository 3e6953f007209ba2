"""The collection of formulas in which digits are lost: each best form is the formula, over the real numbers.

The oracle is mpmath's own arithmetic on the text of both, with as many digits as the floats in them have together; the texts
stand in this repository and are nobody's input.
"""

from __future__ import annotations

import math
import random
import re
from typing import Any

import mpmath
import pytest

from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, Entry, entries

COLLECTION = entries() + entries(HELD_OUT) + entries(OUTSIDE)
POINTS = 8
DIGITS = 1400
"""1 beside the smallest normal number, twice over."""

FEWER = 80
"""For gamma functions, which take mpmath long; nothing cancels there below it."""

AGREE = mpmath.mpf(2) ** -53
"""Relative: a series that is cut off and a constant that is rounded may be off by half a unit in the last place."""

NAMES: dict[str, Any] = {
    name: getattr(mpmath, name)
    for name in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "atanh", "atan", "asin",
                 "acosh", "acos", "atan2", "sqrt", "cbrt", "hypot", "erf", "erfc", "gamma", "digamma", "log10")
}  # fmt: skip
NAMES |= {
    "abs": abs, "maximum": max, "minimum": min, "lgamma": mpmath.loggamma,
    "add_error": lambda x, y: mpmath.mpf(0), "multiply_error": lambda x, y: mpmath.mpf(0),
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "exprel": lambda x: mpmath.expm1(x) / x,
    "pi": mpmath.mpf(math.pi),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "kl_div": lambda x, y: x * mpmath.log(x / y) - x + y,
    "betaln": lambda x, y: mpmath.loggamma(x) + mpmath.loggamma(y) - mpmath.loggamma(x + y),
    "gammainc": lambda a, x: mpmath.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mpmath.gammainc(a, x, regularized=True),
}  # fmt: skip


def value(text: str, at: dict[str, Any]) -> Any:
    """What a text is at a point, in mpmath's arithmetic."""
    known = dict(at)
    *parts, form = text.split(";")
    for part in parts:
        name, _, formula = part.partition("=")
        known[name.strip()] = _evaluated(formula, known)
    return _evaluated(form, known)


def _evaluated(text: str, known: dict[str, Any]) -> Any:
    numbers = re.sub(r"(?<![\w.])(\d+\.?\d*(?:e[+-]?\d+)?)(?![\w.])", r"_n('\1')", text)
    return eval(
        numbers.strip(), {"__builtins__": {}}, {**NAMES, "_n": lambda n: mpmath.mpf(float(n)), **known}
    )


def points(entry: Entry, count: int) -> list[dict[str, Any]]:
    """Points of the physical ranges, and numbers of all usual sizes in the domain."""
    rng = random.Random(entry.name)
    found = []
    for number in range(2 * count):
        at = {}
        for name in entry.range:
            low, high = entry.range[name] if number % 2 else entry.domain[name]
            if number % 2:
                at[name] = low + (high - low) * rng.random()
            else:
                size = 10.0 ** rng.uniform(-8, 3) * (rng.choice((-1, 1)) if low < 0 else 1)
                at[name] = min(max(size, low), high)
        found.append({name: mpmath.mpf(x) for name, x in at.items()})
    return found


def test_the_collection_has_150_formulas_a_tenth_of_them_held_out():
    assert len(entries(FILES)) == 135 and len(entries(HELD_OUT)) == 15
    assert len({entry.name for entry in COLLECTION}) == 150 + len(entries(OUTSIDE))


@pytest.mark.parametrize("entry", COLLECTION, ids=lambda entry: entry.name)
def test_the_best_form_is_the_formula(entry):
    assert entry.formula is not entry.by_hand and entry.why
    compared = 0
    for at in points(entry, POINTS):
        with mpmath.workdps(FEWER if "gamma" in entry.written else DIGITS):
            try:
                exact = value(entry.written, at)
            except (ZeroDivisionError, ValueError, mpmath.libmp.NoConvergence):
                continue
            if not mpmath.isfinite(exact) or mpmath.im(exact):
                continue
            best = value(entry.best, at)
            nothing = mpmath.mpf(10) ** (30 - mpmath.mp.dps)  # what is left of 1 − 1
            assert abs(best - exact) <= AGREE * abs(exact) + nothing, {
                name: float(x) for name, x in at.items()
            }
            compared += 1
    assert compared >= POINTS // 2


def test_a_wrong_form_is_seen():
    at = {"x": mpmath.mpf(0.1)}
    assert math.isclose(value("t = x*x; t + 1 if x > 0 else 2", at), 1.01)
    assert abs(value("sqrt(1 + x) - 1", at) - value("x/(sqrt(1 + x) + 1.0000001)", at)) > AGREE
