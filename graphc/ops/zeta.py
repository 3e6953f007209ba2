"""The zeta functions of Riemann and Hurwitz, by Euler and Maclaurin's formula (DLMF 25.11.5) and reflection (25.4.1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import NoPartial, Notation
from graphc.ops.comparison import equal, maximum, minimum, where
from graphc.ops.elementary import exp, sin
from graphc.ops.powers import pow
from graphc.ops.rounding import round
from graphc.ops.special import gamma, lgamma, scipy_special
from graphc.ops.support.declare import Function, like
from graphc.ops.support.polynomial import horner
from graphc.ops.support.scipy_ops import special
from graphc.ops.support.stirling import BERNOULLI

STEPS = 12

LOG_TWO_PI = math.log(2 * math.pi)

MIDDLE = (
    0.7301772544047934, 0.5009685607949891, 0.07944311427301333, -0.0039027365210748495, -0.0006073800438428719,
    0.00011418107330086882, -4.625977559518652e-06, -8.287848156254447e-07, 1.4359841882579873e-07,
    -8.227898349055859e-09, -3.466393079160358e-10, 1.0376137572797416e-10,
)  # fmt: skip
"""(s − 1)·ζ(s) for 0 ≤ s ≤ 1, in s − ½. `python -m tests.benchmarks.chebyshev` computes and prints it."""


def _hurwitz(s: Any, q: Any) -> Any:
    """Σ (q + k)⁻ˢ for s > 1 and q > 0."""
    total: Any = 0.0
    for k in reversed(range(STEPS)):
        total = pow(q + float(k), -s) + total
    a = q + float(STEPS)
    lead = pow(a, -s)
    rise, tail = s / a, like(0, s)
    for k, b in enumerate(BERNOULLI, 1):
        tail = tail + rise * float(b / math.factorial(2 * k))
        rise = rise * (((s + (2 * k - 1)) / a) * ((s + 2 * k) / a))
    return total + lead * (a / (s - 1) + (0.5 + tail))


def _riemann_below(s: Any) -> Any:
    """ζ(s) for s < 1: a polynomial down to 0, and the reflection below that."""
    inside = s >= 0
    near = where(inside, s, like(0.5, s))
    middle = horner(MIDDLE, near - 0.5) / (near - 1)
    t = 1 - where(inside, like(-1, s), s)
    half = 0.5 * where(inside, like(-1, s), s)
    phase = half - 2 * round(0.5 * half)
    # 2ˢ·πˢ⁻¹·sin(πs/2)·Γ(1 − s)·ζ(1 − s), the powers and Γ together, which overflow apart
    small = minimum(t, 30.0)
    scale = where(t < 30, exp(-small * LOG_TWO_PI) * gamma(small), exp(lgamma(t) - t * LOG_TWO_PI))
    sine = sin(math.pi * phase)
    far = where(equal(sine, 0), like(0, s), 2 * scale * sine * _hurwitz(maximum(t, 1.0), like(1, s)))
    return where(inside, middle, far)


def _code(x: Any, q: Any) -> Any:
    usable = (x > 1) & (q > 0) & (x < math.inf) & (q < math.inf)
    value = _hurwitz(where(usable, x, like(2, x)), where(usable, q, like(1, x)))
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
