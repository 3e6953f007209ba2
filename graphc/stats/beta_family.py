"""Continuous distributions whose functions are incomplete beta functions: beta, Student's t, and Fisher's F."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.beta import beta as beta_function
from graphc.ops.beta import betainc, betaincc, betaln
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp, log, sqrt
from graphc.ops.incomplete_gamma import betainccinv, betaincinv
from graphc.ops.incomplete_tails import log_betainc, log_betaincc
from graphc.ops.information import kl_div
from graphc.ops.student import log_stdtr, stdtr
from graphc.ops.support.declare import like
from graphc.stats.support import (
    Continuous,
    beyond,
    both,
    density,
    factorial_rest,
    floats,
    inner,
    log1p_square,
    settled,
    standard,
    valid,
)


class Beta(Continuous):
    """The beta distribution of shapes `a` and `b`."""

    def logpdf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """(a − 1)·log y + (b − 1)·log(1 − y) − log B(a, b), by deviances; y = (x − loc)/scale."""
        a, b = floats(a=a, b=b)
        y, scale = standard(x, loc, scale)
        good = both(a > 0, b > 0)
        first, second = inner(a > 0, a, 1.0), inner(b > 0, b, 1.0)
        inside = both(y > 0, y < 1)
        at = inner(inside, y, 0.5)
        rest, total = 1 - at, first + second
        value = (
            (log(first / at) + log(second / (total * rest)))
            + (factorial_rest(total) - factorial_rest(first) - factorial_rest(second))
            - kl_div(first, total * at)
            - kl_div(second, total * rest)
        )
        at_zero = where(equal(a, 1), log(second), where(a < 1, like(math.inf, at), like(-math.inf, at)))
        at_one = where(equal(b, 1), log(first), where(b < 1, like(math.inf, at), like(-math.inf, at)))
        value = where(equal(y, 0), at_zero, where(equal(y, 1), at_one, value))
        return density(y, scale, both(y >= 0, y <= 1), value, good)

    def cdf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _beta_tail(x, a, b, loc, scale, betainc, 0, 1)

    def sf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return _beta_tail(x, a, b, loc, scale, betaincc, 1, 0)

    def logcdf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """log cdf, also where that is no float.

        >>> from graphc.api.evaluate import evaluate
        >>> round(evaluate(beta.logcdf(1e-200, 3.0, 1.0), {}), 6)
        -1381.551056
        """
        return _beta_tail(x, a, b, loc, scale, log_betainc, -math.inf, 0)

    def logsf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _beta_tail(x, a, b, loc, scale, log_betaincc, 0, -math.inf)

    def ppf(self, q: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, b, loc, scale = floats(q=q, a=a, b=b, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0, b > 0), loc + scale * _lower_inverse(a, b, q))

    def isf(self, q: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, a, b, loc, scale = floats(q=q, a=a, b=b, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0, b > 0), loc + scale * betainccinv(a, b, q))


def _beta_tail(
    x: Any, a: Any, b: Any, loc: Any, scale: Any, function: Any, below: float, above: float
) -> Any:
    a, b = floats(a=a, b=b)
    y, scale = standard(x, loc, scale)
    good, inside = both(a > 0, b > 0), both(y > 0, y < 1)
    value = function(inner(good, a, 1.0), inner(good, b, 1.0), inner(inside, y, 0.5))
    return valid(both(scale > 0, good), beyond(inside, value, y, (y <= 0, below), (y >= 1, above)))


class F(Continuous):
    """Fisher's F distribution: the quotient of two χ² variables over their degrees of freedom, `dfn` above and `dfd` below."""

    def logpdf(self, x: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """a·log y + b·log(1 − y) − log B(a, b) − log z by deviances, y = dfn·z/(dfn·z + dfd), a = dfn/2, b = dfd/2."""
        dfn, dfd = floats(dfn=dfn, dfd=dfd)
        z, scale = standard(x, loc, scale)
        good = both(dfn > 0, dfd > 0)
        a, b, inside = 0.5 * inner(good, dfn, 2.0), 0.5 * inner(good, dfd, 2.0), both(z > 0, z < math.inf)
        at = inner(inside, z, 1.0)
        w, total = a / b * at, a + b
        # both shares by the one of w and 1/w that is at most 1
        large = w > 1
        small = where(large, 1 / where(large, w, like(1, w)), w)
        share, rest = small / (1 + small), 1 / (1 + small)
        y, other = where(large, rest, share), where(large, share, rest)
        value = (
            (log(a) + log(b / total) - log(at))
            + (factorial_rest(total) - factorial_rest(a) - factorial_rest(b))
            - (kl_div(a, total * y) + kl_div(b, total * other))
        )
        edge = where(equal(a, 1), like(0, at), where(a < 1, like(math.inf, at), like(-math.inf, at)))
        return density(z, scale, both(z >= 0, z < math.inf), where(equal(z, 0), edge, value), good)

    def cdf(self, x: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _f_tail(x, dfn, dfd, loc, scale, betainc, betaincc, 0, 1)

    def sf(self, x: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one: the p-value of a test."""
        return _f_tail(x, dfn, dfd, loc, scale, betaincc, betainc, 1, 0)

    def logcdf(self, x: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _f_tail(x, dfn, dfd, loc, scale, log_betainc, log_betaincc, -math.inf, 0)

    def logsf(self, x: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _f_tail(x, dfn, dfd, loc, scale, log_betaincc, log_betainc, 0, -math.inf)

    def ppf(self, q: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """By the inverse of the incomplete beta function, of y or of 1 − y, whichever is small."""
        return _f_quantile(q, dfn, dfd, loc, scale, _lower_inverse, betainccinv)

    def isf(self, q: Any, dfn: Any, dfd: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        return _f_quantile(q, dfn, dfd, loc, scale, betainccinv, _lower_inverse)


def _f_tail(
    x: Any, dfn: Any, dfd: Any, loc: Any, scale: Any, function: Any, mirrored: Any, below: float, above: float
) -> Any:
    """A function of y = w/(1 + w), w = dfn·z/dfd, or that of 1 − y = 1/(1 + w), whichever is small."""
    dfn, dfd = floats(dfn=dfn, dfd=dfd)
    z, scale = standard(x, loc, scale)
    good, inside = both(dfn > 0, dfd > 0), both(z > 0, z < math.inf)
    a, b = 0.5 * inner(good, dfn, 2.0), 0.5 * inner(good, dfd, 2.0)
    w = a / b * inner(inside, z, 1.0)
    high = w > 1
    low, far = inner(w <= 1, w, 1.0), inner(high, w, 2.0)
    value = where(high, mirrored(b, a, 1 / (1 + far)), function(a, b, low / (1 + low)))
    edges = (z <= 0, below), (equal(z, math.inf), above)
    return valid(both(scale > 0, good), beyond(inside, value, z, *edges))


def _f_quantile(q: Any, dfn: Any, dfd: Any, loc: Any, scale: Any, inverse: Any, mirrored: Any) -> Any:
    q, dfn, dfd, loc, scale = floats(q=q, dfn=dfn, dfd=dfd, loc=loc, scale=scale)
    a, b = 0.5 * dfn, 0.5 * dfd
    y = inverse(a, b, q)
    high = y > 0.5
    rest = mirrored(b, a, q)
    low, other = inner(high, rest, 0.5), where(high, like(0.5, y), y)
    value = where(high, (1 - low) / low, other / (1 - other))
    return valid(both(scale > 0, dfn > 0, dfd > 0, q >= 0, q <= 1), loc + scale * (b / a * value))


SMALL = 1e-17
"""Below this Iₓ(a, b) is xᵃ/(a·B(a, b)), to rounding."""


def _lower_inverse(a: Any, b: Any, q: Any) -> Any:
    """The inverse of I, by a power where x is small: SciPy's ends at the least normal number, or before."""
    x = betaincinv(a, b, q)
    small = both(x < SMALL, q > 0)
    shape, other, at = inner(small, a, 1.0), inner(small, b, 1.0), inner(small, q, 1.0)
    power = exp((log(at) + log(shape) + betaln(shape, other)) / shape)
    share = power**shape / (shape * beta_function(shape, other) * at)
    return where(small, settled(power, shape, share), x)


class T(Continuous):
    """Student's t distribution of `df` degrees of freedom."""

    def logpdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """−(ν + 1)/2·log(1 + z²/ν) − log B(½, ν/2) − ½·log ν."""
        (df,) = floats(df=df)
        z, scale = standard(x, loc, scale)
        nu = inner(df > 0, df, 1.0)
        half = 0.5 * nu
        value = -(half + 0.5) * log1p_square(z / sqrt(nu)) - betaln(half, like(0.5, half)) - 0.5 * log(nu)
        return density(z, scale, None, value, df > 0)

    def cdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _student(stdtr, x, df, loc, scale, 1)

    def sf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return _student(stdtr, x, df, loc, scale, -1)

    def logcdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """log cdf, also where that is no float.

        >>> from graphc.api.evaluate import evaluate
        >>> round(evaluate(t.logcdf(-1e200, 2.0), {}), 6)
        -921.727184
        """
        return _student(log_stdtr, x, df, loc, scale, 1)

    def logsf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _student(log_stdtr, x, df, loc, scale, -1)

    def ppf(self, q: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """By the inverse of the incomplete beta function, of z²/(ν + z²) in the middle and of ν/(ν + z²) in the tails."""
        q, df, loc, scale = floats(q=q, df=df, loc=loc, scale=scale)
        good = both(scale > 0, df > 0, q >= 0, q <= 1)
        return valid(good, loc + scale * _student_quantile(q, df))

    def isf(self, q: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, df, loc, scale = floats(q=q, df=df, loc=loc, scale=scale)
        good = both(scale > 0, df > 0, q >= 0, q <= 1)
        return valid(good, loc - scale * _student_quantile(q, df))


def _student(function: Any, x: Any, df: Any, loc: Any, scale: Any, sign: int) -> Any:
    (df,) = floats(df=df)
    z, scale = standard(x, loc, scale)
    return valid(both(scale > 0, df > 0), function(inner(df > 0, df, 1.0), z if sign > 0 else -z))


def _student_quantile(q: Any, df: Any) -> Any:
    half, smaller = 0.5 * df, where(q > 0.5, 1 - q, q)
    center = smaller > 0.25
    y = betaincinv(like(0.5, half), half, where(center, 1 - 2 * smaller, like(0.5, q)))
    twice = where(center, like(0.5, q), 2 * smaller)
    tail = betaincinv(half, like(0.5, half), twice)
    far = both(tail < SMALL, twice > 0)
    nu, at, usual = inner(far, df, 1.0), inner(far, smaller, 1.0), where(far, like(0.5, tail), tail)
    power = exp(-(log(at) + log(nu) + betaln(0.5 * nu, like(0.5, nu))) / nu)
    share = power**-nu / (nu * beta_function(0.5 * nu, like(0.5, nu)) * at)
    power = settled(power, -nu, share)
    outer = where(far, power, sqrt((1 - usual) / usual))
    size = sqrt(df) * where(center, sqrt(y / (1 - y)), outer)
    return where(q > 0.5, size, -size)


beta: Beta = Beta("beta")
f: F = F("f")
t: T = T("t")

__all__ = ["beta", "f", "t"]
