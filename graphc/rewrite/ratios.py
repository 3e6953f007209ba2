"""Pairs of factors in products: cosh a over sinh a, eᵃ over eᵃ − 1, which overflow alone and not together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import exp, expm1, tanh
from graphc.ops.powers import square
from graphc.rewrite.factors import MOST_FACTORS, factors_of, one_plus_exp
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges


@dataclass(frozen=True)
class HyperbolicRatio:
    """u/sinh(a)·cosh(a) → u/tanh(a), u·sinh(a)/cosh(a) → u·tanh(a), u·eᵃ/v/(eᵃ − 1) → u·(eᵃ/(eᵃ − 1))/v, wherever they stand"""

    name: str = "ratio-of-exponentials"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "x/sinh(x)/sinh(x)*cosh(x)", "y*sinh(x)/cosh(x)/cosh(x)", "x/expm1(x)/expm1(x)*exp(x)", "cosh(x)/sinh(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not _looks_worth(node):
            return None
        factors = [pair for pair in factors_of(node) if pair[1]]
        if len(factors) > MOST_FACTORS:
            return None
        for number, (factor, exponent) in enumerate(factors):
            partner = _PARTNERS.get(factor.op.name)
            if partner is None:
                continue
            for place, (other, power) in enumerate(factors):
                if other.op.name != partner or other.operands[0] is not factor.operands[0] or power != -exponent:
                    continue
                (a,) = factor.operands
                if factor.op.name == "exp":
                    if exponent < 0 or node.op.name == "divide" and node.operands == (factor, other):
                        continue
                    put = (exp(a) / expm1(a), 1)
                else:
                    put = (tanh(a), exponent)
                factors[min(number, place)] = put
                del factors[max(number, place)]
                return _product(factors, node)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_PARTNERS = {"sinh": "cosh", "exp": "expm1"}


def _looks_worth(node: Expr) -> bool:
    """Whether both of a pair are among the first factors: a cheap look."""
    names = _names(node)
    return any(one in names and other in names for one, other in _PARTNERS.items())


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


@dataclass(frozen=True)
class GuardedProduct:
    """u·where(p, v, 0) → where(p, u·v, 0), where u and v have exponentials that overflow alone and not together"""

    name: str = "guarded-product"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("where(x < 0, 1/expm1(x), 0)*exp(x)", "where(x < 0, 1/sinh(x), 0)*cosh(x)", "where(x < 0, x/exp(y), 0)/exp(-y)")

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        for guard, other in ((left, right), (right, left))[: 2 if node.op.name == "multiply" else 1]:
            if guard.op.name != "where" or guard.dtype != node.dtype or other.dtype != node.dtype:
                continue
            condition, value, zero = guard.operands
            if not zero.is_constant or zero.shape or zero.value != 0:
                continue
            inside, outside = _names(value), _names(other)
            if not inside & _EXPONENTIALS or not outside & _EXPONENTIALS:
                continue
            product = value / other if node.op.name == "divide" else value * other if guard is left else other * value
            if ranges(other).nan:
                zero = where(isnan(other), other, zero)
            result = where(condition, product, zero)
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
        else:
            names.add(name)
    return names


@dataclass(frozen=True)
class NormRest:
    """u/r − u·x²/r³ → (u/r)·(y/r)² with r = hypot(x, y): what the second derivative of a norm cancels to"""

    name: str = "norm-rest"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("1/hypot(x, y) - x/hypot(x, y)/hypot(x, y)*(x/hypot(x, y))",)

    def roots(self) -> tuple[str, ...]:
        return ("subtract", "add")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if not (_holds_norm(left) and _holds_norm(right)):
            return None
        sign_left, one = _signed_factors(left)
        sign_right, other = _signed_factors(right)
        sign_right = sign_right if node.op.name == "add" else -sign_right
        if sign_left == sign_right or len(one) > MOST_FACTORS or len(other) > MOST_FACTORS:
            return None
        for u, v, sign in ((one, other, sign_left), (other, one, sign_right)):
            more = list(v)
            for pair in u:
                if pair not in more:
                    break
                more.remove(pair)
            else:
                rest = _complement(more)
                if rest is not None:
                    whole = left if u is one else right
                    whole = whole.operands[0] if whole.op.name == "negative" else whole
                    if _signed_factors(whole)[0] < 0:
                        return None
                    result = whole * rest
                    result = result if sign > 0 else -result
                    return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _complement(more: list[tuple[Expr, int]]) -> Expr | None:
    """(y/r)² where some factors are x²/r² with r = hypot(x, y)."""
    if len(more) != 4:
        return None
    below = [factor for factor, exponent in more if exponent < 0]
    above = [factor for factor, exponent in more if exponent > 0]
    if len(below) != 2 or below[0] is not below[1] or above[0] is not above[1] or below[0].op.name != "hypot":
        return None
    r, x = below[0], above[0]
    for side, other in (r.operands, r.operands[::-1]):
        if side is x:
            return square(where(r < math.inf, other / r, 0))
    return None


def _holds_norm(node: Expr) -> bool:
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        if factor.op.name == "hypot":
            return True
        if factor.op.name in ("multiply", "divide", "negative"):
            pending += factor.operands
    return False


def _signed_factors(node: Expr) -> tuple[int, list[tuple[Expr, int]]]:
    sign, found = 1, []
    for factor, exponent in factors_of(node):
        if factor.op.name == "negative":
            sign = -sign
        if exponent and not (factor.is_constant and not factor.shape and factor.value == 1):
            found.append((factor, exponent))
    return sign, found


RULES = (HyperbolicRatio(), GuardedProduct(), NormRest())

__all__ = ["RULES"]
