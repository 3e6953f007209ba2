"""Cheap looks at sums: whether terms may cancel, before they are taken apart and what they may become is written down.

A look may say yes where nothing cancels, and never no where something does. It decides for nearly all sums, so it is what
they cost.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from graphc.ir.expr import Expr
from graphc.rewrite.forms.linear import FactorMemory, same, without


def may_cancel(parts: list[Expr], products: FactorMemory) -> bool:
    """Whether terms may cancel: one stands twice, or there are two numbers or two products of the same factors."""
    kinds = [part.op.name for part in parts]
    if len(parts) < 3:
        return False
    if not (len({*parts}) < len(parts) or kinds.count("constant") > 1 or kinds.count("multiply") > 0):
        return False
    factors = [products[part][1] for part in parts]
    return len({each if len(each) < 2 else frozenset(each) for each in factors}) < len(parts)


_MULTIPLES = frozenset(("multiply", "negative", "square", "pow", "divide", "constant"))


def two_may_vanish(
    functions: Container[str], products: FactorMemory, left: Expr, sign: int, right: Expr
) -> bool:
    """Whether two terms may vanish beside each other, by one of some functions: a cheap look, before a sum is taken apart."""
    if left.op.name not in _MULTIPLES and right.op.name not in _MULTIPLES:
        return _beside(functions, left, right) or _beside(functions, right, left)
    number, factors = products[left] if left.op.name in _MULTIPLES else (1.0, (left,))
    other_number, other_factors = products[right] if right.op.name in _MULTIPLES else (1.0, (right,))
    size = sign * number * other_number
    for one, other in ((factors, other_factors), (other_factors, factors)):
        for f in one:
            if f.op.name in functions and plausible(
                f, () if len(one) == 1 else without(one, (f,)) or (), other, size
            ):
                return True
    return False


def _beside(functions: Container[str], f: Expr, other: Expr) -> bool:
    """Whether one factor may vanish beside another: its argument, a part of that, or a function of its own kind."""
    name = f.op.name
    if name not in functions:
        return False
    a = f.operands[-1]
    return other is a or other.op.name == _PARTNER.get(name) or any(other is part for part in a.operands)


def plausible(f: Expr, others: Sequence[Expr], beside: Sequence[Expr], size: float) -> bool:
    """Whether f times others may vanish beside a product: a cheap look, before that is written down.

    size : the product of their coefficients
    """
    more = len(beside) - len(others)
    name = f.op.name
    if more <= 0:
        if more < 0 or name not in BESIDE_NUMBERS or (size > 0 and name in _BESIDE_POSITIVE):
            return False
        return not others or same(others, beside)
    rest = without(beside, others) if others else beside
    if rest is None:
        return False
    a = f.operands[-1]
    partner = _PARTNER.get(name)
    for factor in rest:
        if factor is a or factor.op.name == partner:
            return True
        for part in a.operands:
            if factor is part:
                return True
    return False


_PARTNER = {"exp": "exp", "divide": "divide", "sin": "cos", "cosh": "sinh"}
"""Function → the one that its partner is, or has as a factor, where that is none of its own argument."""

PARTNERS = frozenset(_PARTNER.values())

BESIDE_NUMBERS = frozenset(
    ("cos", "cosh", "exp", "tanh", "erf", "erfc", "sigmoid", "sqrt", "hypot", "divide")
)
"""Those that vanish beside a number."""

_BESIDE_POSITIVE = BESIDE_NUMBERS - {"tanh", "erf"}
"""Those that vanish beside positive numbers alone."""

__all__ = ["BESIDE_NUMBERS", "PARTNERS", "may_cancel", "plausible", "two_may_vanish"]
