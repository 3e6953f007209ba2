"""Where a product of quotients has lost nothing on its way.

1/b/b/a/a is 10²⁸⁰ for b = 10¹⁶⁰ and a = 10⁻³⁰⁰, and has no digit of it: 1/b/b is a subnormal number, and what is multiplied
later is its rounding. An overflow stays one, or ends in a zero or a NaN, which the result shows; a step that underflows and comes
back does not. So beside the result every step is asked that goes on into another product.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from graphc.ir.expr import Expr, walk

LEAST = {8: 1e-290, 4: 1e-30}
MOST = {8: 1e300, 4: 1e36}
"""Between these, by the size of the type, no step of a form has under- or overflown."""

PRODUCTS = frozenset(("multiply", "divide", "square", "reciprocal"))
SUMS = frozenset(("add", "subtract"))
SIGNS = frozenset(("negative", "abs"))


def is_safe(form: Expr, known: Collection[Expr]) -> Expr:
    """The condition under which no step of a form under- or overflows.

    known : what stands in what the form replaces: where that fails, both do
    """
    least, most = LEAST[form.dtype.itemsize], MOST[form.dtype.itemsize]
    size = abs(form)
    divisor = _only_divisor(form)
    if divisor is not None:
        return (size < most) & (abs(divisor) < math.inf)
    condition = (size > least) & (size < most)
    for step in _inside(form, known):
        condition = condition & (abs(step) > least)
    return condition


def _only_divisor(form: Expr) -> Expr | None:
    """b of u/b/b: its steps lie one behind the other, so that none is lost before the last is where b itself is finite."""
    while form.op.name in SIGNS:
        (form,) = form.operands
    divisors: set[Expr] = set()
    while form.op.name == "divide":
        form, divisor = form.operands
        divisors.add(divisor)
    return divisors.pop() if len(divisors) == 1 and form.op.name not in PRODUCTS | SUMS else None


def _inside(form: Expr, known: Collection[Expr]) -> list[Expr]:
    """The products that are multiplied further, and the sums of products that are."""
    order = walk([form])
    products = {node for node in order if node.op.name in PRODUCTS and not _is_plain(node)}
    above: set[Expr] = set()  # sums that hold a product
    for node in order:
        if node.op.name in SUMS | SIGNS and any(x in products or x in above for x in node.operands):
            above.add(node)
    found: dict[Expr, None] = {}
    for node in order:
        if node.op.name in PRODUCTS:
            for part in node.operands:
                while part.op.name in SIGNS:
                    (part,) = part.operands
                if part not in known and (part in products or part in above):
                    found[part] = None
    return list(found)


def _is_plain(node: Expr) -> bool:
    """Whether a product is one with a number, which is near enough to 1."""
    return node.op.name == "multiply" and any(x.is_constant for x in node.operands)


__all__ = ["LEAST", "is_safe"]
