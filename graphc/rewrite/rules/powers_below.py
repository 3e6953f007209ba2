"""Powers in denominators, which over- and underflow before the quotients do that they stand in.

x/(1 + |x|)² is 10⁻²⁰⁰ at 10²⁰⁰, where the square is infinite; x/b/b is right at every step, since x, x/b and x/b/b lie one
behind the other: what is between them cannot over- or underflow when they do not. Derivatives need it more: that of x/b² is
written with b² twice below and 2b above, which is 0·∞ from b = 10¹⁰³ on, although b cancels.

All of it is for b of sums and powers: exponentials have rules that know how fast they grow.
"""

from __future__ import annotations

from itertools import islice

from graphc.ir.expr import Expr, constant, walk
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import FactorMemory, Leaves, Sums, is_number
from graphc.rewrite.rules.factors import all_factors_of, cancelled, exchanged, replaced
from graphc.util.records import dataclass

MOST_FACTORS = 16
"""Longer products are left alone."""

MOST_LOOKED = 24
"""Nodes of a denominator that are looked at."""

MODERATE = {8: 1e75, 4: 1e9}
"""Numbers up to this size, and not below its inverse, have fourth powers of full precision, by the size of the type."""

ALGEBRAIC = frozenset(
    ("add", "subtract", "multiply", "divide", "negative", "square", "reciprocal", "abs", "sqrt", "hypot", "pow")
)  # fmt: skip

SUMS = frozenset(("add", "subtract"))

MOST_TERMS = 6
"""Of a sum that is divided term by term."""

HIGHEST = 4
"""Exponents of powers that are divided by one factor after the other."""


def is_algebraic(node: Expr) -> bool:
    """Whether a node is made of inputs by sums, products and roots, as far as a bounded look goes."""
    pending, seen = [node], {node}
    while pending:
        part = pending.pop()
        if part.op.name == "pow" and not is_number(part.operands[1]):
            return False
        if part.operands and not part.op.on_arrays and part.op.name not in ALGEBRAIC:
            return False
        for operand in part.operands if not part.op.on_arrays else ():
            if operand not in seen:
                seen.add(operand)
                pending.append(operand)
        if len(seen) > MOST_LOOKED:
            return False
    return True


def _may_overflow(node: Expr, ranges: Ranges) -> bool:
    """Whether a fourth power of a node may over- or underflow."""
    found, most = ranges(node), MODERATE[node.dtype.itemsize]
    return max(-found.lo, found.hi) > most or not (found.lo > 1 / most or found.hi < -1 / most)


def _power(node: Expr) -> tuple[Expr, int] | None:
    """The base and the exponent of a whole power that is at least a square."""
    name = node.op.name
    if name == "square":
        return node.operands[0], 2
    if name == "multiply":
        one, other = node.operands
        if one is other:
            return one, 2
        for power, base in ((one, other), (other, one)):
            inner = _power(power) if power.op.name in ("square", "multiply") else None
            if inner is not None and inner[0] is base:
                return base, inner[1] + 1
        return None
    if name == "pow" and is_number(node.operands[1]) and float(node.operands[1].value) in (2, 3, 4):
        return node.operands[0], int(node.operands[1].value)
    return None


def _holds(node: Expr, part: Expr) -> bool:
    """Whether a node is made with a part that is no divisor, also where it is too large for a look: y·y·x/(y·y) overflows above,
    and is NaN, which it would be no longer."""
    pending, seen = [node], {node}
    while pending and len(seen) <= MOST_LOOKED:
        found = pending.pop()
        if found is part:
            return True
        above = found.operands[:1] if found.op.name == "divide" else found.operands
        fresh = [operand for operand in above if operand not in seen]
        seen.update(fresh)
        pending += fresh
    return len(seen) > MOST_LOOKED


