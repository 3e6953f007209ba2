"""Derivatives of logarithms of products, which are written with the whole product below and most of it above.

That of log(x/y) is (1/(x/y))·(1/y), three divisions where 1/x is one, and 0·∞ where y is small or large: all factors of the
product but the one that it is differentiated by stand above and below. So do those of log x² + log y written as one logarithm,
of likelihoods and of free energies. Only what is written as 1/u is looked at, as derivatives are.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice

from graphc.ir.expr import Expr
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import INVERSE, RECIPROCAL, FactorMarks, is_number
from graphc.rewrite.rules.factors import MOST_FACTORS, all_factors_of, cancelled
from graphc.rewrite.rules.products import keeping_nan
from graphc.util.records import dataclass

_PRODUCTS = frozenset(("multiply", "divide", "negative"))
_BELOW = frozenset(("multiply", "divide"))

Factor = tuple[Expr, int]
"""A factor with its exponent, 1 or −1"""


@dataclass(frozen=True)
class LogarithmicDerivative:
    """(1/u)·v → 1/x for a product u with divisors of which all factors but x cancel with those of v"""

    name: str = "logarithmic-derivative"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "1/(x/y)*(1/y)", "-(x/y/y*(1/(x/y)))", "z*(1/(x/y/w))*(1/w)*(1/y)", "1/(x/5)*0.2",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _PRODUCTS.isdisjoint(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(FactorMarks)[node] & INVERSE:
            return None
        inverse = _inverses(node)
        factors = list(islice(all_factors_of(node), 2 * MOST_FACTORS + 1)) if inverse else []
        if len(factors) > 2 * MOST_FACTORS or any(factor.dtype != node.dtype for factor, _ in factors):
            return None
        for u, exponent in inverse:
            of_u = [(factor, exponent * power) for factor, power in all_factors_of(u)]
            if all(power == exponent for _, power in of_u):
                continue  # what cancels with 1/(a·b) rounds no more as what cancels with 1/(a·b + 1) does, from which it is taken
            gone = _cancelled(factors, of_u)
            if not gone:
                continue
            result = cancelled(node, gone, ranges)
            if result is None:
                continue
            lost = dict.fromkeys(factor for factor, _ in gone if ranges(factor).nan)
            result = keeping_nan(result, list(lost))
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@dataclass(frozen=True)
class OwnInverse:
    """x·v·(1/x) → v, as in the slope of x·log x: at 0 and ±∞, where the product is NaN, that is its limit

    x/x is left as it is: only what is written as 1/x is looked at, as derivatives are.
    """

    name: str = "own-inverse"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("x*(1/x)", "-x*(1/x)", "y*(1 - x)*(1/(1 - x))")

    def roots(self) -> tuple[str, ...]:
        return ("multiply",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "divide" in operands or "multiply" in operands or "negative" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not ranges.table(FactorMarks)[node] & RECIPROCAL or _inverses(
            node
        ):  # those of products cancel whole
            return None
        inverse = _inverses(node, products=False)
        factors = list(islice(all_factors_of(node), MOST_FACTORS + 1)) if inverse else []
        if len(factors) > MOST_FACTORS or any(factor.dtype != node.dtype for factor, _ in factors):
            return None
        for x, exponent in inverse:
            if (x, -exponent) not in factors:
                continue
            result = cancelled(node, [(x, exponent), (x, -exponent)], ranges)
            if result is None:
                continue
            result = keeping_nan(result, [_what_is_nan(x)] if ranges(x).nan else [])
            return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _what_is_nan(x: Expr) -> Expr:
    """What is NaN where 1 − x or 2x is."""
    while x.op.name in ("add", "subtract", "multiply", "negative"):
        inner = [operand for operand in x.operands if not is_number(operand)]
        if len(inner) != 1 or inner[0].dtype != x.dtype or inner[0].shape != x.shape:
            return x
        (x,) = inner
    return x


def _inverses(node: Expr, products: bool = True) -> list[Factor]:
    """What stands below in factors c/u of a product, with the exponents with which it stands in it: products, or all else."""
    found: list[Factor] = []
    pending, looked = [(node, 1)], 0
    while pending and looked < 2 * MOST_FACTORS:
        part, power = pending.pop()
        looked += 1
        if part.op.name not in _PRODUCTS:
            continue
        if part.op.name == "divide":
            above, below = part.operands
            if part is not node and is_number(above) and (below.op.name in _BELOW) == products:
                found.append((below, -power))
            pending += [(below, -power), (above, power)]
        else:
            pending += [(operand, power) for operand in part.operands]
    return found


def _cancelled(factors: list[Factor], of_inverse: list[Factor]) -> list[Factor]:
    """What cancels in pairs between the factors of 1/u and the others; nothing unless that leaves one of u's below at most:
    x·(1/(x/y)) waits for 1/y."""
    others = Counter(factors)
    others.subtract(of_inverse)
    if any(count < 0 for count in others.values()):
        return []
    gone: list[Factor] = []
    left = 0
    for factor, power in of_inverse:
        partner = _partner(others, factor, power)
        if partner is not None:
            others[partner] -= 1
            gone += [(factor, power), partner]
        elif not is_number(factor):
            left += 1 if power < 0 else 2
    return gone if left <= 1 else []


def _partner(others: Counter[Factor], factor: Expr, power: int) -> Factor | None:
    """What cancels a factor: itself with the other exponent, of a number also its inverse."""
    if others[factor, -power] > 0:
        return factor, -power
    if not is_number(factor) or not factor.value:
        return None
    for (other, exponent), count in others.items():
        if count > 0 and is_number(other):
            value = factor.value * other.value if exponent == power else factor.value / (other.value or 1)
            if value == 1:
                return other, exponent
    return None


def _is_inverse(m: Match) -> bool:
    """Whether a factor is c/u for a product u."""
    z = m["z"]
    return z.op.name == "divide" and is_number(z.operands[0]) and z.operands[1].op.name in _BELOW


GUARDS = (
    Rule("nan-guard-inverse", "x*where(isnan(y), y, z)", "where(isnan(y), x*y, x*z)", "stable", "NaN times x is NaN",
         when=_is_inverse, examples=("z*where(isnan(x), x, 1/(y*z))",)),
)  # fmt: skip
"""What was lost of a product with two factors below moves outward, so that 1/(y·z) meets its z."""

KEEP_NAN = frozenset(
    ("add", "subtract", "multiply", "divide", "negative", "square", "reciprocal", "log", "log1p", "log2", "log10", "exp", "expm1",
     "sqrt", "abs")
)  # fmt: skip
"""Operations that are NaN wherever an operand is."""

MOST_LOOKED = 12


@dataclass(frozen=True)
class NeedlessGuard:
    """u ± (y where y is NaN, else z) → u ± z, where u is NaN with y: with a number for z the sum meets other terms"""

    name: str = "needless-nan-guard"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("log(x/y) + where(isnan(y), y, 1)", "log(x/y) - where(isnan(x), x, 1/y)")

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "where" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        for guard, other in ((right, left), (left, right)):
            if guard.op.name != "where" or guard.operands[0].op.name != "isnan":
                continue
            condition, nan, value = guard.operands
            if nan is not condition.operands[0] or not _is_nan_with(other, nan):
                continue
            operands = (value, other) if guard is left else (other, value)
            result = operands[0] + operands[1] if node.op.name == "add" else operands[0] - operands[1]
            return result if result.shape == node.shape and result.dtype == node.dtype else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _is_nan_with(node: Expr, part: Expr) -> bool:
    """Whether a node is NaN where a part of it is, as far as a bounded look goes."""
    pending, looked = [node], 0
    while pending and looked < MOST_LOOKED:
        found = pending.pop()
        looked += 1
        if found is part:
            return True
        if found.op.name in KEEP_NAN:
            pending += found.operands
    return False


RULES = (LogarithmicDerivative(), OwnInverse(), *GUARDS, NeedlessGuard())

__all__ = ["RULES"]
