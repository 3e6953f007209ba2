"""Logarithms of the incomplete gamma and beta functions, also where the functions themselves are 0.

Down to FLOOR it is the logarithm of SciPy's function, or log1p of its complement, and the derivative is a density over a
probability. Below, the function is its density times a continued fraction, whose terms are written by the distance from the
mean: few steps of it are enough there, nothing of them cancels, and the derivative is the reciprocal of that fraction. Sources:
A. Cuyt et al., Handbook of Continued Fractions for Special Functions (2008), §§ 12.6 and 12.7; A. DiDonato and A. Morris,
Significant digit computation of the incomplete beta function ratios, ACM TOMS 18 (1992).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.op import Facts, Notation
from graphc.ops.beta import beta_density, betainc, betaincc, no_closed_form
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import log, log1p
from graphc.ops.incomplete_gamma import gamma_density, gammainc, gammaincc
from graphc.ops.information import kl_term
from graphc.ops.support.declare import Function, like
from graphc.ops.support.scipy_ops import scipys, special
from graphc.ops.support.stirling import weight

STEPS = 16
"""Of the fractions. Where a probability is below FLOOR their error then is below 1e−17, for shapes from 0.001 to 10⁸."""

FLOOR = 1e-12
LOG_FLOOR = math.log(FLOOR)

SLOPE_STEPS, SLOPE_FLOOR = 28, math.log(1e-4)
"""Of the slopes of the gamma function's logarithms: a density over a probability loses digits when it is differentiated again."""


def _inner(condition: Any, x: Any, instead: float) -> Any:
    return where(condition, x, like(instead, x))


def lower_rest(a: Any, x: Any, gap: Any, steps: int = STEPS) -> Any:
    """xᵃe⁻ˣ/γ(a, x), for a gap a − x of many √a."""
    rest = gap + float(steps)
    for n in range(steps, 0, -1):
        rest = gap + float(n - 1) + float(n) * x / rest
    return rest


def upper_rest(a: Any, gap: Any, steps: int = STEPS) -> Any:
    """xᵃe⁻ˣ/Γ(a, x), for a gap x − a of many √a."""
    rest = gap + float(2 * steps + 1)
    for n in range(steps, 0, -1):
        rest = gap + float(2 * n - 1) + float(n) * (a - float(n)) / rest
    return rest


def beta_rest(a: Any, b: Any, x: Any, y: Any, gap: Any) -> Any:
    """xᵃyᵇ/B(x; a, b), y = 1 − x, for x far below the mean: of a gap a − (a + b)·x."""
    total = a + b

    def base(n: float) -> Any:
        share = n * (b - n) * x / (a + (2 * n - 1)) if n else 0 * x
        return n + share + (a + n) / (a + (2 * n + 1)) * (gap + 1 + n * (1 + y))

    rest = base(float(STEPS))
    for n in map(float, range(STEPS, 0, -1)):
        # quotients of two factors each: the product of four overflows sooner
        over = ((a + (n - 1)) / (a + (2 * n - 1)) * x) * ((total + (n - 1)) / (a + (2 * n - 1)) * x)
        rest = base(n - 1) + n * (b - n) * over / rest
    return rest


def _of_floats(own: Any, other: Any, deep: Any) -> Any:
    """The logarithm of a probability that is a float, by that of the two which is small."""
    high = own > 0.5
    return where(high, log1p(-_inner(high, other, 0.25)), log(where(high | deep, like(0.25, own), own)))


def _domain(known: Any, value: Any, at_zero: tuple[Any, float], at_end: tuple[Any, float]) -> Any:
    """A value inside of a domain, its limits at the ends, and NaN elsewhere."""
    edge = where(at_end[0], like(at_end[1], value), like(math.nan, value))
    return where(known, value, where(at_zero[0], like(at_zero[1], value), edge))


# --- gamma --------------------------------------------------------------------------------------------------------------------


def _gamma_code(upper: bool) -> Any:
    def code(a: Any, x: Any) -> Any:
        known = (x > 0) & (x < math.inf) & (a > 0) & (a < math.inf)
        shape, at = _inner(known, a, 1.0), _inner(known, x, 1.0)
        below, above = gammainc(shape, at), gammaincc(shape, at)
        own, other = (above, below) if upper else (below, above)
        deep = (own < FLOOR) & ((at > shape) if upper else (at < shape))
        far_shape = _inner(deep, shape, 2.0)
        far = _inner(deep, at, 40.0 if upper else 0.5)
        rest = (
            upper_rest(far_shape, far - far_shape) if upper else lower_rest(far_shape, far, far_shape - far)
        )
        tail = log(weight(far_shape)) - log(rest) - kl_term(far_shape, far)
        value = where(deep, tail, _of_floats(own, other, deep))
        positive = (a > 0) & (a < math.inf)
        ends = (-0.0, -math.inf) if upper else (-math.inf, -0.0)
        return _domain(
            known, value, (positive & equal(x, 0), ends[0]), (positive & equal(x, math.inf), ends[1])
        )

    return code


