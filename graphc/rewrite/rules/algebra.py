"""Rules that keep every bit, special values included.

Most follow from the algebraic facts that stand on the operations: an identity, an involution, a parity. The rows below
them are those that the facts do not tell. In floating point x + 0 is not x (for x = −0), x − x is not 0 (for x = ∞) and
x·0 is not 0 (for x = −1, ∞ and NaN): none of these is here.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from functools import cache

import numpy as np

from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Op, all_ops, find
from graphc.ir.types import DType
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.promotion import EVERYTHING, FLOATS
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass


@dataclass(frozen=True)
class FactRule:
    """A rule that holds for every operation with a certain fact."""

    name: str
    kind: Kind = "exact"
    over: str = EVERYTHING

    def roots(self) -> tuple[str, ...]:
        return tuple(op.name for op in all_ops() if self._concerns(op))

    def _concerns(self, op: Op) -> bool:
        raise NotImplementedError

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


@cache
def _bits(value: float, sign: float, dtype: DType) -> bytes:
    """The bits of a number; its sign tells zeros apart, which are equal."""
    return constant(value, dtype).attrs[0]


def _is(node: Expr, value: float) -> bool:
    """Whether a node is the constant of this value, the sign of a zero included."""
    if not node.is_constant or node.shape or node.dtype.kind == "b":
        return False
    if node.dtype.kind == "f":
        return node.attrs[0] == _bits(value, math.copysign(1, value), node.dtype)
    found = float(node.value)
    return found == value and math.copysign(1, found) == math.copysign(1, value)


class Identity(FactRule):
    """f(x, e) → x, and f(e, x) → x for a commutative f with the identity e"""

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "constant" in operands or "broadcast_to" in operands

    def _concerns(self, op: Op) -> bool:
        return op.facts.identity is not None and op.arity == 2

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        x, y = node.operands
        e = node.op.facts.identity
        assert e is not None
        whole = node.dtype.kind in "iu"
        for kept, other in ((x, y), (y, x)):
            other = _filling(other)
            if (
                (_is(other, e) or (whole and _is(other, abs(e))))
                and kept.dtype == node.dtype
                and kept.shape == node.shape
            ):
                return kept
            if not node.op.facts.commutative:
                break
        return None


def _filling(node: Expr) -> Expr:
    """What an array of equal elements is filled with; anything else as it is."""
    return node.operands[0] if node.op.name == "broadcast_to" and not node.operands[0].shape else node


class Involution(FactRule):
    """f(f(x)) → x"""

    def fits(self, operands: tuple[str, ...]) -> bool:
        below = find(operands[0])
        return below is None or self._concerns(below)

    def _concerns(self, op: Op) -> bool:
        return op.facts.involution

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        inner = node.operands[0]
        return inner.operands[0] if inner.op is node.op and inner.operands[0].dtype == node.dtype else None


class Idempotence(FactRule):
    """f(f(x)) → f(x), f(x, x) → x"""

    def fits(self, operands: tuple[str, ...]) -> bool:
        below = find(operands[0])
        return len(operands) > 1 or below is None or self._concerns(below)

    def _concerns(self, op: Op) -> bool:
        return op.facts.idempotent

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        first = node.operands[0]
        if len(node.operands) == 1:
            return first if first.op is node.op and first.dtype == node.dtype else None
        return first if first is node.operands[1] and first.dtype == node.dtype else None


class Parity(FactRule):
    """f(−x) → −f(x) for an odd f, f(−x) → f(x) for an even one"""

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands == ("negative",)

    def _concerns(self, op: Op) -> bool:
        return op.facts.parity is not None and op.arity == 1 and op.name not in ("negative",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        inner = node.operands[0]
        if inner.op.name != "negative":
            return None
        positive = apply(node.op, inner.operands[0])
        return -positive if node.op.facts.parity == "odd" else positive


class Folding(FactRule):
    """an operation on constants → its value, where the result is correctly rounded on every machine; powers by exact decimals"""

    CORRECTLY_ROUNDED = frozenset(
        "add subtract multiply divide negative abs sqrt square reciprocal floor ceil trunc round sign maximum minimum where"
        " less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor logical_not"
        " isnan isinf isfinite astype clip".split()
    )

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands.count("constant") == len(operands)

    def _concerns(self, op: Op) -> bool:
        return op.name in self.CORRECTLY_ROUNDED or op.name == "pow"

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if any(not operand.is_constant or operand.shape for operand in node.operands):
            return None
        if node.op.name == "pow":
            return _power(node)
        types = node.op.types(tuple(operand.dtype for operand in node.operands))[0]
        with np.errstate(all="ignore"):
            values = [
                operand.value.astype(dtype) for operand, dtype in zip(node.operands, types, strict=True)
            ]
            result = node.dtype.type(node.op.reference(*values, *node.attrs))
        if node.dtype.kind == "f" and np.isnan(result):
            return None  # the formula divides 0 by 0 or the like: left visible
        return constant(result)


def _power(node: Expr) -> Expr | None:
    """A power of floats, from sixty digits: libraries of C round theirs in their own ways, and it would cost a call each time."""
    base, exponent = (float(operand.value) for operand in node.operands)
    if node.dtype.kind != "f" or not (0 < base < math.inf) or not math.isfinite(exponent):
        return None
    size = exponent * math.log2(base)
    limits = np.finfo(node.dtype)
    if not limits.minexp + 1 < size < limits.maxexp - 1:
        return None  # an infinity, 0 or a number with fewer bits: left to the operation
    with localcontext(Context(prec=60)):
        return constant(float(Decimal(base) ** Decimal(exponent)), node.dtype)


def _exact_reciprocal(m: Match) -> Expr | None:
    """x/c → x·(1/c) for c a power of two whose reciprocal is a normal number: both are rounded once, alike."""
    c = m.value("c")
    if c == 0 or not math.isfinite(c) or abs(math.frexp(c)[0]) != 0.5:
        return None
    info = np.finfo(m.root.dtype)
    if not float(info.tiny) <= abs(1 / c) <= float(info.max) or abs(c) < float(info.tiny):
        return None
    return m["x"] * m.literal(1 / c)


ROWS = (
    Rule("subtract-negative", "x - (-y)", "x + y", "exact", "a sign is exact"),
    Rule("add-negative", "x + (-y)", "x - y", "exact", "a sign is exact"),
    Rule("negative-of-difference", "-(x - y)", "y - x", "exact", "where the difference cannot be 0: −(x − x) is −0",
         when=lambda m: (m.range_of(m["x"] - m["y"])).nonzero, examples=("-(x - (-1 - x))",)),
    Rule("times-minus-one", "x * -1", "-x", "exact", "a sign is exact"),
    Rule("divide-by-minus-one", "x / -1", "-x", "exact", "a sign is exact"),
    Rule("negative-times-negative", "(-x) * (-y)", "x*y", "exact", "signs are exact"),
    Rule("negative-over-negative", "(-x) / (-y)", "x/y", "exact", "signs are exact"),
    Rule("negative-factor", "(-x) * y", "-(x*y)", "exact", "a sign is exact"),
    Rule("negative-numerator", "(-x) / y", "-(x/y)", "exact", "a sign is exact"),
    Rule("negative-denominator", "x / (-y)", "-(x/y)", "exact", "a sign is exact"),
    Rule("divide-by-power-of-two", "x / c", _exact_reciprocal, "exact", "1/c is exact"),
    Rule("power-zero", "x**0", "1", "exact", "pow(x, 0) = 1 for every x", when=lambda m: not m["x"].shape),
    Rule("power-one", "x**1", "x", "exact", "pow(x, 1) = x"),
    Rule("where-same", "where(p, x, x)", "x", "exact", "both branches are one", over=EVERYTHING),
    Rule("abs-nonnegative", "abs(x)", "x", "exact", "|x| = x for x > 0", when=lambda m: m.range("x").positive),
)  # fmt: skip

RULES = (
    Folding("constant-folding"),
    Identity("identity"),
    Involution("involution"),
    Idempotence("idempotence"),
    Parity("parity", over=FLOATS),  # -x of an unsigned x is no mirror image, nor is that of the least integer
    *ROWS,
)
