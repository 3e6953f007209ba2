"""Powers of constants become numbers while compiling: correctly rounded, wherever that is a normal number."""

import math

import mpmath
import numpy as np
import pytest

import graphc as g

SIZES = [
    (math.pi, 0.25), (1.05457162e-34, 0.75), (2.0, 1 / 3), (7 / 3, -2.5), (1e300, -0.9), (1e-300, 1.02), (0.1, 17.3),
    (1.0, 1e300), (1 + 2**-52, 1e15), (3.0, 0.0), (5e-324, 0.5), (1e18, 17.0),
]  # fmt: skip


def powers(expr):
    return [node for node in g.Graph(g.simplify(expr)).exprs if node.op.name == "pow"]


@pytest.mark.parametrize(("base", "exponent"), SIZES)
def test_numbers_of_all_sizes(base, exponent):
    x = g.symbol("x")
    expr = x * g.constant(base) ** g.constant(exponent)
    with mpmath.workdps(60):
        wanted = mpmath.mpf(base) ** mpmath.mpf(exponent)
    if not 1e-300 < wanted < 1e300:
        return
    assert not powers(expr)
    assert g.compile(expr, [x])(1.0) == float(wanted)


@pytest.mark.parametrize(
    ("base", "exponent"),
    [(0.0, 0.5), (-2.0, 0.5), (-8.0, 3.5), (10.0, 400.5), (10.0, -320.25), (math.inf, 0.5), (2.0, math.nan)],
)
def test_what_is_no_normal_number_is_left(base, exponent):
    x = g.symbol("x")
    found = g.compile(x * g.constant(base) ** g.constant(exponent), [x])(1.0)
    with np.errstate(all="ignore"):
        wanted = np.float64(base) ** np.float64(exponent)
    assert found == pytest.approx(float(wanted), nan_ok=True, rel=1e-14)


def test_single_precision():
    x = g.symbol("x", dtype="float32")
    expr = x * g.constant(0.1, "float32") ** g.constant(0.3, "float32")
    with mpmath.workdps(30):
        wanted = mpmath.mpf(float(np.float32(0.1))) ** mpmath.mpf(float(np.float32(0.3)))
    assert not powers(expr) and np.float32(g.compile(expr, [x])(1.0)) == np.float32(float(wanted))


def test_constants_of_sympy():
    """The ground state of an oscillator: π^(1/4) and ħ^(1/4) once, not at each call."""
    sympy = pytest.importorskip("sympy")
    x = sympy.Symbol("x")
    f = g.lambdify(
        [x],
        sympy.exp(-(x**2))
        / (sympy.pi ** sympy.Rational(1, 4) * sympy.Rational(3, 7) ** sympy.Rational(2, 5)),
    )
    assert "pow" not in {node.op.name for node in f.compiled.graph.exprs}
    assert f(0.0) == pytest.approx(
        float(1 / (mpmath.pi**0.25 * (mpmath.mpf(3) / 7) ** mpmath.mpf("0.4"))), rel=4e-16
    )
