"""Logarithms of 1 + xʸ, as Hill's and Archie's laws, log-logistic likelihoods and dose-response curves have them.

The power overflows where the logarithm is y·log x. For derivatives it is worse: in second ones 1/(1 + xʸ) − xʸ/(1 + xʸ)² is a
difference of what is equal far out. log(1 + x⁻ʸ) + y·log x is the same, and nothing in its derivatives cancels where xʸ > 1.
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import log, log1p
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass


@dataclass(frozen=True)
class LargePowerInLogarithm:
    """log(1 + xʸ) → y·log|x| where the power is infinite

    wide : where derivatives are written from it, log(1 + x⁻ʸ) + y·log x where the power is above 1
    """

    name: str = "log-one-plus-power"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = ("log1p(x**y)", "log1p((x/2)**(y*z))")

    def roots(self) -> tuple[str, ...]:
        return ("log1p",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (power,) = node.operands
        if power.op.name != "pow" or power.dtype is not node.dtype or node.dtype.kind != "f":
            return None
        x, y = power.operands
        if x.is_constant or y.is_constant or x.dtype is not node.dtype or y.dtype is not node.dtype:
            return None  # of x² and the like the logarithm is of x alone
        if self.wide and y.op.name == "where":
            return None  # its own form
        if self.wide:
            large = ((x > 1) & (y > 0)) | ((x < 1) & (x > 0) & (y < 0))
            return log1p(x ** where(large, -y, y)) + where(large, y * log(x), constant(0.0, node.dtype))
        result = where(power < constant(math.inf, node.dtype), node, y * log(abs(x)))
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


RULES = (LargePowerInLogarithm(),)

__all__ = ["RULES", "LargePowerInLogarithm"]
