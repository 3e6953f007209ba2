"""Entropies and what they are made of: x·log y with 0 at x = 0, as SciPy's; and the log-odds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.arithmetic import divide
from graphc.ops.comparison import equal, isnan, where
from graphc.ops.elementary import atanh, log, log1p
from graphc.ops.special import scipy_special
from graphc.ops.support.declare import Function, declare, like
from graphc.ops.support.polynomial import horner

_SERIES = [2 / (2 * k + 3) for k in range(18)]
"""2·(artanh t − t)/t³ in t²."""


def _information(name, params, formula, domain, partials, summary, **more):
    def reference(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            return getattr(scipy_special(), name)(*operands)

    return declare(
        Op(
            name=name,
            params=params,
            summary=summary,
            types=FLOATING,
            reference=more.pop("reference", reference),
            formula=formula,
            domain=domain,
            partials=partials,
            category="special",
            scipy=(name,),
            notation=more.pop("notation", Notation(name)),
            **more,
        )
    )


def _zero_times(x: Any, y: Any, product: Any) -> Any:
    """The product, and 0 where x is 0, whatever y is but NaN."""
    return where(equal(x, 0) & ~isnan(y), like(0, product), product)


xlogy: Function = _information(
    "xlogy", ("x", "y"), lambda S, x, y: x * S.log(y), ((0.1, 10.0), (0.1, 10.0)),
    (lambda out, x, y: log(y), lambda out, x, y: where(equal(x, 0), like(0, out), x / y)),
    "x·log y, and 0 at x = 0 whatever y is but NaN.", expand=lambda x, y: _zero_times(x, y, x * log(y)),
    notation=Notation("x·log y"), specials=(((0.0, 0.0), 0.0), ((0.0, -1.0), 0.0), ((0.0, math.inf), 0.0)), ulps=2.0,
    nanoseconds=2.0,
)  # fmt: skip
xlog1py: Function = _information(
    "xlog1py", ("x", "y"), lambda S, x, y: x * S.log(1 + y), ((0.1, 10.0), (-0.9, 10.0)),
    (lambda out, x, y: log1p(y), lambda out, x, y: where(equal(x, 0), like(0, out), x / (1 + y))),
    "x·log(1 + y), and 0 at x = 0 whatever y is but NaN.", expand=lambda x, y: _zero_times(x, y, x * log1p(y)),
    notation=Notation("x·log1p y"), specials=(((0.0, -1.0), 0.0), ((0.0, -3.0), 0.0)), ulps=2.0, nanoseconds=2.0,
    reference_ulps=4.0,
)  # fmt: skip


def _entr_code(x: Any) -> Any:
    return where(x > 0, -x * log(x), where(equal(x, 0), like(0, x), where(x < 0, like(-math.inf, x), x)))


entr: Function = _information(
    "entr", ("x",), lambda S, x: -x * S.log(x), ((0.01, 10.0),), (lambda out, x: -log(x) - 1,),
    "The entropy −x·log x of one share: 0 at 0, −∞ below.", expand=_entr_code, facts=Facts(nan="never"),
    specials=(((0.0,), 0.0), ((-1.0,), -math.inf), ((math.inf,), -math.inf)), ulps=2.0, nanoseconds=2.0,
)  # fmt: skip


def _log_ratio(x: Any, y: Any) -> Any:
    """log(x/y) for x, y > 0: near 1 by their difference, whose digits are known; apart where the quotient overflows."""
    ratio = x / y
    least = 2.0**-120 if x.dtype.itemsize == 4 else 2.0**-1000
    apart = where((ratio < least) | (ratio > 1 / least), log(x) - log(y), log(ratio))
    return where((ratio > 0.5) & (ratio < 2), log1p((x - y) / y), apart)


def _inside(x: Any, y: Any) -> Any:
    return (x > 0) & (y > 0)


def _rel_entr_code(x: Any, y: Any) -> Any:
    edge = where(equal(x, 0) & (y >= 0), like(0, x), where(isnan(x) | isnan(y), x + y, like(math.inf, x)))
    return where(_inside(x, y), x * _log_ratio(x, y), edge)


rel_entr: Function = _information(
    "rel_entr", ("x", "y"), lambda S, x, y: x * S.log(x / y), ((0.1, 10.0), (0.1, 10.0)),
    (lambda out, x, y: _log_ratio(x, y) + 1, lambda out, x, y: -divide(x, y)),
    "The relative entropy x·log(x/y) of two shares: 0 at x = 0 ≤ y, ∞ where one is below.", expand=_rel_entr_code,
    specials=(((0.0, 0.0), 0.0), ((0.0, 2.0), 0.0), ((1.0, 0.0), math.inf), ((-1.0, 1.0), math.inf)), ulps=6.0,
    reference_ulps=1e4, nanoseconds=6.0,
)  # fmt: skip


def kl_term(x: Any, y: Any, gap: Any = None) -> Any:
    """x·log(x/y) − x + y for x, y > 0, from t = (x − y)/(x + y) near x = y, where it is 2y(t·artanh t + artanh t − t)/(1 − t).

    gap : x − y, where more digits of it are known than x and y have
    """
    t = (x - y if gap is None else gap) / (x + y)
    square = t * t
    rest = square * t * horner(_SERIES, square)  # 2(artanh t − t)
    near = y * ((rest + t * (rest + 2 * t)) / (1 - t))
    return where(abs(t) < 1 / 3, near, x * _log_ratio(x, y) + (y - x))


def _one_minus(x: Any, y: Any) -> Any:
    """1 − x/y, near 0 by their difference."""
    ratio = x / y
    return where((ratio > 0.5) & (ratio < 2), (y - x) / y, 1 - ratio)


def _kl_div_code(x: Any, y: Any) -> Any:
    edge = where(equal(x, 0) & (y >= 0), y, where(isnan(x) | isnan(y), x + y, like(math.inf, x)))
    return where(_inside(x, y), kl_term(x, y), edge)


kl_div: Function = _information(
    "kl_div", ("x", "y"), lambda S, x, y: x * S.log(x / y) - x + y, ((0.1, 10.0), (0.1, 10.0)),
    (lambda out, x, y: _log_ratio(x, y), lambda out, x, y: _one_minus(x, y)),
    "x·log(x/y) − x + y, a term of the Kullback–Leibler divergence: y at x = 0 ≤ y, ∞ where one is below.", expand=_kl_div_code,
    specials=(((0.0, 0.0), 0.0), ((0.0, 2.0), 2.0), ((1.0, 0.0), math.inf), ((-1.0, 1.0), math.inf), ((3.0, 3.0), 0.0)), ulps=8.0,
    reference_ulps=1e6, nanoseconds=8.0,
)  # fmt: skip


def _logit_code(x: Any) -> Any:
    """log(x/(1 − x)); by 2x − 1, which is exact, near a half."""
    return where(abs(x - 0.5) < 0.25, 2 * atanh(2 * x - 1), log(x / (1 - x)))


logit: Function = _information(
    "logit", ("x",), lambda S, x: S.log(x / (1 - x)), ((0.01, 0.99),), (lambda out, x: 1 / (x * (1 - x)),),
    "The log-odds log(x/(1 − x)), the inverse of the logistic function.", expand=_logit_code,
    facts=Facts(nan=(0.0, 1.0), inverse="sigmoid"),
    specials=(((0.0,), -math.inf), ((0.5,), 0.0), ((1.0,), math.inf)), ulps=4.0, reference_ulps=40.0, nanoseconds=3.0,
)  # fmt: skip

__all__ = ["entr", "kl_div", "logit", "rel_entr", "xlog1py", "xlogy"]
