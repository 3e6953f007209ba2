"""Limits of binomial coefficients and rising factorials at infinity, and branches of Lambert's function that are refused."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special

import graphc as g
from graphc.errors import InputError

INF = math.inf
n, k = g.symbols("n k")


def both_ways(formula, at):
    """The value of machine code, and of NumPy's interpreter."""
    values = dict(zip(("n", "k"), at, strict=True))
    return g.compile(formula, [n, k])(*at), g.evaluate(formula, values)


@pytest.mark.parametrize("size", [0.25, 0.5, 2.0, 2.5, 7.0])
@pytest.mark.parametrize("build", [g.binom, g.poch])
def test_of_infinite_size(build, size):
    """nᵏ/Γ(k + 1) and zᵐ: by mpmath of a size far out."""
    exact = mpmath.binomial if build is g.binom else mpmath.rf
    for step in (size, -size):
        far = exact(mpmath.mpf(10) ** 3, mpmath.mpf(step)), exact(mpmath.mpf(10) ** 5, mpmath.mpf(step))
        limit = INF if abs(far[1]) > abs(far[0]) else 0.0
        assert both_ways(build(n, k), (INF, step)) == (limit, limit), step
    assert both_ways(build(n, k), (INF, 0.0)) == (1.0, 1.0)


@pytest.mark.parametrize("top", [-0.75, 0.0, 2.5, 3.0])
def test_binomials_of_an_infinite_lower_number_fall_to_zero(top):
    assert both_ways(g.binom(n, k), (top, INF)) == (0.0, 0.0)
    assert both_ways(g.binom(n, k), (top, -INF)) == (0.0, 0.0)


@pytest.mark.parametrize("start", [-3.5, -2.5, -0.5, 0.5, 4.0])
def test_rising_without_end(start):
    """Γ(z + m)/Γ(z) grows with the sign of Γ(z)."""
    limit = math.copysign(INF, math.gamma(start))
    assert both_ways(g.poch(n, k), (start, INF)) == (limit, limit)


@pytest.mark.parametrize("at", [(INF, INF), (-INF, 2.0), (-1.5, INF), (math.nan, INF), (INF, math.nan)])
def test_binomials_without_a_limit(at):
    assert all(math.isnan(value) for value in both_ways(g.binom(n, k), at))


@pytest.mark.parametrize("branch", [1, 3, -2, 0.5, np.int64(2), np.array([0, -1, 4]), g.constant(7)])
def test_complex_branches_are_refused(branch):
    with pytest.raises(InputError, match="two real branches") as caught:
        g.lambertw(n, branch)
    assert "g.lambertw(z, -1)" in (caught.value.hint or "")


def test_complex_branches_of_scipys_name_are_refused():
    with pytest.raises(InputError, match="k = 2"):
        scipy.special.lambertw(n, 2)
    assert scipy.special.lambertw(n, -1) is g.lambertw(n, -1)


@pytest.mark.parametrize("at", [1e-24, 1e-20, 1e-12])
def test_the_complement_beside_one(at):
    """SciPy's complement is 1 for a = b = ½ there: 1 − 2·arcsin(√x)/π."""
    f = g.compile(g.betaincc(0.5, 0.5, n), [n])
    assert f(at) == pytest.approx(float(1 - 2 * mpmath.asin(mpmath.sqrt(at)) / mpmath.pi), rel=1e-16)
    assert g.evaluate(g.betaincc(0.5, 0.5, n), {"n": at}) == f(at)
