"""Continuous distributions of one variable."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.beta import betainc, betaincc, betaln
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import atan, exp, expm1, log, log1p, sqrt
from graphc.ops.incomplete_gamma import betaincinv, gammainc, gammaincc, gammainccinv, gammaincinv
from graphc.ops.information import kl_div, logit
from graphc.ops.logistic import log_sigmoid, sigmoid
from graphc.ops.normal import log_ndtr, ndtr, ndtri
from graphc.ops.support.declare import like
from graphc.stats.support import (
    HALF_LOG_TWO_PI,
    Distribution,
    beyond,
    both,
    factorial_rest,
    floats,
    inner,
    supported,
    valid,
)


def _standard(x: Any, loc: Any, scale: Any) -> tuple[Expr, Expr]:
    """(x − loc)/scale, and the scale where it is one."""
    x, loc, scale = floats(x=x, loc=loc, scale=scale)
    return (x - loc) / scale, scale


def _density(z: Any, scale: Any, inside: Any, value: Any, parameters: Any = None) -> Any:
    good = scale > 0 if parameters is None else both(scale > 0, parameters)
    density = value - log(inner(scale > 0, scale, 1.0))
    return valid(good, density if inside is None else supported(inside, density, z))


class Normal(Distribution):
    """The normal distribution of mean `loc` and standard deviation `scale`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """−½((x − loc)/scale)² − log scale − ½·log 2π.

        >>> from graphc.api.evaluate import evaluate
        >>> evaluate(norm.logpdf(40.0), {})
        -800.9189385332047
        """
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, None, -0.5 * z * z - HALF_LOG_TWO_PI)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, ndtr(z))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, ndtr(-z))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, log_ndtr(z))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, log_ndtr(-z))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """The quantile of a probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc + scale * ndtri(q))


class Halfnorm(Distribution):
    """|x| of a normal x, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, z >= 0, -0.5 * z * z + 0.5 * math.log(2 / math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        inside = z > 0
        return valid(scale > 0, beyond(inside, 1 - 2 * ndtr(-inner(inside, z, 1.0)), z, (z <= 0, 0)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        inside = z > 0
        return valid(scale > 0, beyond(inside, 2 * ndtr(-inner(inside, z, 1.0)), z, (z <= 0, 1)))


class Lognorm(Distribution):
    """exp of a normal variable of standard deviation `s` and mean log `scale`: SciPy's parameters."""

    def logpdf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (s,) = floats(s=s)
        y, scale = _standard(x, loc, scale)
        inside = y > 0
        w = log(inner(inside, y, 1.0))
        z = w / s
        value = -0.5 * z * z - w - log(inner(s > 0, s, 1.0)) - HALF_LOG_TWO_PI
        return _density(y, scale, inside, value, s > 0)

    def cdf(self, x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (s,) = floats(s=s)
        y, scale = _standard(x, loc, scale)
        inside = y > 0
        return valid(
            both(scale > 0, s > 0), beyond(inside, ndtr(log(inner(inside, y, 1.0)) / s), y, (y <= 0, 0))
        )


def _log1p_square(w: Any) -> Any:
    """log(1 + w²), of any w."""
    far = abs(w) > 1e100
    return where(far, 2 * log(inner(far, abs(w), 1.0)), log1p(where(far, 0 * w, w) ** 2))


class T(Distribution):
    """Student's t distribution of `df` degrees of freedom."""

    def logpdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """−(ν + 1)/2·log(1 + z²/ν) − log B(½, ν/2) − ½·log ν."""
        (df,) = floats(df=df)
        z, scale = _standard(x, loc, scale)
        nu = inner(df > 0, df, 1.0)
        half = 0.5 * nu
        value = -(half + 0.5) * _log1p_square(z / sqrt(nu)) - betaln(half, like(0.5, half)) - 0.5 * log(nu)
        return _density(z, scale, None, value, df > 0)

    def cdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._tail(x, df, loc, scale, -1)

    def sf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return self._tail(x, df, loc, scale, 1)

    def _tail(self, x: Any, df: Any, loc: Any, scale: Any, sign: int) -> Any:
        """The probability beyond z on the side of the sign: ½·I of ν/(ν + z²) of the smaller tail."""
        (df,) = floats(df=df)
        z, scale = _standard(x, loc, scale)
        square = z * z
        half = 0.5 * df
        center = square < df
        # of the two arguments, which add to 1, that which is small
        near = 0.5 * betaincc(like(0.5, half), half, inner(center, square / (df + square), 0.5))
        far = 0.5 * betainc(half, like(0.5, half), inner(center == 0, df / (df + square), 0.5))
        small = where(center, near, far)
        return valid(both(scale > 0, df > 0), where(z * sign > 0, small, 1 - small))


class Cauchy(Distribution):
    """Cauchy's distribution: Student's of one degree of freedom."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, None, -_log1p_square(z) - math.log(math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        low = z < -1
        # arctan(1/−z)/π, which keeps the digits of the lower tail
        tail = atan(-1 / inner(low, z, -2.0)) / math.pi
        return valid(scale > 0, where(low, tail, 0.5 + atan(z) / math.pi))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        x, loc, scale = floats(x=x, loc=loc, scale=scale)
        return self.cdf(-x, -loc, scale)


class Halfcauchy(Distribution):
    """|x| of a Cauchy x, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, z >= 0, -_log1p_square(z) + math.log(2 / math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, 2 * atan(z) / math.pi, z, (z <= 0, 0)))


class Laplace(Distribution):
    """Laplace's distribution, of density exp(−|z|)/2."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, None, -abs(z) - math.log(2))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        tail = 0.5 * exp(-abs(z))
        return valid(scale > 0, where(z > 0, 1 - tail, tail))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        tail = 0.5 * exp(-abs(z))
        return valid(scale > 0, where(z > 0, tail, 1 - tail))


class Logistic(Distribution):
    """The logistic distribution."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, None, log_sigmoid(z) + log_sigmoid(-z))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, sigmoid(z))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, sigmoid(-z))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, log_sigmoid(z))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, log_sigmoid(-z))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc + scale * logit(q))


class Uniform(Distribution):
    """The same density everywhere from `loc` to `loc + scale`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, both(z >= 0, z <= 1), 0 * z)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, beyond(both(z >= 0, z <= 1), z, z, (z < 0, 0), (z > 1, 1)))


class Expon(Distribution):
    """The exponential distribution of mean `scale`, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return _density(z, scale, z >= 0, -z)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, -expm1(-z), z, (z <= 0, 0)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = _standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, exp(-z), z, (z <= 0, 1)))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc - scale * log1p(-q))


