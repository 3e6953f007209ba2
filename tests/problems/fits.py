"""Nonlinear least-squares fits, easy and notoriously hard, and their solutions by mpmath.

Models are functions of a namespace (graphc, or `MP` for mpmath), the data and the parameters, so that the oracle computes values
by mpmath alone, and its derivatives by differences with 70 digits. Data are either short published series (the sources stand
beside them) or made from known parameters with noise of a fixed seed; the oracle begins at those, graphc far from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np

import graphc as g


class MP:
    """mpmath under graphc's names, over lists of numbers."""

    exp, log, sqrt, sin, cos, atan, tanh = (
        mpmath.exp, mpmath.log, mpmath.sqrt, mpmath.sin, mpmath.cos, mpmath.atan, mpmath.tanh,
    )  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """y = model(x; p).

    start : parameters to begin with, far from the solution; near : where the oracle begins
    """

    name: str
    model: Callable[..., Any]
    x: np.ndarray
    y: np.ndarray
    start: tuple[float, ...]
    near: tuple[float, ...]

    def solved(self) -> Any:
        """graphc's result."""
        names = g.symbols(" ".join(f"p{k}" for k in range(len(self.start))))
        symbols = list(names) if isinstance(names, (list, tuple)) else [names]
        x, y = g.symbol("x", shape="n"), g.symbol("y", shape="n")
        residuals = self.model(g, x, *symbols) - y
        return g.minimize(residuals, dict(zip(symbols, self.start, strict=True)), data={x: self.x, y: self.y})

    @property
    def truth(self) -> tuple[list[Any], list[Any], Any]:
        return _truth(self.name)


@cache
def _truth(name: str) -> tuple[list[Any], list[Any], Any]:
    """The parameters, their standard errors and the sum of squares, by Levenberg and Marquardt's method in mpmath."""
    fit = FITS[name]
    with mpmath.workdps(70):
        xs, ys = [mpmath.mpf(float(v)) for v in fit.x], [mpmath.mpf(float(v)) for v in fit.y]
        p = mpmath.matrix([mpmath.mpf(v) for v in fit.near])
        step = mpmath.mpf(10) ** -20

        def rest(p: Any) -> Any:
            return mpmath.matrix([fit.model(MP, x, *p) - y for x, y in zip(xs, ys, strict=True)])

        def rows(p: Any) -> Any:
            columns = []
            for k in range(len(p)):
                h = step * (abs(p[k]) or 1)
                up, down = p.copy(), p.copy()
                up[k] += h
                down[k] -= h
                columns.append((rest(up) - rest(down)) / (2 * h))
            matrix = mpmath.matrix(len(xs), len(p))
            for k, column in enumerate(columns):
                matrix[:, k] = column
            return matrix

        damping = mpmath.mpf(10) ** -3
        r = rest(p)
        squares = mpmath.fdot(r, r)
        for _ in range(300):
            j = rows(p)
            gram, slope = j.T * j, j.T * r
            while True:
                held = gram.copy()
                for k in range(len(p)):
                    held[k, k] *= 1 + damping
                move = mpmath.lu_solve(held, -slope)
                after = rest(p + move)
                now = mpmath.fdot(after, after)
                if now <= squares or damping > 1e30:
                    break
                damping *= 10
            p, r, squares, damping = p + move, after, now, damping / 100
            if max(abs(m) / (abs(v) + mpmath.mpf(10) ** -30) for m, v in zip(move, p, strict=True)) < 1e-22:
                break
        j = rows(p)
        inverse = (j.T * j) ** -1
        scale = squares / (len(xs) - len(p)) if len(xs) > len(p) else mpmath.inf
        return list(p), [mpmath.sqrt(scale * inverse[k, k]) for k in range(len(p))], squares


def _made(
    name: str,
    model: Callable[..., Any],
    x: Any,
    near: tuple[float, ...],
    start: tuple[float, ...],
    noise: float,
) -> Fit:
    """A fit of data made by the model, with noise of a fixed seed, relative to the largest value."""
    x = np.asarray(x, float)
    exact = np.array([float(model(MP, mpmath.mpf(float(v)), *map(mpmath.mpf, near))) for v in x])
    rng = np.random.default_rng(sum(map(ord, name)))
    y = np.round(exact + noise * np.abs(exact).max() * rng.standard_normal(len(x)), 12)
    return Fit(name, model, x, y, start, near)


def _exponentials(m: Any, x: Any, *p: Any) -> Any:
    return sum(p[k] * m.exp(-p[k + 1] * x) for k in range(0, len(p), 2))


def _gaussian(m: Any, x: Any, a: Any, c: Any, w: Any) -> Any:
    return a * m.exp(-(((x - c) / w) ** 2))


