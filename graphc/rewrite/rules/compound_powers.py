"""Powers of 1 + c/x whose exponents grow with x, and differences of powers of one base.

(1 + 1/n)ⁿ loses what 1 + 1/n rounds n times over, and so do all powers of it with exponents of that size: all are mended, or
their differences would be of different numbers. yᶻ⁺¹ − yᶻ is yᶻ(y − 1), without the rounding of powers.
"""

from __future__ import annotations

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import exp
from graphc.ops.rounding import add_error
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums, is_number
from graphc.util.records import dataclass

SMALL = 0.5
"""c/x and y − 1 up to this are exact, or nearly so, beside the sum that they are part of."""

LARGEST_CHANGE = 80.0
"""Up to this an exponential is in range in every type, so that a power of 0 or infinity stays one."""


@dataclass(frozen=True)
class CompoundPower:
    """(1 + c/x)ᶻ → sᶻ·e^(z·e/s) with the rounding error e of s = 1 + c/x, where z is or holds a multiple of x"""

    name: str = "compound-power"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(1 + 1/x)**(x + 1)", "(1 - 1/x)**(x - 1)", "(1 + 1/x)**(x + 0.5)", "(1 - 2/x)**(3*x)", "(1 - 1/x)**x",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("pow",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] in ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        base, z = node.operands
        if base.dtype is not node.dtype or z.dtype is not node.dtype:
            return None
        found = _part_of_one(base)
        if found is None:
            return None
        part, x = found
        if z is x and base is 1 + 1 / x:
            return None  # there is a rule for it, that needs no branch
        terms = ranges.table(Sums)[z]
        if terms is None or not any(len(term.factors) == 1 and term.factors[0] is x for term in terms):
            return None
        change = z * (add_error(1.0, part) / base)  # what the rounding of the sum takes from the logarithm
        return where((abs(part) < SMALL) & (abs(change) < LARGEST_CHANGE), node * exp(change), node)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _part_of_one(base: Expr) -> tuple[Expr, Expr] | None:
    """(±c/x, x) of 1 ± c/x."""
    if base.op.name not in ("add", "subtract"):
        return None
    one, other = base.operands
    if base.op.name == "add" and is_number(other):
        one, other = other, one
    if not is_number(one) or one.value != 1:
        return None
    if other.op.name == "reciprocal":
        x = other.operands[0]
    elif other.op.name == "divide" and is_number(other.operands[0]):
        x = other.operands[1]
    else:
        return None
    return (other if base.op.name == "add" else -other), x


@dataclass(frozen=True)
class NextPower:
    """yᶻ⁺¹ − yᶻ → yᶻ(y − 1) where y is near 1"""

    name: str = "next-power"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "y**(z + 1) - y**z",
        "y**z - y**(z + 1)",
        "y**z - y**(z - 1)",
        "(1 + 1/x)**(x + 1) - (1 + 1/x)**x",
    )

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return all(name in ("pow", "where") for name in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        one, other = node.operands
        first, second = _power(one), _power(other)
        if first is None or second is None or first[0] is not second[0]:
            return None
        y = first[0]
        if y.dtype is not node.dtype or one.dtype is not node.dtype or other.dtype is not node.dtype:
            return None
        for larger, smaller, least, step in (
            (first[1], second[1], other, y - 1),
            (second[1], first[1], one, 1 - y),
        ):
            if _is_next(larger, smaller):
                return where(abs(step) < SMALL, least * step + 0.0, node)  # a difference is 0, not −0
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _power(node: Expr) -> tuple[Expr, Expr] | None:
    """(y, z) of yᶻ, also of what the rules for compound interest have made of it."""
    if node.op.name == "where":
        _, near, far = node.operands
        if far.op.name == "pow":
            node = far
        elif near.op.name == "pow" and near.operands[1] is -near.operands[0]:
            return 1 + 1 / near.operands[0], near.operands[0]
    return (node.operands[0], node.operands[1]) if node.op.name == "pow" else None


def _is_next(p: Expr, q: Expr) -> bool:
    """Whether p is written as q + 1, or q as p − 1."""
    if is_number(p) or is_number(q):
        return False  # of whole powers of numbers there are polynomials
    return _is_more(p, q, 1) or _is_more(q, p, -1)


def _is_more(a: Expr, b: Expr, step: int) -> bool:
    """Whether a is b + step."""
    name = a.op.name
    if name not in ("add", "subtract"):
        return False
    one, other = a.operands
    if name == "add" and is_number(one):
        one, other = other, one
    sign = 1 if name == "add" else -1
    return one is b and is_number(other) and sign * other.value == step


RULES = (NextPower(), CompoundPower())

__all__ = ["RULES"]
