"""What densities share: operands as floats, supports, and the pieces of factorials that keep their digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import GraphcError, InputError, brief
from graphc.frontend.recomputation import stop_gradient
from graphc.ir.expr import Expr, cast, constant, current_site
from graphc.ir.types import FLOAT64, is_float
from graphc.ops.comparison import equal, minimum, where
from graphc.ops.elementary import exp, log, log1p
from graphc.ops.rounding import floor
from graphc.ops.support.declare import like
from graphc.ops.support.polynomial import horner
from graphc.ops.support.stirling import LARGE, SMALL, remainder

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Distribution:
    """A family of distributions: its functions are formulas, under the names that `scipy.stats` has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<graphc.stats.{self._name}: {self._functions()}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name, name=name, obj=self)
        raise AttributeError(
            f"graphc.stats.{self._name} has no {name}: it has {self._functions()}", name=name, obj=self
        )

    def _functions(self) -> str:
        return ", ".join(name for name in dir(self) if not name.startswith("_"))


class Continuous(Distribution):
    """A distribution with a density."""

    def logpdf(self, x: Any, *parameters: Any, **named: Any) -> Expr:
        raise NotImplementedError

    def pdf(self, x: Any, *parameters: Any, **named: Any) -> Expr:
        """The density, exp(logpdf), of the parameters of `logpdf`. For a likelihood take `logpdf`: a density soon is 0."""
        return exp(self.logpdf(x, *parameters, **named))


class Discrete(Distribution):
    """A distribution of whole numbers."""

    def logpmf(self, k: Any, *parameters: Any, **named: Any) -> Expr:
        raise NotImplementedError

    def pmf(self, k: Any, *parameters: Any, **named: Any) -> Expr:
        """The probability of k, exp(logpmf), of the parameters of `logpmf`. For a likelihood take `logpmf`."""
        return exp(self.logpmf(k, *parameters, **named))


def floats(**operands: Any) -> list[Expr]:
    """Operands as float expressions; whole numbers become float64. Raises `InputError` for what is none."""
    found = []
    for name, value in operands.items():
        try:
            expr = value if isinstance(value, Expr) else constant(value)
        except GraphcError:
            raise _no_number(name, value) from None
        if expr.dtype.kind not in "fiu":
            raise _no_number(name, value)
        found.append(expr if is_float(expr.dtype) else cast(expr, FLOAT64))
    return found


def _no_number(name: str, value: Any) -> InputError:
    return InputError(
        f"{name} is a number, an array of numbers or an expression, not {brief(value)}",
        site=current_site(),
        hint="declare it with g.symbol(name), or give numbers",
    )


def standard(x: Any, loc: Any, scale: Any) -> tuple[Expr, Expr]:
    """(x − loc)/scale, and the scale where it is one."""
    x, loc, scale = floats(x=x, loc=loc, scale=scale)
    return (x - loc) / scale, scale


def density(z: Any, scale: Any, inside: Any, value: Any, parameters: Any = None) -> Any:
    good = scale > 0 if parameters is None else both(scale > 0, parameters)
    density = value - log(inner(scale > 0, scale, 1.0))
    return valid(good, density if inside is None else supported(inside, density, z))


def log1p_square(w: Any) -> Any:
    """log(1 + w²), of any w."""
    far = abs(w) > 1e100
    return where(far, 2 * log(inner(far, abs(w), 1.0)), log1p(where(far, 0 * w, w) ** 2))


def supported(inside: Any, value: Any, x: Any) -> Any:
    """A log-density: −∞ outside of the support, and NaN of NaN."""
    return where(inside, value, where(equal(x, x), like(-math.inf, value), like(math.nan, value)))


def beyond(inside: Any, value: Any, x: Any, *edges: Any) -> Any:
    """A value inside, else that of the last edge (condition, value) which holds, and NaN of NaN."""
    result = like(math.nan, value)
    for condition, edge in edges:
        result = where(condition, like(edge, value), result)
    return where(inside, value, result)


def valid(parameters: Any, value: Any) -> Any:
    """NaN where parameters are none."""
    return where(parameters, value, like(math.nan, value))


def inner(inside: Any, x: Any, instead: float) -> Any:
    """x inside, and another value where a formula would not be finite: derivatives there are those of a constant."""
    return where(inside, x, like(instead, x))


def whole(x: Any) -> Any:
    return equal(floor(x), x)


def both(*conditions: Any) -> Any:
    first, *rest = conditions
    for each in rest:
        first = first & each
    return first


def factorial_rest(x: Any) -> Any:
    """log Γ(1 + x) − x·log x + x for x ≥ 0: ½·log 2πx and little else where x is large, 0 at 0.

    Of log-densities that are written by deviances this is what remains of factorials. Source: `ops/support/stirling.py`.
    """
    large = where(x >= LARGE, x, like(LARGE, x))  # no maximum, whose slope at LARGE is neither side's
    far = 0.5 * log(large) + (HALF_LOG_TWO_PI + remainder(large))
    small = where((x > 0) & (x < LARGE), x, like(1, x))
    # e⁻ˣ/Γ(1 + x) is the polynomial
    near = -small * log(small) - log(horner(SMALL, small - 0.75))
    return where(x >= LARGE, far, where(x > 0, near, like(0, x)))


def settled(x: Any, power: Any, share: Any) -> Any:
    """A quantile far out, where the probability is a multiple of x to a power, after one step of Newton's by logarithms.

    share : the probability of x beside that which is asked for. A power of 1/a, rounded, has lost what its logarithm is large
    """
    off = share - 1
    return x * (1 - stop_gradient(where(abs(off) < 1e-6, off / power, 0 * off)))


TIE = 64
"""Units by which a distribution function may miss a probability and still has it: those of one are that of a whole number."""


def sides(q: Any, upper: bool) -> tuple[Any, Any]:
    """What is below and above a quantile, for a probability 0 < q < 1 of either; less and more than that by what rounds it."""
    eps = float(np.finfo(q.dtype).eps)
    rest = 1 - q
    # a small probability has lost digits as the exponential that it is; 1 − q does not know what q has lost by its rounding
    own = (TIE - 2 * log(q)) * eps * q
    other = TIE * eps * rest + (eps / 4 + minimum(0.375 * eps, 1e-3 * rest))
    return (rest - other, q + own) if upper else (q - own, rest + other)


def least_reached(q: Any, upper: bool, good: Any, least: Any, most: Any, count: Any) -> Any:
    """The least whole number at which a probability is reached, as SciPy's `ppf` and `isf` have it.

    least, most : the first and the last number; count : (below, above) → the number for what is neither 0 nor 1
    """
    usual = both(good, q > 0, q < 1)
    below, above = sides(inner(usual, q, 0.5), upper)
    value = count(below, above)
    none, everything = (q >= 1, q <= 0) if upper else (q <= 0, q >= 1)
    value = where(none, least - 1 + 0 * value, where(everything, most + 0 * value, value))
    return valid(both(good, q >= 0, q <= 1), value)


__all__ = [
    "HALF_LOG_TWO_PI",
    "Continuous",
    "Discrete",
    "Distribution",
    "beyond",
    "both",
    "density",
    "factorial_rest",
    "floats",
    "inner",
    "least_reached",
    "log1p_square",
    "settled",
    "sides",
    "standard",
    "supported",
    "valid",
    "whole",
]  # fmt: skip
