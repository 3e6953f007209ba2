"""Functions that an exported Python module takes along: what the `math` module has not, written out."""

from __future__ import annotations

import numpy as np

HELPERS = {
    "sigmoid": '''
def sigmoid(x):
    """1/(1 + exp(-x)) without overflow."""
    small = math.exp(-abs(x))
    return (1.0 if x >= 0 else small) / (1.0 + small)
''',
    "softplus": '''
def softplus(x):
    """log(1 + exp(x)) without overflow."""
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x)))
''',
    "log_sigmoid": '''
def log_sigmoid(x):
    """-log(1 + exp(-x)) without overflow."""
    return (x if x < 0 else 0.0) - math.log1p(math.exp(-abs(x)))
''',
    "logaddexp": '''
def logaddexp(x, y):
    """log(exp(x) + exp(y)) without overflow."""
    if x == y:  # infinities do not meet in a difference
        return x + 0.6931471805599453
    return (x if x > y else y) + math.log1p(math.exp(-abs(x - y)))
''',
    "maximum": '''
def maximum(x, y):
    """The larger; NaN if either is NaN, and +0 is larger than -0."""
    if x == y:
        return y if math.copysign(1.0, x) < 0 else x
    return x if x > y or x != x else y
''',
    "minimum": '''
def minimum(x, y):
    """The smaller; NaN if either is NaN, and -0 is smaller than +0."""
    if x == y:
        return x if math.copysign(1.0, x) < 0 else y
    return x if x < y or x != x else y
''',
    "rsqrt": '''
def rsqrt(x):
    """1/sqrt(x)"""
    return 1.0 / math.sqrt(x)
''',
    "power_int64": '''
def power_int64(x, y):
    """x**y, wrapping around; a negative exponent gives the reciprocal rounded towards 0."""
    if y < 0:
        if x == -1:
            return -1 if y % 2 != 0 else 1
        return 1 if x == 1 else 0
    result = 1
    while y != 0:
        if y % 2 != 0:
            result *= x
        x *= x
        y //= 2
    return result
''',
    "power_uint64": '''
def power_uint64(x, y):
    """x**y, wrapping around."""
    result = np.uint64(1)
    while y != np.uint64(0):
        if y % np.uint64(2) != np.uint64(0):
            result = np.uint64(result * x)
        x = np.uint64(x * x)
        y = np.uint64(y // np.uint64(2))
    return result
''',
    "digamma": '''
def digamma(x):
    """The logarithmic derivative of the gamma function: recurrence, then the asymptotic series; reflected below 0.

    Its absolute error is a few 1e-16 times max(1, its value): close to its root, 1.4616…, relative digits are lost.
    """
    if x == 0.0:
        return -math.copysign(math.inf, x)
    if x < 0.0:
        whole = np.rint(x)
        if x == whole:
            return math.nan
        return digamma_positive(1.0 - x) - math.pi / math.tan(math.pi * (x - whole))
    return digamma_positive(x)
''',
    "digamma_positive": '''
def digamma_positive(x):
    below = 0.0
    while x < 12.0:
        below += 1.0 / x
        x += 1.0
    s = 1.0 / (x * x)
    tail = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))))))
    return math.log(x) - 0.5 / x - tail - below
''',
    "polygamma": '''
def polygamma(n, x):
    """The n-th derivative of digamma: Hurwitz's zeta function by the formula of Euler and Maclaurin (DLMF 25.11.5)."""
    if n == 0:
        return digamma(x)
    if n < 0 or not x >= -1.0e5:
        return math.nan
    s = n + 1.0
    total = 0.0
    while x < n + 20.0:
        total += math.pow(x, -s)
        x += 1.0
    leading = math.pow(x, -float(n))
    total += leading / n + 0.5 * leading / x
    rise = leading / (x * x) * s
    for k in range(10):
        total += rise * BERNOULLI[k]
        rise *= (s + (2 * k + 1)) * (s + (2 * k + 2)) / (x * x)
    result = math.gamma(s) * total
    return result if n % 2 == 1 else -result


BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000,
)  # Bernoulli numbers over factorials
''',
}  # fmt: skip
"""Name → text, a blank line before it."""

_USES = {"digamma": ("digamma_positive",), "polygamma": ("digamma", "digamma_positive")}


def with_used(name: str) -> tuple[str, ...]:
    """A function of `HELPERS` and those it calls."""
    return (name, *_USES.get(name, ()))


def saturating_cast(name: str) -> str:
    """The cast of a float to an integer type, called `to_` and the type: text in the form of `HELPERS`."""
    info = np.iinfo(name.removeprefix("to_"))
    kind = f"np.{info.dtype.name}"
    return f'''
def {name}(x):
    """A float as {info.dtype.name}, towards 0: the end of the range beyond that, 0 for NaN."""
    if x != x:
        return {kind}(0)
    if x <= {float(info.min)!r}:
        return {kind}({info.min})
    if x >= {float(info.max + 1)!r}:
        return {kind}({info.max})
    return {kind}(x)
'''