def _gamma_slope(upper: bool) -> Any:
    def slope(out: Any, a: Any, x: Any) -> Any:
        deep = (out < SLOPE_FLOOR) & (out > -math.inf)
        shape, at = _inner(deep, a, 2.0), _inner(deep, x, 40.0 if upper else 0.5)
        if upper:
            usual = -gamma_density(a, x) / gammaincc(a, where(deep, like(1, x), x))
            gap = at - shape
            step = upper_rest(shape, gap, SLOPE_STEPS) - gap
            # far out by what is left of 1, whose derivative is not lost
            return where(deep, where(at > 2 * shape, (shape - step) / at - 1, -(gap + step) / at), usual)
        usual = gamma_density(a, x) / gammainc(a, where(deep, like(1, x), x))
        return where(deep, lower_rest(shape, at, shape - at, SLOPE_STEPS) / at, usual)

    return slope


def _gamma_reference(upper: bool) -> Any:
    def reference(a: Any, x: Any) -> Any:
        with np.errstate(all="ignore"):
            below, above = scipys("gammainc")(a, x), scipys("gammaincc")(a, x)
            own, other = (above, below) if upper else (below, above)
            rest = upper_rest(a, x - a) if upper else lower_rest(a, x, a - x)
            tail = a * np.log(x) - x - scipys("gammaln")(a) - np.log(rest)
            usual = np.where(own > 0.5, np.log1p(-other), np.log(own))
            deep = (own < FLOOR) & (x > 0) & (x < np.inf)
            value = np.where(deep & ((x > a) if upper else (x < a)), tail, usual)
            return np.where((a > 0) & (a < np.inf), value, np.nan).astype(np.asarray(own).dtype)[()]

    return reference


def _log_gamma(name: str, upper: bool, formula: Any, summary: str, letter: str) -> Function:
    return special(
        name, ("a", "x"), formula, ((0.5, 20.0), (0.2, 30.0)), (no_closed_form("a", name), _gamma_slope(upper)), summary,
        expand=_gamma_code(upper), reference=_gamma_reference(upper), facts=Facts(range=(-math.inf, 0.0)), scipy=(),
        notation=Notation(f"log {letter}", None, rf"\log {letter}\left(<0>, <1>\right)"), ulps=2000.0, reference_ulps=1e6,
        library="scipy", nanoseconds=500.0,
        specials=(((2.0, 0.0), -0.0 if upper else -math.inf), ((2.0, math.inf), -math.inf if upper else -0.0)),
    )  # fmt: skip


log_gammainc: Function = _log_gamma(
    "log_gammainc", False, lambda S, a, x: S.log(S.lowergamma(a, x) / S.gamma(a)),
    "log P(a, x), the logarithm of the regularized lower incomplete gamma function, also where that is no float.", "P",
)  # fmt: skip
log_gammaincc: Function = _log_gamma(
    "log_gammaincc", True, lambda S, a, x: S.log(S.uppergamma(a, x) / S.gamma(a)),
    "log Q(a, x), the logarithm of the regularized upper incomplete gamma function, also where that is no float.", "Q",
)  # fmt: skip


# --- beta ---------------------------------------------------------------------------------------------------------------------


