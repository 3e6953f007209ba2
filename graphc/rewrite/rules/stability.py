"""Rules that compute the same real function with smaller rounding errors or over a wider range.

Each row is held against high precision over the whole range of floats: it may lose a tenth of a bit on average at
most. What is sharper on one side only carries a `where`. Rows are tried in order: what is more special stands first.
"""

from __future__ import annotations

import math
from functools import reduce

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import equal, isnan, where
from graphc.ops.elementary import cosh, exp, expm1, hypot, log, log1p, tanh
from graphc.ops.logistic import sigmoid
from graphc.ops.rounding import add_error
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.squares import squared_terms
from graphc.rewrite.rules.differences import RootBesideAbs, reciprocal_difference, root_difference
from graphc.util.records import dataclass

LN2 = math.log(2)

LEAST = {8: 1e-300, 4: 1e-36}
"""Below this, by the size of the type, reciprocals are close to overflow."""


def _nonnegative(name: str):
    return lambda m: m.range(name).nonnegative


def _moderate(m: Match, name: str) -> bool:
    """Whether a square is far from overflow."""
    found = m.range(name)
    most = 1e18 if m.root.dtype.itemsize == 4 else 1e153
    return -most < found.lo and found.hi < most


# --- exponentials and logarithms --------------------------------------------------------------------------

LOGARITHMS = (
    Rule("log-exp", "log(exp(x))", "x", "stable", "log eˣ = x, without overflow"),
    Rule("log-exp2", "log2(exp2(x))", "x", "stable", "log₂ 2ˣ = x, without overflow"),
    Rule("log1p-expm1", "log1p(expm1(x))", "x", "stable", "log(1 + (eˣ − 1)) = x"),
    Rule("expm1-log1p", "expm1(log1p(x))", "x", "stable", "e^log(1 + x) − 1 = x for x ≥ −1",
         when=lambda m: m.range("x").lo >= -1),
    Rule("exp-log", "exp(log(x))", "x", "stable", "e^log x = x for x ≥ 0", when=_nonnegative("x")),
    Rule("softplus", "log(1 + exp(x))", "softplus(x)", "stable", "log(1 + eˣ) without overflow"),
    Rule("softplus-log1p", "log1p(exp(x))", "softplus(x)", "stable", "log(1 + eˣ) without overflow"),
    Rule("log1mexp", "log(1 - exp(x))", lambda m: _log1mexp(m["x"]), "stable",
         "log(−(eˣ − 1)) near 0, log1p(−eˣ) far below (Mächler, 2012)"),
    Rule("log1mexp-expm1", "log(-expm1(x))", lambda m: _log1mexp(m["x"]), "stable", "as log1mexp"),
    Rule("log1mexp-minus", "log(0 - expm1(x))", lambda m: _log1mexp(m["x"]), "stable", "as log1mexp"),
    Rule("log1mexp-log1p", "log1p(-exp(x))", lambda m: _log1mexp(m["x"]), "stable", "as log1mexp"),
    Rule("log-sigmoid", "log(sigmoid(x))", "log_sigmoid(x)", "stable", "log σ(x) without underflow"),
    Rule("log-one-minus-sigmoid", "log1p(-sigmoid(x))", "log_sigmoid(-x)", "stable", "1 − σ(x) = σ(−x)"),
    Rule("log1p-of-minus-one-plus", "log1p(x - 1)", "log(x)", "stable", "1 + (x − 1) = x"),
    Rule("log-reciprocal", "log(1/x)", lambda m: _log_reciprocal(m), "stable", "log x⁻¹ = −log x"),
    Rule("log-reciprocal-op", "log(reciprocal(x))", lambda m: _log_reciprocal(m), "stable", "log x⁻¹ = −log x"),
    Rule("log-sqrt", "log(sqrt(x))", "0.5*log(x)", "stable", "log √x = ½ log x"),
    Rule("log-power", "log(x**c)", lambda m: _log_power(m), "stable", "log xᵃ = a log x"),
    Rule("log-logistic-odds", "log(x/(1 - x))", lambda m: _logit(m["x"]), "stable",
         "near ½ the quotient is near 1: log1p((2x − 1)/(1 − x))"),
    Rule("log-exp-product", "log(exp(x)*exp(y))", "x + y", "stable", "log(eˣ·e^y) = x + y, without overflow"),
    Rule("log-exp-quotient", "log(exp(x)/exp(y))", "x - y", "stable", "log(eˣ/e^y) = x − y, without overflow"),
    Rule("log1p", "log(1 + x)", "log1p(x)", "stable", "without rounding 1 + x"),
    Rule("log1p-minus", "log(1 - x)", lambda m: log1p(_opposite(m, "x")), "stable", "without rounding 1 − x"),
    Rule("log-product", "log(x*y)", lambda m: _log_of_both(m, 1), "stable",
         "log x + log y where the product of positive numbers over- or underflows", when=lambda m: _both_positive(m)),
    Rule("log-quotient", "log(x/y)", lambda m: _log_of_both(m, -1), "stable",
         "log x − log y where the quotient of positive numbers over- or underflows", when=lambda m: _both_positive(m)),
)  # fmt: skip


