"""Roots of a square and more, without the square where that overflows: √(x² + r) = |x|·√(1 + r/x²).

What is written for a sum with such a root is worth nothing where the root is infinite and the sum is not: x − √(x² − c) is as
good as c/(2x) for x = 10²⁰⁰. Roots of sums of squares alone become norms, which scale by themselves; roots of quadratic equations
stay as they are, as there is a rule for the whole of them, which scales them too.
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr, substitute, walk
from graphc.ops.comparison import where
from graphc.ops.elementary import sqrt
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import Factors, Term, factors_of, is_number, terms_of, total
from graphc.rewrite.forms.squares import squared_terms
from graphc.rewrite.rational.quadratic import RULES as QUADRATICS

LARGE = {8: 1e150, 4: 1e17}
"""Squares of smaller numbers are far from overflow, by the size of the type."""


def without_overflow(form: Expr, node: Expr, ranges: Ranges) -> tuple[Expr, Expr]:
    """A form and what it stands for, with the roots in them scaled where a square overflows."""
    scaled_ = {
        root: found
        for root in walk([form, node])
        if root.op.name == "sqrt"
        and root.dtype == node.dtype
        and (found := _scaled(root, ranges)) is not None
    }
    if not scaled_:
        return form, node
    (quadratic,) = QUADRATICS
    whole = {
        part: part
        for part in walk([node])
        if part.op.name in quadratic.roots() and quadratic.apply(part, ranges) is not None
    }
    return substitute(form, scaled_), substitute(node, {**scaled_, **whole})


def _scaled(root: Expr, ranges: Ranges) -> Expr | None:
    """√(c·x² + r) as |x|·√(c + r/x/x) where x is large; None where it is not of this form, or x never is."""
    (inner,) = root.operands
    terms = terms_of(inner)
    if terms is None or len(terms) < 2 or squared_terms(inner) is not None:
        return None
    large = LARGE[root.dtype.itemsize]
    for term in terms:
        number, factors = _factors(term)
        if number <= 0 or len(factors) != 2 or factors[0] is not factors[1]:
            continue
        x = factors[0]
        found = ranges(x)
        rest = total([other for other in terms if other is not term])
        if x.dtype != root.dtype or rest is None or max(-found.lo, found.hi) < large:
            continue
        size = abs(x)
        value = size * sqrt(number + rest / x / x)
        return where((size < large) | ~(size < math.inf), root, value)
    return None


def _factors(term: Term) -> Factors:
    """The number and the factors of a term, x²/4 with its quotient in the number."""
    if len(term.factors) == 1 and term.factors[0].op.name == "divide":
        above, below = term.factors[0].operands
        if is_number(below) and below.value:
            number, factors = factors_of(above)
            return term.coefficient * number / float(below.value), factors
    return term.coefficient, term.factors


__all__ = ["without_overflow"]