def _sides(upper: bool, a: Any, b: Any, x: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Shapes, x, 1 − x and the gap of the lower tail; those of the mirror image for an upper one."""
    y = 1 - x
    if isinstance(x, Expr):
        gap: Any = where(x < 0.5, a - (a + b) * x, (a + b) * y - b)
    else:
        gap = np.where(x < 0.5, a - (a + b) * x, (a + b) * y - b)
    return (b, a, y, x, -gap) if upper else (a, b, x, y, gap)


def _far(deep: Any, sides: tuple[Any, Any, Any, Any, Any]) -> list[Any]:
    return [
        _inner(deep, part, instead) for part, instead in zip(sides, (2.0, 2.0, 0.25, 0.75, 1.0), strict=True)
    ]


def _beta_code(upper: bool) -> Any:
    def code(a: Any, b: Any, x: Any) -> Any:
        positive = (a > 0) & (b > 0) & (a < math.inf) & (b < math.inf)
        known = (x > 0) & (x < 1) & positive
        first, second, at = _inner(known, a, 1.0), _inner(known, b, 1.0), _inner(known, x, 0.5)
        below, above = betainc(first, second, at), betaincc(first, second, at)
        own, other = (above, below) if upper else (below, above)
        sides = _sides(upper, first, second, at)
        deep = (own < FLOOR) & (sides[-1] > 0)
        p, q, low, rest, gap = _far(deep, sides)
        weights = log(weight(p)) + log(weight(q) / weight(p + q))
        divergence = kl_term(p, (p + q) * low, gap) + kl_term(q, (p + q) * rest, -gap)
        tail = weights - log(beta_rest(p, q, low, rest, gap)) - divergence
        value = where(deep, tail, _of_floats(own, other, deep))
        ends = (-0.0, -math.inf) if upper else (-math.inf, -0.0)
        return _domain(known, value, (positive & equal(x, 0), ends[0]), (positive & equal(x, 1), ends[1]))

    return code


def _beta_slope(upper: bool) -> Any:
    def slope(out: Any, a: Any, b: Any, x: Any) -> Any:
        deep = (out < LOG_FLOOR) & (out > -math.inf)
        p, q, low, rest, gap = _far(deep, _sides(upper, a, b, x))
        tail = beta_rest(p, q, low, rest, gap) / (low * rest)
        own = (betaincc if upper else betainc)(a, b, where(deep, like(0.5, x), x))
        usual = beta_density(a, b, x) / own
        return where(deep, -tail, -usual) if upper else where(deep, tail, usual)

    return slope


def _beta_reference(upper: bool) -> Any:
    def reference(a: Any, b: Any, x: Any) -> Any:
        with np.errstate(all="ignore"):
            below, above = scipys("betainc")(a, b, x), scipys("betaincc")(a, b, x)
            own, other = (above, below) if upper else (below, above)
            p, q, low, rest, gap = _sides(upper, a, b, x)
            logs = scipys("xlogy")(p, low) + scipys("xlogy")(q, rest) - scipys("betaln")(p, q)
            tail = logs - np.log(beta_rest(p, q, low, rest, gap))
            usual = np.where(own > 0.5, np.log1p(-other), np.log(own))
            deep = (own < FLOOR) & (gap > 0) & (x > 0) & (x < 1)
            value = np.where(deep, tail, usual)
            known = (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf)
            return np.where(known, value, np.nan).astype(np.asarray(own).dtype)[()]

    return reference


def _log_beta(name: str, upper: bool, formula: Any, summary: str, letter: str) -> Function:
    refused = no_closed_form("a", name), no_closed_form("b", name)
    return special(
        name, ("a", "b", "x"), formula, ((0.5, 20.0), (0.5, 20.0), (0.02, 0.98)), (*refused, _beta_slope(upper)), summary,
        expand=_beta_code(upper), reference=_beta_reference(upper), facts=Facts(range=(-math.inf, 0.0)), scipy=(),
        notation=Notation(f"log {letter}", None, rf"\log {letter}_{{<2>}}\left(<0>, <1>\right)"), ulps=2000.0,
        reference_ulps=1e6, library="scipy", nanoseconds=700.0,
        specials=(((2.0, 3.0, 0.0), -0.0 if upper else -math.inf), ((2.0, 3.0, 1.0), -math.inf if upper else -0.0)),
    )  # fmt: skip


def _beta_share(S: Any, a: Any, b: Any, x: Any) -> Any:
    return S.betainc(a, b, 0, x) * S.gamma(a + b) / (S.gamma(a) * S.gamma(b))


log_betainc: Function = _log_beta(
    "log_betainc", False, lambda S, a, b, x: S.log(_beta_share(S, a, b, x)),
    "log Iₓ(a, b), the logarithm of the regularized incomplete beta function, also where that is no float.", "I",
)  # fmt: skip
log_betaincc: Function = _log_beta(
    "log_betaincc", True, lambda S, a, b, x: S.log(_beta_share(S, b, a, 1 - x)),
    "log(1 − Iₓ(a, b)), the logarithm of the complement of the incomplete beta function, also where that is no float.", "Iᶜ",
)  # fmt: skip

__all__ = ["log_betainc", "log_betaincc", "log_gammainc", "log_gammaincc"]
