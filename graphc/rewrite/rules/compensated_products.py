"""What rounding takes from products and quotients of inputs, given back where a logarithm or a power makes it large.

The error of a product is a float, and so is the rest of a division (Dekker, A floating-point technique for extending the
available precision, 1971).
"""

from __future__ import annotations

from collections.abc import Set

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.exact_product import multiply_error
from graphc.ops.rounding import LARGE, add_error
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import is_number
from graphc.util.records import dataclass


@dataclass(frozen=True)
class PolishLogarithm:
    """log(x/y) → log q + (x − q·y)/x with the rounded quotient q near 1, whose logarithm is as small as what rounding took"""

    name: str = "compensated-logarithm"
    function: str = "log"
    examples: tuple[str, ...] = ("log(x/y)",)
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return (self.function,)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"

    def may_concern(self, node: Expr) -> bool:
        return node.operands[0].op.name == "divide"

    def apply(self, node: Expr, ranges: Ranges, known: Set[Expr] = frozenset()) -> Expr | None:
        (q,) = node.operands
        if q.op.name != "divide" or q.dtype != node.dtype or node.dtype.itemsize not in LARGE:
            return None
        x, y = q.operands
        if not (x.is_symbol and y.is_symbol and x.dtype == y.dtype == node.dtype) or x is y:
            return None
        rest = (x - q * y) - multiply_error(q, y)
        least = LEAST_PRODUCT[node.dtype.itemsize]
        near = (q > 0.5) & (q < 2) & (abs(x) > least) & (abs(x) < 1 / least)
        return node + where(near, rest / x, 0)


LEAST_PRODUCT = {8: 1e-280, 4: 1e-28}
"""The rounding errors of larger products are floats, by the size of the type."""

SMALL = 2.0**20
"""Up to this the rounding error of a sum with 1 is so small that its square is nothing beside 1."""


def lost_beside_one(base: Expr) -> Expr | None:
    """What rounding takes from 1 ± x/y and 1 ± x·y, of the quotient and of the sum; 0 where the first is far from 1."""
    if base.op.name not in ("add", "subtract") or base.dtype.itemsize not in LARGE:
        return None
    one, part = base.operands
    if base.op.name == "add" and not is_number(one):
        one, part = part, one
    if not is_number(one) or one.value != 1 or part.op.name not in ("multiply", "divide"):
        return None
    x, y = part.operands
    if x is y or not all(side.is_symbol and side.dtype == base.dtype for side in (x, y)):
        return None
    least = LEAST_PRODUCT[base.dtype.itemsize]
    if part.op.name == "divide":
        lost = ((x - part * y) - multiply_error(part, y)) / y
        exact = (abs(x) > least) & (abs(x) < 1 / least) & (abs(y) > least) & (abs(y) < 1 / least)
    else:
        lost = multiply_error(x, y)
        exact = abs(part) > least
    size = abs(part)
    lost = where((size < SMALL) & exact, lost, 0)
    if base.op.name == "add":
        return add_error(one, part) + lost
    return add_error(one, -part) - lost


__all__ = ["PolishLogarithm", "lost_beside_one"]
