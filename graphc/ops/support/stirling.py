"""The gamma function's pieces that keep their digits for large arguments: Stirling's remainder, and differences of digamma.

Sources: DLMF 5.11.1 and 5.11.2; C. Loader, Fast and accurate computation of binomial probabilities
(2000), for densities by deviances.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from graphc.ops.comparison import maximum, minimum, where
from graphc.ops.elementary import exp, log, log1p, sqrt
from graphc.ops.support.polynomial import horner

BERNOULLI = [
    Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66), Fraction(-691, 2730), Fraction(7, 6),
    Fraction(-3617, 510), Fraction(43867, 798), Fraction(-174611, 330),
]  # fmt: skip

_DIGAMMA = [float(b / (2 * k)) for k, b in enumerate(BERNOULLI, 1)]

STEPS = 10
"""From 10 on 10 terms of digamma's series give all digits."""

LARGE = 1.5
"""From here on Stirling's remainder is a polynomial of 1/a."""

REMAINDER = (
    0.08303377705499501, -0.0017465847846361504, -0.002335362727626009, 0.0007464765931817158, 0.00022436754293162493,
    -0.000383380148149411, 0.00016625984311073976, 9.135950997363204e-05, -0.00021860739812742708,
    0.0001746571172721706, -6.570378941540171e-06, -0.000188679936768698, 0.00029976041599366756,
    -0.00024020316196982127, -5.505941751144487e-06, 0.00039040618600511446, -0.000885700022688747,
    0.0011144895278584227, 0.0001351613280439827, -0.0024777604824746725, 0.0022470268357784387,
)  # fmt: skip
"""a times Stirling's remainder, in 1/a − 1/3."""

SMALL = (
    0.5139656323064117, -0.6411579683720432, 0.2035524016048501, 0.1267935664764119, -0.14059896670819153,
    0.051374931352350536, -0.001999743744122812, -0.006316241762118178, 0.0030430523538929936, -0.0006397583543121908,
    -9.060296385613993e-06, 5.1032097928927054e-05, -1.7431781265610866e-05, 2.8957273275197943e-06,
    -2.2488318823573766e-08, -1.293410944759704e-07, 3.9423573112892587e-08, -6.187919164393016e-09,
    1.7485400678401388e-10, 1.4434960857666282e-10,
)  # fmt: skip
"""e⁻ᵃ/Γ(1 + a) up to there, in a − ¾. `python -m tests.benchmarks.chebyshev` computes and prints both."""


def remainder(a: Any) -> Any:
    """log Γ(a) − ((a − ½)·log a − a + ½·log 2π) for a ≥ 1.5."""
    inverse = 1 / a
    return horner(REMAINDER, inverse - 1 / 3) * inverse


def weight(a: Any) -> Any:
    """aᵃ·e⁻ᵃ/Γ(a) for a > 0: √(a/2π) and little else where a is large."""
    small, large = minimum(a, LARGE), maximum(a, LARGE)
    near = small * exp(small * log(small)) * horner(SMALL, small - 0.75)
    far = sqrt(large * (0.5 / math.pi)) * exp(-remainder(large))
    return where(a < LARGE, near, far)


def power_weight(z: Any, m: Any) -> Any:
    """Γ(z + m)/Γ(z) for z > 0 and m ≥ 0."""
    total = z + m
    return weight(z) / weight(total) * exp(z * log1p(m / z) + m * (log(total) - 1))


def _gap(x: Any, b: Any) -> Any:
    """1/x − 1/(x + b), for x, b > 0."""
    return where(b > x, 1 / x - 1 / (x + b), b / (x * (x + b)))


def digamma_gap(a: Any, b: Any) -> Any:
    """ψ(a + b) − ψ(a) for a, b > 0: ten steps of the recurrence, then the series of DLMF 5.11.2, term by term.

    All terms have one sign, so nothing cancels for b far below a; written so that derivatives do not either.
    """
    total: Any = 0.0
    for k in range(STEPS):
        total = _gap(a + float(k), b) + total
    low = a + float(STEPS)
    high = low + b
    difference = _gap(low, b)
    x, y = 1 / (low * low), 1 / (high * high)
    # (Σ cₖ·xᵏ − Σ cₖ·yᵏ)/(x − y), by Horner's rule for the polynomial and for its divided difference
    value, slope = 0.0 * x, 0.0 * x
    for c in reversed(_DIGAMMA):
        slope = slope * y + value
        value = value * x + c
    tail = x * slope + horner(_DIGAMMA, y)  # of Σ cₖ·xᵏ⁺¹
    return total + log1p(b / low) + 0.5 * difference + difference * (1 / low + 1 / high) * tail


def digamma_between(p: Any, q: Any) -> Any:
    """ψ(p) − ψ(q) for p, q > 0."""
    above = p > q
    gap = digamma_gap(where(above, q, p), where(above, p - q, where(p < q, q - p, 1.0)))
    return where(above, gap, where(p < q, -gap, 0 * p))


__all__ = ["LARGE", "digamma_between", "digamma_gap", "power_weight", "remainder", "weight"]
