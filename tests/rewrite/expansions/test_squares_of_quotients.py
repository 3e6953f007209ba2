"""Functions of (x/a)² times powers of a: derivatives by a, of which the leading parts cancel where x is small beside a."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import pytest

import graphc as g

a, x = g.symbols("a x")
RATIOS = (1e-9, 2e-5, 0.004, 0.2, 0.7)

KIND: dict[str, tuple[Callable[[Any, Any], Any], float]] = {  # truth, and the largest ratio of x to a
    "a*a/2*log(1 + (x/a)**2)": (lambda d, v: d * d / 2 * mpmath.log(1 + (v / d) ** 2), 30.0),
    "a*log(1 + x*x/(a*a))": (lambda d, v: d * mpmath.log(1 + v * v / (d * d)), 30.0),
    "a*a*(1/sqrt(1 - (x/a)**2) - 1)": (lambda d, v: d * d * (1 / mpmath.sqrt(1 - (v / d) ** 2) - 1), 0.7),
    "2*a**2*(1/sqrt(1 - x**2/a**2) - 1)": (
        lambda d, v: 2 * d * d * (1 / mpmath.sqrt(1 - (v / d) ** 2) - 1),
        0.7,
    ),
    "a*a*(1 - exp(-(x/a)**2))": (lambda d, v: d * d * -mpmath.expm1(-((v / d) ** 2)), 3.0),
}


@pytest.mark.parametrize("text", KIND)
def test_two_derivatives_by_the_scale(text: str) -> None:
    truth, most = KIND[text]
    formula = g.parse(text)
    slope = g.grad(formula, a)
    f = g.compile([slope, g.grad(slope, a)], [a, x], cache=False)
    with mpmath.workdps(250):
        for scale, ratio in itertools.product((0.5, 3.0, 3e8), (*RATIOS, most)):
            at, step = mpmath.mpf(scale), mpmath.mpf(10) ** -60
            v = mpmath.mpf(scale * ratio)
            low, mid, high = (truth(at + n * step, v) for n in (-1, 0, 1))
            exact = (high - low) / (2 * step), (high - 2 * mid + low) / step**2
            for found, wanted in zip(f(scale, float(v)), exact, strict=True):
                assert abs(mpmath.mpf(float(found)) - wanted) <= 4e-15 * abs(wanted), (scale, ratio)


def test_the_kinetic_energy_of_a_mass_by_the_speed_of_light() -> None:
    m, v, c = g.symbols("m v c")
    energy = m * c**2 * (1 / g.sqrt(1 - v**2 / c**2) - 1)
    slope = g.compile(g.grad(energy, c), [m, v, c], cache=False)
    for speed in (30.0, 3e3, 2e6, 2.9e8):
        with mpmath.workdps(60):
            b = mpmath.mpf(speed) / mpmath.mpf(3e8)
            y = 1 / mpmath.sqrt(1 - b * b)
            exact = 2 * mpmath.mpf(3e8) * (y - 1) - mpmath.mpf(3e8) * b * b * y**3
        assert slope(1.0, speed, 3e8) == pytest.approx(float(exact), rel=4e-15, abs=0), speed
