"""Divided differences of exponentials, powers and logarithms: (eᵃ − eᵇ)/(a − b), (xᵖ − 1)/p, (a − b)/log(a/b).

Numerator and denominator vanish together, and each derivative is the difference of two that grow without bound there. Decay
chains, q-logarithms, logarithmic means and temperature differences are of this kind. With s = a − b the first is eᵇ·(eˢ − 1)/s,
whose second factor is one smooth function; with z = (a − b)/(a + b) the last is (a + b)/2 over artanh(z)/z, a series in z².
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.quotients import exprel
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.half_angle import economised, polynomial
from graphc.rewrite.forms.linear import Sums, factors_of, is_number, product, scaled, without
from graphc.rewrite.rules.divergences import rest_of_area_tangent
from graphc.rewrite.rules.factors import all_factors_of, replaced
from graphc.util.records import dataclass

MOST_FACTORS = 12

NEAR = 3.0
"""Up to this size of s derivatives are written from the smooth form: further out the terms of a derivative are of two sizes."""

FURTHEST = 0.5
"""Up to this size of z the series is used; there a and b are of one sign and differ by a factor of 3 at most."""


def _product(node: Expr) -> list[tuple[Expr, int]]:
    """The factors of a product with their exponents 1 and −1; nothing of one that has too many."""
    found = list(islice(all_factors_of(node), MOST_FACTORS + 1))
    return found if len(found) <= MOST_FACTORS else []


_PRODUCTS = frozenset(("multiply", "divide", "negative", "where"))


@dataclass(frozen=True)
class DividedExponential:
    """where(|s| < 1, eᵇ·(eˢ − 1), eᵃ − eᵇ)/(a − b) → eᵇ·exprel(s) there, with what s is beside a − b as a factor

    wide : further out as well, for what is to be differentiated
    """

    name: str = "divided-exponential"
    kind: Kind = "stable"
    wide: bool = False
    needs: tuple[frozenset[str], ...] = (frozenset(("exp", "expm1", "pow")),)
    examples: tuple[str, ...] = (
        "(exp(x) - exp(y))/(x - y)", "x/(y - x)*(exp(-x*z) - exp(-y*z))", "(x**(1 - y) - 1)/(1 - y)",
        "(y - x)/(exp(x) - exp(y))", "where(abs(x - y) < 1, exp(y)*expm1(x - y), exp(x) - exp(y))/(x - y)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _PRODUCTS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        factors = _product(node)
        for branch, exponent in factors:
            if (
                branch.op.name != "where"
                or branch.dtype != node.dtype
                or branch.shape not in ((), node.shape)
            ):
                continue
            condition, near, _ = branch.operands
            number, inside = factors_of(near)
            smooth = next((factor for factor in inside if factor.op.name == "expm1"), None)
            if smooth is None or condition.op.name not in ("less", "logical_and"):
                continue
            (s,) = smooth.operands
            for step, other in factors:
                if other != -exponent or step.is_constant or step.shape not in ((), branch.shape):
                    continue
                found = _multiple(s, step, ranges)
                if found is None:
                    continue
                scale, rest = found
                value = product([*(without(inside, [smooth]) or ()), exprel(s), *rest])
                assert value is not None
                value = scaled(scale * number, value)
                value = value if exponent > 0 else 1 / value
                here = abs(s) < NEAR if self.wide else condition
                # beside the node as it is: without the inner branch it would become itself again
                quotient = where(here, value, branch / step if exponent > 0 else step / branch)
                result = replaced(node, branch, step, exponent, (quotient, 1))
                return result if result is not None and result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _multiple(s: Expr, step: Expr, ranges: Ranges) -> tuple[float, Sequence[Expr]] | None:
    """(number, factors) of s/step, where that is a product."""
    number, factors = factors_of(s)
    rest = without(factors, [step])
    if rest is not None:
        return number, rest
    if step.op.name == "subtract":
        rest = without(factors, [step.operands[1] - step.operands[0]])
        if rest is not None:
            return -number, rest
    ours, theirs = ranges.table(Sums)[s], ranges.table(Sums)[step]
    if ours is None or theirs is None or len(ours) != len(theirs) or len(theirs) < 2:
        return None
    for term in ours:
        common = without(term.factors, theirs[0].factors)
        if common is None or not theirs[0].coefficient:
            continue
        scale = term.coefficient / theirs[0].coefficient
        left = list(ours)
        for other in theirs:
            wanted = [*other.factors, *common]
            match = next(
                (t for t in left if t.coefficient == scale * other.coefficient and without(t.factors, wanted) == []),
                None,
            )  # fmt: skip
            if match is None:
                break
            left.remove(match)
        if not left:
            return scale, common
    return None


@dataclass(frozen=True)
class DividedLogarithm:
    """(a − b)/log(a/b) → (a + b)/2·z/artanh z with z = (a − b)/(a + b), where a is near b; its inverse and log a − log b alike"""

    name: str = "divided-logarithm"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (frozenset(("log",)),)
    examples: tuple[str, ...] = (
        "(x - y)/log(x/y)", "log(x/y)/(x - y)", "(log(x) - log(y))/(x - y)", "2*(y - x)/(log(x) - log(y))",
        "z*(x - 1)/log(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _HOLD_LOGARITHMS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        factors = _product(node)
        for logarithm, exponent in factors:
            ratio = _ratio(logarithm)
            if ratio is None or logarithm.dtype != node.dtype or any(x.dtype != node.dtype for x in ratio):
                continue
            a, b = ratio
            for step, other in factors:
                if other != -exponent or step.op.name not in ("subtract", "add"):
                    continue
                sign = _difference(step, a, b)
                if not sign or step.shape not in ((), logarithm.shape):
                    continue
                half = 0.5 * step if sign > 0 else -0.5 * step
                middle = b + half  # neither over- nor underflows where a and b do not
                z = half / middle
                square = z * z
                mean = 1 + square * polynomial(economised(rest_of_area_tangent, 0.25), square)
                value = mean / middle if sign > 0 else -(mean / middle)
                near = abs(z) < FURTHEST
                if logarithm.op.name != "log":
                    near = near & (b > 0)
                if exponent > 0:
                    quotient = where(near, value, logarithm / step)
                else:  # not 1/(log/step): the derivatives would be those of a reciprocal
                    value = middle / mean if sign > 0 else -(middle / mean)
                    quotient = where(near, value, step / logarithm)
                result = replaced(node, logarithm, step, exponent, (quotient, 1))
                return result if result is not None and result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


_HOLD_LOGARITHMS = frozenset(("log", "subtract", "where", "multiply", "divide"))


def _ratio(node: Expr) -> tuple[Expr, Expr] | None:
    """(a, b) of log(a/b), of log a − log b and of log a, where b is 1."""
    if node.op.name == "log":
        (inner,) = node.operands
        if inner.op.name == "divide":
            return inner.operands  # type: ignore[return-value]
        return inner, constant(1.0, node.dtype)
    if node.op.name == "where":  # what a difference of logarithms has become where a is near b
        node = node.operands[2]
    if node.op.name == "subtract" and all(side.op.name == "log" for side in node.operands):
        return node.operands[0].operands[0], node.operands[1].operands[0]
    return None


def _difference(step: Expr, a: Expr, b: Expr) -> int:
    """1 for a − b, −1 for b − a, 0 for anything else; x + −1 is one."""
    one, other = step.operands
    if step.op.name == "subtract":
        return (
            1
            if _is_same(one, a) and _is_same(other, b)
            else -1
            if _is_same(one, b) and _is_same(other, a)
            else 0
        )
    for x, number in ((one, other), (other, one)):
        if x is a and is_number(number) and is_number(b) and number.value == -b.value:
            return 1
    return 0


def _is_same(one: Expr, other: Expr) -> bool:
    return one is other or (is_number(one) and is_number(other) and one.value == other.value)


RULES = (DividedExponential(), DividedLogarithm())

__all__ = ["RULES", "DividedExponential"]
