"""cosh x − sinh x = e^(−x) in sums and with factors: 0 from 20 on as written, and NaN from 710 on."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

u, v = g.symbols("u v")
FORMS = {
    "twice": (2 * g.cosh(u) - 2 * g.sinh(u), lambda u, v: 2 * mpmath.exp(-u)),
    "beside another term": (v + g.cosh(u) - g.sinh(u), lambda u, v: v + mpmath.exp(-u)),
    "with a term between": (g.cosh(u) + v - g.sinh(u) + 1, lambda u, v: v + 1 + mpmath.exp(-u)),
    "with a symbol": (v * g.sinh(u) - v * g.cosh(u), lambda u, v: -v * mpmath.exp(-u)),
    "of the negative": (g.sinh(-u) + g.cosh(u), lambda u, v: mpmath.exp(-u)),
    "of a product": (g.cosh(u * v) - g.sinh(u * v), lambda u, v: mpmath.exp(-u * v)),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_difference_of_cosh_and_sinh_is_an_exponential(name: str):
    """To four units in the last place."""
    formula, exact = FORMS[name]
    inputs = [s for s in (u, v) if s in g.free_symbols(formula)]
    f: Any = g.compile(formula, inputs, cache=False)
    with mpmath.workdps(60):
        for first in (-300.0, -20.0, -1.0, 1e-8, 0.0, 0.5, 3.0, 20.0, 40.0, 300.0, 709.0, 720.0):
            for second in (0.75, -0.25, 1.0):
                wanted = float(exact(mpmath.mpf(first), mpmath.mpf(second)))
                found = f(*[{u: first, v: second}[s] for s in inputs])
                assert abs(found - wanted) <= 4 * np.spacing(abs(wanted)), (first, second, found, wanted)