def _log_reciprocal(m: Match) -> Expr:
    """−log x; log(1/x) is −∞ at both infinities."""
    x = m["x"]
    return 0 - log(x if m.range("x").lo > -math.inf else where(equal(x, -math.inf), math.inf, x))


def _opposite(m: Match, name: str) -> Expr:
    """−x, and 0 of 0: what is left of a difference is never −0."""
    return -m[name] if m.range(name).nonzero else 0 - m[name]


def _log1mexp(x: Expr) -> Expr:
    from_expm1 = -expm1(x)
    return where(x > -LN2, log(from_expm1), log1p(-exp(x)))


def _both_positive(m: Match) -> bool:
    return all(m.range(name).positive and not m[name].is_constant for name in "xy")


def _log_of_both(m: Match, sign: int) -> Expr:
    """The sum is far from 0 where it stands in for the product, so it cancels nothing."""
    (product,) = m.root.operands
    least = LEAST[m.root.dtype.itemsize]
    apart = log(m["x"]) + log(m["y"]) if sign > 0 else log(m["x"]) - log(m["y"])
    return where((product > least) & (product < 1 / least), m.root, apart)


def _log_power(m: Match) -> Expr | None:
    c, x = m.value("c"), m["x"]
    if c == 0 or not math.isfinite(c):
        return None
    if c == int(c) and int(c) % 2 == 0:
        return m["c"] * log(abs(x))
    return m["c"] * log(x)


def _logit(x: Expr) -> Expr:
    """The difference of logarithms loses where they are alike; there 1 − x is divided by with its rounding error."""
    below = 1 - x
    quotient = (2 * x - 1) / below
    exact = quotient - quotient * (add_error(constant(1.0, x.dtype), -x) / below)
    return where((x > 0.39) & (x < 0.75), log1p(exact), log(x) - log1p(-x))


# --- exponentials -----------------------------------------------------------------------------------------

EXPONENTIALS = (
    Rule("expm1", "exp(x) - 1", "expm1(x)", "stable", "eˣ − 1 without cancellation"),
    Rule("one-minus-exp", "1 - exp(x)", "0 - expm1(x)", "stable", "1 − eˣ without cancellation; 0 at 0, not −0"),
    Rule("expm1-plus-one", "expm1(x) + 1", "exp(x)", "stable", "the inverse of expm1"),
    Rule("sinh", "(exp(x) - exp(-x))/2", "sinh(x)", "stable", "without cancellation near 0"),
    Rule("sinh-half", "(exp(x) - exp(-x))*0.5", "sinh(x)", "stable", "without cancellation near 0"),
    Rule("cosh", "(exp(x) + exp(-x))*0.5", "cosh(x)", "stable", "one rounding less"),
    Rule("cosh-sum", "exp(x) + exp(-x)", "2*cosh(x)", "stable", "one rounding less; its quotients are known"),
    Rule("compound", "(1 + 1/x)**x", lambda m: _compound(m["x"]), "stable", "(1 + 1/n)ⁿ = e^(n log(1 + 1/n))"),
)  # fmt: skip


