"""Exponential, sine and cosine integrals, and complete elliptic integrals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.op import Facts, Notation
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import cos, cosh, exp, sin, sinh, sqrt
from graphc.ops.support.declare import Function, like
from graphc.ops.support.polynomial import horner
from graphc.ops.support.scipy_ops import compiled, scipys, special

expi: Function = compiled(
    "expi", ("x",), lambda S, x: S.Ei(x), ((0.5, 20.0),), (lambda out, x: exp(x) / x,),
    "The exponential integral Ei(x), the principal value of ∫ eᵗ/t dt from −∞ to x.", sympy=("Ei",),
    notation=Notation("Ei", None, r"\operatorname{Ei}\left(<0>\right)"), nanoseconds=60.0,
    specials=(((0.0,), -math.inf), ((math.inf,), math.inf)),
)  # fmt: skip
exp1: Function = compiled(
    "exp1", ("x",), lambda S, x: S.expint(1, x), ((0.1, 20.0),), (lambda out, x: -exp(-x) / x,),
    "The exponential integral E₁(x) = ∫ e⁻ᵗ/t dt from x to ∞.", notation=Notation("E₁", None, r"E_1\left(<0>\right)"),
    nanoseconds=60.0, specials=(((0.0,), math.inf), ((math.inf,), 0.0)),
)  # fmt: skip


def _expn_partial(out: Any, n: Any, x: Any) -> Any:
    """−Eₙ₋₁(x); of E₀(x) = e⁻ˣ/x its own."""
    below = where(n < 1, like(1, n), n)
    return where(n < 1, -(exp(-x) / x) * (1 + 1 / x), -expn(below - 1, x))


MOST = 1e9
"""The largest n that SciPy's compiled function is asked for. From there on Eₙ(x) is e⁻ˣ/(x + n)·(1 + n/(x + n)²), to rounding
(DLMF 8.20.2), and the value there times a quotient of these."""


def _expn_reference(n: Any, x: Any) -> Any:
    whole = np.clip(np.trunc(np.where(np.isnan(n), -1, n)), -1, MOST).astype(np.int64)
    with np.errstate(all="ignore"):
        value = np.where(whole < 0, np.nan, scipys("expn")(np.maximum(whole, 0), x))
        at = np.minimum(x, MOST)
        far, near = 1 / (at + np.maximum(n, MOST)), 1 / (at + MOST)
        quotient = far / near * ((1 + far * (1 - at * far)) / (1 + near * (1 - at * near)))
    return np.where(n > MOST, value * quotient, value).astype(np.result_type(n, x))[()]


def _expn_code(e: Any, n: Any, x: Any) -> Any:
    """SciPy's function warns of what is no whole number, so n is cut before."""
    whole = e.intrinsic("trunc", n)
    known = e.compare("ge", whole, e.number(0.0, n))
    whole = e.select(known, e.minimum(whole, e.number(MOST, n)), e.number(0.0, n))
    value = e.select(known, e.scipy("expn", whole, x), e.number(math.nan, x))
    one, most = e.number(1.0, x), e.number(MOST, x)
    at = e.minimum(x, most)

    def terms(m: Any) -> tuple[Any, Any]:
        rate = e.div(one, e.add(at, m))
        return rate, e.add(one, e.mul(rate, e.sub(one, e.mul(at, rate))))

    (far, bent), (near, level) = terms(e.maximum(n, most)), terms(most)
    quotient = e.mul(e.div(far, near), e.div(bent, level))
    return e.select(e.compare("gt", n, e.number(MOST, n)), e.mul(value, quotient), value)


expn: Function = compiled(
    "expn", ("n", "x"), lambda S, n, x: S.expint(S.floor(n), x), ((1.0, 8.0), (0.1, 20.0)), (None, _expn_partial),
    "The exponential integral Eₙ(x) = ∫ e^(−xt)/tⁿ dt from 1 to ∞; n is cut to a whole number.",
    reference=_expn_reference, emit=_expn_code, smooth_at=lambda n, x: n != math.floor(n),
    notation=Notation("expn", None, r"E_{<0>}\left(<1>\right)"), nanoseconds=80.0,
    specials=(((0.0, math.inf), 0.0), ((2.0, 0.0), 1.0)),
)  # fmt: skip


