"""Quotients and products seen whole: as powers of their factors.

The derivative of a formula with exponentials is a product in which most factors cancel: that of log(1/(1 + e⁻ᶻ)) is
(1/s)·(s/(1 + e⁻ᶻ))·e⁻ᶻ with s = 1/(1 + e⁻ᶻ), which is σ(−z). Factor by factor it overflows; as powers it is one sigmoid.
"""

from __future__ import annotations

from collections import Counter

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import tanh
from graphc.ops.logistic import sigmoid
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import LOGISTIC, TWO_PLACES, FactorMarks
from graphc.rewrite.rules.factors import MOST_FACTORS, Factors, all_factors_of, one_plus_exp
from graphc.rewrite.rules.sums import MOST_TERMS, minus, terms, without
from graphc.util.records import dataclass

_LOOK = 1000
"""Nodes that a look for inputs visits at most."""


_WITH_FACTORS = frozenset(("multiply", "divide", "negative", "reciprocal", "square", "add"))
_EXPONENTIALS = frozenset(("exp", "sigmoid"))
_PRODUCTS = _WITH_FACTORS - {"add"}
_LOGISTIC = frozenset(("sigmoid", "tanh", "multiply", "divide"))


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

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _WITH_FACTORS.isdisjoint(operands) or set(operands) <= _EXPONENTIALS

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        found = self.reduced(node, ranges)
        if found is None:
            return None
        after, gone = found
        return keeping_nan(after, gone)

    def reduced(self, node: Expr, ranges: Ranges) -> tuple[Expr, list[Expr]] | None:
        """What a product becomes, and the exponents of what cancelled."""
        factors = Factors()
        if not ranges.table(FactorMarks)[node] & TWO_PLACES or not _worth(node):
            return None  # a factor by itself is traded for nothing
        if not factors.add(node) or factors.has_nothing_to_trade():
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


def keeping_nan(after: Expr, gone: list[Expr], look: int = _LOOK) -> Expr:
    """A result, or the NaN of an exponent that it does not hold."""
    if not gone:
        return after
    near = _near(after, look)
    for a in gone:
        if a not in near and not _inputs(a, look) <= near:
            after = where(isnan(a), a, after)
    return after


def _inputs(node: Expr, look: int = _LOOK) -> set[Expr]:
    """What a node is computed from: symbols, or itself where a bounded look does not find them all."""
    near = _near(node, look)
    return {node} if len(near) >= look else {leaf for leaf in near if leaf.is_symbol}