def _compound(x: Expr) -> Expr:
    """Where 1/x would overflow, (1/x)ˣ as x⁻ˣ; 1 at ±∞, as IEEE 754 has it of (1 + 0)ˣ."""
    near = exp(where(abs(x) < math.inf, x, 0) * log1p(1 / x))
    return where(abs(x) < LEAST[x.dtype.itemsize], x ** (-x), near)


def _logistic_power(m: Match) -> Expr | None:
    """Powers of whole numbers but 1 and 2, which have rules of their own."""
    c, x = m.value("c"), m["x"]
    if c not in (-4, -3, -2, 3, 4):
        return None
    factor = sigmoid(-x) if c < 0 else 1 + exp(x)
    return reduce(lambda one, other: one * other, [factor] * int(abs(c)))


# --- the logistic family ----------------------------------------------------------------------------------

LOGISTIC = (
    Rule("sigmoid", "1/(1 + exp(x))", "sigmoid(-x)", "stable", "σ(−x) = 1/(1 + eˣ)"),
    Rule("sigmoid-reciprocal", "reciprocal(1 + exp(x))", "sigmoid(-x)", "stable", "σ(−x) = 1/(1 + eˣ)"),
    Rule("sigmoid-power", "(1 + exp(x))**-1", "sigmoid(-x)", "stable", "σ(−x) = 1/(1 + eˣ)"),
    Rule("logistic-power", "(1 + exp(x))**c", lambda m: _logistic_power(m), "stable", "by factors, which cancel with others"),
    Rule("sigmoid-quotient", "exp(x)/(1 + exp(x))", "sigmoid(x)", "stable", "σ(x) = eˣ/(1 + eˣ)"),
    Rule("logit-derivative", "1/(x/(1 - x))*(1/(1 - x))", "1/x", "stable", "the odds cancel"),
    Rule("sigmoid-complement", "1 - sigmoid(x)", "sigmoid(-x)", "stable", "1 − σ(x) = σ(−x)"),
    Rule("sigmoid-exp-product", "exp(x)*sigmoid(-x)", "sigmoid(x)", "stable", "eˣ σ(−x) = σ(x)"),
    Rule("sigmoid-exp-product-minus", "exp(-x)*sigmoid(x)", "sigmoid(-x)", "stable", "e⁻ˣ σ(x) = σ(−x)"),
    Rule("one-over-sigmoid", "1/sigmoid(x)", "1 + exp(-x)", "stable", "1/σ(x) = 1 + e⁻ˣ"),
    Rule("sigmoid-tanh", "(1 + tanh(x))*0.5", "sigmoid(2*x)", "stable", "σ(2x) = (1 + tanh x)/2"),
    Rule("sigmoid-tanh-half", "0.5 + 0.5*tanh(x)", "sigmoid(2*x)", "stable", "σ(2x) = ½ + ½ tanh x"),
    Rule("sigmoid-minus-one", "sigmoid(x) - 1", "-sigmoid(-x)", "stable", "σ(x) − 1 = −σ(−x)"),
    Rule("minus-one-plus-sigmoid", "-1 + sigmoid(x)", "-sigmoid(-x)", "stable", "σ(x) − 1 = −σ(−x)"),
    Rule("sigmoid-of-difference", "sigmoid(-(x - y))", "sigmoid(y - x)", "stable", "−(x − y) = y − x"),
    Rule("log-sigmoid-of-difference", "log_sigmoid(-(x - y))", "log_sigmoid(y - x)", "stable", "−(x − y) = y − x"),
    Rule("softplus-of-difference", "softplus(-(x - y))", "softplus(y - x)", "stable", "−(x − y) = y − x"),
    Rule("softplus-minus", "-softplus(-x)", "log_sigmoid(x)", "stable", "log σ(x) = −log(1 + e⁻ˣ)"),
    Rule("softplus-negated", "-softplus(x)", "log_sigmoid(-x)", "stable", "log σ(−x) = −log(1 + eˣ)"),
    Rule("log-sigmoid-negated", "-log_sigmoid(x)", "softplus(-x)", "stable", "−log σ(x) = log(1 + e⁻ˣ)"),
)  # fmt: skip

