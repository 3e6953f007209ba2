"""Special functions of numbers that no float holds, to many digits: an answer in a moment, never all the memory there is."""

from __future__ import annotations

import contextlib

import mpmath
import pytest
import scipy.special

import graphc as g

FAR = {
    "trigamma": lambda x: g.polygamma(1, x),
    "polygamma": lambda x: g.polygamma(7, x),
    "polygamma of the negative": lambda x: g.polygamma(2, -x),
    "zeta": lambda x: g.zeta(2.5, x),
    "j0": g.j0,
    "j1 of the negative": lambda x: g.j1(-x),
    "gammainc": lambda x: g.gammainc(x, g.sqrt(x)),
    "gammaincc": lambda x: g.gammaincc(2.5, x),
    "betainc": lambda x: g.betainc(x, 2.0, 0.5),
    "expi": lambda x: g.expi(-x),
    "lgamma": g.lgamma,
    "digamma": g.digamma,
}


@pytest.mark.parametrize(
    "name", [name for name in FAR if hasattr(g, name.split()[0].replace("trigamma", "polygamma"))]
)
def test_far_arguments_end(name: str):
    x = g.symbol("x")
    for size in (30.0, 40.0, 700.0):  # exp(exp(30)) has 10¹³ digits before its point
        with contextlib.suppress(g.GraphcError):
            g.evaluate(FAR[name](g.exp(g.exp(x))), {x: size}, digits=20)


