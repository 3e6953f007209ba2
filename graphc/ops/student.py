"""The distribution function of Student's t, and its logarithm: incomplete beta functions of 1/(1 + u²) or u²/(1 + u²), u = x/√ν.

Of the two arguments, which add to 1, that which is small is taken. Far out, where u² overflows, the tail is the power
u^−ν/(ν·B(ν/2, ½)).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Notation
from graphc.ops.beta import beta, betainc, betaincc, betaln, no_closed_form
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp, hypot, log, log1p, sqrt
from graphc.ops.incomplete_tails import FLOOR, LOG_FLOOR, beta_rest, log_betainc, log_betaincc
from graphc.ops.normal import ROOT_TWO_PI, log_ndtr, log_ndtr_partial, ndtr
from graphc.ops.support.declare import Function, like
from graphc.ops.support.scipy_ops import scipys, special

FAR = 1e8
"""Of u: from here on 1 + u² is u², to rounding."""


def _inner(condition: Any, x: Any, instead: float) -> Any:
    return where(condition, x, like(instead, x))


def _parts(df: Any, x: Any) -> tuple[Any, Any, Any]:
    """Degrees of freedom and u where both are usable, and where that is."""
    known = (df > 0) & (df < math.inf) & (abs(x) < math.inf)
    nu = _inner(known, df, 1.0)
    return nu, _inner(known, abs(x), 0.0) / sqrt(nu), known


def student_density(df: Any, x: Any) -> Any:
    """(1 + u²)^−(ν + 1)/2 / (√ν·B(½, ν/2)), by a power where its exponent would lose digits."""
    nu, u, known = _parts(df, x)
    large = u > 1
    near = exp(-0.5 * (nu + 1) * log1p(_inner(u <= 1, u, 0.0) ** 2))
    size = hypot(like(1, u), _inner(large, u, 2.0))
    kernel = where(large, size ** (-nu) / size, near)  # not by ν + 1, whose rounding a large size shows
    value = kernel / (sqrt(nu) * beta(like(0.5, nu), 0.5 * nu))
    normal = exp(-0.5 * (x * x)) * (1 / ROOT_TWO_PI)
    infinite = where((df > 0) & (df < math.inf) & (abs(x) > 0), like(0, value), like(math.nan, value))
    return where(known, value, where(equal(df, math.inf), normal, infinite))


def _edges(df: Any, x: Any, known: Any, value: Any, normal: Any, below: float, above: float) -> Any:
    """A value, its limits at infinite x, and the normal distribution's of infinite ν."""
    infinite = (df > 0) & (df < math.inf)
    value = where(equal(df, math.inf), normal(x), value)
    known = known | equal(df, math.inf)
    edge = where(infinite & (x > 0), like(above, value), like(math.nan, value))
    return where(known, value, where(infinite & (x < 0), like(below, value), edge))


def _stdtr_code(df: Any, x: Any) -> Any:
    nu, u, known = _parts(df, x)
    half, large, far = 0.5 * nu, u > 1, u > FAR
    low, high = _inner(u <= 1, u, 0.5) ** 2, _inner(large & (u <= FAR), u, 2.0) ** 2
    center = 0.5 * betaincc(like(0.5, half), half, low / (1 + low))
    outer = 0.5 * betainc(half, like(0.5, half), 1 / (1 + high))
    power = _inner(far, u, FAR) ** (-nu) / (nu * beta(half, like(0.5, half)))
    tail = where(large, where(far, power, outer), center)
    return _edges(df, x, known, where(x < 0, tail, 1 - tail), ndtr, 0.0, 1.0)


def _stdtr_reference(df: Any, x: Any) -> Any:
    """SciPy's, and the power where that is 0 because x² overflows."""
    with np.errstate(all="ignore"):
        usual = np.asarray(scipys("stdtr")(df, x))
        power = np.exp(-df * np.log(np.abs(x) / np.sqrt(df)) - scipys("betaln")(df / 2, 0.5)) / df
        far = (np.abs(x) > FAR * np.sqrt(df)) & np.isfinite(x) & (df > 0) & np.isfinite(df)
        return np.where(far, np.where(x < 0, power, 1 - power), usual).astype(usual.dtype)[()]


def _share(S: Any, df: Any, x: Any) -> Any:
    a, b = df / 2, df / df / 2
    return S.betainc(a, b, 0, df / (df + x * x)) * S.gamma(a + b) / (S.gamma(a) * S.gamma(b)) / 2