# --- hyperbolic and trigonometric -------------------------------------------------------------------------

TRIGONOMETRIC = (
    Rule("tanh-expm1", "expm1(x)/(1 + exp(x))", "tanh(x/2)", "stable", "tanh(x/2) = (eˣ − 1)/(eˣ + 1)"),
    Rule("tanh-minus-expm1", "(0 - expm1(x))/(1 + exp(x))", "0 - tanh(x/2)", "stable", "as tanh-expm1"),
    Rule("tanh-minus-expm1-sigmoid", "(0 - expm1(x))*sigmoid(-x)", "0 - tanh(x/2)", "stable", "as tanh-expm1-sigmoid"),
    Rule("tanh-expm1-sigmoid", "expm1(x)*sigmoid(-x)", "tanh(x/2)", "stable", "tanh(x/2) = (eˣ − 1)/(eˣ + 1)"),
    Rule("tanh-expm1-sigmoid-factor", "expm1(x)*(sigmoid(-x)*y)", "tanh(x/2)*y", "stable", "as tanh-expm1-sigmoid"),
    Rule("tanh-quotient", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)", "stable", "the definition"),
    Rule("tanh-sigmoid", "2*sigmoid(x) - 1", "tanh(x/2)", "stable", "tanh(x/2) = 2σ(x) − 1"),
    Rule("tanh-twice", "2*sinh(x)/(2*cosh(x))", "tanh(x)", "stable", "without overflow"),
    Rule("tanh-sinh-cosh", "sinh(x)/cosh(x)", "tanh(x)", "stable", "without overflow"),
    Rule("sech-squared", "1 - tanh(x)*tanh(x)", lambda m: _sech2(m["x"]), "stable", "1 − tanh² x = 1/cosh² x"),
    Rule("sech-squared-power", "1 - square(tanh(x))", lambda m: _sech2(m["x"]), "stable", "1 − tanh² x = 1/cosh² x"),
    Rule("log-sech-squared", "log(2/(1 + cosh(2*x)))", lambda m: _log_sech2(m), "stable", "near 0 as log(1 − tanh² x)"),
    Rule("versine", "1 - cos(x)", "2*square(sin(x/2))", "stable", "1 − cos x = 2 sin²(x/2)"),
    Rule("half-angle", "2*square(sin(x/2))/sin(x)", "tan(x/2)", "stable", "(1 − cos x)/sin x = tan(x/2)"),
    Rule("half-angle-halved", "2*square(sin(x*0.5))/sin(x)", "tan(x*0.5)", "stable", "(1 − cos x)/sin x = tan(x/2)"),
)  # fmt: skip


def _sech2(x: Expr) -> Expr:
    """1/cosh² x as 2/(1 + cosh 2x): half of the error of cosh, where the square of 1/cosh has twice that."""
    return 2 / (1 + cosh(2 * x))


def _log_sech2(m: Match) -> Expr:
    x = m["x"]
    return where(abs(x) < 0.5, log1p(0 - tanh(x) * tanh(x)), m.root)


