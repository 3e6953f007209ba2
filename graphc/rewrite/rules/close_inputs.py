"""Differences of a function at two inputs, and of products and quotients that share one: these cancel where the inputs are close.

x − y of two inputs close to each other is exact (Sterbenz, Floating-Point Computation, 1974), so a form with that difference as a
factor keeps all digits: √x − √y is (x − y)/(√x + √y), x/y − 1 is (x − y)/y. Apart, the formula stays as it is. Operands that are
rounded themselves gain nothing from it; these rules speak of inputs, and of differences that are known by form.

Sources: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.4.32, 4.5.41 to 4.5.44; Hamming, Numerical Methods
for Scientists and Engineers (1973), chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Set

from graphc.ir.expr import Expr
from graphc.ops.comparison import maximum, minimum, not_equal, where
from graphc.ops.elementary import asin, cosh, exp, expm1, log1p, sinh, sqrt
from graphc.ops.logistic import sigmoid
from graphc.ops.rounding import add_error
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import is_number
from graphc.rewrite.rules.differences import difference
from graphc.util.records import dataclass

CLOSE = 0.25


def _inputs(m: Match) -> bool:
    """Whether both operands are inputs, of which none is the other."""
    return m["x"].is_symbol and m["y"].is_symbol and m["x"] is not m["y"]


def _second_is_input(m: Match) -> bool:
    return m["y"].is_symbol


def _alike(x: Expr, y: Expr) -> Expr:
    """Whether two inputs have the same sign, and neither is 0."""
    return ((x > 0) & (y > 0)) | ((x < 0) & (y < 0))


# --- roots, reciprocals -------------------------------------------------------------------------------------------------


def _root_step(m: Match) -> Expr:
    roots = sqrt(m["x"]) + sqrt(m["y"])
    return where((roots > 0) & (roots < math.inf), (m["x"] - m["y"]) / roots, m.root)


def _cube_root_step(m: Match) -> Expr:
    one, other = m.root.operands
    both = one * other
    value = (m["x"] - m["y"]) / (one * one + both + other * other)
    return where((both > 0) & (both < math.inf), value, m.root)


def _reciprocal_step(m: Match) -> Expr:
    """c·(y − x)/x/y, by the larger one first, so that it over- and underflows with the value."""
    x, y = m["x"], m["y"]
    one, other = abs(x), abs(y)
    larger, smaller = maximum(one, other), minimum(one, other)
    return where(_alike(x, y) & (larger < math.inf), m["c"] * ((y - x) / larger / smaller), m.root)


# --- functions ----------------------------------------------------------------------------------------------------------


def _half(x: Expr, y: Expr, sign: int) -> tuple[Expr, Expr]:
    """(x ± y)/2, rounded, and its error."""
    other = y * 0.5 if sign > 0 else y * -0.5
    return x * 0.5 + other, add_error(x * 0.5, other)


def _sinh(s: Expr, e: Expr) -> Expr:
    """sinh(s + e) for a tiny e."""
    return sinh(s) + e * cosh(s)


def _cosh(s: Expr, e: Expr) -> Expr:
    return cosh(s) + e * sinh(s)


def _sinh_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    value = 2 * _sinh(*_half(x, y, -1)) * _cosh(*_half(x, y, 1)) + 0.0
    return where(abs(x - y) < 1, value, m.root)


def _cosh_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    value = 2 * _sinh(*_half(x, y, -1)) * _sinh(*_half(x, y, 1)) + 0.0
    return where(abs(x - y) < 1, value, m.root)


def _tanh_step(m: Match) -> Expr:
    """sinh(x − y)/(cosh x cosh y): where they are close, and where both are near 1 or both near −1."""
    x, y = m["x"], m["y"]
    apart = abs(x - y)
    most = 40.0 if x.dtype.itemsize == 4 else 350.0
    value = _sinh(x - y, add_error(x, -y)) / cosh(x) / cosh(y)
    return where((apart < 1) | ((x * y > CLOSE) & (apart < most)), value, m.root)


def _sigmoid_step(m: Match) -> Expr | None:
    """σ(a) − σ(b) = σ(a)·σ(−b)·(1 − e^(b − a)) for the larger a; b − a with what rounding takes from it, or as known by form."""
    x, y = m["x"], m["y"]
    step = _known(x, y)
    if step is None:
        if not _inputs(m):
            return None
        step = x - y
        lost = where(step < 0, add_error(x, -y), -add_error(x, -y))
        down = -abs(step)
        one = lost * exp(down) + expm1(down)
    else:
        one = expm1(-abs(step))
    size = sigmoid(maximum(x, y)) * sigmoid(-minimum(x, y)) * one
    return where(abs(step) < math.inf, where(step < 0, size, -size), m.root)


def _known(x: Expr, y: Expr) -> Expr | None:
    """x − y where both are differences from one input, or where it can be read off."""
    if x.op.name == y.op.name == "subtract" and all(part.is_symbol for part in (*x.operands, *y.operands)):
        (a, b), (c, d) = x.operands, y.operands
        if b is d and a is not c:
            return a - c
        if a is c and b is not d:
            return d - b
    return difference(x, y)


def _sine_of_step(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """The sine of asin x − asin y, x√(1 − y²) − y√(1 − x²), by its conjugate; where that holds its digits."""
    sum_ = x * (sqrt(1 - y) * sqrt(1 + y)) + y * (sqrt(1 - x) * sqrt(1 + x))
    holds = (abs(x - y) < CLOSE) & _alike(x, y) & not_equal(sum_, 0)
    return (x - y) * ((x + y) / sum_), holds


def _arcsine_step(m: Match) -> Expr:
    value, holds = _sine_of_step(m["x"], m["y"])
    return where(holds, asin(value), m.root)


def _arccosine_step(m: Match) -> Expr:
    value, holds = _sine_of_step(m["y"], m["x"])
    return where(holds, asin(value), m.root)


# --- logarithms ---------------------------------------------------------------------------------------------------------


def _log_step(m: Match) -> Expr:
    x, y = m["x"], m["y"]
    return where(abs(x - y) < 0.5 * y, log1p((x - y) / y), m.root)


# --- products and quotients -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RelativeChange:
    """x/y − 1 → (x − y)/y and 1 − x/y → (y − x)/y where x is near y; after all other rules, which know log(1 − x/y) and more"""

    name: str = "relative-change"
    function: str = "subtract"
    examples: tuple[str, ...] = ("x/y - 1", "1 - x/y")
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"

    def may_concern(self, node: Expr) -> bool:
        return any(side.op.name == "divide" for side in node.operands)

    def apply(self, node: Expr, ranges: Ranges, known: Set[Expr] = frozenset()) -> Expr | None:
        left, right = node.operands
        quotient, one = (left, right) if left.op.name == "divide" else (right, left)
        if (
            quotient.op.name != "divide"
            or not is_number(one)
            or one.value != 1
            or quotient.dtype != node.dtype
        ):
            return None
        x, y = quotient.operands
        if not (x.is_symbol and y.is_symbol and x.dtype == y.dtype == node.dtype) or x is y:
            return None
        close = abs(x - y) < 0.5 * abs(y)  # up to here x − y is exact
        step = x - y if quotient is left else y - x
        divided = where(close, step, x) / y
        return where(close, divided, divided - 1 if quotient is left else 1 - divided)


RULES = (
    Rule("root-step", "sqrt(x) - sqrt(y)", _root_step, "stable", "(x − y)/(√x + √y)", when=_inputs),
    Rule("cube-root-step", "cbrt(x) - cbrt(y)", _cube_root_step, "stable", "(x − y)/(a² + ab + b²) for the roots a and b",
         when=_inputs),
    Rule("reciprocal-step", "c/x - c/y", _reciprocal_step, "stable", "c(y − x)/x/y", when=_inputs),
    Rule("sinh-step", "sinh(x) - sinh(y)", _sinh_step, "stable", "2 sinh((x − y)/2) cosh((x + y)/2)", when=_inputs),
    Rule("cosh-step", "cosh(x) - cosh(y)", _cosh_step, "stable", "2 sinh((x − y)/2) sinh((x + y)/2)", when=_inputs),
    Rule("tanh-step", "tanh(x) - tanh(y)", _tanh_step, "stable", "sinh(x − y)/(cosh x cosh y)", when=_inputs),
    Rule("sigmoid-step", "sigmoid(x) - sigmoid(y)", _sigmoid_step, "stable", "σ(x)σ(−y)(1 − e^(y − x)) for x > y",
         examples=("sigmoid(a - x) - sigmoid(b - x)", "sigmoid(x + y) - sigmoid(x)")),
    Rule("arcsine-step", "asin(x) - asin(y)", _arcsine_step, "stable", "by the sine of the difference, (x − y)(x + y) over a sum",
         when=_inputs),
    Rule("arccosine-step", "acos(x) - acos(y)", _arccosine_step, "stable", "arccos x − arccos y = arcsin y − arcsin x",
         when=_inputs),
    Rule("logarithm-step", "log(x) - log(y)", _log_step, "stable", "log(x/y) = log(1 + (x − y)/y)", when=_inputs),
    Rule("less-its-multiple", "x - x*y", "x*(1 - y)", "stable", "near y = 1 nothing is rounded before the difference",
         when=_second_is_input),
    Rule("multiple-less-itself", "x*y - x", "x*(y - 1)", "stable", "near y = 1 nothing is rounded before the difference",
         when=_second_is_input),
)  # fmt: skip

__all__ = ["RULES", "RelativeChange"]
