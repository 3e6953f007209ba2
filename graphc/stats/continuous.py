"""Continuous distributions of one variable whose functions are those of the normal distribution."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, log, log1p
from graphc.ops.normal import erfcinv, erfinv, log_ndtr, ndtr, ndtri
from graphc.ops.special import erf
from graphc.stats.support import (
    HALF_LOG_TWO_PI,
    Continuous,
    beyond,
    both,
    density,
    floats,
    inner,
    standard,
    valid,
)

SQRT_HALF = math.sqrt(0.5)


class Normal(Continuous):
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

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q: with digits where 1 − q has none."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc - scale * ndtri(q))


class Halfnorm(Continuous):
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

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q <= 1), loc + scale * (erfcinv(q) / SQRT_HALF))


class Lognorm(Continuous):
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

    def isf(self, q: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, s, loc, scale = floats(q=q, s=s, loc=loc, scale=scale)
        return valid(both(scale > 0, s > 0), loc + scale * exp(-s * ndtri(q)))

    def _normal(self, x: Any, s: Any, loc: Any, scale: Any, function: Any, below: float) -> Any:
        """A function of the standardised logarithm, and its value below the support."""
        (s,) = floats(s=s)
        y, scale = standard(x, loc, scale)
        value = function(log(inner(y > 0, y, 1.0)) / s)
        return valid(both(scale > 0, s > 0), beyond(y > 0, value, y, (y <= 0, below)))


norm: Normal = Normal("norm")
lognorm: Lognorm = Lognorm("lognorm")
halfnorm: Halfnorm = Halfnorm("halfnorm")

__all__ = ["halfnorm", "lognorm", "norm"]
