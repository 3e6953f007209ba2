"""Incomplete gamma and beta functions in mpmath, both tails with their digits, and densities' logarithms: the oracle of tails."""

from __future__ import annotations

from mpmath import mp, mpf

DIGITS = 70


def gamma_tails(a, x):
    """P(a, x) and Q(a, x): by the series of P, or Lentz's evaluation of Legendre's fraction for Q far above a."""
    a, x = mpf(a), mpf(x)
    with mp.workdps(DIGITS):
        if x > a + 7 * mp.sqrt(a) + 20:
            b = x + 1 - a
            c, d = mpf(10) ** 1000, 1 / b
            total, i = d, 0
            while True:
                i += 1
                b += 2
                d = 1 / (b - i * (i - a) * d)
                c = b - i * (i - a) / c
                total *= d * c
                if abs(d * c - 1) < mpf(10) ** (4 - DIGITS):
                    break
            q = total * mp.exp(a * mp.log(x) - x - mp.loggamma(a))
            return 1 - q, q
    with mp.workdps(DIGITS if x < a else 2 * DIGITS):
        term = total = 1 / a
        n = a
        while term > total * mpf(10) ** -mp.dps:
            n += 1
            term *= x / n
            total += term
        p = total * mp.exp(a * mp.log(x) - x - mp.loggamma(a))
        return p, 1 - p


def _lower_beta(a, b, x, y):
    """The series of positive terms: xᵃyᵇ/(a·B)·Σ (a + b)ₙ/(a + 1)ₙ·xⁿ."""
    term = total = mpf(1)
    n = 0
    while True:
        ratio = x * (a + b + n) / (a + 1 + n)
        term *= ratio
        total += term
        n += 1
        if ratio < 1 and term < total * mpf(10) ** -mp.dps:
            break
    logs = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return total * mp.exp(a * mp.log(x) + b * mp.log(y) - mp.log(a) - logs)


def beta_tails(a, b, x, y=None):
    """I of x and 1 − I, by the series on the side of the mean where x is; y is 1 − x."""
    with mp.workdps(2 * DIGITS):
        a, b, x = mpf(a), mpf(b), mpf(x)
        y = 1 - x if y is None else mpf(y)
        mean = a / (a + b)
        width = mp.sqrt(a * b / (a + b + 1)) / (a + b)
    with mp.workdps(DIGITS if abs(x - mean) > 7 * width else 2 * DIGITS):
        if x < mean:
            p = _lower_beta(a, b, x, y)
            return p, 1 - p
        q = _lower_beta(b, a, y, x)
        return 1 - q, q


def _lbeta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def _student(z, v):
    square = z * z
    p, _ = beta_tails(v / 2, mpf(1) / 2, v / (v + square), square / (v + square))
    return (p / 2, 1 - p / 2) if z < 0 else (1 - p / 2, p / 2)


def _student_log(z, v):
    return -(v + 1) / 2 * mp.log1p(z * z / v) - _lbeta(mpf(1) / 2, v / 2) - mp.log(v) / 2


def _f_log(z, m, n):
    a, b = m / 2, n / 2
    return a * mp.log(m / n) + (a - 1) * mp.log(z) - (a + b) * mp.log1p(m * z / n) - _lbeta(a, b)


def _gamma_log(z, a):
    return (a - 1) * mp.log(z) - z - mp.loggamma(a)


CONTINUOUS = {
    "gamma": (lambda z, a: gamma_tails(a, z), _gamma_log),
    "chi2": (lambda z, v: gamma_tails(v / 2, z / 2), lambda z, v: _gamma_log(z / 2, v / 2) - mp.log(2)),
    "invgamma": (lambda z, a: gamma_tails(a, 1 / z)[::-1], lambda z, a: _gamma_log(1 / z, a) - 2 * mp.log(z)),
    "beta": (
        lambda z, a, b: beta_tails(a, b, z),
        lambda z, a, b: (a - 1) * mp.log(z) + (b - 1) * mp.log1p(-z) - _lbeta(a, b),
    ),
    "t": (_student, _student_log),
    "f": (lambda z, m, n: beta_tails(m / 2, n / 2, m * z / (m * z + n), n / (m * z + n)), _f_log),
}
"""Name → (z, *shapes) → cdf and sf, and the logarithm of the density."""

