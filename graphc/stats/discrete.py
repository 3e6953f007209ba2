"""Discrete distributions of one variable: whole numbers as floats or integers; elsewhere the probability is 0."""

from __future__ import annotations

import math
from typing import Any

from graphc.ir.expr import Expr
from graphc.ops.beta import betainc, betaincc
from graphc.ops.comparison import where
from graphc.ops.elementary import log
from graphc.ops.incomplete_gamma import gammainc, gammaincc
from graphc.ops.information import kl_div, xlog1py, xlogy
from graphc.ops.logistic import log_sigmoid
from graphc.ops.rounding import floor
from graphc.stats.support import (
    Distribution,
    beyond,
    both,
    factorial_rest,
    floats,
    inner,
    supported,
    valid,
    whole,
)


class Bernoulli(Distribution):
    """1 with probability `p`, else 0."""

    def logpmf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        inside = (k == 0) | (k == 1)
        at = inner(inside, k, 0.0)
        return valid(both(p >= 0, p <= 1), supported(inside, xlogy(at, p) + xlog1py(1 - at, -p), k))

    def logpmf_of_logit(self, k: Any, logit: Any) -> Expr:
        """The same by the log-odds of p, which have digits where p is next to 1: of logistic regression."""
        k, logit = floats(k=k, logit=logit)
        return supported((k == 0) | (k == 1), log_sigmoid(where(k > 0.5, logit, -logit)), k)


class Binom(Distribution):
    """The number of successes in `n` trials of probability `p`."""

    def logpmf(self, k: Any, n: Any, p: Any) -> Expr:
        """k·log p + (n − k)·log(1 − p) + log of the binomial coefficient, by deviances."""
        k, n, p = floats(k=k, n=n, p=p)
        inside = both(k >= 0, k <= n, whole(k))
        total = inner(n >= 0, n, 1.0)
        at = where(inside, k, 0 * k)
        rest = total - at
        value = (factorial_rest(total) - factorial_rest(at) - factorial_rest(rest)) - (
            kl_div(at, total * p) + kl_div(rest, total * (1 - p))
        )
        return valid(both(n >= 0, whole(n), p >= 0, p <= 1), supported(inside, value, k))

    def cdf(self, k: Any, n: Any, p: Any) -> Expr:
        k, n, p = floats(k=k, n=n, p=p)
        at, inside = floor(k), both(k >= 0, k < n)
        j = inner(inside, at, 0.0)
        value = betaincc(j + 1, inner(inside, n - j, 1.0), p)
        return valid(
            both(n >= 0, whole(n), p >= 0, p <= 1), beyond(inside, value, k, (k < 0, 0), (k >= n, 1))
        )

    def sf(self, k: Any, n: Any, p: Any) -> Expr:
        k, n, p = floats(k=k, n=n, p=p)
        at, inside = floor(k), both(k >= 0, k < n)
        j = inner(inside, at, 0.0)
        value = betainc(j + 1, inner(inside, n - j, 1.0), p)
        return valid(
            both(n >= 0, whole(n), p >= 0, p <= 1), beyond(inside, value, k, (k < 0, 1), (k >= n, 0))
        )


class Poisson(Distribution):
    """Counts of mean `mu`."""

    def logpmf(self, k: Any, mu: Any) -> Expr:
        """k·log μ − μ − log k!, by the deviance of k from μ."""
        k, mu = floats(k=k, mu=mu)
        inside = both(k >= 0, whole(k))
        at = inner(inside, k, 0.0)
        return valid(mu >= 0, supported(inside, -factorial_rest(at) - kl_div(at, mu), k))

    def cdf(self, k: Any, mu: Any) -> Expr:
        k, mu = floats(k=k, mu=mu)
        inside = both(k >= 0, k < math.inf)
        value = gammaincc(inner(inside, floor(k), 0.0) + 1, mu)
        return valid(mu >= 0, beyond(inside, value, k, (k < 0, 0), (k == math.inf, 1)))

    def sf(self, k: Any, mu: Any) -> Expr:
        k, mu = floats(k=k, mu=mu)
        inside = both(k >= 0, k < math.inf)
        value = gammainc(inner(inside, floor(k), 0.0) + 1, mu)
        return valid(mu >= 0, beyond(inside, value, k, (k < 0, 1), (k == math.inf, 0)))


class Nbinom(Distribution):
    """Failures before the n-th success, of probability `p` each; any n > 0. Of mean μ and size n, p = n/(n + μ)."""

    def logpmf(self, k: Any, n: Any, p: Any) -> Expr:
        """n·log p + k·log(1 − p) + log Γ(k + n)/(Γ(n)·k!), by deviances."""
        k, n, p = floats(k=k, n=n, p=p)
        inside = both(k >= 0, whole(k))
        at, size = inner(inside, k, 0.0), inner(n > 0, n, 1.0)
        total = size + at
        value = (
            log(size / total)
            + (factorial_rest(total) - factorial_rest(size) - factorial_rest(at))
            - (kl_div(size, total * p) + kl_div(at, total * (1 - p)))
        )
        return valid(both(n > 0, p > 0, p <= 1), supported(inside, value, k))

    def cdf(self, k: Any, n: Any, p: Any) -> Expr:
        k, n, p = floats(k=k, n=n, p=p)
        inside = both(k >= 0, k < math.inf)
        value = betainc(n, inner(inside, floor(k), 0.0) + 1, p)
        return valid(both(n > 0, p > 0, p <= 1), beyond(inside, value, k, (k < 0, 0), (k == math.inf, 1)))

    def sf(self, k: Any, n: Any, p: Any) -> Expr:
        k, n, p = floats(k=k, n=n, p=p)
        inside = both(k >= 0, k < math.inf)
        value = betaincc(n, inner(inside, floor(k), 0.0) + 1, p)
        return valid(both(n > 0, p > 0, p <= 1), beyond(inside, value, k, (k < 0, 1), (k == math.inf, 0)))


bernoulli: Bernoulli = Bernoulli("bernoulli")
binom: Binom = Binom("binom")
nbinom: Nbinom = Nbinom("nbinom")
poisson: Poisson = Poisson("poisson")

__all__ = ["bernoulli", "binom", "nbinom", "poisson"]
