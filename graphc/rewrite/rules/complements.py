"""Complements of distribution functions, and what is left of functions beside what they come to far out.

1 − P(a, x) is Q(a, x), which keeps its digits where P is near 1; log cosh x − x is log(1 + e⁻²ˣ) − log 2, where the difference of
two large numbers keeps none; x − √(x² − 1) is 1/(x + √(x² − 1)), because the two have the product 1. The logarithm of a mixture
of exponentials is that of their sum with the logarithms of the weights beside the exponents.

Sources: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.6.21, 6.5.2 to 6.5.3, 26.2.5; Blanchard, Higham and
Higham, Accurately computing the log-sum-exp and softmax functions, IMA J. Numer. Anal. 41 (2021).
"""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import log, sqrt
from graphc.ops.logistic import logaddexp, softplus
from graphc.rewrite.engine.pattern import Kind, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import factors_of, is_number, product, terms_of
from graphc.rewrite.rules.logarithms import LN2, is_root_of_square_minus_one
from graphc.util.records import dataclass

MOST_TERMS = 8


@dataclass(frozen=True)
class LogMixture:
    """log(p·e^a + q·e^b + …) → log(e^(a + log p) + e^(b + log q) + …), where all weights are positive"""

    name: str = "log-mixture"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "log(x*exp(y) + (1 - x)*exp(z))", "log(2*exp(x) + 3*exp(y))", "log(x*exp(y) + z)", "log(0.25*exp(x) + 0.75)",
    )  # fmt: skip
    wide: bool = False
    """for what is to be differentiated: not where a weight's reciprocal, its slope, overflows"""

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("add",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        terms = terms_of(inner) if inner.dtype == node.dtype else None
        if terms is None or not 2 <= len(terms) <= MOST_TERMS:
            return None
        exponents, weights, has_weights = [], [], False
        for term in terms:
            number, factors = factors_of(term.node)
            number *= term.sign
            powers = [factor for factor in factors if factor.op.name == "exp"]
            if number <= 0 or len(powers) > 1:
                return None
            weight = product([factor for factor in factors if factor.op.name != "exp"])
            has_weights |= bool(powers) and (number != 1 or weight is not None)
            exponent = powers[0].operands[0] if powers else None
            if exponent is not None and exponent.dtype != node.dtype:
                return None
            if weight is not None:
                weights.append(weight)
                size = log(weight)
                exponent = size if exponent is None else exponent + size
            if number != 1 or exponent is None:
                shift = constant(math.log(number), node.dtype)
                exponent = shift if exponent is None else exponent + shift
            exponents.append(exponent)
        if not has_weights or not any(f.op.name == "exp" for term in terms for f in factors_of(term.node)[1]):
            return None
        if any(weight.dtype != node.dtype for weight in weights):
            return None
        result = reduce(logaddexp, exponents)
        least = float(np.finfo(node.dtype).tiny) if self.wide else 0.0
        unknown = [weight > least for weight in weights if not _is_above(weight, least, ranges)]
        if unknown:
            result = where(reduce(lambda one, other: one & other, unknown), result, node)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _is_above(weight: Expr, least: float, ranges: Ranges) -> bool:
    return ranges(weight).lo > least if least else ranges(weight).positive


@dataclass(frozen=True)
class LogCoshBesideArgument:
    """log(2 cosh x) ∓ x → log(1 + e^(∓2x)), log(cosh x) ∓ x → log(1 + e^(∓2x)) − log 2 for |x| > 1"""

    name: str = "log-cosh-beside-argument"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "log(2*cosh(x)) - x",
        "log(2*cosh(x)) + x",
        "log(cosh(x)) - x",
        "x + log(cosh(x))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] in ("where", "log") or operands[1] in ("where", "log")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        pairs = [(left, right, 1 if node.op.name == "add" else -1)]
        if node.op.name == "add":
            pairs.append((right, left, 1))
        for logarithm, x, sign in pairs:
            doubled = _is_log_cosh(logarithm, x)
            if doubled is None:
                continue
            rest = softplus(2 * x if sign > 0 else -2 * x)
            return rest if doubled else where(abs(x) < 1, node, rest - LN2)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _is_log_cosh(node: Expr, x: Expr) -> bool | None:
    """Whether a node is log(2 cosh x), False for log(cosh x), as written or as `log-cosh` and `log-two-cosh` leave it."""
    if x.dtype != node.dtype or x.is_constant:
        return None
    size = abs(x)
    if node.op.name == "where":
        far = node.operands[2]
        if far is size + softplus(-2 * size):
            return True
        return False if far is (size - LN2) + softplus(-2 * size) else None
    if node.op.name != "log":
        return None
    number, factors = factors_of(node.operands[0])
    if len(factors) != 1 or factors[0].op.name != "cosh" or factors[0].operands[0] is not x:
        return None
    return {1.0: False, 2.0: True}.get(number)


@dataclass(frozen=True)
class PartnerOfAreaCosine:
    """x − √(x² − 1) → 1/(x + √(x − 1)·√(x + 1)) for x ≥ 1"""

    name: str = "partner-of-area-cosine"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("x - sqrt((x - 1)*(x + 1))", "sqrt((x - 1)*(x + 1)) - x")

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return any(name in ("sqrt", "where", "multiply") for name in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for x, root, sign in ((*node.operands, 1), (*node.operands[::-1], -1)):
            if x.dtype != node.dtype or root.dtype != node.dtype or is_number(x):
                continue
            if is_root_of_square_minus_one(root, x):
                below = x + sqrt(abs(x - 1)) * sqrt(abs(x + 1))
                value = sign / below
                return value if ranges(x).lo >= 1 else where(x >= 1, value, node)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (
    Rule("gammainc-complement", "1 - gammainc(x, y)", "gammaincc(x, y)", "stable", "1 − P(a, x) = Q(a, x)"),
    Rule("gammaincc-complement", "1 - gammaincc(x, y)", "gammainc(x, y)", "stable", "1 − Q(a, x) = P(a, x)"),
    Rule("normal-complement", "1 - ndtr(x)", "ndtr(-x)", "stable", "1 − Φ(x) = Φ(−x)"),
    Rule("log-normal", "log(ndtr(x))", "log_ndtr(x)", "stable", "log Φ(x) without underflow, and near 1"),
    LogMixture(),
    LogCoshBesideArgument(),
    PartnerOfAreaCosine(),
)  # fmt: skip

__all__ = ["RULES"]
