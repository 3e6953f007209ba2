"""The special functions with what mpmath computes for them, and points of their whole domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import scipy.special
from mpmath import mp, mpf

import graphc as g

Points = list[np.ndarray]


class Hard(NamedTuple):
    """A region where what stands behind a function is less exact: (order of derivative, *operands) → bool, and the reason.

    most : the largest error there; scale : (order, *operands) → what the error there is counted beside, else 1
    """

    holds: Callable[..., bool]
    text: str
    most: float
    scale: Callable[..., float] = lambda order, *at: 1.0


class Case(NamedTuple):
    """A function, how mpmath computes it, and where it is looked at.

    slots : by which operands it is differentiated; most : how often
    derivative : (order by each operand, *operands) → the derivative, where mpmath's differences would be slow
    """

    name: str
    params: tuple[str, ...]
    build: Callable[..., Any]
    exact: Callable[..., Any]
    sample: Callable[[np.random.Generator, int], Points]
    slots: tuple[int, ...] = (0,)
    most: int = 2
    derivative: Callable[..., Any] | None = None
    hard: Hard | None = None


# --- points -----------------------------------------------------------------------------------------------------------------


def sizes(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Positive numbers of every size between two."""
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def mixed(
    *parts: Callable[[np.random.Generator, int], np.ndarray],
) -> Callable[[np.random.Generator, int], Points]:
    """Points of one operand, as many of each kind."""

    def sample(rng: np.random.Generator, count: int) -> Points:
        return [np.concatenate([part(rng, -(-count // len(parts))) for part in parts])]

    return sample


def even(low: float, high: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda rng, n: rng.uniform(low, high, n)


def every(low: float, high: float, sign: float = 1.0) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda rng, n: sign * sizes(rng, n, low, high)


def beside(
    place: float, sign: float = 1.0, least: float = 1e-15
) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Numbers close to a place, on one side."""
    return lambda rng, n: place + sign * sizes(rng, n, least, 0.3)


def pairs(
    *parts: Callable[[np.random.Generator, int], tuple[np.ndarray, ...]],
) -> Callable[[np.random.Generator, int], Points]:
    """Points of several operands, as many of each kind."""

    def sample(rng: np.random.Generator, count: int) -> Points:
        chosen = [part(rng, -(-count // len(parts))) for part in parts]
        return [np.concatenate(operands) for operands in zip(*chosen, strict=True)]

    return sample


def box(*ranges: tuple[float, float]) -> Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]:
    """Numbers of every size in a box of positive ones."""
    return lambda rng, n: tuple(sizes(rng, n, low, high) for low, high in ranges)


def plain(*ranges: tuple[float, float]) -> Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]:
    return lambda rng, n: tuple(rng.uniform(low, high, n) for low, high in ranges)


# --- mpmath -----------------------------------------------------------------------------------------------------------------


def deep(f: Callable[..., Any], extra: int = 400) -> Callable[..., Any]:
    """f with digits enough for what cancels."""

    def padded(*operands: Any) -> Any:
        with mp.extraprec(extra):
            return f(*operands)

    return padded


def _ndtri(p: Any) -> Any:
    return -mpmath.sqrt(2) * _erfcinv(2 * p)


def _erfcinv(y: Any) -> Any:
    """By Newton's iteration for log erfc from a rough start."""
    if y > 1:
        return -_erfcinv(2 - y)
    if y > mpf("0.1"):
        return mpmath.erfinv(1 - y)
    z = mpmath.sqrt(-mpmath.log(y))
    for _ in range(60):
        step = mpmath.log(mpmath.erfc(z) / y) * mpmath.erfc(z) * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(z * z)
        z += step
        if abs(step) < mpf(10) ** (5 - mp.dps) * abs(z):
            break
    return z


def _erfcinv_slopes(z: Any, order: int, rate: Any) -> Any:
    """Derivatives of the inverse of a function whose derivative is −rate·exp(−z²), of z."""
    first = -mpmath.exp(z * z) / rate
    return first if order == 1 else 2 * z * first * first


def _log_ndtr(x: Any) -> Any:
    with mp.extraprec(int(2 * x * x) + 100 if x > 0 else 60):
        return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def _betaln(a: Any, b: Any) -> Any:
    with mp.extraprec(120):
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


def _beta_slopes(order: tuple[int, ...], a: Any, b: Any, x: Any) -> Any:
    density = x ** (a - 1) * (1 - x) ** (b - 1) / mpmath.beta(a, b)
    return density if order[2] == 1 else density * ((a - 1) / x - (b - 1) / (1 - x))


def _gamma_slopes(order: tuple[int, ...], a: Any, x: Any) -> Any:
    density = x ** (a - 1) * mpmath.exp(-x) / mpmath.gamma(a)
    return density if order[1] == 1 else density * ((a - 1) / x - 1)


def _around_mean(rng: np.random.Generator, count: int, low: float, high: float) -> tuple[np.ndarray, ...]:
    a, b = sizes(rng, count, low, high), sizes(rng, count, low, high)
    width = np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return a, b, np.clip(a / (a + b) + 3 * width * rng.normal(size=count), 1e-6, 1 - 1e-6)


def _around(rng: np.random.Generator, count: int, low: float, high: float) -> tuple[np.ndarray, ...]:
    a = sizes(rng, count, low, high)
    return a, np.abs(a + 3 * np.sqrt(a) * rng.normal(size=count)) + 1e-9


def _below(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    n = rng.uniform(0.5, 100, count)
    return n, n * rng.uniform(0, 1, count)


AMOS = "SciPy's AMOS routines, of real order, are exact to some 10⁻¹⁴"
SCALED = "the derivative of a scaled function is a difference that loses 2|x| units, the second (2x)² of them"


def _of_real_order(most: float, scaled: bool = False) -> Hard:
    scale = (lambda order, v, x: (1 + 2 * abs(x) + 2 * v) ** order) if scaled else (lambda order, *at: 1.0)
    return Hard(lambda order, v, x: True, AMOS + ("; " + SCALED if scaled else ""), most, scale)


def _scaled(cephes: bool = False) -> Hard:
    own = "; below 1 Cephes' value itself errs by 7 units" if cephes else ""
    return Hard(
        lambda order, x: (order > 0 and 0.25 < abs(x) < 30) or (cephes and abs(x) < 1),
        f"{SCALED}, up to |x| = 30{own}",
        10.0,
        lambda order, x: (1 + 2 * abs(x)) ** order,
    )


def _of_scipy(text: str, most: float) -> Hard:
    return Hard(lambda order, *at: not order, text, most)


def _of_floats(function: Callable[..., Any]) -> Hard:
    text = "where SciPy's function is no smaller than 1e−12, whose errors of some 10 units"
    return Hard(lambda order, a, x: bool(function(a, x) > 1e-12), f"{text} are those of the slope", 60.0)


def _student(v: Any, x: Any) -> Any:
    """The lower tail, of x < 0."""
    return mpmath.betainc(v / 2, mpf(1) / 2, 0, v / (v + x * x), regularized=True) / 2


def _bessel_k(order: int, x: Any) -> Any:
    """K₀ and K₁ by their series (DLMF 10.31), which is faster than mpmath's limit; the asymptotic one far out."""
    if x > 300:
        return mpmath.besselk(order, x)
    with mp.extraprec(int(3 * x) + 60):
        square, log = x * x / 4, mpmath.log(x / 2)
        term, psi, total, k = (mpf(1) if order == 0 else x / 2), -mp.euler, mpf(0), 0
        while True:
            total += term * (psi - log) if order == 0 else term * (log - psi - mpf(1) / (2 * (k + 1)))
            k += 1
            if abs(term) < mpf(2) ** (-mp.prec) and k > square:
                break
            psi += mpf(1) / k
            term *= square / (k * (k + order))
        return total if order == 0 else 1 / x + total


CASES: list[Case] = [
    Case("erfcx", ("x",), g.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x), mixed(even(-10, 10), every(1e-8, 1e4))),
    Case("ndtr", ("x",), g.ndtr, lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2, mixed(even(-37, 8), even(-4, 4),
         every(1e-10, 5))),
    Case("log_ndtr", ("x",), g.log_ndtr, _log_ndtr, mixed(even(-40, 20), even(-4, 4), every(1, 1e5, -1.0), every(1e-10, 1))),
    Case("erfinv", ("x",), g.erfinv, lambda x: mpmath.erfinv(x), mixed(even(-1, 1), every(1e-20, 1), beside(1, -1), beside(-1)),
         derivative=lambda n, x: _erfcinv_slopes(mpmath.erfinv(x), n[0], -2 / mpmath.sqrt(mp.pi))),
    Case("erfcinv", ("x",), g.erfcinv, _erfcinv, mixed(even(0, 2), every(1e-300, 1), beside(2, -1), beside(1)),
         derivative=lambda n, x: _erfcinv_slopes(_erfcinv(x), n[0], 2 / mpmath.sqrt(mp.pi))),
    Case("ndtri", ("x",), g.ndtri, _ndtri, mixed(even(0, 1), every(1e-300, 1), beside(1, -1), beside(0.5))),
    Case("xlogy", ("x", "y"), g.xlogy, lambda x, y: x * mpmath.log(y), pairs(box((1e-200, 1e200), (1e-300, 1e300)),
         plain((-3, 3), (0.5, 2))), (0, 1)),
    Case("xlog1py", ("x", "y"), g.xlog1py, lambda x, y: x * mpmath.log1p(y), pairs(box((1e-200, 1e200), (1e-200, 1e300)),
         plain((-3, 3), (-0.999, 2))), (0, 1)),
    Case("entr", ("x",), g.entr, lambda x: -x * mpmath.log(x), mixed(every(1e-300, 1e300), even(0, 3))),
    Case("rel_entr", ("x", "y"), g.rel_entr, lambda x, y: x * mpmath.log(x / y), pairs(box((1e-150, 1e150), (1e-150, 1e150)),
         box((0.3, 3), (0.3, 3)), lambda rng, n: _close(rng, n)), (0, 1)),
    Case("kl_div", ("x", "y"), g.kl_div, lambda x, y: x * mpmath.log(x / y) - x + y, pairs(box((1e-150, 1e150), (1e-150, 1e150)),
         box((0.3, 3), (0.3, 3)), lambda rng, n: _close(rng, n)), (0, 1)),
    Case("logit", ("x",), g.logit, lambda x: mpmath.log(x / (1 - x)), mixed(even(0, 1), every(1e-300, 1), beside(1, -1),
         beside(0.5))),
    Case("betaln", ("a", "b"), g.betaln, _betaln, pairs(box((1e-10, 1e10), (1e-10, 1e10)), box((0.1, 30), (0.1, 30)),
         box((5, 1e4), (5, 1e4)), box((1e-3, 30), (5, 1e6))), (0, 1)),
    Case("beta", ("a", "b"), g.beta, lambda a, b: mpmath.exp(_betaln(a, b)), pairs(box((1e-10, 300), (1e-10, 300)),
         box((0.1, 30), (0.1, 30)), box((1e-3, 30), (5, 1e4))), (0, 1)),
    Case("betainc", ("a", "b", "x"), g.betainc, lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
         pairs(lambda rng, n: (sizes(rng, n, 0.05, 40), sizes(rng, n, 0.05, 40), rng.uniform(0, 1, n)),
               lambda rng, n: _around_mean(rng, n, 1, 300)), (2,), derivative=_beta_slopes,
         hard=_of_scipy("the value: SciPy's series and fractions err by some 10 units", 40.0)),
    Case("betaincc", ("a", "b", "x"), g.betaincc, lambda a, b, x: mpmath.betainc(b, a, 0, 1 - x, regularized=True),
         pairs(lambda rng, n: (sizes(rng, n, 0.05, 40), sizes(rng, n, 0.05, 40), rng.uniform(0, 1, n)),
               lambda rng, n: _around_mean(rng, n, 1, 300)), (2,), derivative=lambda n, a, b, x: -_beta_slopes(n, a, b, x)),
    Case("gammainc", ("a", "x"), g.gammainc, lambda a, x: mpmath.gammainc(a, 0, x, regularized=True),
         pairs(box((0.01, 40), (1e-8, 100)), lambda rng, n: _around(rng, n, 0.5, 3000)), (1,), derivative=_gamma_slopes,
         hard=_of_scipy("the value: SciPy's series and fractions err by some 10 units", 60.0)),
    Case("gammaincc", ("a", "x"), g.gammaincc, lambda a, x: mpmath.gammainc(a, x, regularized=True),
         pairs(box((0.01, 40), (1e-8, 100)), lambda rng, n: _around(rng, n, 0.5, 3000)), (1,),
         derivative=lambda n, a, x: -_gamma_slopes(n, a, x),
         hard=_of_scipy("the value: SciPy's series and fractions err by some 10 units", 60.0)),
    Case("log_gammainc", ("a", "x"), g.log_gammainc, deep(lambda a, x: mpmath.log(mpmath.gammainc(a, 0, x, regularized=True))),
         pairs(box((0.01, 40), (1e-8, 100)), box((0.5, 100), (1e-300, 1))), (1,), most=1,
         hard=_of_floats(scipy.special.gammainc)),
    Case("log_gammaincc", ("a", "x"), g.log_gammaincc, deep(lambda a, x: mpmath.log(mpmath.gammainc(a, x, regularized=True))),
         pairs(box((0.01, 40), (1e-8, 100)), box((0.5, 100), (100, 1e4))), (1,), most=1,
         hard=_of_floats(scipy.special.gammaincc)),
    Case("stdtr", ("df", "x"), g.stdtr, lambda v, x: _student(v, x), pairs(plain((0.5, 30), (-30, 0)),
         lambda rng, n: (sizes(rng, n, 0.1, 10), -sizes(rng, n, 1e-6, 1e15))), (1,), most=2),
    Case("factorial", ("x",), g.factorial, lambda x: mpmath.gamma(1 + x), mixed(even(0, 170), even(0, 10))),
    Case("binom", ("n", "k"), g.binom, lambda n, k: mpmath.binomial(n, k), pairs(lambda rng, n: _below(rng, n)), (0, 1)),
    Case("poch", ("z", "m"), g.poch, lambda z, m: mpmath.rf(z, m), pairs(box((0.01, 100), (0.01, 50)),
         box((1e-3, 1e8), (1e-6, 10))), (0, 1)),
    Case("jv", ("v", "x"), g.jv, mpmath.besselj, pairs(plain((0, 10), (0.01, 50)), box((0.1, 60), (0.01, 100)),
         lambda rng, n: (rng.integers(0, 8, n).astype(float), rng.uniform(0.01, 40, n))), (1,),
         hard=_of_real_order(2000.0)),
    Case("yv", ("v", "x"), g.yv, mpmath.bessely, pairs(plain((0, 10), (0.05, 50)), box((0.1, 30), (0.05, 100))), (1,),
         hard=_of_real_order(2000.0)),
    Case("iv", ("v", "x"), g.iv, mpmath.besseli, pairs(plain((0, 10), (0.01, 50)), box((0.1, 60), (0.01, 300))), (1,)),
    Case("kv", ("v", "x"), g.kv, mpmath.besselk, pairs(plain((0, 10), (0.01, 50)), box((0.1, 60), (0.05, 300))), (1,),
         hard=_of_real_order(2000.0)),
    Case("ive", ("v", "x"), g.ive, lambda v, x: mpmath.exp(-x) * mpmath.besseli(v, x), pairs(plain((0, 10), (0.01, 50)),
         box((0.1, 60), (0.01, 1000))), (1,), hard=_of_real_order(2000.0, True)),
    Case("kve", ("v", "x"), g.kve, lambda v, x: mpmath.exp(x) * mpmath.besselk(v, x), pairs(plain((0, 10), (0.01, 50)),
         box((0.1, 60), (0.05, 1000))), (1,), hard=_of_real_order(2000.0, True)),
    Case("j0", ("x",), g.j0, lambda x: mpmath.besselj(0, x), mixed(even(-20, 20), every(1e-10, 1e4))),
    Case("j1", ("x",), g.j1, lambda x: mpmath.besselj(1, x), mixed(even(-20, 20), every(1e-10, 1e4))),
    Case("y0", ("x",), g.y0, lambda x: mpmath.bessely(0, x), mixed(even(0, 20), every(1e-10, 1e4))),
    Case("y1", ("x",), g.y1, lambda x: mpmath.bessely(1, x), mixed(even(0, 20), every(1e-10, 1e4)),
         hard=Hard(lambda order, x: not order and 2 < x < 5, "the value between 2 and 5, by Cephes", 8.0)),
    Case("i0", ("x",), g.i0, lambda x: mpmath.besseli(0, x), mixed(even(-20, 20), every(1e-10, 600))),
    Case("i1", ("x",), g.i1, lambda x: mpmath.besseli(1, x), mixed(even(-20, 20), every(1e-10, 600))),
    Case("i0e", ("x",), g.i0e, lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x), mixed(even(-20, 20), every(1e-10, 1e6)),
         hard=_scaled(True)),
    Case("i1e", ("x",), g.i1e, lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x), mixed(even(-20, 20), every(1e-10, 1e6)),
         hard=_scaled(True)),
    Case("k0", ("x",), g.k0, lambda x: _bessel_k(0, x), mixed(even(0, 20), every(1e-10, 600))),
    Case("k1", ("x",), g.k1, lambda x: _bessel_k(1, x), mixed(even(0, 20), every(1e-10, 600))),
    Case("k0e", ("x",), g.k0e, lambda x: mpmath.exp(x) * _bessel_k(0, x), mixed(even(0, 20), every(1e-10, 1e4)),
         hard=_scaled()),
    Case("k1e", ("x",), g.k1e, lambda x: mpmath.exp(x) * _bessel_k(1, x), mixed(even(0, 20), every(1e-10, 1e4)),
         hard=_scaled()),
    Case("airyai", ("x",), g.airyai, mpmath.airyai, mixed(even(-20, 20), every(1e-10, 80), every(1e-10, 80, -1.0)),
         hard=Hard(lambda order, x: 0.5 < x < 2.2, "between ½ and 2.2, by Cephes", 25.0)),
    Case("airyaiprime", ("x",), g.airyaiprime, lambda x: mpmath.airyai(x, derivative=1), mixed(even(-20, 20), every(1e-10, 80)),
         hard=Hard(lambda order, x: 0.5 < x < 2.2, "between ½ and 2.2, by Cephes", 25.0)),
    Case("airybi", ("x",), g.airybi, mpmath.airybi, mixed(even(-20, 20), every(1e-10, 80), every(1e-10, 80, -1.0))),
    Case("airybiprime", ("x",), g.airybiprime, lambda x: mpmath.airybi(x, derivative=1), mixed(even(-20, 20), every(1e-10, 80))),
    Case("expi", ("x",), g.expi, mpmath.ei, mixed(even(-40, 40), every(1e-200, 600), every(1e-200, 600, -1.0))),
    Case("exp1", ("x",), g.exp1, mpmath.e1, mixed(even(0, 5), even(0, 40), every(1e-200, 600))),
    Case("expn", ("n", "x"), g.expn, lambda n, x: mpmath.expint(mpmath.floor(n), x),
         pairs(lambda rng, n: (rng.integers(0, 12, n).astype(float), sizes(rng, n, 1e-3, 300)),
               lambda rng, n: (rng.integers(0, 12, n).astype(float), rng.uniform(0.1, 10, n))), (1,)),
    Case("sinint", ("x",), g.sinint, mpmath.si, mixed(even(-30, 30), every(1e-100, 1e4))),
    Case("cosint", ("x",), g.cosint, mpmath.ci, mixed(even(0, 30), every(1e-100, 1e4))),
    Case("sinhint", ("x",), g.sinhint, mpmath.shi, mixed(even(-30, 30), every(1e-100, 600))),
    Case("coshint", ("x",), g.coshint, mpmath.chi, mixed(even(0, 30), every(1e-100, 600))),
    Case("ellipk", ("m",), g.ellipk, mpmath.ellipk, mixed(even(-3, 1), beside(1, -1), every(1e-10, 1e10, -1.0), every(1e-20, 1))),
    Case("ellipe", ("m",), g.ellipe, mpmath.ellipe, mixed(even(-3, 1), beside(1, -1), every(1e-10, 1e10, -1.0), every(1e-20, 1)),
         hard=Hard(lambda order, m: m < -100 or m > 0.99, "where E and K are far apart: as many units as K/E", 60.0)),
    Case("lambertw", ("z",), g.lambertw, lambda z: mpmath.lambertw(z).real, mixed(even(-0.3678, 3), every(1e-100, 1e300),
         beside(-0.36787944117144233), every(1e-100, 0.3, -1.0))),
    Case("lambertw −1", ("z",), lambda z: g.lambertw(z, -1), lambda z: mpmath.lambertw(z, -1).real, mixed(even(-0.3678, 0),
         beside(-0.36787944117144233), every(1e-300, 0.3, -1.0))),
    Case("zeta", ("x", "q"), g.zeta, lambda x, q: mpmath.zeta(x, q), pairs(box((1.1, 100), (0.01, 100)),
         lambda rng, n: (1 + sizes(rng, n, 1e-6, 30), sizes(rng, n, 1e-3, 1e5))), (1,)),
    Case("Riemann", ("x",), lambda x: g.zeta(x), mpmath.zeta, mixed(even(-30, 30), every(1e-6, 60), beside(1),
         beside(1, -1), every(1e-300, 0.3, -1.0)), ()),
    Case("legendre 7", ("x",), lambda x: g.eval_legendre(7, x), lambda x: mpmath.legendre(7, x), mixed(even(-1, 1), even(-3, 3))),
    Case("hermite 7", ("x",), lambda x: g.eval_hermite(7, x), lambda x: mpmath.hermite(7, x), mixed(even(-3, 3),
         every(1e-5, 1e5))),
    Case("multigammaln", ("x",), lambda x: g.multigammaln(x, 3), lambda a: 3 * mpmath.log(mp.pi) / 2 + sum(
         mpmath.loggamma(a - mpf(j) / 2) for j in range(3)), mixed(even(1.1, 30), lambda rng, n: 1 + sizes(rng, n, 1e-6, 1e6))),
]  # fmt: skip


def _close(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    x = sizes(rng, count, 1e-3, 1e3)
    return x, x * (1 + rng.choice([-1, 1], count) * sizes(rng, count, 1e-12, 0.5))
