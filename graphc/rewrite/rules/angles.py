"""Angles: inverse functions near the ends of their ranges, differences of trigonometric functions, sides and arcs of triangles.

acos(1 − x) loses half of the digits near 0, where the angle is 2 asin √(x/2); the cosine of a small side of a triangle, on a
plane or on a sphere, loses as many, where half angles lose none (Sinnott, Virtues of the haversine, Sky & Telescope 68, 1984).
"""

from __future__ import annotations

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import asin, atan2, cos, cosh, hypot, log1p, sin, sinh, sqrt, tan
from graphc.ops.powers import square
from graphc.ops.rounding import add_error
from graphc.rewrite.engine.pattern import Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rational.several_variables import RULE as SEVERAL
from graphc.rewrite.rules.differences import difference
from graphc.rewrite.rules.planes import AngleOfVectors

NEAR = 0.5


def known_difference(x: Expr, y: Expr) -> Expr | None:
    """x − y where it is less than the two by form, in exact arithmetic; None where it has to be computed as it stands."""
    found = difference(x, y)
    if found is None and x.operands and y.operands:
        found = SEVERAL.apply(x - y, Ranges())
    return found


def _arccosine_of_quotient(m: Match) -> Expr | None:
    """2 asin √((y − x)/(2y)) near 1; angles between vectors are left to the rule of these, which keeps the cosine far out."""
    if AngleOfVectors().apply(m.root, Ranges()) is not None:
        return None
    x, y = m["x"], m["y"]
    step = known_difference(y, x)
    return None if step is None else where(x / y > NEAR, 2 * asin(sqrt(step / y * 0.5)), m.root)


def _area_tangent_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    step = 2 * (x - y) / ((1 - x) * (1 + y))
    return where(abs(step) < NEAR, 0.5 * log1p(step), m.root)


def _half(x: Expr, y: Expr, sign: int) -> tuple[Expr, Expr]:
    """(x ± y)/2, rounded, and its error"""
    other = y * 0.5 if sign > 0 else y * -0.5
    return x * 0.5 + other, add_error(x * 0.5, other)


def _sine(s: Expr, e: Expr) -> Expr:
    """sin(s + e) for a tiny e"""
    return sin(s) + e * cos(s)


def _cosine(s: Expr, e: Expr) -> Expr:
    return cos(s) - e * sin(s)


def _cosine_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    value = -2 * _sine(*_half(x, y, -1)) * _sine(*_half(x, y, 1)) + 0.0
    return where(abs(x - y) < 1, value, m.root)


def _sine_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    value = 2 * _sine(*_half(x, y, -1)) * _cosine(*_half(x, y, 1)) + 0.0
    return where(abs(x - y) < 1, value, m.root)


def _tangent_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    value = _sine(x - y, add_error(x, -y)) / (cos(x) * cos(y))
    return where(abs(x - y) < NEAR, value, m.root)


def _difference_of_functions(m: Match) -> bool:
    """Whether two arguments are apart by more than a constant, of which other rules know."""
    return not m["x"].is_constant and not m["y"].is_constant and m["x"] is not m["y"]


