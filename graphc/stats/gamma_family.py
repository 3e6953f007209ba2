"""Continuous distributions whose functions are incomplete gamma functions: gamma, χ², and their inverse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import log
from graphc.ops.incomplete_gamma import gammainc, gammaincc, gammainccinv, gammaincinv
from graphc.ops.incomplete_tails import log_gammainc, log_gammaincc
from graphc.ops.information import kl_div
from graphc.ops.special import gamma as gamma_function
from graphc.ops.support.declare import like
from graphc.stats.support import (
    Continuous,
    beyond,
    both,
    density,
    factorial_rest,
    floats,
    inner,
    settled,
    standard,
    valid,
)

Tail = Callable[[Any, Any], Any]


class Gamma(Continuous):
    """The gamma distribution of shape `a`."""

    def logpdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """(a − 1)·log y − y − log Γ(a), by the deviance of y from a; y = (x − loc)/scale."""
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        return density(y, scale, *_gamma(y, a), a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _tail(x, a, loc, scale, gammainc, 0, 1)

    def sf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return _tail(x, a, loc, scale, gammaincc, 1, 0)

    def logcdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """log cdf, also where that is no float.

        >>> from graphc.api.evaluate import evaluate
        >>> round(evaluate(gamma.logcdf(1e-200, 3.0), {}), 6)
        -1383.342815
        """
        return _tail(x, a, loc, scale, log_gammainc, -math.inf, 0)

    def logsf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _tail(x, a, loc, scale, log_gammaincc, 0, -math.inf)

    def ppf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale * _lower_quantile(a, q))

    def isf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale * _upper_quantile(a, q))


NEAR = 1e-6
"""Below this P(a, x) is xᵃ/Γ(1 + a)·(1 − a·x/(a + 1) + a·x²/(2a + 4)), to rounding."""


def _lower_quantile(a: Any, q: Any) -> Any:
    x = gammaincinv(a, q)
    small = both(x < NEAR, x > 0, a > 0, a < 100)
    at, shape, goal = inner(small, x, NEAR), inner(small, a, 1.0), inner(small, q, NEAR)
    series = 1 - shape * at * (1 / (shape + 1) - at / (2 * shape + 4))
    share = at**shape / (gamma_function(1 + shape) * goal) * series
    return where(small, settled(at, shape, share), x)


def _upper_quantile(a: Any, q: Any) -> Any:
    """What is exceeded with probability q: by the lower one where q is not small, as SciPy's Q has fewer digits there."""
    likely = q > 0.2
    return where(
        likely, _lower_quantile(a, inner(likely, 1 - q, 0.5)), gammainccinv(a, inner(~likely, q, 0.1))
    )


def _tail(x: Any, a: Any, loc: Any, scale: Any, function: Tail, below: float, above: float) -> Any:
    (a,) = floats(a=a)
    y, scale = standard(x, loc, scale)
    inside = both(y > 0, y < math.inf)
    value = function(inner(a > 0, a, 1.0), inner(inside, y, 1.0))
    return valid(
        both(scale > 0, a > 0), beyond(inside, value, y, (y <= 0, below), (equal(y, math.inf), above))
    )


def _gamma(y: Any, a: Any) -> tuple[Any, Any]:
    """Where the gamma distribution has a density, and its logarithm there."""
    shape = inner(a > 0, a, 1.0)
    inside = both(y > 0, y < math.inf)
    at = inner(inside, y, 1.0)
    value = log(shape / at) - factorial_rest(shape) - kl_div(shape, at)
    edge = where(equal(a, 1), 0 * at, where(a < 1, like(math.inf, at), like(-math.inf, at)))
    return both(y >= 0, y < math.inf), where(equal(y, 0), edge, value)


class Chi2(Continuous):
    """The χ² distribution of `df` degrees of freedom: a gamma distribution of shape df/2 and twice the scale."""

    def logpdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.logpdf(x, *_halved(df, loc, scale))

    def cdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.cdf(x, *_halved(df, loc, scale))

    def sf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one: the p-value of a test.

        >>> from graphc.api.evaluate import evaluate
        >>> round(evaluate(chi2.sf(3.841458820694124, 1.0), {}), 12)
        0.05
        """
        return gamma.sf(x, *_halved(df, loc, scale))

    def logcdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.logcdf(x, *_halved(df, loc, scale))

    def logsf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.logsf(x, *_halved(df, loc, scale))

    def ppf(self, q: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.ppf(q, *_halved(df, loc, scale))

    def isf(self, q: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return gamma.isf(q, *_halved(df, loc, scale))


def _halved(df: Any, loc: Any, scale: Any) -> tuple[Any, Any, Any]:
    df, loc, scale = floats(df=df, loc=loc, scale=scale)
    return 0.5 * df, loc, 2 * scale


class Invgamma(Continuous):
    """1/x of a gamma variable x."""

    def logpdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        (a,) = floats(a=a)
        y, scale = standard(x, loc, scale)
        inside = both(y > 0, y < math.inf)
        at = inner(inside, y, 1.0)
        value = _gamma(1 / at, a)[1] - 2 * log(at)
        return density(y, scale, inside, value, a > 0)

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _inverse_tail(x, a, loc, scale, gammaincc, 0, 1)

    def sf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """1 − cdf, with all digits of a small one."""
        return _inverse_tail(x, a, loc, scale, gammainc, 1, 0)

    def logcdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _inverse_tail(x, a, loc, scale, log_gammaincc, -math.inf, 0)

    def logsf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        return _inverse_tail(x, a, loc, scale, log_gammainc, 0, -math.inf)

    def ppf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale / _upper_quantile(a, q))

    def isf(self, q: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Expr:
        """What is exceeded with probability q."""
        q, a, loc, scale = floats(q=q, a=a, loc=loc, scale=scale)
        return valid(both(scale > 0, a > 0), loc + scale / _lower_quantile(a, q))


def _inverse_tail(x: Any, a: Any, loc: Any, scale: Any, function: Tail, below: float, above: float) -> Any:
    (a,) = floats(a=a)
    y, scale = standard(x, loc, scale)
    inside = both(y > 0, y < math.inf)
    value = function(inner(a > 0, a, 1.0), 1 / inner(inside, y, 1.0))
    return valid(
        both(scale > 0, a > 0), beyond(inside, value, y, (y <= 0, below), (equal(y, math.inf), above))
    )


gamma: Gamma = Gamma("gamma")
chi2: Chi2 = Chi2("chi2")
invgamma: Invgamma = Invgamma("invgamma")

__all__ = ["chi2", "gamma", "invgamma"]
