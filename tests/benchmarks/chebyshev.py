"""Polynomials by interpolation at Chebyshev's points, with as many digits as mpmath is asked for: behind the special functions.

python -m tests.benchmarks.chebyshev        the coefficients of graphc/ops/support/stirling.py and inverse_error.py, and of
                                            graphc/rewrite/rules/error_functions.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
from mpmath import mp, mpf

POINTS = 40


def polynomial(f: Callable[[Any], Any], low: Any, high: Any, least: Any) -> list[Any]:
    """Coefficients in what is left of the variable beside the middle, the constant first; Chebyshev's below `least` left out."""
    middle, half = (mpf(low) + mpf(high)) / 2, (mpf(high) - mpf(low)) / 2
    angles = [mp.pi * (k + mpf(1) / 2) / POINTS for k in range(POINTS)]
    values = [f(middle + half * mpmath.cos(angle)) for angle in angles]
    chebyshev = [
        (2 if j else 1) * sum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True)) / POINTS
        for j in range(POINTS)
    ]
    count = 1 + max(j for j, c in enumerate(chebyshev) if abs(c) > mpf(least) * abs(chebyshev[0]))
    total = [mpf(0)] * count
    before, now = [mpf(1)], [mpf(0), mpf(1)]
    for j in range(count):
        for power, c in enumerate(before):
            total[power] += chebyshev[j] * c
        following = [mpf(0), *[2 * c for c in now]]
        for power, c in enumerate(before):
            following[power] -= c
        before, now = now, following
    return [c / half**power for power, c in enumerate(total)]


@cache
def inverse_error(s: Any) -> Any:
    """erfinv(x)/x at s = √(−log(1 − x²))."""
    if s == 0:
        return mpmath.sqrt(mp.pi) / 2
    complement = mpmath.exp(-s * s)
    x = mpmath.sqrt(-mpmath.expm1(-s * s))
    if s < 0.7:
        return mpmath.erfinv(x) / x
    y = complement / (1 + x)
    z = max(s, mpf(1))
    for _ in range(60):  # Newton's iteration for log erfc
        step = mpmath.log(mpmath.erfc(z) / y) * mpmath.erfc(z) * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(z * z)
        z += step
        if abs(step) < mpf(10) ** (5 - mp.dps):
            break
    return z / x


def stirling(u: Any) -> Any:
    """a·(log Γ(a) − ((a − ½)·log a − a + ½·log 2π)) at u = 1/a."""
    if u == 0:
        return mpf(1) / 12
    a = 1 / u
    with mp.extraprec(60 + 4 * abs(int(mpmath.mag(a)))):
        return a * (mpmath.loggamma(a) - ((a - mpf(1) / 2) * mpmath.log(a) - a + mpmath.log(2 * mp.pi) / 2))


def inverse_scaled_complement(y: Any) -> Any:
    """(1/(exp(x²)·erfc x) − √π·x)·(x + 2) at y = (x − 3)/(x + 3)."""
    if y == 1:
        return mpmath.sqrt(mp.pi) / 2
    x = 3 * (1 + y) / (1 - y)
    with mp.extraprec(60 + 4 * abs(int(mpmath.mag(x)))):
        if x < 30:
            return (mpmath.exp(-x * x) / mpmath.erfc(x) - mpmath.sqrt(mp.pi) * x) * (x + 2)
        rest = mpmath.nsum(
            lambda k: (-1) ** int(k) * mpmath.fac2(2 * int(k) - 1) / (2 * x * x) ** int(k), [1, 30]
        )
        return -mpmath.sqrt(mp.pi) * x * rest / (1 + rest) * (x + 2)


TABLES: dict[str, tuple[Callable[[Any], Any], str, str, str]] = {
    "NEAR": (lambda w: inverse_error(mpmath.sqrt(w)), "0", "6.25", "3e-18"),
    "MIDDLE": (inverse_error, "2.5", "4.25", "3e-18"),
    "FAR": (inverse_error, "4.25", "8.5", "3e-18"),
    "FARTHEST": (inverse_error, "8.5", "27.5", "3e-18"),
    "REMAINDER": (stirling, "0", "0.66666666666666666666", "1e-17"),
    "SMALL": (lambda a: mpmath.exp(-a) / mpmath.gamma(1 + a), "0", "1.5", "3e-18"),
    "INVERSE_SCALED": (inverse_scaled_complement, "-1", "1", "1e-20"),
    "MIDDLE_OF_ZETA": (lambda s: (s - 1) * mpmath.zeta(s), "-0.5", "1", "3e-18"),
}
"""Name → the function, from where to where, and what is left out."""


def main() -> None:
    with mp.workdps(60):
        for name, (f, low, high, least) in TABLES.items():
            print(name, [float(c) for c in polynomial(f, low, high, least)])


if __name__ == "__main__":
    main()
