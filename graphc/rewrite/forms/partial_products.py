"""Products of the same factors in another order: whether steps of the one may over- or underflow where none of the other do.

What a step of a product of quotients is, is a monomial: c·∏ xᵢ^nᵢ. Its logarithm is linear in those of the xᵢ, so that it lies
between those of two other steps wherever it is a mean of these: x/y is √(x · x/y²), and in range where x and x/y² are. So
a/b² may be written as a/b/b, whatever the sizes of a and b, and a/b/b not as a/b².
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr
from graphc.rewrite.engine.ranges import Ranges

PRODUCTS = frozenset(("multiply", "divide", "square", "reciprocal", "negative"))

MOST_STEPS = 48
"""Steps of products beyond which nobody asks: nothing is known of them."""

LARGE = 1e9
"""The square of it is far from where the smallest type overflows."""

MEANS = ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4))
"""(part, whole) of one of two steps in a mean of both: x/b³ is x in one part of four and x/b⁴ in three."""

SLACK = 1e-9
"""Of logarithms of numbers: what is left where the same are multiplied in another order."""

Monomial = frozenset[tuple[Expr, int]]
Step = tuple[Monomial, float]
"""A monomial without its number, and the logarithm of the number's size"""

ONE: Step = frozenset(), 0.0


def keeps_range(after: Expr, before: Expr, ranges: Ranges) -> bool:
    """Whether every step of a product is in range where those of another with the same value are, so that it neither overflows
    nor loses digits to a step that underflows. Numbers count: 10⁻³⁰⁸·0.1·10 is not 10⁻³⁰⁸."""
    asked = ranges.table(KeptRanges)
    if (after, before) not in asked:
        asked[after, before] = _keeps_range(after, before, ranges)
    return asked[after, before]


class KeptRanges(dict[tuple[Expr, Expr], bool]):
    """(after, before) → what `keeps_range` says: rules ask again in every run"""


class ProductSteps(dict[Expr, Step]):
    """Node → what it is as a step of a product"""


def _keeps_range(after: Expr, before: Expr, ranges: Ranges) -> bool:
    steps = ranges.table(ProductSteps)
    known = _below(before, steps)
    found = _below(after, steps) if len(known) <= MOST_STEPS else known
    if max(len(known), len(found)) > MOST_STEPS:
        return False
    spans: dict[Monomial, tuple[float, float]] = {ONE[0]: (0.0, 0.0)}
    for monomial, number in [steps[node] for node in known]:
        low, high = spans.get(monomial, (math.inf, -math.inf))
        spans[monomial] = min(low, number), max(high, number)
    for node in known:
        if (
            node.op.name not in PRODUCTS and not node.is_constant
        ):  # 1/x is in range where x is a normal number
            spans.setdefault(frozenset(((node, -1),)), (0.0, 0.0))
    new = [steps[node] for node in found.keys() - known.keys() if node.op.name in PRODUCTS]
    return all(not step[0] or _is_between(step, spans) or _is_small(step, ranges) for step in new)


def _is_small(step: Step, ranges: Ranges) -> bool:
    """Whether a step is a number times a factor that is never large, as a sign is not."""
    monomial, number = step
    if len(monomial) > 1 or number < 0 or number > math.log(LARGE):
        return False
    ((factor, exponent),) = monomial
    at_most = ranges(factor)
    return exponent == 1 and at_most.lo > -LARGE and at_most.hi < LARGE


def _is_between(step: Step, spans: dict[Monomial, tuple[float, float]]) -> bool:
    """Whether a step is one that is known, or a mean of two."""
    monomial, number = step
    least, most = spans.get(monomial, (math.inf, -math.inf))
    if least - SLACK <= number <= most + SLACK:
        return True
    for other, (low, high) in spans.items():
        for part, whole in MEANS:
            rest = _without(monomial, whole, other, part, whole - part)
            if rest is None or rest not in spans:
                continue
            least, most = spans[rest]
            least, most = part * low + (whole - part) * least, part * high + (whole - part) * most
            if least - SLACK <= whole * number <= most + SLACK:
                return True
    return False


def _without(monomial: Monomial, whole: int, other: Monomial, part: int, share: int) -> Monomial | None:
    """(m^whole / other^part)^(1/share), where its exponents are whole numbers."""
    exponents = {factor: whole * exponent for factor, exponent in monomial}
    for factor, exponent in other:
        exponents[factor] = exponents.get(factor, 0) - part * exponent
    if any(exponent % share for exponent in exponents.values()):
        return None
    return frozenset((factor, exponent // share) for factor, exponent in exponents.items() if exponent)


def _below(product: Expr, steps: ProductSteps) -> dict[Expr, None]:
    """The steps of a product, its factors among them, each after those that it is made of; they are entered in the table."""
    found: dict[Expr, None] = {}
    pending = [(product, False)]
    while pending and len(found) <= MOST_STEPS:
        node, is_ready = pending.pop()
        if node in found:
            continue
        if is_ready or node.op.name not in PRODUCTS:
            found[node] = None
            if node not in steps:
                steps[node] = _step(node, steps)
        else:
            pending.append((node, True))
            pending += [(operand, False) for operand in node.operands]
    return found


def _step(node: Expr, steps: ProductSteps) -> Step:
    if node.is_constant and not node.shape:
        size = abs(float(node.value))
        return (frozenset(), math.log(size)) if 0 < size < math.inf else (frozenset(((node, 1),)), 0.0)
    name = node.op.name
    if name not in PRODUCTS:
        return frozenset(((node, 1),)), 0.0
    exponents: dict[Expr, int] = {}
    number = 0.0
    for place, operand in enumerate(node.operands):
        power = {"square": 2, "reciprocal": -1, "divide": 1 - 2 * place}.get(name, 1)
        monomial, size = steps[operand]
        number += power * size
        for factor, exponent in monomial:
            exponents[factor] = exponents.get(factor, 0) + power * exponent
    return frozenset((factor, exponent) for factor, exponent in exponents.items() if exponent), number


__all__ = ["keeps_range"]
