"""Continuous distributions whose functions are elementary ones: logarithms, exponentials, arctangents."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import atan, exp, expm1, log, log1p, tan
from graphc.ops.information import logit
from graphc.ops.logistic import log_sigmoid, sigmoid
from graphc.ops.support.declare import like
from graphc.stats.support import (
    Continuous,
    beyond,
    both,
    density,
    floats,
    inner,
    log1p_square,
    standard,
    valid,
)

FAR = 1e100
"""Beyond this Cauchy's tail is 1/πz, to rounding."""


class Cauchy(Continuous):
    """Cauchy's distribution: Student's of one degree of freedom."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, None, -log1p_square(z) - math.log(math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        low = z < -1
        # arctan(1/−z)/π, which keeps the digits of the lower tail
        tail = atan(-1 / inner(low, z, -2.0)) / math.pi
        return valid(scale > 0, where(low, tail, 0.5 + atan(z) / math.pi))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        x, loc, scale = floats(x=x, loc=loc, scale=scale)
        return self.cdf(-x, -loc, scale)

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        high = log1p(-atan(1 / inner(z > 1, z, 2.0)) / math.pi)
        low = log(self.cdf(where(z > 1, like(0.0, z), z)))
        far = -math.log(math.pi) - log(-inner(z < -FAR, z, -1.0))
        return valid(scale > 0, where(z > 1, high, where(z < -FAR, far, low)))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        x, loc, scale = floats(x=x, loc=loc, scale=scale)
        return self.logcdf(-x, -loc, scale)

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """−cot πq, which keeps the digits of a small q, and of 1 − q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        low, high = q < 0.25, q > 0.75
        tail = 1 / tan(math.pi * where(low, abs(q), where(high, 1 - q, like(0.25, q))))
        middle = tan(math.pi * (where(low | high, like(0.5, q), q) - 0.5))
        value = where(low, -tail, where(high, tail, middle))
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * value)

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q: as far above the centre as the quantile is below it."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc - scale * self.ppf(q))


class Halfcauchy(Continuous):
    """|x| of a Cauchy x, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, z >= 0, -log1p_square(z) + math.log(2 / math.pi))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, 2 * atan(z) / math.pi, z, (z <= 0, 0)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        high = 2 * atan(1 / inner(z > 1, z, 2.0)) / math.pi
        return valid(scale > 0, beyond(z > 0, where(z > 1, high, 1 - 2 * atan(z) / math.pi), z, (z <= 0, 1)))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._log(x, loc, scale, 1, -math.inf)

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return self._log(x, loc, scale, -1, 0)

    def _log(self, x: Any, loc: Any, scale: Any, sign: int, below: float) -> Any:
        """log of the probability below z, or above it, by that of the two which is small."""
        z, scale = standard(x, loc, scale)
        at = inner(z > 0, z, 1.0)
        small, large = 2 * atan(where(at > 1, 1 / at, at)) / math.pi, (at > 1) if sign > 0 else (at <= 1)
        far = at > FAR  # where arctan 1/z is 1/z, whose square underflows
        value = where(large, log1p(-small), where(far, math.log(2 / math.pi) - log(at), log(small)))
        return valid(scale > 0, beyond(z > 0, value, z, (z <= 0, below)))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        turned = tan(math.pi / 2 * where(q > 0.5, 1 - q, q))
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * where(q > 0.5, 1 / turned, turned))

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        turned = tan(math.pi / 2 * where(q > 0.5, 1 - q, abs(q)))
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * where(q > 0.5, turned, 1 / turned))


class Laplace(Continuous):
    """Laplace's distribution, of density exp(−|z|)/2."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, None, -abs(z) - math.log(2))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        tail = 0.5 * exp(-abs(z))
        return valid(scale > 0, where(z > 0, 1 - tail, tail))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        tail = 0.5 * exp(-abs(z))
        return valid(scale > 0, where(z > 0, tail, 1 - tail))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, where(z > 0, log1p(-0.5 * exp(-abs(z))), z - math.log(2)))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        x, loc, scale = floats(x=x, loc=loc, scale=scale)
        return self.logcdf(-x, -loc, scale)

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        rest = log(2 * where(q > 0.5, 1 - q, q))
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * where(q > 0.5, -rest, rest))

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q: as far above the centre as the quantile is below it."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc - scale * self.ppf(q))


class Logistic(Continuous):
    """The logistic distribution."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, None, log_sigmoid(z) + log_sigmoid(-z))

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, sigmoid(z))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, sigmoid(-z))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, log_sigmoid(z))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, log_sigmoid(-z))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc + scale * logit(q))

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q: as far above the centre as the quantile is below it."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(scale > 0, loc - scale * self.ppf(q))


class Uniform(Continuous):
    """The same density everywhere from `loc` to `loc + scale`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, both(z >= 0, z <= 1), 0 * z)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(both(z >= 0, z <= 1), z, z, (z < 0, 0), (z > 1, 1)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(both(z >= 0, z <= 1), 1 - z, z, (z < 0, 1), (z > 1, 0)))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        inside = both(z > 0, z < 1)
        value = log(inner(inside, z, 0.5))
        return valid(scale > 0, beyond(inside, value, z, (z <= 0, -math.inf), (z >= 1, 0)))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        inside = both(z > 0, z < 1)
        value = log1p(-inner(inside, z, 0.5))
        return valid(scale > 0, beyond(inside, value, z, (z <= 0, 0), (z >= 1, -math.inf)))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * q)

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q >= 0, q <= 1), loc + scale * (1 - q))


class Expon(Continuous):
    """The exponential distribution of mean `scale`, shifted by `loc`."""

    def logpdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return density(z, scale, z >= 0, -z)

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, -expm1(-z), z, (z <= 0, 0)))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, exp(-z), z, (z <= 0, 1)))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q >= 0), loc - scale * log1p(-q))

    def isf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, loc, scale = floats(q=q, loc=loc, scale=scale)
        return valid(both(scale > 0, q <= 1), loc - scale * log(q))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        near = log(-expm1(-inner(both(z > 0, z < 1), z, 0.5)))
        far = log1p(-exp(-inner(z >= 1, z, 2.0)))
        return valid(scale > 0, beyond(z > 0, where(z < 1, near, far), z, (z <= 0, -math.inf)))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        z, scale = standard(x, loc, scale)
        return valid(scale > 0, beyond(z > 0, -z, z, (z <= 0, 0)))


cauchy: Cauchy = Cauchy("cauchy")
halfcauchy: Halfcauchy = Halfcauchy("halfcauchy")
laplace: Laplace = Laplace("laplace")
logistic: Logistic = Logistic("logistic")
uniform: Uniform = Uniform("uniform")
expon: Expon = Expon("expon")

__all__ = ["cauchy", "expon", "halfcauchy", "laplace", "logistic", "uniform"]
