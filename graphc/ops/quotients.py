"""Quotients with a removable singularity at 0 as functions: defined there, with derivatives that keep their digits around it.

As written, sin(πx)/(πx) is 0/0 at 0, and each derivative loses its leading digits near 0 once more. The partials here are power
series near 0 and the quotient's own formula further out; both are user syntax, so that derivatives of any order follow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Notation, Op
from graphc.ir.types import TypeRule, floating
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import cos, exp, expm1, sin
from graphc.ops.rounding import round
from graphc.ops.support.declare import Function, declare, like
from graphc.ops.support.polynomial import horner

EXPREL_NEAR = 2.5
EXPREL_TERMS = 32
SINC_NEAR = 0.75
SINC_TERMS = 20


def _exprel_reference(x: Any) -> Any:
    with np.errstate(all="ignore"):
        half = np.exp(x / 2)
        quotient = np.where(x > 80, half / x * half, np.expm1(x) / np.where(x == 0, x.dtype.type(1), x))
        return np.where(
            x == 0, x.dtype.type(1), np.where(np.isinf(x), np.where(x > 0, x, 0), quotient)
        ).astype(x.dtype)


def _exprel_code(x: Any) -> Any:
    half = exp(x * 0.5)
    beyond = where(x > 80, where(x < math.inf, half / x * half, x), expm1(x) / x)
    return where(equal(x, 0), like(1, x), beyond)


def _exprel_partial(out: Any, x: Any) -> Any:
    """∫₀¹ t·e^(tx) dt: (eˣ − exprel x)/x, for positive x as exprel x·(1 − 1/x) + 1/x, since eˣ overflows first."""
    series = horner([k / math.factorial(k + 1) for k in range(1, EXPREL_TERMS)], x)
    return where(abs(x) < EXPREL_NEAR, series, where(x > 0, out * (1 - 1 / x) + 1 / x, (exp(x) - out) / x))


exprel: Function = declare(
    Op(
        name="exprel",
        scipy=("exprel",),
        params=("x",),
        summary="(eˣ − 1)/x, and 1 at 0.",
        types=TypeRule(floating),
        reference=_exprel_reference,
        formula=lambda S, x: S.Piecewise((S.Integer(1), S.Eq(x, 0)), ((S.exp(x) - 1) / x, True)),
        domain=((-30.0, 30.0),),
        smooth_at=lambda x: x != 0,
        partials=(_exprel_partial,),
        expand=_exprel_code,
        notation=Notation("exprel"),
        facts=Facts(monotone=1, range=(0.0, math.inf), nan="never"),
        specials=(((0.0,), 1.0), ((-0.0,), 1.0), ((math.inf,), math.inf), ((-math.inf,), 0.0)),
        ulps=4.0,
        reference_ulps=4.0,
        nanoseconds=2.0,
    )
)


def _sinc_reference(x: Any) -> Any:
    with np.errstate(all="ignore"):
        n = np.rint(x)
        sign = 1 - 2 * np.abs(n - 2 * np.rint(n / 2))
        quotient = sign * np.sin(x.dtype.type(np.pi) * (x - n)) / (x.dtype.type(np.pi) * x)
        return np.where(x == 0, x.dtype.type(1), quotient + 0).astype(x.dtype)  # 0 is +0 on either side


def _sinc_code(x: Any) -> Any:
    n = round(x)
    sign = 1 - 2 * abs(n - 2 * round(n * 0.5))
    return where(equal(x, 0), like(1, x), sign * sin(math.pi * (x - n)) / (math.pi * x) + 0.0)


def _sinc_partial(out: Any, x: Any) -> Any:
    """(cos πx − sinc x)/x; the cosine of what is left of x beside an even number."""
    coefficients = [
        2 * k * (-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, SINC_TERMS)
    ]
    phase = x - 2 * round(x * 0.5)
    return where(abs(x) < SINC_NEAR, x * horner(coefficients, x * x), (cos(math.pi * phase) - out) / x)


sinc: Function = declare(
    Op(
        name="sinc",
        params=("x",),
        summary="The normalised cardinal sine sin(πx)/(πx), and 1 at 0: as NumPy's.",
        notes="0 at whole numbers, since π·x is not rounded before the sine is taken.",
        types=TypeRule(floating),
        reference=_sinc_reference,
        formula=lambda S, x: S.Piecewise(
            (S.Integer(1), S.Eq(x, 0)), (S.sin(S.acos(-1) * x) / (S.acos(-1) * x), True)
        ),
        domain=((-8.0, 8.0),),
        smooth_at=lambda x: x != 0,
        partials=(_sinc_partial,),
        expand=_sinc_code,
        notation=Notation("sinc", None, r"\operatorname{sinc}\left(<0>\right)"),
        facts=Facts(parity="even", range=(-0.25, 1.0), nan="infinite"),
        specials=(((0.0,), 1.0), ((-0.0,), 1.0)),
        ulps=4.0,
        reference_ulps=4.0,
        nanoseconds=3.0,
    )
)

__all__ = ["exprel", "sinc"]
