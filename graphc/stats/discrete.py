"""Discrete distributions of one variable: whole numbers as floats or integers; elsewhere the probability is 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ops.beta import betainc, betaincc
from graphc.ops.comparison import maximum, minimum, where
from graphc.ops.counting import (
    binom_count,
    hypergeom_cdf,
    hypergeom_count,
    hypergeom_ratio,
    nbinom_count,
    poisson_count,
)
from graphc.ops.elementary import exp, expm1, log, log1p
from graphc.ops.incomplete_gamma import gammainc, gammaincc
from graphc.ops.incomplete_tails import (
    log_betainc,
    log_betaincc,
    log_gammainc,
    log_gammaincc,
)
from graphc.ops.information import kl_div, xlog1py, xlogy
from graphc.ops.logistic import log_sigmoid
from graphc.ops.rounding import ceil, floor
from graphc.ops.support.declare import like
from graphc.stats.support import (
    Discrete,
    beyond,
    both,
    factorial_rest,
    floats,
    inner,
    least_reached,
    supported,
    valid,
    whole,
)

FLOOR = 1e-290
"""Below this a probability soon has no digits."""


class Bernoulli(Discrete):
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

    def cdf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        return self._of_zero_and_one(k, p, 0, 1 - p, 1)

    def sf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        return self._of_zero_and_one(k, p, 1, p, 0)

    def logcdf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        return self._of_zero_and_one(k, p, -math.inf, log1p(-p), 0)

    def logsf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        return self._of_zero_and_one(k, p, 0, log(p), -math.inf)

    def ppf(self, q: Any, p: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, p, False)

    def isf(self, q: Any, p: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, p, True)

    def _quantile(self, q: Any, p: Any, upper: bool) -> Any:
        q, p = floats(q=q, p=p)
        good = both(p >= 0, p <= 1)
        share = inner(good, p, 0.5)
        return least_reached(q, upper, good, 0, 1, lambda b, a: binom_count(b, a, 1.0, share))

    def _of_zero_and_one(self, k: Any, p: Any, below: float, between: Any, above: float) -> Any:
        return valid(
            both(p >= 0, p <= 1), beyond(both(k >= 0, k < 1), between, k, (k < 0, below), (k >= 1, above))
        )


class Binom(Discrete):
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
        return self._tail(k, n, p, betaincc, 0, 1)

    def sf(self, k: Any, n: Any, p: Any) -> Expr:
        """The probability of more than k, with all digits of a small one."""
        return self._tail(k, n, p, betainc, 1, 0)

    def logcdf(self, k: Any, n: Any, p: Any) -> Expr:
        return self._tail(k, n, p, log_betaincc, -math.inf, 0)

    def logsf(self, k: Any, n: Any, p: Any) -> Expr:
        return self._tail(k, n, p, log_betainc, 0, -math.inf)

    def ppf(self, q: Any, n: Any, p: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, n, p, False)

    def isf(self, q: Any, n: Any, p: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, n, p, True)

    def _quantile(self, q: Any, n: Any, p: Any, upper: bool) -> Any:
        q, n, p = floats(q=q, n=n, p=p)
        good = both(n >= 0, whole(n), n <= 2.0**53, p >= 0, p <= 1)
        trials, share = inner(good, n, 1.0), inner(good, p, 0.5)
        return least_reached(q, upper, good, 0, n, lambda b, a: binom_count(b, a, trials, share))

    def _tail(self, k: Any, n: Any, p: Any, function: Any, below: float, above: float) -> Any:
        """A function of I of p of shapes k + 1 and n − k."""
        k, n, p = floats(k=k, n=n, p=p)
        inside = both(k >= 0, k < n)
        j = inner(inside, floor(k), 0.0)
        value = function(j + 1, inner(inside, n, 1.0) - j, p)
        good = both(n >= 0, whole(n), p >= 0, p <= 1)
        return valid(good, beyond(inside, value, k, (k < 0, below), (k >= n, above)))


class Poisson(Discrete):
    """Counts of mean `mu`."""

    def logpmf(self, k: Any, mu: Any) -> Expr:
        """k·log μ − μ − log k!, by the deviance of k from μ."""
        k, mu = floats(k=k, mu=mu)
        inside = both(k >= 0, whole(k))
        at = inner(inside, k, 0.0)
        return valid(mu >= 0, supported(inside, -factorial_rest(at) - kl_div(at, mu), k))

    def cdf(self, k: Any, mu: Any) -> Expr:
        return self._tail(k, mu, gammaincc, 0, 1)

    def sf(self, k: Any, mu: Any) -> Expr:
        """The probability of more than k, with all digits of a small one."""
        return self._tail(k, mu, gammainc, 1, 0)

    def logcdf(self, k: Any, mu: Any) -> Expr:
        return self._tail(k, mu, log_gammaincc, -math.inf, 0)

    def logsf(self, k: Any, mu: Any) -> Expr:
        return self._tail(k, mu, log_gammainc, 0, -math.inf)

    def ppf(self, q: Any, mu: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, mu, False)

    def isf(self, q: Any, mu: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, mu, True)

    def _quantile(self, q: Any, mu: Any, upper: bool) -> Any:
        q, mu = floats(q=q, mu=mu)
        good = both(mu >= 0, mu < math.inf)
        mean = inner(good, mu, 1.0)
        return least_reached(q, upper, good, 0, math.inf, lambda b, a: poisson_count(b, a, mean))

    def _tail(self, k: Any, mu: Any, function: Any, below: float, above: float) -> Any:
        """A function of the incomplete gamma function of shape k + 1 at μ."""
        k, mu = floats(k=k, mu=mu)
        inside = both(k >= 0, k < math.inf)
        value = function(inner(inside, floor(k), 0.0) + 1, mu)
        return valid(mu >= 0, beyond(inside, value, k, (k < 0, below), (k == math.inf, above)))


class Nbinom(Discrete):
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
        return self._tail(k, n, p, betainc, 0, 1)

    def sf(self, k: Any, n: Any, p: Any) -> Expr:
        """The probability of more than k, with all digits of a small one."""
        return self._tail(k, n, p, betaincc, 1, 0)

    def logcdf(self, k: Any, n: Any, p: Any) -> Expr:
        return self._tail(k, n, p, log_betainc, -math.inf, 0)

    def logsf(self, k: Any, n: Any, p: Any) -> Expr:
        return self._tail(k, n, p, log_betaincc, 0, -math.inf)

    def ppf(self, q: Any, n: Any, p: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, n, p, False)

    def isf(self, q: Any, n: Any, p: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, n, p, True)

    def _quantile(self, q: Any, n: Any, p: Any, upper: bool) -> Any:
        q, n, p = floats(q=q, n=n, p=p)
        good = both(n > 0, n <= 2.0**53, p > 0, p <= 1)
        size, share = inner(good, n, 1.0), inner(good, p, 0.5)
        return least_reached(q, upper, good, 0, math.inf, lambda b, a: nbinom_count(b, a, size, share))

    def _tail(self, k: Any, n: Any, p: Any, function: Any, below: float, above: float) -> Any:
        """A function of I of p of shapes n and k + 1."""
        k, n, p = floats(k=k, n=n, p=p)
        good, inside = both(n > 0, p > 0, p <= 1), both(k >= 0, k < math.inf)
        value = function(inner(good, n, 1.0), inner(inside, floor(k), 0.0) + 1, inner(good, p, 0.5))
        return valid(good, beyond(inside, value, k, (k < 0, below), (k == math.inf, above)))


class Geom(Discrete):
    """The number of trials up to the first success, of probability `p` each: 1, 2, 3, …"""

    def logpmf(self, k: Any, p: Any) -> Expr:
        k, p = floats(k=k, p=p)
        inside = both(k >= 1, whole(k), k < math.inf)
        at = inner(inside, k, 1.0)
        return valid(
            both(p > 0, p <= 1), supported(inside, xlog1py(at - 1, -p) + log(inner(p > 0, p, 1.0)), k)
        )

    def cdf(self, k: Any, p: Any) -> Expr:
        return self._tail(k, p, lambda logs: -expm1(logs), 0, 1)

    def sf(self, k: Any, p: Any) -> Expr:
        """The probability of more than k, (1 − p)ᵏ."""
        return self._tail(k, p, exp, 1, 0)

    def logcdf(self, k: Any, p: Any) -> Expr:
        def logarithm(logs: Any) -> Any:
            small = logs > -1
            near, far = log(-expm1(inner(small, logs, -0.5))), log1p(-exp(where(small, like(-2, logs), logs)))
            return where(small, near, far)

        return self._tail(k, p, logarithm, -math.inf, 0)

    def logsf(self, k: Any, p: Any) -> Expr:
        return self._tail(k, p, lambda logs: logs, 0, -math.inf)

    def ppf(self, q: Any, p: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, p, False)

    def isf(self, q: Any, p: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, p, True)

    def _quantile(self, q: Any, p: Any, upper: bool) -> Any:
        """log P(X > k) is k·log(1 − p)."""
        q, p = floats(q=q, p=p)
        good = both(p > 0, p <= 1)
        rate = log1p(-inner(good, p, 0.5))
        eps = float(np.finfo(q.dtype).eps)

        def count(below: Any, above: Any) -> Any:
            low = below <= 0.5
            logs = where(low, log1p(-inner(low, below, 0.5)), log(inner(~low, above, 0.5)))
            value = ceil(logs / rate * (1 - 4 * eps))
            return where(value < 1, like(1, value), value)

        return least_reached(q, upper, good, 1, math.inf, count)

    def _tail(self, k: Any, p: Any, function: Any, below: float, above: float) -> Any:
        k, p = floats(k=k, p=p)
        good, inside = both(p > 0, p <= 1), both(k >= 1, k < math.inf)
        value = function(inner(inside, floor(k), 1.0) * log1p(-inner(good, p, 0.5)))
        return valid(good, beyond(inside, value, k, (k < 1, below), (k == math.inf, above)))


class Hypergeom(Discrete):
    """Marked ones among `N` drawn without replacement from `M`, of which `n` are marked, as in SciPy. Its distribution function
    adds up probabilities, and is NaN where a standard deviation is above 10,000."""

    def logpmf(self, k: Any, M: Any, n: Any, N: Any) -> Expr:
        """log of C(n, k)·C(M − n, N − k)/C(M, N), as a quotient of three binomial probabilities with p = N/M, each by deviances.

        Source: C. Loader, Fast and accurate computation of binomial probabilities (2000).
        """
        k, M, n, N = floats(k=k, M=M, n=n, N=N)
        good = both(M >= 0, n >= 0, N >= 0, n <= M, N <= M, whole(M), whole(n), whole(N))
        inside = both(good, k >= 0, k <= n, k <= N, N - k <= M - n, whole(k))
        total, marked = inner(inside, M, 2.0), inner(inside, n, 1.0)
        drawn, at = inner(inside, N, 1.0), inner(inside, k, 1.0)
        share = drawn / inner(total > 0, total, 1.0)
        parts = _deviances(at, marked, share) + _deviances(drawn - at, total - marked, share)
        return valid(good, supported(inside, parts - _deviances(drawn, total, share), k))

    def cdf(self, k: Any, M: Any, n: Any, N: Any) -> Expr:
        """By quotients of neighbouring probabilities, summed to both sides of the most likely number."""
        return self._tail(k, M, n, N, False)[0]

    def sf(self, k: Any, M: Any, n: Any, N: Any) -> Expr:
        """The probability of more than k, with all digits of a small one."""
        return self._tail(k, M, n, N, True)[0]

    def logcdf(self, k: Any, M: Any, n: Any, N: Any) -> Expr:
        return self._log_tail(k, M, n, N, False)

    def logsf(self, k: Any, M: Any, n: Any, N: Any) -> Expr:
        return self._log_tail(k, M, n, N, True)

    def ppf(self, q: Any, M: Any, n: Any, N: Any) -> Expr:
        """The least k whose cdf is q or more; one below the first for q = 0."""
        return self._quantile(q, M, n, N, False)

    def isf(self, q: Any, M: Any, n: Any, N: Any) -> Expr:
        """The least k that is exceeded with probability q or less."""
        return self._quantile(q, M, n, N, True)

    def _quantile(self, q: Any, M: Any, n: Any, N: Any, upper: bool) -> Any:
        q, M, n, N = floats(q=q, M=M, n=n, N=N)
        good, numbers = _numbers(M, n, N)
        first, last = _support(*numbers)
        return least_reached(q, upper, good, first, last, lambda b, a: hypergeom_count(b, a, *numbers))

    def _tail(self, k: Any, M: Any, n: Any, N: Any, upper: bool) -> tuple[Any, Any, Any, Any]:
        """One side and the other, and k and the numbers by which the one is a sum up to k."""
        k, M, n, N = floats(k=k, M=M, n=n, N=N)
        good, (total, marked, drawn) = _numbers(M, n, N)
        below, above = (
            (floor(k), (total, marked, drawn)),
            (drawn - floor(k) - 1, (total, total - marked, drawn)),
        )
        own, other = (above, below) if upper else (below, above)
        value, rest = (hypergeom_cdf(at, *numbers) for at, numbers in (own, other))
        return valid(good, value), rest, own[0], own[1]

    def _log_tail(self, k: Any, M: Any, n: Any, N: Any, upper: bool) -> Any:
        """The logarithm; where the probability is next to no float, by that of k and the quotients of those beyond."""
        own, other, at, numbers = self._tail(k, M, n, N, upper)
        first, last = _support(*numbers)
        deep = both(own < FLOOR, at >= first, at < last)
        far = where(deep, at, first)
        tail = self.logpmf(far, *numbers) + log(hypergeom_ratio(far, *numbers))
        more = own > 0.5
        return where(deep, tail, where(more, log1p(-inner(more, other, 0.5)), log(inner(~more, own, 0.5))))


def _numbers(M: Any, n: Any, N: Any) -> tuple[Any, tuple[Any, Any, Any]]:
    """Whether these are numbers of things, and such."""
    good = both(M >= 0, n >= 0, N >= 0, n <= M, N <= M, math.inf > M, whole(M), whole(n), whole(N))
    return good, (inner(good, M, 2.0), inner(good, n, 1.0), inner(good, N, 1.0))


def _support(total: Any, marked: Any, drawn: Any) -> tuple[Any, Any]:
    return maximum(0.0, drawn - (total - marked)), minimum(marked, drawn)


def _deviances(k: Any, n: Any, p: Any) -> Any:
    """The logarithm of a binomial probability, 0 ≤ k ≤ n."""
    rest = n - k
    factorials = factorial_rest(n) - factorial_rest(k) - factorial_rest(rest)
    return factorials - (kl_div(k, n * p) + kl_div(rest, n * (1 - p)))


bernoulli: Bernoulli = Bernoulli("bernoulli")
binom: Binom = Binom("binom")
geom: Geom = Geom("geom")
hypergeom: Hypergeom = Hypergeom("hypergeom")
nbinom: Nbinom = Nbinom("nbinom")
poisson: Poisson = Poisson("poisson")

__all__ = ["bernoulli", "binom", "geom", "hypergeom", "nbinom", "poisson"]