# --- roots, powers, quotients -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Norm:
    """√(x² + y² + …) of any number of squares by hypot, which does not over- or underflow on the way.

    guarded : with a branch for NaN beside infinity, through which second derivatives would not see that it is a norm
    """

    name: str = "hypot"
    kind: Kind = "stable"
    guarded: bool = True
    examples: tuple[str, ...] = ("sqrt(x*x + y*y)", "sqrt(square(x) + y*y)", "sqrt(x*x + y*y + z*z)")

    def roots(self) -> tuple[str, ...]:
        return ("sqrt",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("add",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (total,) = node.operands
        sides = squared_terms(total)
        if sides is None or len(sides) < 2 or node.dtype != total.dtype:
            return None
        norm = sides[0]
        for side in sides[1:]:
            norm = hypot(norm, side)
        if not self.guarded or not any(ranges(side).nan for side in sides):
            return norm
        return where(isnan(total), total, norm)  # hypot(∞, NaN) is ∞, and no NaN of an operand may be lost

    def __str__(self) -> str:
        return f"{self.name}: sqrt(x*x + y*y + …) → hypot(hypot(x, y), …) ({self.kind})"


FACTORS = (
    Rule("factor-beside-itself", "x*(1 + y) - x", "x*y", "stable", "x(1 + y) − x = xy", when=lambda m: _no_exponential(m)),
    Rule("factor-beside-itself-minus", "x - x*(1 + y)", "0 - x*y", "stable", "x − x(1 + y) = −xy, never −0",
         when=lambda m: _no_exponential(m)),
    Rule("factor-beside-itself-less", "x*(1 - y) - x", "0 - x*y", "stable", "x(1 − y) − x = −xy, never −0",
         when=lambda m: _no_exponential(m)),
    Rule("factor-less-itself", "x - x*(1 - y)", "x*y", "stable", "x − x(1 − y) = xy", when=lambda m: _no_exponential(m)),
)  # fmt: skip


def _no_exponential(m: Match) -> bool:
    """Whether 1 + y is no sum of exponentials, which rules of quotients know."""
    return m["y"].op.name not in ("exp", "add", "sigmoid")


ROOTS = (
    Rule("square-power", "x**2", "x*x", "stable", "pow(x, 2) is x·x rounded once"),
    Rule("reciprocal-power", "x**-1", "1/x", "stable", "pow(x, −1) is 1/x"),
    Rule("square-root-power", "x**0.5", "sqrt(x)", "stable", "differs from pow at −∞ alone"),
    Rule("root-of-square", "sqrt(x*x)", "abs(x)", "stable", "without overflow"),
    Rule("root-of-square-op", "sqrt(square(x))", "abs(x)", "stable", "without overflow"),
    Norm(),
    Rule("hypot-one", "sqrt(x*x + 1)", "hypot(x, 1)", "stable", "without overflow, where x is not known to be moderate",
         when=lambda m: not _moderate(m, "x")),
    Rule("root-difference", "sqrt(x) - sqrt(y)", root_difference, "stable", "(x − y)/(√x + √y), when x − y is known",
         examples=("sqrt(x + 1) - sqrt(x)", "sqrt(x + y) - sqrt(x)", "sqrt(x + y) - sqrt(x - y)")),
    RootBesideAbs(),
    Rule("cube-root-difference", "cbrt(x + c) - cbrt(x)",
         lambda m: _cube_root_step(m), "stable", "a − b = (a³ − b³)/(a² + ab + b²)"),
    Rule("reciprocal-difference", "x/y - z/w", reciprocal_difference, "stable", "one quotient, when its numerator is known",
         examples=("1/x - 1/(x + 1)", "2/(x + y) - 2/x")),
    Rule("difference-of-squares", "x*x - y*y", "(x - y)*(x + y) + 0.0", "stable", "cancellation before rounding",
         when=lambda m: not m["x"].is_constant and not m["y"].is_constant),
    Rule("difference-of-squares-op", "square(x) - square(y)", "(x - y)*(x + y) + 0.0", "stable", "cancellation before rounding"),
    Rule("one-minus-square", "1 - x*x", "(1 - x)*(1 + x)", "stable", "cancellation before rounding",
         when=lambda m: m["x"].op.name != "tanh"),
    Rule("square-minus-one", "x*x - 1", "(x - 1)*(x + 1) + 0.0", "stable", "cancellation before rounding"),
)  # fmt: skip


def _cube_root_step(m: Match) -> Expr:
    from_root = m.root.operands[0]
    to_root = m.root.operands[1]
    return m["c"] / (from_root * from_root + from_root * to_root + to_root * to_root)


RULES = (*LOGARITHMS, *EXPONENTIALS, *LOGISTIC, *TRIGONOMETRIC, *FACTORS, *ROOTS)
