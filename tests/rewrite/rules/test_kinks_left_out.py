"""Formulas with |x|·|x| and its kind in them are differentiated in the better of two forms, as those are that have none."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as g

x, y = g.symbols("x y")


def slopes(formula: g.Expr) -> list[g.Expr]:
    return [g.grad(formula, x), g.grad(formula, y)]


def error(formula: g.Expr, at: tuple[float, float], value: float) -> float:
    """In units of the last place, beside what the formula changes by where its inputs do by one."""
    true = g.evaluate(formula, {x: at[0], y: at[1]}, digits=30)
    moved = [(at[0] * (1 + 2.0**-45), at[1]), (at[0], at[1] * (1 + 2.0**-45))]
    with mpmath.workdps(40):
        others = [g.evaluate(formula, {x: a, y: b}, digits=30) for a, b in moved]
        allowed = sum(abs(mpmath.mpf(str(other)) - mpmath.mpf(str(true))) for other in others) * 256
        known = mpmath.mpf(str(true))
        return float(abs(mpmath.mpf(value) - known) / ((abs(known) + allowed) * 2.0**-53))


KINKED = {
    "x/(x*x + y*y) - x/(x*x + abs(x)*abs(x))": "x/(x*x + y*y) - x/(x*x + x*x)",
    "1/x + abs(y)*abs(y)/(x - y)": "1/x + y*y/(x - y)",
    "y/(sqrt(x)*sqrt(x) + y) - 1/x": "y/(x + y) - 1/x",
    "exp(-x)/y - 1/(abs(y)*abs(y) + y*y)": "exp(-x)/y - 1/(y*y + y*y)",
}  # fmt: skip
"""With a root twice, and without it."""


@pytest.mark.parametrize("text", list(KINKED))
def test_derivatives_without_kinks(text: str) -> None:
    """A form of the derivative is taken only where it is better than that of the formula without its kinks."""
    formula, same = g.parse(text, [x, y]), g.parse(KINKED[text], [x, y])
    outputs = [d for s in slopes(formula) for d in (s, *slopes(s))]
    others = [d for s in slopes(same) for d in (s, *slopes(s))]
    compiled = g.compile(outputs, [x, y], cache=False)
    plain = g.compile(others, [x, y], rewrite=None, cache=False)
    for at in [(0.6931472249505081, -709.7826963242294), (0.7, 3.25), (1e-3, 40.0), (8.0, 1e4)]:
        for output, value, as_written in zip(others, compiled(*at), plain(*at), strict=True):
            if not g.free_symbols(output):
                continue
            allowed = max(16.0, 4 * error(output, at, float(as_written)))
            assert error(output, at, float(value)) <= allowed, (output, at)


@pytest.mark.parametrize(
    "text", ["1 - erf(abs(x))", "exp(-(abs(x)*abs(x)))", "y*erfc(abs(x)/2)", "erfc(abs(x))/2"]
)
def test_no_step_overflows_that_did_not(text: str) -> None:
    """The slope of |x|·|x| is x + x times what stands before it, and not 2x times that: 2x overflows where e^(−x²) is 0."""
    formula = g.parse(text, [x, y])
    f = g.compile([g.grad(formula, x), g.grad(g.grad(formula, x), x)], [x, y], cache=False)
    for value in (1e155, 1e200, 1e308, 1.7976931348623157e308, -1.7976931348623157e308):
        assert np.array_equal(np.abs(f(value, 1.0)), [0.0, 0.0]), value