@dataclass(frozen=True)
class PowerBelow:
    """a/b² → a/b/b for a sum b, where b² may over- or underflow and a/b² does not

    wide : also of a number above and of any b, of which the derivatives need it
    """

    name: str = "power-below"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = ("x/((y - z)*(y - z))", "x/square(1 + abs(x))", "x/(x + y)**3")

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[1] in ("multiply", "square", "pow") and (self.wide or operands[0] != "constant")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if node.dtype.itemsize not in MODERATE or above.dtype != node.dtype or below.dtype != node.dtype:
            return None
        if above.is_constant and not self.wide:
            return None
        found = _power(below)
        if found is None or found[1] > HIGHEST or (found[1] > 2 and found[0].op.name not in SUMS):
            return None
        base = found[0]
        if not self.wide and base.op.name not in SUMS:
            return None  # x/y² costs half as much as x/y/y
        if base.is_constant or base.dtype != node.dtype or not is_algebraic(base):
            return None
        if not _may_overflow(base, ranges) or _holds(above, base):
            return None
        result = above
        for _ in range(found[1]):
            result = result / base
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


@dataclass(frozen=True)
class TermsOverSum:
    """x·y/(x + y)/(x + y) → x/(x + y)·(y/(x + y)), where the product may over- or underflow and terms beside their sum do not"""

    name: str = "terms-over-sum"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("x*y/(x + y)/(x + y)", "x*x/(1 + abs(x))/(1 + abs(x))")

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] == "divide" and operands[1] == "add"

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        inner, total = node.operands
        if inner.op.name != "divide" or inner.operands[1] is not total or total.op.name != "add":
            return None
        above = inner.operands[0]
        if above.op.name not in ("multiply", "square"):
            return None
        if any(part.dtype != node.dtype for part in (inner, above, total)):
            return None
        number, factors = ranges.table(FactorMemory)[above]
        terms = ranges.table(Leaves)[total]
        sizes = {term.operands[0] if term.op.name == "abs" else term for term in terms}
        if len(factors) != 2 or not all(factor in sizes for factor in factors):
            return None
        first, second = factors
        if not (_may_overflow(first, ranges) or _may_overflow(second, ranges)):
            return None
        result = first / total * (second / total)
        result = result if number == 1 else -result if number == -1 else constant(number, node.dtype) * result
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class CancelledFactor:
    """u/b/b·(v·b) → u/b·v, (u/b/b + w/b/b)·b → u/b + w/b: what derivatives of quotients by powers have above and below

    One b at least stays below; b is a sum. Symbols are left: the terms of 1/(ab) − 1/(ab + 1) are equal floats for large ab, as
    are those of its derivatives, while all of them are divided alike.

    wide : also symbols of which nothing stays, and (u + b·v)/b → u/b + v for a u without b: derivatives by b would take v
    away from itself
    """

    name: str = "cancelled-factor"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = (
        "x/((1 + abs(y))*(1 + abs(y)))*(2*(1 + abs(y)))",
        "x/((x + y)*(x + y))/((x + y)*(x + y))*(2*(x + y))",
    )

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide") if self.wide else ("multiply",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        if self.wide:
            return True
        if _MAY_HOLD.isdisjoint(operands):
            return False
        return not _QUOTIENTS.isdisjoint(operands) or all(name in SUMS for name in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        factors = _factors(node)
        if self.wide:
            found = _without_symbol(node, factors, ranges)
            found = _split(node, ranges) if found is None else found
            if found is not None or node.op.name == "divide":
                return found if found is None or found.shape == node.shape else None
        above = dict.fromkeys(factor for factor, exponent in factors if exponent > 0)
        for factor, _ in factors:
            if factor not in above or factor.shape not in ((), node.shape):
                continue
            if factor.op.name not in SUMS:
                continue
            counts = [exponent for other, exponent in factors if other is factor]
            if sum(counts) < 0:  # where b is infinite or NaN it is so below
                result = cancelled(node, [(factor, 1), (factor, -1)], ranges)
                if result is not None and result.shape == node.shape:
                    return result
                continue
            for total in above if factor.op.name in SUMS else ():
                rest = None if total is factor else _of_each_term(total, factor, ranges)
                if rest is not None and total.shape == node.shape:
                    return exchanged(node, [(total, 1, (rest, 1)), (factor, 1, None)])
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _without_symbol(node: Expr, factors: list[tuple[Expr, int]], ranges: Ranges) -> Expr | None:
    """A product without a symbol that stands above and below."""
    above = {factor for factor, exponent in factors if exponent > 0 and factor.is_symbol}
    for factor, exponent in factors:
        if exponent < 0 and factor in above:
            kept = cancelled(node, [(factor, 1), (factor, -1)], ranges)
            return replaced(node, factor, factor, 1, None) if kept is None else kept
    return None


def _split(node: Expr, ranges: Ranges) -> Expr | None:
    """u/b + v of (u + b·v)/b, for a symbol b that u does not have."""
    if node.op.name != "divide" or node.operands[0].op.name not in SUMS:
        return None
    above, below = node.operands
    for symbol in dict.fromkeys([factor for factor, exponent in _factors(node) if exponent < 0]):
        terms = _terms(above, symbol, ranges) if symbol.is_symbol else None
        if terms is None or not 1 < len(terms) <= MOST_TERMS or any(t.shape != node.shape for _, t in terms):
            continue
        held = [any(factor is symbol and n > 0 for factor, n in _factors(term)) for _, term in terms]
        if not any(held) or all(held):
            continue
        if any(symbol in walk([term]) for (_, term), has in zip(terms, held, strict=True) if not has):
            continue
        result: Expr | None = None
        for sign, term in terms:
            part = term / below if sign > 0 else -(term / below)
            result = part if result is None else result + part
        return result
    return None


def _terms(above: Expr, symbol: Expr, ranges: Ranges) -> list[tuple[int, Expr]] | None:
    """The terms of a sum with their signs, also of sums with a symbol in them that are factors: (r + b²/2)·t is r·t + b²/2·t."""
    found: list[tuple[int, Expr]] = []
    sums = ranges.table(Sums)
    for term in sums[above] or ():
        factors = [factor for factor, n in _factors(term.node) if n > 0]
        inner = [factor for factor in factors if factor.op.name in SUMS and symbol in walk([factor])]
        parts = sums[inner[0]] if len(inner) == 1 and inner[0].shape == term.node.shape else None
        if parts is None:
            found.append((term.sign, term.node))
            continue
        for part in parts:
            product = exchanged(term.node, [(inner[0], 1, (part.node, 1))])
            if product is None:
                return None
            found.append((term.sign * part.sign, product))
    return found


def _of_each_term(total: Expr, factor: Expr, ranges: Ranges) -> Expr | None:
    """A sum without a divisor that all its terms have at least twice."""
    terms = ranges.table(Sums)[total] if total.op.name in SUMS else None
    result: Expr | None = None
    for term in terms or ():
        if sum(exponent for other, exponent in _factors(term.node) if other is factor) > -2:
            return None
        less = exchanged(term.node, [(factor, -1, None)])
        if less is None or less.shape != total.shape:
            return None
        if result is None:
            result = less if term.sign > 0 else -less
        else:
            result = result + less if term.sign > 0 else result - less
    return result


_QUOTIENTS = frozenset(("divide", "multiply", "reciprocal", "negative"))
_MAY_HOLD = frozenset(("add", "subtract", "multiply", "divide"))


def _factors(node: Expr) -> list[tuple[Expr, int]]:
    """The factors of a product but its numbers, each with the exponent 1 or −1; nothing of one that has too many."""
    found = list(islice(all_factors_of(node), MOST_FACTORS + 1))
    if len(found) > MOST_FACTORS:
        return []
    return [(factor, exponent) for factor, exponent in found if not (factor.is_constant and exponent > 0)]


RULES = (PowerBelow(), TermsOverSum(), CancelledFactor())

__all__ = ["RULES", "PowerBelow"]
