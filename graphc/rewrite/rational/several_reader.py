"""Formulas read as quotients of polynomials of several parts, square roots among them, in exact arithmetic.

Where a sum is formed it is noted whether terms of opposite signs met: there digits are lost that exact arithmetic keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from fractions import Fraction

from graphc.ir.expr import Expr
from graphc.rewrite.forms.multivariate import (
    ONE,
    Key,
    Poly,
    degree,
    divided,
    key,
    plus,
    power,
    primitive,
    scaled,
    times,
    variable,
    variables,
)
from graphc.rewrite.forms.univariate import Number, exact, quotient
from graphc.util.records import dataclass

MOST_TERMS = 24
MOST_DEGREE = 8
MOST_VARIABLES = 7
MOST_POWER = 6
LARGEST = 2**53


ORDINARY = frozenset(("sin", "cos", "tan", "atan", "cbrt", "pow"))
"""What a variable may be beside symbols and elements of arrays: exponentials and logarithms have rules of their own.

Anything else is a common factor at most: in eᵘ·a − eᵘ·b the difference a − b is seen, in eᵘ − 1 nothing. So are slopes of any
function of a quotient of several variables, f′(q)/(v − u) − f′(q)·v/(v − u)²."""


def _is_part(node: Expr) -> bool:
    return not node.operands or node.op.name in ORDINARY or bool(node.op.on_arrays)


@dataclass(frozen=True, eq=False)
class PolyQuotient:
    """above/∏ below

    cancels : whether terms of opposite signs met in the sum that it was read from
    is_variable : whether it was not taken apart
    """

    above: Poly
    below: Mapping[Key, int] = field(default_factory=dict)
    cancels: bool = False
    is_variable: bool = False


class SeveralReader:
    """Reads the nodes of a graph, operands first; a symbol and what is ordinary is a variable, what is not a common factor.

    parts : what the variables stand for
    common : the variables that are common factors alone: no sum is read that has them in some of its terms
    squares : by the variable that a square root is, the quotient that it is the root of
    guards : whether quotients are read that are 0 where they are 0/0, as derivatives of norms are: not for what is differentiated
    written : polynomials that stand in the formula as they are: the node, and what multiple it is
    standing : these by the first of their variables; both as far as `note_sums` has entered them
    """

    def __init__(self, guards: bool = True) -> None:
        self.guards = guards
        self.parts: list[Expr] = []
        self.common: set[int] = set()
        self.squares: dict[int, PolyQuotient] = {}
        self.written: dict[Key, tuple[Expr, Number]] = {}
        self.standing: dict[int, list[Poly]] = {}
        self.known: dict[Expr, PolyQuotient | None] = {}
        self._places: dict[Expr, int] = {}
        self._sums: list[tuple[Expr, Poly]] = []

    def place(self, node: Expr) -> int:
        """The variable that stands for a part."""
        found = self._places.get(node)
        if found is None:
            found = self._places[node] = len(self.parts)
            self.parts.append(node)
        return found

    def read(self, node: Expr) -> PolyQuotient | None:
        """What a node is whose operands are known; None of what is no number of floating point."""
        known = self.known
        if node in known:
            return known[node]
        if node.dtype.kind != "f":
            known[node] = None
            return None
        name = node.op.name
        if name in _READERS:
            found = self._operation(node, _READERS[name])
        elif name == "where" and self.guards:
            found = self._guarded(node)
        else:
            found = self._number(node) if node.is_constant else None
        if found is not None and found.above and not _is_small(found):
            found = None
        if found is None:
            found = PolyQuotient(variable(self.place(node)), is_variable=True)
            if not _is_part(node):
                self.common.add(self.place(node))
        elif not found.below and not found.cancels and len(found.above) > 1 and name in ("add", "subtract"):
            self._sums.append((node, found.above))
        known[node] = found
        return found

    def note_sums(self) -> None:
        """Enter the sums read so far among what stands in the formula: nothing asks for them before something is written."""
        for node, above in self._sums:
            scale, shared, rest = primitive(above)
            alone = not shared and not any(self._cancels(operand) for operand in node.operands)
            if alone and key(rest) not in self.written:
                self.written[key(rest)] = node, scale
                self.standing.setdefault(variables(rest)[0], []).append(rest)
        self._sums.clear()

    def _cancels(self, node: Expr) -> bool:
        found = self.known.get(node)
        return found is not None and found.cancels

    def _number(self, node: Expr) -> PolyQuotient | None:
        if node.shape or not math.isfinite(node.value):
            return None
        value = exact(float(node.value))
        if abs(Fraction(value).numerator) > LARGEST or Fraction(value).denominator > LARGEST:
            return None
        return PolyQuotient({(): value} if value else {})

    def _operation(self, node: Expr, read: Callable[..., PolyQuotient | None]) -> PolyQuotient | None:
        parts = []
        for operand in node.operands:
            part = self.known.get(operand)
            if part is None or operand.dtype != node.dtype or operand.shape not in ((), node.shape):
                return None
            parts.append(part)
        return read(self, node, parts)

    def _guarded(self, node: Expr) -> PolyQuotient | None:
        """q/h of where(h == 0, 0, q/h): at h = 0 no form of a quotient by it is safe."""
        condition, zero, quotient = node.operands
        if condition.op.name != "equal" or quotient.op.name != "divide" or not _is_zero(zero):
            return None
        h, other = condition.operands
        read = self.known.get(quotient)
        if h is not quotient.operands[1] or not _is_zero(other) or read is None or read.is_variable:
            return None
        return read if quotient.dtype == node.dtype and quotient.shape == node.shape else None

    # --- operations -------------------------------------------------------------------------------------------------

    def total(self, one: PolyQuotient, other: PolyQuotient, factor: int = 1) -> PolyQuotient | None:
        """one + factor·other"""
        if not one.below and not other.below:
            if not self._is_common(one.above, other.above):
                return None
            above, met = plus(one.above, other.above, factor)
            return PolyQuotient(above, {}, met)
        below = {p: max(one.below.get(p, 0), other.below.get(p, 0)) for p in (*one.below, *other.below)}
        sides = []
        for part in (one, other):
            more = part.above
            for p, n in below.items():
                for _ in range(n - part.below.get(p, 0)):
                    more = times(more, dict(p))
                    if len(more) > 2 * MOST_TERMS:
                        return None
            sides.append(self.reduced(PolyQuotient(more)))
        if any(side is None or side.below for side in sides):
            return None
        if not self._is_common(*[side.above for side in sides]):  # type: ignore[union-attr]
            return None
        above, met = plus(sides[0].above, sides[1].above, factor)  # type: ignore[union-attr]
        return self.lowest(PolyQuotient(above, below, met))

    def _is_common(self, *sides: Poly) -> bool:
        """Whether what may be a common factor alone is one of all terms."""
        if not self.common:
            return True
        factors = {
            tuple([(v, n) for v, n in monomial if v in self.common]) for side in sides for monomial in side
        }
        return len(factors) <= 1

    def has_common(self, one: PolyQuotient) -> bool:
        """Whether there is a common factor that no variable is."""
        return any(v in self.common for p in (one.above, *map(dict, one.below)) for v in variables(p))

    def product(self, one: PolyQuotient, other: PolyQuotient) -> PolyQuotient | None:
        if (
            len(one.above) * len(other.above) > 4 * MOST_TERMS
            or degree(one.above) + degree(other.above) > MOST_DEGREE
        ):
            return None
        below = dict(one.below)
        for p, n in other.below.items():
            below[p] = below.get(p, 0) + n
        found = self.reduced(PolyQuotient(times(one.above, other.above), below))
        return None if found is None else self.lowest(found)

    def reduced(self, one: PolyQuotient) -> PolyQuotient | None:
        """Without squares of square roots."""
        if not self.squares:
            return one
        for place in sorted((v for v in variables(one.above) if v in self.squares), reverse=True):
            square = self.squares[place]
            byp: dict[int, Poly] = {}
            for monomial, c in one.above.items():
                n = dict(monomial).get(place, 0)
                rest = tuple([(v, k) for v, k in monomial if v != place])
                byp.setdefault(n // 2, {})
                kept = (*rest, (place, 1)) if n % 2 else rest
                byp[n // 2][tuple(sorted(kept))] = c
            most = max(byp)
            if not most:
                continue
            lower: Poly = ONE
            for p, n in square.below.items():
                lower = times(lower, power(dict(p), n))
            total: Poly = {}
            for n, part in byp.items():
                part = times(times(part, power(square.above, n)), power(lower, most - n))
                total, _ = plus(total, part)
                if len(total) > 4 * MOST_TERMS:
                    return None
            below = dict(one.below)
            for p, n in square.below.items():
                below[p] = below.get(p, 0) + n * most
            one = PolyQuotient(total, below, one.cancels)
        return one

    def lowest(self, one: PolyQuotient) -> PolyQuotient:
        """Without factors that stand above and below."""
        if not one.below:
            return one
        above, below = one.above, dict(one.below)
        for p in one.below:
            while below[p] and above:
                left = divided(above, dict(p))
                if left is None:
                    break
                above = left
                below[p] -= 1
        return PolyQuotient(above, {p: n for p, n in below.items() if n} if above else {}, one.cancels)

    def _over(self, one: PolyQuotient, other: PolyQuotient) -> PolyQuotient | None:
        if not other.above:
            return None
        scale, shared, rest = primitive(other.above)
        below: dict[Key, int] = {}
        for place, n in shared:
            below[key(variable(place))] = n
        if len(rest) > 1:
            below[key(rest)] = 1
        elif rest != ONE:
            return None
        upper: Poly = {(): quotient(1, scale)}
        for p, n in other.below.items():
            upper = times(upper, power(dict(p), n))
        return self.product(one, PolyQuotient(upper, below))

    def _add(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self.total(parts[0], parts[1])

    def _subtract(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self.total(parts[0], parts[1], -1)

    def _negative(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return PolyQuotient(scaled(parts[0].above, -1), parts[0].below)

    def _multiply(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self.product(parts[0], parts[1])

    def _square(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self.product(parts[0], parts[0])

    def _divide(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self._over(parts[0], parts[1])

    def _reciprocal(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        return self._over(PolyQuotient(ONE), parts[0])

    def _pow(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        base, exponent = parts
        count = exponent.above.get((), 0)
        if set(exponent.above) != {()} or exponent.below or not isinstance(count, int):
            return None
        if not 2 <= abs(count) <= MOST_POWER or (len(base.above) > 2 and abs(count) > 3):
            return None
        found: PolyQuotient | None = base
        for _ in range(abs(count) - 1):
            found = None if found is None else self.product(found, base)
        if found is not None and count < 0:
            return self._over(PolyQuotient(ONE), found)
        return found

    def _sqrt(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        (inner,) = parts
        if not inner.above or set(inner.above) == {()} or self.has_common(inner):
            return None
        place = self.place(node)
        self.squares.setdefault(place, inner)
        return PolyQuotient(variable(place))

    def _hypot(self, node: Expr, parts: list[PolyQuotient]) -> PolyQuotient | None:
        squares = [self.product(part, part) for part in parts]
        if squares[0] is None or squares[1] is None:
            return None
        total = self.total(squares[0], squares[1])
        return None if total is None or not _is_small(total) else self._sqrt(node, [total])


_READERS = {
    name: getattr(SeveralReader, f"_{name}")
    for name in ("add", "subtract", "negative", "multiply", "square", "pow", "divide", "reciprocal", "sqrt", "hypot")
}  # fmt: skip


def _is_zero(node: Expr) -> bool:
    return node.is_constant and not node.shape and node.value == 0


def _is_small(one: PolyQuotient) -> bool:
    if len(one.above) > MOST_TERMS or degree(one.above) > MOST_DEGREE or sum(one.below.values()) > MOST_POWER:
        return False
    terms = [*one.above.items(), *(term for p in one.below for term in p)]
    if len({place for monomial, _ in terms for place, _ in monomial}) > MOST_VARIABLES:
        return False
    return all(_fits(c) for _, c in terms)


def _fits(c: Number) -> bool:
    return -LARGEST <= c <= LARGEST if type(c) is int else abs(c.numerator) <= LARGEST >= c.denominator


__all__ = ["PolyQuotient", "SeveralReader"]
