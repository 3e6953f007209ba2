"""Sums whose terms cancel by form: like terms, and pairs as cos x and 1 in any order, with any factor, among other terms.

The rows of other tables say what a difference is in one order: 1 − cos x is 2 sin²(x/2). Here a sum is seen as terms, a term as a
number times factors, and each function knows beside what it vanishes; so cos x − 1, 2 − 2 cos x, y·cos x − y and cos x + y − 1
are all met by one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from graphc.ir.expr import Expr
from graphc.ops.comparison import where
from graphc.ops.elementary import cos, exp, expm1, sin, sinh
from graphc.ops.logistic import sigmoid
from graphc.ops.powers import square
from graphc.ops.special import erf, erfc
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import (
    FactorMemory,
    Leaves,
    Sums,
    Term,
    factors_of,
    is_number,
    product,
    same,
    scaled,
    total,
    without,
)
from graphc.rewrite.forms.looks import BESIDE_NUMBERS, PARTNERS, may_cancel, plausible, two_may_vanish
from graphc.rewrite.forms.series import DIFFERENCES, OVER_EXPONENTIAL, RECIPROCALS, SINE_MINUS_COSINE
from graphc.rewrite.rules.products import keeping_nan
from graphc.util.records import dataclass


@dataclass(frozen=True)
class LikeTerms:
    """(x + y) − x → y, 1 − (1 − x) → x: terms that cancel are left out

    guarded : whether NaN of a term that is left out is handed on
    """

    name: str = "like-terms"
    kind: Kind = "stable"
    guarded: bool = True
    examples: tuple[str, ...] = (
        "(x + y) - x", "1 - (1 - x)", "(x + 1) - 1", "(2*x - y) - 2*x", "(x*y + z) - y*x", "x - (x + 3)",
        "y*(1 - x) - y*(1 + x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("multiply", "multiply") or any(name in _SUMS for name in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if left.op.name == right.op.name == "multiply":
            return _common_factor(node, ranges, self.guarded)
        if left.op.name not in _SUMS and right.op.name not in _SUMS:
            return None
        if not may_cancel(ranges.table(Leaves)[node], ranges.table(FactorMemory)):
            return None
        result = _without_like(node, ranges, self.guarded)
        return result if result is not None and result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: (x + y) − x → y, 1 − (1 − x) → x: terms that cancel are left out ({self.kind})"


def _without_like(node: Expr, ranges: Ranges, guarded: bool) -> Expr | None:
    """A sum without the terms that cancel; None where there are none, or nothing remains."""
    terms = ranges.table(Sums)[node]
    if terms is None or len(terms) < 3:
        return None
    if not any(_cancel(one, other) for one, other in combinations(terms, 2)):
        return None
    kept, gone = list(terms), []
    for term in terms:
        twin = next((t for t in kept if t is not term and _cancel(term, t)), None) if term in kept else None
        if twin is not None:
            kept = [t for t in kept if t is not term and t is not twin]
            gone.append(term.node)
    result = total(kept)
    if not gone or result is None:
        return None
    if not guarded:
        return result
    return keeping_nan(result, [t for t in gone if not t.is_constant and ranges(t).nan], LOOK)


def _common_factor(node: Expr, ranges: Ranges, guarded: bool) -> Expr | None:
    """u·(1 − x) − u·(1 + x) as u·(−2x): what is left of a product with a common factor where terms cancel."""
    left, right = node.operands
    for a, b in (left.operands, left.operands[::-1]):
        for c, d in (right.operands, right.operands[::-1]):
            if a is c and (b.op.name in _SUMS or d.op.name in _SUMS) and a.shape == node.shape:
                rest = _without_like(b + d if node.op.name == "add" else b - d, ranges, guarded)
                return None if rest is None else a * rest
    return None


LOOK = 50
"""Nodes that a look for what may be NaN visits at most: a guard is cheaper than a longer one."""

_SUMS = ("add", "subtract", "negative")


def _cancel(one: Term, other: Term) -> bool:
    return one.coefficient == -other.coefficient and same(one.factors, other.factors)


# --- pairs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VanishingBeside:
    """f − partner = number·value, under a condition.

    far : it vanishes as the argument goes to infinity, not to 0
    everywhere : the value has all its digits, whatever the argument is
    """

    partner: Expr | float
    number: float
    value: Callable[[], Expr]
    under: Callable[[], Expr] | None = None
    far: bool = False
    everywhere: bool = False


def _cosine(f: Expr) -> Iterator[VanishingBeside]:
    yield VanishingBeside(1.0, -2.0, lambda: square(sin(f.operands[0] * 0.5)))


def _hyperbolic_cosine(f: Expr) -> Iterator[VanishingBeside]:
    (a,) = f.operands
    yield VanishingBeside(1.0, 2.0, lambda: square(sinh(a * 0.5)))
    yield VanishingBeside(sinh(a), 1.0, lambda: exp(-a), everywhere=True)


def _exponential(f: Expr) -> Iterator[VanishingBeside]:
    (a,) = f.operands
    yield VanishingBeside(1.0, 1.0, lambda: expm1(a))
    if a.op.name == "negative":
        yield VanishingBeside(exp(a.operands[0]), -2.0, lambda: sinh(a.operands[0]))
    else:
        yield VanishingBeside(exp(-a), 2.0, lambda: sinh(a))


def _tangent(f: Expr) -> Iterator[VanishingBeside]:
    yield from _odd(f)
    if f.op.name == "tanh":
        yield VanishingBeside(1.0, -2.0, lambda: sigmoid(-2 * f.operands[0]), far=True)
        yield VanishingBeside(-1.0, 2.0, lambda: sigmoid(2 * f.operands[0]), far=True)


def _sine(f: Expr) -> Iterator[VanishingBeside]:
    yield from _odd(f)
    (a,) = f.operands
    yield VanishingBeside(
        a * cos(a), 1.0, lambda: SINE_MINUS_COSINE.value(a), lambda: SINE_MINUS_COSINE.near(a)
    )


def _odd(f: Expr) -> Iterator[VanishingBeside]:
    (a,) = f.operands
    sign, series = DIFFERENCES[f.op.name]
    yield VanishingBeside(a, sign, lambda: series.value(a), lambda: series.near(a))


def _error_function(f: Expr) -> Iterator[VanishingBeside]:
    (a,) = f.operands
    if f.op.name == "erf":
        yield VanishingBeside(1.0, -1.0, lambda: erfc(a), far=True)
        yield VanishingBeside(-1.0, 1.0, lambda: erfc(-a), far=True)
    else:
        yield VanishingBeside(1.0, -1.0, lambda: erf(a))


def _logistic(f: Expr) -> Iterator[VanishingBeside]:
    yield VanishingBeside(1.0, -1.0, lambda: sigmoid(-f.operands[0]), far=True)


def _logarithm(f: Expr) -> Iterator[VanishingBeside]:
    """log(1 + x) − x with z = x/(2 + x): 2(artanh z − z) − x·z."""
    (a,) = f.operands

    def value() -> Expr:
        z = a / (2 + a)
        return z * (2 * z * z * _ARTANH_REST.sum(z) - a) + 0.0

    yield VanishingBeside(a, 1.0, value, lambda: abs(a) < 0.6)


_ARTANH_REST = DIFFERENCES["atanh"][1]


def _shift(node: Expr) -> tuple[float, Expr] | None:
    """(c, u) of c + u."""
    if node.op.name not in ("add", "subtract"):
        return None
    left, right = node.operands
    if is_number(left):
        return float(left.value), right if node.op.name == "add" else -right
    if is_number(right):
        return (float(right.value) if node.op.name == "add" else -float(right.value)), left
    return None


def _root(f: Expr) -> Iterator[VanishingBeside]:
    """√(c + u) − √c = u/(√(c + u) + √c)"""
    parts = _shift(f.operands[0])
    if parts is None or parts[0] not in _SQUARES:
        return
    root = _SQUARES[parts[0]]
    yield VanishingBeside(root, 1.0, lambda: parts[1] / (f + root), lambda: abs(parts[1]) < parts[0])


_SQUARES = {float(n * n): float(n) for n in range(1, 11)} | {0.25: 0.5}


def _norm(f: Expr) -> Iterator[VanishingBeside]:
    """√(x² + c²) − c = x·(x/(√(x² + c²) + c))"""
    for x, c in (f.operands, f.operands[::-1]):
        if is_number(c) and c.value > 0:
            yield VanishingBeside(float(c.value), 1.0, lambda: x * (x / (f + c)), lambda: abs(x) < c)  # noqa: B023  used at once


def _reciprocal(f: Expr) -> Iterator[VanishingBeside]:
    """1/(1 + u) − 1 = −u/(1 + u); 1/tan x − 1/x and its kind by series."""
    one, below = f.operands
    if not is_number(one) or one.value != 1:
        return
    parts = _shift(below)
    if parts is not None and parts[0] == 1:
        yield VanishingBeside(1.0, -1.0, lambda: parts[1] / below, lambda: abs(parts[1]) < 1)
    if below.op.name == "expm1":
        (x,) = below.operands
        yield VanishingBeside(
            one / x, -1.0, lambda: 0.5 - OVER_EXPONENTIAL.value(x), lambda: OVER_EXPONENTIAL.near(x)
        )
    if below.op.name in RECIPROCALS:
        sign, series = RECIPROCALS[below.op.name]
        (a,) = below.operands
        yield VanishingBeside(one / a, sign, lambda: series.value(a), lambda: series.near(a))


PAIRS: dict[str, Callable[[Expr], Iterator[VanishingBeside]]] = {
    "cos": _cosine, "cosh": _hyperbolic_cosine, "exp": _exponential, "erf": _error_function, "erfc": _error_function,
    "sigmoid": _logistic, "log1p": _logarithm, "sqrt": _root, "hypot": _norm, "divide": _reciprocal,
    **dict.fromkeys(DIFFERENCES, _tangent), "sin": _sine,
}  # fmt: skip
"""function → what it vanishes beside"""

_LOOK = frozenset((*PAIRS, *_SUMS, "multiply"))


@dataclass(frozen=True)
class VanishingPair:
    """cos x − 1 → −2 sin²(x/2) and its kind, in any order, with any factor, among other terms"""

    name: str = "vanishing-pair"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "cos(x) - 1", "2 - 2*cos(x)", "y*cos(x) - y", "sin(x) - x", "3*x - 3*tan(x)", "x - sinh(x)", "tanh(x) - x", "atan(x) - x",
        "asin(x) - x", "x - asinh(x)", "atanh(x) - x", "expm1(x) - x", "x - log1p(x)", "1 - cosh(x)", "exp(-x) - exp(x)",
        "2*exp(x) - 2", "sqrt(x + 1) - 1", "2 - sqrt(4 - x)", "hypot(x, 1) - 1", "1/(x + 1) - 1", "1/tanh(x) - 1/x",
        "1/x - 1/sin(x)", "tanh(x) - 1", "erf(x) - 1", "cos(x) + y - 1",
        "y*sinh(x) - y*cosh(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if left.op.name not in _SUMS and right.op.name not in _SUMS:
            sign = 1 if node.op.name == "add" else -1
            if not two_may_vanish(PAIRS, ranges.table(FactorMemory), left, sign, right):
                return None
        elif not _may_vanish(ranges.table(Leaves)[node]):
            return None
        terms = ranges.table(Sums)[node]
        if terms is None or len(terms) < 2:
            return None
        looked = left.op.name in _SUMS or right.op.name in _SUMS
        for term in terms:
            for f in term.factors:
                if f.op.name not in PAIRS or f.dtype is not node.dtype:
                    continue
                others = without(term.factors, [f]) if len(term.factors) > 1 else []
                assert others is not None
                if not any(
                    t is not term and plausible(f, others, t.factors, term.coefficient * t.coefficient)
                    for t in terms
                ):
                    continue
                if not looked and not _may_vanish(ranges.table(Leaves)[node]):
                    return None
                looked = True
                result = self._paired(node, terms, term, f, others)
                if result is not None and result.shape == node.shape:
                    return result
        return None

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _LOOK.isdisjoint(operands)

    def _paired(self, node: Expr, terms: list[Term], term: Term, f: Expr, others: list[Expr]) -> Expr | None:
        for pair in PAIRS[f.op.name](f):
            number, factors = (
                factors_of(pair.partner) if isinstance(pair.partner, Expr) else (pair.partner, ())
            )
            wanted, size = [*others, *factors], -term.coefficient * number
            twin = next(
                (t for t in terms if t is not term and t.coefficient == size and same(t.factors, wanted)),
                None,
            )
            if twin is None:
                continue
            rest = total([t for t in terms if t is not term and t is not twin])
            if pair.far and rest is not None:
                continue  # beside other terms it is written near 0 alone, where this one does not cancel
            value, scale = pair.value(), product(others)
            value = scaled(term.coefficient * pair.number, value if scale is None else scale * value)
            under = pair.under() if pair.under is not None else None
            if rest is not None and pair.everywhere:
                value = rest + value
            elif rest is not None:  # where both are small: further out the order of a sum may matter more
                small = abs(f.operands[-1]) < 1
                under, value = small if under is None else small & under, rest + value
            return value if under is None else where(under, value, node)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _may_vanish(parts: list[Expr]) -> bool:
    """Whether there is a function that vanishes beside one of the other terms: a cheap look, before terms are taken apart."""
    there, names = {*parts}, [part.op.name for part in parts]
    has_number = "constant" in names
    products = [part for part in parts if part.op.name == "multiply"]
    if {"cosh", "sinh"} <= {*names, *(factor.op.name for one in products for factor in one.operands)}:
        return True
    for part, name in zip(parts, names, strict=True):
        if name not in PAIRS or not part.operands:
            continue
        a = part.operands[-1]
        if a in there or (has_number and name in BESIDE_NUMBERS) or not there.isdisjoint(a.operands):
            return True
        if name in PARTNERS and names.count(name) > 1 and len({p for p in there if p.op.name == name}) > 1:
            return True
        if name != "divide":
            for one in products:
                for factor in one.operands:
                    if factor is a or factor in a.operands:
                        return True
    products += [part for part in parts if part.op.name == "divide"]
    for one in products:
        beside = len(products) > 1 or has_number or not there.isdisjoint(one.operands)
        if beside and any(factor.op.name in PAIRS or factor.op.name == "multiply" for factor in one.operands):
            return True
    return False


RULES = (LikeTerms(), VanishingPair())

__all__ = ["RULES", "LikeTerms"]
