"""Continuous distributions of one variable whose functions are special ones: normal, Student's, gamma, beta."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.beta import betainc, betaincc, betaln
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp, log, log1p, sqrt
from graphc.ops.incomplete_gamma import betaincinv, gammainc, gammaincc, gammainccinv, gammaincinv
from graphc.ops.information import kl_div
from graphc.ops.normal import erfinv, log_ndtr, ndtr, ndtri
from graphc.ops.special import erf
from graphc.ops.support.declare import like
from graphc.stats.support import (
    HALF_LOG_TWO_PI,
    Distribution,
    beyond,
    both,
    density,
    factorial_rest,
    floats,
    inner,
    log1p_square,
    standard,
    valid,
)

SQRT_HALF = math.sqrt(0.5)


class Normal(Distribution):
    """The normal distribution of mean `loc` and standard deviation `scale`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """−½((x − loc)/scale)² − log scale − ½·log 2π.

        >>> from graphc.api.evaluate import evaluate
        >>> evaluate(norm.logpdf(40.0), {})
        -800.9189385332047
        """
        z, scale = standard(x, loc, scale)
        return density(z, scale, None, -0.5 * z * z - HALF_LOG_TWO_PI)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, ndtr(z))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, ndtr(-z))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, log_ndtr(z))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, log_ndtr(-z))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """The quantile of a probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc + scale * ndtri(q))


class Halfnorm(Distribution):
    """|x| of a normal x, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, z >= 0, -0.5 * z * z + 0.5 * math.log(2 / math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        inside = z > 0
        return valid(scale > 0, beyond(inside, erf(inner(inside, z, 1.0) * SQRT_HALF), z, (z <= 0, 0)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        inside = z > 0
        return valid(scale > 0, beyond(inside, 2 * ndtr(-inner(inside, z, 1.0)), z, (z <= 0, 1)))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        near, far = both(z > 0, z < 1), z >= 1
        low = log(erf(inner(near, z, 0.5) * SQRT_HALF))
        high = log1p(-2 * ndtr(-inner(far, z, 2.0)))
        return valid(scale > 0, beyond(z > 0, where(far, high, low), z, (z <= 0, -math.inf)))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        near = log1p(-erf(inner(both(z > 0, z < 1), z, 0.5) * SQRT_HALF))
        far = math.log(2) + log_ndtr(-inner(z >= 1, z, 2.0))
        return valid(scale > 0, beyond(z > 0, where(z < 1, near, far), z, (z <= 0, 0)))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q >= 0), loc + scale * (erfinv(q) / SQRT_HALF))


class Lognorm(Distribution):
    """exp of a normal variable of standard deviation `s` and mean log `scale`: SciPy's parameters."""

    def logpdf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (s,) = floats(s=s)
        y, scale = standard(x, loc, scale)
        inside = y > 0
        w = log(inner(inside, y, 1.0))
        z = w / s
        value = -0.5 * z * z - w - log(inner(s > 0, s, 1.0)) - HALF_LOG_TWO_PI
        return density(y, scale, inside, value, s > 0)

    def cdf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (s,) = floats(s=s)
        y, scale = standard(x, loc, scale)
        inside = y > 0
        return valid(
            both(scale > 0, s > 0), beyond(inside, ndtr(log(inner(inside, y, 1.0)) / s), y, (y <= 0, 0))
        )

    def sf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._normal(x, s, loc, scale, lambda z: ndtr(-z), 1)

    def logcdf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._normal(x, s, loc, scale, log_ndtr, -math.inf)

    def logsf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._normal(x, s, loc, scale, lambda z: log_ndtr(-z), 0)

    def ppf(self, q: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, s, loc, scale = floats(q=q, s=s, loc=loc, scale=scale)
        return valid(both(scale > 0, s > 0), loc + scale * exp(s * ndtri(q)))

    def _normal(self, x: Any, s: Any, loc: Any, scale: Any, function: Any, below: float) -> Any:
        """A function of the standardised logarithm, and its value below the support."""
        (s,) = floats(s=s)
        y, scale = standard(x, loc, scale)
        value = function(log(inner(y > 0, y, 1.0)) / s)
        return valid(both(scale > 0, s > 0), beyond(y > 0, value, y, (y <= 0, below)))


class T(Distribution):
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
        return self._tail(x, df, loc, scale, -1)

    def sf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return self._tail(x, df, loc, scale, 1)

    def _tail(self, x: Any, df: Any, loc: Any, scale: Any, sign: int) -> Any:
        """The probability beyond z on the side of the sign: ½·I of ν/(ν + z²) of the smaller tail."""
        (df,) = floats(df=df)
        z, scale = standard(x, loc, scale)
        square = z * z
        half = 0.5 * df
        center = square < df
        # of the two arguments, which add to 1, that which is small
        near = 0.5 * betaincc(like(0.5, half), half, inner(center, square / (df + square), 0.5))
        far = 0.5 * betainc(half, like(0.5, half), inner(center == 0, df / (df + square), 0.5))
        small = where(center, near, far)
        return valid(both(scale > 0, df > 0), where(z * sign > 0, small, 1 - small))

    def ppf(self, q: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """By the inverse of the incomplete beta function, of z²/(ν + z²) in the middle and of ν/(ν + z²) in the tails."""
        q, df, loc, scale = floats(q=q, df=df, loc=loc, scale=scale)
        half, smaller = 0.5 * df, where(q > 0.5, 1 - q, q)
        center = smaller > 0.25
        y = betaincinv(like(0.5, half), half, where(center, 1 - 2 * smaller, like(0.5, q)))
        tail = betaincinv(half, like(0.5, half), where(center, like(0.5, q), 2 * smaller))
        size = sqrt(df) * where(center, sqrt(y / (1 - y)), sqrt((1 - tail) / tail))
        good = both(scale > 0, df > 0, q >= 0, q <= 1)
        return valid(good, loc + scale * where(q > 0.5, size, -size))


class Gamma(Distribution):
    """The gamma distribution of shape `a`."""

    def logpdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """(a − 1)·log y − y − log Γ(a), by the deviance of y from a; y = (x − loc)/scale."""
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        return density(y, scale, *_gamma(y, a), a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        return valid(both(scale > 0, a > 0), beyond(y > 0, gammainc(a, inner(y > 0, y, 1.0)), y, (y <= 0, 0)))

    def sf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        return valid(
            both(scale > 0, a > 0), beyond(y > 0, gammaincc(a, inner(y > 0, y, 1.0)), y, (y <= 0, 1))
        )

    def ppf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale * gammaincinv(a, q))


def _gamma(y: Any, a: Any) -> tuple[Any, Any]:
    """Where the gamma distribution has a density, and its logarithm there."""
    shape = inner(a > 0, a, 1.0)
    inside = both(y > 0, y < math.inf)
    at = inner(inside, y, 1.0)
    value = log(shape / at) - factorial_rest(shape) - kl_div(shape, at)
    edge = where(equal(a, 1), 0 * at, where(a < 1, like(math.inf, at), like(-math.inf, at)))
    return both(y >= 0, y < math.inf), where(equal(y, 0), edge, value)


class Invgamma(Distribution):
    """1/x of a gamma variable x."""

    def logpdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        inside = both(y > 0, y < math.inf)
        at = inner(inside, y, 1.0)
        value = _gamma(1 / at, a)[1] - 2 * log(at)
        return density(y, scale, inside, value, a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        return valid(
            both(scale > 0, a > 0), beyond(y > 0, gammaincc(a, 1 / inner(y > 0, y, 1.0)), y, (y <= 0, 0))
        )

    def ppf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale / gammainccinv(a, q))


class Beta(Distribution):
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
        a, b = floats(a=a, b=b)
        y, scale = standard(x, loc, scale)
        inside = both(y > 0, y < 1)
        value = betainc(a, b, inner(inside, y, 0.5))
        return valid(both(scale > 0, a > 0, b > 0), beyond(inside, value, y, (y <= 0, 0), (y >= 1, 1)))

    def sf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        a, b = floats(a=a, b=b)
        y, scale = standard(x, loc, scale)
        inside = both(y > 0, y < 1)
        value = betaincc(a, b, inner(inside, y, 0.5))
        return valid(both(scale > 0, a > 0, b > 0), beyond(inside, value, y, (y <= 0, 1), (y >= 1, 0)))

    def ppf(self, q: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, b, loc, scale = floats(q=q, a=a, b=b, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0, b > 0), loc + scale * betaincinv(a, b, q))


norm: Normal = Normal("norm")
t: T = T("t")
gamma: Gamma = Gamma("gamma")
beta: Beta = Beta("beta")
lognorm: Lognorm = Lognorm("lognorm")
halfnorm: Halfnorm = Halfnorm("halfnorm")
invgamma: Invgamma = Invgamma("invgamma")

__all__ = ["beta", "gamma", "halfnorm", "invgamma", "lognorm", "norm", "t"]
