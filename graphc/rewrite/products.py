"""Quotients and products seen whole: as powers of their factors, and differences whose value is known by form.

The derivative of a formula with exponentials is a product in which most factors cancel: that of log(1/(1 + e⁻ᶻ)) is
(1/s)·(s/(1 + e⁻ᶻ))·e⁻ᶻ with s = 1/(1 + e⁻ᶻ), which is σ(−z). Factor by factor it overflows; as powers it is one sigmoid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import exp, sqrt
from graphc.ops.logistic import sigmoid
from graphc.rewrite.pattern import Kind, Match
from graphc.rewrite.ranges import Ranges
from graphc.rewrite.sums import MOST_TERMS, minus, share, terms, without

_LOOK = 1000
"""Nodes that a look for inputs visits at most."""

MOST_FACTORS = 24
"""Longer products are left alone: looking at each of their parts in turn would take quadratic time."""


def difference(a: Expr, b: Expr) -> Expr | None:
    """a − b where it can be read off: one is the other and a term, or both are one term and a constant."""
    for x, y, sign in ((a, b, 1), (b, a, -1)):
        if x.op.name == "add":
            for kept, term in (x.operands, x.operands[::-1]):
                if kept is y:
                    return term if sign > 0 else -term
        if x.op.name == "subtract" and x.operands[0] is y:
            return -x.operands[1] if sign > 0 else x.operands[1]
    if a.op.name == b.op.name == "add" and a.operands[0] is b.operands[0]:
        one, other = a.operands[1], b.operands[1]
        if one.is_constant and other.is_constant:
            return one - other
    if {a.op.name, b.op.name} == {"add", "subtract"} and a.operands == b.operands:
        return 2 * a.operands[1] if a.op.name == "add" else -2 * a.operands[1]
    return None


def root_difference(m: Match) -> Expr | None:
    """√x − √y as (x − y)/(√x + √y)."""
    known = difference(m["x"], m["y"])
    if known is None:
        return None
    quotient = known / (sqrt(m["x"]) + sqrt(m["y"]))
    return quotient if known.is_constant else where(abs(known) < math.inf, quotient, m.root)


def reciprocal_difference(m: Match) -> Expr | None:
    """c/y − c/w as c(w − y)/(y·w)."""
    if m["x"] is not m["z"] or not m["x"].is_constant:
        return None
    y, w = m["y"], m["w"]
    known = difference(w, y)
    if known is None:
        return None
    by_larger = where(abs(y) < abs(w), known / w / y, known / y / w)  # so that it overflows with the value
    return where(abs(known) < math.inf, m["x"] * by_larger, m.root)


class Factors:
    """A product: a sign and powers. eᵃ and σ(a) are kept apart from the other factors, under one sign of a."""

    def __init__(self) -> None:
        self.negative = False
        self.powers: dict[Expr, int] = {}
        self.logistic: dict[Expr, list[int]] = {}
        """a → exponents of σ(a), σ(−a) and eᵃ; 1 + eᵃ is the reciprocal of σ(−a)"""
        self.sums: dict[Expr, int] = {}
        """sums of exponentials → exponent"""
        self.count = 0

    def _logistic(self, argument: Expr, exponent: int, kind: str) -> None:
        positive = argument.op.name != "negative"
        counts = self.logistic.setdefault(argument if positive else argument.operands[0], [0, 0, 0])
        if kind == "exp":
            counts[2] += exponent if positive else -exponent
        else:
            counts[0 if positive else 1] += exponent

    def add(self, node: Expr) -> bool:
        """Take a product apart; False when it has too many factors."""
        pending = [(node, 1)]
        while pending:
            factor, exponent = pending.pop()
            name, operands = factor.op.name, factor.operands
            if factor.dtype != node.dtype or factor.shape != node.shape:
                self.powers[factor] = self.powers.get(factor, 0) + exponent
            elif name == "multiply":
                pending += [(operands[1], exponent), (operands[0], exponent)]
            elif name == "divide":
                pending += [(operands[1], -exponent), (operands[0], exponent)]
            elif name == "reciprocal":
                pending.append((operands[0], -exponent))
            elif name == "square":
                pending.append((operands[0], 2 * exponent))
            elif name == "negative":
                self.negative ^= bool(exponent % 2)
                pending.append((operands[0], exponent))
            elif name == "exp":
                self._logistic(operands[0], exponent, "exp")
            elif name == "sigmoid":
                self._logistic(operands[0], exponent, "sigmoid")
            elif name == "add" and (inner := _one_plus_exp(factor)) is not None:
                self._logistic(minus(inner), -exponent, "sigmoid")
            elif name == "add" and terms(factor) is not None:
                self.sums[factor] = self.sums.get(factor, 0) + exponent
            elif not (factor.is_constant and not factor.shape and factor.value == 1):
                self.powers[factor] = self.powers.get(factor, 0) + exponent
            self.count += 1
            if self.count > 2 * MOST_FACTORS:
                return False
        return True

    def _shares(self) -> None:
        """e^(aᵢ)/Σ e^(aⱼ) is a sigmoid, for every pair of the two."""
        for total in self.sums:
            exponents = terms(total)
            assert exponents is not None
            for a in exponents:
                positive = a.op.name != "negative"
                counts = self.logistic.get(a if positive else a.operands[0])
                power = 0 if counts is None else counts[2] if positive else -counts[2]
                both = min(power, -self.sums[total])
                if both <= 0:
                    continue
                part = share(a, exponents)
                if part is None:
                    continue
                assert counts is not None
                counts[2] += -both if positive else both
                self.sums[total] += both
                self._logistic(part.operands[0], both, "sigmoid")

    def reduce(self) -> bool:
        """σ(a) = eᵃ σ(−a): trade one for the other where fewer and tamer factors remain. Whether anything changed."""
        changed = False
        self._shares()
        for argument, (one, other, power) in list(self.logistic.items()):
            best = min(range(-4, 5), key=lambda t: (_cost(one + t, other - t, power - t), abs(t)))
            if best:
                self.logistic[argument] = [one + best, other - best, power - best]
                changed = True
        return changed

    def may_cancel(self, ranges: Ranges) -> bool:
        """Whether the factors that cancelled are proved to: x/x is 1 unless x is 0, infinite or NaN."""
        for base, exponent in self.powers.items():
            found = None if exponent else ranges(base)
            if found is not None and not (found.finite and found.nonzero):
                return False
        return True

    def gone(self, ranges: Ranges) -> list[Expr]:
        """The exponents whose exponentials cancelled and that may be NaN. At numbers exponentials are neither 0 nor infinite,
        so that a NaN is all that a result without them would lose."""
        found = [a for a, counts in self.logistic.items() if not any(counts)]
        for total, exponent in self.sums.items():
            found += [] if exponent else terms(total) or []
        return [a for a in dict.fromkeys(found) if ranges(a).nan]

    def build(self, like: Expr) -> Expr:
        """The product of what is left, numerator over denominator."""
        above: list[Expr] = []
        below: list[Expr] = []

        def put(base: Expr, exponent: int) -> None:
            (above if exponent > 0 else below).extend([base] * abs(exponent))

        for base, exponent in self.powers.items():
            put(base, exponent)
        for total, exponent in self.sums.items():
            put(total, exponent)
        for argument, (one, other, power) in self.logistic.items():
            put(sigmoid(argument), one) if one > 0 else put(1 + exp(minus(argument)), -one)
            put(sigmoid(minus(argument)), other) if other > 0 else put(1 + exp(argument), -other)
            put(exp(argument if power > 0 else minus(argument)), abs(power))
        result = _product(above)
        if result is None:
            from_below = _product(below)
            result = _one(like) if from_below is None else 1 / from_below
        elif below:
            result = result / _product(below)
        return -result if self.negative else result


def _one(like: Expr) -> Expr:
    return constant(1.0, like.dtype)


def _product(factors: list[Expr]) -> Expr | None:
    if not factors:
        return None
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _cost(one: int, other: int, power: int) -> float:
    """Sigmoids are tame; their reciprocals grow, and powers of e overflow."""
    return sum(count if count > 0 else -2.5 * count for count in (one, other)) + 2 * abs(power)


def _one_plus_exp(node: Expr) -> Expr | None:
    """a in 1 + eᵃ."""
    for one, other in (node.operands, node.operands[::-1]):
        if one.is_constant and not one.shape and one.value == 1 and other.op.name == "exp":
            return other.operands[0]
    return None


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
        if not _worth(node) or not factors.add(node) or not factors.logistic:
            return None
        factors.reduce()
        after = factors.build(node)
        if _total(after) >= _total(node) or not factors.may_cancel(ranges):
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
        if name in ("exp", "sigmoid") or (name == "add" and _one_plus_exp(factor) is not None):
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
        elif name == "add" and _one_plus_exp(factor) is not None:
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
