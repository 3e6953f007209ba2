"""Pairs of factors in products: cosh a over sinh a, eᵃ over eᵃ − 1, which overflow alone and not together."""

from __future__ import annotations

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import tanh
from graphc.ops.powers import square
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import EXP, EXPM1, HYPERBOLIC, FactorMarks
from graphc.rewrite.rules.factors import MOST_FACTORS, all_factors_of, factors_of, one_plus_exp, replaced
from graphc.rewrite.rules.products import keeping_nan
from graphc.util.records import dataclass

_IN_RATIOS = frozenset(("multiply", "divide", "negative", "cosh", "add", "expm1", "subtract"))


@dataclass(frozen=True)
class HyperbolicRatio:
    """u/sinh(a)·cosh(a) → u/tanh(a), u·eᵃ/v/(eᵃ − 1) → u·(eᵃ/(eᵃ − 1))/v and their kind, in any place"""

    name: str = "ratio-of-exponentials"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "x/sinh(x)/sinh(x)*cosh(x)", "y*sinh(x)/cosh(x)/cosh(x)", "x/expm1(x)/expm1(x)*exp(x)", "cosh(x)/sinh(x)",
        "x/cosh(y)/z*cosh(y)", "x/(1 + cosh(y))*cosh(y)", "x/(0 - expm1(y))/z*exp(y)",
        "x/sinh(y)/z*sinh(y)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _IN_RATIOS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        marks = ranges.table(FactorMarks)[node]
        if not (marks & HYPERBOLIC or (marks & EXP and marks & EXPM1)) or not _looks_worth(node):
            return None
        # what has no exponential in it stays a factor: parts of 1/(u·v) may over- or underflow by themselves
        of = ranges.table(FactorMarks)
        factors = list(all_factors_of(node, lambda part: of[part] & (HYPERBOLIC | EXP | EXPM1)))
        if len(factors) > MOST_FACTORS or any(factor.dtype != node.dtype for factor, _ in factors):
            return None
        for number, (factor, exponent) in enumerate(factors):
            for place, (other, power) in enumerate(factors):
                if place == number or power != -exponent:
                    continue
                put = _ratio(node, factor, other, exponent)
                if put is None:
                    continue
                if (
                    factor.op.name == "exp"
                ):  # beside exponentials stands anything, of which no other product is formed
                    result = replaced(node, factor, other, exponent, put or None)
                else:  # powers of hyperbolic functions divide one by one, before they overflow
                    rest = [pair for k, pair in enumerate(factors) if k not in (number, place)]
                    if put:
                        rest.insert(min(number, place), put)
                    result = _product(rest, node) if rest else None
                if result is None:
                    return None  # x/x is 1 for numbers alone
                if not put and (gone := factor.operands[-1]) is not None and ranges(gone).nan:
                    result = keeping_nan(result, [gone])
                return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _ratio(node: Expr, factor: Expr, other: Expr, exponent: int) -> tuple[Expr, int] | tuple[()] | None:
    """What (factor/other)**exponent is, as a factor with its exponent; () for 1, None where they are no pair."""
    name = factor.op.name
    if factor is other:
        known = name in ("cosh", "sinh") or _one_plus_cosh(factor) is not None
        return () if exponent > 0 and known else None
    if name == "sinh":
        (a,) = factor.operands
        if other.op.name == "cosh" and other.operands[0] is a:
            return tanh(a), exponent
        if exponent > 0 and _one_plus_cosh(other) is a:
            return tanh(a * 0.5), 1
    if name == "cosh" and exponent > 0 and _one_plus_cosh(other) is factor.operands[0]:
        return 0.5 + 0.5 * square(tanh(factor.operands[0] * 0.5)), 1
    if name == "exp" and exponent > 0:
        a = factor.operands[0]
        if _is_negated(other) and other.operands[1].operands[0] is a:
            quotient = factor / other  # at a zero of either sign 1 − eᵃ is +0: it has a rule of its own
            return None if node is quotient else (quotient, 1)
        inner = _minus_expm1(other)
        if inner is not None and inner.operands[0] is factor.operands[0] and node is not (factor / other):
            return factor / inner, 1
    return None


def _one_plus_cosh(node: Expr) -> Expr | None:
    """a of 1 + cosh a."""
    if node.op.name != "add":
        return None
    for one, other in (node.operands, node.operands[::-1]):
        if one.is_constant and not one.shape and one.value == 1 and other.op.name == "cosh":
            return other.operands[0]
    return None


def _is_negated(node: Expr) -> bool:
    """Whether a node is 0 − (eᵃ − 1)."""
    return node.op.name == "subtract" and node.operands[1].op.name == "expm1" and node.operands[0].is_constant


def _minus_expm1(node: Expr) -> Expr | None:
    """eᵃ − 1 of itself, and of 0 − (eᵃ − 1)."""
    if node.op.name == "expm1":
        return node
    if _is_negated(node) and not node.operands[0].shape and node.operands[0].value == 0:
        return node.operands[1]
    return None


def _looks_worth(node: Expr) -> bool:
    """Whether both of a pair are among the first factors: a cheap look."""
    names = _names(node)
    return "cosh" in names or "sinh" in names or ("exp" in names and "expm1" in names)


def _product(factors: list[tuple[Expr, int]], like: Expr) -> Expr:
    """A product in the order of its factors."""
    result: Expr | None = None
    for factor, exponent in factors:
        if result is None:
            result = factor if exponent > 0 else constant(1.0, like.dtype) / factor
        else:
            result = result * factor if exponent > 0 else result / factor
    assert result is not None
    return result


