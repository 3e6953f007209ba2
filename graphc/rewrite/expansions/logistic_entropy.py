"""Sums of softplus and the logistic function: log(1 + eᵘ) − u·σ(u) is the entropy of a coin with the odds eᵘ.

It is even in u. For u > 0 it is log(1 + e⁻ᵘ) + u·σ(−u), whose terms do not cancel, where log(1 + eᵘ) and u·σ(u) are both nearly
u. It is what the derivative of log(1 + e^(bx))/b by b is made of, and the loss of information in a mixture of two.
"""

from __future__ import annotations

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.logistic import sigmoid, softplus
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions.common_reader import powers_of
from graphc.rewrite.rules.sums import minus
from graphc.util.records import dataclass

_SOFTPLUS = frozenset(("softplus", "log_sigmoid"))


@dataclass(frozen=True)
class LogisticEntropy:
    """c·log(1 + eᵘ) − c·u·σ(u) → c·(log(1 + e⁻ᵘ) + u·σ(−u)) for u > 1"""

    name: str = "logistic-entropy"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (_SOFTPLUS, frozenset(("sigmoid",)))
    examples: tuple[str, ...] = (
        "softplus(x) - x*sigmoid(x)", "y*sigmoid(x*y)/x - softplus(x*y)/x/x", "2*x*sigmoid(-x) - 2*log_sigmoid(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        sign = -1 if node.op.name == "subtract" else 1
        for one, other, signs in ((left, right, (1, sign)), (right, left, (sign, 1))):
            found = self._of(node, one, other, signs)
            if found is not None:
                return found
        return None

    def _of(self, node: Expr, one: Expr, other: Expr, signs: tuple[int, int]) -> Expr | None:
        """With the softplus in the first of the terms."""
        number, powers = powers_of(one)
        number *= signs[0]
        f = next((part for part, power in powers.items() if part.op.name in _SOFTPLUS and power == 1), None)
        if f is None or f.dtype is not node.dtype:
            return None
        (a,) = f.operands
        u = a if f.op.name == "softplus" else minus(a)
        number = number if f.op.name == "softplus" else -number
        if u.op.name == "negative" and u.operands[0].op.name == "abs":
            return None
        times, others = powers_of(other)
        s = next((part for part, power in others.items() if part.op.name == "sigmoid" and power == 1), None)
        if s is None or (s.operands[0] is not u and minus(s.operands[0]) is not minus(u)):
            return None
        number_of_u, of_u = powers_of(u)
        quotient = {
            part: others.get(part, 0) - powers.get(part, 0) - of_u.get(part, 0)
            for part in (*others, *powers, *of_u)
            if part is not f and part is not s
        }
        if any(quotient.values()) or signs[1] * times != -number * number_of_u:
            return None
        rest = {part: power for part, power in powers.items() if part is not f}
        size = abs(u)  # of −|u| it is what is written here
        value = softplus(-size) + size * sigmoid(-size)
        for part, power in rest.items():
            for _ in range(abs(power)):
                value = value * part if power > 0 else value / part
        scale = float(number)
        value = value if scale == 1 else constant(scale, value.dtype) * value
        result = where(u > 1, value, node)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULES = (LogisticEntropy(),)

__all__ = ["RULES"]
