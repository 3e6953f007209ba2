"""Differences of exponentials and powers that are near each other, by the difference of their logarithms.

e^u − e^v is e^v·(e^(u − v) − 1), and a power yᶻ is e^(z·log y): simple beside continuous interest, two rates beside each other,
two times of decay. What the exponents share is taken out before they are subtracted, so that x − y of two inputs is exact
(Sterbenz, Floating-Point Computation, 1974): u − v of u = ta and v = tb is t(a − b).
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, expm1, log1p
from graphc.rewrite.engine.pattern import Match, Rule
from graphc.rewrite.forms.linear import is_number
from graphc.rewrite.rules.differences import factored_difference

NEAR = 1.0
"""Exponents closer than this to each other."""

CLOSE = 0.5
"""Inputs closer than this part of one to each other, whose difference is exact."""


def exponential_step(m: Match) -> Expr | None:
    """e^y·(e^(x − y) − 1)"""
    x, y = m["x"], m["y"]
    if any(a.op.name == "negative" and a.operands[0] is b for a, b in ((x, y), (y, x))):
        return None  # a hyperbolic sine, known by what stands around it
    step, power = factored_difference(x, y), exp(y)
    near = abs(step) < NEAR
    if step is not x - y:
        near = near & (power < math.inf)  # one of two products that are written in another order may overflow
    return where(near, power * expm1(step), m.root)


def _rest(base: Expr) -> Expr | None:
    """a of 1 + a and of 1 − a for an input a, with its sign."""
    if base.op.name not in ("add", "subtract"):
        return None
    one, other = base.operands
    if base.op.name == "add" and is_number(other):
        one, other = other, one
    if not is_number(one) or one.value != 1 or is_number(other):
        return None
    return other if base.op.name == "add" else -other


def _beside_exponential(m: Match, sign: int) -> Expr | None:
    """± (e^x − (1 + a)ᶻ) by d = z·log(1 + a) − x: eˣ·(1 − eᵈ)"""
    x, z = m["x"], m["z"]
    rest = _rest(m["y"])
    if rest is None or is_number(x):
        return None
    step = factored_difference(z * log1p(rest), x)
    size = expm1(step) if sign < 0 else 0 - expm1(step)
    largest = 80.0 if m.root.dtype.itemsize == 4 else 700.0
    return where((abs(step) < NEAR) & (x < largest), exp(x) * size, m.root)


def _power_step(m: Match) -> Expr | None:
    """yᶻ·(e^(z·log(x/y)) − 1), of two inputs or of 1 with each"""
    x, y, z = m["x"], m["y"], m["z"]
    if x is y or (is_number(z) and float(z.value) == int(z.value)):
        return None  # whole powers are polynomials
    one, other = (base if base.is_symbol else _rest(base) for base in (x, y))
    if one is None or other is None or x.is_symbol is not y.is_symbol or one.op is not other.op:
        return None
    if any(not (part.operands[0] if part.op.name == "negative" else part).is_symbol for part in (one, other)):
        return None
    apart = (other.operands[0] - one.operands[0]) if one.op.name == "negative" else one - other
    ratio = apart / y
    step = z * log1p(ratio)
    power = y**z
    near = (y > 0) & (abs(ratio) < CLOSE) & (abs(step) < NEAR) & (power < math.inf)
    return where(near, power * expm1(step), m.root)


RULES = (
    Rule("exp-difference", "exp(x) - exp(y)", exponential_step, "stable", "e^y (e^(x − y) − 1) where x is close to y",
         examples=("exp(x*z) - exp(y*z)", "exp(-x*z) - exp(-y*z)")),
    Rule("exp-less-power", "exp(x) - y**z", lambda m: _beside_exponential(m, 1), "stable",
         "eˣ(1 − e^(z log(1 + a) − x)) for y = 1 + a",
         examples=("exp(x*y) - (1 + x)**y", "exp(x) - (1 - z)**y")),
    Rule("power-less-exp", "y**z - exp(x)", lambda m: _beside_exponential(m, -1), "stable", "as exp-less-power",
         examples=("(1 + x)**y - exp(x*y)",)),
    Rule("near-power-step", "x**z - y**z", _power_step, "stable", "yᶻ(e^(z log(x/y)) − 1) for two inputs, and for 1 with each",
         examples=("x**z - y**z", "(1 + x)**z - (1 + y)**z", "(1 - x)**z - (1 - y)**z")),
)  # fmt: skip

__all__ = ["RULES"]
