"""Logarithms of functions that overflow, underflow or are near 1, and inverse hyperbolic functions written out.

log sinh x is x − log 2 + log(1 − e⁻²ˣ) long after sinh has overflowed; log(x + √(x² + 1)) is arsinh x, also where the sum under
the logarithm cancels.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.expr import Expr
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import acosh, asinh, cosh, exp, expm1, hypot, log, log1p, sin, sinh
from graphc.ops.logistic import logaddexp, sigmoid, softplus
from graphc.ops.powers import square
from graphc.ops.special import erfc, lgamma
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums, factors_of, is_number, total
from graphc.rewrite.rules.sums import minus
from graphc.util.records import dataclass

LN2 = math.log(2)


def _log_cosh(x: Expr) -> Expr:
    """log(1 + 2 sinh²(x/2)) near 0, smooth there; |x| + log(1 + e^(−2|x|)) − log 2 further out."""
    size = abs(x)
    return where(size < 1, log1p(2 * square(sinh(x * 0.5))), (size - LN2) + softplus(-2 * size))


def _log_two_cosh(m: Match) -> Expr:
    size = abs(m["x"])
    return where(size < 1, m.root, size + softplus(-2 * size))


def _log_sinh(m: Match) -> Expr:
    x = m["x"]
    return where(x > 1, (x - LN2) + log1p(0 - exp(-2 * x)), m.root)  # 0 − y: −y would be rewritten itself


def _log_tanh(m: Match) -> Expr:
    return where(m["x"] > 0.5, log1p(-2 * sigmoid(-2 * m["x"])), m.root)


def _log_expm1(m: Match) -> Expr:
    return where(m["x"] > 1, m["x"] + log1p(0 - exp(-m["x"])), m.root)


def _log_gamma(m: Match) -> Expr:
    """log|Γ| where Γ over- or underflows or is far from 1; where it is negative its logarithm stays NaN."""
    x = m["x"]
    return where((x > 0) & ((x < 0.5) | (x > 2.5)), lgamma(x), m.root)


def log1mexp(x: Expr) -> Expr:
    """log(1 − eˣ) (Mächler, 2012)"""
    return where(x > -LN2, log(-expm1(x)), log1p(-exp(x)))


def _log_mean_exp(m: Match) -> Expr:
    """log(c·(eˣ + e^y)) for a number c > 0, without overflow"""
    x, y = m["x"], m["y"]
    size = math.log(2 * m.value("c"))
    opposite = minus(x) is y or minus(y) is x
    if opposite or (x.op.name == y.op.name == "subtract" and x.operands == y.operands[::-1]):
        value = log(cosh(x))
        return value if size == 0 else value + size
    near = 0.5 * (x + y) + log(cosh(0.5 * (x - y)))
    return where(abs(x - y) < 1, near if size == 0 else near + size, logaddexp(x, y) + math.log(m.value("c")))


def _log1p_square(m: Match) -> Expr:
    x = m["x"]
    size = abs(x)
    return where(size < (1e5 if x.dtype.itemsize == 4 else 1e9), m.root, 2 * log(size))


def _unbounded(m: Match) -> bool:
    """Whether a square may overflow."""
    found = m.range("x")
    return max(-found.lo, found.hi) > (1e18 if m.root.dtype.itemsize == 4 else 1e153)


def _exp_log1p(m: Match) -> Expr:
    x = m["x"]
    return 1 + x if m.range("x").lo >= -1 else where(x < -1, math.nan, 1 + x)


ROWS = (
    Rule("log-cosh", "log(cosh(x))", lambda m: _log_cosh(m["x"]), "stable",
         "|x| + log((1 + e^(−2|x|))/2), without overflow; log(1 + 2 sinh²(x/2)) near 0"),
    Rule("log-two-cosh", "log(2*cosh(x))", _log_two_cosh, "stable", "|x| + log(1 + e^(−2|x|)), without overflow"),
    Rule("log-mean-exp", "log(c*(exp(x) + exp(y)))", _log_mean_exp, "stable",
         "(x + y)/2 + log cosh((x − y)/2) where they are near each other, without overflow", when=lambda m: m.value("c") > 0),
    Rule("log-sinh", "log(sinh(x))", _log_sinh, "stable", "x − log 2 + log(1 − e⁻²ˣ), without overflow"),
    Rule("log-tanh", "log(tanh(x))", _log_tanh, "stable", "log(1 − 2σ(−2x)), where tanh x is near 1"),
    Rule("log-erf", "log(erf(x))", lambda m: where(m["x"] > 0.5, log1p(-erfc(m["x"])), m.root), "stable",
         "log(1 − erfc x), where erf x is near 1"),
    Rule("log-cosine", "log(cos(x))", lambda m: where(abs(m["x"]) < 0.75, log1p(0 - 2 * square(sin(m["x"] * 0.5))), m.root),
         "stable", "log(1 − 2 sin²(x/2)) near 0"),
    Rule("log-expm1", "log(expm1(x))", _log_expm1, "stable", "x + log(1 − e⁻ˣ), without overflow"),
    Rule("log-gamma", "log(gamma(x))", _log_gamma, "stable", "without overflow"),
    Rule("log1p-square", "log1p(x*x)", _log1p_square, "stable", "2 log|x| where x² is large", when=_unbounded),
    Rule("log1p-square-op", "log1p(square(x))", _log1p_square, "stable", "2 log|x| where x² is large", when=_unbounded),
    Rule("exp-log1p", "exp(log1p(x))", _exp_log1p, "stable", "e^log(1 + x) = 1 + x for x ≥ −1"),
)  # fmt: skip


@dataclass(frozen=True)
class _LogRule:
    name: str
    examples: tuple[str, ...] = ()
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class LogExpDifference(_LogRule):
    """log(eˣ − e^y) → x + log(1 − e^(y − x))

    wide : in one form for all x and y, whose derivatives are 1 + 1/(e^(x − y) − 1) and −1/(e^(x − y) − 1), at x = y as well
    """

    wide: bool = False

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        if inner.op.name == "where":  # what the difference has become where x is close to y
            inner = inner.operands[2]
        if inner.op.name != "subtract" or any(part.op.name != "exp" for part in inner.operands):
            return None
        x, y = (part.operands[0] for part in inner.operands)
        if x.dtype != node.dtype or y.dtype != node.dtype:
            return None
        if self.wide:
            result = x + log(0 - expm1(-(x - y)))
            return result if result.shape == node.shape else None
        # of two exponents of −∞ the difference is NaN, and that of the exponentials 0
        return where((x >= y) & (x > -math.inf), x + log1mexp(y - x), node)

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


class LogOfNorm(_LogRule):
    """log(x² + y²) → 2 log hypot(x, y)"""

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        if inner.op.name != "add" or inner.dtype != node.dtype:
            return None
        x, y = (side(part) for part in inner.operands)
        if x is None or y is None:
            return None
        result = 2 * log(hypot(x, y))
        if not any(ranges(side).nan for side in (x, y)):
            return result
        return where(isnan(inner), inner, result)  # hypot(∞, NaN) is ∞


def side(node: Expr) -> Expr | None:
    """x of x²."""
    if node.op.name == "square":
        return node.operands[0]
    return node.operands[0] if node.op.name == "multiply" and node.operands[0] is node.operands[1] else None


class LogOnePlusSum(_LogRule):
    """log(1 + x + y) → log1p(x + y), where the sum is near 1: what 1 + x rounds away is not lost"""

    needs = (frozenset(("add", "subtract")),)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        if inner.op.name not in ("add", "subtract") or inner.dtype != node.dtype:
            return None
        if any(map(is_number, inner.operands)):
            return None  # of 1 + x alone there is a row
        terms = ranges.table(Sums)[inner]
        if terms is None or len(terms) < 3:
            return None
        others = [term for term in terms if term.factors]
        numbers = [term.coefficient for term in terms if not term.factors]
        rest = total(others) if numbers == [1.0] else None
        if rest is None or rest.shape != node.shape:
            return None
        if ranges(rest).nonnegative:
            return log1p(rest)
        return where(abs(rest) < 0.5, log1p(rest), node)


@dataclass(frozen=True)
class LogOnePlusPower:
    """log(1 + xⁿ) → n log|x| where xⁿ is large, for an n above 2"""

    name: str = "log1p-power"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("log1p(x**4)", "log1p(x*x*x)", "log1p(x**2.5)", "log1p(x**8)")

    def roots(self) -> tuple[str, ...]:
        return ("log1p",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] in ("pow", "multiply", "square")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (power,) = node.operands
        if power.dtype != node.dtype:
            return None
        number, factors = factors_of(power)
        x, n = factors[0], float(len(factors))
        if len(factors) == 1 and power.op.name == "pow" and is_number(power.operands[1]):
            x, n = power.operands[0], float(power.operands[1].value)
        if number != 1 or any(factor is not factors[0] for factor in factors) or n <= 2:
            return None
        found, most = ranges(x), float(np.finfo(node.dtype).max)
        if x.dtype != node.dtype or max(-found.lo, found.hi) < most ** (1 / n):
            return None
        limit = 2.0 ** ((30 if node.dtype.itemsize == 4 else 60) / n)
        return where(abs(x) < limit, node, n * log(abs(x) if n % 2 == 0 else x))

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


class AreaFunction(_LogRule):
    """log(x + √(x² + 1)) → asinh(x), log(x + √(x² − 1)) → acosh(x), with a minus −asinh(x) and −acosh(x)"""

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        while inner.op.name == "where":  # what a sum that cancels on one side has become
            inner = inner.operands[2]
        if inner.op.name not in ("add", "subtract") or inner.dtype != node.dtype:
            return None
        minus = inner.op.name == "subtract"
        for x, root in (inner.operands, inner.operands[::-1]):
            if root.dtype != node.dtype:
                continue
            if is_root_of_square_plus_one(root, x):
                if not minus:
                    return asinh(x)
                return 0 - asinh(x) if root is inner.operands[0] else None
            if is_root_of_square_minus_one(root, x):
                if not minus:
                    return acosh(x)
                return 0 - acosh(x) if root is inner.operands[1] else None
        return None


def is_root_of_square_plus_one(root: Expr, x: Expr) -> bool:
    """Whether a node is √(x² + 1), as rules leave it."""
    if root.op.name == "hypot":
        return any(
            a is x and is_number(b) and abs(b.value) == 1 for a, b in (root.operands, root.operands[::-1])
        )
    if root.op.name != "sqrt" or root.operands[0].op.name != "add":
        return False
    left, right = root.operands[0].operands
    return any(side(a) is x and is_number(b) and b.value == 1 for a, b in ((left, right), (right, left)))


def is_root_of_square_minus_one(root: Expr, x: Expr) -> bool:
    """Whether a node is √(x² − 1), as rules leave it: √((x − 1)(x + 1))."""
    if root.op.name == "where":  # by factors where x² overflows
        root = root.operands[1]
    parts = root.operands
    if root.op.name == "sqrt":
        inner = plus_zero(root.operands[0])
        if inner.op.name != "multiply":
            return False
        parts = inner.operands
    elif root.op.name == "multiply" and all(part.op.name == "sqrt" for part in parts):
        parts = tuple([part.operands[0] for part in parts])
    return len(parts) == 2 and sorted(_shift_by_one(part, x) for part in parts) == [-1, 1]


def plus_zero(node: Expr) -> Expr:
    """x of x + 0, which is not −0."""
    return (
        node.operands[0]
        if node.op.name == "add" and is_number(node.operands[1]) and node.operands[1].value == 0
        else node
    )


def _shift_by_one(node: Expr, x: Expr) -> int:
    """±1 of x ± 1; 0 of anything else."""
    if node.op.name not in ("add", "subtract"):
        return 0
    left, right = node.operands
    if node.op.name == "add" and left is not x:
        left, right = right, left
    if left is not x or not is_number(right) or abs(right.value) != 1:
        return 0
    return int(right.value) if node.op.name == "add" else -int(right.value)


RULES = (
    *ROWS,
    LogExpDifference("log-exp-difference", ("log(exp(x) - exp(y))",)),
    LogOnePlusSum("log-one-plus-sum", ("log(1 + x + y)", "log(1 - x + x*x)", "log(x + (1 - y))")),
    LogOnePlusPower(),
    LogOfNorm("log-norm", ("log(x*x + y*y)", "log(square(x) + y*y)")),
    AreaFunction(
        "area-function",
        ("log(x + hypot(x, 1))", "log(sqrt(x*x + 1) - x)", "log(sqrt((x - 1)*(x + 1)) + x)", "log(x - sqrt((x - 1)*(x + 1)))"),
    ),
)  # fmt: skip

__all__ = ["RULES"]