DISCRETE = {
    "binom": (
        lambda p, k, n: beta_tails(k + 1, n - k, p)[::-1],
        lambda p, k, n: k * mp.log(p) + (n - k - 1) * mp.log1p(-p) - _lbeta(k + 1, n - k),
        -1,
    ),
    "poisson": (lambda mu, k: gamma_tails(k + 1, mu)[::-1], lambda mu, k: _gamma_log(mu, k + 1), -1),
    "nbinom": (
        lambda p, k, n: beta_tails(n, k + 1, p),
        lambda p, k, n: (n - 1) * mp.log(p) + k * mp.log1p(-p) - _lbeta(n, k + 1),
        1,
    ),
}
"""Name → (parameter, k, *shapes) → cdf and sf; the logarithm of |∂cdf/∂parameter|; the sign of that."""

SHAPES = {
    "gamma": [(1e-3,), (0.3,), (1.0,), (2.5,), (17.0,), (1e3,), (3e4,)],
    "chi2": [(1.0,), (4.0,), (731.0,)],
    "invgamma": [(0.3,), (2.5,), (200.0,)],
    "beta": [
        (1e-3, 0.5),
        (0.3, 0.6),
        (1.0, 1.0),
        (2.0, 5.0),
        (80.0, 1.5),
        (500.0, 0.5),
        (0.5, 1e4),
        (300.0, 500.0),
    ],
    "t": [(0.3,), (1.0,), (3.0,), (40.0,), (1e4,)],
    "f": [(1.0, 1.0), (3.0, 12.0), (0.5, 900.0), (400.0, 250.0)],
}
POSITIVE = (
    1e-300,
    3e-160,
    1e-80,
    1e-12,
    0.03,
    0.7,
    1.0,
    4.0,
    37.0,
    210.0,
    980.0,
    1500.0,
    2.9e4,
    3.2e4,
    1e7,
    1e80,
    1e200,
)
FINITE = [x for x in POSITIVE if x <= 1e7]
POINTS = dict.fromkeys(("gamma", "chi2"), POSITIVE) | {
    "f": [x for x in POSITIVE if x < 1e150],  # beyond, the derivative of 1/(1 + x) is no float any more
    # beyond 1e150 the derivative of 1/x is no float any more
    "invgamma": [1 / x for x in FINITE if x > 1e-150] + [1e-200, 1e-80],
    "beta": (1e-300, 1e-160, 1e-80, 1e-12, 1e-3, 0.006, 0.2, 0.34, 0.375, 0.41, 0.5, 0.81, 0.95, 1 - 1e-9),
    "t": [s * x for x in (1e-300, 1e-12, 0.03, 0.7, 1.0, 6.3, 9.0, 37.0, 980.0, 1e7, 1e80, 1e200) for s in (1, -1)],
}  # fmt: skip
COUNTS = {
    "binom": [(0.0, 7.0), (3.0, 7.0), (6.0, 7.0), (20.0, 300.0), (299.0, 300.0), (500.0, 1e3)],
    "poisson": [(0.0,), (1.0,), (28.0,), (999.0,)],
    "nbinom": [(0.0, 0.3), (17.0, 0.3), (3.0, 40.0), (400.0, 12.0)],
}
PARAMETERS = {
    "binom": (1e-300, 1e-80, 1e-9, 1e-3, 0.05, 0.3, 0.48, 0.5, 0.55, 0.9, 0.999, 1 - 1e-9),
    "poisson": (1e-300, 1e-80, 1e-9, 0.3, 2.0, 30.0, 150.0, 900.0, 1100.0, 2.8e4, 3.2e4, 1e7, 1e200),
    "nbinom": (1e-300, 1e-80, 1e-9, 1e-3, 0.05, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9),
}