stdtr: Function = special(
    "stdtr", ("df", "x"), lambda S, df, x: 1 - _share(S, df, x), ((0.5, 20.0), (0.1, 10.0)),
    (no_closed_form("df", "stdtr"), lambda out, df, x: student_density(df, x)),
    "The distribution function of Student's t distribution of df degrees of freedom.", expand=_stdtr_code,
    reference=_stdtr_reference, library="scipy",
    facts=Facts(range=(0.0, 1.0)), notation=Notation("T", None, r"T_{<0>}\left(<1>\right)"), ulps=1000.0, reference_ulps=1000.0,
    specials=(((3.0, 0.0), 0.5), ((3.0, math.inf), 1.0), ((3.0, -math.inf), 0.0)), nanoseconds=500.0,
)  # fmt: skip


def _log_stdtr_code(df: Any, x: Any) -> Any:
    nu, u, known = _parts(df, x)
    half, large, far = 0.5 * nu, u > 1, u > FAR
    low, high = _inner(u <= 1, u, 0.5) ** 2, _inner(large & (u <= FAR), u, 2.0) ** 2
    center = log_betaincc(like(0.5, half), half, low / (1 + low)) - math.log(2)
    outer = log_betainc(half, like(0.5, half), 1 / (1 + high)) - math.log(2)
    power = -nu * log(_inner(far, u, FAR)) - log(nu) - betaln(half, like(0.5, half))
    tail = where(large, where(far, power, outer), center)
    value = where(x > 0, log1p(-stdtr(nu, _inner(known & (x > 0), -x, -1.0))), tail)
    return _edges(df, x, known, value, log_ndtr, -math.inf, -0.0)


def _log_stdtr_slope(out: Any, df: Any, x: Any) -> Any:
    """Of a tail below FLOOR 2·rest/|x|, of the continued fraction of the beta function; else a density over a probability."""
    deep = (out < LOG_FLOOR) & (out > -math.inf)
    nu, at = _inner(deep, df, 4.0), -_inner(deep, x, -1e10)
    u = at / sqrt(nu)
    size = hypot(like(1, u), u)
    low, share = 1 / size, u / size
    half = 0.5 * nu
    rest = beta_rest(
        half, like(0.5, half), low * low, share * share, half * share * share - 0.5 * (low * low)
    )
    usual = student_density(df, x) / stdtr(df, where(deep, like(0, x), x))
    return where(equal(df, math.inf), log_ndtr_partial(out, x), where(deep, 2 * rest / at, usual))


def _log_stdtr_reference(df: Any, x: Any) -> Any:
    with np.errstate(all="ignore"):
        below, above = scipys("stdtr")(df, x), scipys("stdtr")(df, -np.asarray(x))
        usual = np.where(below > 0.5, np.log1p(-above), np.log(below))
        half, u = df / 2, np.abs(x) / np.sqrt(df)
        low, share = 1 / np.hypot(1, u), u / np.hypot(1, u)
        rest = beta_rest(half, 0.5, low * low, share * share, half * share * share - 0.5 * (low * low))
        tail = df * np.log(low) + np.log(share) - scipys("betaln")(half, 0.5) - np.log(rest) - math.log(2)
        deep = (below < FLOOR) & (x < 0) & (df > 0) & np.isfinite(df) & np.isfinite(x)
        usual = np.where(df == np.inf, scipys("log_ndtr")(x), usual)
        return np.where(deep, tail, usual).astype(np.asarray(below).dtype)[()]


log_stdtr: Function = special(
    "log_stdtr", ("df", "x"), lambda S, df, x: S.log(1 - _share(S, df, x)), ((0.5, 20.0), (0.1, 10.0)),
    (no_closed_form("df", "log_stdtr"), _log_stdtr_slope),
    "The logarithm of the distribution function of Student's t distribution, also where that is no float.",
    expand=_log_stdtr_code, reference=_log_stdtr_reference, facts=Facts(range=(-math.inf, 0.0)), scipy=(),
    notation=Notation("log T", None, r"\log T_{<0>}\left(<1>\right)"), ulps=2000.0, reference_ulps=1e6,
    library="scipy", nanoseconds=1000.0,
    specials=(((3.0, math.inf), -0.0), ((3.0, -math.inf), -math.inf)),
)  # fmt: skip

__all__ = ["log_stdtr", "stdtr"]
