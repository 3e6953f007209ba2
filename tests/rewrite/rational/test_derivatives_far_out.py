"""Derivatives that are written from multiplied out sums are numbers wherever they are as written."""

import mpmath
import numpy as np
import pytest

import graphc as g

FORMULAS = (
    "(-a - sqrt(a*a - 4*b*0.5))/(2*b)", "1/(a + b) - 1/a", "sqrt(a*a + b*b) - a", "a - a*b/(a + b)", "(a + b)**3 - a**3",
    "(a + b)**2 - a**2", "a*a*a - b*b*b", "a/(a + b) - 1", "(a + b)**4 - (a - b)**4",
)  # fmt: skip

SIZES = (1e-36, 4.6e-16, 1e-8, 0.7, 3.0, 1e8, 1.7e26, 1e36)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.sample(3)
def test_second_derivatives_are_numbers_where_they_are_as_written(text, dtype):
    a, b = (g.symbol(name, dtype=dtype) for name in "ab")
    formula = g.parse(text, {"a": a, "b": b})
    gradient = g.grad(formula, [a, b])
    forms = [*gradient, *g.grad(gradient[0], [a, b]), g.grad(gradient[1], b)]
    scale = 1 if dtype == "float32" else 5
    sizes = np.array([sign * size for size in SIZES for sign in (1, -1)], float)
    sizes = np.sign(sizes) * np.abs(sizes) ** scale
    points = [column.ravel().astype(dtype) for column in np.meshgrid(sizes, sizes)]
    with np.errstate(all="ignore"):
        written, compiled = (
            g.compile(forms, [a, b], rewrite=level, cache=False)(*points) for level in (None, "stable")
        )
    for form, as_written, stable in zip(forms, written, compiled, strict=True):
        for k in np.flatnonzero(np.isfinite(as_written) & ~np.isfinite(stable)):
            at = {"a": float(points[0][k]), "b": float(points[1][k])}
            assert abs(g.evaluate(form, at, digits=30)) > np.finfo(dtype).max, (form, at)


LEVEL = {
    "exp(1 - 6/(1/x + 3))": lambda v: mpmath.exp(1 - 6 / (1 / v + 3)),
    "tanh(2 + 1/(1 + 5/x))": lambda v: mpmath.tanh(2 + 1 / (1 + 5 / v)),
    "log(3 - 1/(x*x + 1))": lambda v: mpmath.log(3 - 1 / (v * v + 1)),
    "sin(1/(1/x + 0.5) - 1)": lambda v: mpmath.sin(1 / (1 / v + 0.5) - 1),
}


@pytest.mark.parametrize("text", LEVEL)
def test_functions_of_what_levels_off_keep_their_slopes(text: str) -> None:
    x = g.symbols("x")
    slope = g.grad(g.parse(text), x)
    f, written = (g.compile(slope, [x], cache=False, rewrite=level) for level in ("stable", None))
    for at in (0.3, 7.0, 1e3, 1e8, 1e12, 1e40):
        with mpmath.workdps(200):
            v = mpmath.mpf(at)
            exact = float(mpmath.diff(LEVEL[text], v, h=v * mpmath.mpf(10) ** -60))
        lost, before = (abs(value / exact - 1) for value in (f(at), written(at)))
        assert lost <= max(2e-15, 4 * before), at
