"""The normal distribution and the inverse error functions.

The derivatives of the inverses are written with erfcx where x is small: exp(z²) of a rounded z loses 2z² units,
erfcx(z)/erfc(z) loses none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp, log, log1p
from graphc.ops.special import ERFCX, ERFCX_PLACE, ERFCX_SHIFT, erfc, erfcx, scipy_special
from graphc.ops.support import inverse_error
from graphc.ops.support.declare import Function, declare, like
from graphc.ops.support.polynomial import horner

ROOT_HALF, ROOT_PI_HALVES, ROOT_TWO_PI, HALF_ROOT_PI = (
    math.sqrt(0.5), math.sqrt(math.pi / 2), math.sqrt(2 * math.pi), math.sqrt(math.pi) / 2,
)  # fmt: skip


def _normal(name, formula, domain, partial, summary, **more):
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            types=FLOATING,
            reference=more.pop("reference", lambda x: getattr(scipy_special(), name)(x)),
            formula=formula,
            domain=(domain,),
            partials=(partial,),
            category="special",
            scipy=(name,),
            **more,
        )
    )


def _density(x: Any) -> Any:
    return exp(-0.5 * (x * x)) * (1 / ROOT_TWO_PI)


ndtr: Function = _normal(
    "ndtr", lambda S, x: S.erfc(-x / S.sqrt(2)) / 2, (-6.0, 6.0), lambda out, x: _density(x),
    "The distribution function Φ(x) of the normal distribution.", expand=lambda x: 0.5 * erfc(-ROOT_HALF * x),
    notation=Notation("Φ", None, r"\Phi\left(<0>\right)"), facts=Facts(range=(0.0, 1.0), nan="never"),
    specials=(((0.0,), 0.5), ((math.inf,), 1.0), ((-math.inf,), 0.0)), ulps=40.0, reference_ulps=80.0, nanoseconds=5.5,
    notes="The error is at most 3 units beside what one unit of x makes of the result.",
)  # fmt: skip


def _log_ndtr_code(x: Any) -> Any:
    below = log(0.5 * erfcx(-ROOT_HALF * where(x < 0, x, 0.0))) - 0.5 * (x * x)
    return where(x < 0, below, log1p(-0.5 * erfc(ROOT_HALF * x)))


def log_ndtr_partial(out: Any, x: Any) -> Any:
    """φ(x)/Φ(x); below 0, where both underflow, √(2/π)/erfcx(−x/√2), by the polynomial behind that."""
    t = -ROOT_HALF * where(x < 0, x, like(0, x))
    y = 1 - 2 * ERFCX_PLACE / (t + ERFCX_PLACE)
    below = (t + ERFCX_SHIFT) * (1 / ROOT_PI_HALVES) / horner(ERFCX, y)
    return where(x < 0, below, _density(x) / (0.5 * erfc(-ROOT_HALF * x)))


log_ndtr: Function = _normal(
    "log_ndtr", lambda S, x: S.log(S.erfc(-x / S.sqrt(2)) / 2), (-30.0, 5.0), log_ndtr_partial,
    "The logarithm of the normal distribution function, log Φ(x), far below 0 too.", expand=_log_ndtr_code,
    notation=Notation("log Φ", None, r"\log\Phi\left(<0>\right)"), facts=Facts(range=(-math.inf, 0.0), nan="never"),
    specials=(((math.inf,), -0.0), ((-math.inf,), -math.inf)), ulps=40.0, reference_ulps=80.0, nanoseconds=15.0,
)  # fmt: skip


def _erfinv_code(x: Any) -> Any:
    size = abs(x)
    inside = x * inverse_error.quotient(-log((1 - x) * (1 + x)))
    return where(equal(size, 1), x * math.inf, inside)


def _erfinv_reference(x: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.copysign(scipy_special().erfinv(np.abs(x)), x)


def _erfcinv_reference(x: Any) -> Any:
    with np.errstate(all="ignore"):
        return scipy_special().erfcinv(x) + 0  # 0 at 1, not −0


erfinv: Function = _normal(
    "erfinv", lambda S, x: S.erfinv(x), (-0.999, 0.999), lambda out, x: HALF_ROOT_PI * exp(out * out),
    "The inverse of the error function.", expand=_erfinv_code, reference=_erfinv_reference,
    notation=Notation("erf⁻¹", None, r"\operatorname{erf}^{-1}\left(<0>\right)"),
    facts=Facts(parity="odd", nan=(-1.0, 1.0)), sympy=("erfinv",),
    specials=(((0.0,), 0.0), ((1.0,), math.inf), ((-1.0,), -math.inf)), ulps=4.0, reference_ulps=40.0, nanoseconds=14.0,
)  # fmt: skip


def _erfcinv_code(x: Any) -> Any:
    inside = (1 - x) * inverse_error.quotient(-log(x * (2 - x)))
    return where(equal(x, 0), like(math.inf, x), where(equal(x, 2), like(-math.inf, x), inside))


def _erfcinv_partial(out: Any, x: Any) -> Any:
    """−√π/2·exp(z²), which is −√π/2·erfcx(z)/x."""
    return where(x < 1, -HALF_ROOT_PI * erfcx(out) / x, -HALF_ROOT_PI * exp(out * out))


erfcinv: Function = _normal(
    "erfcinv", lambda S, x: S.erfinv(1 - x), (1e-3, 1.999), _erfcinv_partial,
    "The inverse of the complementary error function.", expand=_erfcinv_code, reference=_erfcinv_reference,
    notation=Notation("erfc⁻¹", None, r"\operatorname{erfc}^{-1}\left(<0>\right)"), facts=Facts(nan=(0.0, 2.0)),
    sympy=("erfcinv",),
    specials=(((0.0,), math.inf), ((1.0,), 0.0), ((2.0,), -math.inf)), ulps=4.0, reference_ulps=40.0, nanoseconds=14.0,
)  # fmt: skip


def _ndtri_code(p: Any) -> Any:
    inside = (p - 0.5) * (2 * math.sqrt(2) * inverse_error.quotient(-log(4 * p * (1 - p))))
    return where(equal(p, 0), like(-math.inf, p), where(equal(p, 1), like(math.inf, p), inside))


def _ndtri_partial(out: Any, p: Any) -> Any:
    """√(2π)·exp(z²/2), which is √(π/2)·erfcx(−z/√2)/p."""
    return where(p < 0.5, ROOT_PI_HALVES * erfcx(-ROOT_HALF * out) / p, ROOT_TWO_PI * exp(0.5 * (out * out)))


def _ndtri_reference(p: Any) -> Any:
    with np.errstate(all="ignore"):
        return scipy_special().ndtri(p)


ndtri: Function = _normal(
    "ndtri", lambda S, x: S.sqrt(2) * S.erfinv(2 * x - 1), (1e-3, 0.999), _ndtri_partial,
    "The quantile of the normal distribution, the inverse of Φ.", expand=_ndtri_code, reference=_ndtri_reference,
    notation=Notation("Φ⁻¹", None, r"\Phi^{-1}\left(<0>\right)"), facts=Facts(nan=(0.0, 1.0)),
    specials=(((0.0,), -math.inf), ((0.5,), 0.0), ((1.0,), math.inf)), ulps=4.0, reference_ulps=40.0, nanoseconds=14.0,
)  # fmt: skip

__all__ = ["erfcinv", "erfinv", "log_ndtr", "ndtr", "ndtri"]
