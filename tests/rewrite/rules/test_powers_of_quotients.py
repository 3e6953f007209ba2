"""Powers of x/f(x) and its kind have values and two derivatives at 0 and beside it, whatever the argument's factor."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import graphc as g

u = g.symbol("u")

ARGUMENTS = {"2u": 2 * u, "3u": 3 * u, "-u": -u, "-u/2": -u / 2}
FUNCTIONS = {"sin": (g.sin, mpmath.sin), "sinh": (g.sinh, mpmath.sinh), "expm1": (g.expm1, mpmath.expm1)}
FORMS = {
    "one": lambda a, f: a / f,
    "square": lambda a, f: g.square(a / f),
    "quotient of squares": lambda a, f: a * a / (f * f),
    "cube": lambda a, f: (a / f) ** 3,
}
POWERS = {"one": 1, "square": 2, "quotient of squares": 2, "cube": 3}


@pytest.mark.sample(8)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_powers_of_a_removable_quotient(argument: str, function: str, form: str) -> None:
    ours, theirs = FUNCTIONS[function]
    a = ARGUMENTS[argument]
    formula = FORMS[form](a, ours(a))
    first = g.grad(formula, u)
    f = g.compile([formula, first, g.grad(first, u)], u, cache=False)
    scale, power = {"2u": 2, "3u": 3, "-u": -1, "-u/2": -0.5}[argument], POWERS[form]

    def exact(x: mpmath.mpf) -> mpmath.mpf:
        return (scale * x / theirs(scale * x)) ** power if x else mpmath.mpf(1)

    for point in (0.0, 1e-200, -1e-9, 0.3, -1.3, 5.0):
        with mpmath.workdps(90):
            taylor = mpmath.taylor(exact, mpmath.mpf(point), 2, h=mpmath.mpf(10) ** -25)
            wanted = [float(c * math.factorial(k)) for k, c in enumerate(taylor)]
        found = np.array(f(point), dtype=float)
        assert found == pytest.approx(wanted, rel=2e-14, abs=1e-13 * max(map(abs, wanted))), point
