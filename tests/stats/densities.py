"""Log-densities in mpmath, as textbooks write them, and points at which they are asked for."""

from __future__ import annotations

from mpmath import mp, mpf

log, lgamma = mp.log, mp.loggamma


def lbeta(a, b):
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _loc(density):
    def shifted(x, *rest):
        *shapes, loc, scale = rest
        return density((x - loc) / scale, *shapes) - log(scale)

    return shifted


EXACT = {
    "norm": _loc(lambda z: -z * z / 2 - log(2 * mp.pi) / 2),
    "halfnorm": _loc(lambda z: -z * z / 2 + log(2 / mp.pi) / 2),
    "lognorm": _loc(lambda z, s: -((log(z) / s) ** 2) / 2 - log(z) - log(s) - log(2 * mp.pi) / 2),
    "t": _loc(lambda z, v: -(v + 1) / 2 * log(1 + z * z / v) - lbeta(mpf(1) / 2, v / 2) - log(v) / 2),
    "cauchy": _loc(lambda z: -log(mp.pi * (1 + z * z))),
    "halfcauchy": _loc(lambda z: log(2 / mp.pi) - log(1 + z * z)),
    "laplace": _loc(lambda z: -abs(z) - log(2)),
    "logistic": _loc(lambda z: -z - 2 * log(1 + mp.exp(-z))),
    "expon": _loc(lambda z: -z),
    "gamma": _loc(lambda z, a: (a - 1) * log(z) - z - lgamma(a)),
    "invgamma": _loc(lambda z, a: -(a + 1) * log(z) - 1 / z - lgamma(a)),
    "beta": _loc(lambda z, a, b: (a - 1) * log(z) + (b - 1) * log(1 - z) - lbeta(a, b)),
    "chi2": _loc(lambda z, v: (v / 2 - 1) * log(z / 2) - z / 2 - lgamma(v / 2) - log(2)),
    "f": _loc(
        lambda z, m, n: m / 2 * log(m / n) + (m / 2 - 1) * log(z) - (m + n) / 2 * log(1 + m * z / n) - lbeta(m / 2, n / 2)
    ),
    "geom": lambda k, p: (k - 1) * log(1 - p) + log(p),
    "binom": lambda k, n, p: k * log(p) + (n - k) * log(1 - p) + lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1),
    "poisson": lambda k, mu: k * log(mu) - mu - lgamma(k + 1),
    "nbinom": lambda k, n, p: n * log(p) + k * log(1 - p) + lgamma(k + n) - lgamma(n) - lgamma(k + 1),
}  # fmt: skip

Z = (-60.0, -3.5, -1e-3, 0.7, 12.0, 1e8)
POSITIVE = (1e-8, 0.3, 1.7, 40.0, 900.0)
POINTS = {
    "norm": [(x, 0.3, 1.7) for x in Z],
    "halfnorm": [(x, 0.25, 1.7) for x in POSITIVE if x > 0.25],
    "lognorm": [(x, 0.8, 0.0, 1.7) for x in POSITIVE],
    "t": [(x, v, 0.3, 1.7) for x in Z for v in (0.5, 3.0, 40.0, 1e4)],
    "cauchy": [(x, 0.3, 1.7) for x in Z],
    "halfcauchy": [(x, 0.25, 1.7) for x in POSITIVE if x > 0.25],
    "laplace": [(x, 0.3, 1.7) for x in Z],
    "logistic": [(x, 0.3, 1.7) for x in Z],
    "expon": [(x, 0.25, 1.7) for x in POSITIVE if x > 0.25],
    "gamma": [(x, a, 0.0, 1.7) for a in (0.2, 1.0, 2.5, 60.0, 1e5) for x in (*POSITIVE, 1.7e5, 1.72e5)],
    "invgamma": [(x, a, 0.0, 1.7) for a in (0.2, 2.5, 60.0) for x in POSITIVE],
    "beta": [
        (x, a, b, 0.0, 1.0)
        for a, b in ((0.3, 0.6), (2.0, 5.0), (80.0, 1.5), (3e4, 5e4), (1.5, 1e5))
        for x in (1e-9, 0.2, 0.375, 0.9, 1 - 1e-9)
    ],
    "chi2": [(x, v, 0.25, 1.7) for x in POSITIVE if x > 0.25 for v in (1.0, 4.0, 700.0)],
    "f": [(x, m, n, 0.0, 1.7) for x in POSITIVE for m, n in ((1.0, 1.0), (3.0, 12.0), (0.5, 900.0), (4e4, 2.5e4))],
    "geom": [(k, p) for k in (1.0, 2.0, 17.0, 5e4) for p in (1e-9, 0.03, 0.5, 0.999)],
    "binom": [
        (k, n, p)
        for n in (7.0, 300.0, 1e6)
        for p in (1e-9, 0.03, 0.5, 0.999)
        for k in {0.0, 1.0, round(n * p), n - 1, n}
    ],
    "poisson": [(k, mu) for mu in (1e-9, 0.7, 30.0, 1e6) for k in (0.0, 1.0, 28.0, 1000.0, 1000400.0)],
    "nbinom": [(k, n, p) for n in (0.3, 4.0, 1e4) for p in (1e-4, 0.4, 0.98) for k in (0.0, 1.0, 17.0, 5e4)],
}  # fmt: skip
DISCRETE = ("binom", "geom", "poisson", "nbinom")
"""Their first argument is a whole number, and no derivative is taken by it; nor by n of the binomial distribution."""
