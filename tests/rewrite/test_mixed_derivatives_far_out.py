"""Mixed second derivatives of exponentials of quotients, far out, where their parts are 0·∞."""

from __future__ import annotations

import mpmath
import pytest

import graphc as g

h, t, y = g.symbols("h t y")


def test_planck_oscillator_at_low_and_high_temperatures() -> None:
    energy = h / (g.exp(h / t) - 1)
    f = g.compile(g.grad(g.grad(energy, h), t), [h, t], cache=False)
    for at in ((1.33, 7e-4), (41587.6, 10.86), (2.0, 1.9), (3.0, 2.8), (1.0, 30.0), (1e-5, 1.0)):
        with mpmath.workdps(60):
            u, temperature = mpmath.mpf(at[0]) / mpmath.mpf(at[1]), mpmath.mpf(at[1])
            # ∂/∂t of (1 − u·(1 + n))·n with n = 1/(eᵘ − 1), u = h/t and ∂n/∂u = −n(1 + n)
            n = 1 / mpmath.expm1(u)
            by_u = -n * (1 + n) * (2 - u * (1 + 2 * n))
            exact = float(by_u * -u / temperature)
        # the terms are up to twice their sum at these points
        assert abs(float(f(*at)) - exact) <= 16 * 2.0**-52 * abs(exact), at


@pytest.mark.parametrize("text", ["(0 - h/expm1(y)/expm1(y))*exp(y)", "exp(y)*(0 + h/expm1(y)/expm1(y))"])
@pytest.mark.parametrize("at", [0.5, 30.0, 709.0, 800.0, 1e5])
def test_a_zero_beside_what_an_exponential_overflows_with(text: str, at: float) -> None:
    found = g.compile(g.parse(text), [h, y], cache=False)(3.0, at)
    with mpmath.workdps(40):
        below = mpmath.expm1(mpmath.mpf(at))
        exact = float(3 * mpmath.exp(mpmath.mpf(at)) / below**2) * (-1 if "-" in text else 1)
    assert abs(found - exact) <= 8 * 2.0**-52 * abs(exact) + 5e-324
