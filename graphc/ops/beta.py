"""The beta function, its logarithm, the incomplete beta function, and what is made of quotients of gamma functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, NoPartial, Notation
from graphc.ops.comparison import equal, isfinite, maximum, minimum, where
from graphc.ops.elementary import exp, log, log1p
from graphc.ops.information import kl_term
from graphc.ops.rounding import floor, round
from graphc.ops.special import digamma, gamma, lgamma
from graphc.ops.support.declare import Function, like
from graphc.ops.support.scipy_ops import compiled, scipys, special
from graphc.ops.support.stirling import LARGE, digamma_between, digamma_gap, power_weight, remainder, weight

NEAR = 10.0
"""Up to here products of gamma functions are as exact as their logarithms, and sooner there."""

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def digamma_difference(a: Any, b: Any) -> Any:
    """ψ(a) − ψ(a + b), by their gap where both are positive."""
    positive = (a > 0) & (b > 0)
    low, step = where(positive, a, 1.0), where(positive, b, 1.0)
    return where(positive, -digamma_gap(low, step), digamma(a) - digamma(a + b))


def digamma_difference_of(p: Any, q: Any) -> Any:
    """ψ(p) − ψ(q)."""
    positive = (p > 0) & (q > 0)
    return where(
        positive, digamma_between(where(positive, p, 1.0), where(positive, q, 1.0)), digamma(p) - digamma(q)
    )


def _logs(low: Any, high: Any) -> tuple[Any, Any]:
    """log Γ(b) − log Γ(a + b) for 0 < a ≤ b ≥ 1.5, and log B(a, b) where both are so large, by Stirling's series.

    The arrangement is that of DiDonato and Morris, ACM TOMS 18 (1992).
    """
    part, large = maximum(low, 0.0), maximum(high, LARGE)
    total, ratio = part + large, part / large
    rest = remainder(large) - remainder(total)
    quotient = rest - (total - 0.5) * log1p(ratio) - part * (log(large) - 1)
    both = maximum(low, LARGE)
    share = both / large
    each = remainder(both) + remainder(large) - remainder(both + large)
    logs = (
        (HALF_LOG_TWO_PI - 0.5 * log(large)) + (both - 0.5) * log(share / (1 + share)) - large * log1p(share)
    )
    return quotient, each + logs


def _of_small(low: Any, high: Any) -> Any:
    """B(a, b) by gamma functions, for b < 10."""
    return gamma(low) * (gamma(high) / gamma(low + high))


def _by_products(low: Any, high: Any) -> Any:
    """Where three gamma functions lose less than a series: what it makes of a small a ≤ 1 is a number near 0."""
    return (high < LARGE) | ((low > 1) & (high < NEAR))


def _betaln_code(a: Any, b: Any) -> Any:
    low, high = minimum(a, b), maximum(a, b)
    quotient, logs = _logs(low, high)
    far = where(low < LARGE, lgamma(maximum(low, 0.0)) + quotient, logs)
    positive = where(_by_products(low, high), log(_of_small(low, high)), far)
    positive = where(high < math.inf, positive, like(-math.inf, low))
    return where(low > 0, positive, lgamma(a) + lgamma(b) - lgamma(a + b))


betaln: Function = special(
    "betaln", ("a", "b"), lambda S, a, b: S.log(S.Abs(S.gamma(a) * S.gamma(b) / S.gamma(a + b))), ((0.1, 50.0), (0.1, 50.0)),
    (lambda out, a, b: digamma_difference(a, b), lambda out, a, b: digamma_difference(b, a)),
    "The logarithm of |B(a, b)|, the beta function.", expand=_betaln_code, facts=Facts(commutative=True),
    reference=lambda a, b: scipys("betaln")(np.minimum(a, b), np.maximum(a, b)),
    notation=Notation("log B", None, r"\log\left|B\left(<0>, <1>\right)\right|"),
    notes="Where B is near 1 the error is small beside 1, not beside the value.", ulps=64.0, reference_ulps=1e5,
    nanoseconds=200.0,
)  # fmt: skip


def _sign_of_gamma(x: Any) -> Any:
    """−1 where Γ(x) is negative."""
    whole = floor(x)
    return where((x < 0) & (whole - 2 * floor(0.5 * whole) > 0.5), like(-1, x), like(1, x))


def _beta_code(a: Any, b: Any) -> Any:
    low, high = minimum(a, b), maximum(a, b)
    quotient, logs = _logs(low, high)
    far = where(low < LARGE, gamma(maximum(low, 0.0)) * exp(quotient), exp(logs))
    product = _by_products(low, high)
    positive = where(product, _of_small(low, high), where(high < math.inf, far, like(0, low)))
    sign = _sign_of_gamma(a) * _sign_of_gamma(b) * _sign_of_gamma(a + b)
    general = where(
        (low > -NEAR) & (high < NEAR), _of_small(low, high), sign * exp(lgamma(a) + lgamma(b) - lgamma(a + b))
    )
    return where(low > 0, positive, general)


beta: Function = special(
    "beta", ("a", "b"), lambda S, a, b: S.gamma(a) * S.gamma(b) / S.gamma(a + b), ((0.1, 20.0), (0.1, 20.0)),
    (lambda out, a, b: out * digamma_difference(a, b), lambda out, a, b: out * digamma_difference(b, a)),
    "The beta function B(a, b) = Γ(a)Γ(b)/Γ(a + b).", expand=_beta_code, facts=Facts(commutative=True), sympy=("beta",),
    reference=lambda a, b: scipys("beta")(np.minimum(a, b), np.maximum(a, b)),
    notation=Notation("B", None, r"B\left(<0>, <1>\right)"), ulps=64.0, reference_ulps=200.0, nanoseconds=240.0,
)  # fmt: skip


def power_less_one(x: Any, a: Any) -> Any:
    """xᵃ⁻¹ for x > 0: below ½, where a − 1 is rounded, as xᵃ/x."""
    small = a < 0.5
    return where(small, x ** where(small, a, 0.25) / x, x ** where(small, 1.0, a - 1))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """xᵃ⁻¹(1 − x)ᵇ⁻¹/B(a, b), by deviances: what is large of its exponents cancels by form."""
    known = (x > 0) & (x < 1) & (a > 0) & (b > 0)
    inner, first, second = where(known, x, 0.5), where(known, a, 1.0), where(known, b, 1.0)
    total, rest = first + second, 1 - inner
    scale = weight(first) * (weight(second) / weight(total)) / (inner * rest)
    # a − (a + b)·x by the smaller of x and 1 − x, which has lost nothing of the other
    gap = where(inner < 0.5, first - total * inner, total * rest - second)
    usual = scale * exp(-kl_term(first, total * inner, gap) - kl_term(second, total * rest, -gap))
    small = (
        known & (x < 0.01) & (second * inner < 1) & (a < 20)
    )  # where the power has digits that exp of its logarithm has not
    low, power, other = where(small, x, 0.01), where(small, a, 1.0), where(small, b, 1.0)
    near = power_less_one(low, power) * exp((other - 1) * log1p(-low)) / beta(power, other)
    inside = where(small, near, usual)
    at_zero = where(a < 1, like(math.inf, x), where(equal(a, 1), b, like(0, x)))
    at_one = where(b < 1, like(math.inf, x), where(equal(b, 1), a, like(0, x)))
    edge = where(equal(x, 0), at_zero, where(equal(x, 1), at_one, like(math.nan, x)))
    return where(known, inside, where((a > 0) & (b > 0), edge, like(math.nan, x)))


def no_closed_form(name: str, of: str) -> NoPartial:
    return NoPartial(
        f"{name} of {of}",
        "it has no closed form in the functions that there are",
        "differentiate by the last operand, or take differences: g.check_grad shows how",
    )


def _share(S: Any, a: Any, b: Any, x: Any) -> Any:
    return S.betainc(a, b, 0, x) * S.gamma(a + b) / (S.gamma(a) * S.gamma(b))


betainc: Function = compiled(
    "betainc", ("a", "b", "x"), lambda S, a, b, x: _share(S, a, b, x), ((0.5, 20.0), (0.5, 20.0), (0.02, 0.98)),
    (no_closed_form("a", "betainc"), no_closed_form("b", "betainc"), lambda out, a, b, x: beta_density(a, b, x)),
    "The regularized incomplete beta function Iₓ(a, b), the distribution function of the beta distribution.",
    facts=Facts(range=(0.0, 1.0)),
    notation=Notation("Iₓ", None, r"I_{<2>}\left(<0>, <1>\right)"), nanoseconds=300.0,
    specials=(((2.0, 3.0, 0.0), 0.0), ((2.0, 3.0, 1.0), 1.0)),
)  # fmt: skip


def _numpy_betaincc(a: Any, b: Any, x: Any) -> Any:
    below = scipys("betainc")(a, b, x)
    value = np.asarray(scipys("betaincc")(a, b, x))
    return np.where(below < 0.5, 1 - below, value).astype(value.dtype)[()]


def _complement(e: Any, a: Any, b: Any, x: Any) -> Any:
    """SciPy's, and 1 − I where that is exact: SciPy's complement is 1 for a = b = ½ and x < 10⁻¹⁶."""
    below, value = e.scipy("betainc", a, b, x), e.scipy("betaincc", a, b, x)
    less = e.compare("lt", below, e.number(0.5, below))
    return e.select(less, e.sub(e.number(1.0, below), below), value)


betaincc: Function = compiled(
    "betaincc", ("a", "b", "x"), lambda S, a, b, x: _share(S, b, a, 1 - x),
    ((0.5, 20.0), (0.5, 20.0), (0.02, 0.98)),
    (no_closed_form("a", "betaincc"), no_closed_form("b", "betaincc"), lambda out, a, b, x: -beta_density(a, b, x)),
    "The complement 1 − Iₓ(a, b) of the regularized incomplete beta function.",
    facts=Facts(range=(0.0, 1.0)), emit=_complement, reference=_numpy_betaincc,
    nanoseconds=600.0, specials=(((2.0, 3.0, 0.0), 1.0), ((2.0, 3.0, 1.0), 0.0)),
)  # fmt: skip


def _factorial_code(x: Any) -> Any:
    return where(x < 0, like(0, x), gamma(1 + x))


factorial: Function = special(
    "factorial", ("x",), lambda S, x: S.gamma(1 + x), ((0.1, 20.0),),
    (lambda out, x: out * digamma(1 + x),),
    "x! = Γ(x + 1), and 0 below 0: as SciPy's.", expand=_factorial_code, scipy=(), sympy=("factorial",),
    reference=lambda x: np.where(x < 0, x.dtype.type(0), scipys("gamma")(1 + x))[()], notation=Notation("x!", None, r"[0]!"),
    specials=(((0.0,), 1.0), ((5.0,), 120.0), ((-1.5,), 0.0)), ulps=64.0, reference_ulps=80.0, nanoseconds=40.0,
)  # fmt: skip


def _rise(z: Any, m: Any) -> Any:
    """ψ(z + m) − ψ(z), of a step that z + m may have lost."""
    return where(m > 0, -digamma_difference(z, m), digamma_difference(z + m, -m))


def _whole(x: Any) -> Any:
    return equal(floor(x), x)


def _rounded(x: Any, whole: Any) -> Any:
    """What is known to be a whole number, where a float holds such."""
    return where(whole & (abs(x) < 2.0 ** (20 if x.dtype.itemsize == 4 else 50)), round(x), x)


def _binom_code(n: Any, k: Any) -> Any:
    """1/((n + 1)·B(n − k + 1, k + 1)); elsewhere than at positive arguments by Γ(n + 1)/(Γ(k + 1)·Γ(n − k + 1))."""
    inside = (n > -1) & (k > -1) & (n - k > -1)
    top, low = where(inside, n, 1.0), where(inside, k, 1.0)
    product = (1 + top) * _beta_code(1 + (top - low), 1 + low)
    least = 2.0 ** (
        -100 if n.dtype.itemsize == 4 else -900
    )  # below, of large n, the product loses digits or is 0
    near = where(product < least, exp(-log(1 + top) - _betaln_code(1 + (top - low), 1 + low)), 1 / product)
    sign = _sign_of_gamma(1 + n) * _sign_of_gamma(1 + k) * _sign_of_gamma(1 + (n - k))
    general = sign * exp(lgamma(1 + n) - lgamma(1 + k) - lgamma(1 + (n - k)))
    at_pole = (n < 0) & _whole(n)
    value = where(inside, near, where(at_pole, like(math.nan, n), general))
    return where(isfinite(n - k), _rounded(value, _whole(n) & _whole(k)), _binom_at_infinity(n, k))


def _binom_at_infinity(n: Any, k: Any) -> Any:
    """Limits: of nᵏ/Γ(k + 1), and of what falls as |k|⁻ⁿ⁻¹ and changes its sign."""
    power = where(k > 0, like(math.inf, n), where(equal(k, 0), like(1, n), like(0, n)))
    top = equal(n, math.inf) & isfinite(k)
    return where(top, power, where((n > -1) & (n < math.inf) & equal(k, k), like(0, n), like(math.nan, n)))


def _numpy_binom(n: Any, k: Any) -> Any:
    n, k = np.broadcast_arrays(n, k)
    with np.errstate(all="ignore"):
        usual = np.asarray(scipys("binom")(n, k))
        power = np.where(k > 0, np.inf, np.where(k == 0, 1, 0))
        other = np.where((n > -1) & (n < np.inf) & (k == k), 0, np.nan)
        limits = np.where((n == np.inf) & np.isfinite(k), power, other)
        return np.where(np.isfinite(n - k), usual, limits).astype(usual.dtype)[()]


binom: Function = special(
    "binom", ("n", "k"), lambda S, n, k: S.gamma(1 + n) / (S.gamma(1 + k) * S.gamma(1 + n - k)), ((10.5, 30.0), (0.2, 9.0)),
    (
        lambda out, n, k: out * _rise(1 + (n - k), k),
        lambda out, n, k: out * digamma_difference_of(1 + (n - k), 1 + k),
    ),
    "The binomial coefficient of real n and k, NaN for negative whole n; its limits where one is infinite.", expand=_binom_code,
    reference=_numpy_binom, sympy=("binomial",),
    notation=Notation("binom", None, r"\binom{<0>}{<1>}"), ulps=100.0, reference_ulps=1000.0, nanoseconds=90.0,
    specials=(((5.0, 2.0), 10.0), ((3.0, 5.0), 0.0)),
)  # fmt: skip


def _poch_code(z: Any, m: Any) -> Any:
    """By Stirling's series for positive z and z + m, downwards for m < 0, by reflection for whole m; else by logarithms."""
    t = z + m
    inside = (z > 0) & (t > 0)
    turned = (z <= 0) & (t <= 0) & _whole(m)
    down = m < 0
    # of the lower and the upper end, both positive: z and t, or 1 − t and 1 − z
    first, last = where(turned, 1 - t, z), where(turned, 1 - z, t)
    usable = inside | turned
    low = where(usable, where(down, last, first), 1.0)
    size = where(usable, abs(m), 1.0)
    ratio = power_weight(low, size)
    odd = turned & (abs(m - 2 * floor(0.5 * m)) > 0.5)
    near = where(down, 1 / ratio, ratio)
    general = _sign_of_gamma(t) * _sign_of_gamma(z) * exp(lgamma(t) - lgamma(z))
    value = where(equal(m, 0), like(1, z), where(usable, where(odd, -near, near), general))
    value = _rounded(value, _whole(z) & _whole(m) & (m > 0))
    rising = where(m > 0, like(math.inf, z), where(equal(m, 0), like(1, z), where(m < 0, like(0, z), m)))
    value = where(
        equal(m, math.inf), _of_infinite_step(z), where(equal(m, -math.inf), like(math.nan, z), value)
    )
    return where(equal(z, math.inf) & (m > -math.inf), rising, value)