def _integral(name, label, number, of, sympy_name, partial, domain, summary, **more):
    return compiled(
        name, ("x",), lambda S, x: getattr(S, sympy_name)(x), (domain,), (partial,), summary, result=(of, number),
        notation=Notation(label, None, rf"\operatorname{{{label}}}\left(<0>\right)"), sympy=(sympy_name,), nanoseconds=60.0,
        **more,
    )  # fmt: skip


SINC_NEAR = 0.75
_SINC = [(-1) ** k / math.factorial(2 * k + 1) for k in range(10)]
_SINHC = [1 / math.factorial(2 * k + 1) for k in range(10)]


def _over_x(function: Any, series: list[float]) -> Any:
    """sin x/x or sinh x/x, with derivatives that keep their digits around 0."""

    def quotient(out: Any, x: Any) -> Any:
        near = abs(x) < SINC_NEAR
        small = where(near, x, like(0, x))
        return where(near, horner(series, small * small), function(x) / x)

    return quotient


sinint: Function = _integral(
    "sinint", "Si", 0, "sici", "Si", _over_x(sin, _SINC), (-20.0, 20.0),
    "The sine integral Si(x) = ∫ sin(t)/t dt from 0 to x, the first result of SciPy's sici.", facts=Facts(range=(-2.0, 2.0)),
    specials=(((0.0,), 0.0),),
)  # fmt: skip
cosint: Function = _integral(
    "cosint", "Ci", 1, "sici", "Ci", lambda out, x: cos(x) / x, (0.1, 20.0),
    "The cosine integral Ci(x), the second result of SciPy's sici.", specials=(((0.0,), -math.inf),), ulps=1e5,
)  # fmt: skip
sinhint: Function = _integral(
    "sinhint", "Shi", 0, "shichi", "Shi", _over_x(sinh, _SINHC), (-20.0, 20.0),
    "The hyperbolic sine integral Shi(x), the first result of SciPy's shichi.", specials=(((0.0,), 0.0),),
)  # fmt: skip
coshint: Function = _integral(
    "coshint", "Chi", 1, "shichi", "Chi", lambda out, x: cosh(x) / x, (0.7, 20.0),
    "The hyperbolic cosine integral Chi(x), the second result of SciPy's shichi.", specials=(((0.0,), -math.inf),),
)  # fmt: skip


def sici(x: Any) -> tuple[Any, Any]:
    """The sine and cosine integrals Si and Ci of an expression, as SciPy's `sici` returns them.

    Each is an operation of its own, `g.sinint` and `g.cosint`. Raises `DtypeError` for what is no real number.
    """
    return sinint(x), cosint(x)


def shichi(x: Any) -> tuple[Any, Any]:
    """The hyperbolic sine and cosine integrals Shi and Chi of an expression, as SciPy's `shichi` returns them.

    Each is an operation of its own, `g.sinhint` and `g.coshint`. Raises `DtypeError` for what is no real number.
    """
    return sinhint(x), coshint(x)


Expr.scipy_table["sici"], Expr.scipy_table["shichi"] = sici, shichi

# --- elliptic integrals ------------------------------------------------------------------------------------------------------

AGM_STEPS = 14
"""Means from 1 and 10⁻¹⁵⁴ on agree to all digits after so many."""


def _agm(complement: Any) -> tuple[Any, Any]:
    """K(m) and Σ 2ⁿ⁻¹cₙ²/m from n = 1 on, for 0 ≤ m < 1 given by 1 − m: DLMF 19.8.1 and 19.8.6.

    c₁ = (1 − k′)/2 = m/(2(1 + k′)) is divided by m as a formula, so nothing cancels near m = 0, in derivatives neither.
    """
    root = sqrt(complement)
    a, b = 0.5 * (1 + root), sqrt(root)
    quotient = 0.25 / ((1 + root) * (1 + root))  # c₁²/m²
    square = quotient * (1 - complement)  # c₁²/m
    total, scale = square, 1.0
    for _ in range(AGM_STEPS):
        following = 0.5 * (a + b)
        # c of the next step: (a − b)/2 = c²/(4·a)
        square = square * (square * (1 - complement)) / (16 * following * following)
        scale *= 2.0
        total = total + scale * square
        a, b = following, sqrt(a * b)
    return (0.5 * math.pi) / a, total


