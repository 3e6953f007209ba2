"""What falls as an exponential does: the exponent v of factors that are no larger than c·eᵛ where v is low.

The logistic function of v, 1/cosh u, 1/sinh u, 1/(eᵘ − 1) and erfc u are such factors as well as eᵛ, and so are branches of which
each is one, as the forms are in which graphc writes u/(eᵘ − 1) and its derivatives. c is at most some powers of ten.
"""

from __future__ import annotations

from graphc.ir.expr import Expr
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Sums, Term

MAY_FALL = frozenset(("exp", "sigmoid", "cosh", "sinh", "expm1", "erfc"))
"""Operations that make a factor fall, in a product or in the denominator of one."""

MOST_BRANCHES = 6
"""One inside the other"""

LARGEST_BORDER = 1000.0
"""Of |w| < c: beyond it lies every w of which a term of a low exponent is made, with a coefficient up to 8."""

MOST_COEFFICIENT = 8.0


def falling_exponent(factor: Expr, power: int, ranges: Ranges, depth: int = 0) -> Expr | None:
    """v, where a factor, or for power −1 its reciprocal, falls at least as eᵛ does."""
    name = factor.op.name
    if name == "where":
        return _of_branches(factor, power, ranges, depth)
    if name in ("multiply", "divide"):  # a number times such a factor, in a branch
        return _of_product(factor, power, ranges, depth)
    if name == "negative":
        return falling_exponent(factor.operands[0], power, ranges, depth)
    if name == "reciprocal":
        return falling_exponent(factor.operands[0], -power, ranges, depth)
    if name in ("add", "subtract"):
        return _of_sum(factor, power, ranges, depth)
    if not factor.operands:
        return None
    u = factor.operands[0]
    if power > 0:
        if name in ("exp", "sigmoid"):
            return u
        return -u if name == "erfc" else None
    if name in ("exp", "expm1"):
        return -u
    return -abs(u) if name in ("cosh", "sinh") else None


def _of_sum(total: Expr, power: int, ranges: Ranges, depth: int) -> Expr | None:
    """Of 1/(c + eᵘ), which falls as e⁻ᵘ does."""
    one, other = total.operands
    if power > 0 or depth > MOST_BRANCHES:
        return None
    if one.is_constant:
        return falling_exponent(other, power, ranges, depth + 1)
    return falling_exponent(one, power, ranges, depth + 1) if other.is_constant else None


def _of_product(product: Expr, power: int, ranges: Ranges, depth: int) -> Expr | None:
    """Of a product in a branch: of a bounded number of such factors and numbers."""
    if depth > MOST_BRANCHES:
        return None
    one, other = product.operands
    below = power if product.op.name == "multiply" else -power
    found = falling_exponent(one, power, ranges, depth + 1)
    beside = falling_exponent(other, below, ranges, depth + 1)
    if found is None and one.is_constant:
        return beside
    if beside is None and other.is_constant:
        return found
    if found is None or beside is None:
        return None
    return found if _are_same(found, beside, ranges) else None


def _of_branches(factor: Expr, power: int, ranges: Ranges, depth: int) -> Expr | None:
    """Of a choice: what each of its sides that can be chosen where the exponent is low falls by."""
    if depth > MOST_BRANCHES:
        return None
    condition, *sides = factor.operands
    found: list[tuple[Expr | None, Expr]] = [
        (falling_exponent(side, power, ranges, depth + 1), side) for side in sides
    ]
    known = [v for v, _ in found if v is not None]
    if not known or any(not _are_same(known[0], v, ranges) for v in known[1:]):
        return None
    v = known[0]
    for place, (exponent, side) in enumerate(found):
        zero = power > 0 and side.is_constant and not side.shape and side.value == 0
        if exponent is None and not zero and not _is_chosen_near(condition, place == 0, v, ranges):
            return None
    return v


def _is_chosen_near(condition: Expr, first: bool, v: Expr, ranges: Ranges) -> bool:
    """Whether a side of a choice is chosen only for |w| < c, where v is no low number: then v is a multiple of w or |w|."""
    if condition.op.name == "logical_not":
        condition, first = condition.operands[0], not first
    if condition.op.name != "less" or not first:
        return False
    size, border = condition.operands
    if size.op.name != "abs" or not border.is_constant or border.shape:
        return False
    terms = ranges.table(Sums)[v]
    if terms is None or len(terms) != 1 or not 0 < border.value <= LARGEST_BORDER:
        return False
    return abs(terms[0].coefficient) <= MOST_COEFFICIENT and terms[0].factors in (
        (size,),
        (size.operands[0],),
    )


def _are_same(one: Expr, other: Expr, ranges: Ranges) -> bool:
    """Whether two exponents are one sum."""
    if one is other:
        return True
    sums = ranges.table(Sums)
    first, second = sums[one], sums[other]
    return first is not None and second is not None and _parts(first) == _parts(second)


def _parts(terms: tuple[Term, ...] | list[Term]) -> set[tuple[float, tuple[Expr, ...]]]:
    return {(term.coefficient, term.factors) for term in terms if term.coefficient}


__all__ = ["MAY_FALL", "falling_exponent"]