@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.0, 1.0001, 1.1, 2.0, 1e9])
@pytest.mark.parametrize("size", [2e3, 1e5, 3e7, 1e9, 8.5e20, 1e300])
def test_incomplete_gamma_functions_of_large_numbers(size: float, ratio: float):
    """As SciPy's, or that it is not known: the series has as many terms as the root of its numbers."""
    a, x = g.symbols("a x")
    for function, other in ((g.gammainc, scipy.special.gammainc), (g.gammaincc, scipy.special.gammaincc)):
        found = g.evaluate(function(a, x), {a: size, x: size * ratio}, digits=20)
        if size <= 1e5:
            assert found == found
        if found == found:
            # SciPy's: some 1e−15 times the root of the size, as the formula is that sensitive to its arguments
            assert float(found) == pytest.approx(other(size, size * ratio), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("order", [1, 2, 7])
def test_polygamma_far_out_has_its_digits(order: int):
    """As by twice the terms of the series in 1/x (DLMF 5.15.8), where mpmath's own still answers and beyond."""
    x = g.symbol("x")
    for size in (1e3, 1e5, 2e5, 1e9):
        found = g.evaluate(g.polygamma(order, g.exp(x)), {x: size}, digits=25)
        with mpmath.workdps(60):
            base = mpmath.exp(size)
            leading = (-1) ** (order + 1) * mpmath.factorial(order - 1) / base**order
            wanted = leading * (1 + order / (2 * base))
            assert abs(mpmath.mpf(found) / wanted - 1) < mpmath.mpf(10) ** -23


@pytest.mark.parametrize("order", [1, 2, 3, 6, 11])
def test_polygamma_left_of_its_poles(order: int):
    """As mpmath's, which goes from pole to pole, and far out by the reflection's leading terms (DLMF 5.15.6)."""
    x = g.symbol("x")
    for at in (-order - 0.25, -17.5, -40.75, -123.0 - 2.0**-20):
        found = g.evaluate(g.polygamma(order, x), {x: at}, digits=30)
        with mpmath.workdps(60):
            assert abs(mpmath.mpf(found) / mpmath.psi(order, mpmath.mpf(at)) - 1) < mpmath.mpf(10) ** -29
    for at in (-(2.0**40) - 0.25, -(2.0**50) + 0.25):
        found = g.evaluate(g.polygamma(order, x), {x: at}, digits=20)
        with mpmath.workdps(60):
            slopes = mpmath.diff(lambda t: mpmath.pi * mpmath.cot(mpmath.pi * t), at % 1, order)
            assert abs(mpmath.mpf(found) / -slopes - 1) < mpmath.mpf(10) ** -10  # the other term is some 1/x
    for at in (-3.0, -1e9, -1e40):
        found = g.evaluate(g.polygamma(order, x), {x: at}, digits=20)
        assert found == mpmath.inf if order % 2 else found != found


LARGE = (-1e40, -1e9 - 0.25, -2e3 - 0.25, -0.5, 1e-300, 0.5, 2e3 + 0.25, 1e6 + 0.5, 1e15 + 0.5, 1e300)


@pytest.mark.parametrize(
    "name", "jv yv iv kv ive kve gammainc gammaincc log_gammainc log_gammaincc expn stdtr zeta".split()
)
def test_functions_of_two_large_numbers_end(name: str):
    """Each of ten sizes with each: an answer, or that it is not known. One that does not end is ended by the test's own limit."""
    a, x = g.symbols("a x")
    formula = getattr(g, name)(a, x)
    for first in LARGE:
        for second in LARGE:
            if name.startswith("log_") and 0 < first < 1e-10 and second > 100:
                continue  # that of 1 - exp(-2000) takes 3,000 binary digits, and mpmath's gamma(1e-300) a minute for these
            with contextlib.suppress(g.GraphcError):
                g.evaluate(formula, {a: first, x: second}, digits=15)


@pytest.mark.parametrize("name", ["betainc", "betaincc", "log_betainc", "log_betaincc"])
@pytest.mark.parametrize("at", [0.5, 3.0, -0.5])
def test_incomplete_beta_functions_of_large_numbers_end(name: str, at: float):
    a, b, x = g.symbols("a b x")
    formula = getattr(g, name)(a, b, x)
    for first in (-1e9 - 0.25, -0.5, 0.5, 1e9 + 0.25, 1e300):
        for second in (-1e9 - 0.25, -0.5, 0.5, 1e9 + 0.25, 1e300):
            with contextlib.suppress(g.GraphcError):
                g.evaluate(formula, {a: first, b: second, x: at}, digits=15)


@pytest.mark.parametrize("order", [0.5, 2.5, 300.25, 1500.5, -900.25])
@pytest.mark.parametrize("at", [0.25, 40.0, 400.0])
def test_bessel_functions_of_half_whole_orders(order: float, at: float):
    """As mpmath's with twice the digits."""
    n, x = g.symbols("n x")
    for function, theirs in ((g.jv, mpmath.besselj), (g.iv, mpmath.besseli), (g.kv, mpmath.besselk)):
        found = g.evaluate(function(n, x), {n: order, x: at}, digits=20)
        with mpmath.workdps(60):
            assert abs(mpmath.mpf(found) / theirs(order, at) - 1) < mpmath.mpf(10) ** -19


FOUND = {
    "expn": ((1e40, 1e300), (1e9, 2000.0), (1e15, 0.5)),
    "jv": ((1e15, 1e9), (1e6, 1e3), (-1e9 - 0.25, 3.0)),
    "kv": ((1e5, 2e3), (400.0, 450.0)),
    "gammainc": ((1e300, 2000.0), (1e300, 1e6)),
    "gammaincc": ((1e300, 2000.0), (0.5, 1e5)),
    "polygamma": ((5000.0, -6000.5), (150.0, -1e9 - 0.25)),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_ends_by_itself_is_computed(name: str):
    """Sizes at which series are short are not given up with those at which they are not."""
    a, x = g.symbols("a x")
    for first, second in FOUND[name]:
        formula = g.polygamma(int(first), x) if name == "polygamma" else getattr(g, name)(a, x)
        at = {x: second} if name == "polygamma" else {a: first, x: second}
        assert mpmath.isfinite(g.evaluate(formula, at, digits=15)), (first, second)