def _of_infinite_step(z: Any) -> Any:
    """The limit of Γ(z + m)/Γ(z) for m → ∞: infinite, with the sign of Γ(z); 0 at its poles."""
    limit = where(z > -math.inf, _sign_of_gamma(z) * math.inf, like(math.nan, z))
    return where((z <= 0) & _whole(z), like(0, z), limit)


def _numpy_poch(z: Any, m: Any) -> Any:
    z, m = np.broadcast_arrays(z, m)
    with np.errstate(all="ignore"):
        usual = np.asarray(scipys("poch")(z, m))
        rising = np.where(m > 0, np.inf, np.where(m == 0, 1, np.where(m < 0, 0, m)))
        return np.where((z == np.inf) & (m > -np.inf), rising, usual).astype(usual.dtype)[()]


def _poch_partial(out: Any, z: Any, m: Any) -> Any:
    """Γ(z + m)/Γ(z) is z/(z + m) times that of z + 1; near z = 0 the product is differentiated, else the logarithm."""
    near = (z > 0) & (z < 1) & (m > 0)
    low, step = where(near, z, 1.0), where(near, m, 1.0)
    total = low + step
    above = poch(1 + low, step)
    product = above * (step / (total * total)) + (low / total) * (above * digamma_gap(1 + low, step))
    return where(near, product, out * _rise(z, m))


poch: Function = special(
    "poch", ("z", "m"), lambda S, z, m: S.gamma(z + m) / S.gamma(z), ((0.5, 20.0), (0.2, 9.0)),
    (_poch_partial, lambda out, z, m: out * digamma(z + m)),
    "Pochhammer's rising factorial Γ(z + m)/Γ(z).", expand=_poch_code, reference=_numpy_poch, sympy=("RisingFactorial",),
    ulps=100.0, reference_ulps=1000.0, nanoseconds=50.0, specials=(((2.0, 3.0), 24.0), ((3.0, 0.0), 1.0), ((-3.0, 2.0), 6.0)),
)  # fmt: skip

__all__ = ["beta", "betainc", "betaincc", "betaln", "binom", "factorial", "poch"]
