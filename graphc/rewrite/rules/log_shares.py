"""Logarithms of quotients of sums that share terms: log(x/(1 + x)), log((1 + x)/(2 + x)), log(x²/(4 + x²)) and their kind.

Where one of them is nearly the other, the quotient is near 1 and its logarithm has none of the digits that it has beyond 1. What
the two do not share is known without any rounding: log(x/(1 + x)) is −log(1 + 1/x). It has a value too where both overflow.
"""

from __future__ import annotations

from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import log1p
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums, Term, is_number, product
from graphc.util.records import dataclass

LEAST = -0.5
"""Down to this size of t log(1 + t) is taken: below it the two sums are far from each other, and as written they are exact."""

MOST = {8: 1e300, 4: 1e37}
"""Up to this size t is no quotient that has overflowed, by the size of the type."""

PLAIN = frozenset(("add", "subtract", "multiply", "square", "pow", "divide", "sqrt", "abs"))
"""Sums of powers and products: exponentials, sines and logarithms have rules of their own."""


@dataclass(frozen=True)
class LogOfShare:
    """log(a/b) → log(1 + (a − b)/b), where sums a and b share so many terms that their difference is a single one"""

    name: str = "log-of-share"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "log(x/(1 + x))", "log((1 + x)/x)", "log((1 + x)/(2 + x))", "log(x*x/(4 + x*x))", "log(x/(x + y))",
        "log(x**3/(1 + x**3))",
        "log((y + 2*x)/(x + y))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        quotient = _unguarded(node.operands[0], ranges)
        if quotient.op.name != "divide" or quotient.dtype is not node.dtype:
            return None
        above, below = quotient.operands
        if (
            above.dtype is not node.dtype
            or below.dtype is not node.dtype
            or node.dtype.itemsize not in MOST
            or not _may_share(above, below)
        ):
            return None
        sums = ranges.table(Sums)
        terms, others = sums[above], sums[below]
        if not terms or not others:
            return None
        sign, near = (1, below) if len(others) <= len(terms) else (-1, above)
        rest = _difference(terms, others) if sign > 0 else _difference(others, terms)
        if rest is None:
            return None
        t = rest / near
        value = log1p(t) if sign > 0 else 0 - log1p(t)
        most = MOST[node.dtype.itemsize]
        known = ranges(t)
        inside = t < most if known.lo >= LEAST else (t > LEAST) & (t < most)
        return value if known.lo >= LEAST and known.hi < most else where(inside, value, node)

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _unguarded(node: Expr, ranges: Ranges) -> Expr:
    """The quotient x²/(y² + x²) of where(…, x²/(y² + x²), (x/hypot(y, x))²), as a rule against overflow leaves it: both sides are
    the same function. Any other node as it is."""
    if node.op.name != "where":
        return node
    _, quotient, other = node.operands
    if (
        quotient.op.name != "divide"
        or other.op.name != "multiply"
        or other.operands[0] is not other.operands[1]
    ):
        return node
    share = other.operands[0]
    if share.op.name != "divide" or share.operands[1].op.name != "hypot":
        return node
    part, norm = share.operands
    sums = ranges.table(Sums)
    above, below = (sums[side] for side in quotient.operands)
    if not above or not below or len(above) != 1 or len(below) != 2 or part not in norm.operands:
        return node
    found = [(term.coefficient, *map(id, term.factors)) for term in (*above, *below)]
    sought = [_square(side) for side in (part, *norm.operands)]
    return quotient if found[0] == sought[0] and sorted(found[1:]) == sorted(sought[1:]) else node


def _square(side: Expr) -> tuple[float, ...]:
    """The square of a node: a number, and which factors it is times."""
    return (float(side.value) ** 2,) if is_number(side) else (1.0, id(side), id(side))


def _may_share(above: Expr, below: Expr) -> bool:
    """Whether one of two is a sum, and neither holds what other rules are for: a cheap look."""
    if above is below or above.is_constant or below.is_constant:
        return False
    if above.op.name not in ("add", "subtract") and below.op.name not in ("add", "subtract"):
        return False
    for side in (above, below):
        for part in (side, *side.operands):
            if part.operands and (part.op.name not in PLAIN or part.op.on_arrays):
                return False
    return True


def _difference(terms: list[Term], others: list[Term]) -> Expr | None:
    """What is left of a sum without another, where that is one term and exact; None where it is not."""
    left: list[tuple[Fraction, tuple[Expr, ...]]] = []
    shared = grown = False
    for sign, listed in ((1, terms), (-1, others)):
        for term in listed:
            number, factors = sign * Fraction(term.coefficient), term.factors
            for place, (known, same_factors) in enumerate(left):
                if _same(factors, same_factors):
                    left[place] = known + number, same_factors
                    grows = abs(known + number) > max(abs(known), abs(number))
                    shared, grown = shared | (bool(factors) and not grows), grown | grows
                    break
            else:
                left.append((number, factors))
    remaining = [(number, factors) for number, factors in left if number]
    if not shared or grown or len(remaining) != 1:
        return None
    ((number, factors),) = remaining
    dtype = terms[0].node.dtype
    if Fraction(float(dtype.type(float(number)))) != number:
        return None
    factor = product(factors)
    if factor is None:
        return constant(float(number), dtype)
    return factor if number == 1 else constant(float(number), dtype) * factor


def _same(factors: tuple[Expr, ...], others: tuple[Expr, ...]) -> bool:
    return len(factors) == len(others) and sorted(map(id, factors)) == sorted(map(id, others))


RULES = (LogOfShare(),)

__all__ = ["RULES"]