class Gamma(Distribution):
    """The gamma distribution of shape `a`."""

    def logpdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """(a − 1)·log y − y − log Γ(a), by the deviance of y from a; y = (x − loc)/scale."""
        (a,) = floats(a=a)
        y, scale = _standard(x, loc, scale)
        return _density(y, scale, *_gamma(y, a), a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = _standard(x, loc, scale)
        return valid(both(scale > 0, a > 0), beyond(y > 0, gammainc(a, inner(y > 0, y, 1.0)), y, (y <= 0, 0)))

    def sf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = _standard(x, loc, scale)
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
        y, scale = _standard(x, loc, scale)
        inside = both(y > 0, y < math.inf)
        at = inner(inside, y, 1.0)
        value = _gamma(1 / at, a)[1] - 2 * log(at)
        return _density(y, scale, inside, value, a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = _standard(x, loc, scale)
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
        y, scale = _standard(x, loc, scale)
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
        return _density(y, scale, both(y >= 0, y <= 1), value, good)

    def cdf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        a, b = floats(a=a, b=b)
        y, scale = _standard(x, loc, scale)
        inside = both(y > 0, y < 1)
        value = betainc(a, b, inner(inside, y, 0.5))
        return valid(both(scale > 0, a > 0, b > 0), beyond(inside, value, y, (y <= 0, 0), (y >= 1, 1)))

    def sf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        a, b = floats(a=a, b=b)
        y, scale = _standard(x, loc, scale)
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
cauchy: Cauchy = Cauchy("cauchy")
halfcauchy: Halfcauchy = Halfcauchy("halfcauchy")
laplace: Laplace = Laplace("laplace")
logistic: Logistic = Logistic("logistic")
uniform: Uniform = Uniform("uniform")
expon: Expon = Expon("expon")
invgamma: Invgamma = Invgamma("invgamma")

__all__ = [
    "beta", "cauchy", "expon", "gamma", "halfcauchy", "halfnorm", "invgamma", "laplace", "logistic", "lognorm", "norm", "t",
    "uniform",
]  # fmt: skip
