"""Near-cancellations of elementary functions: differences at two close points, and differences that vanish at 0.

What Hamming's chapter on cancellation teaches by examples, as identities that hold for all arguments: f(y + d) − f(y) is
written with d itself as a factor, a sum of an angle is expanded, fractions whose sum cancels are brought to one. Where
an identity is good on one side only, the other keeps the formula as it was, so that no value is lost.

Source: Hamming, Numerical Methods for Scientists and Engineers (2nd edition, 1973), chapter 3.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.types import FLOAT32
from graphc.ops.comparison import maximum, minimum, not_equal, where
from graphc.ops.elementary import atan2, cos, exp, expm1, log1p, sin, sqrt, tan
from graphc.ops.powers import square
from graphc.ops.rounding import add_error
from graphc.rewrite.engine.pattern import Match, Rule
from graphc.rewrite.forms.series import COTANGENT, SINE, TANGENT
from graphc.rewrite.rational.fractions import PartialFractions
from graphc.rewrite.rational.quadratic import QuadraticRoot
from graphc.rewrite.rules.differences import difference, is_leaf

# An expression that a rule keeps on one side may not be the one it replaces: u − v is kept as u + (−v), which is the
# same to the bit, and u/v as −(u/(−v)).


def _tiny(x: Expr) -> float:
    """So small that 1/x is close to overflow."""
    return 2.0**-100 if x.dtype == FLOAT32 else 2.0**-1000


def _large(x: Expr) -> float:
    """So large that x² is close to overflow."""
    return 2.0**60 if x.dtype == FLOAT32 else 2.0**500


def _kept(m: Match) -> Expr:
    """The difference that was matched: the engine leaves it as it is inside its own replacement."""
    return m.root


def _kept_quotient(m: Match) -> Expr:
    """The quotient that was matched."""
    return m.root


# --- differences at two points ------------------------------------------------------------------------------------


def _log_step(m: Match, x: Expr, y: Expr, step: Expr | None) -> Expr | None:
    """log x − log y as log1p((x − y)/y), unless the quotient may overflow, y is not positive, or x is less than half of y, where
    the quotient comes close to −1."""
    if step is None or not step.is_constant:
        return None
    size = abs(float(step.value))
    if not 0 < size < _large(y):
        return None
    least = _tiny(y) * max(size, 1.0) if float(step.value) > 0 else 2 * size
    return where(y > least, log1p(step / y), _kept(m))


def _power_step(m: Match) -> Expr | None:
    """xᵖ − yᵖ with L = log(x/y): −xᵖ·expm1(−pL) for p > 0, yᵖ·expm1(pL) for p < 0, where neither factor overflows first.

    Apart, powers that are no roots of a high order do not cancel; there the difference stays, since derivatives of
    (x − y)/y overflow.
    """
    x, y, p = m["x"], m["y"], m["z"]
    step = difference(x, y)
    if step is None or not step.is_constant or not 0 < float(step.value) < _large(y):
        return None
    ratio = log1p(step / y)
    rising, falling = -(x**p * expm1(-(p * ratio))), y**p * expm1(p * ratio)
    size = float(step.value)
    cancels_apart = not p.is_constant or abs(float(p.value)) < 0.25
    least = _tiny(y) * max(size, 1.0) if cancels_apart else size
    inside = (y > least) & (y < math.inf) & (abs(p) < math.inf)
    return where(inside, where(p > 0, rising, falling), _kept(m))


def _arctangent_step(m: Match) -> Expr | None:
    """atan x − atan y is the angle of (1 + xy, x − y), both divided by the larger number where xy overflows."""
    x, y = m["x"], m["y"]
    step = difference(x, y)
    if step is not None and step.is_constant and abs(float(step.value)) < math.sqrt(_large(y)):
        return where(abs(y) < _large(y), atan2(step, 1 + x * y), step / x / y)
    if x.is_constant or y.is_constant:
        return None
    step, both = x - y if step is None else step, x * y
    larger, smaller = maximum(abs(x), abs(y)), minimum(abs(x), abs(y))
    far = both >= _large(y)
    value = atan2(where(far, step / larger, step), where(far, 1 / larger + smaller, 1 + both))
    # of one sign and not small, the two may be close to each other
    return where((both > 0.5) & (larger < math.inf), value, _kept(m))


def _reciprocal_root_step(m: Match) -> Expr | None:
    """c/√x − c/√y as (y − x)/(√x + √y)·c/√x/√y; divided one by one, by the larger root first, so that it over- or underflows
    with the value."""
    x, y, c = m["x"], m["y"], m["c"]
    step = difference(y, x)
    if step is None:
        return None
    one, other = sqrt(x), sqrt(y)
    value = c * (step / (one + other)) / maximum(one, other) / minimum(one, other)
    if step.is_constant:
        return value
    return where((one + other < math.inf) & not_equal(step, 0), value, m.root)


def _exact_sum(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """(s, e): the rounded sum and its rounding error, s + e = x + y to the bit (Knuth's two-sum)."""
    return x + y, add_error(x, y)


def _sine_of_sum(x: Expr, y: Expr) -> Expr:
    """sin(x + y), of the sum as it is, not as it is rounded."""
    s, e = _exact_sum(x, y)
    return sin(s) * cos(e) + cos(s) * sin(e)


def _cosine_of_sum(x: Expr, y: Expr) -> Expr:
    s, e = _exact_sum(x, y)
    return cos(s) * cos(e) - sin(s) * sin(e)


def _where_close(m: Match, value: Expr) -> Expr:
    """What a difference of periodic functions becomes. Of operands that are rounded themselves the phase is not known better than
    it was: there, points that are apart keep the difference as it is, in which nothing cancels."""
    if all(is_leaf(m[name]) for name in "xy"):
        return value
    return where(abs(m["y"]) < 1, value, _kept(m))


STEPS = (
    Rule("log-step", "log(x) - log(y)", lambda m: _log_step(m, m["x"], m["y"], difference(m["x"], m["y"])), "stable",
         "log(x/y) = log1p((x − y)/y)",
         examples=("log(x + 1) - log(x)", "log(x + 0.001) - log(x)", "log(x) - log(x - 3)")),
    Rule("log1p-step", "log1p(x) - log(x)", lambda m: _log_step(m, 1 + m["x"], m["x"], m.literal(1)), "stable",
         "log((1 + x)/x) = log1p(1/x)"),
    Rule("log-step-of-log1p", "log(x) - log1p(x)", lambda m: _log_step(m, m["x"], 1 + m["x"], m.literal(-1)), "stable",
         "log(x/(1 + x)) = log1p(−1/(1 + x)) above 1"),
    Rule("entropy-step", "(x + 1)*log1p(x) - x*log(x)",
         lambda m: where(m["x"] > 1, log1p(m["x"]) + m["x"] * log1p(1 / m["x"]), _kept(m)), "stable",
         "(x + 1) log(x + 1) − x log x = log(x + 1) + x log(1 + 1/x); below 1 nothing cancels"),
    Rule("power-step", "x**z - y**z", _power_step, "stable", "xᵖ − yᵖ = xᵖ(1 − e^(−p log(x/y)))",
         examples=("(x + 1)**(1/n) - x**(1/n)", "(x + 3)**2.5 - x**2.5")),
    Rule("arctangent-difference", "atan(x) - atan(y)", _arctangent_step, "stable", "the angle between two directions",
         examples=("atan(x + 1) - atan(x)", "atan(x) - atan(x + 3)")),
    Rule("reciprocal-root-step", "c/sqrt(x) - c/sqrt(y)", _reciprocal_root_step, "stable",
         "1/√x − 1/√y = (y − x)/(√x√y(√x + √y))",
         examples=("1/sqrt(x) - 1/sqrt(x + 1)", "2/sqrt(x + 3) - 2/sqrt(x)")),
    Rule("sine-of-sum", "sin(x + y) - sin(x)",
         lambda m: _where_close(m, 2 * sin(m["y"] / 2) * _cosine_of_sum(m["x"], m["y"] / 2) + 0.0), "stable",
         "2 sin(y/2) cos(x + y/2), the sum not rounded: that would lose the phase of a large x"),
    Rule("cosine-of-sum", "cos(x + y) - cos(x)",
         lambda m: _where_close(m, -2 * sin(m["y"] / 2) * _sine_of_sum(m["x"], m["y"] / 2) + 0.0), "stable",
         "−2 sin(y/2) sin(x + y/2), the sum not rounded"),
    Rule("tangent-of-sum", "tan(x + y) - tan(x)",
         lambda m: _where_close(m, sin(m["y"]) / (cos(m["x"]) * _cosine_of_sum(m["x"], m["y"]))), "stable",
         "sin y/(cos x cos(x + y)), the sum not rounded"),
)  # fmt: skip

# --- differences that vanish at 0 ---------------------------------------------------------------------------------


def _minus_sine(x: Expr) -> Expr:
    return SINE.of(x, -(sin(x) - x))


def _minus_tangent(x: Expr) -> Expr:
    return TANGENT.of(x, -(tan(x) - x))


def _minus_cotangent(x: Expr) -> Expr:
    near = COTANGENT.near(x) & not_equal(x, 0)  # at 0 it is ∞ − ∞, and stays so
    return where(near, x * COTANGENT.sum(x), -(1 / tan(x) - 1 / x))


def _square_quotient(m: Match, beyond: Expr) -> Expr:
    size = abs(m["y"])
    return where((size < _large(size)) & (size > 1 / _large(size)), _kept_quotient(m), beyond)


VANISHING = (
    Rule("minus-sine", "x - sin(x)", lambda m: _minus_sine(m["x"]), "stable", "x³/6 − x⁵/120 + … near 0"),
    Rule("minus-tangent", "x - tan(x)", lambda m: _minus_tangent(m["x"]), "stable", "−x³/3 − 2x⁵/15 − … near 0"),
    Rule("reciprocal-minus-cotangent", "1/x - 1/tan(x)",
         lambda m: _minus_cotangent(m["x"]), "stable", "x/3 + x³/45 + … near 0"),
    Rule("square-quotient", "square(x)/(y*y)", lambda m: _square_quotient(m, square(m["x"] / m["y"])), "stable",
         "(x/y)² where y² over- or underflows by itself"),
    Rule("scaled-square-quotient", "c*square(x)/(y*y)", lambda m: _square_quotient(m, m["c"] * square(m["x"] / m["y"])),
         "stable", "as square-quotient"),
)  # fmt: skip

# --- exponentials ---------------------------------------------------------------------------------------------------


def _expm1_quotient(x: Expr) -> Expr:
    """eˣ/(eˣ − 1) as 1/(1 − e⁻ˣ), of one sign or the other; where e⁻ˣ overflows nothing is left but eˣ."""
    return where(_has_inverse(x), -1 / expm1(-x), -exp(x))


def _has_inverse(x: Expr) -> Expr:
    """Whether e⁻ˣ does not overflow."""
    return x > (-80.0 if x.dtype.itemsize == 4 else -700.0)


def _expm1_sum(m: Match) -> Expr | None:
    """z·(e^(u+v) − 1)/((eᵘ − 1)(eᵛ − 1)) with u = xz, v = yz is z·(coth(u/2) + coth(v/2))/2.

    Each half is ±z/(e^|u| − 1), which is 1/x near 0, and the halves ±z/2 of the two signs add up.
    """
    x, y, z = m["x"], m["y"], m["z"]
    if not all(map(is_leaf, (x, y, z))):
        return None  # the errors of rounded exponents leave the quotient together, as it is written
    near = 2.0 ** -(26 if m.root.dtype == FLOAT32 else 55)

    far = 4 * math.log(float(np.finfo(m.root.dtype).max))

    def part(factor: Expr) -> Expr:
        size = abs(factor * z)
        sign = where(factor < 0, m.literal(-1), m.literal(1))
        small = exp(-size)  # neither it nor its derivatives overflow
        grown = where(size > far, m.literal(0), abs(z) * (small / -expm1(-size)))
        return where(size < near, 1 / factor, grown / sign)

    same = where((x < 0) ^ (y < 0), m.literal(0), abs(z))
    defined = not_equal(x, 0) & not_equal(y, 0) & not_equal(z, 0)
    return where(defined, part(x) + part(y) + where(x < 0, -same, same), _kept_quotient(m))


EXPONENTIALS = (
    Rule("double-exponential", "expm1(2*x)/expm1(x)",
         lambda m: where(not_equal(m["x"], 0), 1 + exp(m["x"]), _kept_quotient(m)), "stable", "(e²ˣ − 1)/(eˣ − 1) = eˣ + 1"),
    Rule("expm1-quotient", "exp(x)/expm1(x)", lambda m: _expm1_quotient(m["x"]), "stable", "1/(1 − e⁻ˣ), without overflow"),
    Rule("expm1-quotient-negated", "exp(x)/(0 - expm1(x))",
         lambda m: where(_has_inverse(m["x"]), 1 / expm1(0 - m["x"]), exp(m["x"])), "stable",
         "as expm1-quotient; 0 − x is not −0"),
    Rule("expm1-sum", "z*expm1((x + y)*z)/(expm1(x*z)*expm1(y*z))", _expm1_sum, "stable",
         "the addition theorem of the hyperbolic cotangent"),
    Rule("second-difference-of-exp", "exp(x) - 2 + exp(-x)", "square(2*sinh(x/2))", "stable", "4 sinh²(x/2)"),
    Rule("second-difference-of-exp-sum", "exp(x) + exp(-x) - 2", "square(2*sinh(x/2))", "stable", "4 sinh²(x/2)"),
    Rule("cosh-minus-one", "cosh(x) - 1", "2*square(sinh(x/2))", "stable", "2 sinh²(x/2)"),
    Rule("log-of-ratio", "log((1 - x)/(1 + x))", "0 - 2*atanh(x)", "stable", "log((1 − x)/(1 + x)) = −2 artanh x"),
    Rule("log-of-inverse-ratio", "log((1 + x)/(1 - x))", "2*atanh(x)", "stable", "log((1 + x)/(1 − x)) = 2 artanh x"),
)  # fmt: skip

RULES = (*STEPS, *VANISHING, *EXPONENTIALS, PartialFractions(), QuadraticRoot())