def _sine_of_difference(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    return where(abs(x - y) < 1, _sine(x - y, add_error(x, -y)), m.root)


def _sinh_of_difference(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    step = x - y
    return where(abs(step) < 1, sinh(step) + add_error(x, -y) * cosh(step), m.root)


def _third_side(m: Match) -> Expr:
    """√((x − y)² + 4xy sin²(z/2))"""
    x, y = m["x"], m["y"]
    return where(x * y > 0, hypot(x - y, 2 * (sqrt(abs(x)) * sqrt(abs(y)) * sin(m["z"] * 0.5))), m.root)


def _great_circle(m: Match) -> Expr:
    """The angle by its sine and cosine (Vincenty, 1975), the difference in the sine by half angles."""
    x, y, z = m["x"], m["y"], m["z"]
    (cosine,) = m.root.operands
    apart = sin(y - x) + 2 * sin(x) * cos(y) * square(sin(z * 0.5))
    sine = hypot(cos(y) * sin(z), apart)
    return where(abs(y - x) < 4, atan2(sine, cosine), m.root)


SPHERE = "acos(sin(x)*sin(y) + cos(x)*cos(y)*cos(z))"

RULES = (
    Rule("arccosine-near-one", "acos(1 - x)", lambda m: where(m["x"] < NEAR, 2 * asin(sqrt(m["x"] * 0.5)), m.root), "stable",
         "1 − cos 2φ = 2 sin² φ", when=lambda m: not m["x"].is_constant),
    Rule("arccosine-of-quotient", "acos(x/y)", _arccosine_of_quotient, "stable", "1 − cos 2φ = 2 sin² φ",
         examples=("acos(x/(x + y))", "acos((x - y)/x)")),
    Rule("area-cosine-near-one", "acosh(1 + x)",
         lambda m: where(m["x"] < 1, log1p(m["x"] + sqrt(m["x"] * (m["x"] + 2))), m.root), "stable",
         "log(1 + x + √(x² + 2x))", when=lambda m: not m["x"].is_constant),
    Rule("area-tangent-difference", "atanh(x) - atanh(y)", _area_tangent_step, "stable",
         "½ log(1 + 2(x − y)/((1 − x)(1 + y)))", when=_difference_of_functions),
    Rule("cosine-difference", "cos(x) - cos(y)", _cosine_step, "stable", "−2 sin((x − y)/2) sin((x + y)/2)",
         when=_difference_of_functions),
    Rule("sine-difference", "sin(x) - sin(y)", _sine_step, "stable", "2 sin((x − y)/2) cos((x + y)/2)",
         when=_difference_of_functions),
    Rule("tangent-difference", "tan(x) - tan(y)", _tangent_step, "stable", "sin(x − y)/(cos x cos y)",
         when=_difference_of_functions),
    Rule("sine-by-addition", "sin(x)*cos(y) - cos(x)*sin(y)", _sine_of_difference, "stable", "sin(x − y)",
         when=_difference_of_functions),
    Rule("sinh-by-addition", "sinh(x)*cosh(y) - cosh(x)*sinh(y)", _sinh_of_difference, "stable", "sinh(x − y)",
         when=_difference_of_functions),
    Rule("cosh-minus-cosine", "cosh(x) - cos(x)",
         lambda m: where(abs(m["x"]) < 1, 2 * (square(sinh(m["x"] * 0.5)) + square(sin(m["x"] * 0.5))), m.root), "stable",
         "2 sinh²(x/2) + 2 sin²(x/2)"),
    Rule("tangent-minus-sine", "tan(x) - sin(x)",
         lambda m: where(abs(m["x"]) < 1, 2 * tan(m["x"]) * square(sin(m["x"] * 0.5)) + 0.0, m.root), "stable",
         "tan x (1 − cos x); a difference is 0, not −0"),
    Rule("half-angle-near-pi", "sin(x)/(1 + cos(x))", "tan(x/2)", "stable", "sin x/(1 + cos x) = tan(x/2)"),
    Rule("half-angle-squared", "2*square(sin(x/2))/(1 + cos(x))", "square(tan(x/2))", "stable",
         "(1 − cos x)/(1 + cos x) = tan²(x/2)"),
    Rule("half-angle-halved-squared", "2*square(sin(x*0.5))/(1 + cos(x))", "square(tan(x*0.5))", "stable",
         "(1 − cos x)/(1 + cos x) = tan²(x/2)"),
    Rule("third-side", "sqrt(x*x + y*y - 2*x*y*cos(z))", _third_side, "stable", "(x − y)² + 4xy sin²(z/2)"),
    Rule("great-circle", SPHERE, _great_circle, "stable", "the angle by its sine and cosine"),
)  # fmt: skip

__all__ = ["RULES", "known_difference"]