def _peaks(m: Any, x: Any, *p: Any) -> Any:
    return p[0] * m.exp(-p[1] * x) + _gaussian(m, x, *p[2:5]) + _gaussian(m, x, *p[5:8])


def _rational(m: Any, x: Any, *p: Any) -> Any:
    half = (len(p) + 1) // 2
    above = sum(c * x**k for k, c in enumerate(p[:half]) if k) + p[0]
    return above / (1 + sum(c * x ** (k + 1) for k, c in enumerate(p[half:])))


_TENTHS = np.arange(24) * 0.05
_LANCZOS = sum(a * np.exp(-b * _TENTHS) for a, b in ((0.0951, 1.0), (0.8607, 3.0), (1.5576, 5.0)))
_SUMS = (0.0951, 1.0, 0.8607, 3.0, 1.5576, 5.0)

_LIST = [
    # a monomolecular growth curve: 14 stresses of dental research (Misra, 1978)
    Fit(
        "monomolecular",
        lambda m, x, a, b: a * (1 - m.exp(-b * x)),
        np.array([77.6, 114.9, 141.1, 190.8, 239.9, 289, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760]),
        np.array([10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4, 75.47, 81.78]),
        (500.0, 1e-4),
        (239.0, 5.5e-4),
    ),
    # biochemical oxygen demand (Box, Hunter and Hunter, 1978): from 1, 1 the rate runs off to infinity
    Fit(
        "oxygen demand",
        lambda m, x, a, b: a * (1 - m.exp(-b * x)),
        np.array([1.0, 2, 3, 5, 7, 10]),
        np.array([109.0, 149, 149, 191, 213, 224]),
        (1.0, 1.0),
        (213.0, 0.54),
    ),
    # radiated energy of a carbon filament lamp (Daniel and Wood, 1980)
    Fit(
        "power of temperature",
        lambda m, x, a, b: a * x**b,
        np.array([1.309, 1.471, 1.49, 1.565, 1.611, 1.68]),
        np.array([2.138, 3.421, 3.597, 4.34, 4.882, 5.66]),
        (1.0, 5.0),
        (0.77, 3.86),
    ),
    # enzyme reaction (Kowalik and Osborne, 1968) from a hundred times too far
    Fit(
        "enzyme reaction",
        lambda m, x, a, b, c, d: a * (x**2 + x * b) / (x**2 + x * c + d),
        np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]),
        np.array([0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]),
        (25.0, 39.0, 41.5, 39.0),
        (0.193, 0.191, 0.123, 0.136),
    ),
    # resistance of a thermistor (Meyer, 1970): parameters of sizes 1e-3, 1e3, 1e2, a valley without a floor
    Fit(
        "thermistor",
        lambda m, x, a, b, c: a * m.exp(b / (x + c)),
        np.arange(50.0, 126.0, 5.0),
        np.array([34780.0, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]),
        (2.0, 4e5, 2.5e4),
        (0.0056, 6181.3, 345.2),
    ),
    # pasture regrowth (Ratkowsky, 1983)
    Fit(
        "logistic growth",
        lambda m, x, a, b, c: a / (1 + m.exp(b - c * x)),
        np.array([9.0, 14, 21, 28, 42, 57, 63, 70, 79]),
        np.array([8.93, 10.8, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08]),
        (100.0, 1.0, 0.1),
        (72.4, 2.6, 0.067),
    ),
    # onion bulbs (Ratkowsky, 1983)
    Fit(
        "Richards growth",
        lambda m, x, a, b, c, d: a / (1 + m.exp(b - c * x)) ** (1 / d),
        np.arange(1.0, 16.0),
        np.array([16.08, 33.83, 65.8, 97.2, 191.55, 326.2, 386.87, 520.53,
                  590.03, 651.92, 724.93, 699.56, 689.96, 637.56, 717.41]),
        (100.0, 10.0, 1.0, 1.0),
        (699.6, 5.28, 0.76, 1.28),
    ),
    # three exponentials whose sums are nearly those of others (Lanczos, 1956), rounded to 13, 6 and 4 digits
    Fit("Lanczos, 13 digits", _exponentials, _TENTHS, np.round(_LANCZOS, 13), (1.2, 0.3, 5.6, 5.5, 6.5, 7.6), _SUMS),
    Fit("Lanczos, 6 digits", _exponentials, _TENTHS, np.round(_LANCZOS, 6), (1.2, 0.3, 5.6, 5.5, 6.5, 7.6), _SUMS),
    Fit("Lanczos, 4 digits", _exponentials, _TENTHS, np.round(_LANCZOS, 4), (1.2, 0.3, 5.6, 5.5, 6.5, 7.6), _SUMS),
    _made("four exponentials", _exponentials, np.linspace(0, 4, 80), (1.0, 0.2, 2.0, 1.1, 1.5, 4.0, 3.0, 14.0),
          (1.0, 0.1, 1.0, 1.0, 1.0, 5.0, 1.0, 25.0), 1e-5),
    _made("two exponentials and a floor", lambda m, x, a, b, c, d, e: a + b * m.exp(-d * x) + c * m.exp(-e * x),
          np.arange(33) * 10.0, (0.375, 1.94, -1.46, 0.0129, 0.0221), (50.0, 150.0, -100.0, 1.0, 2.0), 2e-3),
    _made("two peaks on a decay", _peaks, np.arange(1.0, 251.0, 2.0),
          (98.8, 0.0109, 100.5, 67.5, 23.1, 71.99, 178.9, 18.4), (94.0, 0.009, 90.0, 80.0, 30.0, 60.0, 190.0, 30.0), 0.02),
    _made("two peaks that blend", _peaks, np.arange(1.0, 251.0, 2.0),
          (99.0, 0.011, 101.9, 107.0, 23.6, 72.0, 153.3, 19.5), (94.9, 0.009, 90.1, 113.0, 20.0, 73.8, 140.0, 20.0), 0.02),
    _made("a narrow line", lambda m, x, a, t, c: a * m.exp(-t * (x - c) ** 2),
          np.arange(400.0, 501.0, 3.0), (0.379, 0.03, 451.5), (1.0, 0.005, 500.0), 5e-3),
    _made("cubic over cubic", _rational, np.geomspace(14.0, 850.0, 60),
          (1.08, -0.1227, 4.086e-3, -1.426e-6, -5.76e-3, 2.405e-4, -1.231e-7),
          (10.0, -1.0, 0.05, -1e-5, -0.05, 1e-3, -1e-6), 1e-3),
    _made("quadratic over quadratic", _rational, np.linspace(10.0, 400.0, 50),
          (1.67, -0.139, 2.596e-3, -1.724e-3, 2.166e-5), (2.0, -0.1, 3e-3, -1e-3, 1e-5), 1e-3),
    _made("electron mobility", _rational, np.linspace(-3.0, 2.2, 37),
          (1288.14, 1491.08, 583.24, 75.42, 0.9663, 0.3980, 0.0497), (1000.0, 1000.0, 400.0, 40.0, 0.7, 0.3, 0.03), 5e-3),
    _made("magnetisation", lambda m, x, a, b, c: a * (b + x) ** (-1 / c), np.geomspace(7.0, 3000.0, 60),
          (-2523.5, 46.74, 0.9322), (-2000.0, 50.0, 0.8), 1e-3),
    _made("ultrasonic response", lambda m, x, a, b, c: m.exp(-a * x) / (b + c * x), np.linspace(0.5, 6.0, 50),
          (0.1903, 0.00613, 0.01053), (0.1, 0.01, 0.02), 0.02),
    _made("quantum defects", lambda m, x, a, b, c, d: a - b * x - m.atan(c / (x - d)) / 3.141592653589793,
          np.linspace(-4800.0, -900.0, 25), (0.2020, -6.195e-6, 1204.5, -181.3), (0.1, -1e-5, 1000.0, -100.0), 1e-3),
    _made("Michaelis and Menten", lambda m, x, a, b: a * x / (b + x), np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.1], 2),
          (212.7, 0.0641), (1.0, 100.0), 0.03),
    _made("Gompertz growth", lambda m, x, a, b, c: a * m.exp(-b * m.exp(-c * x)), np.arange(0.0, 20.0),
          (82.8, 4.2, 0.36), (10.0, 1.0, 1.0), 0.01),
    _made("damped oscillation", lambda m, x, a, b, c, d: a * m.exp(-b * x) * m.cos(c * x + d), np.linspace(0, 10, 100),
          (3.0, 0.25, 4.1, 0.7), (1.0, 1.0, 3.5, 0.0), 0.02),
    _made("Arrhenius with a floor", lambda m, x, a, b, c: c + a * m.exp(-b / x), np.linspace(300.0, 900.0, 40),
          (4.7e6, 5200.0, 12.0), (1e4, 1000.0, 0.0), 5e-3),
]  # fmt: skip

FITS = {fit.name: fit for fit in _LIST}


def digits(found: float, true: Any) -> float:
    """How many digits of a number are right: −log₁₀ of the relative error, 16 at most."""
    with mpmath.workdps(40):
        error = abs(mpmath.mpf(found) - true) / abs(true)
        return 16.0 if not error else min(16.0, float(-mpmath.log10(error)))