_SUMS, _FACTORS = frozenset(("add", "subtract")), frozenset(("sinh", "cosh", "exp"))


@dataclass(frozen=True)
class DistributeRatio:
    """(u/cosh a ± v/cosh a)·sinh a → (u ± v)·(sinh a/cosh a), where every term has what pairs with it below"""

    name: str = "distribute-ratio"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(x/cosh(y) - z/cosh(y)/cosh(y))*sinh(y)",
        "(x/expm1(y) + z/expm1(y)/y)*exp(y)",
        "(0 - x/expm1(y)/expm1(y))*exp(y)",
    )

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _SUMS.isdisjoint(operands) and not _FACTORS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for total, factor in (node.operands, node.operands[::-1]):
            if (
                total.op.name not in ("add", "subtract")
                or total.shape != node.shape
                or total.dtype != node.dtype
            ):
                continue
            if factor.op.name not in ("sinh", "cosh", "exp") or not all(
                _pairs(term, factor) for term in _leaves(total)
            ):
                continue
            one, other = total.operands
            if _is_zero(one) and other.shape == node.shape:  # 0 − v, which is not −0
                return one + other * factor if total.op.name == "add" else one - other * factor
            if one.shape != node.shape or other.shape != node.shape:
                continue
            for below, exponent in factors_of(
                _leaves(total)[0]
            ):  # a difference stays one: its terms may cancel
                if exponent < 0 and _is_pair(below, factor) and (rest := _without(total, below)) is not None:
                    quotient = factor / below
                    return rest * quotient if total is node.operands[0] else quotient * rest
            return one * factor + other * factor if total.op.name == "add" else one * factor - other * factor
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _leaves(total: Expr) -> list[Expr]:
    """The terms of a sum, as far as a bounded look goes."""
    pending, found = [total], []
    while pending:
        part = pending.pop()
        if part.op.name in ("add", "subtract") and len(found) + len(pending) < MOST_FACTORS:
            pending += part.operands
        elif not _is_zero(part):
            found.append(part)
    return found


def _is_zero(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 0


def _pairs(term: Expr, factor: Expr) -> bool:
    """Whether a product has a factor below that makes a tame ratio with an exponential."""
    if not _names(term) & {"cosh", "sinh", "expm1"}:
        return False
    return any(exponent < 0 and _is_pair(other, factor) for other, exponent in factors_of(term))


def _is_pair(other: Expr, factor: Expr) -> bool:
    """Whether an exponential over a factor is a tame ratio."""
    below = _minus_expm1(other) if factor.op.name == "exp" else other
    if below is None or (factor.op.name == "exp" and below.operands[0] is not factor.operands[0]):
        return False
    argument = (
        _one_plus_cosh(below) if below.op.name == "add" else below.operands[0] if below.operands else None
    )
    return below.op.name in ("cosh", "sinh", "expm1", "add") and argument is factor.operands[0]


def _without(node: Expr, below: Expr) -> Expr | None:
    """A sum of products, each without one divisor; None where a product has none such."""
    name = node.op.name
    if name not in ("add", "subtract", "multiply", "divide", "negative"):
        return None
    one, other = node.operands if len(node.operands) == 2 else (node.operands[0], None)
    if other is None:
        rest = _without(one, below)
        return None if rest is None else -rest
    if name == "divide" and other is below:
        return one if one.shape == node.shape else None
    first = _without(one, below)
    if name in ("add", "subtract"):
        second = _without(other, below)
        if first is None or second is None:
            return None
        return first + second if name == "add" else first - second
    if first is not None:
        return first * other if name == "multiply" else first / other
    second = _without(other, below) if name == "multiply" else None
    return None if second is None else one * second


@dataclass(frozen=True)
class GuardedProduct:
    """u·where(p, v, 0) → where(p, u·v, 0), where u and v have exponentials that overflow alone and not together"""

    name: str = "guarded-product"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("where(x < 0, 1/expm1(x), 0)*exp(x)", "where(x < 0, 1/sinh(x), 0)*cosh(x)")

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "where" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        for guard, other in (node.operands, node.operands[::-1]):
            if guard.op.name != "where" or guard.dtype != node.dtype or other.dtype != node.dtype:
                continue
            condition, value, zero = guard.operands
            if not zero.is_constant or zero.shape or zero.value != 0:
                continue
            if not _names(value) & _EXPONENTIALS or not _names(other) & _EXPONENTIALS:
                continue
            if ranges(other).nan:
                zero = where(isnan(other), other, zero)
            result = where(condition, value * other if guard is node.operands[0] else other * value, zero)
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_EXPONENTIALS = frozenset(("exp", "expm1", "sinh", "cosh", "sigmoid"))


def _names(node: Expr) -> set[str]:
    """The functions among the first factors of a product."""
    pending, looked, names = [node], 0, set()
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        name = factor.op.name
        if name in ("multiply", "divide", "negative"):
            pending += factor.operands
        elif name == "add" and one_plus_exp(factor) is not None:
            names.add("exp")
        elif _one_plus_cosh(factor) is not None:
            names.add("cosh")
        elif _is_negated(factor):
            names.add("expm1")
        else:
            names.add(name)
    return names


RULES = (HyperbolicRatio(), DistributeRatio(), GuardedProduct())

__all__ = ["RULES"]
