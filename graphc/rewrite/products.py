"""Quotients and products seen whole: as powers of their factors.

The derivative of a formula with exponentials is a product in which most factors cancel: that of log(1/(1 + e⁻ᶻ)) is
(1/s)·(s/(1 + e⁻ᶻ))·e⁻ᶻ with s = 1/(1 + e⁻ᶻ), which is σ(−z). Factor by factor it overflows; as powers it is one sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.expr import Expr
from graphc.ops.comparison import isnan, where
from graphc.rewrite.factors import MOST_FACTORS, Factors, one_plus_exp
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges
from graphc.rewrite.sums import MOST_TERMS, terms, without

_LOOK = 1000
"""Nodes that a look for inputs visits at most."""


@dataclass(frozen=True)
class LogisticProduct:
    """A product or quotient of exponentials and sigmoids, written with as few of them as can be."""

    name: str = "logistic-product"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "exp(x)*(1/(1 + exp(x)))", "sigmoid(x)*(1 + exp(-x))*y", "1/(1/(exp(-x) + 1))*(1/(exp(-x) + 1)*sigmoid(x))*exp(-x)",
        "exp(x)/(exp(x) + exp(y))*(1/(1 + exp(-x)))*(1 + exp(-x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        found = self.reduced(node, ranges)
        if found is None:
            return None
        after, gone = found
        return keeping_nan(after, gone)

    def reduced(self, node: Expr, ranges: Ranges) -> tuple[Expr, list[Expr]] | None:
        """What a product becomes, and the exponents of what cancelled."""
        factors = Factors()
        if not _worth(node) or not factors.add(node) or not factors.places:
            return None
        factors.reduce()
        if not factors.changed:
            return None
        after = factors.build(node)
        if _total(after) >= _total(node):
            return None
        return after, factors.gone(ranges)

    def __str__(self) -> str:
        return f"{self.name}: σ(a) = eᵃ σ(−a) in products ({self.kind})"


def keeping_nan(after: Expr, gone: list[Expr]) -> Expr:
    """A result, or the NaN of an exponent that it does not hold."""
    if not gone:
        return after
    near = _near(after)
    for a in gone:
        if a not in near and not _inputs(a) <= near:
            after = where(isnan(a), a, after)
    return after


def _inputs(node: Expr) -> set[Expr]:
    """What a node is computed from: symbols, or itself where a bounded look does not find them all."""
    near = _near(node)
    return {node} if len(near) >= _LOOK else {leaf for leaf in near if leaf.is_symbol}


def _near(node: Expr) -> set[Expr]:
    """The nodes below a node, as far as a bounded look goes."""
    pending, found = [node], {node}
    while pending and len(found) < _LOOK:
        for operand in pending.pop().operands:
            if operand not in found:
                found.add(operand)
                pending.append(operand)
    return found


def _worth(node: Expr) -> bool:
    """Whether a factor near the top has anything to do with exponentials: a cheap look before the product is taken apart."""
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        name = factor.op.name
        if name in ("exp", "sigmoid") or (name == "add" and one_plus_exp(factor) is not None):
            return True
        if name in ("multiply", "divide", "negative", "reciprocal", "square"):
            pending += factor.operands
    return False


def _total(node: Expr) -> float:
    """What a product costs as it stands: factors, with exponentials and divisions dearer."""
    pending, cost = [node], 0.0
    while pending:
        factor = pending.pop()
        name = factor.op.name
        if name in ("multiply", "negative", "square"):
            cost += {"multiply": 1, "negative": 0.25, "square": 1}[name]
            pending += factor.operands
        elif name in ("divide", "reciprocal"):
            cost += 1.5
            pending += factor.operands
        elif name == "exp":
            cost += 4
        elif name == "sigmoid":
            cost += 3
        elif name == "add" and one_plus_exp(factor) is not None:
            cost += 5
        else:
            cost += 0.5
    return cost


@dataclass(frozen=True)
class Distribute:
    """(u ± v)·e^a → u·e^a ± v·e^a, where u or v is divided by a sum that holds e^a"""

    name: str = "distribute-exponential"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("(1/(exp(x) + exp(y)) + z)*exp(x)", "(z - 1/(exp(x) + exp(y)))*exp(x)")

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for total, factor in (node.operands, node.operands[::-1]):
            if factor.op.name != "exp" or total.op.name not in ("add", "subtract"):
                continue
            a = factor.operands[0]
            if any(_divided_by_sum_with(part, a) for part in total.operands):
                # a product by itself may be ∞·0: it is written as the share that it is at once
                products = [part * factor for part in total.operands]
                found = [LogisticProduct().reduced(product, ranges) or (product, []) for product in products]
                (u, lost), (v, more) = found
                return keeping_nan(u + v if total.op.name == "add" else u - v, lost + more)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _divided_by_sum_with(node: Expr, a: Expr) -> bool:
    """Whether a product has a denominator that is a sum with e^a in it."""
    pending, looked = [node], 0
    while pending and looked < MOST_TERMS:
        factor = pending.pop()
        looked += 1
        if factor.op.name == "divide":
            exponents = terms(factor.operands[1])
            if exponents is not None and without(exponents, a) is not None:
                return True
            pending += factor.operands
        elif factor.op.name in ("multiply", "negative"):
            pending += factor.operands
    return False


RULES = (Distribute(), LogisticProduct())
