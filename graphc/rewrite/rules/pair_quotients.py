"""Functions of quotients of two numbers' sums, which lose the quotient before they are taken: norms, and sums by differences.

√((x² + y²)/(s² + t²)) over- and underflows in its squares where neither norm does. log((a + b)/(a − b)) is the logarithm of a
number near 1 where b is small beside a, and keeps none of the digits that b/a has; it is log(1 + 2b/(a − b)), and where that is
negative −log(1 − 2b/(a + b)), so that no argument ever cancels.
"""

from __future__ import annotations

from functools import reduce

from graphc.ir.expr import Expr
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import hypot, log1p
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.squares import squared_terms
from graphc.util.records import dataclass


@dataclass(frozen=True)
class QuotientOfNorms:
    """√((x² + y²)/(s² + t²)) → hypot(x, y)/hypot(s, t), without over- and underflow on the way"""

    name: str = "quotient-of-norms"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "sqrt((x*x + y*y)/(s*s + t*t))",
        "sqrt((square(x) + y*y)/(x*x + square(t)))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("sqrt",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (quotient,) = node.operands
        if quotient.op.name != "divide":
            return None
        if quotient.dtype != node.dtype or any(part.dtype != node.dtype for part in quotient.operands):
            return None
        above, below = (squared_terms(part) for part in quotient.operands)
        if above is None or below is None or len(above) < 2 or len(below) < 2:
            return None
        result = reduce(hypot, above) / reduce(hypot, below)
        if not any(ranges(side).nan for side in (*above, *below)):
            return result
        total = quotient.operands[0] + quotient.operands[1]
        return where(isnan(total), total, result)  # hypot(∞, NaN) is ∞, and no NaN of an operand may be lost

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class LogOfSumByDifference:
    """log((a + b)/(a − b)) → log(1 + 2b/(a − b)), or −log(1 − 2b/(a + b)) where they differ in sign, and of the inverse"""

    name: str = "log-sum-by-difference"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "log((x + y)/(x - y))",
        "log((y + x)/(x - y))",
        "log((2 + x)/(2 - x))",
        "log((x - y)/(x + y))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (quotient,) = node.operands
        if quotient.op.name != "divide":
            return None
        above, below = quotient.operands
        if {above.op.name, below.op.name} != {"add", "subtract"}:
            return None
        a, b = above.operands if above.op.name == "subtract" else below.operands
        sum_ = above if above.op.name == "add" else below
        if sum_.operands not in ((a, b), (b, a)) or a is b:
            return None
        if any(each.dtype != node.dtype for each in (quotient, above, below, a, b)):
            return None
        twice = b + b if above is sum_ else 0 - (b + b)
        t = twice / below
        return where(t > 0, log1p(t), where(t > -1, 0 - log1p(0 - twice / above), node))

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (QuotientOfNorms(), LogOfSumByDifference())

__all__ = ["RULES"]
