"""Products in which one factor stands above and its like below, each overflowing where their quotient does not.

Derivatives bring them together: that of 1/cosh(x) is −(1/cosh(x)/cosh(x))·sinh(x), 0·∞ from 711 on, which is
−tanh(x)/cosh(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.ir.expr import Expr
from graphc.ops.elementary import expm1, tanh
from graphc.rewrite.factors import MOST_FACTORS, ONE, Place, factors_of, rebuilt
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges
from graphc.rewrite.sums import MOST_TERMS, minus

Quotient = tuple[Expr, int]
"""(factor, exponent) in place of the factor above"""


def _is_one(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 1


def _like(factor: Expr) -> tuple[str, Expr] | None:
    """The name of a factor's kind, and its argument."""
    name = factor.op.name
    if name in ("sinh", "cosh", "exp", "expm1"):
        return name, factor.operands[0]
    if name == "add":
        for one, other in (factor.operands, factor.operands[::-1]):
            if _is_one(one) and other.op.name == "cosh":
                return "1 + cosh", other.operands[0]
    return None


PAIRS: dict[tuple[str, str], Callable[[Expr], Quotient]] = {
    ("sinh", "cosh"): lambda x: (tanh(x), 1),
    ("cosh", "sinh"): lambda x: (tanh(x), -1),
    ("sinh", "1 + cosh"): lambda x: (tanh(x * 0.5), 1),
    ("exp", "expm1"): lambda x: (-expm1(minus(x)), -1),
}
"""(above, below), of one argument → their quotient"""


@dataclass(frozen=True)
class PairedFactors:
    """u·sinh(x)/cosh(x) → u·tanh(x), u·sinh(x)/(1 + cosh(x)) → u·tanh(x/2) and u·exp(x)/expm1(x) → −u/expm1(−x) in products"""

    name: str = "paired-factors"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "1/cosh(x)/cosh(x)*sinh(x)", "y/sinh(x)*cosh(x)", "z/(1 + cosh(x))*(y*sinh(x))", "x*x/expm1(x)/expm1(x)*exp(x)",
        "exp(-x)*(y/expm1(-x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not _has_pairs(node) or (node.op.name == "divide" and node.operands[0].op.name == "exp"):
            return None  # exp(x)/expm1(x) by itself has a rule of its own
        places: list[Place] = []
        for count, (factor, exponent) in enumerate(factors_of(node)):
            if count > 2 * MOST_FACTORS:
                return None
            like = _like(factor) if exponent else None
            if like is not None:
                places.append(Place(like[1], ONE, exponent, (factor, exponent)))
        return rebuilt(node, places, _has_place) if _paired(places) else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _has_place(factor: Expr, exponent: int) -> bool:
    return _like(factor) is not None


def _has_pairs(node: Expr) -> bool:
    """A cheap look for a denominator that has a like, before the product is taken apart."""
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        name = factor.op.name
        if name in ("cosh", "sinh", "expm1") or (name == "add" and _like(factor) is not None):
            return True
        if name in ("multiply", "divide", "negative", "reciprocal", "square"):
            pending += factor.operands
    return False


def _paired(places: list[Place]) -> bool:
    """Put what a pair comes to in the place of the one above, nothing in that of the one below; whether there was one."""
    found = False
    for above in places:
        for below in places:
            if above.put is None or below.put is None or above.exponent != 1 or below.exponent != -1:
                continue
            top, bottom = _like(above.put[0]), _like(below.put[0])
            if top is None or bottom is None or top[1] is not bottom[1]:
                continue
            quotient = PAIRS.get((top[0], bottom[0]))
            if quotient is not None:
                above.put, below.put = quotient(top[1]), None
                found = True
                break
    return found


@dataclass(frozen=True)
class DistributedFactor:
    """(u ± v)·f → u·f ± v·f where every term is divided by a like of f, as sinh by cosh and exp by expm1"""

    name: str = "distribute-paired-factor"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(1/expm1(x) - y/expm1(x)/expm1(-x))*exp(x)", "sinh(x)*(-(y/cosh(x)) + z/cosh(x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for total, factor in (node.operands, node.operands[::-1]):
            like = _like(factor)
            if like is not None and total.op.name in _SUMS:
                return _times_each(total, factor, like)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_SUMS = ("add", "subtract", "negative")


def _times_each(total: Expr, factor: Expr, like: tuple[str, Expr]) -> Expr | None:
    """Every term of a sum times a factor that pairs with something in it; None where it does not in one of them."""
    order: list[Expr] = []
    pending = [total]
    while pending:
        part = pending.pop()
        if len(order) > 2 * MOST_TERMS:
            return None
        order.append(part)
        if part.op.name in _SUMS:
            pending += part.operands
        elif not _divided_by_like(part, like):
            return None
    done: dict[Expr, Expr] = {}
    for part in reversed(order):
        if part.op.name not in _SUMS:
            done[part] = part * factor
        elif part.op.name == "negative":
            done[part] = -done[part.operands[0]]
        else:
            left, right = (done[operand] for operand in part.operands)
            done[part] = left + right if part.op.name == "add" else left - right
    return done[total]


def _divided_by_like(node: Expr, like: tuple[str, Expr]) -> bool:
    for count, (factor, exponent) in enumerate(factors_of(node)):
        if count > 2 * MOST_FACTORS:
            return False
        below = _like(factor) if exponent < 0 else None
        if below is not None and below[1] is like[1] and (like[0], below[0]) in PAIRS:
            return True
    return False


RULES = (DistributedFactor(),)
