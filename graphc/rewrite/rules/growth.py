"""Powers, exponentials and logarithms near 1, their mixtures, and complements: what finance, statistics and chemistry write.

x^(1/n) − 1 is e^(log x/n) − 1, log(a/b) is log(1 + (a − b)/b) where a is near b, and a share p·eᵃ/(p·eᵃ + q·e^b) is
divided by its numerator before the exponentials under- or overflow.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import cos, exp, expm1, log, log1p, sin
from graphc.ops.powers import square
from graphc.ops.special import erfc
from graphc.rewrite.engine.pattern import Match, Rule
from graphc.rewrite.forms.linear import is_number
from graphc.rewrite.rules.angles import known_difference

NEAR = 0.5


def _largest(m: Match) -> float:
    """An exponent whose exponential does not overflow."""
    return 80.0 if m.root.dtype.itemsize == 4 else 700.0


def _power_near_one(m: Match, sign: int) -> Expr | None:
    """e^(p log x) − 1, where p log x is small"""
    x, p = m["x"], m["y"]
    if p.is_constant and (x.is_constant or float(p.value) == int(p.value)):
        return None
    size = (
        constant(math.log(float(x.value)), m.root.dtype) if x.is_constant and float(x.value) > 0 else log(x)
    )
    exponent = p * size
    value = expm1(exponent) if sign > 0 else 0 - expm1(exponent)
    return where(abs(exponent) < NEAR, value, m.root)


def _log_beside_twice(m: Match) -> Expr | None:
    """log(x) − 2 log(y) as log(1 + (x − y²)/y²)"""
    x, y = m["x"], m["y"]
    step = known_difference(x, y * y)
    if step is None:
        return None
    ratio = step / y / y
    return where((abs(ratio) < NEAR) & (y > 0), log1p(ratio), m.root)


def _log1p_beside_twice(m: Match) -> Expr:
    """log(1 + x + y²) − 2 log(y)"""
    y = m["y"]
    ratio = (1 + m["x"]) / y / y
    return where((abs(ratio) < NEAR) & (y > 0), log1p(ratio), m.root)


def _log_of_base(m: Match, base: float) -> Expr:
    x = m["x"]
    return where(abs(x) < NEAR, log1p(x) * (1 / math.log(base)), m.root)


def _share(m: Match) -> Expr:
    """x/(x + y·e^(b − a)), where the exponentials over- or underflow. Where e^(b − a) overflows as well derivatives of this are
    0·∞, and the formula as written is right as long as e^b is a number: what is lost of e^a is nothing beside it"""
    a, b, x, y = m["a"], m["b"], m["x"], m["y"]
    most = 0.75 * _largest(m)
    step, largest = b - a, math.log(float(np.finfo(m.root.dtype).max))
    as_written = (abs(a) < most) & (abs(b) < most)
    as_written |= ~(abs(step) < math.inf) | ((step > largest) & (exp(b) > 0) & (exp(b) < math.inf))
    return where(as_written, m.root, x / (x + y * exp(step)))


def _share_of_powers(m: Match, factor: Expr | None = None) -> Expr:
    """By the quotient of the smaller and the larger power, where one of them overflows or both underflow"""
    x, y, p = m["x"], m["y"], m["z"]
    total = abs(x**p + y**p)
    ordinary = (total < math.inf) & (total > (1e-30 if m.root.dtype.itemsize == 4 else 1e-290))
    return where(ordinary | ~(abs(p) < math.inf), m.root, _of_quotient(x, y, p, factor))


def _of_quotient(x: Expr, y: Expr, p: Expr, factor: Expr | None) -> Expr:
    large, small = (y / x) ** p, (x / y) ** p
    share = where(abs(large) <= 1, 1 / (1 + large), small / (1 + small))
    return share if factor is None else factor * share


def share_to_differentiate(large: Expr, small: Expr, factor: Expr | None = None) -> Expr:
    """xᵖ/(xᵖ + yᵖ) as what no derivative cancels of, nor over- or underflows before it does: of s/(1 + s) that would be
    1/(1 + s) − s/(1 + s)²

    large, small : (y/x)ᵖ and (x/y)ᵖ
    """
    share = where(abs(large) <= 1, 1 / (1 + large), 1 - 1 / (1 + small))
    return share if factor is None else factor * share


def _differentiable(m: Match, factor: Expr | None = None) -> Expr:
    """A share by the powers of a quotient, and by the quotient of powers where that of their bases is so far from 1 that its own
    powers in derivatives, one and two below p, over- or underflow"""
    x, y, p = m["x"], m["y"], m["z"]
    share = share_to_differentiate((y / x) ** p, (x / y) ** p, factor)
    if is_number(p) and abs(p.value) >= 1:
        return share
    size = abs(y / x)
    bound = 1e12 if m.root.dtype.itemsize == 4 else 1e100
    above, below = x**p, y**p
    far = share_to_differentiate(below / above, above / below, factor)
    return where((size > 1 / bound) & (size < bound), share, far)


def _exponential_wave(m: Match) -> Expr:
    """(eˣ − 1) cos y − (1 − cos y)"""
    x, y = m["x"], m["y"]
    value = expm1(x) * cos(y) - 2 * square(sin(y * 0.5))
    return where(abs(x) < 1, value, m.root)


def _error_function_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    below = where((x < -NEAR) & (y < -NEAR), erfc(-x) - erfc(-y), m.root)
    return where((x > NEAR) & (y > NEAR), erfc(y) - erfc(x), below)


RULES = (
    Rule("power-near-one", "x**y - 1", lambda m: _power_near_one(m, 1), "stable", "xᵖ = e^(p log x)"),
    Rule("power-near-one-minus", "1 - x**y", lambda m: _power_near_one(m, -1), "stable", "as power-near-one"),
    Rule("log-beside-twice", "log(x) - 2*log(y)", _log_beside_twice, "stable", "log(x/y²) = log1p((x − y²)/y²)",
         examples=("log(y*y + 3) - 2*log(y)",)),
    Rule("log1p-beside-twice", "log1p(y*y + x) - 2*log(y)",
         _log1p_beside_twice,
         "stable", "log((1 + x + y²)/y²) = log1p((1 + x)/y²)"),
    Rule("log10-near-one", "log10(1 + x)", lambda m: _log_of_base(m, 10.0), "stable", "log1p x/log 10",
         when=lambda m: not m["x"].is_constant),
    Rule("log2-near-one", "log2(1 + x)", lambda m: _log_of_base(m, 2.0), "stable", "log1p x/log 2",
         when=lambda m: not m["x"].is_constant),
    Rule("share-of-exponentials", "x*exp(a)/(x*exp(a) + y*exp(b))", _share, "stable", "without over- and underflow"),
    Rule("share-of-powers", "x**z/(x**z + y**z)", _share_of_powers, "stable", "1/(1 + (y/x)ᵖ), where powers over- or underflow"),
    Rule("share-of-powers-scaled", "w*x**z/(x**z + y**z)", lambda m: _share_of_powers(m, m["w"]), "stable", "as share-of-powers"),
    Rule("cosh-minus-sinh", "cosh(x) - sinh(x)", "exp(-x)", "stable", "the definitions"),
    Rule("sinh-minus-cosh", "sinh(x) - cosh(x)", "-exp(-x)", "stable", "the definitions"),
    Rule("cotangent-minus-one", "1/tanh(x) - 1", lambda m: where(m["x"] > NEAR, 2 / expm1(2 * m["x"]), m.root), "stable",
         "coth x − 1 = 2/(e²ˣ − 1)"),
    Rule("exponential-wave", "exp(x)*cos(y) - 1", _exponential_wave, "stable", "(eˣ − 1) cos y − (1 − cos y)"),
    Rule("erf-difference", "erf(x) - erf(y)", _error_function_step, "stable", "by the complements, where both are near 1"),
)  # fmt: skip

IN_SOURCES = (
    Rule("share-of-powers", "x**z/(x**z + y**z)", _differentiable, "stable",
         "1/(1 + (y/x)ᵖ)"),
    Rule("share-of-powers-scaled", "w*x**z/(x**z + y**z)",
         lambda m: _differentiable(m, m["w"]), "stable", "as share-of-powers"),
)  # fmt: skip
"""What derivatives are written from."""

__all__ = ["IN_SOURCES", "RULES", "share_to_differentiate"]