def _near(node: Expr, look: int = _LOOK) -> set[Expr]:
    """The nodes below a node, as far as a bounded look goes."""
    pending, found = [node], {node}
    while pending and len(found) < look:
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
    """(u ± v)·e^a → u·e^a ± v·e^a, where u and v are divided by sums that hold e^a"""

    name: str = "distribute-exponential"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(1/(exp(x) + exp(y)) + z/(exp(x) + exp(z)))*exp(x)", "(z/(exp(x) + exp(y)) - 1/(exp(x) + exp(y)))*exp(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "exp" in operands and ("add" in operands or "subtract" in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for total, factor in (node.operands, node.operands[::-1]):
            if factor.op.name != "exp" or total.op.name not in ("add", "subtract"):
                continue
            a = factor.operands[0]
            if all(_divided_by_sums_with(part, a) for part in total.operands):
                # a product by itself may be ∞·0: it is written as the share that it is at once
                products = [part * factor for part in total.operands]
                found = [LogisticProduct().reduced(product, ranges) or (product, []) for product in products]
                (u, lost), (v, more) = found
                return keeping_nan(u + v if total.op.name == "add" else u - v, lost + more)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _divided_by_sums_with(node: Expr, a: Expr) -> bool:
    """Whether every term of a sum is a product that has a denominator with e^a in it: any other would overflow with e^a."""
    pending, looked = [node], 0
    while pending:
        part = pending.pop()
        looked += 1
        if part.op.name in ("add", "subtract"):
            pending += part.operands
        elif not _divided_by_sum_with(part, a):
            return False
        if looked > MOST_TERMS:
            return False
    return True


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


@dataclass(frozen=True)
class OtherFactors:
    """u − u·σ(a) → u·σ(−a), u·σ(a) − u·σ(−a) → u·tanh(a/2) and u − u·tanh(a) → 2u·σ(−2a), where u may be a product"""

    name: str = "logistic-rest"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "x - sigmoid(y)*x", "1/x - sigmoid(y)/x", "y*x - y*(x*sigmoid(-z))", "sigmoid(x)*y - y*sigmoid(-x)", "x - x*tanh(y)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        if operands[0] in _PRODUCTS or operands[1] in _PRODUCTS or "constant" in operands:
            return not _LOGISTIC.isdisjoint(operands)
        return operands == ("sigmoid", "sigmoid")  # no other two have a factor in common

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if left.dtype != node.dtype or right.dtype != node.dtype or left.shape != right.shape:
            return None
        marks = ranges.table(FactorMarks)
        if not (marks[left] | marks[right]) & LOGISTIC or (not _holds(right) and not _holds(left)):
            return None
        one, other = _bag(left), _bag(right)
        if one is None or other is None:
            return None
        more, less = list((other - one).elements()), list((one - other).elements())
        if len(more) == 1 and not less:
            return _complement(left, more[0])
        if len(less) == 1 and not more:
            rest = _complement(right, less[0])
            return None if rest is None else -rest
        if len(more) == len(less) == 1 and more[0][1] == less[0][1] == 1:
            return _odds(left, less[0][0], more[0][0])
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _holds(node: Expr) -> bool:
    """Whether a factor near the top is one that the rule looks for: cheap, before products are taken apart."""
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        if factor.op.name in ("sigmoid", "tanh"):
            return True
        if factor.op.name in ("multiply", "divide"):
            pending += factor.operands
    return False


def _bag(node: Expr) -> Counter[tuple[Expr, int]] | None:
    """The factors of a product with their exponents; None of one with signs, or of too many."""
    found: Counter[tuple[Expr, int]] = Counter()
    for number, (factor, exponent) in enumerate(all_factors_of(node)):  # scalars beside arrays as well
        if number > MOST_FACTORS:
            return None
        if not (factor.is_constant and not factor.shape and factor.value == 1):
            found[factor, exponent] += 1
    return found


def _complement(u: Expr, factor: tuple[Expr, int]) -> Expr | None:
    """u·(1 − factor)"""
    f, exponent = factor
    if exponent != 1 or f.shape != u.shape:
        return None
    if f.op.name == "sigmoid":
        return u * sigmoid(minus(f.operands[0]))
    return u * (2 * sigmoid(-2 * f.operands[0])) if f.op.name == "tanh" else None


def _odds(u: Expr, f: Expr, g: Expr) -> Expr | None:
    """u·f·(1 − g/f), for a product u with a factor f = σ(a) and g = σ(−a): u without f, by tanh(a/2)."""
    if f.op.name != "sigmoid" or g.op.name != "sigmoid":
        return None
    a, b = f.operands[0], g.operands[0]
    opposite = minus(a) is b or minus(b) is a
    opposite |= a.op.name == b.op.name == "subtract" and a.operands == b.operands[::-1]
    rest = _without(u, f) if opposite else None
    if rest is None:
        return None
    t = tanh(a * 0.5)
    return t if rest is _ONE else rest * t


_ONE = constant(1.0)


def _without(u: Expr, f: Expr) -> Expr | None:
    """A product without one of its factors; `_ONE` where that is all there is."""
    if u is f:
        return _ONE
    if u.op.name == "multiply":
        for one, other in (u.operands, u.operands[::-1]):
            rest = _without(one, f)
            if rest is not None:
                return other if rest is _ONE else rest * other
    if u.op.name == "divide":
        rest = _without(u.operands[0], f)
        if rest is not None:
            return (constant(1.0, u.dtype) if rest is _ONE else rest) / u.operands[1]
    return None


def _both_exponential(m: Match) -> bool:
    """Whether both have exponentials, which may cancel: moved anywhere else a guard is only computed more often."""
    return _worth(m["x"]) and _worth(m["z"])


GUARDS = (
    Rule("nan-guard-product", "x*where(isnan(y), y, z)", "where(isnan(y), x*y, x*z)", "stable", "NaN times x is NaN",
         when=_both_exponential, examples=("exp(x)*where(isnan(y), y, exp(-z))",)),
    Rule("nan-guard-numerator", "where(isnan(y), y, z)/x", "where(isnan(y), y/x, z/x)", "stable", "NaN/x is NaN",
         when=_both_exponential, examples=("where(isnan(y), y, exp(z))/exp(x)",)),
    Rule("nan-guard-denominator", "x/where(isnan(y), y, z)", "where(isnan(y), x/y, x/z)", "stable", "x/NaN is NaN",
         when=_both_exponential, examples=("exp(x)/where(isnan(y), y, exp(z))",)),
)  # fmt: skip
"""What `keeping_nan` wrote moves outward, so that what it guards meets its surroundings."""

RULES = (Distribute(), LogisticProduct(), OtherFactors(), *GUARDS)
