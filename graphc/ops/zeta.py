"""The zeta functions of Riemann and Hurwitz, by Euler and Maclaurin's formula (DLMF 25.11.5) and reflection (25.4.1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import NoPartial, Notation
from graphc.ops.comparison import equal, minimum, where
from graphc.ops.elementary import exp, sin
from graphc.ops.powers import pow
from graphc.ops.rounding import floor, round
from graphc.ops.special import gamma, lgamma, scipy_special
from graphc.ops.support.declare import Function, like
from graphc.ops.support.polynomial import horner
from graphc.ops.support.scipy_ops import special
from graphc.ops.support.stirling import BERNOULLI

STEPS = 12

LOG_TWO_PI = math.log(2 * math.pi)

TWO_PI_REST = 3.898171832519376e-17
"""What float64's 2π lacks, beside it: a power of it multiplies that."""

MIDDLE = (
    0.6099588039464188, 0.46055545753033383, 0.08212430529731539, -0.0032226690178303193, -0.0007539497400106554,
    0.0001199026583525467, -2.9138385372088087e-06, -1.133712548114359e-06, 1.6086853584767425e-07, -6.991001714956971e-09,
    -6.620938008411093e-10, 1.310423287632754e-10, -9.252585237707852e-12,
)  # fmt: skip
"""(s − 1)·ζ(s) for −½ ≤ s ≤ 1, in s − ¼. `python -m tests.benchmarks.chebyshev` computes and prints it."""


FAR = 2000.0
"""Beyond this 12⁻ˢ, which the tail of the sum is multiplied with, is 0."""


def _hurwitz(s: Any, q: Any, excess: Any) -> Any:
    """Σ (q + k)⁻ˢ for s > 1 and q > 0; excess : s − 1, which may have more digits than s leaves of it."""
    total: Any = 0.0
    for k in reversed(range(STEPS)):
        total = pow(q + float(k), -s) + total
    a = q + float(STEPS)
    lead = pow(a, -s)
    held = minimum(s, FAR)
    rise, tail = held / a, like(0, s)
    for k, b in enumerate(BERNOULLI, 1):
        tail = tail + rise * float(b / math.factorial(2 * k))
        rise = rise * (((held + (2 * k - 1)) / a) * ((held + 2 * k) / a))
    return total + lead * (a / excess + (0.5 + tail))


def _riemann_below(s: Any) -> Any:
    """ζ(s) for s < 1: a polynomial down to 0, and the reflection below that."""
    inside = s >= -0.5
    near = where(inside, s, like(0.25, s))
    middle = horner(MIDDLE, near - 0.25) / (near - 1)
    below = where(inside, like(-1, s), s)
    t = 1 - below
    half = 0.5 * below
    turns = round(half)
    sign = 1 - 4 * (0.5 * turns - floor(0.5 * turns))
    # 2ˢ·πˢ⁻¹·sin(πs/2)·Γ(1 − s)·ζ(1 − s), the powers and Γ together, which overflow apart
    small = minimum(t, 30.0)
    power = pow(like(2 * math.pi, s), -small) * (1 - small * TWO_PI_REST)
    scale = where(t < 30, power * gamma(small), exp(lgamma(t) - t * LOG_TWO_PI))
    sine = sign * sin(math.pi * (half - turns))
    far = where(
        equal(half, turns) & (s > -math.inf), like(0, s), 2 * scale * sine * _hurwitz(t, like(1, s), -below)
    )
    return where(inside, middle, far)


def _code(x: Any, q: Any) -> Any:
    usable = (x > 1) & (q > 0) & (x < math.inf) & (q < math.inf)
    at = where(usable, x, like(2, x))
    value = _hurwitz(at, where(usable, q, like(1, x)), at - 1)
    at_one = where(equal(x, 1), like(math.inf, x), like(math.nan, x))
    of_riemann = where(equal(q, 1) & (x < 1), _riemann_below(where(x < 1, x, like(0.5, x))), at_one)
    at_infinity = where(q < 1, like(math.inf, x), where(equal(q, 1), like(1, x), like(0, x)))
    of_riemann = where((q > 0) & (x > 1), where(equal(x, math.inf), at_infinity, like(0, x)), of_riemann)
    beyond = where(equal(q, 0) & (x > 1), like(math.inf, x), of_riemann)
    return where(usable, value, beyond)


def _reference(x: Any, q: Any) -> Any:
    special_functions = scipy_special()
    with np.errstate(all="ignore"):
        hurwitz, riemann = special_functions.zeta(x, q), special_functions.zeta(x)
    known = (x > 1) & (q >= 0)
    below = np.where((q == 1) & (x < 1), riemann, np.where(x == 1, np.inf, np.nan))
    return np.where(known, hurwitz, below).astype(np.result_type(x, q))[()]


zeta: Function = special(
    "zeta", ("x", "q"), lambda S, x, q: S.zeta(x, q), ((1.5, 20.0), (0.3, 10.0)),
    (
        NoPartial("x of zeta", "it has no closed form in the functions that there are", "differentiate by q, or give a number"),
        lambda out, x, q: -x * zeta(x + 1, q),
    ),
    "Hurwitz's zeta function Σ (q + k)⁻ˣ for x > 1, q > 0; Riemann's ζ(x), of any real x, for q = 1.", expand=_code,
    reference=_reference, scipy=("_zeta", "_riemann_zeta"), defaults=(1.0,),
    notation=Notation("ζ", None, r"\zeta\left(<0>, <1>\right)"),
    ulps=32.0, reference_ulps=100.0, nanoseconds=200.0, sympy=("zeta",),
    specials=(((1.0, 1.0), math.inf), ((0.0, 1.0), -0.5)),
)  # fmt: skip

__all__ = ["zeta"]