def _ellipk_code(m: Any) -> Any:
    """K(m) = K(m/(m − 1))/√(1 − m) below 0."""
    inside = where(m < 0, 1 / (1 - m), 1 - m)
    value = _agm(where(inside > 0, inside, like(1, m)))[0]
    below = where(m < 0, value / sqrt(where(m < 0, 1 - m, like(1, m))), value)
    return where(m < 1, below, where(equal(m, 1), like(math.inf, m), like(math.nan, m)))


def _ellipe_code(m: Any) -> Any:
    """E = K·(1 − m/2 − Σ 2ⁿ⁻¹cₙ²); E(m) = √(1 − m)·E(m/(m − 1)) below 0."""
    inside = where(m < 0, 1 / (1 - m), 1 - m)
    complement = where(inside > 0, inside, like(1, m))
    value, total = _agm(complement)
    value = value * (1 - (1 - complement) * (0.5 + total))
    below = where(m < 0, value * sqrt(where(m < 0, 1 - m, like(1, m))), value)
    return where(m < 1, below, where(equal(m, 1), like(1, m), like(math.nan, m)))


def _positive(m: Any) -> Any:
    """m below 1; elsewhere a number that does no harm."""
    return where(m < 1, m, like(0, m))


def _ellipk_partial(out: Any, m: Any) -> Any:
    """K′ = (E − (1 − m)K)/(2m(1 − m)) = K·(½ − Σ 2ⁿ⁻¹cₙ²/m)/(2(1 − m))."""
    complement = 1 - _positive(m)
    value, total = _agm(complement)
    return where(m < 1, value * (0.5 - total) / (2 * complement), like(math.nan, m))


def _ellipe_partial(out: Any, m: Any) -> Any:
    """E′ = (E − K)/(2m) = −K·(½ + Σ 2ⁿ⁻¹cₙ²/m)/2; below 0 by those of m/(m − 1), whose terms do not cancel there."""
    complement = 1 - _positive(m)
    below = m < 0
    value, total = _agm(where(below, 1 / complement, complement))
    root = sqrt(where(below, complement, like(1, m)))
    slope = -0.5 * value * where(below, (0.5 - total) / root, 0.5 + total)
    return where(m < 1, slope, where(equal(m, 1), like(-math.inf, m), like(math.nan, m)))


ellipk: Function = special(
    "ellipk", ("m",), lambda S, m: S.elliptic_k(m), ((-5.0, 0.99),), (_ellipk_partial,),
    "The complete elliptic integral of the first kind K(m); m is the parameter k².", expand=_ellipk_code, sympy=("elliptic_k",),
    notation=Notation("K", None, r"K\left(<0>\right)"), ulps=16.0, reference_ulps=40.0, nanoseconds=60.0,
    specials=(((1.0,), math.inf),),
)  # fmt: skip
ellipe: Function = special(
    "ellipe", ("m",), lambda S, m: S.elliptic_e(m), ((-5.0, 0.99),), (_ellipe_partial,),
    "The complete elliptic integral of the second kind E(m); m is the parameter k².", expand=_ellipe_code, sympy=("elliptic_e",),
    notation=Notation("E", None, r"E\left(<0>\right)"), ulps=16.0, reference_ulps=40.0, nanoseconds=60.0,
    specials=(((1.0,), 1.0),),
)  # fmt: skip

__all__ = [
    "coshint",
    "cosint",
    "ellipe",
    "ellipk",
    "exp1",
    "expi",
    "expn",
    "shichi",
    "sici",
    "sinhint",
    "sinint",
]  # fmt: skip
